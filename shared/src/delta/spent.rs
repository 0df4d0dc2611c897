//! What each field takes: a coder that counts bits beside the one that writes them.

use super::coder::{Put, Question};
use super::layout::Unit;
use crate::bits::BitWriter;

/// The bits that the fields of one part have taken. What the part has beyond them says who is there and who changed.
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
    pub(super) bits: BitWriter<'a>,
    spent: &'s mut Spent,
}

impl<'a, 's> Counted<'a, 's> {
    pub(super) fn new(bits: BitWriter<'a>, spent: &'s mut Spent) -> Self {
        Self { bits, spent }
    }

    /// Ends the counting.
    pub(super) fn finish(self) -> BitWriter<'a> {
        self.spent.keep();
        self.bits
    }

    /// What was written since there were `before` bits is of this unit.
    #[inline(always)]
    fn note(&mut self, unit: &Unit, before: usize) {
        self.spent.log.push((unit.number, (self.bits.written() - before) as u16));
    }
}

impl Put for Counted<'_, '_> {
    type Mark = ((usize, u64, u32), usize);

    #[inline(always)]
    fn answer(&mut self, question: Question<'_>, answer: bool) {
        let before = self.bits.written();
        self.bits.answer(question, answer);
        let (Question::Changed(unit, _) | Question::Another(unit)) = question;
        self.note(unit, before);
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, part: usize, class: usize, residual: i64, width: u8) {
        let before = self.bits.written();
        self.bits.residual(unit, part, class, residual, width);
        self.note(unit, before);
    }

    #[inline(always)]
    fn value(&mut self, unit: &Unit, value: u32, width: u8) {
        let before = self.bits.written();
        self.bits.value(unit, value, width);
        self.note(unit, before);
    }

    #[inline]
    fn mark(&self) -> Self::Mark {
        (self.bits.mark(), self.spent.log.len())
    }

    fn rewind(&mut self, (bits, noted): Self::Mark) {
        self.spent.log.truncate(noted);
        self.bits.rewind(bits);
    }
}
