//! Whether two runs of the same agree: what a load test owes before its figures are believed.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use thiserror::Error;

use super::compare::{LATENESS, NOISE_P50, NOISE_P99, SAMPLES_P50, SAMPLES_P99, TELLABLE_MS, unlike};
use super::{Report, noise_sentence};
use crate::measure::Percentiles;
use crate::units;

/// A p99 is not told apart more finely: it is of a few wakings of a thread.
const TELLABLE_P99_MS: f64 = 1.0;
/// Nor are rates: frames and kilobytes a second.
const TELLABLE_RATE: f64 = 0.1;
/// However noisy the machine was, no rate is further apart.
const EXCUSED_RATE: f64 = 0.2;
/// Nor is a time of more than three times the other, unless the swarm itself was late by about as much: it is on the
/// same machine, or on one that noise did not reach.
const EXCUSED_TIME: f64 = 2.0 / 3.0;
const EXCUSED_LATENESS: f64 = 2.0;
/// Where no name of a figure is longer.
const NAME_WIDTH: usize = 24;

/// By how much two runs may differ, as a part of the larger.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds {
    /// Medians, and rates.
    pub p50: f64,
    /// What one in a hundred exceeds.
    pub p99: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { p50: NOISE_P50, p99: NOISE_P99 }
    }
}

/// Why a text is no bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("give how far apart figures may be, such as p50=5%,p99=15%")]
pub struct BoundsError;

impl FromStr for Bounds {
    type Err = BoundsError;

    /// Those that are left out are the usual ones.
    fn from_str(text: &str) -> Result<Self, BoundsError> {
        let mut bounds = Self::default();
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or(BoundsError)?;
            let share = units::share(share.trim()).map_err(|_| BoundsError)?;
            match name.trim() {
                "p50" => bounds.p50 = share,
                "p99" => bounds.p99 = share,
                _ => return Err(BoundsError),
            }
        }
        Ok(bounds)
    }
}

/// Why nobody can tell whether two runs agree.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AgreeError {
    /// They need not.
    #[error("these are not two runs of the same: {0} Without --agree any two are compared")]
    Unlike(String),
    /// Of few samples percentiles are luck.
    #[error(
        "too little was measured to tell: a median takes {SAMPLES_P50} times, a p99 {SAMPLES_P99}; run longer, or with \
         more bots"
    )]
    TooFew,
}

/// One figure of both runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Of the one and the other; none where nothing was measured.
    pub values: (Option<f64>, Option<f64>),
    /// How far apart they may be.
    pub within: f64,
    /// What becomes of it.
    pub nearness: Nearness,
}

/// How near two figures are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nearness {
    /// Within the bounds, or nearer than they can be told apart.
    Near,
    /// Beyond.
    Apart,
    /// Of so few samples that it is luck, and does not count.
    TooFew,
}

/// What two runs of the same came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    /// The figures.
    pub figures: Vec<Figure>,
    /// What all was like in each of them: whether the run was a good one.
    pub good: (bool, bool),
    /// What was wrong in each of them, in words; then it is of no use that they agree.
    pub wrongs: Vec<String>,
    /// What disturbed them, in words; they need not agree then.
    pub excuses: Vec<String>,
    /// Times may be so far apart by what the swarm was late.
    late_ms: f64,
    bounds: Bounds,
}

