//! The client of any game: rows of lanes and bytes instead of the game's types.

mod headless;
mod healing;
mod returns;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::clock::{Arrival, Clock};
use super::event::{Events, UntypedEvent};
use super::inputs::{Inputs, Sent};
use super::interpolation::{Interpolation, Motion};
use super::prediction::Moment;
use super::reconnect::Reconnect;
use super::{ClientError, Notice, State, Stats};
#[cfg(not(target_family = "wasm"))]
use crate::delta::StatePool;
use crate::delta::{KindLayout, Layout, LayoutError};
use crate::game::{EntityId, SeatId};
use crate::protocol::frame::{self, Frame, InputAck};
use crate::protocol::input::{HeardAge, InputLanes, Told, ViewLag};
use crate::protocol::limits::INPUT_LANES_MAX;
use crate::protocol::{self, ClientMessage, JoinRequest, ResumeToken, ServerMessage};
use crate::replica::{Between, Change, Replica};
use crate::schema::Schema;
use crate::tick::{Tick, TickRate};
use healing::Doubt;

/// How often a client asks for the round-trip time.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Notices that wait to be polled; the oldest goes.
const NOTICES_MAX: usize = 16;

/// Lanes that are no input of the game.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, std::time::Duration, tickwire_shared::{*, client::*}};
/// let mut client = UntypedClient::new(Schema::of::<Coins>(), Profile::default())?;
/// assert_eq!(client.input(Duration::ZERO, &[1]), Err(InputError { given: 1, of: 2 }));
/// # Ok::<(), delta::LayoutError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the input's lanes are not of the game's schema: {given} lanes were given, it has {of}, each with its range")]
pub struct InputError {
    /// Lanes that were given.
    pub given: usize,
    /// Lanes that the game's input has.
    pub of: usize,
}

/// One player's end of a session in any game; it may outlive its connection ([`UntypedClient::returning`]).
///
/// Either the game's schema is known beforehand, as to [`Client`](super::Client), and a server with another one is
/// refused. Or only the game's name is, and the server sends the schema: until then there is nothing to see, and
/// [`UntypedClient::schema`] is none. What lanes mean is said by the schema.
///
/// Methods come in the families of [`Client`](super::Client).
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::{Interpolation, UntypedClient};
///
/// let mut client = UntypedClient::new(Schema::of::<Coins>(), Profile::default())?; // or of_game, by its name alone
/// client.interpolate(Interpolation::Hermite);
/// let mut off = Vec::new();
/// for between in client.sample(Duration::ZERO) {
///     client.off(&between, &mut off); // between.earlier, between.later and between.t, and off that line
/// }
/// assert!(client.input(Duration::ZERO, &[9, 9]).is_err(), "-1 to 1 are lanes 0 to 2");
/// assert!(client.poll_event().is_none() && client.seat().is_none() && client.owned().next().is_none());
/// client.leave();
/// assert!(client.state().ended().is_some() && client.poll_transmit().is_some());
/// # Ok::<(), delta::LayoutError>(())
/// ```
#[derive(Debug)]
pub struct UntypedClient {
    state: State,
    request: JoinRequest,
    /// Room and seat, once there is one.
    seat: Option<(u64, SeatId)>,
    /// None for one that does not come back.
    reconnect: Option<Reconnect>,
    /// Leads back to the seat.
    token: Option<ResumeToken>,
    /// Leads others to the room.
    code: Option<String>,
    /// Events of the game since joining; wraps.
    events_had: u32,
    /// Commands that wait for a connection.
    kept: VecDeque<Vec<u8>>,
    game: String,
    /// None until the server has sent it.
    schema: Option<Arc<Schema>>,
    fingerprint: u64,
    input_layout: KindLayout,
    replica: Replica,
    #[cfg(not(target_family = "wasm"))]
    pool: Option<StatePool>,
    motion: Motion,
    interpolation: Interpolation,
    clock: Clock,
    inputs: Inputs,
    frame: Frame,
    /// The newest frame that was taken, whether or not it could be applied.
    heard: Option<Tick>,
    /// When keyframes were last asked for, while what is held is wrong: frames that build on it are not applied; one
    /// with `reset` ends this.
    healing: Option<Duration>,
    /// A frame's hash was not that of the state; the server was told, and heals what is wrong.
    doubt: Option<Doubt>,
    last_ping: Option<Duration>,
    transmits: VecDeque<Vec<u8>>,
    events: Events<UntypedEvent>,
    notices: VecDeque<Notice>,
    stats: Stats,
}

