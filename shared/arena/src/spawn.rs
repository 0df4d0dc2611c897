//! Where ships enter: near the others while there are few, far from them when there are many, never in a rock.

use tickwire_shared::Rng;

use crate::field::WORLD_RADIUS;
use crate::scene::Scene;
use crate::ship::SHIP_RADIUS;
use crate::trig;
use crate::vec2::Vec2;

/// Up to so many players enter within sight of one another.
const FEW_PLAYERS: usize = 8;
/// How far from the other: on screen even when one is right above the other.
const COMPANY: (f32, f32) = (18.0, 27.0);
/// How far from a player a drone enters: just out of sight.
const AMBUSH: (f32, f32) = (64.0, 80.0);
/// Free space around an entering ship.
const ROCK_GAP: f32 = 4.0;
const SHIP_GAP: f32 = 6.0;

/// Returns the ships whose wait is over.
pub(crate) fn bring_back(scene: &mut Scene, rng: &mut Rng) {
    for i in 0..scene.crafts.len() {
        if scene.crafts[i].wait() {
            let (at, heading) = if scene.crafts[i].is_drone() { drone_spot(scene, rng) } else { spot(scene, rng) };
            scene.crafts[i].revive(at, heading);
        }
    }
}

/// A point anywhere in the disc of this radius.
pub(crate) fn point_within(radius: f32, rng: &mut Rng) -> Vec2 {
    let distance = radius * rng.unit().sqrt();
    Vec2::along(any_heading(rng)) * distance
}

/// Any direction.
pub(crate) fn any_heading(rng: &mut Rng) -> f32 {
    rng.between(-std::f32::consts::PI, std::f32::consts::PI)
}

/// A place for a player's ship, and where it looks.
fn spot(scene: &Scene, rng: &mut Rng) -> (Vec2, f32) {
    if scene.players() > FEW_PLAYERS {
        return (lonely_spot(scene, rng), any_heading(rng));
    }
    match company(scene) {
        Some(other) => {
            let at = spot_around(scene, other, COMPANY, rng);
            (at, (other - at).heading())
        }
        None => (spot_around(scene, Vec2::ZERO, (0.0, 15.0), rng), any_heading(rng)),
    }
}

/// The living player who is nearest to the middle.
fn company(scene: &Scene) -> Option<Vec2> {
    let players = scene.living().filter(|craft| !craft.is_drone()).map(|craft| craft.state.at);
    players.min_by(|a, b| a.length_squared().total_cmp(&b.length_squared()))
}

/// Of ten free places in the field, the one farthest from all ships.
fn lonely_spot(scene: &Scene, rng: &mut Rng) -> Vec2 {
    let field_radius = scene.field_radius();
    let mut best = None;
    for _ in 0..10 {
        let at = point_within(field_radius, rng);
        let nearest = scene.living().map(|craft| craft.state.at.distance(at)).fold(f32::INFINITY, f32::min);
        if is_free(scene, at) && best.is_none_or(|(_, distance)| nearest > distance) {
            best = Some((at, nearest));
        }
    }
    best.map_or_else(|| free_place_near(scene, point_within(field_radius, rng)), |(at, _)| at)
}

fn drone_spot(scene: &Scene, rng: &mut Rng) -> (Vec2, f32) {
    let prey = company(scene).unwrap_or(Vec2::ZERO);
    let at = spot_around(scene, prey, AMBUSH, rng);
    (at, (prey - at).heading())
}

/// A free place between the two distances from `centre`.
fn spot_around(scene: &Scene, centre: Vec2, (near, far): (f32, f32), rng: &mut Rng) -> Vec2 {
    for _ in 0..24 {
        let at = centre + Vec2::along(any_heading(rng)) * rng.between(near, far);
        if at.length() < WORLD_RADIUS && is_free(scene, at) {
            return at;
        }
    }
    free_place_near(scene, centre)
}

/// Searches outwards along a sunflower's spiral, which leaves no gaps and would reach the whole arena.
fn free_place_near(scene: &Scene, centre: Vec2) -> Vec2 {
    const GOLDEN_ANGLE: f32 = 2.399_963_2;
    let mut heading = 0.0;
    for i in 0..60_000u16 {
        let at = centre + Vec2::along(heading) * (4.0 * f32::from(i).sqrt());
        if at.length() < WORLD_RADIUS && is_free(scene, at) {
            return at;
        }
        heading = trig::wrapped(heading + GOLDEN_ANGLE);
    }
    centre
}

fn is_free(scene: &Scene, at: Vec2) -> bool {
    let apart = |other: Vec2, gap: f32| other.distance(at) > gap;
    scene.rocks.iter().all(|rock| apart(rock.at, rock.radius() + SHIP_RADIUS + ROCK_GAP))
        && scene.living().all(|craft| apart(craft.state.at, SHIP_GAP))
}
