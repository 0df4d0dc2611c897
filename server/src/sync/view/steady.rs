//! A view in which nothing comes, goes or waits, as nearly all are at nearly all ticks: its frame is found and written
//! without a look at what the client holds of each channel, which is far away in memory and the same for all of them.

use tickwire_shared::Tick;
use tickwire_shared::protocol::frame;

use super::super::channel::Channel;
use super::super::encode::{Encoder, step_base};
use super::super::open::{Last, Next};
use super::super::slots::{SHORT_BYTES, SlotId};
use super::super::store::Store;
use super::{PARTS_MAX_BYTES, SHARED_BYTES, View};

/// A channel of such a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyChannel {
    slot: SlotId,
    /// What stands in front of its part: the second byte only if the first one says so.
    head: [u8; HEAD_BYTES],
}

const HEAD_BYTES: usize = 2;

/// The parts of such a view's frame, which are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    pub(super) parts: usize,
    /// Theirs, with their lengths.
    bytes: usize,
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

    /// How old is what the channels hold, if all were noted and go on in step after the frame before.
    pub(super) fn steady_age(&self, last: &Last, encoder: &Encoder, now: Tick) -> Option<u32> {
        let age = now.since(last.after.newest()).cast_unsigned();
        let is_in_step = last.keeps_step && self.frame == Some(last.after.newest()) && encoder.reaches(age);
        (is_in_step && !self.steady.is_empty() && self.wrong.is_empty()).then_some(age)
    }

    /// The channels that were noted, in order.
    pub(super) fn steady_channels<'a>(&'a self, encoder: &'a Encoder) -> impl Iterator<Item = Channel> {
        self.steady.iter().map(|channel| encoder.slot(channel.slot).channel())
    }

    /// Brings near what composing asks for first, of [`View::TOGETHER`] views and more: far memory takes its time, but
    /// many places can be asked for at a time.
    #[inline]
    pub fn bring_near<'a>(views: impl Iterator<Item = &'a Self>) {
        // one in each line of a cache
        let places = |view: &'a Self| match &view.steady[..] {
            [] => view.open.iter().step_by(2).fold(0, |sum, open| sum ^ open.slot),
            steady => steady.iter().step_by(8).fold(0, |sum, channel| sum ^ channel.slot),
        };
        let own =
            |view: &'a Self| view.proposal.tick.0 ^ view.events.len() as u32 ^ u32::from(view.behind_since.is_some());
        std::hint::black_box(views.fold(0, |sum, view| sum ^ own(view) ^ places(view)));
    }

    /// Finds the parts for a view that is as it was, whose channels hold what is so old; none when a part is one to point
    /// at.
    pub(super) fn find_steady_parts(
        &self,
        (last, age): (&Last, u32),
        store: &Store,
        encoder: &mut Encoder,
    ) -> Option<Steady> {
        debug_assert!(self.open.iter().zip(&self.steady).all(|(open, channel)| {
            open.in_step
                && open.next == Next::Frame
                && open.slot == channel.slot
                && encoder.slot(open.slot).is_of(open.channel)
        }));
        let (base, mut parts, mut bytes) = (step_base(age), 0, 0);
        for SteadyChannel { slot: number, .. } in &self.steady {
            // there is one only of what changed
            if let Some(length) = encoder.short(*number).length(base) {
                (parts, bytes) = (parts + 1, bytes + length);
            } else if !encoder.is_unchanged(*number, age) {
                let part = encoder.part_of(store, (encoder.slot(*number).channel(), *number), base, Some(last.after));
                let length = encoder.sealed(part).len();
                if length >= SHARED_BYTES {
                    return None;
                }
                (parts, bytes) = (parts + 1, bytes + length);
            }
        }
        encoder.is_below(PARTS_MAX_BYTES as usize).then_some(Steady { parts, bytes, age })
    }

    /// The low half of the hash over such a view: its client will hold all channels as they are.
    pub(super) fn hash_steady(&self, store: &Store, encoder: &mut Encoder, now: Tick) -> u32 {
        let hashes = self.steady.iter().map(|SteadyChannel { slot, .. }| {
            let channel = encoder.slot(*slot).channel();
            encoder.hash(store, (channel, *slot), now)
        });
        hashes.fold(0, u64::wrapping_add) as u32
    }

    /// Writes what was found.
    pub(super) fn write_steady(&self, steady: Steady, encoder: &mut Encoder, out: &mut Vec<u8>) {
        let base = step_base(steady.age);
        // each short part is copied with whatever is behind it, which the next one comes over
        let mut at = out.len();
        let mut last = at..at;
        out.resize(at + steady.bytes + steady.parts * HEAD_BYTES + SteadyChannel::SPACE, 0);
        for channel in &self.steady {
            let short = encoder.short_mut(channel.slot);
            let (start, length, length_bytes) = if let Some(length) = short.length(base) {
                let space = out[at..].first_chunk_mut().expect("there is space for each part and one more");
                (at.wrapping_add(channel.put_short(short.send(), space)), length, 1)
            } else if encoder.is_unchanged(channel.slot, steady.age) {
                continue;
            } else {
                let (part, length_bytes) = encoder.send_made(channel.slot, base);
                let start = at + channel.head_bytes();
                out[at..start].copy_from_slice(&channel.head[..channel.head_bytes()]);
                out[start..start + part.len()].copy_from_slice(part);
                (start, part.len(), length_bytes)
            };
            at = start.wrapping_add(length);
            last = start..start.wrapping_add(length_bytes);
        }
        // the last one has what is left of the frame, and so no length
        out.copy_within(last.end..at, last.start);
        out.truncate(at - last.len());
    }
}

