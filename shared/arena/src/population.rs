//! Keeps the arena lively: enough rocks for the field, and drones while there are few players.

use tickwire_shared::{Rng, Tick};

use crate::Options;
use crate::craft::{Craft, Pilot};
use crate::drone::{self, Mind};
use crate::field::{VIEW_RADIUS, WORLD_RADIUS};
use crate::kinds::RockSize;
use crate::scene::Scene;
use crate::spawn;
use crate::vec2::Vec2;

/// Out of everybody's sight, with a margin for moving ships.
const UNSEEN: f32 = VIEW_RADIUS + 20.0;
/// The smallest field has this part of all rocks, whatever its size.
const ROCKS_OF_SMALLEST_FIELD: f32 = 0.08;
/// At most one rock in so many ticks drifts in, and one drone.
const TICKS_PER_ROCK: u32 = 4;
const TICKS_PER_DRONE: u32 = 40;

/// Fills a new arena.
pub(crate) fn fill(scene: &mut Scene, options: &Options, rng: &mut Rng) {
    for _ in 0..rocks_wanted(scene, options) {
        let at = spawn::point_within(scene.field_radius(), rng);
        add_rock(scene, at, rng);
    }
}

/// Adds or removes a little of what there is too few or too many of.
pub(crate) fn keep(scene: &mut Scene, options: &Options, tick: Tick, rng: &mut Rng) {
    let wanted = rocks_wanted(scene, options);
    if scene.rocks.len() < wanted && tick.0.is_multiple_of(TICKS_PER_ROCK) {
        let at = unseen_place(scene, rng);
        add_rock(scene, at, rng);
    }
    remove_stray_rock(scene, wanted, tick);

    let wanted = drones_wanted(scene, options);
    if scene.drones() < wanted && tick.0.is_multiple_of(TICKS_PER_DRONE) {
        let id = scene.new_id();
        let name = drone::NAMES[id.0 as usize % drone::NAMES.len()].to_owned();
        scene.crafts.push(Craft::new(id, Pilot::Drone(Mind::default()), name));
    }
    if scene.drones() > wanted {
        retire_drone(scene);
    }
}

/// How many rocks a field of today's size wants.
pub(crate) fn rocks_wanted(scene: &Scene, options: &Options) -> usize {
    let share = scene.field_radius() / WORLD_RADIUS;
    let part = ROCKS_OF_SMALLEST_FIELD + (1.0 - ROCKS_OF_SMALLEST_FIELD) * share * share;
    (f32::from(options.rocks) * part) as usize
}

/// Each player after the first sends one drone home.
fn drones_wanted(scene: &Scene, options: &Options) -> usize {
    usize::from(options.drones).saturating_sub(scene.players().saturating_sub(1))
}

fn add_rock(scene: &mut Scene, at: Vec2, rng: &mut Rng) {
    let size = if rng.below(4) == 0 { RockSize::Medium } else { RockSize::Large };
    // roughly inwards, so that rocks from the rim come into play
    let inwards = (spawn::point_within(scene.field_radius() * 0.7, rng) - at).unit();
    let speed = rng.between(2.0, 8.0);
    scene.add_rock(at, inwards * speed, size, rng);
}

/// A place in the field that nobody sees, or else one at its rim.
fn unseen_place(scene: &Scene, rng: &mut Rng) -> Vec2 {
    let field_radius = scene.field_radius();
    for _ in 0..4 {
        let at = spawn::point_within(field_radius, rng);
        if scene.distance_to_players(at) > UNSEEN {
            return at;
        }
    }
    Vec2::along(spawn::any_heading(rng)) * (field_radius + 12.0)
}

/// Looks at one rock a tick: when it is too many or was left behind by a shrinking field, and nobody sees it, it goes.
fn remove_stray_rock(scene: &mut Scene, wanted: usize, tick: Tick) {
    if scene.rocks.is_empty() {
        return;
    }
    let i = tick.0 as usize % scene.rocks.len();
    let at = scene.rocks[i].at;
    let stray = scene.rocks.len() > wanted || at.length() > scene.field_radius() + 20.0;
    if stray && scene.distance_to_players(at) > UNSEEN {
        scene.rocks.remove(i);
    }
}

/// Removes a drone that nobody sees or that waits for its return.
fn retire_drone(scene: &mut Scene) {
    let leaves = |craft: &Craft| {
        craft.is_drone() && (craft.is_about_to_return() || scene.distance_to_players(craft.state.at) > UNSEEN)
    };
    if let Some(i) = scene.crafts.iter().position(leaves) {
        scene.crafts.remove(i);
    }
}
