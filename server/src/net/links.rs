//! All links of one reactor, and what can happen to one of them. Calls no handler: what the layer above must
//! hear of waits in lists until the reactor tells it, so that no callback comes out of another.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Registry;
use slab::Slab;

use super::addresses::Addresses;
use super::compression::Compression;
use super::http_head::{HeadError, write_refusal};
use super::link::{Link, Overdue, State};
use super::timers::{SLOT_MS, Wheel};
use super::tls::Identity;
use super::ws::frame::Opcode;
use super::ws::{FrameError, Frames, MessageLimits};
use super::{CloseCause, HttpRefusal, LinkId, NetConfig, PlainStream};
use crate::metrics::Metrics;

// the token of a link in the poll is its whole id
const _: () = assert!(usize::BITS == 64, "links need 64-bit tokens");

/// What is counted too often for counters that other threads may read.
#[derive(Default, Debug)]
pub(super) struct Counts {
    pub(super) messages_in: u64,
    pub(super) bytes_in: u64,
    pub(super) frames_out: u64,
    pub(super) bytes_out: u64,
}

/// All links of one reactor.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) slab: Slab<Link>,
    pub(super) config: NetConfig,
    pub(super) metrics: Arc<Metrics>,
    pub(super) counts: Counts,
    /// One frame, header and parts, on its way into one write.
    pub(super) write_scratch: Vec<u8>,
    /// For the next link in which something has to wait.
    pub(super) spare: Vec<u8>,
    pub(super) compression: Compression,
    /// In this turn.
    pub(super) inflated_bytes: usize,
    /// Links with bytes that were queued since their last write.
    pub(super) dirty: Vec<LinkId>,
    /// Links whose leftover is gone, not told yet.
    pub(super) drained: VecDeque<LinkId>,
    /// Links that carry nothing more, not told yet.
    ended: VecDeque<(LinkId, CloseCause)>,
    gone: Vec<LinkId>,
    open: usize,
    /// Memory for what waits in all links, as far as it was counted.
    pub(super) unsent_bytes: usize,
    pub(super) addresses: Arc<Addresses>,
    /// Then every link speaks TLS.
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) generation: u32,
    wheel: Wheel,
    fired: Vec<(LinkId, u64)>,
    started: Instant,
    pub(super) now: Instant,
    pub(super) now_ms: u64,
    /// Set by `shut_down`: when to give up on the links that are left.
    stop_by: Option<Instant>,
}

impl Links {
    pub(super) fn new(config: NetConfig, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        let addresses = Arc::new(Addresses::new(config.addresses.clone(), config.connections_max));
        Self {
            slab: Slab::new(),
            config,
            metrics,
            counts: Counts::default(),
            write_scratch: Vec::new(),
            spare: Vec::new(),
            compression: Compression::default(),
            inflated_bytes: 0,
            dirty: Vec::new(),
            drained: VecDeque::new(),
            ended: VecDeque::new(),
            gone: Vec::new(),
            open: 0,
            unsent_bytes: 0,
            addresses,
            identity: None,
            generation: 0,
            wheel: Wheel::default(),
            fired: Vec::new(),
            started: now,
            now,
            now_ms: 0,
            stop_by: None,
        }
    }

