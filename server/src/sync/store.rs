//! The sent state and its past: for each of the last [`Store::RING`] ticks all rows, sorted by channel and id.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tickwire_shared::delta::{EntityRow, KindLayout, Layout, Part, Rows};
use tickwire_shared::publish::Published;
use tickwire_shared::{EntityId, SeatId, Tick};

use super::channel::Channel;
use super::grid::Grid;
use super::residents::{Entry, Residents};
use super::snapshot::{Census, ChannelRows, Snapshot};

/// See the module.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    /// The newest last.
    ring: VecDeque<Snapshot>,
    /// Memory for the next snapshot, where the last one did without.
    spare_census: Option<Arc<Census>>,
    spare_lanes: Option<Arc<Vec<u32>>>,
    /// When the public fields of each channel of the newest snapshot last changed; and space for the next one's.
    changed: Vec<Tick>,
    next_changed: Vec<Tick>,
    /// When the channels in which nothing is any more lost what was in them.
    emptied: FxHashMap<Channel, Tick>,
    residents: Residents,
    /// What the rows of the newest snapshot are of, and space for the next one's.
    order: Vec<Entry>,
    next_order: Vec<Entry>,
    /// By number of a resident, where its row is in the newest snapshot; of those that are in no set.
    places: Vec<u32>,
    /// When channels that have not changed for long were last forgotten.
    forgot: Option<Tick>,
}

impl Store {
    /// Ticks that are kept: a second and more at the usual rates.
    pub const RING: usize = 32;

