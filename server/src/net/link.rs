//! One connection: its bytes on the way out, its place in the life of a WebSocket, and when it is overdue.
//!
//! ```text
//! Handshaking ──101──> Open ──our close──> Closing ──peer's close──> Draining ──end of stream──> Gone
//!      │                └──peer's close, or a broken rule (our close)──^  ^
//!      └──refused: an HTTP answer─────────────────────────────────────────┘
//! ```
//! In Draining everything is said: what waits is written, then our FIN, and what still comes is thrown away.
//! Closing the socket at once would answer those bytes with a RST, and that would take the close code with it.

use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::addresses::Place;
use super::http_head::HeadReader;
use super::rate::Meter;
use super::tls::Tls;
use super::ws::frame::{self, Opcode};
use super::ws::{Frames, PerMessageDeflate};
use super::{LinkId, NetConfig};

/// Bytes that a peer may still send when everything is said; more is not waited for.
const DRAIN_MAX_BYTES: usize = 64 * 1024;

/// From this size on, what the kernel took is removed from the front of the waiting bytes.
const COMPACT_BYTES: usize = 4 * 1024;

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

/// What a link's clocks ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overdue {
    /// The request head did not come in time.
    Handshake,
    /// A message was begun and not finished in time.
    UnfinishedMessage,
    /// The peer was silent: ping it.
    Ping,
    /// It did not answer two pings.
    Dead,
    /// The socket took nothing while bytes waited.
    Stalled,
    /// The end of the connection was waited for long enough.
    Close,
}

/// One connection. Times are milliseconds since the reactor's start.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) peer: SocketAddr,
    pub(super) state: State,
    pub(super) frames: Frames,
    /// Agreed on in the handshake.
    pub(super) deflate: Option<Box<PerMessageDeflate>>,
    pub(super) stream: TcpStream,
    /// Everything goes through it, if it is there; then `pending` is what it made.
    pub(super) tls: Option<Tls>,
    /// Among the connections of its address, unless they are not limited.
    pub(super) place: Option<Place>,
    /// Was refused as soon as it came, and is only here to hear so.
    pub(super) turned_away: bool,

    /// Bytes that wait for the socket; those before `written` are in the kernel.
    pending: Vec<u8>,
    written: usize,
    /// So many of them are in the reactor's sum.
    pub(super) counted_bytes: usize,
    /// The kernel refused bytes, and the poll will tell when it takes some; then bytes wait.
    pub(super) blocked: bool,
    /// In the reactor's list of links to flush.
    pub(super) dirty: bool,
    /// The newest ping that came while `blocked`; its answer leaves behind what waits.
    owed_pong: Option<Box<[u8]>>,
    /// An `Outcome::Left` was told and `drained` was not.
    pub(super) owes_drained: bool,
    fin_sent: bool,

    /// In the reactor's list of links to read.
    pub(super) ready: bool,
    /// What a read brought and the turn had no time for; always while this link waits to be read again.
    pub(super) undispatched: Vec<u8>,
    /// The poll told of the end of the stream, so a short read is not the last.
    pub(super) hung_up: bool,
    read_ended: bool,
    discarded_bytes: usize,

    heard_ms: u64,
    unanswered_pings: u8,
    /// The peer's own pings.
    pub(super) pings: Meter,
    unfinished_since_ms: Option<u64>,
    /// Since when the socket has taken nothing; counts while `blocked`.
    stalled_since_ms: u64,
    /// Counts in Closing and Draining.
    close_by_ms: u64,
    /// When this link's entry in the wheel fires; other entries of it are stale.
    pub(super) armed_ms: u64,
}

impl Link {
    pub(super) fn new(id: LinkId, stream: TcpStream, peer: SocketAddr, now_ms: u64) -> Self {
        Self {
            id,
            peer,
            state: State::Handshaking(HeadReader::default()),
            frames: Frames::default(),
            deflate: None,
            stream,
            tls: None,
            place: None,
            turned_away: false,
            pending: Vec::new(),
            written: 0,
            counted_bytes: 0,
            blocked: false,
            dirty: false,
            owed_pong: None,
            owes_drained: false,
            fin_sent: false,
            ready: false,
            undispatched: Vec::new(),
            hung_up: false,
            read_ended: false,
            discarded_bytes: 0,
            heard_ms: now_ms,
            unanswered_pings: 0,
            pings: Meter::default(),
            unfinished_since_ms: None,
            stalled_since_ms: now_ms,
            close_by_ms: u64::MAX,
            armed_ms: u64::MAX,
        }
    }

