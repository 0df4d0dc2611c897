//! The trait that a game implements, and what it is given.
//!
//! A game is a pure state machine: it knows no socket, clock or thread, and draws randomness from the generator that
//! its host hands it. Whoever calls these functions is its host: the server, a test, a replay, an offline client.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! let mut setup = Setup::new(7); // the host's part
//! let mut game = Coins::new((), &mut setup)?;
//! assert_eq!(setup.rate, TickRate::hz(20), "what the game wants");
//! game.join(SeatId(0), &Profile::named("ann"))?;
//! assert!(game.spectate(SeatId(1), &Profile::default()).is_err(), "in this one nobody looks on");
//! assert!(game.sees(SeatId(0), Area { x: 0.0, y: 0.0, side: 8.0 }), "and nothing is hidden");
//! game.leave(SeatId(0), Leave::Left);
//! # Ok::<(), Refusal>(())
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::interest::{Area, Teams};
use crate::listing::Listing;
use crate::protocol::limits::NAME_MAX_BYTES;
use crate::publish::Publisher;
use crate::rewind::{History, Rewound};
use crate::rng::Rng;
use crate::schema::{Replicate, World};
use crate::tick::{Tick, TickRate};

/// A multiplayer game. Five functions, and two that have a default; the host calls them from one thread, one at a time.
///
/// ```
/// use tickwire_shared::*;
/// # #[derive(World, Clone)] enum Kinds { Lamp(Lamp) }
/// # #[derive(Replicate, Clone)] struct Lamp { lit: bool }
/// # #[derive(Replicate, Clone, Default)] struct Press { down: bool }
///
/// struct Cellar(Lamp);
///
/// impl Game for Cellar {
///     const NAME: &'static str = "cellar";
///     type World = Kinds;
///     type Input = Press;
///     type Command = ();
///     type Event = ();
///     type Options = ();
///
///     fn new(_: (), setup: &mut Setup) -> Result<Self, Refusal> {
///         setup.seats = 2;
///         Ok(Self(Lamp { lit: false }))
///     }
///     fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> { Ok(()) }
///     fn leave(&mut self, _: SeatId, _: Leave) {}
///     fn tick(&mut self, step: &mut Step<'_, Self>) {
///         self.0.lit = (0..2).any(|seat| step.input(SeatId(seat)).down);
///     }
///     fn publish(&self, out: &mut Publisher<'_, Kinds>) {
///         out.put(EntityId(0), Place::Everywhere, &self.0);
///     }
/// }
/// assert_eq!(Schema::of::<Cellar>().input.name, "Press");
/// ```
pub trait Game: Sized + Send + 'static {
    /// The name under which clients ask for the game; at most 64 bytes.
    const NAME: &'static str;
    /// Raise it when [`Game::Command`] or [`Game::Event`] change: unlike kinds and input, a client's build cannot tell
    /// by itself.
    const VERSION: u32 = 0;
    /// Tables of the range coder, made from recordings of the game ([`Training`](crate::delta::Training)): deltas become
    /// shorter and take longer to code, in the channels where that pays ([`Coder`](crate::delta::Coder)). `include_bytes!`
    /// them; without any, residuals have Rice codes.
    const TABLES: &'static [u8] = &[];

    /// All kinds of entities: an enum that derives [`World`](derive@crate::World).
    type World: World + Clone + 'static;
    /// What a player wants right now. Sent every tick, the newest matters; at most 8 lanes.
    type Input: Replicate + Default + Clone + Send + 'static;
    /// Rare wishes of a player (chat, buy …), in order; `()` when there are none. Those that are too many or too fast
    /// are dropped.
    type Command: Serialize + DeserializeOwned + Send + 'static;
    /// One-off messages to clients, in order and each once; `()` when there are none. A client for which
    /// hundreds wait loses the oldest, and one that takes nothing for 32 ticks all but the last 16 KiB.
    type Event: Serialize + DeserializeOwned + Send + 'static;
    /// How a room is created.
    type Options: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static;

    /// A new room. Sets tick rate, seats and interest in `setup`, and may draw from its generator.
    ///
    /// # Errors
    /// Options that make no playable room, with a reason for the person who asked.
    fn new(options: Self::Options, setup: &mut Setup) -> Result<Self, Refusal>;

    /// Somebody takes `seat`, which is free.
    ///
    /// # Errors
    /// The game does not want this player, with a reason for them.
    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal>;

    /// Somebody takes `seat`, which is free, only to look on: a game that lets people tells in
    /// [`publish`](Game::publish) what they see ([`Publisher::sight`]). The seat counts as one, inputs and commands come
    /// as from others, and [`Game::leave`] tells the end.
    ///
    /// # Errors
    /// Nobody looks on in this game, which is what one says that has no such function.
    fn spectate(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        let _ = (seat, who);
        Err(Refusal::new("nobody can look on in this game; join as a player"))
    }

    /// The player of `seat` is gone; the seat is free afterwards. Of a connection that breaks nothing is told until
    /// [`Setup::grace`] is over ([`Step::is_away`] tells who may still come back).
    fn leave(&mut self, seat: SeatId, why: Leave);

    /// One tick of simulation.
    fn tick(&mut self, step: &mut Step<'_, Self>);

    /// Says what there is now: every entity, each time.
    fn publish(&self, out: &mut Publisher<'_, Self::World>);

    /// Whether `seat` may know what is in `area`: lines of sight, rooms, unexplored land. Asked after
    /// [`Game::publish`], for each seat and each cell within its view that holds something the seat's layers let it
    /// see; about 20 times a seat and tick, so look it up rather than work it out. A seat that is told no loses what is
    /// there with its next frame, its own entities not excepted. Spectators are not asked for, nor are rooms without
    /// [`Interest::Radius`], nor what is everywhere. For what is finer than a cell there are layers.
    fn sees(&self, seat: SeatId, area: Area) -> bool {
        let _ = (seat, area);
        true
    }
}

/// A player's place in a room, from 0. It outlives the connection.
///
/// ```
/// use std::collections::BTreeMap;
/// use tickwire_shared::SeatId;
///
/// let mut scores = BTreeMap::from([(SeatId(0), 3), (SeatId(4), 7)]); // a game's own, by seat
/// scores.remove(&SeatId(0)); // in Game::leave
/// assert_eq!(scores.into_iter().next(), Some((SeatId(4), 7)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SeatId(pub u16);

/// An entity's name in its room, chosen by the game; unique among those that are published together. Let an id rest
/// for a second before another entity takes it.
///
/// ```
/// use tickwire_shared::{EntityId, SeatId};
///
/// /// Ships have their seats' numbers, all else counts on behind them.
/// fn ship(seat: SeatId) -> EntityId {
///     EntityId(seat.0.into())
/// }
/// let mut ids = (u32::from(u16::MAX) + 1..).map(EntityId);
/// assert!(ids.next().unwrap() > ship(SeatId(u16::MAX)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct EntityId(pub u32);

/// Who wants to play.
///
/// ```
/// use tickwire_shared::{Profile, Refusal};
///
/// fn admit(who: &Profile) -> Result<(), Refusal> {
///     match who.account.as_deref() {
///         Some(_) if who.claim("team") == Some("red") => Ok(()),
///         Some(_) => Err(Refusal::new("This match is for the red team.")),
///         None => Err(Refusal::new("Sign in first.")), // anonymous: the name is only what the client says
///     }
/// }
/// assert!(admit(&Profile::named("ann")).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// The name that others shall see. Comes from the client, or from its pass where the server is told so; at most
    /// [`NAME_MAX_BYTES`] long, trimmed, without control characters; may be empty.
    pub name: String,
    /// Whose account it is: the `sub` of the pass that the server believes, at most
    /// [`ACCOUNT_MAX_BYTES`](crate::protocol::limits::ACCOUNT_MAX_BYTES) long. None for one who is anonymous, which all
    /// are where the server has no keys.
    pub account: Option<String>,
    /// What else of the pass the server's configuration shows to games (`identity.claims`), by name: a text as it is,
    /// all else as JSON.
    pub claims: Vec<(String, String)>,
}

