//! One connection: its bytes on the way out, and its place in the life of a WebSocket. Its clocks: `deadlines.rs`.
//!
//! ```text
//! Handshaking ──101──> Open ──our close──> Closing ──peer's close──> Draining ──end of stream──> Gone
//!      │                └──peer's close, or a broken rule (our close)──^  ^
//!      └──refused: an HTTP answer─────────────────────────────────────────┘
//! ```
//! In Draining everything is said: what waits is written, then our FIN, and what still comes is thrown away.
//! Closing the socket at once would answer those bytes with a RST, and that would take the close code with it.

mod deadlines;

use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::addresses::Place;
use super::http_head::HeadReader;
use super::proxy::{self, HeaderReader, Source};
use super::rate::Meter;
use super::tls::Tls;
use super::ws::frame::{self, Opcode};
use super::ws::{Frames, PerMessageDeflate};
use super::{LinkId, PlainStream};
pub(super) use deadlines::Overdue;

/// From this size on, what the kernel took is removed from the front of the waiting bytes.
const COMPACT_BYTES: usize = 4 * 1024;

/// A spare buffer that grew over this is given back.
const BUFFER_KEPT_BYTES: usize = 64 * 1024;

/// Where a connection is in its life.
#[derive(Debug)]
pub(super) enum State {
    /// The request head is not whole.
    Handshaking(HeadReader),
    /// Messages go both ways.
    Open,
    /// Our close frame is queued or sent, the peer's is awaited; its messages are ignored.
    Closing,
    /// Nothing more is said or heard.
    Draining,
    /// Freed at the end of the turn.
    Gone,
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Read {
    /// So many bytes, never 0.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The peer's FIN.
    End,
    /// A reset, or another error of the socket.
    Broken,
}

/// One connection: what a broadcast looks at, and a box of all the rest.
///
/// Links lie side by side, and a broadcast goes from one to the next; between two of them the kernel has had the
/// caches for itself. So these few bytes are all that it touches, as long as [`Link::is_clear`].
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    stream: TcpStream,
    /// See [`Link::is_clear`]; false whenever it is not known.
    is_clear: bool,
    rest: Box<Rest>,
}

/// What there is to a connection besides its socket. Times are milliseconds since the reactor's start.
///
/// In the order of use: what every read looks at lies together in front.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Rest {
    /// The kernel refused bytes, and the poll will tell when it takes some; then bytes wait.
    pub(super) blocked: bool,
    /// In the reactor's list of links to flush.
    pub(super) dirty: bool,
    /// An `Outcome::Left` was told and `drained` was not.
    pub(super) owes_drained: bool,
    /// In the reactor's list of links to read.
    pub(super) ready: bool,
    /// The poll told of the end of the stream, so a short read is not the last.
    pub(super) hung_up: bool,
    unanswered_pings: u8,
    read_ended: bool,
    fin_sent: bool,
    heard_ms: u64,
    /// When this link's entry in the wheel fires; other entries of it are stale.
    pub(super) armed_ms: u64,
    /// What a read brought and the turn had no time for; always while this link waits to be read again.
    pub(super) undispatched: Vec<u8>,
    /// Agreed on in the handshake.
    pub(super) deflate: Option<Box<PerMessageDeflate>>,
    written: usize,
    /// Bytes that wait for the socket; those before `written` are in the kernel.
    pending: Vec<u8>,
    /// What waits here is in the reactor's sum with so many bytes.
    pub(super) counted_bytes: usize,
    unfinished_since_ms: Option<u64>,
    /// Everything goes through it, if it is there; then `pending` is what it made.
    pub(super) tls: Option<Tls>,
    pub(super) state: State,
    /// The header that its proxy owes us, as far as it came.
    pub(super) proxy_header: Option<HeaderReader>,
    pub(super) frames: Frames,

    /// Since when the socket has taken nothing; counts while `blocked`.
    stalled_since_ms: u64,
    /// Counts in Closing and Draining.
    close_by_ms: u64,
    /// The peer's own pings.
    pub(super) pings: Meter,
    /// The newest ping that came while `blocked`; its answer leaves behind what waits.
    owed_pong: Option<Box<[u8]>>,
    discarded_bytes: usize,
    /// Among all connections, and those of its address.
    pub(super) place: Place,
    /// Whose connection it is, as far as is known; a proxy may have said so.
    pub(super) peer: SocketAddr,
}

