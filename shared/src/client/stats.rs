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
    /// Events that nobody polled in time.
    pub events_dropped: u64,
}
