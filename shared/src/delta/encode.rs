//! The encoder. Its mirror is `decode.rs`: a change here is a change there.

use super::forecast::{Forecast, NUMBER_K, QUAT_K, RowPast, Surprise};
use super::layout::{Coding, KindLayout, Layout, Part, Unit, bits_for};
use super::past::{Past, RowPasts};
use super::row::{EntityRow, Rows, same_rows};
use crate::bits::BitWriter;
use crate::rice;
use crate::schema::quant::{text_byte, wrapped_difference};

/// Appends all rows of `now`.
pub fn encode_keyframe(layout: &Layout, now: Rows<'_>, out: &mut Vec<u8>) {
    let mut bits = BitWriter::new(out);
    bits.count(now.entities.len() as u32, 3);
    encode_entered(layout, now, now.entities.iter(), &mut bits);
    bits.finish();
}

/// Lists that coding a delta fills on its way, at either end; kept and filled again, so that nothing is allocated once
/// warm.
#[derive(Clone, Debug, Default)]
pub struct DeltaScratch {
    /// Places in the base.
    removed: Vec<usize>,
    /// Places in the new state.
    entered: Vec<usize>,
    /// Rows that moved from the state before the base to the base.
    moving: Vec<Kept>,
    /// Rows that did not, and have changed now.
    started: Vec<Kept>,
    /// Places in the new state of kept rows that changed.
    pub(super) changed: Vec<u32>,
    pub(super) decoding: super::decode::Lists,
}

/// A row of both the base and the new state.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Its place among such rows, in the base, in the new state.
    place: usize,
    before: usize,
    after: usize,
    change: Change,
}

/// How a row has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Unchanged,
    /// Only where it was expected to.
    Plain,
    /// Elsewhere too.
    Marked,
}

/// Appends what makes `now` of the base.
pub fn encode_delta(layout: &Layout, past: &Past<'_>, now: Rows<'_>, scratch: &mut DeltaScratch, out: &mut Vec<u8>) {
    let kept = scratch.compare(layout, past, now);
    let DeltaScratch { removed, entered, moving, started, .. } = scratch;
    let mut bits = BitWriter::new(out);
    bits.flag(past.earlier.is_some());
    let structure_changed = !removed.is_empty() || !entered.is_empty();
    bits.flag(structure_changed);
    if structure_changed {
        bits.count(removed.len() as u32, 1);
        encode_places(removed, &mut bits);
        bits.count(entered.len() as u32, 1);
        encode_entered(layout, now, entered.iter().map(|place| &now.entities[*place]), &mut bits);
    }
    let mut pasts = RowPasts::new(past);
    let mut row = |kept: &Kept, all: bool, bits: &mut BitWriter<'_>| {
        let after = &now.entities[kept.after];
        let kind = known(layout, after);
        let row_past = pasts.row(kind, kept.before);
        encode_change(kind, &row_past, now.row(kind, after), kept.change == Change::Marked, all, bits);
    };
    encode_moving(moving, &mut row, &mut bits);
    bits.count(started.len() as u32, 1);
    let order = gap_order(kept, started.len());
    let mut next_place = 0;
    for kept in &*started {
        bits.count((kept.place - next_place) as u32, order);
        next_place = kept.place + 1;
        bits.flag(kept.change == Change::Marked);
        row(kept, true, &mut bits);
    }
    bits.finish();
}

