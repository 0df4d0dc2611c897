//! The moment at which own entities are drawn.

use super::Moment;

/// The picture follows the moment that inputs are for by this share of what it is off, for each tick, within bounds.
const STEER: f64 = 0.2;
const STEER_MAX: f64 = 0.25;
/// What is further off than this is caught up at once.
const JUMP_S: f64 = 0.2;

/// See the module. Runs by itself between inputs, which only make it a little faster or slower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    at_s: f64,
    moment: f64,
    ticks_per_s: f64,
}

impl Pace {
    pub(super) fn new(now: &Moment) -> Self {
        Self { at_s: now.now_s, moment: now.ticks, ticks_per_s: 0.0 }
    }

    /// In ticks after the clock's origin.
    pub(super) fn moment(&self, now_s: f64) -> f64 {
        self.moment + (now_s - self.at_s).max(0.0) * self.ticks_per_s
    }

    /// Turns towards the moment that inputs are for; until now nothing after `last` was drawn.
    pub(super) fn steer(&mut self, now: &Moment, last: f64) {
        self.moment = self.moment(now.now_s).min(last);
        self.at_s = now.now_s;
        let mut off = now.ticks - self.moment;
        if off.abs() > (JUMP_S / now.period_s).max(2.0) {
            self.moment = now.ticks;
            off = 0.0;
        }
        self.ticks_per_s = (1.0 + (off * STEER).clamp(-STEER_MAX, STEER_MAX)) / now.period_s;
    }
}
