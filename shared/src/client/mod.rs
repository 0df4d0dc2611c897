//! The client, sans IO: it takes messages and the time, gives messages and events.
//!
//! ```text
//!  transport -- handle_message(now, bytes) -->  Client  -- poll_transmit() --> transport
//!  game      -- input(now, &input) --------->          -- poll_event(), sample(now) --> game
//! ```
//! `now` is the time since any moment that the caller chose; it never goes back.

mod clock;
mod inputs;
mod stats;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use thiserror::Error;

pub use stats::Stats;

use crate::bits::DecodeError;
use crate::delta::{KindLayout, Layout, LayoutError};
use crate::game::{EntityId, Game, Profile, SeatId};
use crate::protocol::frame::{self, Frame, InputAck};
use crate::protocol::input::ViewLag;
use crate::protocol::limits::{INPUT_LANES_MAX, REPORT_CHANNELS_MAX};
use crate::protocol::{self, ClientMessage, ServerMessage};
use crate::replica::{Change, Replica};
use crate::schema::{Replicate, Schema, World};
use crate::tick::{Tick, TickRate};
use clock::{Arrival, Clock};
use inputs::{Inputs, Sent};

/// How often a client asks for the round-trip time.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How often a client that heals asks for keyframes: the server may have lost the question.
const RESYNC_INTERVAL: Duration = Duration::from_secs(1);
/// So often the server is told which channels may be wrong, before keyframes of all are asked for.
const REPORTS_MAX: u32 = 2;
/// Events that may wait to be polled; beyond them the oldest goes and is counted.
const EVENTS_MAX: usize = 4096;

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

/// What happened, in order.
pub enum Event<G: Game> {
    /// The client has a seat.
    Joined {
        /// The room's number.
        room: u64,
        /// The place in it.
        seat: SeatId,
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
    /// The newest input that a tick of the room used, and how long it took from [`Client::input`] to this ack.
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

/// What became of a mismatch.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    told_at: Duration,
    told: u32,
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
    /// The game's own description cannot be worked with.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl ClientError {
    /// The close code's reason for this error.
    #[must_use]
    pub fn close_reason(&self) -> protocol::close::CloseReason {
        match self {
            Self::Decode(_) => protocol::close::CloseReason::InvalidData,
            Self::Unexpected(_) | Self::Layout(_) => protocol::close::CloseReason::ProtocolError,
        }
    }
}

/// One player's end of a session. Make one for each connection.
///
/// Methods come in four families: `handle_*` (the transport tells what happened), verbs (what the player wants),
/// `poll_*` (what the caller must do now: call them after every other call, until they give nothing), getters.
pub struct Client<G: Game> {
    state: State,
    fingerprint: u64,
    input_layout: KindLayout,
    replica: Replica,
    clock: Clock,
    inputs: Inputs,
    frame: Frame,
    /// When keyframes were last asked for, while what is held is wrong: frames that build on it are not applied; one
    /// with `reset` ends this.
    healing: Option<Duration>,
    /// A frame's hash was not that of the state; the server was told, and heals what is wrong.
    doubt: Option<Doubt>,
    last_ping: Option<Duration>,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<Event<G>>,
    stats: Stats,
    game: PhantomData<fn(G)>,
}

impl<G: Game> Client<G> {
    /// A client that asks for a seat under `profile`; its first messages wait in [`Client::poll_transmit`].
    ///
    /// # Errors
    /// The game's own kinds are impossible: see [`LayoutError`].
    pub fn new(profile: Profile) -> Result<Self, LayoutError> {
        const { assert!(G::Input::LANES <= INPUT_LANES_MAX, "a game's input has at most 8 lanes") };
        let schema = Schema::of::<G>();
        let fingerprint = schema.fingerprint();
        let mut client = Self {
            state: State::Joining,
            fingerprint,
            input_layout: KindLayout::new(&schema.input)?,
            replica: Replica::new(Layout::new(&schema)?),
            clock: Clock::new(TickRate::default(), Tick(0)),
            inputs: Inputs::default(),
            frame: Frame::default(),
            healing: None,
            doubt: None,
            last_ping: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            game: PhantomData,
        };
        let game = G::NAME.to_owned();
        client.transmit(ClientMessage::Hello { protocol: protocol::VERSION, game, fingerprint }.encode());
        client.transmit(ClientMessage::Join { name: profile.name }.encode());
        Ok(client)
    }

    /// A whole binary message arrived.
    ///
    /// # Errors
    /// The server broke the protocol: close the connection.
    pub fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        self.stats.bytes_in += message.len() as u64;
        if frame::is_frame(message) {
            return self.handle_frame(now, message);
        }
        let message = ServerMessage::decode(message)?;
        if matches!(self.state, State::Ended(_)) {
            // what was under way when it ended
            return Ok(());
        }
        match message {
            ServerMessage::Welcome { fingerprint, .. } => self.handle_welcome(fingerprint),
            ServerMessage::Joined { room, seat, tick, rate_hz } => {
                return self.handle_joined(room, SeatId(seat), tick, TickRate::hz(rate_hz));
            }
            ServerMessage::Refused { reason } => self.end(reason),
            ServerMessage::Pong { stamp_ms } => {
                let rtt_ms = (now.as_millis() as u32).wrapping_sub(stamp_ms);
                self.stats.rtt = Some(Duration::from_millis(rtt_ms.into()));
            }
        }
        Ok(())
    }

