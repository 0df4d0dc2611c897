//! One entity and its past.

use super::Between;
use super::history::History;
use crate::delta::{KindLayout, Part};
use crate::game::EntityId;
use crate::tick::Tick;

/// States of an entity's past that are kept, at most: more than any sane interpolation delay needs. What is older than
/// the drawn moment goes earlier.
pub(crate) const PAST_MAX: usize = 64;
/// Rows whose memory is kept for later ones.
const SPARE_MAX: usize = 1024;

/// Memory of rows that are of no more use, for rows to come.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<Vec<u32>>);

/// See the module.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) id: EntityId,
    pub(super) kind: u16,
    /// The channel that had it last.
    pub(super) channel: u16,
    /// The generation of the last frame whose channels had it.
    pub(super) seen: u64,
    /// When it left its channel, and may yet turn up in another.
    pub(super) missing: Option<Tick>,
    /// When it was found to be gone; drawn until then.
    pub(super) gone: Option<Tick>,
    /// It stands in the list of those who are gone; it may be there again.
    pub(super) departs: bool,
    pub(super) lag: Lag,
    /// When it was first seen; not drawn before, however short the past that is kept.
    spawned: Tick,
    /// Its states, each from when it became so, the newest last.
    past: History,
}

/// How much later than the others an entity is drawn, in ticks: as late as its channel comes. It changes slowly, so that
/// what is drawn neither jumps nor goes back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag {
    from: f32,
    to: f32,
    since: Tick,
}

impl Lag {
    /// How fast it changes, in ticks a tick.
    const SPEED: f32 = 0.125;
    /// However late a channel comes, nobody wants to see what is older.
    const MOST: f32 = 8.0;

    /// The channel came so much later than the others at a tick.
    pub(super) fn turn(&mut self, tick: Tick, ticks: f32) {
        let ticks = ticks.min(Self::MOST);
        if ticks != self.to {
            *self = Self { from: self.at(tick.since(self.since) as f32), to: ticks, since: tick };
        }
    }

    /// The moment to draw where the others are drawn at `moment`, both in ticks after `origin`.
    pub(super) fn behind(&self, origin: Tick, moment: f64) -> f64 {
        if self.from == self.to {
            return moment - f64::from(self.to);
        }
        moment - f64::from(self.at((moment - f64::from(self.since.since(origin))) as f32))
    }

    /// Ticks, rounded up.
    #[inline]
    fn most(&self) -> i32 {
        let most = self.from.max(self.to);
        // as a rule there is nothing to round, which would be a call
        if most == 0.0 { 0 } else { most.ceil() as i32 }
    }

    fn at(&self, ticks: f32) -> f32 {
        let way = ticks.max(0.0) * Self::SPEED;
        self.from + (self.to - self.from).clamp(-way, way)
    }
}

impl Lanes {
    pub(super) fn take_all(&mut self, rows: impl Iterator<Item = Vec<u32>>) {
        self.0.extend(rows);
        self.0.truncate(SPARE_MAX);
    }

    pub(super) fn zeros(&mut self, lanes: usize) -> Vec<u32> {
        let mut row = self.0.pop().unwrap_or_default();
        row.clear();
        row.resize(lanes, 0);
        row
    }
}

impl Tracked {
    /// It is in a channel; its past takes `words`, which are of no more use.
    pub(super) fn new(id: EntityId, (kind, lanes): (u16, usize), channel: u16, spawned: Tick, words: Vec<u32>) -> Self {
        Self {
            id,
            kind,
            channel,
            seen: 0,
            missing: None,
            gone: None,
            departs: false,
            lag: Lag::default(),
            spawned,
            past: History::new(lanes, words),
        }
    }

    /// The memory of its past.
    pub(super) fn into_words(self) -> Vec<u32> {
        self.past.into_words()
    }

    /// Notes the public lanes of `row`, which has no others. `previous` is the tick of the frame before: what was not
    /// mentioned since had not changed until then, so motion starts there.
    pub(super) fn note(&mut self, layout: &KindLayout, tick: Tick, previous: Option<Tick>, row: &[u32]) {
        match self.past.last() {
            None => self.past.push(tick, row),
            Some((_, newest)) if !layout.changed(newest, row) => {}
            // what is of everybody is all there is
            Some((at, _)) if at != tick && layout.units(Part::Owner).is_empty() => {
                self.stand_until(at, tick, previous);
                self.make_room();
                self.past.push(tick, row);
            }
            _ => self.change(tick, previous, |new| layout.copy_public_lanes(row, new)),
        }
    }

