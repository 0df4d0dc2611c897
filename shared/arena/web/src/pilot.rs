//! A player who knows Arena.

use std::time::Duration;

use tickwire_arena::ship::{ShipState, drawn_at, drawn_heading};
use tickwire_arena::{Arena, Entity, Input};
use tickwire_shared::EntityId;
use tickwire_shared::client::{Client, ClientError, Event, InputError, Notice, Stats, UntypedClient};
use tickwire_shared::protocol::encode_payload;
use tickwire_shared::schema::{Replicate, World};
use tickwire_web::{Drawn, Player, drawn};

/// See the module.
pub(crate) struct Pilot(pub(crate) Client<Arena>);

impl Pilot {
    /// The own ships at `now`, as the client predicts them; none before it does.
    fn own(&self, now: Duration) -> Vec<(EntityId, u16, Vec<u32>)> {
        let owned: Vec<EntityId> = self.0.owned().collect();
        // predicted entities come first
        let own = self.0.sample(now).take(owned.len()).filter(|(id, _)| owned.contains(id));
        own.filter_map(|(id, entity)| {
            let Entity::Ship(mut ship) = entity else { return None };
            let (at, heading) = (drawn_at(&ship), drawn_heading(&ship));
            // anew into places and rests, of which the page makes the sums
            ShipState { at, heading, ..ShipState::of(&ship) }.show(&mut ship);
            let ship = Entity::Ship(ship);
            let mut row = vec![0; tickwire_arena::Ship::LANES];
            ship.to_lanes(&mut row);
            Some((id, ship.kind(), row))
        })
        .collect()
    }
}

impl Player for Pilot {
    fn untyped(&self) -> &UntypedClient {
        self.0.untyped()
    }

    fn handle_connected(&mut self) {
        self.0.handle_connected();
    }

    fn handle_disconnected(&mut self, now: Duration, code: u16, reason: &str) -> bool {
        self.0.handle_disconnected(now, code, reason)
    }

    fn poll_connect(&mut self, now: Duration) -> bool {
        self.0.poll_connect(now)
    }

    fn hurry(&mut self) {
        self.0.hurry();
    }

    fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        self.0.handle_message(now, message)
    }

    fn input(&mut self, now: Duration, lanes: &[u32]) -> Result<bool, InputError> {
        if lanes.len() != Input::LANES {
            return Err(InputError { given: lanes.len(), of: Input::LANES });
        }
        Ok(self.0.input(now, &Input::from_lanes(lanes)))
    }

    /// There are none.
    fn command(&mut self, _: Vec<u8>) {}

    fn leave(&mut self) {
        self.0.leave();
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.0.poll_transmit()
    }

    fn poll_notice(&mut self) -> Option<Notice> {
        self.0.poll_notice()
    }

    fn poll_event_at(&mut self, now: Duration) -> Option<Vec<u8>> {
        loop {
            if let Event::Game(event) = self.0.poll_event_at(now)? {
                return Some(encode_payload(&event));
            }
        }
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn draw(&self, now: Duration, drawn: &mut Drawn) {
        let own = self.own(now);
        let others = self.untyped().sample(now).filter(|between| own.iter().all(|(id, ..)| *id != between.id));
        drawn.fill(own.iter().map(|(id, kind, row)| drawn::still(*id, *kind, row)).chain(others));
    }
}
