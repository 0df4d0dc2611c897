//! Arena, Tickwire's demo game: ships, asteroids, shots, and whoever comes.
//!
//! A stranger's game would look like this: kinds, input and events in one file, rules in others, and an
//! implementation of [`Game`] that calls them in order. Nothing here knows a socket, a clock or a platform's
//! mathematics: the same seed and inputs give the same arena everywhere, to the bit.
//!
//! ```text
//! kinds.rs       what travels
//! lib.rs         the game: what happens in a tick, in order
//! scene.rs       all that is in the arena
//!   craft.rs     a ship with its pilot, hull and score      ship.rs   how a ship moves
//!   rock.rs      asteroids                                  gun.rs    its gun
//!   shot.rs      shots                                      pickup.rs what the beaten leave behind
//! collide.rs     who meets whom                             hits.rs   what happens then
//! predict.rs     what a player's client works out by itself
//! late.rs        and what it flies again when inputs come late
//! catch_up.rs    shots at what their shooter saw
//! kill.rs        the end of a ship                          spawn.rs  and its return
//! drone.rs       the minds of pirates                       population.rs  how many of them, and of rocks
//! leaders.rs     the board of leaders
//! field.rs       the disc and its border                    trig.rs, vec2.rs  mathematics
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod catch_up;
mod collide;
mod craft;
mod drone;
pub mod field;
mod gun;
mod hits;
mod kill;
pub mod kinds;
mod late;
mod leaders;
mod name;
pub mod pickup;
mod population;
mod predict;
pub mod rock;
mod scene;
pub mod ship;
pub mod shot;
mod spawn;
pub mod trig;
pub mod vec2;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tickwire_shared::{
    Game, Interest, Leave, Profile, Publisher, Refusal, SeatId, Setup, Sight, Step, Tick, TickRate, To,
};

pub use craft::{DRONE_SHOT_DAMAGE, RESPAWN_TICKS, SAFE_TICKS, SHOT_DAMAGE};
pub use field::{BORDER_DEPTH, SCREEN_HEIGHT, TICK_HZ, VIEW_RADIUS, WORLD_RADIUS};
pub use gun::{FAN, HEAT_OF_A_SHOT, RAPID_RELOAD_TICKS, RELOAD_TICKS, SPECIAL_GUN_S};
pub use kill::{DRONE_SCORE, KILL_SCORE, STREAK};
pub use kinds::{
    Cause, DRONE_HUE, Entity, Event, Gift, Gun, HUES, Input, LEADERS, Leader, NAME_BYTES, Pickup, Rock, RockSize,
    Roster, SCORE_MAX, Ship, Shot, Who,
};
pub use pickup::{PICKUP_RADIUS, REPAIR_HP};
pub use rock::{ROCK_RADII, ROCK_SCORES};
pub use ship::{MAX_HP, MAX_SPEED, SHIP_RADIUS, ShipState, TURN_RATE};
pub use shot::{MUZZLE, SHOT_RADIUS, SHOT_SPEED, SHOT_TICKS};

use collide::Sweep;
use craft::{Craft, Pilot};
use hits::Loss;
use leaders::Leaders;
use scene::Scene;
use vec2::Vec2;

/// How an arena is made.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seats, 1 to 256.
    pub seats: u16,
    /// Rocks when the arena is full, at most 400; a small field has fewer.
    pub rocks: u16,
    /// Drones that keep a lone player company, at most 32; each further player sends one home.
    pub drones: u16,
    /// How old may be, in milliseconds, what a player's shots are judged by because they saw it so, and how late an input
    /// may come and still count for its tick; at most 1,000.
    pub rewind_ms: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { seats: 256, rocks: 150, drones: 5, rewind_ms: 250 }
    }
}

impl Options {
    fn check(&self) -> Result<(), Refusal> {
        let ranges = [
            ("seats", self.seats, 1, 256),
            ("rocks", self.rocks, 0, 400),
            ("drones", self.drones, 0, 32),
            ("rewind_ms", self.rewind_ms, 0, 1000),
        ];
        match ranges.into_iter().find(|(_, value, least, most)| value < least || value > most) {
            Some((what, value, least, most)) => {
                Err(Refusal::new(format!("{what} = {value} is out of range: choose {least} to {most}.")))
            }
            None => Ok(()),
        }
    }
}

/// The game.
#[derive(Clone, Debug)]
pub struct Arena {
    options: Options,
    scene: Scene,
    leaders: Leaders,
    /// Who only looks on.
    watchers: BTreeSet<SeatId>,
    /// Scratch of one tick.
    sweep: Sweep,
    /// Scratch of one tick.
    losses: Vec<Loss>,
    /// Scratch of one ship.
    late: Vec<(Tick, Input)>,
}

