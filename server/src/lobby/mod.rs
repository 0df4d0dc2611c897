//! Which room a newcomer gets: the fullest with space, so that people meet; else a new one.

pub mod directory;
pub mod tickets;

use std::collections::BTreeMap;
use std::ops::Bound;

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

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPlace {
    /// All rooms are full, and no more may run.
    Full,
    /// The tick threads have too much to do.
    Overloaded,
}

/// How busy the tick threads are, and how busy is too much: thousandths of their time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    /// Of each; one that is not there has nothing to do.
    pub threads_permille: Vec<u32>,
    /// From here on there are no new rooms on a thread.
    pub rooms_max_permille: u32,
    /// From here on nobody may join rooms of a thread.
    pub joins_max_permille: u32,
}

/// Loads that differ by less count as equal.
const LOAD_STEP_PERMILLE: u32 = 50;

impl Load {
    fn of(&self, thread: usize) -> u32 {
        self.threads_permille.get(thread).copied().unwrap_or(0)
    }
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

    /// Reserves a seat, where the tick threads are not too loaded for it.
    ///
    /// # Errors
    /// All rooms are full, or too loaded, and no more may run.
    pub fn place(&mut self, load: &Load) -> Result<Placement, NoPlace> {
        let with_space = self.rooms.iter_mut().filter(|(_, entry)| entry.taken < self.seats_per_room);
        let is_free = |(_, entry): &(&RoomId, &mut Entry)| load.of(entry.thread) < load.joins_max_permille;
        // of equally full rooms the oldest
        let fullest = |(room, entry): &(&RoomId, &mut Entry)| (entry.taken, std::cmp::Reverse(**room));
        if let Some((room, entry)) = with_space.filter(is_free).max_by_key(fullest) {
            entry.taken += 1;
            return Ok(Placement { room: *room, thread: entry.thread, new: false });
        }
        if self.rooms.len() >= self.rooms_max {
            let has_space = self.rooms.values().any(|entry| entry.taken < self.seats_per_room);
            return Err(if has_space { NoPlace::Overloaded } else { NoPlace::Full });
        }
        // a load is some seconds old: what is nearly equal goes by the number of rooms
        let burden = |thread: &usize| (load.of(*thread) / LOAD_STEP_PERMILLE, self.rooms_on_thread[*thread]);
        let thread = (0..self.rooms_on_thread.len()).min_by_key(burden).ok_or(NoPlace::Full)?;
        if load.of(thread) >= load.rooms_max_permille {
            return Err(NoPlace::Overloaded);
        }
        let room = RoomId(self.next);
        self.next += 1;
        self.rooms_on_thread[thread] += 1;
        self.rooms.insert(room, Entry { thread, taken: 1 });
        Ok(Placement { room, thread, new: true })
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

    /// The tick thread of a room.
    #[must_use]
    pub fn thread_of(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).map(|entry| entry.thread)
    }

    /// Rooms behind this one in the order of their names, with their threads and how many seats are taken or promised.
    pub fn rooms_after(&self, room: RoomId) -> impl Iterator<Item = (RoomId, usize, usize)> + '_ {
        let behind = self.rooms.range((Bound::Excluded(room), Bound::Unbounded));
        behind.map(|(room, entry)| (*room, entry.thread, entry.taken))
    }

    /// How many seats are taken or promised.
    #[must_use]
    pub fn seats_taken(&self) -> usize {
        self.rooms.values().map(|entry| entry.taken).sum()
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

    fn load(threads_permille: &[u32]) -> Load {
        let threads_permille = threads_permille.to_vec();
        Load { threads_permille, rooms_max_permille: 850, joins_max_permille: 980 }
    }

    #[test]
    fn new_rooms_go_where_there_is_least_to_do_then_nowhere_and_then_nobody_joins() {
        let mut lobby = Lobby::new(2, 10, 3);
        assert_eq!(lobby.place(&load(&[500, 200, 400])).map(|p| p.thread), Ok(1));
        lobby.place(&load(&[500, 200, 400])).expect("the second seat");
        // nearly equal: by the number of rooms
        assert_eq!(lobby.place(&load(&[500, 200, 210])).map(|p| p.thread), Ok(2));
        let full = load(&[850, 900, 979]);
        let joined = lobby.place(&full).expect("a room that runs takes players for longer");
        assert_eq!((joined.new, joined.thread), (false, 2));
        assert_eq!(lobby.place(&full), Err(NoPlace::Overloaded));
        let mut lobby = Lobby::new(2, 1, 1);
        lobby.place(&load(&[0])).expect("a room");
        assert_eq!(lobby.place(&load(&[980])), Err(NoPlace::Overloaded), "there is a seat");
        assert!(lobby.place(&load(&[979])).is_ok());
        assert_eq!(lobby.place(&load(&[0])), Err(NoPlace::Full));
    }

    #[test]
    fn people_meet_until_a_room_is_full_and_rooms_spread_over_threads() {
        let mut lobby = Lobby::new(2, 3, 2);
        let placed: Vec<Placement> = std::iter::from_fn(|| lobby.place(&load(&[])).ok()).collect();
        let rooms: Vec<u64> = placed.iter().map(|p| p.room.0).collect();
        assert_eq!(rooms, [1, 1, 2, 2, 3, 3], "three rooms of two seats, then no more");
        let threads: Vec<usize> = placed.iter().filter(|p| p.new).map(|p| p.thread).collect();
        assert_eq!(threads, [0, 1, 0]);
    }

    #[test]
    fn an_empty_room_ends_and_its_place_is_free() {
        let mut lobby = Lobby::new(2, 1, 1);
        let room = lobby.place(&load(&[])).expect("the first").room;
        lobby.place(&load(&[])).expect("the second");
        assert_eq!(lobby.place(&load(&[])), Err(NoPlace::Full));
        assert_eq!(lobby.freed(room), None);
        assert_eq!(lobby.freed(room), Some(0));
        assert_eq!(lobby.freed(room), None, "it is forgotten");
        assert!(lobby.is_empty());
        assert_eq!(lobby.place(&load(&[])).map(|p| (p.room, p.new)), Ok((RoomId(2), true)));
    }
}
