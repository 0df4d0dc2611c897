//! One bot's connection: a socket that never blocks, TLS where the server wants it, and a bad link where the bot has
//! one.
//!
//! ```text
//! socket --read--> [TLS] --> [down lane] --> inbox --> messages
//! socket <-write-- [TLS] <-- [up lane] <---- out  <--- frames
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use rustls::{ClientConnection, InvalidMessage, StreamOwned};
use socket2::SockRef;
use tickwire_shared::native::NO_TLS;

use crate::link::{Conditions, End, Lane};
use crate::target::Target;

/// A bot with this much unsent is behind a server that does not read; it is dropped by what it cannot say, not by us.
const OUT_MAX_BYTES: usize = 1024 * 1024;

/// A connection of one bot. Edges of readiness are remembered here: tell them by [`Socket::now_readable`].
pub struct Socket {
    stream: Stream,
    /// What waits for the system to take it.
    out: Vec<u8>,
    lanes: Option<Box<Lanes>>,
    readable: bool,
    connected: bool,
}

struct Lanes {
    up: Lane,
    down: Lane,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// What reading came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// So many bytes are in the buffer, and there may be more.
    Some(usize),
    /// Nothing now.
    Nothing,
    /// The server has no more to say.
    End,
}

impl Socket {
    /// Begins to connect. `seed` is of the link's delays.
    ///
    /// # Errors
    /// The system has no socket, or TLS no such server.
    pub fn connect(target: &Target, link: &Conditions, seed: u64) -> io::Result<Self> {
        let tcp = TcpStream::connect(target.addr)?;
        // a frame is worth more soon than whole packets are
        let _ = tcp.set_nodelay(true);
        let stream = match &target.tls {
            None => Stream::Plain(tcp),
            Some((config, server)) => {
                let tls = ClientConnection::new(config.clone(), server.clone()).map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(tls, tcp)))
            }
        };
        let lanes = (!link.are_perfect())
            .then(|| Box::new(Lanes { up: Lane::new(*link, seed), down: Lane::new(*link, seed.wrapping_add(1)) }));
        Ok(Self { stream, out: Vec::new(), lanes, readable: false, connected: false })
    }

    /// For the poll.
    pub fn source(&mut self) -> &mut impl Source {
        self.stream.tcp()
    }

    /// The system says that there is something to read.
    pub fn now_readable(&mut self) {
        self.readable = true;
    }

    /// Whether reading is worth a try.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.readable
    }

    /// Whether a bad link stands between it and the server.
    #[must_use]
    pub fn delays(&self) -> bool {
        self.lanes.is_some()
    }

    /// Whether the connection is made; an error when it cannot be.
    ///
    /// # Errors
    /// The system's word.
    pub fn is_connected(&mut self) -> io::Result<bool> {
        if self.connected {
            return Ok(true);
        }
        let tcp = self.stream.tcp();
        if let Some(error) = tcp.take_error()? {
            return Err(error);
        }
        self.connected = match tcp.peer_addr() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::NotConnected => false,
            Err(error) => return Err(error),
        };
        Ok(self.connected)
    }

    /// Says these bytes, now or as soon as the link and the system take them.
    pub fn say(&mut self, now: Duration, bytes: &[u8]) {
        if self.out.len() > OUT_MAX_BYTES {
            return;
        }
        match &mut self.lanes {
            Some(lanes) => lanes.up.push(now, bytes),
            None => self.out.extend_from_slice(bytes),
        }
    }

    /// Gives the system what it takes.
    ///
    /// # Errors
    /// The connection broke.
    pub fn flush(&mut self, now: Duration) -> io::Result<()> {
        if let Some(lanes) = &mut self.lanes {
            let ready = lanes.up.ready(now);
            let count = ready.len();
            self.out.extend_from_slice(ready);
            lanes.up.taken(count);
        }
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if written == self.out.len() {
            // keeps a little, so that a bot that speaks every tick does not ask for memory each time
            self.out.clear();
            self.out.shrink_to(1024);
        } else {
            self.out.drain(..written);
        }
        match &mut self.stream {
            Stream::Tls(tls) if tls.conn.wants_write() => match tls.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Reads once, into `scratch`.
    ///
    /// # Errors
    /// The connection broke.
    pub fn read(&mut self, now: Duration, scratch: &mut [u8]) -> io::Result<Taken> {
        let Self { stream, lanes, readable, .. } = self;
        let Some(lanes) = lanes else { return read_once(stream, readable, scratch) };
        let down = &mut lanes.down;
        // fill the lane, then take what has arrived
        while *readable && down.room() > 0 {
            let room = down.room().min(scratch.len());
            match read_once(stream, readable, &mut scratch[..room])? {
                Taken::Some(count) => down.push(now, &scratch[..count]),
                Taken::End => {
                    down.end(now, End::Finished);
                    *readable = false;
                }
                Taken::Nothing => {}
            }
        }
        let ready = down.ready(now);
        let count = ready.len().min(scratch.len());
        scratch[..count].copy_from_slice(&ready[..count]);
        down.taken(count);
        Ok(match down.ended(now) {
            Some(_) if count == 0 => Taken::End,
            _ if count == 0 => Taken::Nothing,
            _ => Taken::Some(count),
        })
    }

    /// When the link has something more, if nothing else happens; for who does not read, when it takes something.
    #[must_use]
    pub fn next_due(&self, reads: bool) -> Option<Duration> {
        let lanes = self.lanes.as_ref()?;
        let down = lanes.down.next_due().filter(|_| reads);
        lanes.up.next_due().into_iter().chain(down).min()
    }

    /// Ends what is said, and listens on.
    pub fn finish(&mut self) {
        let _ = self.stream.tcp().shutdown(Shutdown::Write);
    }

    /// The connection breaks when this is dropped, with a reset.
    pub fn abort(&mut self) {
        let _ = SockRef::from(&*self.stream.tcp()).set_linger(Some(Duration::ZERO));
    }
}

fn read_once(stream: &mut Stream, readable: &mut bool, scratch: &mut [u8]) -> io::Result<Taken> {
    if !*readable {
        return Ok(Taken::Nothing);
    }
    loop {
        return match stream.read(scratch) {
            Ok(0) => Ok(Taken::End),
            Ok(count) => {
                // a short read has emptied the socket, and the next byte is told by the poll (epoll(7)); what TLS
                // holds decrypted is not
                *readable = count == scratch.len() || matches!(stream, Stream::Tls(_));
                Ok(Taken::Some(count))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                *readable = false;
                Ok(Taken::Nothing)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // TLS without its farewell; who listens has seen the WebSocket's, or has not
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Taken::End),
            Err(error) => Err(error),
        };
    }
}

impl Stream {
    fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.sock,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes).map_err(without_tls),
        }
    }

    fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(scratch),
            Self::Tls(tls) => tls.read(scratch).map_err(without_tls),
        }
    }
}

/// Of somebody who speaks no TLS, rustls says that the message's content type is invalid.
fn without_tls(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            io::Error::new(ErrorKind::InvalidData, NO_TLS)
        }
        _ => error,
    }
}
