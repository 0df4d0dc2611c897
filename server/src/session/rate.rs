//! How fast a client may speak: a bucket of messages that refills.

use std::time::{Duration, Instant};

/// A client that is over its rate for this long is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    /// Handle it.
    Fine,
    /// Drop and count it.
    TooFast,
    /// It went on for too long: close.
    Enough,
}

/// A token bucket, with the time since when it has been empty.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    burst: f64,
    tokens: f64,
    refilled: Instant,
    /// The first message dropped since the rate was last kept for a while.
    over_since: Option<Instant>,
    last_over: Instant,
}

impl Rate {
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        let burst = per_second * 2.0;
        Self { per_second, burst, tokens: burst, refilled: now, over_since: None, last_over: now }
    }

    /// Allows another rate from now on, with a full bucket.
    pub(super) fn set(&mut self, per_second: f64, now: Instant) {
        *self = Self::new(per_second, now);
    }

    /// A message came.
    pub(super) fn take(&mut self, now: Instant) -> Pace {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            // only a second without a drop is forgiveness: a flood gets single messages through all the time
            if now.saturating_duration_since(self.last_over) > Duration::from_secs(1) {
                self.over_since = None;
            }
            return Pace::Fine;
        }
        self.last_over = now;
        let since = *self.over_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= PATIENCE { Pace::Enough } else { Pace::TooFast }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rate: &mut Rate, from: Instant, messages: u32, every: Duration) -> Vec<Pace> {
        (0..messages).map(|i| rate.take(from + every * i)).collect()
    }

    #[test]
    fn who_keeps_the_rate_is_never_bothered() {
        let start = Instant::now();
        let mut rate = Rate::new(60.0, start);
        assert!(run(&mut rate, start, 6000, Duration::from_micros(16_700)).iter().all(|pace| *pace == Pace::Fine));
    }

    #[test]
    fn a_flood_is_dropped_and_ended_after_five_seconds() {
        let start = Instant::now();
        let mut rate = Rate::new(60.0, start);
        let paces = run(&mut rate, start, 7000, Duration::from_millis(1));
        let first_over = paces.iter().position(|pace| *pace == Pace::TooFast).expect("1000 a second is too fast");
        let ended = paces.iter().position(|pace| *pace == Pace::Enough).expect("and for too long");
        assert_eq!(ended - first_over, 5000);
        assert!((120..140).contains(&first_over), "the burst lasted {first_over} messages");
    }

    #[test]
    fn a_burst_is_forgiven() {
        let start = Instant::now();
        let mut rate = Rate::new(60.0, start);
        assert!(run(&mut rate, start, 300, Duration::ZERO).contains(&Pace::TooFast));
        let later = start + Duration::from_secs(10);
        assert!(run(&mut rate, later, 60, Duration::from_millis(17)).iter().all(|pace| *pace == Pace::Fine));
        assert_eq!(rate.over_since, None);
    }
}
