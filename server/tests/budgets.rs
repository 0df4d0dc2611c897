//! What a room's terms do to those who are in it: no more bytes a second than they may have, while what is only theirs
//! is there at each tick.

use std::time::{Duration, Instant};

use tickwire_server::handover::{Batch, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::client::Client;
use tickwire_shared::protocol::ServerMessage;
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, World,
};

const SEATS: u16 = 3;
const BODIES: u32 = 300;
const RADIUS: f32 = 60.0;
const SIDE: f32 = 200.0;
const HZ: usize = 30;
/// What lies beyond the radius, and what is a cell or more within it.
const NEAR: f32 = 0.5 * RADIUS;

#[derive(Clone, Debug, PartialEq, World)]
enum Kinds {
    Body(Body),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Body {
    #[field(min = 0.0, max = SIDE, step = 0.01)]
    at: [f32; 2],
    /// Another one at each tick.
    #[field(min = 0, max = 65535, owner)]
    purse: u32,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

/// Bodies tremble, so that all of them change at each tick and none can be foretold.
struct Tremble {
    tick: Tick,
}

impl Body {
    fn of(id: u32, tick: Tick) -> Self {
        let noise = ((id * 7919) ^ tick.0.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b) >> 20;
        let place = |from: u32| 10.0 + (from % 180) as f32;
        let at = [place(id * 37) + noise as f32 / 1000.0, place(id * 101)];
        Self { at, purse: (tick.0 * 11 + id) % 65536 }
    }
}

impl Game for Tremble {
    const NAME: &'static str = "tremble";
    type World = Kinds;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    /// Bytes a second that the game gives each client, if it says so, and whether far is rarer.
    type Options = (Option<u32>, bool);

    fn new((bytes_per_s, far_is_rarer): Self::Options, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.seats = SEATS;
        setup.interest = Interest::Radius(RADIUS);
        setup.client_bytes_per_s = bytes_per_s;
        setup.far_is_rarer = far_is_rarer;
        Ok(Self { tick: Tick(0) })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for id in 0..BODIES {
            let body = Body::of(id, self.tick);
            let place = Place::at(body.at[0], body.at[1]);
            // two for each seat, one of them far away
            match id {
                0..6 => out.put_owned(EntityId(id), place, SeatId(id as u16 % SEATS), &body),
                _ => out.put(EntityId(id), place, &body),
            }
        }
        (0..SEATS).for_each(|seat| out.look(SeatId(seat), 100.0, 100.0));
    }
}

/// What clients saw, from the second second on.
#[derive(Debug, Default)]
struct Seen {
    /// Of one client.
    bytes_per_s: usize,
    /// The share of what is near and of what is not that was held as it is.
    fresh: [f64; 2],
}

fn play(mut room: Room<Tremble>, seconds: usize) -> Seen {
    let address = |seat: u16| LinkAddress { reactor: 0, link: LinkId(seat.into()) };
    let mut clients: Vec<Client<Tremble>> = Vec::new();
    for seat in 0..SEATS {
        assert_eq!(room.join(address(seat), Profile::default()), Ok(SeatId(seat)));
        let mut client = Client::new(Profile::default()).expect("the test's kinds are sound");
        let joined =
            ServerMessage::Joined { room: 1, seat, tick: room.tick(), rate_hz: HZ as u16, token: None, code: None };
        client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
        clients.push(client);
    }
    let (begin, mut seen, mut zones) = (Instant::now(), Seen::default(), [(0, 0); 2]);
    for tick in 0..HZ * seconds {
        let time = Duration::from_millis(tick as u64 * 1000 / HZ as u64);
        let mut sent: Option<Box<Batch>> = None;
        room.step(begin + time, |batch| {
            sent = Some(batch);
            Ok(())
        });
        let mut batch = sent.expect("clients are there, and the batch is home");
        assert_eq!(batch.frames.len(), clients.len(), "each gets a frame at each tick");
        batch.outcomes.resize(batch.frames.len(), Outcome::Written);
        for (frame, client) in batch.frames.iter().zip(&mut clients) {
            let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
            client.handle_message(time, &message).expect("a sound frame");
            let owned: Vec<EntityId> = client.owned().collect();
            assert_eq!(owned.len(), 2, "what it owns, wherever that is");
            // its private part is of now, whatever else there was no room for
            for (id, Kinds::Body(body)) in client.newest_all() {
                let now = Body::of(id.0, room.tick());
                let is_own = owned.contains(&id);
                assert_eq!(body.purse, if is_own { now.purse } else { 0 }, "{id:?} at {:?}", room.tick());
            }
            if tick >= HZ {
                seen.bytes_per_s += message.len();
                for id in 0..BODIES {
                    let Body { at: [x, y], .. } = Body::of(id, room.tick());
                    let away = (x - 100.0).hypot(y - 100.0);
                    if away > 0.9 * RADIUS {
                        continue;
                    }
                    let zone = &mut zones[usize::from(away > NEAR)];
                    let is_fresh =
                        client.newest(EntityId(id)).is_some_and(|Kinds::Body(body)| (body.at[0] - x).abs() < 0.006);
                    *zone = (zone.0 + usize::from(is_fresh), zone.1 + 1);
                }
            }
        }
        room.home(batch);
    }
    seen.bytes_per_s /= (seconds - 1) * usize::from(SEATS);
    seen.fresh = zones.map(|(fresh, all)| fresh as f64 / all as f64);
    println!("{seen:?}");
    seen
}

fn room(bytes_per_s: Option<u32>, far_is_rarer: bool) -> Room<Tremble> {
    Room::new(RoomId(1), (bytes_per_s, far_is_rarer), 1, 0, 1).expect("the test's game starts")
}

#[test]
fn a_clients_bytes_are_bounded_by_its_game_or_by_the_server_and_what_is_its_own_comes_all_the_same() {
    const SECONDS: usize = 6;
    let all = play(room(None, false), SECONDS);
    assert_eq!(all.fresh, [1.0, 1.0], "without a bound everything is new");
    for (game, server, bound) in [(Some(3000), 0, 3000), (None, 3000, 3000), (Some(5000), 100, 5000)] {
        let seen = play(room(game, false).with_client_bytes(server), SECONDS);
        assert!(all.bytes_per_s > 2 * bound, "{} bytes/s without a bound", all.bytes_per_s);
        let within = bound * 8 / 10..bound * 11 / 10;
        assert!(within.contains(&seen.bytes_per_s), "{game:?}, {server}: {seen:?}");
        assert!(seen.fresh[0] > seen.fresh[1] && seen.fresh[1] < 0.9, "the nearest first: {seen:?}");
    }
    let unlimited = play(room(Some(0), false).with_client_bytes(3000), SECONDS);
    assert_eq!(unlimited.bytes_per_s, all.bytes_per_s, "a game may say that there is no bound");
}

#[test]
fn the_private_part_comes_even_where_there_are_no_bytes_for_anything_else() {
    let seen = play(room(Some(1), true), 3);
    assert!(seen.fresh[0] < 0.1, "{seen:?}");
}

#[test]
fn where_far_is_rarer_what_is_near_is_not() {
    let [all, tiers] = [false, true].map(|far_is_rarer| play(room(None, far_is_rarer), 4));
    assert_eq!(tiers.fresh[0], 1.0, "{tiers:?}");
    assert!(tiers.fresh[1] < 0.95 && tiers.bytes_per_s * 100 < all.bytes_per_s * 95, "{tiers:?} of {all:?}");
}
