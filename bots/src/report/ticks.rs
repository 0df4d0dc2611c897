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
    /// How many ticks there are from there to the last that came.
    pub span: u32,
    /// Those of them that came to nobody: how far from the first, and how many in a row.
    pub missing: Vec<(u32, u32)>,
}

impl RoomTicks {
    /// Of what was seen.
    #[must_use]
    pub fn of(room: u64, ticks: &Ticks) -> Self {
        let first = ticks.iter().next().unwrap_or(Tick(0));
        let (mut span, mut missing) = (0, Vec::new());
        for tick in ticks.iter() {
            let at = tick.since(first).max(0) as u32;
            if at > span {
                missing.push((span, at - span));
            }
            span = at + 1;
        }
        Self { room, first: first.0, span, missing }
    }

    /// What was seen.
    #[must_use]
    pub fn ticks(&self) -> Ticks {
        let mut ticks = Ticks::default();
        let mut at = 0;
        for (gap, length) in self.missing.iter().copied().chain([(self.span, 0)]) {
            (at..gap.min(self.span)).for_each(|at| ticks.note(Tick(self.first).offset(at as i32)));
            at = gap.saturating_add(length);
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
        came.iter().for_each(|tick| ticks.note(Tick(*tick)));
        let kept = RoomTicks::of(7, &ticks);
        assert_eq!((kept.first, kept.span), (u32::MAX - 1, 303));
        assert_eq!(kept.missing, [(2, 3), (8, 294)]);
        let again: Vec<u32> = kept.ticks().iter().map(|tick| tick.0).collect();
        assert_eq!((again.as_slice(), kept.ticks().missing()), (&came[..], ticks.missing()));
        assert_eq!(RoomTicks::of(7, &Ticks::default()).ticks().missing(), 0);
    }
}
