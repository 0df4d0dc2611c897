//! The encoder. Its mirror is `decode.rs`: a change here is a change there.

use super::beside::{Beside, Block};
use super::coder::{Coder, Count, Put, Question, Sureness};
use super::forecast::{Forecast, RowPast, Surprise};
use super::keyframe;
use super::layout::{Coding, KindLayout, Layout, Part, Unit, bits_for};
use super::past::{Past, RowPasts};
use super::plain::{self, Expected};
use super::row::{EntityRow, Rows, same_rows};
use super::spent::{Counted, Spent};
use super::tables::{Answers, Training};
use crate::bits::BitWriter;
use crate::schema::quant::{text_byte, wrapped_difference};
use crate::schema::quat::Quat;

/// Appends all rows of `now`.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let (mut rows, mut keyframe) = (RowBuffer::default(), Vec::new());
/// for id in 0..1000 {
///     rows.push(EntityId(id), 0, 3).copy_from_slice(&[id % 2000, 20, 0]); // at (x, 1.0), without coins
/// }
/// encode_keyframe(&layout, rows.rows(), &mut keyframe);
/// assert!(keyframe.len() < 3000, "columns that are alike are said once: {}", keyframe.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_keyframe(layout: &Layout, now: Rows<'_>, out: &mut Vec<u8>) {
    encode_keyframe_counted(layout, now, &mut Spent::default(), out);
}

/// The same, and counts what each field takes.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let schema = Schema::of::<Coins>();
/// let (layout, mut rows) = (Layout::new(&schema)?, RowBuffer::default());
/// rows.push(EntityId(7), 0, 3).copy_from_slice(&[100, 20, 5]);
/// let (mut spent, mut keyframe) = (Spent::default(), Vec::new());
/// encode_keyframe_counted(&layout, rows.rows(), &mut spent, &mut keyframe);
/// for ((kind, field), bits) in layout.field_of().iter().zip(spent.bits()) {
///     println!("{}: {bits} bits", schema.kinds[usize::from(*kind)].fields[*field].name);
/// }
/// assert_eq!(spent.bits().len(), 3, "both elements of at, and coins");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_keyframe_counted(layout: &Layout, now: Rows<'_>, spent: &mut Spent, out: &mut Vec<u8>) {
    spent.clear(layout.field_of().len());
    let mut bits = Counted::new(BitWriter::new(out), spent);
    bits.count(now.entities.len() as u32, 3);
    keyframe::encode_rows(layout, now, &mut bits);
    bits.finish().finish();
}

/// Lists that coding a delta fills on its way, at either end; kept and filled again, so that nothing is allocated once
/// warm.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let rows = |x: u32| {
///     let mut rows = RowBuffer::default();
///     rows.push(EntityId(7), 0, 3).copy_from_slice(&[x, 20, 0]);
///     rows
/// };
/// let (base, now) = (rows(100), rows(103));
/// let past = Past { base: base.rows(), earlier: None };
/// let (mut scratch, mut delta) = (DeltaScratch::default(), Vec::new()); // one for all channels of a thread
/// encode_delta(&layout, &past, now.rows(), &mut scratch, &mut delta);
/// assert_eq!((scratch.changed(), scratch.lists_others()), (&[0][..], false), "row 0, and nobody came or went");
/// assert!(scratch.spent().bits()[0] > scratch.spent().bits()[1], "x changed, y did not");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// The bits of those, or the whole delta's answers.
    rows: Vec<u8>,
    answers: Option<Box<[Answers; 2]>>,
    spent: Spent,
    /// Of the moving lanes of the row that is being coded, at either end.
    pub(super) expected: Vec<Expected>,
    pub(super) decoding: super::decode::Lists,
}

/// A place in a list, and whether its row changed elsewhere than was expected; else it is plain, or an exception that
/// is not changed at all.
pub(super) type Marked = (usize, bool);

/// Appends what makes `now` of the base, by the range coder where the layout has tables.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let rows = |x: u32| {
///     let mut rows = RowBuffer::default();
///     rows.push(EntityId(7), 0, 3).copy_from_slice(&[x, 20, 0]);
///     rows
/// };
/// let (base, now) = (rows(100), rows(103));
/// let past = Past { base: base.rows(), earlier: None };
/// let (mut still, mut moved) = (Vec::new(), Vec::new());
/// let mut scratch = DeltaScratch::default();
/// encode_delta(&layout, &past, base.rows(), &mut scratch, &mut still);
/// encode_delta(&layout, &past, now.rows(), &mut scratch, &mut moved);
/// assert!(still.len() == 1 && moved.len() > 1, "nothing happened: a byte for any number of rows");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_delta(layout: &Layout, past: &Past<'_>, now: Rows<'_>, scratch: &mut DeltaScratch, out: &mut Vec<u8>) {
    encode_delta_by(Coder::Range, layout, past, now, scratch, out);
}

