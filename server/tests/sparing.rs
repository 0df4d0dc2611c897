//! Far cells more rarely, and no more bytes than a client may have: what it holds is old, here and there, and never wrong.

use proptest::prelude::*;
use tickwire_server::sync::{ComposeTick, Encoder, FrameSink, Grid, Store, Terms, View};
use tickwire_shared::delta::Layout;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::protocol::limits::FRAME_MAX_BYTES;
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::replica::{Change, Replica};
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, SeatId, Sight, Tick};

const RADIUS: f32 = 40.0;
const SIDE: u32 = 200;
const RATE_HZ: u16 = 20;

fn layout() -> Layout {
    let field = |name: &str, quantizer| Field { name: name.into(), quantizer, count: 1, owner_only: false };
    let number = || Quantizer::Float { min: 0.0, step: 1.0, span: 100_000 };
    let fields = vec![field("x", number()), field("y", number()), field("hp", Quantizer::Int { min: 0, max: 100 })];
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Body".into(), fields }];
    Layout::new(&Schema { game: "sparing".into(), version: 0, kinds, input, tables: Vec::new() })
        .expect("a sound schema")
}

/// Where a body is: it wanders to and fro, some rest for a while.
fn body(id: u32, tick: u32) -> [u32; 3] {
    let (phase, since) = (tick / 20, tick % 20);
    let rests = |phase: u32| (phase + id).is_multiple_of(3);
    let moved = (0..phase).filter(|phase| !rests(*phase)).count() as u32 * 20 + if rests(phase) { 0 } else { since };
    let to_and_fro = |start: u32, speed: u32| {
        let at = (start + moved * speed) % (2 * SIDE);
        if at < SIDE { at } else { 2 * SIDE - 1 - at }
    };
    [to_and_fro(id * 37, 1 + id % 2), to_and_fro(id * 91, id % 3), 100 - tick / 16 % 100]
}

/// Everything about it follows from the tick.
fn publish(bodies: u32, scale: f32, tick: u32, published: &mut Published) {
    published.clear();
    for id in 0..bodies {
        let row = body(id, tick);
        let first_lane = published.lanes.len();
        published.lanes.extend(row);
        let place = Place::at(scale * row[0] as f32, scale * row[1] as f32);
        let (id, layer, owner) = (EntityId(id), Layer::Public, None);
        published.entities.push(PutEntity { id, kind: 0, place, layer, owner, first_lane });
    }
}

/// A room without a game, and one client of it.
struct Room {
    store: Store,
    grid: Grid,
    encoder: Encoder,
    compose: ComposeTick,
    published: Published,
    bodies: u32,
    /// Of the places that interest knows, to make bodies slower.
    scale: f32,
}

struct Client {
    view: View,
    replica: Replica,
    frame: Frame,
    hashes: usize,
    despawned: usize,
}

impl Room {
    fn new(bodies: u32, terms: Terms) -> Self {
        let mut compose = ComposeTick::default();
        compose.terms = terms;
        let (store, grid) = (Store::new(layout()), Grid::new(Interest::Radius(RADIUS)));
        Self { store, grid, encoder: Encoder::default(), compose, published: Published::default(), bodies, scale: 1.0 }
    }

    fn step(&mut self) {
        self.compose.tick = self.compose.tick.next();
        publish(self.bodies, self.scale, self.compose.tick.0, &mut self.published);
        self.store.settle(self.compose.tick, &self.published, &self.grid);
        self.encoder.clear();
    }

    /// Composes a frame: its bytes.
    fn frame(&mut self, client: &mut Client) -> Vec<u8> {
        let (mut bytes, mut pieces, mut copied) = (Vec::new(), Vec::new(), Vec::new());
        let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
        let (seat, state) = ((SeatId(0), |_| true), (&self.store, &self.grid));
        client.view.compose(seat, (None, false), state, &mut self.encoder, &mut self.compose, &mut sink);
        pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect()
    }
}

impl Client {
    fn new() -> Self {
        let (view, replica) = (View::default(), Replica::new(layout()));
        Self { view, replica, frame: Frame::default(), hashes: 0, despawned: 0 }
    }

