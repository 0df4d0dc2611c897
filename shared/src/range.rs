//! A binary range coder after Martin (1979), with the carry handling of Pavlov's LZMA: each decision costs what its
//! probability says. Integers only; the probabilities come from outside and do not change.
//!
//! The lowest bit of a message's first byte is a zero: other messages may be told from it by a one there. The last bytes
//! are left out where they are zeros: behind the end there are only zeros.

use crate::bits::DecodeError;

/// The probability of a yes: (2 · byte + 1) / 512.
pub(crate) type Chance = u8;

/// Below this, a byte leaves.
const RANGE_MIN: u32 = 1 << 24;
/// At the beginning: all numbers are of 31 bits, and leave the first of a message for who tells messages apart.
const RANGE: u32 = 1 << 31;
/// How many bytes of zeros may stand behind the end: those that the decoder holds ahead.
const AHEAD: usize = 4;

/// The part of `range` that a yes takes.
#[inline(always)]
fn share(range: u32, chance: Chance) -> u32 {
    (range >> 9) * (2 * u32::from(chance) + 1)
}

/// See the module.
#[derive(Debug)]
pub(crate) struct RangeWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    low: u64,
    range: u32,
    /// The byte that a carry may still change; none before the first.
    held: Option<u8>,
    /// How many bytes of ones follow it.
    ones: usize,
}

impl<'a> RangeWriter<'a> {
    /// Writes behind what `out` holds already.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, low: 0, range: RANGE, held: None, ones: 0 }
    }

    #[inline(always)]
    pub(crate) fn decide(&mut self, yes: bool, chance: Chance) {
        let share = share(self.range, chance);
        if yes {
            self.range = share;
        } else {
            self.low += u64::from(share);
            self.range -= share;
        }
        self.normalize();
    }

    /// `bits` bits that are as likely one as the other, at most 16.
    #[inline(always)]
    pub(crate) fn even(&mut self, value: u32, bits: u8) {
        self.range >>= bits;
        self.low += u64::from(self.range) * u64::from(value);
        self.normalize();
    }

    #[inline(always)]
    fn normalize(&mut self) {
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    /// The highest byte leaves, unless a carry may still reach it.
    fn shift(&mut self) {
        let (carry, top) = ((self.low >> 32) as u8, (self.low >> 24) as u8);
        if carry != 0 || top != 0xff {
            if let Some(held) = self.held {
                self.out.push(held.wrapping_add(carry));
            }
            let ones = std::mem::take(&mut self.ones);
            self.out.extend(std::iter::repeat_n(0xffu8.wrapping_add(carry), ones));
            self.held = Some(top);
        } else {
            self.ones += 1;
        }
        self.low = self.low << 8 & 0xffff_ffff;
    }

    pub(crate) fn finish(mut self) {
        // the number in the range with the most zeros at its end
        let last = self.low + u64::from(self.range) - 1;
        let zeros = (0..=32).rev().find(|zeros| last >> zeros << zeros >= self.low).unwrap_or(0);
        self.low = last >> zeros << zeros;
        for _ in 0..=AHEAD {
            self.shift();
        }
        let least = self.out.len().saturating_sub(AHEAD).max(self.start);
        while self.out.len() > least && self.out.last() == Some(&0) {
            self.out.pop();
        }
        if let Some(first) = self.out.get_mut(self.start) {
            *first <<= 1;
        }
    }
}

/// Reads what [`RangeWriter`] wrote.
#[derive(Debug)]
pub(crate) struct RangeReader<'a> {
    bytes: &'a [u8],
    next: usize,
    code: u32,
    range: u32,
}

