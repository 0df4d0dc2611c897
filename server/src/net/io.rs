//! What a handler can do to links, and how bytes get from there into the kernel.
//!
//! ```text
//! send_frame ─> write scratch ─> one write ─┐                       latest state wins: one frame at most waits
//!                      the rest, if any ────┼─> pending ─> kernel
//! queue ────────────────────────────────────┘                       reliable: all of a turn in one write
//! ```

use std::collections::BinaryHeap;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::link::Link;
use super::links::{Links, find};
use super::ws::frame::{self, Opcode};
use super::{LinkId, MessageKind, Outcome};

/// Longest header of a frame that we send.
const HEADER_MAX_BYTES: usize = 10;

/// When too much waits in all links, so much of what may is freed at once: one part of these.
const ROOM_MADE_FRACTION: usize = 16;

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
        if let Err(refused) = self.links.takes_frames(link) {
            return refused;
        }
        self.links.compose(parts);
        self.links.send_scratch(link)
    }

    /// Sends the same binary message to many links, each as [`Io::send_frame`] does; it is composed once. `told`
    /// hears what became of each.
    pub fn send_frame_to_all<'p>(
        &mut self,
        links: impl IntoIterator<Item = LinkId>,
        parts: impl Iterator<Item = &'p [u8]> + Clone,
        mut told: impl FnMut(LinkId, Outcome),
    ) {
        self.links.compose(parts);
        for link in links {
            told(link, self.links.send_scratch(link));
        }
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
            self.links.counts.frames_out += 1;
        }
        is_queued
    }

    /// Whether [`Io::send_frame`] would send now: for one who must not compose in vain. The error is its outcome.
    ///
    /// # Errors
    /// The link is busy with an earlier frame, or gone.
    pub fn takes_frames(&mut self, link: LinkId) -> Result<(), Outcome> {
        self.links.takes_frames(link).map(drop)
    }

    /// As [`Io::queue`], and at once: never skipped. [`super::Handler::drained`] follows when all of it is in the kernel,
    /// also where that is so already.
    pub fn send_message(&mut self, link: LinkId, kind: MessageKind, payload: &[u8]) -> Outcome {
        if !self.queue(link, kind, payload) {
            return Outcome::Closed;
        }
        if let Some(link) = self.links.link(link) {
            link.owes_drained = true;
        }
        self.links.flush(link);
        match self.unsent_bytes(link) {
            _ if !self.links.is_open(link) => Outcome::Closed,
            0 => Outcome::Written,
            left => {
                self.links.metrics.frames_left.one();
                Outcome::Left(u32::try_from(left).unwrap_or(u32::MAX))
            }
        }
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

    /// Whose connection it is, as far as proxies tell; none for one that is gone.
    pub fn peer(&mut self, link: LinkId) -> Option<IpAddr> {
        self.links.link(link).map(|link| link.peer.ip())
    }

    /// Bytes that wait in a link for its socket; 0 for one that is gone.
    pub fn unsent_bytes(&mut self, link: LinkId) -> usize {
        self.links.link(link).map_or(0, |link| link.unsent_bytes())
    }

    /// Bytes that may wait in a link, with their headers: a longer message ends it.
    pub fn write_buffer_max_bytes(&self) -> usize {
        self.links.config.write_buffer_max_bytes
    }

    /// Links that can be sent to.
    pub fn links_open(&self) -> usize {
        self.links.open_count()
    }
}

impl Links {
    /// Whether a frame could leave, known before it is composed.
    fn takes_frames(&mut self, id: LinkId) -> Result<&mut Link, Outcome> {
        match find(&mut self.slab, id) {
            Some(link) if link.is_clear() || (link.is_open() && !link.blocked) => Ok(link),
            Some(link) if link.is_open() => {
                self.metrics.frames_skipped.one();
                Err(Outcome::Skipped)
            }
            _ => Err(Outcome::Closed),
        }
    }

