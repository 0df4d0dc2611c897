//! A view whose client comes back on another connection: what it still holds goes on by deltas.
//!
//! The server knows what it wrote, not what arrived before the connection broke. So the client says which frame was its
//! last and what it held then, by hashes; a channel whose hash was that one at that tick goes on from there, as long as
//! the ring has it. All others are closed and opened anew. A claim that is not true leads to deltas that its client
//! cannot read: they are of channels that it may see, and only of those.

use std::collections::VecDeque;
use std::sync::Arc;

use tickwire_shared::Tick;
use tickwire_shared::delta::Held;
use tickwire_shared::protocol::ResumeClaim;

use super::events::{LONGEST_BYTES, taken};
use super::{Encoder, Hashed, Last, Next, Proposal, Store, View};

/// Events that were written and may not have arrived, for a client that comes back; beyond these the oldest goes.
const KEPT_MAX: usize = 256;
/// And so many bytes of them.
const KEPT_MAX_BYTES: usize = LONGEST_BYTES;

/// Events that were written, in case they did not arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// How many there were in all; wraps.
    count: u32,
    /// The last of them.
    kept: VecDeque<Arc<[u8]>>,
    bytes: usize,
    /// Those that were dropped before they could be written, since the client was last told.
    pub(super) dropped: u32,
}

impl Written {
    pub(super) fn add(&mut self, event: Arc<[u8]>) {
        self.count = self.count.wrapping_add(1);
        self.bytes += taken(&event);
        self.kept.push_back(event);
        while self.kept.len() > KEPT_MAX || self.bytes > KEPT_MAX_BYTES {
            self.bytes -= self.kept.pop_front().map_or(0, |event| taken(&event));
        }
    }

    /// Puts those back in front of `waiting` that a client with `had` of them did not get; tells how many are lost to it.
    fn restore(&mut self, had: u32, waiting: &mut VecDeque<Arc<[u8]>>) -> u32 {
        let missing = self.count.wrapping_sub(had).cast_signed();
        // what arrived before its receipt
        for _ in missing..0 {
            let Some(event) = waiting.pop_front() else { break };
            self.add(event);
        }
        let missing = missing.max(0).cast_unsigned();
        let again = self.kept.len().min(missing as usize);
        for _ in 0..again {
            let Some(event) = self.kept.pop_back() else { break };
            self.bytes -= taken(&event);
            waiting.push_front(event);
        }
        let lost = (missing - again as u32).saturating_add(std::mem::take(&mut self.dropped));
        // those that are gone count as had: the client does so too
        self.count = had.wrapping_add(lost);
        lost
    }

    /// So many that were dropped just now will never come, and the client is told so.
    fn forgo(&mut self, events: u32) {
        self.dropped = self.dropped.saturating_sub(events);
        self.count = self.count.wrapping_add(events);
    }
}

impl View {
    /// The client is another connection's now, and holds what it says. Tells how many events are lost to it. `encoder`
    /// keeps the hashes until the next tick: when all come back at a time, they hold the same.
    pub fn resume(&mut self, store: &Store, encoder: &mut Encoder, claim: &ResumeClaim) -> u32 {
        let came = claim.tick.is_some_and(|tick| !self.proposal.tick.is_after(tick));
        if came && !self.proposal.confirmed {
            // the frame that was under way arrived before its receipt
            self.confirm();
        } else if !self.proposal.confirmed {
            self.retract();
        }
        let last = Last::new(self.frame, self.proposal.tick, self.proposal.confirmed);
        self.open.retain_mut(|open| open.settle(&last));
        self.proposal = Proposal::default();
        self.wrong.clear();
        self.steady.clear();
        self.scope = None;
        self.states_hashed = Hashed::default();
        self.returned = true;
        self.stale.clear();
        (self.owned, self.acked, self.hashed) = (None, None, None);
        match claim.tick.filter(|tick| !self.needs_reset && store.at(*tick).is_some()) {
            Some(tick) => self.go_on_from(store, encoder, tick, &claim.channels),
            None => self.needs_reset = true,
        }
        let lost = match claim.events {
            Some(had) => self.written.restore(had, &mut self.events),
            None => {
                self.written = Written::default();
                0
            }
        };
        self.events_bytes = self.events.iter().map(taken).sum();
        self.behind_since = None;
        // as many as may wait for one who is there; what is dropped now, the client is told of with the others
        let more = store.newest().map_or(0, |now| self.drop_events(now.tick())) as u32;
        self.written.forgo(more);
        lost.saturating_add(more)
    }

    fn go_on_from(&mut self, store: &Store, encoder: &mut Encoder, tick: Tick, held: &[(u16, u32)]) {
        (self.frame, self.proposal.tick) = (Some(tick), tick);
        self.open.retain_mut(|open| {
            let told = held.binary_search_by_key(&open.handle, |(handle, _)| *handle);
            open.slot = encoder.slot_of(open.channel, open.slot, tick);
            let is_true =
                told.is_ok_and(|at| encoder.hash(store, (open.channel, open.slot), tick) as u32 == held[at].1);
            (open.held, open.in_step, open.next) = (Held::keyframe(tick), false, Next::Same);
            is_true
        });
        let goes_on = |handle: u16| self.open.iter().any(|open| open.handle == handle);
        self.stale.extend(held.iter().map(|(handle, _)| *handle).filter(|handle| !goes_on(*handle)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u32) -> Arc<[u8]> {
        number.to_le_bytes().into()
    }

    #[test]
    fn events_that_did_not_arrive_come_again_in_order_and_lost_ones_are_counted() {
        let mut written = Written::default();
        (0..1000).for_each(|number| written.add(event(number)));
        let mut waiting = VecDeque::from([event(1000)]);
        assert_eq!(written.restore(990, &mut waiting), 0);
        assert_eq!(waiting, (990..=1000).map(event).collect::<VecDeque<_>>());
        waiting.drain(..).for_each(|event| written.add(event));

        written.dropped = 3;
        let kept = (KEPT_MAX_BYTES / taken(&event(0))) as u32;
        assert!((200..=KEPT_MAX as u32).contains(&kept), "{kept}");
        let lost = 1001 - 500 - kept + 3;
        assert_eq!(written.restore(500, &mut waiting), lost);
        assert_eq!(waiting.front(), Some(&event(1001 - kept)));
        assert_eq!(written.restore(500 + lost, &mut waiting), 0, "told once");
        assert_eq!(waiting.len(), kept as usize);
    }

    #[test]
    fn what_arrived_before_its_receipt_does_not_come_again() {
        let mut written = Written::default();
        written.add(event(1));
        let mut waiting = VecDeque::from([event(2), event(3)]);
        assert_eq!(written.restore(2, &mut waiting), 0);
        assert_eq!(waiting, [event(3)]);
        assert_eq!(written.restore(u32::MAX / 4, &mut waiting), 0, "who claims more than there was harms itself");
        assert!(waiting.is_empty());
    }

    #[test]
    fn long_events_are_not_kept_without_bound() {
        let mut written = Written::default();
        (0..100).for_each(|_| written.add(vec![0; 4 * 1024].into()));
        assert_eq!(written.kept.len(), 3);
    }
}
