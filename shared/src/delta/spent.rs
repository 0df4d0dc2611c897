//! What each field takes: a coder that counts bits beside the one that writes them.

use super::coder::{Put, Question};
use super::layout::Unit;
use crate::bits::BitWriter;

/// The bits that the fields of one part have taken. What the part has beyond them says who is there and who changed.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// By number of a unit.
    bits: Vec<u32>,
    /// What may still be taken back: number and bits.
    row: Vec<(u16, u16)>,
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
        self.row.clear();
    }

    /// What was noted stays.
    #[inline]
    fn keep(&mut self) {
        for (unit, bits) in self.row.drain(..) {
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

    #[inline(always)]
    fn put(&mut self, unit: &Unit, put: impl FnOnce(&mut BitWriter<'a>)) {
        let before = self.bits.written();
        put(&mut self.bits);
        self.spent.row.push((unit.number, (self.bits.written() - before) as u16));
    }
}

impl Put for Counted<'_, '_> {
    type Mark = (usize, u64, u32);

    #[inline]
    fn answer(&mut self, question: Question<'_>, answer: bool) {
        let (Question::Changed(unit, _) | Question::Another(unit)) = question;
        self.put(unit, |bits| bits.answer(question, answer));
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, part: usize, class: usize, residual: i64, width: u8) {
        self.put(unit, |bits| bits.residual(unit, part, class, residual, width));
    }

    #[inline]
    fn value(&mut self, unit: &Unit, value: u32, width: u8) {
        self.put(unit, |bits| bits.value(unit, value, width));
    }

    #[inline]
    fn mark(&mut self) -> Self::Mark {
        self.spent.keep();
        self.bits.mark()
    }

    fn rewind(&mut self, mark: Self::Mark) {
        self.spent.row.clear();
        self.bits.rewind(mark);
    }
}
