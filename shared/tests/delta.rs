//! Any sequence of channel states, encoded as deltas from any earlier state or as keyframes, gives exactly those states.

use proptest::prelude::*;
use tickwire_shared::EntityId;
use tickwire_shared::delta::{
    DeltaScratch, Layout, RowBuffer, decode_delta, decode_keyframe, encode_delta, encode_keyframe,
};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};

fn field(name: &str, quantizer: Quantizer, owner_only: bool) -> Field {
    Field { name: name.to_owned(), quantizer, count: 1, owner_only }
}

/// Three kinds that use every quantizer.
fn schema() -> Schema {
    let everything = vec![
        field("flag", Quantizer::Bool, false),
        field("small", Quantizer::Int { min: -3, max: 5 }, false),
        field("wide", Quantizer::Int { min: 0, max: u32::MAX.into() }, false),
        field("float", Quantizer::Float { min: -10.0, step: 0.25, span: 1000 }, false),
        field("secret", Quantizer::Int { min: 0, max: 255 }, true),
        field("angle", Quantizer::Angle { bits: 12 }, false),
        field("state", Quantizer::Enum { variants: vec!["A".into(), "B".into(), "C".into()] }, false),
        field("name", Quantizer::Text { max_bytes: 9 }, false),
        field("attitude", Quantizer::Quat { bits: 9 }, false),
        Field { count: 3, ..field("array", Quantizer::Int { min: 0, max: 99 }, false) },
    ];
    let empty = Vec::new();
    let mover = vec![field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 65535 }, false)];
    let kinds = [("everything", everything), ("empty", empty), ("mover", mover)]
        .map(|(name, fields)| KindSchema { name: name.to_owned(), fields });
    let input = KindSchema { name: "input".into(), fields: Vec::new() };
    Schema { game: "test".into(), version: 0, kinds: kinds.into(), input }
}

fn lane(quantizer: &Quantizer) -> BoxedStrategy<Vec<u32>> {
    // mostly near a few values, so that consecutive states often differ a little or not at all
    let near = |span: u32| prop_oneof![0..=span.min(3), 0..=span, span.saturating_sub(2)..=span].prop_map(|v| vec![v]);
    match quantizer {
        Quantizer::Bool => near(1).boxed(),
        Quantizer::Int { min, max } => near((max - min) as u32).boxed(),
        Quantizer::Float { span, .. } => near(*span).boxed(),
        Quantizer::Angle { bits } => near((1 << bits) - 1).boxed(),
        Quantizer::Enum { variants } => near(variants.len() as u32 - 1).boxed(),
        Quantizer::Text { max_bytes } => prop::collection::vec(any::<u8>(), 0..=usize::from(*max_bytes))
            .prop_map(|bytes| {
                let mut lanes = vec![0; 4];
                lanes[0] = bytes.len() as u32;
                for (i, byte) in bytes.iter().enumerate() {
                    lanes[1 + i / 4] |= u32::from(*byte) << (8 * (i % 4));
                }
                lanes
            })
            .boxed(),
        Quantizer::Quat { bits } => {
            let component = near((1 << bits) - 1);
            (0u32..4, [component.clone(), component.clone(), component])
                .prop_map(|(largest, others)| [vec![largest], others.concat()].concat())
                .boxed()
        }
    }
}

fn row(kind: &KindSchema) -> BoxedStrategy<Vec<u32>> {
    let mut lanes: Vec<BoxedStrategy<Vec<u32>>> = Vec::new();
    for field in &kind.fields {
        for _ in 0..field.count {
            // owner-only fields do not travel in channels
            lanes.push(if field.owner_only { Just(vec![0]).boxed() } else { lane(&field.quantizer) });
        }
    }
    lanes.prop_map(|lanes| lanes.concat()).boxed()
}

type State = std::collections::BTreeMap<u32, (u16, Vec<u32>)>;

fn state() -> impl Strategy<Value = State> {
    let kinds = schema().kinds;
    let entity = prop_oneof![Just(0usize), Just(1), Just(2)]
        .prop_flat_map(move |kind| row(&kinds[kind]).prop_map(move |row| (kind as u16, row)));
    let id = prop_oneof![4 => 0u32..12, 1 => any::<u32>()];
    prop::collection::btree_map(id, entity, 0..14)
}

fn buffer(state: &State) -> RowBuffer {
    let mut rows = RowBuffer::default();
    for (id, (kind, row)) in state {
        rows.push(EntityId(*id), *kind, row.len()).copy_from_slice(row);
    }
    rows
}

fn read_back(rows: &RowBuffer, layout: &Layout) -> State {
    let rows = rows.rows();
    let row = |e: usize| {
        let entity = &rows.entities[e];
        rows.row(layout.kind(entity.kind).expect("known"), entity).to_vec()
    };
    (0..rows.entities.len()).map(|e| (rows.entities[e].id.0, (rows.entities[e].kind, row(e)))).collect()
}

proptest! {
    #[test]
    fn every_state_comes_back_through_every_baseline(states in prop::collection::vec(state(), 1..6)) {
        let layout = Layout::new(&schema()).expect("the test's schema is sound");
        let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
        let mut decoded = RowBuffer::default();
        for (now, state) in buffers.iter().zip(&states) {
            let mut bytes = Vec::new();
            encode_keyframe(&layout, now.rows(), &mut bytes);
            prop_assert_eq!(decode_keyframe(&layout, &bytes, &mut decoded), Ok(()));
            prop_assert_eq!(&read_back(&decoded, &layout), state);
            prop_assert_eq!(decoded.rows().hash(&layout), now.rows().hash(&layout));
            for base in &buffers {
                bytes.clear();
                encode_delta(&layout, base.rows(), now.rows(), &mut DeltaScratch::default(), &mut bytes);
                prop_assert_eq!(decode_delta(&layout, base.rows(), &bytes, &mut decoded), Ok(()));
                prop_assert_eq!(&read_back(&decoded, &layout), state);
            }
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_or_a_valid_state(base in state(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let layout = Layout::new(&schema()).expect("the test's schema is sound");
        let mut out = RowBuffer::default();
        for result in [
            decode_keyframe(&layout, &bytes, &mut out),
            decode_delta(&layout, buffer(&base).rows(), &bytes, &mut out),
        ] {
            if result.is_ok() {
                let rows = out.rows();
                prop_assert!(rows.entities.is_sorted_by(|a, b| a.id < b.id));
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_or_changes_the_hash_or_nothing(a in state(), b in state(), at in any::<prop::sample::Index>()) {
        let layout = Layout::new(&schema()).expect("the test's schema is sound");
        let (a, b) = (buffer(&a), buffer(&b));
        let mut bytes = Vec::new();
        encode_delta(&layout, a.rows(), b.rows(), &mut DeltaScratch::default(), &mut bytes);
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut out = RowBuffer::default();
        if decode_delta(&layout, a.rows(), &bytes, &mut out).is_ok() && read_back(&out, &layout) != read_back(&b, &layout) {
            prop_assert_ne!(out.rows().hash(&layout), b.rows().hash(&layout));
        }
    }
}

#[test]
fn an_unchanged_channel_costs_a_byte() {
    let layout = Layout::new(&schema()).expect("the test's schema is sound");
    let mut rows = RowBuffer::default();
    for id in 0..50 {
        rows.push(EntityId(id), 2, 1)[0] = id;
    }
    let mut bytes = Vec::new();
    encode_delta(&layout, rows.rows(), rows.rows(), &mut DeltaScratch::default(), &mut bytes);
    assert_eq!(bytes.len(), 1);
}
