//! Quantizers: between a field's value and its lane.
//!
//! All are pure functions of IEEE arithmetic without platform calls, so that server, native and wasm clients agree to
//! the bit. The derive macro makes one constant of these for each field.
//!
//! ```
//! use tickwire_shared::schema::quant::{Angle, FloatRange, IntRange, Text};
//!
//! const X: FloatRange = FloatRange::new(-10.0, 10.0, 0.5);
//! assert_eq!((X.quantize(1.2), X.dequantize(22), X.quantize(99.0)), (22, 1.0, 40));
//! assert_eq!(IntRange::new(-1, 1).quantize(1), 2);
//! assert_eq!(Angle::new(8).quantize(std::f32::consts::PI), 128);
//! assert_eq!(Text::new(8).lanes(), 3, "the length, and two of four bytes");
//! ```

use std::f64::consts::TAU;

use super::Quantizer;

/// Whole numbers from `min` to `max`.
///
/// ```
/// use tickwire_shared::schema::{Quantizer, quant::IntRange};
///
/// const HP: IntRange = IntRange::new(0, 100);
/// assert_eq!(HP.describe(), Quantizer::Int { min: 0, max: 100 });
/// assert_eq!((HP.quantize(250), HP.dequantize(40)), (100, 40), "brought into the range");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntRange {
    min: i64,
    max: i64,
}

impl IntRange {
    /// The range from `min` to `max`, both included.
    ///
    /// # Panics
    /// When `max < min` or the range has more than 2³² values; in a constant that is a compile error.
    #[must_use]
    pub const fn new(min: i64, max: i64) -> Self {
        assert!(max >= min, "an integer field needs min <= max");
        assert!(max.abs_diff(min) <= u32::MAX as u64, "an integer field has at most 2^32 values");
        Self { min, max }
    }

    /// The lane of `value`, which is first brought into the range.
    #[must_use]
    pub fn quantize(&self, value: i64) -> u32 {
        (value.clamp(self.min, self.max) - self.min) as u32
    }

    /// The value of `lane`.
    #[must_use]
    pub fn dequantize(&self, lane: u32) -> i64 {
        self.min.saturating_add(i64::from(lane)).min(self.max)
    }

    /// The run-time description.
    #[must_use]
    pub const fn describe(&self) -> Quantizer {
        Quantizer::Int { min: self.min, max: self.max }
    }
}

/// Floats from `min` to `max` in steps of `step`.
///
/// ```
/// use tickwire_shared::schema::{Quantizer, quant::FloatRange};
///
/// const X: FloatRange = FloatRange::new(-10.0, 10.0, 0.5);
/// assert_eq!(X.describe(), Quantizer::Float { min: -10.0, step: 0.5, span: 40 });
/// assert_eq!((X.quantize(f32::NAN), X.dequantize(40)), (0, 10.0));
/// assert_eq!((X.between(22, 24, 0.5), X.moved(22, 24, 0.5, 99.0)), (1.5, 10.0), "never out of the range");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatRange {
    min: f64,
    step: f64,
    span: u32,
}

impl FloatRange {
    /// The range from `min` to about `max`: the last step is the one nearest to it.
    ///
    /// # Panics
    /// When the range is empty, not finite, or has more than 2³² steps; in a constant that is a compile error.
    #[must_use]
    pub const fn new(min: f64, max: f64, step: f64) -> Self {
        assert!(step > 0.0 && max > min, "a float field needs min < max and step > 0");
        let steps = (max - min) / step + 0.5;
        assert!(steps < u32::MAX as f64, "a float field has at most 2^32 steps");
        Self { min, step, span: steps as u32 }
    }

    /// Of a description, which may be a stranger's and have any numbers.
    pub(super) const fn described(min: f64, step: f64, span: u32) -> Self {
        Self { min, step, span }
    }

    /// The lane nearest to `value`; NaN becomes 0.
    #[must_use]
    pub fn quantize(&self, value: f32) -> u32 {
        let steps = (f64::from(value) - self.min) / self.step + 0.5;
        // `as` saturates and sends NaN to 0, so only the upper border is left to check
        (steps as u32).min(self.span)
    }

    /// The value of `lane`.
    #[must_use]
    pub fn dequantize(&self, lane: u32) -> f32 {
        (self.min + f64::from(lane) * self.step) as f32
    }

