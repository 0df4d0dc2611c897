//! When to look at a link again: a wheel of coarse slots.
//!
//! ```text
//!  next                          one slot = 100 ms, one turn of the wheel = 51.2 s
//!   v
//! [ a b ][ ][ c ][ ] … [ d ]     a deadline behind the horizon waits in the last slot and is looked at early
//! ```
//! The wheel does not know what a deadline means. A link remembers when its entry fires ([`Wheel::arm`] tells);
//! when it does, the link looks at its clocks and is armed anew. So a message costs nothing here, and a deadline
//! that moves back costs nothing either; one that moves forward adds an entry and the older one is ignored.

use std::mem;

use super::LinkId;

/// How coarse the wheel is.
pub const SLOT_MS: u64 = 100;

const SLOTS: u64 = 512;

/// The entries of one reactor's links. Times are milliseconds since the reactor's start and never go back.
#[derive(Debug)]
pub struct Wheel {
    slots: Vec<Vec<LinkId>>,
    /// The first slot that has not fired, counted from the start.
    next: u64,
    entries: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), next: 0, entries: 0 }
    }
}

impl Wheel {
    /// Enters a link, to be looked at when `due_ms` has passed. Returns when that will be: not before the slot
    /// is over, and not behind the horizon.
    pub fn arm(&mut self, link: LinkId, due_ms: u64) -> u64 {
        let slot = due_ms.div_ceil(SLOT_MS).clamp(self.next, self.next + SLOTS - 1);
        self.slots[(slot % SLOTS) as usize].push(link);
        self.entries += 1;
        slot * SLOT_MS
    }

    /// Moves what is due into `fired`: the links, each with the time that [`Wheel::arm`] told for it.
    pub fn expire(&mut self, now_ms: u64, fired: &mut Vec<(LinkId, u64)>) {
        let last = now_ms / SLOT_MS;
        // after a sleep longer than a turn of the wheel each slot fires once
        while self.next <= last && self.entries > 0 {
            let at_ms = self.next * SLOT_MS;
            // the slot's memory goes: kept, a crowd that wanders through the wheel would leave it in every slot
            let due = mem::take(&mut self.slots[(self.next % SLOTS) as usize]);
            self.entries -= due.len();
            fired.extend(due.into_iter().map(|link| (link, at_ms)));
            self.next += 1;
        }
        self.next = self.next.max(last + 1);
    }

    /// When the next slot with an entry fires.
    pub fn next_due_ms(&self) -> Option<u64> {
        if self.entries == 0 {
            return None;
        }
        (self.next..self.next + SLOTS)
            .find(|slot| !self.slots[(slot % SLOTS) as usize].is_empty())
            .map(|slot| slot * SLOT_MS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expire(wheel: &mut Wheel, now_ms: u64) -> Vec<(LinkId, u64)> {
        let mut fired = Vec::new();
        wheel.expire(now_ms, &mut fired);
        fired
    }

    #[test]
    fn a_link_fires_when_its_time_has_passed_and_once() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.next_due_ms(), None);
        assert_eq!(wheel.arm(LinkId(7), 1_234), 1_300);
        assert_eq!(wheel.next_due_ms(), Some(1_300));
        assert_eq!(expire(&mut wheel, 1_299), []);
        assert_eq!(expire(&mut wheel, 1_300), [(LinkId(7), 1_300)]);
        assert_eq!(expire(&mut wheel, 9_999), []);
        assert_eq!(wheel.next_due_ms(), None);
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_slot() {
        let mut wheel = Wheel::default();
        expire(&mut wheel, 5_000);
        assert_eq!(wheel.arm(LinkId(1), 10), 5_100);
        assert_eq!(expire(&mut wheel, 5_100), [(LinkId(1), 5_100)]);
    }

    #[test]
    fn what_lies_behind_the_horizon_is_looked_at_early() {
        let mut wheel = Wheel::default();
        let told = wheel.arm(LinkId(1), 3_600_000);
        assert_eq!(told, (SLOTS - 1) * SLOT_MS);
        assert_eq!(expire(&mut wheel, 10_000_000), [(LinkId(1), told)]);
    }

    proptest! {
        #[test]
        fn every_entry_fires_once_at_the_told_time(steps in proptest::collection::vec((0_u64..70_000, 0_u64..30_000), 1..60)) {
            let mut wheel = Wheel::default();
            let (mut now_ms, mut told) = (0, Vec::new());
            let mut fired = Vec::new();
            for (at, (after, step)) in steps.into_iter().enumerate() {
                let link = LinkId(at as u64);
                told.push((link, wheel.arm(link, now_ms + after)));
                now_ms += step;
                let before = fired.len();
                wheel.expire(now_ms, &mut fired);
                prop_assert!(fired[before..].iter().all(|(_, at_ms)| *at_ms <= now_ms));
                prop_assert!(wheel.next_due_ms().is_none_or(|due| due > now_ms));
            }
            wheel.expire(now_ms + 100_000, &mut fired);
            fired.sort_unstable();
            told.sort_unstable();
            prop_assert_eq!(fired, told);
        }
    }
}
