//! How a server ends without tearing anybody out of a game: nobody new, and when the rooms have ended, or time is up, it
//! stops.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::info;

use crate::lobby::Lobby;

/// See the module.
#[derive(Debug)]
pub struct Drain {
    within: Duration,
    text: String,
    until: Option<Instant>,
    /// Is told once that the server can stop.
    done: Option<mpsc::Sender<()>>,
}

impl Drain {
    /// Not on yet; then it takes `within` at most, and players are told `text` when the server stops. `done` hears when
    /// it can.
    #[must_use]
    pub fn new(within: Duration, text: String, done: mpsc::Sender<()>) -> Self {
        Self { within, text, until: None, done: Some(done) }
    }

    /// Whether nobody new is taken.
    pub(super) fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// What players are told when the server stops.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Begins, or begins anew with another time.
    pub(super) fn begin(&mut self, within: Option<Duration>, text: Option<String>, lobby: &Lobby) {
        let within = within.unwrap_or(self.within);
        self.text = text.unwrap_or_else(|| std::mem::take(&mut self.text));
        // so late that it never comes
        let far = || Instant::now() + Duration::from_secs(100 * 365 * 24 * 3600);
        self.until = Some(Instant::now().checked_add(within).unwrap_or_else(far));
        let (rooms, players) = (lobby.len(), lobby.seats_taken());
        info!(
            rooms,
            players,
            within_s = within.as_secs(),
            "draining: nobody new may join; the server stops when the rooms have ended"
        );
    }

    /// Sees whether it is over.
    pub(super) fn look(&mut self, lobby: &Lobby) {
        let Some(until) = self.until else { return };
        let is_over = lobby.is_empty() || Instant::now() >= until;
        if is_over && let Some(done) = self.done.take() {
            info!(rooms = lobby.len(), players = lobby.seats_taken(), "drained");
            // nobody may be there who wants to know
            let _ = done.try_send(());
        }
    }
}
