//! What both ends expect of a row, and how sure they are: from the states that both hold, and from nothing else.
//!
//! A lane is expected to go on as it went between the last two states. How wrong that was one state earlier, and how
//! wrong it was for the lanes of this row that came before, tells how long a code the next residual deserves.

use super::coder::Lean;
use super::layout::{KindLayout, Unit};
use crate::schema::quant::wrapped_difference;
use crate::schema::quat::{Bend, Quat};

/// How far ahead the coming state is, measured by the distance of those that are held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// 1 to 4; see `past.rs`.
    spacing: u8,
    ahead: u8,
    /// What rounding alone may amount to: a step is known to one lane at best, and that grows with the distance.
    rounding: u16,
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
    pub(super) doubt: u64,
    pub(super) lean: Lean,
}

/// Where a rotation is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turned {
    /// Which component is the largest now.
    pub(super) now: u32,
    /// For the others.
    pub(super) forecasts: [Forecast; 3],
    /// Which component is expected to be the largest.
    pub(super) largest: u32,
    /// By how much it is ahead of the second one, as a power of two.
    pub(super) near: u8,
}

/// How far off the forecasts of a row have been so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surprise {
    /// In quarters of a lane.
    pub(super) by: u64,
    /// Whether the last two residuals went with their lean or against it: see [`Surprise::note`].
    pub(super) trend: u8,
}

impl<'a> RowPast<'a> {
    /// Whether a unit is expected to change: it is made for motion, or it changed the last time.
    #[inline]
    pub(super) fn expects(&self, unit: &Unit) -> bool {
        unit.motion || self.earlier.is_some_and(|([before, _], _)| unit.differs(before, self.base))
    }

    /// How wrong the forecasts of the row's moving units were the last time, on average over its lanes; and, as a power
    /// of two, that and how far they went.
    #[inline]
    pub(super) fn unrest(&self, kind: &KindLayout) -> (Surprise, u8) {
        let Some(([before, older], pace)) = &self.earlier else { return (Surprise::default(), 0) };
        let (mut wrong, mut far) = (0u64, 0u64);
        for lane in kind.straight_lanes() {
            let lane = usize::from(*lane);
            let [base, before, older] = [self.base, before, older].map(|row| i64::from(row[lane]));
            let (step, last) = (base - before, before - older);
            far = far.wrapping_add(step.unsigned_abs());
            wrong = wrong.wrapping_add(step.wrapping_sub(last).unsigned_abs());
        }
        let size = (64 - far.wrapping_add(wrong).leading_zeros()) as u8;
        let wrong = pace.scale(wrong.cast_signed()).unsigned_abs();
        (Surprise { by: wrong.wrapping_mul(kind.straight_share()) >> 14, trend: 0 }, size)
    }

    /// For a number with its lane at `lane`.
    #[inline(always)]
    pub(super) fn number(&self, lane: usize, width: u8, motion: Motion) -> Forecast {
        let base = i64::from(self.base[lane]);
        let Some(([before, older], pace)) = &self.earlier else { return Forecast::unknown(base, width) };
        let (before, older) = (i64::from(before[lane]), i64::from(older[lane]));
        Forecast::new(base, [base.wrapping_sub(before), before.wrapping_sub(older)], *pace, motion)
    }

    /// For an angle with its lane at `lane`.
    #[inline(always)]
    pub(super) fn turn(&self, lane: usize, width: u8) -> Forecast {
        let base = self.base[lane];
        let Some(([before, older], pace)) = &self.earlier else { return Forecast::unknown(base.into(), width) };
        let steps =
            [wrapped_difference(base, before[lane], width), wrapped_difference(before[lane], older[lane], width)];
        Forecast::new(base.into(), steps, *pace, Motion::Steady)
    }

    /// For a rotation.
    #[inline(always)]
    pub(super) fn turned(&self, unit: &Unit, width: u8) -> Turned {
        let (quat, [now, base @ ..]) = (Quat::new(width), *Quat::lanes_of(self.base, unit.first));
        let forecasts = match &self.earlier {
            Some(([before, older], pace)) => {
                let seen = |row: &[u32]| quat.seen_from(now, Quat::lanes_of(row, unit.first));
                Forecast::turned(quat, [base, seen(before), seen(older)], *pace)
            }
            None => base.map(|lane| Forecast::unknown(lane.into(), width)),
        };
        let [a, b, c] = &forecasts;
        let (largest, near) = quat.largest(now, [a.at, b.at, c.at]);
        Turned { now, forecasts, largest, near }
    }

