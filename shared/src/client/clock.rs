//! The client's idea of the server's ticks: when a frame is due, which moment to draw, which tick an input is for.
//!
//! ```text
//! arrivals --> line: when each tick arrives, and how long one takes --+--> playback: the moment to draw
//!         \--> wait: how long the newest state must last -------------+
//! acks    ---> lead: how far ahead of the arriving ticks an input is stamped
//! ```
//! All move slowly so that nothing jumps, except after a gap ([`Clock::gap_s`]), when what was known is worth nothing.
//! The line follows phase and period (a phase-locked loop of second order), so a room that is slower than it promised
//! is drift and not jitter. The lead is set from the arrival margins that the server reports, as Overwatch and Unity's
//! netcode do.

mod lead;
mod line;
mod playback;

use std::time::Duration;

use super::interpolation::EXTRAPOLATION_MAX;
use crate::tick::{Tick, TickRate};
pub(crate) use lead::Lead;
use line::Line;
use playback::{Playback, Wait};

/// An arrival that is off by more than this and two ticks is a new situation (a paused server), not jitter; and who
/// has heard nothing for so long cannot know what an input is for.
const GAP_S: f64 = 0.3;

/// What an arrival did to the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// It went on.
    Steady,
    /// It started anew: ticks that it named before mean nothing.
    Restarted,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    interval: Duration,
    dt: f32,
    origin: Tick,
    line: Option<Line>,
    /// The line without the latest arrival: of a burst only the newest frame counts.
    before: Option<Line>,
    wait: Wait,
    playback: Option<Playback>,
    /// The latest arrival may have lain in a buffer.
    held: bool,
    lead: Lead,
    last: Option<Last>,
    starved: Starved,
}

/// When there was nothing to draw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Starved {
    pub(crate) times: u64,
    pub(crate) all_s: f64,
}

impl Starved {
    fn add(&mut self, missing_s: f64) {
        self.times += u64::from(missing_s > 0.0);
        self.all_s += missing_s;
    }
}

/// The latest arrival.
#[derive(Clone, Copy, Debug)]
struct Last {
    at_s: f64,
    tick: f64,
    late: bool,
}

impl Clock {
    pub(crate) fn new(rate: TickRate, origin: Tick) -> Self {
        let interval = rate.interval();
        Self {
            interval,
            dt: rate.dt(),
            origin,
            line: None,
            before: None,
            wait: Wait::default(),
            playback: None,
            held: false,
            lead: Lead::new(interval.as_secs_f64()),
            last: None,
            starved: Starved::default(),
        }
    }

    /// A frame of `tick` arrived.
    pub(crate) fn arrived(&mut self, now: Duration, tick: Tick) -> Arrival {
        let (now_s, tick) = (now.as_secs_f64(), f64::from(tick.since(self.origin)));
        let burst = self.is_burst(now_s);
        if burst {
            self.line = self.before;
        } else {
            self.before = self.line;
            if let (Some(line), Some(last)) = (&self.line, self.last) {
                let missing = self.wait.ended(line.tick_at(now_s) - last.tick, line.period_s());
                self.starved.add(missing * line.period_s());
            }
        }
        let gap_s = self.gap_s();
        let error_s = self.line.map(|line| now_s - line.due_s(tick));
        let arrival = match (&mut self.line, error_s) {
            (Some(line), Some(error_s)) if error_s.abs() < gap_s => {
                line.follow(tick, error_s);
                Arrival::Steady
            }
            (Some(line), Some(error_s)) => {
                line.restart(now_s, tick, error_s.clamp(-gap_s, gap_s));
                self.wait = Wait::default();
                self.lead.restart();
                Arrival::Restarted
            }
            _ => {
                self.line = Some(Line::new(now_s, tick, self.interval.as_secs_f64()));
                Arrival::Steady
            }
        };
        // What comes much too late may be what lay in a buffer while nobody read: it is not shown. The next one that comes
        // in its own time tells.
        let comes_late = arrival == Arrival::Restarted && error_s.is_some_and(|error_s| error_s > 0.0);
        self.held = comes_late && (burst || !self.held);
        if self.held {
            self.hold(now_s);
        } else {
            self.steer(now_s);
        }
        let late = error_s.is_some_and(|error_s| error_s > self.period_s() / 4.0);
        self.last = Some(Last { at_s: now_s, tick, late });
        arrival
    }