impl Agreement {
    /// Of two runs.
    ///
    /// # Errors
    /// They are not of the same, or too short.
    pub fn of(one: &Report, other: &Report, bounds: Bounds) -> Result<Self, AgreeError> {
        let unlike = unlike(one, other);
        if !unlike.is_empty() {
            return Err(AgreeError::Unlike(unlike.join(" ")));
        }
        let mut figures = Vec::new();
        let mut told = [false; 2];
        for ((name, a, _), (_, b, _)) in one.times().into_iter().zip(other.times()) {
            // the swarm's own lateness is no figure of a server
            if name == LATENESS || (a, b) == (None, None) {
                continue;
            }
            for (told, percentile) in told.iter_mut().zip(percentiles(bounds)) {
                let figure = percentile.figure(name, a, b);
                *told |= figure.nearness != Nearness::TooFew;
                figures.push(figure);
            }
        }
        if told != [true; 2] {
            return Err(AgreeError::TooFew);
        }
        for (name, of) in RATES {
            figures.push(figure(name.to_owned(), (Some(of(one)), Some(of(other))), bounds.p50, TELLABLE_RATE));
        }
        let both = [("first", one), ("second", other)];
        let said = |say: fn(&Report) -> Option<String>| {
            both.iter().filter_map(|(which, report)| Some(format!("In the {which}: {}", say(report)?))).collect()
        };
        let wrongs = said(|report| {
            let wrongs = report.wrongs();
            (!wrongs.is_empty()).then(|| format!("{}.", wrongs.join(", ")))
        });
        let lateness = [one, other].into_iter().filter_map(|report| report.swarm_lateness_ms);
        let late_ms = EXCUSED_LATENESS * lateness.map(|lateness| lateness.p99_9).fold(0.0, f64::max);
        let good = (one.good, other.good);
        Ok(Self { figures, good, wrongs, excuses: said(noise_sentence), late_ms, bounds })
    }

    /// Whether nothing is apart.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.good.0 == self.good.1 && self.apart().next().is_none()
    }

    /// Whether it is as it should be: nothing was wrong, and they agree, or a run says that it was disturbed.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        // noise makes no state wrong
        let are_excused = !self.excuses.is_empty() && self.beyond_noise().next().is_none();
        self.wrongs.is_empty() && (self.agrees() || (self.good.0 == self.good.1 && are_excused))
    }

    /// What is too far apart for any noise, such as half of the frames.
    fn beyond_noise(&self) -> impl Iterator<Item = &str> {
        let is_beyond = |figure: &&Figure| match figure.is_rate() {
            true => figure.distance() > EXCUSED_RATE,
            false => figure.distance() > EXCUSED_TIME && figure.apart() > self.late_ms,
        };
        let apart = self.figures.iter().filter(|figure| figure.nearness == Nearness::Apart);
        apart.filter(is_beyond).map(|figure| figure.name.as_str())
    }

    fn apart(&self) -> impl Iterator<Item = &str> {
        let apart = self.figures.iter().filter(|figure| figure.nearness == Nearness::Apart);
        apart.map(|figure| figure.name.as_str())
    }
}

impl Figure {
    fn is_rate(&self) -> bool {
        RATES.iter().any(|(name, _)| *name == self.name)
    }

    /// How far apart the two are, as a part of the larger.
    fn distance(&self) -> f64 {
        match self.values {
            (Some(one), Some(other)) if one.max(other) > 0.0 => (one - other).abs() / one.max(other),
            _ => 0.0,
        }
    }

    /// How far apart they are.
    fn apart(&self) -> f64 {
        self.values.0.zip(self.values.1).map_or(0.0, |(one, other)| (one - other).abs())
    }
}

/// One of the percentiles that are looked at.
struct Percentile {
    name: &'static str,
    of: fn(&Percentiles) -> f64,
    within: f64,
    samples: u64,
    tellable_ms: f64,
}

fn percentiles(bounds: Bounds) -> [Percentile; 2] {
    [
        Percentile {
            name: "p50",
            of: |times| times.p50,
            within: bounds.p50,
            samples: SAMPLES_P50,
            tellable_ms: TELLABLE_MS,
        },
        Percentile {
            name: "p99",
            of: |times| times.p99,
            within: bounds.p99,
            samples: SAMPLES_P99,
            tellable_ms: TELLABLE_P99_MS,
        },
    ]
}

impl Percentile {
    fn figure(&self, times: &str, one: Option<Percentiles>, other: Option<Percentiles>) -> Figure {
        let name = format!("{times} {}", self.name);
        let samples = |times: Option<Percentiles>| times.map_or(0, |times| times.samples);
        // where the one has many and the other has none, they are far apart
        let most = samples(one).max(samples(other));
        let least = [one, other].iter().flatten().map(|times| times.samples).min().unwrap_or_default();
        let values = (one.as_ref().map(self.of), other.as_ref().map(self.of));
        let found = figure(name, values, self.within, self.tellable_ms);
        // and so they are where it has less than half
        let is_lacking = most >= self.samples && least < most / 2;
        let is_few = if values.0.is_some() && values.1.is_some() { least } else { most } < self.samples;
        match () {
            () if is_lacking => Figure { nearness: Nearness::Apart, ..found },
            () if is_few => Figure { nearness: Nearness::TooFew, ..found },
            () => found,
        }
    }
}

