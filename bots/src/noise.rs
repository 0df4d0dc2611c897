//! Whether a run was measured in peace: parts of it that should be alike are compared, and the system is asked whether
//! the swarm had the processors that it wanted.

use std::fs;
use std::time::{Duration, Instant};

use crate::measure::{Measure, Times};

/// Halves of a run that differ by more than this in the median, and by this at p99, were not measured in peace: two
/// runs should not.
const APART: (f64, f64) = (0.05, 0.15);
/// Times are not told apart more finely.
const TELLABLE_MS: f64 = 0.2;
/// Fewer seconds say nothing about one of them.
const SECONDS_MIN: usize = 5;
/// A histogram of fewer says nothing.
const SAMPLES_MIN: u64 = 1_000;
/// A second whose own p99 is so much above that of the middle second was disturbed.
const DISTURBED: f64 = 1.25;
/// More than this part of the processors' time that the host took shows in every p99.
const STOLEN_MAX: f64 = 0.01;
/// As does this part of the time in which the bots' threads could run and did not. A server beside them on two processors
/// makes them wait 5 to 6 % in runs that agree within 3 % at p99, a compiler beside both most of the time.
const WAITED_MAX: f64 = 0.1;
/// What is looked at; what happens but now and then, such as joins, is never alike.
const NAMES: [&str; 3] = ["tick interval", "input to ack", "age of state"];
/// The three ways to make two halves of four quarters. Each second is of the next quarter, so what disturbs a second or
/// two lies in one half and not in the other.
const HALVES: [([usize; 2], [usize; 2]); 3] = [([0, 2], [1, 3]), ([0, 1], [2, 3]), ([0, 3], [1, 2])];

/// Collects what tells whether it was quiet.
#[derive(Debug, Default)]
pub struct Noise {
    quarters: [[Times; NAMES.len()]; 4],
    /// Of each second the p99 of the tick interval.
    p99s_ms: Vec<f64>,
    /// Since when it is measured and nothing changes by plan.
    calm_since: Option<Duration>,
    began: Option<Counters>,
    /// Over all that was measured.
    sum: Counters,
}

/// What the system counts.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// The host's time on this machine's processors, and all of it, in ticks of the clock.
    stolen: u64,
    all: u64,
    /// How long our threads could have run and did not.
    waited: Duration,
    /// How long it took, once for each thread.
    span: Duration,
    at: Option<Instant>,
}

impl Noise {
    /// From now on it is measured.
    pub fn begin(&mut self) {
        self.began = Some(Counters::now());
    }

    /// Nothing is measured any more; so many threads did.
    pub fn end(&mut self, threads: usize) {
        let (Some(began), now) = (self.began.take(), Counters::now()) else { return };
        let span = began.at.map_or(Duration::ZERO, |at| at.elapsed());
        self.sum.stolen += now.stolen.saturating_sub(began.stolen);
        self.sum.all += now.all.saturating_sub(began.all);
        self.sum.waited += now.waited.saturating_sub(began.waited);
        self.sum.span += span * threads as u32;
    }

    /// From this moment on each second should be like the others, or none need be. Those are all times since the swarm
    /// began.
    pub fn calm(&mut self, is_calm: bool, from: Duration) {
        self.calm_since = is_calm.then(|| self.calm_since.unwrap_or(from));
    }

    /// What was measured in the second that began then. One that was only calm in the end counts as little as a storm.
    pub fn second(&mut self, began: Duration, measure: &Measure) {
        if self.calm_since.is_none_or(|since| began < since) {
            return;
        }
        let Some(p99) = measure.tick_interval.percentiles().map(|times| times.p99) else { return };
        let quarter = &mut self.quarters[self.p99s_ms.len() % 4];
        for (times, more) in quarter.iter_mut().zip([&measure.tick_interval, &measure.input_to_ack, &measure.age]) {
            times.merge(more);
        }
        self.p99s_ms.push(p99);
    }

    /// What speaks against it, in words; nothing when it was quiet.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut found: Vec<String> = (0..NAMES.len()).filter_map(|which| self.apart(which)).collect();
        found.extend(self.disturbed());
        let Counters { stolen, all, waited, span, .. } = self.sum;
        let stolen = stolen as f64 / all.max(1) as f64;
        if stolen > STOLEN_MAX {
            found.push(format!("the host took {:.0} % of the processors' time for others", stolen * 100.0));
        }
        let waited = waited.as_secs_f64() / span.as_secs_f64().max(f64::EPSILON);
        if waited > WAITED_MAX {
            found.push(format!("the swarm waited {:.0} % of the time for a processor", waited * 100.0));
        }
        found
    }

    /// Seconds that differ, where they are so many that the p99 of the whole run is theirs. Halves may have as many of
    /// them each, and be alike.
    fn disturbed(&self) -> Option<String> {
        let mut sorted = self.p99s_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let (count, middle) = (sorted.len(), *sorted.get(sorted.len() / 2)?);
        let bad = sorted.iter().filter(|p99| **p99 > middle * DISTURBED && **p99 - middle > TELLABLE_MS).count();
        (count >= SECONDS_MIN && bad * 100 > count).then(|| {
            format!(
                "{bad} of {count} quiet seconds have a p99 of the tick interval that is a quarter above the others'"
            )
        })
    }

    /// By how much halves of the run differ where they differ most.
    fn apart(&self, which: usize) -> Option<String> {
        let half = |[one, other]: [usize; 2]| {
            let mut times = self.quarters[one][which].clone();
            times.merge(&self.quarters[other][which]);
            times.percentiles().filter(|found| found.samples >= SAMPLES_MIN)
        };
        let mut worst: Option<(f64, &str, f64)> = None;
        for (one, other) in HALVES {
            let (one, other) = (half(one)?, half(other)?);
            for (name, a, b, most) in [("median", one.p50, other.p50, APART.0), ("p99", one.p99, other.p99, APART.1)] {
                let apart = (a - b).abs() / a.max(b).max(f64::EPSILON);
                let is_worst = worst.is_none_or(|(ratio, ..)| apart / most > ratio);
                if apart > most && (a - b).abs() > TELLABLE_MS && is_worst {
                    worst = Some((apart / most, name, apart));
                }
            }
        }
        let what = NAMES[which];
        worst.map(|(_, name, apart)| {
            format!("two halves of its quiet time are {:.0} % apart in the {name} of the {what}", apart * 100.0)
        })
    }
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already (proc(5)).
fn parse(text: &str) -> Option<(u64, u64)> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().take(8);
    let numbers = numbers.map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    Some((*numbers.get(7)?, numbers.iter().sum()))
}

