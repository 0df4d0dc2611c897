//! Rows of a channel: entities sorted by id, their lanes side by side.

use super::layout::{KindLayout, Layout, Part, same};
use crate::game::EntityId;

/// One entity's place in a [`RowBuffer`] or another store of lanes.
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
#[derive(Clone, Copy, Debug)]
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
    pub fn row(&self, layout: &KindLayout, entity: &EntityRow) -> &'a [u32] {
        &self.lanes[entity.first..entity.first + layout.lanes()]
    }

    /// The rows from `from` on, at most `most`.
    pub(super) fn part(&self, from: usize, most: usize) -> Self {
        let entities = &self.entities[from..];
        Self { entities: &entities[..most.min(entities.len())], lanes: self.lanes }
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

/// How many rows of kind `kind` are the same to the last lane, from the first of both on. Most rows of most channels are,
/// so this is where a delta's time goes.
pub(super) fn same_rows(kind: &KindLayout, a: Rows<'_>, b: Rows<'_>) -> usize {
    let lanes = kind.lanes();
    let (Some(a_first), Some(b_first)) = (a.entities.first(), b.entities.first()) else { return 0 };
    if lanes == 0 {
        return 0;
    }
    let (a_rows, b_rows) = (a.lanes[a_first.first..].chunks_exact(lanes), b.lanes[b_first.first..].chunks_exact(lanes));
    let kept = |a: &EntityRow, b: &EntityRow| a.id == b.id && a.kind == a_first.kind && b.kind == a_first.kind;
    let entities = a.entities.iter().zip(b.entities).map(|(a, b)| kept(a, b));
    let rows = a_rows.zip(b_rows).map(|(a, b)| same(a, b));
    entities.zip(rows).take_while(|(kept, same)| *kept && *same).count()
}

/// Rows, owned. Cleared and filled again: no allocation once warm.
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
        self.entities
            .extend(rows.entities.iter().map(|row| EntityRow { first: row.first - first.first + start, ..*row }));
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
