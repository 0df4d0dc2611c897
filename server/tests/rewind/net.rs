//! A room and its players on a virtual network, in one thread, with a clock that only the test moves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_server::config::SessionLimits;
use tickwire_server::handover::{LinkAddress, RoomId, SeatAddress, Seated};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::{Room, RoomCounts};
use tickwire_server::session::{HostTerms, Session, Verdict};
use tickwire_shared::client::Client;
use tickwire_shared::{Game, Profile, SeatId};

/// The virtual clock's step.
const STEP_MS: f64 = 0.5;
/// Time between two pictures of a client.
const DRAW_MS: f64 = 1000.0 / 144.0;

/// One way, in milliseconds, for what leaves at this time.
pub type Delay = Box<dyn Fn(f64) -> f64>;

/// Messages under way in one direction, each with the time at which it arrives; none overtakes another.
#[derive(Default)]
struct Way(VecDeque<(f64, Vec<u8>)>);

impl Way {
    fn put(&mut self, arrives_ms: f64, message: Vec<u8>) {
        let after = self.0.back().map_or(0.0, |(before, _)| *before);
        self.0.push_back((arrives_ms.max(after), message));
    }

    fn take(&mut self, now_ms: f64) -> Option<Vec<u8>> {
        self.0.pop_front_if(|(arrives, _)| *arrives <= now_ms).map(|(_, message)| message)
    }
}

struct Player<G: Game> {
    link: LinkAddress,
    seat: SeatId,
    session: Session,
    client: Client<G>,
    up: Way,
    down: Way,
    delay: Delay,
}

/// See the module.
pub struct Net<G: Game> {
    start: Instant,
    now_ms: f64,
    next_tick_ms: f64,
    next_draw_ms: f64,
    room: Room<G>,
    players: Vec<Player<G>>,
    pub counts: RoomCounts,
}

impl<G: Game> Net<G> {
    /// A room with a player for each delay.
    pub fn new(options: G::Options, delays: Vec<Delay>) -> Self {
        let start = Instant::now();
        let mut room = Room::<G>::new(RoomId(1), options, 1, 0, 1).expect("the game starts");
        let terms = Arc::new(HostTerms::of::<G>(SessionLimits::default()).expect("the game's kinds are sound"));
        let mut players = Vec::new();
        for (number, delay) in (1..).zip(delays) {
            let link = LinkAddress { reactor: 0, link: LinkId(number) };
            let seat = room.join(link, Profile::default()).expect("there is space");
            let mut session = Session::new(Arc::clone(&terms), start);
            let mut client = Client::<G>::new(Profile::default()).expect("the game's kinds are sound");
            while let Some(message) = client.poll_transmit() {
                session.handle_message(start, &message, &mut Vec::new());
            }
            let address = SeatAddress { thread: 0, room: RoomId(1), seat };
            let joined = {
                let (tick, rate_hz) = (room.tick(), room.rate().per_second());
                session.handle_seated(Seated { seat: address, tick, rate_hz, pass: None, resumed: None, code: None })
            };
            client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
            players.push(Player { link, seat, session, client, up: Way::default(), down: Way::default(), delay });
        }
        let (next_tick_ms, next_draw_ms) = (1.0, 3.0);
        let counts = RoomCounts::default();
        Self { start, now_ms: 0.0, next_tick_ms, next_draw_ms, room, players, counts }
    }

    /// Goes on for so long. `draw` is each player's picture: their number, client, and the time.
    pub fn play(&mut self, seconds: f64, mut draw: impl FnMut(usize, &mut Client<G>, Duration)) {
        let end_ms = self.now_ms + seconds * 1000.0;
        while self.now_ms < end_ms {
            self.now_ms += STEP_MS;
            self.serve();
            if self.now_ms >= self.next_tick_ms {
                self.next_tick_ms += 1000.0 / f64::from(self.room.rate().per_second());
                self.tick();
            }
            let now = Duration::from_secs_f64(self.now_ms / 1e3);
            let draws = self.now_ms >= self.next_draw_ms;
            for (number, player) in self.players.iter_mut().enumerate() {
                while let Some(message) = player.down.take(self.now_ms) {
                    player.client.handle_message(now, &message).expect("the room's frames are sound");
                }
                if draws {
                    draw(number, &mut player.client, now);
                }
                while let Some(message) = player.client.poll_transmit() {
                    player.up.put(self.now_ms + (player.delay)(self.now_ms), message);
                }
            }
            if draws {
                self.next_draw_ms += DRAW_MS;
            }
        }
        self.counts = self.room.take_counts();
    }

    fn serve(&mut self) {
        let now = self.start + Duration::from_secs_f64(self.now_ms / 1e3);
        for player in &mut self.players {
            let mut inputs = Vec::new();
            while let Some(message) = player.up.take(self.now_ms) {
                let verdict = player.session.handle_message(now, &message, &mut inputs);
                assert!(matches!(verdict, Verdict::Nothing | Verdict::Reply(_) | Verdict::Heard(_)), "{verdict:?}");
            }
            for input in inputs {
                self.room.input(player.seat, player.link, input, now);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.start + Duration::from_secs_f64(self.now_ms / 1e3);
        let mut home = None;
        self.room.step(now, |mut batch| {
            for frame in &batch.frames {
                let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
                let player = self.players.iter_mut().find(|player| player.seat == frame.seat).expect("a player");
                player.down.put(self.now_ms + (player.delay)(self.now_ms), message);
                batch.outcomes.push(Outcome::Written);
            }
            home = Some(batch);
            Ok(())
        });
        self.room.home(home.expect("there are players"));
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