    /// The value between two lanes, `t` from 0 to 1.
    #[must_use]
    pub fn between(&self, earlier: u32, later: u32, t: f32) -> f32 {
        self.moved(earlier, later, t, 0.0)
    }

    /// As [`FloatRange::between`], then moved by `off` steps, within the range.
    #[must_use]
    pub fn moved(&self, earlier: u32, later: u32, t: f32, off: f32) -> f32 {
        let (a, b) = (f64::from(earlier), f64::from(later));
        let lane = a + (b - a) * f64::from(t) + f64::from(off);
        (self.min + lane.clamp(0.0, self.span.into()) * self.step) as f32
    }

    /// The run-time description.
    #[must_use]
    pub const fn describe(&self) -> Quantizer {
        Quantizer::Float { min: self.min, step: self.step, span: self.span }
    }
}

/// An angle in radians, a full turn in 2^`bits` steps; comes back from 0 to 2π.
///
/// ```
/// use tickwire_shared::schema::quant::Angle;
///
/// const HEADING: Angle = Angle::new(8);
/// assert_eq!(HEADING.quantize(HEADING.dequantize(64) + std::f32::consts::TAU), 64, "any number of turns");
/// assert_eq!(HEADING.moved(0, 64, 0.5, 32.0), HEADING.dequantize(64));
/// assert!(HEADING.between(250, 6, 0.5).rem_euclid(std::f32::consts::TAU) < 0.01, "the shorter way, over 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Angle {
    bits: u8,
}

impl Angle {
    /// A full turn in 2^`bits` steps. There are no more than an `f32` tells apart all around.
    ///
    /// # Panics
    /// When `bits` is not from 2 to 23; in a constant that is a compile error.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        assert!(bits >= 2 && bits <= 23, "an angle has 2 to 23 bits");
        Self { bits }
    }

    /// Of a description, which a [`KindLayout`](crate::delta::KindLayout) has checked.
    pub(super) const fn described(bits: u8) -> Self {
        Self {
            bits: if bits < 2 {
                2
            } else if bits > 23 {
                23
            } else {
                bits
            },
        }
    }

    const fn turn(self) -> f64 {
        (1u32 << self.bits) as f64
    }

    /// The lane nearest to `radians`, whatever the number of turns; NaN and infinities become 0.
    #[must_use]
    pub fn quantize(&self, radians: f32) -> u32 {
        let turns = f64::from(radians) / TAU;
        // `rem_euclid` on an infinity is NaN, which `as` sends to 0
        let steps = (turns.rem_euclid(1.0) * self.turn() + 0.5) as u32;
        steps & ((1 << self.bits) - 1)
    }

    /// The angle of `lane` in radians, 0 to 2π.
    #[must_use]
    pub fn dequantize(&self, lane: u32) -> f32 {
        (f64::from(lane) / self.turn() * TAU) as f32
    }

    /// The angle between two lanes along the shorter arc, `t` from 0 to 1; may lie a little outside 0 to 2π.
    #[must_use]
    pub fn between(&self, earlier: u32, later: u32, t: f32) -> f32 {
        self.moved(earlier, later, t, 0.0)
    }

    /// As [`Angle::between`], then turned by `off` steps.
    #[must_use]
    pub fn moved(&self, earlier: u32, later: u32, t: f32, off: f32) -> f32 {
        let arc = wrapped_difference(later, earlier, self.bits);
        ((f64::from(earlier) + arc as f64 * f64::from(t) + f64::from(off)) / self.turn() * TAU) as f32
    }

    /// The run-time description.
    #[must_use]
    pub const fn describe(&self) -> Quantizer {
        Quantizer::Angle { bits: self.bits }
    }
}

/// `a - b` on a circle of 2^`bits` steps, as the shorter way round: -2^(bits-1) to 2^(bits-1) - 1.
#[must_use]
pub(crate) const fn wrapped_difference(a: u32, b: u32, bits: u8) -> i64 {
    let shift = 32 - bits as u32;
    (a.wrapping_sub(b) << shift).cast_signed() as i64 >> shift
}

/// Text of at most `max_bytes` bytes of UTF-8: one lane for the length, one for each four bytes.
///
/// ```
/// use tickwire_shared::schema::quant::Text;
///
/// const NAME: Text = Text::new(4);
/// let mut lanes = [0; NAME.lanes()];
/// NAME.quantize("Zoë Ann", &mut lanes);
/// assert_eq!(NAME.dequantize(&lanes), "Zoë", "cut at a whole character");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Text {
    max_bytes: u8,
}

