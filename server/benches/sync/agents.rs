//! The game that is measured: agents that wander over a square, some of which belong to players.

use std::f32::consts::{PI, TAU};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tickwire_shared::publish::SetId;
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, Rng, SeatId, Setup, Step, TickRate,
    World,
};

/// The square's side.
pub const SIDE: f32 = 1024.0;
/// How far a player sees.
pub const RADIUS: f32 = 64.0;
/// The positions' steps: 16 bits over the square.
const GRAIN: f32 = 1.0 / 64.0;
const RATE_HZ: u16 = 20;
/// The rocks' ids.
const FIRST_ROCK: u32 = 1 << 20;

/// How a room is created.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    pub agents: u32,
    pub seats: u16,
    /// Every client sees the whole square.
    pub everything: bool,
    /// What is far is sent more rarely.
    pub far_is_rarer: bool,
    /// Rocks, which never move.
    pub rocks: Rocks,
}

/// How the rocks are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Rocks {
    #[default]
    None,
    /// As many as there are agents, each put in every tick.
    Put,
    /// The same as a set that is declared to be as it was.
    Set,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { agents: 10_000, seats: 64, everything: false, far_is_rarer: false, rocks: Rocks::None }
    }
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Agent(Agent),
    Rock(Rock),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Rock {
    #[field(min = 0.0, max = SIDE - GRAIN, step = GRAIN)]
    x: f32,
    #[field(min = 0.0, max = SIDE - GRAIN, step = GRAIN)]
    y: f32,
    size: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Replicate)]
pub enum Pose {
    Idle,
    Walk,
    Strike,
    Hurt,
}

/// One agent, as it travels: 16 bits for each coordinate, 8 for the heading.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Agent {
    #[field(min = 0.0, max = SIDE - GRAIN, step = GRAIN)]
    x: f32,
    #[field(min = 0.0, max = SIDE - GRAIN, step = GRAIN)]
    y: f32,
    #[field(angle_bits = 8)]
    heading: f32,
    #[field(min = 0, max = 100)]
    hp: u8,
    pose: Pose,
}

/// What decides where an agent goes.
#[derive(Clone, Copy, Debug)]
struct Mind {
    speed: f32,
    /// Where it turns to.
    aim: f32,
    /// Ticks until it thinks again.
    rest: u32,
    /// Ticks until a strike or a wound is over.
    busy: u32,
}

#[derive(Clone, Default, Debug, Replicate)]
pub struct Nothing {
    pressed: bool,
}

/// The square and all in it.
pub struct Agents {
    agents: Vec<Agent>,
    minds: Vec<Mind>,
    rocks: Vec<Rock>,
    /// They are a set.
    set: bool,
    /// Those that are left out of what is published.
    pub hidden: Range<usize>,
    /// Of each agent.
    owners: Vec<Option<SeatId>>,
    players: Vec<SeatId>,
    seats: usize,
}

impl Agent {
    pub fn at(&self) -> (f32, f32) {
        (self.x, self.y)
    }
}

impl Agents {
    /// The agent of a seat.
    pub fn of_seat(&self, seat: SeatId) -> usize {
        usize::from(seat.0) * self.agents.len() / self.seats
    }

    /// Where a seat's agent is.
    pub fn look(&self, seat: SeatId) -> (f32, f32) {
        self.agents[self.of_seat(seat)].at()
    }

    /// Whether an agent is published.
    pub fn shows(&self, agent: usize) -> bool {
        agent < self.agents.len() && !self.hidden.contains(&agent)
    }
}

impl Game for Agents {
    const NAME: &'static str = "agents";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = Crowd;

