//! How a server ends without tearing anybody out of a game: nobody new, and when the rooms have ended, or time is up, it
//! stops.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::info;

use crate::config::{CLOSE_TEXT_MAX_BYTES, Config};
use crate::lobby::Lobby;

/// See the module.
#[derive(Debug)]
pub struct Drain {
    within: Duration,
    /// What players are told: with where they find the next server, if that is known.
    text: String,
    return_to: Option<String>,
    until: Option<Instant>,
    /// Is told once that the server can stop.
    done: Option<mpsc::Sender<()>>,
}

impl Drain {
    /// Not on yet; how long it takes then at most, and what players are told when the server stops, is configured.
    /// `done` hears when it can.
    #[must_use]
    pub fn new(config: &Config, done: mpsc::Sender<()>) -> Self {
        let (text, return_to) = (config.stop_text.clone(), config.return_to.clone());
        Self {
            within: Duration::from_secs(config.drain_s),
            text: with_address(text, return_to.as_deref()),
            return_to,
            until: None,
            done: Some(done),
        }
    }

    /// Whether nobody new is taken.
    pub(super) fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// How long the server stays at most; none while it does not drain.
    pub(super) fn ends_in_s(&self) -> Option<u32> {
        let left = self.until?.saturating_duration_since(Instant::now());
        // a little late rather than too early
        Some(u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// What players are told when the server stops.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Begins, or begins anew with another time.
    pub(super) fn begin(&mut self, within: Option<Duration>, text: Option<String>, lobby: &Lobby) {
        let within = within.unwrap_or(self.within);
        if let Some(text) = text {
            self.text = with_address(text, self.return_to.as_deref());
        }
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

/// In a close frame the address must be whole, whatever that leaves of the text.
fn with_address(mut text: String, address: Option<&str>) -> String {
    let Some(address) = address else { return text };
    let rest = CLOSE_TEXT_MAX_BYTES.saturating_sub(1 + address.len());
    text.truncate(text.floor_char_boundary(rest));
    if text.is_empty() { address.to_owned() } else { format!("{text} {address}") }
}
