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

pub mod lobby_call;
pub mod steer;

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::input::TickInput;
use tickwire_shared::protocol::{ResumeClaim, ResumeToken};
use tickwire_shared::{JoinRequest, Leave, Listing, Profile, SeatId, Tick};

use crate::net::{LinkId, Outcome, PlainStream};
use lobby_call::LobbyCall;
use steer::{AdminCall, SteerRoom};

/// Inputs that wait for one tick thread: a tick's worth of some thousands of players.
pub const INPUTS_CAPACITY: usize = 16 * 1024;
/// Messages of the other kinds that wait in a channel before they wait at their sender.
pub const POST_CAPACITY: usize = 4 * 1024;

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
        /// Which seat, and what it holds.
        claim: ResumeClaim,
    },
    /// From a reactor: the client of a stay has the token of this turn; the one before is void.
    TokenShown(StayId, u32),
    /// From a room: a seat that was placed is free again, and the stay over.
    SeatFreed(RoomId, StayId),
    /// From a tick thread: the room could not start or failed.
    RoomEnded(RoomId),
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
    /// From whoever hears signals: read the certificate anew. Dropped with a warning when the port is full.
    ReloadCertificate,
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

/// A channel's sending half that never blocks.
pub trait TryPost<T> {
    /// Sends, or gives the message back when the channel is full. A closed channel swallows it: the other thread has
    /// ended, and so will this one.
    ///
    /// # Errors
    /// The channel is full.
    fn try_post(&self, message: T) -> Result<(), T>;
}

impl<T> TryPost<T> for Sender<T> {
    fn try_post(&self, message: T) -> Result<(), T> {
        match self.try_send(message) {
            Err(TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}

impl<T> TryPost<T> for tokio::sync::mpsc::Sender<T> {
    fn try_post(&self, message: T) -> Result<(), T> {
        match self.try_send(message) {
            Err(tokio::sync::mpsc::error::TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// A sender for messages that must neither be lost nor reordered: what the channel cannot take waits here.
#[derive(Debug)]
pub struct Post<S, T> {
    sender: S,
    waiting: VecDeque<T>,
}

impl<S: TryPost<T>, T> Post<S, T> {
    /// Posts through `sender`.
    pub fn new(sender: S) -> Self {
        Self { sender, waiting: VecDeque::new() }
    }

    /// Sends now or, with [`Post::flush`], later.
    pub fn send(&mut self, message: T) {
        if let Err(message) = self.offer(message) {
            self.waiting.push_back(message);
        }
    }

    /// Sends now or gives the message back.
    ///
    /// # Errors
    /// The channel is full, or earlier messages wait.
    pub fn offer(&mut self, message: T) -> Result<(), T> {
        self.flush();
        if self.waiting.is_empty() { self.sender.try_post(message) } else { Err(message) }
    }

    /// Tries again to send what waits; call it once in a while. Tells whether anything was sent.
    pub fn flush(&mut self) -> bool {
        let mut sent = false;
        while let Some(message) = self.waiting.pop_front() {
            if let Err(message) = self.sender.try_post(message) {
                self.waiting.push_front(message);
                break;
            }
            sent = true;
        }
        sent
    }

    /// Whether all is sent.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The way to one reactor.
pub struct ReactorPort {
    post: Post<Sender<ToReactor>, ToReactor>,
    waker: Arc<mio::Waker>,
    /// Something was sent since the reactor was last woken.
    pending: bool,
}

impl ReactorPort {
    /// A port that sends through `sender` and wakes with `waker`.
    pub fn new(sender: Sender<ToReactor>, waker: Arc<mio::Waker>) -> Self {
        Self { post: Post::new(sender), waker, pending: false }
    }

    /// Sends; never lost.
    pub fn send(&mut self, message: ToReactor) {
        self.post.send(message);
        self.pending = true;
    }

    /// Wakes the reactor if something was sent since the last call.
    pub fn wake(&mut self) {
        self.pending |= self.post.flush();
        if std::mem::take(&mut self.pending)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "cannot wake a reactor");
        }
    }

    /// Whether all that was sent is in the reactor's inbox.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.post.is_flushed()
    }

    /// Sends a batch now or gives it back.
    ///
    /// # Errors
    /// The reactor's inbox is full, or earlier messages wait.
    pub fn offer(&mut self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        self.pending = true;
        self.post.offer(ToReactor::Batch(batch)).map_err(|message| match message {
            ToReactor::Batch(batch) => batch,
            other => unreachable!("a batch was offered, {other:?} came back"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_neither_loses_nor_reorders() {
        let (sender, receiver) = crossbeam_channel::bounded(2);
        let mut post = Post::new(sender);
        for i in 0..5 {
            post.send(i);
        }
        assert_eq!(post.offer(9), Err(9), "what comes later may not overtake");
        let mut received = Vec::new();
        while let Ok(i) = receiver.try_recv() {
            received.push(i);
            post.flush();
        }
        assert_eq!(received, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_had_to_wait_wakes_the_reactor_too() {
        let mut poll = mio::Poll::new().expect("the system has epoll");
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(1)).expect("a waker"));
        let (sender, inbox) = crossbeam_channel::bounded(1);
        let mut port = ReactorPort::new(sender, waker);
        let mut woken = move || {
            let mut events = mio::Events::with_capacity(4);
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).expect("it polls");
            !events.is_empty()
        };
        let stop = || ToReactor::Stop { text: String::new() };
        port.send(stop());
        port.send(stop());
        port.wake();
        assert!(woken());
        assert!(!port.is_flushed(), "the second waits: the inbox is full");
        assert!(inbox.try_recv().is_ok());
        port.wake();
        assert!(port.is_flushed());
        assert!(woken(), "what waited is in the inbox, and nobody would look");
    }
}
