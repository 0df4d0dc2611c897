//! Values of fields whose types nobody knows: what a client of any game reads rows with, and makes inputs of.

use std::fmt;

use thiserror::Error;

use super::Quantizer;
use super::quant::{Angle, FloatRange, Text};
use super::quat::Quat;

/// The value of a field, or of one element of an array.
///
/// ```
/// use tickwire_shared::schema::{Quantizer, Value};
///
/// let turn = Quantizer::Int { min: -1, max: 1 };
/// let mut lanes = [0];
/// turn.write(&Value::Int(1), &mut lanes)?;
/// assert_eq!((lanes, turn.value(&lanes)), ([2], Value::Int(1)));
/// let error = turn.write(&Value::Int(5), &mut lanes).unwrap_err();
/// assert_eq!(format!("turn {error}"), "turn takes a number from -1 to 1, not 5");
/// # Ok::<(), tickwire_shared::schema::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Of [`Quantizer::Bool`].
    Bool(bool),
    /// Of [`Quantizer::Int`].
    Int(i64),
    /// Of [`Quantizer::Float`], and of [`Quantizer::Angle`] in radians.
    Float(f32),
    /// Of [`Quantizer::Enum`]: the variant's place in the list.
    Variant(u32),
    /// Of [`Quantizer::Text`].
    Text(String),
    /// Of [`Quantizer::Quat`]: a unit quaternion, x, y, z, w.
    Quat([f32; 4]),
}

/// Why a value is none of a field. Each displays as the rest of a sentence that begins with the field's name.
///
/// ```
/// use tickwire_shared::schema::{Quantizer, Value};
///
/// let gun = Quantizer::Enum { variants: vec!["Plain".into(), "Fan".into()] };
/// let error = gun.write(&Value::Text("Flak".into()), &mut [0]).unwrap_err();
/// assert_eq!(format!("gun {error}"), "gun takes one of Plain, Fan, not \"Flak\"");
/// ```
#[derive(Clone, PartialEq, Debug, Error)]
pub enum ValueError {
    /// Another kind of value.
    #[error("takes {0}")]
    Kind(&'static str),
    /// Beyond the range.
    #[error("takes a number from {} to {}, not {}", Shown(*min), Shown(*max), Shown(*given))]
    Range {
        /// What was given.
        given: f64,
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// Too long.
    #[error("takes text of at most {max} bytes, not {given}")]
    Length {
        /// Bytes that were given.
        given: usize,
        /// Bytes that it takes.
        max: u8,
    },
    /// No variant has this name or number.
    #[error("takes one of {of}, not {given}")]
    Variant {
        /// What was given.
        given: String,
        /// Names of the variants.
        of: String,
    },
}

/// A number to six decimals at most, by integers alone: what the standard library formats floats with would be a twentieth
/// of a browser's module.
struct Shown(f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MICROS: u64 = 1_000_000;
        let (sign, size) = (if self.0 < 0.0 { "-" } else { "" }, self.0.abs());
        if size.is_nan() {
            return f.write_str("NaN");
        }
        if size >= u64::MAX as f64 {
            return write!(f, "{sign}{} or more", u64::MAX);
        }
        let micros = (size.fract() * MICROS as f64).round() as u64;
        let (whole, mut part) = (size as u64 + micros / MICROS, micros % MICROS);
        write!(f, "{sign}{whole}")?;
        if part == 0 {
            return Ok(());
        }
        let mut digits = 6;
        while part % 10 == 0 {
            (part, digits) = (part / 10, digits - 1);
        }
        write!(f, ".{part:0digits$}")
    }
}

impl Quantizer {
    /// The value of these lanes, of which there are [`Quantizer::lanes`].
    ///
    /// # Panics
    /// When there are fewer lanes.
    #[must_use]
    pub fn value(&self, lanes: &[u32]) -> Value {
        self.value_between(lanes, lanes, 0.0)
    }

    /// The value between two, as [`Replicate::from_lanes_between`](super::Replicate::from_lanes_between).
    ///
    /// # Panics
    /// When there are fewer lanes than [`Quantizer::lanes`].
    #[must_use]
    pub fn value_between(&self, earlier: &[u32], later: &[u32], t: f32) -> Value {
        self.value_moved(earlier, later, t, 0.0)
    }

