//! Bits in and out, lowest bit of a byte first.
//!
//! ```
//! use tickwire_shared::bits::{BitReader, BitWriter};
//!
//! let mut bytes = Vec::new();
//! let mut bits = BitWriter::new(&mut bytes);
//! bits.write(5, 3);
//! bits.flag(true);
//! bits.count(9, 1);
//! bits.finish();
//! let mut bits = BitReader::new(&bytes);
//! assert_eq!((bits.read(3)?, bits.flag()?, bits.count(1)?), (5, true, 9));
//! bits.all()?; // nothing is left over
//! # Ok::<(), tickwire_shared::bits::DecodeError>(())
//! ```

use thiserror::Error;

/// What was wrong with bytes from outside. Never a panic, never an allocation that they ask for.
///
/// ```
/// use tickwire_shared::bits::{BitReader, DecodeError};
///
/// let mut bits = BitReader::new(&[7]);
/// let error = bits.read(9).unwrap_err();
/// assert_eq!(error, DecodeError::Missing("bits"));
/// assert_eq!(error.to_string(), "the message ends before its bits");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// The bytes end before this.
    #[error("the message ends before its {0}")]
    Missing(&'static str),
    /// A value that cannot be.
    #[error("the message's {0} is out of range")]
    OutOfRange(&'static str),
    /// All was read and bytes are left over.
    #[error("the message has bytes left over")]
    Trailing,
    /// Not the form that the limit-checked decoder of cold messages accepts.
    #[error("the message is malformed or too long")]
    Malformed,
    /// A message whose first byte nobody knows.
    #[error("the message has the unknown tag {0}")]
    UnknownTag(u8),
    /// A delta to something that this end does not hold.
    #[error("the message builds on a {0} that was never received")]
    NoBaseline(&'static str),
}

/// Appends bits to a byte vector. [`BitWriter::finish`] pads the last byte with zeros.
///
/// ```
/// use tickwire_shared::bits::BitWriter;
///
/// let mut bytes = vec![0xff]; // a tag, say
/// let mut bits = BitWriter::new(&mut bytes);
/// bits.flag(true);
/// bits.write(0b101, 3);
/// bits.count(0, 0); // small numbers are short: one bit
/// bits.finish();
/// assert_eq!(bytes, [0xff, 0b0001_1011]);
/// ```
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    held_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Writes behind what `out` holds already.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, held_bits: 0 }
    }

    /// The lowest `bits` bits of `value`, 0 to 32; higher ones must be zero.
    #[inline(always)]
    pub fn write(&mut self, value: u32, bits: u8) {
        debug_assert!(bits <= 32 && u64::from(value) < 1 << bits, "{value} does not fit {bits} bits");
        // fewer than 32 are held: nothing wraps, and nothing needs to be checked for that
        self.held |= u64::from(value).wrapping_shl(self.held_bits);
        self.held_bits = self.held_bits.wrapping_add(bits.into());
        if self.held_bits >= 32 {
            self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.held_bits = self.held_bits.wrapping_sub(32);
        }
    }

    /// The same writer as a value of its own, for many writes: what it holds stays in registers. Only `write` may be
    /// called, and things that are always inlined.
    #[inline(always)]
    pub(crate) fn at_once(&mut self, write: impl FnOnce(&mut BitWriter<'_>)) {
        let mut writer = BitWriter { out: &mut *self.out, held: self.held, held_bits: self.held_bits };
        write(&mut writer);
        (self.held, self.held_bits) = (writer.held, writer.held_bits);
    }

    /// One bit.
    #[inline]
    pub fn flag(&mut self, value: bool) {
        self.write(u32::from(value), 1);
    }

    /// Exp-Golomb code of order `k` (Teuhola 1978): short for small numbers. `value` below 2³¹, `k` at most 16.
    #[inline]
    pub fn count(&mut self, value: u32, k: u8) {
        let shifted = u64::from(value) + (1 << k);
        let bits = 63 - shifted.leading_zeros() as u8; // at least k
        let (zeros, low) = (bits - k, (shifted & ((1 << bits) - 1)) as u32);
        if zeros + 1 + bits <= 32 {
            // zeros, a one, and what is below, at once
            return self.write(((u64::from(low) << 1 | 1) << zeros) as u32, zeros + 1 + bits);
        }
        self.write(0, zeros);
        self.write(1, 1);
        self.write(low, bits);
    }

    /// The first `bits` bits of `from`, which are what [`BitWriter::finish_words`] left.
    pub(crate) fn append(&mut self, from: &[u8], bits: usize) {
        let (words, _) = from.as_chunks();
        let (whole, rest) = words.split_at(bits / 32);
        whole.iter().for_each(|word| self.write(u32::from_le_bytes(*word), 32));
        if let (Some(last), left @ 1..) = (rest.first(), bits % 32) {
            self.write(u32::from_le_bytes(*last), left as u8);
        }
    }

    /// The bits of the vector and those that are held.
    #[inline]
    pub(crate) fn written(&self) -> usize {
        // memory has not so many bytes that it could wrap
        self.out.len().wrapping_mul(8).wrapping_add(self.held_bits as usize)
    }

    /// Pads to a whole byte.
    pub fn finish(self) {
        let end = self.out.len() + self.held_bits.div_ceil(8) as usize;
        // of one length, and cut off: quicker than so many
        self.out.extend_from_slice(&self.held.to_le_bytes());
        self.out.truncate(end);
    }

    /// The same for one who has filled a vector from its beginning, with zeros up to a whole word of 32 bits: how many
    /// bits there are.
    pub(crate) fn finish_words(self) -> usize {
        let bits = self.written();
        self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
        bits
    }
}

