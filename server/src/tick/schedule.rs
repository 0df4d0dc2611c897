//! When rooms are due: deadlines on a grid of whole milliseconds, so that rooms of one moment run in one pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;
use tickwire_shared::TickRate;

use crate::handover::RoomId;

/// Deadlines of one thread's rooms, in milliseconds since the thread's start.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BinaryHeap<Reverse<(u64, RoomId)>>,
    rooms: FxHashMap<RoomId, Timetable>,
    /// How many rooms begin at each moment of a period.
    moments: FxHashMap<(u16, u64), usize>,
}

/// One room's ticks: number `n` is due at `start_ms + n * 1000 / hz`.
#[derive(Clone, Copy, Debug)]
struct Timetable {
    start_ms: u64,
    hz: u64,
    n: u64,
    moment: (u16, u64),
}

impl Timetable {
    fn due_ms(&self) -> u64 {
        self.start_ms + self.n * 1000 / self.hz
    }
}

impl Schedule {
    /// Adds a room at the moment of its period that the fewest rooms of its rate have.
    pub(super) fn add(&mut self, room: RoomId, rate: TickRate, now_ms: u64) {
        let hz = rate.per_second();
        let period_ms = (1000 / u64::from(hz)).max(1);
        let load = |offset: u64| self.moments.get(&(hz, (now_ms + offset) % period_ms)).copied().unwrap_or(0);
        let offset = (1..=period_ms).min_by_key(|offset| load(*offset)).unwrap_or(1);
        let moment = (hz, (now_ms + offset) % period_ms);
        *self.moments.entry(moment).or_default() += 1;
        let timetable = Timetable { start_ms: now_ms + offset, hz: hz.into(), n: 0, moment };
        self.due.push(Reverse((timetable.due_ms(), room)));
        self.rooms.insert(room, timetable);
    }

    /// Removes a room.
    pub(super) fn remove(&mut self, room: RoomId) {
        if let Some(timetable) = self.rooms.remove(&room)
            && let Some(count) = self.moments.get_mut(&timetable.moment)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// The next deadline, if there is a room.
    pub(super) fn next_ms(&mut self) -> Option<u64> {
        while let Some(Reverse((due_ms, room))) = self.due.peek().copied() {
            if self.rooms.contains_key(&room) {
                return Some(due_ms);
            }
            self.due.pop();
        }
        None
    }

    /// A room that is due at `now_ms`, with how many of its ticks are lost; its next deadline is the first of its
    /// timetable that lies in the future, so an overrun is never followed by a burst.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<(RoomId, u64, u64)> {
        let due_ms = self.next_ms().filter(|due_ms| *due_ms <= now_ms)?;
        let Reverse((_, room)) = self.due.pop()?;
        let timetable = self.rooms.get_mut(&room)?;
        let mut lost = 0;
        timetable.n += 1;
        while timetable.due_ms() <= now_ms {
            timetable.n += 1;
            lost += 1;
        }
        self.due.push(Reverse((timetable.due_ms(), room)));
        Some((room, due_ms, lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_ticks_take_a_second() {
        let mut schedule = Schedule::default();
        schedule.add(RoomId(1), TickRate::hz(30), 0);
        let mut deadlines = Vec::new();
        for now_ms in 0..1002 {
            while let Some((_, due_ms, lost)) = schedule.take_due(now_ms) {
                assert_eq!(lost, 0);
                deadlines.push(due_ms);
            }
        }
        assert_eq!((deadlines.len(), deadlines[0], deadlines[30]), (31, 1, 1001));
    }

    #[test]
    fn an_overrun_loses_ticks_and_is_not_caught_up() {
        let mut schedule = Schedule::default();
        schedule.add(RoomId(1), TickRate::hz(50), 0);
        assert_eq!(schedule.take_due(1), Some((RoomId(1), 1, 0)));
        assert_eq!(schedule.take_due(75), Some((RoomId(1), 21, 2)));
        assert_eq!(schedule.take_due(80), None);
        assert_eq!(schedule.take_due(81), Some((RoomId(1), 81, 0)));
    }

    #[test]
    fn rooms_spread_over_the_period() {
        let mut schedule = Schedule::default();
        for room in 0..20 {
            schedule.add(RoomId(room), TickRate::hz(50), 0);
        }
        for now_ms in 1..=20 {
            assert!(schedule.take_due(now_ms).is_some());
            assert!(schedule.take_due(now_ms).is_none(), "two rooms share moment {now_ms}");
        }
        schedule.remove(RoomId(3));
        assert_eq!((21..=40).filter(|now_ms| schedule.take_due(*now_ms).is_some()).count(), 19);
    }
}