    /// Puts a frame into the scratch.
    fn compose<'p>(&mut self, parts: impl Iterator<Item = &'p [u8]> + Clone) {
        let scratch = &mut self.write_scratch;
        scratch.clear();
        frame::write_header(scratch, Opcode::Binary, parts.clone().map(<[u8]>::len).sum());
        for part in parts {
            scratch.extend_from_slice(part);
        }
    }

    /// Writes the scratch, behind what waits if something does.
    fn send_scratch(&mut self, id: LinkId) -> Outcome {
        let frame = mem::take(&mut self.write_scratch);
        let outcome = self.send(id, &frame);
        self.write_scratch = frame;
        outcome
    }

    fn send(&mut self, id: LinkId, frame: &[u8]) -> Outcome {
        let now_ms = self.now_ms;
        let sent = match find(&mut self.slab, id) {
            Some(link) if link.is_clear() => match link.write_clear(frame, now_ms) {
                // nearly always; nothing of the link has changed
                Ok(written) if written == frame.len() => {
                    self.counts.bytes_out += written as u64;
                    self.counts.frames_out += 1;
                    return Outcome::Written;
                }
                sent => sent.map(|written| (written, true)),
            },
            _ => match self.takes_frames(id) {
                Ok(link) => link.send(frame, now_ms),
                Err(refused) => return refused,
            },
        };
        let outcome = self.note_sent(id, sent);
        self.count_unsent(id);
        if self.is_open(id) { outcome } else { Outcome::Closed }
    }

    /// Sees what follows from a frame that left in part or not at all.
    fn note_sent(&mut self, id: LinkId, sent: io::Result<(usize, bool)>) -> Outcome {
        let Some(link) = find(&mut self.slab, id) else { return Outcome::Closed };
        let Ok((written, is_taken)) = sent else {
            self.drop_link(id);
            return Outcome::Closed;
        };
        self.counts.bytes_out += written as u64;
        let left = link.unsent_bytes();
        if !is_taken {
            self.metrics.frames_skipped.one();
            self.arm(id);
            return Outcome::Skipped;
        }
        self.counts.frames_out += 1;
        if left == 0 {
            link.give_buffer_back(&mut self.spare);
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
        link.borrow_buffer(&mut self.spare);
        if !self.compression.append_message(link, opcode, payload, room) {
            self.evict(id);
            return false;
        }
        if !mem::replace(&mut link.dirty, true) {
            self.dirty.push(id);
        }
        link.count_unsent(&mut self.unsent_bytes);
        if self.unsent_bytes > self.config.write_buffers_max_bytes {
            self.drop_largest();
            return self.is_open(id);
        }
        true
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

    /// Brings the sum of what waits up to date for a link, and keeps it below the limit.
    fn count_unsent(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        link.count_unsent(&mut self.unsent_bytes);
        if self.unsent_bytes > self.config.write_buffers_max_bytes {
            self.drop_largest();
        }
    }

    /// Too much waits in all links: those with the most waiting are dropped, because a goodbye would have to wait too.
    /// The walk over all links makes more room than is needed now, so that it is paid for by what fills it again.
    fn drop_largest(&mut self) {
        let max_bytes = self.config.write_buffers_max_bytes;
        let enough_bytes = max_bytes - max_bytes / ROOM_MADE_FRACTION;
        let holding = self.slab.iter().filter(|(_, link)| link.counted_bytes > 0);
        let mut largest: BinaryHeap<(usize, LinkId)> = holding.map(|(_, link)| (link.counted_bytes, link.id)).collect();
        while self.unsent_bytes > enough_bytes
            && let Some((_, id)) = largest.pop()
        {
            let Some(link) = find(&mut self.slab, id) else { continue };
            link.abandon_unsent();
            tracing::debug!(link = id.0, "too many bytes wait in all links");
            self.metrics.links_largest.one();
            self.drop_link(id);
        }
    }

    fn evict(&mut self, id: LinkId) {
        self.metrics.links_overfull.one();
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
        if let Some(link) = find(&mut self.slab, id) {
            link.look_if_clear();
        }
    }

    fn write_unsent(&mut self, id: LinkId) {
        let Some(link) = find(&mut self.slab, id) else { return };
        link.dirty = false;
        if link.blocked || matches!(link.state, super::link::State::Gone) {
            return;
        }
        if link.unsent_bytes() > 0 {
            match link.write_pending(self.now_ms) {
                Ok(written) => self.counts.bytes_out += written as u64,
                Err(_) => return self.drop_link(id),
            }
        }
        if link.unsent_bytes() > 0 {
            return self.arm(id);
        }
        link.give_buffer_back(&mut self.spare);
        if mem::take(&mut link.owes_drained) {
            self.drained.push_back(id);
        }
        if link.finish_sending() {
            self.drop_link(id);
        }
    }

    /// Writes what this turn queued.
    pub(super) fn flush_dirty(&mut self) {
        let mut dirty = mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if find(&mut self.slab, id).is_some_and(|link| link.dirty) {
                self.flush(id);
            }
        }
        // flushing marks nothing dirty
        self.dirty = dirty;
    }
}
