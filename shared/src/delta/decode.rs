//! The decoder. Its mirror is `encode.rs`: a change here is a change there. Every number is checked before it is used.

use super::encode::class_width;
use super::layout::{Coding, KindLayout, Layout, Part, Unit};
use super::row::{RowBuffer, Rows};
use crate::bits::{BitReader, DecodeError};
use crate::game::EntityId;

/// Fills `out` from a keyframe.
///
/// # Errors
/// The bytes are no keyframe of this layout.
pub fn decode_keyframe(layout: &Layout, bytes: &[u8], out: &mut RowBuffer) -> Result<(), DecodeError> {
    out.clear();
    let mut bits = BitReader::new(bytes);
    let count = promised(bits.count(3)?, &bits)?;
    let mut entered = Entered::new(layout, count);
    while let Some((id, kind)) = entered.next(&mut bits)? {
        entered.row(kind, &mut bits, out, id)?;
    }
    bits.all()
}

/// Fills `out` with `base` and the changes.
///
/// # Errors
/// The bytes are no delta from this baseline.
pub fn decode_delta(layout: &Layout, base: Rows<'_>, bytes: &[u8], out: &mut RowBuffer) -> Result<(), DecodeError> {
    out.clear();
    let mut bits = BitReader::new(bytes);
    if !bits.flag()? {
        for entity in base.entities {
            let kind = layout.kind(entity.kind).ok_or(DecodeError::OutOfRange("kind"))?;
            out.push(entity.id, entity.kind, kind.lanes()).copy_from_slice(base.row(kind, entity));
        }
        decode_changes(layout, None, &mut bits, out)?;
        return bits.all();
    }
    let removed = promised(bits.count(1)?, &bits)?;
    let mut kept = Vec::with_capacity(base.entities.len());
    let mut places = 0..base.entities.len();
    for _ in 0..removed {
        let gap = bits.count(1)? as usize;
        kept.extend(places.by_ref().take(gap));
        places.next().ok_or(DecodeError::OutOfRange("removed place"))?;
    }
    kept.extend(places);
    // entered rows and kept ones come out in one order by id
    let count = promised(bits.count(1)?, &bits)?;
    let mut entered = Entered::new(layout, count);
    let mut kept_rows = kept.iter().map(|place| &base.entities[*place]).peekable();
    let mut kept_places = Vec::with_capacity(kept.len());
    loop {
        let next = entered.next(&mut bits)?;
        while let Some(entity) = kept_rows.next_if(|entity| next.is_none_or(|(id, _)| entity.id < id)) {
            let kind = layout.kind(entity.kind).ok_or(DecodeError::OutOfRange("kind"))?;
            kept_places.push(out.rows().entities.len());
            out.push(entity.id, entity.kind, kind.lanes()).copy_from_slice(base.row(kind, entity));
        }
        let Some((id, kind)) = next else { break };
        if kept_rows.peek().is_some_and(|entity| entity.id == id) {
            return Err(DecodeError::OutOfRange("entered id"));
        }
        entered.row(kind, &mut bits, out, id)?;
    }
    decode_changes(layout, Some(&kept_places), &mut bits, out)?;
    bits.all()
}

/// Reads the fields of one part of a row, whole.
///
/// # Errors
/// The bits end, or a lane is out of its field's range.
pub fn decode_row(kind: &KindLayout, part: Part, bits: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
    for unit in kind.units(part) {
        decode_whole(unit, bits, row)?;
    }
    Ok(())
}

/// A count of things that take at least a bit each.
fn promised(count: u32, bits: &BitReader<'_>) -> Result<u32, DecodeError> {
    if count as usize <= bits.left() { Ok(count) } else { Err(DecodeError::OutOfRange("count")) }
}

/// The list of entered entities, read one by one.
struct Entered<'a> {
    layout: &'a Layout,
    left: u32,
    next_id: u64,
}

impl<'a> Entered<'a> {
    fn new(layout: &'a Layout, count: u32) -> Self {
        Self { layout, left: count, next_id: 0 }
    }

