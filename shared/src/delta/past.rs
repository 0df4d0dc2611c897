//! What a delta may lean on: states that both ends hold, and the rule that says which.

use super::forecast::{Pace, RowPast};
use super::layout::KindLayout;
use super::row::{EntityRow, Rows, same_rows};
use crate::tick::Tick;

/// The states of a channel that both ends hold.
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
/// let (before, base) = (rows(100), rows(103));
/// let past = Past { base: base.rows(), earlier: None }; // what a client holds who has had one keyframe
/// let (mut to_base, mut back) = (Vec::new(), Vec::new());
/// let mut scratch = DeltaScratch::default();
/// encode_delta(&layout, &past, base.rows(), &mut scratch, &mut to_base);
/// encode_delta(&layout, &past, before.rows(), &mut scratch, &mut back);
/// assert!(to_base.len() < back.len(), "it holds the base already");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The newest: what a delta changes.
    pub base: Rows<'a>,
    /// Two before it, when there are two that serve; see [`Held`].
    pub earlier: Option<Earlier<'a>>,
}

/// The two states before the base: they tell how things move.
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
/// let states = [rows(100), rows(120), rows(140), rows(160)]; // it runs
/// let base = states[2].rows();
/// let rows = [states[1].rows(), states[0].rows()];
/// let earlier = Some(Earlier { rows, spacing: 1, ahead: 1, moved: None });
/// let (mut with, mut without, mut scratch) = (Vec::new(), Vec::new(), DeltaScratch::default());
/// encode_delta(&layout, &Past { base, earlier }, states[3].rows(), &mut scratch, &mut with);
/// encode_delta(&layout, &Past { base, earlier: None }, states[3].rows(), &mut scratch, &mut without);
/// assert!(with.len() < without.len(), "it goes on as it went");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// The one before the base, and the one before that.
    pub rows: [Rows<'a>; 2],
    /// Ticks from each of the three to the next.
    pub spacing: u8,
    /// Ticks from the base to the state that is coming.
    pub ahead: u8,
    /// Places in the base of the rows that changed since the state before, in order, for one who knows: the list that
    /// coding that step has left ([`DeltaScratch::changed`](super::DeltaScratch::changed)). Else they are looked for.
    pub moved: Option<&'a [u32]>,
}

/// Which states of a channel a client holds. Both ends keep one for each channel and move it by the same rule, with
/// each frame that the client got, so they agree without a word.
///
/// A keyframe is the first state. Each later frame brings one more, be it that it changes the channel or that it does
/// not mention it: then the channel is at the frame's tick as it was before. When the last three are equally far apart
/// they serve, else the newest alone. So subscribers of one base differ in little: the bytes stay shared.
///
/// ```
/// use tickwire_shared::{Tick, delta::Held};
///
/// let held = Held::keyframe(Tick(10)).frame(Tick(12)).frame(Tick(14));
/// assert_eq!(held.motion(Tick(16)), Some((2, 2)), "three states that are two ticks apart, and two ticks ahead");
/// let after_a_stall = held.frame(Tick(40));
/// assert_eq!((after_a_stall.newest(), after_a_stall.motion(Tick(42))), (Tick(40), None));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Held {
    newest: Tick,
    /// Ticks between the newest and the one before; 0 when there is none that serves.
    spacing: u8,
    /// How many of the last states are `spacing` apart: 1 to 3.
    states: u8,
}

impl Held {
    /// Ticks between states that serve, at most: a client at a fourth of the rate still has its motion.
    const SPACING_MAX: i32 = 4;
    /// Ticks that motion is carried ahead, at most.
    const AHEAD_MAX: i32 = 32;

    /// After a keyframe at `tick`.
    #[must_use]
    pub const fn keyframe(tick: Tick) -> Self {
        Self { newest: tick, spacing: 0, states: 1 }
    }

    /// After one more frame, of `tick`.
    #[must_use]
    pub fn frame(self, tick: Tick) -> Self {
        match u8::try_from(tick.since(self.newest)) {
            Ok(spacing) if (1..=Self::SPACING_MAX).contains(&spacing.into()) => {
                let states = if spacing == self.spacing { 3 } else { 2 };
                Self { newest: tick, spacing, states }
            }
            _ => Self::keyframe(tick),
        }
    }

    /// The tick of the newest state.
    #[must_use]
    pub const fn newest(&self) -> Tick {
        self.newest
    }

    /// How many of the last states are equally far apart, at most three: those may serve.
    #[cfg(not(target_family = "wasm"))]
    pub(super) const fn states(&self) -> u8 {
        self.states
    }

    /// The spacing of the three states that a delta to `now` may lean on, and how far ahead that is.
    #[must_use]
    pub fn motion(&self, now: Tick) -> Option<(u8, u8)> {
        let ahead = now.since(self.newest);
        (self.states == 3 && (1..=Self::AHEAD_MAX).contains(&ahead)).then_some((self.spacing, ahead as u8))
    }
}

/// Looks up rows of one state by id, for ids that come in order.
#[derive(Debug)]
pub(super) struct EarlierRows<'a> {
    rows: Rows<'a>,
    at: usize,
    /// It has the base's own list of entities.
    same: bool,
}