impl Profile {
    /// An anonymous player of this name, as far as it can be shown.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let name = name.trim();
        let name = name[..name.floor_char_boundary(NAME_MAX_BYTES)].trim_end();
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// One of the claims.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

/// Why a seat becomes free.
///
/// ```
/// use tickwire_shared::Leave;
///
/// /// In Game::leave: what is told of it.
/// fn news(why: Leave) -> &'static str {
///     match why {
///         Leave::Left => "has left",
///         Leave::Lost => "has lost the connection",
///         Leave::Removed => "was removed",
///     }
/// }
/// assert_eq!(news(Leave::Lost), "has lost the connection");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Leave {
    /// The player said so.
    Left,
    /// The connection broke, and the player did not come back in time.
    Lost,
    /// The host ended it: a rule was broken, or the server stops.
    Removed,
}

/// A "no" with a reason that a person understands.
///
/// ```
/// use tickwire_shared::Refusal;
///
/// fn check(name: &str) -> Result<(), Refusal> {
///     if name.is_empty() { Err(Refusal::new("Choose a name first.")) } else { Ok(()) }
/// }
/// assert_eq!(check("").unwrap_err().to_string(), "Choose a name first.");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// A refusal with this reason: one sentence that says what to do.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// What clients of a room receive, of the layers that they see ([`Layer`](crate::interest::Layer)).
///
/// ```
/// use tickwire_shared::{Interest, Setup};
///
/// let mut setup = Setup::new(7);
/// assert_eq!(setup.interest, Interest::Everything);
/// setup.interest = Interest::Radius(70.0); // then Game::publish says where each seat looks: out.look(seat, x, y)
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Interest {
    /// Everything that is published.
    #[default]
    Everything,
    /// What lies within `radius` of where the seat looks ([`Publisher::look`]), in the game's units of length, and
    /// what was put [`Place::Everywhere`](crate::publish::Place::Everywhere). Given out by cells of half the radius,
    /// so a client may see a little further, never less far.
    Radius(f32),
}