    /// An empty store for a game's kinds.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            ring: VecDeque::new(),
            spare_census: None,
            spare_lanes: None,
            changed: Vec::new(),
            next_changed: Vec::new(),
            emptied: FxHashMap::default(),
            residents: Residents::default(),
            order: Vec::new(),
            next_order: Vec::new(),
            places: Vec::new(),
            forgot: None,
        }
    }

    /// Takes what was published at `tick`; the oldest snapshot goes. Tells how many entities were left out because the
    /// game used their id twice.
    pub fn settle(&mut self, tick: Tick, published: &Published, grid: &Grid) -> usize {
        let doubled = self.residents.settle(published, grid);
        let oldest = if self.ring.len() >= Self::RING { self.ring.pop_front() } else { None };
        let (census, lanes) = oldest.map(Snapshot::into_parts).unzip();
        let mut next_census = again(census, &mut self.spare_census);
        let mut next_lanes = again(lanes, &mut self.spare_lanes);
        let (census, lanes) = (Arc::make_mut(&mut next_census), Arc::make_mut(&mut next_lanes));
        self.merge(tick, published, census, lanes);
        for (owner, _, number) in &self.residents.owned {
            census.owned.push((*owner, census.entities[self.places[*number as usize] as usize]));
        }
        if self.forgot.is_none_or(|last| tick.since(last) >= Self::RING as i32) {
            self.forgot = Some(tick);
            self.emptied.retain(|_, changed| tick.since(*changed) <= Self::RING as i32);
        }
        let before = self.ring.back();
        if let Some(before) = before.filter(|before| census.is_as(before.census())) {
            self.spare_census = Some(std::mem::replace(&mut next_census, Arc::clone(before.census())));
        } else {
            census.note_since(before.map(|before| &**before.census()), tick);
            if let Some(before) = before.filter(|_| census.has_new_channels(tick)) {
                let gone = before.channels().filter(|channel| census.place(*channel).is_none());
                self.emptied.extend(gone.map(|channel| (channel, tick)));
            }
        }
        if let Some(before) = before.filter(|before| *lanes == **before.lanes()) {
            self.spare_lanes = Some(std::mem::replace(&mut next_lanes, Arc::clone(before.lanes())));
        }
        self.ring.push_back(Snapshot::new(tick, next_census, next_lanes));
        doubled
    }

    /// The newest snapshot; none before the first tick.
    #[must_use]
    pub fn newest(&self) -> Option<&Snapshot> {
        self.ring.back()
    }

    /// The oldest snapshot that is kept.
    #[must_use]
    pub fn oldest(&self) -> Option<&Snapshot> {
        self.ring.front()
    }

    /// The snapshot of `tick`, while it is in the ring.
    #[must_use]
    pub fn at(&self, tick: Tick) -> Option<&Snapshot> {
        let age = self.newest()?.tick().since(tick);
        let place = self.ring.len().checked_sub(1)?.checked_sub(usize::try_from(age).ok()?)?;
        self.ring.get(place)
    }

    /// How many ticks are in the ring.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.ring.len()
    }

    /// Whether the public fields of `channel` are the same now as at `tick`, which must be in the ring.
    #[must_use]
    pub fn unchanged_since(&self, channel: Channel, tick: Tick) -> bool {
        self.changed_at(channel).is_none_or(|changed| !changed.is_after(tick))
    }

    /// When the public fields of `channel` last changed; `None` when that was before all that the ring has.
    #[must_use]
    pub fn changed_at(&self, channel: Channel) -> Option<Tick> {
        let now = self.newest()?;
        now.place(channel).map(|place| self.changed[place]).or_else(|| self.emptied.get(&channel).copied())
    }

    /// The channels of the newest snapshot, in order, and when their public fields last changed.
    pub(super) fn changes(&self) -> impl Iterator<Item = (Channel, Tick)> {
        self.newest().into_iter().flat_map(Snapshot::channels).zip(self.changed.iter().copied())
    }

    /// Tells of each seat for which what it owns, or an owner-only field of it, differs between two snapshots.
    pub(super) fn owned_changes(&self, before: &Snapshot, now: &Snapshot, mut changed: impl FnMut(SeatId)) {
        let differs = |a: &EntityRow, b: &EntityRow| {
            self.layout.kind(a.kind).is_some_and(|kind| {
                !kind.units(Part::Owner).is_empty()
                    && kind.differs(Part::Owner, before.all_rows().row(kind, a), now.all_rows().row(kind, b))
            })
        };
        let name = |(seat, row): &(SeatId, EntityRow)| (*seat, row.id, row.kind);
        if before.all_owned().iter().map(name).eq(now.all_owned().iter().map(name)) {
            // nearly always
            let pairs = before.all_owned().iter().zip(now.all_owned());
            return pairs.filter(|((_, a), (_, b))| differs(a, b)).for_each(|(_, (seat, _))| changed(*seat));
        }
        let [mut old, mut new] = [before, now].map(|all| all.all_owned().chunk_by(|(a, _), (b, _)| a == b).peekable());
        loop {
            let seats = [old.peek(), new.peek()].map(|rows| rows.map(|rows| rows[0].0));
            let Some(seat) = seats.into_iter().flatten().min() else { return };
            let a = old.next_if(|rows| rows[0].0 == seat).unwrap_or_default();
            let b = new.next_if(|rows| rows[0].0 == seat).unwrap_or_default();
            let same =
                a.iter().map(name).eq(b.iter().map(name)) && !a.iter().zip(b).any(|((_, a), (_, b))| differs(a, b));
            if !same {
                changed(seat);
            }
        }
    }

    /// The channel that an entity is in; none when it is not there.
    #[must_use]
    pub fn channel_of(&self, id: EntityId) -> Option<Channel> {
        self.residents.channel_of(id)
    }

    /// The layout of the game's kinds.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Fills `census` and `lanes` in one pass over two lists in the same order: the rows of the snapshot before, less those
    /// that are there no more, and those that enter a channel.
    fn merge(&mut self, tick: Tick, published: &Published, census: &mut Census, lanes: &mut Vec<u32>) {
        let (residents, before) = (&self.residents, self.ring.back());
        census.clear();
        lanes.clear();
        lanes.reserve_exact(before.map_or(0, |before| before.lanes().len()));
        self.next_changed.clear();
        self.next_order.clear();
        let mut merge = Merge {
            layout: &self.layout,
            residents,
            published,
            before: before.map_or(Rows::EMPTY, Snapshot::all_rows),
            channels_before: before.map_or(&[], |before| &before.census().channels),
            changed_before: &self.changed,
            tick,
            census,
            lanes,
            changed: &mut self.next_changed,
            order: &mut self.next_order,
            places: &mut self.places,
            before_place: 0,
            noted: None,
            others_in: None,
        };
        let (mut entering, mut rest) = (&residents.entering[..], &self.order[..]);
        while let Some((entry, behind)) = rest.split_first() {
            let (first, later) = entering.split_at(entering.iter().take_while(|new| *new < entry).count());
            first.iter().for_each(|new| merge.enter(new));
            entering = later;
            let place = self.order.len() - rest.len();
            let still = if residents.sets_changed { 0 } else { still(rest, entering.first()) };
            if still > 0 {
                merge.copy(place, &rest[..still]);
                rest = &rest[still..];
            } else {
                merge.keep(place, entry);
                rest = behind;
            }
        }
        entering.iter().for_each(|new| merge.enter(new));
        std::mem::swap(&mut self.order, &mut self.next_order);
        std::mem::swap(&mut self.changed, &mut self.next_changed);
    }
}

