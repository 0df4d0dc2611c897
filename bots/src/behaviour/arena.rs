//! How bots play Arena: look for somebody, get within reach, aim ahead, shoot; dodge rocks; flee when weak.

mod sight;

use std::f32::consts::PI;
use std::time::Duration;

use tickwire_arena::trig::wrapped;
use tickwire_arena::vec2::Vec2;
use tickwire_arena::{
    Arena, Entity, Input, MAX_SPEED, SHIP_RADIUS, SHOT_SPEED, SHOT_TICKS, Ship, ShipState, TICK_HZ, WORLD_RADIUS,
};
use tickwire_shared::{Client, EntityId, Rng};

use super::Behaviour;
use sight::{Sight, nearest_leader};

/// A pilot thinks at every such tick and repeats itself in between.
const THINK_EVERY: u32 = 3;
/// With less hull than this it flees; each pilot adds some caution of its own.
const WEAK_HP: u8 = 30;
/// How far a shot flies.
const REACH: f32 = SHOT_SPEED * SHOT_TICKS as f32 / TICK_HZ as f32;
/// How much the newest glimpse of a ship's motion counts against the earlier ones.
const FRESHNESS: f32 = 0.6;
/// A weak pilot turns to a fight again when nobody is nearer than this.
const SAFE_DISTANCE: f32 = 55.0;

/// One Arena player.
#[derive(Clone, Debug)]
pub struct Pilot {
    rng: Rng,
    calls: u32,
    wish: Input,
    target: Option<Target>,
    /// Where it goes when there is nobody.
    goal: Vec2,
    /// Flees with less hull than this.
    weak_hp: u8,
    /// How near it wants to be to shoot.
    fighting_distance: f32,
    /// How far its aim is off, in radians, to either side.
    worst_aim: f32,
}

/// Whom it hunts. Other ships' speeds do not travel, so it watches.
#[derive(Clone, Copy, Debug)]
struct Target {
    id: EntityId,
    at: Vec2,
    velocity: Vec2,
    seen: Duration,
}

impl Pilot {
    /// A pilot whose habits and whims come from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            // pilots that joined together do not all think at the same tick
            calls: rng.below(THINK_EVERY),
            weak_hp: WEAK_HP + rng.below(20) as u8,
            fighting_distance: rng.between(14.0, 30.0),
            worst_aim: rng.between(0.02, 0.12),
            goal: Vec2::ZERO,
            wish: Input::default(),
            target: None,
            rng,
        }
    }

    fn think(&mut self, client: &Client<Arena>, now: Duration) -> Input {
        let Some((id, ship)) = own_ship(client).filter(|(_, ship)| !ship.dead) else {
            self.target = None;
            return Input::default();
        };
        let me = ShipState::of(&ship);
        let sight = Sight::of(client, id, &me, self.target.map(|target| target.id));
        self.watch(sight.prey, now);
        if let Some((aside, _)) = sight.rock {
            return Input { thrust: true, ..turn_to(aside) };
        }
        match (self.target, sight.prey) {
            (Some(target), Some((_, _, distance))) if ship.hp < self.weak_hp && distance < SAFE_DISTANCE => {
                self.flee(&me, &target, sight.pickup)
            }
            (Some(target), Some((_, _, distance))) => self.fight(&me, &target, distance),
            _ => {
                let goal = sight.pickup.map(|(at, _)| at).or_else(|| nearest_leader(client, &me));
                self.travel(&me, goal)
            }
        }
    }

    /// Learns the target's motion from where it was.
    fn watch(&mut self, prey: Option<(EntityId, Vec2, f32)>, seen: Duration) {
        self.target = prey.map(|(id, at, _)| {
            let fresh = Target { id, at, velocity: Vec2::ZERO, seen };
            let Some(before) = self.target.filter(|before| before.id == id) else { return fresh };
            let elapsed_s = seen.saturating_sub(before.seen).as_secs_f32();
            if elapsed_s < 0.01 {
                return Target { at, ..before };
            }
            let glimpse = ((at - before.at) * (1.0 / elapsed_s)).at_most(MAX_SPEED);
            Target { velocity: before.velocity * (1.0 - FRESHNESS) + glimpse * FRESHNESS, ..fresh }
        });
    }

    fn fight(&mut self, me: &ShipState, target: &Target, distance: f32) -> Input {
        let Some(ahead) = lead(target.at - me.at, target.velocity - me.velocity) else {
            return Input { thrust: true, ..turn_to(target.at - me.at) };
        };
        let aim = wrapped(ahead.heading() + self.rng.between(-self.worst_aim, self.worst_aim));
        // the smaller it looks, the better the nose must point
        let tolerance = (SHIP_RADIUS * 2.0 / distance.max(SHIP_RADIUS)).clamp(0.06, 0.5);
        let on_mark = wrapped(aim - me.heading).abs() < tolerance;
        let closing = (me.velocity - target.velocity).dot((target.at - me.at).unit());
        Input {
            thrust: distance > self.fighting_distance && closing < 15.0,
            fire: on_mark && distance < REACH * 0.8,
            ..turn_to_heading(aim)
        }
    }

    /// Away from the hunter, by way of a pickup when that is not towards them.
    fn flee(&self, me: &ShipState, hunter: &Target, pickup: Option<(Vec2, f32)>) -> Input {
        let away = me.at - hunter.at;
        let gift = pickup.map(|(at, _)| at - me.at).filter(|way| way.dot(away) > 0.0);
        // not into the border: the way out bends back to the middle there
        let rim = (me.at.length() / WORLD_RADIUS).clamp(0.0, 1.0);
        let way = gift.unwrap_or_else(|| away.unit() - me.at.unit() * rim.powi(4));
        Input { thrust: true, ..turn_to(way) }
    }

    /// Nobody to fight: to a pickup or a leader, or about.
    fn travel(&mut self, me: &ShipState, goal: Option<Vec2>) -> Input {
        let near_goal = self.goal.distance(me.at) < 20.0;
        if near_goal {
            let heading = self.rng.between(-PI, PI);
            self.goal = Vec2::along(heading) * self.rng.between(0.0, WORLD_RADIUS * 0.5);
        }
        let way = goal.unwrap_or(self.goal) - me.at;
        let on_course = wrapped(way.heading() - me.heading).abs() < 1.0;
        Input { thrust: on_course && me.velocity.length() < MAX_SPEED * 0.5, ..turn_to(way) }
    }
}

