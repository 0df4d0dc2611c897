//! For who looks at the newest state alone.

use super::UntypedClient;

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
}
