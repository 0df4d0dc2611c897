//! What travels: the kinds of entities, a player's input, and the events.
//!
//! Lengths are units (a ship is 3 across), speeds units a second, angles radians: 0 along +x, growing from +x towards
//! +y. A page that draws +y downwards, as a canvas does, sees growing angles turn clockwise.
//!
//! Nothing vanishes without a word: a ship that blows up stays with `dead` set, and a rock, shot or pickup that is
//! used up is published once more with `broken`, `hit` or `taken` set. An entity that goes without its flag merely
//! expired or left the view.

use serde::{Deserialize, Serialize};
use tickwire_shared::{Replicate, World};

use crate::ship::MAX_HP;

/// Longest name that is shown, in bytes of UTF-8.
pub const NAME_BYTES: u8 = 16;
/// Colours of ships and shots, numbered from 0; spread them over the colour circle.
pub const HUES: u8 = 16;
/// The colour of drones and their shots; no player has it.
pub const DRONE_HUE: u8 = 0;
/// Places on the board of leaders.
pub const LEADERS: u8 = 8;
/// Highest score that is shown.
pub const SCORE_MAX: u32 = 999_999;

// Places travel in 14 bits: 1/16 unit is about a pixel, and the arena with its border fits.
pub(crate) const FIRST: f32 = -512.0;
pub(crate) const LAST: f32 = 512.0 - GRAIN;
pub(crate) const GRAIN: f32 = 0.0625;
// What only a ship's owner is told is finer: server and owner go on from the same numbers. Powers of two, so that sums
// are exact.
pub(crate) const FINE_GRAIN: f32 = GRAIN / 64.0;
pub(crate) const SPEED_GRAIN: f32 = 1.0 / 512.0;
pub(crate) const SPIN_GRAIN: f32 = 0.05;

/// All kinds of entities.
#[derive(World, Clone, Debug, PartialEq)]
pub enum Entity {
    /// A ship, of a player or a drone.
    Ship(Ship),
    /// An asteroid.
    Rock(Rock),
    /// A shot in flight.
    Shot(Shot),
    /// Something to fly over and take.
    Pickup(Pickup),
    /// A line of the board of leaders.
    Leader(Leader),
    /// How many play.
    Roster(Roster),
}

/// A ship. It keeps its entity while its player stays: when it blows up it lies where it was with `dead` set, so the
/// camera has a place, and comes back elsewhere with `dead` cleared.
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Ship {
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub x: f32,
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub y: f32,
    /// Where the nose points.
    #[field(angle_bits = 8)]
    pub heading: f32,
    /// The engine burns.
    pub thrust: bool,
    /// Blown up: not there, waits for its return.
    pub dead: bool,
    /// Cannot be hurt yet.
    pub safe: bool,
    /// What is left of the hull, up to [`MAX_HP`].
    #[field(min = 0, max = MAX_HP)]
    pub hp: u8,
    /// What the gun does.
    pub gun: Gun,
    /// Colour, below [`HUES`].
    #[field(min = 0, max = HUES - 1)]
    pub hue: u8,
    /// Flown by the game, not by a player.
    pub drone: bool,
    /// Who flies it; at most [`NAME_BYTES`].
    #[field(max_bytes = NAME_BYTES)]
    pub name: String,
    /// Points.
    #[field(min = 0, max = SCORE_MAX)]
    pub score: u32,
    /// Speed along x; with the next five, all that [`ship::step`](crate::ship::step) needs beside the public fields.
    #[field(min = -64.0, max = 63.998046875, step = SPEED_GRAIN, owner)]
    pub vx: f32,
    /// Speed along y.
    #[field(min = -64.0, max = 63.998046875, step = SPEED_GRAIN, owner)]
    pub vy: f32,
    /// What to add to `x`: a slow ship moves less than its step in a tick.
    #[field(min = -GRAIN, max = GRAIN, step = FINE_GRAIN, owner)]
    pub x_rest: f32,
    /// What to add to `y`.
    #[field(min = -GRAIN, max = GRAIN, step = FINE_GRAIN, owner)]
    pub y_rest: f32,
    /// What to add to `heading`, in 256ths of its step.
    #[field(min = -256, max = 255, step = 1, owner)]
    pub heading_rest: f32,
    /// How fast the keyboard turns it right now, in radians a second.
    #[field(min = -5.0, max = 5.0, step = SPIN_GRAIN, owner)]
    pub spin: f32,
    /// How hot the gun is, 0 to 100; too hot, it waits.
    #[field(min = 0.0, max = 100.0, step = 4.0, owner)]
    pub heat: f32,
    /// Seconds until it comes back; 0 while it lives.
    #[field(min = 0.0, max = 5.1, step = 0.1, owner)]
    pub respawn_s: f32,
    /// Seconds that the gun stays special; 0 for the plain one.
    #[field(min = 0.0, max = 12.7, step = 0.1, owner)]
    pub gun_s: f32,
}