impl SteadyChannel {
    /// What a head and a short part take, at most.
    const SPACE: usize = HEAD_BYTES + SHORT_BYTES;

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

#[cfg(test)]
mod tests {
    use tickwire_shared::delta::Layout;
    use tickwire_shared::publish::{Published, PutEntity};
    use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
    use tickwire_shared::{EntityId, Interest, Layer, Place, Rng, SeatId};

    use super::super::{ComposeTick, FrameSink, Grid};
    use super::*;

    const SIDE: f32 = 300.0;
    const RADIUS: f32 = 40.0;
    /// Cells have few of them, or so many that a part may be too long to be copied in one go.
    const BODIES: [u32; 3] = [120, 700, 4000];
    const TICKS: u32 = 150;

    fn layout() -> Layout {
        let quantizer = Quantizer::Float { min: 0.0, step: 0.1, span: 4000 };
        let field = |name: &str| Field { name: name.into(), quantizer: quantizer.clone(), count: 1, owner_only: false };
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        let kinds = vec![KindSchema { name: "Body".into(), fields: vec![field("x"), field("y")] }];
        Layout::new(&Schema { game: "steady".into(), version: 0, kinds, input, tables: Vec::new() }).expect("sound")
    }

    /// Bodies walk, turn now and then, and rest for longer than the ring reaches.
    fn publish(bodies: &mut [(f32, f32, f32)], rng: &mut Rng, published: &mut Published) {
        published.clear();
        for (id, (x, y, heading)) in (0..).zip(bodies) {
            if rng.below(40) == 0 {
                *heading = rng.between(-9.0, 9.0);
            }
            if *heading > 0.0 {
                (*x, *y) = ((*x + heading.cos()).clamp(0.0, SIDE), (*y + heading.sin()).clamp(0.0, SIDE));
            }
            let first_lane = published.lanes.len();
            published.lanes.extend([(*x * 10.0) as u32, (*y * 10.0) as u32]);
            let (place, layer, owner) = (Place::at(*x, *y), Layer::Public, None);
            published.entities.push(PutEntity { id: EntityId(id), kind: 0, place, layer, owner, first_lane });
        }
    }

    /// One way to compose a client's frames.
    #[derive(Default)]
    struct Way {
        view: View,
        encoder: Encoder,
        compose: ComposeTick,
    }

    impl Way {
        fn frame(&mut self, tick: Tick, state: (&Store, &Grid)) -> Vec<u8> {
            self.compose.tick = tick;
            let (mut bytes, mut pieces, mut copied) = (Vec::new(), Vec::new(), Vec::new());
            let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
            let seat = (SeatId(0), |_| true);
            self.view.compose(seat, (None, false), state, &mut self.encoder, &mut self.compose, &mut sink);
            pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect()
        }
    }

    #[test]
    fn a_frame_is_the_same_whether_it_is_found_quickly_or_by_a_look_at_each_channel() {
        let mut quick_frames = 0;
        for seed in 0..12 {
            println!("seed {seed}");
            let (mut rng, mut published) = (Rng::new(seed), Published::default());
            let (mut store, grid) = (Store::new(layout()), Grid::new(Interest::Radius(RADIUS)));
            let (mut quick, mut slow) = (Way::default(), Way::default());
            let mut bodies = vec![(0.0, 0.0, 0.0); BODIES[seed as usize % BODIES.len()] as usize];
            bodies.iter_mut().for_each(|(x, y, _)| (*x, *y) = (rng.between(0.0, SIDE), rng.between(0.0, SIDE)));
            let mut look = (SIDE / 2.0, SIDE / 2.0);
            for tick in (1..=TICKS).map(Tick) {
                publish(&mut bodies, &mut rng, &mut published);
                store.settle(tick, &published, &grid);
                look = (look.0 + rng.between(-1.0, 1.5), look.1 + rng.between(-1.5, 1.0));
                let fate = rng.below(40);
                for way in [&mut quick, &mut slow] {
                    way.encoder.clear();
                    way.view.look(look.0, look.1);
                    if fate == 0 {
                        way.view.reset();
                    }
                }
                if fate == 1 {
                    // its socket takes nothing
                    continue;
                }
                slow.view.scope = None;
                slow.view.steady.clear();
                let [found, chosen] = [&mut quick, &mut slow].map(|way| way.frame(tick, (&store, &grid)));
                assert_eq!(found, chosen, "of {tick:?}");
                quick_frames += u32::from(quick.compose.parts.is_empty() && !slow.compose.parts.is_empty());
                for way in [&mut quick, &mut slow] {
                    if fate == 2 { way.view.retract() } else { way.view.confirm() }
                }
            }
        }
        assert!(quick_frames > 200, "{quick_frames} frames were found quickly");
    }
}
