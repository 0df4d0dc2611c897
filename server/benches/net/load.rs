//! The other end of all connections: one thread, one epoll, no library that could be in the way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Open WebSocket connections to one server, or to several.
pub struct Load {
    epoll: std::os::fd::OwnedFd,
    streams: Vec<TcpStream>,
    events: Vec<epoll::Event>,
    scratch: Box<[u8]>,
}

impl Load {
    /// Opens so many to each server, one after the other; the servers take turns.
    pub fn connect(addrs: &[SocketAddr], connections: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut streams = Vec::with_capacity(connections * addrs.len());
        let addrs = std::iter::repeat_n(addrs, connections).flatten();
        for (at, addr) in addrs.enumerate() {
            let mut stream = TcpStream::connect(addr)?;
            stream.set_nodelay(true)?;
            stream.write_all(REQUEST)?;
            read_head(&mut stream)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
            streams.push(stream);
        }
        Ok(Self { epoll, streams, events: Vec::with_capacity(1024), scratch: vec![0; 64 * 1024].into() })
    }

    /// Reads for so long; each read's connection and size go to `take`, which may answer. How many bytes came.
    pub fn run(
        &mut self,
        time: Duration,
        mut take: impl FnMut(usize, &mut TcpStream, usize) -> io::Result<()>,
    ) -> io::Result<u64> {
        let end = Instant::now() + time;
        let mut bytes = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(bytes);
            }
            let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
            self.events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout))?;
            for event in &self.events {
                let at = event.data.u64() as usize;
                let stream = &mut self.streams[at];
                match stream.read(&mut self.scratch) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => {
                        bytes += count as u64;
                        take(at, stream, count)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// The same bytes on each connection.
    pub fn send_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.streams.iter_mut().try_for_each(|stream| stream.write_all(bytes))
    }
}

/// Byte by byte, so that no frame behind it is lost to the count.
fn read_head(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101 ") { Ok(()) } else { Err(io::Error::other("the upgrade was refused")) }
}

/// The soft limit becomes the hard one; servers inherit it.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// A client's frame: FIN, binary, masked (RFC 6455 5.2), at most 65,535 bytes of payload.
pub fn masked_frame(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Bytes of a server's frame with so much payload, at most 65,535.
pub fn frame_bytes(payload: usize) -> usize {
    payload + if payload <= 125 { 2 } else { 4 }
}
