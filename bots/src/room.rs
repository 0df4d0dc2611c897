//! What the bots of one thread know about the rooms they are in: how fresh a state can be, and which ticks came.
//!
//! Servers' clocks are not the swarm's. But of all bots in a room some frame arrives soonest after its tick: that is
//! how fresh a state can be, and how much later others arrive is their age beyond it. A bot that is alone in its room
//! is compared with its own best.

use std::collections::HashMap;
use std::time::Duration;

use tickwire_shared::Tick;

use crate::session::{Turn, is_silence};

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

/// Which ticks of a room somebody waited for while it was measured, and which came to anybody.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    origin: Option<Tick>,
    /// Those that came, and those that somebody waited for in vain: by 64 of them.
    words: Vec<(u64, u64)>,
}

/// A bot in its room.
#[derive(Debug)]
pub struct Stay {
    room: usize,
    entered: Duration,
    last: Option<(Duration, Tick)>,
}

impl Rooms {
    /// A bot comes `now` to room `id`, whose ticks have this period.
    pub fn enter(&mut self, id: u64, period: Duration, now: Duration) -> Stay {
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
        Stay { room, entered: now, last: None }
    }

    /// The ticks that came and that did not, by room.
    pub fn take_ticks(&mut self) -> Vec<(u64, Ticks)> {
        self.rooms.iter_mut().map(|room| (room.id, std::mem::take(&mut room.seen))).collect()
    }
}

impl Room {
    /// How much later than the freshest it arrived.
    fn age(&mut self, now: Duration, tick: Tick) -> Duration {
        let offset_ns = self.offset_ns(now, tick);
        if now >= self.window_ends {
            self.freshest_before_ns = self.freshest_ns;
            self.freshest_ns = offset_ns;
            self.window_ends = now + WINDOW;
        }
        self.freshest_ns = self.freshest_ns.min(offset_ns);
        self.beyond_freshest(offset_ns)
    }

    /// How old it would be if it arrived now; it has not.
    fn age_so_far(&mut self, now: Duration, tick: Tick) -> Duration {
        let offset_ns = self.offset_ns(now, tick);
        self.beyond_freshest(offset_ns)
    }

    fn offset_ns(&mut self, now: Duration, tick: Tick) -> i64 {
        let origin = *self.origin.get_or_insert(tick);
        now.as_nanos() as i64 - i64::from(tick.since(origin)) * self.period_ns
    }

    fn beyond_freshest(&self, offset_ns: i64) -> Duration {
        let freshest_ns = self.freshest_ns.min(self.freshest_before_ns);
        Duration::from_nanos(offset_ns.saturating_sub(freshest_ns).max(0) as u64)
    }

    fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns.max(1) as u64)
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
        room.seen.came(tick);
        let (measure, own) = (&mut *notes.measure, &mut *notes.own);
        let period = room.period();
        own.frames += 1;
        measure.counters.frames += 1;
        own.ages += 1;
        own.age_sum_us += age.as_micros() as u64;
        measure.age.record(age);
        let Some((last_at, last_tick)) = before else {
            // the first frame is due soon after the seat
            let waited = now.saturating_sub(self.entered.max(notes.since));
            if is_silence(waited, period) {
                measure.tick_interval.record_missing(waited, period);
            }
            return;
        };
        let mut ticks = tick.since(last_tick).clamp(1, GAP_MAX_TICKS as i32) as u32;
        let from = counted_from(last_at, notes.since, period);
        let waited = now.saturating_sub(from);
        if from > last_at {
            ticks = ticks.min((waited.as_nanos() / period.as_nanos()).clamp(1, GAP_MAX_TICKS.into()) as u32);
        }
        measure.tick_interval.record_missing(waited, period);
        measure.counters.ticks_missed += u64::from(ticks - 1);
        // the states that did not come were due one by one, and what came instead came so late for them
        for missed in 1..ticks {
            measure.age.record(age + period * missed);
            room.seen.awaited(tick.offset(-(missed as i32)));
        }
    }

    /// How long nothing has come.
    #[must_use]
    pub fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last.map_or(self.entered, |(at, _)| at))
    }

    /// Nothing more is written down: the frames that were due since the last one are as late as they are. One that is
    /// on its way, as there is nearly always, is not due.
    pub fn close(&mut self, turn: &mut Turn<'_>) {
        let (now, room) = (turn.now, &mut turn.rooms.rooms[self.room]);
        let Some(notes) = &mut turn.notes else { return };
        let (period, measure) = (room.period(), &mut *notes.measure);
        let last_at = self.last.map_or(self.entered, |(at, _)| at);
        let (came, from) = (last_at, counted_from(last_at, notes.since, period));
        let waited = now.saturating_sub(from);
        let due = (waited.as_nanos() / period.as_nanos()) as u64;
        let is_silent = is_silence(waited, period);
        notes.own.silent = if is_silent { waited } else { Duration::ZERO };
        if due == 0 || self.last.is_none() && !is_silent {
            return;
        }
        measure.tick_interval.record_missing(waited, period);
        let Some((last_at, last)) = &mut self.last else { return };
        *last_at = now;
        let oldest = if from > came { waited } else { room.age_so_far(now, last.offset(1)) };
        measure.age.record_falling(oldest, period, due);
        if is_silent {
            // what was late at once may come yet; of a silence all but the last is missed
            let missed = due - 1;
            measure.counters.ticks_missed += missed;
            for _ in 0..missed.min(GAP_MAX_TICKS.into()) {
                *last = last.offset(1);
                room.seen.awaited(*last);
            }
        }
    }
}

