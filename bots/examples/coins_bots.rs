//! Bots for the small example game, `server/examples/coins.rs`: what a new behaviour takes.
//!
//! ```text
//! cargo run --release -p tickwire-server --example coins
//! cargo run --release -p tickwire-bots --example coins_bots -- swarm --bots 50
//! ```

use std::process::ExitCode;
use std::time::Duration;

use coins::{Coins, Keys, Kinds};
use tickwire_bots::{Behaviour, Minds};
use tickwire_shared::{Client, EntityId};

/// The game; its server is not used here.
#[path = "../../server/examples/coins.rs"]
#[allow(dead_code)]
pub mod coins;

/// Runs straight to the coin.
pub struct Runner;

impl Behaviour<Coins> for Runner {
    fn drive(&mut self, client: &Client<Coins>, _now: Duration) -> Keys {
        let at = |id| client.newest(id).map(|Kinds::Thing(thing)| thing.at);
        let (me, coin) = (client.owned().next().and_then(at), at(EntityId(u32::MAX)));
        let (Some(me), Some(coin)) = (me, coin) else { return Keys::default() };
        let go = |axis: usize| match coin[axis] - me[axis] {
            way if way > 0.5 => 1,
            way if way < -0.5 => -1,
            _ => 0,
        };
        Keys { go: [go(0), go(1)] }
    }
}

fn main() -> ExitCode {
    tickwire_bots::main(Minds::of("runner", |_seed| Runner))
}
