//! When what a bot sees is written down: while it has its seat, reads what comes and behaves. What was due until then
//! and has not come is written down in the end, as late as it is.

use std::time::Duration;

use super::{Bot, Stage, Way};
use crate::worker::ground::Ground;

/// A bot that did not read has caught up after this.
const CATCH_UP: Duration = Duration::from_secs(1);

impl Bot {
    /// From now on, if that means anything.
    pub(in crate::worker) fn open_books(&mut self, ground: &Ground) {
        let counts = ground.measuring && self.stage == Stage::Playing && !self.is_chaotic;
        self.measured_since = counts.then_some(ground.now.max(self.counts_from));
    }

    /// No more. What has come and lies there unread has come in time.
    pub(in crate::worker) fn close_books(&mut self, ground: &mut Ground) {
        if self.measured_since.is_some() && self.queued {
            self.go(ground);
        }
        self.speak(ground, |session, turn| session.close(turn));
        if let Some(since) = self.measured_since.take() {
            self.own.measured += ground.now.saturating_sub(since);
        }
    }

    /// No more, for a reason that lies in the bot or its connection: the server has not fallen silent.
    pub(super) fn end_books(&mut self, ground: &mut Ground) {
        if let Some(since) = self.measured_since {
            self.speak(ground, |session, turn| session.close(turn));
            self.own.measured += ground.now.saturating_sub(since);
            (self.measured_since, self.own.silent) = (None, Duration::ZERO);
        }
    }

    /// How long it has waited for its seat, which it has now, or will not have.
    pub(super) fn record_wait(&self, ground: &mut Ground) -> Duration {
        let waited = ground.now.saturating_sub(self.due);
        if !self.is_chaotic {
            let times = if self.way == Way::Joins { &mut ground.measure.join } else { &mut ground.measure.resume };
            times.record(waited);
        }
        waited
    }

    /// Since when what it sees is written down; none if it is not.
    pub(super) fn counted_since(&self, now: Duration) -> Option<Duration> {
        self.measured_since.filter(|since| now >= *since)
    }

    /// Stops reading, or goes on. Until it has read what waited for it, its times are its own doing.
    pub(in crate::worker) fn pause(&mut self, ground: &mut Ground, paused: bool) {
        self.end_books(ground);
        self.paused = paused;
        self.more = !paused;
        self.counts_from = if paused { Duration::MAX } else { ground.now + CATCH_UP };
        self.open_books(ground);
    }
}
