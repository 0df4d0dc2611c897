//! What bots want: the one part of the swarm that knows a game.

pub mod arena;

use std::time::Duration;

use tickwire_shared::{Client, Game};

pub use arena::Pilot;

/// One bot's mind.
///
/// It is asked once for each tick and sees exactly what a player would see. There may be hundreds of them on a core:
/// think only every few ticks, look at each entity once, and allocate nothing that lasts. The same seed should lead to
/// the same decisions for the same sights, so that a run can be told apart from its bad luck.
pub trait Behaviour<G: Game> {
    /// What the bot wants now. `now` is the time that `client`'s methods take.
    fn drive(&mut self, client: &Client<G>, now: Duration) -> G::Input;
}

/// A bot that watches and wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle;

impl<G: Game> Behaviour<G> for Idle {
    fn drive(&mut self, _client: &Client<G>, _now: Duration) -> G::Input {
        G::Input::default()
    }
}
