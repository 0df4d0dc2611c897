//! What an entity is made of: kinds, fields, lanes.
//!
//! A *kind* is a struct that derives [`Replicate`](derive@crate::Replicate). Each of its fields is quantized into one
//! or more *lanes*: `u32` numbers from 0 to the field's span. A row of lanes is all that the engine ever compares,
//! sends, hashes or keeps; server and client hold the same integers, so nothing drifts between them.
//!
//! ```text
//! struct Ship { x: f32, heading: f32, name: String }   (max_bytes = 8)
//!        lanes  [ x | heading | length, bytes 0-3, bytes 4-7 ]
//! ```
//!
//! ```
//! use tickwire_shared::Replicate;
//!
//! #[derive(Replicate)]
//! struct Ship {
//!     #[field(min = -100.0, max = 100.0, step = 0.5)]
//!     x: f32,
//!     #[field(angle_bits = 8)]
//!     heading: f32,
//!     #[field(max_bytes = 8)]
//!     name: String,
//! }
//! let ship = Ship { x: 0.0, heading: std::f32::consts::PI, name: "Ann".into() };
//! let mut row = [0; Ship::LANES];
//! ship.to_lanes(&mut row);
//! assert_eq!(row, [200, 128, 3, u32::from_le_bytes(*b"Ann\0"), 0]);
//! ```

mod describe;
pub mod quant;
pub mod quat;
mod values;

pub use describe::{Field, KindSchema, Quantizer, Schema};
pub use values::{Value, ValueError};

/// A struct whose fields travel. Derive it; see [`derive@crate::Replicate`] for the attributes.
///
/// ```
/// use tickwire_shared::Replicate;
///
/// #[derive(Replicate, Debug, PartialEq)]
/// struct Ship {
///     #[field(min = -10.0, max = 10.0, step = 0.5)]
///     x: f32,
///     #[field(min = 0, max = 100)]
///     hp: u8,
/// }
///
/// let ship = Ship { x: 1.2, hp: 200 };
/// assert_eq!(ship.quantized(), Ship { x: 1.0, hp: 100 }, "what clients get");
/// let mut row = [0; Ship::LANES];
/// ship.to_lanes(&mut row);
/// assert_eq!((row, Ship::from_lanes(&row)), ([22, 100], ship.quantized()));
/// let half = Ship::from_lanes_between(&[22, 100], &[24, 50], 0.5);
/// assert_eq!(half, Ship { x: 1.5, hp: 100 }, "whole numbers wait for the later row");
/// assert_eq!(Ship::from_lanes_moved(&[22, 100], &[24, 50], 0.5, &[1.0]).x, 2.0);
/// assert_eq!(Ship::schema().fields[0].name, "x");
/// ```
pub trait Replicate: Sized {
    /// How many lanes a value takes.
    const LANES: usize;

    /// The run-time description: name and fields in the order of their lanes.
    fn schema() -> KindSchema;

    /// Quantizes into exactly [`Replicate::LANES`] lanes. Values out of range are brought to the nearest border.
    fn to_lanes(&self, lanes: &mut [u32]);

    /// The value that these lanes stand for.
    fn from_lanes(lanes: &[u32]) -> Self;

    /// The value between two rows, `t` from 0 to 1: floats move linearly, angles and rotations along
    /// the shorter arc, all else keeps the earlier value until `t` reaches 1.
    fn from_lanes_between(earlier: &[u32], later: &[u32], t: f32) -> Self;

    /// As [`Replicate::from_lanes_between`], then each float and angle moved by what `off` has for its lane, in steps of
    /// that lane and fractions of them; lanes beyond its end stay. For motion that is no straight line. A hand-written
    /// implementation may leave `off` alone.
    fn from_lanes_moved(earlier: &[u32], later: &[u32], t: f32, off: &[f32]) -> Self {
        let _ = off;
        Self::from_lanes_between(earlier, later, t)
    }

    /// The value that clients get of this one: quantized, and back. A simulation that goes on from here goes on from
    /// what its clients have; see [`Predict`](crate::client::Predict).
    #[must_use]
    fn quantized(&self) -> Self {
        let mut lanes = vec![0; Self::LANES];
        self.to_lanes(&mut lanes);
        Self::from_lanes(&lanes)
    }
}

