//! What a handler can do to links, and how bytes get from there into the kernel.
//!
//! ```text
//! send_frame ─> write scratch ─> one write ─┐                       latest state wins: one frame at most waits
//!                      the rest, if any ────┼─> pending ─> kernel
//! queue ────────────────────────────────────┘                       reliable: all of a turn in one write
//! ```

use std::time::{Duration, Instant};

use super::links::{Links, find};
use super::ws::frame::{self, Opcode};
use super::{LinkId, MessageKind, Outcome};

/// Longest header of a frame that we send.
const HEADER_MAX_BYTES: usize = 10;

/// The reactor's hands, lent to [`super::Handler`] for one call.
///
/// A link that is closing or gone takes nothing: every call with its id is harmless.
#[derive(Debug)]
pub struct Io<'a> {
    pub(super) links: &'a mut Links,
}

impl Io<'_> {
    /// The time of this turn.
    pub fn now(&self) -> Instant {
        self.links.now
    }

    /// Sends one binary message made of `parts` with one write, now or never: if an earlier one is still
    /// waiting for the socket, this one is skipped.
    pub fn send_frame<'p>(&mut self, link: LinkId, parts: impl Iterator<Item = &'p [u8]> + Clone) -> Outcome {
        if let Some(refused) = self.links.refuses_frames(link) {
            return refused;
        }
        let scratch = &mut self.links.write_scratch;
        scratch.clear();
        frame::write_header(scratch, Opcode::Binary, parts.clone().map(<[u8]>::len).sum());
        for part in parts {
            scratch.extend_from_slice(part);
        }
        self.links.send_scratch(link)
    }

    /// Sends a message for certain, or closes the link with 1013 if too much waits for it already. It leaves at
    /// the end of this link's read or of the turn, in one write with everything else. False: it will not leave.
    pub fn queue(&mut self, link: LinkId, kind: MessageKind, payload: &[u8]) -> bool {
        let opcode = match kind {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        let is_queued = self.links.queue(link, opcode, payload);
        if is_queued {
            self.links.metrics.frames_out.one();
        }
        is_queued
    }

    /// Closes a link: what waits leaves first, then the close frame. [`super::Handler::closed`] follows when the
    /// present callback is over. A reason of more than 123 bytes is cut. `code` is one that may be sent
    /// ([`frame::may_be_sent`]).
    pub fn close(&mut self, link: LinkId, code: u16, reason: &str) {
        self.links.close(link, code, reason);
    }

    /// Ends the reactor: no new connections, a close frame to every link, 503 to those in their handshake.
    /// `run` returns when all are gone or the grace is over.
    pub fn shut_down(&mut self, code: u16, reason: &str, grace: Duration) {
        self.links.shut_down(code, reason, grace);
    }

    /// Bytes that wait in a link for its socket; 0 for one that is gone.
    pub fn unsent_bytes(&mut self, link: LinkId) -> usize {
        self.links.link(link).map_or(0, |link| link.unsent_bytes())
    }

    /// Links that can be sent to.
    pub fn links_open(&self) -> usize {
        self.links.open_count()
    }
}

impl Links {
    /// Why a frame would not leave, known before it is composed.
    fn refuses_frames(&mut self, id: LinkId) -> Option<Outcome> {
        match self.link(id) {
            Some(link) if !link.is_open() => Some(Outcome::Closed),
            None => Some(Outcome::Closed),
            Some(link) if link.blocked => {
                self.metrics.frames_skipped.one();
                Some(Outcome::Skipped)
            }
            Some(_) => None,
        }
    }

    /// Writes the scratch, behind what waits if something does.
    fn send_scratch(&mut self, id: LinkId) -> Outcome {
        let outcome = self.write_or_keep_scratch(id);
        self.count_unsent(id);
        if self.is_open(id) { outcome } else { Outcome::Closed }
    }

