//! The arena itself: a disc with a soft border, and how much of it is in use.
//!
//! The border pushes back without harm. Few players share a small field in the middle, so that they meet; the field
//! grows with the crowd until it fills the disc.

use crate::vec2::Vec2;

/// Ticks a second.
pub const TICK_HZ: u16 = 30;
/// The arena is a disc of this radius around (0, 0). Draw its rim.
pub const WORLD_RADIUS: f32 = 490.0;
/// How far beyond the rim a ship can get, in the face of the push.
pub const BORDER_DEPTH: f32 = 16.0;
/// What a page shows of the arena from top to bottom; it shows 16/9 of that from left to right, at most.
pub const SCREEN_HEIGHT: f32 = 60.0;
/// A client receives at least what lies within this radius of its ship: half of a screen's diagonal, and a margin for
/// the largest rock and for what moves in meanwhile.
pub const VIEW_RADIUS: f32 = 70.0;

/// Push of the border for each unit beyond the rim, in units a second².
const BORDER_PUSH_PER_UNIT: f32 = 16.0;
/// Smallest field: two screens and a half across.
const SMALLEST_FIELD: f32 = 135.0;
/// The share of the field that belongs to one ship is a disc of this radius.
const ELBOW_ROOM: f32 = 35.0;

/// What the border adds to the speed of something at `at` in `dt` seconds; nothing inside the rim.
#[must_use]
pub fn border_push(at: Vec2, dt: f32) -> Vec2 {
    let distance = at.length();
    if distance <= WORLD_RADIUS {
        return Vec2::ZERO;
    }
    at * (-(distance - WORLD_RADIUS) * BORDER_PUSH_PER_UNIT * dt / distance)
}

/// Keeps something out of the void beyond the border: brought back to its outer edge, its outward speed turned.
pub(crate) fn hold(at: &mut Vec2, velocity: &mut Vec2) {
    const EDGE: f32 = WORLD_RADIUS + BORDER_DEPTH;
    let distance = at.length();
    if distance > EDGE {
        let out = *at * (1.0 / distance);
        *at = out * EDGE;
        *velocity = turned_back(*velocity, out);
    }
}

/// `velocity`, reflected when it leads along `out`.
pub(crate) fn turned_back(velocity: Vec2, out: Vec2) -> Vec2 {
    let outward = velocity.dot(out);
    if outward > 0.0 { velocity + out * (-2.0 * outward) } else { velocity }
}

/// The radius of the field that `ships` ships share.
pub(crate) fn radius_for(ships: usize) -> f32 {
    // ships are few enough for an f32 to be exact
    ((ships as f32).sqrt() * ELBOW_ROOM).clamp(SMALLEST_FIELD, WORLD_RADIUS - 10.0)
}
