//! A client that holds a real replica, and looks whether all it holds is true.

use std::collections::VecDeque;
use std::time::Duration;

use tickwire_shared::delta::Layout;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::publish::Published;
use tickwire_shared::replica::Replica;
use tickwire_shared::{EntityId, Replicate, SeatId};

use crate::agents::{Agent, Agents, RADIUS};
use crate::rig::{Decoded, timed};

/// What is further away must not be known: cells reach over the circle.
const FAR: f32 = 2.2 * RADIUS;
/// What is nearer must be known; a cell's border is soft by an eighth.
const NEAR: f32 = RADIUS * (1.0 - 0.1);
/// What is nearer than this is never old, be what is far sent more rarely or not: up to there cells are due each tick.
const FRESH: f32 = RADIUS * (0.6 - 0.1);
/// How many ticks old anything may be: one that goes from one far cell to another waits for the turns of both.
pub const PAST_TICKS: usize = 6;

/// See the module.
pub struct Client {
    seat: SeatId,
    layout: Layout,
    replica: Replica,
    frame: Frame,
    /// The bytes of the last frame.
    pub received: usize,
    everything: bool,
    far_is_rarer: bool,
}

impl Client {
    pub fn new(seat: SeatId, layout: Layout, everything: bool, far_is_rarer: bool) -> Self {
        let replica = Replica::new(layout.clone());
        Self { seat, layout, replica, frame: Frame::default(), received: 0, everything, far_is_rarer }
    }

    /// Forgets all: another one takes the seat.
    pub fn restart(&mut self) {
        self.replica = Replica::new(self.layout.clone());
    }

    pub fn seat(&self) -> SeatId {
        self.seat
    }

    /// Takes a frame; tells how long that took.
    pub fn receive(&mut self, message: Vec<u8>) -> Duration {
        let took = timed(|| {
            self.frame.parse(&message).expect("a whole frame");
            self.replica.apply(&self.frame, &message).expect("a frame that builds on what the client holds");
        });
        self.received = message.len();
        if let Some(tick) = self.replica.tick() {
            // as a client that draws the newest state
            self.replica.forget_before(tick, 0.0);
        }
        if let Some(hash) = self.frame.head.hash {
            assert_eq!(self.replica.hash() as u32, hash, "the hashes of seat {}", self.seat.0);
        }
        took
    }

    /// All that is near is there, all that is there is as it was published and not far. Where what is far is sent more
    /// rarely, it is as it was published not long ago.
    pub fn check(&self, game: &Agents, now: &Published, before: &VecDeque<Published>, decoded: &mut Decoded) {
        let row = |published: &'_ Published, id: u32| {
            let at = published.entities.binary_search_by_key(&id, |put| put.id.0).ok()?;
            let first = published.entities[at].first_lane;
            Some(published.lanes[first..first + Agent::LANES].to_vec())
        };
        let look = game.look(self.seat);
        for (id, _, lanes) in self.replica.newest_all() {
            let may_be_old = self.far_is_rarer && away(lanes, look) > FRESH;
            let truth = row(now, id.0);
            let was = || before.iter().any(|before| row(before, id.0).as_deref() == Some(lanes));
            assert!(
                truth.as_deref() == Some(lanes) || (may_be_old && was()),
                "{id:?} as seat {} holds it, {} m away: {lanes:?}, not {truth:?}",
                self.seat.0,
                away(lanes, look)
            );
            assert!(self.everything || away(lanes, look) < FAR, "seat {} knows {id:?}, which is far", self.seat.0);
            let last = before.front().and_then(|before| row(before, id.0));
            decoded.updates += usize::from(last.is_some() && last != truth);
            decoded.held += 1;
        }
        for put in &now.entities {
            let away = away(&now.lanes[put.first_lane..put.first_lane + Agent::LANES], look);
            assert!(
                !(away < NEAR || self.everything) || self.replica.newest(put.id).is_some(),
                "seat {} does not know {:?}, which is near",
                self.seat.0,
                put.id
            );
            decoded.within += usize::from(away < RADIUS);
        }
        let own = game.of_seat(self.seat);
        let owned: Vec<EntityId> = self.replica.owned().collect();
        assert_eq!(owned, if game.shows(own) { vec![EntityId(own as u32)] } else { Vec::new() });
    }

    /// How many entities it holds, and how many of them are no further away than it sees.
    pub fn in_view(&self, game: &Agents) -> (usize, usize) {
        let look = game.look(self.seat);
        let within = self.replica.newest_all().filter(|(_, _, lanes)| away(lanes, look) < RADIUS);
        (self.replica.newest_all().count(), within.count())
    }
}

fn away(lanes: &[u32], (x, y): (f32, f32)) -> f32 {
    let at = Agent::from_lanes(lanes).at();
    (at.0 - x).hypot(at.1 - y)
}
