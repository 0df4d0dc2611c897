//! What a client can tell about its connection.

use std::time::Duration;

/// Counters since the client was made, and current estimates.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    /// Time from a ping to its pong; none before the first.
    pub rtt: Option<Duration>,
    /// Mean deviation of the time from frame to frame.
    pub jitter: Duration,
    /// Time from sending an input to the frame that acked it; none before the first.
    pub input_to_ack: Option<Duration>,
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
