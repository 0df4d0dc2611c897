//! A small game at 20 Hz: things go in circles, every player sees those around a thing of its own. It notes when each
//! tick was computed, so that a client on the same machine knows how old a state is.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick,
    TickRate, World,
};

pub const HZ: u16 = 20;

/// Things in the square, and its side in metres: some 50 are within the radius.
const THINGS: u32 = 500;
const SIDE: f32 = 256.0;
const RADIUS: f32 = 46.0;
/// Ticks whose moments are known: more than the longest stall.
const KNOWN: usize = 4096;

static TICKS: Mutex<VecDeque<(Tick, Instant)>> = Mutex::new(VecDeque::new());

/// How old the state of a tick is; none if it was never computed, or too long ago.
pub fn age(tick: Tick, now: Instant) -> Option<Duration> {
    let ticks = TICKS.lock().expect("nobody panics with it");
    let (newest, _) = ticks.back()?;
    let back = usize::try_from(newest.since(tick)).ok()?;
    let (_, at) = ticks.get(ticks.len().checked_sub(back + 1)?)?;
    Some(now.saturating_duration_since(*at))
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Mover(Mover),
    Dial(Dial),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Mover {
    #[field(min = 0.0, max = SIDE, step = 0.02)]
    pub x: f32,
    #[field(min = 0.0, max = SIDE, step = 0.02)]
    pub y: f32,
    #[field(angle_bits = 10)]
    pub heading: f32,
}

/// Shows its tick: what is drawn of it tells which moment is drawn.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Dial {
    #[field(min = 0.0, max = 1_000_000.0, step = 0.01)]
    pub tick: f32,
}

#[derive(Clone, Default, Replicate)]
pub struct Keys {
    #[field(min = -1, max = 1)]
    pub go: [i8; 2],
}

pub struct Circles {
    tick: Tick,
    seats: Vec<SeatId>,
}

impl Circles {
    fn mover(&self, id: u32) -> Mover {
        let middle = (20.0 + (id * 37 % 216) as f32, 20.0 + (id * 101 % 216) as f32);
        // not in step, and faster and slower: no straight lines
        let turn = id as f32 + self.tick.0 as f32 * (0.03 + (id % 7) as f32 * 0.01);
        let radius = 12.0 + 4.0 * (turn * 1.7).sin();
        Mover { x: middle.0 + radius * turn.cos(), y: middle.1 + radius * turn.sin(), heading: turn }
    }
}

impl Game for Circles {
    const NAME: &'static str = "circles";
    type World = Thing;
    type Input = Keys;
    type Command = ();
    type Event = ();
    /// Seats.
    type Options = u16;

    fn new(seats: u16, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(HZ);
        setup.seats = seats;
        setup.interest = Interest::Radius(RADIUS);
        Ok(Self { tick: Tick(0), seats: Vec::new() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.seats.push(seat);
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.seats.retain(|other| *other != seat);
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        let mut ticks = TICKS.lock().expect("nobody panics with it");
        ticks.push_back((self.tick, Instant::now()));
        if ticks.len() > KNOWN {
            ticks.pop_front();
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        out.put(EntityId(0), Place::Everywhere, &Dial { tick: self.tick.0 as f32 });
        for id in 1..=THINGS {
            let mover = self.mover(id);
            out.put(EntityId(id), Place::At { x: mover.x, y: mover.y }, &mover);
        }
        for seat in &self.seats {
            let own = self.mover(1 + u32::from(seat.0) % THINGS);
            out.look(*seat, own.x, own.y);
        }
    }
}