/// Reads what [`BitWriter`] wrote.
///
/// ```
/// use tickwire_shared::bits::{BitReader, DecodeError};
///
/// let mut bits = BitReader::new(&[0b0001_1011]);
/// assert_eq!((bits.flag()?, bits.read(3)?, bits.count(0)?, bits.left()), (true, 0b101, 0, 3));
/// assert_eq!(BitReader::new(&[0]).all(), Err(DecodeError::Trailing), "a whole byte is more than padding");
/// bits.all()?;
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    /// Those of which none is held.
    rest: &'a [u8],
    held: u64,
    held_bits: u32,
}

impl<'a> BitReader<'a> {
    /// So many are never held.
    pub(crate) const WHOLE: u32 = 64;
    /// So many are enough.
    pub(crate) const SHORT: u32 = 32;

    /// Reads from the first bit of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, held: 0, held_bits: 0 }
    }

    /// Holds 56 bits or more, where so many are left. The bits of `held` above `held_bits` are those that come next, or
    /// zeros.
    #[inline]
    fn refill(&mut self) {
        // at most 63 are held, so this is 7 at most
        let space = 63u32.wrapping_sub(self.held_bits) / 8 % 8;
        let (word, taken) = match self.rest.first_chunk() {
            Some(word) => (u64::from_le_bytes(*word), space),
            // by value: a reader whose address nobody takes stays in registers
            None => last_word(self.rest, space),
        };
        self.held |= word.wrapping_shl(self.held_bits);
        self.rest = self.rest.get(taken as usize..).unwrap_or(&[]);
        self.held_bits = self.held_bits.wrapping_add(taken.wrapping_mul(8));
    }

    /// Takes `bits` bits of those that are held, at most 32.
    #[inline]
    pub(crate) fn skip(&mut self, bits: u32) -> Result<(), DecodeError> {
        self.held_bits = self.held_bits.checked_sub(bits).ok_or(DecodeError::Missing("bits"))?;
        self.held = self.held.wrapping_shr(bits);
        Ok(())
    }

    /// `bits` bits, 0 to 32.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] when fewer are left.
    #[inline]
    pub fn read(&mut self, bits: u8) -> Result<u32, DecodeError> {
        if self.held_bits < bits.into() {
            self.refill();
        }
        let value = (self.held & ((1 << bits) - 1)) as u32;
        self.skip(bits.into())?;
        Ok(value)
    }

    /// The next 32 bits or more, without taking them; zeros behind the last one. More are fetched where fewer than
    /// `enough` are held: [`BitReader::WHOLE`], or [`BitReader::SHORT`] where that has been done a few codes before. A
    /// processor foresees well that a few short codes do not use up 56 bits, and not which one does.
    #[inline]
    pub(crate) fn peek(&mut self, enough: u32) -> u64 {
        if self.held_bits < enough {
            self.refill();
        }
        self.held
    }

    /// The same reader as a value of its own: see [`BitWriter::at_once`].
    #[inline(always)]
    pub(crate) fn at_once<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let mut reader = Self { ..*self };
        let value = read(&mut reader);
        *self = reader;
        value
    }

    /// One bit.
    ///
    /// # Errors
    /// [`DecodeError::Missing`] when none is left.
    #[inline]
    pub fn flag(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read(1)? != 0)
    }

    /// What [`BitWriter::count`] wrote with the same `k`.
    ///
    /// # Errors
    /// The bits end, or the number is 2³¹ or more.
    #[inline]
    pub fn count(&mut self, k: u8) -> Result<u32, DecodeError> {
        if self.held_bits < 32 {
            self.refill();
        }
        let zeros = self.held.trailing_zeros().min(32);
        let bits = k + zeros as u8;
        self.skip(zeros + 1)?;
        if bits > 31 {
            return Err(DecodeError::OutOfRange("count"));
        }
        let low = u64::from(self.read(bits)?);
        let value = (low | 1 << bits) - (1 << k);
        u32::try_from(value).ok().filter(|v| *v < 1 << 31).ok_or(DecodeError::OutOfRange("count"))
    }

    /// Bits that are left, padding included: an upper bound for what a count may promise.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len() * 8 + self.held_bits as usize
    }

    /// Ends the reading: only the zeros that pad the last byte may be left.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] otherwise.
    pub fn all(self) -> Result<(), DecodeError> {
        let held = self.held & ((1 << self.held_bits) - 1);
        if self.left() < 8 && held == 0 { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// What is left where that is less than a word, zeros behind it; and how many bytes of it, `space` at most.
fn last_word(rest: &[u8], space: u32) -> (u64, u32) {
    // two halves that may overlap
    let word = match (rest.first_chunk::<4>(), rest.last_chunk::<4>(), rest) {
        (Some(low), Some(high), _) => {
            let shift = 8 * (rest.len() as u32 - 4);
            u64::from(u32::from_le_bytes(*low)) | u64::from(u32::from_le_bytes(*high)).wrapping_shl(shift)
        }
        (.., [a, b, c]) => u64::from_le_bytes([*a, *b, *c, 0, 0, 0, 0, 0]),
        (.., [a, b]) => u64::from_le_bytes([*a, *b, 0, 0, 0, 0, 0, 0]),
        (.., [a]) => (*a).into(),
        _ => 0,
    };
    (word, space.min(rest.len() as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_apart_is_appended(
            before in any::<u32>(),
            ops in prop::collection::vec(op(), 0..20),
            width in 0u8..=32,
        ) {
            let put = |writer: &mut BitWriter<'_>, op: &Op| match *op {
                Op::Bits(v, b) => writer.write(v, b),
                Op::Count(v, k) => writer.count(v, k),
            };
            let before = (u64::from(before) & ((1 << width) - 1)) as u32;
            let (mut apart, mut appended, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
            let mut writer = BitWriter::new(&mut apart);
            ops.iter().for_each(|op| put(&mut writer, op));
            let bits = writer.finish_words();

            let mut writer = BitWriter::new(&mut appended);
            writer.write(before, width);
            writer.append(&apart, bits);
            writer.write(1, 1);
            writer.finish();
            let mut writer = BitWriter::new(&mut at_once);
            writer.write(before, width);
            ops.iter().for_each(|op| put(&mut writer, op));
            writer.write(1, 1);
            writer.finish();
            prop_assert_eq!(appended, at_once);
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Bits(u32, u8),
        Count(u32, u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (any::<u32>(), 0u8..=32).prop_map(|(v, b)| Op::Bits((u64::from(v) & ((1 << b) - 1)) as u32, b)),
            (0u32..1 << 31, 0u8..=16).prop_map(|(v, k)| Op::Count(v >> (v % 31), k)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(ops in prop::collection::vec(op(), 0..60)) {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            for op in &ops {
                match *op {
                    Op::Bits(v, b) => writer.write(v, b),
                    Op::Count(v, k) => writer.count(v, k),
                }
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes);
            for op in &ops {
                match *op {
                    Op::Bits(v, b) => prop_assert_eq!(reader.read(b), Ok(v)),
                    Op::Count(v, k) => prop_assert_eq!(reader.count(k), Ok(v)),
                }
            }
            prop_assert_eq!(reader.all(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..20), k in 0u8..=16) {
            let mut reader = BitReader::new(&bytes);
            while reader.count(k).is_ok() && reader.read(7).is_ok() {}
            prop_assert!(reader.left() <= bytes.len() * 8);
        }
    }

    #[test]
    fn leftovers_are_refused() {
        assert_eq!(BitReader::new(&[0, 0]).all(), Err(DecodeError::Trailing));
        let mut reader = BitReader::new(&[0b1000_0001]);
        assert_eq!(reader.read(1), Ok(1));
        assert_eq!(reader.all(), Err(DecodeError::Trailing));
    }
}
