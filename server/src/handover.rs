//! Everything that crosses a thread, and each port's capacity with what happens when it is full.
//!
//! ```text
//!            ToTick, RoomInput, Batch (home)                 ToReactor (batches, seats, ends)
//!  reactors ---------------------------------> tick threads ---------------------------------> reactors
//!     |   ToControl (joins, returns, plain HTTP)             |  ToControl (freed seats)
//!     +------------------------> control <----------+            control -- ToTick --> tick threads
//! ```
//! | port | capacity | full |
//! | --- | --- | --- |
//! | inputs, per tick thread | [`INPUTS_CAPACITY`] | dropped and counted; the client repeats its inputs |
//! | word of frames, among the inputs | | the newest of each link waits in the gateway |
//! | commands, resyncs | within `ToTick` | dropped and counted |
//! | the rest of `ToTick`, `ToReactor`, `ToControl` | [`POST_CAPACITY`] | waits at the sender, in order ([`Post`]); at most a few a link |
//! | an operator's questions | within `ToControl`, then `ToTick` | told to try again; answers come by a oneshot ([`steer`]) |
//! | batches to a reactor | within `ToReactor` | the room keeps its batch and skips this tick |
//! | batches home | none | as many as there are permits: two for each room and reactor, at most |

pub mod ban;
pub mod inspect;
pub mod lobby_call;
mod post;
pub mod steer;

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::input::TickInput;
use tickwire_shared::protocol::{ResumeClaim, ResumeToken};
use tickwire_shared::{JoinRequest, Leave, Listing, Profile, SeatId, Tick};

use crate::metrics::room_gauges::RoomGauges;
use crate::net::{LinkId, Outcome, PlainStream};
use lobby_call::LobbyCall;
pub use post::{Post, ReactorPort, TryPost};
use steer::{AdminCall, SteerRoom};

/// Inputs that wait for one tick thread: a tick's worth of some thousands of players.
pub const INPUTS_CAPACITY: usize = 16 * 1024;
/// Messages of the other kinds that wait in a channel before they wait at their sender.
pub const POST_CAPACITY: usize = 4 * 1024;

/// Of so many rooms that could not open their games' reasons are known: a tick thread tells them to those who are about to
/// join, the control thread to those who have tickets.
pub const UNOPENED_MAX: usize = 64;

/// What one is told whose token leads nowhere. It need not know more: who has stolen one learns nothing.
pub const SEAT_GONE: &str = "your seat is gone: its time is over, its room or the server ended, or its token was used; \
                             join anew";

/// A running room's name, unique in a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RoomId(pub u64);

/// One player's stay in a room: from joining to leaving, over however many connections. Unique in a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StayId(pub u64);

/// What leads a client back to its seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pass {
    /// Its stay.
    pub stay: StayId,
    /// How often its token was renewed.
    pub turn: u32,
    /// The newest token.
    pub token: ResumeToken,
}

/// Where a client is connected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkAddress {
    /// Index of the reactor.
    pub reactor: usize,
    /// The link there.
    pub link: LinkId,
}

/// A seat of a room, as the reactor's side knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatAddress {
    /// Index of the room's tick thread.
    pub thread: usize,
    /// The room.
    pub room: RoomId,
    /// The seat.
    pub seat: SeatId,
}

/// The options of a room's game, of a type that only the game's own host knows.
pub struct RoomOptions(pub Box<dyn Any + Send>);

impl fmt::Debug for RoomOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomOptions(..)")
    }
}

/// A room to be opened.
#[derive(Debug)]
pub struct OpenRoom {
    /// Its name.
    pub room: RoomId,
    /// The place of its game among those that are hosted.
    pub game: usize,
    /// For its generator.
    pub seed: u64,
    /// What its creator wished for.
    pub listing: Listing,
    /// How its game begins; none: as the server says.
    pub options: Option<RoomOptions>,
    /// What others join it by, if it is private.
    pub code: Option<String>,
    /// Where its tick thread tells how it runs.
    pub gauges: Arc<RoomGauges>,
}

