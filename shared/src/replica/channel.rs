//! A channel as it was last sent.

use std::collections::VecDeque;

use super::states::ChannelStates;
use crate::bits::DecodeError;
use crate::tick::Tick;

/// Closed channels whose memory is kept for those to come.
const SPARE_CHANNELS_MAX: usize = 32;
/// Of one such, in lanes.
const SPARE_CHANNEL_MAX_LANES: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) states: ChannelStates,
    /// Where the entities of its rows are thought to be among all; that of another may be there since.
    pub(super) slots: Vec<u32>,
    /// The generation of the last frame that may have told of others than the one before.
    pub(super) listed: u64,
    /// How much later than the others it last came, in ticks.
    pub(super) late: i32,
    /// The generation of the last frame as of which its newest state is.
    pub(super) current: u64,
    /// Somebody who is among its rows has been in another channel since; they may be back as they were.
    pub(super) strayed: bool,
}

impl Channel {
    pub(super) fn of(states: ChannelStates) -> Self {
        Self { states, slots: Vec::new(), listed: 0, late: 0, current: 0, strayed: false }
    }

    /// Its memory is kept for those to come, if it is little.
    pub(super) fn keep_among(self, spare: &mut Vec<Self>) {
        let is_own = matches!(self.states, ChannelStates::Own(_));
        if is_own && spare.len() < SPARE_CHANNELS_MAX && self.states.newest().lanes.len() <= SPARE_CHANNEL_MAX_LANES {
            spare.push(self);
        }
    }

    /// It begins with a keyframe, in the frame of `generation`.
    pub(super) fn begin(&mut self, generation: u64) {
        (self.listed, self.current, self.late, self.strayed) = (generation, generation, 0, false);
    }

    /// What was decoded is its newest state, as of the frame of `generation` and `tick`.
    pub(super) fn accept(&mut self, tick: Tick, generation: u64) {
        if self.states.lists_others() {
            self.listed = generation;
        }
        self.current = generation;
        self.states.accept(tick);
    }

    /// As of the frame of `tick` it was as before.
    pub(super) fn stay(&mut self, tick: Tick, frames: &VecDeque<(u64, Tick)>) -> Result<(), DecodeError> {
        // as a rule it came with the last frame
        if frames.back() == Some(&(self.current, tick)) {
            return Ok(());
        }
        let as_of = frames.iter().rev().find(|(_, of)| *of == tick).map(|(generation, _)| *generation);
        let as_of = as_of.filter(|as_of| *as_of >= self.current).ok_or(DecodeError::NoBaseline("tick"))?;
        let first = frames.partition_point(|(generation, _)| *generation <= self.current);
        for (_, tick) in frames.iter().skip(first).take_while(|(generation, _)| *generation <= as_of) {
            self.states.stay(*tick);
        }
        self.current = as_of;
        Ok(())
    }
}