    /// The connection broke: what comes next says nothing about how late frames are, and until then nobody knows what an
    /// input is for.
    pub(crate) fn gap(&mut self) {
        self.last = None;
    }

    /// The player wants something now.
    pub(crate) fn asked(&mut self, now: Duration) {
        self.lead.asked(now.as_secs_f64());
    }

    /// An input that was stamped with `lead_s`, less what it waited for a call, came `margin_100us` early.
    pub(crate) fn margin(&mut self, lead_s: f64, margin_100us: i16) {
        self.lead.margin(lead_s, f64::from(margin_100us) * 1e-4);
    }

    /// The tick that an input made now is for; none when there was no frame for so long that nobody knows.
    pub(crate) fn input_tick(&self, now: Duration) -> Option<Tick> {
        self.input_moment(now).map(|moment| self.origin.offset(moment.floor() as i32))
    }

    /// As [`Clock::input_tick`], in ticks after `origin` and fractions.
    pub(crate) fn input_moment(&self, now: Duration) -> Option<f64> {
        let (line, last) = (self.line?, self.last?);
        let now_s = now.as_secs_f64();
        if now_s - last.at_s > self.gap_s() {
            return None;
        }
        Some(line.tick_at(now_s) + self.lead.lead_s() / line.period_s())
    }

    /// How far ahead of the arriving ticks an input that leaves now for `tick` is stamped, less what it waited for the
    /// call after the tick had begun.
    pub(crate) fn lead_s(&self, now: Duration, tick: Tick) -> f64 {
        let waited = self.input_moment(now).map_or(0.0, |moment| moment - f64::from(tick.since(self.origin)));
        self.lead.lead_s() - waited * self.period_s()
    }

    /// The moment to draw, in ticks after `origin`. Never goes back.
    pub(crate) fn drawn(&self, now: Duration) -> f64 {
        self.playback.map_or(0.0, |playback| playback.moment(now.as_secs_f64()))
    }

    /// How far beyond the newest state things go on, in ticks. Always the same, else what is held there would move.
    pub(crate) fn beyond_ticks(&self) -> f64 {
        EXTRAPOLATION_MAX.as_secs_f64() / self.interval.as_secs_f64()
    }

    /// How often and for how long the drawn moment had no state after it.
    pub(crate) fn starved(&self) -> Starved {
        self.starved
    }

    /// How far behind the arriving ticks is drawn, in seconds.
    pub(crate) fn behind_s(&self) -> f64 {
        self.wait.behind(self.period_s()) * self.period_s()
    }

    /// How early inputs are meant to be there, and how early they were of late, in seconds.
    pub(crate) fn margins_s(&self) -> (f64, f64) {
        self.lead.margins_s()
    }