/// What tick threads are told, inputs aside.
#[derive(Debug)]
pub enum ToTick {
    /// From control: a new room.
    Open(Box<OpenRoom>),
    /// From control: a client to seat.
    Join {
        /// In this room.
        room: RoomId,
        /// Connected here.
        link: LinkAddress,
        /// Who it is.
        profile: Profile,
        /// Only to look on.
        spectates: bool,
        /// Its stay.
        stay: StayId,
        /// What will lead it back; none when the system gives no random numbers.
        pass: Option<Pass>,
    },
    /// From control: a client comes back to its seat.
    Resume {
        /// In this room.
        room: RoomId,
        /// Connected here.
        link: LinkAddress,
        /// What will lead it back the next time; its stay is the one that it comes back to.
        pass: Pass,
        /// What it holds.
        claim: ResumeClaim,
    },
    /// From a reactor: the connection of a seat broke; the seat may be held.
    Lost {
        /// In this room.
        room: RoomId,
        /// This seat.
        seat: SeatId,
        /// Only if it is still this link's.
        link: LinkAddress,
    },
    /// From a reactor: the client of a seat is gone.
    Leave {
        /// In this room.
        room: RoomId,
        /// From this seat.
        seat: SeatId,
        /// Only if it is still this link's.
        link: LinkAddress,
        /// Why.
        why: Leave,
    },
    /// From a reactor: a command for the game.
    Command {
        /// In this room.
        room: RoomId,
        /// From this seat.
        seat: SeatId,
        /// Only if it is still this link's.
        link: LinkAddress,
        /// In the game's encoding.
        bytes: Vec<u8>,
    },
    /// From a reactor: the client's state is wrong; keyframes, please.
    Resync {
        /// In this room.
        room: RoomId,
        /// For this seat.
        seat: SeatId,
        /// Only if it is still this link's.
        link: LinkAddress,
    },
    /// From a reactor: something of the client's state is wrong; keyframes of that, please.
    Desync {
        /// In this room.
        room: RoomId,
        /// For this seat.
        seat: SeatId,
        /// Only if it is still this link's.
        link: LinkAddress,
        /// When it was wrong.
        tick: Tick,
        /// What the client held then: channel handles and the low halves of hashes.
        hashes: Vec<(u16, u32)>,
    },
    /// From control: the second device of an account takes its seat over from the first.
    TakeOver {
        /// In this room.
        room: RoomId,
        /// Connected here.
        link: LinkAddress,
        /// What will lead it back; its stay is the one that it takes over.
        pass: Pass,
    },
    /// From control: somebody is to go, wherever it sits.
    Expel {
        /// In this room.
        room: RoomId,
        /// This stay.
        stay: StayId,
        /// The close code.
        reason: CloseReason,
        /// For a person.
        text: String,
    },
    /// From control: an operator asks something of a room.
    Steer(SteerRoom),
    /// From control: a room that nobody is in any more.
    Close(RoomId),
    /// From control: the thread ends.
    Stop,
}

/// What a client tells its room at every tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// What the player wants.
    Input(TickInput),
    /// The client has taken the frame of this tick.
    Heard(Tick),
}

/// One input, or word of a frame, on its way to a room.
#[derive(Clone, Copy, Debug)]
pub struct RoomInput {
    /// To this room.
    pub room: RoomId,
    /// From this seat.
    pub seat: SeatId,
    /// Only if it is still this link's.
    pub link: LinkAddress,
    /// What it says.
    pub told: Told,
    /// When the reactor read it.
    pub arrived: Instant,
}

/// A seat that a client has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seated {
    /// The seat.
    pub seat: SeatAddress,
    /// The room's tick.
    pub tick: Tick,
    /// Ticks a second.
    pub rate_hz: u16,
    /// What will lead it back; none where seats are not held.
    pub pass: Option<Pass>,
    /// It had the seat before: how many events are lost to it.
    pub resumed: Option<u32>,
    /// What others join the room by, if it is private.
    pub code: Option<String>,
}

/// What reactors are told.
#[derive(Debug)]
pub enum ToReactor {
    /// From a room: frames to write. Goes home as a receipt.
    Batch(Box<Batch>),
    /// From a room: a client has its seat.
    Seated {
        /// The client.
        link: LinkId,
        /// What it is told.
        seated: Box<Seated>,
    },
    /// From a room or control: a client is to be told why, and closed.
    Close {
        /// The client.
        link: LinkId,
        /// The close code.
        reason: CloseReason,
        /// For a person.
        text: String,
    },
    /// From a room or control: word from the operator.
    Notice {
        /// To this client; none: to all that have a seat.
        link: Option<LinkId>,
        /// For a person.
        text: Arc<str>,
        /// The connection ends in so many seconds, or before.
        ends_in_s: Option<u32>,
    },
    /// From control: close all, with these words, and end.
    Stop {
        /// For a person.
        text: String,
    },
}

