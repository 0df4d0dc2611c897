//! The sent state and its past: for each of the last [`Store::RING`] ticks all rows, sorted by channel and id.

use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

use rustc_hash::FxHashMap;
use tickwire_shared::delta::{EntityRow, KindLayout, Layout, Part, Rows};
use tickwire_shared::publish::Published;
use tickwire_shared::{EntityId, SeatId, Tick};

use super::channel::{Cell, Channel};
use super::grid::Grid;
use super::residents::{Entry, Residents};

/// All rows of one tick.
#[derive(Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    channels: Vec<(Channel, Range<usize>)>,
    /// When the public fields of each channel last changed.
    changed: Vec<Tick>,
    columns: Vec<Column>,
    /// When there last were other columns, and when there last were other channels.
    columns_since: Tick,
    channels_since: Tick,
    entities: Vec<EntityRow>,
    lanes: Vec<u32>,
    /// Sorted by seat, then id.
    owned: Vec<(SeatId, EntityRow)>,
}

/// A column of the grid in which something is.
#[derive(Clone, Copy, Debug)]
struct Column {
    number: i16,
    /// Its first channel's place.
    first: usize,
    /// When there last were other channels in it.
    since: Tick,
}

impl Snapshot {
    /// When it was.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The channels in which something is, sorted.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        self.channels.iter().map(|(channel, _)| *channel)
    }

    /// The rows of a channel; none when nothing is there.
    #[must_use]
    pub fn rows(&self, channel: Channel) -> Rows<'_> {
        let range = self.place(channel).map_or(0..0, |place| self.channels[place].1.clone());
        Rows { entities: &self.entities[range], lanes: &self.lanes }
    }

    /// Of a channel that holds something, among those.
    fn place(&self, channel: Channel) -> Option<usize> {
        self.channels.binary_search_by_key(&channel, |(channel, _)| *channel).ok()
    }

    /// The channels that hold something, in order, and when their public fields last changed.
    pub(super) fn changes(&self) -> impl ExactSizeIterator<Item = (Channel, Tick)> {
        self.channels.iter().zip(&self.changed).map(|((channel, _), changed)| (*channel, *changed))
    }

    /// Whether something is in the same channels as at `tick`, and ever since.
    pub(super) fn has_all_channels_of(&self, tick: Tick) -> bool {
        !self.channels_since.is_after(tick)
    }

    /// The channels that hold something, in order, from those of `cell` on.
    pub fn channels_from(&self, cell: Cell) -> impl Iterator<Item = Channel> {
        let first = self.channels.partition_point(|(channel, _)| channel.cell() < cell);
        self.channels[first..].iter().map(|(channel, _)| *channel)
    }

    /// The channels in some columns of the grid, in order, column by column.
    pub(super) fn columns(
        &self,
        numbers: RangeInclusive<i16>,
    ) -> impl Iterator<Item = (i16, &[(Channel, Range<usize>)])> {
        let from = self.columns.partition_point(|column| column.number < *numbers.start());
        let ends = self.columns[from..].iter().skip(1).map(|column| column.first).chain([self.channels.len()]);
        let columns = self.columns[from..].iter().zip(ends);
        let columns = columns.take_while(move |(column, _)| column.number <= *numbers.end());
        columns.map(|(column, end)| (column.number, &self.channels[column.first..end]))
    }

    /// Whether something is in the same channels of these columns, and of everywhere, as at `tick` and ever since.
    #[inline]
    pub(super) fn has_channels_of(&self, tick: Tick, numbers: &RangeInclusive<i16>) -> bool {
        self.has_all_channels_of(tick) || self.has_columns_of(tick, numbers)
    }

    fn has_columns_of(&self, tick: Tick, numbers: &RangeInclusive<i16>) -> bool {
        let everywhere = Cell::EVERYWHERE.numbers().0;
        let mut columns = self.columns.iter().filter(|of| of.number == everywhere || numbers.contains(&of.number));
        !self.columns_since.is_after(tick) && columns.all(|column| !column.since.is_after(tick))
    }

    /// Notes where there are other channels than in the snapshot `before`.
    fn compare_channels(&mut self, before: &Self) {
        let (now, all) = (self.tick, i16::MIN..=i16::MAX);
        let same =
            self.columns.iter().map(|column| column.number).eq(before.columns.iter().map(|column| column.number));
        self.columns_since = if same { before.columns_since } else { now };
        let mut old = before.columns.iter().zip(before.columns(all).map(|(_, channels)| channels)).peekable();
        self.channels_since = self.columns_since;
        for at in 0..self.columns.len() {
            let Column { number, first, .. } = self.columns[at];
            let end = self.columns.get(at + 1).map_or(self.channels.len(), |next| next.first);
            let here = self.channels[first..end].iter().map(|(channel, _)| channel);
            while old.next_if(|(column, _)| column.number < number).is_some() {}
            let same = old.next_if(|(column, there)| {
                column.number == number && here.eq(there.iter().map(|(channel, _)| channel))
            });
            let since = same.map_or(now, |(column, _)| column.since);
            self.columns[at].since = since;
            if since.is_after(self.channels_since) {
                self.channels_since = since;
            }
        }
    }

    /// The rows that belong to a seat, owner-only fields included.
    #[must_use]
    pub fn owned(&self, seat: SeatId) -> impl ExactSizeIterator<Item = &EntityRow> + Clone {
        let first = self.owned.partition_point(|(owner, _)| *owner < seat);
        let end = self.owned.partition_point(|(owner, _)| *owner <= seat);
        self.owned[first..end].iter().map(|(_, row)| row)
    }

    /// All lanes, for rows of this snapshot.
    #[must_use]
    pub fn all_rows(&self) -> Rows<'_> {
        Rows { entities: &self.entities, lanes: &self.lanes }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
    /// The newest last.
    ring: VecDeque<Snapshot>,
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
        let mut snapshot = self.next_snapshot(tick);
        self.merge(published, &mut snapshot);
        for (owner, _, number) in &self.residents.owned {
            snapshot.owned.push((*owner, snapshot.entities[self.places[*number as usize] as usize]));
        }
        if self.forgot.is_none_or(|last| tick.since(last) >= Self::RING as i32) {
            self.forgot = Some(tick);
            self.emptied.retain(|_, changed| tick.since(*changed) <= Self::RING as i32);
        }
        if let Some(before) = self.ring.back() {
            snapshot.compare_channels(before);
            if snapshot.channels_since == tick {
                let gone = before.channels().filter(|channel| snapshot.place(*channel).is_none());
                self.emptied.extend(gone.map(|channel| (channel, tick)));
            }
        } else {
            (snapshot.columns_since, snapshot.channels_since) = (tick, tick);
        }
        self.ring.push_back(snapshot);
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
        let age = self.newest()?.tick.since(tick);
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
        now.place(channel).map(|place| now.changed[place]).or_else(|| self.emptied.get(&channel).copied())
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
        if before.owned.iter().map(name).eq(now.owned.iter().map(name)) {
            // nearly always
            let pairs = before.owned.iter().zip(&now.owned);
            return pairs.filter(|((_, a), (_, b))| differs(a, b)).for_each(|(_, (seat, _))| changed(*seat));
        }
        let [mut old, mut new] = [before, now].map(|all| all.owned.chunk_by(|(a, _), (b, _)| a == b).peekable());
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

    /// The oldest snapshot's memory, or new.
    fn next_snapshot(&mut self, tick: Tick) -> Snapshot {
        let mut snapshot = if self.ring.len() >= Self::RING { self.ring.pop_front() } else { None }.unwrap_or_default();
        snapshot.tick = tick;
        snapshot.channels.clear();
        snapshot.changed.clear();
        snapshot.columns.clear();
        snapshot.entities.clear();
        snapshot.lanes.clear();
        snapshot.owned.clear();
        snapshot
    }

    /// Fills `now` in one pass over two lists in the same order: the rows of the snapshot before, less those that are
    /// there no more, and those that enter a channel.
    fn merge(&mut self, published: &Published, now: &mut Snapshot) {
        let empty = Snapshot::default();
        let before = self.ring.back().unwrap_or(&empty);
        let residents = &self.residents;
        let mut merge = Merge {
            layout: &self.layout,
            residents,
            published,
            before,
            now,
            order: &mut self.next_order,
            places: &mut self.places,
            before_place: 0,
            changed: None,
        };
        merge.order.clear();
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
    }
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
    before: &'a Snapshot,
    now: &'a mut Snapshot,
    order: &'a mut Vec<Entry>,
    places: &'a mut Vec<u32>,
    /// Of the first channel of the snapshot before that is not before the last one of this.
    before_place: usize,
    /// The last channel of which it is noted that it has changed.
    changed: Option<Channel>,
}

