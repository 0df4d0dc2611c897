//! Sends every connection the same binary frame each tick: the network layer alone, for benchmarks of broadcasts.
//!
//! ```text
//! cargo run --release -p tickwire-server --example ws_tick -- --port 9002 --hz 20 --bytes 64
//!
//! payload:  tick u32 LE | 0 u32 | start of the tick, ns of CLOCK_MONOTONIC, u64 LE | 0 …
//! ```
//! The address comes first on stdout. Messages are answered with nothing.

mod signals;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use tickwire_server::net::{
    CloseCause, Handler, HttpRefusal, Io, LinkId, MessageKind, Metrics, NetConfig, PlainStream, Reactor, RequestHead,
    accept, descriptors,
};

/// Time for clients to answer the close frame.
const GRACE: Duration = Duration::from_secs(1);

/// Broadcasts a binary frame at a fixed rate on 127.0.0.1
#[derive(Parser, Debug)]
struct Args {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Ticks a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hz: u32,

    /// Bytes of payload; the tick and its start need 16
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    bytes: u32,
}

struct Broadcast {
    tick: u32,
    period: Duration,
    due: Instant,
    payload: Vec<u8>,
    /// Sorted: ids grow, and about so lies what they name in memory.
    links: Vec<LinkId>,
    /// It is told to.
    stop: Arc<AtomicBool>,
}

impl Handler for Broadcast {
    fn upgrade(&mut self, _: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
        Ok(None)
    }

    fn open(&mut self, _: &mut Io<'_>, link: LinkId, _: SocketAddr) {
        let at = self.links.partition_point(|other| *other < link);
        self.links.insert(at, link);
    }

    fn message(&mut self, _: &mut Io<'_>, _: LinkId, _: MessageKind, _: &[u8]) {}

    fn drained(&mut self, _: &mut Io<'_>, _: LinkId) {}

    fn closed(&mut self, link: LinkId, _: CloseCause) {
        if let Ok(at) = self.links.binary_search(&link) {
            self.links.remove(at);
        }
    }

    fn plain_http(&mut self, _: PlainStream, _: Vec<u8>, _: SocketAddr) {
        // dropped: there is nothing here for browsers
    }

    fn turn(&mut self, io: &mut Io<'_>) {
        if self.stop.load(Ordering::Relaxed) {
            return io.shut_down(1001, "the server stops", GRACE);
        }
        if io.now() < self.due {
            return;
        }
        self.payload[..4].copy_from_slice(&self.tick.to_le_bytes());
        self.payload[8..16].copy_from_slice(&monotonic_ns().to_le_bytes());
        // who is behind misses this one
        io.send_frame_to_all(self.links.iter().copied(), [&self.payload[..]].into_iter(), |_, _| {});
        // ticks that a broadcast took the time of are left out
        while self.due <= io.now() {
            self.due += self.period;
            self.tick = self.tick.wrapping_add(1);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        Some(self.due)
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws_tick: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    descriptors::raise();
    let listener = accept::bind((Ipv4Addr::LOCALHOST, args.port).into())?;
    let addr = listener.local_addr()?;
    let handler = Broadcast {
        tick: 0,
        period: Duration::from_secs(1) / args.hz,
        due: Instant::now(),
        payload: vec![0; args.bytes as usize],
        links: Vec::new(),
        stop: signals::stop_flag()?,
    };
    let mut reactor = Reactor::new(listener, NetConfig::default(), handler, Arc::new(Metrics::default()))?;
    let mut out = io::stdout().lock();
    writeln!(out, "ws://{addr}/")?;
    out.flush()?;
    drop(out);
    reactor.run()
}

/// What other processes on this machine can compare with; `Instant` does not tell it.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // since boot, so neither part is negative
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