/// The same by either coder: see [`Coder`].
pub fn encode_delta_by(
    coder: Coder,
    layout: &Layout,
    past: &Past<'_>,
    now: Rows<'_>,
    scratch: &mut DeltaScratch,
    out: &mut Vec<u8>,
) {
    match layout.tables().filter(|_| coder == Coder::Range) {
        None => {
            let (mut row_bytes, mut spent) = (std::mem::take(&mut scratch.rows), std::mem::take(&mut scratch.spent));
            row_bytes.clear();
            spent.clear(layout.field_of().len());
            let mut rows = Counted::new(BitWriter::new(&mut row_bytes), &mut spent);
            let kept = scratch.compare(layout, past, now, &mut rows);
            let row_bits = rows.finish().finish_words();
            let mut bits = BitWriter::new(out);
            if layout.has_tables() {
                bits.flag(true); // a range coder's first bit is a zero
            }
            let mut lists = Counted::new(bits, &mut spent);
            scratch.encode_lists(layout, past, now, kept, &mut lists);
            let mut bits = lists.finish();
            bits.append(&row_bytes, row_bits);
            bits.finish();
            (scratch.rows, scratch.spent) = (row_bytes, spent);
        }
        Some(tables) => {
            // bits of a range coder belong to no field alone
            scratch.spent.clear(layout.field_of().len());
            let [lists, rows] = scratch.answer(layout, past, now);
            lists.write(rows, tables, out);
        }
    }
}

impl Training {
    /// Counts what a delta would say.
    pub fn note(&mut self, layout: &Layout, past: &Past<'_>, now: Rows<'_>, scratch: &mut DeltaScratch) {
        scratch.answer(layout, past, now).iter().for_each(|answers| self.count(answers));
    }
}

/// Places among `total`, and a mark for each.
#[inline]
fn encode_marked<P: Put>(places: &[Marked], total: usize, put: &mut P) {
    if places.is_empty() {
        return put.likely_count(Count::Started, 0, 1);
    }
    put.likely_count(Count::Started, places.len() as u32, 1);
    let order = gap_order(total, places.len());
    let mut next = 0;
    for (place, marked) in places {
        put.likely_count(Count::Gap, (place - next) as u32, order);
        if P::WHOLE_BITS {
            put.answer(Question::Marked, *marked);
        }
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

    /// After decoding a delta: whether rows were removed or entered.
    #[must_use]
    pub fn lists_others(&self) -> bool {
        self.decoding.lists_others
    }

    /// After encoding a delta: what each field took.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// The whole delta as answers: the lists, and the rows.
    fn answer(&mut self, layout: &Layout, past: &Past<'_>, now: Rows<'_>) -> &[Answers; 2] {
        let mut answers = self.answers.take().unwrap_or_default();
        let [lists, rows] = &mut *answers;
        lists.clear();
        rows.clear();
        let kept = self.compare(layout, past, now, rows);
        self.encode_lists(layout, past, now, kept, lists);
        self.answers.insert(answers)
    }

    /// All that stands in front of the rows.
    fn encode_lists<P: Put>(&self, layout: &Layout, past: &Past<'_>, now: Rows<'_>, kept: usize, put: &mut P) {
        put.bits(past.earlier.is_some().into(), 1);
        let structure_changed = !self.removed.is_empty() || !self.entered.is_empty();
        put.bits(structure_changed.into(), 1);
        if structure_changed {
            put.count(self.removed.len() as u32, 1);
            encode_places(&self.removed, put);
            put.count(self.entered.len() as u32, 1);
            encode_entered(layout, now, self.entered.iter().map(|place| &now.entities[*place]), put);
        }
        if P::WHOLE_BITS && self.moving > 0 {
            encode_marked(&self.exceptions, self.moving, put);
        }
        encode_marked(&self.started, kept, put);
    }

    /// One merge of two lists sorted by id, in three cases: kept, entered, removed. The same id with another kind is
    /// removed and entered. Rows that are kept and changed are written on the way. Tells how many are kept.
    fn compare(&mut self, layout: &Layout, past: &Past<'_>, now: Rows<'_>, rows: &mut impl PutRow) -> usize {
        self.removed.clear();
        self.entered.clear();
        self.exceptions.clear();
        self.started.clear();
        self.changed.clear();
        self.moving = 0;
        if let Some(beside) = Beside::new(layout, past, now) {
            return self.compare_beside(beside, rows);
        }
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
                    let kind = known(layout, b);
                    let (moves, past) = (pasts.moved(kind, before), pasts.row(kind, before));
                    self.keep(kind, &past, now.row(kind, b), (moves, place, after), rows);
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

    /// The same where nobody came or went.
    fn compare_beside<P: PutRow>(&mut self, mut beside: Beside<'_>, rows: &mut P) -> usize {
        for first in (0..beside.count).step_by(Block::ROWS) {
            for (at, moves) in beside.block(first) {
                let place = first + at;
                let (row, past) = beside.row(place);
                self.keep(beside.kind, &past, row, (moves, place, place), rows);
            }
        }
        beside.count
    }

    /// Notes what has become of a row, and writes it when it changed: whether it moved, its place among those that are kept,
    /// and in the new state.
    #[inline(always)]
    fn keep<P: PutRow>(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        row: &[u32],
        (moves, place, after): (bool, usize, usize),
        rows: &mut P,
    ) {
        let changed = kind.changed(past.base, row);
        if changed {
            self.changed.push(after as u32);
        } else if !moves {
            return;
        }
        let marked = rows.row(kind, past, row, (moves, changed), &mut self.expected);
        if moves {
            if !changed || marked {
                self.exceptions.push((self.moving, marked));
            }
            self.moving += 1;
        } else {
            self.started.push((place, marked));
        }
    }
}

/// Writes the fields of one part of a row, whole.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// # use tickwire_shared::bits::{BitReader, BitWriter};
/// let kind = KindLayout::new(&Thing::schema())?;
/// let (mut bytes, mut there) = (Vec::new(), [0; 3]);
/// let mut bits = BitWriter::new(&mut bytes);
/// encode_row(&kind, Part::Public, &[100, 20, 5], &mut bits);
/// bits.finish();
/// decode_row(&kind, Part::Public, &mut BitReader::new(&bytes), &mut there)?;
/// assert_eq!(there, [100, 20, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_row(kind: &KindLayout, part: Part, row: &[u32], bits: &mut BitWriter<'_>) {
    encode_row_with(kind, part, row, bits);
}

fn encode_row_with(kind: &KindLayout, part: Part, row: &[u32], put: &mut impl Put) {
    for unit in kind.units(part) {
        put.begin();
        encode_whole(unit, unit.of(row), put);
        put.end(unit);
    }
}

/// Rows that the host holds carry kinds that its own layout made.
pub(super) fn known<'a>(layout: &'a Layout, row: &EntityRow) -> &'a KindLayout {
    layout.kind(row.kind).expect("a row's kind is in the layout that it was published by")
}

