//! When each tick arrives: a line through the arrivals.

/// How much of an arrival's error moves the phase, for each second of a tick, and bounds of it: a time constant of
/// about half a second, and of 20 ticks at high rates. A room that suddenly needs twice the time for a tick is followed
/// before the error is a gap at 30 Hz.
const PHASE_GAIN_PER_S: f64 = 1.8;
const PHASE_GAIN_RANGE: (f64, f64) = (0.06, 0.2);
/// A tick takes at least and at most so many times as long as the room promised.
const PERIOD_RANGE: (f64, f64) = (0.5, 8.0);

/// See the module. Ticks are counted from the clock's origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    tick: f64,
    /// When `tick` arrived, were it not for the jitter.
    at_s: f64,
    period_s: f64,
    promised_s: f64,
    phase_gain: f64,
}

impl Line {
    /// A line through the first arrival.
    pub(super) fn new(now_s: f64, tick: f64, promised_s: f64) -> Self {
        let phase_gain = (PHASE_GAIN_PER_S * promised_s).clamp(PHASE_GAIN_RANGE.0, PHASE_GAIN_RANGE.1);
        Self { tick, at_s: now_s, period_s: promised_s, promised_s, phase_gain }
    }

    /// Turns towards the arrival of `tick`, which came `error_s` after it was due.
    pub(super) fn follow(&mut self, tick: f64, error_s: f64) {
        self.at_s = self.due_s(tick) + self.phase_gain * error_s;
        self.turn(tick, error_s);
        self.tick = tick;
    }

    /// Begins anew at the arrival of `tick`; of its error only the period learns.
    pub(super) fn restart(&mut self, now_s: f64, tick: f64, error_s: f64) {
        self.turn(tick, error_s);
        (self.tick, self.at_s) = (tick, now_s);
    }

    /// When `tick` is due.
    pub(super) fn due_s(&self, tick: f64) -> f64 {
        self.at_s + (tick - self.tick) * self.period_s
    }

    /// The tick that is due now.
    pub(super) fn tick_at(&self, now_s: f64) -> f64 {
        self.tick + (now_s - self.at_s) / self.period_s
    }

    /// How long a tick takes.
    pub(super) fn period_s(&self) -> f64 {
        self.period_s
    }

    fn turn(&mut self, tick: f64, error_s: f64) {
        let (least, most) = PERIOD_RANGE;
        // critically damped
        let gain = self.phase_gain * self.phase_gain / 2.0;
        let turned = self.period_s + gain * error_s / (tick - self.tick).max(1.0);
        self.period_s = turned.clamp(least * self.promised_s, most * self.promised_s);
    }
}