/// What the control thread is told.
#[derive(Debug)]
pub enum ToControl {
    /// From a reactor: a client wants a seat.
    Join {
        /// The client.
        link: LinkAddress,
        /// From this address.
        ip: IpAddr,
        /// The place of the game that it speaks, among those that are hosted.
        game: usize,
        /// Who it says it is, and what it wants; the name can be shown.
        request: Box<JoinRequest>,
    },
    /// From a reactor: a client comes back to its seat.
    Resume {
        /// The client.
        link: LinkAddress,
        /// From this address.
        ip: IpAddr,
        /// Which seat, and what it holds.
        claim: ResumeClaim,
    },
    /// From a reactor: the client of a stay has the token of this turn; the one before is void.
    TokenShown(StayId, u32),
    /// From a room: who was placed has its seat.
    SeatTaken(StayId),
    /// From a room: a seat that was placed is free again, and the stay over.
    SeatFreed(RoomId, StayId),
    /// From a tick thread: the room is no more.
    RoomEnded(RoomId),
    /// From a tick thread: the room could not start.
    RoomUnopened {
        /// Which.
        room: RoomId,
        /// Its game's words.
        reason: String,
    },
    /// From a tick thread: a room has so many seats, and shows this in the lobby.
    RoomListed {
        /// Which.
        room: RoomId,
        /// In all.
        seats: usize,
        /// As it is now.
        listing: Box<Listing>,
    },
    /// From a room: what is known of a client's wrong state, as a file.
    Capsule {
        /// The file's.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// From whoever hears signals: read the certificate and the keys of passes anew. Dropped with a warning when the port
    /// is full.
    Reload,
    /// From an operator, or whoever hears signals.
    Admin(AdminCall),
    /// From somebody who asks over HTTP.
    Lobby(Box<LobbyCall>),
    /// From a reactor: a connection that speaks plain HTTP.
    Plain {
        /// Socket and TLS.
        stream: PlainStream,
        /// What was read from it.
        read: Vec<u8>,
        /// Its other end.
        peer: SocketAddr,
    },
}

/// One client's frame in a [`Batch`].
#[derive(Clone, Debug)]
pub struct BatchFrame {
    /// To this client.
    pub link: LinkId,
    /// In this seat.
    pub seat: SeatId,
    /// Which of the batch's pieces make the frame, in order.
    pub pieces: Range<usize>,
}

/// The frames of one room's tick for the links of one reactor. There is one such box for each (room, reactor): who
/// holds it may work. The room composes only while it is home; the reactor returns it with what really left.
#[derive(Debug)]
pub struct Batch {
    /// The room.
    pub room: RoomId,
    /// Index of the room's tick thread.
    pub thread: usize,
    /// Index of the reactor.
    pub reactor: usize,
    /// Shared parts and private bytes.
    pub bytes: Vec<u8>,
    /// Pieces of `bytes`; frames share them.
    pub pieces: Vec<Range<usize>>,
    /// One for each client that gets a frame.
    pub frames: Vec<BatchFrame>,
    /// Clients that had a leftover last time: the reactor tells in `drained` whose is gone.
    pub blocked: Vec<(LinkId, SeatId)>,
    /// Receipt: what became of each of `frames`.
    pub outcomes: Vec<Outcome>,
    /// Receipt: which of `blocked` can be sent to again.
    pub drained: Vec<(LinkId, SeatId)>,
    /// Receipt: how long it took to write them.
    pub write_took: Duration,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub fn new(room: RoomId, thread: usize, reactor: usize) -> Self {
        Self {
            room,
            thread,
            reactor,
            bytes: Vec::new(),
            pieces: Vec::new(),
            frames: Vec::new(),
            blocked: Vec::new(),
            outcomes: Vec::new(),
            drained: Vec::new(),
            write_took: Duration::ZERO,
        }
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.frames.clear();
        self.blocked.clear();
        self.outcomes.clear();
        self.drained.clear();
    }

    /// The bytes of one frame, piece by piece.
    pub fn frame_bytes(&self, frame: &BatchFrame) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces[frame.pieces.clone()].iter().map(|piece| &self.bytes[piece.clone()])
    }
}
