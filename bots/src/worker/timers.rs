//! When a thread's bots want to be called.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Successive multiples of this part of a tick lie far from each other, however many there are (the golden ratio).
const SPREAD: f64 = 0.618_033_988_749_895;
/// Bots that tick within this time of each other do so at once.
const TICK_SLOT: Duration = Duration::from_millis(1);
/// Of a long period.
const SLOTS_MAX: u128 = 100_000;

/// Why a bot is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cause {
    /// Its own tick.
    Tick,
    /// Its link has something for it.
    Link,
    /// It waited long enough.
    Deadline,
}

/// Calls in the order of their times. A bot that changed its mind lets the call come and knows that it is stale.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Duration, usize, Cause)>>,
}

impl Timers {
    pub(super) fn add(&mut self, due: Duration, bot: usize, cause: Cause) {
        self.heap.push(Reverse((due, bot, cause)));
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((due, ..))| *due)
    }

    pub(super) fn pop_due(&mut self, now: Duration) -> Option<(Duration, usize, Cause)> {
        self.next_due().filter(|due| *due <= now)?;
        self.heap.pop().map(|Reverse(call)| call)
    }
}

/// When a bot that has its seat `now` ticks first. Bots' ticks are spread over the period, by moments that they share:
/// a thousand timers of their own would wake this thread, and the server, for each input alone.
pub(super) fn first_tick(now: Duration, period: Duration, index: usize) -> Duration {
    let slots = (period.as_nanos() / TICK_SLOT.as_nanos()).clamp(1, SLOTS_MAX) as u32;
    let slot = ((index as f64 * SPREAD).fract() * f64::from(slots)) as u32;
    let nanos = period.as_nanos().max(1);
    let phase = (period / slots * slot).as_nanos();
    let wait = (phase + nanos - now.as_nanos() % nanos) % nanos;
    now + Duration::from_nanos(wait as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_spread_over_the_period_and_share_their_moments() {
        for (period_us, slots) in [(33_333, 33), (50_000, 50), (500, 1), (5_000_000, 5_000)] {
            let period = Duration::from_micros(period_us);
            let mut moments = std::collections::BTreeMap::<Duration, usize>::new();
            for index in 0..10_000 {
                let now = Duration::from_micros(987_654 + index as u64 * 77);
                let first = first_tick(now, period, index);
                assert!(first >= now && first < now + period, "{index}: {first:?}");
                *moments.entry(Duration::from_nanos((first.as_nanos() % period.as_nanos()) as u64)).or_default() += 1;
            }
            assert_eq!(moments.len(), slots, "{period:?}");
            let (fewest, most) = (moments.values().min(), moments.values().max());
            assert!(most <= fewest.map(|fewest| fewest + 8).as_ref(), "{period:?}: {fewest:?} to {most:?}");
        }
    }
}
