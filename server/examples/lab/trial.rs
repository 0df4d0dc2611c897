//! One player in a room of its own, through a scripted connection, in virtual time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickwire_arena::ship::{drawn_at, drawn_heading};
use tickwire_arena::{Arena, Entity, Input, Options, Ship};
use tickwire_server::handover::{Batch, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::client::{Client, Event, Stats};
use tickwire_shared::delta::KindLayout;
use tickwire_shared::protocol::{ClientMessage, ServerMessage, TAG_INPUT, input};
use tickwire_shared::{Profile, Replicate, SeatId, Tick};

use crate::link::{Link, Weather};
use crate::player::Player;

/// Time from one picture to the next, in seconds: no multiple of which is a tick, so that all phases occur.
const PICTURE_S: f64 = 1.0 / 59.94;
/// Joining and settling are not counted.
pub(crate) const WARM_UP_S: f64 = 10.0;
/// The client's clock is another one: it began earlier, and runs faster.
const CLOCK: (f64, f64) = (1234.567, 1.000_05);

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) played_s: f64,
    pub(crate) pictures: u64,
    /// Pictures whose moment had no state after it.
    pub(crate) starved: u64,
    /// Sum of how far pictures lay behind what would be newest without jitter, in seconds.
    pub(crate) behind_s: f64,
    /// From an input's arrival at the server to the frame that has its effect, in seconds.
    pub(crate) waits_s: Vec<f64>,
    /// Turns begun while the ship flew straight, and those that the next picture did not show.
    pub(crate) turns: u64,
    pub(crate) turns_late: u64,
    /// Largest step of the drawn ship from one picture to the next, in units.
    pub(crate) step_max: f32,
    pub(crate) stats: Stats,
}

struct Trial {
    room: Room<Arena>,
    seat: SeatId,
    address: LinkAddress,
    client: Client<Arena>,
    layout: KindLayout,
    up: Link,
    down: Link,
    start: Instant,
    interval_s: f64,
    /// Arrivals of inputs at the server that were not yet used.
    arrived: VecDeque<(Tick, f64)>,
    /// As it was drawn last.
    ship: Option<Ship>,
    flies_straight: bool,
    seen: Seen,
    weather: Weather,
}

/// Plays for `played_s` seconds.
pub(crate) fn play(weather: Weather, played_s: f64, seed: u64) -> Seen {
    let options = Options { seats: 1, rocks: 0, drones: 0, ..Options::default() };
    let mut room = Room::<Arena>::new(RoomId(1), options, seed, 0, 1).expect("the options are sound");
    let address = LinkAddress { reactor: 0, link: LinkId(1) };
    let seat = room.join(address, Profile::default()).expect("there is a seat");
    let client =
        Client::<Arena>::new(Profile::default()).expect("the kinds are sound").predict().expect("so are fields");
    let interval_s = room.rate().interval().as_secs_f64();
    let layout = KindLayout::new(&Input::schema()).expect("a sound input");
    let (up, down) = (Link::new(weather, seed ^ 1), Link::new(weather, seed ^ 2));
    let mut trial = Trial {
        room,
        seat,
        address,
        client,
        layout,
        up,
        down,
        start: Instant::now(),
        interval_s,
        arrived: VecDeque::new(),
        ship: None,
        flies_straight: false,
        seen: Seen::default(),
        weather,
    };
    let rate_hz = trial.room.rate().per_second();
    let joined =
        ServerMessage::Joined { room: 1, seat: seat.0, tick: trial.room.tick(), rate_hz, token: None, code: None };
    trial.down.send(0.0, joined.encode());
    trial.run(WARM_UP_S + played_s, seed);
    trial.seen
}

impl Trial {
    fn run(&mut self, until_s: f64, seed: u64) {
        let mut player = Player::new(seed ^ 3);
        let mut before = None;
        let (mut tick, mut picture) = (0u64, 0u64);
        loop {
            let (tick_s, picture_s) = (tick as f64 * self.interval_s, 0.0071 + picture as f64 * PICTURE_S);
            if tick_s <= picture_s {
                self.step(tick_s);
                tick += 1;
            } else {
                if picture_s > until_s {
                    break;
                }
                before.get_or_insert_with(|| self.client.stats());
                if picture_s <= WARM_UP_S {
                    before = Some(self.client.stats());
                }
                self.picture(picture_s, &mut player);
                picture += 1;
            }
        }
        let (before, after) = (before.unwrap_or_default(), self.client.stats());
        self.seen.played_s = until_s - WARM_UP_S;
        self.seen.stats = Stats {
            corrections: after.corrections - before.corrections,
            jumps: after.jumps - before.jumps,
            desyncs: after.desyncs,
            ..after
        };
    }

