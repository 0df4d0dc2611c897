//! What a client may do above the framing.

use crate::net::rate::Rate;

/// The limits of a client's conversation. The defaults are for a server that is open to the internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLimits {
    /// From the 101 to hello and join.
    pub hello_timeout_ms: u64,
    /// Longest message before that; more is closed with 1008.
    pub hello_max_bytes: usize,
    /// Messages beside one input for each tick of the room: with 30 ticks a second that makes 60, in a burst 120. What
    /// is above is dropped.
    pub messages: Rate,
    /// Bytes of messages; what is above is dropped.
    pub bytes: Rate,
    /// Who is above its rate for so long is closed with 1008.
    pub too_fast_timeout_ms: u64,
    /// How long a seat is held at most whose connection broke, whatever the game says; 0: seats are not held.
    pub grace_max_ms: u64,
    /// Clients that speak JSON at once, on all reactors: each costs a reactor many times what a binary one does. 0: none.
    pub json_links_max: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            hello_timeout_ms: 5_000,
            hello_max_bytes: 4 * 1024,
            messages: Rate { per_s: 30, burst: 60 },
            bytes: Rate { per_s: 64 * 1024, burst: 128 * 1024 },
            too_fast_timeout_ms: 5_000,
            grace_max_ms: 60_000,
            json_links_max: 256,
        }
    }
}
