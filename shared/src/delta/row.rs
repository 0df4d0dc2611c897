//! Rows of a channel: entities sorted by id, their lanes side by side.

use super::layout::{KindLayout, Layout, Part, same};
use crate::bits::DecodeError;
use crate::game::EntityId;

/// One entity's place in a [`RowBuffer`] or another store of lanes.
///
/// ```
/// use tickwire_shared::{EntityId, delta::RowBuffer};
///
/// let mut rows = RowBuffer::default();
/// rows.push(EntityId(7), 0, 3);
/// rows.push(EntityId(9), 1, 2); // of another kind
/// let places: Vec<_> = rows.rows().entities.iter().map(|row| (row.id.0, row.kind, row.first)).collect();
/// assert_eq!(places, [(7, 0, 0), (9, 1, 3)]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntityRow {
    /// Its name.
    pub id: EntityId,
    /// Its kind's number; always one that the layout knows.
    pub kind: u16,
    /// Where its lanes begin.
    pub first: usize,
}

/// Rows, borrowed. Sorted by id, no id twice; their lanes stand in the same order without gaps.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let lanes = [100, 20, 5]; // of a store of one's own
/// let rows = Rows { entities: &[EntityRow { id: EntityId(7), kind: 0, first: 0 }], lanes: &lanes };
/// for entity in rows.entities {
///     let kind = layout.kind(entity.kind).expect("one of the game's");
///     assert_eq!(Thing::from_lanes(rows.row(kind, entity)).coins, 5);
/// }
/// assert_eq!(Rows::EMPTY.hash(&layout), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows<'a> {
    /// The entities.
    pub entities: &'a [EntityRow],
    /// The store that their `first` points into.
    pub lanes: &'a [u32],
}

impl<'a> Rows<'a> {
    /// No rows.
    pub const EMPTY: Self = Rows { entities: &[], lanes: &[] };

    /// The lanes of one row.
    #[must_use]
    #[inline(always)]
    pub fn row(&self, layout: &KindLayout, entity: &EntityRow) -> &'a [u32] {
        // a sum that wrapped would be no range
        &self.lanes[entity.first..entity.first.wrapping_add(layout.lanes())]
    }

    /// Whom these have and `others` have not.
    pub(crate) fn without(self, others: Rows<'a>) -> impl Iterator<Item = EntityId> + 'a {
        let mut there = others.entities.iter().peekable();
        self.entities.iter().map(|entity| entity.id).filter(move |id| {
            while there.next_if(|entity| entity.id < *id).is_some() {}
            there.next_if(|entity| entity.id == *id).is_none()
        })
    }

    /// The rows from `from` on.
    #[inline]
    pub(super) fn from(&self, from: usize) -> Self {
        Self { entities: self.entities.get(from..).unwrap_or(&[]), lanes: self.lanes }
    }

    /// The sum of [`entity_hash`] over all rows.
    #[must_use]
    pub fn hash(&self, layout: &Layout) -> u64 {
        self.entities
            .iter()
            .filter_map(|entity| {
                let kind = layout.kind(entity.kind)?;
                Some(entity_hash(kind, entity.id, entity.kind, self.row(kind, entity)))
            })
            .fold(0, u64::wrapping_add)
    }
}

/// How many rows of kind `kind` are the same to the last lane, from the first of both on, of the first `most`. Most rows
/// of most channels are, so this is where a delta's time goes: they are compared in blocks.
#[inline]
pub(super) fn same_rows(kind: &KindLayout, a: Rows<'_>, b: Rows<'_>, most: usize) -> usize {
    let most = most.min(a.entities.len()).min(b.entities.len());
    // where a row differs, the next one often does too
    if most == 0 || !same_row(kind, a, b, 0) { 0 } else { 1 + same_rows_from(kind, a, b, 1, most) }
}

/// The same for the rows from `from` to `most`.
fn same_rows_from(kind: &KindLayout, a: Rows<'_>, b: Rows<'_>, from: usize, most: usize) -> usize {
    const BLOCK: usize = 32;
    const ROWS: usize = 3;
    let number = a.entities[0].kind;
    let mut at = from;
    // a few rows are quicker one by one
    while most - at > ROWS {
        let end = most.min(at + BLOCK);
        let (a_block, b_block) = (&a.entities[at..end], &b.entities[at..end]);
        // no early end: it is done for all of them at a time
        let other =
            a_block.iter().zip(b_block).fold(0, |other, (a, b)| other | (a.id.0 ^ b.id.0) | u32::from(a.kind ^ b.kind));
        // the lanes of all of them, whatever is between the first and the last
        let lanes = |block: &[EntityRow]| {
            let last = block.last().filter(|last| last.kind == number)?;
            Some(block[0].first..last.first.wrapping_add(kind.lanes()))
        };
        let (Some(a_lanes), Some(b_lanes)) = (lanes(a_block), lanes(b_block)) else { break };
        if other != 0 || a.lanes.get(a_lanes) != b.lanes.get(b_lanes) {
            break;
        }
        at = end;
    }
    at - from + (at..most).take_while(|at| same_row(kind, a, b, *at)).count()
}

