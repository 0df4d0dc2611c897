//! States of a channel in which nobody came or went: rows that stand side by side. Nearly all deltas are of such states,
//! so nothing is looked for here: the states share one list of entities, and the rows that moved are known.

use super::encode::known;
use super::forecast::{Pace, RowPast};
use super::layout::{KindLayout, Layout, same};
use super::past::{Earlier, Past};
use super::row::Rows;

/// See the module. All rows are of one kind.
pub(super) struct Beside<'a> {
    pub(super) kind: &'a KindLayout,
    /// How many rows there are.
    pub(super) count: usize,
    /// Their lanes, now, in the base, and in the two states before it; as many in each.
    now: &'a [u32],
    base: &'a [u32],
    earlier: Option<([&'a [u32]; 2], Pace)>,
    moved: &'a [u32],
}

impl<'a> Beside<'a> {
    /// None where the states have lists of their own, be it that the same is in them.
    pub(super) fn new(layout: &'a Layout, past: &Past<'a>, now: Rows<'a>) -> Option<Self> {
        let list = now.entities;
        let first = list.first()?;
        let kind = known(layout, first);
        let end = first.first.checked_add(kind.lanes().checked_mul(list.len())?)?;
        let lanes = |rows: Rows<'a>| {
            let is_beside = std::ptr::eq(rows.entities, list);
            rows.lanes.get(first.first..end).filter(|_| is_beside)
        };
        let base = lanes(past.base)?;
        let (earlier, moved) = match &past.earlier {
            Some(Earlier { rows: [before, older], spacing, ahead, moved }) => {
                (Some(([lanes(*before)?, lanes(*older)?], Pace::new(*spacing, *ahead))), (*moved)?)
            }
            None => (None, &[][..]),
        };
        if kind.lanes() == 0 || list.iter().any(|row| row.kind != first.kind) {
            return None;
        }
        Some(Self { kind, count: list.len(), now: lanes(now)?, base, earlier, moved })
    }

    /// Of the rows from `first` on, which is the one behind those that were asked for last: which have moved or did not and
    /// have changed now. A loop over these alone has no branch that a processor cannot foresee: which rows rest is chance.
    #[inline(always)]
    pub(super) fn block(&mut self, first: usize) -> Block {
        let lanes = self.kind.lanes();
        let end = self.count.min(first.saturating_add(Block::ROWS));
        let (now, base) = (&self.now[first * lanes..end * lanes], &self.base[first * lanes..end * lanes]);
        let mut block = Block { moved: 0, started: 0 };
        while let [next, rest @ ..] = self.moved
            && (*next as usize) < end
        {
            self.moved = rest;
            block.moved |= (*next as usize).checked_sub(first).map_or(0, |at| 1u64.wrapping_shl(at as u32));
        }
        if block.moved == 0 && now == base {
            return block;
        }
        let mut resting = !block.moved & u64::MAX.wrapping_shr((Block::ROWS - (end - first)) as u32);
        while resting != 0 {
            let start = resting.trailing_zeros() as usize * lanes;
            let row = start..start + lanes;
            block.started |= if same(&now[row.clone()], &base[row]) { 0 } else { resting & resting.wrapping_neg() };
            resting &= resting.wrapping_sub(1);
        }
        block
    }

    /// The row at `place`, and what it was.
    #[inline(always)]
    pub(super) fn row(&self, place: usize) -> (&'a [u32], RowPast<'a>) {
        let lanes = self.kind.lanes();
        let start = place * lanes;
        let row = |all: &'a [u32]| &all[start..start + lanes];
        let earlier = self.earlier.map(|([before, older], pace)| ([row(before), row(older)], pace));
        (row(self.now), RowPast { base: row(self.base), earlier })
    }
}

/// Some rows side by side: a bit for each.
#[derive(Clone, Copy)]
pub(super) struct Block {
    moved: u64,
    started: u64,
}

impl Block {
    pub(super) const ROWS: usize = u64::BITS as usize;
}

