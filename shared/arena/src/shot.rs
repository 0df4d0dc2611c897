//! Shots: straight, fast, gone in less than a second.

use tickwire_shared::EntityId;

use crate::field::{BORDER_DEPTH, WORLD_RADIUS};
use crate::kinds::Shot;
use crate::ship::{SHIP_RADIUS, ShipState};
use crate::trig::wrapped;
use crate::vec2::Vec2;

/// Speed at which a shot leaves its ship, whose own speed it keeps on top.
pub const SHOT_SPEED: f32 = 78.0;
/// Ticks that a shot lives: it reaches about as far as its shooter can see.
pub const SHOT_TICKS: u16 = 24;
/// Added to the radius of whatever it might hit.
pub const SHOT_RADIUS: f32 = 0.4;

/// Where a shot appears, ahead of the ship's centre.
pub const MUZZLE: f32 = SHIP_RADIUS + 0.4;

/// A shot as the rules know it.
#[derive(Clone, Debug)]
pub(crate) struct ShotState {
    pub(crate) id: EntityId,
    pub(crate) at: Vec2,
    /// Where it was a tick ago: what it hits lies between.
    pub(crate) from: Vec2,
    pub(crate) velocity: Vec2,
    /// The ship that fired it, which it does not hurt.
    pub(crate) shooter: EntityId,
    pub(crate) damage: u8,
    pub(crate) hit: bool,
    heading: f32,
    hue: u8,
    ticks_left: u16,
}

impl ShotState {
    /// Leaves `ship` under the angle `off` its nose.
    pub(crate) fn fired(id: EntityId, ship: &ShipState, off: f32, shooter: EntityId, hue: u8, damage: u8) -> Self {
        let direction = Vec2::along(wrapped(ship.heading + off));
        let velocity = direction * SHOT_SPEED + ship.velocity;
        let at = ship.at + direction * MUZZLE;
        // from the ship's centre, so that nothing hides between it and the muzzle
        let from = ship.at;
        let heading = velocity.heading();
        Self { id, at, from, velocity, shooter, damage, hit: false, heading, hue, ticks_left: SHOT_TICKS }
    }

    /// Flies on for a tick; `false` when its time is up or it left the arena.
    pub(crate) fn fly(&mut self, dt: f32) -> bool {
        self.from = self.at;
        self.at += self.velocity * dt;
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.ticks_left > 0 && self.at.length() < WORLD_RADIUS + BORDER_DEPTH
    }

    /// It left so many ticks ago and has met nothing since.
    pub(crate) fn advance(&mut self, ticks: f32, dt: f32) {
        self.at += self.velocity * (ticks * dt);
        self.from = self.at;
        self.ticks_left = self.ticks_left.saturating_sub(ticks as u16).max(1);
    }

    /// Where on this tick's way it comes nearest to `centre`.
    pub(crate) fn nearest_to(&self, centre: Vec2) -> Vec2 {
        let way = self.at - self.from;
        let length_squared = way.length_squared();
        if length_squared < 1e-6 {
            return self.at;
        }
        let t = (centre - self.from).dot(way) / length_squared;
        self.from + way * t.clamp(0.0, 1.0)
    }

    /// It struck something at `here`.
    pub(crate) fn strike(&mut self, here: Vec2) {
        self.hit = true;
        self.at = here;
    }

    pub(crate) fn shown(&self) -> Shot {
        Shot { x: self.at.x, y: self.at.y, heading: self.heading, hue: self.hue, hit: self.hit }
    }
}