/// Rows that moved go on moving in the plain way; those that do not are told by their distance from one another.
fn encode_moving(moving: &[Kept], row: &mut impl FnMut(&Kept, bool, &mut BitWriter<'_>), bits: &mut BitWriter<'_>) {
    if moving.is_empty() {
        return;
    }
    let mut exceptions = moving.iter().enumerate().filter(|(_, kept)| kept.change != Change::Plain).map(|(at, _)| at);
    let count = exceptions.clone().count();
    bits.count(count as u32, 1);
    let order = gap_order(moving.len(), count);
    let mut next = exceptions.next();
    next.inspect(|next| bits.count(*next as u32, order));
    for (at, kept) in moving.iter().enumerate() {
        if next == Some(at) {
            next = exceptions.next();
            next.inspect(|next| bits.count((next - at - 1) as u32, order));
            bits.flag(kept.change == Change::Marked);
        }
        if kept.change != Change::Unchanged {
            row(kept, false, bits);
        }
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

    /// One merge of two lists sorted by id, in three cases: kept, entered, removed. The same id with another kind is
    /// removed and entered. Tells how many are kept.
    fn compare(&mut self, layout: &Layout, past: &Past<'_>, now: Rows<'_>) -> usize {
        self.removed.clear();
        self.entered.clear();
        self.moving.clear();
        self.started.clear();
        self.changed.clear();
        let base = past.base;
        let mut pasts = RowPasts::new(past);
        let (mut before, mut after, mut place) = (0, 0, 0);
        loop {
            if let (Some(a), true) = (base.entities.get(before), after < now.entities.len()) {
                let kind = known(layout, a);
                let still = same_rows(kind, base.part(before, usize::MAX), now.part(after, usize::MAX));
                let still = pasts.resting(kind, before, still);
                (before, after, place) = (before + still, after + still, place + still);
            }
            match (base.entities.get(before), now.entities.get(after)) {
                (None, None) => return place,
                (Some(a), Some(b)) if a.id == b.id && a.kind == b.kind => {
                    let kind = known(layout, b);
                    let moving = pasts.moved(kind, before);
                    let to = now.row(kind, b);
                    if moving || kind.changed(base.row(kind, a), to) {
                        let change = Change::of(kind, &pasts.row(kind, before), to);
                        if change != Change::Unchanged {
                            self.changed.push(after as u32);
                        }
                        let list = if moving { &mut self.moving } else { &mut self.started };
                        list.push(Kept { place, before, after, change });
                    }
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
}

impl Change {
    #[inline]
    fn of(kind: &KindLayout, past: &RowPast<'_>, to: &[u32]) -> Self {
        if !kind.changed(past.base, to) {
            return Self::Unchanged;
        }
        let plain = |unit: &Unit| match unit.coding {
            Coding::Quat { bits: width } => past.largest(unit, width) == to[unit.first],
            _ => !unit.differs(past.base, to) || past.expects(unit),
        };
        if kind.guarded().iter().all(plain) { Self::Plain } else { Self::Marked }
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

/// The units that are expected to change, and those that are marked: when `marked`, each of the others has a flag; all
/// of them when `all`.
fn encode_change(
    kind: &KindLayout,
    past: &RowPast<'_>,
    row: &[u32],
    marked: bool,
    all: bool,
    bits: &mut BitWriter<'_>,
) {
    let mut surprise = Surprise::default();
    for unit in kind.units(Part::Public) {
        let expected = !(marked && all) && past.expects(unit);
        if !(expected && unit.motion) {
            if !expected && !marked {
                continue;
            }
            let differs = unit.differs(past.base, row);
            bits.flag(differs);
            if !differs {
                continue;
            }
        }
        encode_unit(unit, past, unit.of(row), marked, &mut surprise, bits);
    }
}

fn encode_unit(
    unit: &Unit,
    past: &RowPast<'_>,
    to: &[u32],
    marked: bool,
    surprise: &mut Surprise,
    bits: &mut BitWriter<'_>,
) {
    match unit.coding {
        Coding::Number { bits: width, span, motion } => {
            let forecast = past.number(unit.first, width, motion);
            let residual = i64::from(to[0]) - forecast.within(span);
            encode_residual(&forecast, residual, width + 1, &NUMBER_K, surprise, bits);
        }
        Coding::Turn { bits: width } => {
            let forecast = past.turn(unit.first, width);
            let residual = wrapped_difference(to[0], forecast.at as u32, width);
            encode_residual(&forecast, residual, width, &NUMBER_K, surprise, bits);
        }
        Coding::Quat { bits: width } => {
            if marked {
                let another = to[0] != past.largest(unit, width);
                bits.flag(another);
                if another {
                    bits.write(to[0], 2);
                }
            }
            for (forecast, lane) in past.quat(unit, width, to[0]).iter().zip(&to[1..]) {
                let residual = i64::from(*lane) - forecast.within((1 << width) - 1);
                encode_residual(forecast, residual, width + 1, &QUAT_K, surprise, bits);
            }
        }
        Coding::Raw { .. } | Coding::Text { .. } => encode_whole(unit, to, bits),
    }
}

#[inline]
fn encode_residual(
    forecast: &Forecast,
    residual: i64,
    width: u8,
    parameters: &[u8; 64],
    surprise: &mut Surprise,
    bits: &mut BitWriter<'_>,
) {
    rice::write(residual, forecast.k(*surprise, parameters), width, bits);
    surprise.note(residual);
}

fn encode_whole(unit: &Unit, lanes: &[u32], bits: &mut BitWriter<'_>) {
    match unit.coding {
        Coding::Raw { bits: width, .. } | Coding::Number { bits: width, .. } | Coding::Turn { bits: width } => {
            bits.write(lanes[0], width);
        }
        Coding::Text { max_bytes } => {
            bits.write(lanes[0], bits_for(max_bytes.into()));
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
