//! Lag compensation: a shot is judged by what its shooter saw when pulling the trigger.
//!
//! That picture is some ticks old. So a new shot has flown already: it begins where it would be by now, had it left
//! when the picture was true, and what stood in its way meanwhile, where the shooter saw it, it has struck. After that
//! it is a shot like any other, where all see it.
//!
//! ```text
//!   shooter, now  o==============================>- - -
//!                 |  flown at once, through the   then tick by tick, in the present
//!                 |  past from what was seen
//! ```
//! Only where the others were is of the past. What is there no more cannot be struck again, safety and hull are those
//! of now, and the shot leaves from where its shooter is by now, whatever the shooter did since. Drones see the
//! present.

use std::ops::Range;

use tickwire_shared::{Rewound, Step};

use crate::Arena;
use crate::collide::Thing;
use crate::hits::{self, Loss};
use crate::kinds::{Entity, Rock, Ship};
use crate::scene::Scene;
use crate::ship::{MAX_SPEED, SHIP_RADIUS};
use crate::shot::{SHOT_RADIUS, ShotState};
use crate::vec2::Vec2;

/// Past positions are exact to a fraction of this.
const SLACK: f32 = 1.0;

type Past<'a> = Rewound<'a, Entity>;

/// What a shot has struck on its way.
struct Strike {
    thing: Thing,
    /// In ticks since what the shooter saw.
    when: f32,
    /// Where, as seen from the middle of what it struck.
    off: Vec2,
}

/// Lets the shots in `fired`, which are new, catch up; adds the ships that they destroy to `losses`.
pub(crate) fn fly(
    scene: &mut Scene,
    fired: Range<usize>,
    rocks_wanted: usize,
    step: &mut Step<'_, Arena>,
    losses: &mut Vec<Loss>,
) {
    let dt = step.dt();
    for i in fired {
        let shooter = scene.shots[i].shooter;
        let Some(past) = scene.craft_mut(shooter).and_then(|craft| craft.seat()).map(|seat| step.rewind(seat)) else {
            continue;
        };
        if past.lag_ticks() <= 0.0 {
            continue;
        }
        match first_strike(scene, &scene.shots[i], &past, dt) {
            // it is shown on what it struck, wherever that is by now
            Some(Strike { thing: Thing::Ship(ship), off, .. }) => {
                let here = scene.crafts[ship].state.at + off;
                hits::strike_ship(scene, ship, i, here, losses);
            }
            Some(Strike { thing: Thing::Rock(rock), off, .. }) => {
                let here = scene.rocks[rock].at + off;
                hits::strike_rock(scene, rock, i, here, rocks_wanted, step.rng);
            }
            _ => scene.shots[i].advance(past.lag_ticks(), dt),
        }
    }
}

/// The first thing in the way of `shot` from what `past` shows until now.
fn first_strike(scene: &Scene, shot: &ShotState, past: &Past<'_>, dt: f32) -> Option<Strike> {
    let flight_s = past.lag_ticks() * dt;
    let far = (shot.velocity.length() + MAX_SPEED) * flight_s + SLACK;
    let near = |at: Vec2, radius: f32| shot.at.distance(at) <= far + radius;
    let mut first: Option<Strike> = None;
    let mut consider = |strike: Option<Strike>| {
        if let Some(strike) = strike
            && first.as_ref().is_none_or(|first| strike.when < first.when)
        {
            first = Some(strike);
        }
    };
    for (i, craft) in scene.crafts.iter().enumerate() {
        let radius = SHIP_RADIUS + SHOT_RADIUS;
        if craft.lives() && craft.id != shot.shooter && near(craft.state.at, radius) {
            let was = |past: &Past<'_>| {
                past.entity::<Ship>(craft.id).filter(|ship| !ship.dead).map(|ship| Vec2::new(ship.x, ship.y))
            };
            consider(strike(Thing::Ship(i), radius, craft.state.at, was, shot, past, dt));
        }
    }
    for (i, rock) in scene.rocks.iter().enumerate() {
        let radius = rock.radius() + SHOT_RADIUS;
        if !rock.broken && near(rock.at, radius) {
            let was = |past: &Past<'_>| past.entity::<Rock>(rock.id).map(|rock| Vec2::new(rock.x, rock.y));
            consider(strike(Thing::Rock(i), radius, rock.at, was, shot, past, dt));
        }
    }
    first
}