impl Text {
    /// Text of at most `max_bytes` bytes.
    #[must_use]
    pub const fn new(max_bytes: u8) -> Self {
        Self { max_bytes }
    }

    /// Lanes that such a text takes.
    #[must_use]
    pub const fn lanes(&self) -> usize {
        1 + (self.max_bytes as usize).div_ceil(4)
    }

    /// Fills the lanes; a longer text is cut before the character that does not fit.
    pub fn quantize(&self, text: &str, lanes: &mut [u32]) {
        let text = &text[..text.floor_char_boundary(self.max_bytes.into())];
        lanes.fill(0);
        lanes[0] = text.len() as u32;
        for (i, byte) in text.bytes().enumerate() {
            lanes[1 + i / 4] |= u32::from(byte) << (8 * (i % 4));
        }
    }

    /// The text of the lanes; it ends before bytes that are no UTF-8.
    #[must_use]
    pub fn dequantize(&self, lanes: &[u32]) -> String {
        let length = (lanes[0] as usize).min(self.max_bytes.into());
        let mut bytes: Vec<u8> = (0..length).map(|i| text_byte(lanes, i)).collect();
        let sound = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
        bytes.truncate(sound);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// The run-time description.
    #[must_use]
    pub const fn describe(&self) -> Quantizer {
        Quantizer::Text { max_bytes: self.max_bytes }
    }
}

/// Byte `i` of a text whose lanes these are.
pub(crate) fn text_byte(lanes: &[u32], i: usize) -> u8 {
    (lanes[1 + i / 4] >> (8 * (i % 4))) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_float_comes_back_within_half_a_step(value in -100.0f32..100.0) {
            let q = FloatRange::new(-100.0, 100.0, 0.01);
            let back = q.dequantize(q.quantize(value));
            prop_assert!((back - value).abs() <= 0.005 + 1e-5, "{value} came back as {back}");
            prop_assert_eq!(q.quantize(back), q.quantize(value));
        }

        #[test]
        fn an_angle_comes_back_within_half_a_step(turns in -3.0f32..3.0, bits in 4u8..16) {
            let q = Angle::new(bits);
            let radians = turns * std::f32::consts::TAU;
            let lane = q.quantize(radians);
            prop_assert!(lane < 1 << bits);
            let miss = (f64::from(q.dequantize(lane)) - f64::from(radians)).rem_euclid(TAU);
            prop_assert!(miss.min(TAU - miss) <= TAU / f64::from(1u32 << bits) / 2.0 + 1e-5);
        }

        #[test]
        fn a_text_comes_back_or_is_cut_at_a_character(text in "\\PC{0,12}") {
            let q = Text::new(16);
            let mut lanes = vec![0; q.lanes()];
            q.quantize(&text, &mut lanes);
            let back = q.dequantize(&lanes);
            prop_assert!(text.starts_with(&back) && back.len() <= 16);
            prop_assert!(back == text || text.len() > 16);
        }
    }

    #[test]
    fn out_of_range_goes_to_the_border_and_nan_to_zero() {
        let q = FloatRange::new(0.0, 10.0, 0.5);
        assert_eq!(q.quantize(-5.0), 0);
        assert_eq!(q.quantize(1e30), 20);
        assert_eq!(q.quantize(f32::NAN), 0);
        assert_eq!(Angle::new(8).quantize(f32::INFINITY), 0);
        assert_eq!(IntRange::new(-3, 3).quantize(99), 6);
        assert_eq!(IntRange::new(-3, 3).dequantize(u32::MAX), 3);
    }

    #[test]
    fn a_strangers_text_ends_where_it_is_no_utf8() {
        let q = Text::new(8);
        let lanes = [5, u32::from_le_bytes(*b"\xc3\xa4b\xff"), u32::from(b'c')];
        assert_eq!(q.dequantize(&lanes), "äb");
        assert_eq!(q.dequantize(&[u32::MAX; 3]), "");
    }

    #[test]
    fn an_angle_turns_along_the_shorter_arc() {
        let q = Angle::new(8);
        let halfway = q.between(250, 10, 0.5);
        assert!((halfway - q.dequantize(2) - std::f32::consts::TAU).abs() < 1e-4, "got {halfway}");
    }
}
