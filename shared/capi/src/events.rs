//! What happened, one thing at a time.

use std::ffi::c_char;
use std::time::Duration;

use tickwire_shared::client::UntypedEvent;

use crate::border::{self, Failure, Out, Outcome, Status};
use crate::client::{Client, Inside};

/// What happened.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// The client has a seat: `room`, `seat`.
    Joined = 1,
    /// The connection broke, and the client tries to come back: `code`.
    Disconnected = 2,
    /// It has its seat again; what was there and still is goes on: `events_lost`.
    Resumed = 3,
    /// The server said no; the reason is the payload, UTF-8 without a zero.
    Refused = 4,
    /// An entity can be seen from now on: `entity`, `entity_kind`.
    Spawned = 5,
    /// An entity is gone: `entity`, `entity_kind`.
    Despawned = 6,
    /// The game sent something: the payload, in the game's own encoding.
    Game = 7,
    /// The newest input that the server used: `tick`, `took_ns`.
    Acked = 8,
    /// The state differed from the server's, and heals: `tick`.
    Desync = 9,
}

/// What happened, and whatever belongs to it; the rest is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Of `Spawned`, `Despawned`.
    pub entity: u32,
    /// Of `Spawned`, `Despawned`: the kind's number.
    pub entity_kind: u32,
    /// Of `Acked`, `Desync`.
    pub tick: u32,
    /// Of `Acked`: from the input to its ack; -1 when nobody knows.
    pub took_ns: i64,
    /// Of `Joined`.
    pub room: u64,
    /// Of `Joined`.
    pub seat: u32,
    /// Of `Disconnected`: the WebSocket's close code, 1006 when there was none.
    pub code: u32,
    /// Of `Resumed`: events of the game that are lost, because there were too many.
    pub events_lost: u32,
    /// Bytes of payload.
    pub payload_bytes: usize,
}

/// The next thing that happened; `TICKWIRE_STATUS_NOTHING` when there is none. Its payload goes to `payload`. When that has no
/// room for it (`TICKWIRE_STATUS_ERROR_SHORT`) `event->payload_bytes` tells how much it takes, and the event waits. At most 4,096
/// wait; beyond them the oldest goes.
///
/// # Safety
/// `client` is NULL or a client; `event` is NULL or a place for one; `payload` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_poll_event(
    client: *mut Client,
    event: *mut Event,
    payload: *mut u8,
    capacity: usize,
) -> Status {
    // SAFETY: the caller's promises
    let next = |inside: &mut Inside| unsafe {
        let waits = inside.event.take().or_else(|| inside.client.poll_event());
        give(inside, waits, event, (payload, capacity))
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, next) }
}

/// As `tickwire_poll_event`, but what happened in the game waits until `tickwire_sample` at `now_ns` draws its tick: a bang
/// is heard when the ship is seen to burst. Use the one or the other.
///
/// # Safety
/// As `tickwire_poll_event`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_poll_event_at(
    client: *mut Client,
    now_ns: u64,
    event: *mut Event,
    payload: *mut u8,
    capacity: usize,
) -> Status {
    // SAFETY: the caller's promises
    let next = |inside: &mut Inside| unsafe {
        let waits = inside.event.take().or_else(|| inside.client.poll_event_at(Duration::from_nanos(now_ns)));
        give(inside, waits, event, (payload, capacity))
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, next) }
}

/// The next word from whoever runs the server, to be shown to the player; `TICKWIRE_STATUS_NOTHING` when there is none.
/// As much of it as there is room for, and a zero, go to `text`. `*ends_in_s`, which may be NULL, is in how many seconds
/// the connection ends, or -1. The last 16 wait.
///
/// # Safety
/// `client` is NULL or a client; `text` has room for `capacity` bytes or is NULL; `ends_in_s` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_poll_notice(
    client: *mut Client,
    text: *mut c_char,
    capacity: usize,
    ends_in_s: *mut i64,
) -> Status {
    let next = |inside: &mut Inside| {
        let Some(notice) = inside.client.poll_notice() else { return Ok(Status::Nothing) };
        let seconds = notice.ends_in.map_or(-1, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        // SAFETY: the caller's promises
        unsafe {
            border::put_text(&notice.text, text, capacity);
            if ends_in_s.is_null() { Ok(Status::Ok) } else { border::put(ends_in_s, seconds, "the seconds") }
        }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, next) }
}

/// # Safety
/// As `tickwire_poll_event`.
unsafe fn give(
    inside: &mut Inside,
    waits: Option<UntypedEvent>,
    event: *mut Event,
    (payload, capacity): (*mut u8, usize),
) -> Outcome {
    let Some(next) = waits else { return Ok(Status::Nothing) };
    let (told, bytes) = describe(&next);
    // SAFETY: the caller's promises
    let given = unsafe {
        border::put(event, told, "the event").and_then(|_| {
            let mut out = Out::new(payload, capacity, "the payload's buffer")?;
            if !out.has_room(bytes.len()) {
                let text = format!("the payload takes {} bytes, there is room for {capacity}", bytes.len());
                return Err(Failure::new(Status::ErrorShort, text));
            }
            out.extend(bytes);
            Ok(Status::Ok)
        })
    };
    if given.is_err() {
        inside.event = Some(next);
    }
    given
}

fn describe(event: &UntypedEvent) -> (Event, &[u8]) {
    let mut told = Event {
        kind: EventKind::Game,
        entity: 0,
        entity_kind: 0,
        tick: 0,
        took_ns: 0,
        room: 0,
        seat: 0,
        code: 0,
        events_lost: 0,
        payload_bytes: 0,
    };
    let mut payload: &[u8] = &[];
    told.kind = match event {
        UntypedEvent::Joined { room, seat } => {
            (told.room, told.seat) = (*room, seat.0.into());
            EventKind::Joined
        }
        UntypedEvent::Disconnected { code } => {
            told.code = (*code).into();
            EventKind::Disconnected
        }
        UntypedEvent::Resumed { events_lost } => {
            told.events_lost = *events_lost;
            EventKind::Resumed
        }
        UntypedEvent::Refused { reason } => {
            payload = reason.as_bytes();
            EventKind::Refused
        }
        UntypedEvent::Spawned { id, kind } => {
            (told.entity, told.entity_kind) = (id.0, (*kind).into());
            EventKind::Spawned
        }
        UntypedEvent::Despawned { id, kind } => {
            (told.entity, told.entity_kind) = (id.0, (*kind).into());
            EventKind::Despawned
        }
        UntypedEvent::Game(bytes) => {
            payload = bytes;
            EventKind::Game
        }
        UntypedEvent::Acked { tick, took } => {
            let took_ns = took.map_or(-1, |took| i64::try_from(took.as_nanos()).unwrap_or(i64::MAX));
            (told.tick, told.took_ns) = (tick.0, took_ns);
            EventKind::Acked
        }
        UntypedEvent::Desync { tick } => {
            told.tick = tick.0;
            EventKind::Desync
        }
    };
    told.payload_bytes = payload.len();
    (told, payload)
}
