//! What happens when two things meet.

use tickwire_shared::Rng;

use crate::collide::{self, Disc, Sweep, Thing};
use crate::craft::Craft;
use crate::kinds::{Cause, RockSize};
use crate::pickup::PICKUP_RADIUS;
use crate::rock::{ROCK_SCORES, RockState};
use crate::scene::Scene;
use crate::ship::SHIP_RADIUS;
use crate::shot::SHOT_RADIUS;
use crate::vec2::Vec2;

/// Slower than this, a collision does no harm.
const GENTLE: f32 = 9.0;
const DAMAGE_PER_SPEED: f32 = 1.1;
const MOST_DAMAGE: f32 = 55.0;
const SHIP_MASS: f32 = SHIP_RADIUS * SHIP_RADIUS;
/// The part of its speed that a shot gives to a ship.
const SHOT_PUSH: f32 = 0.03;
const DROP_PERCENT_OF_DUST: u32 = 8;

/// A ship that was destroyed: its place in the list, and how.
pub(crate) type Loss = (usize, Cause);

/// Fills `sweep` with all that is in the arena.
pub(crate) fn lay_out(scene: &Scene, sweep: &mut Sweep) {
    sweep.clear();
    for (i, craft) in scene.crafts.iter().enumerate().filter(|(_, craft)| craft.lives()) {
        sweep.add(Thing::Ship(i), craft.state.at, SHIP_RADIUS);
    }
    for (i, rock) in scene.rocks.iter().enumerate() {
        sweep.add(Thing::Rock(i), rock.at, rock.radius());
    }
    for (i, shot) in scene.shots.iter().enumerate() {
        let middle = (shot.at + shot.from) * 0.5;
        sweep.add(Thing::Shot(i), middle, shot.at.distance(middle) + SHOT_RADIUS);
    }
    for (i, pickup) in scene.pickups.iter().enumerate() {
        sweep.add(Thing::Pickup(i), pickup.at, PICKUP_RADIUS);
    }
}

/// Lets all that meet act on each other, one pair after the other; adds the ships that are destroyed to `losses`.
pub(crate) fn resolve(
    scene: &mut Scene,
    pairs: &[(Thing, Thing)],
    rocks_wanted: usize,
    rng: &mut Rng,
    losses: &mut Vec<Loss>,
) {
    for &pair in pairs {
        match pair {
            (Thing::Ship(a), Thing::Ship(b)) => ship_meets_ship(scene, a, b, losses),
            (Thing::Ship(ship), Thing::Rock(rock)) => ship_meets_rock(scene, ship, rock, losses),
            (Thing::Ship(ship), Thing::Shot(shot)) => ship_meets_shot(scene, ship, shot, losses),
            (Thing::Ship(ship), Thing::Pickup(pickup)) => ship_meets_pickup(scene, ship, pickup),
            (Thing::Rock(a), Thing::Rock(b)) => rock_meets_rock(scene, a, b),
            (Thing::Rock(rock), Thing::Shot(shot)) => rock_meets_shot(scene, rock, shot, rocks_wanted, rng),
            _ => {}
        }
    }
}

fn ship_meets_ship(scene: &mut Scene, a: usize, b: usize, losses: &mut Vec<Loss>) {
    let Ok([first, second]) = scene.crafts.get_disjoint_mut([a, b]) else { return };
    let Some(bounce) = collide::bounce(ship_disc(first), ship_disc(second)) else { return };
    let damage = damage_of(bounce.impact);
    let (first_id, second_id) = (first.id, second.id);
    for (i, (craft, place, other)) in [(first, a, second_id), (second, b, first_id)].into_iter().enumerate() {
        craft.state.velocity += bounce.kicks[i];
        craft.state.at += bounce.shifts[i];
        if craft.hurt(damage, Some(other)) {
            losses.push((place, Cause::Ram));
        }
    }
}

fn ship_meets_rock(scene: &mut Scene, ship: usize, rock: usize, losses: &mut Vec<Loss>) {
    let (craft, boulder) = (&mut scene.crafts[ship], &mut scene.rocks[rock]);
    if boulder.broken {
        return;
    }
    let Some(bounce) = collide::bounce(ship_disc(craft), rock_disc(boulder)) else { return };
    craft.state.velocity += bounce.kicks[0];
    craft.state.at += bounce.shifts[0];
    boulder.velocity += bounce.kicks[1];
    boulder.at += bounce.shifts[1];
    if craft.hurt(damage_of(bounce.impact), None) {
        losses.push((ship, Cause::Rock));
    }
}

