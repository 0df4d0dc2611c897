//! What the bots of a thread share.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tickwire_shared::Rng;

use super::timers::Cause;
use super::{News, Reckoning, Tally};
use crate::measure::Measure;
use crate::room::Rooms;
use crate::session::Failure;
use crate::target::Target;

/// The ground that they stand on, lent to each while it does something.
pub(super) struct Ground {
    pub(super) now: Duration,
    /// When the message that a bot hears was there.
    pub(super) arrived: Option<Duration>,
    pub(super) measure: Box<Measure>,
    pub(super) measuring: bool,
    pub(super) rooms: Rooms,
    /// Scratch: what one bot says in one turn.
    pub(super) out: Vec<u8>,
    pub(super) rng: Rng,
    /// Scratch: what one bot reads at once.
    pub(super) scratch: Vec<u8>,
    pub(super) target: Arc<Target>,
    pub(super) tally: Arc<Tally>,
    pub(super) news: Sender<News>,
    pub(super) reckoning: Reckoning,
    /// When a bot wants to be called, and why: the worker takes this over after each thing that one does.
    pub(super) wishes: Vec<(Duration, Cause)>,
    /// Bots that broke their own connections, and when they come back.
    pub(super) returns: Vec<(Duration, usize)>,
}

impl Ground {
    pub(super) fn fail(&self, index: usize, failure: Failure) {
        let _ = self.news.send(News::Failed(index, failure));
    }
}
