//! What a client is known to hold, for whoever looks on.

use tickwire_shared::Tick;

use super::View;
use crate::sync::channel::Channel;
use crate::sync::open::Next;

impl View {
    /// The channels that the client holds, or gets with the frame that is under way, in order.
    pub fn held(&self) -> impl Iterator<Item = Channel> {
        self.open.iter().filter(|open| !matches!(open.next, Next::Closed | Next::Unopened)).map(|open| open.channel)
    }

    /// The tick of the last frame that was written to the client whole; none before the first.
    #[must_use]
    pub fn last_frame(&self) -> Option<Tick> {
        if self.proposal.confirmed { Some(self.proposal.tick) } else { self.frame }
    }

    /// Events that wait for the client.
    #[must_use]
    pub fn events_waiting(&self) -> usize {
        self.events.len()
    }
}