impl Deref for Link {
    type Target = Rest;

    fn deref(&self) -> &Rest {
        &self.rest
    }
}

/// Whoever may change the rest may make the link unclear.
impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Rest {
        self.is_clear = false;
        &mut self.rest
    }
}

impl Link {
    pub(super) fn new(id: LinkId, stream: TcpStream, peer: SocketAddr, place: Place, now_ms: u64) -> Self {
        let rest = Box::new(Rest {
            blocked: false,
            dirty: false,
            owes_drained: false,
            ready: false,
            pending: Vec::new(),
            written: 0,
            tls: None,
            state: State::Handshaking(HeadReader::default()),
            counted_bytes: 0,
            deflate: None,
            frames: Frames::default(),
            undispatched: Vec::new(),
            heard_ms: now_ms,
            unfinished_since_ms: None,
            armed_ms: u64::MAX,
            stalled_since_ms: now_ms,
            close_by_ms: u64::MAX,
            pings: Meter::default(),
            owed_pong: None,
            unanswered_pings: 0,
            hung_up: false,
            read_ended: false,
            fin_sent: false,
            discarded_bytes: 0,
            proxy_header: None,
            place,
            peer,
        });
        Self { id, stream, is_clear: false, rest }
    }

    /// Its socket, for the poll.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads the header that a proxy owes us, and not a byte of what is behind it. Some: it is whole.
    pub(super) fn read_proxy_header(&mut self) -> io::Result<Option<Source>> {
        let mut bytes = [0; proxy::HEADER_MAX_BYTES];
        while let Some(header) = &mut self.rest.proxy_header {
            let count = match self.stream.read(&mut bytes[..header.missing_bytes()]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            let whole = header.push(&bytes[..count]);
            if let Some(source) = whole.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                self.proxy_header = None;
                return Ok(Some(source));
            }
        }
        Ok(None)
    }

