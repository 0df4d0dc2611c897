//! What a bot says and hears once its WebSocket is open, sans IO: the worker gives it messages and the time.

mod chaos;
mod play;
mod raw;
mod script;
mod watch;

use std::time::Duration;

use thiserror::Error;
use tickwire_shared::Rng;
use tickwire_shared::client::ClientError;
use tickwire_shared::native::ConnectError;

pub use chaos::Chaotic;
pub use play::Player;
pub use raw::Raw;
pub use script::{Message, Script};
pub use watch::Watcher;

use crate::measure::Measure;
use crate::room::Rooms;
use crate::ws::FrameError;
use crate::ws::frame::{self, Opcode};

/// A server that has not given a seat by then will not.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// One bot's conversation with the server. The worker calls [`Session::open`] once, then the others as things happen;
/// what is to be sent goes through [`Turn::send`].
pub trait Session {
    /// What the handshake asks for.
    fn subprotocol(&self) -> Option<&str>;

    /// The WebSocket is open.
    fn open(&mut self, turn: &mut Turn<'_>);

    /// A whole message arrived.
    ///
    /// # Errors
    /// The bot cannot go on.
    fn message(&mut self, turn: &mut Turn<'_>, payload: &[u8], is_text: bool) -> Result<(), Failure>;

    /// The bot's own tick, which was due at `due`.
    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration);

    /// Time between own ticks; none for a bot that only listens. Asked once it has its seat.
    fn period(&self) -> Option<Duration>;

    /// Whether ticks that were missed because the swarm was late are made up for: who sends at a rate does, or a late
    /// swarm would spare the server; who says what it wants now does not.
    fn makes_up(&self) -> bool {
        false
    }

    /// Whether it misbehaves: what becomes of it is its own fault, and it comes back.
    fn is_chaotic(&self) -> bool {
        false
    }

    /// Whether it has what it came for.
    fn has_seat(&self) -> bool;

    /// Say goodbye. Gives false when the connection is simply to be closed.
    fn leave(&mut self, turn: &mut Turn<'_>) -> bool;

    /// The connection is over, by no wish of the bot. Tells whether it goes back to its seat on another one: then
    /// [`Session::open`] is called again. `code` is the WebSocket's close code.
    fn lost(&mut self, _turn: &mut Turn<'_>, _code: u16) -> bool {
        false
    }

    /// Nothing more is written down of it: what was due by now and has not come is as late as it is.
    fn close(&mut self, turn: &mut Turn<'_>);

    /// What it saw since it was last asked, for the reckoning; called when a connection is over.
    fn sight(&mut self) -> Sight;
}

/// What bots saw.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Sight {
    /// State hashes compared with the server's.
    pub hashes_checked: u64,
    /// Those that differed.
    pub desyncs: u64,
    /// Entities that came or went without a word, and words of what had come or gone already.
    pub wrong_spawns: u64,
}

impl Sight {
    /// Adds what others saw.
    pub fn add(&mut self, other: &Self) {
        self.hashes_checked += other.hashes_checked;
        self.desyncs += other.desyncs;
        self.wrong_spawns += other.wrong_spawns;
    }
}

/// What a session may use while it is called.
pub struct Turn<'a> {
    /// Since the swarm's epoch. It never goes back, for one bot.
    pub now: Duration,
    /// When the message was there that the bot hears: before `now` when it said something before it was its turn to
    /// listen. Times are measured with it.
    pub arrived: Duration,
    /// Where this bot writes down what it sees; none while nothing is measured.
    pub notes: Option<Notes<'a>>,
    /// The rooms that the bots of this thread are in.
    pub rooms: &'a mut Rooms,
    /// What is said, as frames.
    pub out: &'a mut Vec<u8>,
    /// Of masks.
    pub rng: &'a mut Rng,
}

/// Where a bot writes down what it measures.
pub struct Notes<'a> {
    /// What all bots of this thread measured.
    pub measure: &'a mut Measure,
    /// What this one did.
    pub own: &'a mut Own,
    /// From when on it is written down.
    pub since: Duration,
}

