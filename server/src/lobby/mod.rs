//! Which room a newcomer gets: the one that it wishes for; without a wish the fullest with space, so that people meet;
//! else a new one.

mod codes;
pub mod directory;
pub mod queue;
mod shelf;
pub mod tickets;
pub mod wish;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use thiserror::Error;
use tickwire_shared::{Listing, Property};

use crate::handover::RoomId;
use crate::handover::steer::RoomLine;
use crate::metrics::room_gauges::RoomGauges;
use shelf::Shelf;
use wish::{Condition, Creation, SortBy, Which};

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

/// Why there is no place; each displays as a sentence for the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NoPlace {
    /// All rooms are full, and no more may run.
    #[error("all rooms are full; try again in a moment")]
    Full,
    /// The tick threads have too much to do.
    #[error("this server has more work than time; try again in a minute")]
    Overloaded,
    /// No such room, or one that only its code opens.
    #[error("there is no such room (any more); look for another one")]
    NoRoom,
    /// No room has this code.
    #[error("no room has this code (any more); ask for a new one")]
    NoCode,
    /// The room hosts another game.
    #[error("that room is of another game than the one that was asked for")]
    OtherGame,
    /// There are not so many seats in that room.
    #[error("that room is full; try again in a moment, or look for another one")]
    RoomFull,
    /// Nobody may join it.
    #[error("that room is locked: nobody joins it now; look for another one")]
    Locked,
    /// No room has so many seats.
    #[error("no room of this game has so many seats")]
    TooMany,
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

#[derive(Debug)]
struct Entry {
    game: usize,
    thread: usize,
    seats: usize,
    taken: usize,
    listing: Listing,
    /// What others join it by, if it is private.
    code: Option<String>,
    /// The operator lets nobody in.
    is_barred: bool,
    /// Its seats and its listing are the game's word, and not only what was expected.
    has_told: bool,
    gauges: Arc<RoomGauges>,
}

impl Entry {
    fn free(&self) -> usize {
        self.seats.saturating_sub(self.taken)
    }

    fn is_locked(&self) -> bool {
        self.is_barred || self.listing.is_locked()
    }

    /// Whether it is in lists, and people are sent there who do not name it.
    fn is_listed(&self) -> bool {
        self.code.is_none() && !self.listing.is_hidden()
    }

    fn fits(&self, conditions: &BTreeMap<String, Condition>) -> bool {
        conditions.iter().all(|(name, condition)| condition.fits(self.listing.get(name)))
    }

    fn takes_anybody(&self) -> bool {
        self.is_listed() && !self.is_locked() && self.free() > 0
    }

    fn listed(&self, room: RoomId, game: &'static str) -> ListedRoom<'_> {
        let (taken, seats, locked) = (self.taken, self.seats, self.is_locked());
        ListedRoom { room, game, taken, seats, locked, properties: self.listing.properties() }
    }

    fn line(&self, room: RoomId, game: &'static str) -> RoomLine {
        RoomLine {
            room,
            game,
            thread: self.thread,
            taken: self.taken,
            seats: self.seats,
            locked: self.is_locked(),
            hidden: self.listing.is_hidden(),
            private: self.code.is_some(),
            properties: self.listing.properties().clone(),
            figures: self.gauges.figures(),
        }
    }
}

/// A room as everybody may see it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ListedRoom<'a> {
    /// Which.
    pub room: RoomId,
    /// Its game's name.
    pub game: &'static str,
    /// Seats that are taken or promised.
    pub taken: usize,
    /// Seats in all.
    pub seats: usize,
    /// Nobody joins.
    pub locked: bool,
    /// By which people find it.
    pub properties: &'a BTreeMap<String, Property>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The place of the game among the hosted ones.
    pub game: usize,
    /// Which room.
    pub which: &'a Which,
    /// So many seats in it, at least 1.
    pub seats: usize,
}

