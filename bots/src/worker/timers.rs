//! When a thread's bots want to be called.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Why a bot is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cause {
    /// Its own tick.
    Tick,
    /// Its link has something for it.
    Link,
    /// It waited long enough.
    Deadline,
}

/// Calls in the order of their times. A bot that changed its mind lets the call come and knows that it is stale.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Duration, usize, Cause)>>,
}

impl Timers {
    pub(super) fn add(&mut self, due: Duration, bot: usize, cause: Cause) {
        self.heap.push(Reverse((due, bot, cause)));
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((due, ..))| *due)
    }

    pub(super) fn pop_due(&mut self, now: Duration) -> Option<(Duration, usize, Cause)> {
        self.next_due().filter(|due| *due <= now)?;
        self.heap.pop().map(|Reverse(call)| call)
    }
}