impl Behaviour<Arena> for Pilot {
    fn drive(&mut self, client: &Client<Arena>, now: Duration) -> Input {
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(THINK_EVERY) {
            self.wish = self.think(client, now);
        }
        self.wish
    }
}

fn own_ship(client: &Client<Arena>) -> Option<(EntityId, Ship)> {
    client.owned().find_map(|id| match client.newest(id)? {
        Entity::Ship(ship) => Some((id, ship)),
        _ => None,
    })
}

/// Where to aim so that a shot meets what is at `way` and moves by `relative`, as seen from the shooter; none when no
/// shot is fast enough.
fn lead(way: Vec2, relative: Vec2) -> Option<Vec2> {
    // |way + relative t| = SHOT_SPEED t, solved for the earlier t > 0; shots are faster than ships can part, mostly
    let a = SHOT_SPEED * SHOT_SPEED - relative.length_squared();
    let b = way.dot(relative);
    let root = b * b + a * way.length_squared();
    (a > 1.0 && root >= 0.0).then(|| way + relative * ((b + root.sqrt()) / a))
}

fn turn_to(way: Vec2) -> Input {
    turn_to_heading(way.heading())
}

fn turn_to_heading(aim: f32) -> Input {
    Input { aiming: true, aim, ..Input::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_led_shot_meets_its_mark() {
        let (way, relative) = (Vec2::new(30.0, -10.0), Vec2::new(-5.0, 22.0));
        let aim = lead(way, relative).expect("slower than a shot");
        let flight_s = aim.length() / SHOT_SPEED;
        assert!((way + relative * flight_s).distance(aim) < 0.01);
    }

    #[test]
    fn what_outruns_a_shot_is_not_shot_at() {
        assert_eq!(lead(Vec2::new(10.0, 0.0), Vec2::new(SHOT_SPEED + 5.0, 0.0)), None);
    }

    #[test]
    fn a_target_is_watched_until_its_motion_is_known() {
        let mut pilot = Pilot::new(1);
        for i in 0..20u16 {
            let at = Vec2::new(f32::from(i) * 2.0, 5.0);
            pilot.watch(Some((EntityId(7), at, 10.0)), Duration::from_millis(100 * u64::from(i)));
        }
        let velocity = pilot.target.expect("it is there").velocity;
        assert!(velocity.distance(Vec2::new(20.0, 0.0)) < 0.5, "{velocity:?}");
    }

    #[test]
    fn pilots_differ_by_their_seed_only() {
        let habits = |seed| (Pilot::new(seed).weak_hp, Pilot::new(seed).fighting_distance);
        assert_eq!(habits(3), habits(3));
        assert_ne!(habits(3), habits(4));
    }
}