/// A frame that came before anything was written down was due again at the latest a period before.
fn counted_from(last_at: Duration, since: Duration, period: Duration) -> Duration {
    last_at.max(since.saturating_sub(period))
}

impl Ticks {
    /// This one came.
    pub fn came(&mut self, tick: Tick) {
        if let Some((word, bit)) = self.place(tick) {
            word.0 |= bit;
        }
    }

    /// Somebody waited for this one, and did not get it.
    pub fn awaited(&mut self, tick: Tick) {
        if let Some((word, bit)) = self.place(tick) {
            word.1 |= bit;
        }
    }

    fn place(&mut self, tick: Tick) -> Option<(&mut (u64, u64), u64)> {
        let origin = *self.origin.get_or_insert(tick);
        // frames of before the first that was noted are of bots that are behind
        let at = usize::try_from(tick.since(origin)).ok().filter(|at| *at < TICKS_MAX)?;
        if at / 64 >= self.words.len() {
            self.words.resize(at / 64 + 1, (0, 0));
        }
        Some((&mut self.words[at / 64], 1 << (at % 64)))
    }

    /// Adds what another thread's bots saw.
    pub fn merge(&mut self, other: &Self) {
        let is_earlier = |mine: Tick| other.origin.is_some_and(|origin| origin.since(mine) < 0);
        let later =
            if self.origin.is_some_and(is_earlier) { std::mem::replace(self, other.clone()) } else { other.clone() };
        for (tick, came) in later.iter() {
            if came {
                self.came(tick);
            } else {
                self.awaited(tick);
            }
        }
    }