#[inline]
fn same_row(kind: &KindLayout, a: Rows<'_>, b: Rows<'_>, at: usize) -> bool {
    let (a_row, b_row) = (&a.entities[at], &b.entities[at]);
    let number = a.entities[0].kind;
    a_row.id == b_row.id && a_row.kind == number && b_row.kind == number && same(a.row(kind, a_row), b.row(kind, b_row))
}

/// Lanes that a client takes of one channel, and of one frame, at most: 16 MiB.
///
/// ```
/// # use tickwire_shared::delta::ROWS_MAX_LANES;
/// let lanes_of_a_ship = 12;
/// assert!(ROWS_MAX_LANES / lanes_of_a_ship > 300_000);
/// ```
pub const ROWS_MAX_LANES: usize = 1 << 22;

/// Rows, owned. Cleared and filled again: no allocation once warm.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let (mut rows, thing) = (RowBuffer::default(), Thing { at: [5.0, 1.0], coins: 2 });
/// thing.to_lanes(rows.push(EntityId(7), 0, Thing::LANES));
/// assert_eq!(rows.rows().lanes, [100, 20, 2]);
/// rows.clear(); // for the next tick
/// assert!(rows.rows().entities.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct RowBuffer {
    entities: Vec<EntityRow>,
    lanes: Vec<u32>,
}

impl RowBuffer {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.entities.clear();
        self.lanes.clear();
    }

    /// Adds a row of zeros for what bytes from outside say.
    ///
    /// # Errors
    /// There are [`ROWS_MAX_LANES`] already: bytes can say rows that are alike many times shorter than they are.
    pub(super) fn push_told(&mut self, id: EntityId, kind: u16, lanes: usize) -> Result<&mut [u32], DecodeError> {
        if self.lanes.len() + lanes > ROWS_MAX_LANES {
            return Err(DecodeError::OutOfRange("count of rows"));
        }
        Ok(self.push(id, kind, lanes))
    }

    /// Adds a row of zeros behind the last one; ids must come in order.
    pub fn push(&mut self, id: EntityId, kind: u16, lanes: usize) -> &mut [u32] {
        let first = self.lanes.len();
        self.lanes.resize(first + lanes, 0);
        self.entities.push(EntityRow { id, kind, first });
        &mut self.lanes[first..]
    }

    /// Adds all of `rows` behind the last one.
    pub(super) fn copy(&mut self, layout: &Layout, rows: Rows<'_>) {
        let (Some(first), Some(last)) = (rows.entities.first(), rows.entities.last()) else { return };
        let end = last.first + layout.kind(last.kind).map_or(0, KindLayout::lanes);
        let start = self.lanes.len();
        self.lanes.extend_from_slice(&rows.lanes[first.first..end]);
        if first.first == start {
            self.entities.extend_from_slice(rows.entities);
        } else {
            let moved = |row: &EntityRow| EntityRow { first: row.first - first.first + start, ..*row };
            self.entities.extend(rows.entities.iter().map(moved));
        }
    }

    /// The rows at some places become what they are in `rows`, which has the same entities.
    pub(super) fn copy_places(&mut self, layout: &Layout, rows: Rows<'_>, places: &[u32]) {
        for place in places {
            // a list may be of a time when there were more
            let place = *place as usize;
            let from = rows.entities.get(place).and_then(|entity| Some(rows.row(layout.kind(entity.kind)?, entity)));
            if let (Some(from), Some((_, row))) = (from, self.row_mut(layout, place)) {
                row.copy_from_slice(from);
            }
        }
    }

    /// The kind and the lanes of the row at `place`.
    pub(super) fn row_mut<'a, 'l>(
        &'a mut self,
        layout: &'l Layout,
        place: usize,
    ) -> Option<(&'l KindLayout, &'a mut [u32])> {
        let entity = self.entities.get(place)?;
        let kind = layout.kind(entity.kind)?;
        Some((kind, &mut self.lanes[entity.first..entity.first + kind.lanes()]))
    }

    /// The rows from `from` on, and all lanes.
    pub(super) fn parts_mut(&mut self, from: usize) -> (&[EntityRow], &mut [u32]) {
        (self.entities.get(from..).unwrap_or(&[]), &mut self.lanes)
    }

    /// Borrows them.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        Rows { entities: &self.entities, lanes: &self.lanes }
    }
}

/// A hash of one entity's public fields. The hash of a set is the wrapping sum over its members, so it does not
/// depend on their order and channels add up to a view.
///
/// Multiply and xor-shift with the constants of SplitMix64; tells accidents from the truth, no defence against malice.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let kind = KindLayout::new(&Thing::schema())?;
/// let hash = |id, row: &[u32]| entity_hash(&kind, EntityId(id), 0, row);
/// assert_ne!(hash(7, &[100, 20, 5]), hash(7, &[100, 20, 6]));
/// let (one, two) = (hash(7, &[100, 20, 5]), hash(9, &[0, 0, 0]));
/// assert_eq!(one.wrapping_add(two), two.wrapping_add(one), "of both, in any order");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn entity_hash(layout: &KindLayout, id: EntityId, kind: u16, row: &[u32]) -> u64 {
    let mut hash = mix(u64::from(id.0) << 16 | u64::from(kind));
    for unit in layout.units(Part::Public) {
        for lane in unit.of(row) {
            hash = mix(hash ^ u64::from(*lane));
        }
    }
    hash
}

fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}
