//! A channel's states: the client's own, or those of a pool.

use super::Replica;
use super::channel::Channel;
use crate::bits::DecodeError;
#[cfg(not(target_family = "wasm"))]
use crate::delta::PooledStates;
use crate::delta::{DeltaScratch, Layout, Rows, States};
use crate::game::EntityId;
use crate::tick::Tick;

/// A page has one client: its module is the smaller without the other.
#[cfg(target_family = "wasm")]
type Own = States;
#[cfg(not(target_family = "wasm"))]
type Own = Box<States>;

/// See the module.
#[derive(Debug)]
pub(super) enum ChannelStates {
    Own(Own),
    #[cfg(not(target_family = "wasm"))]
    Pooled(PooledStates),
}

impl ChannelStates {
    pub(super) fn keyframe(&mut self, layout: &Layout, bits: &[u8], tick: Tick) -> Result<(), DecodeError> {
        match self {
            Self::Own(states) => states.keyframe(layout, bits, tick),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.keyframe(layout, bits, tick),
        }
    }

    pub(super) fn decode(
        &mut self,
        layout: &Layout,
        now: Tick,
        bits: &[u8],
        scratch: &mut DeltaScratch,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Own(states) => states.decode(layout, now, bits, scratch),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.decode(layout, now, bits, scratch),
        }
    }

    pub(super) fn accept(&mut self, tick: Tick) {
        match self {
            Self::Own(states) => states.accept(tick),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.accept(tick),
        }
    }

    pub(super) fn stay(&mut self, tick: Tick) {
        match self {
            Self::Own(states) => states.stay(tick),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.stay(tick),
        }
    }

    pub(super) fn stand(&mut self, tick: Tick) {
        match self {
            Self::Own(states) => states.stand(tick),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.stand(tick),
        }
    }

    pub(super) fn newest(&self) -> Rows<'_> {
        match self {
            Self::Own(states) => states.newest(),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.newest(),
        }
    }

    pub(super) fn coming(&self) -> Rows<'_> {
        match self {
            Self::Own(states) => states.coming(),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.coming(),
        }
    }

    pub(super) fn lists_others(&self) -> bool {
        match self {
            Self::Own(states) => states.lists_others(),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.lists_others(),
        }
    }

    /// Places of the rows that changed; who pools does not ask.
    pub(super) fn changed(&self) -> &[u32] {
        match self {
            Self::Own(states) => states.changed(),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(_) => &[],
        }
    }

    pub(super) fn removed(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.newest().without(self.coming())
    }

    pub(super) fn hash(&self, layout: &Layout) -> u64 {
        match self {
            Self::Own(states) => states.newest().hash(layout),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(states) => states.hash(layout),
        }
    }

    /// See [`States::bring_near`]; what is pooled is near as it is.
    pub(super) fn bring_near(&self, rows: bool) -> usize {
        match self {
            Self::Own(states) => states.bring_near(rows),
            #[cfg(not(target_family = "wasm"))]
            Self::Pooled(_) => 0,
        }
    }
}

impl Replica {
    /// A channel that has nothing yet.
    pub(super) fn fresh_channel(&mut self) -> Channel {
        #[cfg(not(target_family = "wasm"))]
        if let Some(pool) = &self.pool {
            return Channel::of(ChannelStates::Pooled(PooledStates::new(pool)));
        }
        self.spare_channels.pop().unwrap_or_else(|| Channel::of(ChannelStates::Own(Own::default())))
    }
}