    /// Mean deviation of the time between frames, in seconds.
    pub(crate) fn deviation_s(&self) -> f64 {
        self.wait.deviation() * self.period_s()
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// As [`Step::dt`](crate::game::Step::dt) at the server, to the bit.
    pub(crate) fn dt(&self) -> f32 {
        self.dt
    }

    pub(crate) fn origin(&self) -> Tick {
        self.origin
    }

    /// Whether a frame that arrives now was held up together with the one before it.
    fn is_burst(&self, now_s: f64) -> bool {
        self.last.is_some_and(|last| last.late && now_s - last.at_s < self.period_s() / 4.0)
    }

    /// Turns the playback towards where it should be; `last` is still the arrival before this one.
    fn steer(&mut self, now_s: f64) {
        let Some(line) = &self.line else { return };
        let target = line.tick_at(now_s) - self.wait.behind(line.period_s());
        let shown = self.last.map_or(f64::INFINITY, |last| last.tick + self.beyond_ticks());
        let playback = self.playback.get_or_insert(Playback::new(now_s, target));
        playback.steer(now_s, shown, target, line.period_s(), self.wait.mean());
    }

    /// What is drawn stays.
    fn hold(&mut self, now_s: f64) {
        let beyond = self.beyond_ticks();
        if let (Some(playback), Some(last)) = (&mut self.playback, self.last) {
            playback.hold(now_s, last.tick + beyond);
        }
    }

    fn gap_s(&self) -> f64 {
        GAP_S + 2.0 * self.period_s()
    }

    /// How long a tick takes, in seconds.
    pub(crate) fn period_s(&self) -> f64 {
        self.line.map_or(self.interval.as_secs_f64(), |line| line.period_s())
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
        assert!((step - 0.5).abs() < 0.05, "half a tick's time moved the drawn moment by {step} ticks");
    }

    #[test]
    fn late_inputs_are_stamped_further_ahead() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        clock.arrived(ms(100.0), Tick(0));
        let before = clock.input_tick(ms(100.0)).expect("a frame has just come");
        let tick = clock.input_tick(ms(100.0)).expect("a frame has just come");
        clock.margin(clock.lead_s(ms(100.0), tick), -200);
        assert!(clock.input_tick(ms(100.0)).expect("a frame has just come").is_after(before));
    }

    #[test]
    fn what_an_input_is_for_is_unknown_after_a_silence() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        clock.arrived(ms(100.0), Tick(0));
        assert!(clock.input_tick(ms(400.0)).is_some());
        assert_eq!(clock.input_tick(ms(500.0)), None);
        assert_eq!(clock.arrived(ms(2000.0), Tick(1)), Arrival::Restarted);
        let tick = clock.input_tick(ms(2000.0)).expect("a frame has just come");
        assert!((1..8).contains(&tick.0), "{tick:?} right after tick 1");
    }

    #[test]
    fn what_lay_in_a_buffer_is_not_shown() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        for i in 0..100u32 {
            clock.arrived(ms(f64::from(i) * 20.0), Tick(i));
        }
        // nobody reads for 30 s; the buffer has ten frames
        let at_s = 32.0;
        for i in 100..110u32 {
            clock.arrived(ms(at_s * 1e3 + f64::from(i % 10) * 0.1), Tick(i));
        }
        let held = clock.drawn(ms(at_s * 1e3 + 50.0));
        // what was drawn beyond the last state stays
        assert!((98.0..=99.0 + clock.beyond_ticks()).contains(&held), "tick {held} was drawn");
        clock.arrived(ms(at_s * 1e3 + 60.0), Tick(1603));
        let shown = clock.drawn(ms(at_s * 1e3 + 60.0));
        assert!((1600.0..1603.0).contains(&shown), "tick {shown} was drawn");
    }

    #[test]
    fn after_a_pause_of_the_server_what_is_drawn_goes_on_with_the_second_frame() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        for i in 0..100u32 {
            clock.arrived(ms(f64::from(i) * 20.0), Tick(i));
        }
        let held = clock.drawn(ms(1990.0));
        for i in 100..150u32 {
            clock.arrived(ms(4000.0 + f64::from(i) * 20.0), Tick(i));
        }
        let drawn = clock.drawn(ms(4000.0 + 149.0 * 20.0));
        assert!(held < 100.0 && (145.0..149.0).contains(&drawn), "tick {drawn} is drawn, before it was {held}");
    }

    #[test]
    fn of_a_burst_only_the_newest_frame_counts() {
        let mut clock = Clock::new(TickRate::hz(50), Tick(0));
        for i in 0..100u32 {
            clock.arrived(ms(f64::from(i) * 20.0), Tick(i));
        }
        let before = clock.clone();
        for i in 100..200 {
            clock.arrived(ms(199.0 * 20.0), Tick(i));
        }
        let now = ms(199.0 * 20.0);
        let (was, is) = (before.line.expect("frames came"), clock.line.expect("frames came"));
        assert!((was.tick_at(now.as_secs_f64()) - is.tick_at(now.as_secs_f64())).abs() < 0.01);
    }
}
