//! The turn: one thread's loop over its listener and its links.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

pub use super::io::Io;

use super::accept::Acceptor;
use super::addresses::Addresses;
use super::http_head::{self, HeadError, Request};
use super::link::{Read, State};
use super::links::Links;
use super::tls::{Identity, Tls};
use super::ws::{Event, handshake};
use super::{Handler, LinkId, NetConfig};
use crate::metrics::Metrics;

// no link has these ids: their index would be over all memory
const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// What a link may bring at first. Whoever has more is busy, and waits until all others had this much.
const FIRST_READ_BYTES: usize = 2 * 1024;

/// What a busy link may bring at a time. It may be thousands of frames.
const READ_BYTES: usize = 16 * 1024;

/// What all busy links together may bring in one turn, inflated bytes included; then the poll is asked for others. When
/// so much was inflated, no read goes on behind a message that was: the rest of it waits.
const BUSY_BUDGET_BYTES: usize = 64 * 1024;

/// TLS handshakes that may go on in one turn: with an RSA key a signature takes most of a millisecond.
const HANDSHAKES_PER_TURN: usize = 8;

/// The event buffer grows from here, so that busy links never crowd quiet ones out of a poll.
const EVENTS_AT_FIRST: usize = 1024;
const EVENTS_MAX: usize = 16 * 1024;

/// One I/O thread's sockets and the handler that they speak to.
///
/// Make it, give its [`Reactor::waker`] to those who have something for the handler's inbox, and let a thread
/// [`Reactor::run`] it until the handler calls [`Io::shut_down`].
#[derive(Debug)]
pub struct Reactor<H> {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    /// None once it shuts down.
    acceptor: Option<Acceptor>,
    links: Links,
    handler: H,
    read_scratch: Box<[u8]>,
    /// Links of which the poll has told.
    ready: Vec<LinkId>,
    /// Reads of TLS handshakes in this turn.
    handshakes: usize,
    /// Links that had more to say than fits in one read, the longest waiting first.
    busy: VecDeque<LinkId>,
}

