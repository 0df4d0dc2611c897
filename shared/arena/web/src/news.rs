//! One-off messages of the game, as JavaScript reads them.

use tickwire_arena::Event;
use wasm_bindgen::prelude::wasm_bindgen;

/// Somebody blew up. Free it after reading.
#[wasm_bindgen(getter_with_clone)]
#[derive(Debug)]
pub struct News {
    /// Who did it; nothing for a rock and nobody else to blame.
    pub killer: Option<String>,
    /// The killer's seat; nothing for a drone.
    pub killer_seat: Option<u16>,
    /// Whose ship it was.
    pub victim: String,
    /// The victim's seat; nothing for a drone.
    pub victim_seat: Option<u16>,
    /// 0 a shot, 1 a rock, 2 a ship.
    pub cause: u8,
    /// Kills of the killer since their own last death.
    pub streak: u16,
}

impl From<Event> for News {
    fn from(event: Event) -> Self {
        let Event::Kill { killer, victim, cause, streak } = event;
        Self {
            killer_seat: killer.as_ref().and_then(|who| who.seat),
            killer: killer.map(|who| who.name),
            victim: victim.name,
            victim_seat: victim.seat,
            cause: cause as u8,
            streak,
        }
    }
}
