//! Binds the rim to sessions and rooms: the network layer's [`Handler`] for the game server, one for each reactor.

mod json;
mod ports;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::input::TickInput;
use tickwire_shared::protocol::{SUBPROTOCOL, ServerMessage};
use tickwire_shared::{Leave, Tick};
use tracing::{debug, info};

use crate::handover::{Batch, LinkAddress, Post, RoomInput, SeatAddress, Seated, ToControl, ToReactor, ToTick, Told};
use crate::metrics::Metrics;
use crate::net::complaints::Sample;
use crate::net::http_head::RequestHead;
use crate::net::{CloseCause, Handler, HttpRefusal, Io, LinkId, MessageKind, PlainStream};
use crate::session::{HostTerms, Session, Verdict};
use json::JsonLinks;
pub use ports::TickPort;

/// The path of the game's sessions.
pub const SESSION_PATH: &str = "/ws";

/// What a gateway is made of.
pub struct GatewayParts {
    /// Index of its reactor.
    pub reactor: usize,
    /// About the games.
    pub terms: Arc<HostTerms>,
    /// What it is told.
    pub inbox: Receiver<ToReactor>,
    /// For each tick thread.
    pub threads: Vec<TickPort>,
    /// To the control thread.
    pub control: tokio::sync::mpsc::Sender<ToControl>,
    /// How long clients get to answer the close frame when the server stops.
    pub stop_grace: Duration,
    /// The server's counters.
    pub metrics: Arc<Metrics>,
}

/// See the module.
pub struct Gateway {
    reactor: usize,
    terms: Arc<HostTerms>,
    inbox: Receiver<ToReactor>,
    threads: Vec<TickPort>,
    control: Post<tokio::sync::mpsc::Sender<ToControl>, ToControl>,
    stop_grace: Duration,
    metrics: Arc<Metrics>,
    sessions: FxHashMap<LinkId, Session>,
    /// Links that may not have asked for a seat, the oldest first.
    newcomers: VecDeque<(Instant, LinkId)>,
    /// Scratch for the inputs of one message.
    inputs: Vec<TickInput>,
    /// Which frames clients have taken, where the tick thread's port was full: nothing more may come that says it again.
    unheard: FxHashMap<LinkId, (Tick, Instant)>,
    /// Of the sessions, those in JSON.
    json: JsonLinks,
    /// When the log has heard of refusals.
    refused: FxHashMap<CloseReason, Sample>,
}

