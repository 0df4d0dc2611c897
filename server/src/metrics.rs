//! Every metric of the server: its name, its unit and what it means. What stands above a field of [`Metrics`] is what
//! a scrape tells of it ([`Metrics::exposition`]).
//!
//! Counters only grow, gauges tell of now. They are read and added with relaxed order: a scrape sees
//! each of them exactly, but not all of them at one instant, and nobody waits for it. A reactor may have a [`Metrics`]
//! of its own, and then the sums are the server's; on many cores that spares the cache lines.

pub mod api_refusals;
mod exposition;
mod histogram;
pub mod room_gauges;
pub mod rooms;
pub mod traffic;

use std::sync::atomic::{AtomicU64, Ordering};

use tickwire_shared::protocol::close::CloseReason;

use api_refusals::ApiRefusals;
pub use exposition::Page;
use exposition::{Exposed, Series};
pub use histogram::{BOUNDS_NS, Counts, Histogram};
use rooms::TickThreads;
use traffic::TrafficOfGames;

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

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn less(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sessions that the server closed, by the reason that the close code tells.
#[derive(Debug, Default)]
pub struct CloseCounters([Counter; CLOSE_REASONS.len()]);

/// All reasons, with their labels.
const CLOSE_REASONS: [(CloseReason, &str); 14] = [
    (CloseReason::Done, "done"),
    (CloseReason::GoingAway, "going_away"),
    (CloseReason::ProtocolError, "protocol_error"),
    (CloseReason::InvalidData, "invalid_data"),
    (CloseReason::Policy, "policy"),
    (CloseReason::TooBig, "too_big"),
    (CloseReason::RoomFailed, "room_failed"),
    (CloseReason::TryLater, "try_later"),
    (CloseReason::Version, "version"),
    (CloseReason::Game, "game"),
    (CloseReason::NotKnown, "not_known"),
    (CloseReason::TakenOver, "taken_over"),
    (CloseReason::SeatGone, "seat_gone"),
    (CloseReason::Refused, "refused"),
];

impl CloseCounters {
    /// Those that were closed for this reason.
    pub fn of(&self, reason: CloseReason) -> &Counter {
        let known = CLOSE_REASONS.iter().position(|(known, _)| *known == reason);
        // a new reason that nobody named here counts as the last; a test finds it
        &self.0[known.unwrap_or(CLOSE_REASONS.len() - 1)]
    }

    /// For all reasons.
    pub fn value(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}

/// The families whose series are told apart by a label, and what they mean; those of one family stand together in
/// [`Metrics`]. All others are told by the words above their field.
const FAMILIES: [(&str, &str); 6] = [
    (
        "connections_refused",
        "Connections that were answered with an error or dropped before they were anything, by reason.",
    ),
    (
        "network_bytes",
        "Bytes that were read from sockets and taken by the kernel, framing and HTTP included, by direction.",
    ),
    (
        "limits_hit",
        "Times that a client met a limit of the server or the game, by limit; the setting of that name changes it.",
    ),
    ("links_evicted", "Links that were ended because they took too little of what waited for them, by cause."),
    ("joins_refused", "Players who asked for a seat and got none, by reason."),
    ("game_faults", "What a game did that could not be sent, by fault."),
];

/// Declares a struct of metrics, and how they are told: by the words above each, as `tickwire_` and its name; with
/// `= family { label: "value" }` as one of a family.
macro_rules! exposed {
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[doc = $help:literal])+ pub $field:ident: $kind:ident $(= $family:ident { $label:ident: $value:literal })?,)+
    }) => {
        $(#[$about])*
        pub struct $name { $($(#[doc = $help])+ pub $field: $kind,)+ }

        impl $name {
            /// All of it as Prometheus reads it (text format 0.0.4).
            pub fn exposition(&self) -> String {
                let mut page = Page::default();
                $({
                    #[allow(unused_mut, unused_assignments)]
                    let mut series = Series { name: stringify!($field), help: concat!($($help),+), label: None };
                    $(series = Series::of_family(stringify!($family), (stringify!($label), $value));)?
                    self.$field.expose(&series, &mut page);
                })+
                page.text()
            }
        }
    };
}

exposed! {
/// What the server counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections: sockets that a reactor holds now, whatever their state.
    pub connections_open: Gauge,
    /// Connections: accepted from the listener, including those that were refused right after.
    pub connections_accepted: Counter,
    /// Connections: answered 503 or dropped because all places were taken.
    pub connections_refused: Counter = connections_refused { reason: "full" },
    /// Connections: answered 429 or dropped because their address had too many.
    pub addresses_refused: Counter = connections_refused { reason: "address" },
    /// Connections: dropped because a proxy's PROXY header was none.
    pub proxy_headers_refused: Counter = connections_refused { reason: "proxy_header" },
    /// Requests: of which a proxy did not say whose they are; its clients are not limited by their addresses then.
    pub clients_unnamed: Counter,
    /// Handshakes: answered 403 because of the page that they came from.
    pub origins_refused: Counter = connections_refused { reason: "origin" },
    /// Times: accepting was paused, because it failed for want of descriptors or memory, or all places were taken.
    pub accepts_paused: Counter,
    /// Links: WebSocket links that are open now.
    pub links_open: Gauge,
    /// Handshakes: answered with an HTTP error, timed out, or left by the peer.
    pub handshakes_failed: Counter,
    /// Handshakes: of failed ones, those that were not through in time.
    pub handshakes_late: Counter = limits_hit { limit: "net.handshake_timeout_ms" },
    /// Requests: plain HTTP that was handed over to the layer above.
    pub plain_requests: Counter,
    /// Messages: whole messages that were given to the layer above.
    pub messages_in: Counter,
    /// Bytes: read from sockets, framing and HTTP heads included.
    pub bytes_in: Counter = network_bytes { direction: "in" },
    /// Frames: data frames that were written, left over or queued.
    pub frames_out: Counter,
    /// Bytes: taken by the kernel, framing and HTTP answers included.
    pub bytes_out: Counter = network_bytes { direction: "out" },
    /// Frames: the kernel did not take whole; the rest was kept in the link.
    pub frames_left: Counter,
    /// Frames: not sent because the link was still busy with an earlier one.
    pub frames_skipped: Counter,
    /// Links: closed with 1013 because too many bytes waited for one (`net.write_buffer_max_bytes`).
    pub links_overfull: Counter = links_evicted { cause: "link_full" },
    /// Links: dropped because too many bytes waited for all together, and most for these (`net.write_buffers_max_bytes`).
    pub links_largest: Counter = links_evicted { cause: "memory_full" },
    /// Links: dropped because their socket took nothing for too long (`net.write_stall_timeout_ms`).
    pub links_stalled: Counter = links_evicted { cause: "stalled" },
    /// Links: closed with 1008 because they pinged too often.
    pub links_pinging: Counter = limits_hit { limit: "net.pings_per_s" },
    /// Links: dropped after two unanswered pings.
    pub links_silent: Counter = limits_hit { limit: "net.ping_interval_ms" },
    /// Links: closed because the peer broke a rule of the framing (1002, 1007, 1008, 1009).
    pub protocol_errors: Counter,
    /// Links: of protocol errors, those whose message was too long, had too many fragments or inflated too much (1008, 1009).
    pub messages_too_large: Counter = limits_hit { limit: "net.message_max_bytes" },
    /// Links: closed with 1008 because a message was begun and not finished in time.
    pub messages_unfinished: Counter = limits_hit { limit: "net.unfinished_message_timeout_ms" },
    /// Connections: ended by us because the peer did not end them in time after our goodbye, or went on talking.
    pub closes_forced: Counter = limits_hit { limit: "net.close_timeout_ms" },
    /// Links: ended without a close frame: by the peer, or dropped because they were silent or took too little.
    pub links_lost: Counter,
    /// Messages: dropped because the client was over its rate.
    pub messages_dropped: Counter = limits_hit { limit: "session.messages_per_s" },
    /// Sessions: closed because the client was over its rate for too long.
    pub sessions_too_fast: Counter = limits_hit { limit: "session.too_fast_timeout_ms" },
    /// Links: of clients that speak JSON, open now.
    pub json_links_open: Gauge,
    /// Links: of clients that speak JSON, closed because there were too many of them.
    pub json_links_refused: Counter = limits_hit { limit: "session.json_links_max" },
    /// Bytes: of JSON that clients were told of their rooms' frames.
    pub json_bytes: Counter,
    /// Messages: in JSON that were not understood or not possible, and were answered with an error.
    pub json_errors: Counter,
    /// Sessions: closed because no hello and join came in time.
    pub sessions_silent: Counter = limits_hit { limit: "session.hello_timeout_ms" },
    /// Sessions: closed because the client broke the protocol above the framing, or was refused.
    pub sessions_refused: CloseCounters,
    /// Joins: refused because all rooms were full and no more may run (`rooms_max`).
    pub joins_without_room: Counter = joins_refused { reason: "rooms_full" },
    /// Joins: refused because the tick threads had too much work for another room, or another player.
    pub joins_overloaded: Counter = joins_refused { reason: "overloaded" },
    /// Joins: refused because the server was about to stop.
    pub joins_draining: Counter = joins_refused { reason: "draining" },
    /// Joins: refused because there is no room of that number, code or game.
    pub joins_nowhere: Counter = joins_refused { reason: "no_such_room" },
    /// Joins: refused because the room that was named is full.
    pub joins_room_full: Counter = joins_refused { reason: "room_full" },
    /// Joins: refused because the room that was named is locked.
    pub joins_locked: Counter = joins_refused { reason: "locked" },
    /// Joins: refused because their wish or its options were not understood, or cannot be.
    pub joins_unclear: Counter = joins_refused { reason: "wish" },
    /// Joins: refused because their address created too many rooms, or nobody may (`lobby.create`).
    pub joins_creating: Counter = joins_refused { reason: "creation" },
    /// Joins: refused because their ticket was used, too late, or none.
    pub joins_with_void_ticket: Counter = joins_refused { reason: "ticket" },
    /// Joins: refused unread because of too many codes of no room from the same address (`identity.failed_per_minute`).
    pub joins_after_wrong_codes: Counter = joins_refused { reason: "code_tries" },
    /// Joins: refused by the game or its room.
    pub joins_unwanted: Counter = joins_refused { reason: "game" },
    /// Joins: refused because the player showed no pass.
    pub joins_without_pass: Counter = joins_refused { reason: "pass_missing" },
    /// Joins: refused because the pass was none, was not signed by a key of this server, or was for somebody else.
    pub joins_with_wrong_pass: Counter = joins_refused { reason: "pass_wrong" },
    /// Joins: refused because the pass named a key that this server does not have.
    pub joins_with_unknown_key: Counter = joins_refused { reason: "pass_key_unknown" },
    /// Joins: refused because the pass had run out.
    pub joins_with_expired_pass: Counter = joins_refused { reason: "pass_expired" },
    /// Joins: refused because the pass was not valid yet.
    pub joins_with_early_pass: Counter = joins_refused { reason: "pass_early" },
    /// Joins: refused unread because of too many wrong passes from the same address (`identity.failed_per_minute`).
    pub joins_after_wrong_passes: Counter = joins_refused { reason: "pass_tries" },
    /// Joins: refused because the account had as many seats as it may (`identity.account_seats_max`).
    pub joins_over_account_seats: Counter = joins_refused { reason: "account_seats" },
    /// Joins: refused because the account sat in the game already (`identity.second_device`).
    pub joins_of_second_devices: Counter = joins_refused { reason: "second_device" },
    /// Joins: refused because the player is banned; and seats that a banned one could not come back to.
    pub joins_banned: Counter = joins_refused { reason: "banned" },
    /// Joins: refused because the room had just ended, or its game panicked.
    pub joins_too_late: Counter = joins_refused { reason: "room_ended" },
    /// Requests: to the HTTP APIs that were refused, by API and reason.
    pub api_refusals: ApiRefusals,
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
    /// Seats: that the second device of an account took over from the first.
    pub seats_taken_over: Counter,
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
    /// Entities: left out because the game used their id twice in a tick.
    pub ids_doubled: Counter = game_faults { fault: "id_twice" },
    /// Events: not sent because they are longer than a client takes.
    pub events_too_long: Counter = game_faults { fault: "event_too_long" },
    /// Frames: not sent because the seat sees more than a client takes at once.
    pub frames_too_long: Counter = game_faults { fault: "frame_too_long" },
    /// Bits: of composed frames, by what they are for.
    pub traffic: TrafficOfGames,
    /// What the tick threads tell of their rooms.
    pub tick_threads: TickThreads,
}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let counters = CloseCounters::default();
        for (reason, _) in CLOSE_REASONS {
            counters.of(reason).one();
        }
        assert!(counters.0.iter().all(|counter| counter.value() == 1), "{counters:?}");
    }
}
