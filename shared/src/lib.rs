//! What a Tickwire server and its clients agree on, and the client core.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bits;
pub mod client;
pub mod delta;
pub mod game;
pub mod interest;
#[cfg(feature = "native")]
pub mod native;
pub mod protocol;
pub mod publish;
mod range;
pub mod replica;
pub mod rewind;
mod rice;
pub mod rng;
pub mod schema;
pub mod tick;

pub use client::{Client, Predict};
pub use game::{EntityId, Game, Interest, Leave, Profile, Refusal, SeatId, Setup, Step, To};
pub use interest::{Area, Layer, Sight, Teams};
pub use publish::{Place, Publisher};
pub use rewind::Rewound;
pub use rng::Rng;
pub use schema::{Replicate, Schema, World};
pub use tick::{Tick, TickRate};
pub use tickwire_derive::{Replicate, World};
