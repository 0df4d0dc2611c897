//! What bots want: the one part of the swarm that knows a game.

pub mod arena;

use std::time::Duration;

use tickwire_shared::{Client, Game};

pub use arena::Pilot;

/// One bot's mind.
///
/// It is asked once for each tick and sees exactly what a player would see, as the server last told it. There may be a thousand of them on a core:
/// think only every few ticks, look at each entity once, and where there are many at the rows of those kinds that matter
/// ([`newest_by_channel`](tickwire_shared::client::UntypedClient::newest_by_channel), as [`Pilot`] does) rather than at
/// whole values with their texts. The same seed should lead to the same decisions for the same sights, so that a run can
/// be told apart from its bad luck.
pub trait Behaviour<G: Game> {
    /// What the bot wants now. `now` is the time that `client`'s methods take.
    fn drive(&mut self, client: &Client<G>, now: Duration) -> G::Input;

    /// Whether it asks what would be drawn, by [`Client::sample`]: that gives nothing otherwise, since a bot that notes for
    /// each entity what it was takes more of a core.
    fn needs_playback(&self) -> bool {
        false
    }
}

impl<G: Game, B: Behaviour<G> + ?Sized> Behaviour<G> for Box<B> {
    fn drive(&mut self, client: &Client<G>, now: Duration) -> G::Input {
        (**self).drive(client, now)
    }

    fn needs_playback(&self) -> bool {
        (**self).needs_playback()
    }
}

/// A bot that watches and wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle;

impl<G: Game> Behaviour<G> for Idle {
    fn drive(&mut self, _client: &Client<G>, _now: Duration) -> G::Input {
        G::Input::default()
    }
}

type Make<G> = Box<dyn Fn(u64) -> Box<dyn Behaviour<G>> + Send + Sync>;

/// The behaviours that a game's bots can have, by name. Scenarios mix them; without one all bots have the first.
pub struct Minds<G: Game> {
    named: Vec<(&'static str, Make<G>)>,
}

impl<G: Game> Minds<G> {
    /// The usual behaviour; `make` gets the bot's seed.
    #[must_use]
    pub fn of<B: Behaviour<G> + 'static>(name: &'static str, make: impl Fn(u64) -> B + Send + Sync + 'static) -> Self {
        Self { named: Vec::new() }.and(name, make).and("idle", |_| Idle)
    }

    /// One more.
    #[must_use]
    pub fn and<B: Behaviour<G> + 'static>(
        mut self,
        name: &'static str,
        make: impl Fn(u64) -> B + Send + Sync + 'static,
    ) -> Self {
        self.named.push((name, Box::new(move |seed| Box::new(make(seed)))));
        self
    }

    /// What there is, the usual one first.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.named.iter().map(|(name, _)| *name).collect()
    }

    /// A mind of this name; the usual one when there is none.
    #[must_use]
    pub fn make(&self, name: Option<&str>, seed: u64) -> Box<dyn Behaviour<G>> {
        let found = self.named.iter().find(|(known, _)| Some(*known) == name);
        let (_, make) = found.unwrap_or(&self.named[0]); // `of` has put one there
        make(seed)
    }
}
