//! A whole game in one file: tag. Who is "it" touches somebody, and they are.
//!
//! `cargo run --release -p tickwire-server --example tag`, then connect clients to the address that it prints.

use std::collections::BTreeMap;

use tickwire_server::{Config, Server, Site};
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, World,
};

/// What everybody sees of a player: 25 bits, and only what changed is sent.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Runner {
    #[field(min = 0.0, max = 100.0, step = 0.05)]
    pub x: f32,
    #[field(min = 0.0, max = 100.0, step = 0.05)]
    pub y: f32,
    pub it: bool,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Runner(Runner),
}

/// What a player wants, each tick.
#[derive(Clone, Debug, Default, Replicate)]
pub struct Keys {
    #[field(min = -1, max = 1)]
    pub right: i8,
    #[field(min = -1, max = 1)]
    pub down: i8,
}

#[derive(Default)]
pub struct Tag {
    runners: BTreeMap<SeatId, Runner>,
}

impl Game for Tag {
    const NAME: &'static str = "tag";
    type World = Thing;
    type Input = Keys;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        let it = self.runners.is_empty();
        self.runners.insert(seat, Runner { x: 10.0 + f32::from(seat.0) * 5.0 % 80.0, y: 50.0, it });
        Ok(())
    }

    fn leave(&mut self, seat: SeatId, _: Leave) {
        let was_it = self.runners.remove(&seat).is_some_and(|runner| runner.it);
        if let Some(next) = self.runners.values_mut().next() {
            next.it |= was_it;
        }
    }

    fn tick(&mut self, step: &mut Step<'_, Self>) {
        let way = 20.0 * step.dt();
        for (seat, runner) in &mut self.runners {
            let keys = step.input(*seat);
            runner.x = (runner.x + f32::from(keys.right) * way).clamp(0.0, 100.0);
            runner.y = (runner.y + f32::from(keys.down) * way).clamp(0.0, 100.0);
        }
        let Some((it, at)) = self.runners.iter().find(|(_, r)| r.it).map(|(seat, r)| (*seat, r.clone())) else {
            return;
        };
        let near = |other: &Runner| (other.x - at.x).abs() < 2.0 && (other.y - at.y).abs() < 2.0;
        if let Some(caught) = self.runners.iter().find(|(seat, r)| **seat != it && near(r)).map(|(seat, _)| *seat) {
            self.runners.get_mut(&it).expect("it was just found").it = false;
            let caught = self.runners.get_mut(&caught).expect("it was just found");
            *caught = Runner { x: 99.0 - caught.x, it: true, ..*caught }; // away, so that it does not go back at once
        }
    }

    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for (seat, runner) in &self.runners {
            out.put_owned(EntityId(seat.0.into()), Place::Everywhere, *seat, runner);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind(Config::default())?.start::<Tag>((), Site::default())?;
    println!("tag is on: ws://{}/ws", server.addr());
    Ok(server.stop_on_signal()?)
}