impl UntypedClient {
    /// A client that asks for a seat in the game of this schema; its first messages wait in
    /// [`UntypedClient::poll_transmit`].
    ///
    /// # Errors
    /// The schema is impossible: see [`LayoutError`].
    pub fn new(schema: impl Into<Arc<Schema>>, request: impl Into<JoinRequest>) -> Result<Self, LayoutError> {
        let schema = schema.into();
        let mut client = Self::awaiting(schema.game.clone(), request.into());
        client.learn(schema.fingerprint(), schema)?;
        client.ask_for_a_seat();
        Ok(client)
    }

    /// As [`Client::back_to`](super::Client::back_to), in the game of this schema.
    ///
    /// # Errors
    /// The schema is impossible: see [`LayoutError`].
    pub fn back_to(schema: impl Into<Arc<Schema>>, token: ResumeToken) -> Result<Self, LayoutError> {
        let schema = schema.into();
        let mut client = Self::awaiting(schema.game.clone(), JoinRequest::default());
        client.learn(schema.fingerprint(), schema)?;
        client.token = Some(token);
        client.handle_connected();
        Ok(client)
    }

    /// A client that knows no more than the game's name.
    #[must_use]
    pub fn of_game(name: &str, request: impl Into<JoinRequest>) -> Self {
        let mut client = Self::awaiting(name.to_owned(), request.into());
        client.ask_for_a_seat();
        client
    }

    fn awaiting(game: String, request: JoinRequest) -> Self {
        Self {
            state: State::Joining,
            request,
            seat: None,
            reconnect: None,
            token: None,
            code: None,
            events_had: 0,
            kept: VecDeque::new(),
            game,
            schema: None,
            // of no schema, so the server sends its own
            fingerprint: 0,
            input_layout: KindLayout::default(),
            replica: Replica::new(Layout::default()),
            #[cfg(not(target_family = "wasm"))]
            pool: None,
            motion: Motion::default(),
            interpolation: Interpolation::default(),
            clock: Clock::new(TickRate::default(), Tick(0)),
            inputs: Inputs::default(),
            frame: Frame::default(),
            heard: None,
            healing: None,
            doubt: None,
            last_ping: None,
            transmits: VecDeque::new(),
            events: Events::default(),
            notices: VecDeque::new(),
            stats: Stats::default(),
        }
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
        if self.state.ended().is_some() {
            // what was under way when it ended
            return Ok(());
        }
        match message {
            ServerMessage::Welcome { fingerprint, schema } => return self.handle_welcome(fingerprint, schema),
            ServerMessage::Joined { room, seat, tick, rate_hz, token, code } => {
                self.handle_joined((room, SeatId(seat)), tick, TickRate::hz(rate_hz))?;
                self.code = code;
                self.take_token(now, token);
            }
            ServerMessage::Resumed { room, seat, tick, rate_hz, token, events_lost, code } => {
                self.handle_resumed((room, SeatId(seat)), (tick, TickRate::hz(rate_hz)), events_lost)?;
                self.code = code;
                self.take_token(now, Some(token));
            }
            ServerMessage::Refused { reason } => self.end(reason),
            ServerMessage::Notice { text, ends_in_s } => {
                let ends_in = ends_in_s.map(|seconds| Duration::from_secs(seconds.into()));
                if self.notices.len() >= NOTICES_MAX {
                    self.notices.pop_front();
                }
                self.notices.push_back(Notice { text, ends_in });
            }
            ServerMessage::Pong { stamp_ms } => {
                let rtt_ms = (now.as_millis() as u32).wrapping_sub(stamp_ms);
                self.stats.rtt = Some(Duration::from_millis(rtt_ms.into()));
            }
        }
        Ok(())
    }