/// Who gets nothing for so long, and for so many times as long as usual, is told of: the server has fallen silent.
const SILENT_AFTER: Duration = Duration::from_secs(1);
const SILENT_PERIODS: u32 = 5;

/// Whether a time without frames, which come every `period`, is a silence.
#[must_use]
pub fn is_silence(time: Duration, period: Duration) -> bool {
    time >= SILENT_AFTER.max(period * SILENT_PERIODS)
}

/// A bot's own figures of the measured time, to find those that are served worse than others.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Own {
    /// Frames.
    pub frames: u64,
    /// Of the ages of its states, in microseconds.
    pub age_sum_us: u64,
    /// How many ages.
    pub ages: u64,
    /// How long it was measured: it had its seat, and read what came.
    pub measured: Duration,
    /// How long nothing had come to it in the end, if that is a silence.
    pub silent: Duration,
}

impl Turn<'_> {
    /// Sends a message.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        if let Some(notes) = &mut self.notes {
            notes.measure.counters.bytes_up += payload.len() as u64;
        }
        frame::write(self.out, opcode, payload, self.rng.bits().to_ne_bytes());
    }
}

/// Why a bot failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Somebody is there, and does not speak WebSocket, or not over TLS.
    #[error("no WebSocket was opened: {reason}")]
    NoWebSocket {
        /// What was there instead.
        reason: String,
    },
    /// Neither a seat nor a refusal.
    #[error("neither let in nor refused within {} s", JOIN_TIMEOUT.as_secs())]
    Silent,
    /// It was on its way to its seat when the run ended, and still some seconds later.
    #[error("had no seat when the run ended, {waited_s} s after it was due")]
    NotSeated {
        /// Since it was to join, or to come back.
        waited_s: u64,
    },
    /// The server said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The connection ended before there was a seat.
    #[error("before joining: {0}")]
    NotJoined(Ended),
    /// The connection ended too early.
    #[error("while playing: {0}")]
    Lost(Ended),
    /// The bot came back after its connection broke, and its seat was not there.
    #[error("came back and got its seat no more: {0}")]
    SeatLost(Ended),
    /// The connection stayed, and nothing came over it.
    #[error("while playing: no frame came, nor an echo, during the whole measurement")]
    Starved,
    /// The bot meant to.
    #[error("the bot broke its connection on purpose")]
    Deliberate,
    /// We did it: all its bots have more to do than there is time for.
    #[error("the bots' thread did not end in time: it has too many of them, or they think for too long")]
    TooBusy,
    /// We did it.
    #[error("the bot's thread panicked; the message is above")]
    Panicked,
}

impl Failure {
    /// The WebSocket's close code, as a client sees it.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Lost(Ended::Closed { code, .. })
            | Self::NotJoined(Ended::Closed { code, .. })
            | Self::SeatLost(Ended::Closed { code, .. }) => *code,
            _ => 1006,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Error)]
pub enum Ended {
    /// The other end closed it.
    #[error("the server closed the connection: {reason} ({code})")]
    Closed {
        /// WebSocket close code; 1005 when there was none, 1006 when the connection broke.
        code: u16,
        /// The server's reason.
        reason: String,
    },
    /// The server broke the protocol.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server broke the WebSocket's framing.
    #[error("the server broke the WebSocket protocol: {0}")]
    Framing(#[from] FrameError),
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Socket(String),
}

impl Ended {
    /// The end of the stream without a farewell.
    #[must_use]
    pub fn lost() -> Self {
        Self::Closed { code: 1006, reason: "connection lost".to_owned() }
    }

    /// What a server that broke a rule is told.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Client(error) => Some(error.close_reason().code()),
            Self::Framing(FrameError::TooLong(_)) => Some(1009),
            Self::Framing(_) => Some(1002),
            Self::Closed { .. } | Self::Socket(_) => None,
        }
    }
}
