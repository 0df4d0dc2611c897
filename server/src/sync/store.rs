//! The sent state and its past: for each of the last [`Store::RING`] ticks all rows, sorted by channel and id.

use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::FxHashMap;
use tickwire_shared::delta::{EntityRow, Layout, Part, Rows};
use tickwire_shared::publish::Published;
use tickwire_shared::{EntityId, SeatId, Tick};

use super::channel::{Cell, Channel};
use super::grid::Grid;

/// All rows of one tick.
#[derive(Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    channels: Vec<(Channel, Range<usize>)>,
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
    order: Vec<(Channel, EntityId, usize)>,
}

impl Store {
    /// Ticks that are kept: a second and more at the usual rates.
    pub const RING: usize = 32;

    /// An empty store for a game's kinds.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { layout, ring: VecDeque::new(), changed_at: FxHashMap::default(), order: Vec::new() }
    }

    /// Takes what was published at `tick`; the oldest snapshot goes. Tells how many entities were left out because the
    /// game used their id twice.
    pub fn settle(&mut self, tick: Tick, published: &Published, grid: &mut Grid) -> usize {
        self.order.clear();
        for (place, entity) in published.entities.iter().enumerate() {
            if let Some(channel) = grid.settle(tick, entity.id, entity.place, entity.layer) {
                self.order.push((channel, entity.id, place));
            }
        }
        grid.forget(tick);
        self.order.sort_unstable();
        let mut snapshot = self.next_snapshot(tick);
        for (channel, id, place) in &self.order {
            let entity = &published.entities[*place];
            let lanes = self.layout.kind(entity.kind).map_or(0, |kind| kind.lanes());
            let row = EntityRow { id: *id, kind: entity.kind, first: snapshot.lanes.len() };
            snapshot.lanes.extend_from_slice(&published.lanes[entity.first_lane..entity.first_lane + lanes]);
            let at = snapshot.entities.len();
            snapshot.entities.push(row);
            match snapshot.channels.last_mut() {
                Some((last, range)) if last == channel => range.end = at + 1,
                _ => snapshot.channels.push((*channel, at..at + 1)),
            }
            if let Some(owner) = entity.owner {
                snapshot.owned.push((owner, row));
            }
        }
        snapshot.owned.sort_unstable_by_key(|(owner, row)| (*owner, row.id));
        self.note_changes(&snapshot);
        self.ring.push_back(snapshot);
        published.entities.len() - self.order.len()
    }

    /// The newest snapshot; none before the first tick.
    #[must_use]
    pub fn newest(&self) -> Option<&Snapshot> {
        self.ring.back()
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
        self.changed_at.get(&channel).is_none_or(|changed| !changed.is_after(tick))
    }

    /// Whether what `seat` owns, or an owner-only field of it, differs between two snapshots.
    #[must_use]
    pub fn owned_differs(&self, seat: SeatId, before: &Snapshot, now: &Snapshot) -> bool {
        let (a, b) = (before.owned(seat), now.owned(seat));
        a.len() != b.len()
            || a.zip(b).any(|(a, b)| {
                a.id != b.id
                    || a.kind != b.kind
                    || self.layout.kind(a.kind).is_some_and(|kind| {
                        kind.differs(Part::Owner, before.all_rows().row(kind, a), now.all_rows().row(kind, b))
                    })
            })
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
        snapshot.entities.clear();
        snapshot.lanes.clear();
        snapshot.owned.clear();
        snapshot
    }

    /// Compares with the snapshot before, channel by channel.
    fn note_changes(&mut self, now: &Snapshot) {
        let tick = now.tick;
        let empty = Snapshot::default();
        let before = self.ring.back().unwrap_or(&empty);
        for (channel, _) in &now.channels {
            if !same(&self.layout, before.rows(*channel), now.rows(*channel)) {
                self.changed_at.insert(*channel, tick);
            }
        }
        for (channel, _) in &before.channels {
            if now.rows(*channel).entities.is_empty() {
                self.changed_at.insert(*channel, tick);
            }
        }
        self.changed_at.retain(|_, changed| tick.since(*changed) <= Self::RING as i32);
    }
}

fn same(layout: &Layout, a: Rows<'_>, b: Rows<'_>) -> bool {
    a.entities.len() == b.entities.len()
        && a.entities.iter().zip(b.entities).all(|(a_row, b_row)| {
            a_row.id == b_row.id
                && a_row.kind == b_row.kind
                && layout
                    .kind(a_row.kind)
                    .is_some_and(|kind| !kind.differs(Part::Public, a.row(kind, a_row), b.row(kind, b_row)))
        })
}