    /// As [`Quantizer::value_between`], then a float or an angle moved by `off` steps; all else takes no notice of it.
    /// What [`UntypedClient::off`](crate::client::UntypedClient::off) says goes here.
    ///
    /// # Panics
    /// When there are fewer lanes than [`Quantizer::lanes`].
    #[must_use]
    pub fn value_moved(&self, earlier: &[u32], later: &[u32], t: f32, off: f32) -> Value {
        let now = if t < 1.0 { earlier } else { later };
        match self {
            Self::Bool => Value::Bool(now[0] != 0),
            // a description from a stranger may have any minimum
            Self::Int { min, .. } => Value::Int(min.saturating_add(now[0].into())),
            Self::Float { min, step, span } => {
                Value::Float(FloatRange::described(*min, *step, *span).moved(earlier[0], later[0], t, off))
            }
            Self::Angle { bits } => Value::Float(Angle::described(*bits).moved(earlier[0], later[0], t, off)),
            Self::Enum { .. } => Value::Variant(now[0]),
            Self::Text { max_bytes } => Value::Text(Text::new(*max_bytes).dequantize(now)),
            Self::Quat { bits } => Value::Quat(Quat::described(*bits).between(earlier, later, t)),
        }
    }

    /// Writes the lanes of a value, of which there are [`Quantizer::lanes`]. A variant may be named, an angle have any
    /// number of turns.
    ///
    /// # Errors
    /// The value is none of the field's; the lanes are as they were.
    ///
    /// # Panics
    /// When there are fewer lanes.
    pub fn write(&self, value: &Value, lanes: &mut [u32]) -> Result<(), ValueError> {
        match (self, value) {
            (Self::Bool, Value::Bool(is)) => lanes[0] = (*is).into(),
            (Self::Int { min, max }, Value::Int(whole)) => {
                let lane = whole.checked_sub(*min).filter(|_| whole <= max).and_then(|lane| u32::try_from(lane).ok());
                lanes[0] = lane.ok_or(range(*whole as f64, *min as f64, *max as f64))?;
            }
            (Self::Float { min, step, span }, Value::Float(number)) => {
                let (given, max) = (f64::from(*number), min + step * f64::from(*span));
                // the borders themselves may be a little off in 32 bits
                if !(min - step / 2.0..=max + step / 2.0).contains(&given) {
                    return Err(range(given, *min, max));
                }
                lanes[0] = FloatRange::described(*min, *step, *span).quantize(*number);
            }
            (Self::Angle { bits }, Value::Float(radians)) if radians.is_finite() => {
                lanes[0] = Angle::described(*bits).quantize(*radians);
            }
            (Self::Enum { variants }, Value::Variant(place)) => {
                let known = usize::try_from(*place).is_ok_and(|place| place < variants.len());
                lanes[0] = known.then_some(*place).ok_or_else(|| no_variant(&place.to_string(), variants))?;
            }
            (Self::Enum { variants }, Value::Text(name)) => {
                let place = variants.iter().position(|variant| variant == name);
                lanes[0] = place.ok_or_else(|| no_variant(&format!("\"{name}\""), variants))? as u32;
            }
            (Self::Text { max_bytes }, Value::Text(text)) => {
                if text.len() > usize::from(*max_bytes) {
                    return Err(ValueError::Length { given: text.len(), max: *max_bytes });
                }
                Text::new(*max_bytes).quantize(text, lanes);
            }
            (Self::Quat { bits }, Value::Quat(quat)) => Quat::described(*bits).quantize(quat, lanes),
            _ => return Err(ValueError::Kind(self.takes())),
        }
        Ok(())
    }

    fn takes(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int { .. } => "a whole number",
            Self::Float { .. } => "a number",
            Self::Angle { .. } => "a finite number of radians",
            Self::Enum { .. } => "the name or number of a variant",
            Self::Text { .. } => "text",
            Self::Quat { .. } => "a quaternion of four numbers",
        }
    }
}

fn range(given: f64, min: f64, max: f64) -> ValueError {
    ValueError::Range { given, min, max }
}

