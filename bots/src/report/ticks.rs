//! Which ticks of a room came to nobody, as a report keeps it.

use serde::{Deserialize, Serialize};
use tickwire_shared::Tick;

use crate::room::Ticks;

/// A room's ticks, as the bots of one swarm saw them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RoomTicks {
    /// The room.
    pub room: u64,
    /// The first tick that came to anybody while it was measured.
    pub first: u32,
    /// How many ticks there are from there to the last that came or should have come.
    pub span: u32,
    /// Those of them that somebody waited for and that came to nobody: how far from the first, and how many in a row.
    pub missing: Vec<(u32, u32)>,
    /// Those that nobody was there for, or that were not measured, likewise.
    #[serde(default)]
    pub unheard: Vec<(u32, u32)>,
}

impl RoomTicks {
    /// Of what was seen.
    #[must_use]
    pub fn of(room: u64, ticks: &Ticks) -> Self {
        let first = ticks.iter().next().map_or(Tick(0), |(tick, _)| tick);
        let (mut span, mut missing, mut unheard) = (0, Vec::<(u32, u32)>::new(), Vec::new());
        for (tick, came) in ticks.iter() {
            let at = tick.since(first).max(0) as u32;
            if at > span {
                unheard.push((span, at - span));
            }
            span = at + 1;
            match missing.last_mut() {
                _ if came => {}
                Some((from, length)) if *from + *length == at => *length += 1,
                _ => missing.push((at, 1)),
            }
        }
        Self { room, first: first.0, span, missing, unheard }
    }

    /// What was seen.
    #[must_use]
    pub fn ticks(&self) -> Ticks {
        let missing = self.missing.iter().map(|(from, length)| (*from, *length, true));
        let mut holes: Vec<(u32, u32, bool)> =
            missing.chain(self.unheard.iter().map(|(from, length)| (*from, *length, false))).collect();
        holes.sort_unstable();
        let (mut ticks, mut at) = (Ticks::default(), 0);
        let tick = |at: u32| Tick(self.first).offset(at as i32);
        for (from, length, is_missing) in holes.into_iter().chain([(self.span, 0, false)]) {
            (at..from.min(self.span)).for_each(|at| ticks.came(tick(at)));
            at = from.saturating_add(length);
            if is_missing {
                (from..at.min(self.span)).for_each(|at| ticks.awaited(tick(at)));
            }
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_kept() {
        let mut ticks = Ticks::default();
        let came = [u32::MAX - 1, u32::MAX, 3, 4, 5, 300];
        came.iter().for_each(|tick| ticks.came(Tick(*tick)));
        [0, 1, 2, 6, 7, 301].iter().for_each(|tick| ticks.awaited(Tick(*tick)));
        let kept = RoomTicks::of(7, &ticks);
        assert_eq!((kept.first, kept.span), (u32::MAX - 1, 304));
        assert_eq!(
            (kept.missing.as_slice(), kept.unheard.as_slice()),
            (&[(2, 3), (8, 2), (303, 1)][..], &[(10, 292)][..])
        );
        let again = kept.ticks();
        assert!(again.iter().eq(ticks.iter()), "{kept:?}");
        assert_eq!((again.missing(), ticks.missing()), (6, 6));
        assert_eq!(RoomTicks::of(7, &Ticks::default()).ticks().missing(), 0);
    }
}