impl Merge<'_> {
    /// One that was not there before.
    fn enter(&mut self, new: &Entry) {
        self.note_change(new.channel);
        let resident = self.residents.get(new.number);
        let lanes = self.layout.kind(resident.kind).map_or(0, KindLayout::lanes);
        let first = self.now.lanes.len();
        self.now.lanes.extend_from_slice(Residents::row(resident, lanes, self.published));
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
            self.note_change(entry.channel);
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
        let before = self.before.all_rows().row(kind, was);
        let (mut differs, first) = (0, self.now.lanes.len());
        let compared = row.iter().zip(before).map(|(now, before)| {
            differs |= now ^ before;
            *now
        });
        self.now.lanes.extend(compared);
        self.add(entry, was.kind, first);
        if differs != 0 && self.changed != Some(entry.channel) && kind.differs(Part::Public, before, row) {
            self.note_change(entry.channel);
        }
    }

    /// Those whose rows were from `place` on, all of one channel, and are the same.
    fn copy(&mut self, place: usize, entries: &[Entry]) {
        let rows = &self.before.entities[place..place + entries.len()];
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        let end = last.first + self.layout.kind(last.kind).map_or(0, |kind| kind.lanes());
        let start = self.now.lanes.len();
        self.now.lanes.extend_from_slice(&self.before.lanes[first.first..end]);
        let moved = |row: &EntityRow| EntityRow { first: row.first - first.first + start, ..*row };
        self.now.entities.extend(rows.iter().map(moved));
        self.order.extend_from_slice(entries);
        self.grow(entries[0].channel, entries.len());
    }

    /// One whose lanes, from `first` on, are the last ones.
    #[inline]
    fn add(&mut self, entry: Entry, kind: u16, first: usize) {
        let number = entry.number as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        self.places[number] = self.now.entities.len() as u32;
        self.now.entities.push(EntityRow { id: entry.id, kind, first });
        self.order.push(entry);
        self.grow(entry.channel, 1);
    }

    /// So many rows more in a channel, which is the last one or a new one.
    fn grow(&mut self, channel: Channel, rows: usize) {
        let end = self.now.entities.len();
        match self.now.channels.last_mut() {
            Some((last, range)) if *last == channel => range.end = end,
            _ => {
                let column = channel.cell().numbers().0;
                if self.now.columns.last().is_none_or(|last| last.number != column) {
                    self.now.columns.push(Column {
                        number: column,
                        first: self.now.channels.len(),
                        since: self.now.tick,
                    });
                }
                self.now.channels.push((channel, end - rows..end));
                let changed = self.changed_before(channel).filter(|_| self.changed != Some(channel));
                self.now.changed.push(changed.unwrap_or(self.now.tick));
            }
        }
    }

    fn note_change(&mut self, channel: Channel) {
        if self.changed != Some(channel) {
            self.changed = Some(channel);
            // else it comes yet, or nothing is in it any more
            if self.now.channels.last().is_some_and(|(last, _)| *last == channel)
                && let Some(changed) = self.now.changed.last_mut()
            {
                *changed = self.now.tick;
            }
        }
    }

    /// When a channel last changed, as the snapshot before knows; channels are asked about in order.
    fn changed_before(&mut self, channel: Channel) -> Option<Tick> {
        let channels = &self.before.channels[self.before_place..];
        self.before_place += channels.iter().take_while(|(before, _)| *before < channel).count();
        let (before, _) = self.before.channels.get(self.before_place)?;
        (*before == channel).then(|| self.before.changed[self.before_place])
    }
}