/// What a room tells its host before it starts.
///
/// ```
/// use std::time::Duration;
/// use tickwire_shared::{Interest, Setup, TickRate};
///
/// let mut setup = Setup::new(7); // a host's; Game::new sets what it needs
/// setup.rate = TickRate::hz(60);
/// setup.seats = 16;
/// setup.interest = Interest::Radius(70.0);
/// setup.grace = Duration::from_secs(5);
/// let start = setup.rng.between(-10.0, 10.0);
/// assert!(start.abs() <= 10.0);
/// ```
#[derive(Debug)]
pub struct Setup {
    /// Ticks a second; default 30.
    pub rate: TickRate,
    /// Seats, at least 1; default 64.
    pub seats: u16,
    /// What clients receive; default everything.
    pub interest: Interest,
    /// Bytes a second that each client is sent at most of what it sees; where that is not enough the nearest comes
    /// first, and what waits longest. Its own entities' private fields and its events always go, and count. 0 is no
    /// limit; default what the server's configuration says.
    pub client_bytes_per_s: Option<u32>,
    /// With [`Interest::Radius`]: what is far, beyond about 0.6 of the radius, is sent at half the rate, and beyond about
    /// 0.8 at a quarter; clients draw it that much later. Default no.
    pub far_is_rarer: bool,
    /// How far back [`Step::rewind`] and [`Step::late_inputs`] go at most; default 250 ms, zero for never. A client that
    /// shows older states, or says so, is judged by the oldest that this allows. The server keeps 32 ticks: at fast rates
    /// that is the limit.
    pub rewind_max: Duration,
    /// How long a seat is held whose connection broke, so that its player can come back to it; default 20 s, zero for
    /// not at all, at most what the server allows (`session.grace_max_ms`). Until then it counts as taken.
    pub grace: Duration,
    /// What the lobby shows of the room. The properties that its creator wished for are there already; the game may change
    /// them.
    pub listing: Listing,
    /// The room's generator, seeded by the host; the same one comes back in every [`Step`].
    pub rng: Rng,
}

impl Setup {
    /// The defaults, with a generator seeded by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rate: TickRate::default(),
            seats: 64,
            interest: Interest::default(),
            client_bytes_per_s: None,
            far_is_rarer: false,
            rewind_max: Duration::from_millis(250),
            grace: Duration::from_secs(20),
            listing: Listing::default(),
            rng: Rng::new(seed),
        }
    }
}

