//! A room and its clients without sockets or threads: whatever becomes of frames and batches, every client that
//! received a frame holds exactly what the room sent, and every event once and in order. That goes for connections that
//! break, too: their clients come back to their seats, and who is there before and after is neither gone nor new.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tickwire_server::handover::{Batch, LinkAddress, RoomId, StayId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::client::{Client, Event, Returning};
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::protocol::input::{TickInput, ViewLag};
use tickwire_shared::protocol::{ClientMessage, ResumeClaim, ResumeToken, ServerMessage};
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, To,
    World,
};

const RADIUS: f32 = 100.0;
const WORLD: u32 = 600;
const CROWD: u32 = 150;

/// Everything about it follows from tick and id, so that the truth is known without asking the room.
struct Crowd {
    tick: Tick,
    seats: Vec<SeatId>,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Walker(Walker),
    Flag(Flag),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Walker {
    #[field(min = 0, max = 599)]
    x: u32,
    #[field(min = 0, max = 599)]
    y: u32,
    #[field(max_bytes = 6)]
    name: String,
    #[field(min = 0, max = 1000, owner)]
    secret: u32,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Flag {
    up: bool,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

fn noise(a: u32, b: u32) -> u32 {
    let x = a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b);
    (x ^ (x >> 15)).wrapping_mul(0x2c1b_3c6d) >> 8
}

/// Walkers come and go, stand still for a while, walk; some jump across the world.
fn walker(id: u32, tick: Tick) -> Option<Walker> {
    let phase = tick.0 / 40;
    if noise(id, phase).is_multiple_of(5) {
        return None;
    }
    let (x, y) = (noise(id, phase / 3) % WORLD, noise(id, phase / 3 + 1000) % WORLD);
    let walked = if noise(id, phase + 77).is_multiple_of(2) { tick.0 } else { phase * 40 };
    let name = format!("w{}", noise(id, tick.0 / 100) % 9999);
    Some(Walker { x: (x + walked) % WORLD, y: (y + walked / 2) % WORLD, name, secret: 0 })
}

fn own(seat: SeatId, tick: Tick) -> Walker {
    let at = u32::from(seat.0) * 37 + tick.0 * 3;
    Walker { x: at % WORLD, y: at / 2 % WORLD, name: "me".into(), secret: (tick.0 / 5) % 1000 }
}

fn flag(id: u32, tick: Tick) -> Option<Flag> {
    (!noise(id, tick.0 / 64).is_multiple_of(3)).then(|| Flag { up: noise(id, tick.0 / 8).is_multiple_of(2) })
}

impl Game for Crowd {
    const NAME: &'static str = "crowd";
    /// That fit nothing: some of this game's deltas go through the range coder all the same, the demo's are Rice codes.
    const TABLES: &'static [u8] = &[77; tickwire_shared::delta::Tables::BYTES];
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = u32;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.interest = Interest::Radius(RADIUS);
        setup.seats = 8;
        Ok(Self { tick: Tick(0), seats: Vec::new() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.seats.push(seat);
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.seats.retain(|other| *other != seat);
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        step.send(To::All, self.tick.0);
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for id in 0..CROWD {
            if let Some(walker) = walker(id, self.tick) {
                out.put(EntityId(id), Place::at(walker.x as f32, walker.y as f32), &walker);
            }
        }
        for id in 0..5 {
            if let Some(flag) = flag(id, self.tick) {
                out.put(EntityId(5000 + id), Place::Everywhere, &flag);
            }
        }
        for seat in &self.seats {
            let own = own(*seat, self.tick);
            let (x, y) = (own.x as f32, own.y as f32);
            out.put_owned(EntityId(9000 + u32::from(seat.0)), Place::at(x, y), *seat, &own);
            out.look(*seat, x, y);
        }
    }
}

/// What a link does with the next frame that it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Written,
    /// Kept in the link for so many ticks, then delivered.
    Left(u8),
    Skipped,
}

struct Player {
    link: LinkId,
    seat: SeatId,
    client: Client<Crowd>,
    /// Delivered when the count is down.
    leftover: Option<(u8, Vec<u8>)>,
    last_event: Option<u32>,
    frames: u32,
    broken: Option<Broken>,
    /// How often it came back.
    returned: u32,
    /// Keyframes in the last frame, and parts.
    last_parts: (usize, usize),
    /// As the client's spawns and despawns say.
    there: BTreeSet<EntityId>,
}

/// A connection that breaks.
#[derive(Clone, Copy, Debug)]
struct Broken {
    /// So many ticks' frames are written and never arrive.
    vanish: u8,
    /// So many ticks later the client is back.
    gap: u8,
    /// The server sees that the connection is gone; else the client takes over from it.
    noticed: bool,
}

/// So many of the test's events, one a tick, a room keeps at least for one who is away.
const EVENTS_KEPT: i32 = 100;

const TOKEN: Option<ResumeToken> = Some(ResumeToken([7; 32]));

impl Player {
    fn join(room: &mut Room<Crowd>, link: u64) -> Self {
        let link = LinkId(link);
        let seat = room.join(LinkAddress { reactor: 0, link }, Profile::default()).expect("there is space");
        room.name_stay(seat, StayId(link.0));
        let client = Client::<Crowd>::new(Profile::default()).expect("the test's kinds are sound");
        let mut client = client.returning(Returning::new(link.0));
        let joined =
            ServerMessage::Joined { room: 1, seat: seat.0, tick: room.tick(), rate_hz: 30, token: TOKEN, code: None };
        client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
        Self {
            link,
            seat,
            client,
            leftover: None,
            last_event: None,
            frames: 0,
            broken: None,
            returned: 0,
            last_parts: (0, 0),
            there: BTreeSet::new(),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::from(self.frames) * 33)
    }

    /// One more tick of a connection that breaks.
    fn break_on(&mut self, room: &mut Room<Crowd>) {
        let Some(mut broken) = self.broken else { return };
        let address = LinkAddress { reactor: 0, link: self.link };
        if broken.vanish > 0 {
            broken.vanish -= 1;
            if broken.vanish == 0 {
                assert!(self.client.handle_disconnected(self.now(), 1006, "it broke"));
                self.leftover = None;
                if broken.noticed {
                    room.lost(self.seat, address);
                }
            }
        } else if broken.gap > 0 {
            broken.gap -= 1;
        } else {
            return self.come_back(room, broken.noticed);
        }
        self.broken = Some(broken);
    }

    fn come_back(&mut self, room: &mut Room<Crowd>, noticed: bool) {
        assert!(self.client.poll_connect(self.now() + Duration::from_secs(50)), "it waits long enough");
        self.client.handle_connected();
        let said: Vec<_> = std::iter::from_fn(|| self.client.poll_transmit()).collect();
        let Ok(ClientMessage::Resume(claim)) = ClientMessage::decode(&said[1]) else { panic!("no resume: {said:?}") };
        assert!(claim.is_sound());
        let before = LinkAddress { reactor: 0, link: self.link };
        let stay = StayId(self.link.0 % 100);
        self.link = LinkId(self.link.0 + 100);
        let link = LinkAddress { reactor: 0, link: self.link };
        let returned = room.resume(stay, link, &claim).expect("its seat is held");
        assert_eq!(returned.seat, self.seat);
        let (lost, missed) = (returned.events_lost, self.client.tick().map_or(0, |last| room.tick().since(last)));
        assert!(lost == 0 || missed > EVENTS_KEPT, "{lost} events are lost to one who missed {missed} ticks");
        // what comes next is what was not lost
        self.last_event = self.last_event.map(|last| last + lost);
        assert_eq!(returned.taken_from, (!noticed).then_some(before));
        let (seat, tick, token) = (self.seat.0, room.tick(), ResumeToken([7; 32]));
        let resumed = ServerMessage::Resumed { room: 1, seat, tick, rate_hz: 30, token, events_lost: lost, code: None };
        self.client.handle_message(self.now(), &resumed.encode()).expect("it asked for its seat");
        (self.broken, self.returned) = (None, self.returned + 1);
    }

    fn deliver(&mut self, message: &[u8], room_seats: &[SeatId]) {
        let now = self.now();
        let mut frame = self.client.tick().map_or_else(Frame::default, Frame::after);
        frame.parse(message).expect("the room's frames are sound");
        self.last_parts = (frame.parts.iter().filter(|part| part.keyframe).count(), frame.parts.len());
        self.client.handle_message(now, message).expect("the room's frames are sound");
        self.frames += 1;
        self.check_events();
        self.check_state(room_seats);
    }

    fn check_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Game(number) => {
                    if let Some(last) = self.last_event {
                        assert_eq!(number, last + 1, "events come once each and in order");
                    }
                    self.last_event = Some(number);
                }
                Event::Spawned(id) => assert!(self.there.insert(id), "{id:?} is there already"),
                Event::Despawned(id) => assert!(self.there.remove(&id), "{id:?} is not there"),
                Event::Desync { tick } => panic!("desync at {tick:?}"),
                _ => {}
            }
        }
        let held: BTreeSet<EntityId> = self.client.newest_all().map(|(id, _)| id).collect();
        assert_eq!(self.there, held, "what came and went is what is there");
    }

    /// All that is near is there, all that is there is true and not far.
    fn check_state(&self, room_seats: &[SeatId]) {
        let tick = self.client.tick().expect("a frame was applied");
        let me = own(self.seat, tick);
        let away = |x: u32, y: u32| (x as f32 - me.x as f32).hypot(y as f32 - me.y as f32);
        let mut expected: Vec<(u32, Thing, f32)> = Vec::new();
        for id in 0..CROWD {
            expected
                .extend(walker(id, tick).map(|w| (id, away(w.x, w.y), w)).map(|(id, d, w)| (id, Thing::Walker(w), d)));
        }
        for id in 0..5 {
            expected.extend(flag(id, tick).map(|flag| (5000 + id, Thing::Flag(flag), 0.0)));
        }
        for seat in room_seats {
            let mut other = own(*seat, tick);
            if *seat != self.seat {
                other.secret = 0;
            }
            let away = away(other.x, other.y);
            expected.push((9000 + u32::from(seat.0), Thing::Walker(other), away));
        }
        for (id, thing, away) in &expected {
            let held = self.client.newest(EntityId(*id));
            match held {
                Some(held) => {
                    assert_eq!(&held, thing, "entity {id} at {tick:?}");
                    assert!(*away < RADIUS * 2.2, "entity {id} is {away} away and should not be known");
                }
                // a cell's border is soft by an eighth
                None => assert!(*away > RADIUS - RADIUS / 2.0 * 0.125 * 1.5, "entity {id} is {away} away and unknown"),
            }
        }
        for (id, _) in self.client.newest_all() {
            assert!(expected.iter().any(|(expected, _, _)| *expected == id.0), "{id:?} is a ghost at {tick:?}");
        }
        assert_eq!(self.client.owned().collect::<Vec<_>>(), [EntityId(9000 + u32::from(self.seat.0))]);
    }
}