impl<'a> EarlierRows<'a> {
    fn new(rows: Rows<'a>, base: Rows<'a>) -> Self {
        Self { rows, at: 0, same: std::ptr::eq(rows.entities, base.entities) }
    }

    /// The same entity's row, which has `place` in the base; `None` when it was not there.
    #[inline(always)]
    fn find(&mut self, kind: &KindLayout, place: usize, entity: &EntityRow) -> Option<&'a [u32]> {
        if self.same {
            return Some(self.rows.row(kind, entity));
        }
        // `at` is how far this state's places are from those of the base: most often not at all
        match self.rows.entities.get(place.wrapping_add(self.at)) {
            Some(earlier) if earlier.id == entity.id && earlier.kind == entity.kind => {
                Some(self.rows.row(kind, earlier))
            }
            _ => self.search(kind, place, entity),
        }
    }

    #[cold]
    fn search(&mut self, kind: &KindLayout, place: usize, entity: &EntityRow) -> Option<&'a [u32]> {
        let at = self.rows.entities.binary_search_by_key(&entity.id, |earlier| earlier.id).ok()?;
        self.at = at.wrapping_sub(place);
        let earlier = &self.rows.entities[at];
        (earlier.kind == entity.kind).then(|| self.rows.row(kind, earlier))
    }
}

/// The states of a past, for rows of the base in order.
#[derive(Debug)]
pub(super) struct RowPasts<'a> {
    base: Rows<'a>,
    earlier: Option<([EarlierRows<'a>; 2], Pace)>,
    /// Places of the rows that moved, from the next one on.
    moved: Option<&'a [u32]>,
}

impl<'a> RowPasts<'a> {
    pub(super) fn new(past: &Past<'a>) -> Self {
        let earlier = past.earlier.map(|earlier| {
            let rows = earlier.rows.map(|rows| EarlierRows::new(rows, past.base));
            (rows, Pace::new(earlier.spacing, earlier.ahead))
        });
        Self { base: past.base, earlier, moved: past.earlier.and_then(|earlier| earlier.moved) }
    }

    /// How far it is from `place` of the base to the next of the list of those that moved, where there is one.
    #[inline(always)]
    fn next_moved(&mut self, place: usize) -> Option<usize> {
        let moved = self.moved.as_mut()?;
        while let [next, rest @ ..] = moved {
            if *next as usize >= place {
                return Some(*next as usize - place);
            }
            *moved = rest;
        }
        Some(usize::MAX)
    }

    /// Whether the row at `place` of the base changed in its public fields since the state before.
    #[inline(always)]
    pub(super) fn moved(&mut self, kind: &KindLayout, place: usize) -> bool {
        match self.next_moved(place) {
            Some(next) => next == 0,
            None => self.differs_from_before(kind, place),
        }
    }

    fn differs_from_before(&mut self, kind: &KindLayout, place: usize) -> bool {
        let Some(([before, _], _)) = &mut self.earlier else { return false };
        let entity = &self.base.entities[place];
        before.find(kind, place, entity).is_some_and(|before| kind.changed(before, self.base.row(kind, entity)))
    }

    /// How many rows from `place` of the base on did not move; may say less, never more.
    #[inline(always)]
    pub(super) fn resting(&mut self, kind: &KindLayout, place: usize) -> usize {
        match self.next_moved(place) {
            Some(next) => next,
            None => self.same_as_before(kind, place),
        }
    }

    fn same_as_before(&self, kind: &KindLayout, place: usize) -> usize {
        let Some(([before, _], _)) = &self.earlier else { return usize::MAX };
        let at = place.wrapping_add(before.at);
        same_rows(kind, self.base.from(place), before.rows.from(at), usize::MAX)
    }

    /// The row at `place` of the base, with what it was before.
    #[inline(always)]
    pub(super) fn row(&mut self, kind: &KindLayout, place: usize) -> RowPast<'a> {
        let entity = &self.base.entities[place];
        let base = self.base.row(kind, entity);
        let earlier = match &mut self.earlier {
            Some(([before, older], pace)) => {
                match (before.find(kind, place, entity), older.find(kind, place, entity)) {
                    (Some(before), Some(older)) => Some(([before, older], *pace)),
                    _ => None,
                }
            }
            None => None,
        };
        RowPast { base, earlier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_states_equally_far_apart_serve() {
        let mut held = Held::keyframe(Tick(u32::MAX));
        let mut serves = Vec::new();
        for tick in [0u32, 1, 2, 4, 5, 6, 8, 10, 12, 12, 13, 14, 50, 51, 52] {
            held = held.frame(Tick(tick));
            assert_eq!(held.newest(), Tick(tick));
            serves.push(held.motion(Tick(tick + 1)).map(|(spacing, _)| spacing));
        }
        let [one, two] = [Some(1), Some(2)];
        let expected = [None, one, one, None, None, one, None, two, two, None, None, one, None, None, one];
        assert_eq!(serves, expected);
        assert_eq!(held.motion(Tick(58)), Some((1, 6)));
        assert_eq!(held.motion(Tick(52)), None, "nothing is ahead");
        assert_eq!(held.motion(Tick(52 + 33)), None, "too far ahead");
        assert_eq!(held.frame(Tick(51)).motion(Tick(53)), None, "ticks went back");
    }
}
