//! A room, its session and one client on a virtual network: latency, jitter, pauses at either end, all in one thread
//! and with a clock that only the test moves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_server::config::SessionLimits;
use tickwire_server::handover::{LinkAddress, RoomId, SeatAddress, Seated};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_server::session::{HostTerms, Session, Verdict};
use tickwire_shared::client::{Client, Event};
use tickwire_shared::protocol::TAG_INPUT;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, TickRate, World,
};

/// The virtual clock's step.
const STEP_MS: f64 = 0.5;

/// One entity whose `x` is the tick: what is drawn tells which moment is drawn.
struct Dial {
    tick: Tick,
}

#[derive(Clone, World)]
enum Thing {
    Hand(Hand),
}

#[derive(Clone, Replicate)]
struct Hand {
    #[field(min = 0.0, max = 1_000_000.0, step = 0.01)]
    x: f32,
}

#[derive(Clone, Default, Replicate)]
struct Count {
    n: u32,
}

impl Game for Dial {
    const NAME: &'static str = "dial";
    type World = Thing;
    type Input = Count;
    type Command = ();
    type Event = ();
    type Options = u16;

    fn new(rate_hz: u16, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(rate_hz);
        Ok(Self { tick: Tick(0) })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        out.put(EntityId(1), Place::Everywhere, &Hand { x: self.tick.0 as f32 });
    }
}

/// What the two ends and the way between them are like; times in milliseconds since the start.
pub struct Conditions {
    pub rate_hz: u16,
    /// The room's ticks take so many times as long as it promised.
    pub slowness: f64,
    /// How often the client draws and asks for input.
    pub fps: f64,
    /// One way to the client for what leaves at this time; messages do not overtake each other.
    pub down_ms: Box<dyn Fn(f64) -> f64>,
    /// One way to the server.
    pub up_ms: Box<dyn Fn(f64) -> f64>,
    /// Whether the server runs at this time.
    pub server_runs: Box<dyn Fn(f64) -> bool>,
    /// Whether the client runs at all.
    pub client_runs: Box<dyn Fn(f64) -> bool>,
    /// Whether it draws and asks for input.
    pub client_draws: Box<dyn Fn(f64) -> bool>,
}

impl Conditions {
    /// All is well, `one_way_ms` apart.
    pub fn fair(rate_hz: u16, one_way_ms: f64) -> Self {
        Self {
            rate_hz,
            slowness: 1.0,
            fps: 144.0,
            down_ms: Box::new(move |_| one_way_ms),
            up_ms: Box::new(move |_| one_way_ms),
            server_runs: Box::new(|_| true),
            client_runs: Box::new(|_| true),
            client_draws: Box::new(|_| true),
        }
    }
}

/// What was seen in one second.
#[derive(Debug, Default)]
pub struct Second {
    pub drawn: u32,
    /// Draws in which the entity was not to be seen.
    pub invisible: u32,
    /// Draws that showed an earlier moment than the one before.
    pub backward: u32,
    /// Draws that showed what had come since the draw before, and was more than 0.4 s behind the room.
    pub stale: u32,
    /// Draws that showed the same moment as the one before: nothing to show yet.
    pub still: u32,
    /// How far behind the room the drawn moment was at most, in ticks.
    pub behind_ticks: f64,
    /// Messages with inputs.
    pub messages: u32,
    /// Ticks of the room.
    pub ticks: u32,
    /// Inputs that the room had no use for.
    pub unused: u64,
    /// Margins that the room told, in milliseconds.
    pub margins_ms: Vec<f64>,
    /// `Event::Acked`s.
    pub acked: u32,
    /// The client's idea of the jitter at the end, in milliseconds.
    pub jitter_ms: f64,
}