    /// Ticks that somebody waited for and that came to nobody.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.words.iter().map(|(came, awaited)| u64::from((awaited & !came).count_ones())).sum()
    }

    /// Those that came (true) and those that somebody waited for and nobody got, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Tick, bool)> + '_ {
        let origin = self.origin.unwrap_or(Tick(0));
        let words = self.words.iter().enumerate();
        words.flat_map(move |(i, (came, awaited))| {
            let known = (0..64).filter(move |bit| (came | awaited) >> bit & 1 == 1);
            known.map(move |bit| (origin.offset((i * 64) as i32 + bit), came >> bit & 1 == 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::Rng;

    use super::*;
    use crate::measure::Measure;
    use crate::session::{Notes, Own};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn age_is_beyond_the_freshest_of_the_room() {
        let mut rooms = Rooms::default();
        let stay = rooms.enter(1, ms(50), ms(900));
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
        let ticks = |came: &[u32], awaited: std::ops::Range<u32>| {
            let mut ticks = Ticks::default();
            came.iter().for_each(|tick| ticks.came(Tick(*tick)));
            awaited.for_each(|tick| ticks.awaited(Tick(tick)));
            ticks
        };
        let mut all = ticks(&[10, 11, 13, 200], 10..15);
        assert_eq!(all.missing(), 2, "12 and 14; nobody was there for the others");
        all.merge(&ticks(&(5..200).filter(|tick| *tick != 150).collect::<Vec<_>>(), 5..210));
        assert_eq!(all.missing(), 10, "150, and those after 200");
        all.merge(&ticks(&[1, 150, 203], 1..4));
        assert_eq!(all.missing(), 10, "2, 3, and those after 200 but for 203");
        assert_eq!(Ticks::default().missing(), 0);
    }

    /// What a bot wrote down that got these frames, by tick and moment, from a server of 20 Hz, and closed its books.
    fn noted(frames: &[(u64, u32)], since: Duration, closed: Duration) -> (Measure, Own, Rooms) {
        let (mut rooms, mut measure, mut own) = (Rooms::default(), Measure::default(), Own::default());
        let mut stay = rooms.enter(1, ms(50), ms(1_000));
        let (mut out, mut rng) = (Vec::new(), Rng::new(1));
        let mut turn = |now: Duration, something: &mut dyn FnMut(&mut Stay, &mut Turn<'_>)| {
            let notes = (now >= since).then_some(Notes { measure: &mut measure, own: &mut own, since });
            let (rooms, out, rng) = (&mut rooms, &mut out, &mut rng);
            something(&mut stay, &mut Turn { now, arrived: now, notes, rooms, out, rng });
        };
        for (at, tick) in frames {
            turn(ms(*at), &mut |stay, turn| stay.frame(turn, Tick(*tick)));
        }
        turn(closed, &mut |stay, turn| stay.close(turn));
        (measure, own, rooms)
    }

    /// In tens of milliseconds: times are kept to three digits.
    fn tens(ms: f64) -> u64 {
        (ms / 10.0).round() as u64
    }

    #[test]
    fn what_is_on_its_way_in_the_end_is_not_late() {
        let (measure, own, mut rooms) = noted(&[(1_000, 1), (1_050, 2), (1_100, 3)], ms(1_000), ms(1_149));
        assert_eq!((measure.tick_interval.counts().len(), own.silent), (1, Duration::ZERO));
        assert_eq!((measure.counters.ticks_missed, rooms.take_ticks()[0].1.missing()), (0, 0));
    }

    #[test]
    fn of_a_server_that_falls_silent_all_is_late_that_was_due() {
        let (measure, own, mut rooms) = noted(&[(1_000, 1), (1_050, 2), (1_100, 3)], ms(1_000), ms(3_100));
        let intervals = measure.tick_interval.percentiles().expect("there are some");
        assert_eq!((intervals.samples, tens(intervals.max)), (2 + 40, 200));
        assert_eq!(tens(intervals.p50), 95, "half of what was due is a second late");
        let ages = measure.age.percentiles().expect("there are some");
        assert_eq!((ages.samples, tens(ages.max)), (3 + 40, 195), "tick 4 was due at 1,150");
        assert_eq!((measure.counters.ticks_missed, rooms.take_ticks()[0].1.missing()), (39, 39));
        assert_eq!(own.silent, ms(2_000));
    }

    #[test]
    fn what_was_due_before_it_was_measured_does_not_count() {
        let (measure, own, _) = noted(&[(1_000, 1), (1_050, 2)], ms(5_000), ms(7_000));
        let intervals = measure.tick_interval.percentiles().expect("there are some");
        assert_eq!((intervals.samples, tens(intervals.max), own.silent), (41, 205, ms(2_050)));
        let (measure, ..) = noted(&[(1_000, 1), (6_000, 101)], ms(5_000), ms(6_010));
        let intervals = measure.tick_interval.percentiles().expect("there are some");
        assert_eq!((intervals.samples, tens(intervals.max), measure.counters.ticks_missed), (21, 105, 20));
    }

    #[test]
    fn a_seat_without_a_frame_is_a_silence() {
        let (measure, own, _) = noted(&[], ms(1_000), ms(2_500));
        assert_eq!((measure.tick_interval.percentiles().map(|times| times.samples), own.silent), (Some(30), ms(1_500)));
        let (measure, own, _) = noted(&[], ms(1_000), ms(1_200));
        assert!(measure.tick_interval.is_empty() && own.silent.is_zero(), "a keyframe may take its time");
    }
}
