//! The protocol `tickwire.1`: what travels in WebSocket binary messages.
//!
//! The first byte is the tag. *Cold* messages ([`ClientMessage`], [`ServerMessage`]) are rare; they are
//! their fields in order, in the form of bincode 2's standard configuration, whose first byte is the variant's number.
//! *Hot* messages have a layout by hand: [`frame`] from the server once per tick, [`input`] from the client once per tick,
//! and [`heard`] when it is asked.
//!
//! ```text
//! client                              server
//!   hello, join          ->
//!                        <-  welcome, joined (or refused, then close)
//!   input   each tick    ->
//!                        <-  frame   each tick
//!   heard                ->  (answers a frame that asks)
//!   ping                 ->  pong
//!   desync, resync       ->  keyframes of what is wrong, in the next frame
//!   leave                ->  close
//!
//!   hello, resume        ->                         on a new connection, after the old one broke
//!                        <-  welcome, resumed (or close)
//!                        <-  notice              at any time: word from whoever runs the server
//! ```
//!
//! ```
//! use tickwire_shared::protocol::{ClientMessage, JoinRequest, decode_payload, encode_payload};
//!
//! let join = ClientMessage::Join(JoinRequest::new("ann"));
//! assert_eq!(ClientMessage::decode(&join.encode())?, join);
//! let event: (u8, String) = decode_payload(&encode_payload(&(3u8, "bang")))?; // the game's own types
//! assert_eq!(event, (3, "bang".into()));
//! # Ok::<(), tickwire_shared::bits::DecodeError>(())
//! ```

pub mod close;
pub mod frame;
pub mod heard;
pub mod input;
mod join;
pub mod limits;
mod message;
mod resume;
pub(crate) mod varint;

pub use join::JoinRequest;
pub use message::{ClientMessage, ServerMessage, decode_command, decode_payload, encode_payload, try_encode_payload};
pub use resume::{ResumeClaim, ResumeToken};

/// The subprotocol's name in the WebSocket handshake.
///
/// ```
/// use tickwire_shared::protocol::SUBPROTOCOL;
///
/// let header = format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}"); // of a transport of your own
/// assert!(header.ends_with("tickwire.1"));
/// ```
pub const SUBPROTOCOL: &str = "tickwire.1";
/// The version that a hello carries.
///
/// ```
/// use tickwire_shared::protocol::{ClientMessage, VERSION};
///
/// /// What a server of one's own says to a client of another build.
/// fn refuses(hello: &ClientMessage) -> bool {
///     matches!(hello, ClientMessage::Hello { protocol, .. } if *protocol != VERSION)
/// }
/// assert!(refuses(&ClientMessage::Hello { protocol: VERSION + 1, game: "coins".into(), fingerprint: 0 }));
/// ```
pub const VERSION: u16 = 6;

/// The bit that the first byte of a [`frame`] has, and that of no cold message of a server.
///
/// ```
/// use tickwire_shared::protocol::{FRAME, ServerMessage, TAG_HEARD, TAG_INPUT, heard};
///
/// assert_eq!(ServerMessage::Pong { stamp_ms: 1 }.encode()[0] & FRAME, 0);
/// assert_eq!((heard::encode(tickwire_shared::Tick(9))[0], TAG_INPUT), (TAG_HEARD, 0xf1)); // from clients
/// ```
pub const FRAME: u8 = 0x80;
/// First byte of an [`input`] message.
///
/// ```
/// use tickwire_shared::protocol::{ClientMessage, TAG_HEARD, TAG_INPUT};
///
/// /// What a server of one's own sorts clients' messages by.
/// fn is_hot(message: &[u8]) -> bool {
///     matches!(message, [TAG_INPUT | TAG_HEARD, ..])
/// }
/// assert!(!is_hot(&ClientMessage::Leave.encode()));
/// ```
pub const TAG_INPUT: u8 = 0xf1;
/// First byte of a [`heard`] message.
pub const TAG_HEARD: u8 = 0xf2;
