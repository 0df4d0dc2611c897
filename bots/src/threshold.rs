//! What must hold in the end, such as `p99_tick_interval < 60ms` or `desyncs == 0`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measure::Percentiles;
use crate::plan::{Depth, Group, Phase, What};
use crate::report::Report;
use crate::units;

/// Figures of times, each with a percentile in front.
const TIMES: [&str; 6] = ["tick_interval", "input_to_ack", "age", "join", "resume", "lateness"];
const PERCENTILES: [&str; 5] = ["p50", "p90", "p99", "p99_9", "max"];
/// Figures that are counted.
const COUNTS: [&str; 12] = [
    "desyncs",
    "failed",
    "joined",
    "left_hanging",
    "resumed",
    "seats_lost",
    "wrong_spawns",
    "missed_ticks",
    "missed_frames",
    "silent_bots",
    "slow_bots",
    "frames_per_s_per_bot",
];

/// A comparison of a figure with a bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Threshold {
    figure: Figure,
    relation: Relation,
    /// Milliseconds for times.
    bound: f64,
    /// As it was written.
    text: String,
}

/// What a run is made of, as far as it says which figures there can be.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Bots of a game.
    Game(&'a [Group], &'a [Phase]),
    /// Connections of `raw`, that send and expect an echo, or only listen.
    Raw {
        /// Whether they send.
        echoes: bool,
    },
}

/// A threshold that no run of this scope can decide.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{threshold:?} could never be judged: {why}")]
pub struct Undecidable {
    /// As it was written.
    pub threshold: String,
    /// What there is none of.
    pub why: &'static str,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Figure {
    Time { percentile: usize, times: usize },
    Count(usize),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Relation {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// Why a text is no threshold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ThresholdError {
    /// Not three words.
    #[error(
        "it is no threshold: write a figure, one of < <= == >= >, and a bound, such as \"p99_tick_interval < 60ms\""
    )]
    Shape,
    /// Nobody measures that.
    #[error("there is no figure {0:?}; {list}", list = figures())]
    Figure(String),
    /// Neither a time nor a number.
    #[error("{figure} is compared with {wanted}, and {given:?} is none")]
    Bound {
        /// Of what.
        figure: String,
        /// What it must be.
        wanted: &'static str,
        /// What it was.
        given: String,
    },
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let at = text.find(['<', '=', '>']).ok_or(ThresholdError::Shape)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let relations = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("==", Relation::Equal),
            ("<", Relation::Below),
            (">", Relation::Above),
        ];
        let found = relations.iter().find_map(|(sign, relation)| Some((rest.strip_prefix(sign)?.trim(), *relation)));
        let (given, relation) = found.ok_or(ThresholdError::Shape)?;
        let figure = figure(name).ok_or_else(|| ThresholdError::Figure(name.to_owned()))?;
        let wrong = |wanted| ThresholdError::Bound { figure: name.to_owned(), wanted, given: given.to_owned() };
        let bound = match figure {
            Figure::Time { .. } => {
                let time: Duration = units::duration(given).map_err(|_| wrong("a time such as 60ms"))?;
                time.as_secs_f64() * 1000.0
            }
            Figure::Count(_) => {
                let number: f64 = given.parse().map_err(|_| wrong("a number"))?;
                if number.is_finite() { number } else { return Err(wrong("a number")) }
            }
        };
        Ok(Self { figure, relation, bound, text: text.trim().to_owned() })
    }
}

fn figures() -> String {
    let (times, counts) = (TIMES.join(", "), COUNTS.join(", "));
    format!("times are {times} with {}_ in front, counts are {counts}", PERCENTILES.join("_, "))
}

fn figure(name: &str) -> Option<Figure> {
    if let Some(count) = COUNTS.iter().position(|count| *count == name) {
        return Some(Figure::Count(count));
    }
    // p99_9_ before p99_: the longest that fits
    let percentile = (0..PERCENTILES.len()).rev().find_map(|i| {
        let rest = name.strip_prefix(PERCENTILES[i])?.strip_prefix('_')?;
        Some((i, TIMES.iter().position(|times| *times == rest)?))
    });
    percentile.map(|(percentile, times)| Figure::Time { percentile, times })
}

