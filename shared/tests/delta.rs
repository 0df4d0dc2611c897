//! Any sequence of channel states, encoded as deltas from any earlier state or as keyframes, gives exactly those states.

use proptest::prelude::*;
use tickwire_shared::EntityId;
use tickwire_shared::bits::{BitWriter, DecodeError};
use tickwire_shared::delta::{
    Coder, DeltaScratch, Earlier, EntityRow, Layout, Past, ROWS_MAX_LANES, RowBuffer, Tables, Training, decode_delta,
    decode_keyframe, encode_delta, encode_delta_by, encode_keyframe,
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
    Schema { game: "test".into(), version: 0, kinds: kinds.into(), input, tables: Vec::new() }
}

/// Without tables and with some that fit nothing, which deltas may use or not.
fn coders() -> [(Coder, Layout); 3] {
    let layout = |tables| Layout::new(&Schema { tables, ..schema() }).expect("the test's schema is sound");
    let tables = layout((0..Tables::BYTES).map(|at| (at * at / 7 % 256) as u8).collect());
    [(Coder::Rice, layout(Vec::new())), (Coder::Range, tables.clone()), (Coder::Rice, tables)]
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

/// A state and what became of it: in each step rows go on as they went, change anyhow, stop, leave or enter.
fn history() -> impl Strategy<Value = Vec<State>> {
    let steps = prop::collection::vec((state(), prop::collection::vec(0u8..10, 14), -3i32..=3), 3);
    (state(), steps).prop_map(|(first, steps)| {
        let mut states = vec![first];
        for (fresh, fates, by) in steps {
            let mut next = states[states.len() - 1].clone();
            for ((id, (kind, row)), fate) in states[states.len() - 1].iter().zip(fates) {
                match (fate, fresh.values().find(|(other, _)| other == kind)) {
                    (0..=4, _) => next.insert(*id, (*kind, drift(*kind, row, by))),
                    (5, Some((_, another))) => next.insert(*id, (*kind, another.clone())),
                    (6, _) => next.remove(id),
                    _ => None,
                };
            }
            next.extend(fresh.into_iter().take(2));
            states.push(next);
        }
        states
    })
}

/// The row with its wide numbers, angle and rotation moved on by a bit.
fn drift(kind: u16, row: &[u32], by: i32) -> Vec<u32> {
    let moved = |lane: u32, span: u32| (i64::from(lane) + i64::from(by)).clamp(0, span.into()) as u32;
    let mut row = row.to_vec();
    match kind {
        0 => {
            row[2] = moved(row[2], u32::MAX);
            row[3] = moved(row[3], 1000);
            row[5] = row[5].wrapping_add_signed(by) & 0xfff;
            for lane in &mut row[12..15] {
                *lane = moved(*lane, 511);
            }
        }
        2 => row[0] = moved(row[0], 65535),
        _ => {}
    }
    row
}

fn past<'a>(states: &'a [RowBuffer], spacing: u8, ahead: u8) -> Past<'a> {
    let earlier = Earlier { rows: [states[1].rows(), states[0].rows()], spacing, ahead, moved: None };
    Past { base: states[2].rows(), earlier: Some(earlier) }
}

