//! The client, sans IO: it takes messages and the time, gives messages and events.
//!
//! ```text
//!  transport -- handle_message(now, bytes) -->  Client  -- poll_transmit() --> transport
//!  game      -- input(now, &input) --------->          -- poll_event(), sample(now) --> game
//! ```
//! When a connection breaks, a client that is [`Client::returning`] comes back to its seat on another one:
//!
//! ```text
//!  transport -- handle_disconnected(now, code, reason) -->  Client  -- poll_connect(now): dial --> transport
//!  transport -- handle_connected() --------------------->          -- state(): for the player -> game
//! ```
//! `now` is the time since any moment that the caller chose; it never goes back.
//!
//! [`Client`] speaks the types of one game. Below it is [`UntypedClient`], which speaks rows of lanes and bytes of any
//! game, known beforehand or not: for browsers, engines and tools.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::State;
//!
//! let (mut client, mut room, now) = playing();
//! assert!(matches!(client.state(), State::Playing { room: 1, seat: SeatId(0) }));
//! client.input(now, &Keys { go: [0, 1] }); // the game's part; the transport's:
//! while let Some(message) = client.poll_transmit() {
//!     if let Some(answer) = room.answer(&message) {
//!         client.handle_message(now, &answer)?;
//!     }
//! }
//! # Ok::<(), client::ClientError>(())
//! ```

mod clock;
mod correction;
mod event;
#[cfg(not(target_family = "wasm"))]
mod headless;
mod inputs;
mod interpolation;
pub mod prediction;
mod reconnect;
mod stats;
mod untyped;
mod wish;

use std::time::Duration;

use thiserror::Error;

pub use correction::CORRECTION_FADE;
pub use event::{Event, UntypedEvent};
pub use interpolation::{EXTRAPOLATION_MAX, Interpolation};
pub use prediction::{Around, NoSuchField, Predict, PredictError, RowStep, StepRows, UntypedPrediction};
pub use reconnect::{Meanwhile, Returning};
pub use stats::Stats;
pub use untyped::{InputError, UntypedClient};
pub use wish::{Wish, WishError};

use crate::bits::DecodeError;
use crate::delta::LayoutError;
use crate::game::{EntityId, Game, SeatId};
use crate::protocol::input::InputLanes;
use crate::protocol::limits::INPUT_LANES_MAX;
use crate::protocol::{self, JoinRequest, ResumeToken, close::CloseReason};
use crate::schema::{Replicate, Schema, World};
use crate::tick::Tick;
use event::Events;
use prediction::{GameRules, Prediction};

/// Where a client is on its way.
///
/// ```
/// use std::time::Duration;
/// use tickwire_shared::client::State;
///
/// fn banner(state: &State, now: Duration) -> Option<String> {
///     match state {
///         State::Playing { .. } => None,
///         State::Connecting { .. } | State::Joining => Some("connecting …".into()),
///         State::Resuming { next_try: Some(at), .. } => Some(format!("again in {:?}", at.saturating_sub(now))),
///         State::Resuming { next_try: None, .. } => Some("coming back …".into()),
///         State::Refused { reason } | State::Closed { reason } => Some(reason.clone()),
///     }
/// }
/// let refused = State::Refused { reason: "The room is full.".into() };
/// assert_eq!(banner(&refused, Duration::ZERO).as_deref(), refused.ended());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// There is neither a connection nor a seat yet: the last try failed, and another one will follow.
    Connecting {
        /// Which try that will be, from 1.
        attempt: u32,
        /// When it is due, in the client's time; none while it is under way.
        next_try: Option<Duration>,
    },
    /// Hello and join are on their way.
    Joining,
    /// In a room.
    Playing {
        /// The room's number.
        room: u64,
        /// The place in it.
        seat: SeatId,
    },
    /// The connection broke; the server holds the seat for a while, and the client tries to come back to it.
    Resuming {
        /// Which try that is or will be, from 1.
        attempt: u32,
        /// When it is due, in the client's time; none while it is under way.
        next_try: Option<Duration>,
    },
    /// The server said no.
    Refused {
        /// For a person.
        reason: String,
    },
    /// The client left, or the connection is over for good.
    Closed {
        /// For a person.
        reason: String,
    },
}

impl State {
    /// Why it is over, for a person; nothing while it is not.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        match self {
            Self::Refused { reason } | Self::Closed { reason } => Some(reason),
            _ => None,
        }
    }
}

/// Word from whoever runs the server, for the player.
///
/// ```
/// use std::time::Duration;
/// use tickwire_shared::client::{Client, Notice};
/// # fn show<G: tickwire_shared::Game>(client: &mut Client<G>) {
/// while let Some(Notice { text, ends_in }) = client.poll_notice() {
///     println!("{text} {}", ends_in.map_or(String::new(), |time| format!("(in {time:?})")));
/// }
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// A sentence or two.
    pub text: String,
    /// The connection ends within this time; none when it goes on.
    pub ends_in: Option<Duration>,
}

