//! The browser's rim around the client core, for Arena.
//!
//! The page (`assets/web/arena/`) owns the WebSocket, the clock and the canvas; this crate turns its calls into those
//! of [`Client`] and lends what is to be drawn as one array of numbers ([`rows`]). Call order for each socket:
//!
//! ```text
//! new(name)                          then, whenever something was called: poll_transmit until it gives nothing
//! handle_message(now, bytes)         an error: close the socket; then poll_news, refusal, playing
//! input(now, ...), sample(now)       once a frame; the rows lie at rows_ptr until the next sample
//! ```
//! `now` is `performance.now()`: milliseconds that never go back.
#![warn(missing_docs)]

mod news;
pub mod rows;

use std::time::Duration;

use tickwire_arena::{Arena, Entity, Input, WORLD_RADIUS};
use tickwire_shared::client::{Client, Event, State};
use tickwire_shared::{EntityId, Profile};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, UnwrapThrowExt};

pub use news::News;
use rows::Rows;

/// Runs once when the module is loaded: a panic shall reach the console with its message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The arena is a disc of this radius around (0, 0).
#[wasm_bindgen]
#[must_use]
pub fn world_radius() -> f32 {
    WORLD_RADIUS
}

/// One player's end of a session in Arena. Make one for each socket.
#[wasm_bindgen]
pub struct ArenaClient {
    client: Client<Arena>,
    rows: Rows,
}

#[wasm_bindgen]
impl ArenaClient {
    /// Asks for a seat under this name.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(name: String) -> Self {
        // only an impossible game is refused here, and Arena's own tests would have told
        let client = Client::new(Profile { name }).unwrap_throw();
        Self { client, rows: Rows::default() }
    }

    /// A whole binary message arrived.
    ///
    /// # Errors
    /// The server broke the protocol: close the socket.
    pub fn handle_message(&mut self, now_ms: f64, message: &[u8]) -> Result<(), JsError> {
        Ok(self.client.handle_message(since_epoch(now_ms), message)?)
    }

    /// What the player wants now; at most one input leaves for each tick. Tells whether one left.
    pub fn input(&mut self, now_ms: f64, thrust: bool, fire: bool, turn: i8, aiming: bool, aim: f32) -> bool {
        self.client.input(since_epoch(now_ms), &Input { thrust, fire, turn, aiming, aim })
    }

    /// Gives the seat back.
    pub fn leave(&mut self) {
        self.client.leave();
    }

    /// The next message for the socket.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.client.poll_transmit()
    }

    /// The next news of the game.
    pub fn poll_news(&mut self) -> Option<News> {
        loop {
            // all else that happens can be read from the getters and the rows
            if let Event::Game(event) = self.client.poll_event()? {
                return Some(News::from(event));
            }
        }
    }

    /// Brings the rows to `now_ms` and tells how many follow the head row.
    pub fn sample(&mut self, now_ms: f64) -> usize {
        self.rows.fill(&self.client, since_epoch(now_ms))
    }

    /// Where the rows lie in the module's memory, until the next [`ArenaClient::sample`].
    #[must_use]
    pub fn rows_ptr(&self) -> *const u32 {
        self.rows.words().as_ptr()
    }

    /// The name of a ship or leader; empty for all else. Its row tells by a hash when to ask again.
    #[must_use]
    pub fn name_of(&self, id: u32) -> String {
        match self.client.newest(EntityId(id)) {
            Some(Entity::Ship(ship)) => ship.name,
            Some(Entity::Leader(leader)) => leader.name,
            _ => String::new(),
        }
    }

    /// Whether the client has a seat.
    #[must_use]
    pub fn playing(&self) -> bool {
        matches!(self.client.state(), State::Playing { .. })
    }

    /// Why it is over, for a person; nothing while it is not.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.client.state().ended().map(str::to_owned)
    }

    /// How often the state differed from the server's; always 0 unless somebody has a bug.
    #[must_use]
    pub fn desyncs(&self) -> u32 {
        self.client.stats().desyncs as u32
    }
}

fn since_epoch(now_ms: f64) -> Duration {
    Duration::try_from_secs_f64(now_ms / 1000.0).unwrap_or_default()
}
