//! The moment to draw: as far behind the arriving ticks as the newest state must last until the next one comes.

use crate::replica::PAST_MAX;

/// Drawn behind the mean wait for the next frame by this many ticks, and by so many deviations.
const SLACK: f64 = 0.5;
const DEVIATIONS: f64 = 3.0;
/// The share of time for which the next state may be missing. What deviations do not show, rare long stalls, is met by
/// drawing later still, until it is no more than this; but not later than the second, in seconds.
const MISSING: f64 = 0.015;
const MISSING_BEHIND_MAX_S: f64 = 0.2;
/// How much the ticks for which it was missing add, and the most that one time adds: a single one leaves no trace.
const MISSING_GAIN: f64 = 0.25;
const MISSING_STEP_MAX: f64 = 0.5;
/// However bad the jitter, nobody wants to see what is older.
const BEHIND_MAX_S: f64 = 0.5;
/// How much a wait moves mean and deviation.
const WAIT_GAIN: f64 = 1.0 / 16.0;
/// For each tick that the playback is off it runs faster or slower by this share, within bounds.
const STEER: f64 = 0.2;
const STEER_RANGE: (f64, f64) = (-0.5, 0.25);
/// What is further behind than this is caught up at once: there was a gap.
const JUMP_S: f64 = 0.2;

/// How old the newest state gets before the next one comes, in ticks: 1 when all is well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    mean: f64,
    deviation: f64,
    /// Ticks more, since states were missing.
    more: f64,
}

impl Default for Wait {
    fn default() -> Self {
        Self { mean: 1.0, deviation: 0.1, more: 0.0 }
    }
}

impl Wait {
    /// A frame came when the one before it was so many ticks old. Tells for how many ticks there was nothing to draw.
    pub(super) fn ended(&mut self, ticks: f64, period_s: f64) -> f64 {
        let missing = (ticks - self.behind(period_s)).max(0.0);
        let step = (MISSING_GAIN * missing).min(MISSING_STEP_MAX);
        let more = self.more + step - MISSING_GAIN * MISSING * ticks.max(0.0);
        self.more = more.clamp(0.0, MISSING_BEHIND_MAX_S / period_s);
        let error = ticks - self.mean;
        self.mean = (self.mean + error * WAIT_GAIN).max(0.0);
        self.deviation += (error.abs() - self.deviation) * WAIT_GAIN;
        missing
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn deviation(&self) -> f64 {
        self.deviation
    }

    /// How far behind the arriving ticks to draw; never more than the replica remembers.
    pub(super) fn behind(&self, period_s: f64) -> f64 {
        let kept = (PAST_MAX - 4) as f64;
        let usual = self.usual();
        let behind = usual.max((usual + self.more).min(MISSING_BEHIND_MAX_S / period_s));
        behind.min(BEHIND_MAX_S / period_s).max(1.5).min(kept)
    }

    /// What mean and deviation ask for.
    fn usual(&self) -> f64 {
        self.mean + SLACK + DEVIATIONS * self.deviation
    }
}

/// Runs by itself between arrivals, which only make it a little faster or slower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playback {
    at_s: f64,
    moment: f64,
    ticks_per_s: f64,
}

impl Playback {
    pub(super) fn new(now_s: f64, moment: f64) -> Self {
        Self { at_s: now_s, moment, ticks_per_s: 0.0 }
    }

    /// Stays where it is until it is steered. `shown` as there.
    pub(super) fn hold(&mut self, now_s: f64, shown: f64) {
        self.moment = self.moment(now_s).min(shown).max(self.moment);
        self.at_s = now_s;
        self.ticks_per_s = 0.0;
    }

    /// Turns towards `target`. `shown` is the latest moment that was shown until now, however late it got.
    pub(super) fn steer(&mut self, now_s: f64, shown: f64, target: f64, period_s: f64, mean_wait: f64) {
        self.hold(now_s, shown);
        let mut off = target - self.moment;
        if off > (JUMP_S / period_s).max(2.0) {
            self.moment = target;
            off = 0.0;
        }
        // the rarer frames are the longer this stays
        let share = (off * STEER / mean_wait.max(1.0)).clamp(STEER_RANGE.0, STEER_RANGE.1);
        self.ticks_per_s = (1.0 + share) / period_s;
    }

    pub(super) fn moment(&self, now_s: f64) -> f64 {
        self.moment + (now_s - self.at_s).max(0.0) * self.ticks_per_s
    }
}
