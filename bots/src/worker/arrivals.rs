//! When a bot's messages were there, as far as the poll told.

use std::collections::VecDeque;
use std::time::Duration;

/// Moments that are told apart.
const MOMENTS_MAX: usize = 64;
/// What comes so soon after the one before is more of the same message.
const PIECE_INTERVAL: Duration = Duration::from_millis(5);

/// The moments at which there was something to read that has not been read since, in order.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    moments: VecDeque<Duration>,
}

impl Arrivals {
    /// Something was there. Rather a moment too few than too many: who finds none counts from now, which flatters nobody.
    pub(super) fn note(&mut self, at: Duration) {
        let is_piece = self.moments.back().is_some_and(|last| at.saturating_sub(*last) < PIECE_INTERVAL);
        if !is_piece && self.moments.len() < MOMENTS_MAX {
            self.moments.push_back(at);
        }
    }

    /// All has been read.
    pub(super) fn clear(&mut self) {
        self.moments.clear();
    }

    /// Since when there is something.
    pub(super) fn first(&self) -> Option<Duration> {
        self.moments.front().copied()
    }

    /// When the next message was there: each has a moment of its own, and nobody knows of those that come beyond the
    /// last, but that they are there now. To give them that moment would make them fresher than they are, and by the
    /// freshest all others are measured.
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.moments.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_own_moment() {
        let mut arrivals = Arrivals::default();
        assert_eq!((arrivals.first(), arrivals.next()), (None, None), "nobody told");
        (1..=3).for_each(|s| arrivals.note(Duration::from_secs(s)));
        let found: Vec<u64> = (0..4).filter_map(|_| arrivals.next()).map(|at| at.as_secs()).collect();
        assert_eq!(found, [1, 2, 3]);
        arrivals.clear();
        assert_eq!(arrivals.first(), None);
        [10, 11, 60].into_iter().for_each(|ms| arrivals.note(Duration::from_millis(ms)));
        assert_eq!(
            [(); 3].map(|()| arrivals.next().map(|at| at.as_millis())),
            [Some(10), Some(60), None],
            "in two pieces"
        );
        (0..1_000).for_each(|s| arrivals.note(Duration::from_secs(s)));
        assert!(arrivals.moments.len() <= MOMENTS_MAX, "a bot that does not read must not grow");
    }
}
