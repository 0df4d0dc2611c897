//! A player who knows Arena.

use std::time::Duration;

use tickwire_arena::{Arena, Input};
use tickwire_shared::client::{Client, ClientError, Event, InputError, UntypedClient};
use tickwire_shared::protocol::encode_payload;
use tickwire_shared::schema::Replicate;
use tickwire_web::Player;

/// See the module.
pub(crate) struct Pilot(pub(crate) Client<Arena>);

impl Player for Pilot {
    fn untyped(&self) -> &UntypedClient {
        self.0.untyped()
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

    fn poll_event(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Event::Game(event) = self.0.poll_event()? {
                return Some(encode_payload(&event));
            }
        }
    }
}
