//! The decoder. Its mirror is `encode.rs`: a change here is a change there. Every number is checked before it is used.

use super::coder::{Count, Question, Sureness, Take};
use super::encode::{DeltaScratch, Marked, gap_order};
use super::forecast::{Forecast, Motion, RowPast, Surprise, Turned};
use super::keyframe;
use super::layout::{Coding, KindLayout, Layout, Part, Unit};
use super::past::{Past, RowPasts};
use super::plain::{self, Expected};
use super::row::{RowBuffer, Rows};
use super::tables::Likely;
use crate::bits::{BitReader, DecodeError};
use crate::game::EntityId;
use crate::schema::quat::Quat;

/// Fills `out` from a keyframe.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let (mut rows, mut there, mut keyframe) = (RowBuffer::default(), RowBuffer::default(), Vec::new());
/// rows.push(EntityId(7), 0, 3).copy_from_slice(&[100, 20, 5]);
/// encode_keyframe(&layout, rows.rows(), &mut keyframe);
/// decode_keyframe(&layout, &keyframe, &mut there)?; // what there held is forgotten
/// assert_eq!(there.rows().hash(&layout), rows.rows().hash(&layout));
/// keyframe.pop();
/// assert!(decode_keyframe(&layout, &keyframe, &mut there).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The bytes are no keyframe of this layout.
pub fn decode_keyframe(layout: &Layout, bytes: &[u8], out: &mut RowBuffer) -> Result<(), DecodeError> {
    out.clear();
    let mut bits = BitReader::new(bytes);
    let count = promised(bits.count(3)?, &bits)?;
    keyframe::decode_rows(layout, count, &mut bits, out)?;
    bits.all()
}

/// What a delta's decoder keeps in a [`DeltaScratch`].
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// Rows were removed or entered.
    pub(super) lists_others: bool,
    /// Rows of the base that are still there: place in the base, place in the new state. Empty when that is all of them,
    /// in the same places.
    kept: Vec<(usize, usize)>,
    /// Places among those of the rows that move.
    moving: Vec<u32>,
    /// As in the encoder.
    exceptions: Vec<Marked>,
    started: Vec<Marked>,
    /// It leans on earlier states.
    pub(super) leans: bool,
    /// Places in the new state of the rows that moved and have not changed now, where it leans.
    pub(super) stopped: Vec<u32>,
}

/// Where a buffer that holds an older state of the same rows may differ from the base.
#[derive(Clone, Copy)]
pub(super) struct Stale<'a> {
    /// Places of the rows that moved to the base: those of [`Earlier::moved`](super::Earlier::moved), where a delta leans
    /// on it.
    pub(super) moved: &'a [u32],
    /// Others.
    pub(super) stopped: [&'a [u32]; 2],
}

/// Fills `out` with the base and the changes.
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
/// let past = Past { base: base.rows(), earlier: None }; // the same at both ends
/// let (mut scratch, mut delta, mut there) = (DeltaScratch::default(), Vec::new(), RowBuffer::default());
/// encode_delta(&layout, &past, now.rows(), &mut scratch, &mut delta);
/// decode_delta(&layout, &past, &delta, &mut scratch, &mut there)?;
/// assert_eq!(there.rows().hash(&layout), now.rows().hash(&layout));
/// assert!(decode_delta(&layout, &past, &[], &mut scratch, &mut there).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The bytes are no delta from this past.
pub fn decode_delta(
    layout: &Layout,
    past: &Past<'_>,
    bytes: &[u8],
    scratch: &mut DeltaScratch,
    out: &mut RowBuffer,
) -> Result<(), DecodeError> {
    decode_onto(layout, past, bytes, scratch, (out, None))
}

