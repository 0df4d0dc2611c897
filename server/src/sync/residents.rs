//! Who is there: a number for each entity, found without a search while a game puts things in the order of the tick
//! before, and the channel that each is in.

use rustc_hash::FxHashMap;
use tickwire_shared::publish::{Published, PutEntity, PutSet, SetId};
use tickwire_shared::{EntityId, Layer, SeatId};

use super::channel::Channel;
use super::grid::Grid;

/// Entities that are gone are forgotten every so many ticks.
const FORGET_EVERY: u32 = 64;

/// No row.
const NOWHERE: u32 = u32::MAX;

/// Something in a channel. In the order of the rows of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) channel: Channel,
    pub(super) id: EntityId,
    /// Its number.
    pub(super) number: u32,
    /// It belongs to a set.
    pub(super) in_set: bool,
}

/// What is known of an entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resident {
    id: EntityId,
    pub(super) kind: u16,
    pub(super) in_set: bool,
    /// Where it was put last.
    pub(super) channel: Channel,
    /// The tick, as counted by [`Residents::settle`], at which it was last put; for one of a set, when that was new.
    seen: u32,
    /// Whose rows its lanes are among: 0 for what is in no set, else the place of its set and one.
    source: u32,
    first_lane: u32,
    /// Its place in `Residents::order`.
    place: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Residents {
    numbers: FxHashMap<EntityId, u32>,
    all: Vec<Resident>,
    free: Vec<u32>,
    /// Counts ticks, and wraps.
    now: u32,
    /// Numbers in the order in which they were put, at the tick before and at this one.
    last: Vec<u32>,
    order: Vec<u32>,
    /// Where in `last` the next one is expected.
    next: usize,
    sets: Vec<HeldSet>,
    /// Sets have come, gone or changed with the newest tick.
    pub(super) sets_changed: bool,
    /// Who is in another channel than at the tick before, or was nowhere; in order.
    pub(super) entering: Vec<Entry>,
    /// Who is whose; in order.
    pub(super) owned: Vec<(SeatId, EntityId, u32)>,
    /// By number, where the row is of one that is in the channel of the tick before, of the same kind and in no set;
    /// else nowhere. Apart from all else that is known of it, since this is asked of each in the order of channels, which
    /// is no order here.
    going_on: Vec<u32>,
}

/// A set as it was last put.
#[derive(Debug)]
struct HeldSet {
    id: SetId,
    version: u64,
    layer: Layer,
    members: Vec<u32>,
}

impl Residents {
    /// Takes what was put. Tells how many were left out because their id was used twice.
    pub(super) fn settle(&mut self, published: &Published, grid: &Grid) -> usize {
        self.now = self.now.wrapping_add(1);
        std::mem::swap(&mut self.last, &mut self.order);
        self.order.clear();
        self.next = 0;
        self.entering.clear();
        self.owned.clear();
        self.going_on.fill(NOWHERE);
        let mut doubled = self.settle_sets(published, grid);
        for entity in &published.entities {
            match self.put(entity, 0, grid) {
                Some(number) => self.owned.extend(entity.owner.map(|owner| (owner, entity.id, number))),
                None => doubled += 1,
            }
        }
        self.entering.sort_unstable();
        // most games put their players in the order of their seats
        if !self.owned.is_sorted() {
            self.owned.sort_unstable();
        }
        if self.now.is_multiple_of(FORGET_EVERY) {
            self.forget();
        }
        doubled
    }

