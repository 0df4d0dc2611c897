//! One bot on its thread: connect, handshake, seat, play, farewell, whatever it says meanwhile.

mod books;

use std::io;
use std::mem;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::{Interest, Registry, Token};
use tickwire_shared::Rng;
use tickwire_shared::native::ConnectError;
use tickwire_shared::protocol::limits::FRAME_MAX_BYTES;

use super::arrivals::Arrivals;
use super::ground::Ground;
use super::timers::{Cause, first_tick};
use crate::link::Conditions;
use crate::session::{Ended, Failure, JOIN_TIMEOUT, Notes, Own, Session, Turn};
use crate::socket::{Socket, Taken};
use crate::ws::handshake::{self, Answer};
use crate::ws::{Inbox, Message, Opcode, frame};

/// A server that has not closed by then was told, and that must do.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// A bot that has misbehaved until its end comes back after this.
const CHAOS_BACK_OFF: Duration = Duration::from_millis(300);
/// Ticks that are made up for at once.
const MADE_UP_MAX: u32 = 1_000;
/// Reads of one bot before others have their turn.
const READS_MAX: usize = 4;

/// The close code of a connection that ended without one.
pub(super) const LOST: u16 = 1006;

/// How a bot comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// For the first time.
    Joins,
    /// Again, to its seat.
    Returns,
    /// Again, as a newcomer: its seat was not held.
    ReturnsAnew,
}

/// Where it is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Connecting,
    Upgrading,
    Joining,
    Playing,
    Leaving,
    Over,
}

/// See the module.
pub(super) struct Bot {
    index: usize,
    session: Box<dyn Session>,
    /// As the session says.
    is_chaotic: bool,
    /// Between its own ticks; as the session says once it has its seat.
    period: Option<Duration>,
    socket: Option<Socket>,
    stage: Stage,
    inbox: Inbox,
    /// Of the handshake.
    key: String,
    head: Vec<u8>,
    /// When it was to join.
    due: Duration,
    way: Way,
    was_seated: bool,
    /// The connection broke, and the session goes on over another one.
    goes_on: bool,
    paused: bool,
    /// It leaves as soon as it has its seat.
    leaves: bool,
    /// The run is over.
    ends: bool,
    /// What it sees before is not written down.
    counts_from: Duration,
    more: bool,
    /// It is among those that have something to do.
    queued: bool,
    /// When what it has not read was there, as far as it was told.
    arrivals: Arrivals,
    tick_due: Option<Duration>,
    link_due: Option<Duration>,
    deadline: Option<Duration>,
    /// The last moment that it was told of.
    latest: Duration,
    own: Own,
    /// From when on what it sees is written down, if it is.
    measured_since: Option<Duration>,
}

