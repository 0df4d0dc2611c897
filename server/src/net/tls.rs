//! TLS between the socket and everything else, driven by hand: rustls does no I/O of its own here.
//!
//! ```text
//! socket ─> Tls::read ─> plain bytes in the read scratch ─> head, frames
//! socket <─ the link's pending bytes <─ Tls::write <─ frames, HTTP answers, and what the handshake wants to say
//! ```
//! What waits in a link is encrypted already, so that all its limits and its one write stay what they are. A plain
//! request takes its [`Tls`] along when it leaves the reactor.

mod identity;
mod leaf;
mod pem;

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::{InvalidMessage, ServerConfig, ServerConnection};

use super::http_head::HeadError;
use super::proxy::SIGNATURE;
pub use identity::{Identity, TlsError};
pub(crate) use identity::{Stamp, stamp};
pub use leaf::Leaf;
pub use pem::PemError;

/// One connection's encryption, between bytes that its owner reads and writes.
#[derive(Debug)]
pub struct Tls {
    connection: Box<ServerConnection>,
    /// The next read has something to tell, although the socket may have nothing.
    has_more: bool,
    /// A rule was broken: nothing more is taken from the socket.
    is_broken: bool,
    /// The first byte that came.
    first: First,
    /// What came first was no TLS.
    met_plaintext: bool,
}

impl Tls {
    /// A connection that has just come.
    fn begin(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut connection = ServerConnection::new(config)?;
        // what is encrypted is taken out at once, so nothing is refused for want of room
        connection.set_buffer_limit(None);
        Ok(Self {
            connection: Box::new(connection),
            has_more: false,
            is_broken: false,
            first: First::default(),
            met_plaintext: false,
        })
    }

    /// Fills `plain` with what the socket has, 0 is the end. What TLS itself has to say is appended to `out`.
    ///
    /// Less than a whole `plain` means that there is no more for now, unless [`Tls::has_more`]: for one call no more
    /// is taken from the socket than `plain` is long, so that records without content keep nobody waiting.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::InvalidData`] for what breaks the rules of TLS; `out` has the alert.
    pub fn read(&mut self, socket: &mut impl Read, plain: &mut [u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let (mut count, mut taken) = (0, 0);
        self.has_more = false;
        while count < plain.len() {
            match self.connection.reader().read(&mut plain[count..]) {
                Ok(0) => return self.end(count, Ok(0)),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // a FIN without close_notify: WebSocket and HTTP know where their messages end
                Err(_) => return self.end(count, Ok(0)),
            }
            if taken >= plain.len() {
                self.has_more = true;
                return so_far(count);
            }
            if !self.is_broken {
                match self.connection.read_tls(&mut Noting { socket, first: &mut self.first }) {
                    // of the end rustls tells after the plain bytes that came before
                    Ok(more) => taken += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return so_far(count),
                    Err(error) => return self.end(count, Err(error)),
                }
            }
            let processed = self.connection.process_new_packets();
            self.take_encrypted(out);
            match processed {
                Ok(_) => {}
                // rustls tells the same error again
                Err(error) if self.is_broken => {
                    return self.end(count, Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                // first what came before it
                Err(error) => {
                    let is_no_tls = matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType));
                    self.met_plaintext = is_no_tls && self.connection.protocol_version().is_none();
                    self.is_broken = true;
                }
            }
        }
        // there may be more in what was taken
        self.has_more = true;
        Ok(count)
    }

    /// There may be something to read although the socket has nothing.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The connection failed because its first bytes were no TLS: what they were instead.
    pub(super) fn met_plaintext(&self) -> Option<HeadError> {
        // no line of HTTP begins like the signature of PROXY v2, or with the word of v1
        let is_of_proxy = self.first.bytes().first() == Some(&SIGNATURE[0]) || self.first.bytes() == b"PROXY ";
        self.met_plaintext.then_some(if is_of_proxy { HeadError::ProxyHeader } else { HeadError::NotTls })
    }

    /// Encrypts; until the handshake is through it is kept.
    pub fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        // into memory without a limit: no error
        let _ = self.connection.writer().write_all(plain);
        self.take_encrypted(out);
    }

    /// Says that nothing more comes.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.take_encrypted(out);
    }

    fn take_encrypted(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // writing to a Vec does not fail; nothing written would mean nothing to write
            if !matches!(self.connection.write_tls(out), Ok(1..)) {
                return;
            }
        }
    }

    /// The end comes after what was read before it.
    fn end(&mut self, count: usize, last: io::Result<usize>) -> io::Result<usize> {
        self.has_more = count > 0;
        if count > 0 { Ok(count) } else { last }
    }
}

/// The first bytes of a connection: as many as tell what it is if it is no TLS.
#[derive(Clone, Copy, Default, Debug)]
struct First {
    bytes: [u8; 6],
    count: u8,
}

impl First {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.count)]
    }

    fn note(&mut self, read: &[u8]) {
        for (slot, byte) in self.bytes[usize::from(self.count)..].iter_mut().zip(read) {
            *slot = *byte;
            self.count += 1;
        }
    }
}

/// A socket of which the first bytes are kept: rustls does not give back what it refuses.
struct Noting<'a, R> {
    socket: &'a mut R,
    first: &'a mut First,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.first.note(&buffer[..count]);
        Ok(count)
    }
}

/// No more for now.
fn so_far(count: usize) -> io::Result<usize> {
    if count > 0 { Ok(count) } else { Err(io::ErrorKind::WouldBlock.into()) }
}
