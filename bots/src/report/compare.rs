//! Two reports side by side: what got better or worse beyond noise.

use std::fmt::{self, Display, Formatter};

use super::{Report, Second};
use crate::measure::Percentiles;

/// Two runs of the same are so far apart anyway: of medians, of p99 and above.
pub(super) const NOISE_P50: f64 = 0.05;
pub(super) const NOISE_P99: f64 = 0.15;
/// Of so many samples a percentile is no luck.
pub(super) const SAMPLES_P50: u64 = 1_000;
pub(super) const SAMPLES_P99: u64 = 10_000;
const SAMPLES_P99_9: u64 = 100_000;
/// A difference is more than noise beyond so many standard errors of the runs' own seconds.
const ERRORS: f64 = 3.0;
/// Its name among the times.
pub(super) const LATENESS: &str = "swarm's lateness";
/// Times are not told apart more finely, nor are kilobytes a second, frames a second, and frames that a bot missed of a
/// thousand.
pub(super) const TELLABLE_MS: f64 = 0.2;
const TELLABLE_KB_PER_S: f64 = 0.02;
const TELLABLE_FRAMES_PER_S: f64 = 0.1;
const TELLABLE_PER_1000: f64 = 1.0;
/// Runs whose lengths differ by more than this are not alike.
const LENGTHS_APART: f64 = 0.1;
/// Where no name of a figure is longer.
const NAME_WIDTH: usize = 24;

/// What became of a figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Smaller by more than noise.
    Better,
    /// Larger by more than noise.
    Worse,
    /// The rest.
    Same,
}

/// One figure of two runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Before and after; none where nothing was measured.
    pub values: (Option<f64>, Option<f64>),
    /// What of the difference is noise, as a part of the value. With 1 and more nothing can be told.
    pub noise: f64,
    /// The verdict.
    pub change: Change,
}

/// What two runs have to say to each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// The figures.
    pub rows: Vec<Row>,
    /// Why the comparison may be worth little.
    pub doubts: Vec<String>,
}

impl Comparison {
    /// Of a run and a later one.
    #[must_use]
    pub fn of(before: &Report, after: &Report) -> Self {
        let mut rows = Vec::new();
        // the swarm's own lateness is no figure of a server; it is a doubt
        let pairs = before.times().into_iter().zip(after.times()).filter(|((name, ..), _)| *name != LATENESS);
        for ((name, one, pick), (_, other, _)) in pairs {
            let (Some(one), Some(other)) = (one, other) else { continue };
            for (percentile, floor, enough, of) in PICKS {
                let spread = spread(&before.series, pick, of).hypot(spread(&after.series, pick, of));
                // of few samples the far percentiles are luck
                let few = (enough as f64 / one.samples.min(other.samples).max(1) as f64).sqrt().max(1.0);
                let noise = (ERRORS * spread).max(floor * few);
                rows.push(row(format!("{name} {percentile}"), (of(&one), of(&other)), noise, TELLABLE_MS));
            }
        }
        for (name, of) in COUNTS {
            rows.push(row(name.to_owned(), (of(before), of(after)), 0.0, 0.0));
        }
        let missed = (missed_of_1000(before), missed_of_1000(after));
        rows.push(row("missed of 1,000 frames".to_owned(), missed, NOISE_P99, TELLABLE_PER_1000));
        let frames = (before.frames_per_s_per_bot, after.frames_per_s_per_bot);
        let frames = row("frames/s a bot".to_owned(), frames, NOISE_P50, TELLABLE_FRAMES_PER_S);
        rows.push(Row { change: frames.change.turned(), ..frames });
        let bytes = (before.down_kb_per_s_per_bot, after.down_kb_per_s_per_bot);
        rows.push(row("kB/s down a bot".to_owned(), bytes, NOISE_P50, TELLABLE_KB_PER_S));
        rows.extend(verdicts(before, after));
        Self { rows, doubts: doubts(before, after) }
    }

    /// Whether something got worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Worse)
    }
}

impl Change {
    /// Of a figure that had better be larger.
    fn turned(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Worse => Self::Better,
            Self::Same => Self::Same,
        }
    }
}

type Count = fn(&Report) -> f64;

/// What is counted: none of it is noise.
const COUNTS: [(&str, Count); 8] = [
    ("failed", |report| report.failed as f64),
    ("desyncs", |report| report.desyncs as f64),
    ("wrong spawns", |report| report.wrong_spawns as f64),
    ("seats lost", |report| report.seats_lost as f64),
    ("silent bots", |report| report.silent_bots as f64),
    ("slow bots", |report| report.slow_bots.len() as f64),
    ("left hanging", |report| report.left_hanging as f64),
    ("missed ticks", |report| report.missed_ticks as f64),
];

/// Frames that bots did not get, of a thousand that were for them.
fn missed_of_1000(report: &Report) -> f64 {
    let (missed, came) = (report.missed_frames as f64, report.frames_per_s * report.steady_s);
    if missed > 0.0 { 1000.0 * missed / (missed + came) } else { 0.0 }
}

