//! Plain rows: what is made for motion went on, and nothing else changed that was not expected to. Nearly all rows that
//! are sent are such, so here is where coding them takes its time: both ends forecast all of a row's moving lanes first,
//! and then go through their residuals in one short loop.

use super::coder::Put;
use super::decode::decode_unit;
use super::encode::encode_unit;
use super::forecast::{Forecast, Motion, Pace, Rice, RowPast, Surprise};
use super::layout::{Coding, KindLayout, Unit};
use super::spent::Counted;
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::rice;

/// A kind's public units, by how they are coded in a plain row: rotations, floats, angles, and what stands still as a
/// rule.
#[derive(Clone, Debug, Default)]
pub(super) struct PlainLayout {
    quats: Vec<Unit>,
    /// Of each of those three, all but the largest component; then floats and angles.
    moving: Vec<MovingLane>,
    still: Vec<Unit>,
    /// All lanes of those.
    still_lanes: Vec<u16>,
}

/// One lane of what is made for motion: how its residuals are coded.
#[derive(Clone, Copy, Debug)]
struct MovingLane {
    rice: &'static Rice,
    /// Of the bits of a value that goes around a circle; else of all.
    mask: u64,
    /// The largest value.
    span: u32,
    lane: u16,
    /// The unit's number, for those who count bits.
    unit: u16,
    /// Bits of a residual in zigzag form, at most.
    width: u8,
    /// A residual is so much shorter than 64 bits where the lane goes around a circle; else it is whole.
    cut: u8,
    /// Before its residual is read so many bits should be held.
    enough: u8,
}

/// So many residuals are read of the bits that are fetched at once: as a rule they have 4 or 5 bits each.
const AT_ONCE: usize = 3;

/// Where a lane is expected, and how far off that may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    at: i64,
    doubt: u64,
}

impl PlainLayout {
    pub(super) fn new(units: &[Unit]) -> Self {
        let (quats, others): (Vec<Unit>, Vec<Unit>) =
            units.iter().partition(|unit| matches!(unit.coding, Coding::Quat { .. }));
        let (moving, still): (Vec<Unit>, Vec<Unit>) = others.iter().partition(|unit| unit.motion);
        let mut moving: Vec<MovingLane> = quats.iter().chain(&moving).flat_map(MovingLane::of).collect();
        moving.iter_mut().step_by(AT_ONCE).for_each(|lane| lane.enough = BitReader::WHOLE as u8);
        let still_lanes = still.iter().flat_map(|unit| unit.first..unit.first + unit.lanes);
        let still_lanes = still_lanes.map(|lane| lane as u16).collect();
        Self { quats, moving, still, still_lanes }
    }

    /// Whether what stands still as a rule did so the last time, and does now.
    #[inline(always)]
    fn rests(&self, past: &RowPast<'_>, row: &[u32]) -> bool {
        let before = past.earlier.as_ref().map_or(past.base, |([before, _], _)| before);
        // of one length, so that one check of the index does
        let (base, before) = (&past.base[..row.len()], &before[..row.len()]);
        let differs = |lane: &u16| {
            let lane = usize::from(*lane);
            (row[lane] ^ base[lane]) | (base[lane] ^ before[lane])
        };
        self.still_lanes.iter().map(differs).fold(0, |all, lane| all | lane) == 0
    }

    /// Sets what stands still as a rule to what it was; whether it did so the last time.
    #[inline(always)]
    fn rested(&self, past: &RowPast<'_>, row: &mut [u32]) -> bool {
        let before = past.earlier.as_ref().map_or(past.base, |([before, _], _)| before);
        // of one length, so that one check of the index does
        let (base, before) = (&past.base[..row.len()], &before[..row.len()]);
        let mut differs = 0;
        for lane in &self.still_lanes {
            let lane = usize::from(*lane);
            row[lane] = base[lane];
            differs |= base[lane] ^ before[lane];
        }
        differs == 0
    }

    /// Forecasts all moving lanes. `takes` is told of each rotation where it is, and which component is expected to be the
    /// largest; if it does not take that, there is no plain row.
    #[inline(always)]
    fn forecast(
        &self,
        past: &RowPast<'_>,
        expected: &mut Vec<Expected>,
        mut takes: impl FnMut(usize, u32) -> bool,
    ) -> bool {
        if expected.len() < self.moving.len() {
            expected.resize(self.moving.len(), <_>::default());
        }
        let (components, lanes) = expected.split_at_mut(3 * self.quats.len());
        let (components, _) = components.as_chunks_mut();
        for (unit, components) in self.quats.iter().zip(components) {
            if !takes(unit.first, forecast_quat(past, unit, components)) {
                return false;
            }
        }
        self.forecast_lanes(past, lanes);
        true
    }
    /// Floats and angles.
    #[inline(always)]
    fn forecast_lanes(&self, past: &RowPast<'_>, expected: &mut [Expected]) {
        let lanes = self.moving[3 * self.quats.len()..].iter().zip(expected);
        let base = past.base;
        match &past.earlier {
            Some(([before, older], pace)) => {
                // of one length, so that one check of the index does
                let (before, older) = (&before[..base.len()], &older[..base.len()]);
                for (lane, expected) in lanes {
                    let at = usize::from(lane.lane);
                    *expected = lane.forecast([base[at], before[at], older[at]], *pace);
                }
            }
            None => lanes.for_each(|(lane, expected)| *expected = lane.unknown(base[usize::from(lane.lane)])),
        }
    }
}

