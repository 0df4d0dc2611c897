//! What each field takes: a coder that counts bits beside the one that writes them.

use super::coder::{Put, Question, Sureness};
use super::layout::Unit;
use crate::bits::BitWriter;

/// The bits that the fields of one part have taken. What the part has beyond them says who is there and who changed;
/// with a range coder that is all of it, since its bits belong to no field alone.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// By number of a unit.
    bits: Vec<u32>,
    /// What was put, of which the last may still be taken back: number and bits.
    log: Vec<(u16, u16)>,
}

impl Spent {
    /// By number of a unit: see [`Layout::field_of`](super::Layout::field_of).
    #[must_use]
    pub fn bits(&self) -> &[u32] {
        &self.bits
    }

    pub(super) fn clear(&mut self, units: usize) {
        self.bits.clear();
        self.bits.resize(units, 0);
        self.log.clear();
    }

    /// What was noted stays.
    fn keep(&mut self) {
        for (unit, bits) in self.log.drain(..) {
            self.bits[usize::from(unit)] += u32::from(bits);
        }
    }
}

/// A writer whose bits for fields are counted.
pub(super) struct Counted<'a, 's> {
    bits: BitWriter<'a>,
    /// Written when the present unit began.
    before: usize,
    spent: &'s mut Spent,
}

impl<'a, 's> Counted<'a, 's> {
    pub(super) fn new(bits: BitWriter<'a>, spent: &'s mut Spent) -> Self {
        Self { bits, before: 0, spent }
    }

    /// Ends the counting.
    pub(super) fn finish(self) -> BitWriter<'a> {
        self.spent.keep();
        self.bits
    }
}

impl Put for Counted<'_, '_> {
    type Mark = ((usize, u64, u32), usize);
    const WHOLE_BITS: bool = true;

    #[inline(always)]
    fn answer(&mut self, question: Question<'_>, answer: bool) {
        self.bits.answer(question, answer);
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, sure: Sureness, residual: i64, width: u8) {
        self.bits.residual(unit, sure, residual, width);
    }

    #[inline(always)]
    fn bits(&mut self, value: u32, bits: u8) {
        self.bits.bits(value, bits);
    }

    #[inline]
    fn count(&mut self, value: u32, k: u8) {
        Put::count(&mut self.bits, value, k);
    }

    #[inline]
    fn mark(&self) -> Self::Mark {
        (self.bits.mark(), self.spent.log.len())
    }

    fn rewind(&mut self, (bits, noted): Self::Mark) {
        self.spent.log.truncate(noted);
        self.bits.rewind(bits);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.before = self.bits.written();
    }

    #[inline(always)]
    fn end(&mut self, unit: &Unit) {
        self.spent.log.push((unit.number, (self.bits.written() - self.before) as u16));
    }
}
