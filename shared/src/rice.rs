//! Rice codes of signed residuals: the one place that turns a residual and its context into bits.
//!
//! Zigzag makes it unsigned; the part above `k` bits in unary, ones and a zero, then `k` bits as they are. From fifteen
//! ones on nothing is saved: then the whole follows raw.

use crate::bits::{BitReader, BitWriter, DecodeError};

/// So many ones mean that the raw number follows.
const ESCAPE: u32 = 15;

/// Writes `residual`, whose zigzag form has at most `width` bits (1 to 33), with parameter `k` (0 to 16).
#[inline(always)]
pub(crate) fn write(residual: i64, k: u8, width: u8, bits: &mut BitWriter<'_>) {
    let zigzag = ((residual << 1) ^ (residual >> 63)).cast_unsigned();
    let ones = zigzag >> k;
    if ones < u64::from(ESCAPE) {
        let ones = ones as u32;
        let low = (zigzag & ((1 << k) - 1)) as u32;
        bits.write((low << 1) << ones | ((1 << ones) - 1), (ones + 1) as u8 + k);
    } else {
        escape(zigzag, width, bits);
    }
}

#[cold]
fn escape(zigzag: u64, width: u8, bits: &mut BitWriter<'_>) {
    bits.write((1 << ESCAPE) - 1, ESCAPE as u8);
    bits.write((zigzag & 0xffff) as u32, width.min(16));
    bits.write((zigzag >> 16) as u32, width.saturating_sub(16));
}

/// Reads what [`write`] wrote with the same `k` and `width`.
///
/// # Errors
/// The bits end.
#[inline(always)]
pub(crate) fn read(k: u8, width: u8, bits: &mut BitReader<'_>) -> Result<i64, DecodeError> {
    let held = bits.peek();
    let ones = held.trailing_ones();
    let zigzag = if ones < ESCAPE {
        // the ones, the zero and what is below: 31 bits at most
        bits.skip(ones + 1 + u32::from(k))?;
        u64::from(ones) << k | (held >> (ones + 1)) & ((1 << k) - 1)
    } else {
        read_escaped(width, bits)?
    };
    Ok((zigzag >> 1).cast_signed() ^ (zigzag & 1).cast_signed().wrapping_neg())
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
