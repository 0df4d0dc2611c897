//! A whole game in one file: run to the coin before the others do.

use std::collections::BTreeMap;

use tickwire_server::{Config, Server, Site};
use tickwire_shared::*;

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Thing {
    #[field(min = 0.0, max = 100.0, step = 0.05)]
    pub at: [f32; 2],
    pub coins: u16,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Thing(Thing),
}

#[derive(Clone, Default, Replicate)]
pub struct Keys {
    #[field(min = -1, max = 1)]
    pub go: [i8; 2],
}

pub struct Coins {
    runners: BTreeMap<SeatId, Thing>,
    coin: Thing,
}

impl Game for Coins {
    const NAME: &'static str = "coins";
    type World = Kinds;
    type Input = Keys;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self { runners: BTreeMap::new(), coin: Thing { at: [50.0; 2], coins: 0 } })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.runners.insert(seat, Thing { at: [0.0; 2], coins: 0 });
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.runners.remove(&seat);
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        for (seat, runner) in &mut self.runners {
            for (at, go) in runner.at.iter_mut().zip(step.input(*seat).go) {
                *at = (*at + f32::from(go) * 20.0 * step.dt()).clamp(0.0, 100.0);
            }
            if (0..2).all(|axis| (runner.at[axis] - self.coin.at[axis]).abs() < 1.0) {
                runner.coins += 1;
                self.coin.at = [step.rng.between(0.0, 100.0), step.rng.between(0.0, 100.0)];
            }
            *runner = runner.quantized(); // goes on from what its clients have
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        out.put(EntityId(u32::MAX), Place::Everywhere, &self.coin);
        for (seat, runner) in &self.runners {
            out.put_owned(EntityId(seat.0.into()), Place::Everywhere, *seat, runner);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind(Config::default())?.start::<Coins>((), Site::default())?;
    server.stop_on_signal(|addr| println!("coins is on: ws://{addr}/ws"))?;
    Ok(())
}
