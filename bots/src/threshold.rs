//! What must hold in the end, such as `p99_tick_interval < 60ms` or `desyncs == 0`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measure::Percentiles;
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
