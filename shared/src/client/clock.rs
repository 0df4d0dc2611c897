//! The client's idea of the server's ticks: when a frame is due, which moment to draw, which tick an input is for.
//!
//! Three estimates, all moved slowly so that nothing jumps: the offset between the client's time and the ticks that
//! arrive; the deviation of arrivals from it (as in RFC 6298's RTTVAR); and how far ahead of the arriving ticks
//! inputs must be stamped, steered by the arrival margin that the server reports (as Overwatch and Unity's netcode
//! do).

use std::time::Duration;

use crate::tick::{Tick, TickRate};

/// How early an input should be there before it is due.
const TARGET_MARGIN: Duration = Duration::from_millis(8);
/// An arrival that is off by more than this is a new situation (a sleeping tab, a stall), not jitter.
const RESET_AFTER_S: f64 = 0.5;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    interval_s: f64,
    origin: Tick,
    /// Client time at which tick `origin` would have arrived, in seconds; none before the first frame.
    offset_s: Option<f64>,
    deviation_s: f64,
    /// Inputs are stamped this much ahead of the arriving ticks, in seconds.
    lead_s: f64,
}

impl Clock {
    pub(crate) fn new(rate: TickRate, origin: Tick) -> Self {
        let interval_s = rate.interval().as_secs_f64();
        Self { interval_s, origin, offset_s: None, deviation_s: interval_s / 4.0, lead_s: 2.0 * interval_s }
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.interval_s)
    }

    pub(crate) fn origin(&self) -> Tick {
        self.origin
    }

    /// Deviation of arrivals in seconds.
    pub(crate) fn deviation_s(&self) -> f64 {
        self.deviation_s
    }

    /// A frame of `tick` arrived.
    pub(crate) fn arrived(&mut self, now: Duration, tick: Tick) {
        let sample = now.as_secs_f64() - f64::from(tick.since(self.origin)) * self.interval_s;
        let Some(offset) = self.offset_s.filter(|offset| (sample - offset).abs() < RESET_AFTER_S) else {
            self.offset_s = Some(sample);
            return;
        };
        let error = sample - offset;
        self.offset_s = Some(offset + error * 0.05);
        self.deviation_s += (error.abs() - self.deviation_s) * 0.05;
    }

    /// The server told how early an input came.
    pub(crate) fn margin(&mut self, margin_100us: i16) {
        let error_s = TARGET_MARGIN.as_secs_f64() - f64::from(margin_100us) * 1e-4;
        self.lead_s = (self.lead_s + error_s * 0.1).clamp(0.0, 1.0);
    }

    /// The tick that an input made now is for.
    pub(crate) fn input_tick(&self, now: Duration) -> Tick {
        self.origin.offset((self.arriving(now) + self.lead_s / self.interval_s).floor() as i32)
    }

    /// The moment to draw, in ticks after `origin`: as far behind as two sends and the jitter ask for.
    pub(crate) fn drawn(&self, now: Duration) -> f64 {
        self.arriving(now) - 1.5 - 3.0 * self.deviation_s / self.interval_s
    }

    /// The tick that would arrive now, in ticks after `origin`.
    fn arriving(&self, now: Duration) -> f64 {
        self.offset_s.map_or(0.0, |offset| (now.as_secs_f64() - offset) / self.interval_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: f64) -> Duration {
        Duration::from_secs_f64(ms / 1000.0)
    }

    #[test]
    fn steady_frames_are_drawn_steadily_and_behind() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(1000));
        for i in 0..500u32 {
            let jitter = f64::from(i * 7919 % 11) - 5.0;
            clock.arrived(ms(5000.0 + f64::from(i) * 20.0 + jitter), Tick(1000 + i));
        }
        let now = ms(5000.0 + 500.0 * 20.0);
        let behind = 500.0 - clock.drawn(now);
        assert!((1.5..3.0).contains(&behind), "drawn {behind} ticks behind");
        let step = clock.drawn(now + ms(10.0)) - clock.drawn(now);
        assert!((step - 0.5).abs() < 1e-6);
    }

    #[test]
    fn late_inputs_are_stamped_further_ahead() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        clock.arrived(ms(100.0), Tick(0));
        let before = clock.input_tick(ms(100.0));
        for _ in 0..40 {
            clock.margin(-200);
        }
        assert!(clock.input_tick(ms(100.0)).is_after(before));
    }
}