    /// What the player wants now. Call it as often as you like, each frame or each tick: at most one input leaves for
    /// each tick, and none while the server is silent. Tells whether one left. Also keeps the connection's pings going.
    ///
    /// The server is told that the player saw what [`Client::sample`] gives at `now`, for
    /// [`Step::rewind`](crate::game::Step::rewind).
    pub fn input(&mut self, now: Duration, input: &G::Input) -> bool {
        if !matches!(self.state, State::Playing { .. }) || self.replica.tick().is_none() {
            return false;
        }
        self.ping(now);
        self.heal(now);
        let Some(tick) = self.clock.input_tick(now).filter(|tick| self.inputs.is_new(*tick)) else { return false };
        let mut lanes = [0; INPUT_LANES_MAX];
        input.to_lanes(&mut lanes[..G::Input::LANES]);
        self.inputs.add(Sent { tick, left: now, lead_s: self.clock.lead_s(), lanes });
        let (inputs, count) = self.inputs.message();
        let mut message = Vec::with_capacity(16);
        protocol::input::encode(&self.input_layout, tick, self.view_lag(now, tick), &inputs[..count], &mut message);
        self.transmit(message);
        true
    }

    /// Sends a command to the game.
    pub fn command(&mut self, command: &G::Command) {
        if matches!(self.state, State::Playing { .. }) {
            self.transmit(ClientMessage::Command(protocol::encode_payload(command)).encode());
        }
    }

