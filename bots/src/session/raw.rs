//! A connection to any WebSocket server, for `raw`: it sends frames of its own that come back (echo), or only listens
//! (push).

use std::collections::VecDeque;
use std::time::Duration;

use super::{Failure, Session, Sight, Turn};
use crate::ws::Opcode;

/// Messages whose echoes are awaited; a server that is further behind than that does not keep up at all.
const AWAITED_MAX: usize = 4_096;

/// What a connection sends.
#[derive(Clone, PartialEq, Debug)]
pub struct Sends {
    /// Time between messages.
    pub every: Duration,
    /// Their size.
    pub bytes: usize,
    /// As text.
    pub text: bool,
}

/// See the module.
pub struct Raw {
    sends: Option<Sends>,
    subprotocol: Option<String>,
    payload: Vec<u8>,
    /// When those that did not come back were due.
    awaited: VecDeque<Duration>,
    open: bool,
    last: Option<Duration>,
}

impl Raw {
    /// A connection that sends, or only listens.
    #[must_use]
    pub fn new(sends: Option<Sends>, subprotocol: Option<String>) -> Self {
        let payload = vec![b'x'; sends.as_ref().map_or(0, |sends| sends.bytes)];
        Self { sends, subprotocol, payload, awaited: VecDeque::new(), open: false, last: None }
    }
}

impl Session for Raw {
    fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    fn open(&mut self, _turn: &mut Turn<'_>) {
        self.open = true;
    }

    fn message(&mut self, turn: &mut Turn<'_>, _payload: &[u8], _is_text: bool) -> Result<(), Failure> {
        let now = turn.arrived;
        let (before, due) = (self.last.replace(now), self.awaited.pop_front());
        let Some(notes) = &mut turn.notes else { return Ok(()) };
        notes.own.frames += 1;
        notes.measure.counters.frames += 1;
        if let Some(before) = before {
            notes.measure.tick_interval.record(now.saturating_sub(before));
        }
        if let Some(due) = due {
            notes.measure.input_to_ack.record(now.saturating_sub(due));
        }
        Ok(())
    }

    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration) {
        let Some(sends) = &self.sends else { return };
        if self.awaited.len() < AWAITED_MAX {
            self.awaited.push_back(due);
            turn.send(if sends.text { Opcode::Text } else { Opcode::Binary }, &self.payload);
        }
    }

    fn period(&self) -> Option<Duration> {
        self.sends.as_ref().map(|sends| sends.every)
    }

    fn makes_up(&self) -> bool {
        true
    }

    fn has_seat(&self) -> bool {
        self.open
    }

    fn leave(&mut self, _turn: &mut Turn<'_>) -> bool {
        false
    }

    fn sight(&mut self) -> Sight {
        Sight::default()
    }
}