/// The same onto an older state of the same rows; without a word on where it is stale, `out` is filled anew.
pub(super) fn decode_onto(
    layout: &Layout,
    past: &Past<'_>,
    bytes: &[u8],
    scratch: &mut DeltaScratch,
    out: (&mut RowBuffer, Option<Stale<'_>>),
) -> Result<(), DecodeError> {
    let mut bits = BitReader::new(bytes);
    match layout.tables() {
        // there may be no byte at all
        Some(tables) if bits.flag() != Ok(true) => decode_with(layout, past, Likely::new(tables, bytes), scratch, out),
        _ => decode_with(layout, past, bits, scratch, out),
    }
}

fn decode_with<T: TakeRow>(
    layout: &Layout,
    past: &Past<'_>,
    mut take: T,
    scratch: &mut DeltaScratch,
    (out, stale): (&mut RowBuffer, Option<Stale<'_>>),
) -> Result<(), DecodeError> {
    let DeltaScratch { decoding: lists, changed, expected, .. } = scratch;
    changed.clear();
    lists.stopped.clear();
    let leans = take.bits(1)? != 0;
    let earlier = if leans { Some(past.earlier.ok_or(DecodeError::NoBaseline("state"))?) } else { None };
    let past = Past { base: past.base, earlier };
    lists.leans = leans;
    lists.lists_others = take.bits(1)? != 0;
    let kept = if lists.lists_others {
        out.clear();
        lists.decode_structure(layout, past.base, &mut take, out)?;
        lists.kept.len()
    } else {
        lists.kept.clear();
        match stale {
            Some(Stale { moved, stopped: [a, b] }) => {
                // those that moved are gone through anyway where it leans on that
                let moved = if leans { &[] } else { moved };
                [a, b, moved].into_iter().for_each(|places| out.copy_places(layout, past.base, places));
            }
            None => {
                out.clear();
                out.copy(layout, past.base);
            }
        }
        past.base.entities.len()
    };
    // places are those in the base
    let known = past.earlier.and_then(|earlier| earlier.moved).filter(|_| !lists.lists_others);
    if known.is_none() {
        lists.find_moving(layout, &past, kept)?;
    }
    let moving = known.map_or(lists.moving.len(), <[u32]>::len);
    lists.exceptions.clear();
    if T::WHOLE_BITS && moving > 0 {
        decode_marked(moving, &mut take, &mut lists.exceptions)?;
    }
    decode_marked(kept, &mut take, &mut lists.started)?;
    let mut stopped = std::mem::take(&mut lists.stopped);
    let moving = known.unwrap_or(&lists.moving);
    let done = decode_rows((layout, &past), (lists, moving), &mut take, out, (changed, &mut stopped, expected));
    lists.stopped = stopped;
    done?;
    take.all()
}

impl Lists {
    /// Reads what left and what entered; `out` is complete then but for the changes of what was kept.
    fn decode_structure(
        &mut self,
        layout: &Layout,
        base: Rows<'_>,
        bits: &mut impl Take,
        out: &mut RowBuffer,
    ) -> Result<(), DecodeError> {
        let kept = &mut self.kept;
        kept.clear();
        let removed = promised(bits.count(1)?, bits)?;
        let mut places = 0..base.entities.len();
        for _ in 0..removed {
            let gap = bits.count(1)? as usize;
            kept.extend(places.by_ref().take(gap).map(|place| (place, 0)));
            places.next().ok_or(DecodeError::OutOfRange("removed place"))?;
        }
        kept.extend(places.map(|place| (place, 0)));
        // entered rows and kept ones come out in one order by id
        let count = promised(bits.count(1)?, bits)?;
        let mut entered = Entered::new(layout, count);
        let mut kept_rows = kept.iter_mut().map(|(place, at)| (&base.entities[*place], at)).peekable();
        loop {
            let next = entered.next(bits)?;
            while let Some((entity, at)) = kept_rows.next_if(|(entity, _)| next.is_none_or(|(id, _)| entity.id < id)) {
                let kind = layout.kind(entity.kind).ok_or(DecodeError::OutOfRange("kind"))?;
                *at = out.rows().entities.len();
                out.push(entity.id, entity.kind, kind.lanes()).copy_from_slice(base.row(kind, entity));
            }
            let Some((id, kind)) = next else { return Ok(()) };
            // the same id with another kind is another entity, and the old one has left
            if kept_rows.peek().is_some_and(|(entity, _)| entity.id == id) {
                return Err(DecodeError::OutOfRange("entered id"));
            }
            entered.row(kind, bits, out, id)?;
        }
    }

    /// Finds the rows that moved from the state before the base to the base.
    fn find_moving(&mut self, layout: &Layout, past: &Past<'_>, kept: usize) -> Result<(), DecodeError> {
        self.moving.clear();
        if past.earlier.is_none() {
            return Ok(());
        }
        let mut pasts = RowPasts::new(past);
        for place in 0..kept {
            let (before, _) = self.at(place);
            let kind = layout.kind(past.base.entities[before].kind).ok_or(DecodeError::OutOfRange("kind"))?;
            if pasts.moved(kind, before) {
                self.moving.push(place as u32);
            }
        }
        Ok(())
    }

    /// Where a kept row is: in the base, in the new state.
    fn at(&self, place: usize) -> (usize, usize) {
        self.kept.get(place).copied().unwrap_or((place, place))
    }
}

/// Places among `total`, and a mark for each.
fn decode_marked<T: Take>(total: usize, take: &mut T, places: &mut Vec<Marked>) -> Result<(), DecodeError> {
    places.clear();
    let count = take.likely_count(Count::Started, 1)? as usize;
    if count > total {
        return Err(DecodeError::OutOfRange("changed count"));
    }
    let order = gap_order(total, count);
    let mut next = 0;
    for _ in 0..count {
        let place = next + take.likely_count(Count::Gap, order)? as usize;
        if place >= total {
            return Err(DecodeError::OutOfRange("changed place"));
        }
        places.push((place, T::WHOLE_BITS && take.answer(Question::Marked)?));
        next = place + 1;
    }
    Ok(())
}

/// What a row says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    /// It moved, and does not now.
    Stops,
    /// It moves, in the plain way or asked.
    Moves { asked: bool },
    /// It did not move before.
    Starts { asked: bool },
}

/// The rows that changed, in their order: those that move and are no exception, and those that started.
fn decode_rows<T: TakeRow>(
    (layout, past): (&Layout, &Past<'_>),
    (lists, moving): (&Lists, &[u32]),
    rows: &mut T,
    out: &mut RowBuffer,
    (changed, stopped, expected): (&mut Vec<u32>, &mut Vec<u32>, &mut Vec<Expected>),
) -> Result<(), DecodeError> {
    let mut pasts = RowPasts::new(past);
    let mut started = lists.started.iter().peekable();
    let mut exceptions = lists.exceptions.iter().peekable();
    let mut row = |place: usize, says: Says| {
        let (before, after) = lists.at(place);
        let (kind, row) = out.row_mut(layout, after).ok_or(DecodeError::OutOfRange("changed place"))?;
        let past = pasts.row(kind, before);
        let changes = rows.row(kind, &past, says, expected, row)?;
        let list = if changes { &mut *changed } else { &mut *stopped };
        list.push(after as u32);
        Ok(())
    };
    for (at, place) in moving.iter().enumerate() {
        let place = *place as usize;
        while let Some((place, marked)) = started.next_if(|(started, _)| *started < place) {
            row(*place, Says::Starts { asked: *marked || !T::WHOLE_BITS })?;
        }
        // one that moves cannot start: it would be noted twice, and next time again
        if started.peek().is_some_and(|(started, _)| *started == place) {
            return Err(DecodeError::OutOfRange("changed place"));
        }
        match exceptions.next_if(|(exception, _)| *exception == at) {
            None => row(place, Says::Moves { asked: !T::WHOLE_BITS })?,
            Some((_, true)) => row(place, Says::Moves { asked: true })?,
            Some((_, false)) => row(place, Says::Stops)?,
        }
    }
    started.try_for_each(|(place, marked)| row(*place, Says::Starts { asked: *marked || !T::WHOLE_BITS }))
}

/// How an entropy coder says rows.
trait TakeRow: Take {
    /// Makes the row, which may hold an older state of it; tells whether it has changed.
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        says: Says,
        expected: &mut Vec<Expected>,
        row: &mut [u32],
    ) -> Result<bool, DecodeError>;
}

impl TakeRow for BitReader<'_> {
    #[inline(always)]
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        says: Says,
        expected: &mut Vec<Expected>,
        row: &mut [u32],
    ) -> Result<bool, DecodeError> {
        match says {
            Says::Moves { asked: false } | Says::Starts { asked: false } => {
                plain::decode(kind, past, expected, self, row)?;
            }
            Says::Moves { asked: true } => decode_marks(kind, past, true, self, row)?,
            Says::Starts { asked: true } => decode_marks(kind, past, false, self, row)?,
            Says::Stops => row.copy_from_slice(past.base),
        }
        Ok(says != Says::Stops)
    }
}