impl<H: Handler> Reactor<H> {
    /// Takes a listener that [`super::accept::bind`] made.
    pub fn new(
        listener: std::net::TcpListener,
        config: NetConfig,
        handler: H,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let acceptor = Acceptor::new(listener, config.send_buffers(), poll.registry(), LISTENER)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_AT_FIRST),
            waker,
            acceptor: Some(acceptor),
            links: Links::new(config, metrics),
            handler,
            read_scratch: vec![0; READ_BYTES].into(),
            ready: Vec::new(),
            handshakes: 0,
            busy: VecDeque::new(),
        })
    }

    /// Counts connections of an address together with other reactors that share the book. To be called before
    /// [`Reactor::run`]; by default a reactor has its own.
    #[must_use]
    pub fn sharing(mut self, addresses: Arc<Addresses>) -> Self {
        self.links.addresses = addresses;
        self
    }

    /// Speaks TLS and nothing else. To be called before [`Reactor::run`].
    #[must_use]
    pub fn with_tls(mut self, identity: Arc<Identity>) -> Self {
        self.links.identity = Some(identity);
        self
    }

    /// Makes the poll return, from any thread; then [`Handler::turn`] is called.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Turns until [`Io::shut_down`] is through. An error is one of the poll itself and final.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.links.is_stopped() {
            self.turn()?;
        }
        self.acceptor = None;
        self.links.drop_all();
        self.tell();
        self.links.free_gone();
        self.links.tell_counts();
        Ok(())
    }

    /// The handler, when the reactor has run.
    pub fn into_handler(self) -> H {
        self.handler
    }

    fn turn(&mut self) -> io::Result<()> {
        self.poll()?;
        self.accept();
        self.read();
        self.handler.turn(&mut Io { links: &mut self.links });
        if self.links.is_stopping() {
            // who connects from now on is told by the system that nobody listens
            self.acceptor = None;
        }
        self.links.expire();
        self.links.flush_dirty();
        self.tell();
        self.links.free_gone();
        self.links.tell_counts();
        Ok(())
    }

    /// Waits for the sockets, a wake or a deadline, writes where there is room again, notes who is to be read.
    fn poll(&mut self) -> io::Result<()> {
        let timeout = self.timeout(Instant::now());
        if let Err(error) = self.poll.poll(&mut self.events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        self.links.set_now(Instant::now());

        let mut count = 0;
        for event in &self.events {
            count += 1;
            match event.token() {
                LISTENER => self.acceptor.iter_mut().for_each(Acceptor::handle_readable),
                WAKER => {}
                Token(id) => {
                    let id = LinkId(id as u64);
                    if event.is_writable() {
                        self.links.handle_writable(id);
                    }
                    let is_over = event.is_read_closed() || event.is_error();
                    if (event.is_readable() || is_over)
                        && let Some(link) = self.links.link(id)
                    {
                        link.hung_up |= is_over;
                        if !mem::replace(&mut link.ready, true) {
                            self.ready.push(id);
                        }
                    }
                }
            }
        }
        if count >= self.events.capacity() && count < EVENTS_MAX {
            self.events = Events::with_capacity(count * 2);
        }
        self.tell();
        Ok(())
    }

    /// How long the poll may sleep.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.busy.is_empty() || !self.links.dirty.is_empty() {
            return Some(Duration::ZERO);
        }
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.due(now));
        let due = accept.into_iter().chain(self.links.next_due()).chain(self.handler.next_due()).min()?;
        Some(due.saturating_duration_since(now))
    }

    fn accept(&mut self) {
        let Some(acceptor) = &mut self.acceptor else { return };
        let (links, registry) = (&mut self.links, self.poll.registry());
        let (now, metrics) = (links.now, Arc::clone(&links.metrics));
        acceptor.accept(now, &metrics, |stream, peer| links.admit(stream, peer, registry));
    }

    /// Reads those first who were quiet, a little each; then the busy ones, in turn, as far as their budget goes.
    fn read(&mut self) {
        let mut ready = mem::take(&mut self.ready);
        // then one is read, even if what the quiet ones say inflates to the whole budget, turn after turn
        let has_waited = !self.busy.is_empty();
        self.links.inflated_bytes = 0;
        self.handshakes = 0;
        for id in ready.drain(..) {
            self.read_link(id, FIRST_READ_BYTES);
        }
        self.ready = ready;
        let mut read_bytes = 0;
        for served in 0..self.busy.len() {
            let is_owed = served == 0 && has_waited;
            if !is_owed && read_bytes + self.links.inflated_bytes >= BUSY_BUDGET_BYTES {
                break;
            }
            let Some(id) = self.busy.pop_front() else { break };
            read_bytes += self.read_link(id, READ_BYTES);
        }
        self.tell();
    }

    /// One read of at most `room` bytes, or what the last one left: how many they are.
    fn read_link(&mut self, id: LinkId, room: usize) -> usize {
        let now_ms = self.links.now_ms;
        let Some(link) = self.links.link(id) else { return 0 };
        link.ready = false;
        if link.proxy_header.is_some() && !self.links.hear_proxy(id) {
            return 0;
        }
        let drain_max_bytes = self.links.config.drain_max_bytes;
        let Some(link) = self.links.link(id) else { return 0 };
        if link.tls.is_some() && matches!(link.state, State::Handshaking(_)) {
            if self.handshakes == HANDSHAKES_PER_TURN {
                self.requeue(id, true);
                return 0;
            }
            self.handshakes += 1;
        }
        if !link.undispatched.is_empty() {
            let mut kept = mem::take(&mut link.undispatched);
            dispatch(&mut self.handler, &mut self.links, id, &mut kept);
            self.links.flush(id);
            // the poll may have told of more meanwhile
            self.requeue(id, true);
            return kept.len();
        }
        let count = match link.read(&mut self.read_scratch[..room], now_ms) {
            Read::Bytes(count) => count,
            Read::Nothing => {
                let has_more = link.tls.as_ref().is_some_and(Tls::has_more);
                // of a TLS handshake there may be something to say
                self.links.flush(id);
                self.requeue(id, has_more);
                return 0;
            }
            Read::End => {
                self.links.handle_end(id);
                self.links.flush(id);
                return 0;
            }
            Read::Broken if let Some(error) = link.tls.as_ref().and_then(Tls::met_plaintext) => {
                link.give_up_tls();
                self.links.refuse_head(id, error);
                self.requeue(id, true);
                return 0;
            }
            Read::Broken => {
                link.write_last_words(now_ms);
                self.links.drop_link(id);
                return 0;
            }
        };
        // a short read was the last, unless the poll has told of the end: then that is to be read too
        let has_more = count == room || link.hung_up || link.tls.as_ref().is_some_and(Tls::has_more);
        match link.state {
            State::Open | State::Closing => {
                dispatch(&mut self.handler, &mut self.links, id, &mut self.read_scratch[..count]);
            }
            State::Handshaking(_) => {
                let peer = link.peer;
                self.handshake(id, peer, count);
            }
            State::Draining => {
                if !link.discard(count, drain_max_bytes) {
                    self.links.metrics.closes_forced.one();
                    self.links.drop_link(id);
                }
            }
            State::Gone => {}
        }
        self.links.counts.bytes_in += count as u64;
        self.links.flush(id);
        self.requeue(id, has_more);
        count
    }

    /// Whoever has more is read again although the poll says nothing.
    fn requeue(&mut self, id: LinkId, has_more: bool) {
        if let Some(link) = self.links.link(id)
            && (has_more || !link.undispatched.is_empty())
        {
            link.ready = true;
            self.busy.push_back(id);
        }
    }

    /// More of a request head: when it is whole, the link opens, is refused, or leaves for plain HTTP.
    fn handshake(&mut self, id: LinkId, peer: SocketAddr, count: usize) {
        let (handler, links) = (&mut self.handler, &mut self.links);
        let limits = links.config.head;
        let Some(State::Handshaking(reader)) = links.link(id).map(|link| &mut link.state) else { return };
        let end = match reader.push(&self.read_scratch[..count], limits) {
            Ok(None) => return,
            Ok(Some(end)) => end,
            Err(error) => return links.refuse_head(id, error),
        };
        let mut bytes = mem::take(reader).into_bytes();
        let parsed = http_head::parse(&bytes[..end], limits, peer, |request| {
            let mut head = *request.head();
            let client = links.client_of(id, &head)?;
            head.set_peer(client);
            let Request::Upgrade(_, key) = request else { return Ok((client, None)) };
            if !links.config.origins.allows(&head) {
                links.metrics.origins_refused.one();
                links.addresses.complaints.origin(links.now, &links.config.origins, &head);
                return Err(HeadError::Origin.into());
            }
            let subprotocol = handler.upgrade(&head)?;
            debug_assert!(subprotocol.is_none_or(|chosen| head.subprotocols().any(|name| name == chosen)));
            let mut accepted = Vec::new();
            let deflate = links.agree(head.extensions());
            handshake::write_accepted(&mut accepted, key, subprotocol, deflate.as_ref());
            Ok((client, Some((accepted, deflate))))
        });
        let verdict = match parsed {
            Ok(verdict) => verdict,
            Err(error) => return links.refuse_head(id, error),
        };
        match verdict {
            Ok((client, Some((accepted, deflate)))) => {
                links.open(id, &accepted);
                if let Some(agreed) = deflate {
                    links.begin_deflate(id, agreed);
                }
                handler.open(&mut Io { links: &mut *links }, id, client);
                dispatch(handler, links, id, &mut bytes[end..]);
            }
            Ok((client, None)) => match links.hand_over(id, self.poll.registry()) {
                Ok(stream) => handler.plain_http(stream, bytes, client),
                Err(error) => links.addresses.complaints.system(links.now, "it cannot be handed over", &error),
            },
            Err(refusal) => links.refuse(id, &refusal),
        }
    }

    /// Tells the handler what has happened to its links.
    fn tell(&mut self) {
        while let Some(id) = self.links.next_drained() {
            self.handler.drained(&mut Io { links: &mut self.links }, id);
        }
        while let Some((id, cause)) = self.links.next_ended() {
            self.handler.closed(id, cause);
        }
    }
}