impl Game for Arena {
    const NAME: &'static str = "arena";

    type World = Entity;
    type Input = Input;
    type Command = ();
    type Event = Event;
    type Options = Options;

    fn new(options: Options, setup: &mut Setup) -> Result<Self, Refusal> {
        options.check()?;
        setup.rate = TickRate::hz(TICK_HZ);
        setup.seats = options.seats;
        setup.interest = Interest::Radius(VIEW_RADIUS);
        setup.rewind_max = Duration::from_millis(options.rewind_ms.into());
        let mut scene = Scene::new(leaders::FIRST_FREE_ID);
        population::fill(&mut scene, &options, &mut setup.rng);
        let (leaders, sweep) = (Leaders::default(), Sweep::default());
        let watchers = BTreeSet::new();
        Ok(Self { options, scene, leaders, watchers, sweep, losses: Vec::new(), late: Vec::new() })
    }

    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        let id = self.scene.new_id();
        self.scene.crafts.push(Craft::new(id, Pilot::Player(seat), name::shown_name(&who.name, seat)));
        self.leaders.update(&self.scene.crafts);
        Ok(())
    }

    /// Anybody may; they see all, around one who plays.
    fn spectate(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.watchers.insert(seat);
        Ok(())
    }

    fn leave(&mut self, seat: SeatId, _why: Leave) {
        self.watchers.remove(&seat);
        self.scene.remove_player(seat);
        self.leaders.update(&self.scene.crafts);
    }

    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.scene.drift(step.dt());
        population::keep(&mut self.scene, &self.options, step.tick(), step.rng);
        spawn::bring_back(&mut self.scene, step.rng);
        let fired = self.fly(step);
        let news = self.collide(fired, step);
        self.scene.crafts.iter_mut().for_each(Craft::show);
        if step.tick().0.is_multiple_of(TICK_HZ.into()) {
            self.leaders.update(&self.scene.crafts);
        }
        news.into_iter().for_each(|(to, event)| step.send(to, event));
    }

    fn publish(&self, out: &mut Publisher<'_, Entity>) {
        self.leaders.publish(out);
        self.scene.publish(out);
        let played = self.scene.crafts.iter().find(|craft| craft.lives() && !craft.is_drone());
        let at = played.map_or_else(Vec2::default, |craft| craft.state.at);
        for watcher in &self.watchers {
            out.sight(*watcher, Sight::All);
            out.look(*watcher, at.x, at.y);
        }
    }
}

impl Arena {
    /// Every living ship does what its pilot wants. Tells which shots are new.
    fn fly(&mut self, step: &mut Step<'_, Self>) -> Range<usize> {
        let first = self.scene.shots.len();
        for i in 0..self.scene.crafts.len() {
            if !self.scene.crafts[i].lives() {
                continue;
            }
            let input = match self.scene.crafts[i].pilot {
                Pilot::Player(seat) => {
                    self.late.clear();
                    self.late.extend(step.late_inputs(seat).map(|(tick, input)| (tick, *input)));
                    self.scene.crafts[i].fly_again(&self.late, step.dt());
                    step.input(seat)
                }
                Pilot::Drone(mut mind) => {
                    let input = mind.think(&self.scene.crafts[i], &self.scene, step.rng);
                    self.scene.crafts[i].pilot = Pilot::Drone(mind);
                    input
                }
            };
            for off in self.scene.crafts[i].fly(step.tick(), &input, step.dt()) {
                let id = self.scene.new_id();
                let shot = self.scene.crafts[i].shot(id, *off);
                self.scene.shots.push(shot);
            }
        }
        first..self.scene.shots.len()
    }

    /// All that meet act on each other; says what there is to tell.
    fn collide(&mut self, fired: Range<usize>, step: &mut Step<'_, Self>) -> Vec<(To, Event)> {
        let rocks_wanted = population::rocks_wanted(&self.scene, &self.options);
        self.losses.clear();
        catch_up::fly(&mut self.scene, fired, rocks_wanted, step, &mut self.losses);
        hits::lay_out(&self.scene, &mut self.sweep);
        hits::resolve(&mut self.scene, self.sweep.pairs(), rocks_wanted, step.rng, &mut self.losses);
        let mut news = Vec::new();
        kill::settle(&mut self.scene, &self.losses, step.rng, &mut news);
        news
    }
}
