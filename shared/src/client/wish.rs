//! The input that leaves next, put together field by field.

use thiserror::Error;

use crate::schema::{KindSchema, Quantizer, Value, ValueError};

/// Why something cannot be put. Each displays as the rest of a sentence that begins with the field's name.
///
/// ```
/// use tickwire_shared::{Replicate, client::{Wish, WishError}};
///
/// #[derive(Replicate)]
/// struct Keys { fire: bool }
///
/// let mut wish = Wish::new(&Keys::schema());
/// assert_eq!(wish.put(1, 0, 1.0), Err(WishError::Field));
/// assert_eq!(format!("fire {}", wish.put(0, 4, 1.0).unwrap_err()), "fire has 1 elements");
/// assert!(wish.put_text(0, 0, "yes".into()).is_err() && wish.lanes() == [0]);
/// ```
#[derive(Clone, PartialEq, Debug, Error)]
pub enum WishError {
    /// There is no such field.
    #[error("is no field of the input")]
    Field,
    /// There is no such element.
    #[error("has {0} elements")]
    Element(usize),
    /// It takes another value.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// What a player wants, for [`UntypedClient::input`](super::UntypedClient::input): made by the schema, field by field.
/// At first everything is false, 0 or empty, or as near to it as the range allows.
///
/// ```
/// # use tickwire_shared::{client::Wish, schema::{Field, KindSchema, Quantizer}};
/// # let turn = Field { name: "turn".into(), quantizer: Quantizer::Int { min: -1, max: 1 }, count: 1, owner_only: false };
/// # let schema = KindSchema { name: "Keys".into(), fields: vec![turn] };
/// let mut wish = Wish::new(&schema);
/// wish.put(0, 0, -1.0)?;
/// assert_eq!(wish.lanes(), [0]);
/// wish.rest(); // nothing is pressed
/// assert_eq!(wish.lanes(), [1]);
/// assert_eq!(wish.put(0, 0, 2.0).unwrap_err().to_string(), "takes a number from -1 to 1, not 2");
/// # Ok::<(), tickwire_shared::client::WishError>(())
/// ```
#[derive(Debug, Default)]
pub struct Wish {
    /// Each with its first lane.
    fields: Vec<(Quantizer, usize, usize)>,
    lanes: Vec<u32>,
    resting: Vec<u32>,
}

impl Wish {
    /// Of a game with this input.
    #[must_use]
    pub fn new(input: &KindSchema) -> Self {
        let mut wish = Self { fields: Vec::new(), lanes: vec![0; input.lanes()], resting: Vec::new() };
        let mut first = 0;
        for field in &input.fields {
            let (lanes, count) = (field.quantizer.lanes(), usize::from(field.count));
            for element in 0..count {
                rest(&field.quantizer, &mut wish.lanes[first + element * lanes..][..lanes]);
            }
            wish.fields.push((field.quantizer.clone(), first, count));
            first += lanes * count;
        }
        wish.resting.clone_from(&wish.lanes);
        wish
    }

    /// As it was at first.
    pub fn rest(&mut self) {
        self.lanes.copy_from_slice(&self.resting);
    }

    /// As it stands.
    #[must_use]
    pub fn lanes(&self) -> &[u32] {
        &self.lanes
    }

    /// Sets a number of a field: a boolean, an integer, a float, an angle, or the number of a variant.
    ///
    /// # Errors
    /// The input has no such field or element, or it takes another value: it stays as it was.
    pub fn put(&mut self, field: usize, element: usize, number: f64) -> Result<(), WishError> {
        let whole = || Some(number as i64).filter(|whole| *whole as f64 == number);
        let (quantizer, lanes) = self.place(field, element)?;
        let value = match quantizer {
            Quantizer::Bool => Value::Bool(number != 0.0),
            Quantizer::Int { .. } => Value::Int(whole().ok_or(ValueError::Kind("a whole number"))?),
            Quantizer::Enum { .. } => {
                let place = whole().and_then(|place| u32::try_from(place).ok());
                Value::Variant(place.ok_or(ValueError::Kind("the name or number of a variant"))?)
            }
            _ => Value::Float(number as f32),
        };
        Ok(quantizer.write(&value, lanes)?)
    }

