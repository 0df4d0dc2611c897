//! What a client of `tickwire.1.json` says: it means something that a binary client could say, or is refused with words.
//! True: it means something.
//!
//! ```text
//! input   a text; the same bytes are an event of the game too
//! ```

use std::sync::LazyLock;

use tickwire_server::json::{self, GameText, Payloads, Said};
use tickwire_shared::Tick;
use tickwire_shared::delta::KindLayout;
use tickwire_shared::protocol::input::{self, HeardAge, Told, ViewLag};
use tickwire_shared::protocol::{ClientMessage, decode_command};

use super::layouts;

type Command = (String, Vec<Option<i64>>, f32);

/// A game's texts, with commands and events of all sorts.
pub static GAME: LazyLock<GameText> =
    LazyLock::new(|| GameText::new(&layouts::SCHEMA, Payloads::of_types::<Command, Command>()).expect("it is sound"));
static INPUT: LazyLock<KindLayout> = LazyLock::new(|| KindLayout::new(&layouts::SCHEMA.input).expect("it is sound"));

pub fn hold(text: &[u8]) -> bool {
    tell_event(text);
    // what is no UTF-8 ends at the framing
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match json::read(&GAME, text) {
        Ok(Said::Join { request, .. }) => {
            if request.is_sound() {
                let name = request.name.len() <= 64;
                let join = ClientMessage::Join(request);
                assert!(!name || ClientMessage::decode(&join.encode()) == Ok(join));
            }
        }
        Ok(Said::Input(lanes)) => {
            layouts::check_row(&layouts::SCHEMA.input, &lanes);
            let told = Told { newest: Tick(7), lag: ViewLag(0), heard: HeardAge::UNKNOWN };
            let (mut message, mut again) = (Vec::new(), Vec::new());
            input::encode(&INPUT, &told, &[lanes], &mut message);
            input::decode(&INPUT, &message, |input| again.push(input.lanes)).expect("it is an input");
            assert_eq!(again, [lanes]);
        }
        Ok(Said::Command(bytes)) => {
            assert!(decode_command::<Command>(&bytes).is_ok(), "the room reads what the gateway writes");
            let message = ClientMessage::Command(bytes);
            assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
        }
        Ok(Said::Ping(number)) => drop(parsed(json::pong(&number).as_bytes())),
        Ok(Said::Leave) => {}
        Err(error) => {
            let told = json::error(&error.to_string());
            assert!(told.len() < 4096 && parsed(told.as_bytes())["error"].is_string(), "{told}");
            return false;
        }
    }
    true
}

/// Whatever it is, it is JSON or nothing.
fn tell_event(bytes: &[u8]) {
    let mut out = b"[".to_vec();
    if GAME.event(bytes, &mut out).is_ok() {
        out.push(b']');
        parsed(&out);
    } else {
        assert_eq!(out, b"[");
    }
}

fn parsed(text: &[u8]) -> serde_json::Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}