    fn next(&mut self, bits: &mut BitReader<'_>) -> Result<Option<(EntityId, u16)>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let (high, low) = (bits.count(0)?, bits.count(4)?);
        let id = self.next_id + (u64::from(high) << 16) + u64::from(low);
        let id = u32::try_from(id).map_err(|_| DecodeError::OutOfRange("entity id"))?;
        self.next_id = u64::from(id) + 1;
        let kind = bits.read(self.layout.kind_bits())? as u16;
        Ok(Some((EntityId(id), kind)))
    }

    fn row(&self, kind: u16, bits: &mut BitReader<'_>, out: &mut RowBuffer, id: EntityId) -> Result<(), DecodeError> {
        let layout = self.layout.kind(kind).ok_or(DecodeError::OutOfRange("kind"))?;
        let mut row = [0; Layout::LANES_MAX];
        let row = &mut row[..layout.lanes()];
        decode_row(layout, Part::Public, bits, row)?;
        out.push(id, kind, layout.lanes()).copy_from_slice(row);
        Ok(())
    }
}

/// `kept`: where the baseline's kept rows stand in `out`; `None` when they are all of it.
fn decode_changes(
    layout: &Layout,
    kept: Option<&[usize]>,
    bits: &mut BitReader<'_>,
    out: &mut RowBuffer,
) -> Result<(), DecodeError> {
    let count = bits.count(3)?;
    let mut place = 0usize;
    for _ in 0..count {
        place += bits.count(0)? as usize;
        let at = kept.map_or(Some(place), |kept| kept.get(place).copied());
        let (kind, row) = at.and_then(|at| out.row_mut(layout, at)).ok_or(DecodeError::OutOfRange("changed place"))?;
        place += 1;
        let units = kind.units(Part::Public);
        let mut changed = [0u32; Layout::LANES_MAX / 32];
        for i in 0..units.len() {
            changed[i / 32] |= u32::from(bits.flag()?) << (i % 32);
        }
        for (i, unit) in units.iter().enumerate() {
            if changed[i / 32] >> (i % 32) & 1 != 0 {
                decode_change(unit, bits, row)?;
            }
        }
    }
    Ok(())
}

fn decode_change(unit: &Unit, bits: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
    match unit.coding {
        Coding::Number { bits: width, span } => {
            let lane = i64::from(row[unit.first]) + decode_residual(width + 1, bits)?;
            row[unit.first] =
                u32::try_from(lane).ok().filter(|lane| *lane <= span).ok_or(DecodeError::OutOfRange("field"))?;
        }
        Coding::Turn { bits: width } => {
            let turned = i64::from(row[unit.first]) + decode_residual(width, bits)?;
            row[unit.first] = (turned & ((1 << width) - 1)) as u32;
        }
        Coding::Raw { .. } | Coding::Text { .. } | Coding::Quat { .. } => decode_whole(unit, bits, row)?,
    }
    Ok(())
}

fn decode_whole(unit: &Unit, bits: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
    match unit.coding {
        Coding::Raw { bits: width, span } | Coding::Number { bits: width, span } => {
            let lane = bits.read(width)?;
            if lane > span {
                return Err(DecodeError::OutOfRange("field"));
            }
            row[unit.first] = lane;
        }
        Coding::Turn { bits: width } => row[unit.first] = bits.read(width)?,
        Coding::Text { max_bytes } => {
            let length = bits.read(super::layout::bits_for(max_bytes.into()))?;
            if length > u32::from(max_bytes) {
                return Err(DecodeError::OutOfRange("text length"));
            }
            let lanes = &mut row[unit.first..unit.first + unit.lanes];
            lanes.fill(0);
            lanes[0] = length;
            for i in 0..length as usize {
                lanes[1 + i / 4] |= bits.read(8)? << (8 * (i % 4));
            }
        }
        Coding::Quat { bits: width } => {
            row[unit.first] = bits.read(2)?;
            for lane in &mut row[unit.first + 1..unit.first + unit.lanes] {
                *lane = bits.read(width)?;
            }
        }
    }
    Ok(())
}

fn decode_residual(width: u8, bits: &mut BitReader<'_>) -> Result<i64, DecodeError> {
    let class_width = class_width(bits.read(2)? as u8, width);
    let low = u64::from(bits.read(class_width.min(16))?);
    let zigzag = (u64::from(bits.read(class_width.saturating_sub(16))?) << 16 | low) + 1;
    Ok((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
}
