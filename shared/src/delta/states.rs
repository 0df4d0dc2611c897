//! The states of one channel that a client holds, and the memory of the one that comes.
//!
//! A delta makes one more state of the newest. Most rows of most channels stay as they are, so copying all of them first
//! would take longer than all else: instead the state that no delta leans on any more is brought up to date, which takes
//! only what has changed since it was the newest.

use super::decode::{self, Stale};
use super::encode::DeltaScratch;
use super::layout::Layout;
use super::past::{Earlier, Held, Past};
use super::row::{RowBuffer, Rows};
use crate::bits::DecodeError;
use crate::game::EntityId;
use crate::tick::Tick;

/// Three to lean on, and one that comes.
const BUFFERS: usize = 4;
/// A buffer that was the newest state so many steps ago is brought up to date; one that is older is filled again.
const STEPS_KEPT: u64 = BUFFERS as u64 - 1;

/// The last states of a channel, as the frames brought them. No allocation once warm.
///
/// First a keyframe, then for each frame either [`States::decode`] and [`States::accept`], or [`States::stay`].
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
/// let (first, second) = (rows(100), rows(103));
/// let (mut scratch, mut keyframe, mut delta) = (DeltaScratch::default(), Vec::new(), Vec::new());
/// encode_keyframe(&layout, first.rows(), &mut keyframe);
/// let past = Past { base: first.rows(), earlier: None };
/// encode_delta(&layout, &past, second.rows(), &mut scratch, &mut delta);
///
/// let mut states = States::default();
/// states.keyframe(&layout, &keyframe, Tick(1))?;
/// states.decode(&layout, Tick(2), &delta, &mut scratch)?;
/// assert_eq!(states.newest().lanes, [100, 20, 0], "not before it is known that all of the frame is sound");
/// assert_eq!((states.coming().lanes, states.changed()), (&[103, 20, 0][..], &[0][..]), "row 0 has changed");
/// states.accept(Tick(2));
/// states.stay(Tick(3));
/// assert_eq!((states.newest().lanes, states.held().newest()), (&[103, 20, 0][..], Tick(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct States {
    buffers: [RowBuffer; BUFFERS],
    /// Which of them is the newest state, the one before, and the one before that; while there were fewer, the oldest
    /// again.
    order: [usize; 3],
    /// By buffer, the last step as of which it was the newest; 0 while nobody knows what it holds.
    steps: [u64; BUFFERS],
    /// Counts states.
    step: u64,
    /// The last step with which rows came or went: before it they had other places.
    rebuilt: u64,
    held: Held,
    /// Places of the rows that the last step changed.
    moved: Vec<u32>,
    /// Of those that the step before had changed, and that one did not; and the same one step earlier.
    stopped: [Vec<u32>; 2],
    coming: Coming,
}

/// What [`States::decode`] has made and [`States::accept`] takes.
#[derive(Debug, Default)]
struct Coming {
    buffer: usize,
    changed: Vec<u32>,
    stopped: Vec<u32>,
    lists_others: bool,
}

impl Default for States {
    fn default() -> Self {
        Self {
            buffers: <_>::default(),
            order: [0; 3],
            steps: [0; BUFFERS],
            step: 0,
            rebuilt: 0,
            held: Held::keyframe(Tick(0)),
            moved: Vec::new(),
            stopped: <_>::default(),
            coming: Coming::default(),
        }
    }
}

impl States {
    /// Forgets all and begins with a keyframe.
    ///
    /// # Errors
    /// See [`decode_keyframe`](super::decode_keyframe); then this is of no use but for another keyframe.
    pub fn keyframe(&mut self, layout: &Layout, bits: &[u8], tick: Tick) -> Result<(), DecodeError> {
        decode::decode_keyframe(layout, bits, &mut self.buffers[0])?;
        self.order = [0; 3];
        self.step += 1;
        self.steps = [self.step, 0, 0, 0];
        self.rebuilt = self.step;
        self.moved.clear();
        self.held = Held::keyframe(tick);
        Ok(())
    }

    /// Makes the state of tick `now` of a delta. It is [`States::coming`] until it is accepted.
    ///
    /// # Errors
    /// See [`decode_delta`](super::decode_delta). What is held is as before.
    pub fn decode(
        &mut self,
        layout: &Layout,
        now: Tick,
        bits: &[u8],
        scratch: &mut DeltaScratch,
    ) -> Result<(), DecodeError> {
        // of those that are free the one that has the least to catch up with
        let free = (0..BUFFERS).filter(|buffer| !self.order.contains(buffer));
        let buffer = free.max_by_key(|buffer| self.steps[*buffer]).unwrap_or(0);
        let mut rows = std::mem::take(&mut self.buffers[buffer]);
        let was = std::mem::take(&mut self.steps[buffer]);
        let follows = was >= self.rebuilt && self.step - was <= STEPS_KEPT;
        let [last, before] = &self.stopped;
        let stale = follows.then_some(Stale { moved: &self.moved, stopped: [last, before] });
        let done = decode::decode_onto(layout, &self.past(now), bits, scratch, (&mut rows, stale));
        self.buffers[buffer] = rows;
        done?;
        let coming = &mut self.coming;
        (coming.buffer, coming.lists_others) = (buffer, scratch.lists_others());
        std::mem::swap(&mut coming.changed, &mut scratch.changed);
        std::mem::swap(&mut coming.stopped, &mut scratch.decoding.stopped);
        if !scratch.decoding.leans {
            // any of them may have
            coming.stopped.clone_from(&self.moved);
        }
        Ok(())
    }