/// What became of a threshold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// As it was written.
    pub threshold: String,
    /// What it was; milliseconds for times, none when it was not measured.
    pub value: Option<f64>,
    /// Whether it holds. What was not measured does not.
    pub holds: bool,
}

impl Verdict {
    /// Whether its value is in milliseconds.
    #[must_use]
    pub fn is_of_times(&self) -> bool {
        self.threshold.parse::<Threshold>().is_ok_and(|threshold| matches!(threshold.figure, Figure::Time { .. }))
    }
}

impl Threshold {
    /// Whether runs of this scope have its figure.
    ///
    /// # Errors
    /// They cannot have it.
    pub fn decidable(&self, scope: Scope<'_>) -> Result<(), Undecidable> {
        let figure = match self.figure {
            Figure::Time { times, .. } => TIMES[times],
            Figure::Count(count) => COUNTS[count],
        };
        let why = match scope {
            Scope::Game(groups, phases) => missing_in_game(figure, groups, phases),
            Scope::Raw { echoes } => missing_in_raw(figure, echoes),
        };
        why.map_or(Ok(()), |why| Err(Undecidable { threshold: self.text.clone(), why }))
    }

    /// Compares it with what was measured.
    #[must_use]
    pub fn judge(&self, report: &Report) -> Verdict {
        let value = self.value(report);
        let holds = value.is_some_and(|value| match self.relation {
            Relation::Below => value < self.bound,
            Relation::AtMost => value <= self.bound,
            Relation::Equal => value == self.bound,
            Relation::AtLeast => value >= self.bound,
            Relation::Above => value > self.bound,
        });
        Verdict { threshold: self.text.clone(), value, holds }
    }

    fn value(&self, report: &Report) -> Option<f64> {
        match self.figure {
            Figure::Time { percentile, times } => {
                let found: Option<Percentiles> = match TIMES[times] {
                    "tick_interval" => report.tick_interval_ms,
                    "input_to_ack" => report.input_to_ack_ms,
                    "age" => report.age_ms,
                    "join" => report.join_ms,
                    "resume" => report.resume_ms,
                    _ => report.swarm_lateness_ms,
                };
                found.map(|found| match PERCENTILES[percentile] {
                    "p50" => found.p50,
                    "p90" => found.p90,
                    "p99" => found.p99,
                    "p99_9" => found.p99_9,
                    _ => found.max,
                })
            }
            Figure::Count(count) => Some(match COUNTS[count] {
                "desyncs" => report.desyncs as f64,
                "failed" => report.failed as f64,
                "joined" => report.joined as f64,
                "left_hanging" => report.left_hanging as f64,
                "resumed" => report.resumed as f64,
                "seats_lost" => report.seats_lost as f64,
                "wrong_spawns" => report.wrong_spawns as f64,
                "missed_ticks" => report.missed_ticks as f64,
                "missed_frames" => report.missed_frames as f64,
                "silent_bots" => report.silent_bots as f64,
                "slow_bots" => report.slow_bots.len() as f64,
                _ => report.frames_per_s_per_bot,
            }),
        }
    }
}

/// Why there is no such figure.
fn missing_in_game(figure: &str, groups: &[Group], phases: &[Phase]) -> Option<&'static str> {
    let counts = |group: &&Group| !group.chaos;
    let storms = phases.iter().any(|phase| matches!(phase.what, What::Storm { .. }));
    match figure {
        // the clients check themselves, also those that misbehave
        "desyncs" | "wrong_spawns" if groups.iter().all(|group| group.depth == Depth::Watch) => {
            Some("all bots only watch, and who watches reads no states")
        }
        // who misbehaves comes back as well
        "resumed" if !storms && groups.iter().all(|group| !group.chaos) => Some(NO_STORM),
        "resume" if !storms => Some(NO_STORM),
        "desyncs" | "wrong_spawns" | "resumed" | "lateness" | "joined" | "failed" => None,
        _ if groups.iter().all(|group| group.chaos) => Some("all bots misbehave, and how they fare does not count"),
        "input_to_ack" if groups.iter().filter(counts).all(|group| group.depth == Depth::Watch) => {
            Some("all bots that count only watch, and who watches gives no inputs")
        }
        _ => None,
    }
}

