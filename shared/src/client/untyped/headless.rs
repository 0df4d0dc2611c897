//! For who looks at the newest state alone.

use super::UntypedClient;
#[cfg(not(target_family = "wasm"))]
use crate::delta::StatePool;
use crate::delta::{Layout, LayoutError};
use crate::replica::Replica;
use crate::schema::Schema;

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

    /// As [`Client::pooled`](crate::client::Client::pooled).
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
        let replica = match &self.schema {
            Some(schema) => self.replica.pooled(pool, schema),
            None => self.replica.without_past(),
        };
        Self { replica, pool: Some(pool.clone()), ..self }
    }

    /// An empty copy of the game of this schema.
    pub(super) fn replica_of(&self, schema: &Schema) -> Result<Replica, LayoutError> {
        let replica = self.replica.like(Layout::new(schema)?);
        #[cfg(not(target_family = "wasm"))]
        if let Some(pool) = &self.pool {
            return Ok(replica.pooled(pool, schema));
        }
        Ok(replica)
    }
}
