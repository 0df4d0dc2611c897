//! Records what a room says to one client, for tests that play it back: shared/tests/session/README.md has the layout.
//! Needs neither sockets nor time, so the same sources record the same bytes.
//!
//! ```text
//! cargo run --release -p tickwire-server --example record_session                    Arena, the file that the tests have
//! cargo run --release -p tickwire-server --example record_session -- 1000 FILE       so many entities that all move
//! ```

use std::error::Error;
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_arena::Arena;
use tickwire_server::config::SessionLimits;
use tickwire_server::handover::{Batch, LinkAddress, RoomId, SeatAddress, Seated};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_server::session::{HostTerms, Session, Verdict};
use tickwire_shared::client::UntypedClient;
use tickwire_shared::protocol::VERSION;
use tickwire_shared::*;

const FRAMES: u32 = 300;
/// The link takes nothing in these ticks.
const STALLED: std::ops::Range<u32> = 120..128;
/// The client asks for keyframes.
const RESYNC_AT: u32 = 200;

/// Walkers in circles, each as fast as it likes.
struct Crowd {
    tick: Tick,
    walkers: u32,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Walker {
    #[field(min = 0.0, max = 160.0, step = 0.01)]
    x: f32,
    #[field(min = 0.0, max = 160.0, step = 0.01)]
    y: f32,
    #[field(angle_bits = 8)]
    heading: f32,
    #[field(min = 0, max = 100)]
    hp: u8,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Walkers {
    Walker(Walker),
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl Game for Crowd {
    const NAME: &'static str = "crowd";
    type World = Walkers;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = u32;

    fn new(walkers: u32, _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self { tick: Tick(0), walkers })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
    }
    fn publish(&self, out: &mut Publisher<'_, Walkers>) {
        for id in 0..self.walkers {
            let (row, column) = (id / 40, id % 40);
            let speed = 1.0 + (id * 7 % 5) as f32;
            let angle = (self.tick.0 as f32 * 0.05 * speed + id as f32).rem_euclid(TAU);
            let (x, y) =
                (4.0 * column as f32 + 2.0 + 1.5 * angle.cos(), 4.0 * row as f32 % 156.0 + 2.0 + 1.5 * angle.sin());
            let hp = (self.tick.0 / 10 + id) % 101;
            let walker = Walker { x, y, heading: angle, hp: hp as u8 };
            out.put(EntityId(id), Place::Everywhere, &walker);
        }
    }
}

/// One client, its session and its room.
struct Recording<G: Game> {
    room: Room<G>,
    session: Session,
    client: UntypedClient,
    address: SeatAddress,
    link: LinkAddress,
    began: Instant,
    file: Vec<u8>,
}

impl<G: Game> Recording<G> {
    fn new(options: G::Options) -> Result<Self, Box<dyn Error>> {
        let began = Instant::now();
        let session = Session::new(Arc::new(HostTerms::of::<G>(SessionLimits::default())?), began);
        let mut room = Room::<G>::new(RoomId(1), options, 7, 0, 1)?;
        let link = LinkAddress { reactor: 0, link: LinkId(1) };
        let seat = room.join(link, Profile::named("Ada"))?;
        let address = SeatAddress { thread: 0, room: RoomId(1), seat };
        let client = UntypedClient::of_game(G::NAME, Profile::named("Ada"));
        let mut file = b"tickwire".to_vec();
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.push(G::NAME.len() as u8);
        file.extend_from_slice(G::NAME.as_bytes());
        let mut recording = Self { room, session, client, address, link, began, file };
        recording.listen(Duration::ZERO)?;
        Ok(recording)
    }

    /// The server hears what the client says.
    fn listen(&mut self, now: Duration) -> Result<(), Box<dyn Error>> {
        let mut inputs = Vec::new();
        while let Some(message) = self.client.poll_transmit() {
            match self.session.handle_message(self.began + now, &message, &mut inputs) {
                Verdict::Reply(reply) => self.deliver(now, &reply.encode())?,
                Verdict::Place(_) => {
                    let (tick, rate_hz) = (self.room.tick(), self.room.rate().per_second());
                    let joined = self.session.handle_seated(Seated {
                        seat: self.address,
                        tick,
                        rate_hz,
                        pass: None,
                        resumed: None,
                        code: None,
                    });
                    self.deliver(now, &joined.encode())?;
                }
                Verdict::Nothing | Verdict::Heard(_) => {}
                other => return Err(format!("the session says {other:?}").into()),
            }
        }
        for input in inputs {
            self.room.input(self.address.seat, self.link, input, self.began + now);
        }
        Ok(())
    }

    /// The client takes a message, and it is noted what it holds then.
    fn deliver(&mut self, now: Duration, message: &[u8]) -> Result<(), Box<dyn Error>> {
        self.client.handle_message(now, message)?;
        self.file.extend_from_slice(&(now.as_micros() as u64).to_le_bytes());
        self.file.extend_from_slice(&(message.len() as u32).to_le_bytes());
        self.file.extend_from_slice(message);
        self.file.extend_from_slice(&self.client.state_hash().to_le_bytes());
        self.file.extend_from_slice(&(self.client.newest_all().count() as u32).to_le_bytes());
        Ok(())
    }

    fn play(mut self, wish: impl Fn(u32) -> Vec<u32>) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut rng = Rng::new(3);
        let interval = self.room.rate().interval();
        let mut home: Option<Box<Batch>> = None;
        for n in 0..FRAMES {
            if let Some(batch) = home.take() {
                self.room.home(batch);
            }
            if n == RESYNC_AT {
                self.room.resync(self.address.seat, self.link);
            }
            let due = interval * (n + 1);
            let mut frame = None;
            self.room.step(self.began + due, |mut batch| {
                for i in 0..batch.frames.len() {
                    let written = !STALLED.contains(&n);
                    if written {
                        frame = Some(batch.frame_bytes(&batch.frames[i]).flatten().copied().collect::<Vec<u8>>());
                    }
                    batch.outcomes.push(if written { Outcome::Written } else { Outcome::Skipped });
                }
                if !STALLED.contains(&n) {
                    let drained = batch.blocked.clone();
                    batch.drained.extend(drained);
                }
                home = Some(batch);
                Ok(())
            });
            let arrives = due + Duration::from_micros(u64::from(rng.bits() as u16) / 8);
            if let Some(frame) = frame {
                self.deliver(arrives, &frame)?;
            }
            self.client.input(arrives, &wish(n))?;
            self.listen(arrives)?;
        }
        let stats = self.client.stats();
        eprintln!(
            "{} frames, {} hashes of the server compared, {} differed",
            stats.frames, stats.hashes_checked, stats.desyncs
        );
        if stats.desyncs > 0 { Err("the client differs from the room".into()) } else { Ok(self.file) }
    }
}

/// Flies about and shoots; lanes of Arena's input.
fn pilot(n: u32) -> Vec<u32> {
    vec![u32::from(n % 50 < 30), u32::from(n % 20 < 4), 1 + u32::from(n % 70 < 15), 0, 0]
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, session) = match &arguments[..] {
        [] => {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/session/arena.session");
            (file, Recording::<Arena>::new(Default::default())?.play(pilot)?)
        }
        [walkers, file] => (PathBuf::from(file), Recording::<Crowd>::new(walkers.parse()?)?.play(|_| vec![0])?),
        _ => return Err("usage: record_session [ENTITIES FILE]".into()),
    };
    std::fs::write(&file, &session)?;
    eprintln!("{}: {} bytes", file.display(), session.len());
    Ok(())
}
