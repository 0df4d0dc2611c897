//! The state of one channel on the wire: a keyframe, or a delta from what the other end holds.
//!
//! Both ends keep a channel's entities as rows sorted by id. A delta speaks of the baseline's rows by their place, so
//! it needs no ids for what is already known:
//!
//! ```text
//! keyframe   count · { group of up to 32 rows }
//! group      order of the gaps' code · { id gap } · kinds differ? · kind of all, or of each · { column }
//! column     of a kind and number: how it is coded · plain, or one value, or one value and { another? }, or range · { place in it }
//!            of one or two rows, and of texts: { field }
//! delta      by Rice codes? (where there are tables) · leans on earlier states? · structure? [ removed count · { place gap } · entered count · { id gap · kind · fields } ]
//!            moving: exception count · { place gap · marked? }      others: changed count · { place gap · marked? }
//!            { plain or marked row }
//! plain row  { residual of a rotation's components } · { of a float or an angle } · { of the others, expected to change: does it? · it }
//! marked row units in their order: what is made for motion, and the others with a flag in front, which follow when they changed
//! ```
//!
//! # What may be used
//! Coding uses what both ends hold and nothing else: the base, and when [`Held`] says so the two states before it. The
//! first bit says whether it does, so a server whose ring has lost one of them can do without. A row that differs
//! between the base and the state before it *moves*: it is expected to go on, and costs nothing but its residuals; where
//! it does not, it is an exception. A row that did not move and does not now costs nothing at all.
//!
//! In a plain row the units that are made for motion (floats, angles, rotations) have residuals, and whatever else
//! changed the last time. A residual is the signed difference in lanes from where the last step, scaled to the time
//! ahead, leads: clamped to the field's range, angles around the circle, rotations in the components of the new state,
//! where a body that turns follows a circle as well, and not the straight line.
//! An integer stays where it is unless going on would have been right before. How long a residual's code should be
//! follows from the size of the step, from how wrong the same forecast was the last time, and from the residuals before
//! it in the row (`forecast.rs`).
//!
//! # Two coders
//! What is said is the same, `coder.rs` is the border. Without tables residuals have Rice codes (`rice.rs`), and all else
//! is bits. With a game's tables ([`Game::TABLES`](crate::game::Game::TABLES)) all of a delta may go through a range coder
//! that knows how likely each answer is (`range.rs`, `tables.rs`). A likely answer then costs next to nothing, so it asks
//! each row that moves whether it goes on, instead of listing exceptions, and no row is marked. Each delta says by its
//! first bit which coder it has ([`Coder`]). Both ends take the tables from the game's description: same fingerprint, same
//! tables. They never change, so the bytes can be shared among clients. Keyframes are bits with either.
//!
//! On `cubes901-train` the range coder takes 9 to 14 % off the frames and four to five times as long (the example
//! `cubes`). Tables have 50,216 bytes. Made of every other 5 s of that recording, they take 0.5 to 1 % more for the rest
//! of it than those of all of it; made of one half, 1.4 to 1.9 % more for the other.
//!
//! Gaps have an exp-Golomb code whose order follows from the counts. Places of changed rows count the base's rows
//! without the removed ones. The encoder stands beside its decoder, file by file.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::delta::{
//!     DeltaScratch, Layout, Past, RowBuffer, decode_keyframe, encode_delta, encode_keyframe,
//! };
//!
//! let layout = Layout::new(&Schema::of::<Coins>())?;
//! let rows = |x: u32| {
//!     let mut rows = RowBuffer::default();
//!     rows.push(EntityId(7), 0, 3).copy_from_slice(&[x, 20, 0]); // sorted by id
//!     rows
//! };
//! let (base, now) = (rows(100), rows(103));
//! let (mut keyframe, mut delta) = (Vec::new(), Vec::new());
//! encode_keyframe(&layout, base.rows(), &mut keyframe);
//! let past = Past { base: base.rows(), earlier: None };
//! encode_delta(&layout, &past, now.rows(), &mut DeltaScratch::default(), &mut delta);
//!
//! let mut there = RowBuffer::default();
//! decode_keyframe(&layout, &keyframe, &mut there)?;
//! assert_eq!(there.rows().hash(&layout), base.rows().hash(&layout));
//! assert!(delta.len() < keyframe.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beside;
mod coder;
mod decode;
mod encode;
mod forecast;
mod keyframe;
mod layout;
mod neighbours;
mod past;
mod plain;
#[cfg(not(target_family = "wasm"))]
mod pool;
mod row;
mod spent;
mod states;
mod tables;

pub use coder::Coder;
pub use decode::{decode_delta, decode_keyframe, decode_row};
pub use encode::{DeltaScratch, encode_delta, encode_delta_by, encode_keyframe, encode_keyframe_counted, encode_row};
pub use layout::{KindLayout, Layout, LayoutError, Part, Unit};
pub use past::{Earlier, Held, Past};
#[cfg(not(target_family = "wasm"))]
pub use pool::StatePool;
#[cfg(not(target_family = "wasm"))]
pub(crate) use pool::{PooledStates, Shelf};
pub use row::{EntityRow, ROWS_MAX_LANES, RowBuffer, Rows, entity_hash};
pub use spent::Spent;
pub use states::States;
pub use tables::{Tables, Training};
