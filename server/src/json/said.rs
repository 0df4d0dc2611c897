//! What a client says.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use thiserror::Error;
use tickwire_shared::protocol::JoinRequest;
use tickwire_shared::protocol::input::InputLanes;

use super::fields::GameText;

/// One message.
#[derive(Clone, PartialEq, Debug)]
pub enum Said {
    /// Asks for a seat.
    Join {
        /// In this game; none is the one that the server hosts.
        game: Option<String>,
        /// As a binary client says it.
        request: JoinRequest,
    },
    /// What the player wants from now on.
    Input(InputLanes),
    /// A command for the game, as it travels.
    Command(Vec<u8>),
    /// Asks for a pong with the same number.
    Ping(Number),
    /// Gives the seat back.
    Leave,
}

/// Who wants a seat, and in what.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Join {
    game: Option<String>,
    name: String,
    pass: String,
    /// An object: text in a text is nothing that a person would type.
    wish: Option<Map<String, Value>>,
}

/// Why a message is none. Each displays as a sentence that says what to do.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SaidError {
    /// No JSON, or not of this shape.
    #[error(
        "not a message: {0}; a message is an object with one of join, input, command, ping and leave, such as {EXAMPLE}"
    )]
    Malformed(String),
    /// None of the five, or several.
    #[error(
        "a message says one thing, this one {0}: send one of join, input, command, ping and leave, such as {EXAMPLE}"
    )]
    Count(usize),
    /// Something is wrong with what is joined.
    #[error("join: {0}; it takes game, name, pass and wish, such as {EXAMPLE}")]
    Join(String),
    /// The input has no such field.
    #[error("the input of {game} has no field {given:?}; it has {known}")]
    Field {
        /// The game.
        game: String,
        /// What was given.
        given: String,
        /// Names of the fields that there are.
        known: String,
    },
    /// A field does not take this value.
    #[error("input: {0}")]
    Input(String),
    /// The game has no such command.
    #[error("command: {0}")]
    Command(String),
    /// No number.
    #[error("ping takes a number, which comes back, such as {{\"ping\":1}}")]
    Ping,
    /// Not true.
    #[error("leave takes true: {{\"leave\":true}}")]
    Leave,
}

const EXAMPLE: &str = r#"{"join":{"name":"ann"}}"#;

/// The five, each as it stands: null is something too, a command of games without any.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(borrow, default, deserialize_with = "given")]
    join: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    input: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    command: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    ping: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    leave: Option<&'a RawValue>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one message of a client of this game.
///
/// # Errors
/// See [`SaidError`]; nothing is meant by such a message.
pub fn read(game: &GameText, text: &str) -> Result<Said, SaidError> {
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| SaidError::Malformed(error.to_string()))?;
    let Message { join, input, command, ping, leave } = message;
    let count = [join, input, command, ping, leave].iter().flatten().count();
    if count != 1 {
        return Err(SaidError::Count(count));
    }
    if let Some(join) = join {
        let Join { game, name, pass, wish } =
            serde_json::from_str(join.get()).map_err(|error| SaidError::Join(error.to_string()))?;
        let wish = wish.map_or(String::new(), |wish| Value::Object(wish).to_string());
        return Ok(Said::Join { game, request: JoinRequest { name, pass, wish } });
    }
    if let Some(input) = input {
        let wish: Map<String, Value> =
            serde_json::from_str(input.get()).map_err(|error| SaidError::Input(error.to_string()))?;
        return game.input(&wish).map(Said::Input);
    }
    if let Some(command) = command {
        return game.command(command.get()).map(Said::Command).map_err(SaidError::Command);
    }
    if let Some(ping) = ping {
        return serde_json::from_str(ping.get()).map(Said::Ping).map_err(|_| SaidError::Ping);
    }
    match leave.map(RawValue::get) {
        Some("true") => Ok(Said::Leave),
        _ => Err(SaidError::Leave),
    }
}

#[cfg(test)]
mod tests;
