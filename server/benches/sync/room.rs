//! The real room, beside which the rig's phases must hold: the same frames, in about the time of all phases together.

use std::time::{Duration, Instant};

use tickwire_server::handover::{Batch, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::{Leave, Profile, SeatId};

use crate::agents::{Agents, Crowd};
use crate::rig::timed;

/// A room whose one reactor writes everything at once.
pub struct Whole {
    room: Room<Agents>,
    clients: usize,
    batch: Option<Box<Batch>>,
}

/// What one tick took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stepped {
    pub step: Duration,
    pub receipts: Duration,
    /// Bytes of all frames.
    pub sent: usize,
}

impl Whole {
    pub fn new(options: Crowd) -> Self {
        let room = Room::new(RoomId(1), options, 1, 0, 1).expect("the agents refuse nothing");
        Self { room, clients: 0, batch: None }
    }

    /// More clients.
    pub fn join(&mut self, more: usize) -> Duration {
        let clients = self.clients;
        self.clients += more;
        timed(|| {
            for link in clients..clients + more {
                self.room.join(address(link), Profile::default()).expect("there is space");
            }
        })
    }

    /// The last clients leave, until there are `left`.
    pub fn leave(&mut self, left: usize) {
        for link in (left..self.clients).rev() {
            assert!(self.room.leave(SeatId(link as u16), address(link), Leave::Left));
        }
        self.clients = left;
    }

    pub fn step(&mut self) -> Stepped {
        let step = timed(|| {
            self.room.step(Instant::now(), |batch| {
                self.batch = Some(batch);
                Ok(())
            });
        });
        let mut stepped = Stepped { step, ..Stepped::default() };
        if let Some(mut batch) = self.batch.take() {
            assert_eq!(batch.frames.len(), self.clients, "a frame for each client");
            stepped.sent = batch.frames.iter().flat_map(|frame| batch.frame_bytes(frame)).map(<[u8]>::len).sum();
            batch.outcomes.extend(batch.frames.iter().map(|_| Outcome::Written));
            stepped.receipts = timed(|| self.room.home(batch));
        }
        stepped
    }
}

fn address(link: usize) -> LinkAddress {
    LinkAddress { reactor: 0, link: LinkId(link as u64) }
}
