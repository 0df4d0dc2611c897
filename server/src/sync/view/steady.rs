//! A view in which nothing comes, goes or waits, as nearly all are at nearly all ticks: its frame is found and written
//! without a look at what the client holds of each channel, which is far away in memory and the same for all of them.

use tickwire_shared::protocol::frame;

use super::super::encode::{Encoder, step_base};
use super::super::open::{Last, Next};
use super::super::store::Store;
use super::{ComposeTick, PARTS_MAX_BYTES, SHARED_BYTES, View};

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
    pub(super) fn note_steady(&mut self) {
        self.steady.clear();
        if self.scope.is_some() && self.open.iter().all(|open| open.in_step && open.next == Next::Frame) {
            self.steady.extend(self.open.iter().map(|open| (open.slot, open.handle)));
        }
    }

    /// Brings near what composing asks for first, of [`View::TOGETHER`] views and more: far memory takes its time, but
    /// many places can be asked for at a time.
    #[inline]
    pub fn bring_near<'a>(views: impl Iterator<Item = &'a Self>) {
        // one in each line of a cache
        let places = |view: &'a Self| view.steady.iter().step_by(8).fold(0, |sum, (slot, _)| sum ^ slot);
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
        debug_assert!(self.open.iter().zip(&self.steady).all(|(open, (slot, handle))| {
            open.in_step
                && open.next == Next::Frame
                && open.handle == *handle
                && encoder.slot(*slot).is_of(open.channel)
        }));
        let (base, mut parts) = (step_base(age), 0);
        for (number, _) in &self.steady {
            let slot = encoder.slot(*number);
            if slot.is_unchanged(age) {
                continue;
            }
            parts += 1;
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
        let mut left = steady.parts;
        for (number, handle) in &self.steady {
            if encoder.slot(*number).is_unchanged(steady.age) {
                continue;
            }
            frame::write_part_head(*handle, false, None, out);
            let start = out.len();
            left -= 1;
            let length_bytes = if let Some((length, bytes)) = encoder.send_short(*number, base) {
                out.extend_from_slice(bytes);
                out.truncate(start + length);
                1
            } else {
                encoder.send_made(*number, base, out)
            };
            if left == 0 {
                // it has what is left of the frame, and so no length
                out.drain(start..start + length_bytes);
            }
        }
    }
}