/// Whether and when `shot` meets a thing that is at `now` and was at `was`: between ticks both move in straight lines.
fn strike(
    thing: Thing,
    radius: f32,
    now: Vec2,
    was: impl Fn(&Past<'_>) -> Option<Vec2>,
    shot: &ShotState,
    past: &Past<'_>,
    dt: f32,
) -> Option<Strike> {
    let lag = past.lag_ticks();
    let where_at = |ticks: f32| if ticks >= lag { Some(now) } else { was(&past.later(ticks)) };
    let mut thing_at = where_at(0.0);
    // from the ship's centre to the muzzle in no time, so that nothing hides between them
    let (mut shot_at, mut ticks, mut next_ticks) = (shot.from, 0.0, 0.0);
    loop {
        let shot_next = shot.at + shot.velocity * (next_ticks * dt);
        let thing_next = where_at(next_ticks);
        if let (Some(from), Some(to)) = (thing_at, thing_next) {
            let (t, off) = nearest_to_middle(shot_at - from, shot_next - to);
            if off.length() <= radius {
                return Some(Strike { thing, when: ticks + (next_ticks - ticks) * t, off });
            }
        }
        if next_ticks >= lag {
            return None;
        }
        (shot_at, thing_at, ticks) = (shot_next, thing_next, next_ticks);
        // to the next tick that was sent
        let rest = (lag - next_ticks).fract();
        next_ticks = if rest > 1e-3 { next_ticks + rest } else { (next_ticks + 1.0).min(lag) };
    }
}

/// How far along the way from `from` to `to` it comes nearest to the origin, and that point.
fn nearest_to_middle(from: Vec2, to: Vec2) -> (f32, Vec2) {
    let way = to - from;
    let length_squared = way.length_squared();
    let t = if length_squared < 1e-6 { 1.0 } else { (-from.dot(way) / length_squared).clamp(0.0, 1.0) };
    (t, from + way * t)
}

#[cfg(test)]
mod tests {
    use tickwire_shared::delta::{EntityRow, Rows};
    use tickwire_shared::publish::Published;
    use tickwire_shared::rewind::History;
    use tickwire_shared::{EntityId, Publisher, Rng, SeatId, Tick, TickRate};

    use super::*;
    use crate::craft::{Craft, Pilot};
    use crate::field::TICK_HZ;
    use crate::kinds::RockSize;

    const LAG: f32 = 5.5;
    const NOW: Tick = Tick(100);

    /// What was sent at each of the ticks before now, the newest first.
    struct Sent(Vec<(Published, Vec<EntityRow>)>);

    impl History for Sent {
        fn rows(&self, tick: Tick) -> Option<Rows<'_>> {
            let (published, entities) = self.0.get(usize::try_from(NOW.since(tick) - 1).ok()?)?;
            Some(Rows { entities, lanes: &published.lanes })
        }
        fn place(&self, tick: Tick, id: EntityId) -> Option<usize> {
            self.rows(tick)?.entities.iter().position(|row| row.id == id)
        }
    }

    fn craft(id: u32, at: Vec2) -> Craft {
        let mut craft = Craft::new(EntityId(id), Pilot::Player(SeatId(id as u16)), String::new());
        craft.revive(at, 0.0);
        craft.show();
        craft
    }

    /// A shooter at the origin, who looks along x at a ship that has moved up since.
    fn scene(ticks_ago: f32) -> Scene {
        let mut scene = Scene::new(50);
        scene.crafts = vec![craft(0, Vec2::ZERO), craft(1, Vec2::new(10.0, 3.6 - 1.5 * ticks_ago))];
        scene
    }

    /// What a shot meets that the shooter fires now, where `before` was there as well before now.
    fn struck(before: impl Fn(&mut Scene), now: impl Fn(&mut Scene)) -> Option<(Thing, Vec2)> {
        let sent = (1..10u8).map(|ago| {
            let mut scene = scene(ago.into());
            before(&mut scene);
            let mut published = Published::default();
            scene.publish(&mut Publisher::new(&mut published));
            let row = |put: &tickwire_shared::publish::PutEntity| EntityRow {
                id: put.id,
                kind: put.kind,
                first: put.first_lane,
            };
            let rows = published.entities.iter().map(row).collect();
            (published, rows)
        });
        let sent = Sent(sent.collect());
        let mut scene = scene(0.0);
        now(&mut scene);
        let shot = scene.crafts[0].shot(EntityId(49), 0.0);
        let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(1));
        let rate = TickRate::hz(TICK_HZ);
        let step = Step::<Arena>::new(NOW, rate, &[], &mut commands, &mut events, &mut rng);
        let step = step.with_past(&sent, &[LAG]);
        let strike = first_strike(&scene, &shot, &step.rewind(SeatId(0)), step.dt())?;
        Some((strike.thing, strike.off))
    }

    fn rock(scene: &mut Scene, x: f32, y: f32) {
        scene.add_rock(Vec2::new(x, y), Vec2::ZERO, RockSize::Small, &mut Rng::new(1));
    }

    #[test]
    fn a_ship_is_struck_where_it_was_seen() {
        let (thing, off) = struck(|_| {}, |_| {}).expect("it was in the way");
        assert_eq!(thing, Thing::Ship(1));
        assert!(off.length() <= SHIP_RADIUS + SHOT_RADIUS, "{off:?}");
    }

    #[test]
    fn a_rock_in_the_way_is_struck_first() {
        let with_rock = |scene: &mut Scene| rock(scene, 5.0, 0.0);
        assert_eq!(struck(with_rock, with_rock).map(|(thing, _)| thing), Some(Thing::Rock(0)));
        // close to the ship's nose, too, although shots appear beyond it
        let with_rock = |scene: &mut Scene| rock(scene, 1.0, 0.0);
        assert_eq!(struck(with_rock, with_rock).map(|(thing, _)| thing), Some(Thing::Rock(0)));
    }

    #[test]
    fn what_is_no_more_is_not_struck_again() {
        let with_rock = |scene: &mut Scene| rock(scene, 5.0, 0.0);
        assert_eq!(struck(with_rock, |_| {}).map(|(thing, _)| thing), Some(Thing::Ship(1)), "the rock is gone");
        let broken = |scene: &mut Scene| {
            rock(scene, 5.0, 0.0);
            scene.rocks[0].broken = true;
        };
        assert_eq!(struck(with_rock, broken).map(|(thing, _)| thing), Some(Thing::Ship(1)), "the rock is broken");
        assert!(struck(|_| {}, |scene| _ = scene.crafts[1].die()).is_none(), "the ship was destroyed since");
    }

    #[test]
    fn what_was_not_there_yet_is_not_struck() {
        let (there, not_yet) = (|scene: &mut Scene| rock(scene, 5.0, 0.0), |_: &mut Scene| {});
        assert_eq!(struck(not_yet, there).map(|(thing, _)| thing), Some(Thing::Ship(1)), "nobody saw a rock");
    }
}
