//! Commands and events: types of the game, known where its server is started and nowhere else.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tickwire_shared::Game;
use tickwire_shared::protocol::limits::CLIENT_MESSAGE_MAX_BYTES;
use tickwire_shared::protocol::{decode_payload, try_encode_payload};

/// Tag and length of a [`ClientMessage::Command`](tickwire_shared::protocol::ClientMessage::Command) beside its bytes.
const COMMAND_HEAD_BYTES: usize = 8;

/// How a game's commands are read from JSON, and its events written.
#[derive(Clone, Copy, Debug)]
pub struct Payloads {
    command: fn(&str) -> Result<Vec<u8>, String>,
    event: fn(&[u8], &mut Vec<u8>) -> Result<(), String>,
}

impl Payloads {
    /// Those of game `G`.
    #[must_use]
    pub fn of<G: Game>() -> Self {
        Self::of_types::<G::Command, G::Event>()
    }

    /// Those of a game with these commands and events.
    #[must_use]
    pub fn of_types<C: Serialize + DeserializeOwned, E: Serialize + DeserializeOwned>() -> Self {
        Self { command: command::<C>, event: event::<E> }
    }

    /// A command as it travels. The error is the rest of a sentence about the command.
    ///
    /// # Errors
    /// The text is no command of the game, or a longer one than a client may send.
    pub fn command(&self, json: &str) -> Result<Vec<u8>, String> {
        (self.command)(json)
    }

    /// Appends an event's JSON.
    ///
    /// # Errors
    /// The bytes are no event of the game; nothing is appended.
    pub fn event(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let before = out.len();
        (self.event)(bytes, out).inspect_err(|_| out.truncate(before))
    }
}

fn command<C: Serialize + DeserializeOwned>(json: &str) -> Result<Vec<u8>, String> {
    let command: C = serde_json::from_str(json).map_err(|error| match is_empty::<C>() {
        true => "this game has none".to_owned(),
        false => error.to_string(),
    })?;
    let bytes = try_encode_payload(&command).ok_or("has no form in bytes: its type is not fit to travel")?;
    let max = CLIENT_MESSAGE_MAX_BYTES - COMMAND_HEAD_BYTES;
    if bytes.len() > max {
        return Err(format!("takes {} bytes, {max} are the most", bytes.len()));
    }
    Ok(bytes)
}

/// The type of a game without commands, which is `()`, has one value: null, of no bytes.
fn is_empty<C: Serialize + DeserializeOwned>() -> bool {
    let null = serde_json::from_str::<C>("null").ok();
    null.and_then(|null| try_encode_payload(&null)).is_some_and(|bytes| bytes.is_empty())
}

fn event<E: Serialize + DeserializeOwned>(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let event: E = decode_payload(bytes).map_err(|error| error.to_string())?;
    serde_json::to_writer(out, &event).map_err(|error| error.to_string())
}
