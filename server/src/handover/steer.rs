//! What an operator asks of rooms and of the server, and what is answered. Each question carries the way back
//! (a oneshot, which never blocks who answers); whoever asked waits for a while and then says so.

use std::collections::BTreeMap;
use std::time::Duration;

use tickwire_shared::{Property, SeatId};
use tokio::sync::oneshot;

use super::RoomId;
use super::ban::{Ban, Whom};
use super::inspect::{Inspect, Inspection};
use crate::metrics::room_gauges::RoomFigures;

/// From the admin listener to control, within `ToControl`; when that is full, the operator is told to try again.
#[derive(Debug)]
pub enum AdminCall {
    /// Which rooms are there?
    Rooms {
        /// Those behind this one.
        after: RoomId,
        /// So many at most.
        max: usize,
        /// Goes here.
        answer: oneshot::Sender<Vec<RoomLine>>,
    },
    /// For one room; goes on to its tick thread.
    Room(SteerRoom),
    /// All players are to read this.
    Message {
        /// For persons.
        text: String,
        /// Goes here: how many seats are taken.
        answer: oneshot::Sender<usize>,
    },
    /// Somebody is to be kept away, and to go.
    Ban {
        /// Who.
        whom: Whom,
        /// Why, for the player.
        reason: String,
        /// For so many seconds; none: for good.
        for_s: Option<u64>,
        /// Goes here.
        answer: oneshot::Sender<Result<Banned, String>>,
    },
    /// A ban is to be lifted.
    Lift {
        /// Its number.
        ban: u64,
        /// Goes here; none: there is no such ban.
        answer: oneshot::Sender<Option<Banned>>,
    },
    /// Who is banned?
    Bans {
        /// Goes here.
        answer: oneshot::Sender<Vec<Ban>>,
    },
    /// Nobody is to join a room, or may again.
    Bar {
        /// Which.
        room: RoomId,
        /// Whether nobody is to.
        is_barred: bool,
        /// Goes here: whether there is such a room.
        answer: oneshot::Sender<bool>,
    },
    /// The server is to end when its rooms have, or after this time.
    Drain {
        /// At most; `None`: what is configured.
        within: Option<Duration>,
        /// What players are told then; `None`: what is configured.
        text: Option<String>,
    },
}

/// A ban that began, or ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Banned {
    /// Which.
    pub ban: Ban,
    /// How many players had to go.
    pub players: usize,
    /// Why it could not be written to its file: it holds until the server ends.
    pub unkept: Option<String>,
}

/// One question to one room, within `ToTick`; answered in the thread's next pass.
#[derive(Debug)]
pub struct SteerRoom {
    /// Which.
    pub room: RoomId,
    /// What about it.
    pub what: Steer,
    /// The answer goes here.
    pub answer: oneshot::Sender<Steered>,
}

/// What can be asked of a room.
#[derive(Clone, PartialEq, Debug)]
pub enum Steer {
    /// How is it?
    Look,
    /// What is in it, and who holds what of that?
    Inspect(Inspect),
    /// One player is to go.
    Kick {
        /// Who sits there.
        seat: SeatId,
        /// What the player is told.
        text: String,
    },
    /// Its players, or one of them, are to read this.
    Message {
        /// Who sits there; none: all.
        seat: Option<SeatId>,
        /// For persons.
        text: String,
    },
    /// It is to end.
    Dispose {
        /// What its players are told.
        text: String,
    },
}

/// What became of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Steered {
    /// It is like this.
    Looks(Box<RoomReport>),
    /// There is this in it.
    Inspected(Box<Inspection>),
    /// Somebody has only just looked into a room of the same thread.
    TooSoon,
    /// It is done; so many players were told.
    Done {
        /// Whose connections end.
        players: usize,
    },
    /// There is no such room (any more).
    NoRoom,
    /// Nobody sits there.
    NoSeat,
}

/// A room as the lobby knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomLine {
    /// Which.
    pub room: RoomId,
    /// Its game's name.
    pub game: &'static str,
    /// Index of its tick thread.
    pub thread: usize,
    /// Seats that are taken or promised.
    pub taken: usize,
    /// Seats in all.
    pub seats: usize,
    /// Nobody joins.
    pub locked: bool,
    /// It is in no public list.
    pub hidden: bool,
    /// Only its code opens it.
    pub private: bool,
    /// By which people find it.
    pub properties: BTreeMap<String, Property>,
    /// How it runs.
    pub figures: RoomFigures,
}

/// Bytes of frames that are for no public field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartBytes {
    /// Who is there, who came and went, who changed.
    pub structure: u64,
    /// Heads of frames, handles and lengths of parts.
    pub heads: u64,
    /// Owner-only fields.
    pub owned: u64,
    /// Events of the game.
    pub events: u64,
}

/// A room as its tick thread knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomReport {
    /// The game's name.
    pub game: &'static str,
    /// Index of its tick thread.
    pub thread: usize,
    /// The tick of the last step.
    pub tick: u32,
    /// Ticks a second.
    pub rate_hz: u16,
    /// Seats in all.
    pub seats: usize,
    /// How many sit there.
    pub players_total: usize,
    /// Who sits where: names, and accounts of those who have one; of many the first thousand.
    pub players: Vec<(SeatId, String, Option<String>)>,
    /// Length of a tick: a running mean.
    pub tick_mean: Duration,
    /// The longest tick so far.
    pub tick_max: Duration,
    /// Frames composed so far.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Of these, by field: kind, field, bytes.
    pub fields: Vec<(String, String, u64)>,
    /// And what is no public field.
    pub parts: PartBytes,
}