impl<'a> RangeReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { bytes, next: 0, code: 0, range: RANGE };
        for _ in 0..AHEAD {
            reader.shift();
        }
        // the first byte's lowest bit is none of them
        reader.code = (reader.code >> 1 & 0x7f00_0000) | (reader.code & 0x00ff_ffff);
        reader
    }

    #[inline(always)]
    pub(crate) fn decide(&mut self, chance: Chance) -> bool {
        let share = share(self.range, chance);
        let yes = self.code < share;
        if yes {
            self.range = share;
        } else {
            self.code -= share;
            self.range -= share;
        }
        self.normalize();
        yes
    }

    /// `bits` bits, at most 16.
    ///
    /// # Errors
    /// No writer wrote this, or the bytes have ended: a message of nothing but these does end.
    #[inline(always)]
    pub(crate) fn even(&mut self, bits: u8) -> Result<u32, DecodeError> {
        self.range >>= bits;
        let value = self.code / self.range;
        if value >> bits != 0 {
            return Err(DecodeError::OutOfRange("number"));
        }
        self.code -= value * self.range;
        self.normalize();
        self.check()?;
        Ok(value)
    }

    /// Whether the bytes have ended before this.
    #[inline(always)]
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        if self.next <= self.bytes.len() + AHEAD { Ok(()) } else { Err(DecodeError::Missing("bits")) }
    }

    #[inline(always)]
    fn normalize(&mut self) {
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    #[inline(always)]
    fn shift(&mut self) {
        let byte = self.bytes.get(self.next).copied().unwrap_or(0);
        // never beyond what two messages' worth of decisions could reach
        self.next = self.next.saturating_add(1);
        self.code = self.code << 8 | u32::from(byte);
    }

    /// An upper bound for how many more things of a bit each there may be.
    pub(crate) fn left(&self) -> usize {
        ((self.bytes.len() + AHEAD).saturating_sub(self.next) + AHEAD) * 8
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The bytes have ended before, or bytes are left over.
    pub(crate) fn all(self) -> Result<(), DecodeError> {
        self.check()?;
        if self.next >= self.bytes.len() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Op {
        Decide(bool, Chance),
        Even(u32, u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (any::<bool>(), any::<u8>()).prop_map(|(yes, chance)| Op::Decide(yes, chance)),
            // the likely answer, so that carries and long runs come about
            any::<u8>().prop_map(|chance| Op::Decide(chance >= 128, chance)),
            (Just(false), Just(0u8)).prop_map(|(yes, chance)| Op::Decide(yes, chance)),
            (any::<u16>(), 0u8..=16).prop_map(|(value, bits)| Op::Even(u32::from(value) & ((1 << bits) - 1), bits)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_decided_is_read(before in prop::collection::vec(any::<u8>(), 0..3), ops in prop::collection::vec(op(), 0..300)) {
            let mut bytes = before.clone();
            let mut writer = RangeWriter::new(&mut bytes);
            for op in &ops {
                match *op {
                    Op::Decide(yes, chance) => writer.decide(yes, chance),
                    Op::Even(value, bits) => writer.even(value, bits),
                }
            }
            writer.finish();
            prop_assert_eq!(&bytes[..before.len()], &before);
            prop_assert!(bytes.get(before.len()).is_none_or(|first| first & 1 == 0), "the first bit is free");
            let read = |bytes: &[u8]| {
                let mut reader = RangeReader::new(bytes);
                for op in &ops {
                    match *op {
                        Op::Decide(yes, chance) => if reader.decide(chance) != yes { return false },
                        Op::Even(value, bits) => if reader.even(bits) != Ok(value) { return false },
                    }
                }
                reader.all().is_ok()
            };
            prop_assert!(read(&bytes[before.len()..]));
            bytes.push(1);
            bytes.push(1);
            bytes.push(1);
            bytes.push(1);
            bytes.push(1);
            prop_assert!(!read(&bytes[before.len()..]), "bytes left over were taken");
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..20), bits in 1u8..=16) {
            let mut reader = RangeReader::new(&bytes);
            let mut count = 0;
            while reader.even(bits).is_ok() {
                count += 1;
                prop_assert!(count <= (bytes.len() + 2 * AHEAD) * 8);
            }
        }
    }

    #[test]
    fn a_likely_answer_costs_little() {
        let mut bytes = Vec::new();
        let mut writer = RangeWriter::new(&mut bytes);
        (0..10_000).for_each(|_| writer.decide(false, 0));
        writer.finish();
        // 10,000 times the logarithm of 511 / 512 is 28 bits
        assert!(bytes.len() <= 5, "{} bytes", bytes.len());
        let mut nothing = Vec::new();
        RangeWriter::new(&mut nothing).finish();
        assert_eq!(nothing.len(), 0);
    }
}
