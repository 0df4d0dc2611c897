//! What each field takes: a coder that counts bits beside the one that writes them.

use super::coder::{Put, Question, Sureness};
use super::layout::Unit;
use crate::bits::BitWriter;

/// The bits that the fields of one part have taken. What the part has beyond them says who is there and who changed;
/// with a range coder that is all of it, since its bits belong to no field alone.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let rows = |x: u32| {
///     let mut rows = RowBuffer::default();
///     rows.push(EntityId(7), 0, 3).copy_from_slice(&[x, 20, 0]);
///     rows
/// };
/// let (base, now, mut scratch) = (rows(100), rows(900), DeltaScratch::default());
/// let past = Past { base: base.rows(), earlier: None };
/// encode_delta(&layout, &past, now.rows(), &mut scratch, &mut Vec::new());
/// let dearest = (0..3).max_by_key(|unit| scratch.spent().bits()[*unit]);
/// assert_eq!(dearest, Some(0), "x: it went far");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// By number of a unit.
    bits: Vec<u32>,
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
        self.bits
    }

    /// The writer, and what the units have taken by number, for one who counts himself.
    #[inline(always)]
    pub(super) fn parts(&mut self) -> (&mut BitWriter<'a>, &mut [u32]) {
        (&mut self.bits, &mut self.spent.bits)
    }
}

impl Put for Counted<'_, '_> {
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

    #[inline(always)]
    fn count(&mut self, value: u32, k: u8) {
        Put::count(&mut self.bits, value, k);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.before = self.bits.written();
    }

    #[inline(always)]
    fn end(&mut self, unit: &Unit) {
        let spent = &mut self.spent.bits[usize::from(unit.number)];
        *spent = spent.wrapping_add(self.bits.written().wrapping_sub(self.before) as u32);
    }
}
