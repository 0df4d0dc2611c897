//! For who looks at the newest state alone.

use super::UntypedClient;
#[cfg(not(target_family = "wasm"))]
use crate::delta::StatePool;

impl UntypedClient {
    /// As [`Client::without_playback`](crate::client::Client::without_playback).
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::coins::*, std::time::Duration, tickwire_shared::{*, client::UntypedClient}};
    /// let client = UntypedClient::new(Schema::of::<Coins>(), Profile::default())?.without_playback();
    /// assert_eq!(client.sample(Duration::ZERO).count(), 0);
    /// # Ok::<(), delta::LayoutError>(())
    /// ```
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn without_playback(self) -> Self {
        Self { replica: self.replica.without_past(), ..self }
    }

    /// As [`Client::pooled`](crate::client::Client::pooled). One that has yet to learn the game's schema from the server
    /// stays as it is.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::coins::*, std::time::Duration, tickwire_shared::{*, client::UntypedClient, delta::StatePool}};
    /// let pool = StatePool::default(); // for all of this thread's clients
    /// let client = UntypedClient::new(Schema::of::<Coins>(), Profile::default())?.pooled(&pool);
    /// assert_eq!(client.sample(Duration::ZERO).count(), 0);
    /// # Ok::<(), delta::LayoutError>(())
    /// ```
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn pooled(self, pool: &StatePool) -> Self {
        if self.schema.is_none() {
            return self;
        }
        Self { replica: self.replica.pooled(pool, self.fingerprint), ..self }
    }
}