    /// What was decoded is the newest state, as of `tick`.
    pub fn accept(&mut self, tick: Tick) {
        let coming = &mut self.coming;
        self.stopped.swap(0, 1);
        std::mem::swap(&mut self.stopped[0], &mut coming.stopped);
        std::mem::swap(&mut self.moved, &mut coming.changed);
        let buffer = coming.buffer;
        if coming.lists_others {
            self.rebuilt = self.step + 1;
        }
        self.advance(buffer, tick);
    }

    /// As of `tick` all is as it was before.
    pub fn stay(&mut self, tick: Tick) {
        self.stopped.swap(0, 1);
        std::mem::swap(&mut self.stopped[0], &mut self.moved);
        self.moved.clear();
        self.advance(self.order[0], tick);
    }

    /// Forgets how things moved: the newest state serves alone, as of `tick`.
    pub fn stand(&mut self, tick: Tick) {
        self.order = [self.order[0]; 3];
        self.steps[self.order[0]] = self.step;
        self.held = Held::keyframe(tick);
    }

    /// The newest state.
    #[must_use]
    pub fn newest(&self) -> Rows<'_> {
        self.buffers[self.order[0]].rows()
    }

    /// What was decoded and is not accepted yet.
    #[must_use]
    pub fn coming(&self) -> Rows<'_> {
        self.buffers[self.coming.buffer].rows()
    }

    /// Places in that of the rows that were there before and have changed, in order.
    #[must_use]
    pub fn changed(&self) -> &[u32] {
        &self.coming.changed
    }

    /// Rows were removed or entered with that.
    #[must_use]
    pub fn lists_others(&self) -> bool {
        self.coming.lists_others
    }

    /// Who is in the newest state and not in that.
    pub fn removed(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.newest().without(self.coming())
    }

    /// Touches what stands in this itself, or else all that the next delta reads beside that: one who is about to decode
    /// many channels has their memory come at once instead of one by one. What it gives means nothing.
    #[must_use]
    #[inline]
    pub(crate) fn bring_near(&self, rows: bool) -> usize {
        if !rows {
            let buffers = self.buffers.iter().fold(0, |all, buffer| all ^ buffer.rows().lanes.len());
            return buffers ^ self.moved.len() ^ self.coming.changed.len() ^ self.order[0];
        }
        let first = |places: &[u32]| places.first().copied().unwrap_or_default() as usize;
        let lanes = self.buffers.iter().fold(0, |all, buffer| {
            let lanes = buffer.rows().lanes;
            all ^ first(lanes) ^ lanes.last().copied().unwrap_or_default() as usize
        });
        // the newest, and the one that will be filled
        let buffers = (0..BUFFERS).filter(|buffer| *buffer == self.order[0] || !self.order.contains(buffer));
        let entities = buffers.fold(0, |all, buffer| {
            let entities = self.buffers[buffer].rows().entities;
            all ^ entities.first().map_or(0, |first| first.first) ^ entities.last().map_or(0, |last| last.first)
        });
        lanes ^ entities ^ first(&self.moved) ^ first(&self.stopped[0]) ^ first(&self.stopped[1])
    }

    /// The rule that tells which of the states serve.
    #[must_use]
    pub fn held(&self) -> Held {
        self.held
    }

    fn advance(&mut self, newest: usize, tick: Tick) {
        self.step += 1;
        self.steps[newest] = self.step;
        self.order = [newest, self.order[0], self.order[1]];
        self.held = self.held.frame(tick);
    }

    /// What a delta to `now` may lean on.
    fn past(&self, now: Tick) -> Past<'_> {
        let [base, before, older] = self.order;
        let base = self.buffers[base].rows();
        let earlier = self.held.motion(now).map(|(spacing, ahead)| {
            let rows = |buffer: usize| {
                let rows = self.buffers[buffer].rows();
                // one list for all, where it is the same: what is not looked at need not be near
                let entities = if self.steps[buffer] >= self.rebuilt { base.entities } else { rows.entities };
                Rows { entities, ..rows }
            };
            Earlier { rows: [rows(before), rows(older)], spacing, ahead, moved: Some(&self.moved) }
        });
        Past { base, earlier }
    }
}
