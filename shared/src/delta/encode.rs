//! The encoder. Its mirror is `decode.rs`: a change here is a change there.

use super::layout::{Coding, KindLayout, Layout, Part, Unit};
use super::row::{EntityRow, Rows};
use crate::bits::BitWriter;
use crate::schema::quant::{text_byte, wrapped_difference};

/// Appends all rows of `now`.
pub fn encode_keyframe(layout: &Layout, now: Rows<'_>, out: &mut Vec<u8>) {
    let mut bits = BitWriter::new(out);
    bits.count(now.entities.len() as u32, 3);
    encode_entered(layout, now, now.entities.iter(), &mut bits);
    bits.finish();
}

/// Lists that [`encode_delta`] fills on its way; kept and filled again, so that it allocates nothing once warm.
#[derive(Clone, Debug, Default)]
pub struct DeltaScratch {
    /// Places in the baseline.
    removed: Vec<usize>,
    /// Places in the new state.
    entered: Vec<usize>,
    /// Place among the kept rows, in the baseline, in the new state.
    changed: Vec<(usize, usize, usize)>,
}

/// Appends what makes `now` of `base`.
pub fn encode_delta(layout: &Layout, base: Rows<'_>, now: Rows<'_>, scratch: &mut DeltaScratch, out: &mut Vec<u8>) {
    scratch.compare(layout, base, now);
    let DeltaScratch { removed, entered, changed } = scratch;
    let mut bits = BitWriter::new(out);
    let structure_changed = !removed.is_empty() || !entered.is_empty();
    bits.flag(structure_changed);
    if structure_changed {
        bits.count(removed.len() as u32, 1);
        encode_places(removed, &mut bits);
        bits.count(entered.len() as u32, 1);
        encode_entered(layout, now, entered.iter().map(|place| &now.entities[*place]), &mut bits);
    }
    bits.count(changed.len() as u32, 3);
    let mut next_place = 0;
    for (place, before, after) in changed {
        bits.count((*place - next_place) as u32, 0);
        next_place = *place + 1;
        let (before, after) = (&base.entities[*before], &now.entities[*after]);
        let kind = known(layout, after);
        encode_changes(kind, base.row(kind, before), now.row(kind, after), &mut bits);
    }
    bits.finish();
}

impl DeltaScratch {
    /// One merge of two lists sorted by id, in three cases: kept, entered, removed. The same id with another kind is
    /// removed and entered.
    fn compare(&mut self, layout: &Layout, base: Rows<'_>, now: Rows<'_>) {
        self.removed.clear();
        self.entered.clear();
        self.changed.clear();
        let (mut before, mut after, mut kept) = (0, 0, 0);
        loop {
            match (base.entities.get(before), now.entities.get(after)) {
                (None, None) => break,
                (Some(a), Some(b)) if a.id == b.id && a.kind == b.kind => {
                    let kind = known(layout, b);
                    let (from, to) = (base.row(kind, a), now.row(kind, b));
                    // most rows are the same to the last lane, and that is one comparison
                    if from != to && kind.differs(Part::Public, from, to) {
                        self.changed.push((kept, before, after));
                    }
                    (before, after, kept) = (before + 1, after + 1, kept + 1);
                }
                (Some(a), Some(b)) if a.id > b.id => {
                    self.entered.push(after);
                    after += 1;
                }
                (None, Some(_)) => {
                    self.entered.push(after);
                    after += 1;
                }
                (Some(_), _) => {
                    self.removed.push(before);
                    before += 1;
                }
            }
        }
    }
}

/// Writes the fields of one part of a row, whole.
pub fn encode_row(kind: &KindLayout, part: Part, row: &[u32], bits: &mut BitWriter<'_>) {
    for unit in kind.units(part) {
        encode_whole(unit, unit.of(row), bits);
    }
}

/// Rows that the host holds carry kinds that its own layout made.
fn known<'a>(layout: &'a Layout, row: &EntityRow) -> &'a KindLayout {
    layout.kind(row.kind).expect("a row's kind is in the layout that it was published by")
}

fn encode_places(places: &[usize], bits: &mut BitWriter<'_>) {
    let mut next = 0;
    for place in places {
        bits.count((*place - next) as u32, 1);
        next = *place + 1;
    }
}

fn encode_entered<'a>(
    layout: &Layout,
    now: Rows<'_>,
    entered: impl Iterator<Item = &'a EntityRow>,
    bits: &mut BitWriter<'_>,
) {
    let mut next_id = 0u64;
    for entity in entered {
        let gap = u64::from(entity.id.0) - next_id;
        // the gap may need all 32 bits: in two halves, the upper one nearly always empty
        bits.count((gap >> 16) as u32, 0);
        bits.count((gap & 0xffff) as u32, 4);
        next_id = u64::from(entity.id.0) + 1;
        let kind = known(layout, entity);
        bits.write(u32::from(entity.kind), layout.kind_bits());
        encode_row(kind, Part::Public, now.row(kind, entity), bits);
    }
}

fn encode_changes(kind: &KindLayout, before: &[u32], after: &[u32], bits: &mut BitWriter<'_>) {
    let units = kind.units(Part::Public);
    for unit in units {
        bits.flag(unit.of(before) != unit.of(after));
    }
    for unit in units.iter().filter(|unit| unit.of(before) != unit.of(after)) {
        let (from, to) = (unit.of(before), unit.of(after));
        match unit.coding {
            Coding::Number { bits: width, .. } => {
                encode_residual(i64::from(to[0]) - i64::from(from[0]), width + 1, bits);
            }
            Coding::Turn { bits: width } => encode_residual(wrapped_difference(to[0], from[0], width), width, bits),
            Coding::Raw { .. } | Coding::Text { .. } | Coding::Quat { .. } => encode_whole(unit, to, bits),
        }
    }
}

fn encode_whole(unit: &Unit, lanes: &[u32], bits: &mut BitWriter<'_>) {
    match unit.coding {
        Coding::Raw { bits: width, .. } | Coding::Number { bits: width, .. } | Coding::Turn { bits: width } => {
            bits.write(lanes[0], width);
        }
        Coding::Text { max_bytes } => {
            bits.write(lanes[0], super::layout::bits_for(max_bytes.into()));
            for i in 0..lanes[0] as usize {
                bits.write(text_byte(lanes, i).into(), 8);
            }
        }
        Coding::Quat { bits: width } => {
            bits.write(lanes[0], 2);
            for lane in &lanes[1..] {
                bits.write(*lane, width);
            }
        }
    }
}

/// A difference that is not zero and whose zigzag form has at most `width` bits: class, then as many bits as it says.
fn encode_residual(difference: i64, width: u8, bits: &mut BitWriter<'_>) {
    let zigzag = ((difference << 1) ^ (difference >> 63)) as u64 - 1;
    let class = (0..3u8).find(|class| zigzag >> class_width(*class, width) == 0).unwrap_or(3);
    bits.write(class.into(), 2);
    let class_width = class_width(class, width);
    // a residual of a 32-bit number takes 33 bits
    bits.write((zigzag & 0xffff) as u32, class_width.min(16));
    bits.write((zigzag >> 16) as u32, class_width.saturating_sub(16));
}

/// Bits of a residual of class `class` (0 to 3) where the widest takes `width`.
pub(super) const fn class_width(class: u8, width: u8) -> u8 {
    (width * (class + 1)).div_ceil(4)
}