    pub(super) fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        find(&mut self.slab, id)
    }

    pub(super) fn is_open(&mut self, id: LinkId) -> bool {
        self.link(id).is_some_and(|link| link.is_open())
    }

    /// Answers a handshake with an HTTP error and ends the connection.
    pub(super) fn refuse(&mut self, id: LinkId, refusal: &HttpRefusal) {
        let close_by_ms = self.close_by_ms();
        let Some(link) = find(&mut self.slab, id) else { return };
        self.metrics.handshakes_failed.one();
        tracing::debug!(peer = %link.peer, status = refusal.status, reason = refusal.reason, "request refused");
        let mut answer = Vec::new();
        write_refusal(&mut answer, refusal);
        link.wait_with(&answer);
        link.become_draining(close_by_ms);
        self.mark_dirty(id);
        self.arm(id);
    }

    /// The answer to an upgrade is yes.
    pub(super) fn open(&mut self, id: LinkId, accepted: &[u8]) {
        let now_ms = self.now_ms;
        let Some(link) = find(&mut self.slab, id) else { return };
        link.wait_with(accepted);
        link.become_open(now_ms);
        self.open += 1;
        self.metrics.links_open.one();
        self.mark_dirty(id);
    }

    /// We say goodbye; the peer's answer is awaited for a while.
    pub(super) fn close(&mut self, id: LinkId, code: u16, reason: &str) {
        let close_by_ms = self.close_by_ms();
        let Some(link) = find(&mut self.slab, id).filter(|link| link.is_open()) else { return };
        link.become_closing(code, reason, close_by_ms);
        self.end(id, CloseCause::Ours(code));
        self.mark_dirty(id);
        self.arm(id);
    }

    /// The peer broke the framing, so its close frame would not be found any more.
    pub(super) fn fail(&mut self, id: LinkId, error: FrameError) {
        let close_by_ms = self.close_by_ms();
        let Some(link) = find(&mut self.slab, id) else { return };
        self.metrics.protocol_errors.one();
        self.metrics.messages_too_large.add(u64::from(matches!(error.close_code(), 1008 | 1009)));
        tracing::debug!(peer = %link.peer, code = error.close_code(), %error, "protocol error");
        self.close(id, error.close_code(), &error.to_string());
        if let Some(link) = find(&mut self.slab, id) {
            link.become_draining(close_by_ms);
        }
        self.mark_dirty(id);
    }

    /// The peer's close frame: RFC 6455 5.5.1, it is answered with its own code unless we were first.
    pub(super) fn peer_closed(&mut self, id: LinkId, code: u16) {
        let close_by_ms = self.close_by_ms();
        let Some(link) = find(&mut self.slab, id) else { return };
        if link.is_open() {
            let echo = code.to_be_bytes();
            let body: &[u8] = if code == 1005 { &[] } else { &echo };
            link.wait_with_frame(Opcode::Close, body);
            self.end(id, CloseCause::Peer(code));
        }
        if let Some(link) = find(&mut self.slab, id) {
            link.become_draining(close_by_ms);
        }
        self.mark_dirty(id);
        self.arm(id);
    }

    /// The end of the stream.
    pub(super) fn handle_end(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        match link.state {
            State::Closing | State::Draining => {
                link.note_read_ended();
                self.mark_dirty(id);
            }
            _ => self.drop_link(id),
        }
    }

    /// The connection is over, whatever it was.
    pub(super) fn drop_link(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        match link.state {
            State::Gone => return,
            State::Handshaking(_) => self.metrics.handshakes_failed.one(),
            State::Open => {
                self.metrics.links_lost.one();
                self.end(id, CloseCause::Lost);
            }
            State::Closing | State::Draining => {}
        }
        if let Some(link) = find(&mut self.slab, id) {
            link.state = State::Gone;
            // nobody else is to be dropped for it
            link.forget_unsent();
            link.count_unsent(&mut self.unsent_bytes);
        }
        self.gone.push(id);
    }

    /// The connection of a plain request leaves the reactor.
    pub(super) fn hand_over(&mut self, id: LinkId, registry: &Registry) -> io::Result<PlainStream> {
        let index = index(id);
        let mut link = self.slab.remove(index);
        self.unsent_bytes -= link.counted_bytes;
        self.metrics.connections_open.less();
        self.metrics.plain_requests.one();
        registry.deregister(link.stream())?;
        Ok(link.into_plain())
    }

    /// Lends the frames of a link that still listens.
    pub(super) fn lend_frames(&mut self, id: LinkId) -> Option<Frames> {
        let link = find(&mut self.slab, id)?;
        matches!(link.state, State::Open | State::Closing).then(|| link.lend_frames())
    }

    /// The end of a dispatch: see [`Link::put_frames_back`].
    pub(super) fn put_frames_back(&mut self, id: LinkId, frames: Frames, paused: bool) {
        let now_ms = self.now_ms;
        let Some(link) = find(&mut self.slab, id) else { return };
        if matches!(link.state, State::Open | State::Closing) {
            link.put_frames_back(frames, paused, now_ms);
            self.arm(id);
        }
    }

    pub(super) fn message_limits(&mut self, id: LinkId) -> MessageLimits {
        let deflate = self.link(id).is_some_and(|link| link.deflate.is_some());
        let NetConfig { message_max_bytes, fragments_max, .. } = self.config;
        MessageLimits { message_max_bytes, fragments_max, deflate }
    }

    /// Looks at the links whose time has come.
    pub(super) fn expire(&mut self) {
        let mut fired = mem::take(&mut self.fired);
        self.wheel.expire(self.now_ms, &mut fired);
        for (id, at_ms) in fired.drain(..) {
            let Some(link) = find(&mut self.slab, id).filter(|link| link.armed_ms == at_ms) else { continue };
            link.armed_ms = u64::MAX;
            if let Some(overdue) = link.overdue(self.now_ms, &self.config) {
                self.handle_overdue(id, overdue);
            }
            self.arm(id);
        }
        self.fired = fired;
    }

    fn handle_overdue(&mut self, id: LinkId, overdue: Overdue) {
        let Some(link) = find(&mut self.slab, id) else { return };
        tracing::debug!(peer = %link.peer, ?overdue, "deadline");
        match overdue {
            Overdue::Ping => {
                link.ping();
                self.mark_dirty(id);
            }
            Overdue::UnfinishedMessage => {
                self.metrics.messages_unfinished.one();
                self.close(id, 1008, "the message was not finished in time");
            }
            Overdue::Handshake => {
                self.metrics.handshakes_late.one();
                match &link.state {
                    // a silent peer is not waiting for an answer
                    State::Handshaking(head) if !head.is_empty() => self.refuse(id, &HeadError::Timeout.into()),
                    _ => self.drop_link(id),
                }
            }
            Overdue::Stalled | Overdue::Dead => {
                let metrics = &self.metrics;
                let cause = if overdue == Overdue::Dead { &metrics.links_silent } else { &metrics.links_stalled };
                cause.one();
                link.abandon_unsent();
                self.drop_link(id);
            }
            Overdue::Close => {
                self.metrics.closes_forced.one();
                link.abandon_unsent();
                self.drop_link(id);
            }
        }
    }

    /// Sees to it that the link is looked at when its next deadline has passed.
    pub(super) fn arm(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        let due_ms = link.deadline_ms(&self.config).max(self.now_ms);
        if due_ms.saturating_add(SLOT_MS) <= link.armed_ms && due_ms < u64::MAX {
            link.armed_ms = self.wheel.arm(id, due_ms);
        }
    }

    pub(super) fn mark_dirty(&mut self, id: LinkId) {
        if let Some(link) = find(&mut self.slab, id)
            && !mem::replace(&mut link.dirty, true)
        {
            self.dirty.push(id);
        }
    }

    /// Stops: no new connections, goodbye to all.
    pub(super) fn shut_down(&mut self, code: u16, reason: &str, grace: Duration) {
        // a grace without an end is one of years
        let stop_by = self.now.checked_add(grace).unwrap_or(self.now + Duration::from_secs(u32::MAX.into()));
        self.stop_by = Some(self.stop_by.map_or(stop_by, |earlier| earlier.min(stop_by)));
        let ids: Vec<LinkId> = self.slab.iter().map(|(_, link)| link.id).collect();
        for id in ids {
            if matches!(self.link(id).map(|link| &link.state), Some(State::Handshaking(_))) {
                self.refuse(id, &HeadError::ShuttingDown.into());
            } else {
                self.close(id, code, reason);
            }
        }
    }

    /// Drops what is left when the grace is over.
    pub(super) fn drop_all(&mut self) {
        let ids: Vec<LinkId> = self.slab.iter().map(|(_, link)| link.id).collect();
        for id in ids {
            self.drop_link(id);
        }
    }

    /// Frees the places of the connections that are over; their sockets close here.
    pub(super) fn free_gone(&mut self) {
        for id in self.gone.drain(..) {
            // closing the descriptor takes it out of the poll
            let link = self.slab.remove(index(id));
            self.unsent_bytes -= link.counted_bytes;
            self.metrics.connections_open.less();
        }
    }

    /// Brings the server's counters up to date.
    pub(super) fn tell_counts(&mut self) {
        let counts = mem::take(&mut self.counts);
        self.metrics.messages_in.add(counts.messages_in);
        self.metrics.bytes_in.add(counts.bytes_in);
        self.metrics.frames_out.add(counts.frames_out);
        self.metrics.bytes_out.add(counts.bytes_out);
    }

    /// The next link whose leftover is gone and that is still open.
    pub(super) fn next_drained(&mut self) -> Option<LinkId> {
        while let Some(id) = self.drained.pop_front() {
            if self.is_open(id) {
                return Some(id);
            }
        }
        None
    }

    /// Some link carries nothing more, and the handler was not told yet.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    pub(super) fn next_ended(&mut self) -> Option<(LinkId, CloseCause)> {
        self.ended.pop_front()
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.now_ms = now.duration_since(self.started).as_millis() as u64;
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let wheel = self.wheel.next_due_ms().map(|due_ms| self.started + Duration::from_millis(due_ms));
        wheel.into_iter().chain(self.stop_by).min()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Shut down, and nobody is left or waited for.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop_by.is_some_and(|stop_by| self.slab.is_empty() || self.now >= stop_by)
    }

    pub(super) fn open_count(&self) -> usize {
        self.open
    }

    /// An open link stops being one; must be called once for each.
    fn end(&mut self, id: LinkId, cause: CloseCause) {
        self.open -= 1;
        self.metrics.links_open.less();
        self.ended.push_back((id, cause));
    }

    fn close_by_ms(&self) -> u64 {
        self.now_ms.saturating_add(self.config.close_timeout_ms)
    }
}

/// The link of this id, unless its place has gone to another.
#[inline]
pub(super) fn find(slab: &mut Slab<Link>, id: LinkId) -> Option<&mut Link> {
    slab.get_mut(index(id)).filter(|link| link.id == id)
}

fn index(id: LinkId) -> usize {
    id.0 as u32 as usize
}