type Rate = fn(&Report) -> f64;

const RATES: [(&str, Rate); 2] = [
    ("frames/s a bot", |report| report.frames_per_s_per_bot),
    ("kB/s down a bot", |report| report.down_kb_per_s_per_bot),
];

fn figure(name: String, values: (Option<f64>, Option<f64>), within: f64, tellable: f64) -> Figure {
    let is_near = match values {
        (Some(one), Some(other)) => {
            let apart = (one - other).abs();
            apart <= tellable || apart <= within * one.max(other)
        }
        (one, other) => one.is_none() && other.is_none(),
    };
    Figure { name, values, within, nearness: if is_near { Nearness::Near } else { Nearness::Apart } }
}

impl Display for Agreement {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let wide = self.figures.iter().map(|figure| figure.name.len() + 1).max().unwrap_or_default().max(NAME_WIDTH);
        writeln!(out, "{:<wide$}{:>12}{:>12}{:>10}{:>10}", "", "first", "second", "apart", "within")?;
        for Figure { name, values: (one, other), within, nearness } in &self.figures {
            let apart = match (one, other) {
                (Some(one), Some(other)) if one.max(*other) > 0.0 => {
                    format!("{:.1} %", (one - other).abs() / one.max(*other) * 100.0)
                }
                _ => String::new(),
            };
            let (within, word) = match nearness {
                Nearness::Near => (percent(*within), ""),
                Nearness::Apart => (percent(*within), "  APART"),
                Nearness::TooFew => ("too few".to_owned(), ""),
            };
            let shown = |value: &Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
            let (one, other) = (shown(one), shown(other));
            writeln!(out, "{name:<wide$}{one:>12}{other:>12}{apart:>10}{within:>10}{word}")?;
        }
        writeln!(out)?;
        if self.agrees() {
            let (p50, p99) = (percent(self.bounds.p50), percent(self.bounds.p99));
            writeln!(out, "The runs agree: within {p50} in each p50, {p99} in each p99.")?;
            if !self.wrongs.is_empty() {
                writeln!(out, "What they agree in is bad, and nothing can be built on it:")?;
            }
            return self.wrongs.iter().try_for_each(|wrong| writeln!(out, "{wrong}"));
        }
        let mut apart: Vec<&str> = self.apart().collect();
        if self.good.0 != self.good.1 {
            apart.push("whether all was well");
        }
        writeln!(out, "The runs do not agree: {}.", apart.join(", "))?;
        self.wrongs.iter().chain(&self.excuses).try_for_each(|said| writeln!(out, "{said}"))?;
        let beyond: Vec<&str> = self.beyond_noise().collect();
        match (self.is_trusted(), beyond.is_empty() || self.excuses.is_empty()) {
            (true, _) => writeln!(out, "That excuses it, and nothing is proved: the exit code is 0."),
            (false, true) => Ok(()),
            (false, false) => writeln!(out, "No noise excuses what is so far apart: {}.", beyond.join(", ")),
        }
    }
}