impl TakeRow for Likely<'_> {
    fn row(
        &mut self,
        kind: &KindLayout,
        past: &RowPast<'_>,
        says: Says,
        _: &mut Vec<Expected>,
        row: &mut [u32],
    ) -> Result<bool, DecodeError> {
        row.copy_from_slice(past.base);
        let unrest = past.unrest(kind);
        let moves = matches!(says, Says::Moves { .. });
        if moves && !self.answer(Question::Moves(unrest.1))? {
            return Ok(false);
        }
        self.begin_row(kind, past.base);
        decode_asked(kind, past, moves, unrest, self, row)?;
        Ok(true)
    }
}

#[cold]
fn decode_marks(
    kind: &KindLayout,
    past: &RowPast<'_>,
    moves: bool,
    rows: &mut impl Take,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    row.copy_from_slice(past.base);
    decode_asked(kind, past, moves, <_>::default(), rows, row)
}

/// Each unit is asked for, but those of a row that moves which are made for motion.
#[inline]
fn decode_asked(
    kind: &KindLayout,
    past: &RowPast<'_>,
    moves: bool,
    (mut surprise, size): (Surprise, u8),
    rows: &mut impl Take,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    for unit in kind.units(Part::Public) {
        if !unit.motion || !moves {
            let expected = past.expects(unit);
            if !rows.answer(Question::Changed { unit, expected, moves, size })? {
                continue;
            }
        }
        decode_unit(unit, past, Some(size), &mut surprise, rows, row)?;
    }
    Ok(())
}

