//! Two reports side by side: what got better or worse beyond noise.

use std::fmt::{self, Display, Formatter};

use super::{Report, Second};
use crate::measure::Percentiles;

/// Two runs of the same are so far apart anyway: of medians, of p99 and above.
const NOISE_P50: f64 = 0.05;
const NOISE_P99: f64 = 0.15;
/// A difference is more than noise beyond so many standard errors of the runs' own seconds.
const ERRORS: f64 = 3.0;
/// Its name among the times.
const LATENESS: &str = "swarm's lateness";
/// Times are not told apart more finely.
const TELLABLE_MS: f64 = 0.2;

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
    /// Before and after.
    pub values: (f64, f64),
    /// What of the difference is noise, as a part of the value.
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
                let few = (enough / one.samples.min(other.samples).max(1) as f64).sqrt().max(1.0);
                let noise = (ERRORS * spread).max(floor * few);
                rows.push(row(format!("{name} {percentile}"), of(&one), of(&other), noise));
            }
        }
        for (name, one, other) in [
            ("failed", before.failed as f64, after.failed as f64),
            ("desyncs", before.desyncs as f64, after.desyncs as f64),
            ("missed ticks", before.missed_ticks as f64, after.missed_ticks as f64),
        ] {
            let change = if one == other {
                Change::Same
            } else if other < one {
                Change::Better
            } else {
                Change::Worse
            };
            rows.push(Row { name: name.to_owned(), values: (one, other), noise: 0.0, change });
        }
        let (one, other) = (before.down_kb_per_s_per_bot, after.down_kb_per_s_per_bot);
        rows.push(row("kB/s down a bot".to_owned(), one, other, NOISE_P50));
        Self { rows, doubts: doubts(before, after) }
    }

    /// Whether something got worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Worse)
    }
}

type Of = fn(&Percentiles) -> f64;

/// Percentiles, what two runs differ by anyway, and how many samples that takes.
const PICKS: [(&str, f64, f64, Of); 3] = [
    ("p50", NOISE_P50, 1e3, |times| times.p50),
    ("p99", NOISE_P99, 1e4, |times| times.p99),
    ("p99.9", 2.0 * NOISE_P99, 1e5, |times| times.p99_9),
];

fn row(name: String, one: f64, other: f64, noise: f64) -> Row {
    let apart = (other - one).abs();
    let change = if apart <= TELLABLE_MS || apart <= noise * one.max(other) {
        Change::Same
    } else if other < one {
        Change::Better
    } else {
        Change::Worse
    };
    Row { name, values: (one, other), noise, change }
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

fn doubts(before: &Report, after: &Report) -> Vec<String> {
    let mut doubts = Vec::new();
    if before.game != after.game {
        doubts.push(format!("These are two games: {} and {}.", before.game, after.game));
    }
    if before.bots != after.bots {
        doubts.push(format!("The first had {} bots, the second {}.", before.bots, after.bots));
    }
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
        writeln!(out, "{:<24}{:>12}{:>12}{:>10}{:>10}", "", "before", "after", "change", "noise")?;
        for Row { name, values: (one, other), noise, change } in &self.rows {
            let percent = if *one > 0.0 { format!("{:+.1} %", (other / one - 1.0) * 100.0) } else { String::new() };
            let noise = if *noise > 0.0 { format!("{:.0} %", noise * 100.0) } else { String::new() };
            let word = match change {
                Change::Better => "  better",
                Change::Worse => "  WORSE",
                Change::Same => "",
            };
            writeln!(out, "{name:<24}{one:>12.2}{other:>12.2}{percent:>10}{noise:>10}{word}")?;
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
    use super::*;

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
    }
}
