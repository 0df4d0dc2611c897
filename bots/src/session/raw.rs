//! A connection to any WebSocket server, for `raw`: it sends frames of its own that come back (echo), or only listens
//! (push).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, Notes, Script, Session, Sight, Turn, is_silence};
use crate::ws::Opcode;

/// Messages that are under way at a time: a server that is further behind does not keep up at all. Those that are due
/// beyond that are sent as echoes come, and count from when they were due.
const UNDER_WAY_MAX: u64 = 4_096;
/// The same in bytes; one message may be longer.
const UNDER_WAY_MAX_BYTES: usize = 512 * 1024;
/// A server may drop some and echo the next ones.
const LOST_IN_A_ROW: u64 = 64;
/// A server that pushes may be irregular: as long as nobody says how often it does, so many of its mean intervals count
/// as one.
const IRREGULAR: u32 = 4;

/// See the module.
pub struct Raw {
    script: Arc<Script>,
    /// Time between the server's messages, if it is known.
    every: Option<Duration>,
    subprotocol: Option<String>,
    /// Those that did not come back; the first of them are under way, the others wait until there is room.
    awaited: Dues,
    under_way: u64,
    /// The number of the first of them.
    echoed: u64,
    /// Those that a later one overtook: they never come.
    lost: Dues,
    /// How long the last echo took.
    took: Duration,
    opened: Option<Duration>,
    last: Option<Duration>,
    intervals: u32,
}

impl Raw {
    /// A connection that says this, or only listens to a server that pushes `every` so often, if that is known.
    #[must_use]
    pub fn new(script: Arc<Script>, every: Option<Duration>, subprotocol: Option<String>) -> Self {
        Self {
            every: script.again.as_ref().map(|(_, every)| *every).or(every),
            script,
            subprotocol,
            awaited: Dues::default(),
            under_way: 0,
            echoed: 0,
            lost: Dues::default(),
            took: Duration::ZERO,
            opened: None,
            last: None,
            intervals: 0,
        }
    }

    /// Nothing came for so long, and perhaps came then: what was due meanwhile counts too.
    fn waited(&self, notes: &mut Notes<'_>, time: Duration) {
        let due_every = self.every.or_else(|| self.mean().filter(|mean| is_silence(time, *mean * IRREGULAR)));
        match due_every {
            Some(every) => notes.measure.tick_interval.record_missing(time, every),
            None => notes.measure.tick_interval.record(time),
        }
    }

    /// Of the intervals so far.
    fn mean(&self) -> Option<Duration> {
        let span = self.last?.saturating_sub(self.opened?);
        (self.intervals > 0).then(|| span / self.intervals)
    }

    fn send(&mut self, turn: &mut Turn<'_>) {
        let Some((message, _)) = &self.script.again else { return };
        let fit = (UNDER_WAY_MAX_BYTES / message.bytes().max(1)).max(1) as u64;
        while self.under_way < self.awaited.count.min(UNDER_WAY_MAX).min(fit) {
            turn.send(self.opcode(), &message.numbered(self.echoed + self.under_way));
            self.under_way += 1;
        }
    }

    fn opcode(&self) -> Opcode {
        if self.script.text { Opcode::Text } else { Opcode::Binary }
    }

    /// How many of those that are under way come before the one that this echoes; none if it is no echo.
    fn overtaken(&self, payload: &[u8]) -> Option<u64> {
        let (message, _) = self.script.again.as_ref()?;
        (0..self.under_way.min(LOST_IN_A_ROW)).find(|before| *message.numbered(self.echoed + before) == *payload)
    }
}

impl Session for Raw {
    fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        self.opened = Some(turn.now);
        self.script.first.iter().for_each(|message| turn.send(self.opcode(), message));
    }

    fn message(&mut self, turn: &mut Turn<'_>, payload: &[u8], _is_text: bool) -> Result<(), Failure> {
        let now = turn.arrived;
        let mut due = None;
        if let Some((_, every)) = self.script.again {
            // an answer to something else is no round trip
            let Some(overtaken) = self.overtaken(payload) else { return Ok(()) };
            for _ in 0..overtaken {
                self.awaited.pop().into_iter().for_each(|due| self.lost.push(due, every));
            }
            due = self.awaited.pop();
            self.under_way -= overtaken + 1;
            self.echoed += overtaken + 1;
        }
        if let Some(due) = due {
            self.took = now.saturating_sub(due);
        }
        if let Some(notes) = &mut turn.notes {
            notes.own.frames += 1;
            notes.measure.counters.frames += 1;
            if let Some(before) = self.last {
                self.waited(notes, now.saturating_sub(before));
            }
            if due.is_some() {
                notes.measure.input_to_ack.record(self.took);
            }
        }
        self.intervals += 1;
        self.last = Some(now);
        self.send(turn);
        Ok(())
    }

    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration) {
        if let Some((_, every)) = self.script.again {
            self.awaited.push(due, every);
            self.send(turn);
        }
    }

    fn period(&self) -> Option<Duration> {
        self.script.again.as_ref().map(|(_, every)| *every)
    }

    fn makes_up(&self) -> bool {
        true
    }

    fn has_seat(&self) -> bool {
        self.opened.is_some()
    }

    fn leave(&mut self, _turn: &mut Turn<'_>) -> bool {
        false
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let Some(notes) = &mut turn.notes else { return };
        // of an echo that has been awaited for less than the last one took, nothing is known
        for Run { first, every, count } in &self.awaited.runs {
            let longest = now.saturating_sub(*first);
            if longest >= self.took {
                let late = (longest - self.took).as_nanos().checked_div(every.as_nanos()).unwrap_or_default();
                notes.measure.input_to_ack.record_falling(longest, *every, (late as u64 + 1).min(*count));
            }
        }
        for Run { first, every, count } in self.lost.runs.drain(..) {
            notes.measure.input_to_ack.record_falling(now.saturating_sub(first), every, count);
        }
        let Some(heard) = self.last.or(self.opened) else { return };
        let time = now.saturating_sub(heard.max(notes.since));
        let is_silent = match (self.every, self.mean()) {
            (Some(every), _) => is_silence(time, every),
            (None, Some(mean)) => is_silence(time, mean * IRREGULAR),
            (None, None) => false,
        };
        notes.own.silent = if is_silent { time } else { Duration::ZERO };
        if is_silent || self.last.is_some() && self.every.is_some_and(|every| time >= every) {
            self.waited(notes, time);
        }
    }

    fn sight(&mut self) -> Sight {
        Sight::default()
    }
}

