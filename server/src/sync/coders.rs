//! Which coder each channel's deltas have, where the game has tables. The range coder takes about four times as long as
//! Rice codes, so it has to be worth that. Both are tried on the first of a channel's deltas, and again now and then. All
//! clients share a delta, so the choice is the channel's.

use tickwire_shared::delta::{Coder, DeltaScratch, Layout, Past, Rows, encode_delta_by};

use super::channel::Channel;
use super::slots::SlotId;

/// Both are tried on one of so many deltas of a channel; on more of its first ones.
const TRIED_EVERY: u8 = 64;
/// And after so many when the choice has become another one: what made it so may have been one odd delta.
const TRIED_AGAIN: u8 = 16;
/// So much the range coder has to save.
const SAVED_MIN_PERCENT: u64 = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Coders {
    by_slot: Vec<Choice>,
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    /// The slot may get another.
    channel: Channel,
    coder: Coder,
    /// Deltas until both are tried again.
    left: u8,
    /// How many they were after the last trial.
    wait: u8,
    /// What deltas took in the last trials by Rice codes and by the range coder, the newer ones counting more.
    sizes: [u64; 2],
}

impl Coders {
    /// Appends a delta of a channel, by the coder that it tells.
    pub(super) fn encode_delta(
        &mut self,
        (channel, slot): (Channel, SlotId),
        layout: &Layout,
        (past, now): (&Past<'_>, Rows<'_>),
        scratch: &mut DeltaScratch,
        out: &mut Vec<u8>,
    ) -> Coder {
        let start = out.len();
        let mut encode = |coder, out: &mut Vec<u8>| {
            out.truncate(start);
            encode_delta_by(coder, layout, past, now, scratch, out);
        };
        if !layout.has_tables() {
            encode(Coder::Rice, out);
            return Coder::Rice;
        }
        let choice = self.choice(channel, slot);
        if choice.is_due() {
            let sizes = [Coder::Rice, Coder::Range].map(|coder| {
                encode(coder, out);
                (out.len() - start) as u64
            });
            choice.note(sizes, slot);
            if choice.coder == Coder::Range {
                return Coder::Range;
            }
        }
        encode(choice.coder, out);
        choice.coder
    }

    fn choice(&mut self, channel: Channel, slot: SlotId) -> &mut Choice {
        let new = Choice { channel, coder: Coder::Rice, left: 0, wait: 0, sizes: [0; 2] };
        let slot = slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, new);
        }
        let choice = &mut self.by_slot[slot];
        if choice.channel != channel {
            *choice = new;
        }
        choice
    }
}

impl Choice {
    /// One more delta comes: are both tried on it.
    fn is_due(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_none()
    }

