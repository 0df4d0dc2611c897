//! What the public HTTP API asks of the lobby. Each question carries the way back; whoever asked may have given up.

use std::net::IpAddr;

use serde_json::Value;
use tokio::sync::oneshot;

/// One question.
#[derive(Debug)]
pub struct LobbyCall {
    /// From this address.
    pub ip: IpAddr,
    /// The token that the request shows, if it does.
    pub bearer: Option<String>,
    /// What is asked.
    pub asked: LobbyAsk,
    /// The answer goes here.
    pub answer: oneshot::Sender<LobbyAnswer>,
}

/// What can be asked.
#[derive(Clone, PartialEq, Debug)]
pub enum LobbyAsk {
    /// Which games are there?
    Games,
    /// Which rooms?
    Rooms {
        /// Of this game; `None`: of the only one.
        game: Option<String>,
        /// A wish's `where` and `sort`.
        wish: Value,
        /// So many at most.
        max: usize,
    },
    /// Seats in one room are to be kept.
    Reserve {
        /// Of this game; `None`: of the only one.
        game: Option<String>,
        /// Which room.
        wish: Value,
        /// How many.
        seats: usize,
    },
    /// A group wants to be matched.
    Queue {
        /// In this game; `None`: in the only one.
        game: Option<String>,
        /// How good they are.
        skill: f64,
        /// How many they are.
        group: usize,
        /// How many play together.
        players: usize,
    },
    /// How far is that group?
    Queued(u64),
    /// It does not want to any more.
    Unqueue(u64),
    /// A word that stands for who is asking.
    Ticket,
}

/// The answer as JSON, or why there is none: an HTTP status and a sentence.
pub type LobbyAnswer = Result<Value, (u16, String)>;
