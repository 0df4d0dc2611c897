//! Arena's pilots at a table of their own: the game, and each pilot's client, in memory and without a clock.

use std::time::Duration;

use tickwire_arena::{Arena, Cause, Entity, Event, Options, Ship, TICK_HZ};
use tickwire_bots::Behaviour;
use tickwire_bots::behaviour::Pilot;
use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{Layout, Part, RowBuffer, encode_keyframe, encode_row};
use tickwire_shared::protocol::ServerMessage;
use tickwire_shared::protocol::frame::{Contents, FrameHead, write_head, write_owned, write_part_head};
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::{Client, Game, Profile, Publisher, Rng, Schema, SeatId, Setup, Step, Tick, TickRate, World};

/// The game and who plays it. Every client is told everything, as a keyframe, at every tick.
struct Table {
    game: Arena,
    rng: Rng,
    layout: Layout,
    tick: Tick,
    now: Duration,
    players: Vec<(Client<Arena>, Pilot)>,
    published: Published,
    /// What ended ships, from the news: once for each who is told.
    ends: Vec<Cause>,
}

impl Table {
    fn new(pilots: u16, seed: u64) -> Self {
        let mut setup = Setup::new(seed);
        let mut game = Arena::new(Options::default(), &mut setup).expect("the defaults are fine");
        let schema = Schema::of::<Arena>();
        let (tick, now) = (Tick(1), Duration::ZERO);
        let mut player = |seat: u16| {
            game.join(SeatId(seat), &Profile::named(&format!("p{seat}"))).expect("there is a seat");
            let mut client = Client::new(Profile::default()).expect("Arena's kinds are fine");
            let joined = ServerMessage::Joined {
                room: 1,
                seat,
                tick,
                rate_hz: setup.rate.per_second(),
                token: None,
                code: None,
            };
            client.handle_message(now, &joined.encode()).expect("it waits for that");
            (client, Pilot::new(seed.wrapping_add(u64::from(seat))))
        };
        let players = (0..pilots).map(&mut player).collect();
        let layout = Layout::new(&schema).expect("Arena's kinds are fine");
        Self { game, rng: setup.rng, layout, tick, now, players, published: Published::default(), ends: Vec::new() }
    }

    /// A tick: all decide, the game moves, all see.
    fn turn(&mut self) {
        let (now, rate) = (self.now, TickRate::hz(TICK_HZ));
        let inputs: Vec<_> = self.players.iter_mut().map(|(client, pilot)| Some(pilot.drive(client, now))).collect();
        let (mut commands, mut events) = (Vec::new(), Vec::new());
        self.tick = self.tick.next();
        self.now += rate.interval();
        self.game.tick(&mut Step::new(self.tick, rate, &inputs, &mut commands, &mut events, &mut self.rng));
        self.ends.extend(events.iter().map(|(_, Event::Kill { cause, .. })| *cause));
        self.published.clear();
        self.game.publish(&mut Publisher::new(&mut self.published));
        self.published.entities.sort_by_key(|entity| entity.id);
        for seat in 0..self.players.len() {
            let frame = self.frame(SeatId(seat as u16));
            let (client, _) = &mut self.players[seat];
            client.handle_message(self.now, &frame).expect("the frame is right");
            while client.poll_event().is_some() {}
        }
    }

    fn frame(&self, seat: SeatId) -> Vec<u8> {
        let mut rows = RowBuffer::default();
        let mut owned = Vec::new();
        let mine: Vec<_> = self.published.entities.iter().filter(|entity| entity.owner == Some(seat)).collect();
        let mut bits = BitWriter::new(&mut owned);
        bits.count(mine.len() as u32, 1);
        for entity in &mine {
            let kind = self.layout.kind(entity.kind).expect("a kind of Arena");
            bits.write(entity.id.0, 32);
            bits.write(entity.kind.into(), 16);
            encode_row(kind, Part::Owner, self.row(entity), &mut bits);
        }
        bits.finish();
        for entity in &self.published.entities {
            let row = self.row(entity);
            rows.push(entity.id, entity.kind, row.len()).copy_from_slice(row);
        }
        let mut part = Vec::new();
        encode_keyframe(&self.layout, rows.rows(), &mut part);
        let mut frame = Vec::new();
        let head = FrameHead { tick: self.tick, reset: true, ..FrameHead::default() };
        write_head(&head, None, &[], Contents { owned: true, events: false, parts: 1, in_order: false }, &mut frame);
        write_owned(&owned, &mut frame);
        write_part_head(0, true, None, &mut frame);
        frame.extend_from_slice(&part);
        frame
    }

    fn row(&self, entity: &PutEntity) -> &[u32] {
        let lanes = self.layout.kind(entity.kind).expect("a kind of Arena").lanes();
        &self.published.lanes[entity.first_lane..entity.first_lane + lanes]
    }

    /// The ships as the game published them last.
    fn ships(&self) -> Vec<Ship> {
        let ship = |entity: &PutEntity| match Entity::from_lanes(entity.kind, self.row(entity)) {
            Some(Entity::Ship(ship)) => Some(ship),
            _ => None,
        };
        self.published.entities.iter().filter_map(ship).collect()
    }
}

fn after_half_a_minute(pilots: u16, seed: u64) -> Table {
    let mut table = Table::new(pilots, seed);
    (0..30 * TICK_HZ).for_each(|_| table.turn());
    table
}

#[test]
fn pilots_find_each_other_and_fight() {
    for seed in 1..=3 {
        let table = after_half_a_minute(12, seed);
        let count = |cause| table.ends.iter().filter(|end| **end == cause).count();
        let (shot, rock, ram) = (count(Cause::Shot), count(Cause::Rock), count(Cause::Ram));
        assert!(shot >= 8, "seed {seed}: {shot} were shot");
        assert!((rock + ram) * 3 < shot, "seed {seed}: {shot} were shot, {rock} hit rocks and {ram} each other");
        let idle = table.ships().iter().filter(|ship| !ship.drone && ship.score == 0).count();
        assert!(idle <= 1, "seed {seed}: {idle} of 12 hit nothing");
    }
}

#[test]
fn the_same_seed_plays_the_same_game() {
    assert_eq!(after_half_a_minute(6, 5).ships(), after_half_a_minute(6, 5).ships());
}