/// Forecasts the components of a rotation; which one is expected to be the largest.
#[inline(always)]
fn forecast_quat(past: &RowPast<'_>, unit: &Unit, components: &mut [Expected; 3]) -> u32 {
    let Coding::Quat { bits } = unit.coding else { return 0 };
    let turned = past.turned(unit, bits);
    let within = |forecast: &Forecast| Expected { at: forecast.within((1 << bits) - 1), doubt: forecast.doubt };
    let [a, b, c] = &turned.forecasts;
    *components = [within(a), within(b), within(c)];
    if turned.largest != turned.now {
        *components = past.quat(unit, bits, turned.largest).each_ref().map(within);
    }
    turned.largest
}

impl MovingLane {
    /// The lanes of a unit that is made for motion.
    fn of(unit: &Unit) -> impl Iterator<Item = Self> {
        let (first, span, width, cut) = match unit.coding {
            Coding::Number { bits, span, motion: Motion::Pushed } => (0, span, bits + 1, 0),
            Coding::Turn { bits } => (0, (1 << bits) - 1, bits, 64 - bits),
            Coding::Quat { bits } => (1, (1 << bits) - 1, bits + 1, 0),
            _ => (unit.lanes, 0, 0, 0),
        };
        let (rice, number) = (unit.rice, unit.number);
        (unit.first + first..unit.first + unit.lanes).map(move |lane| Self {
            rice,
            span,
            lane: lane as u16,
            unit: number,
            width,
            cut,
            enough: BitReader::SHORT as u8,
            mask: u64::MAX >> cut,
        })
    }

    /// Where a float or an angle is expected that had these values, the newest first.
    #[inline(always)]
    fn forecast(&self, [base, before, older]: [u32; 3], pace: Pace) -> Expected {
        let step = |from: u32, to: u32| i64::from(to).wrapping_sub(from.into());
        let steps = [step(before, base), step(older, before)];
        if self.cut == 0 {
            let forecast = Forecast::new(base.into(), steps, pace, Motion::Pushed);
            Expected { at: forecast.within(self.span), doubt: forecast.doubt }
        } else {
            let forecast = Forecast::new(base.into(), steps.map(|step| self.around(step)), pace, Motion::Steady);
            Expected { at: forecast.at, doubt: forecast.doubt }
        }
    }

    /// The same where nothing else is known.
    #[cold]
    fn unknown(&self, base: u32) -> Expected {
        let bits = if self.cut == 0 { self.width.wrapping_sub(1) } else { self.width };
        let forecast = Forecast::unknown(base.into(), bits);
        Expected { at: forecast.at, doubt: forecast.doubt }
    }

    /// A difference the shorter way around the circle, where there is one.
    #[inline(always)]
    fn around(&self, difference: i64) -> i64 {
        difference.wrapping_shl(self.cut.into()).wrapping_shr(self.cut.into())
    }

    /// The residual of a lane's value.
    #[inline(always)]
    fn residual(&self, value: u32, expected: Expected) -> i64 {
        self.around(i64::from(value).wrapping_sub(expected.at))
    }

    /// The value of a residual.
    #[inline(always)]
    fn value(&self, residual: i64, expected: Expected) -> Result<u32, DecodeError> {
        let value = expected.at.wrapping_add(residual).cast_unsigned() & self.mask;
        if value <= self.span.into() { Ok(value as u32) } else { Err(DecodeError::OutOfRange("field")) }
    }
}

/// Writes a row, if it is a plain one; else nothing.
#[inline(always)]
pub(super) fn encode(
    kind: &KindLayout,
    past: &RowPast<'_>,
    row: &[u32],
    expected: &mut Vec<Expected>,
    bits: &mut Counted<'_, '_>,
) -> bool {
    let plain = kind.plain();
    let rests = plain.rests(past, row);
    if !rests && plain.still.iter().any(|unit| unit.differs(past.base, row) && !past.expects(unit)) {
        return false;
    }
    let by = if plain.quats.is_empty()
        && let Some(([before, older], pace)) = past.earlier
        && pace.is_even()
    {
        encode_on(plain, [past.base, before, older], row, bits)
    } else if plain.forecast(past, expected, |first, largest| row[first] == largest) {
        encode_residuals(plain, expected, row, bits)
    } else {
        return false;
    };
    if !rests {
        encode_still(plain, past, row, by, bits);
    }
    true
}

