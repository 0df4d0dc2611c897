//! Players for the crowd, `server/examples/crowd.rs`: a thousand of them on a core, each with some fifty others in view.

use std::f32::consts::PI;
use std::process::ExitCode;
use std::time::Duration;

use crowd::{Crowd, Kinds, Mood, Person, Wish};
use tickwire_bots::{Behaviour, Minds};
use tickwire_shared::{Client, EntityId, Replicate, Rng};

/// The game; its server is not used here.
#[path = "../../server/examples/crowd.rs"]
#[allow(dead_code)]
pub mod crowd;

/// A greeter thinks at every such tick and goes on in between.
const THINK_EVERY: u32 = 8;
/// Waves at who is as near as this.
const NEAR: f32 = 1.5;
/// Ticks that they wave.
const WAVE_TICKS: u32 = 20;
/// One in so many thoughts is of another way.
const TURN_THOUGHTS: u32 = 15;

/// Walks about, and waves at whoever comes near.
pub struct Greeter {
    rng: Rng,
    ticks: u32,
    wish: Wish,
    was_at: [f32; 2],
    waves_until: u32,
    greeted: Option<EntityId>,
}

impl Greeter {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        // those that joined together do not all think at the same tick
        let ticks = rng.below(THINK_EVERY);
        let wish = Wish { heading: rng.between(-PI, PI), mood: Mood::Walks };
        Self { rng, ticks, wish, was_at: [-1.0; 2], waves_until: ticks, greeted: None }
    }

    fn think(&mut self, client: &Client<Crowd>) -> Wish {
        let own = client.owned().next();
        let Some(Kinds::Person(me)) = own.and_then(|own| client.newest(own)) else { return Wish::default() };
        let mut nearest: Option<(f32, EntityId)> = None;
        for (id, _, row) in client.untyped().newest_by_channel() {
            let at = Person::from_lanes(row).at;
            let distance = (at[0] - me.at[0]).hypot(at[1] - me.at[1]);
            if Some(id) != own && nearest.is_none_or(|nearest| (distance, id) < nearest) {
                nearest = Some((distance, id));
            }
        }
        let near = nearest.filter(|(distance, _)| *distance < NEAR).map(|(_, id)| id);
        if near.is_some() && near != self.greeted {
            (self.greeted, self.waves_until) = (near, self.ticks.wrapping_add(WAVE_TICKS));
            return Wish { heading: me.heading, mood: Mood::Waves };
        }
        // where it goes no further, or now and then
        let turns = me.at == self.was_at || self.rng.below(TURN_THOUGHTS) == 0;
        self.was_at = me.at;
        let heading = if turns { self.rng.between(-PI, PI) } else { self.wish.heading };
        Wish { heading, mood: Mood::Walks }
    }
}

impl Behaviour<Crowd> for Greeter {
    fn drive(&mut self, client: &Client<Crowd>, _now: Duration) -> Wish {
        self.ticks = self.ticks.wrapping_add(1);
        let waves = (1..=WAVE_TICKS).contains(&self.waves_until.wrapping_sub(self.ticks));
        if !waves && self.ticks.is_multiple_of(THINK_EVERY) {
            self.wish = self.think(client);
        }
        self.wish.clone()
    }
}

fn main() -> ExitCode {
    tickwire_bots::main(Minds::of("greeter", Greeter::new))
}