    /// Sets a text, or names a variant.
    ///
    /// # Errors
    /// As [`Wish::put`].
    pub fn put_text(&mut self, field: usize, element: usize, text: String) -> Result<(), WishError> {
        let (quantizer, lanes) = self.place(field, element)?;
        Ok(quantizer.write(&Value::Text(text), lanes)?)
    }

    /// Sets a quaternion: x, y, z, w.
    ///
    /// ```
    /// use tickwire_shared::{Replicate, client::Wish, schema::quat::Quat};
    ///
    /// #[derive(Replicate)]
    /// struct Look {
    ///     #[field(quat, bits = 12)]
    ///     to: [f32; 4],
    /// }
    /// let mut wish = Wish::new(&Look::schema());
    /// wish.put_quat(0, 0, [0.0, 0.0, 1.0, 0.0])?;
    /// assert!((Look::from_lanes(wish.lanes()).to[2] - 1.0).abs() < 0.001);
    /// # Ok::<(), tickwire_shared::client::WishError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Wish::put`].
    pub fn put_quat(&mut self, field: usize, element: usize, quat: [f32; 4]) -> Result<(), WishError> {
        let (quantizer, lanes) = self.place(field, element)?;
        Ok(quantizer.write(&Value::Quat(quat), lanes)?)
    }

    fn place(&mut self, field: usize, element: usize) -> Result<(&Quantizer, &mut [u32]), WishError> {
        let (quantizer, first, count) = self.fields.get(field).ok_or(WishError::Field)?;
        if element >= *count {
            return Err(WishError::Element(*count));
        }
        let lanes = quantizer.lanes();
        Ok((quantizer, &mut self.lanes[first + element * lanes..][..lanes]))
    }
}

/// What an input says that says nothing.
fn rest(quantizer: &Quantizer, lanes: &mut [u32]) {
    let nothing = match quantizer {
        Quantizer::Int { min, max } => Value::Int(0.clamp(*min, *max)),
        Quantizer::Float { min, step, span } => Value::Float(0f64.clamp(*min, min + step * f64::from(*span)) as f32),
        Quantizer::Quat { .. } => Value::Quat([0.0, 0.0, 0.0, 1.0]),
        _ => return,
    };
    // lanes of 0 are within every range
    let _ = quantizer.write(&nothing, lanes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::KindLayout;
    use crate::schema::Field;

    fn input() -> KindSchema {
        let field = |name: &str, quantizer, count| Field { name: name.into(), quantizer, count, owner_only: false };
        let fields = vec![
            field("fire", Quantizer::Bool, 1),
            field("go", Quantizer::Int { min: -1, max: 1 }, 2),
            field("power", Quantizer::Float { min: 0.5, step: 0.25, span: 8 }, 1),
            field("gun", Quantizer::Enum { variants: vec!["Plain".into(), "Fan".into()] }, 1),
        ];
        KindSchema { name: "Keys".into(), fields }
    }

    #[test]
    fn an_input_rests_until_something_is_put() {
        let mut wish = Wish::new(&input());
        assert_eq!(wish.lanes(), [0, 1, 1, 0, 0]);
        wish.put(0, 0, 1.0).unwrap();
        wish.put(1, 1, -1.0).unwrap();
        wish.put(2, 0, 1.0).unwrap();
        wish.put_text(3, 0, "Fan".into()).unwrap();
        assert_eq!(wish.lanes(), [1, 1, 0, 2, 1]);
        assert!(KindLayout::new(&input()).unwrap().fits(wish.lanes()));
        wish.rest();
        assert_eq!(wish.lanes(), [0, 1, 1, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut wish = Wish::new(&input());
        let told = |result: Result<(), WishError>| result.unwrap_err().to_string();
        assert_eq!(told(wish.put(1, 0, 2.0)), "takes a number from -1 to 1, not 2");
        assert_eq!(told(wish.put(1, 0, 0.5)), "takes a whole number");
        assert_eq!(told(wish.put(1, 2, 0.0)), "has 2 elements");
        assert_eq!(told(wish.put(9, 0, 0.0)), "is no field of the input");
        assert_eq!(told(wish.put(2, 0, f64::NAN)), "takes a number from 0.5 to 2.5, not NaN");
        assert_eq!(told(wish.put_text(3, 0, "Flak".into())), "takes one of Plain, Fan, not \"Flak\"");
        assert_eq!(told(wish.put_text(0, 0, "yes".into())), "takes true or false");
        assert_eq!(wish.lanes(), [0, 1, 1, 0, 0]);
    }
}
