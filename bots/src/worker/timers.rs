//! When a thread's bots want to be called.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Successive multiples of this part of a tick lie far from each other, however many there are: the root of 2, less 1.
/// Another one than that by which [`Plan`](crate::plan::Plan) divides bots into groups, or a group's would tick together.
const SPREAD: f64 = 0.414_213_562_373_095;
/// Bots that tick within this time of each other do so at once.
const TICK_SLOT: Duration = Duration::from_millis(1);
/// Of a long period.
const SLOTS_MAX: u128 = 100_000;
/// Moments whose memory is kept.
const SPARE_MAX: usize = 256;

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

/// Calls in the order of their times. A bot that changed its mind lets the call come and knows that it is stale. Bots
/// share their ticks' moments ([`first_tick`]), so there are few of those, however many bots.
#[derive(Debug, Default)]
pub(super) struct Timers {
    moments: BTreeMap<Duration, VecDeque<Call>>,
    /// Of the moment that is being served, and what is left of it.
    serving: (Duration, VecDeque<Call>),
    /// Memory of moments that are over.
    spare: Vec<VecDeque<Call>>,
}

type Call = (usize, Cause);

impl Timers {
    pub(super) fn add(&mut self, due: Duration, bot: usize, cause: Cause) {
        let calls = self.moments.entry(due).or_insert_with(|| self.spare.pop().unwrap_or_default());
        calls.push_back((bot, cause));
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        let (serving, left) = &self.serving;
        if left.is_empty() { self.moments.first_key_value().map(|(due, _)| *due) } else { Some(*serving) }
    }

    pub(super) fn pop_due(&mut self, now: Duration) -> Option<(Duration, usize, Cause)> {
        if self.serving.1.is_empty() {
            let next = self.moments.first_entry().filter(|next| *next.key() <= now)?;
            let over = std::mem::replace(&mut self.serving, next.remove_entry());
            if self.spare.len() < SPARE_MAX {
                self.spare.push(over.1);
            }
        }
        let (due, calls) = &mut self.serving;
        calls.pop_front().map(|(bot, cause)| (*due, bot, cause))
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
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Depth, Group, Plan};

    proptest! {
        #[test]
        fn each_call_comes_once_and_not_before_its_time(
            steps in prop::collection::vec((prop::collection::vec(0u64..200, 0..8), 0u64..30), 1..60),
        ) {
            let (mut timers, mut now, mut waiting, mut added) = (Timers::default(), Duration::ZERO, BTreeMap::new(), 0);
            for (waits, passes) in steps {
                for wait in waits {
                    let due = now + Duration::from_millis(wait);
                    timers.add(due, added, Cause::Tick);
                    waiting.insert(added, due);
                    added += 1;
                }
                prop_assert_eq!(timers.next_due(), waiting.values().min().copied());
                now += Duration::from_millis(passes);
                let mut latest = Duration::ZERO;
                while let Some((due, bot, Cause::Tick)) = timers.pop_due(now) {
                    prop_assert!(due >= latest && due <= now);
                    prop_assert_eq!(waiting.remove(&bot), Some(due));
                    latest = due;
                }
                prop_assert!(waiting.values().all(|due| *due > now), "one was left behind");
            }
        }
    }

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

    #[test]
    fn the_few_that_play_among_many_that_watch_tick_all_over_the_period() {
        let watch = Group { share: 0.75, depth: Depth::Watch, ..Group::default() };
        let play = Group { share: 0.25, ..Group::default() };
        let plan = Plan { groups: vec![play, watch], ..crate::plan::tests::plan() };
        let period = Duration::from_millis(33);
        let players = (0..60).filter(|index| plan.group(*index).depth == Depth::Play);
        let mut ticks: Vec<Duration> = players.map(|index| first_tick(Duration::ZERO, period, index)).collect();
        ticks.sort_unstable();
        let next = ticks.iter().skip(1).copied().chain([ticks[0] + period]);
        let longest = ticks.iter().zip(next).map(|(one, next)| next - *one).max();
        assert!(ticks.len() > 10 && longest < Some(period / 4), "{ticks:?}");
    }
}
