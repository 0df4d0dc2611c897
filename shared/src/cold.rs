//! The form of cold messages and of descriptions: fields in their order, that of bincode 2's standard configuration.
//!
//! ```text
//! u8, bool             a byte; a bool is 0 or 1
//! u16 .. u64           below 251 a byte; else 251, 252 or 253 and two, four or eight bytes
//! i64                  as u64, zigzag: 0, -1, 1, -2 are 0, 1, 2, 3
//! f64                  eight bytes
//! String, Vec          how many as u64, then each
//! Option               0, or 1 and the value
//! enum                 the variant's number as a byte, then its fields
//! ```
//! Numbers are little-endian. By hand, since the code that bincode's derive makes of our few types takes four kilobytes more
//! of a page's load.

/// What has that form. Neither half names what is wrong: these messages are a program's, and either right or not.
pub(crate) trait Cold: Sized {
    fn put(&self, out: &mut Vec<u8>);

    /// Takes its bytes from the front. Takes memory in proportion to the bytes that are there, whatever they claim: an empty
    /// text has a byte there and 24 here, a kind without fields two and 48.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// Gives a type its form: `form!(struct Point { x, y })`, `form!(struct Token { 0 })`, `form!(enum Answer { 0 = No, 1 = Maybe(chance), 2 = Yes { when } })`.
macro_rules! form {
    (struct $type:ident { $($field:tt),* }) => {
        impl $crate::cold::Cold for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $( self.$field.put(out); )*
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $( $field: $crate::cold::Cold::take(from)? ),* })
            }
        }
    };
    (enum $type:ident { $( $number:literal = $variant:ident $( ( $one:ident ) )? $( { $($field:ident),* } )? ),* $(,)? }) => {
        impl $crate::cold::Cold for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $( ($one) )? $( { $($field),* } )? => {
                        out.push($number);
                        $( $one.put(out); )?
                        $( $( $field.put(out); )* )?
                    } )*
                }
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                match u8::take(from)? {
                    $( $number => {
                        $( let $one = $crate::cold::Cold::take(from)?; )?
                        $( $( let $field = $crate::cold::Cold::take(from)?; )* )?
                        Some(Self::$variant $( ($one) )? $( { $($field),* } )?)
                    } )*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use form;

/// A value of all of `bytes`; what is left over is told apart from what is wrong.
pub(crate) fn whole<T: Cold>(mut bytes: &[u8]) -> Result<T, crate::bits::DecodeError> {
    use crate::bits::DecodeError;
    let value = T::take(&mut bytes).ok_or(DecodeError::Malformed)?;
    if bytes.is_empty() { Ok(value) } else { Err(DecodeError::Trailing) }
}

pub(crate) fn bytes_of(value: &impl Cold) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

fn take_bytes<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = from.split_at_checked(count)?;
    *from = left;
    Some(taken)
}

/// How many are to come, at least a byte each.
fn take_count(from: &mut &[u8]) -> Option<usize> {
    usize::try_from(u64::take(from)?).ok().filter(|count| *count <= from.len())
}

impl Cold for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (byte, left) = from.split_first()?;
        *from = left;
        Some(*byte)
    }
}

impl Cold for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let (mark, bytes) = match *self {
            0..=250 => return out.push(*self as u8),
            251..=0xffff => (251, 2),
            0x1_0000..=0xffff_ffff => (252, 4),
            _ => (253, 8),
        };
        out.push(mark);
        out.extend_from_slice(&self.to_le_bytes()[..bytes]);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let bytes = match u8::take(from)? {
            small @ 0..=250 => return Some(small.into()),
            251 => 2,
            252 => 4,
            253 => 8,
            _ => return None,
        };
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(take_bytes(from, bytes)?);
        Some(Self::from_le_bytes(number))
    }
}

macro_rules! shorter {
    ($($type:ty),*) => { $(
        impl Cold for $type {
            fn put(&self, out: &mut Vec<u8>) {
                u64::from(*self).put(out);
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                u64::take(from)?.try_into().ok()
            }
        }
    )* };
}
shorter!(u16, u32);

impl Cold for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        ((self << 1 ^ self >> 63) as u64).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let number = u64::take(from)?;
        Some((number >> 1) as Self ^ -((number & 1) as Self))
    }
}

impl Cold for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push((*self).into());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Cold for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(take_bytes(from, 8)?.try_into().ok()?))
    }
}

impl<const N: usize> Cold for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        take_bytes(from, N)?.try_into().ok()
    }
}

