//! Whether a run was measured in peace: parts of it that should be alike are compared, and the system is asked whether
//! the swarm had the processors that it wanted. What only the server was late by is its own doing, and no noise: a part
//! that fared worse counts only if the machine shows it, too.

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
/// So much more than in quiet parts shows that the machine had too much to do: of the time in which the swarm waited for
/// a processor, and of that in which anybody on the machine did.
const WAITED_MORE: f64 = 0.03;
const PRESSED_MORE: f64 = 0.2;
/// The swarm's own lateness explains what is at most so many times as long.
const LATE_FOR: f64 = 2.0;
/// What is looked at; what happens but now and then, such as joins, is never alike.
const NAMES: [&str; 3] = ["tick interval", "input to ack", "age of state"];
/// The three ways to make two halves of four quarters. Each second is of the next quarter, so what disturbs a second or
/// two lies in one half and not in the other.
const HALVES: [([usize; 2], [usize; 2]); 3] = [([0, 2], [1, 3]), ([0, 1], [2, 3]), ([0, 3], [1, 2])];

/// Collects what tells whether it was quiet.
#[derive(Debug, Default)]
pub struct Noise {
    quarters: [[Times; NAMES.len()]; 4],
    /// Of each second the p99 of the tick interval, and how the machine was.
    seconds: Vec<(f64, Signs)>,
    /// Up to the last second, and what that and the one before came to.
    counted: Option<Counters>,
    latest: [Signs; 2],
    /// Since when it is measured and nothing changes by plan.
    calm_since: Option<Duration>,
    began: Option<Counters>,
    /// Over all that was measured.
    sum: Counters,
}

/// How the machine was, whatever the server did.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// The swarm's own p99.
    lateness_ms: f64,
    /// Parts of the time: the swarm waited for a processor, the host took the processors, anybody waited for one.
    waited: f64,
    stolen: f64,
    pressed: f64,
}

/// What the system counts.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// The host's time on this machine's processors, and all of it, in ticks of the clock.
    stolen: u64,
    all: u64,
    /// How long our threads could have run and did not.
    waited: Duration,
    /// How long anybody's could not.
    pressed: Duration,
    /// How long it took, once for each thread.
    span: Duration,
    at: Option<Instant>,
}