    /// One read. Everything that comes is a sign of life.
    pub(super) fn read(&mut self, scratch: &mut [u8], now_ms: u64) -> Read {
        loop {
            let read = match &mut self.tls {
                None => self.stream.read(scratch),
                Some(tls) => tls.read(&mut self.stream, scratch, &mut self.pending),
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

    /// One write of bytes when nothing waits; what the kernel does not take waits then. How many it took.
    pub(super) fn write(&mut self, bytes: &[u8], now_ms: u64) -> io::Result<usize> {
        debug_assert_eq!(self.unsent_bytes(), 0);
        if self.tls.is_some() {
            self.wait_with(bytes);
            return self.write_pending(now_ms);
        }
        let count = write(&mut self.stream, bytes)?;
        self.note_written(count, bytes.len(), now_ms);
        self.pending.extend_from_slice(&bytes[count..]);
        Ok(count)
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
            self.pending.truncate(self.pending.len() - frame.len());
        }
        Ok((written, is_taken))
    }

    /// One write of what waits: how many bytes the kernel took.
    pub(super) fn write_pending(&mut self, now_ms: u64) -> io::Result<usize> {
        let unsent = &self.pending[self.written..];
        let asked = unsent.len();
        let count = write(&mut self.stream, unsent)?;
        self.note_written(count, asked, now_ms);
        self.written += count;
        if count == asked {
            // an idle link holds no buffer
            self.pending = Vec::new();
            self.written = 0;
        } else if self.written > COMPACT_BYTES && self.written > self.pending.len() / 2 {
            self.pending.drain(..self.written);
            self.written = 0;
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

    /// Appends to what waits.
    pub(super) fn wait_with(&mut self, bytes: &[u8]) {
        self.append(|out| out.extend_from_slice(bytes));
    }

    fn append(&mut self, compose: impl FnOnce(&mut Vec<u8>)) {
        match &mut self.tls {
            None => compose(&mut self.pending),
            Some(tls) => {
                let mut plain = Vec::new();
                compose(&mut plain);
                tls.write(&plain, &mut self.pending);
            }
        }
    }

    /// Appends a frame to what waits.
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

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// The 101 is said.
    pub(super) fn become_open(&mut self, now_ms: u64) {
        self.state = State::Open;
        self.heard_ms = now_ms;
        self.end_handshake();
    }

    /// Our close frame, behind what waits; then the peer's is awaited.
    pub(super) fn become_closing(&mut self, code: u16, reason: &str, close_by_ms: u64) {
        self.append(|out| frame::write_close(out, code, reason));
        self.state = State::Closing;
        self.close_by_ms = close_by_ms;
    }

    /// Nothing is to be said any more but what waits.
    pub(super) fn become_draining(&mut self, close_by_ms: u64) {
        if !matches!(self.state, State::Draining)
            && let Some(tls) = &mut self.tls
        {
            tls.close(&mut self.pending);
        }
        self.state = State::Draining;
        self.frames = Frames::default();
        self.undispatched = Vec::new();
        self.deflate = None;
        self.end_handshake();
        // a close that was begun earlier keeps its time
        self.close_by_ms = self.close_by_ms.min(close_by_ms);
    }

    fn end_handshake(&mut self) {
        if let Some(place) = &mut self.place {
            place.end_handshake();
        }
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
    pub(super) fn discard(&mut self, count: usize) -> bool {
        self.discarded_bytes = self.discarded_bytes.saturating_add(count);
        self.discarded_bytes <= DRAIN_MAX_BYTES
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

    /// When to look at the clocks at the latest.
    pub(super) fn deadline_ms(&self, config: &NetConfig) -> u64 {
        match self.state {
            State::Handshaking(_) => self.heard_ms.saturating_add(config.handshake_timeout_ms),
            State::Open => {
                self.ping_due_ms(config).min(self.unfinished_due_ms(config)).min(self.stalled_due_ms(config))
            }
            State::Closing | State::Draining => self.close_by_ms,
            State::Gone => u64::MAX,
        }
    }

    /// The most urgent of what is due.
    pub(super) fn overdue(&self, now_ms: u64, config: &NetConfig) -> Option<Overdue> {
        if now_ms < self.deadline_ms(config) {
            return None;
        }
        match self.state {
            State::Handshaking(_) => Some(Overdue::Handshake),
            State::Closing | State::Draining => Some(Overdue::Close),
            State::Gone => None,
            State::Open if now_ms >= self.stalled_due_ms(config) => Some(Overdue::Stalled),
            State::Open if now_ms >= self.unfinished_due_ms(config) => Some(Overdue::UnfinishedMessage),
            State::Open if self.unanswered_pings >= 2 => Some(Overdue::Dead),
            State::Open => Some(Overdue::Ping),
        }
    }

    /// Queues a ping and counts it as unanswered.
    pub(super) fn ping(&mut self) {
        self.unanswered_pings += 1;
        self.wait_with_frame(Opcode::Ping, b"");
    }

    fn ping_due_ms(&self, config: &NetConfig) -> u64 {
        let intervals = u64::from(self.unanswered_pings) + 1;
        self.heard_ms.saturating_add(config.ping_interval_ms.saturating_mul(intervals))
    }

    fn unfinished_due_ms(&self, config: &NetConfig) -> u64 {
        let since_ms = self.unfinished_since_ms.unwrap_or(u64::MAX);
        since_ms.saturating_add(config.unfinished_message_timeout_ms)
    }

    fn stalled_due_ms(&self, config: &NetConfig) -> u64 {
        let since_ms = if self.blocked { self.stalled_since_ms } else { u64::MAX };
        since_ms.saturating_add(config.write_stall_timeout_ms)
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn config() -> NetConfig {
        NetConfig {
            handshake_timeout_ms: 100,
            unfinished_message_timeout_ms: 300,
            ping_interval_ms: 1_000,
            write_stall_timeout_ms: 2_500,
            ..NetConfig::default()
        }
    }

    /// A link at time 0 and the other end of its socket.
    fn link() -> (Link, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        (Link::new(LinkId(0), TcpStream::from_std(stream), peer, 0), client)
    }

    #[test]
    fn silence_is_pinged_twice_and_then_it_is_death() {
        let (mut link, _client) = link();
        link.become_open(0);
        assert_eq!(link.overdue(999, &config()), None);
        assert_eq!(link.overdue(1_000, &config()), Some(Overdue::Ping));
        link.ping();
        assert_eq!(link.overdue(1_999, &config()), None);
        assert_eq!(link.overdue(2_000, &config()), Some(Overdue::Ping));
        link.ping();
        assert_eq!(link.overdue(2_999, &config()), None);
        assert_eq!(link.overdue(3_000, &config()), Some(Overdue::Dead));
    }

    #[test]
    fn anything_heard_is_life() {
        let (mut link, mut client) = link();
        link.become_open(0);
        link.ping();
        link.ping();
        client.write_all(b"x").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut scratch = [0; 8];
        while link.read(&mut scratch, 2_900) == Read::Nothing {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(3_899, &config()), None);
        assert_eq!(link.overdue(3_900, &config()), Some(Overdue::Ping));
    }

    #[test]
    fn bytes_do_not_prolong_the_handshake() {
        let (mut link, mut client) = link();
        client.write_all(b"x").unwrap();
        let mut scratch = [0; 8];
        while link.read(&mut scratch, 90) == Read::Nothing {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(99, &config()), None);
        assert_eq!(link.overdue(100, &config()), Some(Overdue::Handshake));
    }

    #[test]
    fn an_unfinished_message_has_its_time_from_its_own_beginning() {
        let (mut link, _client) = link();
        link.become_open(0);
        let unfinished = || {
            let mut frames = Frames::default();
            let limits = super::super::ws::MessageLimits { message_max_bytes: 9, fragments_max: 9, deflate: false };
            assert_eq!(frames.next(&mut &mut [0x82_u8][..], limits), Ok(None));
            frames
        };
        link.put_frames_back(unfinished(), false, 100);
        link.put_frames_back(unfinished(), false, 200);
        assert_eq!(link.overdue(399, &config()), None);
        assert_eq!(link.overdue(400, &config()), Some(Overdue::UnfinishedMessage), "the same message");
        link.put_frames_back(unfinished(), true, 300);
        assert_eq!(link.overdue(599, &config()), None, "one ended, another began");
        link.put_frames_back(Frames::default(), false, 500);
        assert_eq!(link.overdue(999, &config()), None);
    }

    #[test]
    fn a_reader_that_stalls_is_noticed_and_progress_forgives() {
        let (mut link, mut client) = link();
        link.become_open(0);
        let flood = vec![7; 16 * 1024 * 1024];
        let taken = link.write(&flood, 10).unwrap();
        assert!(taken < flood.len() && link.blocked);
        assert_eq!(link.deadline_ms(&config()), 1_000);
        link.ping();
        link.ping();
        assert_eq!(link.overdue(2_509, &config()), None);
        assert_eq!(link.overdue(2_510, &config()), Some(Overdue::Stalled));

        let mut sink = vec![0; 1024 * 1024];
        client.read_exact(&mut sink).unwrap();
        while link.write_pending(2_000).unwrap() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(2_510, &config()), None);
    }
}
