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
    /// By rate: how many rooms there are at each moment of its period.
    moments: FxHashMap<u16, Vec<u32>>,
}

/// One room's ticks: number `n` is due at `start_ms + n * 1000 / hz`.
#[derive(Clone, Copy, Debug)]
struct Timetable {
    start_ms: u64,
    hz: u16,
    n: u64,
}

impl Timetable {
    fn due_ms(&self) -> u64 {
        self.start_ms + self.n * 1000 / u64::from(self.hz)
    }

    /// When in its period it is due, in whole milliseconds. A period of 30 Hz takes a third more than 33 of them.
    fn moment(&self) -> usize {
        let hz = u64::from(self.hz);
        (self.start_ms * hz % 1000 / hz) as usize
    }
}

impl Schedule {
    /// Adds a room at a moment of its period that the fewest rooms of its rate have, as far as can be from those that more
    /// have: few rooms are evenly spread, and so are many.
    pub(super) fn add(&mut self, room: RoomId, rate: TickRate, now_ms: u64) {
        let hz = rate.per_second();
        let moments = self.moments.entry(hz).or_insert_with(|| vec![0; 1000_usize.div_ceil(hz.into())]);
        let away = distances(moments);
        let start = |offset| Timetable { start_ms: now_ms + offset, hz, n: 0 };
        // the first of the best
        let later = (2..=1000 / u64::from(hz)).map(start);
        let better =
            |best: Timetable, next: Timetable| if away[next.moment()] > away[best.moment()] { next } else { best };
        let timetable = later.fold(start(1), better);
        moments[timetable.moment()] += 1;
        self.due.push(Reverse((timetable.due_ms(), room)));
        self.rooms.insert(room, timetable);
    }

    /// Removes a room.
    pub(super) fn remove(&mut self, room: RoomId) {
        if let Some(timetable) = self.rooms.remove(&room)
            && let Some(moments) = self.moments.get_mut(&timetable.hz)
        {
            moments[timetable.moment()] -= 1;
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

/// How far each moment of a period is from the next one that has more rooms than the emptiest, round about.
fn distances(rooms: &[u32]) -> Vec<usize> {
    let least = rooms.iter().min().copied().unwrap_or(0);
    let mut away = vec![rooms.len(); rooms.len()];
    let mut pass = |moments: &mut dyn Iterator<Item = usize>| {
        let mut since = rooms.len();
        for moment in moments {
            since = if rooms[moment] > least { 0 } else { since.saturating_add(1) };
            away[moment] = away[moment].min(since);
        }
    };
    // twice round, so that what is before the beginning counts
    pass(&mut (0..rooms.len()).chain(0..rooms.len()));
    pass(&mut (0..rooms.len()).rev().chain((0..rooms.len()).rev()));
    away
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

    /// When each of these rooms is due, in thirds of a millisecond from the beginning of its period of 30 Hz.
    fn phases(schedule: &mut Schedule, made_at_ms: &[u64]) -> Vec<u64> {
        for (room, now_ms) in (0..).zip(made_at_ms) {
            schedule.add(RoomId(room), TickRate::hz(30), *now_ms);
        }
        let mut phases: Vec<_> = schedule.rooms.values().map(|room| room.start_ms * 3 % 100).collect();
        phases.sort_unstable();
        phases
    }

    #[test]
    fn few_rooms_are_far_from_each_other_whenever_they_were_made() {
        for made_at_ms in [[0; 4], [0, 1000, 2000, 3000], [5, 77, 1234, 98_765], [0, 33, 67, 100]] {
            let phases = phases(&mut Schedule::default(), &made_at_ms);
            let round = phases.iter().zip(phases.iter().cycle().skip(1)).map(|(one, next)| (next + 100 - one) % 100);
            let gaps: Vec<u64> = round.collect();
            assert!(gaps.iter().all(|gap| (18..=34).contains(gap)), "{made_at_ms:?}: {gaps:?} thirds of a millisecond");
        }
    }

    #[test]
    fn the_first_room_of_a_rate_begins_at_once() {
        let mut schedule = Schedule::default();
        assert_eq!(phases(&mut schedule, &[20]), [63]);
        schedule.add(RoomId(7), TickRate::hz(20), 29);
        assert_eq!(schedule.take_due(30), Some((RoomId(0), 21, 0)));
        assert_eq!(schedule.take_due(30), Some((RoomId(7), 30, 0)));
    }
}
