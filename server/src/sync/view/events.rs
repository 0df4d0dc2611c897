//! Events that wait for a view's client.

use std::sync::Arc;

use tickwire_shared::Tick;
use tickwire_shared::protocol::limits::EVENT_MAX_BYTES;

use super::{Store, View};

/// Events that wait for one client; beyond it the oldest is dropped and counted.
const EVENTS_MAX: usize = 256;
/// And so many bytes of them, for a client that could not be sent to for so many ticks: a moment is no reason to drop
/// any.
const EVENTS_BEHIND_MAX_BYTES: usize = LONGEST_BYTES;
const BEHIND_TICKS: i32 = Store::RING as i32;
/// What an event takes beside its own bytes: its place in the queue, its counts, the allocator's.
const EVENT_BYTES: usize = 64;
/// What the longest takes.
pub(super) const LONGEST_BYTES: usize = EVENT_MAX_BYTES + EVENT_BYTES;
/// Events' bytes in one frame; the rest waits for the next.
const EVENT_BYTES_PER_FRAME: usize = 16 * 1024;

/// The memory of one that waits or is kept, in bytes.
pub(super) fn taken(event: &Arc<[u8]>) -> usize {
    event.len() + EVENT_BYTES
}

impl View {
    /// Adds an event of a tick for the client; tells how many older ones had to be dropped.
    pub fn push_event(&mut self, event: Arc<[u8]>, tick: Tick) -> usize {
        self.events_bytes += taken(&event);
        self.events.push_back(event);
        self.drop_events(tick)
    }

    /// The client cannot be sent to at this tick: if that goes on, less waits for it. Tells how many events had to be
    /// dropped.
    pub fn fall_behind(&mut self, tick: Tick) -> usize {
        self.behind_since.get_or_insert(tick);
        self.drop_events(tick)
    }

    /// Drops the oldest of too many.
    pub(super) fn drop_events(&mut self, tick: Tick) -> usize {
        let is_behind = self.behind_since.is_some_and(|since| tick.since(since) >= BEHIND_TICKS);
        let bytes_max = if is_behind { EVENTS_BEHIND_MAX_BYTES } else { usize::MAX };
        let mut dropped = 0;
        while self.events.len() > EVENTS_MAX || self.events_bytes > bytes_max {
            // those of the proposal may be on the wire already
            let Some(event) = self.events.remove(self.proposal.events) else { break };
            self.events_bytes -= taken(&event);
            dropped += 1;
        }
        self.written.dropped = self.written.dropped.saturating_add(dropped as u32);
        dropped
    }

    /// How many of the waiting events fit this frame.
    pub(super) fn choose_events(&self) -> usize {
        let mut bytes = 0;
        let fits = |event: &&Arc<[u8]>| {
            bytes += event.len();
            bytes <= EVENT_BYTES_PER_FRAME
        };
        let fitting = self.events.iter().take_while(fits).count();
        // one that is longer than all that fits travels alone
        fitting.max(usize::from(!self.events.is_empty()))
    }

    /// Those of the frame under way were written.
    pub(super) fn note_events_written(&mut self) {
        for event in self.events.drain(..self.proposal.events) {
            self.events_bytes -= taken(&event);
            self.written.add(event);
        }
    }
}