/// One tick's weather.
#[derive(Clone, Debug)]
struct Weather {
    /// For each player.
    fates: Vec<Fate>,
    /// The reactor sends the batch home only after so many ticks.
    behind: u8,
    /// The reactor's inbox is full.
    full: bool,
    /// A player whose client asks for keyframes, and whether of all channels or of some.
    resync: Option<(u16, bool)>,
    /// A player whose connection breaks now.
    breaks: Option<(u16, Broken)>,
}

fn weather() -> impl Strategy<Value = Weather> {
    let fate = prop_oneof![8 => Just(Fate::Written), 1 => (1u8..45).prop_map(Fate::Left), 1 => Just(Fate::Skipped)];
    let fates = prop::collection::vec(fate, 3);
    let behind = prop_oneof![9 => Just(0u8), 1 => 1u8..40];
    let resync = prop_oneof![15 => Just(None), 1 => (0u16..3, any::<bool>()).prop_map(Some)];
    let broken = (1u8..6, prop_oneof![4 => 0u8..8, 1 => 8u8..60], any::<bool>())
        .prop_map(|(vanish, gap, noticed)| Broken { vanish, gap, noticed });
    let breaks = prop_oneof![12 => Just(None), 1 => (0u16..3, broken).prop_map(Some)];
    (fates, behind, prop::bool::weighted(0.05), resync, breaks)
        .prop_map(|(fates, behind, full, resync, breaks)| Weather { fates, behind, full, resync, breaks })
}