/// What stands still as a rule, and did not the last time.
#[inline(never)]
fn encode_still(plain: &PlainLayout, past: &RowPast<'_>, row: &[u32], by: u64, bits: &mut Counted<'_, '_>) {
    let mut surprise = Surprise { by, trend: 0 };
    for unit in plain.still.iter().filter(|unit| past.expects(unit)) {
        let differs = unit.differs(past.base, row);
        bits.begin();
        bits.bits(differs.into(), 1);
        if differs {
            encode_unit(unit, past, row, None, &mut surprise, bits);
        }
        bits.end(unit);
    }
}

/// The residuals of all lanes; how far off the forecasts were at the end.
#[inline(never)]
fn encode_residuals(plain: &PlainLayout, expected: &[Expected], row: &[u32], bits: &mut Counted<'_, '_>) -> u64 {
    let mut by = 0;
    let (bits, spent) = bits.parts();
    bits.at_once(|bits| {
        for (lane, expected) in plain.moving.iter().zip(expected) {
            encode_residual(lane, *expected, row, &mut by, bits, spent);
        }
    });
    by
}

/// The same of a row without rotations, each forecast on the way, where all states are as far apart.
#[inline(never)]
fn encode_on(plain: &PlainLayout, [base, before, older]: [&[u32]; 3], row: &[u32], bits: &mut Counted<'_, '_>) -> u64 {
    // of one length, so that one check of the index does
    let [base, before, older] = [&base[..row.len()], &before[..row.len()], &older[..row.len()]];
    let mut by = 0;
    let (bits, spent) = bits.parts();
    bits.at_once(|bits| {
        for lane in &plain.moving {
            let at = usize::from(lane.lane);
            let expected = lane.forecast([base[at], before[at], older[at]], Pace::EVEN);
            encode_residual(lane, expected, row, &mut by, bits, spent);
        }
    });
    by
}

#[inline(always)]
fn encode_residual(
    lane: &MovingLane,
    expected: Expected,
    row: &[u32],
    by: &mut u64,
    bits: &mut BitWriter<'_>,
    spent: &mut [u32],
) {
    let residual = lane.residual(row[usize::from(lane.lane)], expected);
    let length = rice::write(residual, lane.rice.parameter(expected.doubt, *by), lane.width, bits);
    let spent = &mut spent[usize::from(lane.unit)];
    *spent = spent.wrapping_add(length);
    *by = Surprise::after(*by, residual.unsigned_abs());
}

/// Reads what [`encode`] wrote; `row` may hold anything.
#[inline(always)]
pub(super) fn decode(
    kind: &KindLayout,
    past: &RowPast<'_>,
    expected: &mut Vec<Expected>,
    bits: &mut BitReader<'_>,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    let plain = kind.plain();
    let rests = plain.rested(past, row);
    plain.forecast(past, expected, |first, largest| {
        row[first] = largest;
        true
    });
    let by = decode_residuals(plain, expected, bits, row)?;
    if rests { Ok(()) } else { decode_still(plain, past, by, bits, row) }
}

#[inline(never)]
fn decode_still(
    plain: &PlainLayout,
    past: &RowPast<'_>,
    by: u64,
    bits: &mut BitReader<'_>,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    let mut surprise = Surprise { by, trend: 0 };
    for unit in plain.still.iter().filter(|unit| past.expects(unit)) {
        if bits.flag()? {
            decode_unit(unit, past, None, &mut surprise, bits, row)?;
        }
    }
    Ok(())
}

#[inline(always)]
fn decode_residuals(
    plain: &PlainLayout,
    expected: &[Expected],
    bits: &mut BitReader<'_>,
    row: &mut [u32],
) -> Result<u64, DecodeError> {
    let mut by = 0;
    bits.at_once(|bits| {
        for (lane, expected) in plain.moving.iter().zip(expected) {
            decode_residual(lane, *expected, row, &mut by, bits)?;
        }
        Ok(by)
    })
}

#[inline(always)]
fn decode_residual(
    lane: &MovingLane,
    expected: Expected,
    row: &mut [u32],
    by: &mut u64,
    bits: &mut BitReader<'_>,
) -> Result<(), DecodeError> {
    let zigzag = rice::read_zigzag(lane.rice.parameter(expected.doubt, *by), lane.width, lane.enough.into(), bits)?;
    // the next parameter waits for this, and for nothing else
    *by = Surprise::after(*by, rice::magnitude(zigzag));
    row[usize::from(lane.lane)] = lane.value(rice::signed(zigzag), expected)?;
    Ok(())
}
