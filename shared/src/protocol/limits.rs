//! Every limit of the protocol, in one place.
//!
//! ```
//! use tickwire_shared::{JoinRequest, Profile, protocol::limits::{NAME_MAX_BYTES, PASS_MAX_BYTES}};
//!
//! assert_eq!(Profile::named(&"a".repeat(99)).name.len(), NAME_MAX_BYTES);
//! let request = JoinRequest::new("ann").with_pass("p".repeat(PASS_MAX_BYTES));
//! assert!(request.is_sound() && !request.clone().with_pass(request.pass + "p").is_sound());
//! ```
//! A host, or a client of one's own, sizes its buffers by them:
//!
//! ```
//! use tickwire_shared::protocol::limits::*;
//!
//! let from_clients = vec![0u8; CLIENT_MESSAGE_MAX_BYTES]; // also holds the longest report of a wrong state
//! let from_server = vec![0u8; FRAME_MAX_BYTES.max(SERVER_MESSAGE_MAX_BYTES)];
//! assert!(from_clients.len() > PASS_MAX_BYTES + WISH_MAX_BYTES && from_clients.len() > 10 * REPORT_CHANNELS_MAX);
//! assert!(from_server.len() > EVENT_MAX_BYTES && CHANNELS_MAX > REPORT_CHANNELS_MAX);
//! let inputs = [[0u32; INPUT_LANES_MAX]; INPUTS_PER_MESSAGE_MAX];
//! assert_eq!(size_of_val(&inputs), 256);
//! ```

/// Longest player name in bytes of UTF-8.
pub const NAME_MAX_BYTES: usize = 24;
/// Longest name of an account in bytes: the `sub` of a pass.
pub const ACCOUNT_MAX_BYTES: usize = 128;
/// Longest claim of a pass that a game sees, in bytes of its text or JSON.
pub const CLAIM_MAX_BYTES: usize = 256;
/// Longest pass of a newcomer in bytes: a signed token with some claims.
pub const PASS_MAX_BYTES: usize = 2 * 1024;
/// Longest wish of a newcomer in bytes of JSON.
pub const WISH_MAX_BYTES: usize = 1024;
/// Longest cold message of a client in bytes.
pub const CLIENT_MESSAGE_MAX_BYTES: usize = 4 * 1024;
/// Longest cold message of a server in bytes; a schema is the longest.
pub const SERVER_MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// Longest event of a game in bytes.
pub const EVENT_MAX_BYTES: usize = 16 * 1024;
/// Longest frame that a client accepts in bytes.
pub const FRAME_MAX_BYTES: usize = 1024 * 1024;
/// Most lanes of a game's input.
pub const INPUT_LANES_MAX: usize = 8;
/// Most inputs in one message: the newest, and older ones in case theirs was lost on the way through the server.
pub const INPUTS_PER_MESSAGE_MAX: usize = 8;
/// Most channels that a client is subscribed to at a time.
pub const CHANNELS_MAX: usize = 4096;
/// Most channels whose hashes a client may tell when its state is wrong; one with more asks for keyframes of all.
pub const REPORT_CHANNELS_MAX: usize = 400;
/// Most entities that a private part may say are the seat's own.
pub const OWNED_MAX: usize = 1024;
/// Most events in one frame.
pub const EVENTS_PER_FRAME_MAX: usize = 1024;
