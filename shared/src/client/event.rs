//! What a client tells, in order.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use crate::bits::DecodeError;
use crate::game::{EntityId, Game, SeatId};
use crate::protocol;
use crate::tick::Tick;

/// Events that may wait to be polled; beyond them the oldest goes and is counted.
const EVENTS_MAX: usize = 4096;

/// What happened in a game whose types are known.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::Event;
///
/// let (mut client, ..) = playing();
/// let event = client.poll_event().unwrap();
/// assert!(matches!(event, Event::Joined { room: 1, seat: SeatId(0) }), "{event:?}");
/// let spawned = std::iter::from_fn(|| client.poll_event()).filter(|event| matches!(event, Event::Spawned(_)));
/// assert_eq!(spawned.count(), 2);
/// ```
pub enum Event<G: Game> {
    /// The client has a seat.
    Joined {
        /// The room's number.
        room: u64,
        /// The place in it.
        seat: SeatId,
    },
    /// The connection of a client that had a seat broke; it tries to come back ([`State`](super::State) tells how).
    Disconnected {
        /// The WebSocket close code; 1006 when there was none.
        code: u16,
    },
    /// The client has its seat again, and the replica goes on: what is there as before is neither despawned nor spawned.
    Resumed {
        /// Events of the game that are lost: there were too many meanwhile.
        events_lost: u32,
    },
    /// The server said no; the connection is about to close.
    Refused {
        /// For a person.
        reason: String,
    },
    /// An entity can be seen from now on.
    Spawned(EntityId),
    /// An entity is gone: destroyed, or out of sight.
    Despawned(EntityId),
    /// The game sent something.
    Game(G::Event),
    /// The newest input that a tick of the room used, and how long it took from
    /// [`Client::input`](super::Client::input) to this ack.
    Acked {
        /// The input's tick.
        tick: Tick,
        /// From the call to the ack; none when the input is no longer known.
        took: Option<Duration>,
    },
    /// The state differed from the server's; keyframes of what is wrong are asked for and the client heals.
    Desync {
        /// The frame at which it showed.
        tick: Tick,
    },
}

impl<G: Game<Event: Debug>> Debug for Event<G> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { room, seat } => f.debug_struct("Joined").field("room", room).field("seat", seat).finish(),
            Self::Disconnected { code } => f.debug_struct("Disconnected").field("code", code).finish(),
            Self::Resumed { events_lost } => f.debug_struct("Resumed").field("events_lost", events_lost).finish(),
            Self::Refused { reason } => f.debug_struct("Refused").field("reason", reason).finish(),
            Self::Spawned(id) => f.debug_tuple("Spawned").field(id).finish(),
            Self::Despawned(id) => f.debug_tuple("Despawned").field(id).finish(),
            Self::Game(event) => f.debug_tuple("Game").field(event).finish(),
            Self::Acked { tick, took } => f.debug_struct("Acked").field("tick", tick).field("took", took).finish(),
            Self::Desync { tick } => f.debug_struct("Desync").field("tick", tick).finish(),
        }
    }
}

/// The same in any game.
///
/// ```
/// use tickwire_shared::client::UntypedEvent;
/// use tickwire_shared::protocol::{decode_payload, encode_payload};
///
/// // the game's own events are bytes, which a tool that knows the type can read
/// let event = UntypedEvent::Game(encode_payload(&"clink".to_owned()));
/// let UntypedEvent::Game(bytes) = event else { unreachable!() };
/// assert_eq!(decode_payload::<String>(&bytes).as_deref(), Ok("clink"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UntypedEvent {
    /// The client has a seat.
    Joined {
        /// The room's number.
        room: u64,
        /// The place in it.
        seat: SeatId,
    },
    /// As [`Event::Disconnected`].
    Disconnected {
        /// The WebSocket close code; 1006 when there was none.
        code: u16,
    },
    /// As [`Event::Resumed`].
    Resumed {
        /// Events of the game that are lost.
        events_lost: u32,
    },
    /// The server said no; the connection is about to close.
    Refused {
        /// For a person.
        reason: String,
    },
    /// An entity can be seen from now on.
    Spawned {
        /// The entity.
        id: EntityId,
        /// Its kind's number.
        kind: u16,
    },
    /// An entity is gone: destroyed, or out of sight.
    Despawned {
        /// The entity.
        id: EntityId,
        /// Its kind's number.
        kind: u16,
    },
    /// The game sent something; in its own encoding, which the schema does not describe.
    Game(Vec<u8>),
    /// As [`Event::Acked`].
    Acked {
        /// The input's tick.
        tick: Tick,
        /// From the call to the ack; none when the input is no longer known.
        took: Option<Duration>,
    },
    /// As [`Event::Desync`].
    Desync {
        /// The frame at which it showed.
        tick: Tick,
    },
}

impl<G: Game> Event<G> {
    pub(super) fn typed(event: UntypedEvent) -> Result<Self, DecodeError> {
        Ok(match event {
            UntypedEvent::Joined { room, seat } => Self::Joined { room, seat },
            UntypedEvent::Disconnected { code } => Self::Disconnected { code },
            UntypedEvent::Resumed { events_lost } => Self::Resumed { events_lost },
            UntypedEvent::Refused { reason } => Self::Refused { reason },
            UntypedEvent::Spawned { id, .. } => Self::Spawned(id),
            UntypedEvent::Despawned { id, .. } => Self::Despawned(id),
            UntypedEvent::Game(bytes) => Self::Game(protocol::decode_payload(&bytes)?),
            UntypedEvent::Acked { tick, took } => Self::Acked { tick, took },
            UntypedEvent::Desync { tick } => Self::Desync { tick },
        })
    }
}

/// What waits to be polled.
#[derive(Debug)]
pub(super) struct Events<E> {
    /// With the tick at which it happened, if it has one.
    waiting: VecDeque<(Option<Tick>, E)>,
    dropped: u64,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), dropped: 0 }
    }
}

impl<E> Events<E> {
    pub(super) fn tell(&mut self, event: E) {
        self.tell_of(None, event);
    }

    /// An event that belongs to a tick.
    pub(super) fn tell_of(&mut self, tick: Option<Tick>, event: E) {
        if self.waiting.len() >= EVENTS_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back((tick, event));
    }

    pub(super) fn poll(&mut self) -> Option<E> {
        self.poll_with_tick().map(|(_, event)| event)
    }

    pub(super) fn poll_with_tick(&mut self) -> Option<(Option<Tick>, E)> {
        self.waiting.pop_front()
    }

    /// The next one that belongs to no tick after `drawn`.
    pub(super) fn poll_until(&mut self, drawn: Tick) -> Option<E> {
        let due = |(tick, _): &(Option<Tick>, E)| tick.is_none_or(|tick| !tick.is_after(drawn));
        let place = self.waiting.iter().position(due)?;
        self.waiting.remove(place).map(|(_, event)| event)
    }

    /// Events that nobody polled in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