/// The reactor's part: gives frames to players as the weather has it, and fills the receipt.
fn write(batch: &mut Batch, players: &mut [Player], weather: &Weather, room_seats: &[SeatId]) {
    for i in 0..batch.frames.len() {
        let frame = &batch.frames[i];
        let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
        let place = players.iter().position(|player| player.link == frame.link).expect("frames go to players");
        let player = &mut players[place];
        if player.broken.is_some() {
            batch.outcomes.push(match weather.fates[place % weather.fates.len()] {
                Fate::Written => Outcome::Written,
                Fate::Left(_) => Outcome::Left(1),
                Fate::Skipped => Outcome::Skipped,
            });
            continue;
        }
        assert!(player.leftover.is_none(), "a frame was composed for a link that still holds one");
        let outcome = match weather.fates[place % weather.fates.len()] {
            Fate::Written => {
                player.deliver(&message, room_seats);
                Outcome::Written
            }
            Fate::Left(ticks) => {
                player.leftover = Some((ticks, message));
                Outcome::Left(1)
            }
            Fate::Skipped => Outcome::Skipped,
        };
        batch.outcomes.push(outcome);
    }
    for (link, seat) in &batch.blocked {
        if players.iter().any(|player| player.link == *link && player.leftover.is_none()) {
            batch.drained.push((*link, *seat));
        }
    }
}

