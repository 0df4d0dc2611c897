//! What the bots of one thread know about the rooms they are in: how fresh a state can be, and which ticks came.
//!
//! Servers' clocks are not the swarm's. But of all bots in a room some frame arrives soonest after its tick: that is
//! how fresh a state can be, and how much later others arrive is their age beyond it. A bot that is alone in its room
//! is compared with its own best.

use std::collections::HashMap;
use std::time::Duration;

use tickwire_shared::Tick;

use crate::session::Turn;

/// The freshest arrival counts for one to two of these, so that a server that re-anchored its ticks is old only so
/// long.
const WINDOW: Duration = Duration::from_secs(2);
/// A longer gap in the ticks is another game.
const GAP_MAX_TICKS: u32 = 2_000;
/// Of the ticks of one room so many are remembered.
const TICKS_MAX: usize = 1 << 24;

/// The rooms of one thread's bots.
#[derive(Debug, Default)]
pub struct Rooms {
    by_id: HashMap<u64, usize>,
    rooms: Vec<Room>,
}

#[derive(Debug)]
struct Room {
    id: u64,
    period_ns: i64,
    origin: Option<Tick>,
    window_ends: Duration,
    freshest_ns: i64,
    freshest_before_ns: i64,
    seen: Ticks,
}

/// Which ticks of a room came to anybody while it was measured.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    origin: Option<Tick>,
    words: Vec<u64>,
}

/// A bot in its room.
#[derive(Debug)]
pub struct Stay {
    room: usize,
    last: Option<(Duration, Tick)>,
}

impl Rooms {
    /// A bot comes to room `id`, whose ticks have this period.
    pub fn enter(&mut self, id: u64, period: Duration) -> Stay {
        let room = *self.by_id.entry(id).or_insert_with(|| {
            self.rooms.push(Room {
                id,
                period_ns: period.as_nanos() as i64,
                origin: None,
                window_ends: Duration::ZERO,
                freshest_ns: i64::MAX,
                freshest_before_ns: i64::MAX,
                seen: Ticks::default(),
            });
            self.rooms.len() - 1
        });
        Stay { room, last: None }
    }

    /// The ticks that came, by room.
    pub fn take_ticks(&mut self) -> Vec<(u64, Ticks)> {
        self.rooms.iter_mut().map(|room| (room.id, std::mem::take(&mut room.seen))).collect()
    }
}

impl Room {
    /// How much later than the freshest it arrived.
    fn age(&mut self, now: Duration, tick: Tick) -> Duration {
        let origin = *self.origin.get_or_insert(tick);
        let offset_ns = now.as_nanos() as i64 - i64::from(tick.since(origin)) * self.period_ns;
        if now >= self.window_ends {
            self.freshest_before_ns = self.freshest_ns;
            self.freshest_ns = offset_ns;
            self.window_ends = now + WINDOW;
        }
        self.freshest_ns = self.freshest_ns.min(offset_ns);
        let freshest_ns = self.freshest_ns.min(self.freshest_before_ns);
        Duration::from_nanos(offset_ns.saturating_sub(freshest_ns).max(0) as u64)
    }
}

impl Stay {
    /// A frame of `tick` arrived.
    pub fn frame(&mut self, turn: &mut Turn<'_>, tick: Tick) {
        let now = turn.arrived;
        let room = &mut turn.rooms.rooms[self.room];
        let age = room.age(now, tick);
        let before = self.last.replace((now, tick));
        let Some(notes) = &mut turn.notes else { return };
        room.seen.note(tick);
        let (measure, own) = (&mut *notes.measure, &mut *notes.own);
        own.frames += 1;
        measure.counters.frames += 1;
        own.ages += 1;
        own.age_sum_us += age.as_micros() as u64;
        measure.age.record(age);
        let Some((last_at, last_tick)) = before else { return };
        let ticks = tick.since(last_tick).clamp(1, GAP_MAX_TICKS as i32) as u32;
        let period = Duration::from_nanos(room.period_ns.max(1) as u64);
        measure.tick_interval.record_missing(now.saturating_sub(last_at), period);
        measure.counters.ticks_missed += u64::from(ticks - 1);
        // the states that did not come were due one by one, and what came instead came so late for them
        for missed in 1..ticks {
            measure.age.record(age + period * missed);
        }
    }
}

impl Ticks {
    /// This one came.
    pub fn note(&mut self, tick: Tick) {
        let origin = *self.origin.get_or_insert(tick);
        // frames of before the first that was noted are of bots that are behind
        let Ok(at) = usize::try_from(tick.since(origin)) else { return };
        if at >= TICKS_MAX {
            return;
        }
        if at / 64 >= self.words.len() {
            self.words.resize(at / 64 + 1, 0);
        }
        self.words[at / 64] |= 1 << (at % 64);
    }

    /// Adds those that came to another thread's bots.
    pub fn merge(&mut self, other: &Self) {
        for tick in other.iter() {
            match self.origin {
                Some(origin) if tick.since(origin) < 0 => {
                    let mut earlier = Self::default();
                    earlier.note(tick);
                    self.iter().for_each(|tick| earlier.note(tick));
                    *self = earlier;
                }
                _ => self.note(tick),
            }
        }
    }

    /// Ticks between the first and the last that came to nobody.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let last = self.words.iter().enumerate().rev().find(|(_, word)| **word != 0);
        let span = last.map_or(0, |(i, word)| i as u64 * 64 + 64 - u64::from(word.leading_zeros()));
        span - self.words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>()
    }

    /// Those that came, in order.
    pub fn iter(&self) -> impl Iterator<Item = Tick> + '_ {
        let origin = self.origin.unwrap_or(Tick(0));
        let bits = self.words.iter().enumerate();
        bits.flat_map(move |(i, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| origin.offset((i * 64) as i32 + bit))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn age_is_beyond_the_freshest_of_the_room() {
        let mut rooms = Rooms::default();
        let stay = rooms.enter(1, ms(50));
        let room = &mut rooms.rooms[stay.room];
        for tick in 0..100 {
            assert_eq!(room.age(ms(1000 + tick * 50), Tick(tick as u32)), Duration::ZERO);
            assert_eq!(room.age(ms(1000 + tick * 50 + 7), Tick(tick as u32)), ms(7));
        }
        // the server began anew 30 ms later: that is old for a while and then the rule
        let late = |room: &mut Room, tick: u64| room.age(ms(1030 + tick * 50), Tick(tick as u32));
        assert_eq!(late(room, 100), ms(30));
        for tick in 101..200 {
            late(room, tick);
        }
        assert_eq!(late(room, 200), Duration::ZERO);
    }

    #[test]
    fn ticks_that_came_to_nobody_are_counted() {
        let ticks = |range: &[u32]| {
            let mut ticks = Ticks::default();
            range.iter().for_each(|tick| ticks.note(Tick(*tick)));
            ticks
        };
        let mut all = ticks(&[10, 11, 13, 200]);
        assert_eq!(all.missing(), 191 - 4);
        all.merge(&ticks(&(5..200).filter(|tick| *tick != 150).collect::<Vec<_>>()));
        assert_eq!(all.missing(), 1, "150");
        assert_eq!(Ticks::default().missing(), 0);
    }
}
