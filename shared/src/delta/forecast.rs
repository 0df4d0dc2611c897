//! What both ends expect of a row, and how sure they are: from the states that both hold, and from nothing else.
//!
//! A lane is expected to go on as it went between the last two states. How wrong that was one state earlier, and how
//! wrong it was for the lanes of this row that came before, tells how long a code the next residual deserves.

use super::layout::Unit;
use crate::schema::quant::wrapped_difference;
use crate::schema::quat::Quat;

/// How far ahead the coming state is, measured by the distance of those that are held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    spacing: i64,
    ahead: i64,
    /// What rounding alone may amount to: a step is known to one lane at best, and that grows with the distance.
    rounding: u64,
}

/// A row as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowPast<'a> {
    pub(super) base: &'a [u32],
    /// The states before the base, the later one first.
    pub(super) earlier: Option<([&'a [u32]; 2], Pace)>,
}

/// How a lane moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Motion {
    /// As a body does: on, and faster or slower as before. Floats.
    Pushed,
    /// On. Angles and rotations.
    Steady,
    /// Not at all, as a rule. Integers.
    Seldom,
}

/// Where a lane is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    /// May lie outside the lane's range.
    pub(super) at: i64,
    /// How far off it may be, in eighths.
    doubt: u64,
}

/// How far off the forecasts of a row have been so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surprise(u64);

impl<'a> RowPast<'a> {
    /// Whether a unit is expected to change: it is made for motion, or it changed the last time.
    #[inline]
    pub(super) fn expects(&self, unit: &Unit) -> bool {
        unit.motion || self.earlier.is_some_and(|([before, _], _)| unit.differs(before, self.base))
    }

    /// For a number with its lane at `lane`.
    #[inline]
    pub(super) fn number(&self, lane: usize, width: u8, motion: Motion) -> Forecast {
        let base = i64::from(self.base[lane]);
        let Some(([before, older], pace)) = &self.earlier else { return Forecast::unknown(base, width) };
        let (before, older) = (i64::from(before[lane]), i64::from(older[lane]));
        Forecast::new(base, [base - before, before - older], pace, motion)
    }

    /// For an angle with its lane at `lane`.
    #[inline]
    pub(super) fn turn(&self, lane: usize, width: u8) -> Forecast {
        let base = self.base[lane];
        let Some(([before, older], pace)) = &self.earlier else { return Forecast::unknown(base.into(), width) };
        let steps =
            [wrapped_difference(base, before[lane], width), wrapped_difference(before[lane], older[lane], width)];
        Forecast::new(base.into(), steps, pace, Motion::Steady)
    }

    /// For the three small components of a rotation, seen with component `largest` as the largest.
    #[inline]
    pub(super) fn quat(&self, unit: &Unit, width: u8, largest: u32) -> [Forecast; 3] {
        let quat = Quat::new(width);
        let seen = |row: &[u32]| quat.seen_from(largest, unit.of(row)).map(i64::from);
        let base = seen(self.base);
        let Some(([before, older], pace)) = &self.earlier else { return base.map(|at| Forecast::unknown(at, width)) };
        let (before, older) = (seen(before), seen(older));
        std::array::from_fn(|i| {
            Forecast::new(base[i], [base[i] - before[i], before[i] - older[i]], pace, Motion::Steady)
        })
    }

    /// Which component of a rotation is expected to be the largest.
    #[inline]
    pub(super) fn largest(&self, unit: &Unit, width: u8) -> u32 {
        let now = self.base[unit.first];
        let Some(([before, _], pace)) = &self.earlier else { return now };
        let quat = Quat::new(width);
        let base = quat.seen_from(now, unit.of(self.base));
        let before = quat.seen_from(now, unit.of(before));
        let at = |i: usize| i64::from(base[i]) + pace.scale(i64::from(base[i]) - i64::from(before[i]));
        quat.largest(now, [at(0), at(1), at(2)])
    }
}

impl Pace {
    /// For states `spacing` ticks apart, and one that is `ahead` ticks after them.
    pub(super) fn new(spacing: u8, ahead: u8) -> Self {
        let times = i64::from(ahead.checked_div(spacing).unwrap_or(0));
        Self { spacing: spacing.into(), ahead: ahead.into(), rounding: 16 * (times - 1).max(0).unsigned_abs() }
    }

    /// What `by` in one spacing comes to in the time ahead.
    #[inline]
    fn scale(&self, by: i64) -> i64 {
        if self.ahead == self.spacing { by } else { by * self.ahead / self.spacing.max(1) }
    }
}

impl Forecast {
    /// Nothing is known but where it is.
    fn unknown(base: i64, width: u8) -> Self {
        Self { at: base, doubt: 8 << (width / 4) }
    }

    /// `steps`: the last one, and the one before.
    #[inline]
    fn new(base: i64, [step, before]: [i64; 2], pace: &Pace, motion: Motion) -> Self {
        let surprise = step - before;
        let (step, surprise) = match motion {
            // half of what changed the last time changes again
            Motion::Pushed => (step + surprise / 2, surprise),
            Motion::Steady => (step, surprise),
            // it stays where it is, unless going on would have been the better guess
            Motion::Seldom if surprise.abs() < step.abs() => (step, surprise),
            Motion::Seldom => (0, step),
        };
        let (step, surprise) = (pace.scale(step), pace.scale(surprise));
        Self { at: base + step, doubt: step.unsigned_abs() + 8 * surprise.unsigned_abs() + pace.rounding }
    }

    /// The forecast within 0 to `span`.
    #[inline]
    pub(super) fn within(&self, span: u32) -> i64 {
        self.at.clamp(0, span.into())
    }

    /// The Rice parameter for the residual.
    #[inline]
    pub(super) fn k(&self, surprise: Surprise, of: &[u8; 64]) -> u8 {
        let doubt = self.doubt + 12 * surprise.0;
        let octave = 63 - (doubt | 1).leading_zeros();
        // two classes for each power of two
        let class = if doubt < 2 { doubt } else { u64::from(2 * octave) | doubt >> (octave - 1) & 1 };
        of[(class as usize).min(63)]
    }
}

impl Surprise {
    #[inline]
    pub(super) fn note(&mut self, residual: i64) {
        self.0 = (self.0 + residual.unsigned_abs()).div_ceil(2);
    }
}

/// Rice parameters by class of doubt: for numbers and angles, and for components of rotations. Taken from recordings of
/// rigid bodies, where both come to about doubt / 8; the tails are that rule.
pub(super) const NUMBER_K: [u8; 64] = parameters(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
pub(super) const QUAT_K: [u8; 64] = parameters(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6]);

const fn parameters(first: &[u8]) -> [u8; 64] {
    let mut all = [0; 64];
    let mut class = 0;
    while class < 64 {
        let by_rule = (class as u8).saturating_sub(6) / 2;
        all[class] = if class < first.len() {
            first[class]
        } else if by_rule < K_MAX {
            by_rule
        } else {
            K_MAX
        };
        class += 1;
    }
    all
}

/// The largest Rice parameter.
const K_MAX: u8 = 16;
