//! What the server says, frames aside.

use std::collections::BTreeMap;

use serde::Serialize;
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
            let (room, seat, tick, code) = (*room, *seat, tick.0, code.as_deref());
            Some(one("joined", &Joined { room, seat, tick, rate_hz: *rate_hz, code }))
        }
        ServerMessage::Notice { text, ends_in_s } => Some(one("notice", &Notice { text, ends_in_s: *ends_in_s })),
        ServerMessage::Refused { reason } => Some(refused(reason)),
        ServerMessage::Pong { stamp_ms } => Some(pong(&stamp_ms)),
        ServerMessage::Welcome { .. } => None,
    }
}

#[derive(Serialize)]
struct Joined<'a> {
    room: u64,
    seat: u16,
    tick: u32,
    rate_hz: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct Notice<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_in_s: Option<u32>,
}

/// A "no" with a reason for a person; the connection closes.
#[must_use]
pub fn refused(reason: &str) -> String {
    one("refused", &reason)
}

/// What was said is not understood or not possible; the connection stays.
#[must_use]
pub fn error(what: &str) -> String {
    one("error", &&what[..what.floor_char_boundary(ERROR_MAX_BYTES)])
}

/// Answers a ping.
#[must_use]
pub fn pong(stamp: &impl Serialize) -> String {
    one("pong", stamp)
}

/// An object that says one thing. Plain data: a map of one key, which is text.
fn one(name: &str, what: &impl Serialize) -> String {
    serde_json::to_string(&BTreeMap::from([(name, what)])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tickwire_shared::Tick;

    use super::*;

    #[test]
    fn what_the_server_says_is_one_thing_in_an_object() {
        let joined = |code: Option<&str>| {
            let code = code.map(str::to_owned);
            ServerMessage::Joined { room: 3, seat: 1, tick: Tick(9), rate_hz: 30, token: None, code }
        };
        let told = |told: &ServerMessage| message(told).unwrap_or_default();
        assert_eq!(told(&joined(None)), r#"{"joined":{"room":3,"seat":1,"tick":9,"rate_hz":30}}"#);
        assert!(told(&joined(Some("K7QX4M"))).ends_with(r#","code":"K7QX4M"}}"#));
        let notice = |ends_in_s| ServerMessage::Notice { text: "a \"pause\"".into(), ends_in_s };
        assert_eq!(told(&notice(None)), r#"{"notice":{"text":"a \"pause\""}}"#);
        assert_eq!(told(&notice(Some(60))), r#"{"notice":{"text":"a \"pause\"","ends_in_s":60}}"#);
        assert_eq!(message(&ServerMessage::Welcome { fingerprint: 1, schema: None }), None);
        assert_eq!(error(&"é".repeat(300)).len(), r#"{"error":""}"#.len() + 400, "cut between characters");
    }
}
