//! Every counter of the server: its name, its unit and what it means. Nothing here knows an exporter.
//!
//! Counters only grow unless the text says "now". They are read and added with relaxed order: a scrape sees
//! each of them exactly, but not all of them at one instant. A reactor may have a [`Metrics`] of its own, and
//! then the sums are the server's; on many cores that spares the cache lines.

pub mod traffic;

use std::sync::atomic::{AtomicU64, Ordering};

use traffic::TrafficCounters;

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// `count` more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// One less; only for counters that say "now".
    pub fn less(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the server counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections: sockets that a reactor holds now, whatever their state.
    pub connections_open: Counter,
    /// Connections: accepted from the listener, including those that were refused right after.
    pub connections_accepted: Counter,
    /// Connections: answered 503 or dropped because all places were taken.
    pub connections_refused: Counter,
    /// Connections: answered 429 or dropped because their address had too many.
    pub addresses_refused: Counter,
    /// Connections: dropped because a proxy's PROXY header was none.
    pub proxy_headers_refused: Counter,
    /// Requests: of which a proxy did not say whose they are; its clients are not limited by their addresses then.
    pub clients_unnamed: Counter,
    /// Handshakes: answered 403 because of the page that they came from.
    pub origins_refused: Counter,
    /// Times: accepting was paused, because it failed for want of descriptors or memory, or all places were taken.
    pub accepts_paused: Counter,
    /// Links: WebSocket links that are open now.
    pub links_open: Counter,
    /// Handshakes: answered with an HTTP error, timed out, or left by the peer.
    pub handshakes_failed: Counter,
    /// Handshakes: of these, those that were not through in time.
    pub handshakes_late: Counter,
    /// Requests: plain HTTP that was handed over to the layer above.
    pub plain_requests: Counter,
    /// Messages: whole messages that were given to the layer above.
    pub messages_in: Counter,
    /// Bytes: read from sockets, framing and HTTP heads included.
    pub bytes_in: Counter,
    /// Frames: data frames that were written, left over or queued.
    pub frames_out: Counter,
    /// Bytes: taken by the kernel, framing and HTTP answers included.
    pub bytes_out: Counter,
    /// Frames: the kernel did not take whole; the rest was kept in the link.
    pub frames_left: Counter,
    /// Frames: not sent because the link was still busy with an earlier one.
    pub frames_skipped: Counter,
    /// Links: closed with 1013 because too many bytes waited, or dropped because their socket took nothing.
    pub links_evicted: Counter,
    /// Links: closed with 1008 because they pinged too often.
    pub links_pinging: Counter,
    /// Links: dropped after two unanswered pings.
    pub links_silent: Counter,
    /// Links: closed because the peer broke a rule of the framing (1002, 1007, 1008, 1009).
    pub protocol_errors: Counter,
    /// Links: of these, those whose message was too long, had too many fragments or inflated too much (1008, 1009).
    pub messages_too_large: Counter,
    /// Links: closed with 1008 because a message was begun and not finished in time.
    pub messages_unfinished: Counter,
    /// Connections: ended by us because the peer did not end them in time after our goodbye, or went on talking.
    pub closes_forced: Counter,
    /// Links: ended without a close frame: by the peer, or dropped because they were silent or took too little.
    pub links_lost: Counter,
    /// Messages: dropped because the client was over its rate.
    pub messages_dropped: Counter,
    /// Sessions: closed because the client was over its rate for too long.
    pub sessions_too_fast: Counter,
    /// Sessions: closed because no hello and join came in time.
    pub sessions_silent: Counter,
    /// Sessions: closed because the client broke the protocol above the framing, or was refused.
    pub sessions_refused: Counter,
    /// Inputs: dropped because a tick thread's port was full.
    pub inputs_dropped: Counter,
    /// Inputs: that came too late, twice, or too far ahead to be used.
    pub inputs_unused: Counter,
    /// Times: a client told that its state was not the server's, and which channels it held; what was wrong is healed.
    pub desyncs: Counter,
    /// Channels: of which a client's state was wrong, and was sent anew.
    pub channels_healed: Counter,
    /// Inputs: whose client saw older states, or said so, than the game lets it be judged by; the oldest allowed count.
    pub rewinds_bounded: Counter,
    /// Commands: malformed, or too many for a tick.
    pub commands_dropped: Counter,
    /// Seats: whose connection broke and that were held for their players.
    pub seats_held: Counter,
    /// Seats: that their players came back to.
    pub seats_resumed: Counter,
    /// Seats: that nobody came back to in time.
    pub seats_expired: Counter,
    /// Clients that asked for keyframes because their state was wrong.
    pub resyncs: Counter,
    /// Ticks: run.
    pub ticks: Counter,
    /// Ticks: lost because the thread had more work than time.
    pub ticks_lost: Counter,
    /// Frames: not composed, because too much was under way to the client that it had not taken, or for too long.
    pub frames_withheld: Counter,
    /// Frames: composed by rooms.
    pub frames_composed: Counter,
    /// Batches: not composed or not sent because the reactor was behind.
    pub batches_away: Counter,
    /// Events: dropped because a client took none for too long.
    pub events_dropped: Counter,
    /// Bits: of composed frames, by what they are for.
    pub traffic: TrafficCounters,
}