/// Memory for the next tick: what the oldest had for itself alone, else what is spare, else new.
fn again<T: Default>(oldest: Option<Arc<T>>, spare: &mut Option<Arc<T>>) -> Arc<T> {
    oldest.filter(|oldest| Arc::strong_count(oldest) == 1).or_else(|| spare.take()).unwrap_or_default()
}

/// How many rows, from the first on, are of one channel and of sets that are as they were, and come before `entering`.
fn still(rows: &[Entry], entering: Option<&Entry>) -> usize {
    let same = |row: &&Entry| row.in_set && row.channel == rows[0].channel && entering.is_none_or(|new| *row < new);
    rows.iter().take_while(same).count()
}

/// A snapshot that is being filled.
struct Merge<'a> {
    layout: &'a Layout,
    residents: &'a Residents,
    published: &'a Published,
    /// The snapshot before: its rows, its channels, and when those changed.
    before: Rows<'a>,
    channels_before: &'a [ChannelRows],
    changed_before: &'a [Tick],
    /// The tick, and what there is at it.
    tick: Tick,
    census: &'a mut Census,
    lanes: &'a mut Vec<u32>,
    changed: &'a mut Vec<Tick>,
    order: &'a mut Vec<Entry>,
    places: &'a mut Vec<u32>,
    /// Of the first channel of the snapshot before that is not before the last one of this.
    before_place: usize,
    /// The last channel of which it is noted that it has changed, and the last in which others are than before.
    noted: Option<Channel>,
    others_in: Option<Channel>,
}