/// Thresholds of both runs that hold in one of them.
fn verdicts<'a>(before: &'a Report, after: &'a Report) -> impl Iterator<Item = Row> + 'a {
    before.thresholds.iter().filter_map(|one| {
        let other = after.thresholds.iter().find(|other| other.threshold == one.threshold)?;
        let change = if other.holds { Change::Better } else { Change::Worse };
        let (name, values) = (one.threshold.clone(), (one.value, other.value));
        (one.holds != other.holds).then_some(Row { name, values, noise: 0.0, change })
    })
}

type Of = fn(&Percentiles) -> f64;

/// Percentiles, what two runs differ by anyway, and how many samples that takes.
const PICKS: [(&str, f64, u64, Of); 3] = [
    ("p50", NOISE_P50, SAMPLES_P50, |times| times.p50),
    ("p99", NOISE_P99, SAMPLES_P99, |times| times.p99),
    ("p99.9", 2.0 * NOISE_P99, SAMPLES_P99_9, |times| times.p99_9),
];

fn row(name: String, (one, other): (f64, f64), noise: f64, tellable: f64) -> Row {
    let apart = (other - one).abs();
    let change = if apart <= tellable || apart <= noise * one.max(other) {
        Change::Same
    } else if other < one {
        Change::Better
    } else {
        Change::Worse
    };
    Row { name, values: (Some(one), Some(other)), noise, change }
}

/// Standard error of a figure, from how it goes up and down by the second, as a part of it.
fn spread(series: &[Second], pick: fn(&Second) -> Option<Percentiles>, of: Of) -> f64 {
    let values: Vec<f64> = series.iter().filter_map(|second| pick(second).as_ref().map(of)).collect();
    let count = values.len() as f64;
    if count < 3.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    if mean > 0.0 { (variance / count).sqrt() / mean } else { 0.0 }
}

/// Why they are not two runs of the same.
pub(super) fn unlike(before: &Report, after: &Report) -> Vec<String> {
    let mut doubts = Vec::new();
    if before.game != after.game {
        doubts.push(format!("These are two games: {} and {}.", before.game, after.game));
    }
    if before.seed != after.seed {
        doubts.push(format!("The first had the seed {}, the second {}.", before.seed, after.seed));
    }
    if before.shard != after.shard {
        let part = |(number, of): (usize, usize)| format!("{number}/{of}");
        doubts.push(format!("The first is part {}, the second {}.", part(before.shard), part(after.shard)));
    }
    if before.bots != after.bots {
        doubts.push(format!("The first had {} bots, the second {}.", before.bots, after.bots));
    }
    let [one, other] = [before, after].map(|report| report.sorts.join("; "));
    if one != other && !one.is_empty() && !other.is_empty() {
        doubts.push(format!("The first's bots: {one}. The second's: {other}."));
    }
    if before.threads != after.threads && before.threads.min(after.threads) > 0 {
        doubts.push(format!("The first swarm had {} threads, the second {}.", before.threads, after.threads));
    }
    let phases = |report: &Report| report.phases.iter().map(|phase| phase.name.as_str()).collect::<Vec<_>>().join(", ");
    if phases(before) != phases(after) {
        doubts.push(format!("They are two scenarios: {}; and {}.", phases(before), phases(after)));
    }
    let (one, other) = (before.steady_s, after.steady_s);
    if (one - other).abs() > LENGTHS_APART * one.max(other) {
        doubts.push(format!("The first was measured for {one:.1} s, the second for {other:.1} s."));
    }
    doubts
}