    /// Gives the seat back; the server closes the connection.
    pub fn leave(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            self.transmit(ClientMessage::Leave.encode());
            self.state = State::Ended("left the room".to_owned());
        }
    }

    /// The next message for the transport.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// The next thing that happened. At most 4,096 wait; beyond them the oldest goes and [`Stats::events_dropped`] counts.
    pub fn poll_event(&mut self) -> Option<Event<G>> {
        self.events.pop_front()
    }

    /// Where the client is on its way.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The seat, while playing.
    #[must_use]
    pub fn seat(&self) -> Option<SeatId> {
        if let State::Playing { seat, .. } = self.state { Some(seat) } else { None }
    }

    /// The entities that belong to the seat.
    pub fn owned(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.replica.owned()
    }

    /// The tick of the newest state; none before the first frame.
    #[must_use]
    pub fn tick(&self) -> Option<Tick> {
        self.replica.tick()
    }

    /// Time from tick to tick.
    #[must_use]
    pub fn tick_interval(&self) -> Duration {
        self.clock.interval()
    }

    /// One entity as the server last told it.
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<G::World> {
        let (kind, row) = self.replica.newest(id)?;
        G::World::from_lanes(kind, row)
    }

    /// Everything as the server last told it; for bots and rules. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, G::World)> + '_ {
        self.replica
            .newest_all()
            .filter_map(|(id, kind, row)| G::World::from_lanes(kind, row).map(|entity| (id, entity)))
    }

    /// Everything as it is to be drawn at `now`: a little in the past, moving smoothly. In no particular order.
    pub fn sample(&self, now: Duration) -> impl Iterator<Item = (EntityId, G::World)> + '_ {
        self.replica.at(self.clock.origin(), self.clock.drawn(now)).filter_map(|between| {
            let entity = G::World::from_lanes_between(between.kind, between.earlier, between.later, between.t);
            entity.map(|entity| (between.id, entity))
        })
    }

    /// The low half of the hash over all that the client holds; the same as the server's for this tick.
    #[must_use]
    pub fn state_hash(&self) -> u32 {
        self.replica.hash() as u32
    }

    /// Counters and estimates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { jitter: Duration::from_secs_f64(self.clock.deviation_s()), ..self.stats }
    }

    /// How far what is drawn lies before `tick`. Later than the newest state nothing is drawn.
    fn view_lag(&self, now: Duration, tick: Tick) -> ViewLag {
        let (origin, drawn) = (self.clock.origin(), self.clock.drawn(now));
        let newest = self.replica.tick().map_or(drawn, |newest| f64::from(newest.since(origin)));
        ViewLag::of_ticks(f64::from(tick.since(origin)) - drawn.min(newest))
    }

    fn handle_welcome(&mut self, fingerprint: u64) {
        if fingerprint != self.fingerprint {
            // the join is under way already
            self.transmit(ClientMessage::Leave.encode());
            self.end(format!("the server runs another version of {}: update or reload the client", G::NAME));
        }
    }

    fn handle_joined(&mut self, room: u64, seat: SeatId, tick: Tick, rate: TickRate) -> Result<(), ClientError> {
        if self.state != State::Joining {
            return Err(ClientError::Unexpected("joined"));
        }
        self.state = State::Playing { room, seat };
        self.clock = Clock::new(rate, tick);
        self.tell(Event::Joined { room, seat });
        Ok(())
    }

    fn handle_frame(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        match self.state {
            State::Playing { .. } => {}
            State::Joining => return Err(ClientError::Unexpected("frame before a seat")),
            // frames that were under way when the client left
            State::Ended(_) => return Ok(()),
        }
        self.frame.parse(message)?;
        let head = self.frame.head;
        if self.replica.tick().is_some_and(|last| !head.tick.is_after(last)) {
            return Err(ClientError::Unexpected("frame of an older tick"));
        }
        if self.clock.arrived(now, head.tick) == Arrival::Restarted {
            self.inputs.restart();
        }
        if head.reset {
            self.healing = None;
            self.doubt = None;
        }
        self.heal(now);
        if self.healing.is_none() {
            self.apply_frame(now, message);
        }
        if let Some(ack) = head.ack {
            self.handle_ack(now, ack);
        }
        for i in 0..self.frame.events.len() {
            let event = protocol::decode_payload(&message[self.frame.events[i].clone()])?;
            self.tell(Event::Game(event));
        }
        Ok(())
    }

    /// The server says an ack once, but a frame may repeat it; it counts once.
    fn handle_ack(&mut self, now: Duration, ack: InputAck) {
        let Some(sent) = self.inputs.acked(ack.tick) else { return };
        if let Some(sent) = sent {
            self.clock.margin(sent.lead_s, ack.margin_100us);
        }
        let took = sent.map(|sent| now.saturating_sub(sent.left));
        self.stats.input_to_ack = took.or(self.stats.input_to_ack);
        self.tell(Event::Acked { tick: ack.tick, took });
    }

    fn apply_frame(&mut self, now: Duration, message: &[u8]) {
        let head = self.frame.head;
        // on an ordered stream a contradiction is somebody's bug, and keyframes heal it all the same
        if self.replica.apply(&self.frame, message).is_err() {
            self.wrong(head.tick);
            return self.resync(now);
        }
        self.stats.frames += 1;
        for i in 0..self.replica.changes().len() {
            self.tell(match self.replica.changes()[i] {
                Change::Spawned(id) => Event::Spawned(id),
                Change::Despawned(id) => Event::Despawned(id),
            });
        }
        self.replica.forget_before(self.clock.origin(), self.clock.drawn(now));
        if let Some(hash) = head.hash {
            self.stats.hashes_checked += 1;
            if hash == self.state_hash() {
                self.doubt = None;
            } else {
                self.doubt(now, head.tick);
            }
        }
    }

    fn wrong(&mut self, tick: Tick) {
        self.stats.desyncs += 1;
        self.tell(Event::Desync { tick });
    }

    /// The state of `tick` is wrong somewhere. The server finds out where by the channels' hashes and sends keyframes of
    /// those; all else goes on. When that does not help, keyframes of all do.
    fn doubt(&mut self, now: Duration, tick: Tick) {
        let told = match self.doubt {
            None => {
                self.wrong(tick);
                0
            }
            Some(doubt) if now.saturating_sub(doubt.told_at) < RESYNC_INTERVAL => return,
            Some(doubt) => doubt.told,
        };
        let mut hashes: Vec<(u16, u32)> = self.replica.channel_hashes().collect();
        if told >= REPORTS_MAX || hashes.len() > REPORT_CHANNELS_MAX {
            return self.resync(now);
        }
        hashes.sort_unstable();
        self.doubt = Some(Doubt { told_at: now, told: told + 1 });
        self.transmit(ClientMessage::Desync { tick, hashes }.encode());
    }

    /// Nothing is sure any more.
    fn resync(&mut self, now: Duration) {
        self.healing = Some(now);
        self.transmit(ClientMessage::Resync.encode());
    }

    /// Asks for keyframes again.
    fn heal(&mut self, now: Duration) {
        if self.healing.is_some_and(|asked| now.saturating_sub(asked) >= RESYNC_INTERVAL) {
            self.resync(now);
        }
    }

    fn ping(&mut self, now: Duration) {
        if self.last_ping.is_none_or(|last| now.saturating_sub(last) >= PING_INTERVAL) {
            self.last_ping = Some(now);
            self.transmit(ClientMessage::Ping { stamp_ms: now.as_millis() as u32 }.encode());
        }
    }

    fn end(&mut self, reason: String) {
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Ended(reason.clone());
            self.tell(Event::Refused { reason });
        }
    }

    fn tell(&mut self, event: Event<G>) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    fn transmit(&mut self, message: Vec<u8>) {
        self.stats.bytes_out += message.len() as u64;
        self.transmits.push_back(message);
    }
}
