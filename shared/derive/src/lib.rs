//! The derives of Tickwire: [`Replicate`](macro@Replicate) for what travels, [`World`](macro@World) for the list of
//! all kinds. Games use them through `tickwire_shared`, which has the traits.
//!
//! ```text
//! lib.rs        the two macros and their documentation
//! field.rs      one field of a struct: what its type and its #[field(...)] mean together
//! lane_code.rs  code for that field
//! replicate.rs  code for a struct (a row of lanes) or an enum without data (one lane)
//! world.rs      code for the enum of all kinds
//! refused.rs    tests: every misuse and what it is told
//! ```
#![warn(missing_docs)]

mod field;
mod lane_code;
#[cfg(any(test, doctest))]
mod refused;
mod replicate;
mod world;

use proc_macro::TokenStream;
use syn::{DeriveInput, Error, Result};

/// Makes a struct, or an enum without data, travel.
///
/// # On a struct
///
/// Implements `tickwire_shared::Replicate`. The struct has named fields, or none at all; lanes stand in the order of
/// the fields. What a field needs depends on its type, which is recognized by its own name, not through an alias:
///
/// | type | attribute | travels as |
/// | --- | --- | --- |
/// | `bool`, `u8`, `i8`, `u16`, `i16`, `u32`, `i32` | none | one lane, every value |
/// | an enum that derives `Replicate` | none | one lane, the variant's place |
/// | `u8` to `u64`, `i8` to `i64` | `min = .., max = ..` | one lane, both borders included, at most 2³² values |
/// | `f32` | `min = .., max = .., step = ..` | one lane, the nearest step |
/// | `f32` | `angle_bits = ..` | one lane, radians; a full turn in 2 to the `angle_bits` steps, 2 to 23 |
/// | `[f32; 4]` | `quat, bits = ..` | four lanes, a rotation as x, y, z, w of any length; 2 + 3 · `bits` bits, 2 to 16 |
/// | `String` | `max_bytes = ..` | a lane for the length, and one for each four bytes; at most 255 bytes |
/// | `[T; N]` of any of these | as for `T` | the lanes of `T`, `N` times; `N` from 1 to 65535 |
///
/// `owner`, alone or beside the other keys, sends a field only to the seat that owns the entity.
///
/// Every value is a constant expression: a literal, `-WORLD`, `limits::MAX`; not `Self::MAX`. Borders of an integer
/// have the integer's type; borders and step of an `f32` may be floats or whole numbers of any type. Values out of
/// range are brought to the nearest border. A range that cannot be is an error at compile time.
///
/// Between two rows, floats move linearly, angles and rotations along the shorter arc; all else waits for the later row.
///
/// ```
/// use tickwire_shared::{Replicate, schema::Quantizer};
///
/// const WORLD: f32 = 500.0;
///
/// #[derive(Replicate, Clone, Copy, PartialEq, Debug)]
/// enum Stance {
///     Idle,
///     Run,
/// }
///
/// #[derive(Replicate)]
/// struct Player {
///     #[field(min = -WORLD, max = WORLD, step = 0.05)]
///     x: f32,
///     #[field(angle_bits = 12)]
///     heading: f32,
///     #[field(min = 0, max = 100)]
///     hp: u8,
///     #[field(max_bytes = 16)]
///     name: String,
///     #[field(owner, min = 0, max = 999)]
///     ammo: [u16; 3],
///     stance: Stance,
/// }
///
/// let ada = Player { x: 3.14, heading: 0.0, hp: 250, name: "Ada".into(), ammo: [30, 5, 0], stance: Stance::Run };
/// let mut lanes = [0; Player::LANES];
/// ada.to_lanes(&mut lanes);
/// let there = Player::from_lanes(&lanes);
/// assert_eq!(there.x, 3.15); // the nearest step
/// assert_eq!(there.hp, 100); // the nearest border
/// assert_eq!(there.name, "Ada");
/// assert_eq!(there.stance, Stance::Run);
///
/// let ammo = &Player::schema().fields[4];
/// assert_eq!(ammo.quantizer, Quantizer::Int { min: 0, max: 999 });
/// assert_eq!((ammo.count, ammo.owner_only), (3, true));
/// ```
///
/// # On an enum
///
/// Implements `tickwire_shared::schema::Plain`, so that the enum may be a field. All variants are without data, and
/// the enum is `Copy`. A variant's lane is its place, whatever its discriminant; a lane that no variant has, as a
/// newer server may send it, is the last variant.
#[proc_macro_derive(Replicate, attributes(field))]
pub fn replicate(input: TokenStream) -> TokenStream {
    expand(input, replicate::expand)
}

/// Makes an enum the list of all kinds of a game.
///
/// Each variant holds one struct that derives [`Replicate`](macro@Replicate), each struct stands in one variant. A
/// variant's place is the kind's number on the wire: a new kind goes to the end.
///
/// Implements `tickwire_shared::World` for the enum, and for each struct `tickwire_shared::schema::KindOf<Enum>` (which
/// lets `Publisher::put` take it) and `Into<Enum>`.
///
/// ```
/// use tickwire_shared::{Replicate, World, schema::KindOf};
///
/// #[derive(Replicate)]
/// struct Ship {
///     #[field(min = 0, max = 100)]
///     hp: u8,
/// }
///
/// #[derive(Replicate)]
/// struct Rock {
///     size: u8,
/// }
///
/// #[derive(World)]
/// enum Entity {
///     Ship(Ship),
///     Rock(Rock),
/// }
///
/// assert_eq!(<Rock as KindOf<Entity>>::KIND, 1);
/// assert!(matches!(Entity::from_lanes(1, &[7]), Some(Entity::Rock(Rock { size: 7 }))));
/// assert!(Entity::from_lanes(2, &[7]).is_none(), "there is no kind 2");
/// ```
#[proc_macro_derive(World)]
pub fn world(input: TokenStream) -> TokenStream {
    expand(input, world::expand)
}

type Expand = fn(&DeriveInput) -> Result<proc_macro2::TokenStream>;

fn expand(input: TokenStream, expand: Expand) -> TokenStream {
    syn::parse(input).and_then(|input| expand_concrete(&input, expand)).unwrap_or_else(Error::into_compile_error).into()
}

/// Both derives refuse generics.
fn expand_concrete(input: &DeriveInput, expand: Expand) -> Result<proc_macro2::TokenStream> {
    let generics = &input.generics;
    match (generics.params.first(), &generics.where_clause) {
        (None, None) => expand(input),
        (Some(parameter), _) => {
            let advice =
                "what travels has one fixed layout: remove the generic parameters, write one type for each use";
            Err(Error::new_spanned(parameter, advice))
        }
        (None, Some(clause)) => Err(Error::new_spanned(clause, "what travels has no `where` clause: remove it")),
    }
}