/// Moments at which messages were due, in order: mostly evenly apart, so that a silent server costs no memory.
#[derive(Debug, Default)]
struct Dues {
    runs: VecDeque<Run>,
    count: u64,
}

#[derive(Debug)]
struct Run {
    first: Duration,
    every: Duration,
    count: u64,
}

impl Dues {
    fn push(&mut self, due: Duration, every: Duration) {
        self.count += 1;
        if let Some(run) = self.runs.back_mut()
            && run.next() == due
        {
            run.count += 1;
            return;
        }
        self.runs.push_back(Run { first: due, every, count: 1 });
    }

    fn pop(&mut self) -> Option<Duration> {
        let run = self.runs.front_mut()?;
        let due = run.first;
        run.first += run.every;
        run.count -= 1;
        self.count -= 1;
        if run.count == 0 {
            self.runs.pop_front();
        }
        Some(due)
    }
}

impl Run {
    /// Right behind it.
    fn next(&self) -> Duration {
        let nanos = self.every.as_nanos() * u128::from(self.count);
        self.first + Duration::from_nanos(nanos as u64)
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::Rng;

    use super::super::{Message, Own};
    use super::*;
    use crate::measure::Measure;
    use crate::room::Rooms;

    /// A connection that sent at 0, 50 and 100 ms and got the first two back, 40 and 44 ms later: what its end adds to
    /// the round trips when the run is over at `end_ms`.
    fn added_by_the_end(end_ms: u64) -> Vec<u64> {
        let message = Message::Given(b"{n}".to_vec());
        let script = Script { first: Vec::new(), again: Some((message, Duration::from_millis(50))), text: true };
        let mut raw = Raw::new(Arc::new(script), None, None);
        let (mut measure, mut own, mut rooms) = (Measure::default(), Own::default(), Rooms::default());
        let mut at = |ms: u64, something: &mut dyn FnMut(&mut Raw, &mut Turn<'_>)| {
            let (now, since) = (Duration::from_millis(ms), Duration::ZERO);
            let notes = Some(Notes { measure: &mut measure, own: &mut own, since });
            let (rooms, out, rng) = (&mut rooms, &mut Vec::new(), &mut Rng::new(1));
            something(&mut raw, &mut Turn { now, arrived: now, notes, rooms, out, rng });
        };
        let due = Duration::from_millis;
        at(0, &mut |raw, turn| raw.open(turn));
        at(0, &mut |raw, turn| raw.tick(turn, due(0)));
        at(40, &mut |raw, turn| raw.message(turn, b"0", true).expect("an echo"));
        at(50, &mut |raw, turn| raw.tick(turn, due(50)));
        at(94, &mut |raw, turn| raw.message(turn, b"1", true).expect("an echo"));
        at(100, &mut |raw, turn| raw.tick(turn, due(100)));
        at(end_ms, &mut |raw, turn| raw.close(turn));
        let trips = measure.input_to_ack.counts();
        let all: Vec<u64> = trips.iter().flat_map(|(us, count)| vec![us / 1_000; *count as usize]).collect();
        assert!(all.len() >= 2 && own.silent.is_zero(), "{all:?}");
        all[2..].to_vec()
    }

    /// Nothing is known of an echo that was not awaited for longer than the one before took. One that was is as late as
    /// it was awaited for, and not more: it is no error, and nothing that comes after the end is an answer.
    #[test]
    fn an_echo_that_is_on_its_way_in_the_end_is_neither_an_answer_nor_late() {
        assert_eq!(added_by_the_end(101), [0; 0]);
        assert_eq!(added_by_the_end(143), [0; 0]);
        assert_eq!(added_by_the_end(190), [90]);
    }

    #[test]
    fn dues_come_back_as_they_were_put_in() {
        let (mut dues, every) = (Dues::default(), Duration::from_millis(50));
        let moments = [0, 50, 100, 150, 230, 280, 500].map(Duration::from_millis);
        moments.iter().for_each(|due| dues.push(*due, every));
        assert_eq!((dues.count, dues.runs.len()), (7, 3));
        assert_eq!(moments.map(|_| dues.pop()), moments.map(Some));
        assert_eq!((dues.pop(), dues.count), (None, 0));
    }
}