fn play(weathers: &[Weather]) -> Vec<Player> {
    play_in(&mut Room::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts"), weathers)
}

fn play_in(room: &mut Room<Crowd>, weathers: &[Weather]) -> Vec<Player> {
    let mut players: Vec<Player> = (0..3).map(|link| Player::join(room, link)).collect();
    let seats: Vec<SeatId> = players.iter().map(|player| player.seat).collect();
    let start = Instant::now();
    let mut away: Option<(u8, Box<Batch>)> = None;
    for (n, weather) in (0..).zip(weathers) {
        if let Some((ticks, batch)) = away.take() {
            if ticks == 0 {
                room.home(batch);
            } else {
                away = Some((ticks - 1, batch));
            }
        }
        if let Some((place, broken)) = weather.breaks
            && let player = &mut players[usize::from(place)]
            && player.client.tick().is_some()
        {
            player.broken.get_or_insert(broken);
        }
        players.iter_mut().for_each(|player| player.break_on(room));
        if let Some((seat, all)) = weather.resync {
            let link = LinkAddress { reactor: 0, link: players[usize::from(seat)].link };
            if all {
                room.resync(SeatId(seat), link);
            } else {
                room.desync(SeatId(seat), link, room.tick(), &[(0, 1), (2, 3), (7, 9), (300, 2)]);
            }
        }
        room.step(start + Duration::from_millis(33) * n, |mut batch| {
            assert!(away.is_none(), "a second batch was sent while the first was away");
            if weather.full {
                return Err(batch);
            }
            write(&mut batch, &mut players, weather, &seats);
            away = Some((weather.behind, batch));
            Ok(())
        });
        for player in players.iter_mut().filter(|player| player.broken.is_none()) {
            if let Some((ticks, message)) = player.leftover.take() {
                if ticks == 0 {
                    player.deliver(&message, &seats);
                } else {
                    player.leftover = Some((ticks - 1, message));
                }
            }
        }
    }
    players
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_weather_clients_hold_what_was_sent(weathers in prop::collection::vec(weather(), 20..260)) {
        play(&weathers);
    }
}

#[test]
fn in_fair_weather_every_tick_arrives_and_hashes_are_compared() {
    let fair = Weather { fates: vec![Fate::Written], behind: 0, full: false, resync: None, breaks: None };
    let mut room = Room::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    for player in play_in(&mut room, &vec![fair; 300]) {
        assert_eq!(player.frames, 300);
        assert_eq!(player.last_event, Some(300));
        let stats = player.client.stats();
        assert!(stats.hashes_checked >= 18, "{} hashes were compared", stats.hashes_checked);
        assert_eq!(stats.desyncs, 0);
    }
    let (ranged, deltas) = (room.traffic().ranged.sent, room.traffic().layers.public.deltas.sent);
    assert!(ranged * 10 > deltas && ranged * 10 < 9 * deltas, "by the range coder are {ranged} bits of {deltas}");
}

#[test]
fn who_comes_back_within_the_ring_gets_deltas_and_after_it_keyframes() {
    let fair = Weather { fates: vec![Fate::Written], behind: 0, full: false, resync: None, breaks: None };
    for (gap, within) in [(0, true), (10, true), (40, false)] {
        for noticed in [true, false] {
            let mut weathers = vec![fair.clone(); 200];
            weathers[100].breaks = Some((1, Broken { vanish: 3, gap, noticed }));
            let players = play(&weathers[..100 + 3 + usize::from(gap) + 1]);
            let first = &players[1];
            assert_eq!((first.returned, players[0].returned), (1, 0));
            let (keyframes, parts) = first.last_parts;
            let as_expected = if within { 3 * keyframes < parts } else { keyframes == parts };
            assert!(parts >= 5 && as_expected, "of {parts} parts {keyframes} were keyframes after {gap} ticks");
            assert_eq!(play(&weathers)[1].last_event, Some(200), "every event came, those of the gap too");
        }
    }
}

#[test]
fn every_client_is_checked_at_whatever_rate_it_is_served() {
    for every in 1..5 {
        let served = Weather { fates: vec![Fate::Written], behind: every - 1, full: false, resync: None, breaks: None };
        for player in play(&vec![served; 400]) {
            let checked = player.client.stats().hashes_checked;
            assert!(checked >= 12, "a client that is served every {every} ticks compared {checked} hashes");
        }
    }
}

fn input(tick: u32) -> TickInput {
    TickInput { tick: Tick(tick), lag: ViewLag::default(), lanes: [1, 0, 0, 0, 0, 0, 0, 0] }
}

#[test]
fn what_the_last_occupant_of_a_seat_wanted_is_not_the_next_ones_wish() {
    let mut room = Room::<Crowd>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    let address = |link| LinkAddress { reactor: 0, link: LinkId(link) };
    let seat = room.join(address(1), Profile::default()).expect("there is space");
    assert!(room.leave(seat, address(1), Leave::Left));
    assert_eq!(room.join(address(2), Profile::default()), Ok(seat));
    for tick in 1..8 {
        room.input(seat, address(1), input(tick), Instant::now());
    }
    room.command(seat, address(1), &[]);
    let counts = room.take_counts();
    assert_eq!((counts.inputs_unused, counts.commands_dropped), (7, 1));
    room.input(seat, address(2), input(3), Instant::now());
    room.command(seat, address(2), &[]);
    let counts = room.take_counts();
    assert_eq!((counts.inputs_unused, counts.commands_dropped), (0, 0));
}

#[test]
fn a_newcomer_in_a_left_seat_starts_clean() {
    let mut room = Room::<Crowd>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    let first = Player::join(&mut room, 1);
    let fair = Weather { fates: vec![Fate::Written], behind: 0, full: false, resync: None, breaks: None };
    let step = |room: &mut Room<Crowd>, players: &mut Vec<Player>, keep: bool| {
        let seats: Vec<SeatId> = players.iter().map(|player| player.seat).collect();
        let mut sent = None;
        room.step(Instant::now(), |mut batch| {
            write(&mut batch, players, &fair, &seats);
            sent = Some(batch);
            Ok(())
        });
        if keep { sent } else { sent.map(|batch| room.home(batch)).and(None) }
    };
    let mut players = vec![first];
    for _ in 0..10 {
        step(&mut room, &mut players, false);
    }
    // the first leaves while its frame is away, a second takes the seat, then the receipt comes
    let away = step(&mut room, &mut players, true).expect("a batch was sent");
    let address = LinkAddress { reactor: 0, link: LinkId(1) };
    assert!(room.leave(players[0].seat, address, Leave::Lost));
    assert!(!room.leave(players[0].seat, address, Leave::Lost), "a seat is left once");
    players = vec![Player::join(&mut room, 2)];
    room.home(away);
    for _ in 0..10 {
        step(&mut room, &mut players, false);
    }
    assert_eq!(players[0].frames, 10);
}

fn lie() -> impl Strategy<Value = ResumeClaim> {
    let tick = prop_oneof![
        Just(None),
        (0u32..60).prop_map(|tick| Some(Tick(tick))),
        any::<u32>().prop_map(|tick| Some(Tick(tick)))
    ];
    let channels = prop::collection::btree_map(0u16..40, prop_oneof![Just(0u32), any::<u32>()], 0..30);
    let events = prop_oneof![Just(None), any::<u32>().prop_map(Some), (0u32..60).prop_map(Some)];
    (tick, channels, events).prop_map(|(tick, channels, events)| {
        let token = ResumeToken([7; 32]);
        ResumeClaim { token, attempt: 1, events, tick, channels: channels.into_iter().collect() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn who_lies_about_what_it_holds_harms_nobody_else(lies in prop::collection::vec(lie(), 1..5)) {
        let mut room = Room::<Crowd>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
        let mut players: Vec<Player> = (0..2).map(|link| Player::join(&mut room, link)).collect();
        let seats: Vec<SeatId> = players.iter().map(|player| player.seat).collect();
        let fair = Weather { fates: vec![Fate::Written], behind: 0, full: false, resync: None, breaks: None };
        for (tick, lie) in (0..50).zip(std::iter::repeat_n(None, 20).chain(lies.iter().map(Some)).chain(std::iter::repeat(None))) {
            if let Some(lie) = lie {
                let link = LinkId(players[1].link.0 + 100);
                room.resume(StayId(1), LinkAddress { reactor: 0, link }, lie).expect("it has a seat");
                // its frames go nowhere from now on
                players[1].link = link;
                players[1].broken = Some(Broken { vanish: 99, gap: 0, noticed: false });
            }
            let mut home = None;
            room.step(Instant::now() + Duration::from_millis(33) * tick, |mut batch| {
                write(&mut batch, &mut players, &fair, &seats);
                home = Some(batch);
                Ok(())
            });
            home.into_iter().for_each(|batch| room.home(batch));
        }
        prop_assert_eq!((players[0].frames, players[0].last_event), (50, Some(50)));
    }
}
