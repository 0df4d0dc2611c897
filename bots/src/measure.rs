//! What a bot writes down while it plays, and how the notes of many bots become one.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart from longer ones.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// Times of one sort, kept to three digits, from a microsecond to a minute.
#[derive(Clone, Debug)]
pub struct Times {
    histogram_us: Histogram<u32>,
}

impl Times {
    /// Adds one; what is longer than a minute counts as a minute.
    pub fn record(&mut self, time: Duration) {
        let time_us = time.min(LONGEST).as_micros() as u64;
        self.histogram_us.saturating_record(time_us.max(1));
    }

    /// Adds one of something that was due every `interval`: what did not happen while we waited for this one was late
    /// too, by one interval less each, or a server that stands still for long would look well (coordinated omission).
    pub fn record_missing(&mut self, time: Duration, interval: Duration) {
        let due = time.as_nanos().checked_div(interval.as_nanos()).unwrap_or_default();
        self.record_falling(time, interval, (due as u64).max(1));
    }

    /// Adds `count` times, the first of which is `longest`, and each of the others by `step` shorter than the one
    /// before.
    pub fn record_falling(&mut self, longest: Duration, step: Duration, count: u64) {
        // those that are longer than can be told apart are alike; of an hour's silence there are many
        let beyond = longest.saturating_sub(LONGEST).as_nanos().checked_div(step.as_nanos());
        let beyond = beyond.map_or(count, |beyond| count.min(beyond as u64));
        self.record_many(longest, beyond);
        for place in beyond..count {
            let shorter_ns = step.as_nanos() * u128::from(place);
            self.record(longest.saturating_sub(Duration::from_nanos(shorter_ns as u64)));
        }
    }

    fn record_many(&mut self, time: Duration, mut count: u64) {
        let time_us = time.min(LONGEST).as_micros() as u64;
        while count > 0 {
            let some = count.min(u32::MAX.into());
            self.histogram_us.saturating_record_n(time_us.max(1), some as u32);
            count -= some;
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.histogram_us.is_empty()
    }

    /// What was recorded: microseconds to three digits, and how often; ascending.
    #[must_use]
    pub fn counts(&self) -> Vec<(u64, u64)> {
        let counts = self.histogram_us.iter_recorded();
        counts.map(|step| (step.value_iterated_to(), step.count_at_value().into())).collect()
    }

    /// As [`Times::counts`] gave it.
    #[must_use]
    pub fn of_counts(counts: &[(u64, u64)]) -> Self {
        let mut times = Self::default();
        for (value_us, count) in counts {
            times.record_many(Duration::from_micros(*value_us), *count);
        }
        times
    }

    /// Adds all of `other`'s.
    pub fn merge(&mut self, other: &Self) {
        // all have the same bounds, so nothing of the one can be out of the other's range
        let _ = self.histogram_us.add(&other.histogram_us);
    }

    /// The percentiles; none when nothing was recorded.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let ms = |quantile| self.histogram_us.value_at_quantile(quantile) as f64 / 1000.0;
        (!self.histogram_us.is_empty()).then(|| Percentiles {
            p50: ms(0.5),
            p90: ms(0.9),
            p99: ms(0.99),
            p99_9: ms(0.999),
            max: self.histogram_us.max() as f64 / 1000.0,
            samples: self.histogram_us.len(),
        })
    }
}

impl Default for Times {
    fn default() -> Self {
        // fixed bounds: a histogram that grows by itself saturates at what it has grown to. 70 KB
        let longest_us = LONGEST.as_micros() as u64;
        let histogram_us = Histogram::new_with_bounds(1, longest_us, 3).expect("the bounds are in order");
        Self { histogram_us }
    }
}

/// Percentiles of times, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half were shorter.
    pub p50: f64,
    /// One in ten was longer.
    pub p90: f64,
    /// One in a hundred was longer.
    pub p99: f64,
    /// One in a thousand was longer.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
    /// How many there were.
    pub samples: u64,
}

/// Counters of the measured time.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Frames.
    pub frames: u64,
    /// Ticks that bots did not get a frame of.
    pub ticks_missed: u64,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Payload bytes sent.
    pub bytes_up: u64,
}

/// Numbers, and how often each was counted.
pub type Counted = BTreeMap<u32, u64>;

/// What bots measured; merged, what all did. Joins count always, the rest while it is measured.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// From a frame to the next of the same bot; what did not come in between counts too.
    pub tick_interval: Times,
    /// From when an input was due to the frame that acked it.
    pub input_to_ack: Times,
    /// How much older a state was when it arrived than the freshest in its room.
    pub age: Times,
    /// From when a join was due to the seat.
    pub join: Times,
    /// The same for a bot that came back after its connection broke.
    pub resume: Times,
    /// How late the swarm's own timers fired, and how long sockets with something to read waited for others' turns.
    pub lateness: Times,
    /// How many entities players had in view, each now and then.
    pub in_view: Counted,
    /// Counters.
    pub counters: Counters,
    /// The bots' measured seconds together.
    pub bot_seconds: f64,
}

