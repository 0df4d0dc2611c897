//! Deltas lean on states that the client is believed to hold: whatever frames it misses, both ends must believe the same.

use proptest::prelude::*;
use tickwire_server::sync::{ComposeTick, Encoder, FrameSink, Grid, Store, View};
use tickwire_shared::delta::{Layout, Tables};
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::replica::Replica;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, SeatId, Tick};

const LANES: usize = 3;
const BODIES: u32 = 12;

/// With or without tables for the range coder, which fit nothing.
fn layout(tables: bool) -> Layout {
    let tables = (0..Tables::BYTES).map(|at| (at % 256) as u8).filter(|_| tables).collect();
    let field = |name: &str, quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
    let fields = vec![
        field("x", Quantizer::Float { min: 0.0, step: 1.0, span: 100_000 }),
        field("turn", Quantizer::Angle { bits: 10 }),
        field("hp", Quantizer::Int { min: 0, max: 100 }),
    ];
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Body".into(), fields }];
    Layout::new(&Schema { game: "past".into(), version: 0, kinds, input, tables }).expect("a sound schema")
}

/// The bodies at a tick: some move, some stop and go on, some come and go, over two cells; now and then all stand still.
fn publish(tick: u32, published: &mut Published) {
    let tick = if (tick / 3).is_multiple_of(4) { tick / 3 * 3 } else { tick };
    published.clear();
    for id in (0..BODIES).filter(|id| !(tick / 7 + id).is_multiple_of(5)) {
        let moved = if (tick / 9 + id).is_multiple_of(3) { tick / 9 * 9 } else { tick };
        let x = 1000 * id + moved * id * 3 + (tick * id) % 2;
        let first_lane = published.lanes.len();
        published.lanes.extend([x, (moved * 40) & 1023, 100 - tick / 16 % 100]);
        let (place, owner) = (Place::at(if id % 2 == 0 { 1.0 } else { 60.0 }, 1.0), None);
        published.entities.push(PutEntity {
            id: EntityId(id),
            kind: 0,
            place,
            layer: Layer::Public,
            owner,
            first_lane,
        });
    }
}

/// What becomes of a client's frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Delivered,
    Skipped,
}

struct Client {
    view: View,
    frame: Frame,
    replica: Replica,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_skipped_the_replica_has_the_newest_state(
        fates in prop::collection::vec(
            prop_oneof![6 => Just(Fate::Delivered), 1 => Just(Fate::Skipped)].prop_flat_map(|fate| {
                // in runs, so that a base grows old, sometimes older than the ring
                (Just(fate), if fate == Fate::Skipped { 1usize..36 } else { 1..6 })
            }),
            10..40,
        ),
        look_away in any::<u8>(),
        tables in any::<bool>(),
    ) {
        let fates: Vec<Fate> = fates.into_iter().flat_map(|(fate, run)| std::iter::repeat_n(fate, run)).collect();
        let (mut store, grid) = (Store::new(layout(tables)), Grid::new(Interest::Radius(40.0)));
        let (mut encoder, mut compose) = (Encoder::default(), ComposeTick::default());
        // the second gets every frame: parts made for the one must do for the other
        let mut clients = [(); 2].map(|()| Client {
            view: View::default(),
            frame: Frame::default(),
            replica: Replica::new(layout(tables)),
        });
        let mut published = Published::default();
        for (number, fate) in fates.iter().enumerate() {
            let tick = Tick(number as u32 + 1);
            publish(tick.0, &mut published);
            store.settle(tick, &published, &grid);
            encoder.clear();
            compose.tick = tick;
            let (mut bytes, mut copied) = (Vec::new(), Vec::new());
            for (client, fate) in clients.iter_mut().zip([*fate, Fate::Delivered]) {
                // channels are closed and opened again on the way
                let far = number % 50 > usize::from(look_away) % 50 + 3;
                client.view.look(if far { 500.0 } else { 30.0 }, 0.0);
                let mut pieces = Vec::new();
                let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
                client.view.compose((SeatId(0), |_| true), (None, false), (&store, &grid), &mut encoder, &mut compose, &mut sink);
                if fate == Fate::Skipped {
                    client.view.retract();
                    continue;
                }
                client.view.confirm();
                let message: Vec<u8> = pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect();
                client.frame.parse(&message).expect("a whole frame");
                client.replica.apply(&client.frame, &message).expect("a frame that builds on what it holds");
                let seen = client.replica.newest_all().count();
                prop_assert_eq!(seen, if far { 0 } else { published.entities.len() });
                for (id, _, row) in client.replica.newest_all() {
                    let put = published.entities.iter().find(|put| put.id == id).expect("it was put");
                    prop_assert_eq!(row, &published.lanes[put.first_lane..put.first_lane + LANES]);
                }
            }
        }
    }
}
