//! What the server says, frames aside.

use serde::Serialize;
use serde_json::json;
use tickwire_shared::protocol::ServerMessage;

/// Longest words about a fault: they quote what a client said.
const ERROR_MAX_BYTES: usize = 400;

/// A message of the binary protocol in JSON; none for what a JSON client need not know.
#[must_use]
pub fn message(message: &ServerMessage) -> Option<String> {
    match message {
        // token and resume: who loses its connection joins anew
        ServerMessage::Joined { room, seat, tick, rate_hz, code, .. }
        | ServerMessage::Resumed { room, seat, tick, rate_hz, code, .. } => {
            let mut joined = json!({ "room": room, "seat": seat, "tick": tick.0, "rate_hz": rate_hz });
            if let Some(code) = code {
                joined["code"] = json!(code);
            }
            Some(json!({ "joined": joined }).to_string())
        }
        ServerMessage::Notice { text, ends_in_s: None } => Some(json!({ "notice": { "text": text } }).to_string()),
        ServerMessage::Notice { text, ends_in_s } => {
            Some(json!({ "notice": { "text": text, "ends_in_s": ends_in_s } }).to_string())
        }
        ServerMessage::Refused { reason } => Some(refused(reason)),
        ServerMessage::Pong { stamp_ms } => Some(pong(&stamp_ms)),
        ServerMessage::Welcome { .. } => None,
    }
}

/// A "no" with a reason for a person; the connection closes.
#[must_use]
pub fn refused(reason: &str) -> String {
    json!({ "refused": reason }).to_string()
}

/// What was said is not understood or not possible; the connection stays.
#[must_use]
pub fn error(what: &str) -> String {
    json!({ "error": &what[..what.floor_char_boundary(ERROR_MAX_BYTES)] }).to_string()
}

/// Answers a ping.
#[must_use]
pub fn pong(stamp: &impl Serialize) -> String {
    json!({ "pong": stamp }).to_string()
}
