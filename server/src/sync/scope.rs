//! What was in view still is, for one who has not gone far while nothing came into an empty cell or left one empty: then
//! nobody has to look around again.

use std::ops::RangeInclusive;

use tickwire_shared::{Sight, Tick};

use super::grid::Eye;
use super::snapshot::Snapshot;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// When one looked around.
    tick: Tick,
    look: Option<(f32, f32)>,
    sight: Sight,
    /// How far the look may be from there.
    slack: f32,
    /// The columns of the grid that were looked at.
    columns: RangeInclusive<i16>,
}

impl Scope {
    /// Of one who looked around at the tick of `now`.
    pub(super) fn new(eye: &Eye, now: &Snapshot, columns: RangeInclusive<i16>, slack: f32) -> Self {
        Self { tick: now.tick(), look: eye.look, sight: eye.sight, slack, columns }
    }

    /// Whether `eye` would see the same channels in `now`.
    #[inline]
    pub(super) fn holds(&self, eye: &Eye, now: &Snapshot) -> bool {
        let near = |((x, y), (to_x, to_y)): ((f32, f32), (f32, f32))| {
            let (dx, dy) = (to_x - x, to_y - y);
            // false for what is no number
            dx * dx + dy * dy < self.slack * self.slack
        };
        let is_near = self.look == eye.look || self.look.zip(eye.look).is_some_and(near);
        is_near && self.sight == eye.sight && now.has_channels_of(self.tick, &self.columns)
    }
}
