//! What a bot writes down while it plays, and how the notes of many bots become one.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tickwire_shared::client::Stats;

/// Longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

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
            p99: ms(0.99),
            p99_9: ms(0.999),
            max: self.histogram_us.max() as f64 / 1000.0,
            samples: self.histogram_us.len(),
        })
    }
}

impl Default for Times {
    fn default() -> Self {
        // fixed bounds: a histogram that grows by itself saturates at what it has grown to. 70 KB, of which a bot
        // touches a page or two
        let longest_us = LONGEST.as_micros() as u64;
        let histogram_us = Histogram::new_with_bounds(1, longest_us, 3).expect("the bounds are in order");
        Self { histogram_us }
    }
}

/// Percentiles of times, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Percentiles {
    /// Half were shorter.
    pub p50: f64,
    /// One in a hundred was longer.
    pub p99: f64,
    /// One in a thousand was longer.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
    /// How many there were.
    pub samples: u64,
}

/// Counters of the steady phase.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Counters {
    /// Frames applied.
    pub frames: u64,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Payload bytes sent.
    pub bytes_up: u64,
}

impl Counters {
    /// What a client counted since `start`.
    #[must_use]
    pub fn between(start: &Stats, end: &Stats) -> Self {
        Self {
            frames: end.frames - start.frames,
            bytes_down: end.bytes_in - start.bytes_in,
            bytes_up: end.bytes_out - start.bytes_out,
        }
    }
}

/// Everything that one bot measured in the steady phase; merged, what all did.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// From a frame to the next of the same bot.
    pub frame_gaps: Times,
    /// From an input to the frame that acked it.
    pub input_to_ack: Times,
    /// How late the bot's own timer fired.
    pub lateness: Times,
    /// Counters.
    pub counters: Counters,
    /// How long the bot measured; merged, the sum.
    pub seconds: f64,
}

impl Measure {
    /// Adds what another bot measured.
    pub fn merge(&mut self, other: &Self) {
        self.frame_gaps.merge(&other.frame_gaps);
        self.input_to_ack.merge(&other.input_to_ack);
        self.lateness.merge(&other.lateness);
        self.counters.frames += other.counters.frames;
        self.counters.bytes_down += other.counters.bytes_down;
        self.counters.bytes_up += other.counters.bytes_up;
        self.seconds += other.seconds;
    }

    /// `count` as a rate of one bot; 0 when nobody measured.
    #[must_use]
    pub fn per_bot_second(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
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
    fn rates_are_a_bots_whoever_measured_for_how_long() {
        let counters = |frames| Counters { frames, ..Counters::default() };
        let mut measure = Measure { seconds: 10.0, counters: counters(300), ..Measure::default() };
        measure.merge(&Measure { seconds: 2.0, counters: counters(60), ..Measure::default() });
        assert_eq!(measure.per_bot_second(measure.counters.frames), 30.0);
        assert_eq!(Measure::default().per_bot_second(5), 0.0);
    }
}