fn percent(part: f64) -> String {
    format!("{} %", (part * 1000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{played, report, soon};
    use super::*;
    use crate::link::Conditions;
    use crate::plan::tests::plan;
    use crate::plan::{Depth, Group, Plan};

    /// What forty bots found, whose figures are as `change` makes them.
    fn run(change: impl FnOnce(&mut Report)) -> Report {
        let mut found = report(&played(40, soon()));
        change(&mut found);
        found
    }

    fn scaled(times: &mut Option<Percentiles>, p50: f64, p99: f64) {
        *times = times.map(|times| Percentiles { p50: times.p50 * p50, p99: times.p99 * p99, ..times });
    }

    fn judged(change: impl FnOnce(&mut Report)) -> Agreement {
        let agreement = Agreement::of(&run(|_| {}), &run(change), Bounds::default());
        agreement.expect("they are two runs of the same, and long enough")
    }

    #[test]
    fn what_is_within_the_bounds_agrees() {
        for agreement in [
            judged(|_| {}),
            judged(|other| scaled(&mut other.tick_interval_ms, 1.04, 1.14)),
            judged(|other| scaled(&mut other.input_to_ack_ms, 0.96, 0.86)),
            // 2 ms and 2.8 ms, which nobody can tell apart at p99
            judged(|other| scaled(&mut other.age_ms, 1.0, 1.4)),
        ] {
            assert!(agreement.agrees() && agreement.is_trusted(), "{agreement}");
            assert!(agreement.to_string().contains("The runs agree: within 5 % in each p50, 15 % in each p99."));
        }
    }

    #[test]
    fn what_is_beyond_does_not_in_either_direction() {
        type Changed = fn(&mut Report);
        let cases: [(&str, Changed); 7] = [
            ("tick interval p50", |other| scaled(&mut other.tick_interval_ms, 1.06, 1.0)),
            ("tick interval p99", |other| scaled(&mut other.tick_interval_ms, 1.0, 1.2)),
            ("input to ack p50", |other| scaled(&mut other.input_to_ack_ms, 0.9, 1.0)),
            ("age of state p99", |other| scaled(&mut other.age_ms, 1.0, 1.6)),
            ("frames/s a bot", |other| other.frames_per_s_per_bot *= 0.9),
            ("kB/s down a bot", |other| other.down_kb_per_s_per_bot *= 1.1),
            ("whether all was well", |other| other.good = false),
        ];
        for (name, change) in cases {
            for (one, other) in [(run(|_| {}), run(change)), (run(change), run(|_| {}))] {
                let agreement = Agreement::of(&one, &other, Bounds::default()).expect("they are alike");
                assert!(!agreement.agrees() && !agreement.is_trusted(), "{agreement}");
                assert!(agreement.to_string().contains(&format!("The runs do not agree: {name}.")), "{agreement}");
            }
        }
        let silenced = judged(|other| other.input_to_ack_ms = None);
        assert!(silenced.to_string().contains("do not agree: input to ack p50, input to ack p99."), "{silenced}");
    }

    #[test]
    fn a_noisy_machine_is_an_excuse_by_name_and_no_agreement() {
        let noise = "the swarm waited 30 % of the time for a processor";
        let disturbed = judged(|other| {
            scaled(&mut other.tick_interval_ms, 1.0, 2.0);
            (other.machine_was_noisy, other.noise) = (true, vec![noise.to_owned()]);
        });
        assert!(!disturbed.agrees() && disturbed.is_trusted(), "{disturbed}");
        let told = disturbed.to_string();
        assert!(told.contains("do not agree: tick interval p99.\nIn the second: The machine was noisy"), "{told}");
        assert!(told.contains(noise) && told.ends_with("the exit code is 0.\n"), "{told}");
    }

    #[test]
    fn what_is_wrong_in_both_is_no_agreement() {
        type Changed = fn(&mut Report);
        let cases: [(Changed, &str); 3] = [
            (|run| run.desyncs = 3, "In the first: 3 desyncs.\nIn the second: 3 desyncs.\n"),
            (|run| (run.failed, run.left_hanging) = (2, 1), "In the second: 2 failed, 1 left hanging.\n"),
            (|run| run.joined = 0, "In the second: nobody joined.\n"),
        ];
        for (change, wanted) in cases {
            let bad = run(|run| {
                change(run);
                run.good = false;
            });
            let agreement = Agreement::of(&bad, &bad, Bounds::default()).expect("they are alike");
            let told = agreement.to_string();
            assert!(agreement.agrees() && !agreement.is_trusted(), "{told}");
            assert!(told.contains("What they agree in is bad") && told.ends_with(wanted), "{told}");
        }
        // a threshold that both miss is what they were asked for, and they may be believed
        let missed = run(|run| run.good = false);
        assert!(Agreement::of(&missed, &missed, Bounds::default()).is_ok_and(|agreement| agreement.is_trusted()));
    }

    #[test]
    fn noise_is_no_excuse_for_half_of_the_frames() {
        for (part, is_excused) in [(0.9, true), (0.5, false)] {
            let disturbed = judged(|other| {
                other.frames_per_s_per_bot *= part;
                (other.machine_was_noisy, other.noise) = (true, vec!["a stolen second".to_owned()]);
            });
            assert_eq!(disturbed.is_trusted(), is_excused, "{disturbed}");
        }
    }

    /// As by a server that stalled for a second, on a machine that was a bit noisy.
    #[test]
    fn noise_is_no_excuse_for_times_that_the_swarm_was_not_late_by() {
        for (times, late_ms, is_excused) in [(2.5, 1.0, true), (25.0, 1.0, false), (25.0, 600.0, true)] {
            let disturbed = judged(|other| {
                scaled(&mut other.tick_interval_ms, 1.0, times);
                other.swarm_lateness_ms = other.swarm_lateness_ms.map(|found| Percentiles { p99_9: late_ms, ..found });
                (other.machine_was_noisy, other.noise) = (true, vec!["a stolen second".to_owned()]);
            });
            let told = disturbed.to_string();
            assert_eq!(disturbed.is_trusted(), is_excused, "{told}");
            let wanted = "No noise excuses what is so far apart: tick interval p99.\n";
            assert_eq!(told.ends_with(wanted), !is_excused, "{told}");
        }
    }

    #[test]
    fn many_times_and_few_are_apart() {
        let lacking = judged(|other| other.tick_interval_ms.as_mut().expect("it was measured").samples = 60);
        assert!(!lacking.agrees() && lacking.to_string().contains("tick interval p50"), "{lacking}");
    }

    fn of_two_sorts() -> Vec<String> {
        let link = Conditions { latency: Duration::from_millis(80), ..Conditions::default() };
        let watch = Group { depth: Depth::Watch, link, ..Group::default() };
        Plan { groups: vec![Group { share: 3.0, ..Group::default() }, watch], ..plan() }.sorts()
    }

    #[test]
    fn only_runs_of_the_same_are_judged() {
        type Changed = fn(&mut Report);
        let cases: [(&str, Changed); 5] = [
            ("bots: play. The second's: 75 % play; 25 % watch, 80", |other| other.sorts = of_two_sorts()),
            ("the seed 1, the second 2", |other| other.seed = 2),
            ("40 bots, the second 41", |other| other.bots = 41),
            ("two games", |other| "chess".clone_into(&mut other.game)),
            ("for 10.0 s, the second for 20.0 s", |other| other.steady_s = 20.0),
        ];
        for (wanted, change) in cases {
            let (one, mut other) = (run(|one| one.bots = 40), run(|other| other.bots = 40));
            change(&mut other);
            let error = Agreement::of(&one, &other, Bounds::default()).expect_err(wanted).to_string();
            assert!(error.starts_with("these are not two runs of the same: ") && error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn of_too_little_nothing_is_told() {
        let few = report(&played(3, soon()));
        assert_eq!(Agreement::of(&few, &few, Bounds::default()), Err(AgreeError::TooFew));
        // joins are few in any run, and luck
        let other = judged(|other| scaled(&mut other.join_ms, 3.0, 3.0));
        assert!(other.agrees() && other.to_string().contains("too few"), "{other}");
    }

    #[test]
    fn bounds_are_what_was_asked_for() {
        assert_eq!("p50=2%, p99=30%".parse(), Ok(Bounds { p50: 0.02, p99: 0.3 }));
        assert_eq!("p99=30%".parse(), Ok(Bounds { p50: 0.05, p99: 0.3 }));
        for text in ["", "p50", "p50=5", "p50=5%,", "p75=5%", "p99=nan%"] {
            assert_eq!(text.parse::<Bounds>(), Err(BoundsError), "{text}");
        }
        let wide = Bounds { p50: 0.2, p99: 0.5 };
        let other = run(|other| scaled(&mut other.tick_interval_ms, 1.1, 1.4));
        assert!(Agreement::of(&run(|_| {}), &other, wide).is_ok_and(|agreement| agreement.agrees()));
    }
}
