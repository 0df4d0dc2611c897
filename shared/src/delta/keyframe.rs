//! A keyframe's rows, in groups: what one field is in the rows of a group stands side by side and takes what its range
//! there needs. Neighbours resemble each other, and where the field is the same in all rows it is said once.
//!
//! Rows that are alike take hundreds of times the memory of what is read, so there is an end to them
//! ([`ROWS_MAX_LANES`](super::ROWS_MAX_LANES)).

use std::ops::RangeInclusive;

use super::coder::{Put, Take};
use super::decode::decode_whole;
use super::encode::{encode_whole, known};
use super::layout::{Coding, Layout, Part, Unit, bits_for};
use super::row::{EntityRow, RowBuffer, Rows};
use crate::bits::DecodeError;
use crate::game::EntityId;

/// Most rows of a group.
const GROUP: usize = 32;
/// So few rows of a kind are plain: nothing is gained by saying how they are coded.
const FEW: usize = 2;
/// Lowest and highest order of the code for ids. A row takes more bits than the lowest one, so few bytes never stand for
/// many rows.
const ORDERS: RangeInclusive<u8> = 4..=16;
/// Instead of an order: ids are plain.
const PLAIN_IDS: u8 = 19;
const ORDER_BITS: u8 = 4;
/// How exactly a range is told: in up to 2⁴ steps. Where a step is more than one there are at least half as many.
const STEPS_BITS: u8 = 4;
const STEPS_HALF: u32 = 1 << (STEPS_BITS - 1);

/// How the numbers of a column are coded: 1, 00, 010, 011.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    InRange,
    Plain,
    Equal,
    Mostly,
}

impl Mode {
    fn put(self, put: &mut impl Put) {
        match self {
            Self::InRange => put.bits(1, 1),
            Self::Plain => put.bits(0, 2),
            // the lowest bit first
            Self::Equal => put.bits(0b010, 3),
            Self::Mostly => put.bits(0b110, 3),
        }
    }

    fn take(take: &mut impl Take) -> Result<Self, DecodeError> {
        Ok(match take.bits(1)? {
            1 => Self::InRange,
            _ if take.bits(1)? == 0 => Self::Plain,
            _ if take.bits(1)? == 0 => Self::Equal,
            _ => Self::Mostly,
        })
    }

    fn length(self) -> usize {
        match self {
            Self::InRange => 1,
            Self::Plain => 2,
            Self::Equal | Self::Mostly => 3,
        }
    }
}

/// The number that all or most of a column are: often the least or the largest that there is, as of one who is unhurt.
fn put_usual(value: u32, (bits, span): (u8, u32), put: &mut impl Put) {
    let is_end = value == 0 || value == span;
    put.bits(is_end.into(), 1);
    if is_end {
        put.bits((value == span).into(), 1);
    } else {
        put.bits(value, bits);
    }
}

fn take_usual((bits, span): (u8, u32), take: &mut impl Take) -> Result<u32, DecodeError> {
    if take.bits(1)? == 0 {
        return take.bits(bits);
    }
    Ok(if take.bits(1)? == 0 { 0 } else { span })
}

/// Writes all rows but their count.
pub(super) fn encode_rows(layout: &Layout, now: Rows<'_>, put: &mut impl Put) {
    let mut next_id = 0;
    for group in now.entities.chunks(GROUP) {
        next_id = encode_ids(group, next_id, put);
        encode_kinds(layout, group, put);
        for kind in kinds(group) {
            let rows = || group.iter().filter(|row| row.kind == kind.kind);
            for unit in known(layout, kind).units(Part::Public) {
                if matches!(unit.coding, Coding::Text { .. }) {
                    for row in rows() {
                        put.begin();
                        encode_whole(unit, unit.of(&now.lanes[row.first..]), put);
                        put.end(unit);
                    }
                    continue;
                }
                put.begin();
                for lane in 0..unit.lanes {
                    let (mut column, mut count) = ([0; GROUP], 0);
                    for (value, row) in column.iter_mut().zip(rows()) {
                        *value = now.lanes[row.first + unit.first + lane];
                        count += 1;
                    }
                    encode_column(&column[..count], width(unit, lane), put);
                }
                put.end(unit);
            }
        }
    }
}

