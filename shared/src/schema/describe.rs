//! The run-time description of a game's kinds: sent at join, hashed into the fingerprint, read by generic clients.

use serde::{Deserialize, Serialize};

use crate::cold::{bytes_of, form};

/// How a field's value becomes lanes.
///
/// ```
/// use tickwire_shared::schema::{Quantizer, Value};
///
/// let x = Quantizer::Float { min: -10.0, step: 0.5, span: 40 };
/// assert_eq!((x.lanes(), x.value(&[22])), (1, Value::Float(1.0)));
/// assert_eq!(x.value_between(&[22], &[24], 0.5), Value::Float(1.5));
/// assert_eq!(x.value_moved(&[22], &[24], 0.5, 1.0), Value::Float(2.0), "and one step further");
/// assert_eq!((Quantizer::Text { max_bytes: 8 }.lanes(), Quantizer::Quat { bits: 9 }.lanes()), (3, 4));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Quantizer {
    /// 0 or 1.
    Bool,
    /// Lane = value - `min`.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Value = `min` + lane · `step`, lane from 0 to `span`.
    Float {
        /// Value of lane 0.
        min: f64,
        /// Difference between neighbours.
        step: f64,
        /// Largest lane.
        span: u32,
    },
    /// Radians = lane · 2π / 2^`bits`.
    Angle {
        /// Lane has this many bits.
        bits: u8,
    },
    /// Lane = place in the list.
    Enum {
        /// Names of the variants.
        variants: Vec<String>,
    },
    /// A lane for the length in bytes, then four bytes a lane, the first byte lowest.
    Text {
        /// Longest text.
        max_bytes: u8,
    },
    /// A rotation, smallest three: a lane for the place of the component of largest magnitude (x, y, z, w), then the
    /// others in their order, signs such that the largest is positive. Component = (lane - 2^(`bits`-1)) · √½ /
    /// (2^(`bits`-1) - 1).
    Quat {
        /// Lanes of components have this many bits.
        bits: u8,
    },
}

form!(enum Quantizer {
    0 = Bool,
    1 = Int { min, max },
    2 = Float { min, step, span },
    3 = Angle { bits },
    4 = Enum { variants },
    5 = Text { max_bytes },
    6 = Quat { bits },
});

impl Quantizer {
    /// Lanes that one value takes.
    #[must_use]
    pub fn lanes(&self) -> usize {
        match self {
            Self::Text { max_bytes } => super::quant::Text::new(*max_bytes).lanes(),
            Self::Quat { .. } => super::quat::Quat::LANES,
            _ => 1,
        }
    }
}

/// One field of a kind, or an array of `count` of them.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let field = &Thing::schema().fields[0];
/// assert_eq!((field.name.as_str(), field.count, field.owner_only), ("at", 2, false));
/// assert_eq!(usize::from(field.count) * field.quantizer.lanes(), 2, "lanes of the whole array");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The field's name in the struct.
    pub name: String,
    /// How a value becomes lanes.
    pub quantizer: Quantizer,
    /// 1, or the length of the array.
    pub count: u16,
    /// Only the seat that owns the entity receives it.
    pub owner_only: bool,
}

form!(struct Field { name, quantizer, count, owner_only });

/// One kind of entity (or the input).
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let kind = Thing::schema();
/// let names: Vec<&str> = kind.fields.iter().map(|field| field.name.as_str()).collect();
/// assert_eq!((kind.name.as_str(), names, kind.lanes()), ("Thing", vec!["at", "coins"], Thing::LANES));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KindSchema {
    /// The struct's name.
    pub name: String,
    /// Fields in the order of their lanes.
    pub fields: Vec<Field>,
}

form!(struct KindSchema { name, fields });

impl KindSchema {
    /// Lanes that one row takes; of a description from a stranger it may be any number.
    #[must_use]
    pub fn lanes(&self) -> usize {
        let of_fields = self.fields.iter().map(|field| field.quantizer.lanes() * usize::from(field.count));
        of_fields.fold(0, usize::saturating_add)
    }
}

/// All that travels in a game.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let schema = Schema::of::<Coins>();
/// assert_eq!((schema.game.as_str(), schema.kinds[0].name.as_str()), ("coins", "Thing"));
/// let (fields, lanes) = (&schema.kinds[0].fields, schema.kinds[0].lanes());
/// assert_eq!((fields[0].name.as_str(), fields[0].count, lanes), ("at", 2, 3));
/// assert_ne!(schema.fingerprint(), Schema { version: 1, ..schema }.fingerprint());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The game's name.
    pub game: String,
    /// [`Game::VERSION`](crate::game::Game::VERSION).
    pub version: u32,
    /// Kinds of entities; the place is the kind's number on the wire.
    pub kinds: Vec<KindSchema>,
    /// What a player sends every tick.
    pub input: KindSchema,
    /// [`Game::TABLES`](crate::game::Game::TABLES).
    pub tables: Vec<u8>,
}

form!(struct Schema { game, version, kinds, input, tables });

impl Schema {
    /// The description of game `G`.
    #[must_use]
    pub fn of<G: crate::game::Game>() -> Self {
        use super::{Replicate, World};
        Self {
            game: G::NAME.to_owned(),
            version: G::VERSION,
            kinds: G::World::kinds(),
            input: G::Input::schema(),
            tables: G::TABLES.to_vec(),
        }
    }

    /// 64 bits over the whole description: two ends with the same fingerprint read each other's rows.
    ///
    /// FNV-1a (Fowler, Noll, Vo) over the form that travels. It tells versions apart; it is no defence against malice.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        bytes_of(self).iter().fold(0xcbf2_9ce4_8422_2325, step)
    }
}
