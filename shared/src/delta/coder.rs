//! The border between what a delta says and the bits that say it: an entropy coder is a [`Put`] and its [`Take`].

use super::forecast::Surprise;
use super::layout::Unit;
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::rice;

/// What writes a delta's bits, where the game has tables ([`Game::TABLES`](crate::game::Game::TABLES)); else all are
/// Rice codes. Each delta says by a bit which it is.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let schema = Schema { tables: Training::default().tables(), ..Schema::of::<Coins>() };
/// let (layout, mut rows) = (Layout::new(&schema)?, RowBuffer::default());
/// rows.push(EntityId(7), 0, 3).copy_from_slice(&[100, 20, 0]);
/// let past = Past { base: rows.rows(), earlier: None };
/// let (mut scratch, mut there) = (DeltaScratch::default(), RowBuffer::default());
/// for coder in [Coder::Rice, Coder::Range] {
///     let mut delta = Vec::new();
///     encode_delta_by(coder, &layout, &past, rows.rows(), &mut scratch, &mut delta);
///     decode_delta(&layout, &past, &delta, &mut scratch, &mut there)?; // whichever it was
///     assert_eq!(there.rows().hash(&layout), rows.rows().hash(&layout));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Coder {
    /// Bits, and Rice codes for what is not as expected: quick.
    #[default]
    Rice,
    /// A range coder that knows how likely each answer is: small where the tables fit, and some four times as long.
    Range,
}

/// A yes or no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question<'a> {
    /// Has a row that moved changed at all; the size of its last step and of how wrong its forecasts were, as a power
    /// of two.
    Moves(u8),
    /// Has this unit changed: one that was expected to or not, of a row that moves or not;
    /// `size` as above.
    Changed { unit: &'a Unit, expected: bool, moves: bool, size: u8 },
    /// Is another component of a rotation the largest than was expected; how near the second one was, and `size`.
    Another { near: u8, size: u8 },
    /// Has a row changed elsewhere than was expected.
    Marked,
}

/// Numbers in front of the rows that started to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Count {
    /// How many they are.
    Started,
    /// How many rows stand in between.
    Gap,
}

/// What a residual follows on: the next error leans by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lean {
    /// What the lane went further in its last step than in the one before.
    pub(super) by: i64,
    /// How far it is expected to go.
    pub(super) step: i64,
    /// The forecast looks further ahead than one step.
    pub(super) far: bool,
}

impl Lean {
    pub(super) const NONE: Self = Self { by: 0, step: 0, far: false };

    /// It is to lower numbers.
    #[inline(always)]
    pub(super) fn is_down(&self) -> bool {
        if self.by == 0 { self.step < 0 } else { self.by < 0 }
    }
}

/// What is known of a residual beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sureness {
    /// How far off the forecast may be: see [`class`](super::forecast::class).
    pub(super) class: usize,
    /// Which of the three components of a rotation it is; else 0.
    pub(super) place: u8,
    pub(super) lean: Lean,
    /// How far off those before it in the row were.
    pub(super) surprise: Surprise,
}

/// The writing half.
pub(super) trait Put {
    /// Each answer costs a bit at least. Then only rows that are marked tell of what was not expected, and rows that stop
    /// moving are listed in front; else all is asked of each row, since a likely answer costs next to nothing.
    const WHOLE_BITS: bool;

    fn answer(&mut self, question: Question<'_>, answer: bool);
    /// A residual whose zigzag form has at most `width` bits.
    fn residual(&mut self, unit: &Unit, sure: Sureness, residual: i64, width: u8);
    /// A number of `bits` bits, 0 to 32.
    fn bits(&mut self, value: u32, bits: u8);

    /// What is put from here to [`Put::end`] is of one unit; for those who count it.
    #[inline(always)]
    fn begin(&mut self) {}
    #[inline(always)]
    fn end(&mut self, _: &Unit) {}

    /// A count with an order.
    fn likely_count(&mut self, _: Count, value: u32, k: u8) {
        self.count(value, k);
    }

    /// Exp-Golomb code of order `k`, as [`BitWriter::count`].
    fn count(&mut self, value: u32, k: u8) {
        let shifted = u64::from(value) + (1 << k);
        let bits = 63 - shifted.leading_zeros() as u8;
        // one by one, as they are read: a range coder's numbers cannot be cut elsewhere
        (k..bits).for_each(|_| self.bits(0, 1));
        self.bits(1, 1);
        self.bits((shifted & ((1 << bits) - 1)) as u32, bits);
    }
}

/// The reading half: the same calls give what was put.
pub(super) trait Take {
    /// As [`Put::WHOLE_BITS`].
    const WHOLE_BITS: bool;

    fn answer(&mut self, question: Question<'_>) -> Result<bool, DecodeError>;
    fn residual(&mut self, unit: &Unit, sure: Sureness, width: u8) -> Result<i64, DecodeError>;
    fn bits(&mut self, bits: u8) -> Result<u32, DecodeError>;
    /// An upper bound for how many more things of a bit each there may be.
    fn left(&self) -> usize;
    /// Nothing is left over.
    fn all(self) -> Result<(), DecodeError>;

    fn likely_count(&mut self, _: Count, k: u8) -> Result<u32, DecodeError> {
        self.count(k)
    }

    fn count(&mut self, k: u8) -> Result<u32, DecodeError> {
        let mut bits = k;
        while self.bits(1)? == 0 {
            bits += 1;
            if bits > 31 {
                return Err(DecodeError::OutOfRange("count"));
            }
        }
        let value = (u64::from(self.bits(bits)?) | 1 << bits) - (1 << k);
        u32::try_from(value).ok().filter(|value| *value < 1 << 31).ok_or(DecodeError::OutOfRange("count"))
    }
}

/// Rice codes: a bit for each answer.
impl Put for BitWriter<'_> {
    const WHOLE_BITS: bool = true;

    #[inline]
    fn answer(&mut self, _: Question<'_>, answer: bool) {
        self.flag(answer);
    }

    #[inline(always)]
    fn residual(&mut self, unit: &Unit, sure: Sureness, residual: i64, width: u8) {
        rice::write(residual, unit.rice.by_class[sure.class], width, self);
    }

    #[inline]
    fn bits(&mut self, value: u32, bits: u8) {
        self.write(value, bits);
    }

    #[inline]
    fn count(&mut self, value: u32, k: u8) {
        BitWriter::count(self, value, k);
    }
}

impl Take for BitReader<'_> {
    const WHOLE_BITS: bool = true;

    #[inline]
    fn answer(&mut self, _: Question<'_>) -> Result<bool, DecodeError> {
        self.flag()
    }

    // of rows that are not plain: few, and a browser loads this code
    #[inline(never)]
    fn residual(&mut self, unit: &Unit, sure: Sureness, width: u8) -> Result<i64, DecodeError> {
        rice::read(unit.rice.by_class[sure.class], width, self)
    }

    #[inline]
    fn bits(&mut self, bits: u8) -> Result<u32, DecodeError> {
        self.read(bits)
    }

    #[inline]
    fn count(&mut self, k: u8) -> Result<u32, DecodeError> {
        BitReader::count(self, k)
    }

    fn left(&self) -> usize {
        BitReader::left(self)
    }

    fn all(self) -> Result<(), DecodeError> {
        BitReader::all(self)
    }
}
