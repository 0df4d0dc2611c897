//! The client, sans IO: it takes messages and the time, gives messages and events.
//!
//! ```text
//!  transport -- handle_message(now, bytes) -->  Client  -- poll_transmit() --> transport
//!  game      -- input(now, &input) --------->          -- poll_event(), sample(now) --> game
//! ```
//! `now` is the time since any moment that the caller chose; it never goes back.
//!
//! [`Client`] speaks the types of one game. Below it is [`UntypedClient`], which speaks rows of lanes and bytes of any
//! game, known beforehand or not: for browsers, engines and tools.

mod clock;
mod event;
mod inputs;
mod stats;
mod untyped;

use std::time::Duration;

use thiserror::Error;

pub use event::{Event, UntypedEvent};
pub use stats::Stats;
pub use untyped::{InputError, UntypedClient};

use crate::bits::DecodeError;
use crate::delta::LayoutError;
use crate::game::{EntityId, Game, Profile, SeatId};
use crate::protocol::limits::INPUT_LANES_MAX;
use crate::protocol::{self, close::CloseReason};
use crate::schema::{Replicate, Schema, World};
use crate::tick::Tick;
use event::Events;

/// Where a client is on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Hello and join are on their way.
    Joining,
    /// In a room.
    Playing {
        /// The room's number.
        room: u64,
        /// The place in it.
        seat: SeatId,
    },
    /// The server said no, or the client left; the reason is for a person.
    Ended(String),
}

/// Why a message could not be taken. The transport should close, with the code that
/// [`ClientError::close_reason`] names.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ClientError {
    /// The bytes are wrong.
    #[error("the server's message is wrong: {0}")]
    Decode(#[from] DecodeError),
    /// A message that does not belong here.
    #[error("the server sent a {0} that does not belong here")]
    Unexpected(&'static str),
    /// The game's description cannot be worked with: its own, or the server's.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl ClientError {
    /// The close code's reason for this error.
    #[must_use]
    pub fn close_reason(&self) -> CloseReason {
        match self {
            Self::Decode(_) => CloseReason::InvalidData,
            Self::Unexpected(_) | Self::Layout(_) => CloseReason::ProtocolError,
        }
    }
}

/// One player's end of a session, in the game's own types. Make one for each connection.
///
/// Methods come in four families: `handle_*` (the transport tells what happened), verbs (what the player wants),
/// `poll_*` (what the caller must do now: call them after every other call, until they give nothing), getters.
pub struct Client<G: Game> {
    untyped: UntypedClient,
    events: Events<Event<G>>,
}

impl<G: Game> Client<G> {
    /// A client that asks for a seat under `profile`; its first messages wait in [`Client::poll_transmit`].
    ///
    /// # Errors
    /// The game's own kinds are impossible: see [`LayoutError`].
    pub fn new(profile: Profile) -> Result<Self, LayoutError> {
        const { assert!(G::Input::LANES <= INPUT_LANES_MAX, "a game's input has at most 8 lanes") };
        Ok(Self { untyped: UntypedClient::new(Schema::of::<G>(), profile)?, events: Events::default() })
    }

    /// A whole binary message arrived.
    ///
    /// # Errors
    /// The server broke the protocol: close the connection.
    pub fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        let handled = self.untyped.handle_message(now, message);
        while let Some(event) = self.untyped.poll_event() {
            self.events.tell(Event::typed(event)?);
        }
        handled
    }

    /// What the player wants now. Call it as often as you like, each frame or each tick: at most one input leaves for
    /// each tick, and none while the server is silent. Tells whether one left. Also keeps the connection's pings going.
    ///
    /// The server is told that the player saw what [`Client::sample`] gives at `now`, for
    /// [`Step::rewind`](crate::game::Step::rewind).
    pub fn input(&mut self, now: Duration, input: &G::Input) -> bool {
        self.untyped.input_with(now, |lanes| input.to_lanes(&mut lanes[..G::Input::LANES]))
    }

    /// Sends a command to the game.
    pub fn command(&mut self, command: &G::Command) {
        if self.seat().is_some() {
            self.untyped.command(protocol::encode_payload(command));
        }
    }

    /// Gives the seat back; the server closes the connection.
    pub fn leave(&mut self) {
        self.untyped.leave();
    }

    /// The next message for the transport.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.untyped.poll_transmit()
    }

    /// The next thing that happened. At most 4,096 wait; beyond them the oldest goes and [`Stats::events_dropped`] counts.
    pub fn poll_event(&mut self) -> Option<Event<G>> {
        self.events.poll()
    }

    /// Where the client is on its way.
    #[must_use]
    pub fn state(&self) -> &State {
        self.untyped.state()
    }

    /// The seat, while playing.
    #[must_use]
    pub fn seat(&self) -> Option<SeatId> {
        self.untyped.seat()
    }

    /// The entities that belong to the seat.
    pub fn owned(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.untyped.owned()
    }

    /// The tick of the newest state; none before the first frame.
    #[must_use]
    pub fn tick(&self) -> Option<Tick> {
        self.untyped.tick()
    }

    /// Time from tick to tick.
    #[must_use]
    pub fn tick_interval(&self) -> Duration {
        self.untyped.tick_interval()
    }

    /// One entity as the server last told it.
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<G::World> {
        let (kind, row) = self.untyped.newest(id)?;
        G::World::from_lanes(kind, row)
    }

    /// Everything as the server last told it; for bots and rules. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, G::World)> + '_ {
        self.untyped
            .newest_all()
            .filter_map(|(id, kind, row)| G::World::from_lanes(kind, row).map(|entity| (id, entity)))
    }

    /// Everything as it is to be drawn at `now`: a little in the past, moving smoothly. In no particular order.
    pub fn sample(&self, now: Duration) -> impl Iterator<Item = (EntityId, G::World)> + '_ {
        self.untyped.sample(now).filter_map(|between| {
            let entity = G::World::from_lanes_between(between.kind, between.earlier, between.later, between.t);
            entity.map(|entity| (between.id, entity))
        })
    }

    /// The moment that [`Client::sample`] draws at `now`: a tick and the part of the next one. When it lies beyond
    /// [`Client::tick`] the next state is missing, and things are only thought to have gone on.
    #[must_use]
    pub fn drawn(&self, now: Duration) -> (Tick, f32) {
        let moment = self.clock.drawn(now);
        (self.clock.origin().offset(moment.floor() as i32), moment.fract() as f32)
    }

    /// The low half of the hash over all that the client holds; the same as the server's for this tick.
    #[must_use]
    pub fn state_hash(&self) -> u32 {
        self.untyped.state_hash()
    }

    /// Counters and estimates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.untyped.stats();
        Stats { events_dropped: stats.events_dropped + self.events.dropped(), ..stats }
    }

    /// The same client in lanes and bytes. Its events are taken by [`Client::poll_event`].
    #[must_use]
    pub fn untyped(&self) -> &UntypedClient {
        &self.untyped
    }
}