    /// One read. Everything that comes is a sign of life.
    pub(super) fn read(&mut self, scratch: &mut [u8], now_ms: u64) -> Read {
        loop {
            let Rest { tls, pending, .. } = &mut *self.rest;
            let read = match tls {
                None => self.stream.read(scratch),
                Some(tls) => {
                    self.is_clear = false;
                    tls.read(&mut self.stream, scratch, pending)
                }
            };
            return match read {
                Ok(0) => Read::End,
                Ok(count) => {
                    if !matches!(self.state, State::Handshaking(_)) {
                        self.heard_ms = now_ms;
                    }
                    self.unanswered_pings = 0;
                    Read::Bytes(count)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Nothing,
                Err(_) => Read::Broken,
            };
        }
    }

    /// Nothing is between a frame and the socket: the link is open and not blocked, nothing waits, no TLS. False may
    /// also mean that nobody has looked since something changed.
    pub(super) fn is_clear(&self) -> bool {
        debug_assert!(!self.is_clear || self.is_found_clear(), "something changed behind the back of DerefMut");
        self.is_clear
    }

    /// One write of a frame when the link is clear; what the kernel does not take waits then. How many it took.
    pub(super) fn write_clear(&mut self, frame: &[u8], now_ms: u64) -> io::Result<usize> {
        let count = write(&mut self.stream, frame)?;
        if count < frame.len() {
            self.note_written(count, frame.len(), now_ms);
            self.pending.extend_from_slice(&frame[count..]);
        }
        Ok(count)
    }

    /// One write of bytes when nothing waits; what the kernel does not take waits then. How many it took.
    fn write(&mut self, bytes: &[u8], now_ms: u64) -> io::Result<usize> {
        debug_assert_eq!(self.unsent_bytes(), 0);
        if self.tls.is_some() {
            self.wait_with(bytes);
            return self.write_pending(now_ms);
        }
        let count = self.write_clear(bytes, now_ms)?;
        self.look_if_clear();
        Ok(count)
    }

    /// Called when the rest is in the caches anyway.
    pub(super) fn look_if_clear(&mut self) {
        self.is_clear = self.is_found_clear();
    }

    fn is_found_clear(&self) -> bool {
        self.is_open() && !self.blocked && self.tls.is_none() && self.pending.is_empty()
    }

    /// One frame, now or never: how many bytes the kernel took, and whether it is on its way. It is not if not even
    /// what waited before it is out.
    pub(super) fn send(&mut self, frame: &[u8], now_ms: u64) -> io::Result<(usize, bool)> {
        if self.unsent_bytes() == 0 {
            return Ok((self.write(frame, now_ms)?, true));
        }
        if self.tls.is_some() {
            // what is encrypted has its number in the stream and cannot be taken back
            let written = self.write_pending(now_ms)?;
            let is_free = self.unsent_bytes() == 0;
            return Ok(if is_free { (written + self.write(frame, now_ms)?, true) } else { (written, false) });
        }
        self.wait_with(frame);
        let written = self.write_pending(now_ms)?;
        let is_taken = self.unsent_bytes() <= frame.len();
        if !is_taken {
            let before = self.pending.len() - frame.len();
            self.pending.truncate(before);
        }
        Ok((written, is_taken))
    }

    /// One write of what waits: how many bytes the kernel took.
    pub(super) fn write_pending(&mut self, now_ms: u64) -> io::Result<usize> {
        let unsent = &self.rest.pending[self.rest.written..];
        let asked = unsent.len();
        let count = write(&mut self.stream, unsent)?;
        self.note_written(count, asked, now_ms);
        self.written += count;
        if count == asked {
            self.pending.clear();
            self.written = 0;
        } else if self.written > COMPACT_BYTES && self.written > self.pending.len() / 2 {
            let written = mem::take(&mut self.written);
            self.pending.drain(..written);
            // it was twice as long at least, and it is memory that is counted
            self.pending.shrink_to_fit();
        }
        Ok(count)
    }

    fn note_written(&mut self, count: usize, asked: usize, now_ms: u64) {
        let blocked = count < asked;
        if count > 0 || (blocked && !self.blocked) {
            self.stalled_since_ms = now_ms;
        }
        self.blocked = blocked;
    }

    /// The connection is broken; if it is TLS that broke, its alert says why.
    pub(super) fn write_last_words(&mut self, now_ms: u64) {
        if self.tls.is_some() {
            // the peer may have gone
            let _ = self.write_pending(now_ms);
        }
    }

    /// From now on what is said is said without TLS; nothing was yet that the peer could understand.
    pub(super) fn give_up_tls(&mut self) {
        self.tls = None;
        self.forget_unsent();
    }

    /// With all that it has to say still.
    pub(super) fn into_plain(self) -> PlainStream {
        let Rest { tls, mut pending, written, mut place, .. } = *self.rest;
        pending.drain(..written);
        place.end_handshake();
        PlainStream { socket: self.stream.into(), tls, unsent: pending, place: Some(place) }
    }

    /// Makes `spare` the buffer for what is to wait, unless there is one.
    pub(super) fn borrow_buffer(&mut self, spare: &mut Vec<u8>) {
        if self.pending.capacity() == 0 {
            self.pending = mem::take(spare);
        }
    }

    /// An idle link holds no buffer: it becomes the spare one, or goes.
    pub(super) fn give_buffer_back(&mut self, spare: &mut Vec<u8>) {
        if self.pending.is_empty() && self.pending.capacity() > 0 {
            let buffer = mem::take(&mut self.pending);
            if (spare.capacity()..=BUFFER_KEPT_BYTES).contains(&buffer.capacity()) {
                *spare = buffer;
            }
        }
    }

    /// Appends to what waits.
    #[inline]
    pub(super) fn wait_with(&mut self, bytes: &[u8]) {
        self.append(|out| out.extend_from_slice(bytes));
    }

    #[inline]
    fn append(&mut self, compose: impl FnOnce(&mut Vec<u8>)) {
        let Rest { tls, pending, .. } = &mut **self;
        match tls {
            None => compose(pending),
            Some(tls) => {
                let mut plain = Vec::new();
                compose(&mut plain);
                tls.write(&plain, pending);
            }
        }
    }

    /// Appends a frame to what waits.
    #[inline]
    pub(super) fn wait_with_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        self.append(|out| frame::write_frame(out, opcode, payload));
    }

    /// Keeps a ping until the socket takes bytes again.
    pub(super) fn owe_pong(&mut self, payload: &[u8]) {
        self.owed_pong = Some(payload.into());
    }

