//! Clients that draw nothing.

use super::Client;
use crate::delta::StatePool;
use crate::game::Game;

impl<G: Game> Client<G> {
    /// The same client for who draws nothing, such as a bot: [`Client::sample`] gives nothing but what it predicts. It
    /// decodes, compares hashes and acks as ever, and what it has newest is what it would have; it takes a part of the time
    /// and memory. One that has had frames already stays as it is.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use tickwire_shared::*;
    /// let (client, _, now) = play(Client::new(Profile::default())?.without_playback());
    /// let own = client.owned().next().and_then(|own| client.newest(own));
    /// assert!(own.is_some() && client.newest_all().count() == 2 && client.sample(now).count() == 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn without_playback(self) -> Self {
        Self { untyped: self.untyped.without_playback(), ..self }
    }

    /// The same client for one of the many of a process, such as a swarm's bots: as [`Client::without_playback`], and a
    /// delta that another client of this pool has decoded is not decoded again. It holds, compares and acks what it would
    /// without; bytes that differ are decoded for itself. See [`StatePool`]. One that has had frames already stays as it is.
    #[must_use]
    pub fn pooled(self, pool: &StatePool) -> Self {
        Self { untyped: self.untyped.pooled(pool), ..self }
    }
}
