//! Plain rows: what is made for motion went on, and nothing else changed that was not expected to. Nearly all rows that
//! are sent are such, so here is where coding them takes its time: both ends forecast all of a row's moving lanes first,
//! and then go through their residuals in one short loop.

use super::coder::Put;
use super::decode::decode_unit;
use super::encode::encode_unit;
use super::forecast::{CLASSES, Forecast, Motion, RowPast, Surprise, class};
use super::layout::{Coding, KindLayout, Unit};
use super::spent::Counted;
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::rice;

/// A kind's public units, by how they are coded in a plain row: rotations, floats, angles, and what stands still as a
/// rule.
#[derive(Clone, Debug, Default)]
pub(super) struct PlainLayout {
    quats: Vec<Unit>,
    /// Of each of those three, all but the largest component.
    components: Vec<MovingLane>,
    /// Floats and angles.
    lanes: Vec<MovingLane>,
    still: Vec<Unit>,
    /// All lanes of those.
    still_lanes: Vec<u16>,
}

/// One lane of what is made for motion: how its residuals are coded.
#[derive(Clone, Copy, Debug)]
struct MovingLane {
    /// Rice parameters by class of doubt.
    rice: &'static [u8; CLASSES],
    /// The largest value.
    span: u32,
    lane: u16,
    /// The unit's number, for those who count bits.
    unit: u16,
    /// Bits of a residual in zigzag form, at most.
    width: u8,
    /// A residual is so much shorter than 64 bits where the lane goes around a circle; else it is whole.
    cut: u8,
}

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
        let components = quats.iter().flat_map(MovingLane::of).collect();
        let lanes = moving.iter().flat_map(MovingLane::of).collect();
        let still_lanes = still.iter().flat_map(|unit| unit.first..unit.first + unit.lanes);
        let still_lanes = still_lanes.map(|lane| lane as u16).collect();
        Self { quats, components, lanes, still, still_lanes }
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

    /// Forecasts the components of all rotations. `takes` is told of each where it is, and which component is expected to
    /// be the largest; if it does not take that, there is no plain row.
    #[inline(always)]
    fn forecast(
        &self,
        past: &RowPast<'_>,
        expected: &mut Vec<[Expected; 3]>,
        mut takes: impl FnMut(usize, u32) -> bool,
    ) -> bool {
        if expected.len() < self.quats.len() {
            expected.resize(self.quats.len(), <_>::default());
        }
        for (unit, expected) in self.quats.iter().zip(expected) {
            let Coding::Quat { bits } = unit.coding else { continue };
            let turned = past.turned(unit, bits);
            if !takes(unit.first, turned.largest) {
                return false;
            }
            let within = |forecast: &Forecast| Expected { at: forecast.within((1 << bits) - 1), doubt: forecast.doubt };
            let [a, b, c] = &turned.forecasts;
            *expected = [within(a), within(b), within(c)];
            if turned.largest != turned.now {
                *expected = past.quat(unit, bits, turned.largest).each_ref().map(within);
            }
        }
        true
    }
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
        })
    }

    /// Where a float or an angle is expected.
    #[inline(always)]
    fn forecast(&self, past: &RowPast<'_>) -> Expected {
        let lane = usize::from(self.lane);
        if self.cut == 0 {
            let forecast = past.number(lane, self.width.wrapping_sub(1), Motion::Pushed);
            Expected { at: forecast.within(self.span), doubt: forecast.doubt }
        } else {
            let forecast = past.turn(lane, self.width);
            Expected { at: forecast.at, doubt: forecast.doubt }
        }
    }

    /// The residual of a lane's value.
    #[inline(always)]
    fn residual(&self, value: u32, expected: Expected) -> i64 {
        i64::from(value).wrapping_sub(expected.at).wrapping_shl(self.cut.into()).wrapping_shr(self.cut.into())
    }

    /// The value of a residual.
    #[inline(always)]
    fn value(&self, residual: i64, expected: Expected) -> Result<u32, DecodeError> {
        let value = expected.at.wrapping_add(residual).cast_unsigned() & u64::MAX.wrapping_shr(self.cut.into());
        if value <= self.span.into() { Ok(value as u32) } else { Err(DecodeError::OutOfRange("field")) }
    }
}

/// Writes a row, if it is a plain one; else nothing.
#[inline(always)]
pub(super) fn encode(
    kind: &KindLayout,
    past: &RowPast<'_>,
    row: &[u32],
    expected: &mut Vec<[Expected; 3]>,
    bits: &mut Counted<'_, '_>,
) -> bool {
    let plain = kind.plain();
    let rests = plain.rests(past, row);
    if !rests && plain.still.iter().any(|unit| unit.differs(past.base, row) && !past.expects(unit)) {
        return false;
    }
    if !plain.forecast(past, expected, |first, largest| row[first] == largest) {
        return false;
    }
    let by = encode_residuals(plain, past, expected.as_flattened(), row, bits);
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
fn encode_residuals(
    plain: &PlainLayout,
    past: &RowPast<'_>,
    expected: &[Expected],
    row: &[u32],
    bits: &mut Counted<'_, '_>,
) -> u64 {
    let past = &past.cut(row.len());
    let mut by = 0;
    let (bits, spent) = bits.parts();
    bits.at_once(|bits| {
        for (lane, expected) in plain.components.iter().zip(expected) {
            encode_residual(lane, *expected, row, &mut by, bits, spent);
        }
        for lane in &plain.lanes {
            encode_residual(lane, lane.forecast(past), row, &mut by, bits, spent);
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
    let length = rice::write(residual, lane.rice[class(expected.doubt, *by)], lane.width, bits);
    let spent = &mut spent[usize::from(lane.unit)];
    *spent = spent.wrapping_add(length);
    *by = Surprise::after(*by, residual);
}

/// Reads what [`encode`] wrote; `row` is as it was.
#[inline(always)]
pub(super) fn decode(
    kind: &KindLayout,
    past: &RowPast<'_>,
    expected: &mut Vec<[Expected; 3]>,
    bits: &mut BitReader<'_>,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    let plain = kind.plain();
    let rests = plain.rests(past, row);
    plain.forecast(past, expected, |first, largest| {
        row[first] = largest;
        true
    });
    let by = decode_residuals(plain, past, expected.as_flattened(), bits, row)?;
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

#[inline(never)]
fn decode_residuals(
    plain: &PlainLayout,
    past: &RowPast<'_>,
    expected: &[Expected],
    bits: &mut BitReader<'_>,
    row: &mut [u32],
) -> Result<u64, DecodeError> {
    let past = &past.cut(row.len());
    let mut by = 0;
    // a reader of its own stays in registers
    let mut reader = bits.clone();
    for (lane, expected) in plain.components.iter().zip(expected) {
        decode_residual(lane, *expected, row, &mut by, &mut reader)?;
    }
    for lane in &plain.lanes {
        decode_residual(lane, lane.forecast(past), row, &mut by, &mut reader)?;
    }
    *bits = reader;
    Ok(by)
}

#[inline(always)]
fn decode_residual(
    lane: &MovingLane,
    expected: Expected,
    row: &mut [u32],
    by: &mut u64,
    bits: &mut BitReader<'_>,
) -> Result<(), DecodeError> {
    let residual = rice::read(lane.rice[class(expected.doubt, *by)], lane.width, bits)?;
    row[usize::from(lane.lane)] = lane.value(residual, expected)?;
    *by = Surprise::after(*by, residual);
    Ok(())
}
