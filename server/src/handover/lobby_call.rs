//! What the public HTTP API asks of the lobby. Each question carries the way back; whoever asked may have given up.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

/// A group's name: 128 random bits, since whoever knows it gets its seats.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u128);

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupId(..)")
    }
}

/// One question.
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

impl fmt::Debug for LobbyCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bearer = self.bearer.as_ref().map(|_| "..");
        // what is asked may hold a room's code
        f.debug_struct("LobbyCall").field("ip", &self.ip).field("bearer", &bearer).finish_non_exhaustive()
    }
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
    Queued(GroupId),
    /// It does not want to any more.
    Unqueue(GroupId),
    /// A word that stands for who is asking.
    Ticket,
}

/// What is answered.
#[derive(Clone, PartialEq, Debug)]
pub enum LobbyTold {
    /// This.
    Value(Value),
    /// The same, written already, for all who ask.
    Written(Arc<[u8]>),
}

/// The answer as JSON, or why there is none: an HTTP status and a sentence.
pub type LobbyAnswer = Result<LobbyTold, (u16, String)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_of_a_question_opens_nothing() {
        let (answer, _answered) = oneshot::channel();
        let wish = serde_json::json!({ "code": "K7QX4MTW" });
        let asked = LobbyAsk::Reserve { game: None, wish, seats: 1 };
        let call = LobbyCall { ip: [192, 0, 2, 1].into(), bearer: Some("secret".to_owned()), asked, answer };
        let told = format!("{call:?} {:?}", LobbyAsk::Queued(GroupId(77_000_077)));
        assert!(told.contains("192.0.2.1") && told.contains("bearer: Some"), "{told}");
        assert!(!told.contains("secret") && !told.contains("K7QX") && !told.contains("77000077"), "{told}");
    }
}
