//! Half of a world vanishes in one tick and is there again in another: all who look on hold exactly what is there, and
//! their frames have room for it.

use tickwire_server::sync::{ComposeTick, Encoder, FrameSink, Grid, Made, Store, View};
use tickwire_shared::delta::Layout;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::protocol::limits::FRAME_MAX_BYTES;
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::replica::{Change, Replica};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, SeatId, Sight, Tick};

const BODIES: u32 = 10_000;
const HALF: usize = BODIES as usize / 2;
const SIDE: u32 = 1024;
const RADIUS: f32 = 64.0;
/// So many look on from somewhere, and one sees all.
const CLIENTS: usize = 12;
const LANES: usize = 3;
/// Of what appears: its id, its place and its health, in a keyframe or not.
const BYTES_EACH: usize = 12;

fn layout() -> Layout {
    let field = |name: &str, quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
    let number = || Quantizer::Float { min: 0.0, step: 0.0625, span: 16 * SIDE };
    let fields = vec![field("x", number()), field("y", number()), field("hp", Quantizer::Int { min: 0, max: 100 })];
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Body".into(), fields }];
    let schema = Schema { game: "appearances".into(), version: 0, kinds, input, tables: Vec::new() };
    Layout::new(&schema).expect("a sound schema")
}

/// Which half is there: all of it, or every second entity, or those on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum There {
    All,
    EverySecond,
    Left,
}

impl There {
    fn has(self, id: u32) -> bool {
        match self {
            Self::All => true,
            Self::EverySecond => id.is_multiple_of(2),
            Self::Left => id < BODIES / 2,
        }
    }
}

/// In sixteenths: half of them walk.
fn body(id: u32, tick: u32) -> [u32; LANES] {
    // those of low numbers to the left
    let x = id / 100 * 10 * 16 + id * 7 % 160 + if id % 4 < 2 { tick * 2 % 100 } else { 0 };
    [x, id % 100 * 10 * 16 + id * 13 % 160, id % 101]
}

fn publish(there: There, tick: u32, published: &mut Published) {
    published.clear();
    for id in (0..BODIES).filter(|id| there.has(*id)) {
        let row = body(id, tick);
        let first_lane = published.lanes.len();
        published.lanes.extend(row);
        let place = Place::at(row[0] as f32 / 16.0, row[1] as f32 / 16.0);
        let (id, layer, owner) = (EntityId(id), Layer::Public, None);
        published.entities.push(PutEntity { id, kind: 0, place, layer, owner, first_lane });
    }
}

struct Client {
    view: View,
    frame: Frame,
    replica: Replica,
    look: (f32, f32),
}

/// What a tick's frames were.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Of all frames.
    bytes: usize,
    spawned: usize,
    despawned: usize,
    /// Of the one who sees all.
    all_bytes: usize,
    made: Made,
}

struct World {
    tick: Tick,
    store: Store,
    grid: Grid,
    encoder: Encoder,
    compose: ComposeTick,
    published: Published,
    clients: Vec<Client>,
}

impl World {
    fn new() -> Self {
        let client = |number: usize| {
            let look = ((number * 167 % 1000) as f32, (number * 389 % 1000) as f32);
            let mut view = View::default();
            view.look(look.0, look.1);
            if number == CLIENTS {
                view.sight(Sight::All);
            }
            Client { view, frame: Frame::default(), replica: Replica::new(layout()), look }
        };
        Self {
            tick: Tick(0),
            store: Store::new(layout()),
            grid: Grid::new(Interest::Radius(RADIUS)),
            encoder: Encoder::default(),
            compose: ComposeTick::default(),
            published: Published::default(),
            clients: (0..=CLIENTS).map(client).collect(),
        }
    }

    /// One tick, at which all clients hold what is there.
    fn step(&mut self, there: There) -> Seen {
        self.tick = self.tick.next();
        publish(there, self.tick.0, &mut self.published);
        assert_eq!(self.store.settle(self.tick, &self.published, &self.grid), 0);
        self.encoder.clear();
        self.compose.tick = self.tick;
        let (mut bytes, mut copied, mut seen) = (Vec::new(), Vec::new(), Seen::default());
        for (number, client) in self.clients.iter_mut().enumerate() {
            let mut pieces = Vec::new();
            let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
            let (seat, state) = ((SeatId(number as u16), |_| true), (&self.store, &self.grid));
            client.view.compose(seat, (None, false), state, &mut self.encoder, &mut self.compose, &mut sink);
            client.view.confirm();
            let message: Vec<u8> = pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect();
            assert!(message.len() <= FRAME_MAX_BYTES);
            client.frame.parse(&message).expect("a whole frame");
            client.replica.apply(&client.frame, &message).expect("a frame that builds on what it holds");
            let spawned =
                client.replica.changes().iter().filter(|change| matches!(change, Change::Spawned(..))).count();
            seen.spawned += spawned;
            seen.despawned += client.replica.changes().len() - spawned;
            seen.bytes += message.len();
            seen.all_bytes = message.len();
            check(client, number == CLIENTS, there, self.tick);
        }
        seen.made = self.encoder.made();
        seen
    }
}

fn check(client: &Client, sees_all: bool, there: There, now: Tick) {
    for (id, _, row) in client.replica.newest_all() {
        assert!(there.has(id.0), "{id:?} is gone at {now:?}, and is held");
        assert_eq!(row, body(id.0, now.0), "{id:?} at {now:?}");
    }
    let (x, y) = client.look;
    let is_near = |id: u32| {
        let [at_x, at_y, _] = body(id, now.0);
        (at_x as f32 / 16.0 - x).hypot(at_y as f32 / 16.0 - y) < RADIUS
    };
    for id in (0..BODIES).filter(|id| there.has(*id) && (sees_all || is_near(*id))) {
        assert!(client.replica.newest(EntityId(id)).is_some(), "{id} is there at {now:?}, and is not held");
    }
    if sees_all {
        assert_eq!(client.replica.newest_all().count(), (0..BODIES).filter(|id| there.has(*id)).count());
    }
}

#[test]
fn thousands_that_vanish_and_appear_in_one_tick_are_gone_and_there_for_all() {
    for half in [There::EverySecond, There::Left] {
        let mut world = World::new();
        let first = world.step(There::All);
        assert!(first.all_bytes <= BODIES as usize * BYTES_EACH, "{first:?}");
        let usual = (0..5).map(|_| world.step(There::All)).last().expect("five ticks");
        for round in 0..3 {
            let vanished = world.step(half);
            let between = (0..4).map(|_| world.step(half)).last().expect("some ticks");
            let appeared = world.step(There::All);
            let after = (0..4).map(|_| world.step(There::All)).last().expect("some ticks");
            println!(
                "{half:?} {round}: usual {usual:?}\n vanished {vanished:?}\n appeared {appeared:?}\n after {after:?}"
            );
            assert!(vanished.despawned >= HALF && appeared.spawned >= HALF);
            assert_eq!((between.despawned, after.despawned), (0, 0), "nothing else comes or goes");
            // to say who is gone takes bits, not bytes, for each
            assert!(vanished.bytes <= usual.bytes + vanished.despawned, "{vanished:?}");
            assert!(appeared.bytes <= usual.bytes + appeared.spawned * BYTES_EACH, "{appeared:?}");
            assert!(after.bytes <= 2 * usual.bytes, "it goes on as before: {after:?}");
            // each channel is coded once, whoever has it
            let parts = |seen: Seen| seen.made.deltas + seen.made.keyframes;
            assert!(parts(vanished) <= 2 * parts(usual) && parts(appeared) <= 2 * parts(usual));
        }
    }
}