impl Cold for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let count = take_count(from)?;
        Some(std::str::from_utf8(take_bytes(from, count)?).ok()?.to_owned())
    }
}

impl<T: Cold> Cold for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut items = Self::new();
        for _ in 0..take_count(from)? {
            items.push(T::take(from)?);
        }
        Some(items)
    }
}

impl<T: Cold> Cold for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(if bool::take(from)? { Some(T::take(from)?) } else { None })
    }
}

impl<A: Cold, B: Cold> Cold for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bits::DecodeError;
    use crate::schema::{Field, KindSchema, Quantizer, Schema};

    fn quantizer() -> impl Strategy<Value = Quantizer> {
        prop_oneof![
            Just(Quantizer::Bool),
            (any::<i64>(), any::<i64>()).prop_map(|(min, max)| Quantizer::Int { min, max }),
            (-300i64..300, -70_000i64..70_000).prop_map(|(min, max)| Quantizer::Int { min, max }),
            (-1e9..1e9, 0.0..1e3, any::<u32>()).prop_map(|(min, step, span)| Quantizer::Float { min, step, span }),
            any::<u8>().prop_map(|bits| Quantizer::Angle { bits }),
            prop::collection::vec(".{0,9}", 0..4).prop_map(|variants| Quantizer::Enum { variants }),
            any::<u8>().prop_map(|max_bytes| Quantizer::Text { max_bytes }),
            any::<u8>().prop_map(|bits| Quantizer::Quat { bits }),
        ]
    }

    fn kind() -> impl Strategy<Value = KindSchema> {
        let field = (".{0,300}", quantizer(), any::<u16>(), any::<bool>());
        let field = field.prop_map(|(name, quantizer, count, owner_only)| Field { name, quantizer, count, owner_only });
        (".{0,9}", prop::collection::vec(field, 0..5)).prop_map(|(name, fields)| KindSchema { name, fields })
    }

    fn schema() -> impl Strategy<Value = Schema> {
        let tables = prop::collection::vec(any::<u8>(), 0..300);
        (".{0,9}", any::<u32>(), prop::collection::vec(kind(), 0..4), kind(), tables)
            .prop_map(|(game, version, kinds, input, tables)| Schema { game, version, kinds, input, tables })
    }

    proptest! {
        #[test]
        fn the_form_is_bincodes(schema in schema(), number in any::<u64>(), shift in 0..64) {
            let plain = bincode::config::standard();
            let bytes = bytes_of(&schema);
            prop_assert_eq!(&bytes, &bincode::serde::encode_to_vec(&schema, plain).unwrap());
            prop_assert_eq!(whole::<Schema>(&bytes), Ok(schema));
            let numbers = (number >> shift, Some((number >> shift) as i64));
            let bytes = bytes_of(&numbers);
            prop_assert_eq!(&bytes, &bincode::serde::encode_to_vec(numbers, plain).unwrap());
            prop_assert_eq!(whole::<(u64, Option<i64>)>(&bytes), Ok(numbers));
        }

        #[test]
        fn what_is_cut_or_longer_is_refused(schema in schema(), cut in any::<prop::sample::Index>()) {
            let mut bytes = bytes_of(&schema);
            prop_assert_eq!(whole::<Schema>(&bytes[..cut.index(bytes.len())]), Err(DecodeError::Malformed));
            bytes.push(0);
            prop_assert_eq!(whole::<Schema>(&bytes), Err(DecodeError::Trailing));
        }

        // compared as bytes: a range may be no number
        #[test]
        fn what_is_changed_is_another_value_or_refused(
            schema in schema(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = bytes_of(&schema);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(changed) = whole::<Schema>(&bytes) {
                let again = bytes_of(&changed);
                prop_assert_eq!(bytes_of(&whole::<Schema>(&again).expect("it was written")), again);
            }
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        assert_eq!(whole::<u16>(&[251, 255, 255]), Ok(u16::MAX));
        for wrong in [&[252, 0, 0, 1, 0][..], &[253, 0, 0, 0, 0, 0, 0, 0, 1], &[254, 0, 0, 0, 0, 0, 0, 0, 0], &[255]] {
            assert_eq!(whole::<u16>(wrong), Err(DecodeError::Malformed), "{wrong:?}");
        }
        assert_eq!(whole::<Vec<u8>>(&[253, 255, 255, 255, 255, 255, 255, 255, 255]), Err(DecodeError::Malformed));
        assert_eq!(whole::<bool>(&[2]), Err(DecodeError::Malformed));
        assert_eq!(whole::<String>(&[1, 0xff]), Err(DecodeError::Malformed));
    }
}
