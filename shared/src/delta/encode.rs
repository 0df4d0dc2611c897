//! The encoder. Its mirror is `decode.rs`: a change here is a change there.

use super::coder::{Put, Question};
use super::forecast::{Forecast, RowPast, Surprise};
use super::layout::{Coding, KindLayout, Layout, Part, Unit, bits_for};
use super::past::{Past, RowPasts};
use super::row::{EntityRow, Rows, same_rows};
use super::spent::{Counted, Spent};
use crate::bits::BitWriter;
use crate::schema::quant::{text_byte, wrapped_difference};

/// Appends all rows of `now`.
pub fn encode_keyframe(layout: &Layout, now: Rows<'_>, out: &mut Vec<u8>) {
    encode_keyframe_counted(layout, now, &mut Spent::default(), out);
}

/// The same, and counts what each field takes.
pub fn encode_keyframe_counted(layout: &Layout, now: Rows<'_>, spent: &mut Spent, out: &mut Vec<u8>) {
    spent.clear(layout.field_of().len());
    let mut bits = Counted::new(BitWriter::new(out), spent);
    bits.bits.count(now.entities.len() as u32, 3);
    encode_entered(layout, now, now.entities.iter(), &mut bits);
    bits.finish().finish();
}

/// Lists that coding a delta fills on its way, at either end; kept and filled again, so that nothing is allocated once
/// warm.
#[derive(Clone, Debug, Default)]
pub struct DeltaScratch {
    /// Places in the base.
    removed: Vec<usize>,
    /// Places in the new state.
    entered: Vec<usize>,
    /// How many rows moved from the state before the base to the base.
    moving: usize,
    /// Which of them did not go on in the plain way.
    exceptions: Vec<Marked>,
    /// Rows that did not move, and have changed now; places among those that are kept.
    started: Vec<Marked>,
    /// Places in the new state of kept rows that changed.
    pub(super) changed: Vec<u32>,
    /// The bits of those.
    rows: Vec<u8>,
    spent: Spent,
    pub(super) decoding: super::decode::Lists,
}

/// A place in a list, and whether its row changed elsewhere than was expected; else it is plain, or an exception that
/// is not changed at all.
pub(super) type Marked = (usize, bool);

/// Appends what makes `now` of the base.
pub fn encode_delta(layout: &Layout, past: &Past<'_>, now: Rows<'_>, scratch: &mut DeltaScratch, out: &mut Vec<u8>) {
    let (mut row_bytes, mut spent) = (std::mem::take(&mut scratch.rows), std::mem::take(&mut scratch.spent));
    row_bytes.clear();
    spent.clear(layout.field_of().len());
    let mut rows = Counted::new(BitWriter::new(&mut row_bytes), &mut spent);
    let kept = scratch.compare(layout, past, now, &mut rows);
    let row_bits = rows.finish().finish_counted();
    let DeltaScratch { removed, entered, moving, exceptions, started, .. } = scratch;
    let mut bits = BitWriter::new(out);
    bits.flag(past.earlier.is_some());
    let structure_changed = !removed.is_empty() || !entered.is_empty();
    bits.flag(structure_changed);
    if structure_changed {
        bits.count(removed.len() as u32, 1);
        encode_places(removed, &mut bits);
        bits.count(entered.len() as u32, 1);
        let mut counted = Counted::new(bits, &mut spent);
        encode_entered(layout, now, entered.iter().map(|place| &now.entities[*place]), &mut counted);
        bits = counted.finish();
    }
    if *moving > 0 {
        encode_marked(exceptions, *moving, &mut bits);
    }
    encode_marked(started, kept, &mut bits);
    bits.append(&row_bytes, row_bits);
    bits.finish();
    (scratch.rows, scratch.spent) = (row_bytes, spent);
}

