//! The sent state and its past: for each of the last [`Store::RING`] ticks all rows, sorted by channel and id.

use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

use rustc_hash::FxHashMap;
use tickwire_shared::delta::{EntityRow, KindLayout, Layout, Part, Rows};
use tickwire_shared::publish::Published;
use tickwire_shared::{SeatId, Tick};

use super::channel::{Cell, Channel};
use super::grid::Grid;
use super::residents::{Entry, Resident, Residents};

/// All rows of one tick.
#[derive(Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    channels: Vec<(Channel, Range<usize>)>,
    /// Where each column of the grid begins in `channels`.
    columns: Vec<(i16, usize)>,
    entities: Vec<EntityRow>,
    lanes: Vec<u32>,
    /// Sorted by seat, then id.
    owned: Vec<(SeatId, EntityRow)>,
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
        let range = self
            .channels
            .binary_search_by_key(&channel, |(channel, _)| *channel)
            .map_or(0..0, |place| self.channels[place].1.clone());
        Rows { entities: &self.entities[range], lanes: &self.lanes }
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
        let from = self.columns.partition_point(|(column, _)| column < numbers.start());
        let ends = self.columns[from..].iter().skip(1).map(|(_, first)| *first).chain([self.channels.len()]);
        let columns = self.columns[from..].iter().zip(ends);
        let columns = columns.take_while(move |((column, _), _)| column <= numbers.end());
        columns.map(|((column, first), end)| (*column, &self.channels[*first..end]))
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
    changed_at: FxHashMap<Channel, Tick>,
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
            changed_at: FxHashMap::default(),
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
            self.changed_at.retain(|_, changed| tick.since(*changed) <= Self::RING as i32);
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
        self.changed_at.get(&channel).copied()
    }

    /// Tells of each seat for which what it owns, or an owner-only field of it, differs between two snapshots.
    pub(super) fn owned_changes(&self, before: &Snapshot, now: &Snapshot, mut changed: impl FnMut(SeatId)) {
        let [mut old, mut new] = [before, now].map(|all| all.owned.chunk_by(|(a, _), (b, _)| a == b).peekable());
        loop {
            let seats = [old.peek(), new.peek()].map(|rows| rows.map(|rows| rows[0].0));
            let Some(seat) = seats.into_iter().flatten().min() else { return };
            let a = old.next_if(|rows| rows[0].0 == seat).unwrap_or_default();
            let b = new.next_if(|rows| rows[0].0 == seat).unwrap_or_default();
            let same = a.len() == b.len()
                && a.iter().zip(b).all(|((_, a), (_, b))| {
                    a.id == b.id
                        && a.kind == b.kind
                        && self.layout.kind(a.kind).is_none_or(|kind| {
                            !kind.differs(Part::Owner, before.all_rows().row(kind, a), now.all_rows().row(kind, b))
                        })
                });
            if !same {
                changed(seat);
            }
        }
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
            changed_at: &mut self.changed_at,
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
    changed_at: &'a mut FxHashMap<Channel, Tick>,
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
        self.add(new, resident, first);
    }

    /// The one whose row was at `place`, if it is still there.
    fn keep(&mut self, place: usize, entry: &Entry) {
        let resident = self.residents.get(entry.number);
        let is_new = self.residents.is_new(resident);
        if !(is_new || resident.in_set) || resident.channel != entry.channel {
            self.note_change(entry.channel);
        } else if !is_new {
            self.copy(place, std::slice::from_ref(entry));
        } else if self.before.entities[place].kind != resident.kind {
            self.enter(entry);
        } else if let Some(kind) = self.layout.kind(resident.kind) {
            self.take(kind, &self.before.entities[place], entry, resident);
        }
    }

    /// One that was there before: its row is copied and compared in one go.
    #[inline]
    fn take(&mut self, kind: &KindLayout, before: &EntityRow, entry: &Entry, resident: &Resident) {
        let before = self.before.all_rows().row(kind, before);
        let row = Residents::row(resident, kind.lanes(), self.published);
        let (mut differs, first) = (0, self.now.lanes.len());
        let compared = row.iter().zip(before).map(|(now, before)| {
            differs |= now ^ before;
            *now
        });
        self.now.lanes.extend(compared);
        self.add(entry, resident, first);
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
    fn add(&mut self, entry: &Entry, resident: &Resident, first: usize) {
        let number = entry.number as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        self.places[number] = self.now.entities.len() as u32;
        self.now.entities.push(EntityRow { id: entry.id, kind: resident.kind, first });
        self.order.push(Entry { in_set: resident.in_set, ..*entry });
        self.grow(entry.channel, 1);
    }

    /// So many rows more in a channel, which is the last one or a new one.
    fn grow(&mut self, channel: Channel, rows: usize) {
        let end = self.now.entities.len();
        match self.now.channels.last_mut() {
            Some((last, range)) if *last == channel => range.end = end,
            _ => {
                let column = channel.cell().numbers().0;
                if self.now.columns.last().is_none_or(|(last, _)| *last != column) {
                    self.now.columns.push((column, self.now.channels.len()));
                }
                self.now.channels.push((channel, end - rows..end));
            }
        }
    }

    fn note_change(&mut self, channel: Channel) {
        if self.changed != Some(channel) {
            self.changed = Some(channel);
            self.changed_at.insert(channel, self.now.tick);
        }
    }
}