fn encode_places(places: &[usize], put: &mut impl Put) {
    let mut next = 0;
    for place in places {
        put.count((*place - next) as u32, 1);
        next = *place + 1;
    }
}

fn encode_entered<'a>(
    layout: &Layout,
    now: Rows<'_>,
    entered: impl Iterator<Item = &'a EntityRow>,
    put: &mut impl Put,
) {
    let mut next_id = 0u64;
    for entity in entered {
        let gap = u64::from(entity.id.0) - next_id;
        // the gap may need all 32 bits: in two halves, the upper one nearly always empty
        put.count((gap >> 16) as u32, 0);
        put.count((gap & 0xffff) as u32, 4);
        next_id = u64::from(entity.id.0) + 1;
        let kind = known(layout, entity);
        put.bits(u32::from(entity.kind), layout.kind_bits());
        encode_row_with(kind, Part::Public, now.row(kind, entity), put);
    }
}

/// How an entropy coder says rows.
trait PutRow: Put {
    /// What has become of a row that moved or has changed. Tells whether it has to be marked.
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        row: &[u32],
        moves_changed: (bool, bool),
        expected: &mut Vec<Expected>,
    ) -> bool;
}

impl PutRow for Counted<'_, '_> {
    #[inline(always)]
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        row: &[u32],
        (moves, changed): (bool, bool),
        expected: &mut Vec<Expected>,
    ) -> bool {
        let marked = changed && !plain::encode(kind, past, row, expected, self);
        if marked {
            encode_marks(kind, past, row, moves, self);
        }
        marked
    }
}

impl PutRow for Answers {
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        row: &[u32],
        (moves, changed): (bool, bool),
        _: &mut Vec<Expected>,
    ) -> bool {
        let unrest = past.unrest(kind);
        if moves {
            self.answer(Question::Moves(unrest.1), changed);
        }
        if changed {
            self.begin_row(kind, past.base);
            encode_asked(kind, past, row, moves, unrest, self);
        }
        false
    }
}

/// The plain units, and a flag for each of the others; of a row that did not move for all of them.
#[cold]
fn encode_marks(kind: &KindLayout, past: &RowPast<'_>, row: &[u32], moves: bool, rows: &mut impl Put) {
    encode_asked(kind, past, row, moves, <_>::default(), rows);
}