/// Takes one read of an open or closing link apart. Messages go to the handler until it closes the link.
fn dispatch<H: Handler>(handler: &mut H, links: &mut Links, id: LinkId, read: &mut [u8]) {
    let Some(mut frames) = links.lend_frames(id) else { return };
    let limits = links.message_limits(id);
    let mut rest = read;
    let mut messages = 0;
    let mut paused = false;
    let mut undispatched = Vec::new();
    let mut is_enough = false;
    loop {
        match frames.next(&mut rest, limits) {
            Ok(Some(Event::Message(kind, payload))) => {
                // between two messages only the handler may have closed it, and that would be noted
                if (messages > 0 && !links.has_ended()) || links.is_open(id) {
                    messages += 1;
                    handler.message(&mut Io { links: &mut *links }, id, kind, payload);
                }
            }
            Ok(Some(Event::Deflated(kind, payload))) => {
                if links.is_open(id) {
                    messages += 1;
                    match links.inflate(id, kind, payload) {
                        Ok(inflated) => {
                            links.inflated_bytes += inflated.len();
                            is_enough = links.inflated_bytes >= BUSY_BUDGET_BYTES;
                            handler.message(&mut Io { links: &mut *links }, id, kind, &inflated);
                            links.put_inflated_back(inflated);
                        }
                        Err(error) => {
                            links.fail(id, error);
                            break;
                        }
                    }
                }
            }
            Ok(Some(Event::Ping(payload))) => links.handle_ping(id, payload),
            Ok(Some(Event::Pong(_))) => {}
            Ok(Some(Event::Close(code, _))) => links.peer_closed(id, code),
            Ok(None) => break,
            Err(error) => {
                links.fail(id, error);
                break;
            }
        }
        paused |= !frames.is_unfinished();
        if is_enough && !rest.is_empty() {
            undispatched = rest.to_vec();
            break;
        }
    }
    links.counts.messages_in += messages;
    links.put_frames_back(id, frames, paused);
    if let Some(link) = links.link(id) {
        link.undispatched = undispatched;
    }
}