impl Gateway {
    /// A gateway without clients.
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        Self {
            reactor: parts.reactor,
            terms: parts.terms,
            inbox: parts.inbox,
            threads: parts.threads,
            control: Post::new(parts.control),
            stop_grace: parts.stop_grace,
            metrics: parts.metrics,
            sessions: FxHashMap::default(),
            newcomers: VecDeque::new(),
            inputs: Vec::new(),
            unheard: FxHashMap::default(),
            json: JsonLinks::default(),
            refused: FxHashMap::default(),
        }
    }

    fn address(&self, link: LinkId) -> LinkAddress {
        LinkAddress { reactor: self.reactor, link }
    }

    /// Writes one room's frames and sends the batch home as a receipt.
    fn write_batch(&mut self, io: &mut Io<'_>, mut batch: Box<Batch>) {
        let began = Instant::now();
        for i in 0..batch.frames.len() {
            let frame = &batch.frames[i];
            let outcome = if self.json.has(frame.link) {
                self.tell_frame(io, frame.link, batch.frame_bytes(frame))
            } else {
                io.send_frame(frame.link, batch.frame_bytes(frame))
            };
            batch.outcomes.push(outcome);
        }
        for i in 0..batch.blocked.len() {
            let (link, seat) = batch.blocked[i];
            if io.unsent_bytes(link) == 0 {
                batch.drained.push((link, seat));
            }
        }
        batch.write_took = began.elapsed();
        self.threads[batch.thread].send_home(batch);
    }

    fn seat(&mut self, io: &mut Io<'_>, link: LinkId, seated: Seated) {
        let (seat, returns) = (seated.seat, seated.resumed.is_some());
        match self.sessions.get_mut(&link) {
            Some(session) if !session.has_ended() => {
                // who speaks JSON has no token: it joins anew
                let pass = seated.pass.filter(|_| !self.json.has(link));
                let game = &self.terms.games[session.game()];
                self.json.seated(link, &game.text, (seated.tick, seated.rate_hz), io.now());
                let joined = session.handle_seated(Seated { pass, ..seated });
                self.say(io, link, &joined);
            }
            // it left while the room made its place
            _ => self.lose(link, seat, returns),
        }
    }

    fn say(&self, io: &mut Io<'_>, link: LinkId, message: &ServerMessage) {
        if !self.json.has(link) {
            io.queue(link, MessageKind::Binary, &message.encode());
        } else if let Some(text) = crate::json::message(message) {
            io.queue(link, MessageKind::Text, text.as_bytes());
        }
    }

    /// A connection broke: its seat is held for one who can come back.
    fn lose(&mut self, link: LinkId, seat: SeatAddress, returns: bool) {
        if !returns {
            return self.free(link, seat, Leave::Lost);
        }
        let lost = ToTick::Lost { room: seat.room, seat: seat.seat, link: self.address(link) };
        self.threads[seat.thread].send(lost);
    }

    fn free(&mut self, link: LinkId, seat: SeatAddress, why: Leave) {
        let leave = ToTick::Leave { room: seat.room, seat: seat.seat, link: self.address(link), why };
        self.threads[seat.thread].send(leave);
    }

    /// Ends a session with a reason for a person, in a message and in the close frame.
    fn refuse(&mut self, io: &mut Io<'_>, link: LinkId, reason: CloseReason, text: &str) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let seat = session.end();
        // not every JSON client shows a close frame's reason
        if seat.is_none() || self.json.has(link) {
            self.say(io, link, &ServerMessage::Refused { reason: text.to_owned() });
        }
        io.close(link, reason.code(), text);
        self.metrics.sessions_refused.of(reason).one();
        let code = reason.code();
        debug!(link = link.0, code, text, "session refused");
        // strangers cause them: of each code some
        if let Some(refused) = self.refused.entry(reason).or_default().due(io.now()) {
            info!(link = link.0, code, text, refused, "sessions are refused or ended; this is the last of them");
        }
        if let Some(seat) = seat {
            self.free(link, seat, Leave::Removed);
        }
    }

    /// Word from the operator, for one or for all who have a seat.
    fn notify(&mut self, io: &mut Io<'_>, link: Option<LinkId>, text: &str, ends_in_s: Option<u32>) {
        let notice = ServerMessage::Notice { text: text.to_owned(), ends_in_s };
        let seated = |(id, session): (&LinkId, &Session)| session.seat().map(|_| *id);
        let links = link.map_or_else(|| self.sessions.iter().filter_map(seated).collect(), |link| vec![link]);
        for link in links.into_iter().filter(|link| self.sessions.get(link).is_some_and(|s| !s.has_ended())) {
            self.say(io, link, &notice);
        }
    }

    fn act(&mut self, io: &mut Io<'_>, link: LinkId, verdict: Verdict) {
        match verdict {
            Verdict::Nothing => self.pass_inputs(io.now(), link),
            Verdict::Heard(frame) => {
                self.pass_inputs(io.now(), link);
                self.pass_heard_or_keep(link, frame, io.now());
            }
            Verdict::Reply(message) => self.say(io, link, &message),
            Verdict::Place(request) => {
                let (Some(ip), Some(session)) = (io.peer(link), self.sessions.get(&link)) else { return };
                let (link, game) = (self.address(link), session.game());
                self.control.send(ToControl::Join { link, ip, game, request });
            }
            Verdict::Resume(claim) => {
                let Some(ip) = io.peer(link) else { return };
                let link = self.address(link);
                self.control.send(ToControl::Resume { link, ip, claim: *claim });
            }
            Verdict::Command(bytes) => {
                if let Some(seat) = self.sessions.get(&link).and_then(Session::seat) {
                    let link = self.address(link);
                    let command = ToTick::Command { room: seat.room, seat: seat.seat, link, bytes };
                    if !self.threads[seat.thread].offer(command) {
                        self.metrics.commands_dropped.one();
                    }
                }
            }
            Verdict::Resync => {
                self.metrics.resyncs.one();
                if let Some(seat) = self.sessions.get(&link).and_then(Session::seat) {
                    // a client asks again while it needs to
                    let link = self.address(link);
                    self.threads[seat.thread].offer(ToTick::Resync { room: seat.room, seat: seat.seat, link });
                }
            }
            Verdict::Desync(tick, hashes) => {
                self.metrics.desyncs.one();
                if let Some(SeatAddress { thread, room, seat }) = self.sessions.get(&link).and_then(Session::seat) {
                    let link = self.address(link);
                    self.threads[thread].offer(ToTick::Desync { room, seat, link, tick, hashes });
                }
            }
            Verdict::Leave => {
                if let Some(seat) = self.sessions.get_mut(&link).and_then(Session::end) {
                    self.free(link, seat, Leave::Left);
                }
                io.close(link, CloseReason::Done.code(), "left the room");
            }
            Verdict::Dropped => self.metrics.messages_dropped.one(),
            Verdict::TooFast => {
                self.metrics.sessions_too_fast.one();
                self.refuse(io, link, CloseReason::Policy, "too many messages or bytes for too long");
            }
            Verdict::Refuse(reason, text) => self.refuse(io, link, reason, &text),
        }
    }

    fn pass_inputs(&mut self, arrived: Instant, link: LinkId) {
        let address = self.address(link);
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let Some(SeatAddress { thread, room, seat }) = session.seat() else { return };
        for input in &self.inputs {
            let tick = input.tick;
            let input = RoomInput { room, seat, link: address, told: Told::Input(*input), arrived };
            if !self.threads[thread].offer_input(input) {
                self.metrics.inputs_dropped.one();
                session.input_lost(tick);
                break;
            }
        }
    }

    /// Tells the room that a client has taken a frame; false when that must be tried again.
    fn pass_heard(&mut self, link: LinkId, frame: Tick, arrived: Instant) -> bool {
        let Some(SeatAddress { thread, room, seat }) = self.sessions.get(&link).and_then(Session::seat) else {
            return true;
        };
        let told = RoomInput { room, seat, link: self.address(link), told: Told::Heard(frame), arrived };
        self.threads[thread].offer_input(told)
    }

    fn pass_heard_or_keep(&mut self, link: LinkId, frame: Tick, arrived: Instant) {
        if !self.pass_heard(link, frame, arrived) {
            self.unheard.insert(link, (frame, arrived));
        }
    }

    fn pass_unheard(&mut self) {
        if !self.unheard.is_empty() {
            let mut unheard = std::mem::take(&mut self.unheard);
            unheard.retain(|link, (frame, arrived)| !self.pass_heard(*link, *frame, *arrived));
            self.unheard = unheard;
        }
    }

    /// From the 101 to the join.
    fn hello_timeout(&self) -> Duration {
        Duration::from_millis(self.terms.limits.hello_timeout_ms)
    }

    fn close_silent_newcomers(&mut self, io: &mut Io<'_>) {
        let (in_binary, in_json) = (self.hello_timeout(), json::JOIN_TIMEOUT);
        let mut silent = Vec::new();
        for (newcomers, timeout) in [(&mut self.newcomers, in_binary), (&mut self.json.newcomers, in_json)] {
            while let Some((since, link)) = newcomers.front().copied() {
                let is_silent = self.sessions.get(&link).is_some_and(Session::awaits_join);
                if is_silent && io.now() < since + timeout {
                    break;
                }
                newcomers.pop_front();
                silent.extend(is_silent.then_some((link, timeout)));
            }
        }
        for (link, timeout) in silent {
            self.metrics.sessions_silent.one();
            let text = format!("no hello and join within {timeout:?} of connecting");
            self.refuse(io, link, CloseReason::Policy, &text);
        }
    }
}

