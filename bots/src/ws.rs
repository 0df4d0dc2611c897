//! The client's end of a WebSocket, sans IO: just what a load test needs, so that a frame costs next to nothing.

pub mod frame;
pub mod handshake;

pub use frame::{FrameError, Inbox, Message, Opcode};