fn no_variant(given: &str, variants: &[String]) -> ValueError {
    let mut of = String::new();
    for variant in variants {
        of.push_str(if of.is_empty() { "" } else { ", " });
        of.push_str(variant);
    }
    ValueError::Variant { given: given.to_owned(), of }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lane(quantizer: &Quantizer, value: &Value) -> Result<u32, String> {
        let mut lanes = [77];
        let written = quantizer.write(value, &mut lanes);
        assert!(written.is_ok() || lanes == [77], "{quantizer:?} wrote a part of {value:?}");
        written.map(|()| lanes[0]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_value_of_the_field_is_refused_with_what_would_be() {
        let turn = Quantizer::Int { min: -1, max: 1 };
        assert_eq!(lane(&turn, &Value::Int(1)), Ok(2));
        assert_eq!(lane(&turn, &Value::Int(2)), Err("takes a number from -1 to 1, not 2".into()));
        assert!(lane(&turn, &Value::Int(i64::MIN)).is_err());
        assert_eq!(lane(&turn, &Value::Bool(true)), Err("takes a whole number".into()));
        let place = Quantizer::Float { min: 0.0, step: 0.1, span: 10 };
        assert_eq!(lane(&place, &Value::Float(1.0)), Ok(10));
        assert_eq!(lane(&place, &Value::Float(1.1)).unwrap_err().split(',').next(), Some("takes a number from 0 to 1"));
        assert!(lane(&place, &Value::Float(f32::NAN)).is_err());
        assert!(lane(&Quantizer::Angle { bits: 8 }, &Value::Float(f32::INFINITY)).is_err());
        let gun = Quantizer::Enum { variants: vec!["Plain".into(), "Fan".into()] };
        assert_eq!(lane(&gun, &Value::Text("Fan".into())), Ok(1));
        assert_eq!(lane(&gun, &Value::Variant(0)), Ok(0));
        assert_eq!(lane(&gun, &Value::Variant(2)), Err("takes one of Plain, Fan, not 2".into()));
        assert_eq!(lane(&gun, &Value::Text("Flak".into())), Err("takes one of Plain, Fan, not \"Flak\"".into()));
        let shown = |number: f64| Shown(number).to_string();
        let numbers = [0.0, -1.5, 0.000_001, -0.000_000_1, 9.999_999_9, 1e6, i64::MIN as f64, 1234.05].map(shown);
        assert_eq!(numbers, ["0", "-1.5", "0.000001", "-0", "10", "1000000", "-9223372036854775808", "1234.05"]);
        assert_eq!(
            [1e300, f64::NEG_INFINITY].map(shown),
            ["18446744073709551615 or more", "-18446744073709551615 or more"]
        );
        let name = Quantizer::Text { max_bytes: 3 };
        assert!(name.write(&Value::Text("Anne".into()), &mut [0; 2]).is_err());
        let mut lanes = [0; 2];
        name.write(&Value::Text("Ann".into()), &mut lanes).unwrap();
        assert_eq!(name.value(&lanes), Value::Text("Ann".into()));
    }

    fn quantizer() -> impl Strategy<Value = Quantizer> {
        prop_oneof![
            Just(Quantizer::Bool),
            (-1000i64..1000, 0i64..100_000).prop_map(|(min, more)| Quantizer::Int { min, max: min + more }),
            (-900.0f64..900.0, 0.01f64..2.0, 1u32..60_000).prop_map(|(min, step, span)| Quantizer::Float {
                min,
                step,
                span
            }),
            (2u8..=23).prop_map(|bits| Quantizer::Angle { bits }),
            Just(Quantizer::Enum { variants: vec!["A".into(), "B".into(), "C".into()] }),
            Just(Quantizer::Text { max_bytes: 9 }),
            (4u8..=16).prop_map(|bits| Quantizer::Quat { bits }),
        ]
    }

    proptest! {
        #[test]
        fn a_value_that_was_read_can_be_written(quantizer in quantizer(), lane: u32, t in 0.0f32..=1.0) {
            let most = match &quantizer {
                Quantizer::Bool => 1,
                Quantizer::Int { min, max } => (max - min) as u32,
                Quantizer::Float { span, .. } => *span,
                Quantizer::Angle { bits } => (1 << bits) - 1,
                Quantizer::Enum { .. } => 2,
                Quantizer::Text { .. } | Quantizer::Quat { .. } => 0,
            };
            let mut row = vec![0; quantizer.lanes()];
            row[0] = if most == u32::MAX { lane } else { lane % (most + 1) };
            if let Quantizer::Quat { .. } = quantizer {
                quantizer.write(&Value::Quat([0.0, 0.6, 0.0, 0.8]), &mut row).expect("a rotation");
            }
            let mut back = vec![9; row.len()];
            prop_assert_eq!(quantizer.write(&quantizer.value(&row), &mut back), Ok(()));
            if !matches!(quantizer, Quantizer::Quat { .. }) {
                prop_assert_eq!(&row, &back);
            }
            prop_assert_eq!(quantizer.value_between(&row, &row, t), quantizer.value(&row));
        }
    }
}
