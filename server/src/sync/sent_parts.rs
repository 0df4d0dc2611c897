//! The parts of the last ticks as clients got them, for whoever looks into a wrong state afterwards.

use std::collections::VecDeque;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tickwire_shared::Tick;

use super::channel::Channel;
use super::encode::{Encoder, age_and_spacing};
use super::store::Store;

/// The bits of one part, as the encoder made them for all who had the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SentPart {
    /// When it was sent.
    pub tick: Tick,
    /// How many ticks old the state was that it builds on; none for a keyframe.
    pub age: Option<u16>,
    /// Ticks between that one and the two before it, where it leans on them.
    pub spacing: Option<u8>,
    /// Its bits.
    pub bits: Vec<u8>,
}

/// See the module. Of as many ticks as the [`Store`] keeps.
#[derive(Debug, Default)]
pub struct SentParts {
    /// The newest last.
    ticks: VecDeque<TickParts>,
}

#[derive(Debug, Default)]
struct TickParts {
    tick: Tick,
    parts: Vec<(Channel, u16, Range<usize>)>,
    bytes: Vec<u8>,
}

impl SentParts {
    /// Takes what was made for this tick.
    pub fn keep(&mut self, tick: Tick, encoder: &Encoder) {
        let mut of_tick =
            if self.ticks.len() >= Store::RING { self.ticks.pop_front() } else { None }.unwrap_or_default();
        of_tick.parts.clear();
        of_tick.bytes.clear();
        of_tick.tick = tick;
        for (channel, base, bits) in encoder.parts() {
            let start = of_tick.bytes.len();
            of_tick.bytes.extend_from_slice(bits);
            of_tick.parts.push((channel, base, start..of_tick.bytes.len()));
        }
        self.ticks.push_back(of_tick);
    }

    /// Those of a channel, tick by tick.
    pub(super) fn of(&self, channel: Channel) -> impl Iterator<Item = SentPart> {
        self.ticks.iter().flat_map(move |TickParts { tick, parts, bytes }| {
            let parts = parts.iter().filter(move |(of, ..)| *of == channel);
            parts.map(move |(_, base, bits)| {
                let (age, spacing) = age_and_spacing(*base).unzip();
                SentPart { tick: *tick, age, spacing: spacing.flatten(), bits: bytes[bits.clone()].to_vec() }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::delta::Layout;
    use tickwire_shared::protocol::frame::Frame;
    use tickwire_shared::publish::{Published, PutEntity};
    use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
    use tickwire_shared::{EntityId, Interest, Layer, Place, SeatId};

    use super::super::{Capsule, ComposeTick, FrameSink, Grid, View};
    use super::*;

    const TICKS: u32 = 60;

    fn schema() -> Schema {
        let quantizer = Quantizer::Float { min: 0.0, step: 1.0, span: 100_000 };
        let fields = vec![Field { name: "x".into(), quantizer, count: 1, owner_only: false }];
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        let kinds = vec![KindSchema { name: "Body".into(), fields }];
        Schema { game: "kept".into(), version: 0, kinds, input, tables: Vec::new() }
    }

    fn publish(tick: u32, published: &mut Published) {
        published.clear();
        for id in 0..12 {
            let first_lane = published.lanes.len();
            published.lanes.push(1000 * id + tick * (1 + id % 3) + tick * tick * id % 7);
            let (place, layer, owner) = (Place::at(1.0, 1.0), Layer::Public, None);
            published.entities.push(PutEntity { id: EntityId(id), kind: 0, place, layer, owner, first_lane });
        }
    }

    /// Clients of which one gets every frame, one every second, others are skipped for longer and longer: with all that
    /// they were sent, and the store.
    fn play() -> (Store, SentParts, usize) {
        let (mut store, grid) = (Store::new(Layout::new(&schema()).expect("sound")), Grid::new(Interest::Radius(40.0)));
        let (mut encoder, mut compose, mut kept) = (Encoder::default(), ComposeTick::default(), SentParts::default());
        let (mut published, mut sent) = (Published::default(), 0);
        let mut clients: Vec<(View, Frame)> = std::iter::repeat_with(Default::default).take(9).collect();
        for tick in 1..=TICKS {
            publish(tick, &mut published);
            store.settle(Tick(tick), &published, &grid);
            encoder.clear();
            compose.tick = Tick(tick);
            let (mut bytes, mut copied, mut messages) = (Vec::new(), Vec::new(), Vec::new());
            for (number, (view, _)) in (1..).zip(&mut clients).filter(|(number, _)| tick.is_multiple_of(*number)) {
                view.look(1.0 + number as f32 / 10.0, 1.0);
                let mut pieces = Vec::new();
                let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
                let state = (&store, &grid);
                view.compose((SeatId(0), |_| true), (None, false), state, &mut encoder, &mut compose, &mut sink);
                view.confirm();
                let message = pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect::<Vec<u8>>();
                messages.push((number, message));
            }
            kept.keep(Tick(tick), &encoder);
            let of_tick = kept.ticks.back().expect("just kept");
            for (number, message) in messages {
                let (_, frame) = &mut clients[number as usize - 1];
                frame.parse(&message).expect("a whole frame");
                for part in &frame.parts {
                    let is_kept =
                        |(_, _, bits): &(_, _, Range<usize>)| of_tick.bytes[bits.clone()] == message[part.bits.clone()];
                    assert!(of_tick.parts.iter().any(is_kept), "a part of {tick} was sent and is not kept");
                    sent += 1;
                }
            }
        }
        (store, kept, sent)
    }

    fn capsule(store: &Store, kept: &SentParts) -> Capsule {
        let channel = store.newest().expect("settled").channels().next().expect("bodies are there");
        Capsule::new((store, kept), &schema(), channel, (Tick(TICKS), 7))
    }

    #[test]
    fn all_that_clients_got_is_kept_and_replays() {
        let (store, kept, sent) = play();
        assert!(sent > 100, "{sent}");
        let capsule = capsule(&store, &kept);
        assert!(capsule.sent.iter().any(|part| part.age.is_some_and(|age| age > 1) && part.spacing.is_some()));
        let replayed = capsule.replay().expect("it is whole");
        assert_eq!(replayed.fault, None);
        assert!(replayed.sent >= 60, "{replayed:?} of {}", capsule.sent.len());
    }

    #[test]
    fn a_part_that_the_encoder_made_wrong_is_found() {
        let (store, mut kept, _) = play();
        for back in [1, 5, 12] {
            let of_tick = &mut kept.ticks[Store::RING - back];
            let (_, _, bits) = of_tick.parts.last().expect("something was sent").clone();
            let (middle, was) = (bits.start + bits.len() / 2, of_tick.bytes.clone());
            of_tick.bytes[middle] ^= 4;
            let replayed = capsule(&store, &kept).replay().expect("it is whole");
            assert_eq!(replayed.fault, Some(Tick(TICKS + 1 - back as u32)));
            kept.ticks[Store::RING - back].bytes = was;
        }
    }
}