/// All rooms and how many of their seats are taken or promised. Owned by one thread, so its numbers are exact.
#[derive(Debug)]
pub struct Lobby {
    rooms_max: usize,
    /// By game.
    shelves: Vec<Shelf>,
    rooms: BTreeMap<RoomId, Entry>,
    by_code: FxHashMap<String, RoomId>,
    rooms_on_thread: Vec<usize>,
    next: u64,
}

impl Lobby {
    /// No rooms yet; those of each of these games have so many seats if nobody says otherwise, and at most `rooms_max`
    /// run at a time.
    #[must_use]
    pub fn new(games: &[(&'static str, usize)], rooms_max: usize, threads: usize) -> Self {
        Self {
            rooms_max,
            shelves: games.iter().map(|(name, seats)| Shelf::new(name, *seats)).collect(),
            rooms: BTreeMap::new(),
            by_code: FxHashMap::default(),
            rooms_on_thread: vec![0; threads],
            next: 1,
        }
    }

    /// Reserves seats, where the tick threads are not too loaded for it.
    ///
    /// # Errors
    /// There is no place, for the reason given.
    pub fn place(&mut self, sought: Sought<'_>, load: &Load) -> Result<Placement, NoPlace> {
        match sought.which {
            Which::Fitting { .. } => match self.find(sought, load) {
                Some(room) => self.take(room, &sought, load),
                None => self.make(sought, load),
            },
            Which::Room(room) => self.place_in(*room, &sought, load).and_then(|placement| match placement {
                Some(placement) => Ok(placement),
                None => Err(NoPlace::NoRoom),
            }),
            Which::Code(code) => {
                let room = *self.by_code.get(code).ok_or(NoPlace::NoCode)?;
                self.take(room, &sought, load)
            }
            Which::New(creation) => self.place_new(&sought, creation, load),
        }
    }

    /// None for a room that only its code opens: whether there is one is nobody's business.
    fn place_in(&mut self, room: RoomId, sought: &Sought<'_>, load: &Load) -> Result<Option<Placement>, NoPlace> {
        let is_private = self.rooms.get(&room).is_none_or(|entry| entry.code.is_some());
        if is_private { Ok(None) } else { self.take(room, sought, load).map(Some) }
    }

    fn take(&mut self, room: RoomId, sought: &Sought<'_>, load: &Load) -> Result<Placement, NoPlace> {
        let entry = self.rooms.get(&room).ok_or(NoPlace::NoRoom)?;
        if entry.game != sought.game {
            return Err(NoPlace::OtherGame);
        }
        if entry.is_locked() {
            return Err(NoPlace::Locked);
        }
        if entry.free() < sought.seats {
            return Err(NoPlace::RoomFull);
        }
        let thread = entry.thread;
        if load.of(thread) >= load.joins_max_permille {
            return Err(NoPlace::Overloaded);
        }
        self.change(room, |entry| entry.taken += sought.seats);
        Ok(Placement { room, thread, new: false })
    }

    /// The room that fits best, of those that run and have the seats. None for a wish that names one.
    #[must_use]
    pub fn find(&self, sought: Sought<'_>, load: &Load) -> Option<RoomId> {
        let Which::Fitting { conditions, sort, .. } = sought.which else { return None };
        let is_free = |entry: &Entry| load.of(entry.thread) < load.joins_max_permille;
        // of equally full rooms the oldest
        let open = self.shelves[sought.game].fullest().map(|room| (room, &self.rooms[&room]));
        let mut good =
            open.filter(|(_, entry)| entry.free() >= sought.seats && entry.fits(conditions) && is_free(entry));
        if sort.is_empty() {
            good.next().map(|(room, _)| room)
        } else {
            good.min_by(|(a, one), (b, other)| shelf::compare(sort, (*a, one), (*b, other))).map(|(room, _)| room)
        }
    }

    /// Makes a room that fits, where [`Lobby::find`] finds none.
    ///
    /// # Errors
    /// There is no place for one, for the reason given, or the wish names a room.
    pub fn make(&mut self, sought: Sought<'_>, load: &Load) -> Result<Placement, NoPlace> {
        let Which::Fitting { conditions, listing, .. } = sought.which else { return Err(NoPlace::NoRoom) };
        let creation = Creation { listing: listing.clone(), ..Creation::default() };
        let placed = self.place_new(&sought, &creation, load);
        let fits = |entry: &Entry| entry.free() >= sought.seats && entry.fits(conditions);
        let has_space =
            || self.rooms.values().any(|entry| entry.game == sought.game && entry.takes_anybody() && fits(entry));
        if placed == Err(NoPlace::Full) && has_space() { Err(NoPlace::Overloaded) } else { placed }
    }

    fn place_new(&mut self, sought: &Sought<'_>, creation: &Creation, load: &Load) -> Result<Placement, NoPlace> {
        // by other options a room may have other seats: then it has those that are asked for until it has told
        let usual = self.shelves[sought.game].seats;
        let seats = if creation.options.is_some() { sought.seats } else { usual };
        if sought.seats > seats {
            return Err(NoPlace::TooMany);
        }
        if self.rooms.len() >= self.rooms_max {
            return Err(NoPlace::Full);
        }
        // a load is some seconds old: what is nearly equal goes by the number of rooms
        let burden = |thread: &usize| (load.of(*thread) / LOAD_STEP_PERMILLE, self.rooms_on_thread[*thread]);
        let thread = (0..self.rooms_on_thread.len()).min_by_key(burden).ok_or(NoPlace::Full)?;
        if load.of(thread) >= load.rooms_max_permille {
            return Err(NoPlace::Overloaded);
        }
        let code = match creation.private {
            true => Some(codes::new_code(|code| self.by_code.contains_key(code)).ok_or(NoPlace::Overloaded)?),
            false => None,
        };
        let room = RoomId(self.next);
        self.next += 1;
        self.rooms_on_thread[thread] += 1;
        if let Some(code) = &code {
            self.by_code.insert(code.clone(), room);
        }
        let (game, listing) = (sought.game, creation.listing.clone());
        self.rooms.insert(
            room,
            Entry {
                game,
                thread,
                seats,
                taken: 0,
                listing,
                code,
                is_barred: false,
                has_told: false,
                gauges: Arc::default(),
            },
        );
        self.change(room, |entry| entry.taken = sought.seats);
        Ok(Placement { room, thread, new: true })
    }

    /// Changes a room, and where it stands on its shelf.
    fn change(&mut self, room: RoomId, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.rooms.get_mut(&room) else { return };
        let shelf = &mut self.shelves[entry.game];
        shelf.remove(room, entry.taken);
        change(entry);
        if entry.takes_anybody() {
            shelf.add(room, entry.taken);
        }
    }

    /// A seat is free again. Gives the tick thread of a room that nobody is in any more: it is to be closed, and is
    /// no longer known here.
    pub fn freed(&mut self, room: RoomId) -> Option<usize> {
        self.change(room, |entry| entry.taken = entry.taken.saturating_sub(1));
        if self.rooms.get(&room)?.taken > 0 {
            return None;
        }
        self.ended(room)
    }

    /// A room is no more. Gives its tick thread, if it was known.
    pub fn ended(&mut self, room: RoomId) -> Option<usize> {
        let entry = self.rooms.remove(&room)?;
        self.shelves[entry.game].remove(room, entry.taken);
        entry.code.inspect(|code| {
            self.by_code.remove(code);
        });
        self.rooms_on_thread[entry.thread] -= 1;
        Some(entry.thread)
    }

    /// A room tells how many seats it has, and what is to be shown of it.
    pub fn listed(&mut self, room: RoomId, seats: usize, listing: Listing) {
        self.change(room, |entry| (entry.seats, entry.listing, entry.has_told) = (seats, listing, true));
    }

    /// Whether a room has told how many seats it has: before that none should be promised.
    #[must_use]
    pub fn has_told(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|entry| entry.has_told)
    }

    /// How many seats a room has, when that is fewer than are taken or promised.
    #[must_use]
    pub fn is_overbooked(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).filter(|entry| entry.taken > entry.seats).map(|entry| entry.seats)
    }