/// Fills `out` with `count` rows.
pub(super) fn decode_rows(
    layout: &Layout,
    count: u32,
    take: &mut impl Take,
    out: &mut RowBuffer,
) -> Result<(), DecodeError> {
    let (mut left, mut next_id) = (count as usize, 0);
    while left > 0 {
        let count = left.min(GROUP);
        left -= count;
        let (mut ids, mut numbers) = ([EntityId(0); GROUP], [0; GROUP]);
        let (ids, numbers) = (&mut ids[..count], &mut numbers[..count]);
        next_id = decode_ids(ids, next_id, take)?;
        decode_kinds(layout, numbers, take)?;
        let start = out.rows().entities.len();
        for (id, number) in ids.iter().zip(numbers) {
            let kind = layout.kind(*number).ok_or(DecodeError::OutOfRange("kind"))?;
            out.push_told(*id, *number, kind.lanes())?;
        }
        let (group, lanes) = out.parts_mut(start);
        for kind in kinds(group) {
            let rows = || group.iter().filter(|row| row.kind == kind.kind);
            for unit in layout.kind(kind.kind).ok_or(DecodeError::OutOfRange("kind"))?.units(Part::Public) {
                if matches!(unit.coding, Coding::Text { .. }) {
                    rows().try_for_each(|row| decode_whole(unit, take, &mut lanes[row.first..]))?;
                    continue;
                }
                for lane in 0..unit.lanes {
                    let mut column = [0; GROUP];
                    let column = &mut column[..rows().count()];
                    decode_column(column, width(unit, lane), take)?;
                    for (value, row) in column.iter().zip(rows()) {
                        lanes[row.first + unit.first + lane] = *value;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The first row of each kind.
fn kinds(group: &[EntityRow]) -> impl Iterator<Item = &EntityRow> {
    // most groups have one kind
    let first = group.first().map_or(0, |row| row.kind);
    let others = group
        .iter()
        .enumerate()
        .filter(move |(at, row)| row.kind != first && group[..*at].iter().all(|before| before.kind != row.kind));
    group.iter().take(1).chain(others.map(|(_, row)| row))
}

/// Bits of a unit's lane, and its largest value.
fn width(unit: &Unit, lane: usize) -> (u8, u32) {
    match unit.coding {
        Coding::Raw { bits, span } | Coding::Number { bits, span, .. } => (bits, span),
        Coding::Quat { .. } if lane == 0 => (2, 3),
        Coding::Turn { bits } | Coding::Quat { bits } => (bits, (1 << bits) - 1),
        Coding::Text { .. } => (0, 0),
    }
}

fn encode_ids(group: &[EntityRow], next_id: u64, put: &mut impl Put) -> u64 {
    let [first, .., last] = group else {
        let Some(only) = group.first() else { return next_id };
        let gap = u64::from(only.id.0) - next_id;
        return encode_gaps(group, next_id, gap, gap, put);
    };
    // the first one may be far from the group before: it does not count
    let mean = u64::from(last.id.0 - first.id.0) / (group.len() as u64 - 1);
    let widest = group.iter().fold((next_id, 0), |(next, widest): (u64, u64), row| {
        let id = u64::from(row.id.0);
        (id + 1, widest.max(id - next))
    });
    encode_gaps(group, next_id, mean, widest.1, put)
}

fn encode_gaps(group: &[EntityRow], mut next_id: u64, mean: u64, widest: u64, put: &mut impl Put) -> u64 {
    let order =
        if widest < 1 << 31 { (mean.max(1).ilog2() as u8).clamp(*ORDERS.start(), *ORDERS.end()) } else { PLAIN_IDS };
    put.bits((order - ORDERS.start()).into(), ORDER_BITS);
    for row in group {
        let gap = (u64::from(row.id.0) - next_id) as u32;
        if order == PLAIN_IDS {
            put.bits(gap, 32);
        } else {
            put.count(gap, order);
        }
        next_id = u64::from(row.id.0) + 1;
    }
    next_id
}

fn decode_ids(ids: &mut [EntityId], mut next_id: u64, take: &mut impl Take) -> Result<u64, DecodeError> {
    let order = take.bits(ORDER_BITS)? as u8 + ORDERS.start();
    if !ORDERS.contains(&order) && order != PLAIN_IDS {
        return Err(DecodeError::OutOfRange("order of ids"));
    }
    for id in ids {
        let gap = if order == PLAIN_IDS { take.bits(32)? } else { take.count(order)? };
        *id = EntityId(u32::try_from(next_id + u64::from(gap)).map_err(|_| DecodeError::OutOfRange("entity id"))?);
        next_id = u64::from(id.0) + 1;
    }
    Ok(next_id)
}

fn encode_kinds(layout: &Layout, group: &[EntityRow], put: &mut impl Put) {
    let bits = layout.kind_bits();
    if bits == 0 {
        return;
    }
    let mixed = group.iter().any(|row| row.kind != group[0].kind);
    put.bits(mixed.into(), 1);
    for row in &group[..if mixed { group.len() } else { 1 }] {
        put.bits(row.kind.into(), bits);
    }
}

fn decode_kinds(layout: &Layout, numbers: &mut [u16], take: &mut impl Take) -> Result<(), DecodeError> {
    let bits = layout.kind_bits();
    if bits == 0 {
        return Ok(());
    }
    if take.bits(1)? == 0 {
        numbers.fill(take.bits(bits)? as u16);
        return Ok(());
    }
    for number in numbers {
        *number = take.bits(bits)? as u16;
    }
    Ok(())
}

/// Where a column's numbers lie: in `steps` + 1 steps of 2^`grain`, from `low` of them on.
#[derive(Clone, Copy, Debug)]
struct Within {
    grain: u8,
    low: u32,
    steps: u32,
}

impl Within {
    fn of(min: u32, max: u32, bits: u8) -> Self {
        let most = (1 << STEPS_BITS.min(bits)) - 1;
        let mut grain = bits_for(max - min).saturating_sub(STEPS_BITS);
        if (max >> grain) - (min >> grain) > most {
            grain += 1;
        }
        Self { grain, low: min >> grain, steps: (max >> grain) - (min >> grain) }
    }

    fn grain_bits(bits: u8) -> u8 {
        bits_for(bits.saturating_sub(STEPS_BITS).into())
    }

    fn head_bits(self, bits: u8) -> u8 {
        Self::grain_bits(bits) + Self::steps_bits(self.grain, bits) + (bits - self.grain)
    }

    /// With so coarse a grain there are at least [`STEPS_HALF`] steps.
    fn steps_bits(grain: u8, bits: u8) -> u8 {
        if grain > 0 { STEPS_BITS - 1 } else { STEPS_BITS.min(bits) }
    }

    fn put(self, bits: u8, put: &mut impl Put) {
        put.bits(self.grain.into(), Self::grain_bits(bits));
        let least = if self.grain > 0 { STEPS_HALF } else { 0 };
        put.bits(self.steps - least, Self::steps_bits(self.grain, bits));
        put.bits(self.low, bits - self.grain);
    }

    fn take(bits: u8, take: &mut impl Take) -> Result<Self, DecodeError> {
        let grain = take.bits(Self::grain_bits(bits))? as u8;
        if grain > bits.saturating_sub(STEPS_BITS) {
            return Err(DecodeError::OutOfRange("range of a field"));
        }
        let least = if grain > 0 { STEPS_HALF } else { 0 };
        let steps = least + take.bits(Self::steps_bits(grain, bits))?;
        Ok(Self { grain, low: take.bits(bits - grain)?, steps })
    }

    /// Truncated binary: so many bits for numbers below the second, and one more for others.
    fn short(self) -> (u8, u64) {
        let total = u64::from(self.steps + 1) << self.grain;
        let bits = total.ilog2() as u8;
        (bits, (2 << bits) - total)
    }

    fn start(self) -> u32 {
        self.low << self.grain
    }
}

fn encode_column(column: &[u32], (bits, span): (u8, u32), put: &mut impl Put) {
    let plain = |put: &mut _| column.iter().for_each(|value| Put::bits(put, *value, bits));
    if column.len() <= FEW || bits == 0 {
        return plain(put);
    }
    let first = column[0];
    let (min, max) = column.iter().fold((first, first), |(min, max), value| (min.min(*value), max.max(*value)));
    if bits == 1 {
        put.bits((min == max).into(), 1);
        return if min == max { put.bits(first, 1) } else { plain(put) };
    }
    if min == max {
        Mode::Equal.put(put);
        return put_usual(first, (bits, span), put);
    }
    let rows = column.len();
    let within = Within::of(min, max, bits);
    let (short_bits, short) = within.short();
    let offset = |value: u32| u64::from(value - within.start());
    let longer = column.iter().filter(|value| offset(**value) >= short).count();
    let in_range =
        Mode::InRange.length() + usize::from(within.head_bits(bits)) + rows * usize::from(short_bits) + longer;
    let most = majority(column);
    let others = column.iter().filter(|value| **value != most).count();
    let usual = if most == 0 || most == span { 2 } else { 1 + usize::from(bits) };
    let mostly = Mode::Mostly.length() + usual + usize::from(bits) * others + rows;
    let all = Mode::Plain.length() + rows * usize::from(bits);
    if mostly < in_range && mostly < all {
        Mode::Mostly.put(put);
        put_usual(most, (bits, span), put);
        for value in column {
            put.bits((*value != most).into(), 1);
            if *value != most {
                put.bits(*value, bits);
            }
        }
    } else if in_range < all {
        Mode::InRange.put(put);
        within.put(bits, put);
        for value in column {
            let offset = offset(*value);
            if offset < short {
                put.bits(offset as u32, short_bits);
            } else {
                // all but the lowest bit first: it tells that one more follows
                let long = offset + short;
                put.bits(((long >> 1) | (long & 1) << short_bits) as u32, short_bits + 1);
            }
        }
    } else {
        Mode::Plain.put(put);
        plain(put);
    }
}

/// What more than half of them are, if there is such a one (Boyer and Moore).
fn majority(column: &[u32]) -> u32 {
    let pick = |(most, lead): (u32, u32), value: &u32| match lead {
        0 => (*value, 1),
        _ if *value == most => (most, lead + 1),
        _ => (most, lead - 1),
    };
    column.iter().fold((0, 0), pick).0
}

fn decode_column(column: &mut [u32], (bits, span): (u8, u32), take: &mut impl Take) -> Result<(), DecodeError> {
    let mode = match bits {
        _ if column.len() <= FEW => Mode::Plain,
        0 => Mode::Plain,
        1 if take.bits(1)? != 0 => {
            column.fill(take.bits(1)?);
            return Ok(());
        }
        1 => Mode::Plain,
        _ => Mode::take(take)?,
    };
    match mode {
        Mode::Plain => {
            for value in &mut *column {
                *value = take.bits(bits)?;
            }
        }
        Mode::Equal => column.fill(take_usual((bits, span), take)?),
        Mode::Mostly => {
            let most = take_usual((bits, span), take)?;
            for value in &mut *column {
                *value = if take.bits(1)? != 0 { take.bits(bits)? } else { most };
            }
        }
        Mode::InRange => decode_in_range(column, bits, take)?,
    }
    if column.iter().any(|value| *value > span) { Err(DecodeError::OutOfRange("field")) } else { Ok(()) }
}

fn decode_in_range(column: &mut [u32], bits: u8, take: &mut impl Take) -> Result<(), DecodeError> {
    let within = Within::take(bits, take)?;
    let (short_bits, short) = within.short();
    for value in column {
        let mut offset = u64::from(take.bits(short_bits)?);
        if offset >= short {
            offset = (offset << 1 | u64::from(take.bits(1)?)) - short;
        }
        let at = u64::from(within.start()) + offset;
        *value = u32::try_from(at).map_err(|_| DecodeError::OutOfRange("field"))?;
    }
    Ok(())
}
