//! What an operator's map of a room is made of. A tick thread only copies here, in a bounded number of steps: what the
//! lanes mean is worked out by whoever asked.

use std::sync::Arc;

use tickwire_shared::schema::Schema;
use tickwire_shared::{EntityId, Layer, SeatId, Sight};

/// Which part of a room is looked at.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Inspect {
    /// Of this seat it is told what it holds.
    pub seat: Option<SeatId>,
    /// Only what is between these corners, and what is everywhere: smallest x and y, largest x and y. None: all.
    pub area: Option<[f32; 4]>,
    /// Entities in the answer, at most. When there are more, some of all parts are left out.
    pub max: usize,
    /// Seats in the answer, at most; that which was asked for is one more.
    pub seats_max: usize,
    /// Only seats behind this one.
    pub seats_after: Option<SeatId>,
}

/// A room between two ticks.
#[derive(Clone, PartialEq, Debug)]
pub struct Inspection {
    /// What the lanes of its entities mean.
    pub schema: Arc<Schema>,
    /// The tick of the last step.
    pub tick: u32,
    /// Ticks a second.
    pub rate_hz: u16,
    /// The side of a cell of the grid; none where everybody sees everything.
    pub cell_size: Option<f32>,
    /// Corners of all that is somewhere: smallest x and y, largest x and y.
    pub bounds: Option<[f32; 4]>,
    /// How many entities there are in all.
    pub entities_total: usize,
    /// How many of them are in the part that was asked for.
    pub entities_within: usize,
    /// Those that are told.
    pub entities: Vec<InspectedEntity>,
    /// Their lanes, one after another.
    pub lanes: Vec<u32>,
    /// How many sit there.
    pub seats_total: usize,
    /// Those that are told.
    pub seats: Vec<InspectedSeat>,
    /// Channels that the client of the asked seat holds; none when nobody was asked for, or nobody sits there.
    pub held: Option<Vec<InspectedChannel>>,
}

/// Something as it was sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InspectedEntity {
    /// Its id.
    pub id: EntityId,
    /// Its kind's number.
    pub kind: u16,
    /// Where it is; none: everywhere.
    pub place: Option<(f32, f32)>,
    /// Who receives its owner-only fields.
    pub owner: Option<SeatId>,
    /// How it travels.
    pub channel: InspectedChannel,
    /// Where its lanes begin.
    pub first_lane: usize,
}

/// A layer in a cell of the grid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct InspectedChannel {
    /// Column and row; none: everywhere.
    pub cell: Option<(i16, i16)>,
    /// For whom it is.
    pub layer: Layer,
}

/// Somebody in a room.
#[derive(Clone, PartialEq, Debug)]
pub struct InspectedSeat {
    /// Which seat.
    pub seat: SeatId,
    /// The player's name.
    pub name: String,
    /// The account, of who has one.
    pub account: Option<String>,
    /// Where it looks, if the game has said.
    pub look: Option<(f32, f32)>,
    /// Which layers it sees.
    pub sight: Sight,
    /// Its connection broke, and the seat is held.
    pub is_away: bool,
    /// Its connection has not taken the last frame: nothing is composed for it.
    pub is_blocked: bool,
    /// How many channels its client holds.
    pub channels: usize,
    /// Ticks since the last frame that was written to it; none before the first.
    pub frame_age: Option<u32>,
    /// Bytes of frames that its client has not said it has taken; 0 where it is not asked.
    pub unacked_bytes: u64,
    /// Events that wait for it.
    pub events_waiting: usize,
    /// Bytes a second that its way takes, where that is less than there is.
    pub limit_bytes_per_s: Option<u32>,
}