    fn write_or_keep_scratch(&mut self, id: LinkId) -> Outcome {
        let Some(link) = find(&mut self.slab, id) else { return Outcome::Closed };
        let frame = &self.write_scratch;
        let Ok((written, is_taken)) = link.send(frame, self.now_ms) else {
            self.drop_link(id);
            return Outcome::Closed;
        };
        self.metrics.bytes_out.add(written as u64);
        let left = link.unsent_bytes();
        if !is_taken {
            self.metrics.frames_skipped.one();
            self.arm(id);
            return Outcome::Skipped;
        }
        self.metrics.frames_out.one();
        if left == 0 {
            return Outcome::Written;
        }
        link.owes_drained = true;
        self.metrics.frames_left.one();
        if left > self.config.write_buffer_max_bytes {
            self.evict(id);
            return Outcome::Closed;
        }
        self.arm(id);
        Outcome::Left(u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// Appends a frame to what waits, or evicts.
    pub(super) fn queue(&mut self, id: LinkId, opcode: Opcode, payload: &[u8]) -> bool {
        let Some(link) = find(&mut self.slab, id).filter(|link| link.is_open()) else { return false };
        let waiting = link.unsent_bytes().saturating_add(HEADER_MAX_BYTES);
        let room = self.config.write_buffer_max_bytes.saturating_sub(waiting);
        if !self.append_message(id, opcode, payload, room) {
            self.evict(id);
            return false;
        }
        self.count_unsent(id);
        self.mark_dirty(id);
        self.is_open(id)
    }

    /// Answers a ping at its place among the messages. While the socket takes nothing, only the newest is kept
    /// (RFC 6455 5.5.3): pings must not fill what their sender does not read.
    pub(super) fn handle_ping(&mut self, id: LinkId, payload: &[u8]) {
        let now_us = self.now_ms * 1000;
        let Some(link) = find(&mut self.slab, id).filter(|link| link.is_open()) else { return };
        if !link.pings.take(self.config.pings, 1, now_us) {
            self.metrics.links_pinging.one();
            self.close(id, 1008, "too many pings");
        } else if link.blocked {
            link.owe_pong(payload);
        } else {
            self.queue(id, Opcode::Pong, payload);
        }
    }

    /// Brings the sum of what waits up to date for a link, and keeps it below the limit: whoever has the most
    /// waiting is dropped, because a goodbye would have to wait too.
    fn count_unsent(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        let unsent = link.unsent_bytes();
        self.unsent_bytes = self.unsent_bytes - link.counted_bytes + unsent;
        link.counted_bytes = unsent;
        while self.unsent_bytes > self.config.write_buffers_max_bytes
            && let Some((_, largest)) = self.slab.iter_mut().max_by_key(|(_, link)| link.counted_bytes)
        {
            self.unsent_bytes -= largest.counted_bytes;
            largest.counted_bytes = 0;
            largest.abandon_unsent();
            largest.forget_unsent();
            let largest = largest.id;
            tracing::debug!(link = largest.0, "too many bytes wait in all links");
            self.metrics.links_evicted.one();
            self.drop_link(largest);
        }
    }

    fn evict(&mut self, id: LinkId) {
        self.metrics.links_evicted.one();
        self.close(id, 1013, "too slow: too many bytes wait for this connection");
    }

    /// The poll says that the socket takes bytes again.
    pub(super) fn handle_writable(&mut self, id: LinkId) {
        if let Some(link) = find(&mut self.slab, id)
            && link.blocked
        {
            link.blocked = false;
            link.pay_pong();
            self.flush(id);
        }
    }

    /// Writes what waits, once, and sees what follows from that.
    pub(super) fn flush(&mut self, id: LinkId) {
        self.write_unsent(id);
        self.count_unsent(id);
    }

    fn write_unsent(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        link.dirty = false;
        if link.blocked || matches!(link.state, super::link::State::Gone) {
            return;
        }
        if link.unsent_bytes() > 0 {
            match link.write_pending(self.now_ms) {
                Ok(written) => self.metrics.bytes_out.add(written as u64),
                Err(_) => return self.drop_link(id),
            }
        }
        if link.unsent_bytes() > 0 {
            return self.arm(id);
        }
        if std::mem::take(&mut link.owes_drained) {
            self.drained.push_back(id);
        }
        if link.finish_sending() {
            self.drop_link(id);
        }
    }

    /// Writes what this turn queued.
    pub(super) fn flush_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if find(&mut self.slab, id).is_some_and(|link| link.dirty) {
                self.flush(id);
            }
        }
        // flushing marks nothing dirty
        self.dirty = dirty;
    }
}