/// Places among `total`, and a mark for each.
fn encode_marked(places: &[Marked], total: usize, bits: &mut BitWriter<'_>) {
    bits.count(places.len() as u32, 1);
    let order = gap_order(total, places.len());
    let mut next = 0;
    for (place, marked) in places {
        bits.count((place - next) as u32, order);
        bits.flag(*marked);
        next = place + 1;
    }
}

/// The order of the code for the gaps between `count` of `total`.
pub(super) fn gap_order(total: usize, count: usize) -> u8 {
    total.checked_div(count).unwrap_or(0).max(1).ilog2().min(16) as u8
}

impl DeltaScratch {
    /// After coding a delta: the places in the new state of the rows that were there before and have changed, in order.
    #[must_use]
    pub fn changed(&self) -> &[u32] {
        &self.changed
    }

    /// After encoding a delta: what each field took.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// One merge of two lists sorted by id, in three cases: kept, entered, removed. The same id with another kind is
    /// removed and entered. Rows that are kept and changed are written on the way. Tells how many are kept.
    fn compare(&mut self, layout: &Layout, past: &Past<'_>, now: Rows<'_>, rows: &mut impl Put) -> usize {
        self.removed.clear();
        self.entered.clear();
        self.exceptions.clear();
        self.started.clear();
        self.changed.clear();
        self.moving = 0;
        let base = past.base;
        let mut pasts = RowPasts::new(past);
        let (mut before, mut after, mut place) = (0, 0, 0);
        loop {
            if let (Some(a), true) = (base.entities.get(before), after < now.entities.len()) {
                let kind = known(layout, a);
                let resting = pasts.resting(kind, before);
                if resting > 0 {
                    let still = same_rows(kind, base.from(before), now.from(after), resting);
                    (before, after, place) = (before + still, after + still, place + still);
                }
            }
            match (base.entities.get(before), now.entities.get(after)) {
                (None, None) => return place,
                (Some(a), Some(b)) if a.id == b.id && a.kind == b.kind => {
                    self.keep(known(layout, b), &mut pasts, (before, place), now.row(known(layout, b), b), after, rows);
                    (before, after, place) = (before + 1, after + 1, place + 1);
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

    /// Notes what has become of a row, and writes it when it changed.
    #[inline]
    fn keep(
        &mut self,
        kind: &KindLayout,
        pasts: &mut RowPasts<'_>,
        (before, place): (usize, usize),
        to: &[u32],
        after: usize,
        rows: &mut impl Put,
    ) {
        let moving = pasts.moved(kind, before);
        let past = pasts.row(kind, before);
        let changed = kind.changed(past.base, to);
        let mut marked = false;
        if changed {
            self.changed.push(after as u32);
            let mark = rows.mark();
            marked = !encode_plain(kind, &past, to, rows);
            if marked {
                rows.rewind(mark);
                encode_marks(kind, &past, to, !moving, rows);
            }
        }
        if moving {
            if !changed || marked {
                self.exceptions.push((self.moving, marked));
            }
            self.moving += 1;
        } else if changed {
            self.started.push((place, marked));
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
    counted: &mut Counted<'_, '_>,
) {
    let mut next_id = 0u64;
    for entity in entered {
        let gap = u64::from(entity.id.0) - next_id;
        // the gap may need all 32 bits: in two halves, the upper one nearly always empty
        counted.bits.count((gap >> 16) as u32, 0);
        counted.bits.count((gap & 0xffff) as u32, 4);
        next_id = u64::from(entity.id.0) + 1;
        let kind = known(layout, entity);
        counted.bits.write(u32::from(entity.kind), layout.kind_bits());
        let row = now.row(kind, entity);
        kind.units(Part::Public).iter().for_each(|unit| encode_whole(unit, unit.of(row), counted));
    }
}

/// The units that are expected to change. Tells whether that is all: if not, what was written is of no use.
#[inline(always)]
fn encode_plain(kind: &KindLayout, past: &RowPast<'_>, row: &[u32], rows: &mut impl Put) -> bool {
    let mut surprise = Surprise::default();
    for unit in kind.units(Part::Public) {
        if !unit.motion {
            let differs = unit.differs(past.base, row);
            if past.expects(unit) {
                rows.answer(Question::Changed(unit, true), differs);
            } else if differs {
                return false;
            }
            if !differs {
                continue;
            }
        }
        if !encode_unit(unit, past, unit.of(row), false, &mut surprise, rows) {
            return false;
        }
    }
    true
}

/// The same, and a flag for each of the other units; for all of them when `all`.
#[cold]
fn encode_marks(kind: &KindLayout, past: &RowPast<'_>, row: &[u32], all: bool, rows: &mut impl Put) {
    let mut surprise = Surprise::default();
    for unit in kind.units(Part::Public) {
        let expected = past.expects(unit);
        if all || !(expected && unit.motion) {
            let differs = unit.differs(past.base, row);
            rows.answer(Question::Changed(unit, expected), differs);
            if !differs {
                continue;
            }
        }
        encode_unit(unit, past, unit.of(row), true, &mut surprise, rows);
    }
}

/// Tells whether it could be said: a rotation whose largest component is another than was expected needs a mark.
#[inline(always)]
fn encode_unit(
    unit: &Unit,
    past: &RowPast<'_>,
    to: &[u32],
    marked: bool,
    surprise: &mut Surprise,
    rows: &mut impl Put,
) -> bool {
    match unit.coding {
        Coding::Number { bits: width, span, motion } => {
            let forecast = past.number(unit.first, width, motion);
            let residual = i64::from(to[0]).wrapping_sub(forecast.within(span));
            encode_residual(unit, 0, &forecast, residual, width + 1, surprise, rows);
        }
        Coding::Turn { bits: width } => {
            let forecast = past.turn(unit.first, width);
            let residual = wrapped_difference(to[0], forecast.at as u32, width);
            encode_residual(unit, 0, &forecast, residual, width, surprise, rows);
        }
        Coding::Quat { bits: width } => {
            let (largest, mut forecasts) = past.turned(unit, width);
            let another = to[0] != largest;
            if another && !marked {
                return false;
            }
            if marked {
                rows.answer(Question::Another(unit), another);
                if another {
                    rows.value(unit, to[0], 2);
                    forecasts = past.quat(unit, width, to[0]);
                }
            }
            for (part, (forecast, lane)) in forecasts.iter().zip(&to[1..]).enumerate() {
                let residual = i64::from(*lane).wrapping_sub(forecast.within((1 << width) - 1));
                encode_residual(unit, part, forecast, residual, width + 1, surprise, rows);
            }
        }
        Coding::Raw { .. } | Coding::Text { .. } => encode_whole(unit, to, rows),
    }
    true
}

#[inline(always)]
fn encode_residual(
    unit: &Unit,
    part: usize,
    forecast: &Forecast,
    residual: i64,
    width: u8,
    surprise: &mut Surprise,
    rows: &mut impl Put,
) {
    rows.residual(unit, part, forecast.class(*surprise), residual, width);
    surprise.note(residual);
}

fn encode_whole(unit: &Unit, lanes: &[u32], rows: &mut impl Put) {
    match unit.coding {
        Coding::Raw { bits: width, .. } | Coding::Number { bits: width, .. } | Coding::Turn { bits: width } => {
            rows.value(unit, lanes[0], width);
        }
        Coding::Text { max_bytes } => {
            rows.value(unit, lanes[0], bits_for(max_bytes.into()));
            for i in 0..lanes[0] as usize {
                rows.value(unit, text_byte(lanes, i).into(), 8);
            }
        }
        Coding::Quat { bits: width } => {
            rows.value(unit, lanes[0], 2);
            for lane in &lanes[1..] {
                rows.value(unit, *lane, width);
            }
        }
    }
}