    /// One by its number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &Resident {
        &self.all[number as usize]
    }

    /// Where one is that is there.
    pub(super) fn channel_of(&self, id: EntityId) -> Option<Channel> {
        Some(self.get(*self.numbers.get(&id)?).channel)
    }

    /// Whether one was put at the newest tick, and not only as a part of a set that is as it was.
    #[inline]
    pub(super) fn is_new(&self, resident: &Resident) -> bool {
        resident.seen == self.now
    }

    /// The row of `lanes` lanes of one that is in no set, and in the same channel and of the same kind as at the tick
    /// before.
    #[inline]
    pub(super) fn row_going_on<'a>(&self, number: u32, lanes: usize, published: &'a Published) -> Option<&'a [u32]> {
        let first = self.going_on[number as usize];
        (first != NOWHERE).then(|| &published.lanes[first as usize..first as usize + lanes])
    }

    /// The row of `lanes` lanes of one that was put at the newest tick.
    #[inline]
    pub(super) fn row<'a>(resident: &Resident, lanes: usize, published: &'a Published) -> &'a [u32] {
        let all = match resident.source.checked_sub(1) {
            None => &published.lanes,
            Some(set) => &published.sets()[set as usize].lanes,
        };
        let first = resident.first_lane as usize;
        &all[first..first + lanes]
    }

    /// Lets go of the sets that are no more or no longer the same, and takes those that are new.
    fn settle_sets(&mut self, published: &Published, grid: &Grid) -> usize {
        let (all, before) = (&mut self.all, self.now.wrapping_sub(1));
        let held = self.sets.len();
        self.sets.retain(|held| {
            let same = |set: &PutSet| (set.version, set.layer) == (held.version, held.layer);
            let same = published.set(held.id).is_some_and(|(_, set)| same(set));
            if !same {
                for member in &held.members {
                    // it was there until now
                    let member = &mut all[*member as usize];
                    (member.in_set, member.seen) = (false, before);
                }
            }
            same
        });
        self.sets_changed = self.sets.len() < held;
        let mut doubled = 0;
        for (source, set) in (1..).zip(published.sets()) {
            let Err(place) = self.sets.binary_search_by_key(&set.id, |held| held.id) else { continue };
            if !set.is_put() {
                continue;
            }
            self.sets_changed = true;
            let members: Vec<u32> = set.entities.iter().filter_map(|entity| self.put(entity, source, grid)).collect();
            for member in &members {
                self.all[*member as usize].in_set = true;
            }
            doubled += set.entities.len() - members.len();
            self.sets.insert(place, HeldSet { id: set.id, version: set.version, layer: set.layer, members });
        }
        for entry in &mut self.entering {
            entry.in_set = true;
        }
        doubled
    }

    /// Takes one, unless its id is used already; gives its number.
    fn put(&mut self, put: &PutEntity, source: u32, grid: &Grid) -> Option<u32> {
        let number = self.number(put.id);
        let resident = &mut self.all[number as usize];
        if resident.seen == self.now || resident.in_set {
            return None;
        }
        let was_here = resident.seen.wrapping_add(1) == self.now;
        let cell = grid.home(was_here.then(|| resident.channel.cell()), put.place);
        let channel = Channel::new(cell, put.layer);
        if !was_here || resident.channel != channel {
            self.entering.push(Entry { channel, id: put.id, number, in_set: false });
        } else if source == 0 && resident.kind == put.kind {
            self.going_on[number as usize] = put.first_lane as u32;
        }
        resident.channel = channel;
        resident.kind = put.kind;
        resident.seen = self.now;
        resident.source = source;
        resident.first_lane = put.first_lane as u32;
        resident.place = self.order.len() as u32;
        self.order.push(number);
        Some(number)
    }

    #[inline]
    fn number(&mut self, id: EntityId) -> u32 {
        match self.last.get(self.next) {
            Some(number) if self.all[*number as usize].id == id => {
                self.next += 1;
                *number
            }
            _ => self.find(id),
        }
    }

    /// The number of one that is new, or out of order.
    #[cold]
    fn find(&mut self, id: EntityId) -> u32 {
        if let Some(number) = self.numbers.get(&id) {
            // those behind it are likely to follow, as they did the last time
            let resident = &self.all[*number as usize];
            if resident.seen.wrapping_add(1) == self.now {
                self.next = resident.place as usize + 1;
            }
            return *number;
        }
        let resident = Resident {
            id,
            kind: 0,
            in_set: false,
            channel: Channel::EVERYWHERE,
            // not at the tick before
            seen: self.now.wrapping_sub(2),
            source: 0,
            first_lane: 0,
            place: 0,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = resident;
                number
            }
            None => {
                self.all.push(resident);
                self.going_on.push(NOWHERE);
                (self.all.len() - 1) as u32
            }
        };
        self.numbers.insert(id, number);
        number
    }

    fn forget(&mut self) {
        let (all, free, now) = (&self.all, &mut self.free, self.now);
        self.numbers.retain(|_, number| {
            let resident = &all[*number as usize];
            let here = resident.seen == now || resident.in_set;
            if !here {
                free.push(*number);
            }
            here
        });
    }
}