impl Merge<'_> {
    /// One that was not there before.
    fn enter(&mut self, new: &Entry) {
        self.note_others(new.channel);
        let resident = self.residents.get(new.number);
        let lanes = self.layout.kind(resident.kind).map_or(0, KindLayout::lanes);
        let first = self.lanes.len();
        self.lanes.extend_from_slice(Residents::row(resident, lanes, self.published));
        self.add(Entry { in_set: resident.in_set, ..*new }, resident.kind, first);
    }

    /// The one whose row was at `place`, if it is still there.
    #[inline]
    fn keep(&mut self, place: usize, entry: &Entry) {
        let before = &self.before.entities[place];
        if let Some(kind) = self.layout.kind(before.kind)
            && let Some(row) = self.residents.row_going_on(entry.number, kind.lanes(), self.published)
        {
            self.take(kind, before, Entry { in_set: false, ..*entry }, row);
        } else {
            self.keep_rare(place, entry);
        }
    }

    /// The same for one that may have changed its channel or its kind, be gone, or be in a set.
    fn keep_rare(&mut self, place: usize, entry: &Entry) {
        let resident = self.residents.get(entry.number);
        let is_new = self.residents.is_new(resident);
        if !(is_new || resident.in_set) || resident.channel != entry.channel {
            self.note_others(entry.channel);
        } else if !is_new {
            self.copy(place, std::slice::from_ref(entry));
        } else if self.before.entities[place].kind != resident.kind {
            self.enter(entry);
        } else if let Some(kind) = self.layout.kind(resident.kind) {
            let row = Residents::row(resident, kind.lanes(), self.published);
            self.take(kind, &self.before.entities[place], Entry { in_set: resident.in_set, ..*entry }, row);
        }
    }

    /// One that was there before: its row is copied and compared in one go.
    #[inline]
    fn take(&mut self, kind: &KindLayout, was: &EntityRow, entry: Entry, row: &[u32]) {
        let before = self.before.row(kind, was);
        let (mut differs, first) = (0, self.lanes.len());
        let compared = row.iter().zip(before).map(|(now, before)| {
            differs |= now ^ before;
            *now
        });
        self.lanes.extend(compared);
        self.add(entry, was.kind, first);
        if differs != 0 && self.noted != Some(entry.channel) && kind.differs(Part::Public, before, row) {
            self.note_change(entry.channel);
        }
    }

    /// Those whose rows were from `place` on, all of one channel, and are the same.
    fn copy(&mut self, place: usize, entries: &[Entry]) {
        let rows = &self.before.entities[place..place + entries.len()];
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        let end = last.first + self.layout.kind(last.kind).map_or(0, |kind| kind.lanes());
        let start = self.lanes.len();
        self.lanes.extend_from_slice(&self.before.lanes[first.first..end]);
        let moved = |row: &EntityRow| EntityRow { first: row.first - first.first + start, ..*row };
        self.census.entities.extend(rows.iter().map(moved));
        self.order.extend_from_slice(entries);
        self.grow(entries[0].channel, entries.len(), start);
    }

    /// One whose lanes, from `first` on, are the last ones.
    #[inline]
    fn add(&mut self, entry: Entry, kind: u16, first: usize) {
        let number = entry.number as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        self.places[number] = self.census.entities.len() as u32;
        self.census.entities.push(EntityRow { id: entry.id, kind, first });
        self.order.push(entry);
        self.grow(entry.channel, 1, first);
    }

    /// So many rows more in a channel, which is the last one or a new one; their lanes are from `first` on.
    #[inline]
    fn grow(&mut self, channel: Channel, rows: usize, first: usize) {
        if self.census.grow(channel, rows, first) {
            self.begin(channel);
        }
    }

    /// The last channel is new: when it changed last, and when others came into it.
    fn begin(&mut self, channel: Channel) {
        let before = self.place_before(channel);
        let changed = before.filter(|_| self.noted != Some(channel)).map(|place| self.changed_before[place]);
        self.changed.push(changed.unwrap_or(self.tick));
        let since = before.filter(|_| self.others_in != Some(channel)).map(|place| self.channels_before[place].since);
        if let Some(last) = self.census.channels.last_mut() {
            last.since = since.unwrap_or(self.tick);
        }
    }

    fn note_change(&mut self, channel: Channel) {
        if self.noted != Some(channel) {
            self.noted = Some(channel);
            // else it comes yet, or nothing is in it any more
            if self.census.channels.last().is_some_and(|last| last.channel == channel)
                && let Some(changed) = self.changed.last_mut()
            {
                *changed = self.tick;
            }
        }
    }

    /// Others are in a channel than before.
    fn note_others(&mut self, channel: Channel) {
        self.note_change(channel);
        self.others_in = Some(channel);
        if let Some(last) = self.census.channels.last_mut().filter(|last| last.channel == channel) {
            last.since = self.tick;
        }
    }

    /// The place of a channel in the snapshot before; channels are asked about in order.
    fn place_before(&mut self, channel: Channel) -> Option<usize> {
        let channels = &self.channels_before[self.before_place..];
        self.before_place += channels.iter().take_while(|before| before.channel < channel).count();
        let before = self.channels_before.get(self.before_place)?;
        (before.channel == channel).then_some(self.before_place)
    }
}