impl Measure {
    /// Adds what others measured.
    pub fn merge(&mut self, other: &Self) {
        for ((_, times), (_, more)) in self.times_mut().into_iter().zip(other.times()) {
            times.merge(more);
        }
        for (count, times) in &other.in_view {
            *self.in_view.entry(*count).or_default() += times;
        }
        self.counters.frames += other.counters.frames;
        self.counters.ticks_missed += other.counters.ticks_missed;
        self.counters.bytes_down += other.counters.bytes_down;
        self.counters.bytes_up += other.counters.bytes_up;
        self.bot_seconds += other.bot_seconds;
    }

    /// All times with their names.
    #[must_use]
    pub fn times(&self) -> [(&'static str, &Times); 6] {
        [
            ("tick_interval", &self.tick_interval),
            ("input_to_ack", &self.input_to_ack),
            ("age", &self.age),
            ("join", &self.join),
            ("resume", &self.resume),
            ("lateness", &self.lateness),
        ]
    }

    /// The same, to be changed.
    pub fn times_mut(&mut self) -> [(&'static str, &mut Times); 6] {
        [
            ("tick_interval", &mut self.tick_interval),
            ("input_to_ack", &mut self.input_to_ack),
            ("age", &mut self.age),
            ("join", &mut self.join),
            ("resume", &mut self.resume),
            ("lateness", &mut self.lateness),
        ]
    }

    /// `count` as a rate of one bot; 0 when nobody measured.
    #[must_use]
    pub fn per_bot_second(&self, count: u64) -> f64 {
        if self.bot_seconds > 0.0 { count as f64 / self.bot_seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ms: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        ms.into_iter().for_each(|ms| times.record(Duration::from_millis(ms)));
        times
    }

    fn near(ms: f64, wanted: f64) -> bool {
        (ms - wanted).abs() <= wanted * 0.001
    }

    #[test]
    fn percentiles_are_those_of_the_numbers() {
        let found = times(1..=1000).percentiles().expect("there are times");
        assert!(near(found.p50, 500.0), "p50 {}", found.p50);
        assert!(near(found.p99, 990.0), "p99 {}", found.p99);
        assert!(near(found.p99_9, 999.0), "p99.9 {}", found.p99_9);
        assert!(near(found.max, 1000.0), "max {}", found.max);
        assert_eq!(found.samples, 1000);
    }

    #[test]
    fn nothing_measured_has_no_percentiles() {
        assert_eq!(Times::default().percentiles(), None);
    }

    #[test]
    fn merging_is_the_same_as_recording_in_one() {
        let mut merged = times((1..=1000).step_by(2));
        merged.merge(&times((2..=1000).step_by(2)));
        assert_eq!(merged.percentiles(), times(1..=1000).percentiles());
    }

    #[test]
    fn extremes_are_counted_at_the_ends() {
        let mut times = Times::default();
        times.record(Duration::ZERO);
        times.record(Duration::from_secs(3600));
        let found = times.percentiles().expect("there are times");
        assert_eq!(found.samples, 2);
        assert!(near(found.max, 60_000.0), "max {}", found.max);
    }

    #[test]
    fn what_did_not_happen_meanwhile_was_late_too() {
        let mut found = Times::default();
        found.record_missing(Duration::from_millis(250), Duration::from_millis(50));
        let mut wanted: Vec<f64> = found.counts().iter().map(|(us, _)| (*us as f64 / 1000.0).round()).collect();
        wanted.sort_by(f64::total_cmp);
        assert_eq!(wanted, [50.0, 100.0, 150.0, 200.0, 250.0]);
        let mut usual = Times::default();
        usual.record_missing(Duration::from_millis(60), Duration::from_millis(50));
        assert_eq!(usual.percentiles().map(|usual| usual.samples), Some(1));
    }

    #[test]
    fn of_a_silence_all_that_was_due_counts_however_long_it_was() {
        let mut found = Times::default();
        found.record_missing(Duration::from_secs(3600), Duration::from_millis(50));
        let found = found.percentiles().expect("there are times");
        assert_eq!(found.samples, 72_000);
        assert!(near(found.p50, 60_000.0), "an hour is longer than a minute: {found:?}");
        let mut unknown = Times::default();
        unknown.record_missing(Duration::from_millis(250), Duration::ZERO);
        assert_eq!(unknown.percentiles().map(|unknown| unknown.samples), Some(1));
    }

    #[test]
    fn counts_are_the_histogram() {
        let found = times((1..=1000).chain(5..50));
        assert_eq!(Times::of_counts(&found.counts()).percentiles(), found.percentiles());
    }

    #[test]
    fn rates_are_a_bots_whoever_measured_for_how_long() {
        let counters = |frames| Counters { frames, ..Counters::default() };
        let mut measure = Measure { bot_seconds: 10.0, counters: counters(300), ..Measure::default() };
        measure.merge(&Measure { bot_seconds: 2.0, counters: counters(60), ..Measure::default() });
        assert_eq!(measure.per_bot_second(measure.counters.frames), 30.0);
        assert_eq!(Measure::default().per_bot_second(5), 0.0);
    }
}
