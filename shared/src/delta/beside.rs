//! States of a channel in which nobody came or went: rows that stand side by side. Nearly all deltas are of such states,
//! so nothing is looked for here: the states share one list of entities, and the rows that moved are known.

use super::encode::known;
use super::forecast::{Pace, RowPast};
use super::layout::{KindLayout, Layout, same};
use super::past::Past;
use super::row::Rows;

/// See the module. All rows are of one kind.
pub(super) struct Beside<'a> {
    pub(super) kind: &'a KindLayout,
    /// How many rows there are.
    pub(super) count: usize,
    /// Their lanes, now and in the states of the past, the newest first; as many in each.
    now: &'a [u32],
    past: [&'a [u32]; 3],
    pace: Pace,
    moved: &'a [u32],
}

impl<'a> Beside<'a> {
    /// None where the states have lists of their own, be it that the same is in them.
    pub(super) fn new(layout: &'a Layout, past: &Past<'a>, now: Rows<'a>) -> Option<Self> {
        let earlier = past.earlier.as_ref()?;
        let [before, older] = earlier.rows;
        let (list, moved) = (now.entities, earlier.moved?);
        if ![past.base, before, older].iter().all(|rows| std::ptr::eq(rows.entities, list)) {
            return None;
        }
        let first = list.first()?;
        let kind = known(layout, first);
        let end = first.first.checked_add(kind.lanes().checked_mul(list.len())?)?;
        if kind.lanes() == 0 || list.iter().any(|row| row.kind != first.kind) {
            return None;
        }
        let lanes = |rows: Rows<'a>| rows.lanes.get(first.first..end);
        Some(Self {
            kind,
            count: list.len(),
            now: lanes(now)?,
            past: [lanes(past.base)?, lanes(before)?, lanes(older)?],
            pace: Pace::new(earlier.spacing, earlier.ahead),
            moved,
        })
    }

    /// The next row that moved and is not before `place`, taken from the list; else [`Beside::count`].
    #[inline(always)]
    pub(super) fn next_moved(&mut self, place: usize) -> usize {
        while let [next, rest @ ..] = self.moved {
            let next = *next as usize;
            self.moved = rest;
            if next >= place {
                return next.min(self.count);
            }
        }
        self.count
    }

    /// How many rows from `place` on, up to `end`, are as they were.
    #[inline(always)]
    pub(super) fn same(&self, place: usize, end: usize) -> usize {
        const BLOCK: usize = 32;
        let lanes = self.kind.lanes();
        let rows =
            |from: usize, to: usize| (&self.now[from * lanes..to * lanes], &self.past[0][from * lanes..to * lanes]);
        let mut at = place;
        while at < end {
            // a few rows are quicker one by one
            if end - at > BLOCK / 8 {
                let to = end.min(at + BLOCK);
                let (now, base) = rows(at, to);
                if now == base {
                    at = to;
                    continue;
                }
            }
            let (now, base) = rows(at, at + 1);
            if !same(now, base) {
                break;
            }
            at += 1;
        }
        at - place
    }

    /// The row at `place`, and what it was.
    #[inline(always)]
    pub(super) fn row(&self, place: usize) -> (&'a [u32], RowPast<'a>) {
        let lanes = self.kind.lanes();
        let start = place * lanes;
        let row = |all: &'a [u32]| &all[start..start + lanes];
        let [base, before, older] = self.past.map(row);
        (row(self.now), RowPast { base, earlier: Some(([before, older], self.pace)) })
    }
}