/// To whom an event goes. That is settled at the tick that sends it, with what the tick publishes; a client that takes
/// frames late gets it late.
///
/// ```
/// use tickwire_shared::{SeatId, Teams, To};
///
/// let (news, secret, bang) = (To::All, To::Seat(SeatId(3)), To::At { x: 10.0, y: -4.0 });
/// let tactics = To::Teams(Teams::one(0));
/// // step.send(bang, Event::Bang)
/// # let _ = (news, secret, bang, tactics);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum To {
    /// Every seat.
    All,
    /// One seat.
    Seat(SeatId),
    /// Who is in one of these teams, and spectators.
    Teams(Teams),
    /// Who may know what is at this point, and spectators: the view of the seat reaches the point's cell and
    /// [`Game::sees`] does not shut it. In a room without [`Interest::Radius`] that is everybody.
    At {
        /// First coordinate.
        x: f32,
        /// Second coordinate.
        y: f32,
    },
}

/// The inputs that are due at a tick, by seat; a seat without a player has none.
///
/// ```
/// use tickwire_shared::{SeatId, game::Inputs};
///
/// fn wish(inputs: &Inputs<u8>, seat: SeatId) -> u8 {
///     inputs.get(usize::from(seat.0)).copied().flatten().unwrap_or_default() // as Step::input does
/// }
/// assert_eq!((wish(&[Some(3), None], SeatId(0)), wish(&[Some(3), None], SeatId(9))), (3, 0));
/// ```
pub type Inputs<I> = [Option<I>];

/// An input that came too late for its tick. See [`Step::late_inputs`].
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// # let inputs = [None];
/// # let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(7));
/// # let step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
/// use tickwire_shared::game::LateInput;
///
/// let late = [LateInput { seat: SeatId(0), tick: Tick(6), input: Keys { go: [0, 1] } }];
/// let step = step.with_late(&late).with_away(&[false, true]); // a host's word, for one tick
/// assert_eq!(step.late_inputs(SeatId(0)).next(), Some((Tick(6), &Keys { go: [0, 1] })));
/// assert!(step.is_away(SeatId(1)));
/// ```
#[derive(Clone, Debug)]
pub struct LateInput<I> {
    /// Whose.
    pub seat: SeatId,
    /// For this tick.
    pub tick: Tick,
    /// What they wanted.
    pub input: I,
}

/// One tick, as the game sees it.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// # let (mut commands, mut events, mut rng) = (vec![(SeatId(0), ())], Vec::new(), Rng::new(7));
/// # let inputs = [Some(Keys { go: [1, 0] })];
/// # let mut step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
/// // in Game::tick
/// assert_eq!((step.tick(), step.dt(), step.input(SeatId(0))), (Tick(8), 0.05, Keys { go: [1, 0] }));
/// assert_eq!(step.input(SeatId(1)), Keys::default(), "nobody sits there");
/// for (seat, _command) in step.commands().collect::<Vec<_>>() {
///     step.send(To::Seat(seat), "done".to_owned());
/// }
/// let lucky = step.rng.below(100) == 0; // never another generator
/// let past = step.rewind(SeatId(0)); // as this seat saw the others
/// assert!(past.entity::<Thing>(EntityId(1)).is_none() && !step.is_away(SeatId(0)));
/// assert_eq!(step.late_inputs(SeatId(0)).count(), 0);
/// ```
pub struct Step<'a, G: Game> {
    tick: Tick,
    rate: TickRate,
    inputs: &'a Inputs<G::Input>,
    commands: &'a mut Vec<(SeatId, G::Command)>,
    events: &'a mut Vec<(To, G::Event)>,
    history: Option<&'a dyn History>,
    lags: &'a [f32],
    away: &'a [bool],
    late: &'a [LateInput<G::Input>],
    listing: Option<&'a mut Listing>,
    /// Of a host that has no lobby.
    unlisted: Listing,
    /// The room's generator.
    pub rng: &'a mut Rng,
}

impl<'a, G: Game> Step<'a, G> {
    /// For hosts: one step from its parts. Commands are taken by the game, events are added by it.
    pub fn new(
        tick: Tick,
        rate: TickRate,
        inputs: &'a Inputs<G::Input>,
        commands: &'a mut Vec<(SeatId, G::Command)>,
        events: &'a mut Vec<(To, G::Event)>,
        rng: &'a mut Rng,
    ) -> Self {
        Self {
            tick,
            rate,
            inputs,
            commands,
            events,
            history: None,
            lags: &[],
            away: &[],
            late: &[],
            listing: None,
            unlisted: Listing::default(),
            rng,
        }
    }

