//! What a client can tell about its connection.

use std::time::Duration;

/// Counters since the client was made, and current estimates.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let stats = playing().0.stats();
/// assert!(stats.bytes_in > 0 && stats.bytes_out > 0 && stats.input_to_ack.is_some());
/// assert_eq!((stats.frames, stats.corrections, stats.jumps), (10, 0, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    /// Time from a ping to its pong; none before the first.
    pub rtt: Option<Duration>,
    /// Mean deviation of the time from frame to frame.
    pub jitter: Duration,
    /// Time from sending an input to the frame that acked it; none before the first.
    pub input_to_ack: Option<Duration>,
    /// How early inputs are at the server in the mean, in milliseconds; negative when they come too late.
    pub margin_ms: f32,
    /// How early the clock means them to be, in milliseconds: more where the network is less steady.
    pub margin_wanted_ms: f32,
    /// How far behind the arriving ticks other things are drawn: the buffer against jitter.
    pub interpolation_delay: Duration,
    /// How often the buffer was empty: the drawn moment had no state after it.
    pub underruns: u64,
    /// For how long in all.
    pub underrun: Duration,
    /// Frames applied.
    pub frames: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Payload bytes handed to the transport.
    pub bytes_out: u64,
    /// State hashes compared.
    pub hashes_checked: u64,
    /// State hashes that differed.
    pub desyncs: u64,
    /// How often a prediction was wrong, so that one would have seen it; see [`prediction`](crate::client::prediction).
    pub corrections: u64,
    /// The largest difference of a field then, in steps of its quantization.
    pub correction_steps_max: f32,
    /// The longest time for which something was drawn where it was not.
    pub correction_longest: Duration,
    /// How often an own entity was set to another place at once: [`Predict::jumped`](crate::client::Predict::jumped).
    pub jumps: u64,
    /// Events that nobody polled in time.
    pub events_dropped: u64,
}