    /// What the player wants now, as lanes of the schema's input; else as [`Client::input`](super::Client::input).
    ///
    /// # Errors
    /// There are too few lanes or too many, or one is out of its field's range.
    pub fn input(&mut self, now: Duration, lanes: &[u32]) -> Result<bool, InputError> {
        if self.schema.is_none() {
            return Ok(false);
        }
        if !self.input_layout.fits(lanes) {
            return Err(InputError { given: lanes.len(), of: self.input_layout.lanes() });
        }
        Ok(self.input_with(now, |all| all[..lanes.len()].copy_from_slice(lanes)))
    }

    /// As [`UntypedClient::input`] of lanes that are in range, asked for only if an input leaves.
    pub(super) fn input_with(&mut self, now: Duration, lanes: impl FnOnce(&mut InputLanes)) -> bool {
        if !matches!(self.state, State::Playing { .. }) || self.replica.tick().is_none() {
            return false;
        }
        self.ping(now);
        self.heal(now);
        self.clock.asked(now);
        let Some(tick) = self.clock.input_tick(now).filter(|tick| self.inputs.is_new(*tick)) else { return false };
        let mut all = [0; INPUT_LANES_MAX];
        lanes(&mut all);
        self.inputs.add(Sent { tick, left: now, lead_s: self.clock.lead_s(now, tick), lanes: all });
        let (inputs, count) = self.inputs.message();
        let mut message = Vec::with_capacity(16);
        let heard = HeardAge::of(tick, self.heard);
        let told = Told { newest: tick, lag: self.view_lag(now, tick), heard };
        protocol::input::encode(&self.input_layout, &told, &inputs[..count], &mut message);
        self.transmit(message);
        true
    }

    /// Sends a command to the game, in its own encoding.
    pub fn command(&mut self, command: Vec<u8>) {
        let command = ClientMessage::Command(command).encode();
        match self.state {
            State::Playing { .. } => self.transmit(command),
            State::Resuming { .. } => self.keep_command(command),
            _ => {}
        }
    }

    /// Gives the seat back; the server closes the connection.
    pub fn leave(&mut self) {
        if self.state.ended().is_none() {
            self.transmit(ClientMessage::Leave.encode());
            self.state = State::Closed { reason: "left the room".to_owned() };
        }
    }

    /// The next message for the transport.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// The next thing that happened. At most 4,096 wait; beyond them the oldest goes and [`Stats::events_dropped`] counts.
    pub fn poll_event(&mut self) -> Option<UntypedEvent> {
        self.events.poll()
    }

    /// As [`Client::poll_notice`](super::Client::poll_notice).
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// As [`Client::poll_event_at`](super::Client::poll_event_at).
    pub fn poll_event_at(&mut self, now: Duration) -> Option<UntypedEvent> {
        let (drawn, _) = self.drawn(now);
        self.events.poll_until(drawn)
    }

    /// The next thing that happened, with the tick at which it did.
    pub(super) fn poll_event_with_tick(&mut self) -> Option<(Option<Tick>, UntypedEvent)> {
        self.events.poll_with_tick()
    }