impl Bot {
    /// Begins to connect.
    pub(super) fn connect(
        index: usize,
        session: Box<dyn Session>,
        ground: &mut Ground,
        link: &Conditions,
        seed: u64,
        due: Duration,
        way: Way,
    ) -> Result<Self, Failure> {
        let target = &ground.target;
        let socket = Socket::connect(target, link, seed)
            .map_err(|source| ConnectError::Unreachable { url: target.url.clone(), source })?;
        let mut dice = Rng::new(seed);
        let mut random = [0; 16];
        random.chunks_mut(4).for_each(|chunk| chunk.copy_from_slice(&dice.bits().to_ne_bytes()));
        let deadline = ground.now + JOIN_TIMEOUT;
        ground.wishes.push((deadline, Cause::Deadline));
        let is_chaotic = session.is_chaotic();
        Ok(Self {
            index,
            session,
            is_chaotic,
            period: None,
            socket: Some(socket),
            stage: Stage::Connecting,
            inbox: Inbox::default(),
            key: handshake::key(random),
            head: Vec::new(),
            due,
            way,
            was_seated: false,
            goes_on: false,
            leaves: false,
            ends: false,
            paused: false,
            counts_from: Duration::ZERO,
            more: false,
            queued: false,
            arrivals: Arrivals::default(),
            tick_due: None,
            link_due: None,
            deadline: Some(deadline),
            latest: ground.now,
            own: Own::default(),
            measured_since: None,
        })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        registry.register(socket.source(), token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Its figures so far, when the connection is not its first.
    pub(super) fn inherit(&mut self, own: Own) {
        self.own = own;
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn own(&self) -> Own {
        self.own
    }

    /// Its figures, and its session if that can go on.
    pub(super) fn remains(self) -> (Own, Option<Box<dyn Session>>) {
        (self.own, self.goes_on.then_some(self.session))
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Something was there to read at this moment.
    pub(super) fn now_readable(&mut self, at: Duration) {
        if let Some(socket) = &mut self.socket {
            socket.now_readable();
            self.arrivals.note(at);
        }
    }

    /// Whether it is to be put among those that have something to do: it is there once at a time.
    pub(super) fn queues(&mut self) -> bool {
        !mem::replace(&mut self.queued, true)
    }

    /// How long what it is to read has been there, now that its turn has come.
    pub(super) fn waited(&mut self, now: Duration) -> Duration {
        self.queued = false;
        // who does not read has only itself to blame
        let first = self.arrivals.first().filter(|_| !self.paused);
        first.map_or(Duration::ZERO, |first| now.saturating_sub(first))
    }

    /// There was more to read than it may at once.
    pub(super) fn has_more(&mut self) -> bool {
        mem::take(&mut self.more)
    }

    /// Something may be possible now: goes as far as it can.
    pub(super) fn go(&mut self, ground: &mut Ground) {
        if self.stage == Stage::Connecting && !self.connected(ground) {
            return;
        }
        if !self.paused {
            self.read(ground);
        }
        self.flush(ground);
    }

    /// It asked to be called now. What it no longer wants is not for it. What it says at its tick waits for
    /// [`Bot::flush`].
    pub(super) fn call(&mut self, ground: &mut Ground, due: Duration, cause: Cause) {
        match cause {
            Cause::Tick if self.tick_due == Some(due) => self.tick(ground, due),
            Cause::Link if self.link_due == Some(due) => {
                self.link_due = None;
                self.go(ground);
            }
            Cause::Deadline if self.deadline == Some(due) => self.waited_enough(ground),
            _ => {}
        }
    }

    /// Says goodbye; who is on its way does once it has its seat, which is due all the same.
    pub(super) fn leave(&mut self, ground: &mut Ground) {
        match self.stage {
            Stage::Playing => {
                self.end_books(ground);
                ground.tally.playing.fetch_sub(1, Ordering::Relaxed);
                self.stage = Stage::Leaving;
                self.paused = false;
                self.tick_due = None;
                self.wait_until(ground, ground.now + LEAVE_TIMEOUT);
                let says = self.speak(ground, |session, turn| session.leave(turn));
                if !says {
                    self.say_close(ground, 1000, "");
                }
                self.go(ground);
            }
            Stage::Leaving | Stage::Over => {}
            _ => self.leaves = true,
        }
    }

    /// The run is over: all leave, and who is still on its way gets as long as a goodbye may take.
    pub(super) fn end(&mut self, ground: &mut Ground) {
        self.leave(ground);
        if self.leaves && !self.is_over() {
            self.ends = true;
            let soon = ground.now + LEAVE_TIMEOUT;
            self.wait_until(ground, self.deadline.map_or(Duration::MAX, |deadline| deadline.min(soon)));
        }
    }

    /// Breaks the connection without a word; the session takes it for one that ended with `code`.
    pub(super) fn break_off(&mut self, ground: &mut Ground, code: u16) {
        self.end_books(ground);
        if self.was_seated || self.way == Way::Returns {
            self.goes_on = self.speak(ground, |session, turn| session.lost(turn, code));
        }
        if self.stage == Stage::Playing {
            ground.tally.playing.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(socket) = &mut self.socket {
            socket.abort();
        }
        self.over(ground);
    }

    /// The system cannot even begin.
    pub(super) fn cannot_connect(&mut self, ground: &mut Ground, source: io::Error) {
        let url = ground.target.url.clone();
        self.fail(ground, Failure::Connect(ConnectError::Unreachable { url, source }));
    }

    fn connected(&mut self, ground: &mut Ground) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        match socket.is_connected() {
            Ok(true) => {
                let target = &ground.target;
                let asked = self.session.subprotocol();
                socket.say(ground.now, &handshake::request(&target.host, &target.path, &self.key, asked));
                self.stage = Stage::Upgrading;
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.cannot_connect(ground, error);
                false
            }
        }
    }

    fn read(&mut self, ground: &mut Ground) {
        let mut scratch = mem::take(&mut ground.scratch);
        for reads in 0.. {
            let Some(socket) = &mut self.socket else { break };
            if reads == READS_MAX {
                self.more = socket.may_have_more();
                break;
            }
            if socket.delays() {
                // the link says when a message is there; what it takes up now has come by now
                self.arrivals.clear();
            }
            match socket.read(ground.now, &mut scratch) {
                Ok(Taken::Some(count)) => self.arrived(ground, &scratch[..count]),
                Ok(Taken::Nothing) => break,
                Ok(Taken::End) => self.ended(ground),
                Err(error) => self.broken(ground, &error),
            }
        }
        ground.scratch = scratch;
        if self.socket.as_ref().is_none_or(|socket| !socket.may_have_more()) {
            self.arrivals.clear();
        }
    }

    pub(super) fn flush(&mut self, ground: &mut Ground) {
        let Some(socket) = &mut self.socket else { return };
        if let Err(error) = socket.flush(ground.now) {
            return self.broken(ground, &error);
        }
        if let Some(due) = socket.next_due(!self.paused)
            && self.link_due.is_none_or(|asked| due < asked)
        {
            self.link_due = Some(due);
            ground.wishes.push((due, Cause::Link));
        }
    }

    fn arrived(&mut self, ground: &mut Ground, bytes: &[u8]) {
        match self.stage {
            Stage::Upgrading => {
                self.head.extend_from_slice(bytes);
                self.upgrade(ground, false);
            }
            Stage::Joining | Stage::Playing | Stage::Leaving => self.take(ground, bytes),
            Stage::Connecting | Stage::Over => {}
        }
    }

    fn upgrade(&mut self, ground: &mut Ground, is_all: bool) {
        let url = || ground.target.url.clone();
        match handshake::answer(&self.head, &self.key, self.session.subprotocol(), is_all) {
            Answer::Unfinished => {}
            Answer::Open(size) => {
                self.stage = Stage::Joining;
                let head = mem::take(&mut self.head);
                self.speak(ground, |session, turn| session.open(turn));
                self.seat(ground);
                self.take(ground, &head[size..]);
            }
            Answer::Refused { code, status, reason } if code >= 400 && code != 404 => {
                self.fail(ground, ConnectError::Refused { url: url(), status, reason }.into());
            }
            Answer::Refused { status, reason, .. } => {
                let colon = if reason.is_empty() { "" } else { ": " };
                let reason = format!("HTTP {status}{colon}{reason}");
                self.fail(ground, Failure::NoWebSocket { reason });
            }
            Answer::Strange(reason) => self.fail(ground, Failure::NoWebSocket { reason: reason.to_owned() }),
        }
    }

    fn take(&mut self, ground: &mut Ground, bytes: &[u8]) {
        let mut inbox = mem::take(&mut self.inbox);
        let taken = inbox.take(bytes, FRAME_MAX_BYTES, |message| {
            self.hear(ground, message);
            self.stage != Stage::Over
        });
        self.inbox = inbox;
        if let Err(error) = taken
            && self.stage != Stage::Over
        {
            self.end_with(ground, Ended::Framing(error));
        }
    }

    fn hear(&mut self, ground: &mut Ground, message: Message<'_>) {
        let arrived = self.arrivals.next();
        match message {
            Message::Binary(payload) => self.heard(ground, arrived, (payload, false)),
            Message::Text(payload) => self.heard(ground, arrived, (payload, true)),
            Message::Ping(payload) => self.speak(ground, |_, turn| turn.send(Opcode::Pong, payload)),
            Message::Pong => {}
            Message::Close(code, reason) => {
                self.say_close(ground, if code == 1005 { 1000 } else { code }, "");
                self.flush(ground);
                if self.stage == Stage::Leaving {
                    self.over(ground);
                } else if self.stage != Stage::Over {
                    self.end_with(ground, Ended::Closed { code, reason });
                }
            }
        }
    }

    fn heard(&mut self, ground: &mut Ground, arrived: Option<Duration>, (payload, is_text): (&[u8], bool)) {
        if self.stage == Stage::Leaving {
            return;
        }
        // a silence that ended was none
        self.own.silent = Duration::ZERO;
        if self.counted_since(ground.now).is_some() {
            ground.measure.counters.bytes_down += payload.len() as u64;
        }
        let now = ground.now;
        ground.arrived = arrived;
        // a bot's own time never goes back, not even for what came before it spoke last
        ground.now = ground.arrived.unwrap_or(now).max(self.latest).min(now);
        match self.speak(ground, |session, turn| session.message(turn, payload, is_text)) {
            Ok(()) => self.seat(ground),
            Err(failure) => self.fail(ground, failure),
        }
        (ground.now, ground.arrived) = (now, None);
    }

    /// Notes that it has its seat, once.
    fn seat(&mut self, ground: &mut Ground) {
        if self.stage != Stage::Joining || !self.session.has_seat() {
            return;
        }
        self.stage = Stage::Playing;
        self.was_seated = true;
        self.deadline = None;
        self.record_wait(ground);
        ground.reckoning.resumed += usize::from(self.way == Way::Returns);
        // who comes back from its own misdeeds has been counted
        if !self.is_chaotic || self.way == Way::Joins {
            ground.tally.seated.fetch_add(1, Ordering::Relaxed);
        }
        ground.tally.playing.fetch_add(1, Ordering::Relaxed);
        self.period = self.session.period();
        if let Some(period) = self.period {
            self.tick_at(ground, first_tick(ground.now, period, self.index));
        }
        self.open_books(ground);
        if self.leaves {
            self.wait_until(ground, ground.now);
        }
    }

    fn tick(&mut self, ground: &mut Ground, due: Duration) {
        if self.stage != Stage::Playing {
            return;
        }
        let Some(period) = self.period else { return };
        if ground.measuring {
            ground.measure.lateness.record_missing(ground.now.saturating_sub(due), period);
        }
        self.speak(ground, |session, turn| session.tick(turn, due));
        let late = ground.now.saturating_sub(due).as_nanos() / period.as_nanos().max(1);
        let late = u32::try_from(late).unwrap_or(u32::MAX);
        if late > 0 && self.session.makes_up() {
            for missed in 1..=late.min(MADE_UP_MAX) {
                self.speak(ground, |session, turn| session.tick(turn, due + period * missed));
            }
        }
        self.tick_at(ground, due + period * late.saturating_add(1));
    }

    fn tick_at(&mut self, ground: &mut Ground, due: Duration) {
        self.tick_due = Some(due);
        ground.wishes.push((due, Cause::Tick));
    }

    fn wait_until(&mut self, ground: &mut Ground, deadline: Duration) {
        self.deadline = Some(deadline);
        ground.wishes.push((deadline, Cause::Deadline));
    }

    fn waited_enough(&mut self, ground: &mut Ground) {
        match self.stage {
            Stage::Leaving => {
                // whose own words were spoilt may not have said goodbye
                ground.reckoning.left_hanging += usize::from(!self.is_chaotic);
                self.over(ground);
            }
            Stage::Connecting | Stage::Upgrading | Stage::Joining => {
                let waited_s = self.record_wait(ground).as_secs();
                self.fail(ground, if self.ends { Failure::NotSeated { waited_s } } else { Failure::Silent });
            }
            Stage::Playing if self.leaves => self.leave(ground),
            Stage::Playing | Stage::Over => {}
        }
    }

    /// The stream is over.
    fn ended(&mut self, ground: &mut Ground) {
        match self.stage {
            Stage::Upgrading => {
                self.upgrade(ground, true);
                if self.stage != Stage::Over && self.stage != Stage::Upgrading {
                    self.end_with(ground, Ended::lost());
                }
            }
            Stage::Leaving => self.over(ground),
            _ => self.end_with(ground, Ended::lost()),
        }
    }

    fn broken(&mut self, ground: &mut Ground, error: &io::Error) {
        let url = || ground.target.url.clone();
        match self.stage {
            Stage::Connecting | Stage::Upgrading => {
                let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
                let failure = match tls {
                    Some(rustls::Error::InvalidCertificate(why)) => {
                        ConnectError::Untrusted { url: url(), reason: why.to_string() }.into()
                    }
                    Some(_) => Failure::NoWebSocket { reason: format!("TLS failed: {error}") },
                    None => Failure::NoWebSocket { reason: error.to_string() },
                };
                self.fail(ground, failure);
            }
            Stage::Leaving => self.over(ground),
            Stage::Over => {}
            _ => self.end_with(ground, Ended::Socket(error.to_string())),
        }
    }

    fn end_with(&mut self, ground: &mut Ground, ended: Ended) {
        let failure = match (self.stage, self.way) {
            (Stage::Playing, _) => Failure::Lost(ended),
            (_, Way::Returns) => Failure::SeatLost(ended),
            _ => Failure::NotJoined(ended),
        };
        self.fail(ground, failure);
    }

    fn fail(&mut self, ground: &mut Ground, failure: Failure) {
        if self.is_chaotic && (self.was_seated || self.way != Way::Joins) {
            ground.reckoning.chaos_ends += 1;
            ground.returns.push((ground.now + CHAOS_BACK_OFF, self.index));
            return self.break_off(ground, failure.code());
        }
        if self.stage == Stage::Playing {
            ground.tally.playing.fetch_sub(1, Ordering::Relaxed);
            ground.tally.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            ground.tally.turned_away.fetch_add(1, Ordering::Relaxed);
            ground.reckoning.seats_lost += usize::from(self.way == Way::Returns);
        }
        // a server that broke the protocol is told so; it need not listen
        if let Failure::Lost(ended) | Failure::NotJoined(ended) | Failure::SeatLost(ended) = &failure
            && let Some(code) = ended.close_code()
        {
            self.say_close(ground, code, "the server broke the protocol");
            if let Some(socket) = &mut self.socket {
                let _ = socket.flush(ground.now);
                socket.finish();
            }
        }
        self.over(ground);
        ground.fail(self.index, failure);
    }

    fn over(&mut self, ground: &mut Ground) {
        self.end_books(ground);
        self.stage = Stage::Over;
        self.socket = None;
        (self.tick_due, self.link_due, self.deadline) = (None, None, None);
        ground.reckoning.sight.add(&self.session.sight());
    }

    fn say_close(&mut self, ground: &mut Ground, code: u16, reason: &str) {
        self.speak(ground, |_, turn| {
            frame::write_close(turn.out, code, reason, turn.rng.bits().to_ne_bytes());
        });
    }

    /// Lets the session do something; what it says goes to the socket.
    fn speak<T>(&mut self, ground: &mut Ground, something: impl FnOnce(&mut dyn Session, &mut Turn<'_>) -> T) -> T {
        self.latest = self.latest.max(ground.now);
        let since = self.counted_since(ground.now);
        let notes = since.map(|since| Notes { measure: &mut ground.measure, own: &mut self.own, since });
        let (now, rooms, out, rng) = (ground.now, &mut ground.rooms, &mut ground.out, &mut ground.rng);
        let arrived = ground.arrived.unwrap_or(now);
        let result = something(&mut *self.session, &mut Turn { now, arrived, notes, rooms, out, rng });
        if let Some(socket) = &mut self.socket {
            socket.say(ground.now, &ground.out);
        }
        ground.out.clear();
        result
    }
}
