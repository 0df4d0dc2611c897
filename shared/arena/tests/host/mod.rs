//! A host for tests: one room with a virtual clock, whose players see what is published and nothing else.
#![allow(dead_code)] // each test binary uses its own part of it

use tickwire_arena::{Arena, Entity, Event, Input, Leader, Options, Rock, Ship};
use tickwire_shared::publish::Published;
use tickwire_shared::{EntityId, Game, Leave, Profile, Publisher, Rng, SeatId, Setup, Step, Tick, TickRate, To, World};

pub(crate) struct Host {
    pub(crate) game: Arena,
    pub(crate) tick: Tick,
    pub(crate) inputs: Vec<Option<Input>>,
    /// What the last tick said.
    pub(crate) events: Vec<(To, Event)>,
    /// What there is after the last tick.
    pub(crate) published: Published,
    pub(crate) entities: Vec<(EntityId, Option<SeatId>, Entity)>,
    rate: TickRate,
    rng: Rng,
}

impl Host {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let mut setup = Setup::new(seed);
        let game = Arena::new(options, &mut setup).expect("these options make a room");
        Self {
            game,
            tick: Tick(0),
            inputs: vec![None; setup.seats.into()],
            events: Vec::new(),
            published: Published::default(),
            entities: Vec::new(),
            rate: setup.rate,
            rng: setup.rng,
        }
    }

    pub(crate) fn join(&mut self, seat: u16, name: &str) {
        let who = Profile::named(name);
        self.game.join(SeatId(seat), &who).expect("the seat is free");
        self.inputs[usize::from(seat)] = Some(Input::default());
    }

    pub(crate) fn leave(&mut self, seat: u16) {
        self.game.leave(SeatId(seat), Leave::Left);
        self.inputs[usize::from(seat)] = None;
    }

    /// One tick of the game, then its publishing.
    pub(crate) fn step(&mut self) {
        self.step_without_reading();
        self.read();
    }

    /// Decodes what is published.
    pub(crate) fn read(&mut self) {
        let Self { published, entities, .. } = self;
        entities.clear();
        entities.extend(published.entities.iter().map(|put| {
            let entity = Entity::from_lanes(put.kind, &published.lanes[put.first_lane..]).expect("a known kind");
            (put.id, put.owner, entity)
        }));
    }

    pub(crate) fn step_without_reading(&mut self) {
        self.tick = self.tick.next();
        self.events.clear();
        let mut commands = Vec::new();
        let mut step = Step::new(self.tick, self.rate, &self.inputs, &mut commands, &mut self.events, &mut self.rng);
        self.game.tick(&mut step);
        self.published.clear();
        self.game.publish(&mut Publisher::new(&mut self.published));
    }

    pub(crate) fn steps(&mut self, ticks: usize) {
        (0..ticks).for_each(|_| self.step());
    }

    /// Steps until `done`, at most `ticks`; whether it came to that.
    pub(crate) fn steps_until(&mut self, ticks: usize, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        (0..ticks).any(|_| {
            self.step();
            done(self)
        })
    }

    pub(crate) fn ships(&self) -> impl Iterator<Item = &Ship> {
        self.entities.iter().filter_map(|(_, _, entity)| match entity {
            Entity::Ship(ship) => Some(ship),
            _ => None,
        })
    }

    pub(crate) fn rocks(&self) -> impl Iterator<Item = &Rock> {
        self.entities.iter().filter_map(|(_, _, entity)| match entity {
            Entity::Rock(rock) => Some(rock),
            _ => None,
        })
    }

    pub(crate) fn leaders(&self) -> impl Iterator<Item = &Leader> {
        self.entities.iter().filter_map(|(_, _, entity)| match entity {
            Entity::Leader(leader) => Some(leader),
            _ => None,
        })
    }

    /// The ship of a seat, as its owner sees it.
    pub(crate) fn ship(&self, seat: u16) -> &Ship {
        self.find_ship(seat).expect("the seat has a ship")
    }

    pub(crate) fn find_ship(&self, seat: u16) -> Option<&Ship> {
        self.entities.iter().find_map(|(_, owner, entity)| match entity {
            Entity::Ship(ship) if *owner == Some(SeatId(seat)) => Some(ship),
            _ => None,
        })
    }

    /// Lets `seat` turn to a place and fire at it, burning when it is far.
    pub(crate) fn attack(&mut self, seat: u16, x: f32, y: f32) {
        let ship = self.ship(seat);
        let (dx, dy) = (x - ship.x, y - ship.y);
        let far = dx * dx + dy * dy > 25.0 * 25.0;
        let aim = tickwire_arena::trig::heading_of(dx, dy);
        self.inputs[usize::from(seat)] = Some(Input { thrust: far, fire: true, turn: 0, aiming: true, aim });
    }

    /// Every player attacks the nearest living ship.
    pub(crate) fn brawl(&mut self) {
        let ships: Vec<(f32, f32, Option<SeatId>)> = self.entities.iter().filter_map(living_place).collect();
        for &(x, y, seat) in &ships {
            let Some(SeatId(seat)) = seat else { continue };
            let distance = |other: &(f32, f32, Option<SeatId>)| (other.0 - x).powi(2) + (other.1 - y).powi(2);
            let others = ships.iter().filter(|other| other.2 != Some(SeatId(seat)));
            if let Some(other) = others.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
                self.attack(seat, other.0, other.1);
            }
        }
    }
}

fn living_place((_, owner, entity): &(EntityId, Option<SeatId>, Entity)) -> Option<(f32, f32, Option<SeatId>)> {
    match entity {
        Entity::Ship(ship) if !ship.dead => Some((ship.x, ship.y, *owner)),
        _ => None,
    }
}

pub(crate) fn distance(a: (f32, f32), b: (f32, f32)) -> f32 {
    ((a.0 - b.0).powi(2) + (a.1 - b.1).powi(2)).sqrt()
}
