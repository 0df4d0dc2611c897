//! A channel that a client holds, between two frames.

use tickwire_shared::Tick;
use tickwire_shared::delta::Held;

use super::channel::Channel;
use super::slots::SlotId;

/// A channel that the client holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) channel: Channel,
    pub(super) slot: SlotId,
    /// The states of the channel that the client has, unless it is in step.
    pub(super) held: Held,
    pub(super) handle: u16,
    /// The client has the state of its last frame, and those of one and two ticks before: nearly all have, and cost no
    /// reckoning and no write.
    pub(super) in_step: bool,
    pub(super) next: Next,
}

/// What the frame under way makes of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Nothing: it says nothing about what changed in it.
    Same,
    /// One state more.
    Frame,
    /// The first state.
    Keyframe,
    /// As before, of one that the client did not have.
    Opened,
    /// There was no room for that.
    Unopened,
    /// The client has it no more.
    Closed,
}

/// The frame before, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) tick: Tick,
    pub(super) confirmed: bool,
    /// What channels in step held before it.
    before: Held,
    /// What channels in step hold after it.
    pub(super) after: Held,
    /// What was in step still is, if the frame had it.
    pub(super) keeps_step: bool,
}

/// What a client holds of a channel in step, whose last frame was that of `tick`.
pub(super) fn in_step(tick: Tick) -> Held {
    Held::keyframe(tick.offset(-2)).frame(tick.offset(-1)).frame(tick)
}

impl Last {
    /// `frame` is the tick of the client's last frame before it.
    pub(super) fn new(frame: Option<Tick>, tick: Tick, confirmed: bool) -> Self {
        let before = in_step(frame.unwrap_or(tick));
        let after = if confirmed { in_step(tick) } else { before };
        Self { tick, confirmed, before, after, keeps_step: !confirmed || before.frame(tick) == after }
    }
}

impl Open {
    /// Takes account of the frame before; false when the client does not have the channel after it.
    #[inline]
    pub(super) fn settle(&mut self, last: &Last) -> bool {
        if self.in_step && self.next == Next::Frame && last.keeps_step {
            return true;
        }
        let had = if self.in_step { last.before } else { self.held };
        self.held = match (self.next, last.confirmed) {
            (Next::Frame, true) => had.frame(last.tick),
            (Next::Keyframe | Next::Opened, true) => Held::keyframe(last.tick),
            (Next::Closed, true) | (Next::Opened, false) | (Next::Unopened, _) => return false,
            (Next::Same, _) | (_, false) => had,
        };
        self.in_step = self.held == last.after;
        true
    }

    /// How old is what the client holds of it.
    pub(super) fn age(&self, last: &Last, now: Tick) -> u32 {
        let held = if self.in_step { &last.after } else { &self.held };
        now.since(held.newest()).cast_unsigned()
    }
}

/// Gives handles to the channels that the client did not have.
pub(super) fn number(open: &mut [Open], used: &mut Vec<u64>) {
    used.clear();
    open.iter()
        .filter(|open| !matches!(open.next, Next::Opened | Next::Closed))
        .for_each(|open| mark(used, open.handle));
    open.iter_mut().filter(|open| open.next == Next::Opened).for_each(|open| open.handle = take_free(used));
}

fn mark(used: &mut Vec<u64>, handle: u16) {
    let word = usize::from(handle) / 64;
    if used.len() <= word {
        used.resize(word + 1, 0);
    }
    used[word] |= 1 << (handle % 64);
}

/// The smallest handle that is not used, marked as used.
fn take_free(used: &mut Vec<u64>) -> u16 {
    let word = used.iter().position(|word| *word != u64::MAX).unwrap_or(used.len());
    let bit = used.get(word).map_or(0, |word| word.trailing_ones());
    let handle = (word * 64) as u16 + bit as u16;
    mark(used, handle);
    handle
}
