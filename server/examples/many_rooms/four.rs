//! A small game for very many rooms: four runners at 20 Hz.

use std::collections::BTreeMap;

use tickwire_shared::*;

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Runner {
    #[field(min = 0.0, max = 100.0, step = 0.05)]
    pub at: [f32; 2],
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Runner(Runner),
}

#[derive(Clone, Default, Replicate)]
pub struct Keys {
    #[field(min = -1, max = 1)]
    pub go: [i8; 2],
}

pub struct Four {
    runners: BTreeMap<SeatId, Runner>,
}

impl Game for Four {
    const NAME: &'static str = "four";
    type World = Kinds;
    type Input = Keys;
    type Command = ();
    type Event = ();
    /// How many seats a room has.
    type Options = u16;

    fn new(seats: u16, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(20);
        setup.seats = seats;
        Ok(Self { runners: BTreeMap::new() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.runners.insert(seat, Runner { at: [50.0, 50.0] });
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
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for (seat, runner) in &self.runners {
            out.put_owned(EntityId(seat.0.into()), Place::Everywhere, *seat, runner);
        }
    }
}
