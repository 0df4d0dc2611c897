//! Which room a newcomer gets: the fullest with space, so that people meet; else a new one.

pub mod directory;

use std::collections::BTreeMap;

use crate::handover::RoomId;

/// Where a client was placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    /// The room; its seat is reserved until [`Lobby::freed`].
    pub room: RoomId,
    /// Index of its tick thread.
    pub thread: usize,
    /// The room must be opened first.
    pub new: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    thread: usize,
    taken: usize,
}

/// All rooms and how many of their seats are taken or promised. Owned by one thread, so its numbers are exact.
#[derive(Debug)]
pub struct Lobby {
    seats_per_room: usize,
    rooms_max: usize,
    rooms: BTreeMap<RoomId, Entry>,
    rooms_on_thread: Vec<usize>,
    next: u64,
}

impl Lobby {
    /// No rooms yet; each will have `seats_per_room` seats, and at most `rooms_max` run at a time.
    #[must_use]
    pub fn new(seats_per_room: usize, rooms_max: usize, threads: usize) -> Self {
        let rooms_on_thread = vec![0; threads];
        Self { seats_per_room, rooms_max, rooms: BTreeMap::new(), rooms_on_thread, next: 1 }
    }

    /// Reserves a seat; `None` when all rooms are full and no more may run.
    pub fn place(&mut self) -> Option<Placement> {
        let with_space = self.rooms.iter_mut().filter(|(_, entry)| entry.taken < self.seats_per_room);
        // of equally full rooms the oldest
        if let Some((room, entry)) = with_space.max_by_key(|(room, entry)| (entry.taken, std::cmp::Reverse(**room))) {
            entry.taken += 1;
            return Some(Placement { room: *room, thread: entry.thread, new: false });
        }
        if self.rooms.len() >= self.rooms_max {
            return None;
        }
        let thread = (0..self.rooms_on_thread.len()).min_by_key(|thread| self.rooms_on_thread[*thread])?;
        let room = RoomId(self.next);
        self.next += 1;
        self.rooms_on_thread[thread] += 1;
        self.rooms.insert(room, Entry { thread, taken: 1 });
        Some(Placement { room, thread, new: true })
    }

    /// A seat is free again. Gives the tick thread of a room that nobody is in any more: it is to be closed, and is
    /// no longer known here.
    pub fn freed(&mut self, room: RoomId) -> Option<usize> {
        let entry = self.rooms.get_mut(&room)?;
        entry.taken = entry.taken.saturating_sub(1);
        if entry.taken > 0 {
            return None;
        }
        self.ended(room)
    }

    /// A room is no more. Gives its tick thread, if it was known.
    pub fn ended(&mut self, room: RoomId) -> Option<usize> {
        let entry = self.rooms.remove(&room)?;
        self.rooms_on_thread[entry.thread] -= 1;
        Some(entry.thread)
    }

    /// How many rooms run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether no room runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_meet_until_a_room_is_full_and_rooms_spread_over_threads() {
        let mut lobby = Lobby::new(2, 3, 2);
        let placed: Vec<Placement> = std::iter::from_fn(|| lobby.place()).collect();
        let rooms: Vec<u64> = placed.iter().map(|p| p.room.0).collect();
        assert_eq!(rooms, [1, 1, 2, 2, 3, 3], "three rooms of two seats, then no more");
        let threads: Vec<usize> = placed.iter().filter(|p| p.new).map(|p| p.thread).collect();
        assert_eq!(threads, [0, 1, 0]);
    }

    #[test]
    fn an_empty_room_ends_and_its_place_is_free() {
        let mut lobby = Lobby::new(2, 1, 1);
        let room = lobby.place().expect("the first").room;
        lobby.place().expect("the second");
        assert_eq!(lobby.place(), None);
        assert_eq!(lobby.freed(room), None);
        assert_eq!(lobby.freed(room), Some(0));
        assert_eq!(lobby.freed(room), None, "it is forgotten");
        assert!(lobby.is_empty());
        assert_eq!(lobby.place().map(|p| (p.room, p.new)), Some((RoomId(2), true)));
    }
}