impl Second {
    /// The smallest and the largest margin.
    pub fn margins(&self) -> (f64, f64) {
        let least = self.margins_ms.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.margins_ms.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// Messages under way in one direction, each with the time at which it arrives.
#[derive(Default)]
struct Way(VecDeque<(f64, Vec<u8>)>);

impl Way {
    fn put(&mut self, arrives_ms: f64, message: Vec<u8>) {
        let after = self.0.back().map_or(0.0, |(before, _)| *before);
        self.0.push_back((arrives_ms.max(after), message));
    }

    fn take(&mut self, now_ms: f64) -> Option<Vec<u8>> {
        if self.0.front().is_none_or(|(arrives, _)| *arrives > now_ms) {
            return None;
        }
        self.0.pop_front().map(|(_, message)| message)
    }
}

const LINK: LinkAddress = LinkAddress { reactor: 0, link: LinkId(1) };

/// Both ends, and what is under way between them.
struct Pair {
    start: Instant,
    room: Room<Dial>,
    seat: SeatId,
    session: Session,
    client: Client<Dial>,
    up: Way,
    down: Way,
    drawn: Option<f32>,
    /// The newest state at the last draw.
    held: Option<Tick>,
    inputs: u32,
    second: Second,
}

/// Plays for so many seconds and tells what was seen in each.
pub fn play(conditions: &Conditions, seconds: u32) -> Vec<Second> {
    let mut pair = Pair::seated(conditions.rate_hz);
    let interval_ms = 1000.0 / f64::from(conditions.rate_hz) * conditions.slowness;
    let (mut next_tick_ms, mut next_draw_ms) = (interval_ms, 3.0);
    let mut told = Vec::new();
    for step in 1..=f64::from(seconds) as u32 * (1000.0 / STEP_MS) as u32 {
        let now_ms = f64::from(step) * STEP_MS;
        if (conditions.server_runs)(now_ms) {
            pair.serve(now_ms);
            if now_ms >= next_tick_ms {
                // what a pause swallowed is not made up for
                next_tick_ms = if now_ms - next_tick_ms > interval_ms { now_ms } else { next_tick_ms } + interval_ms;
                pair.tick(now_ms, conditions);
            }
        }
        if (conditions.client_runs)(now_ms) {
            pair.receive(now_ms);
            if now_ms >= next_draw_ms && (conditions.client_draws)(now_ms) {
                next_draw_ms = (next_draw_ms + 1000.0 / conditions.fps).max(now_ms);
                pair.draw(now_ms);
            }
        }
        pair.send(now_ms, conditions);
        if step % (1000.0 / STEP_MS) as u32 == 0 {
            pair.second.jitter_ms = pair.client.stats().jitter.as_secs_f64() * 1e3;
            told.push(std::mem::take(&mut pair.second));
        }
    }
    told
}

impl Pair {
    fn seated(rate_hz: u16) -> Self {
        let start = Instant::now();
        let mut room = Room::<Dial>::new(RoomId(1), rate_hz, 1, 0, 1).expect("the test's game starts");
        room = room.with_window(48 * 1024);
        let seat = room.join(LINK, Profile::default()).expect("there is space");
        let terms = HostTerms::of::<Dial>(SessionLimits::default()).expect("the test's kinds are sound");
        let mut session = Session::new(Arc::new(terms), start);
        let mut client = Client::<Dial>::new(Profile::default()).expect("the test's kinds are sound");
        while let Some(message) = client.poll_transmit() {
            session.handle_message(start, &message, &mut Vec::new());
        }
        let address = SeatAddress { thread: 0, room: RoomId(1), seat };
        let joined = session.handle_seated(Seated {
            seat: address,
            tick: room.tick(),
            rate_hz,
            pass: None,
            resumed: None,
            code: None,
        });
        client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
        let (up, down) = (Way::default(), Way::default());
        Self {
            start,
            room,
            seat,
            session,
            client,
            up,
            down,
            drawn: None,
            held: None,
            inputs: 0,
            second: Second::default(),
        }
    }

    /// The server reads.
    fn serve(&mut self, now_ms: f64) {
        let now = self.start + Duration::from_secs_f64(now_ms / 1e3);
        let mut inputs = Vec::new();
        while let Some(message) = self.up.take(now_ms) {
            let verdict = self.session.handle_message(now, &message, &mut inputs);
            match verdict {
                Verdict::Heard(frame) => self.room.heard(self.seat, LINK, frame, now),
                Verdict::Nothing | Verdict::Reply(_) => {}
                other => panic!("{other:?} at {now_ms} ms"),
            }
        }
        for input in inputs {
            self.room.input(self.seat, LINK, input, now);
        }
    }

    /// The room's tick, and its frame leaves.
    fn tick(&mut self, now_ms: f64, conditions: &Conditions) {
        let now = self.start + Duration::from_secs_f64(now_ms / 1e3);
        let mut home = None;
        self.room.step(now, |mut batch| {
            for frame in &batch.frames {
                let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
                self.down.put(now_ms + (conditions.down_ms)(now_ms), message);
                batch.outcomes.push(Outcome::Written);
            }
            home = Some(batch);
            Ok(())
        });
        self.room.home(home.expect("there is a player"));
        self.second.ticks += 1;
        self.second.unused += self.room.take_counts().inputs_unused;
    }

    /// The client reads.
    fn receive(&mut self, now_ms: f64) {
        let now = Duration::from_secs_f64(now_ms / 1e3);
        let mut frame = self.client.tick().map_or_else(Frame::default, Frame::after);
        while let Some(message) = self.down.take(now_ms) {
            frame.parse(&message).expect("the room's frames are sound");
            self.second.margins_ms.extend(frame.head.ack.map(|ack| f64::from(ack.margin_100us) / 10.0));
            self.client.handle_message(now, &message).expect("the room's frames are sound");
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Desync { tick } => panic!("desync at {tick:?}"),
                Event::Acked { .. } => self.second.acked += 1,
                _ => {}
            }
        }
    }

    fn draw(&mut self, now_ms: f64) {
        let now = Duration::from_secs_f64(now_ms / 1e3);
        self.inputs += 1;
        self.client.input(now, &Count { n: self.inputs });
        self.second.drawn += 1;
        let Some((_, Thing::Hand(Hand { x }))) = self.client.sample(now).next() else {
            self.second.invisible += 1;
            return;
        };
        let behind = f64::from(self.room.tick().0) - f64::from(x);
        self.second.behind_ticks = self.second.behind_ticks.max(behind);
        // what it had before the last draw it may show late
        let is_news = self.held.is_some_and(|held| f64::from(x) > f64::from(held.0));
        let is_stale = is_news && behind > 0.4 * f64::from(self.room.rate().per_second());
        self.held = self.client.tick();
        self.second.stale += u32::from(is_stale);
        self.second.backward += u32::from(self.drawn.is_some_and(|before| x < before));
        self.second.still += u32::from(self.drawn == Some(x));
        self.drawn = Some(x);
    }

    /// What the client wants sent leaves.
    fn send(&mut self, now_ms: f64, conditions: &Conditions) {
        while let Some(message) = self.client.poll_transmit() {
            self.second.messages += u32::from(message.first() == Some(&TAG_INPUT));
            self.up.put(now_ms + (conditions.up_ms)(now_ms), message);
        }
    }
}

/// Evenly spread over 0 to 1, the same in every run.
pub fn noise(ms: f64) -> f64 {
    let mut z = ((ms * 2.0) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z ^= z >> 29;
    z = z.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 32;
    (z % 10_000) as f64 / 10_000.0
}
