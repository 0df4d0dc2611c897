//! A well-behaved client that pings all the while, and the machine's own pace beside it.
//!
//! Both send on the same schedule and count from when they were due, so a stall is seen in full. The other's echo is in
//! this process: when its round trips are slow in the same seconds, the machine is.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tickwire_shared::protocol::{ClientMessage, ServerMessage};

use crate::peer::{BINARY, Peer, frame, hello_and_join, read_frame};
use crate::server::{Kind, Server, plain_echo};
use crate::tls;

/// Below the 80 messages a second that a seat in Arena has.
const GAME_INTERVAL: Duration = Duration::from_millis(20);
const ECHO_INTERVAL: Duration = Duration::from_millis(5);

/// A thread that makes round trips, and notes their times while it is told to.
pub struct Pings {
    is_over: Arc<AtomicBool>,
    notes: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<Duration>>>,
}

/// A connection that is ready for them.
pub struct Witness {
    stream: Box<dyn Stream>,
    speech: Speech,
}

/// With TLS or without.
trait Stream: io::Read + io::Write + Send {}

impl<T: io::Read + io::Write + Send> Stream for T {}

#[derive(Clone, Copy)]
enum Speech {
    /// Bytes come back as they are.
    Plain,
    /// Messages come back.
    Echo,
    /// The game's own pings, from a seat that gets frames.
    Game,
}

impl Witness {
    /// Connects to a server, and takes a seat if it has a game.
    pub fn of(server: &Server) -> Self {
        let stream: Box<dyn Stream> = match server.certificate {
            Some(_) => Box::new(tls::open(server)),
            None => Box::new(Peer::open(server).stream),
        };
        if server.kind == Kind::Echo {
            return Self { stream, speech: Speech::Echo };
        }
        let mut witness = Self { stream, speech: Speech::Game };
        witness.stream.write_all(&hello_and_join()).expect("the server reads");
        witness.expect_message(|message| matches!(message, ServerMessage::Joined { .. })).expect("a seat");
        witness
    }

    /// Measures the machine instead of a server.
    pub fn of_the_machine() -> Self {
        let addr: SocketAddr = plain_echo();
        let peer = Peer::try_connect(addr, Ipv4Addr::LOCALHOST).expect("it listens");
        peer.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        Self { stream: Box::new(peer.stream), speech: Speech::Plain }
    }

    /// Pings from now on, as often as a witness of a server of this kind.
    pub fn begin(mut self, kind: Kind) -> Pings {
        let interval = if kind == Kind::Game { GAME_INTERVAL } else { ECHO_INTERVAL };
        let (is_over, notes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (ends, noting) = (Arc::clone(&is_over), Arc::clone(&notes));
        let thread = thread::spawn(move || {
            let (mut due, mut times) = (Instant::now(), Vec::new());
            for number in 0.. {
                if ends.load(Relaxed) {
                    break;
                }
                self.ping(number)?;
                let is_noted = noting.load(Relaxed);
                // those that were due meanwhile would have waited too
                let mut time = due.elapsed();
                loop {
                    if is_noted {
                        times.push(time);
                    }
                    due += interval;
                    match time.checked_sub(interval) {
                        Some(less) if !less.is_zero() => time = less,
                        _ => break,
                    }
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(times)
        });
        Pings { is_over, notes, thread }
    }

    fn ping(&mut self, number: u32) -> io::Result<()> {
        let bytes = number.to_le_bytes();
        match self.speech {
            Speech::Plain => {
                self.stream.write_all(&bytes)?;
                self.stream.read_exact(&mut [0; 4])
            }
            Speech::Echo => {
                self.stream.write_all(&frame(BINARY, &bytes))?;
                let (_, payload) = read_frame(&mut self.stream)?;
                if payload == bytes { Ok(()) } else { Err(io::Error::other("an echo of something else")) }
            }
            Speech::Game => {
                let ping = ClientMessage::Ping { stamp_ms: number };
                self.stream.write_all(&frame(BINARY, &ping.encode()))?;
                self.expect_message(|message| *message == ServerMessage::Pong { stamp_ms: number })
            }
        }
    }

    /// Skips the game's frames.
    fn expect_message(&mut self, is_it: impl Fn(&ServerMessage) -> bool) -> io::Result<()> {
        loop {
            let (first, payload) = read_frame(&mut self.stream)?;
            if first != 0x80 | BINARY {
                return Err(io::Error::other(String::from_utf8_lossy(&payload)));
            }
            if ServerMessage::decode(&payload).is_ok_and(|message| is_it(&message)) {
                return Ok(());
            }
        }
    }
}

impl Pings {
    /// From now on the times are noted, or are not.
    pub fn note(&self, yes: bool) {
        self.notes.store(yes, Relaxed);
    }

    /// The times that were noted, sorted.
    pub fn end(self) -> Vec<Duration> {
        self.is_over.store(true, Relaxed);
        let times = self.thread.join().expect("it does not panic");
        let mut times = times.unwrap_or_else(|error| panic!("the witness was not served: {error}"));
        times.sort_unstable();
        times
    }
}

/// Of sorted times, the one that 99 of 100 do not exceed.
pub fn p99(times: &[Duration]) -> Duration {
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}
