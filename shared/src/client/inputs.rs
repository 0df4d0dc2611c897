//! The inputs that were sent and are not yet acked.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::input::InputLanes;
use crate::protocol::limits::{INPUT_LANES_MAX, INPUTS_PER_MESSAGE_MAX};
use crate::tick::Tick;

/// Inputs that are remembered to time their acks; the oldest goes.
const SENT_MAX: usize = 128;

/// One input on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) tick: Tick,
    pub(crate) left: Duration,
    /// What the clock had added to the arriving ticks, less what it waited for a call.
    pub(crate) lead_s: f64,
    pub(crate) lanes: InputLanes,
}

/// One input for each tick, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    sent: VecDeque<Sent>,
    newest: Option<Tick>,
    acked: Option<Tick>,
    restarts: u32,
}

impl Inputs {
    /// Whether no input for this tick or a later one has left.
    pub(crate) fn is_new(&self, tick: Tick) -> bool {
        self.newest.is_none_or(|newest| tick.is_after(newest))
    }

    /// Adds an input that leaves now.
    pub(crate) fn add(&mut self, input: Sent) {
        if self.sent.len() >= SENT_MAX {
            self.sent.pop_front();
        }
        self.newest = Some(input.tick);
        self.sent.push_back(input);
    }

    /// Those that are remembered, by tick; the newest last.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (Tick, InputLanes)> + '_ {
        self.sent.iter().map(|sent| (sent.tick, sent.lanes))
    }

    /// Gives what the newest input's message shall carry, the newest first, and how many: only unbroken runs of ticks
    /// fit in one message.
    pub(crate) fn message(&self) -> ([InputLanes; INPUTS_PER_MESSAGE_MAX], usize) {
        let mut lanes = [[0; INPUT_LANES_MAX]; INPUTS_PER_MESSAGE_MAX];
        let mut count = 0;
        for (slot, input) in lanes.iter_mut().zip(self.sent.iter().rev()) {
            if self.newest != Some(input.tick.offset(count as i32)) {
                break;
            }
            *slot = input.lanes;
            count += 1;
        }
        (lanes, count)
    }

    /// Takes an ack, unless it is no newer than the last one: `None` then. Forgets what is acked, and gives the input
    /// if it is still known.
    pub(crate) fn acked(&mut self, tick: Tick) -> Option<Option<Sent>> {
        if self.acked.is_some_and(|acked| !tick.is_after(acked)) {
            return None;
        }
        self.acked = Some(tick);
        let mut found = None;
        while let Some(sent) = self.sent.pop_front_if(|sent| !sent.tick.is_after(tick)) {
            found = (sent.tick == tick).then_some(sent);
        }
        Some(found)
    }

    /// The newest input that has left.
    pub(crate) fn newest(&self) -> Option<Tick> {
        self.newest
    }

    /// How often the clock restarted.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The newest input that the server has used.
    pub(crate) fn newest_acked(&self) -> Option<Tick> {
        self.acked
    }

    /// The clock restarted: what was stamped before was for ticks that mean nothing now.
    pub(crate) fn restart(&mut self) {
        self.sent.clear();
        self.newest = None;
        self.restarts = self.restarts.wrapping_add(1);
    }
}
