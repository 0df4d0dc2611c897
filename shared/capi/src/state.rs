//! Where the client is on its way, and what it measures.

use std::ffi::c_char;
use std::time::Duration;

use tickwire_shared::client;

use crate::TICKWIRE_NONE;
use crate::border::{self, Status};
use crate::client::{Client, Inside};

/// Where a client is on its way.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// There is no client, or it met a bug.
    None = 0,
    /// Neither a connection nor a seat yet: the last try failed, and another one follows.
    Connecting = 1,
    /// It asks for a seat.
    Joining = 2,
    /// In a room.
    Playing = 3,
    /// The connection broke; the server holds the seat for a while, and the client tries to come back to it.
    Resuming = 4,
    /// The server said no: `tickwire_reason`.
    Refused = 5,
    /// It left, or the connection is over for good: `tickwire_reason`.
    Closed = 6,
}

/// All that is to be known about the session itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Where it is.
    pub state: State,
    /// The seat, or `TICKWIRE_NONE`. It stays while the client comes back.
    pub seat: u32,
    /// The room's number; 0 while not playing.
    pub room: u64,
    /// Whether the schema is known, so that kinds and fields can be asked for.
    pub has_schema: bool,
    /// Whether there is a state, so that `tick` means something.
    pub has_tick: bool,
    /// The tick of the newest state.
    pub tick: u32,
    /// From tick to tick.
    pub tick_interval_ns: u64,
    /// The low half of the hash over all that the client holds: the same as the server's for this tick.
    pub state_hash: u32,
    /// Entities that the client holds.
    pub entities: u32,
    /// While connecting or resuming: which try that is or will be, from 1.
    pub attempt: u32,
    /// While connecting or resuming: when the next try is due; 0 while one is under way.
    pub next_try_ns: u64,
}

/// What the client measures; times in nanoseconds, -1 while unknown.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// From a ping to its pong.
    pub rtt_ns: i64,
    /// From an input to the frame that acked it.
    pub input_to_ack_ns: i64,
    /// Mean deviation of the time from frame to frame.
    pub jitter_ns: i64,
    /// How far behind the arriving ticks things are drawn: the buffer against jitter.
    pub interpolation_delay_ns: i64,
    /// For how long in all the buffer was empty.
    pub underrun_ns: i64,
    /// How often that was so.
    pub underruns: u64,
    /// Frames applied.
    pub frames: u64,
    /// Bytes of messages received.
    pub bytes_in: u64,
    /// Bytes of messages sent.
    pub bytes_out: u64,
    /// State hashes compared with the server's.
    pub hashes_checked: u64,
    /// State hashes that differed.
    pub desyncs: u64,
    /// Events that nobody polled in time.
    pub events_dropped: u64,
    /// How early inputs are at the server in the mean, in milliseconds; negative when they come too late.
    pub margin_ms: f32,
    /// How early they are meant to be.
    pub margin_wanted_ms: f32,
}

/// Where the client is on its way.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_client_state(client: *mut Client) -> State {
    let mut state = State::None;
    let read = |inside: &mut Inside| {
        state = state_of(inside);
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, read) };
    state
}

/// Why it is over, or, while it connects or comes back, what went wrong last; in words. Copies as much as there is room
/// for, and a zero, and gives the bytes that all of it takes, with the zero; 1 when nothing went wrong.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_reason(client: *mut Client, buffer: *mut c_char, capacity: usize) -> usize {
    let reason = |inside: &mut Inside| {
        Ok(match inside.client.state() {
            client::State::Refused { reason } | client::State::Closed { reason } => reason.clone(),
            client::State::Connecting { .. } | client::State::Resuming { .. } => inside.lost.clone(),
            client::State::Joining | client::State::Playing { .. } => String::new(),
        })
    };
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), reason) }
}

/// What others join this room by, as the wish {"code": ...}; empty where it has no code. Copies as much as there is room
/// for, and a zero, and gives the bytes that all of it takes, with the zero.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_room_code(client: *mut Client, buffer: *mut c_char, capacity: usize) -> usize {
    let code = |inside: &mut Inside| Ok(inside.client.code().unwrap_or_default().to_owned());
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), code) }
}

/// Tells about the session.
///
/// # Safety
/// `client` is NULL or a client; `session` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_session_read(client: *mut Client, session: *mut Session) -> Status {
    let read = |inside: &mut Inside| {
        let of = &inside.client;
        let (attempt, next_try) = match of.state() {
            client::State::Connecting { attempt, next_try } | client::State::Resuming { attempt, next_try } => {
                (*attempt, *next_try)
            }
            _ => (0, None),
        };
        let told = Session {
            state: state_of(inside),
            seat: of.seat().map_or(TICKWIRE_NONE, |seat| seat.0.into()),
            room: if let client::State::Playing { room, .. } = of.state() { *room } else { 0 },
            has_schema: of.schema().is_some(),
            has_tick: of.tick().is_some(),
            tick: of.tick().map_or(0, |tick| tick.0),
            tick_interval_ns: nanoseconds(of.tick_interval()) as u64,
            state_hash: of.state_hash(),
            entities: of.newest_all().count() as u32,
            attempt,
            next_try_ns: next_try.map_or(0, |at| nanoseconds(at) as u64),
        };
        // SAFETY: the caller's promise
        unsafe { border::put(session, told, "the session") }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, read) }
}

/// Tells what the client measures.
///
/// # Safety
/// `client` is NULL or a client; `stats` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_stats_read(client: *mut Client, stats: *mut Stats) -> Status {
    let read = |inside: &mut Inside| {
        let of = inside.client.stats();
        let told = Stats {
            rtt_ns: of.rtt.map_or(-1, nanoseconds),
            input_to_ack_ns: of.input_to_ack.map_or(-1, nanoseconds),
            jitter_ns: nanoseconds(of.jitter),
            interpolation_delay_ns: nanoseconds(of.interpolation_delay),
            underrun_ns: nanoseconds(of.underrun),
            underruns: of.underruns,
            frames: of.frames,
            bytes_in: of.bytes_in,
            bytes_out: of.bytes_out,
            hashes_checked: of.hashes_checked,
            desyncs: of.desyncs,
            events_dropped: of.events_dropped,
            margin_ms: of.margin_ms,
            margin_wanted_ms: of.margin_wanted_ms,
        };
        // SAFETY: the caller's promise
        unsafe { border::put(stats, told, "the stats") }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, read) }
}

fn state_of(inside: &Inside) -> State {
    match inside.client.state() {
        client::State::Connecting { .. } => State::Connecting,
        client::State::Joining => State::Joining,
        client::State::Playing { .. } => State::Playing,
        client::State::Resuming { .. } => State::Resuming,
        client::State::Refused { .. } => State::Refused,
        client::State::Closed { .. } => State::Closed,
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