fn ship_meets_shot(scene: &mut Scene, ship: usize, shot: usize, losses: &mut Vec<Loss>) {
    let (craft, flying) = (&scene.crafts[ship], &scene.shots[shot]);
    let here = flying.nearest_to(craft.state.at);
    let misses = here.distance(craft.state.at) > SHIP_RADIUS + SHOT_RADIUS;
    if !(flying.hit || flying.shooter == craft.id || misses) {
        strike_ship(scene, ship, shot, here, losses);
    }
}

/// A shot strikes a ship at `here`.
pub(crate) fn strike_ship(scene: &mut Scene, ship: usize, shot: usize, here: Vec2, losses: &mut Vec<Loss>) {
    let (craft, shot) = (&mut scene.crafts[ship], &mut scene.shots[shot]);
    shot.strike(here);
    craft.state.velocity += shot.velocity * SHOT_PUSH;
    if craft.hurt(shot.damage, Some(shot.shooter)) {
        losses.push((ship, Cause::Shot));
    }
}

fn ship_meets_pickup(scene: &mut Scene, ship: usize, pickup: usize) {
    let (craft, pickup) = (&mut scene.crafts[ship], &mut scene.pickups[pickup]);
    let touches = craft.state.at.distance(pickup.at) < SHIP_RADIUS + PICKUP_RADIUS;
    if touches && !pickup.taken && !craft.is_drone() {
        pickup.taken = true;
        craft.accept(pickup.gift);
    }
}

fn rock_meets_rock(scene: &mut Scene, a: usize, b: usize) {
    let Ok([first, second]) = scene.rocks.get_disjoint_mut([a, b]) else { return };
    if first.broken || second.broken {
        return;
    }
    let Some(bounce) = collide::bounce(rock_disc(first), rock_disc(second)) else { return };
    for (i, rock) in [first, second].into_iter().enumerate() {
        rock.velocity += bounce.kicks[i];
        rock.at += bounce.shifts[i];
    }
}

fn rock_meets_shot(scene: &mut Scene, rock: usize, shot: usize, rocks_wanted: usize, rng: &mut Rng) {
    let (boulder, flying) = (&scene.rocks[rock], &scene.shots[shot]);
    let here = flying.nearest_to(boulder.at);
    let misses = here.distance(boulder.at) > boulder.radius() + SHOT_RADIUS;
    if !(flying.hit || boulder.broken || misses) {
        strike_rock(scene, rock, shot, here, rocks_wanted, rng);
    }
}

/// A shot strikes a rock at `here`.
pub(crate) fn strike_rock(scene: &mut Scene, rock: usize, shot: usize, here: Vec2, rocks_wanted: usize, rng: &mut Rng) {
    let (boulder, shot) = (&mut scene.rocks[rock], &mut scene.shots[shot]);
    shot.strike(here);
    let (blow, shooter) = (shot.velocity, shot.shooter);
    if !boulder.hit(blow) {
        return;
    }
    let (at, size) = (boulder.at, boulder.size);
    scene.break_rock(rock, blow, rocks_wanted, rng);
    if let Some(craft) = scene.craft_mut(shooter) {
        craft.earn(ROCK_SCORES[size as usize]);
    }
    if size == RockSize::Small {
        scene.maybe_drop(at, DROP_PERCENT_OF_DUST, rng);
    }
}

fn damage_of(impact: f32) -> u8 {
    ((impact - GENTLE) * DAMAGE_PER_SPEED).clamp(0.0, MOST_DAMAGE) as u8
}

fn ship_disc(craft: &Craft) -> Disc {
    Disc { at: craft.state.at, velocity: craft.state.velocity, radius: SHIP_RADIUS, mass: SHIP_MASS }
}

fn rock_disc(rock: &RockState) -> Disc {
    Disc { at: rock.at, velocity: rock.velocity, radius: rock.radius(), mass: rock.mass() }
}
