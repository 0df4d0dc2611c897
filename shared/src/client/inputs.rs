//! The inputs that were sent and are not yet acked.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::input::InputLanes;
use crate::protocol::limits::INPUTS_PER_MESSAGE_MAX;
use crate::tick::Tick;

/// Inputs that are remembered to time their acks.
const SENT_MAX: usize = 128;

/// One input for each tick, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    sent: VecDeque<(Tick, Duration, InputLanes)>,
}

impl Inputs {
    /// The tick of the newest input.
    pub(crate) fn newest(&self) -> Option<Tick> {
        self.sent.back().map(|(tick, _, _)| *tick)
    }

    /// Adds an input that leaves now and gives those that its message shall carry, the newest first: only unbroken
    /// runs of ticks fit in one message.
    pub(crate) fn add(&mut self, now: Duration, tick: Tick, lanes: InputLanes) -> Vec<InputLanes> {
        if self.sent.len() >= SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((tick, now, lanes));
        self.sent
            .iter()
            .rev()
            .take(INPUTS_PER_MESSAGE_MAX)
            .enumerate()
            .take_while(|(age, (sent, _, _))| tick.since(*sent) == *age as i32)
            .map(|(_, (_, _, lanes))| *lanes)
            .collect()
    }

    /// Forgets what is acked, and tells when the acked input left.
    pub(crate) fn acked(&mut self, tick: Tick) -> Option<Duration> {
        let mut left = None;
        while let Some((sent, at, _)) = self.sent.front() {
            if sent.is_after(tick) {
                break;
            }
            left = (*sent == tick).then_some(*at);
            self.sent.pop_front();
        }
        left
    }
}
