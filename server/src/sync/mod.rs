//! From what a game published to what each client is sent. Knows no socket and no thread. A channel is a layer in a
//! cell of the grid.
//!
//! ```text
//!  Published --Grid: a channel for each entity--> Store: rows by (channel, id), ring of 32 ticks
//!                                                   |
//!            Encoder: bits once per (channel, baseline) and tick
//!                                                   |
//!  View: what one seat has confirmed  --compose-->  Batch: head, shared parts, private bytes
//!        ^------------------------------------------- receipt
//! ```

mod budget;
mod capsule;
mod changed;
mod channel;
mod choose;
mod coders;
mod encode;
mod grid;
mod hashed;
mod open;
mod residents;
mod scope;
mod sent_parts;
mod slots;
mod snapshot;
mod store;
mod traffic;
mod view;

pub use budget::Terms;
pub use capsule::{Capsule, CapsuleError, CapsuleState, Replayed};
pub use channel::{Cell, Channel};
pub use encode::{Encoder, Made};
pub use grid::{Eye, Grid};
pub use sent_parts::{SentPart, SentParts};
pub use snapshot::Snapshot;
pub use store::Store;
pub use traffic::{Layers, Parts, Spending, Traffic};
pub use view::{ComposeTick, FrameSink, View};
