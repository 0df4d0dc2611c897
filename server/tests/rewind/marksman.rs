//! Arena: who aims at what they see hits it, as far away as the arena allows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tickwire_arena::vec2::Vec2;
use tickwire_arena::{Arena, Entity, Input, Options, SHOT_SPEED, Ship};
use tickwire_shared::{Client, EntityId};

use super::net::Net;

/// The runner goes to and fro at this distance from the marksman.
const ASIDE: f32 = 24.0;
const ALONG: f32 = 46.0;
/// From a ship's centre to where its shots appear.
const MUZZLE: f32 = 2.0;

fn place(ship: &Ship) -> Vec2 {
    Vec2::new(ship.x, ship.y)
}

/// The ships as they are drawn: one's own and the other.
fn ships(client: &Client<Arena>, now: Duration) -> Option<(Ship, Ship)> {
    let own = client.owned().next()?;
    let (mut me, mut other) = (None, None);
    for (id, entity) in client.sample(now) {
        if let Entity::Ship(ship) = entity {
            *if id == own { &mut me } else { &mut other } = Some(ship);
        }
    }
    me.zip(other)
}

fn towards(way: Vec2) -> Input {
    Input { aiming: true, aim: way.heading(), ..Input::default() }
}

/// To and fro past the other.
struct Runner {
    side: f32,
}

impl Runner {
    fn wish(&mut self, client: &Client<Arena>, now: Duration) -> Input {
        let Some((me, other)) = ships(client, now) else { return Input::default() };
        let way = place(&other) + Vec2::new(self.side * ALONG, ASIDE) - place(&me);
        if way.length() < 12.0 {
            self.side = -self.side;
        }
        Input { thrust: true, ..towards(way) }
    }
}

/// Stands still, and fires where the other will be when the shot is there, going by what is drawn.
#[derive(Default)]
struct Marksman {
    seen: VecDeque<(f32, Vec2)>,
    /// Its shots, and whether they struck.
    shots: BTreeMap<EntityId, bool>,
}

impl Marksman {
    fn wish(&mut self, client: &Client<Arena>, now: Duration) -> Input {
        for (id, entity) in client.newest_all() {
            if let Entity::Shot(shot) = entity {
                *self.shots.entry(id).or_default() |= shot.hit;
            }
        }
        let Some((me, other)) = ships(client, now).filter(|(me, other)| !me.dead && !other.dead) else {
            self.seen.clear();
            return Input::default();
        };
        self.seen.push_back((now.as_secs_f32(), place(&other)));
        let Some((velocity, steady)) = self.motion() else { return Input::default() };
        let apart = place(&other) - place(&me);
        let flight_s = (0..8).fold(0.0, |s, _| ((apart + velocity * s).length() - MUZZLE) / SHOT_SPEED);
        let along = apart.dot(velocity.unit());
        let fire = steady && velocity.length() > 25.0 && (-20.0..2.0).contains(&along) && apart.length() > 15.0;
        Input { fire, ..towards(apart + velocity * flight_s) }
    }

    /// Over the last two tenths of a second: how fast, and whether all along.
    fn motion(&mut self) -> Option<(Vec2, bool)> {
        let newest = *self.seen.back()?;
        while self.seen.get(1).is_some_and(|(at, _)| newest.0 - at > 0.2) {
            self.seen.pop_front();
        }
        let (oldest, middle) = (*self.seen.front()?, self.seen[self.seen.len() / 2]);
        if newest.0 - oldest.0 < 0.18 {
            return None;
        }
        let speed = |from: (f32, Vec2), to: (f32, Vec2)| (to.1 - from.1) * (1.0 / (to.0 - from.0));
        let (early, late) = (speed(oldest, middle), speed(middle, newest));
        Some((late, early.distance(late) < 3.0))
    }
}

/// How many shots were fired, and how many struck.
fn practise(rewind_ms: u16, one_way_ms: f64) -> (usize, usize) {
    let options = Options { rocks: 0, drones: 0, rewind_ms, ..Options::default() };
    let mut net = Net::<Arena>::new(options, vec![super::steady(20.0), super::steady(one_way_ms)]);
    let (mut runner, mut marksman) = (Runner { side: 1.0 }, Marksman::default());
    net.play(40.0, |player, client, now| {
        let input = if player == 0 { runner.wish(client, now) } else { marksman.wish(client, now) };
        client.input(now, &input);
        while client.poll_event().is_some() {}
    });
    (marksman.shots.len(), marksman.shots.values().filter(|hit| **hit).count())
}

#[test]
fn who_aims_at_what_they_see_a_tenth_of_a_second_away_hits() {
    let (fired, struck) = practise(250, 100.0);
    eprintln!("COUNT {fired} {struck}");
    assert!(fired >= 15 && struck * 10 >= fired * 8, "{struck} of {fired} struck");
}

#[test]
fn without_the_rewind_they_miss() {
    let (fired, struck) = practise(0, 100.0);
    eprintln!("COUNT {fired} {struck}");
    assert!(fired >= 15 && struck * 10 <= fired, "{struck} of {fired} struck");
}

#[test]
fn beyond_the_bound_they_miss() {
    let (fired, struck) = practise(250, 250.0);
    eprintln!("COUNT {fired} {struck}");
    assert!(fired >= 15 && struck * 10 <= fired, "{struck} of {fired} struck");
}