/// Each unit is asked for, but those of a row that moves which are made for motion.
#[inline]
fn encode_asked(
    kind: &KindLayout,
    past: &RowPast<'_>,
    row: &[u32],
    moves: bool,
    (mut surprise, size): (Surprise, u8),
    rows: &mut impl Put,
) {
    for unit in kind.units(Part::Public) {
        rows.begin();
        let is_asked = !unit.motion || !moves;
        let differs = !is_asked || unit.differs(past.base, row);
        if is_asked {
            rows.answer(Question::Changed { unit, expected: past.expects(unit), moves, size }, differs);
        }
        if differs {
            encode_unit(unit, past, row, Some(size), &mut surprise, rows);
        }
        rows.end(unit);
    }
}

/// One unit. A rotation has to be `asked` whether another component is the largest, and with which size.
#[inline(always)]
pub(super) fn encode_unit(
    unit: &Unit,
    past: &RowPast<'_>,
    row: &[u32],
    asked: Option<u8>,
    surprise: &mut Surprise,
    rows: &mut impl Put,
) {
    match unit.coding {
        Coding::Number { bits: width, span, motion } => {
            let forecast = past.number(unit.first, width, motion);
            let residual = i64::from(row[unit.first]).wrapping_sub(forecast.within(span));
            encode_residual((unit, 0), &forecast, residual, width.wrapping_add(1), surprise, rows);
        }
        Coding::Turn { bits: width } => {
            let forecast = past.turn(unit.first, width);
            let residual = wrapped_difference(row[unit.first], forecast.at as u32, width);
            encode_residual((unit, 0), &forecast, residual, width, surprise, rows);
        }
        Coding::Quat { bits: width } => {
            let to = Quat::lanes_of(row, unit.first);
            let turned = past.turned(unit, width);
            let another = to[0] != turned.largest;
            if let Some(size) = asked {
                rows.answer(Question::Another { near: turned.near, size }, another);
                if another {
                    rows.bits(to[0], 2);
                }
            }
            *surprise = if to[0] == turned.now {
                encode_quat(unit, &turned.forecasts, to, width, *surprise, rows)
            } else {
                encode_another(unit, past, to, width, *surprise, rows)
            };
        }
        Coding::Raw { .. } | Coding::Text { .. } => encode_whole(unit, unit.of(row), rows),
    }
}

/// The three components that are not the largest.
#[inline(always)]
fn encode_quat(
    unit: &Unit,
    [a, b, c]: &[Forecast; 3],
    to: &[u32; Quat::LANES],
    width: u8,
    mut surprise: Surprise,
    rows: &mut impl Put,
) -> Surprise {
    let residual = |forecast: &Forecast, lane: u32| i64::from(lane).wrapping_sub(forecast.within((1 << width) - 1));
    let bits = width.wrapping_add(1);
    encode_residual((unit, 0), a, residual(a, to[1]), bits, &mut surprise, rows);
    encode_residual((unit, 1), b, residual(b, to[2]), bits, &mut surprise, rows);
    encode_residual((unit, 2), c, residual(c, to[3]), bits, &mut surprise, rows);
    surprise
}

/// The same where another component is the largest than was.
#[cold]
fn encode_another(
    unit: &Unit,
    past: &RowPast<'_>,
    to: &[u32; Quat::LANES],
    width: u8,
    surprise: Surprise,
    rows: &mut impl Put,
) -> Surprise {
    encode_quat(unit, &past.quat(unit, width, to[0]), to, width, surprise, rows)
}

#[inline(always)]
fn encode_residual(
    (unit, place): (&Unit, u8),
    forecast: &Forecast,
    residual: i64,
    width: u8,
    surprise: &mut Surprise,
    rows: &mut impl Put,
) {
    let sure = Sureness { class: forecast.class(*surprise), place, lean: forecast.lean, surprise: *surprise };
    rows.residual(unit, sure, residual, width);
    surprise.note(residual, &forecast.lean);
}

pub(super) fn encode_whole(unit: &Unit, lanes: &[u32], rows: &mut impl Put) {
    match unit.coding {
        Coding::Raw { bits: width, .. } | Coding::Number { bits: width, .. } | Coding::Turn { bits: width } => {
            rows.bits(lanes[0], width);
        }
        Coding::Text { max_bytes } => {
            rows.bits(lanes[0], bits_for(max_bytes.into()));
            for i in 0..lanes[0] as usize {
                rows.bits(text_byte(lanes, i).into(), 8);
            }
        }
        Coding::Quat { bits: width } => {
            rows.bits(lanes[0], 2);
            for lane in &lanes[1..] {
                rows.bits(*lane, width);
            }
        }
    }
}
