//! A player on a socket that does not block: the client core, or one that reads heads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tickwire_shared::client::Client;
use tickwire_shared::protocol::{SUBPROTOCOL, frame};
use tickwire_shared::{EntityId, Profile, Tick};

use super::heads::Heads;
use super::scene::{Circles, Keys, Thing};

const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// How a player reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reads {
    /// All that is there, at once.
    AtOnce,
    /// So many bytes a second, whatever is there.
    Slowly(f64),
    /// Nothing.
    Not,
}

/// What understands the frames.
enum Mind {
    Whole(Box<Client<Circles>>),
    Heads(Box<Heads>),
}

pub struct Peer {
    pub socket: TcpStream,
    mind: Mind,
    said: Vec<Vec<u8>>,
    pub reads: Reads,
    /// Bytes that a slow one may read, and up to when that was reckoned.
    allowed: f64,
    reckoned: Instant,
    started: Instant,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// What one turn brought.
#[derive(Clone, Copy, Default, Debug)]
pub struct Got {
    pub frames: u32,
    pub bytes: usize,
    pub tick: Option<Tick>,
}

impl Peer {
    /// Connects, and asks for a seat; `is_whole`: as a whole client.
    pub fn connect(server: SocketAddr, name: usize, is_whole: bool) -> io::Result<Self> {
        let mut socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        socket.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(format!("no upgrade: {}", String::from_utf8_lossy(&head))));
        }
        socket.set_nonblocking(true)?;
        let (name, mut said) = (format!("peer-{name}"), Vec::new());
        let mind = if is_whole {
            Mind::Whole(Box::new(Client::new(Profile::named(&name)).map_err(io::Error::other)?))
        } else {
            Mind::Heads(Box::new(Heads::new(name, &mut said)))
        };
        let now = Instant::now();
        let mut peer = Self {
            socket,
            mind,
            said,
            reads: Reads::AtOnce,
            allowed: 0.0,
            reckoned: now,
            started: now,
            unread: Vec::new(),
            unsent: Vec::new(),
        };
        peer.flush()?;
        Ok(peer)
    }

    /// Of the newest frame.
    pub fn tick(&self) -> Option<Tick> {
        match &self.mind {
            Mind::Whole(client) => client.tick(),
            Mind::Heads(heads) => heads.tick,
        }
    }

    /// How long an answer took of late, as a whole client knows.
    pub fn rtt(&self) -> Option<Duration> {
        match &self.mind {
            Mind::Whole(client) => client.stats().rtt,
            Mind::Heads(_) => None,
        }
    }

    /// States that were wrong.
    pub fn wrong(&self) -> u64 {
        match &self.mind {
            Mind::Whole(client) => client.stats().desyncs,
            Mind::Heads(_) => 0,
        }
    }

    /// Reads as it reads, plays on.
    pub fn turn(&mut self, now: Instant, scratch: &mut [u8]) -> io::Result<Got> {
        let since_s = now.saturating_duration_since(self.reckoned).as_secs_f64();
        self.reckoned = now;
        let most = match self.reads {
            Reads::AtOnce => scratch.len(),
            Reads::Not => return Ok(Got::default()),
            Reads::Slowly(bytes_per_s) => {
                // a twentieth of a second may be saved up
                self.allowed = (self.allowed + since_s * bytes_per_s).min(bytes_per_s / 20.0).max(1.0);
                self.allowed as usize
            }
        };
        let mut got = Got::default();
        loop {
            match self.socket.read(&mut scratch[..most]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    got.bytes += count;
                    self.unread.extend_from_slice(&scratch[..count]);
                    if self.reads != Reads::AtOnce {
                        self.allowed -= count as f64;
                        break;
                    }
                    if count < most {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut read = 0;
        while let Some((head, length)) = whole_message(&self.unread[read..]) {
            let (opcode, start) = (self.unread[read], read + head);
            read = start + length;
            let payload = &self.unread[start..read];
            match opcode {
                BINARY => {
                    match &mut self.mind {
                        Mind::Whole(client) => {
                            client.handle_message(self.started.elapsed(), payload).map_err(io::Error::other)?;
                        }
                        Mind::Heads(heads) => heads.take(payload, &mut self.said).map_err(io::Error::other)?,
                    }
                    got.frames += u32::from(frame::is_frame(payload));
                }
                PING => self.unsent.extend(masked(PONG, payload)),
                other => return Err(io::Error::other(format!("a message with opcode {other:#x}"))),
            }
        }
        self.unread.drain(..read);
        if got.frames > 0 {
            got.tick = self.tick();
            if let Mind::Whole(client) = &mut self.mind {
                client.input(self.started.elapsed(), &Keys::default());
                while client.poll_event().is_some() {}
            }
        }
        self.flush()?;
        Ok(got)
    }

    /// The moment that a whole client draws now, in ticks.
    pub fn shown(&self) -> Option<f64> {
        let Mind::Whole(client) = &self.mind else { return None };
        let mut things = client.sample(self.started.elapsed());
        things.find_map(|(id, thing)| match thing {
            Thing::Dial(dial) if id == EntityId(0) => Some(f64::from(dial.tick)),
            _ => None,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Mind::Whole(client) = &mut self.mind {
            self.said.extend(std::iter::from_fn(|| client.poll_transmit()));
        }
        for message in self.said.drain(..) {
            self.unsent.extend(masked(BINARY, &message));
        }
        if !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A client's frame; the mask is zero, which is legal.
fn masked(opcode: u8, payload: &[u8]) -> impl Iterator<Item = u8> + '_ {
    assert!(payload.len() < 126, "players say little");
    [opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0].into_iter().chain(payload.iter().copied())
}

/// The lengths of a message's head and payload, when all of it is there.
fn whole_message(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (4, u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]).into()),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    (bytes.len() >= head + length).then_some((head, length))
}