    /// Notes the owner-only lanes of `row`.
    pub(super) fn note_owner(&mut self, layout: &KindLayout, tick: Tick, previous: Option<Tick>, row: &[u32]) {
        if self.past.last().is_some_and(|(_, newest)| layout.differs(Part::Owner, newest, row)) {
            self.change(tick, previous, |new| layout.copy_owner_lanes(row, new));
        }
    }

    /// The newest state, while it is there: kind and row.
    pub(super) fn newest(&self) -> Option<(u16, &[u32])> {
        let (_, row) = self.past.last().filter(|_| self.gone.is_none())?;
        Some((self.kind, row))
    }

    /// When the newest state came about; tick 0 without one.
    #[inline]
    pub(super) fn last_tick(&self) -> Tick {
        self.past.last().map_or(Tick(0), |(tick, _)| tick)
    }

    /// It as it was at `moment`, if it was there.
    pub(super) fn at(&self, origin: Tick, moment: f64) -> Option<Between<'_>> {
        let moment = self.lag.behind(origin, moment);
        let when = |tick: Tick| f64::from(tick.since(origin));
        if when(self.spawned) > moment || self.gone.is_some_and(|gone| when(gone) <= moment) {
            return None;
        }
        let (earlier, later) = match self.past.iter().position(|(tick, _)| when(tick) > moment) {
            // where it was going may matter
            None => (self.past.len().saturating_sub(2), self.past.len().checked_sub(1)?),
            // older than what is kept
            Some(0) => (0, 0),
            Some(later) => (later - 1, later),
        };
        let state = |place: usize| self.past.get(place).map(|(tick, row)| (when(tick), row));
        let ((from, earlier_row), (to, later_row)) = (state(earlier)?, state(later)?);
        let t = if to > from { ((moment - from) / (to - from)).min(1.0) as f32 } else { 0.0 };
        let before = earlier.checked_sub(1).filter(|_| later > earlier).and_then(state);
        Some(Between {
            id: self.id,
            kind: self.kind,
            earlier: earlier_row,
            later: later_row,
            t,
            span: (to - from) as f32,
            before: before.map(|(at, row)| (row, (from - at) as f32)),
            after: state(later + 1).map(|(at, row)| (row, (at - to) as f32)),
            beyond: (moment - to).max(0.0) as f32,
        })
    }

    /// Whether it still moved with the frame of `newest`, or with the last one that its channel came with.
    pub(super) fn moved_at(&self, newest: Tick) -> bool {
        self.past.last().is_some_and(|(tick, _)| newest.since(tick) <= self.lag.most())
    }

    /// Forgets states that only a moment before `drawn` would need.
    #[inline]
    pub(super) fn forget_before(&mut self, drawn: Tick) {
        let drawn = drawn.offset(-self.lag.most());
        while self.past.get(1).is_some_and(|(tick, _)| !tick.is_after(drawn)) {
            self.past.pop_front();
        }
    }

    /// Forgets all states.
    pub(super) fn forget(&mut self) {
        self.past.clear();
    }

    /// It has no state but this.
    pub(super) fn stand(&mut self, tick: Tick, row: &[u32]) {
        self.past.clear();
        self.past.push(tick, row);
    }

    /// It is another one from now on, or the same again.
    pub(super) fn restart(&mut self, kind: (u16, usize), channel: u16, spawned: Tick) {
        let words = std::mem::take(&mut self.past).into_words();
        *self = Self { departs: self.departs, ..Self::new(self.id, kind, channel, spawned, words) };
    }

    /// The newest state is another from `tick` on. A state of this very tick is only being completed.
    fn change(&mut self, tick: Tick, previous: Option<Tick>, fill: impl FnOnce(&mut [u32])) {
        if let Some((at, _)) = self.past.last() {
            if at == tick {
                return self.past.last_mut().map_or((), fill);
            }
            self.stand_until(at, tick, previous);
        }
        self.make_room();
        self.past.push_like_last(tick, fill);
    }

    /// The newest state, which is of `at`, was there until the tick before the one at which it changes.
    #[inline]
    fn stand_until(&mut self, at: Tick, tick: Tick, previous: Option<Tick>) {
        if let Some(previous) = previous.filter(|previous| previous.is_after(at) && tick.is_after(*previous)) {
            self.make_room();
            self.past.push_like_last(previous, |_| {});
        }
    }

    #[inline]
    fn make_room(&mut self) {
        if self.past.has(PAST_MAX) {
            self.past.pop_front();
        }
    }
}
