//! Tickwire's rim for the browser, with the rules of Arena: what the page (`assets/web/arena/`) cannot read from the
//! schema. All else is [`tickwire_web`]'s.
#![warn(missing_docs)]

mod news;
mod pilot;

use tickwire_arena::{
    FAN, HEAT_OF_A_SHOT, MUZZLE, RAPID_RELOAD_TICKS, RELOAD_TICKS, SHOT_SPEED, TICK_HZ, WORLD_RADIUS, rock,
};
use tickwire_shared::{Client, JoinRequest};
use tickwire_web::{Client as AnyClient, returning, token_of};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, UnwrapThrowExt};

pub use news::News;
use pilot::Pilot;

/// Asks for a seat in Arena under this name; or, with its `token`, for one that it had. See [`AnyClient::new`].
#[wasm_bindgen]
#[must_use]
pub fn pilot(name: String, pass: String, wish: String, token: &[u8], seed: u32) -> AnyClient {
    let client = match token_of(token) {
        Some(token) => Client::back_to(token),
        None => Client::new(JoinRequest { name, pass, wish }),
    };
    // only an impossible game is refused here, and Arena's own tests would have told
    let client = client.unwrap_throw().predict().unwrap_throw();
    AnyClient::of(Pilot(client.returning(returning(seed))))
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

/// What the page must know of guns to draw own shots at once.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GunRules {
    /// Of a shot, on top of its ship's.
    pub speed: f32,
    /// How far ahead of the ship's centre a shot leaves.
    pub muzzle: f32,
    /// From one shot to the next.
    pub reload_s: f32,
    /// The same of a rapid gun.
    pub rapid_reload_s: f32,
    /// Of a shot, of 100; a rapid gun does not heat up.
    pub heat: f32,
    /// How far the outer shots of a fan are off the nose, in radians.
    pub fan: f32,
}

/// See [`GunRules`].
#[wasm_bindgen]
#[must_use]
pub fn gun() -> GunRules {
    let seconds = |ticks: u16| f32::from(ticks) / f32::from(TICK_HZ);
    GunRules {
        speed: SHOT_SPEED,
        muzzle: MUZZLE,
        reload_s: seconds(RELOAD_TICKS),
        rapid_reload_s: seconds(RAPID_RELOAD_TICKS),
        heat: HEAT_OF_A_SHOT,
        fan: FAN,
    }
}