impl Noise {
    /// From now on it is measured.
    pub fn begin(&mut self) {
        self.began = Some(Counters::now());
        (self.counted, self.latest) = (self.began, Default::default());
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

    /// What was measured by so many threads in the second that began then.
    pub fn second(&mut self, began: Duration, measure: &Measure, threads: usize) {
        let now = Counters::now();
        if let Some(before) = self.counted.replace(now) {
            self.latest = [self.latest[1], now.signs_since(&before, threads)];
        }
        // it is told of half a second later, so its machine is in two of the system's
        self.note(began, measure, self.latest[0].worse(self.latest[1]));
    }

    /// The same, on a machine that was so. A second that was only calm in the end counts as little as a storm.
    fn note(&mut self, began: Duration, measure: &Measure, machine: Signs) {
        if self.calm_since.is_none_or(|since| began < since) {
            return;
        }
        let Some(p99) = measure.tick_interval.percentiles().map(|times| times.p99) else { return };
        let lateness_ms = measure.lateness.percentiles().map_or(0.0, |times| times.p99);
        let quarter = &mut self.quarters[self.seconds.len() % 4];
        for (times, more) in quarter.iter_mut().zip([&measure.tick_interval, &measure.input_to_ack, &measure.age]) {
            times.merge(more);
        }
        self.seconds.push((p99, Signs { lateness_ms, ..machine }));
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
        let mut sorted: Vec<f64> = self.seconds.iter().map(|(p99, _)| *p99).collect();
        sorted.sort_by(f64::total_cmp);
        let (count, middle) = (sorted.len(), *sorted.get(sorted.len() / 2)?);
        let quiet = Signs::mean(self.seconds.iter().filter(|(p99, _)| *p99 <= middle).map(|(_, signs)| *signs));
        let is_bad = |(p99, signs): &&(f64, Signs)| {
            let more_ms = p99 - middle;
            *p99 > middle * DISTURBED && more_ms > TELLABLE_MS && signs.explain(more_ms, quiet)
        };
        let bad = self.seconds.iter().filter(is_bad).count();
        (count >= SECONDS_MIN && bad * 100 > count).then(|| {
            format!(
                "{bad} of {count} quiet seconds have a p99 of the tick interval that is a quarter above the others', \
                 when the machine was busy, too"
            )
        })
    }

    /// By how much halves of the run differ where they differ most, if they do by what the machine did.
    fn apart(&self, which: usize) -> Option<String> {
        let half = |quarters: [usize; 2]| {
            let [one, other] = quarters;
            let mut times = self.quarters[one][which].clone();
            times.merge(&self.quarters[other][which]);
            let seconds = self.seconds.iter().enumerate().filter(|(place, _)| quarters.contains(&(place % 4)));
            let signs = Signs::mean(seconds.map(|(_, (_, signs))| *signs));
            times.percentiles().filter(|found| found.samples >= SAMPLES_MIN).map(|times| (times, signs))
        };
        let mut worst: Option<(f64, &str, f64)> = None;
        for (one, other) in HALVES {
            let ((one, its), (other, others)) = (half(one)?, half(other)?);
            for (name, a, b, most) in [("median", one.p50, other.p50, APART.0), ("p99", one.p99, other.p99, APART.1)] {
                let apart = (a - b).abs() / a.max(b).max(f64::EPSILON);
                let is_worst = worst.is_none_or(|(ratio, ..)| apart / most > ratio);
                let (slow, quick) = if a > b { (its, others) } else { (others, its) };
                let is_told = (a - b).abs() > TELLABLE_MS && slow.explain((a - b).abs(), quick);
                if apart > most && is_told && is_worst {
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

impl Signs {
    /// Whether a machine that was so, and elsewhere was as `quiet` says, makes frames later by so much.
    fn explain(&self, more_ms: f64, quiet: Self) -> bool {
        (self.lateness_ms - quiet.lateness_ms) * LATE_FOR >= more_ms
            || self.waited - quiet.waited > WAITED_MORE
            || self.stolen - quiet.stolen > STOLEN_MAX
            || self.pressed - quiet.pressed > PRESSED_MORE
    }

    fn mean(all: impl Iterator<Item = Self>) -> Self {
        let (mut sum, mut count) = (Self::default(), 0.0);
        for one in all {
            count += 1.0;
            sum.add(one, 1.0);
        }
        let mut mean = Self::default();
        mean.add(sum, 1.0 / f64::max(count, 1.0));
        mean
    }

    fn add(&mut self, other: Self, times: f64) {
        self.lateness_ms += other.lateness_ms * times;
        self.waited += other.waited * times;
        self.stolen += other.stolen * times;
        self.pressed += other.pressed * times;
    }

    /// Of each the larger.
    fn worse(self, other: Self) -> Self {
        Self {
            lateness_ms: self.lateness_ms.max(other.lateness_ms),
            waited: self.waited.max(other.waited),
            stolen: self.stolen.max(other.stolen),
            pressed: self.pressed.max(other.pressed),
        }
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
        let pressed_us = fs::read_to_string("/proc/pressure/cpu").ok().and_then(|text| pressed_us(&text));
        Self {
            stolen,
            all,
            waited: Duration::from_nanos(waited_ns.sum()),
            pressed: Duration::from_micros(pressed_us.unwrap_or_default()),
            span: Duration::ZERO,
            at: Some(Instant::now()),
        }
    }

    /// How the machine was since then, for so many threads of ours.
    fn signs_since(&self, before: &Self, threads: usize) -> Signs {
        let span = self.at.zip(before.at).map_or(Duration::ZERO, |(now, then)| now - then);
        let part = |time: Duration| time.as_secs_f64() / span.as_secs_f64().max(f64::EPSILON);
        let stolen = self.stolen.saturating_sub(before.stolen) as f64;
        Signs {
            lateness_ms: 0.0,
            waited: part(self.waited.saturating_sub(before.waited)) / threads.max(1) as f64,
            stolen: stolen / self.all.saturating_sub(before.all).max(1) as f64,
            pressed: part(self.pressed.saturating_sub(before.pressed)),
        }
    }
}

/// For how long some task of the machine has waited for a processor: `some avg10=0.00 ... total=123` (psi(7)).
fn pressed_us(text: &str) -> Option<u64> {
    text.lines().next()?.strip_prefix("some ")?.rsplit_once("total=")?.1.trim().parse().ok()
}

/// Of a thread: nanoseconds that it ran, that it waited for a processor, and how often it ran.
fn waited_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the machine does where the server is slower than usual.
    #[derive(Clone, Copy, Debug)]
    enum Machine {
        Rests,
        DelaysUs(u64),
        Is(Signs),
    }

    /// A run of so many seconds, whose times are those of a sound server, or as `disturb` changes them.
    fn run_on(machine: Machine, seconds: u64, disturb: impl Fn(u64, u64) -> u64) -> Vec<String> {
        let mut noise = Noise::default();
        noise.calm(true, Duration::ZERO);
        for second in 0..seconds {
            let mut measure = Measure::default();
            let is_disturbed = disturb(second, 33_000) != 33_000;
            let (late_us, signs) = match machine {
                Machine::DelaysUs(us) if is_disturbed => (us, Signs::default()),
                Machine::Is(signs) if is_disturbed => (100, signs),
                _ => (100, Signs::default()),
            };
            for i in 0..500_u64 {
                measure.tick_interval.record(Duration::from_micros(disturb(second, 33_000 + i * 7 % 500)));
                measure.age.record(Duration::from_micros(100 + i % 90));
                measure.lateness.record(Duration::from_micros(late_us));
            }
            noise.note(Duration::from_secs(second), &measure, signs);
        }
        noise.findings()
    }

    /// On a machine that delays the swarm as it does the server.
    fn run(seconds: u64, disturb: impl Fn(u64, u64) -> u64) -> Vec<String> {
        run_on(Machine::DelaysUs(40_000), seconds, disturb)
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

    /// A second in which the server stalls, or half of the run in which it is slow, is for nobody to excuse.
    #[test]
    fn what_only_the_server_is_late_by_is_no_noise() {
        let (pressed, waited) = (Signs { pressed: 0.5, ..Signs::default() }, Signs { waited: 0.1, ..Signs::default() });
        let stolen = Signs { stolen: 0.1, ..Signs::default() };
        for (machine, is_noise) in [
            (Machine::Rests, false),
            // what the swarm was late by when it took up what a stall had held back
            (Machine::DelaysUs(3_000), false),
            (Machine::DelaysUs(20_000), true),
            (Machine::Is(pressed), true),
            (Machine::Is(waited), true),
            (Machine::Is(stolen), true),
        ] {
            let stalled = run_on(machine, 20, |second, time| if second == 5 { time + 33_000 } else { time });
            let halved = run_on(machine, 20, |second, time| if second % 2 == 0 { time + 33_000 } else { time });
            assert_eq!([!stalled.is_empty(), !halved.is_empty()], [is_noise; 2], "{machine:?} {stalled:?} {halved:?}");
        }
    }

    /// The second in which a storm ends is not calm, nor is one of before, which is told of when it is over.
    #[test]
    fn seconds_of_a_storm_are_no_noise() {
        let (mut noise, at) = (Noise::default(), |s: f64| Duration::from_secs_f64(s));
        let busy = Signs { pressed: 0.9, ..Signs::default() };
        let second_of = |ms: u64| {
            let mut measure = Measure::default();
            (0..500).for_each(|_| measure.tick_interval.record(Duration::from_millis(ms)));
            measure
        };
        for storm in 0..3 {
            let began = f64::from(storm) * 10.0;
            noise.calm(false, at(began));
            (0..3).for_each(|second| noise.note(at(began + f64::from(second)), &second_of(300), busy));
            noise.calm(true, at(began + 3.2));
            noise.note(at(began + 3.0), &second_of(300), busy);
            (4..9).for_each(|second| noise.note(at(began + f64::from(second)), &second_of(33), Signs::default()));
            // the next phase is calm as well
            noise.calm(true, at(began + 9.3));
            noise.note(at(began + 9.0), &second_of(33), Signs::default());
        }
        assert_eq!((noise.findings(), noise.seconds.len()), (Vec::new(), 3 * 6));
    }

    #[test]
    fn what_the_swarm_had_not_is_told() {
        let line = "cpu  100 20 30 1000 5 0 6 39 7 8\ncpu0 1 2 3\n";
        assert_eq!(parse(line), Some((39, 1200)));
        assert_eq!((parse("cpu  1 2 3"), parse("intr 5"), parse("")), (None, None, None));
        let found = |stolen, waited_ms| {
            let (waited, span) = (Duration::from_millis(waited_ms), Duration::from_secs(10));
            let sum = Counters { stolen, all: 1_000, waited, span, ..Counters::default() };
            Noise { sum, ..Noise::default() }.findings()
        };
        assert_eq!(found(31, 0), ["the host took 3 % of the processors' time for others"]);
        assert_eq!(found(0, 1_500), ["the swarm waited 15 % of the time for a processor"]);
        assert_eq!(found(9, 600), Vec::<String>::new(), "a server beside it is no noise");
        assert_eq!((waited_ns("12 345 6\n"), waited_ns("")), (Some(345), None));
        let pressure = "some avg10=0.00 avg60=1.50 avg300=0.72 total=8656523711\nfull avg10=0.00 total=7\n";
        assert_eq!((pressed_us(pressure), pressed_us("")), (Some(8_656_523_711), None));
        let then =
            Counters { all: 100, waited: Duration::from_secs(1), at: Some(Instant::now()), ..Counters::default() };
        let (at, waited) = (then.at.map(|at| at + Duration::from_secs(1)), Duration::from_millis(1_500));
        let now = Counters { stolen: 10, all: 300, waited, pressed: Duration::from_millis(250), at, ..then };
        let Signs { waited, stolen, pressed, .. } = now.signs_since(&then, 2);
        assert_eq!((waited, stolen, pressed), (0.25, 0.05, 0.25));
    }
}
