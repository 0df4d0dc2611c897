//! What a frame is to say about each channel of a view: nothing, a delta, or a keyframe.

use tickwire_shared::Tick;
use tickwire_shared::delta::Held;

use super::budget;
use super::channel::{Cell, Channel};
use super::encode::{Encoder, NOTHING, paced_base_of, step_base};
use super::grid;
use super::open::{Last, Next, Open};
use super::store::Store;

/// No part's number.
pub(super) const UNMADE: u32 = u32::MAX;

/// A part that the frame is to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    /// Of the channel, among those of the view.
    pub(super) place: usize,
    /// What it builds on.
    pub(super) base: u16,
    pub(super) part: u32,
    /// How old the state is that it builds on, where that is not the one of the client's last frame; else 0.
    pub(super) late: u8,
}

impl Chosen {
    /// Makes the part, which is of `open`.
    #[inline]
    pub(super) fn make(&mut self, open: &Open, last: &Last, store: &Store, encoder: &mut Encoder) {
        let held = if open.in_step { last.after } else { open.held };
        let held = Some(held).filter(|_| self.base != NOTHING);
        self.part = encoder.part_of(store, (open.channel, open.slot), self.base, held);
    }
}

/// Chooses parts for one view's channels.
pub(super) struct Chooser<'a> {
    pub(super) last: &'a Last,
    pub(super) store: &'a Store,
    pub(super) now: Tick,
    /// How old is what channels in step hold.
    pub(super) step_age: u32,
    /// How old is the client's last frame.
    pub(super) frame_age: u32,
    /// For what is to be sent the more rarely the further away it is: from where, in cells.
    pub(super) distance: Option<(f32, f32)>,
    /// Channels that are wrong at the client, sorted.
    pub(super) wrong: &'a [Channel],
    /// There is room for all: parts are made at once.
    pub(super) is_ample: bool,
    pub(super) encoder: &'a mut Encoder,
    pub(super) parts: &'a mut Vec<Chosen>,
}

impl Chooser<'_> {
    /// Of channels that the client has, each of them.
    pub(super) fn choose_all(&mut self, open: &mut [Open]) {
        for (place, open) in open.iter_mut().enumerate() {
            open.settle(self.last);
            self.choose(open, place);
        }
    }

    /// What the frame is to say about a channel that the client has, at `place` among its channels.
    #[inline]
    pub(super) fn choose(&mut self, open: &mut Open, place: usize) {
        open.slot = self.encoder.slot_of(open.channel, open.slot, self.now);
        let held = if open.in_step { self.last.after } else { open.held };
        let age = if open.in_step { self.step_age } else { self.now.since(held.newest()).cast_unsigned() };
        if !self.encoder.reaches(age) || self.wrong.binary_search(&open.channel).is_ok() {
            open.next = Next::Keyframe;
            return self.add(open, place, NOTHING, 0);
        }
        open.next = Next::Frame;
        if self.encoder.is_unchanged(open.slot, age) {
            return;
        }
        let is_late = age != self.frame_age;
        if !self.is_due(open.channel.cell(), age) || (is_late && !budget::is_round(age)) {
            open.next = Next::Same;
            return;
        }
        let base = if open.in_step { step_base(age) } else { paced_base_of(&held, self.now) };
        self.add(open, place, base, if is_late { age as u8 } else { 0 });
    }

    #[inline]
    fn add(&mut self, open: &Open, place: usize, base: u16, late: u8) {
        let mut chosen = Chosen { place, base, part: UNMADE, late };
        if self.is_ample {
            chosen.make(open, self.last, self.store, self.encoder);
        }
        self.parts.push(chosen);
    }

    /// Whether the cell's turn came since the client's last frame, or has come in vain before: there was no room.
    fn is_due(&self, cell: Cell, age: u32) -> bool {
        let Some(from) = self.distance.filter(|_| cell != Cell::EVERYWHERE) else { return true };
        if budget::is_due(cell, self.now, budget::LONGEST_PERIOD, self.frame_age) {
            return true;
        }
        let period = budget::period(grid::away_squared(from, cell));
        age > period || budget::is_due(cell, self.now, period, self.frame_age)
    }

    /// A channel that the client does not have, if there is anything in it.
    pub(super) fn open(&mut self, channel: Channel, place: usize) -> Option<Open> {
        let slot = self.encoder.find(channel).filter(|slot| self.encoder.is_occupied(*slot))?;
        let held = Held::keyframe(self.now);
        let open = Open { channel, slot, held, handle: 0, in_step: false, next: Next::Opened };
        self.add(&open, place, NOTHING, 0);
        Some(open)
    }
}

/// Brings parts together that build on states of the same tick, those of the last frame first; `grouped` is scratch.
pub(super) fn group_by_late(parts: &mut Vec<Chosen>, grouped: &mut Vec<Chosen>) {
    // few, and none beyond what the ring reaches
    let mut lates = parts.iter().fold(0_u64, |lates, chosen| lates | 1 << chosen.late);
    if lates <= 1 {
        return;
    }
    grouped.clear();
    while lates != 0 {
        let late = lates.trailing_zeros();
        grouped.extend(parts.iter().filter(|chosen| u32::from(chosen.late) == late));
        lates &= lates - 1;
    }
    std::mem::swap(parts, grouped);
}
