//! RFC 6455 without sockets: bytes in, events out.
//!
//! ```text
//! read scratch ──> Frames::next ──> Event::Message(kind, &payload)   lent from the scratch, unmasked in place
//!                     ├ └─────────> Event::Deflated, to be inflated by PerMessageDeflate
//!                     ├───────────> Event::Ping / Pong / Close
//!                     └ only what is unfinished at the end of a read is copied
//! ```
//! The server's side only: it reads masked frames and writes unmasked ones.

#![forbid(unsafe_code)]

pub mod deflate;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod utf8;

pub use deflate::{DeflateConfig, PerMessageDeflate};
pub use frame::FrameError;
pub use message::{Event, Frames, MessageLimits};