    /// One tick of the room.
    fn step(&mut self, now_s: f64) {
        while let Some((at_s, message)) = self.up.receive(now_s) {
            self.take(at_s, &message);
        }
        let mut frames = Vec::new();
        let now = self.start + Duration::from_secs_f64(now_s);
        let mut sent: Option<Box<Batch>> = None;
        self.room.step(now, |mut batch| {
            for frame in &batch.frames {
                frames.push(batch.frame_bytes(frame).flatten().copied().collect::<Vec<u8>>());
            }
            batch.outcomes.resize(batch.frames.len(), Outcome::Written);
            sent = Some(batch);
            Ok(())
        });
        sent.into_iter().for_each(|batch| self.room.home(batch));
        let tick = self.room.tick();
        while let Some((_, at_s)) = self.arrived.pop_front_if(|(stamp, _)| !stamp.is_after(tick)) {
            if now_s > WARM_UP_S {
                self.seen.waits_s.push(now_s - at_s);
            }
        }
        frames.into_iter().for_each(|frame| self.down.send(now_s, frame));
    }

    /// A message of the client has come to the server.
    fn take(&mut self, at_s: f64, message: &[u8]) {
        if message.first() == Some(&TAG_INPUT) {
            let (room, arrived, mut newest) = (&mut self.room, &mut self.arrived, None);
            let at = self.start + Duration::from_secs_f64(at_s);
            input::decode(&self.layout, message, |input| {
                newest = Some(input.tick);
                room.input(self.seat, self.address, input, at);
            })
            .expect("the client's inputs are sound");
            arrived.extend(newest.map(|tick| (tick, at_s)));
        } else if let Ok(ClientMessage::Ping { stamp_ms }) = ClientMessage::decode(message) {
            self.down.send(at_s, ServerMessage::Pong { stamp_ms }.encode());
        }
    }

    /// What the client does for one picture.
    fn picture(&mut self, now_s: f64, player: &mut Player) {
        let clock = |s: f64| Duration::from_secs_f64(CLOCK.0 + s * CLOCK.1);
        while let Some((at_s, message)) = self.down.receive(now_s) {
            self.client.handle_message(clock(at_s), &message).expect("the room's messages are sound");
        }
        let wish = player.wish(now_s, PICTURE_S);
        self.client.input(clock(now_s), &wish);
        while let Some(message) = self.client.poll_transmit() {
            self.up.send(now_s, message);
        }
        while let Some(event) = self.client.poll_event() {
            assert!(!matches!(event, Event::Desync { .. }), "the client's state is not the server's");
        }
        self.look(now_s, clock(now_s), &wish);
    }

    fn look(&mut self, now_s: f64, now: Duration, wish: &Input) {
        let own = self.client.owned().next();
        let ship = self.client.sample(now).find_map(|(id, entity)| match entity {
            Entity::Ship(ship) if Some(id) == own => Some(ship),
            _ => None,
        });
        let (before, flew_straight) = (self.ship.take(), self.flies_straight);
        let turns = !wish.aiming && wish.turn != 0;
        self.flies_straight = !wish.aiming && wish.turn == 0;
        if now_s > WARM_UP_S
            && let (Some(was), Some(is)) = (&before, &ship)
        {
            let seen = &mut self.seen;
            seen.pictures += 1;
            let (drawn, part) = self.client.drawn(now);
            let newest = self.client.tick().expect("frames came");
            seen.starved += u64::from(!newest.is_after(drawn) && (drawn != newest || part > 0.0));
            // tick 1 is that of time 0
            let drawn_s = (f64::from(drawn.since(Tick(1))) + f64::from(part)) * self.interval_s;
            seen.behind_s += now_s - self.weather.rtt_s / 2.0 - drawn_s;
            seen.step_max = seen.step_max.max(drawn_at(was).distance(drawn_at(is)));
            if turns && flew_straight {
                seen.turns += 1;
                seen.turns_late += u64::from((drawn_heading(was) - drawn_heading(is)).abs() < 1e-5);
            }
        }
        self.ship = ship;
    }
}
