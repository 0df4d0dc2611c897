//! Bots for `server/examples/many_rooms`: very many rooms of four. See there for how to run it.

use std::process::ExitCode;
use std::time::Duration;

use four::{Four, Keys};
use tickwire_bots::{Behaviour, Minds};
use tickwire_shared::Client;

/// The game; its server is not used here.
#[path = "../../server/examples/many_rooms/four.rs"]
#[allow(dead_code)]
pub mod four;

/// Runs to and fro.
pub struct Runner(u32);

impl Behaviour<Four> for Runner {
    fn drive(&mut self, _: &Client<Four>, _: Duration) -> Keys {
        self.0 = self.0.wrapping_add(1);
        let way = |ticks: u32| if self.0 / ticks % 2 == 0 { 1 } else { -1 };
        Keys { go: [way(37), way(53)] }
    }
}

fn main() -> ExitCode {
    tickwire_bots::main(Minds::of("runner", |seed| Runner(seed as u32)))
}