    fn new(options: Crowd, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(RATE_HZ);
        setup.seats = options.seats;
        setup.interest = if options.everything { Interest::Everything } else { Interest::Radius(RADIUS) };
        let (agents, minds): (Vec<_>, _) = (0..options.agents).map(|_| wanderer(&mut setup.rng)).unzip();
        setup.far_is_rarer = options.far_is_rarer;
        let owners = vec![None; agents.len()];
        let count = if options.rocks == Rocks::None { 0 } else { options.agents };
        let rock = |rng: &mut Rng| Rock { x: rng.between(0.0, SIDE), y: rng.between(0.0, SIDE), size: 3 };
        let rocks = (0..count).map(|_| rock(&mut setup.rng)).collect();
        let set = options.rocks == Rocks::Set;
        Ok(Self { agents, minds, rocks, set, hidden: 0..0, owners, players: Vec::new(), seats: options.seats.into() })
    }

    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        let agent = self.of_seat(seat);
        self.owners[agent] = Some(seat);
        self.players.push(seat);
        Ok(())
    }

    fn leave(&mut self, seat: SeatId, _: Leave) {
        let agent = self.of_seat(seat);
        self.owners[agent] = None;
        self.players.retain(|other| *other != seat);
    }

    fn tick(&mut self, step: &mut Step<'_, Self>) {
        let dt = step.dt();
        for (agent, mind) in self.agents.iter_mut().zip(&mut self.minds) {
            think(agent, mind, step.rng);
            walk(agent, mind, dt);
        }
    }

    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for seat in &self.players {
            let (x, y) = self.look(*seat);
            out.look(*seat, x, y);
        }
        for (at, agent) in self.agents.iter().enumerate().filter(|(at, _)| !self.hidden.contains(at)) {
            let (id, place) = (EntityId(at as u32), Place::at(agent.x, agent.y));
            match self.owners[at] {
                Some(owner) => out.put_owned(id, place, owner, agent),
                None => out.put(id, place, agent),
            }
        }
        let rocks =
            || (FIRST_ROCK..).zip(&self.rocks).map(|(id, rock)| (EntityId(id), Place::at(rock.x, rock.y), rock));
        if self.set {
            out.set(SetId(1), 1, |set| rocks().for_each(|(id, place, rock)| set.put(id, place, rock)));
        } else {
            rocks().for_each(|(id, place, rock)| out.put(id, place, rock));
        }
    }
}

fn wanderer(rng: &mut Rng) -> (Agent, Mind) {
    let heading = rng.between(-PI, PI);
    let mut agent = Agent { x: rng.between(0.0, SIDE), y: rng.between(0.0, SIDE), heading, hp: 100, pose: Pose::Idle };
    let mut mind = Mind { speed: 0.0, aim: heading, rest: 0, busy: 0 };
    decide(&mut agent, &mut mind, rng);
    // not all at once
    mind.rest = rng.below(mind.rest);
    (agent, mind)
}

/// It stands for 30 % of its time, and walks in slow curves for the rest.
fn decide(agent: &mut Agent, mind: &mut Mind, rng: &mut Rng) {
    let stands = rng.unit() < 0.3;
    mind.rest = 20 + rng.below(80);
    mind.speed = if stands { 0.0 } else { rng.between(1.5, 4.5) };
    mind.aim = if stands { agent.heading } else { agent.heading + rng.between(-PI, PI) * 0.7 };
    agent.pose = if stands { Pose::Idle } else { Pose::Walk };
}

fn think(agent: &mut Agent, mind: &mut Mind, rng: &mut Rng) {
    mind.rest = mind.rest.saturating_sub(1);
    if mind.rest == 0 {
        decide(agent, mind, rng);
    }
    if mind.busy > 0 {
        mind.busy -= 1;
        if mind.busy == 0 {
            agent.pose = if mind.speed > 0.0 { Pose::Walk } else { Pose::Idle };
        }
    } else if mind.speed > 0.0 && rng.below(400) == 0 {
        // once in 20 s of walking it fights
        let hurt = rng.below(2) == 0;
        agent.hp = if hurt && agent.hp > 20 { agent.hp - rng.below(20) as u8 } else { 100 };
        agent.pose = if hurt { Pose::Hurt } else { Pose::Strike };
        mind.busy = 8;
    }
}

fn walk(agent: &mut Agent, mind: &mut Mind, dt: f32) {
    /// Radians a second.
    const TURN: f32 = 1.6;
    if mind.speed == 0.0 {
        return;
    }
    let off = (mind.aim - agent.heading + PI).rem_euclid(TAU) - PI;
    agent.heading += off.clamp(-TURN * dt, TURN * dt);
    let (sin, cos) = agent.heading.sin_cos();
    let (x, y) = (agent.x + cos * mind.speed * dt, agent.y + sin * mind.speed * dt);
    if (0.0..SIDE).contains(&x) && (0.0..SIDE).contains(&y) {
        (agent.x, agent.y) = (x, y);
    } else {
        // back to the middle
        mind.aim = (SIDE / 2.0 - agent.y).atan2(SIDE / 2.0 - agent.x);
    }
}