    fn receive(&mut self, message: &[u8]) {
        self.view.confirm();
        self.frame.parse(message).expect("a whole frame");
        self.replica.apply(&self.frame, message).expect("a frame that builds on what it holds");
        self.despawned +=
            self.replica.changes().iter().filter(|change| matches!(change, Change::Despawned(..))).count();
        if let Some(hash) = self.frame.head.hash {
            assert_eq!(hash, self.replica.hash() as u32, "at {:?}", self.frame.head.tick);
            self.hashes += 1;
        }
    }

    /// The age of what it holds of a body, in ticks; none when it never was as the client believes.
    fn age(&self, id: u32, now: Tick, most: u32) -> Option<u32> {
        let (_, row) = self.replica.newest(EntityId(id))?;
        (0..=most.min(now.0)).find(|age| body(id, now.0 - age) == *row)
    }
}

fn cell(row: [u32; 3]) -> [u32; 2] {
    [row[0], row[1]].map(|at| at / (RADIUS / 2.0) as u32)
}

fn away(look: (f32, f32), row: [u32; 3]) -> f32 {
    (look.0 - row[0] as f32).hypot(look.1 - row[1] as f32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_left_out_nothing_is_wrong_and_nothing_is_forgotten(
        // in runs, so that a base grows old, sometimes older than the ring
        runs in prop::collection::vec(prop_oneof![4 => (Just(true), 1usize..9), 1 => (Just(false), 1usize..40)], 8..24),
        bytes_per_s in prop_oneof![Just(0), Just(1200), 1500u32..20_000],
        far_is_rarer: bool,
        speed in 0u32..3,
    ) {
        let mut room = Room::new(60, Terms { bytes_per_s, rate_hz: RATE_HZ, far_is_rarer });
        let mut client = Client::new();
        let fates = runs.into_iter().flat_map(|(written, run)| std::iter::repeat_n(written, run));
        let mut look = (100.0, 100.0);
        for written in fates {
            room.step();
            let now = room.compose.tick;
            look = ((100 + now.0 * speed % 60) as f32, 100.0);
            client.view.look(look.0, look.1);
            let message = room.frame(&mut client);
            if written {
                client.receive(&message);
                for (id, _, _) in client.replica.newest_all() {
                    prop_assert!(client.age(id.0, now, u32::MAX).is_some(), "{:?} never was so at {:?}", id, now);
                }
            } else {
                client.view.retract();
            }
        }
        // it stands still and is served: with the bytes for that it comes up to date
        room.compose.terms.bytes_per_s *= 20;
        for _ in 0..40 {
            room.step();
            let message = room.frame(&mut client);
            client.receive(&message);
        }
        let now = room.compose.tick;
        for id in 0..60 {
            let near = away(look, body(id, now.0)) < RADIUS - 8.0;
            let age = client.age(id, now, u32::MAX);
            prop_assert!(!near || age.is_some_and(|age| age <= 3), "{id} is {:?} ticks old", age);
        }
        prop_assert!(client.hashes > 0);
    }
}

#[test]
fn what_is_far_comes_more_rarely_and_costs_less() {
    let bytes = |far_is_rarer| {
        let mut room = Room::new(400, Terms { bytes_per_s: 0, rate_hz: RATE_HZ, far_is_rarer });
        let mut client = Client::new();
        let (mut bytes, mut oldest) = (0, [0; 3]);
        for tick in 0..100 {
            room.step();
            client.view.look(100.0, 100.0);
            let message = room.frame(&mut client);
            client.receive(&message);
            if tick < 20 {
                continue;
            }
            bytes += message.len();
            for id in 0..400 {
                let away = away((100.0, 100.0), body(id, room.compose.tick.0));
                // a cell is a part of the radius; its entities may be a little beyond its border
                let borders = [0.0, 0.5, 0.72, 0.97].map(|border| border * RADIUS);
                let Some(zone) = borders.windows(2).position(|zone| (zone[0]..zone[1]).contains(&away)) else {
                    continue;
                };
                let age = client.age(id, room.compose.tick, 10);
                // one that has come from another cell is there with the next part
                let is_new = |now: u32| cell(body(id, now - 4)) != cell(body(id, now));
                assert!(age.is_some() || zone == 2 && is_new(room.compose.tick.0), "{id} is in view, {away} away");
                oldest[zone] = oldest[zone].max(age.unwrap_or(0));
            }
        }
        (bytes / 80, oldest)
    };
    let ((all, all_oldest), (some, some_oldest)) = (bytes(false), bytes(true));
    println!(
        "{all} bytes a tick, {some} where far is rarer; up to {some_oldest:?} ticks old, near, far and at the edge"
    );
    assert_eq!(all_oldest, [0, 0, 0]);
    assert_eq!(some_oldest[0], 0, "what is near is never old");
    assert_eq!(some_oldest[1], 1, "what is far is a tick old at most");
    assert!(
        (3..=6).contains(&some_oldest[2]),
        "what is at the edge three, and twice that where it goes to another cell"
    );
    assert!(some * 100 < all * 90, "{some} bytes a tick instead of {all}");
}

#[test]
fn who_gets_every_second_frame_gets_what_is_far_all_the_same() {
    let mut room = Room::new(400, Terms { bytes_per_s: 0, rate_hz: RATE_HZ, far_is_rarer: true });
    let (mut client, mut oldest) = (Client::new(), 0);
    for tick in 0..160 {
        room.step();
        client.view.look(100.0, 100.0);
        if tick % 2 == 1 {
            continue;
        }
        let message = room.frame(&mut client);
        client.receive(&message);
        for id in (0..400).filter(|_| tick > 20) {
            if away((100.0, 100.0), body(id, room.compose.tick.0)) < 0.97 * RADIUS {
                oldest = oldest.max(client.age(id, room.compose.tick, 40).unwrap_or(0));
            }
        }
    }
    assert!((2..=8).contains(&oldest), "{oldest} ticks old: a cell's turn never came");
}

#[test]
fn a_client_gets_no_more_than_its_bytes_and_the_nearest_first() {
    const BYTES_PER_S: u32 = 2000;
    let mut room = Room::new(400, Terms { bytes_per_s: BYTES_PER_S, rate_hz: RATE_HZ, far_is_rarer: false });
    let mut client = Client::new();
    let (mut bytes, mut ages) = (0, [(0, 0); 2]);
    for tick in 0..220 {
        room.step();
        client.view.look(100.0, 100.0);
        let message = room.frame(&mut client);
        client.receive(&message);
        if tick < 20 {
            continue;
        }
        bytes += message.len();
        for id in 0..400 {
            let away = away((100.0, 100.0), body(id, room.compose.tick.0));
            let zone = usize::from(away > 0.5 * RADIUS);
            if away < 0.9 * RADIUS {
                // one that came from outside may not be known at all
                let age = client.age(id, room.compose.tick, 40).unwrap_or(40);
                ages[zone] = (ages[zone].0 + age, ages[zone].1 + 1);
            }
        }
    }
    let [near, far] = ages.map(|(sum, count)| f64::from(sum) / f64::from(count));
    println!("{} bytes/s of {BYTES_PER_S}; near {near:.2} ticks old, far {far:.2}", bytes / 10);
    assert!((bytes / 10) < BYTES_PER_S as usize * 11 / 10, "{} bytes/s", bytes / 10);
    assert!(bytes / 10 > BYTES_PER_S as usize * 8 / 10, "{} bytes/s", bytes / 10);
    assert!(near + 0.3 < far, "near {near} ticks old, far {far}");
}

/// Whether or not the room has a bound of its own.
#[test]
fn a_client_whose_way_takes_less_is_sent_less() {
    const BYTES_PER_S: u32 = 1200;
    for bytes_per_s in [0, 100 * BYTES_PER_S] {
        let mut room = Room::new(400, Terms { bytes_per_s, rate_hz: RATE_HZ, far_is_rarer: false });
        let mut client = Client::new();
        let mut bytes = [0; 3];
        for tick in 0..300 {
            room.step();
            client.view.look(100.0, 100.0);
            client.view.limit(Some(BYTES_PER_S).filter(|_| (100..200).contains(&tick)), room.compose.tick);
            let message = room.frame(&mut client);
            client.receive(&message);
            // each time a while after it changed
            if tick % 100 >= 50 {
                bytes[tick / 100] += message.len();
            }
        }
        let [before, limited, after] = bytes.map(|bytes| bytes * usize::from(RATE_HZ) / 50);
        println!("{before}, {limited} and {after} bytes/s");
        assert!(limited < BYTES_PER_S as usize * 11 / 10, "{limited} bytes/s");
        assert!(before > 2 * limited && after > 2 * limited, "{before} and {after} bytes/s without it");
    }
}

/// A frame of all that is there would be longer than a client takes.
#[test]
fn one_who_sees_a_world_larger_than_a_frame_gets_it_in_several() {
    const BODIES: u32 = 450_000;
    let mut room = Room::new(BODIES, Terms { bytes_per_s: 0, rate_hz: RATE_HZ, far_is_rarer: false });
    let mut client = Client::new();
    client.view.sight(Sight::All);
    client.view.look(100.0, 100.0);
    let mut first = 0;
    for frame in 0..6 {
        room.step();
        let message = room.frame(&mut client);
        assert!(message.len() <= FRAME_MAX_BYTES, "{} bytes", message.len());
        client.receive(&message);
        let held = client.replica.newest_all().count();
        if frame == 0 {
            first = held;
            // the nearest come first
            let near =
                client.replica.newest_all().filter(|(_, _, row)| away((100.0, 100.0), [row[0], row[1], 0]) < 40.0);
            let all = (0..BODIES).filter(|id| away((100.0, 100.0), body(*id, 1)) < 40.0);
            assert_eq!(near.count(), all.count());
        }
    }
    assert!(first < BODIES as usize, "{first} at once: the world is too small for this test");
    let now = room.compose.tick;
    for id in 0..BODIES {
        assert!(client.age(id, now, 6).is_some(), "{id} is missing or wrong");
    }
}

#[test]
fn who_walks_from_cell_to_cell_is_never_said_to_be_gone() {
    let mut room = Room::new(200, Terms { bytes_per_s: 0, rate_hz: RATE_HZ, far_is_rarer: true });
    let mut client = Client::new();
    let mut seen = std::collections::BTreeSet::new();
    for tick in 0..300 {
        room.step();
        client.view.look(100.0, 100.0);
        let message = room.frame(&mut client);
        client.receive(&message);
        for change in client.replica.changes() {
            let Change::Despawned(id, _) = *change else { continue };
            let away = away((100.0, 100.0), body(id.0, room.compose.tick.0));
            // an entity may be an eighth of a cell outside of its own
            assert!(away > RADIUS - 3.0, "{id:?}, which is {away} away, was said to be gone at {tick}");
        }
        seen.extend(client.replica.newest_all().map(|(id, _, _)| id));
    }
    assert!(client.despawned > 20 && seen.len() > 100, "{} went of {}", client.despawned, seen.len());
}

#[test]
fn what_comes_more_rarely_is_drawn_as_smoothly() {
    let run = |far_is_rarer| {
        let mut room = Room::new(80, Terms { bytes_per_s: 0, rate_hz: RATE_HZ, far_is_rarer });
        room.scale = 0.25;
        let mut client = Client::new();
        let (mut uneven, mut steps, mut rarer) = (0, 0, 0);
        let mut drawn: std::collections::BTreeMap<u32, f64> = std::collections::BTreeMap::new();
        for tick in 1..300u32 {
            room.step();
            client.view.look(0.0, 0.0);
            let message = room.frame(&mut client);
            client.receive(&message);
            // as the clock draws on a fair network: one tick and a half behind
            for quarter in 0..4 {
                let moment = f64::from(tick) - 1.5 + f64::from(quarter) / 4.0;
                let now: std::collections::BTreeMap<u32, f64> = client
                    .replica
                    .at(Tick(0), moment)
                    .map(|between| {
                        let [a, b] = [between.earlier[0], between.later[0]].map(f64::from);
                        (between.id.0, a + (b - a) * f64::from(between.t))
                    })
                    .collect();
                for (id, x) in &now {
                    let speed = f64::from(1 + id % 2);
                    // straight on for some time
                    let ago = |ticks: u32| i64::from(body(*id, tick.saturating_sub(ticks))[0]);
                    let walks = ago(0) != ago(1) && (1..9).all(|at| ago(at) - ago(at + 1) == ago(0) - ago(1));
                    if tick < 20 || !walks || away((0.0, 0.0), body(*id, tick)) > RADIUS / room.scale {
                        continue;
                    }
                    let Some(before) = drawn.get(id) else { continue };
                    let step = (x - before).abs() / (speed / 4.0);
                    uneven += u32::from((step - 1.0).abs() > 0.3);
                    steps += 1;
                    rarer += u32::from(client.age(*id, Tick(tick), 4).is_some_and(|age| age > 0));
                }
                drawn = now;
            }
            client.replica.forget_before(Tick(0), f64::from(tick) - 1.5);
        }
        println!("far is rarer: {far_is_rarer}; {steps} steps, {rarer} of what is old; {uneven} uneven");
        assert!(steps > 5000 && (rarer > 1000) == far_is_rarer);
        (uneven, steps)
    };
    // one that has just come into view stands still until there is a second state of it
    let (uneven, steps) = run(false);
    assert!(uneven * 1000 < steps, "{uneven} of {steps} steps are uneven");
    // while what walks away falls back behind the others
    let (uneven, steps) = run(true);
    assert!(uneven * 80 < steps, "{uneven} of {steps} steps are uneven");
}

/// What the client tells of when its hash is not as it should be, with one channel wrong; and which.
fn report(client: &Client) -> (Vec<(u16, u32)>, u16) {
    let mut hashes: Vec<(u16, u32)> = client.replica.channel_hashes().collect();
    hashes.sort_unstable();
    let middle = hashes.len() / 2;
    hashes[middle].1 ^= 1;
    (hashes.clone(), hashes[middle].0)
}

#[test]
fn what_was_left_out_is_not_taken_for_wrong() {
    for (bytes_per_s, far_is_rarer) in [(3000, false), (0, true)] {
        let mut room = Room::new(400, Terms { bytes_per_s, rate_hz: RATE_HZ, far_is_rarer });
        let mut client = Client::new();
        let (mut told, mut healed, mut old) = (None, 0, 0);
        for tick in 0..400 {
            room.step();
            client.view.look(100.0, 100.0);
            let message = room.frame(&mut client);
            client.receive(&message);
            let now = room.compose.tick;
            if tick < 40 {
                continue;
            }
            // the way to the server takes a while
            match &told {
                None if client.frame.head.hash.is_some() => {
                    let ages = (0..400).filter_map(|id| client.age(id, now, 40));
                    old += ages.filter(|age| *age > 0).count();
                    told = Some((now, report(&client)));
                }
                Some((then, (hashes, handle))) if now.since(*then) == 5 => {
                    let mut wrong = 0;
                    client.view.heal(&room.store, *then, hashes, |_, _| wrong += 1);
                    assert_eq!(wrong, 1, "only what is wrong: {handle} of {} channels at {then:?}", hashes.len());
                    (told, healed) = (None, healed + 1);
                }
                _ => {}
            }
        }
        assert!(healed > 5 && old > 20, "{healed} were healed, while {old} bodies were older than the frame");
    }
}

#[test]
fn what_could_not_be_healed_for_want_of_bytes_is_healed_later() {
    let mut room = Room::new(200, Terms { bytes_per_s: 100_000, rate_hz: RATE_HZ, far_is_rarer: false });
    let mut client = Client::new();
    let tick = |room: &mut Room, client: &mut Client, bytes_per_s| {
        room.compose.terms.bytes_per_s = bytes_per_s;
        room.step();
        client.view.look(100.0, 100.0);
        let message = room.frame(client);
        client.receive(&message);
        client.frame.parts.iter().filter(|part| part.keyframe).map(|part| part.handle).collect::<Vec<u16>>()
    };
    for _ in 0..40 {
        tick(&mut room, &mut client, 100_000);
    }
    let (hashes, handle) = report(&client);
    let mut wrong = 0;
    let then = room.compose.tick;
    client.view.heal(&room.store, then, &hashes, |_, _| wrong += 1);
    assert_eq!(wrong, 1);
    for _ in 0..5 {
        assert!(tick(&mut room, &mut client, 1).is_empty(), "there are no bytes for it");
    }
    let healed: Vec<u16> = (0..10).flat_map(|_| tick(&mut room, &mut client, 100_000)).collect();
    assert_eq!(healed.iter().filter(|of| **of == handle).count(), 1, "{handle}, once: {healed:?}");
}
