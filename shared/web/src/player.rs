//! Who plays: the untyped client, or one that knows its game.

use std::time::Duration;

use tickwire_shared::client::{ClientError, InputError, Notice, Stats, UntypedClient, UntypedEvent};

use crate::drawn::Drawn;

/// A client as this rim drives it. Each call is one a message or a frame.
pub trait Player {
    /// All that is to be read.
    fn untyped(&self) -> &UntypedClient;

    /// As [`UntypedClient::handle_connected`].
    fn handle_connected(&mut self);

    /// As [`UntypedClient::handle_disconnected`].
    fn handle_disconnected(&mut self, now: Duration, code: u16, reason: &str) -> bool;

    /// As [`UntypedClient::poll_connect`].
    fn poll_connect(&mut self, now: Duration) -> bool;

    /// As [`UntypedClient::hurry`].
    fn hurry(&mut self);

    /// As [`UntypedClient::handle_message`].
    ///
    /// # Errors
    /// The server broke the protocol.
    fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError>;

    /// As [`UntypedClient::input`].
    ///
    /// # Errors
    /// The lanes are no input of the game.
    fn input(&mut self, now: Duration, lanes: &[u32]) -> Result<bool, InputError>;

    /// As [`UntypedClient::command`].
    fn command(&mut self, command: Vec<u8>);

    /// As [`UntypedClient::leave`].
    fn leave(&mut self);

    /// As [`UntypedClient::poll_transmit`].
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// The next event of the game that is drawn by `now`, in its own encoding. All else that happens is read elsewhere.
    fn poll_event_at(&mut self, now: Duration) -> Option<Vec<u8>>;

    /// As [`UntypedClient::poll_notice`].
    fn poll_notice(&mut self) -> Option<Notice>;

    /// Counters and estimates; who predicts has more of them.
    fn stats(&self) -> Stats {
        self.untyped().stats()
    }

    /// Draws everything as it is at `now`; who predicts has other rows for some entities.
    fn draw(&self, now: Duration, drawn: &mut Drawn) {
        drawn.fill(self.untyped().sample(now));
    }
}

impl Player for UntypedClient {
    fn untyped(&self) -> &UntypedClient {
        self
    }

    fn handle_connected(&mut self) {
        self.handle_connected();
    }

    fn handle_disconnected(&mut self, now: Duration, code: u16, reason: &str) -> bool {
        self.handle_disconnected(now, code, reason)
    }

    fn poll_connect(&mut self, now: Duration) -> bool {
        self.poll_connect(now)
    }

    fn hurry(&mut self) {
        self.hurry();
    }

    fn handle_message(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        self.handle_message(now, message)
    }

    fn input(&mut self, now: Duration, lanes: &[u32]) -> Result<bool, InputError> {
        self.input(now, lanes)
    }

    fn command(&mut self, command: Vec<u8>) {
        self.command(command);
    }

    fn leave(&mut self) {
        self.leave();
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.poll_transmit()
    }

    fn poll_notice(&mut self) -> Option<Notice> {
        self.poll_notice()
    }

    fn poll_event_at(&mut self, now: Duration) -> Option<Vec<u8>> {
        loop {
            if let UntypedEvent::Game(bytes) = self.poll_event_at(now)? {
                return Some(bytes);
            }
        }
    }
}