impl Iterator for Block {
    /// The place of a row in the block, and whether it moved.
    type Item = (usize, bool);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, bool)> {
        let left = self.moved | self.started;
        let first = left & left.wrapping_neg();
        let moved = self.moved & first != 0;
        (self.moved, self.started) = (self.moved & !first, self.started & !first);
        (left != 0).then(|| (left.trailing_zeros() as usize, moved))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Coder, DeltaScratch, RowBuffer, Tables, decode_delta, encode_delta_by};
    use super::*;
    use crate::game::EntityId;
    use crate::schema::{Field, KindSchema, Quantizer, Schema};

    /// One kind, with rotations or without.
    fn layout(turns: bool, tables: bool) -> Layout {
        let field = |name: &str, quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
        let mut fields = vec![
            field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 999 }),
            field("heading", Quantizer::Angle { bits: 8 }),
            field("health", Quantizer::Int { min: 0, max: 255 }),
            field("is_hurt", Quantizer::Bool),
        ];
        fields.extend(turns.then(|| field("attitude", Quantizer::Quat { bits: 9 })));
        let kinds = vec![KindSchema { name: "Body".into(), fields }];
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        let tables = if tables { vec![128; Tables::BYTES] } else { Vec::new() };
        Layout::new(&Schema { game: "beside".into(), version: 0, kinds, input, tables }).expect("a sound schema")
    }

    /// Four states of as many rows as there are fates: what becomes of each in each step.
    fn states(layout: &Layout, fates: &[[u8; 3]]) -> [RowBuffer; 4] {
        let lanes = layout.kind(0).expect("there is one").lanes();
        let mut rows = vec![[500, 7, 100, 0, 3, 256, 300, 200]; fates.len()];
        [0usize, 1, 2, 3].map(|tick| {
            let mut buffer = RowBuffer::default();
            for ((id, row), fates) in (0..).zip(&mut rows).zip(fates) {
                match tick.checked_sub(1).map_or(9, |step| fates[step]) {
                    0..=4 => (row[0], row[1], row[5]) = (row[0] + 3, (row[1] + 250) % 256, row[5] + 2),
                    5 => (row[2], row[3]) = (row[2] - 1, 1 - row[3]),
                    6 => (row[0], row[4]) = (999 - row[0], id % 3),
                    _ => {}
                }
                buffer.push(EntityId(id), 0, lanes).copy_from_slice(&row[..lanes]);
            }
            buffer
        })
    }

    proptest! {
        #[test]
        fn states_that_share_one_list_make_the_same_delta(
            fates in prop::collection::vec([0u8..10, 0u8..10, 0u8..10], 1..200),
            (turns, tables) in any::<(bool, bool)>(),
            (spacing, ahead) in (1u8..=4, 1u8..=4),
            wrong in prop::collection::vec(0u32..250, 0..20),
        ) {
            let layout = layout(turns, tables);
            let states = states(&layout, &fates);
            let mut scratch = DeltaScratch::default();
            let step = Past { base: states[1].rows(), earlier: None };
            encode_delta_by(Coder::Rice, &layout, &step, states[2].rows(), &mut scratch, &mut Vec::new());
            let moved = scratch.changed().to_vec();
            for coder in [Coder::Rice, Coder::Range] {
                let mut delta = |[older, before, base, now]: [Rows<'_>; 4], moved: Option<&[u32]>| {
                    let earlier = Earlier { rows: [before, older], spacing, ahead, moved };
                    let earlier = Some(earlier).filter(|_| moved.is_some());
                    let (past, mut bytes, mut decoded) = (Past { base, earlier }, Vec::new(), RowBuffer::default());
                    assert_eq!(Beside::new(&layout, &past, now).is_some(), std::ptr::eq(base.entities, now.entities));
                    encode_delta_by(coder, &layout, &past, now, &mut scratch, &mut bytes);
                    let changed = scratch.changed().to_vec();
                    let result = decode_delta(&layout, &past, &bytes, &mut scratch, &mut decoded);
                    (bytes, changed, result.map(|()| decoded.rows().lanes.to_vec()))
                };
                let own = states.each_ref().map(RowBuffer::rows);
                let shared = own.map(|rows| Rows { entities: own[0].entities, ..rows });
                // also to one who has but one state
                for moved in [Some(&*moved), None] {
                    let told = delta(own, moved);
                    prop_assert_eq!(&told.2, &Ok(own[3].lanes.to_vec()));
                    prop_assert_eq!(delta(shared, moved), told);
                }
                // of who does not know what moved anything may come, but no panic
                let _ = delta(shared, Some(&wrong));
            }
        }
    }
}
