//! What a client takes in all that never reads while its game goes on: in its room, in its connection, in the kernels.
//!
//! A program of its own, because it measures the memory of the process that the server runs in.

#[path = "../../benches/slow/queues.rs"]
mod queues;
#[path = "../sockets/swirl.rs"]
#[allow(dead_code, reason = "the other socket tests use more of it")]
mod swirl;
#[path = "../sockets/wire.rs"]
#[allow(dead_code, reason = "the other socket tests use more of it")]
mod wire;

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::protocol::{ClientMessage, JoinRequest, VERSION};
use tickwire_shared::schema::Schema;
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, TickRate, To, World,
};

const CLIENTS: u16 = 100;
/// Time enough for whatever grows with each tick to be seen.
const STALL: Duration = Duration::from_secs(10);
const CLIENT_MAX_BYTES: usize = 64 * 1024;
const LAMPS: u32 = 300;

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Lamp {
    #[field(min = 0, max = 65535)]
    light: u32,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Kinds {
    Lamp(Lamp),
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

/// Lamps that flicker before everybody, and each seat is told something at each tick.
struct Fair {
    ticks: u32,
}

impl Game for Fair {
    const NAME: &'static str = "fair";
    type World = Kinds;
    type Input = Nothing;
    type Command = ();
    type Event = Vec<u8>;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        (setup.seats, setup.rate) = (CLIENTS, TickRate::hz(20));
        Ok(Self { ticks: 0 })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.ticks += 1;
        (0..CLIENTS).for_each(|seat| step.send(To::Seat(SeatId(seat)), vec![seat as u8; 500]));
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for id in 0..LAMPS {
            let light = id.wrapping_mul(7919).wrapping_add(self.ticks.wrapping_mul(id % 50 * 331)) % 65536;
            out.put(EntityId(id), Place::Everywhere, &Lamp { light });
        }
    }
}

/// One that takes its seat, and never reads.
fn joins(server: &Running) -> TcpStream {
    let mut socket = wire::upgraded(server);
    let fingerprint = Schema::of::<Fair>().fingerprint();
    let hello = ClientMessage::Hello { protocol: VERSION, game: Fair::NAME.into(), fingerprint }.encode();
    let join = ClientMessage::Join(JoinRequest::new("by hand")).encode();
    socket.write_all(&[wire::frame(&hello), wire::frame(&join)].concat()).expect("the server reads");
    socket
}

/// Memory of this process that is not of files, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("it is in there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

#[test]
fn who_never_reads_takes_little_in_all() {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server =
        Server::bind(config).expect("a free port").start::<Fair>((), Site::default()).expect("the game starts");
    let before = resident_bytes();
    let _sockets: Vec<TcpStream> = (0..CLIENTS).map(|_| joins(&server)).collect();
    let end = Instant::now() + STALL;
    let kernels = queues::watch(server.addr().port());
    let (mut most, mut in_kernels) = (0, 0);
    while Instant::now() < end {
        let bytes = kernels.recv().expect("it watches").into_values().map(|(sent, came)| sent + came).max();
        in_kernels = in_kernels.max(bytes.unwrap_or(0));
        most = most.max(resident_bytes().saturating_sub(before));
        thread::sleep(Duration::from_millis(100));
    }
    let withheld = server.metrics().frames_withheld.value();
    let a_client = most / usize::from(CLIENTS);
    println!("{a_client} bytes of memory a client, {in_kernels} at most in the kernels, {withheld} frames withheld");
    server.stop();
    assert!(withheld > u64::from(CLIENTS) * 50, "they did stand still, for {withheld} frames");
    assert!(a_client + in_kernels <= CLIENT_MAX_BYTES, "{a_client} bytes of memory and {in_kernels} in the kernels");
}
