//! Asteroids: how they drift, what a hit does to them, and into what they break.

use tickwire_shared::{EntityId, Rng};

use crate::field;
use crate::kinds::{Rock, RockSize};
use crate::vec2::Vec2;

/// Radii of [`RockSize::Small`], [`RockSize::Medium`] and [`RockSize::Large`].
pub const ROCK_RADII: [f32; 3] = [2.0, 3.8, 7.0];
/// Points for the last hit on a small, medium or large rock.
pub const ROCK_SCORES: [u32; 3] = [20, 10, 5];

const HITS: [u8; 3] = [1, 2, 4];
const TOP_SPEED: f32 = 14.0;

/// A rock is a disc of this radius to all that it meets.
#[must_use]
pub const fn radius(size: RockSize) -> f32 {
    ROCK_RADII[size as usize]
}

/// How fast a page lets a rock with this seed turn, in radians a second. Only for show.
#[must_use]
pub fn spin(seed: u8) -> f32 {
    (f32::from(seed) - 127.5) / 127.5 * 0.9
}

/// A rock as the rules know it.
#[derive(Clone, Debug)]
pub(crate) struct RockState {
    pub(crate) id: EntityId,
    pub(crate) at: Vec2,
    pub(crate) velocity: Vec2,
    pub(crate) size: RockSize,
    pub(crate) broken: bool,
    seed: u8,
    hits_left: u8,
}

impl RockState {
    pub(crate) fn new(id: EntityId, at: Vec2, velocity: Vec2, size: RockSize, rng: &mut Rng) -> Self {
        let seed = rng.bits() as u8;
        Self {
            id,
            at,
            velocity: velocity.at_most(TOP_SPEED),
            size,
            broken: false,
            seed,
            hits_left: HITS[size as usize],
        }
    }

    /// Drifts on; what leads out of the field is turned back.
    pub(crate) fn drift(&mut self, field_radius: f32, dt: f32) {
        if self.at.length() > field_radius {
            self.velocity = field::turned_back(self.velocity, self.at.unit());
        }
        self.velocity = self.velocity.at_most(TOP_SPEED);
        self.at += self.velocity * dt;
        field::hold(&mut self.at, &mut self.velocity);
    }

    /// A shot of this velocity strikes; `true` when that was the last straw.
    pub(crate) fn hit(&mut self, shot_velocity: Vec2) -> bool {
        self.velocity += shot_velocity * (0.3 / self.mass());
        self.hits_left = self.hits_left.saturating_sub(1);
        self.broken |= self.hits_left == 0;
        self.broken
    }

    /// Position and velocity of the two pieces when it breaks under a blow along `blow`, and their size; `None` for
    /// dust.
    pub(crate) fn pieces(&self, blow: Vec2, rng: &mut Rng) -> Option<(RockSize, [(Vec2, Vec2); 2])> {
        let size = match self.size {
            RockSize::Large => RockSize::Medium,
            RockSize::Medium => RockSize::Small,
            RockSize::Small => return None,
        };
        let ahead = blow.unit();
        let aside = Vec2::new(-ahead.y, ahead.x);
        let mut piece = |side: Vec2| {
            let velocity = self.velocity + side * rng.between(3.0, 7.0) + ahead * rng.between(0.0, 3.0);
            (self.at + side * radius(size), velocity)
        };
        Some((size, [piece(aside), piece(-aside)]))
    }

    pub(crate) fn radius(&self) -> f32 {
        radius(self.size)
    }

    /// A disc of the ships' stuff, where a ship has the mass 2.5.
    pub(crate) fn mass(&self) -> f32 {
        self.radius() * self.radius()
    }

    pub(crate) fn shown(&self) -> Rock {
        Rock { x: self.at.x, y: self.at.y, size: self.size, seed: self.seed, broken: self.broken }
    }
}