    fn note(&mut self, sizes: [u64; 2], slot: SlotId) {
        const PART: u64 = 16;
        // the first deltas of a channel are not like those that follow
        let forgotten = if self.wait < TRIED_EVERY - 1 { 2 } else { 4 };
        for (sum, size) in self.sizes.iter_mut().zip(sizes) {
            *sum = *sum - *sum / forgotten + PART * size;
        }
        let [rice, range] = self.sizes;
        let pays = range * 100 <= rice * (100 - SAVED_MIN_PERCENT) && range < rice;
        let coder = if pays { Coder::Range } else { Coder::Rice };
        let most = if coder == self.coder { TRIED_EVERY } else { TRIED_AGAIN };
        self.coder = coder;
        let before = self.wait;
        self.wait = (2 * before + 2).min(most) - 1;
        self.left = self.wait;
        if before < self.wait && self.wait == TRIED_EVERY - 1 {
            // channels that began together would be tried together
            self.left += (slot % u32::from(TRIED_EVERY)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::delta::{Earlier, RowBuffer, Training, decode_delta};
    use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
    use tickwire_shared::{EntityId, Rng};

    use super::*;

    const BODIES: usize = 20;

    fn layout(tables: Vec<u8>) -> Layout {
        let quantizer = Quantizer::Float { min: 0.0, step: 1.0, span: 60_000 };
        let fields = vec![Field { name: "x".into(), quantizer, count: 1, owner_only: false }];
        let kinds = vec![KindSchema { name: "Body".into(), fields }];
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        Layout::new(&Schema { game: "coders".into(), version: 0, kinds, input, tables }).expect("a sound schema")
    }

    /// Bodies whose speed changes by up to `push` each tick; the last four of their states.
    struct Scene {
        random: Rng,
        bodies: [(u32, i32); BODIES],
        states: [RowBuffer; 4],
    }

    impl Scene {
        fn new(seed: u64) -> Self {
            let mut scene =
                Self { random: Rng::new(seed), bodies: [(30_000, 0); BODIES], states: <[RowBuffer; 4]>::default() };
            (0..4).for_each(|_| scene.step(0));
            scene
        }

        fn step(&mut self, push: u32) {
            self.states.rotate_left(1);
            let now = &mut self.states[3];
            now.clear();
            for (id, (x, speed)) in (0..).zip(&mut self.bodies) {
                *speed += self.random.below(2 * push + 1).cast_signed() - push.cast_signed();
                let next = x.checked_add_signed(*speed).filter(|next| *next <= 60_000);
                if next.is_none() {
                    *speed = 0; // at a wall
                }
                *x = next.unwrap_or(*x);
                now.push(EntityId(id), 0, 1)[0] = *x;
            }
        }

        fn past(&self) -> Past<'_> {
            let [older, before, base, _] = self.states.each_ref().map(RowBuffer::rows);
            Past { base, earlier: Some(Earlier { rows: [before, older], spacing: 1, ahead: 1, moved: None }) }
        }

        /// Encodes and decodes so many ticks; the coders they had.
        fn send(&mut self, coders: &mut Coders, layout: &Layout, ticks: usize, push: u32) -> Vec<Coder> {
            let mut scratch = DeltaScratch::default();
            let mut tick = || {
                self.step(push);
                let (mut there, mut delta) = (RowBuffer::default(), vec![1, 2, 3]);
                let (past, now) = (self.past(), self.states[3].rows());
                let channel = (Channel::EVERYWHERE, 2);
                let coder = coders.encode_delta(channel, layout, (&past, now), &mut scratch, &mut delta);
                decode_delta(layout, &past, &delta[3..], &mut scratch, &mut there).expect("we wrote it");
                assert_eq!(there.rows().hash(layout), now.hash(layout));
                coder
            };
            (0..ticks).map(|_| tick()).collect()
        }
    }

    /// Made of bodies that are pushed little.
    fn tables() -> Vec<u8> {
        let (mut training, mut scratch, layout) = (Training::default(), DeltaScratch::default(), layout(Vec::new()));
        let mut scene = Scene::new(1);
        for _ in 0..200 {
            scene.step(3);
            training.note(&layout, &scene.past(), scene.states[3].rows(), &mut scratch);
        }
        training.tables()
    }

    #[test]
    fn a_channel_that_the_tables_do_not_suit_goes_over_to_rice_codes_and_back() {
        let (mut coders, layout, mut scene) = (Coders::default(), layout(tables()), Scene::new(2));
        let of = |coder| move |of: &Coder| *of == coder;
        let first = scene.send(&mut coders, &layout, 300, 3);
        assert!(first.iter().all(of(Coder::Range)), "the tables are of such a scene: {first:?}");
        // thrown about: nothing like that was seen
        let thrown = scene.send(&mut coders, &layout, 400, 3000);
        assert_eq!(thrown[0], Coder::Range, "nothing was tried yet");
        assert!(thrown[150..].iter().all(of(Coder::Rice)), "{thrown:?}");
        scene.bodies = [(30_000, 0); BODIES];
        let again = scene.send(&mut coders, &layout, 2000, 3);
        assert_eq!(again[0], Coder::Rice);
        assert!(again[1500..].iter().all(of(Coder::Range)), "{again:?}");
    }

    #[test]
    fn both_are_tried_on_one_of_64() {
        let mut choice = Choice { channel: Channel::EVERYWHERE, coder: Coder::Rice, left: 0, wait: 0, sizes: [0; 2] };
        let tried = (0..6400).filter(|_| {
            let is_due = choice.is_due();
            if is_due {
                choice.note([100, 90], 7);
            }
            is_due
        });
        let tried: Vec<usize> = tried.collect();
        assert_eq!(tried[..4], [0, 2, 6, 14]);
        assert!((100..=110).contains(&tried.len()), "{tried:?}");
    }

    #[test]
    fn what_saves_little_does_not_pay() {
        let coder = |sizes| {
            let mut choice =
                Choice { channel: Channel::EVERYWHERE, coder: Coder::Rice, left: 0, wait: 0, sizes: [0; 2] };
            (0..10).for_each(|_| choice.note(sizes, 0));
            choice.coder
        };
        assert_eq!([[1000, 980], [1000, 960], [5, 4], [7, 7], [0, 0]].map(coder), {
            use Coder::{Range, Rice};
            [Rice, Range, Range, Rice, Rice]
        });
    }

    #[test]
    fn without_tables_all_are_rice_codes_and_who_comes_to_a_slot_begins_anew() {
        let (mut coders, mut scene) = (Coders::default(), Scene::new(3));
        assert!(scene.send(&mut coders, &layout(Vec::new()), 10, 3).iter().all(|coder| *coder == Coder::Rice));
        assert_eq!(coders.by_slot.len(), 0);
        let layout = layout(tables());
        assert!(scene.send(&mut coders, &layout, 10, 3).iter().all(|coder| *coder == Coder::Range));
        let other = Channel::new(
            super::super::channel::Cell::EVERYWHERE,
            tickwire_shared::Layer::Seat(tickwire_shared::SeatId(1)),
        );
        assert_eq!(coders.choice(other, 2).coder, Coder::Rice);
        assert!(coders.choice(other, 2).is_due());
    }
}
