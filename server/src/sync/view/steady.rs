//! A view in which nothing comes, goes or waits, as nearly all are at nearly all ticks: its frame is found and written
//! without a look at what the client holds of each channel, which is far away in memory and the same for all of them.

use tickwire_shared::protocol::frame;

use super::super::channel::Channel;
use super::super::encode::{Encoder, step_base};
use super::super::open::{Last, Next, Open};
use super::super::slots::{SHORT_BYTES, SlotId};
use super::super::store::Store;
use super::{ComposeTick, PARTS_MAX_BYTES, SHARED_BYTES, View};

/// A channel of such a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyChannel {
    slot: SlotId,
    /// What stands in front of its part: the second byte only if the first one says so.
    head: [u8; 2],
}

/// The parts of such a view's frame, which are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    pub(super) parts: usize,
    /// How old is what they build on.
    age: u32,
}

impl View {
    /// So many are best brought near together.
    pub const TOGETHER: usize = 16;

    /// Notes the channels when all of them go on in step: with the next frames it stays so, as long as nothing comes or
    /// goes. Something is in each of them then, so they keep their numbers.
    pub(super) fn note_steady(&mut self, scratch: &mut Vec<u8>) {
        self.steady.clear();
        if self.scope.is_some() && self.open.iter().all(|open| open.in_step && open.next == Next::Frame) {
            self.steady.extend(self.open.iter().map(|open| SteadyChannel::new(open.slot, open.handle, scratch)));
        }
    }

    /// Whether these, in order, are all channels, and all of them go on in step: one who looked around saw the same.
    pub(super) fn is_steadily(&self, wanted: &[Channel]) -> bool {
        let goes_on =
            |(open, wanted): (&Open, &Channel)| open.channel == *wanted && open.in_step && open.next == Next::Frame;
        let is_noted = !self.steady.is_empty() && self.steady.len() == self.open.len();
        is_noted && self.open.len() == wanted.len() && self.open.iter().zip(wanted).all(goes_on)
    }

    /// Brings near what composing asks for first, of [`View::TOGETHER`] views and more: far memory takes its time, but
    /// many places can be asked for at a time.
    #[inline]
    pub fn bring_near<'a>(views: impl Iterator<Item = &'a Self>) {
        // one in each line of a cache
        let places = |view: &'a Self| view.steady.iter().step_by(8).fold(0, |sum, channel| sum ^ channel.slot);
        std::hint::black_box(views.fold(0, |sum, view| sum ^ places(view)));
    }

    /// Finds the parts for a view that is as it was; none when it is not steady, or a part is one to point at.
    pub(super) fn find_steady_parts(
        &self,
        last: &Last,
        store: &Store,
        encoder: &mut Encoder,
        shared: &ComposeTick,
    ) -> Option<Steady> {
        let age = shared.tick.since(last.after.newest()).cast_unsigned();
        let is_in_step = last.keeps_step && self.frame == Some(last.after.newest()) && encoder.reaches(age);
        if self.steady.is_empty() || !is_in_step || !self.wrong.is_empty() {
            return None;
        }
        debug_assert!(self.open.iter().zip(&self.steady).all(|(open, channel)| {
            open.in_step
                && open.next == Next::Frame
                && open.slot == channel.slot
                && encoder.slot(open.slot).is_of(open.channel)
        }));
        let (base, mut parts) = (step_base(age), 0);
        for SteadyChannel { slot: number, .. } in &self.steady {
            if encoder.is_unchanged(*number, age) {
                continue;
            }
            parts += 1;
            let slot = encoder.slot(*number);
            if !slot.has_short_part(base) {
                let part = encoder.part_of(store, (slot.channel(), *number), base, Some(last.after));
                if encoder.sealed(part).len() >= SHARED_BYTES {
                    return None;
                }
            }
        }
        encoder.is_below(PARTS_MAX_BYTES as usize).then_some(Steady { parts, age })
    }

    /// Writes what was found.
    pub(super) fn write_steady(&self, steady: Steady, encoder: &mut Encoder, out: &mut Vec<u8>) {
        let base = step_base(steady.age);
        // space for all short parts at once: each is copied with whatever is behind it, which the next one comes over
        let space = (steady.parts + 1) * SteadyChannel::SPACE;
        let (mut at, mut last) = (out.len(), 0..0);
        out.resize(at + space, 0);
        for channel in &self.steady {
            if encoder.is_unchanged(channel.slot, steady.age) {
                continue;
            }
            if let Some((length, bytes)) = encoder.send_short(channel.slot, base) {
                let space = out[at..].first_chunk_mut().expect("there is space for each part and one more");
                let start = at.wrapping_add(channel.put_short(bytes, space));
                at = start.wrapping_add(length);
                last = start..start.wrapping_add(1);
            } else {
                out.truncate(at);
                out.extend_from_slice(&channel.head[..channel.head_bytes()]);
                let start = out.len();
                let length_bytes = encoder.send_made(channel.slot, base, out);
                last = start..start + length_bytes;
                at = out.len();
                out.resize(at + space, 0);
            }
        }
        out.truncate(at);
        // the last one has what is left of the frame, and so no length
        out.drain(last);
    }
}

impl SteadyChannel {
    /// What a head and a short part take, at most.
    const SPACE: usize = 2 + SHORT_BYTES;

    fn new(slot: SlotId, handle: u16, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        frame::write_part_head(handle, false, None, scratch);
        let byte = |at: usize| scratch.get(at).copied().unwrap_or(0);
        Self { slot, head: [byte(0), byte(1)] }
    }

    #[inline]
    fn head_bytes(&self) -> usize {
        if self.head[0] < 0x80 { 1 } else { 2 }
    }

    /// Writes its head and a short part behind it; tells how long the head is.
    #[inline]
    fn put_short(&self, part: &[u8; SHORT_BYTES], out: &mut [u8; Self::SPACE]) -> usize {
        out[..2].copy_from_slice(&self.head);
        // two copies whose places are known are quicker than one whose place is not
        if self.head_bytes() == 1 {
            out[1..=SHORT_BYTES].copy_from_slice(part);
            1
        } else {
            out[2..].copy_from_slice(part);
            2
        }
    }
}