/// What a ship's gun does.
#[derive(Replicate, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gun {
    /// One shot at a time, and heat.
    #[default]
    Plain,
    /// Twice as fast, no heat.
    Rapid,
    /// Three shots in a fan.
    Fan,
}

/// An asteroid. How it turns does not matter to the rules and does not travel: draw it with
/// [`rock::spin`](crate::rock::spin) of its seed.
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Rock {
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub x: f32,
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub y: f32,
    /// How big; see [`rock::radius`](crate::rock::radius).
    pub size: RockSize,
    /// Gives the rock its own shape.
    pub seed: u8,
    /// Shot to pieces, gone with the next tick.
    pub broken: bool,
}

/// Classes of asteroids; each breaks into two of the next smaller.
#[derive(Replicate, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RockSize {
    /// One hit makes it dust.
    Small,
    /// Two hits.
    Medium,
    /// Four hits.
    #[default]
    Large,
}

/// A shot. It flies straight.
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Shot {
    /// Where it is.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub x: f32,
    /// Where it is.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub y: f32,
    /// Where it flies to.
    #[field(angle_bits = 8)]
    pub heading: f32,
    /// The shooter's colour.
    #[field(min = 0, max = HUES - 1)]
    pub hue: u8,
    /// It hit something here, gone with the next tick.
    pub hit: bool,
}

/// Something useful that floats about.
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Pickup {
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub x: f32,
    /// Centre.
    #[field(min = FIRST, max = LAST, step = GRAIN)]
    pub y: f32,
    /// What it gives.
    pub gift: Gift,
    /// Somebody took it, gone with the next tick.
    pub taken: bool,
}

/// What a pickup gives.
#[derive(Replicate, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gift {
    /// Hull.
    #[default]
    Repair,
    /// [`Gun::Rapid`] for a while.
    Rapid,
    /// [`Gun::Fan`] for a while.
    Fan,
}

/// How many play: one entity, known everywhere, brought up to date with the board of leaders.
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Roster {
    /// Taken seats; drones have none.
    #[field(min = 0, max = 256)]
    pub players: u16,
}

/// A line of the board of leaders: known everywhere, brought up to date once a second. There are as many as there
/// are players with points, at most [`LEADERS`].
#[derive(Replicate, Clone, Debug, PartialEq)]
pub struct Leader {
    /// From 1.
    #[field(min = 1, max = LEADERS)]
    pub rank: u8,
    /// The player's seat.
    #[field(min = 0, max = 255)]
    pub seat: u16,
    /// Who it is; at most [`NAME_BYTES`].
    #[field(max_bytes = NAME_BYTES)]
    pub name: String,
    /// The ship's colour.
    #[field(min = 0, max = HUES - 1)]
    pub hue: u8,
    /// Points.
    #[field(min = 0, max = SCORE_MAX)]
    pub score: u32,
    /// Roughly where the ship is, for an arrow at the edge of the screen or a small map.
    #[field(min = FIRST, max = 496.0, step = 16.0)]
    pub x: f32,
    /// Roughly where the ship is.
    #[field(min = FIRST, max = 496.0, step = 16.0)]
    pub y: f32,
}

/// What a player wants right now.
#[derive(Replicate, Clone, Copy, Debug, PartialEq, Default)]
pub struct Input {
    /// Burn the engine.
    pub thrust: bool,
    /// Pull the trigger; hold it to go on firing.
    pub fire: bool,
    /// Turn by keys: -1 against, 1 with growing angles. Ignored while `aiming`.
    #[field(min = -1, max = 1)]
    pub turn: i8,
    /// Turn towards `aim` as fast as the ship can (mouse, stick, bots).
    pub aiming: bool,
    /// Where to turn to.
    #[field(angle_bits = 10)]
    pub aim: f32,
}

/// One-off news.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody blew up. In a small room all are told; in a crowd those two, and all when it is remarkable: a streak
    /// begins or ends.
    Kill {
        /// Who did it; `None` for a rock and nobody else to blame.
        killer: Option<Who>,
        /// Whose ship it was.
        victim: Who,
        /// How.
        cause: Cause,
        /// Kills of the killer since their own last death, this one included.
        streak: u16,
    },
}

/// A player or drone in the news.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name; at most [`NAME_BYTES`].
    pub name: String,
    /// The seat; `None` for a drone.
    pub seat: Option<u16>,
}

/// What destroyed a ship.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A shot.
    Shot,
    /// A collision with an asteroid.
    Rock,
    /// A collision with a ship.
    Ram,
}