/// All kinds of a game: an enum with one newtype variant for each kind. Derive it.
///
/// ```
/// use tickwire_shared::{Replicate, World, schema::KindOf};
///
/// #[derive(Replicate)]
/// struct Rock { size: u8 }
///
/// #[derive(World)]
/// enum Entity { Rock(Rock) }
///
/// let rock: Entity = Rock { size: 7 }.into();
/// let mut row = [0];
/// rock.to_lanes(&mut row);
/// assert_eq!((rock.kind(), row, <Rock as KindOf<Entity>>::KIND), (0, [7], 0));
/// assert!(Entity::from_lanes(9, &row).is_none(), "no such kind");
/// let moved = Entity::from_lanes_moved(0, &row, &[9], 0.5, &[1.0]);
/// assert!(matches!(moved, Some(Entity::Rock(Rock { size: 7 }))), "whole numbers do not glide");
/// assert_eq!(Entity::kinds()[0].name, "Rock");
/// ```
pub trait World: Sized {
    /// Descriptions in the order of the variants; the place is the kind's number.
    fn kinds() -> Vec<KindSchema>;

    /// The entity that these lanes of kind `kind` stand for; `None` for an unknown kind.
    fn from_lanes(kind: u16, lanes: &[u32]) -> Option<Self>;

    /// As [`Replicate::from_lanes_between`], for kind `kind`.
    fn from_lanes_between(kind: u16, earlier: &[u32], later: &[u32], t: f32) -> Option<Self>;

    /// As [`Replicate::from_lanes_moved`], for kind `kind`.
    fn from_lanes_moved(kind: u16, earlier: &[u32], later: &[u32], t: f32, off: &[f32]) -> Option<Self>;

    /// The entity's kind.
    fn kind(&self) -> u16;

    /// As [`Replicate::to_lanes`], into exactly as many lanes as the entity's kind has.
    fn to_lanes(&self, lanes: &mut [u32]);
}

/// Says which kind of the world `W` a struct is; comes with `#[derive(World)]`.
///
/// ```
/// use tickwire_shared::{Replicate, World, schema::KindOf};
///
/// #[derive(Replicate)]
/// struct Rock { size: u8 }
/// #[derive(Replicate)]
/// struct Coin { worth: u8 }
/// #[derive(World)]
/// enum Entity { Rock(Rock), Coin(Coin) }
///
/// fn lanes_of<T: KindOf<Entity>>() -> (u16, usize) {
///     (T::KIND, T::LANES)
/// }
/// assert_eq!((lanes_of::<Rock>(), lanes_of::<Coin>()), ((0, 1), (1, 1)));
/// ```
pub trait KindOf<W>: Replicate {
    /// The kind's number.
    const KIND: u16;
}

/// A field type that needs no attribute: `bool`, whole integers, and enums without data (which derive it through
/// `Replicate`). It takes one lane.
///
/// ```
/// use tickwire_shared::{Replicate, schema::{Plain, Quantizer}};
///
/// #[derive(Replicate, Clone, Copy, PartialEq, Debug)]
/// enum Gun { Plain, Fan }
///
/// assert_eq!((Gun::Fan.to_lane(), Gun::from_lane(0)), (1, Gun::Plain));
/// assert_eq!((true.to_lane(), (-128i8).to_lane()), (1, 0));
/// assert!(matches!(Gun::quantizer(), Quantizer::Enum { variants } if variants == ["Plain", "Fan"]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field",
    note = "derive Replicate on an enum without data, or give the type a `#[field(...)]`"
)]
pub trait Plain: Copy {
    /// The quantizer that describes the type.
    fn quantizer() -> Quantizer;
    /// The lane of a value.
    fn to_lane(self) -> u32;
    /// The value of a lane.
    fn from_lane(lane: u32) -> Self;
}

impl Plain for bool {
    fn quantizer() -> Quantizer {
        Quantizer::Bool
    }
    fn to_lane(self) -> u32 {
        u32::from(self)
    }
    fn from_lane(lane: u32) -> Self {
        lane != 0
    }
}

macro_rules! plain_integer {
    ($($int:ty),*) => {$(
        impl Plain for $int {
            fn quantizer() -> Quantizer {
                Quantizer::Int { min: i64::from(<$int>::MIN), max: i64::from(<$int>::MAX) }
            }
            fn to_lane(self) -> u32 {
                // the span of every type here is at most u32::MAX
                (i64::from(self) - i64::from(<$int>::MIN)) as u32
            }
            fn from_lane(lane: u32) -> Self {
                (i64::from(lane) + i64::from(<$int>::MIN)) as $int
            }
        }
    )*};
}
plain_integer!(u8, i8, u16, i16, u32, i32);
