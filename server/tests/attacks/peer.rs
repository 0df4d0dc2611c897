//! An attacker's connection: bytes as they are, and how the other end ends.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use tickwire_arena::Arena;
use tickwire_shared::Game;
use tickwire_shared::protocol::{ClientMessage, JoinRequest, VERSION};
use tickwire_shared::schema::Schema;

use crate::server::{Kind, Server};

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The machine's own address, which has no limits by default.
pub const EXEMPT: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Fin,
    Reset,
}

/// An answer in HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// An upgrade request that is in order, for either kind of server. Its lines may be replaced.
pub fn upgrade(server: &Server) -> String {
    let (path, subprotocol) = match server.kind {
        Kind::Echo => ("/", ""),
        Kind::Game => ("/ws", "Sec-WebSocket-Protocol: tickwire.1\r\n"),
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{subprotocol}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.addr
    )
}

/// With one more line in its head.
pub fn with_line(request: &str, line: &str) -> String {
    request.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
}

/// A masked frame that is a whole message, or a control frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    part(opcode, true, payload)
}

/// A masked frame of less than 64 KiB.
pub fn part(opcode: u8, fin: bool, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut bytes = vec![opcode | u8::from(fin) << 7];
    match payload.len() {
        short @ ..126 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(long).expect("below 64 KiB").to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// What a client says to get a seat in Arena.
pub fn hello_and_join() -> Vec<u8> {
    let fingerprint = Schema::of::<Arena>().fingerprint();
    let hello = ClientMessage::Hello { protocol: VERSION, game: Arena::NAME.into(), fingerprint };
    let join = ClientMessage::Join(JoinRequest::new(String::new()));
    [frame(BINARY, &hello.encode()), frame(BINARY, &join.encode())].concat()
}

pub struct Peer {
    pub stream: TcpStream,
}

impl Peer {
    pub fn connect(server: &Server) -> Self {
        Self::connect_from(server, EXEMPT)
    }

    pub fn connect_from(server: &Server, from: Ipv4Addr) -> Self {
        let peer = Self::try_connect(server.addr, from).expect("the server listens");
        peer.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        peer.stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        peer
    }

    pub fn try_connect(addr: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect(&addr.into())?;
        Ok(Self { stream: socket.into() })
    }

    /// A connection past the 101.
    pub fn open(server: &Server) -> Self {
        Self::open_from(server, EXEMPT)
    }

    pub fn open_from(server: &Server, from: Ipv4Addr) -> Self {
        let mut peer = Self::connect_from(server, from);
        peer.send(upgrade(server));
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// A connection that says who it is and asks for a seat in Arena; the answers are not read.
    pub fn join(server: &Server) -> Self {
        let mut peer = Self::open(server);
        peer.send(hello_and_join());
        peer
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// To a server that may be gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    pub fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("a head was due, and after {:?} came {error}", String::from_utf8_lossy(&head))
            });
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("our heads are ASCII")
    }

    /// A whole answer, as long as it says.
    pub fn read_answer(&mut self) -> Answer {
        let head = self.read_head();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).expect("the body is as long as the head says");
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: status.unwrap_or_else(|| panic!("no status in {head}")), head, body }
    }

    /// The first byte and the payload.
    pub fn read_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        read_frame(&mut self.stream)
    }

    /// The code of the server's close frame, behind whatever comes before it.
    pub fn read_close(&mut self) -> u16 {
        loop {
            let (first, payload) = self.read_frame().expect("a close frame");
            if first == 0x80 | CLOSE {
                return payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            }
        }
    }

    /// Reads on to the end, and throws away what comes.
    pub fn ending(&mut self) -> Ending {
        let (mut bytes, until) = ([0; 4096], Instant::now() + PATIENCE);
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ending::Fin,
                Ok(_) => assert!(Instant::now() < until, "the server talks on and on"),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ending::Reset,
                Err(error) => panic!("the end was due and not {error}"),
            }
        }
    }

    /// Says nothing more.
    pub fn half_close(&self) {
        // it may be gone
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends with a RST.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }
}

/// The first byte and the payload of a frame of the server.
pub fn read_frame(from: &mut impl io::Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let length = match head[1] {
        126 => {
            let mut wide = [0; 2];
            from.read_exact(&mut wide)?;
            u64::from(u16::from_be_bytes(wide))
        }
        127 => {
            let mut wide = [0; 8];
            from.read_exact(&mut wide)?;
            u64::from_be_bytes(wide)
        }
        short => u64::from(short),
    };
    assert!(length < 64 * 1024 * 1024, "servers mask nothing and say nothing that long: {length}");
    let mut payload = vec![0; length as usize];
    from.read_exact(&mut payload)?;
    Ok((head[0], payload))
}

/// Says the same until the time is over or nobody listens any more, from a thread of its own. How many bytes it got rid
/// of.
pub fn pour(peer: &Peer, bytes: Vec<u8>, time: Duration) -> JoinHandle<usize> {
    let mut peer = Peer { stream: peer.stream.try_clone().expect("a descriptor") };
    thread::spawn(move || {
        let (began, mut sent) = (Instant::now(), 0);
        while began.elapsed() < time && peer.try_send(&bytes) {
            sent += bytes.len();
        }
        sent
    })
}

/// Many connections that one thread looks after: what came, and when and how they ended.
pub struct Crowd {
    pub members: Vec<Member>,
    began: Instant,
}

pub struct Member {
    stream: TcpStream,
    pub received: Vec<u8>,
    pub ended: Option<(Ending, Duration)>,
}

impl Crowd {
    pub fn of(peers: impl Iterator<Item = Peer>) -> Self {
        let began = Instant::now();
        let members = peers.map(|peer| {
            peer.stream.set_nonblocking(true).expect("it is a socket");
            Member { stream: peer.stream, received: Vec::new(), ended: None }
        });
        Self { members: members.collect(), began }
    }

    /// Reads from all until they have ended or `patience` is over, and lets those that have heard nothing say
    /// `words`, a byte every now and then.
    pub fn watch(&mut self, words: &[u8], patience: Duration) {
        let (began, mut words, mut round) = (self.began, words.iter().cycle(), 0_u32);
        while self.members.iter().any(|member| member.ended.is_none()) && began.elapsed() < patience {
            let word = if round % 5 == 0 { words.next() } else { None };
            round += 1;
            for member in self.members.iter_mut().filter(|member| member.ended.is_none()) {
                member.listen(began);
                if let Some(&byte) = word
                    && member.received.is_empty()
                    && member.ended.is_none()
                {
                    // the next read tells if it is gone
                    let _ = member.stream.write(&[byte]);
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Member {
    fn listen(&mut self, began: Instant) {
        let mut bytes = [0; 4096];
        loop {
            let ending = match self.stream.read(&mut bytes) {
                Ok(0) => Ending::Fin,
                Ok(count) => {
                    self.received.extend_from_slice(&bytes[..count]);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => Ending::Reset,
            };
            self.ended = Some((ending, began.elapsed()));
            return;
        }
    }
}