    /// For hosts: inputs that came too late for their ticks, of each seat the oldest first.
    #[must_use]
    pub fn with_late(self, late: &'a [LateInput<G::Input>]) -> Self {
        Self { late, ..self }
    }

    /// For hosts that keep the past: it, and how many ticks before this one each seat's client saw the others when it
    /// made the input that is due now, within the bounds of [`Setup::rewind_max`] and of what is kept. What a game does
    /// with it follows from these two as from inputs: a recording must have the lags too.
    #[must_use]
    pub fn with_past(self, history: &'a dyn History, lags: &'a [f32]) -> Self {
        Self { history: Some(history), lags, ..self }
    }

    /// For hosts that hold seats whose connection broke: by seat, whether it is one of those. A recording must have
    /// this too, if the game asks.
    #[must_use]
    pub fn with_away(self, away: &'a [bool]) -> Self {
        Self { away, ..self }
    }

    /// For hosts with a lobby: what it shows of the room.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// let mut listing = Listing::default(); // the host's, of this room
    /// # let inputs = [None];
    /// # let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(7));
    /// # let step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
    /// step.with_listing(&mut listing).listing().lock(true); // what the game does stays
    /// assert!(listing.is_locked());
    /// ```
    #[must_use]
    pub fn with_listing(self, listing: &'a mut Listing) -> Self {
        Self { listing: Some(listing), ..self }
    }

    /// What the lobby shows of the room: set its properties, lock it, hide it.
    ///
    /// ```
    /// # fn tick<G: tickwire_shared::Game>(step: &mut tickwire_shared::Step<'_, G>) {
    /// step.listing().lock(true); // the match has begun
    /// # }
    /// ```
    pub fn listing(&mut self) -> &mut Listing {
        self.listing.as_deref_mut().unwrap_or(&mut self.unlisted)
    }

    /// Sends a one-off message.
    pub fn send(&mut self, to: To, event: G::Event) {
        self.events.push((to, event));
    }

    /// The commands that came since the last tick, in order; each comes once.
    pub fn commands(&mut self) -> impl Iterator<Item = (SeatId, G::Command)> + '_ {
        self.commands.drain(..)
    }

    /// The number of this tick.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Seconds from one tick to the next.
    #[must_use]
    pub fn dt(&self) -> f32 {
        self.rate.dt()
    }

    /// What `seat` wants at this tick; the last known wish when nothing new came in time, the default when nobody
    /// sits there.
    #[must_use]
    pub fn input(&self, seat: SeatId) -> G::Input {
        self.inputs.get(usize::from(seat.0)).and_then(Option::clone).unwrap_or_default()
    }

    /// Whether the connection of `seat` broke and its player may still come back, within [`Setup::grace`]. The last wish
    /// holds for a quarter of a second more, as it does for everybody whose inputs are late; then [`Step::input`] gives
    /// the default. Whether who is away can be shot is the game's to say.
    #[must_use]
    pub fn is_away(&self, seat: SeatId) -> bool {
        self.away.get(usize::from(seat.0)).copied().unwrap_or(false)
    }

    /// The inputs of `seat` that came since the last tick and were for earlier ones, at most [`Setup::rewind_max`] ago,
    /// the oldest first. Those ticks went by the last wish known; a game may make up for that where nobody else is
    /// concerned, and spare the client that predicts a correction. Until it hears that they have come, the client does
    /// not take the server's word for those ticks. As with [`Step::rewind`], within the bound a client may come as late
    /// as it likes.
    pub fn late_inputs(&self, seat: SeatId) -> impl Iterator<Item = (Tick, &'a G::Input)> + use<'a, G> {
        self.late.iter().filter(move |late| late.seat == seat).map(|late| (late.tick, &late.input))
    }

    /// The others as `seat` saw them when it made the input that is due now, at most [`Setup::rewind_max`] ago. How old
    /// its picture was is the client's word: within the bound it may say what it likes. A seat that has sent nothing
    /// yet has a lag of 0, which is the newest state that was sent; of a host that keeps no past nothing is found. Then
    /// judge by the present.
    #[must_use]
    pub fn rewind(&self, seat: SeatId) -> Rewound<'a, G::World> {
        let lag_ticks = self.lags.get(usize::from(seat.0)).copied().unwrap_or(0.0);
        Rewound::new(self.history, self.tick, lag_ticks)
    }
}
