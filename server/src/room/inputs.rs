//! A seat's inputs between their arrival and the tick that uses them: a small jitter buffer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickwire_shared::Tick;
use tickwire_shared::protocol::frame::InputAck;
use tickwire_shared::protocol::input::{InputLanes, TickInput};

/// Inputs for more ticks ahead than this are dropped: the client's clock is wrong, and it will notice.
const AHEAD_MAX: i32 = 32;
/// Inputs for more ticks ago are dropped: so far off, before and after are no more than a matter of the wrap.
const BEHIND_MAX: i32 = 1 << 30;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Sorted by tick, the newest last.
    waiting: VecDeque<(TickInput, Instant)>,
    used: Option<InputAck>,
    /// Nothing up to here counts any more.
    over: Option<Tick>,
}

impl Inputs {
    /// Of the same player on another connection: what waited is for ticks that are over, and what was used does not come
    /// again.
    pub(super) fn begin_anew(&mut self) {
        let over = self.used.map(|used| used.tick).or(self.over);
        *self = Self { over, ..Self::default() };
    }

    /// Takes an input after the room's tick `now`; one that is older than what was used already, or known, or too far
    /// off, is dropped. Tells whether it was kept.
    pub(super) fn offer(&mut self, now: Tick, input: TickInput, arrived: Instant) -> bool {
        let tick = input.tick;
        let over = self.used.map(|used| used.tick).or(self.over);
        let stale = over.is_some_and(|over| !tick.is_after(over));
        let place = self.waiting.iter().rposition(|(waiting, _)| !waiting.tick.is_after(tick));
        let known = place.is_some_and(|place| self.waiting[place].0.tick == tick);
        if stale || known || !(-BEHIND_MAX..=AHEAD_MAX).contains(&tick.since(now)) {
            return false;
        }
        self.waiting.insert(place.map_or(0, |place| place + 1), (input, arrived));
        true
    }

    /// The newest input that is due at `tick`, whose step begins at `now`; and how many ticks before this one lies what
    /// the player saw. Calls `late` with all that were due at earlier ticks, the oldest first.
    pub(super) fn due(
        &mut self,
        tick: Tick,
        now: Instant,
        interval: Duration,
        mut late: impl FnMut(&TickInput),
    ) -> Option<(InputLanes, f32)> {
        let mut due = None;
        while let Some(input) = self.waiting.pop_front_if(|(input, _)| !input.tick.is_after(tick)) {
            if input.0.tick != tick {
                late(&input.0);
            }
            due = Some(input);
        }
        let (TickInput { tick: stamp, lag, lanes }, arrived) = due?;
        let waited = now.saturating_duration_since(arrived).as_secs_f64();
        let margin_s = waited - f64::from(tick.since(stamp)) * interval.as_secs_f64();
        // `as` saturates
        self.used = Some(InputAck { tick: stamp, margin_100us: (margin_s * 1e4).round() as i16 });
        // one that came late was made for an earlier tick
        Some((lanes, lag.ticks() + tick.since(stamp) as f32))
    }

    /// What the client is told about its inputs.
    pub(super) fn ack(&self) -> Option<InputAck> {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::protocol::input::ViewLag;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    fn due(inputs: &mut Inputs, tick: u32, now: Instant) -> Option<(InputLanes, f32)> {
        inputs.due(Tick(tick), now, INTERVAL, |_| ())
    }

    fn lanes(value: u32) -> InputLanes {
        let mut lanes = InputLanes::default();
        lanes[0] = value;
        lanes
    }

    fn input(tick: u32, value: u32) -> TickInput {
        TickInput { tick: Tick(tick), lag: ViewLag::of_ticks(4.5), lanes: lanes(value) }
    }

    #[test]
    fn inputs_are_used_at_their_tick_in_any_order_of_arrival() {
        let mut inputs = Inputs::default();
        let start = Instant::now();
        for tick in [12, 10, 11, 10] {
            inputs.offer(Tick(9), input(tick, tick), start);
        }
        for tick in 10..13 {
            assert_eq!(due(&mut inputs, tick, start), Some((lanes(tick), 4.5)));
        }
        assert_eq!(due(&mut inputs, 13, start), None);
        assert!(!inputs.offer(Tick(13), input(12, 0), start), "what was used does not come again");
    }

    #[test]
    fn a_late_input_counts_at_once_its_margin_is_negative_and_what_was_seen_is_older() {
        let mut inputs = Inputs::default();
        let start = Instant::now();
        inputs.offer(Tick(11), input(10, 7), start);
        assert_eq!(due(&mut inputs, 12, start + Duration::from_millis(5)), Some((lanes(7), 6.5)));
        assert_eq!(inputs.ack(), Some(InputAck { tick: Tick(10), margin_100us: 50 - 400 }));
    }

    #[test]
    fn inputs_for_past_ticks_are_told_in_order() {
        let mut inputs = Inputs::default();
        let start = Instant::now();
        for tick in 10..14 {
            inputs.offer(Tick(9), input(tick, tick), start);
        }
        let mut late = Vec::new();
        let used = inputs.due(Tick(12), start, INTERVAL, |input| late.push((input.tick.0, input.lanes)));
        assert_eq!(used, Some((lanes(12), 4.5)));
        assert_eq!(late, [(10, lanes(10)), (11, lanes(11))]);
    }

    #[test]
    fn inputs_far_ahead_do_not_pile_up() {
        let mut inputs = Inputs::default();
        let kept = (0..1000).filter(|i| inputs.offer(Tick(10), input(10 + i, 0), Instant::now())).count();
        assert_eq!(kept, 33);
        assert!(!inputs.offer(Tick(10), input(1_000_000, 0), Instant::now()));
    }

    #[test]
    fn half_the_wrap_away_is_neither_before_nor_after() {
        let (mut inputs, now) = (Inputs::default(), Tick(7));
        for off in [i32::MIN, i32::MIN + 1, i32::MIN + 2, i32::MAX, -BEHIND_MAX - 1] {
            assert!(!inputs.offer(now, TickInput { tick: now.offset(off), ..input(0, 0) }, Instant::now()), "{off}");
        }
        assert!(inputs.offer(now, TickInput { tick: now.offset(-1000), ..input(0, 0) }, Instant::now()));
    }

    #[test]
    fn who_comes_back_does_not_wish_again_for_ticks_that_had_their_input() {
        let (mut inputs, start) = (Inputs::default(), Instant::now());
        inputs.offer(Tick(9), input(10, 1), start);
        inputs.offer(Tick(9), input(12, 1), start);
        assert!(due(&mut inputs, 10, start).is_some());
        for _ in 0..2 {
            inputs.begin_anew();
            assert_eq!(inputs.ack(), None, "acks are of this connection's inputs");
            assert!(!inputs.offer(Tick(11), input(9, 2), start), "shots of the past are not fired twice");
            assert!(!inputs.offer(Tick(11), input(10, 2), start));
        }
        assert!(inputs.offer(Tick(11), input(12, 2), start), "what only waited may come again");
        assert_eq!(due(&mut inputs, 12, start), Some((lanes(2), 4.5)));
    }
}