    /// Appends the pong that is owed, unless everything is said.
    pub(super) fn pay_pong(&mut self) {
        if let Some(payload) = self.owed_pong.take()
            && self.is_open()
        {
            self.wait_with_frame(Opcode::Pong, &payload);
        }
    }

    /// Appends a frame with a compressed payload to what waits.
    pub(super) fn wait_with_compressed_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        self.append(|out| frame::write_compressed_frame(out, opcode, payload));
    }

    /// Bytes that wait for the socket.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.pending.len() - self.written
    }

    /// Brings the reactor's sum of what waits up to date. It is the memory that counts: a buffer stays as long as it
    /// was for a peer that takes all but the last byte.
    #[inline]
    pub(super) fn count_unsent(&mut self, sum: &mut usize) {
        let held = self.pending.capacity();
        // most often nothing waits and nothing did, and a clear link stays clear
        if held != self.counted_bytes {
            *sum = *sum - self.counted_bytes + held;
            self.counted_bytes = held;
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// The 101 is said.
    pub(super) fn become_open(&mut self, now_ms: u64) {
        self.state = State::Open;
        self.heard_ms = now_ms;
        self.place.end_handshake();
    }

    /// Our close frame, behind what waits; then the peer's is awaited.
    pub(super) fn become_closing(&mut self, code: u16, reason: &str, close_by_ms: u64) {
        self.append(|out| frame::write_close(out, code, reason));
        self.state = State::Closing;
        self.close_by_ms = close_by_ms;
    }

    /// Nothing is to be said any more but what waits.
    pub(super) fn become_draining(&mut self, close_by_ms: u64) {
        // it may have broken in the middle of the read whose rest ends it: what is gone stays gone
        if matches!(self.state, State::Gone) {
            return;
        }
        let Rest { tls, pending, state, .. } = &mut **self;
        if !matches!(state, State::Draining)
            && let Some(tls) = tls
        {
            tls.close(pending);
        }
        self.state = State::Draining;
        self.frames = Frames::default();
        self.undispatched = Vec::new();
        self.deflate = None;
        self.place.end_handshake();
        // a close that was begun earlier keeps its time
        self.close_by_ms = self.close_by_ms.min(close_by_ms);
    }

    /// Gives the frames to the dispatch, which must bring them back with [`Link::put_frames_back`].
    pub(super) fn lend_frames(&mut self) -> Frames {
        mem::take(&mut self.frames)
    }

    /// The end of a dispatch; `paused` tells whether there was a moment in it when nothing was unfinished.
    pub(super) fn put_frames_back(&mut self, frames: Frames, paused: bool, now_ms: u64) {
        self.unfinished_since_ms = match self.unfinished_since_ms {
            _ if !frames.is_unfinished() => None,
            Some(since_ms) if !paused => Some(since_ms),
            _ => Some(now_ms),
        };
        self.frames = frames;
    }

    /// Throws away what came too late. False: that was too much.
    pub(super) fn discard(&mut self, count: usize, drain_max_bytes: usize) -> bool {
        self.discarded_bytes = self.discarded_bytes.saturating_add(count);
        self.discarded_bytes <= drain_max_bytes
    }

    /// The peer's FIN came while we were ending anyway.
    pub(super) fn note_read_ended(&mut self) {
        self.read_ended = true;
    }

    /// Called when nothing waits: sends our FIN if that is all. True: the connection is over.
    pub(super) fn finish_sending(&mut self) -> bool {
        debug_assert_eq!(self.unsent_bytes(), 0);
        match self.state {
            State::Closing => self.read_ended,
            State::Draining => {
                if !mem::replace(&mut self.fin_sent, true) {
                    // an error here is one of the next read too
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
                self.read_ended
            }
            _ => false,
        }
    }

    /// Throws away what waits.
    pub(super) fn forget_unsent(&mut self) {
        self.pending = Vec::new();
        self.written = 0;
    }

    /// The socket is to end with a RST: nobody takes what waits, and the kernel must not keep it for minutes.
    pub(super) fn abandon_unsent(&self) {
        if self.blocked {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// One write(2). Nothing taken is 0, not an error.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        return match stream.write(bytes) {
            Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        };
    }
}
