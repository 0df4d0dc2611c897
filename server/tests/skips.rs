//! Clients that were skipped, each for as long as its own way took: what they are sent stays shared, they do not wait
//! long for it, and it is right.

use tickwire_server::sync::{ComposeTick, Encoder, FrameSink, Grid, Made, Store, View};
use tickwire_shared::delta::Layout;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::replica::Replica;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, Rng, SeatId, Tick, TickRate};

const CLIENTS: usize = 100;
/// In two cells, which is two channels.
const BODIES: u32 = 24;
const CHANNELS: usize = 2;
const LANES: usize = 2;
/// What parts may build on, for each channel: ages of 1 to 4, 6 to 16 in twos, 20, 24, 28 and 31 ticks, with motion and
/// without, and three paces besides that of each tick.
const BASES_MAX: usize = 2 * AGES + 3;
const AGES: usize = 14;

fn layout() -> Layout {
    let field = |name: &str| {
        let quantizer = Quantizer::Float { min: 0.0, step: 1.0, span: 100_000 };
        Field { name: name.into(), quantizer, count: 1, owner_only: false }
    };
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Body".into(), fields: vec![field("x"), field("y")] }];
    Layout::new(&Schema { game: "skips".into(), version: 0, kinds, input, tables: Vec::new() }).expect("a sound schema")
}

/// All bodies move, and turn now and then.
fn publish(tick: u32, published: &mut Published) {
    published.clear();
    for id in 0..BODIES {
        let (turns, since) = ((tick + 5 * id) / 40, (tick + 5 * id) % 40);
        let along = if turns.is_multiple_of(2) { since } else { 40 - since };
        let first_lane = published.lanes.len();
        published.lanes.extend([1000 * id + along * (1 + id % 7), 50 * id + tick % 3]);
        let place = Place::at(if id % 2 == 0 { 1.0 } else { 30.0 }, 1.0);
        let (id, layer, owner) = (EntityId(id), Layer::Public, None);
        published.entities.push(PutEntity { id, kind: 0, place, layer, owner, first_lane });
    }
}

struct Client {
    view: View,
    frame: Frame,
    replica: Replica,
    /// Its socket takes nothing before.
    open_at: Tick,
}

/// Why clients are skipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ways {
    /// Each has its own, which stalls now and then.
    Apart,
    /// One after the other stalls, and all come back at the same tick.
    Together,
    /// The same, but until then each gets all frames, and nobody is taken for one who cannot follow.
    InStep,
}

/// From one time that all come back to the next.
const ROUND: u32 = 48;

impl Ways {
    /// When the client of this number takes the next frame. Some never take all of them.
    fn next(self, now: Tick, number: usize, rng: &mut Rng) -> Tick {
        let pace = if self == Self::InStep { 1 } else { 1 + number % 4 };
        let next = now.offset(pace as i32);
        match self {
            Self::Apart if rng.below(3) == 0 => now.offset(1 + rng.below(31) as i32),
            Self::Together | Self::InStep
                if now.0 % ROUND >= 16 && rng.below(16) == 0 || next.0 / ROUND > now.0 / ROUND =>
            {
                Tick((now.0 / ROUND + 1) * ROUND)
            }
            _ => next,
        }
    }
}

/// What was seen in a run.
#[derive(Debug, Default)]
struct Seen {
    frames: usize,
    /// Longer ago than 4 ticks and not longer than the ring reaches was the frame before.
    skipped: usize,
    deltas: usize,
    /// Of one tick.
    most: Made,
    bytes: usize,
    /// Ticks that clients which could have been served waited; the longest, and the sum.
    longest_wait: i32,
    waited: i32,
}

fn run(ways: Ways, ticks: u32) -> Seen {
    let rate = TickRate::hz(30);
    let (mut store, grid) = (Store::new(layout()), Grid::new(Interest::Radius(40.0)));
    let (mut encoder, mut compose) = (Encoder::default(), ComposeTick::default());
    let (mut published, mut rng, mut seen) = (Published::default(), Rng::new(7), Seen::default());
    let client =
        || Client { view: View::default(), frame: Frame::default(), replica: Replica::new(layout()), open_at: Tick(0) };
    let mut clients: Vec<Client> = std::iter::repeat_with(client).take(CLIENTS).collect();
    for tick in 1..=ticks {
        let now = Tick(tick);
        publish(tick, &mut published);
        store.settle(now, &published, &grid);
        encoder.clear();
        compose.tick = now;
        let (mut bytes, mut copied) = (Vec::new(), Vec::new());
        for (number, client) in clients.iter_mut().enumerate() {
            client.view.look(15.0, 0.0);
            if client.open_at.is_after(now) {
                if ways != Ways::InStep {
                    client.view.skip(now);
                }
                continue;
            }
            let waited = now.since(client.open_at);
            if !client.view.is_due(now, rate) {
                continue;
            }
            if let Some(last) = client.view.last_frame() {
                seen.skipped += usize::from((5..32).contains(&now.since(last)));
                seen.longest_wait = seen.longest_wait.max(waited);
                seen.waited += waited;
            }
            let mut pieces = Vec::new();
            let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
            let seat = (SeatId(0), |_| true);
            client.view.compose(seat, (None, false), (&store, &grid), &mut encoder, &mut compose, &mut sink);
            client.view.confirm();
            let message: Vec<u8> = pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect();
            client.frame.parse(&message).expect("a whole frame");
            client.replica.apply(&client.frame, &message).expect("a frame that builds on what it holds");
            assert_eq!(client.replica.newest_all().count(), BODIES as usize);
            for (id, _, row) in client.replica.newest_all() {
                let put = &published.entities[id.0 as usize];
                assert_eq!(row, &published.lanes[put.first_lane..put.first_lane + LANES], "{id:?} at {now:?}");
            }
            seen.frames += 1;
            seen.bytes += message.len();
            client.open_at = ways.next(now, number, &mut rng);
        }
        let made = encoder.made();
        seen.deltas += made.deltas;
        seen.most = if made.deltas > seen.most.deltas { made } else { seen.most };
    }
    seen
}

#[test]
fn a_hundred_who_were_skipped_share_few_bases() {
    for (ways, bases_max) in [(Ways::Apart, BASES_MAX), (Ways::Together, BASES_MAX), (Ways::InStep, AGES)] {
        let seen = run(ways, 10 * ROUND);
        println!("{ways:?}: {seen:?}; {} a channel at most", seen.most.deltas / CHANNELS);
        assert!(seen.skipped > 300, "{} frames came after a skip", seen.skipped);
        assert!(seen.most.deltas <= bases_max * CHANNELS, "{ways:?}: {} deltas in one tick", seen.most.deltas);
        assert!(seen.longest_wait <= 4, "{ways:?}: one waited {} ticks", seen.longest_wait);
    }
}