impl Counters {
    /// Only Linux tells; elsewhere nothing is known.
    fn now() -> Self {
        let (stolen, all) = fs::read_to_string("/proc/stat").ok().and_then(|text| parse(&text)).unwrap_or_default();
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let waited_ns =
            threads.filter_map(|thread| waited_ns(&fs::read_to_string(thread.path().join("schedstat")).ok()?));
        Self {
            stolen,
            all,
            waited: Duration::from_nanos(waited_ns.sum()),
            span: Duration::ZERO,
            at: Some(Instant::now()),
        }
    }
}

/// Of a thread: nanoseconds that it ran, that it waited for a processor, and how often it ran.
fn waited_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of so many seconds, whose times are those of a sound server, or as `disturb` changes them.
    fn run(seconds: u64, disturb: impl Fn(u64, u64) -> u64) -> Vec<String> {
        let mut noise = Noise::default();
        noise.calm(true, Duration::ZERO);
        for second in 0..seconds {
            let mut measure = Measure::default();
            for i in 0..500_u64 {
                measure.tick_interval.record(Duration::from_micros(disturb(second, 33_000 + i * 7 % 500)));
                measure.age.record(Duration::from_micros(100 + i % 90));
            }
            noise.second(Duration::from_secs(second), &measure);
        }
        noise.findings()
    }

    #[test]
    fn a_quiet_run_is_quiet() {
        assert_eq!(run(20, |_, time| time), Vec::<String>::new());
        // slower by and by, as one that grows
        assert_eq!(run(20, |second, time| time + second * 10), Vec::<String>::new());
        assert_eq!(run(3, |second, time| time * (second + 1)), Vec::<String>::new(), "of so little nothing is known");
    }

    #[test]
    fn what_disturbs_some_seconds_is_noise() {
        for disturbed in [vec![5], vec![5, 6], vec![5, 7], vec![5, 8], vec![5, 6, 7]] {
            let found = run(20, |second, time| if disturbed.contains(&second) { time * 2 } else { time });
            let seconds = format!("{} of 20 quiet seconds have a p99", disturbed.len());
            assert!(found.iter().any(|found| found.starts_with(&seconds)), "{disturbed:?}: {found:?}");
        }
        // half of the seconds are like each other, and unlike the other half
        let found = run(20, |second, time| if second % 2 == 0 { time * 6 / 5 } else { time });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("% apart in the median of the tick interval"), "{found:?}");
    }

    /// The second in which a storm ends is not calm, nor is one of before, which is told of when it is over.
    #[test]
    fn seconds_of_a_storm_are_no_noise() {
        let (mut noise, at) = (Noise::default(), |s: f64| Duration::from_secs_f64(s));
        let second_of = |ms: u64| {
            let mut measure = Measure::default();
            (0..500).for_each(|_| measure.tick_interval.record(Duration::from_millis(ms)));
            measure
        };
        for storm in 0..3 {
            let began = f64::from(storm) * 10.0;
            noise.calm(false, at(began));
            (0..3).for_each(|second| noise.second(at(began + f64::from(second)), &second_of(300)));
            noise.calm(true, at(began + 3.2));
            noise.second(at(began + 3.0), &second_of(300));
            (4..9).for_each(|second| noise.second(at(began + f64::from(second)), &second_of(33)));
            // the next phase is calm as well
            noise.calm(true, at(began + 9.3));
            noise.second(at(began + 9.0), &second_of(33));
        }
        assert_eq!((noise.findings(), noise.p99s_ms.len()), (Vec::new(), 3 * 6));
    }

    #[test]
    fn what_the_swarm_had_not_is_told() {
        let line = "cpu  100 20 30 1000 5 0 6 39 7 8\ncpu0 1 2 3\n";
        assert_eq!(parse(line), Some((39, 1200)));
        assert_eq!((parse("cpu  1 2 3"), parse("intr 5"), parse("")), (None, None, None));
        let found = |stolen, waited_ms| {
            let (waited, span) = (Duration::from_millis(waited_ms), Duration::from_secs(10));
            let sum = Counters { stolen, all: 1_000, waited, span, at: None };
            Noise { sum, ..Noise::default() }.findings()
        };
        assert_eq!(found(31, 0), ["the host took 3 % of the processors' time for others"]);
        assert_eq!(found(0, 1_500), ["the swarm waited 15 % of the time for a processor"]);
        assert_eq!(found(9, 600), Vec::<String>::new(), "a server beside it is no noise");
        assert_eq!((waited_ns("12 345 6\n"), waited_ns("")), (Some(345), None));
    }
}