    /// Whether who sits in a room is where this leads.
    #[must_use]
    pub fn leads_to(&self, which: &Which, room: RoomId) -> bool {
        match which {
            Which::Fitting { conditions, .. } => self.rooms.get(&room).is_some_and(|entry| entry.fits(conditions)),
            Which::Room(wished) => *wished == room,
            Which::Code(code) => self.by_code.get(code) == Some(&room),
            Which::New(_) => false,
        }
    }

    /// Whether the operator lets nobody into a room.
    #[must_use]
    pub fn is_barred(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|entry| entry.is_barred)
    }

    /// The operator lets nobody into a room, or does again; tells whether there is such a room.
    pub fn bar(&mut self, room: RoomId, is_barred: bool) -> bool {
        self.change(room, |entry| entry.is_barred = is_barred);
        self.rooms.contains_key(&room)
    }

    /// The tick thread of a room.
    #[must_use]
    pub fn thread_of(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).map(|entry| entry.thread)
    }

    /// The place of its game among the hosted ones.
    #[must_use]
    pub fn game_of(&self, room: RoomId) -> Option<usize> {
        self.rooms.get(&room).map(|entry| entry.game)
    }

    /// How many seats rooms of a game have, if nobody says otherwise.
    #[must_use]
    pub fn usual_seats(&self, game: usize) -> usize {
        self.shelves[game].seats
    }

    /// What others join a room by, if it is private.
    #[must_use]
    pub fn code_of(&self, room: RoomId) -> Option<&str> {
        self.rooms.get(&room)?.code.as_deref()
    }

    /// Where a room's tick thread tells how it runs.
    #[must_use]
    pub fn gauges_of(&self, room: RoomId) -> Option<Arc<RoomGauges>> {
        self.rooms.get(&room).map(|entry| Arc::clone(&entry.gauges))
    }

    /// What is shown of a room.
    #[must_use]
    pub fn listing_of(&self, room: RoomId) -> Option<&Listing> {
        self.rooms.get(&room).map(|entry| &entry.listing)
    }

    /// Rooms behind this one in the order of their names.
    pub fn rooms_after(&self, room: RoomId) -> impl Iterator<Item = RoomLine> + '_ {
        let behind = self.rooms.range((Bound::Excluded(room), Bound::Unbounded));
        behind.map(|(room, entry)| entry.line(*room, self.shelves[entry.game].name))
    }

    /// The rooms of a game that are in lists and fit, those first that are by `sort`; without one the fullest. Those that
    /// are full or locked are there, too.
    #[must_use]
    pub fn list(
        &self,
        game: usize,
        conditions: &BTreeMap<String, Condition>,
        sort: &[SortBy],
        max: usize,
    ) -> Vec<ListedRoom<'_>> {
        let fits = |entry: &Entry| entry.game == game && entry.is_listed() && entry.fits(conditions);
        let mut found: Vec<(RoomId, &Entry)> =
            self.rooms.iter().map(|(room, entry)| (*room, entry)).filter(|(_, entry)| fits(entry)).collect();
        let order = |a: &(RoomId, &Entry), b: &(RoomId, &Entry)| shelf::compare(sort, *a, *b);
        if (1..found.len()).contains(&max) {
            found.select_nth_unstable_by(max, order);
            found.truncate(max);
        }
        found.sort_unstable_by(order);
        let name = self.shelves[game].name;
        found.into_iter().take(max).map(|(room, entry)| entry.listed(room, name)).collect()
    }

    /// The games, with how many rooms and taken seats each has.
    #[must_use]
    pub fn games(&self) -> Vec<(&'static str, usize, usize)> {
        let mut games: Vec<_> = self.shelves.iter().map(|shelf| (shelf.name, 0, 0)).collect();
        for entry in self.rooms.values() {
            games[entry.game].1 += 1;
            games[entry.game].2 += entry.taken;
        }
        games
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
mod tests;
