//! Which states a client's hash was of, where they were older than the hash: a client that tells what it held then is
//! compared with that, and not with what it had no room for or was not due.

use tickwire_shared::Tick;

use super::channel::Channel;
use super::store::Store;

/// See the module. Goes back as far as the ring.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashed {
    /// When the hash was sent, of what, and how old that was.
    older: Vec<(Tick, Channel, Tick)>,
    /// Which channels were opened, and when: before, their handles were those of others.
    opened: Vec<(Channel, Tick)>,
}

impl Hashed {
    /// A hash of `tick` begins.
    pub(super) fn begin(&mut self, tick: Tick) {
        let is_kept = |of: Tick| (0..Store::RING as i32).contains(&tick.since(of));
        self.older.retain(|(of, ..)| *of != tick && is_kept(*of));
        self.opened.retain(|(_, at)| is_kept(*at));
    }

    /// The hash of `tick` has a channel as it was at `state`.
    #[inline]
    pub(super) fn note(&mut self, tick: Tick, channel: Channel, state: Tick) {
        if state != tick {
            self.older.push((tick, channel, state));
        }
    }

    /// A channel is opened at `tick`.
    pub(super) fn open(&mut self, tick: Tick, channel: Channel) {
        self.opened.push((channel, tick));
    }

    /// The state of a channel that the hash of `tick` was of; none where the client did not have the channel then.
    pub(super) fn state(&self, tick: Tick, channel: Channel) -> Option<Tick> {
        if self.opened.iter().any(|(which, at)| *which == channel && at.is_after(tick)) {
            return None;
        }
        let of = |(at, which, _): &&(Tick, Channel, Tick)| *at == tick && *which == channel;
        Some(self.older.iter().find(of).map_or(tick, |(.., state)| *state))
    }
}