const NO_STORM: &str = "nobody comes back in a run without a storm";

fn missing_in_raw(figure: &str, echoes: bool) -> Option<&'static str> {
    match figure {
        "input_to_ack" if !echoes => Some("without --mode echo nothing is sent that could come back"),
        "age" | "slow_bots" => Some("`raw` cannot tell how old a frame is"),
        "desyncs" | "wrong_spawns" | "missed_ticks" | "missed_frames" => Some("`raw` knows no states and no ticks"),
        "resume" | "resumed" | "seats_lost" => Some("`raw` never comes back"),
        _ => None,
    }
}

impl Display for Threshold {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read() {
        for text in [
            "p99_tick_interval < 60ms",
            "p99_9_age<=1.5s",
            "desyncs == 0",
            "max_join < 2s",
            "frames_per_s_per_bot >= 29.5",
            " failed==0 ",
        ] {
            assert!(text.parse::<Threshold>().is_ok(), "{text}: {:?}", text.parse::<Threshold>());
        }
        assert_eq!(figure("p99_9_age"), Some(Figure::Time { percentile: 3, times: 2 }));
    }

    #[test]
    fn what_a_run_cannot_have_is_known_before_it() {
        let (watch, chaos) =
            (Group { depth: Depth::Watch, ..Group::default() }, Group { chaos: true, ..Group::default() });
        let all = [Group::default(), watch, chaos];
        let (play, watch, chaos) = (&all[..1], &all[1..2], &all[2..]);
        let hold = Phase { what: What::Hold { time: Duration::from_secs(1) }, measured: true };
        let storm = What::Storm { share: 0.5, over: Duration::ZERO, time: Duration::from_secs(1) };
        let storm = Phase { what: storm, measured: true };
        let game = |figure: &str, groups: &[Group], phase: Phase| {
            let threshold = format!("{figure} < 1{}", if figure.contains('_') { "s" } else { "" });
            threshold.parse::<Threshold>().expect(figure).decidable(Scope::Game(groups, &[phase])).is_ok()
        };
        for (figure, groups, phase, is_there) in [
            ("p99_input_to_ack", play, hold, true),
            ("p99_input_to_ack", watch, hold, false),
            ("p99_input_to_ack", &all[1..], hold, false),
            ("p99_input_to_ack", &all[..2], hold, true),
            ("p99_age", watch, hold, true),
            ("p99_age", chaos, hold, false),
            ("p99_lateness", chaos, hold, true),
            ("desyncs", watch, hold, false),
            ("desyncs", chaos, hold, true),
            ("p99_resume", play, hold, false),
            ("p99_resume", play, storm, true),
            ("p99_resume", chaos, storm, false),
            ("resumed", play, hold, false),
            ("resumed", play, storm, true),
        ] {
            assert_eq!(game(figure, groups, phase), is_there, "{figure} of {groups:?} in {phase:?}");
        }
        let raw = |text: &str, echoes| {
            text.parse::<Threshold>().expect(text).decidable(Scope::Raw { echoes }).map_err(|error| error.to_string())
        };
        assert_eq!((raw("p99_input_to_ack < 1s", true), raw("joined > 3", false)), (Ok(()), Ok(())));
        assert!(raw("p99_input_to_ack < 1s", false).is_err());
        let wanted = "\"p99_age < 1s\" could never be judged: `raw` cannot tell how old a frame is";
        assert_eq!(raw("p99_age < 1s", true), Err(wanted.to_owned()));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_there_is() {
        for (text, wanted) in [
            ("desyncs", "write a figure"),
            ("desyncs = 0", "write a figure"),
            ("p99_ping < 60ms", "there is no figure \"p99_ping\"; times are tick_interval"),
            ("p95_age < 60ms", "with p50_, p90_, p99_, p99_9_, max_ in front"),
            ("p99_age < 60", "compared with a time such as 60ms, and \"60\" is none"),
            ("desyncs == none", "compared with a number, and \"none\" is none"),
        ] {
            let error = text.parse::<Threshold>().expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
