//! Rice codes of signed residuals: the one place that turns a residual and its context into bits.
//!
//! Zigzag makes it unsigned; the part above `k` bits in unary, zeros and a one, then `k` bits as they are. From fifteen
//! zeros on nothing is saved: then the whole follows raw.

use crate::bits::{BitReader, BitWriter, DecodeError};

/// So many zeros mean that the raw number follows.
const ESCAPE: u32 = 15;

/// Writes `residual`, whose zigzag form has at most `width` bits (1 to 33), with parameter `k` (0 to 16); how many bits
/// that took.
#[inline(always)]
pub(crate) fn write(residual: i64, k: u8, width: u8, bits: &mut BitWriter<'_>) -> u32 {
    let zigzag = ((residual << 1) ^ (residual >> 63)).cast_unsigned();
    let zeros = zigzag.wrapping_shr(k.into());
    if zeros < u64::from(ESCAPE) {
        let low = zigzag ^ zeros.wrapping_shl(k.into());
        // 31 bits at most: no shift is too wide
        let zeros = zeros as u8;
        let length = zeros.wrapping_add(1).wrapping_add(k);
        bits.write((low << 1 | 1).wrapping_shl(zeros.into()) as u32, length);
        length.into()
    } else {
        bits.at_once(|bits| escape(zigzag, width, bits));
        ESCAPE.wrapping_add(width.into())
    }
}

#[cold]
fn escape(zigzag: u64, width: u8, bits: &mut BitWriter<'_>) {
    bits.write(0, ESCAPE as u8);
    bits.write((zigzag & 0xffff) as u32, width.min(16));
    bits.write((zigzag >> 16) as u32, width.saturating_sub(16));
}

/// Reads what [`write`] wrote with the same `k` and `width`.
///
/// # Errors
/// The bits end.
#[inline(always)]
pub(crate) fn read(k: u8, width: u8, bits: &mut BitReader<'_>) -> Result<i64, DecodeError> {
    read_zigzag(k, width, BitReader::WHOLE, bits).map(signed)
}

/// What a residual's zigzag form says.
#[inline(always)]
pub(crate) fn signed(zigzag: u64) -> i64 {
    (zigzag >> 1).cast_signed() ^ (zigzag & 1).cast_signed().wrapping_neg()
}

/// The residual's, without its sign.
#[inline(always)]
pub(crate) fn magnitude(zigzag: u64) -> u64 {
    zigzag.wrapping_add(1) >> 1
}

/// A residual in zigzag form; for `enough` see [`BitReader::peek`].
#[inline(always)]
pub(crate) fn read_zigzag(k: u8, width: u8, enough: u32, bits: &mut BitReader<'_>) -> Result<u64, DecodeError> {
    let held = bits.peek(enough);
    let zeros = held.trailing_zeros();
    if zeros < ESCAPE {
        // the zeros, the one and what is below: 31 bits at most
        bits.skip(zeros.wrapping_add(1).wrapping_add(k.into()))?;
        let low = held.wrapping_shr(zeros.wrapping_add(1)) as u32 & 1u32.wrapping_shl(k.into()).wrapping_sub(1);
        Ok(u64::from(zeros.wrapping_shl(k.into()) | low))
    } else {
        bits.at_once(|bits| read_escaped(width, bits))
    }
}

#[cold]
fn read_escaped(width: u8, bits: &mut BitReader<'_>) -> Result<u64, DecodeError> {
    bits.skip(ESCAPE)?;
    let low = u64::from(bits.read(width.min(16))?);
    Ok(u64::from(bits.read(width.saturating_sub(16))?) << 16 | low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_residual_comes_back(residuals in prop::collection::vec((any::<u32>(), 0u8..=32, any::<bool>(), 0u8..=16), 1..40)) {
            let residuals: Vec<(i64, u8, u8)> = residuals
                .into_iter()
                .map(|(value, bits, negative, k)| {
                    let value = i64::from(value) & ((1 << bits) - 1);
                    (if negative { -value } else { value }, bits + 1, k)
                })
                .collect();
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            for (residual, width, k) in &residuals {
                write(*residual, *k, *width, &mut writer);
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (residual, width, k) in &residuals {
                prop_assert_eq!(read(*k, *width, &mut reader), Ok(*residual));
            }
            prop_assert_eq!(reader.all(), Ok(()));
        }
    }

    #[test]
    fn what_is_far_off_costs_fifteen_bits_more_than_raw() {
        let length = |residual, k| {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            write(residual, k, 19, &mut writer);
            writer.finish();
            bytes.len()
        };
        assert_eq!(length(0, 0), 1);
        assert_eq!(length(-100_000, 0), (15usize + 19).div_ceil(8));
    }
}