fn doubts(before: &Report, after: &Report) -> Vec<String> {
    let mut doubts = unlike(before, after);
    for (name, report) in [("first", before), ("second", after)] {
        if report.swarm_was_the_limit {
            doubts.push(format!("In the {name} the swarm was the limit, not the server."));
        }
        if report.machine_was_noisy {
            doubts.push(format!("The machine was noisy during the {name}."));
        }
    }
    doubts
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let wide = self.rows.iter().map(|row| row.name.len() + 1).max().unwrap_or_default().max(NAME_WIDTH);
        writeln!(out, "{:<wide$}{:>12}{:>12}{:>10}{:>10}", "", "before", "after", "change", "noise")?;
        for Row { name, values: (one, other), noise, change } in &self.rows {
            let percent = match (one, other) {
                (Some(one), Some(other)) if *one > 0.0 => format!("{:+.1} %", (other / one - 1.0) * 100.0),
                _ => String::new(),
            };
            let noise = match *noise {
                0.0 => String::new(),
                1.0.. => "too few".to_owned(),
                noise => format!("{:.0} %", noise * 100.0),
            };
            let word = match change {
                Change::Better => "  better",
                Change::Worse => "  WORSE",
                Change::Same => "",
            };
            let shown = |value: &Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
            let (one, other) = (shown(one), shown(other));
            writeln!(out, "{name:<wide$}{one:>12}{other:>12}{percent:>10}{noise:>10}{word}")?;
        }
        let count = |wanted| self.rows.iter().filter(|row| row.change == wanted).count();
        let (better, worse) = (count(Change::Better), count(Change::Worse));
        writeln!(out, "\n{better} better, {worse} worse beyond noise.")?;
        self.doubts.iter().try_for_each(|doubt| writeln!(out, "{doubt}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{played, report, soon};
    use super::super::{PhaseSpan, SlowBot};
    use super::*;
    use crate::threshold::Verdict;

    #[test]
    fn the_same_is_the_same_and_what_differs_is_told() {
        let one = report(&played(40, soon()));
        let same = Comparison::of(&one, &one);
        assert!(!same.is_worse() && same.rows.iter().all(|row| row.change == Change::Same), "{same}");
        let mut slower = one.clone();
        slower.tick_interval_ms = slower.tick_interval_ms.map(|times| Percentiles { p99: times.p99 * 1.3, ..times });
        slower.input_to_ack_ms = slower.input_to_ack_ms.map(|times| Percentiles { p50: times.p50 * 0.8, ..times });
        let told = Comparison::of(&one, &slower);
        let changed: Vec<_> = told.rows.iter().filter(|row| row.change != Change::Same).collect();
        let changed: Vec<_> = changed.iter().map(|row| (row.name.as_str(), row.change)).collect();
        assert_eq!(changed, [("tick interval p99", Change::Worse), ("input to ack p50", Change::Better)], "{told}");
        assert!(told.is_worse());
    }

    #[test]
    fn a_difference_within_noise_is_none() {
        let one = report(&played(40, soon()));
        let mut other = one.clone();
        other.tick_interval_ms = other.tick_interval_ms.map(|times| Percentiles { p50: times.p50 * 1.04, ..times });
        assert!(!Comparison::of(&one, &other).is_worse());
        let few = report(&played(1, soon()));
        let mut other = few.clone();
        other.tick_interval_ms = other.tick_interval_ms.map(|times| Percentiles { p99_9: times.p99_9 * 9.0, ..times });
        let told = Comparison::of(&few, &other).to_string();
        assert!(told.contains("too few") && !told.contains("WORSE"), "{told}");
    }

    #[test]
    fn whatever_became_worse_for_bots_is_told() {
        let before = report(&played(40, soon()));
        let slow = SlowBot { bot: 3, behind_ms: 200.0 };
        let cases: [(&str, Report); 8] = [
            ("wrong spawns", Report { wrong_spawns: 50, ..before.clone() }),
            ("seats lost", Report { seats_lost: 9, ..before.clone() }),
            ("left hanging", Report { left_hanging: 2, ..before.clone() }),
            ("silent bots", Report { silent_bots: 1, ..before.clone() }),
            ("slow bots", Report { slow_bots: vec![slow], ..before.clone() }),
            ("missed of 1,000 frames", Report { missed_frames: 9_999, ..before.clone() }),
            ("frames/s a bot", Report { frames_per_s_per_bot: 3.0, ..before.clone() }),
            ("kB/s down a bot", Report { down_kb_per_s_per_bot: 6.4, ..before.clone() }),
        ];
        for (name, after) in cases {
            let there = Comparison::of(&before, &after);
            let worse: Vec<&str> =
                there.rows.iter().filter(|row| row.change == Change::Worse).map(|row| row.name.as_str()).collect();
            assert_eq!((worse, there.is_worse()), (vec![name], true), "{there}");
            let back = Comparison::of(&after, &before);
            assert!(!back.is_worse() && back.rows.iter().any(|row| row.change == Change::Better), "{back}");
        }
        // a frame in ten thousand is luck
        assert!(!Comparison::of(&before, &Report { missed_frames: 1, ..before.clone() }).is_worse());
    }

    #[test]
    fn a_threshold_that_holds_no_more_is_worse() {
        let judged = |holds, value| {
            let verdict = Verdict { threshold: "p99_9_input_to_ack < 200ms".to_owned(), value, holds };
            Report { thresholds: vec![verdict], ..report(&played(40, soon())) }
        };
        let told = Comparison::of(&judged(true, Some(41.0)), &judged(false, None));
        assert!(told.is_worse() && told.to_string().contains("p99_9_input_to_ack < 200ms"), "{told}");
        assert!(!Comparison::of(&judged(false, None), &judged(false, None)).is_worse());
    }

    #[test]
    fn runs_that_are_not_alike_are_doubtful() {
        let one = report(&played(40, soon()));
        let phase = PhaseSpan { name: "storm".to_owned(), from_s: 0.0, to_s: 3.0 };
        let other = Report { threads: 2, steady_s: 20.0, phases: vec![phase], ..one.clone() };
        assert!(Comparison::of(&one, &one).doubts.is_empty());
        let doubts = Comparison::of(&one, &other).doubts.join("\n");
        let wanted =
            ["1 threads, the second 2", "two scenarios: ; and storm", "measured for 10.0 s, the second for 20.0 s"];
        assert!(wanted.iter().all(|part| doubts.contains(part)), "{doubts}");
    }
}
