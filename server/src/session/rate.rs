//! How fast a client may speak, in messages and in bytes, and how long it may be too fast.

use std::time::{Duration, Instant};

use crate::config::SessionLimits;
use crate::net::rate::{Meter, Rate};

/// Only so long without a drop is forgiveness: a flood gets single messages through all the time.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);

/// Of requests for keyframes, so many are heard of who is too fast. Rooms heed no more of them.
const RESYNCS: Rate = Rate { per_s: 2, burst: 2 };

/// What to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Handle it.
    Fine,
    /// Drop and count it.
    TooFast,
    /// It went on for too long: close.
    Enough,
}

/// One client's pace.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    allowed: Rate,
    /// Answers to frames, beside the messages.
    answers_allowed: Rate,
    messages: Meter,
    answers: Meter,
    bytes: Meter,
    resyncs: Meter,
    /// The first message dropped since the rate was last kept for a while, and the last.
    over: Option<(Instant, Instant)>,
}

impl Pace {
    pub(super) fn new(allowed: Rate, now: Instant) -> Self {
        let [messages, answers, bytes, resyncs] = [Meter::default(); 4];
        let answers_allowed = Rate { per_s: 1, burst: 1 };
        Self { started: now, allowed, answers_allowed, messages, answers, bytes, resyncs, over: None }
    }

    /// Allows another rate of messages from now on, and beside them one of answers to frames, with full bursts.
    pub(super) fn set(&mut self, allowed: Rate, answers_allowed: Rate) {
        (self.allowed, self.answers_allowed) = (allowed, answers_allowed);
        (self.messages, self.answers) = (Meter::default(), Meter::default());
        self.over = None;
    }

    /// A message came; perhaps one that answers a frame: the server has asked for it, so it counts as a message only
    /// when there are too many.
    pub(super) fn take(&mut self, bytes: usize, is_answer: bool, limits: &SessionLimits, now: Instant) -> Verdict {
        let now_us = self.micros(now);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let is_asked_for = is_answer && self.answers.take(self.answers_allowed, 1, now_us);
        let in_time = is_asked_for || self.messages.take(self.allowed, 1, now_us);
        if in_time && self.bytes.take(limits.bytes, bytes, now_us) {
            if self.over.is_some_and(|(_, last)| now.saturating_duration_since(last) > FORGIVEN_AFTER) {
                self.over = None;
            }
            return Verdict::Fine;
        }
        let (since, _) = self.over.unwrap_or((now, now));
        self.over = Some((since, now));
        let patience = Duration::from_millis(limits.too_fast_timeout_ms);
        if now.saturating_duration_since(since) >= patience { Verdict::Enough } else { Verdict::TooFast }
    }

    /// Whether a request for keyframes is heard although it came too fast.
    pub(super) fn take_resync(&mut self, now: Instant) -> bool {
        let now_us = self.micros(now);
        self.resyncs.take(RESYNCS, 1, now_us)
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Rate = Rate { per_s: 60, burst: 120 };

    fn run(pace: &mut Pace, from: Instant, messages: u32, bytes: usize, every: Duration) -> Vec<Verdict> {
        (0..messages).map(|i| pace.take(bytes, false, &SessionLimits::default(), from + every * i)).collect()
    }

    #[test]
    fn who_keeps_the_rate_is_never_bothered() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        // 60 messages a second and a little less than 64 KiB
        let verdicts = run(&mut pace, start, 6000, 1092, Duration::from_micros(16_700));
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Fine));
    }

    #[test]
    fn a_flood_is_dropped_and_ended_after_five_seconds() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        let verdicts = run(&mut pace, start, 7000, 1, Duration::from_millis(1));
        let first =
            verdicts.iter().position(|verdict| *verdict == Verdict::TooFast).expect("1000 a second is too fast");
        let ended = verdicts.iter().position(|verdict| *verdict == Verdict::Enough).expect("and for too long");
        assert_eq!(ended - first, 5000);
        assert!((120..140).contains(&first), "the burst lasted {first} messages");
    }

    #[test]
    fn few_long_messages_are_a_flood_too() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        // eight make 128 KiB; after that there is one each quarter of a second
        let verdicts = run(&mut pace, start, 9, 16 * 1024, Duration::ZERO);
        assert_eq!(verdicts.iter().position(|verdict| *verdict == Verdict::TooFast), Some(8));
        let later = start + Duration::from_millis(250);
        assert_eq!(run(&mut pace, later, 2, 16 * 1024, Duration::ZERO), [Verdict::Fine, Verdict::TooFast]);
        let verdicts = run(&mut pace, later, 60, 16 * 1024, Duration::from_millis(100));
        assert!(verdicts.contains(&Verdict::Enough), "160 KiB a second");
    }

    #[test]
    fn one_message_longer_than_the_burst_is_allowed_after_a_rest() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        let verdicts = run(&mut pace, start, 2, 1024 * 1024, Duration::ZERO);
        assert_eq!(verdicts, [Verdict::Fine, Verdict::TooFast]);
    }

    #[test]
    fn a_burst_is_forgiven() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        assert!(run(&mut pace, start, 300, 1, Duration::ZERO).contains(&Verdict::TooFast));
        let later = start + Duration::from_secs(10);
        let verdicts = run(&mut pace, later, 60, 1, Duration::from_millis(17));
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Fine));
        assert_eq!(pace.over, None);
    }

    #[test]
    fn answers_to_frames_count_only_when_there_are_too_many() {
        let start = Instant::now();
        let mut pace = Pace::new(ALLOWED, start);
        pace.set(ALLOWED, Rate { per_s: 30, burst: 60 });
        let mut fine = |is_answer, count: usize| {
            let verdicts = (0..count).map(|_| pace.take(5, is_answer, &SessionLimits::default(), start));
            verdicts.filter(|verdict| *verdict == Verdict::Fine).count()
        };
        assert_eq!(fine(true, 60), 60);
        assert_eq!(fine(false, 100), 100, "the messages have their own allowance");
        assert_eq!(fine(true, 100), 20, "and what is above that of answers is one of them");
    }
}