/// Reads the fields of one part of a row, whole.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// # use tickwire_shared::bits::BitReader;
/// let (kind, mut row) = (KindLayout::new(&Thing::schema())?, [0; 3]);
/// assert!(decode_row(&kind, Part::Public, &mut BitReader::new(&[]), &mut row).is_err(), "the bits end");
/// decode_row(&kind, Part::Owner, &mut BitReader::new(&[]), &mut row)?; // a thing has no field for its owner alone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The bits end, or a lane is out of its field's range.
pub fn decode_row(kind: &KindLayout, part: Part, bits: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
    decode_row_with(kind, part, bits, row)
}

fn decode_row_with(kind: &KindLayout, part: Part, bits: &mut impl Take, row: &mut [u32]) -> Result<(), DecodeError> {
    for unit in kind.units(part) {
        decode_whole(unit, bits, row)?;
    }
    Ok(())
}

/// A count of things that take at least a bit each.
fn promised(count: u32, bits: &impl Take) -> Result<u32, DecodeError> {
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

    fn next(&mut self, bits: &mut impl Take) -> Result<Option<(EntityId, u16)>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let (high, low) = (bits.count(0)?, bits.count(4)?);
        let id = self.next_id + (u64::from(high) << 16) + u64::from(low);
        let id = u32::try_from(id).map_err(|_| DecodeError::OutOfRange("entity id"))?;
        self.next_id = u64::from(id) + 1;
        let kind = bits.bits(self.layout.kind_bits())? as u16;
        Ok(Some((EntityId(id), kind)))
    }

    fn row(&self, kind: u16, bits: &mut impl Take, out: &mut RowBuffer, id: EntityId) -> Result<(), DecodeError> {
        let layout = self.layout.kind(kind).ok_or(DecodeError::OutOfRange("kind"))?;
        let mut row = [0; Layout::LANES_MAX];
        let row = &mut row[..layout.lanes()];
        decode_row_with(layout, Part::Public, bits, row)?;
        out.push_told(id, kind, layout.lanes())?.copy_from_slice(row);
        Ok(())
    }
}

#[inline]
pub(super) fn decode_unit(
    unit: &Unit,
    past: &RowPast<'_>,
    asked: Option<u8>,
    surprise: &mut Surprise,
    rows: &mut impl Take,
    row: &mut [u32],
) -> Result<(), DecodeError> {
    match unit.coding {
        Coding::Number { bits: width, span, motion } => {
            let forecast = number(past, unit.first, width, motion);
            let residual = decode_residual((unit, 0), &forecast, width.wrapping_add(1), surprise, rows)?;
            row[unit.first] = in_range(forecast.within(span).wrapping_add(residual), span)?;
        }
        Coding::Turn { bits: width } => {
            let forecast = past.turn(unit.first, width);
            let residual = decode_residual((unit, 0), &forecast, width, surprise, rows)?;
            row[unit.first] = (forecast.at.wrapping_add(residual) & ((1 << width) - 1)) as u32;
        }
        Coding::Quat { bits: width } => {
            let turned = turned(past, unit, width);
            let mut largest = turned.largest;
            if let Some(size) = asked
                && rows.answer(Question::Another { near: turned.near, size })?
            {
                largest = rows.bits(2)?;
            }
            let lanes = Quat::lanes_of_mut(row, unit.first);
            *surprise = if largest == turned.now {
                decode_quat(unit, &turned.forecasts, width, *surprise, rows, lanes)?
            } else {
                lanes[0] = largest;
                decode_another(unit, past, width, *surprise, rows, lanes)?
            };
        }
        Coding::Raw { .. } | Coding::Text { .. } => decode_whole(unit, rows, row)?,
    }
    Ok(())
}