    /// For the three small components of a rotation, seen with component `largest` as the largest, where that is another
    /// than now.
    pub(super) fn quat(&self, unit: &Unit, width: u8, largest: u32) -> [Forecast; 3] {
        let quat = Quat::new(width);
        let seen = |row: &[u32]| quat.seen_from(largest, Quat::lanes_of(row, unit.first));
        match &self.earlier {
            Some(([before, older], pace)) => {
                Forecast::turned(quat, [seen(self.base), seen(before), seen(older)], *pace)
            }
            None => seen(self.base).map(|lane| Forecast::unknown(lane.into(), width)),
        }
    }
}

impl Pace {
    /// Of all states that are as far apart as the coming one is ahead: what is forecast by it is the same for each.
    pub(super) const EVEN: Self = Self { spacing: 1, ahead: 1, rounding: 0 };

    /// For states `spacing` ticks apart, and one that is `ahead` ticks after them.
    pub(super) fn new(spacing: u8, ahead: u8) -> Self {
        let times = u16::from(ahead.checked_div(spacing).unwrap_or(0));
        Self { spacing, ahead, rounding: 16 * times.saturating_sub(1) }
    }

    /// The coming state is as far ahead as those that are held are apart: mostly so, and then there is less to reckon.
    #[inline(always)]
    pub(super) fn is_even(&self) -> bool {
        self.ahead == self.spacing
    }

    /// How many times as much as in one step a turning body leaves the straight line, in halves.
    #[inline(always)]
    fn bends(&self) -> i64 {
        let (ahead, spacing) = (i64::from(self.ahead), i64::from(self.spacing.max(1)));
        if self.is_even() { 2 } else { ahead * (ahead + spacing) / (spacing * spacing) }
    }

    /// What `by` in one spacing comes to in the time ahead. `by` has 34 bits at most.
    #[inline(always)]
    fn scale(&self, by: i64) -> i64 {
        let ahead = by.wrapping_mul(self.ahead.into());
        // division by a constant is quick
        match self.spacing {
            _ if self.is_even() => by,
            0 | 1 => ahead,
            2 => ahead / 2,
            3 => ahead / 3,
            4 => ahead / 4,
            spacing => ahead / i64::from(spacing),
        }
    }
}

impl Forecast {
    /// Nothing is known but where it is.
    pub(super) fn unknown(base: i64, width: u8) -> Self {
        Self { at: base, doubt: 8 << (width / 4), lean: Lean::NONE }
    }

    /// Of three components, in three states. A body that goes on turning follows a circle.
    #[inline(always)]
    fn turned(quat: Quat, [base, before, older]: [[u32; 3]; 3], pace: Pace) -> [Self; 3] {
        let steps = |i: usize| {
            let (base, before, older) = (i64::from(base[i]), i64::from(before[i]), i64::from(older[i]));
            [base.wrapping_sub(before), before.wrapping_sub(older)]
        };
        let steps = [steps(0), steps(1), steps(2)];
        let bend = quat.bend(base, steps.map(|[step, _]| step), pace.bends());
        [
            Self::bent(base[0], steps[0], bend, pace),
            Self::bent(base[1], steps[1], bend, pace),
            Self::bent(base[2], steps[2], bend, pace),
        ]
    }

    /// Of one component.
    #[inline(always)]
    fn bent(base: u32, [step, last]: [i64; 2], bend: Bend, pace: Pace) -> Self {
        let (now, ahead) = bend.of(base, pace.is_even());
        let at = i64::from(base).wrapping_add(pace.scale(step)).wrapping_sub(ahead);
        Self { at, ..Self::new(base.into(), [step.wrapping_add(now), last], pace, Motion::Steady) }
    }