/// Why a message could not be taken. The transport should close, with the code that
/// [`ClientError::close_reason`] names.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let (mut client, _, now) = playing();
/// let error = client.handle_message(now, &[0xff]).unwrap_err(); // not from a server of ours
/// println!("{error}");
/// let code = error.close_reason().code(); // to close with
/// assert!(code == 1007 || code == 1002);
/// ```
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

/// One player's end of a session, in the game's own types. It may outlive its connection ([`Client::returning`]).
///
/// Methods come in four families: `handle_*` (the transport tells what happened), verbs (what the player wants),
/// `poll_*` (what the caller must do now: call them after every other call, until they give nothing), getters.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// let mut client = Client::<Coins>::new(Profile::named("ann"))?;
/// assert_eq!(std::iter::from_fn(|| client.poll_transmit()).count(), 2, "hello and join wait for the transport");
/// assert!(!client.input(Duration::ZERO, &Keys::default()), "nobody plays yet");
///
/// let (mut client, mut room, now) = playing(); // some frames later
/// client.handle_message(now, &room.tick()).expect("a frame");
/// assert!(client.poll_event().is_some() && client.poll_notice().is_none() && client.stats().frames == 11);
/// let (own, told) = (client.owned().next().unwrap(), client.newest_all().count());
/// assert_eq!((client.tick(), client.tick_interval()), (Some(Tick(12)), Duration::from_millis(50)));
/// assert_eq!((told, client.sample(now).count(), client.newest(own).is_some()), (2, 2, true));
/// let (hash, token) = (client.state_hash(), client.token().unwrap());
/// assert_eq!(hash, client.untyped().state_hash());
/// client.leave();
/// assert!(client.state().ended().is_some());
///
/// let again = Client::<Coins>::back_to(token)?.once(); // on another device; when it breaks that is the end
/// assert!(again.seat().is_none(), "not yet");
/// # Ok::<(), delta::LayoutError>(())
/// ```
pub struct Client<G: Game> {
    untyped: UntypedClient,
    events: Events<Event<G>>,
    prediction: Option<(GameRules<G>, Prediction)>,
}

impl<G: Game> Client<G> {
    /// A client that asks for a seat: under a [`Profile`](crate::game::Profile) in any room, or as a [`JoinRequest`]
    /// says. Its first messages wait in [`Client::poll_transmit`].
    ///
    /// # Errors
    /// The game's own kinds are impossible: see [`LayoutError`].
    pub fn new(request: impl Into<JoinRequest>) -> Result<Self, LayoutError> {
        const { assert!(G::Input::LANES <= INPUT_LANES_MAX, "a game's input has at most 8 lanes") };
        let untyped = UntypedClient::new(Schema::of::<G>(), request)?;
        Ok(Self { untyped, events: Events::default(), prediction: None })
    }

    /// The same client, which predicts: [`Client::sample`] gives the seat's own entities as they will be when the inputs
    /// that leave now have arrived. Call [`Client::input`] for each picture then.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::client::Around;
    ///
    /// impl Predict for Coins {
    ///     const FIELDS: &'static [&'static str] = &["at"];
    ///
    ///     fn step(own: &mut Kinds, keys: &Keys, around: &Around<'_, Kinds>) {
    ///         let Kinds::Thing(runner) = own;
    ///         runner.run(keys, around.dt());
    ///     }
    /// }
    /// let (client, _, now) = play(Client::new(Profile::default())?.predict()?);
    /// let (own, now) = (client.owned().next().unwrap(), now + Duration::from_millis(20));
    /// let drawn = client.sample(now).find(|(id, _)| *id == own).map(|(_, entity)| entity);
    /// let (Some(Kinds::Thing(drawn)), Some(Kinds::Thing(told))) = (drawn, client.newest(own)) else { unreachable!() };
    /// assert!(drawn.at[0] > told.at[0], "ahead of what the server has told");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The game names a field that it has not.
    pub fn predict(mut self) -> Result<Self, PredictError>
    where
        G: Predict,
    {
        self.prediction = Some((GameRules::new(), Prediction::new::<G>()?));
        Ok(self)
    }

