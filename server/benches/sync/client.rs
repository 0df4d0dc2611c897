//! A client that holds a real replica, and looks whether all it holds is true.

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

/// See the module.
pub struct Client {
    seat: SeatId,
    layout: Layout,
    replica: Replica,
    frame: Frame,
    /// The bytes of the last frame.
    pub received: usize,
    everything: bool,
}

impl Client {
    pub fn new(seat: SeatId, layout: Layout, everything: bool) -> Self {
        let replica = Replica::new(layout.clone());
        Self { seat, layout, replica, frame: Frame::default(), received: 0, everything }
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

    /// All that is near is there, all that is there is as it was published and not far.
    pub fn check(&self, game: &Agents, now: &Published, before: &Published, decoded: &mut Decoded) {
        let row = |published: &'_ Published, id: u32| {
            let at = published.entities.binary_search_by_key(&id, |put| put.id.0).ok()?;
            let first = published.entities[at].first_lane;
            Some(published.lanes[first..first + Agent::LANES].to_vec())
        };
        let look = game.look(self.seat);
        let mut held = 0;
        for (id, _, lanes) in self.replica.newest_all() {
            let truth = row(now, id.0).unwrap_or_else(|| panic!("seat {} holds {id:?}, which is no more", self.seat.0));
            assert_eq!(lanes, truth, "{id:?} as seat {} holds it", self.seat.0);
            assert!(self.everything || away(lanes, look) < FAR, "seat {} knows {id:?}, which is far", self.seat.0);
            decoded.updates += usize::from(row(before, id.0).is_some_and(|before| before != truth));
            held += 1;
        }
        for put in &now.entities {
            let near = away(&now.lanes[put.first_lane..put.first_lane + Agent::LANES], look) < NEAR;
            assert!(
                !(near || self.everything) || self.replica.newest(put.id).is_some(),
                "seat {} does not know {:?}, which is near",
                self.seat.0,
                put.id
            );
        }
        let own = game.of_seat(self.seat);
        let owned: Vec<EntityId> = self.replica.owned().collect();
        assert_eq!(owned, if game.shows(own) { vec![EntityId(own as u32)] } else { Vec::new() });
        decoded.in_view += held;
    }

    /// How many entities it holds.
    pub fn in_view(&self) -> usize {
        self.replica.newest_all().count()
    }
}

fn away(lanes: &[u32], (x, y): (f32, f32)) -> f32 {
    let at = Agent::from_lanes(lanes).at();
    (at.0 - x).hypot(at.1 - y)
}