proptest! {
    #[test]
    fn every_state_comes_back_through_every_baseline(states in prop::collection::vec(state(), 1..6)) {
        for (coder, layout) in coders() {
            let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
            let (mut scratch, mut decoded) = (DeltaScratch::default(), RowBuffer::default());
            for (now, state) in buffers.iter().zip(&states) {
                let mut bytes = Vec::new();
                encode_keyframe(&layout, now.rows(), &mut bytes);
                prop_assert_eq!(decode_keyframe(&layout, &bytes, &mut decoded), Ok(()));
                prop_assert_eq!(&read_back(&decoded, &layout), state);
                prop_assert_eq!(decoded.rows().hash(&layout), now.rows().hash(&layout));
                for base in &buffers {
                    bytes.clear();
                    let past = Past { base: base.rows(), earlier: None };
                    encode_delta_by(coder, &layout, &past, now.rows(), &mut scratch, &mut bytes);
                    prop_assert_eq!(decode_delta(&layout, &past, &bytes, &mut scratch, &mut decoded), Ok(()));
                    prop_assert_eq!(&read_back(&decoded, &layout), state);
                }
            }
        }
    }

    #[test]
    fn every_state_comes_back_whatever_was_before(
        states in prop_oneof![history(), prop::collection::vec(state(), 4)],
        spacing in 1u8..=4,
        ahead in 1u8..=32,
    ) {
        for (coder, layout) in coders() {
            let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
            let (mut scratch, mut decoded, mut bytes) = (DeltaScratch::default(), RowBuffer::default(), Vec::new());
            let past = past(&buffers, spacing, ahead);
            encode_delta_by(coder, &layout, &past, buffers[3].rows(), &mut scratch, &mut bytes);
            prop_assert_eq!(decode_delta(&layout, &past, &bytes, &mut scratch, &mut decoded), Ok(()));
            prop_assert_eq!(&read_back(&decoded, &layout), &states[3]);
            prop_assert_eq!(decoded.rows().hash(&layout), buffers[3].rows().hash(&layout));

            // told what moved, instead of looking for it: the same bytes, and at both ends the same list for the next step
            let mut step = Vec::new();
            let base = Past { base: buffers[1].rows(), earlier: None };
            encode_delta_by(coder, &layout, &base, buffers[2].rows(), &mut scratch, &mut step);
            let moved = scratch.changed().to_vec();
            prop_assert_eq!(decode_delta(&layout, &base, &step, &mut scratch, &mut decoded), Ok(()));
            prop_assert_eq!(scratch.changed(), &moved);
            let told = Past { earlier: past.earlier.map(|earlier| Earlier { moved: Some(&moved), ..earlier }), ..past };
            let mut same = Vec::new();
            encode_delta_by(coder, &layout, &told, buffers[3].rows(), &mut scratch, &mut same);
            prop_assert_eq!(&same, &bytes);
            prop_assert_eq!(decode_delta(&layout, &told, &bytes, &mut scratch, &mut decoded), Ok(()));
            prop_assert_eq!(&read_back(&decoded, &layout), &states[3]);

            // one that lacks the earlier states is told so
            let forgetful = Past { earlier: None, ..past };
            prop_assert!(decode_delta(&layout, &forgetful, &bytes, &mut scratch, &mut decoded).is_err());
            // cut anywhere: an error, never a panic
            for cut in 0..bytes.len() {
                let _ = decode_delta(&layout, &past, &bytes[..cut], &mut scratch, &mut decoded);
            }
        }
    }

    #[test]
    fn in_a_crowd_of_which_few_change_each_change_is_found(
        moves in prop::collection::vec((0u32..200, 0usize..3, any::<bool>()), 0..12),
        left in prop::collection::btree_set(0u32..200, 0..4),
        still_kind in 1u16..=2,
    ) {
        for (coder, layout) in coders() {
            // most of them rest, some change in one of the steps or in all from there on, some leave
            let states = [0, 1, 2, 3].map(|tick| {
                let mut rows = RowBuffer::default();
                for id in (0..200).filter(|id| tick < 3 || !left.contains(id)) {
                    if id % 50 == 49 && still_kind == 1 {
                        rows.push(EntityId(id), 1, 0);
                        continue;
                    }
                    let moved = |(of, at, on): &&(u32, usize, bool)| *of == id && (tick == *at + 1 || (*on && tick > *at));
                    rows.push(EntityId(id), 2, 1)[0] = 100 + 7 * moves.iter().filter(moved).count() as u32 * tick as u32;
                }
                rows
            });
            let (mut scratch, mut decoded) = (DeltaScratch::default(), RowBuffer::default());
            for past in [past(&states, 1, 1), Past { base: states[2].rows(), earlier: None }] {
                let mut bytes = Vec::new();
                encode_delta_by(coder, &layout, &past, states[3].rows(), &mut scratch, &mut bytes);
                let changed = scratch.changed().to_vec();
                prop_assert_eq!(decode_delta(&layout, &past, &bytes, &mut scratch, &mut decoded), Ok(()));
                prop_assert_eq!(read_back(&decoded, &layout), read_back(&states[3], &layout));
                prop_assert_eq!(scratch.changed(), changed);
            }
        }
    }

    #[test]
    fn a_delta_whose_mark_is_wrong_is_refused_or_the_hash_tells(states in history(), by_rice in any::<bool>()) {
        let (_, layout) = &coders()[1];
        let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
        let (mut scratch, mut out, mut bytes) = (DeltaScratch::default(), RowBuffer::default(), Vec::new());
        let (past, now) = (past(&buffers, 1, 1), &buffers[3]);
        let coder = if by_rice { Coder::Rice } else { Coder::Range };
        encode_delta_by(coder, layout, &past, now.rows(), &mut scratch, &mut bytes);
        prop_assert_eq!(bytes.first().is_some_and(|first| first & 1 == 1), by_rice);
        match bytes.first_mut() {
            Some(first) => *first ^= 1,
            None => bytes.push(1),
        }
        if decode_delta(layout, &past, &bytes, &mut scratch, &mut out).is_ok()
            && read_back(&out, layout) != read_back(now, layout)
        {
            prop_assert_ne!(out.rows().hash(layout), now.rows().hash(layout));
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_or_a_valid_state(
        states in history(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..60),
        leans in any::<bool>(),
    ) {
        for (_, layout) in coders() {
            let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
            if let Some(first) = bytes.first_mut() {
                *first = *first & !1 | u8::from(leans);
            }
            let (mut scratch, mut out) = (DeltaScratch::default(), RowBuffer::default());
            for result in [
                decode_keyframe(&layout, &bytes, &mut out),
                decode_delta(&layout, &past(&buffers, 1, 32), &bytes, &mut scratch, &mut out),
            ] {
                if result.is_ok() {
                    let rows = out.rows();
                    prop_assert!(rows.entities.is_sorted_by(|a, b| a.id < b.id));
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_or_changes_the_hash_or_nothing(states in history(), at in any::<prop::sample::Index>()) {
        for (coder, layout) in coders() {
            let buffers: Vec<RowBuffer> = states.iter().map(buffer).collect();
            let (mut scratch, mut out, mut bytes) = (DeltaScratch::default(), RowBuffer::default(), Vec::new());
            let (past, now) = (past(&buffers, 1, 1), &buffers[3]);
            encode_delta_by(coder, &layout, &past, now.rows(), &mut scratch, &mut bytes);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if decode_delta(&layout, &past, &bytes, &mut scratch, &mut out).is_ok()
                && read_back(&out, &layout) != read_back(now, &layout)
            {
                prop_assert_ne!(out.rows().hash(&layout), now.rows().hash(&layout));
            }
        }
    }
}

/// What a client notes of a step goes with the next ones: who could be told of twice would be noted twice, and more
/// often each time.
#[test]
fn no_row_changes_twice_in_one_delta() {
    let states = [100, 107, 114].map(|at| {
        let mut rows = RowBuffer::default();
        rows.push(EntityId(1), 2, 1)[0] = at;
        rows
    });
    let (mut scratch, mut out, mut sound) = (DeltaScratch::default(), RowBuffer::default(), 0);
    for (coder, layout) in coders() {
        for rest in 0..1u32 << 17 {
            let mut bytes = Vec::new();
            let mut bits = BitWriter::new(&mut bytes);
            match coder {
                Coder::Rice => {
                    if layout.has_tables() {
                        bits.flag(true); // the mark
                    }
                    bits.flag(true); // leans on the earlier states
                    bits.flag(false); // the same entities
                }
                Coder::Range => bits.flag(false),
            }
            bits.write(rest, 17);
            bits.finish();
            if decode_delta(&layout, &past(&states, 1, 1), &bytes, &mut scratch, &mut out).is_ok() {
                sound += 1;
                assert!(scratch.changed().len() <= 1, "{bytes:?}");
            }
        }
    }
    assert!(sound > 0, "some of them are deltas");
}

/// Rows as they lie in one cell: ids far apart, positions within a small range, most else equal. Of all kinds or one.
fn crowd() -> impl Strategy<Value = RowBuffer> {
    let entity = (any::<u8>(), prop_oneof![3 => Just(0u32), 1 => 0u32..=100], 0u16..3, 0u32..3000);
    let one_kind = prop::option::of(0u16..3);
    (prop::collection::vec(entity, 0..100), one_kind, any::<u32>(), prop_oneof![0u8..=10, 0u8..=31]).prop_map(
        |(entities, one_kind, base, far)| {
            let (mut rows, mut id) = (RowBuffer::default(), 0u32);
            for (gap, small, kind, at) in entities {
                let Some(next) = id.checked_add((u32::from(gap) << far.min(24)) | 1 << far) else { break };
                id = next;
                let at = |span: u32| base % (span / 2 + 1) + at * (span / 2) / 3000;
                match one_kind.unwrap_or(kind) {
                    0 => {
                        let row = [
                            small & 1,
                            small % 9,
                            base.saturating_add(small),
                            at(1000),
                            0,
                            at(4095),
                            small % 3,
                            0,
                            0,
                            0,
                            0,
                            small % 4,
                            at(511),
                            small,
                            7,
                            99,
                            small % 100,
                            50,
                        ];
                        rows.push(EntityId(id), 0, 18).copy_from_slice(&row);
                    }
                    1 => _ = rows.push(EntityId(id), 1, 0),
                    _ => rows.push(EntityId(id), 2, 1)[0] = at(65535),
                }
            }
            rows
        },
    )
}

proptest! {
    #[test]
    fn a_crowd_comes_back_from_a_keyframe(rows in crowd(), at in any::<prop::sample::Index>(), random in any::<u8>()) {
        for (_, layout) in coders() {
            let (mut bytes, mut decoded) = (Vec::new(), RowBuffer::default());
            encode_keyframe(&layout, rows.rows(), &mut bytes);
            prop_assert_eq!(decode_keyframe(&layout, &bytes, &mut decoded), Ok(()));
            prop_assert_eq!(read_back(&decoded, &layout), read_back(&rows, &layout));
            // a byte that is wrong, and bytes that are missing
            let at = at.index(bytes.len());
            let mut wrong = bytes.clone();
            wrong[at] = random;
            if decode_keyframe(&layout, &wrong, &mut decoded).is_ok() {
                let rows = decoded.rows();
                prop_assert!(rows.entities.is_sorted_by(|a, b| a.id < b.id));
                let fits = |row: &EntityRow| layout.kind(row.kind).is_some_and(|kind| kind.fits(rows.row(kind, row)));
                prop_assert!(rows.entities.iter().all(fits));
            }
            prop_assert!(decode_keyframe(&layout, &bytes[..at], &mut decoded).is_err());
        }
    }
}

#[test]
fn what_is_equal_is_said_once_in_a_keyframe_and_what_is_near_takes_its_range() {
    let length = |x: &dyn Fn(u32) -> u32| {
        let mut bytes = Vec::new();
        encode_keyframe(&coders()[0].1, movers(x).rows(), &mut bytes);
        bytes.len()
    };
    // 50 ids of 5 bits, and kinds in two groups
    let bare = length(&|_| 9);
    assert!(bare <= 40, "{bare}");
    // 16 bits each, and how it is coded
    let anywhere = length(&|id| id * 40_503 % 65_536);
    assert!((bare + 95..bare + 101).contains(&anywhere), "{anywhere}");
    // one of 1,000 takes 10 bits
    let near = length(&|id| 30_000 + id * 619 % 1000);
    assert!(near <= bare + 50 * 10 / 8 + 6, "{near}");
    // most are equal: a bit each, and one is another
    let one_apart = length(&|id| if id == 7 { 60_000 } else { 9 });
    assert!(one_apart <= bare + 32 / 8 + 3, "{one_apart}");
}

fn movers(x: impl Fn(u32) -> u32) -> RowBuffer {
    let mut rows = RowBuffer::default();
    for id in 0..50 {
        rows.push(EntityId(id), 2, 1)[0] = x(id);
    }
    rows
}

fn delta_length(past: &Past<'_>, now: &RowBuffer) -> usize {
    let layout = Layout::new(&schema()).expect("the test's schema is sound");
    let mut bytes = Vec::new();
    encode_delta(&layout, past, now.rows(), &mut DeltaScratch::default(), &mut bytes);
    bytes.len()
}

#[test]
fn an_unchanged_channel_costs_a_byte() {
    let rows = movers(|id| id);
    assert_eq!(delta_length(&Past { base: rows.rows(), earlier: None }, &rows), 1);
    let still = [rows.clone(), rows.clone(), rows.clone()];
    assert_eq!(delta_length(&past(&still, 1, 1), &rows), 1);
}

#[test]
fn what_goes_on_as_it_went_costs_two_bits() {
    let states = [0, 1, 2].map(|tick| movers(|id| 1000 * id + 7 * tick));
    assert!(delta_length(&past(&states, 1, 1), &movers(|id| 1000 * id + 7 * 3)) <= 2 + 50 * 2 / 8);
    // three times as far ahead, as seen from a state that is older
    assert!(delta_length(&past(&states, 1, 3), &movers(|id| 1000 * id + 7 * 5)) <= 2 + 50 * 3 / 8);
}

#[test]
fn with_tables_of_its_own_a_delta_is_shorter() {
    // bodies that are pushed about: the tables are made of one scene and used on another
    let scene = |seed: u32| {
        let mut random = tickwire_shared::Rng::new(seed.into());
        let mut bodies = [(30_000u32, 0i32); 50];
        let state = |bodies: &[(u32, i32); 50]| movers(|id| bodies[id as usize].0);
        let mut states = Vec::new();
        for _ in 0..60 {
            for (x, speed) in &mut bodies {
                *speed += random.below(7) as i32 - 3;
                *x = x.saturating_add_signed(*speed).min(65535);
            }
            states.push(state(&bodies));
        }
        states
    };
    let plain = Layout::new(&schema()).expect("the test's schema is sound");
    let (mut training, mut scratch) = (Training::default(), DeltaScratch::default());
    for states in scene(1).windows(4) {
        training.note(&plain, &past(states, 1, 1), states[3].rows(), &mut scratch);
    }
    let trained = Layout::new(&Schema { tables: training.tables(), ..schema() }).expect("these are tables");
    let mut length = |layout: &Layout| -> usize {
        let (mut bytes, mut decoded) = (Vec::new(), RowBuffer::default());
        let states = scene(2);
        let lengths = states.windows(4).map(|states| {
            bytes.clear();
            let past = past(states, 1, 1);
            encode_delta(layout, &past, states[3].rows(), &mut scratch, &mut bytes);
            decode_delta(layout, &past, &bytes, &mut scratch, &mut decoded).expect("we wrote it");
            assert_eq!(read_back(&decoded, layout), read_back(&states[3], layout));
            bytes.len()
        });
        lengths.sum()
    };
    let (rice, range) = (length(&plain), length(&trained));
    assert!(range * 20 < rice * 19, "{range} bytes, {rice} without tables");
}

#[test]
fn what_pushes_one_body_tells_of_its_neighbours() {
    // bodies of five groups that are pushed alike; the rows next to each other in a message are of other groups
    let scene = |seed: u32, place: fn(u32) -> u32| {
        let mut random = tickwire_shared::Rng::new(seed.into());
        let mut bodies: [(u32, i32); 50] =
            std::array::from_fn(|id| (5_000 + 9_000 * place(id as u32) + 7 * id as u32, 0));
        let mut states = Vec::new();
        for _ in 0..60 {
            let pushes: [i32; 5] = std::array::from_fn(|_| random.below(15) as i32 - 7);
            for (id, (x, speed)) in bodies.iter_mut().enumerate() {
                *speed += pushes[id % 5];
                *x = x.saturating_add_signed(*speed).min(65535);
            }
            states.push(movers(|id| bodies[id as usize].0));
        }
        states
    };
    let length = |place: fn(u32) -> u32| -> usize {
        let plain = Layout::new(&schema()).expect("the test's schema is sound");
        let (mut training, mut scratch) = (Training::default(), DeltaScratch::default());
        for states in scene(1, place).windows(4) {
            training.note(&plain, &past(states, 1, 1), states[3].rows(), &mut scratch);
        }
        let layout = Layout::new(&Schema { tables: training.tables(), ..schema() }).expect("these are tables");
        let mut bytes = Vec::new();
        for states in scene(2, place).windows(4) {
            encode_delta(&layout, &past(states, 1, 1), states[3].rows(), &mut scratch, &mut bytes);
        }
        bytes.len()
    };
    // the groups stand together, or are mixed
    let (together, mixed) = (length(|id| id % 5), length(|id| id / 10));
    assert!(together * 10 < mixed * 9, "{together} bytes, {mixed} where they are mixed");
}

#[test]
fn rows_that_are_alike_come_to_an_end() {
    let wide = Field { count: 256, ..field("flags", Quantizer::Bool, false) };
    let kinds = vec![KindSchema { name: "wide".into(), fields: vec![wide] }];
    let layout = Layout::new(&Schema { kinds, ..schema() }).expect("the test's schema is sound");
    let keyframe = |rows: usize| {
        let mut buffer = RowBuffer::default();
        for id in 0..rows as u32 {
            buffer.push(EntityId(id), 0, 256);
        }
        let mut bytes = Vec::new();
        encode_keyframe(&layout, buffer.rows(), &mut bytes);
        bytes
    };
    let (most, mut out) = (ROWS_MAX_LANES / 256, RowBuffer::default());
    let all = keyframe(most);
    assert!(all.len() < ROWS_MAX_LANES / 80, "{} bytes", all.len());
    assert_eq!(decode_keyframe(&layout, &all, &mut out), Ok(()));
    assert_eq!(out.rows().entities.len(), most);
    assert_eq!(decode_keyframe(&layout, &keyframe(most + 1), &mut out), Err(DecodeError::OutOfRange("count of rows")));
}