    /// Chooses how [`Client::sample`] moves things between the server's states.
    #[must_use]
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.untyped.interpolate(interpolation);
        self
    }

    /// A client that begins anew in a seat that it had: after a page was loaded again, or on another device. `token` is
    /// what the one before had in [`Client::token`]. Its first messages wait in [`Client::poll_transmit`]; once it has
    /// the seat it tells [`Event::Joined`]. A client that still has the seat is closed.
    ///
    /// # Errors
    /// The game's own kinds are impossible: see [`LayoutError`].
    pub fn back_to(token: ResumeToken) -> Result<Self, LayoutError> {
        const { assert!(G::Input::LANES <= INPUT_LANES_MAX, "a game's input has at most 8 lanes") };
        let untyped = UntypedClient::back_to(Schema::of::<G>(), token)?;
        Ok(Self { untyped, events: Events::default(), prediction: None })
    }

    /// What leads back to the seat, for [`Client::back_to`]; none without a seat, or where seats are not held. It is
    /// another one after each return. Whoever has it has the seat: keep it as you would keep a password.
    #[must_use]
    pub fn token(&self) -> Option<ResumeToken> {
        self.untyped.token()
    }

    /// The same client; when its connection breaks it comes back to its seat, see [`Client::handle_disconnected`].
    #[must_use]
    pub fn returning(self, returning: Returning) -> Self {
        Self { untyped: self.untyped.returning(returning), ..self }
    }

    /// The same client; when its connection breaks that is the end. So is a new client, on a transport of your own.
    #[must_use]
    pub fn once(self) -> Self {
        Self { untyped: self.untyped.once(), ..self }
    }

    /// A new connection stands, after [`Client::poll_connect`] asked for it: what is to be said on it waits in
    /// [`Client::poll_transmit`]. Of the connection that the client was made for nothing need be told.
    pub fn handle_connected(&mut self) {
        self.untyped.handle_connected();
    }

    /// The connection is over, or could not be made; `code` is the WebSocket's close code (1006 when there was none),
    /// `reason` is for a person. Tells whether the client will come back: then call [`Client::poll_connect`] from time
    /// to time. It does not after codes that mean it ([`CloseReason::may_retry`]), nor without [`Client::returning`],
    /// nor where the room holds no seats.
    ///
    /// Meanwhile all that was there stays as it was. When the client is back, what was there before and still is goes
    /// on without a word; what went or came in between is told once.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::client::{Returning, State};
    ///
    /// let (mut client, _, now) = play(Client::new(Profile::default())?.returning(Returning::new(7)));
    /// assert!(client.handle_disconnected(now, 1006, "connection lost"), "it will come back");
    /// client.hurry(); // the player looks: no wait
    /// assert!(client.poll_connect(now) && !client.poll_connect(now), "dial, once");
    /// client.handle_connected();
    /// assert!(client.poll_transmit().is_some() && matches!(client.state(), State::Resuming { attempt: 1, .. }));
    /// # Ok::<(), delta::LayoutError>(())
    /// ```
    pub fn handle_disconnected(&mut self, now: Duration, code: u16, reason: &str) -> bool {
        let returns = self.untyped.handle_disconnected(now, code, reason);
        self.take_events().is_ok() && returns
    }

    /// Whether the transport is to connect now; said once for each try. When the next one is due stands in
    /// [`Client::state`].
    pub fn poll_connect(&mut self, now: Duration) -> bool {
        self.untyped.poll_connect(now)
    }

    /// There is a reason to think that a try would succeed: the device is online again, the player looks. The next one is
    /// due at once, if one is awaited.
    pub fn hurry(&mut self) {
        self.untyped.hurry();
    }

    /// A whole binary message arrived.
    ///
    /// # Errors
    /// The server broke the protocol: close the connection.
    pub fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        let before = self.untyped.tick();
        let handled = self.untyped.handle_message(now, message);
        if self.untyped.tick() != before
            && let (Some((rules, prediction)), Some(moment)) = (&mut self.prediction, self.untyped.moment(now))
        {
            let replica = self.untyped.replica();
            prediction.frame(&moment, replica, self.untyped.inputs(), &rules.around(replica, moment.dt));
        }
        self.take_events()?;
        handled
    }

    fn take_events(&mut self) -> Result<(), ClientError> {
        while let Some((tick, event)) = self.untyped.poll_event_with_tick() {
            self.events.tell_of(tick, Event::typed(event)?);
        }
        Ok(())
    }

    /// What the player wants now. Call it as often as you like, each frame or each tick: at most one input leaves for
    /// each tick, and none while the server is silent. Tells whether one left. Also keeps the connection's pings going.
    ///
    /// The server is told that the player saw what [`Client::sample`] gives at `now`, for
    /// [`Step::rewind`](crate::game::Step::rewind).
    pub fn input(&mut self, now: Duration, input: &G::Input) -> bool {
        let to_lanes = |lanes: &mut InputLanes| input.to_lanes(&mut lanes[..G::Input::LANES]);
        let left = self.untyped.input_with(now, to_lanes);
        if let (Some((rules, prediction)), Some(moment)) = (&mut self.prediction, self.untyped.moment(now)) {
            let mut wish = InputLanes::default();
            to_lanes(&mut wish);
            let left = self.untyped.inputs().newest().filter(|_| left);
            prediction.input(&moment, left, wish, &rules.around(self.untyped.replica(), moment.dt));
        }
        left
    }

    /// Sends a command to the game. Without a seat it is dropped; with one, and no connection, dropped or kept
    /// ([`Meanwhile`]).
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// let (mut client, ..) = playing();
    /// while client.poll_transmit().is_some() {}
    /// client.command(&()); // a Game::Command, such as Order::Buy(Item::Shield)
    /// assert!(client.poll_transmit().is_some() && client.poll_transmit().is_none(), "one message");
    /// ```
    pub fn command(&mut self, command: &G::Command) {
        if self.seat().is_some() {
            self.untyped.command(protocol::encode_payload(command));
        }
    }

    /// Gives the seat back: the client is [`State::Closed`] from now on. Transmit what [`Client::poll_transmit`] still
    /// has; then the server closes the connection.
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

    /// As [`Client::poll_event`], but what happened in the game waits until [`Client::sample`] draws its tick: a bang is
    /// heard when the ship is seen to burst. Use the one or the other.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::client::Event;
    ///
    /// let (mut client, mut room, mut now) = playing(); // it runs to the coin
    /// let drawn = loop {
    ///     client.handle_message(now, &room.tick())?;
    ///     if std::iter::from_fn(|| client.poll_event_at(now)).any(|event| matches!(event, Event::Game(_))) {
    ///         break client.drawn(now).0; // the clink, as late as the picture
    ///     }
    ///     now += client.tick_interval();
    /// };
    /// assert!(client.tick().is_some_and(|newest| newest.is_after(drawn)), "its frame came some ticks ago");
    /// # Ok::<(), client::ClientError>(())
    /// ```
    pub fn poll_event_at(&mut self, now: Duration) -> Option<Event<G>> {
        let (drawn, _) = self.untyped.drawn(now);
        self.events.poll_until(drawn)
    }

    /// The next word from whoever runs the server, to be shown to the player. The last 16 wait.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.untyped.poll_notice()
    }

    /// Where the client is on its way.
    #[must_use]
    pub fn state(&self) -> &State {
        self.untyped.state()
    }

    /// The seat, once there is one; it stays while the client comes back.
    #[must_use]
    pub fn seat(&self) -> Option<SeatId> {
        self.untyped.seat()
    }

    /// What others join this room by, as `{"code": …}` in [`JoinRequest::wish`]; none where it has no code.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// let (client, ..) = playing();
    /// let friend = client.code().map(|code| JoinRequest::new("bob").wishing(format!(r#"{{"code": "{code}"}}"#)));
    /// assert!(friend.is_none(), "a room in memory has no code");
    /// ```
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.untyped.code()
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

    /// Everything as it is to be drawn at `now`: a little in the past, moving smoothly; and, with [`Client::predict`],
    /// the seat's own entities in its own present. In no particular order.
    pub fn sample(&self, now: Duration) -> impl Iterator<Item = (EntityId, G::World)> + '_ {
        let prediction = self.prediction.as_ref().map(|(_, prediction)| prediction);
        let others = self.untyped.sample(now);
        let others = others.filter(move |between| prediction.is_none_or(|prediction| !prediction.has(between.id)));
        let mut off = Vec::new();
        let others = others.filter_map(move |between| {
            self.untyped.off(&between, &mut off);
            let entity = G::World::from_lanes_moved(between.kind, between.earlier, between.later, between.t, &off);
            entity.map(|entity| (between.id, entity))
        });
        let own = prediction.into_iter().flat_map(move |prediction| prediction.drawn(now.as_secs_f64()));
        let own = own.filter_map(|(own, off)| {
            // the other way round, since what does not move is to be as it will be
            let entity = G::World::from_lanes_moved(own.kind, own.later, own.earlier, 1.0 - own.t, &off);
            entity.map(|entity| (own.id, entity))
        });
        own.chain(others)
    }

    /// The moment that [`Client::sample`] draws at `now`: a tick, and the part of the way to the next. When it lies
    /// beyond [`Client::tick`] the next state is missing, and things are only thought to have gone on.
    #[must_use]
    pub fn drawn(&self, now: Duration) -> (Tick, f32) {
        self.untyped.drawn(now)
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
        let told = self.prediction.as_ref().map(|(_, prediction)| prediction.corrections()).unwrap_or_default();
        told.told_in(Stats { events_dropped: stats.events_dropped + self.events.dropped(), ..stats })
    }

    /// The same client in lanes and bytes. Its events are taken by [`Client::poll_event`].
    #[must_use]
    pub fn untyped(&self) -> &UntypedClient {
        &self.untyped
    }
}