impl Handler for Gateway {
    fn upgrade(&mut self, head: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
        if head.path() != SESSION_PATH {
            let reason = format!("no WebSocket here; sessions are at {SESSION_PATH}");
            return Err(HttpRefusal { status: 404, reason });
        }
        let known = [SUBPROTOCOL, crate::json::SUBPROTOCOL];
        let first = head.subprotocols().find_map(|offered| known.into_iter().find(|name| *name == offered));
        if first.is_some() {
            self.json.upgrading = first == Some(crate::json::SUBPROTOCOL);
            return Ok(first);
        }
        let reason = format!(
            "offer the subprotocol {SUBPROTOCOL} (Sec-WebSocket-Protocol), as Tickwire's clients do, or {} to speak JSON",
            crate::json::SUBPROTOCOL
        );
        Err(HttpRefusal { status: 400, reason })
    }

    fn open(&mut self, io: &mut Io<'_>, link: LinkId, peer: SocketAddr) {
        debug!(link = link.0, %peer, "link open");
        self.sessions.insert(link, Session::new(Arc::clone(&self.terms), io.now()));
        if std::mem::take(&mut self.json.upgrading) {
            self.open_json(io, link);
        } else {
            self.newcomers.push_back((io.now(), link));
        }
    }

    fn message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]) {
        self.inputs.clear();
        if self.json.has(link) {
            return self.json_message(io, link, kind, payload);
        }
        let Some(session) = self.sessions.get_mut(&link) else { return };
        if kind == MessageKind::Text {
            let text = "text messages are not part of tickwire.1: send binary ones, or offer tickwire.1.json";
            return self.refuse(io, link, CloseReason::ProtocolError, text);
        }
        let verdict = session.handle_message(io.now(), payload, &mut self.inputs);
        if let Some((stay, turn)) = session.take_shown() {
            self.control.send(ToControl::TokenShown(stay, turn));
        }
        self.act(io, link, verdict);
    }

    fn drained(&mut self, io: &mut Io<'_>, link: LinkId) {
        // of binary links, rooms ask with their next batch
        if let Some(frame) = self.json.has_left(link) {
            self.pass_heard_or_keep(link, frame, io.now());
        }
    }

    fn closed(&mut self, link: LinkId, cause: CloseCause) {
        debug!(link = link.0, ?cause, "link closed");
        self.unheard.remove(&link);
        self.close_json(link);
        if let Some(mut session) = self.sessions.remove(&link)
            && let Some(seat) = session.end()
        {
            match cause {
                // it is done, says whoever closes so
                CloseCause::Peer(code) if code == CloseReason::Done.code() => self.free(link, seat, Leave::Left),
                _ => self.lose(link, seat, session.returns()),
            }
        }
    }

    fn plain_http(&mut self, stream: PlainStream, read: Vec<u8>, peer: SocketAddr) {
        // a full control thread sheds requests, it does not queue sockets
        let _ = self.control.offer(ToControl::Plain { stream, read, peer });
    }

    fn next_due(&self) -> Option<Instant> {
        let silent = self.newcomers.front().map(|(since, _)| *since + self.hello_timeout());
        silent.into_iter().chain(self.json.next_due()).min()
    }

    fn turn(&mut self, io: &mut Io<'_>) {
        for _ in 0..self.inbox.len() {
            let Ok(message) = self.inbox.try_recv() else { break };
            match message {
                ToReactor::Batch(batch) => self.write_batch(io, batch),
                ToReactor::Seated { link, seated } => self.seat(io, link, *seated),
                ToReactor::Close { link, reason, text } => self.refuse(io, link, reason, &text),
                ToReactor::Notice { link, text, ends_in_s } => self.notify(io, link, &text, ends_in_s),
                ToReactor::Stop { text } => io.shut_down(CloseReason::GoingAway.code(), &text, self.stop_grace),
            }
        }
        self.close_silent_newcomers(io);
        self.pass_unheard();
        self.pass_wishes(io.now());
        self.control.flush();
        self.threads.iter_mut().for_each(TickPort::flush);
    }
}