    /// What travels in the game; none until the server has sent it.
    #[must_use]
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.schema.as_ref()
    }

    /// Where the client is on its way.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The seat, once there is one; it stays while the client comes back.
    #[must_use]
    pub fn seat(&self) -> Option<SeatId> {
        self.seat.filter(|_| self.state.ended().is_none()).map(|(_, seat)| seat)
    }

    /// As [`Client::code`](super::Client::code).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
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

    /// One entity as the server last told it: its kind's number and row.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::{coins::*, *}, std::time::Duration, tickwire_shared::*};
    /// let (client, _, now) = playing();
    /// let (client, own) = (client.untyped(), client.owned().next().unwrap());
    /// assert_eq!((client.newest(own).map(|(kind, _)| kind), client.newest_all().count()), (Some(0), 2));
    /// assert_eq!(client.newest_by_channel().count(), 2);
    /// assert_eq!((client.tick(), client.tick_interval()), (Some(Tick(11)), Duration::from_millis(50)));
    /// assert!(client.drawn(now).0.since(Tick(11)) <= 0 && client.stats().frames == 10 && client.code().is_none());
    /// ```
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<(u16, &[u32])> {
        self.replica.newest(id)
    }

    /// Everything as the server last told it: id, kind's number, row. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        self.replica.newest_all()
    }

    /// As [`Replica::newest_by_channel`]: some times as quick, for one who looks at much and often, such as a bot.
    pub fn newest_by_channel(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        self.replica.newest_by_channel()
    }

    /// Everything as it is to be drawn at `now`: a little in the past, between two rows. In no particular order. Whoever
    /// wants curves, and motion where the next row is missing, asks [`UntypedClient::off`] of each.
    pub fn sample(&self, now: Duration) -> impl Iterator<Item = Between<'_>> {
        let beyond = self.clock.beyond_ticks() as f32;
        self.replica.at_or_beyond(self.clock.origin(), self.clock.drawn(now), beyond)
    }

    /// Chooses how [`UntypedClient::off`] moves things between the server's states.
    pub fn interpolate(&mut self, interpolation: Interpolation) {
        self.interpolation = interpolation;
    }

    /// How far off the straight line between its rows a thing of [`UntypedClient::sample`] is to be drawn: fills `off`
    /// with steps for each lane, or with nothing where the line is right.
    pub fn off(&self, between: &Between<'_>, off: &mut Vec<f32>) {
        self.motion.off(between, self.interpolation, off);
    }

    /// As [`Client::drawn`](super::Client::drawn).
    #[must_use]
    pub fn drawn(&self, now: Duration) -> (Tick, f32) {
        let moment = self.clock.drawn(now);
        (self.clock.origin().offset(moment.floor() as i32), moment.rem_euclid(1.0) as f32)
    }

    /// The low half of the hash over all that the client holds; the same as the server's for this tick.
    #[must_use]
    pub fn state_hash(&self) -> u32 {
        self.replica.hash() as u32
    }

    /// Counters and estimates.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (starved, (wanted_s, margin_s)) = (self.clock.starved(), self.clock.margins_s());
        Stats {
            jitter: Duration::from_secs_f64(self.clock.deviation_s()),
            margin_ms: (margin_s * 1e3) as f32,
            margin_wanted_ms: (wanted_s * 1e3) as f32,
            interpolation_delay: Duration::from_secs_f64(self.clock.behind_s()),
            underruns: starved.times,
            underrun: Duration::from_secs_f64(starved.all_s),
            events_dropped: self.events.dropped(),
            ..self.stats
        }
    }

    /// What inputs that leave now are for; none when nobody knows.
    pub(super) fn moment(&self, now: Duration) -> Option<Moment> {
        let (origin, period_s) = (self.clock.origin(), self.clock.period_s());
        let ticks = self.clock.input_moment(now)?;
        Some(Moment { now_s: now.as_secs_f64(), ticks, origin, period_s, dt: self.clock.dt() })
    }

    pub(super) fn input_lanes(&self) -> usize {
        self.input_layout.lanes()
    }

    pub(super) fn replica(&self) -> &Replica {
        &self.replica
    }

    pub(super) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// How far what is drawn lies before `tick`. Later than the newest state nothing is drawn.
    fn view_lag(&self, now: Duration, tick: Tick) -> ViewLag {
        let (origin, drawn) = (self.clock.origin(), self.clock.drawn(now));
        let newest = self.replica.tick().map_or(drawn, |newest| f64::from(newest.since(origin)));
        ViewLag::of_ticks(f64::from(tick.since(origin)) - drawn.min(newest))
    }

    fn ask_for_a_seat(&mut self) {
        self.greet();
        self.transmit(ClientMessage::Join(self.request.clone()).encode());
    }

    fn greet(&mut self) {
        let (game, fingerprint) = (self.game.clone(), self.fingerprint);
        self.transmit(ClientMessage::Hello { protocol: protocol::VERSION, game, fingerprint }.encode());
    }

    fn handle_welcome(&mut self, fingerprint: u64, schema: Option<Schema>) -> Result<(), ClientError> {
        if self.schema.is_none() {
            let schema = schema.ok_or(ClientError::Unexpected("welcome without the game's schema"))?;
            if schema.game != self.game || schema.fingerprint() != fingerprint {
                return Err(ClientError::Unexpected("schema of another game"));
            }
            self.learn(fingerprint, Arc::new(schema))?;
        } else if fingerprint != self.fingerprint {
            // the join is under way already
            self.transmit(ClientMessage::Leave.encode());
            self.end(format!("the server runs another version of {}: update or reload the client", self.game));
        }
        Ok(())
    }

    /// Takes a schema, which may be anything that a stranger sends.
    fn learn(&mut self, fingerprint: u64, schema: Arc<Schema>) -> Result<(), LayoutError> {
        self.input_layout = KindLayout::new(&schema.input)?;
        self.replica = self.replica_of(&schema)?;
        self.motion = Motion::of(&schema);
        self.fingerprint = fingerprint;
        self.schema = Some(schema);
        Ok(())
    }

    fn handle_joined(&mut self, (room, seat): (u64, SeatId), tick: Tick, rate: TickRate) -> Result<(), ClientError> {
        if self.state != State::Joining {
            return Err(ClientError::Unexpected("joined"));
        }
        if self.schema.is_none() {
            return Err(ClientError::Unexpected("joined before the game's schema"));
        }
        self.seat = Some((room, seat));
        self.state = State::Playing { room, seat };
        self.clock = Clock::new(rate, tick);
        self.events.tell(UntypedEvent::Joined { room, seat });
        Ok(())
    }

    fn handle_frame(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        match self.state {
            State::Playing { .. } => {}
            // frames that were under way when the client left
            State::Refused { .. } | State::Closed { .. } => return Ok(()),
            _ => return Err(ClientError::Unexpected("frame before a seat")),
        }
        self.frame.parse(message)?;
        let head = self.frame.head;
        if self.replica.tick().is_some_and(|last| !head.tick.is_after(last)) {
            return Err(ClientError::Unexpected("frame of an older tick"));
        }
        self.heard = Some(head.tick);
        if head.asks {
            self.transmit(protocol::heard::encode(head.tick));
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
        for event in &self.frame.events {
            self.events_had = self.events_had.wrapping_add(1);
            self.events.tell_of(Some(head.tick), UntypedEvent::Game(message[event.clone()].to_vec()));
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
        self.events.tell(UntypedEvent::Acked { tick: ack.tick, took });
    }

    fn apply_frame(&mut self, now: Duration, message: &[u8]) {
        let head = self.frame.head;
        // on an ordered stream a contradiction is somebody's bug, and keyframes heal it all the same
        if self.replica.apply(&self.frame, message).is_err() {
            self.wrong(head.tick);
            return self.resync(now);
        }
        self.stats.frames += 1;
        for change in self.replica.changes() {
            let event = match *change {
                Change::Spawned(id, kind) => UntypedEvent::Spawned { id, kind },
                Change::Despawned(id, kind) => UntypedEvent::Despawned { id, kind },
            };
            self.events.tell_of(Some(head.tick), event);
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

    fn ping(&mut self, now: Duration) {
        if self.last_ping.is_none_or(|last| now.saturating_sub(last) >= PING_INTERVAL) {
            self.last_ping = Some(now);
            self.transmit(ClientMessage::Ping { stamp_ms: now.as_millis() as u32 }.encode());
        }
    }

    fn end(&mut self, reason: String) {
        if self.state.ended().is_none() {
            self.state = State::Refused { reason: reason.clone() };
            self.events.tell(UntypedEvent::Refused { reason });
        }
    }

    fn transmit(&mut self, message: Vec<u8>) {
        self.stats.bytes_out += message.len() as u64;
        self.transmits.push_back(message);
    }
}
