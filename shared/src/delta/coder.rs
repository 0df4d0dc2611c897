//! The border between what a delta says and the bits that say it: an entropy coder is a [`Put`] and its [`Take`].

use super::layout::Unit;
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::rice;

/// A yes or no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question<'a> {
    /// Has this unit changed, which was expected to; or which was not.
    Changed(&'a Unit, bool),
    /// Is another component of this rotation the largest than was expected.
    Another(&'a Unit),
}

/// The writing half.
pub(super) trait Put {
    /// A place to go back to.
    type Mark: Copy;

    fn answer(&mut self, question: Question<'_>, answer: bool);
    /// A residual whose zigzag form has at most `width` bits, of a unit's number `part`.
    fn residual(&mut self, unit: &Unit, part: usize, class: usize, residual: i64, width: u8);
    /// A number of `width` bits, which are a unit's new value.
    fn value(&mut self, unit: &Unit, value: u32, width: u8);
    fn mark(&self) -> Self::Mark;
    fn rewind(&mut self, mark: Self::Mark);
}

/// The reading half: the same calls give what was put.
pub(super) trait Take {
    fn answer(&mut self, question: Question<'_>) -> Result<bool, DecodeError>;
    fn residual(&mut self, unit: &Unit, part: usize, class: usize, width: u8) -> Result<i64, DecodeError>;
    fn value(&mut self, unit: &Unit, width: u8) -> Result<u32, DecodeError>;
}

/// Rice codes: a bit for each answer.
impl Put for BitWriter<'_> {
    type Mark = (usize, u64, u32);

    #[inline]
    fn answer(&mut self, _: Question<'_>, answer: bool) {
        self.flag(answer);
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, _: usize, class: usize, residual: i64, width: u8) {
        rice::write(residual, unit.rice[class], width, self);
    }

    #[inline]
    fn value(&mut self, _: &Unit, value: u32, width: u8) {
        self.write(value, width);
    }

    #[inline]
    fn mark(&self) -> Self::Mark {
        BitWriter::mark(self)
    }

    fn rewind(&mut self, mark: Self::Mark) {
        BitWriter::rewind(self, mark);
    }
}

impl Take for BitReader<'_> {
    #[inline]
    fn answer(&mut self, _: Question<'_>) -> Result<bool, DecodeError> {
        self.flag()
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, _: usize, class: usize, width: u8) -> Result<i64, DecodeError> {
        rice::read(unit.rice[class], width, self)
    }

    #[inline]
    fn value(&mut self, _: &Unit, width: u8) -> Result<u32, DecodeError> {
        self.read(width)
    }
}
