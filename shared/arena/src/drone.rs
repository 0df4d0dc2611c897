//! Drones: pirates with a tiny mind. A drone sees the scene and wants an [`Input`], like everybody.

use tickwire_shared::Rng;

use crate::craft::Craft;
use crate::kinds::Input;
use crate::scene::Scene;
use crate::shot::SHOT_SPEED;
use crate::spawn;
use crate::trig::wrapped;
use crate::vec2::Vec2;

/// What drones are called.
pub(crate) const NAMES: [&str; 8] =
    ["Rusty", "Magpie", "Barnacle", "Grudge", "Jackdaw", "Limpet", "Cutlass", "Old Bones"];

const SIGHT: f32 = 80.0;
const GUN_REACH: f32 = 46.0;
const CRUISE_SPEED: f32 = 17.0;
/// Nearer than this to its prey, it stops pushing on.
const BATTLE_DISTANCE: f32 = 22.0;
/// It minds rocks whose edge is nearer than this.
const ROCK_SENSE: f32 = 9.0;
/// So many drones go for one ship; the others roam on, so that a newcomer has a chance.
const PACK: usize = 2;
const WORST_AIM: f32 = 0.2;
const TRIGGER_HAPPY_PERCENT: u32 = 40;

/// What a drone has in mind until it thinks again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mind {
    ticks_left: u16,
    /// How far it aims beside the mark.
    miss: f32,
    fires: bool,
    /// Where it roams to while it sees nobody.
    goal: Vec2,
}

impl Mind {
    /// What the drone `me` wants now.
    pub(crate) fn think(&mut self, me: &Craft, scene: &Scene, rng: &mut Rng) -> Input {
        self.settle(scene.field_radius(), rng);
        if let Some(away) = away_from_rock(me, scene) {
            return Input { thrust: true, ..aim_along(away) };
        }
        let slow = me.state.velocity.length() < CRUISE_SPEED;
        let Some(prey) = nearest_prey(me, scene) else {
            return Input { thrust: slow, ..aim_along(self.goal - me.state.at) };
        };
        let distance = prey.state.at.distance(me.state.at);
        let aim = wrapped(lead(me, prey, distance).heading() + self.miss);
        let on_mark = wrapped(aim - me.state.heading).abs() < 0.2;
        Input {
            thrust: slow && distance > BATTLE_DISTANCE,
            fire: self.fires && on_mark && distance < GUN_REACH,
            turn: 0,
            aiming: true,
            aim,
        }
    }

    fn settle(&mut self, field_radius: f32, rng: &mut Rng) {
        self.ticks_left = self.ticks_left.saturating_sub(1);
        if self.ticks_left == 0 {
            self.ticks_left = 18 + rng.below(24) as u16;
            self.miss = rng.between(-WORST_AIM, WORST_AIM);
            self.fires = rng.below(100) < TRIGGER_HAPPY_PERCENT;
            if rng.below(4) == 0 {
                self.goal = spawn::point_within(field_radius * 0.7, rng);
            }
        }
    }
}

fn aim_along(way: Vec2) -> Input {
    Input { aiming: true, aim: way.heading(), ..Input::default() }
}

/// The nearest player in sight, unless others are already at them.
fn nearest_prey<'a>(me: &Craft, scene: &'a Scene) -> Option<&'a Craft> {
    let distance = |craft: &Craft| craft.state.at.distance(me.state.at);
    let in_sight = scene.crafts.iter().filter(|craft| craft.is_prey() && distance(craft) < SIGHT);
    let prey = in_sight.min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let nearer = |other: &&Craft| other.is_drone() && other.state.at.distance(prey.state.at) < distance(prey);
    (scene.living().filter(nearer).count() < PACK).then_some(prey)
}

/// From `me` to where `prey` will be when a shot arrives.
fn lead(me: &Craft, prey: &Craft, distance: f32) -> Vec2 {
    let flight_s = distance / SHOT_SPEED;
    prey.state.at - me.state.at + (prey.state.velocity - me.state.velocity) * flight_s
}

/// Away from a rock that is near and comes nearer.
fn away_from_rock(me: &Craft, scene: &Scene) -> Option<Vec2> {
    let threat = scene.rocks.iter().find(|rock| {
        let way = rock.at - me.state.at;
        let nears = (me.state.velocity - rock.velocity).dot(way) > 0.0;
        nears && way.length() < rock.radius() + ROCK_SENSE
    })?;
    Some(me.state.at - threat.at)
}