// Plain rows forecast in a loop of their own. Here once for both coders: a browser loads this code.
#[inline(never)]
fn number(past: &RowPast<'_>, lane: usize, width: u8, motion: Motion) -> Forecast {
    past.number(lane, width, motion)
}

#[inline(never)]
fn turned(past: &RowPast<'_>, unit: &Unit, width: u8) -> Turned {
    past.turned(unit, width)
}

/// The three components that are not the largest.
#[inline(always)]
fn decode_quat(
    unit: &Unit,
    [a, b, c]: &[Forecast; 3],
    width: u8,
    mut surprise: Surprise,
    rows: &mut impl Take,
    lanes: &mut [u32; Quat::LANES],
) -> Result<Surprise, DecodeError> {
    let (span, bits) = ((1 << width) - 1, width.wrapping_add(1));
    let lane = |forecast: &Forecast, residual: i64| in_range(forecast.within(span).wrapping_add(residual), span);
    lanes[1] = lane(a, decode_residual((unit, 0), a, bits, &mut surprise, rows)?)?;
    lanes[2] = lane(b, decode_residual((unit, 1), b, bits, &mut surprise, rows)?)?;
    lanes[3] = lane(c, decode_residual((unit, 2), c, bits, &mut surprise, rows)?)?;
    Ok(surprise)
}

/// The same where another component is the largest than was.
#[cold]
fn decode_another(
    unit: &Unit,
    past: &RowPast<'_>,
    width: u8,
    surprise: Surprise,
    rows: &mut impl Take,
    lanes: &mut [u32; Quat::LANES],
) -> Result<Surprise, DecodeError> {
    decode_quat(unit, &past.quat(unit, width, lanes[0]), width, surprise, rows, lanes)
}

#[inline]
fn in_range(lane: i64, span: u32) -> Result<u32, DecodeError> {
    u32::try_from(lane).ok().filter(|lane| *lane <= span).ok_or(DecodeError::OutOfRange("field"))
}

#[inline(always)]
fn decode_residual(
    (unit, place): (&Unit, u8),
    forecast: &Forecast,
    width: u8,
    surprise: &mut Surprise,
    rows: &mut impl Take,
) -> Result<i64, DecodeError> {
    let sure = Sureness { class: forecast.class(*surprise), place, lean: forecast.lean, surprise: *surprise };
    let residual = rows.residual(unit, sure, width)?;
    surprise.note(residual, &forecast.lean);
    Ok(residual)
}

pub(super) fn decode_whole(unit: &Unit, rows: &mut impl Take, row: &mut [u32]) -> Result<(), DecodeError> {
    match unit.coding {
        Coding::Raw { bits: width, span } | Coding::Number { bits: width, span, .. } => {
            let lane = rows.bits(width)?;
            if lane > span {
                return Err(DecodeError::OutOfRange("field"));
            }
            row[unit.first] = lane;
        }
        Coding::Turn { bits: width } => row[unit.first] = rows.bits(width)?,
        Coding::Text { max_bytes } => {
            let length = rows.bits(super::layout::bits_for(max_bytes.into()))?;
            if length > u32::from(max_bytes) {
                return Err(DecodeError::OutOfRange("text length"));
            }
            let lanes = &mut row[unit.first..unit.first + unit.lanes];
            lanes.fill(0);
            lanes[0] = length;
            for i in 0..length as usize {
                lanes[1 + i / 4] |= rows.bits(8)? << (8 * (i % 4));
            }
        }
        Coding::Quat { bits: width } => {
            row[unit.first] = rows.bits(2)?;
            for lane in &mut row[unit.first + 1..unit.first + unit.lanes] {
                *lane = rows.bits(width)?;
            }
        }
    }
    Ok(())
}
