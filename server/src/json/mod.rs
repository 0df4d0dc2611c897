//! `tickwire.1.json`: a session as JSON text, for people, scripts and first steps. What clients say and are told; no
//! sockets, and no session. `docs/json.md` teaches it message by message.
//!
//! ```text
//! text ──read──> Said: join, input (lanes), command (bytes), ping, leave ──> session, as of a binary client
//! a room's frame ──View──> what changed for this client, as text
//! ```
//! The room knows nothing of it: it composes the same frames as for everybody, the gateway holds the client's copy and
//! tells it in words.

mod fields;
mod payload;
mod said;
mod told;
mod view;

pub use fields::GameText;
pub use payload::Payloads;
pub use said::{Said, SaidError, read};
pub use told::{error, message, pong, refused};
pub use view::{FrameTold, View};

/// The subprotocol's name in the WebSocket handshake.
pub const SUBPROTOCOL: &str = "tickwire.1.json";
