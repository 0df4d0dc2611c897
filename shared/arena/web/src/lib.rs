//! Tickwire's rim for the browser, with the rules of Arena: what the page (`assets/web/arena/`) cannot read from the
//! schema. All else is [`tickwire_web`]'s.
#![warn(missing_docs)]

mod news;
mod pilot;

use tickwire_arena::{WORLD_RADIUS, rock};
use tickwire_shared::{Client, Profile};
use tickwire_web::Client as AnyClient;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, UnwrapThrowExt};

pub use news::News;
use pilot::Pilot;

/// Asks for a seat in Arena under this name.
#[wasm_bindgen]
#[must_use]
pub fn pilot(name: String) -> AnyClient {
    // only an impossible game is refused here, and Arena's own tests would have told
    AnyClient::of(Pilot(Client::new(Profile { name }).unwrap_throw()))
}

/// What an event of the game says.
///
/// # Errors
/// The bytes are no event of Arena.
#[wasm_bindgen]
pub fn news(event: &[u8]) -> Result<News, JsError> {
    Ok(News::from(tickwire_shared::protocol::decode_payload::<tickwire_arena::Event>(event)?))
}

/// The arena is a disc of this radius around (0, 0).
#[wasm_bindgen]
#[must_use]
pub fn world_radius() -> f32 {
    WORLD_RADIUS
}

/// Radii of small, medium and large rocks.
#[wasm_bindgen]
#[must_use]
pub fn rock_radii() -> Vec<f32> {
    rock::ROCK_RADII.to_vec()
}

/// How fast a rock of this seed turns, in radians a second.
#[wasm_bindgen]
#[must_use]
pub fn rock_spin(seed: u8) -> f32 {
    rock::spin(seed)
}