    /// `steps`: the last one, and the one before.
    #[inline(always)]
    pub(super) fn new(base: i64, [step, before]: [i64; 2], pace: Pace, motion: Motion) -> Self {
        let surprise = step.wrapping_sub(before);
        let (step, surprise) = match motion {
            // half of what changed the last time changes again
            Motion::Pushed => (step.wrapping_add(surprise / 2), surprise),
            Motion::Steady => (step, surprise),
            // it stays where it is, unless going on would have been the better guess
            Motion::Seldom if surprise.abs() < step.abs() => (step, surprise),
            Motion::Seldom => (0, step),
        };
        let (step, surprise) = (pace.scale(step), pace.scale(surprise));
        // steps have 34 bits at most, times at most 32: nothing wraps
        let doubt = step
            .unsigned_abs()
            .wrapping_add(surprise.unsigned_abs().wrapping_mul(8))
            .wrapping_add(pace.rounding.into());
        Self { at: base.wrapping_add(step), doubt, lean: Lean { by: surprise, step, far: pace.ahead > pace.spacing } }
    }

    /// The forecast within 0 to `span`.
    #[inline]
    pub(super) fn within(&self, span: u32) -> i64 {
        self.at.clamp(0, span.into())
    }

    /// See [`class`].
    #[inline(always)]
    pub(super) fn class(&self, surprise: Surprise) -> usize {
        class(self.doubt, surprise.by)
    }
}

/// How far off a forecast may be, given how far off those before it in the row were: two classes for each power of two of
/// it, in eighths.
#[inline(always)]
pub(super) const fn class(doubt: u64, surprise: u64) -> usize {
    let doubt = doubt.wrapping_add(surprise.wrapping_mul(3)) | 1;
    let octave = doubt.ilog2();
    // the bit below the highest one
    let below = (doubt << 1).wrapping_shr(octave) as u32 & 1;
    let class = octave.wrapping_mul(2).wrapping_add(below) as usize;
    if class < CLASSES { class } else { CLASSES - 1 }
}

impl Surprise {
    /// How many trends there are: two residuals, each none, with its lean, or against it.
    pub(super) const TRENDS: usize = 9;

    /// How far off they are thought to be after one more residual of such a magnitude.
    #[inline(always)]
    pub(super) fn after(by: u64, magnitude: u64) -> u64 {
        by.wrapping_mul(5).wrapping_add(4).wrapping_add(magnitude.wrapping_mul(12)) >> 3
    }

    #[inline(always)]
    pub(super) fn note(&mut self, residual: i64, lean: &Lean) {
        self.by = Self::after(self.by, residual.unsigned_abs());
        let way = if residual == 0 { 0 } else { 1 + u8::from((residual < 0) != lean.is_down()) };
        self.trend = self.trend % 3 * 3 + way;
    }
}

/// See [`class`].
pub(crate) const CLASSES: usize = 64;

/// Rice parameters of residuals.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Rice {
    pub(super) by_class: [u8; CLASSES],
    /// For nearly all doubts, by their [`STRIDE`]s: one look-up, where a class takes a dozen instructions that each wait
    /// for the one before.
    near: [u8; NEAR],
}

/// The lowest doubts all have one parameter, and later classes begin at multiples of this.
const STRIDE: u64 = 16;
const NEAR: usize = 256;

/// For numbers and angles, and for components of rotations. Taken from recordings of rigid bodies, where both come to
/// about doubt / 8; the tails are that rule.
pub(super) static NUMBER_RICE: Rice = Rice::new(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
pub(super) static QUAT_RICE: Rice = Rice::new(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6]);

impl Rice {
    const fn new(first: &[u8]) -> Self {
        let by_class = parameters(first);
        let mut near = [0; NEAR];
        let mut at = 0;
        while at < NEAR {
            near[at] = by_class[class(at as u64 * STRIDE, 0)];
            at += 1;
        }
        Self { by_class, near }
    }

    /// See [`class`].
    #[inline(always)]
    pub(super) fn parameter(&self, doubt: u64, surprise: u64) -> u8 {
        let at = doubt.wrapping_add(surprise.wrapping_mul(3)) / STRIDE;
        // a browser's usize has 32 bits: both ends must find the same
        match usize::try_from(at).ok().and_then(|at| self.near.get(at)) {
            Some(parameter) => *parameter,
            None => self.by_class[class(doubt, surprise)],
        }
    }
}

const fn parameters(first: &[u8]) -> [u8; CLASSES] {
    let mut all = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_near_doubts_are_those_of_their_classes() {
        for rice in [&NUMBER_RICE, &QUAT_RICE] {
            for doubt in (0..2 * NEAR as u64 * STRIDE).chain([u64::MAX / 2]) {
                assert_eq!(rice.parameter(doubt, 0), rice.by_class[class(doubt, 0)], "{doubt}");
            }
        }
    }
}
