//! A model of a bad link, sans IO: which byte that was sent at one end arrives when at the other.
//!
//! ```text
//!   push(now, bytes) --> packets --> line (rate) --> latency/2 + jitter + stall --> ready(now), taken(n)
//!                                                    never before the packet ahead of it: TCP
//! ```
//! `now` is the time since any moment that the caller chose. The same seed gives the same delays to the same packets;
//! what they are is drawn by packet, so it does not depend on when packets come, and stalls do not move when the jitter
//! changes. The proxy has one [`Lane`] for each direction of a connection, a bot with a bad link has two.

mod lane;

use std::f64::consts::TAU;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use tickwire_shared::Rng;

pub use lane::{End, Lane};

use crate::units::{self, UnitError, shown};

/// What TCP puts in a packet on most paths; delays are drawn for each.
pub const PACKET_MAX_BYTES: usize = 1_460;

/// What a link does to what travels over it. The default does nothing.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Conditions {
    /// Added to the round trip: half of it in each direction.
    pub latency: Duration,
    /// Standard deviation of the delay, in each direction; the delay is never below zero.
    pub jitter: Duration,
    /// Some packets are held up, and what is behind them waits, as after a loss.
    pub stall: Stall,
    /// Bits a second in each direction; none for as fast as it goes.
    pub rate_bits_per_s: Option<u64>,
}

/// How often packets are held up, and for how long.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stall {
    /// Of each packet, from 0 to 1.
    pub chance: f64,
    /// On top of its delay.
    pub length: Duration,
}

impl FromStr for Stall {
    type Err = UnitError;

    /// Reads `1%:200ms`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (chance, length) = text.split_once(':').ok_or(UnitError::Stall)?;
        let (chance, length) = (units::share(chance), units::duration(length));
        Ok(Self { chance: chance.map_err(|_| UnitError::Stall)?, length: length.map_err(|_| UnitError::Stall)? })
    }
}

impl Conditions {
    /// Whether it changes nothing, so that nobody need ask it.
    #[must_use]
    pub fn are_perfect(&self) -> bool {
        let stalls = self.stall.chance > 0.0 && !self.stall.length.is_zero();
        self.latency.is_zero() && self.jitter.is_zero() && !stalls && self.rate_bits_per_s.is_none()
    }
}

impl Display for Conditions {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.are_perfect() {
            return write!(out, "nothing added");
        }
        write!(out, "{} round trip", shown(self.latency))?;
        if !self.jitter.is_zero() {
            write!(out, ", {} jitter", shown(self.jitter))?;
        }
        if self.stall.chance > 0.0 {
            write!(out, ", {} % of packets stalled by {}", self.stall.chance * 100.0, shown(self.stall.length))?;
        }
        match self.rate_bits_per_s {
            Some(rate) if rate >= 1_000_000 => write!(out, ", {} Mbit/s", rate as f64 / 1e6),
            Some(rate) => write!(out, ", {} kbit/s", rate as f64 / 1e3),
            None => Ok(()),
        }
    }
}

/// When packets arrive: one direction of a link.
#[derive(Clone, Debug)]
struct Schedule {
    conditions: Conditions,
    jitters: Rng,
    stalls: Rng,
    /// The line has taken all packets by then.
    line_free: Duration,
    /// No packet arrives before the one ahead of it.
    last_arrival: Duration,
}

impl Schedule {
    fn new(conditions: Conditions, seed: u64) -> Self {
        let (jitters, stalls) = (Rng::new(seed), Rng::new(seed ^ 0x7374_616c_6c73));
        Self { conditions, jitters, stalls, line_free: Duration::ZERO, last_arrival: Duration::ZERO }
    }

    /// When a packet that is sent now arrives as a whole.
    fn arrival(&mut self, now: Duration, bytes: usize) -> Duration {
        self.line_free = self.line_free.max(now) + self.on_the_line(bytes);
        let arrival = self.line_free + self.delay();
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }

    fn on_the_line(&self, bytes: usize) -> Duration {
        let bits = bytes as f64 * 8.0;
        self.conditions.rate_bits_per_s.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bits / rate as f64))
    }

    /// Draws as often whatever the conditions are.
    fn delay(&mut self) -> Duration {
        let Conditions { latency, jitter, stall, .. } = self.conditions;
        let delay_s = latency.as_secs_f64() / 2.0 + normal(&mut self.jitters) * jitter.as_secs_f64();
        let stalled = f64::from(self.stalls.unit()) < stall.chance;
        Duration::from_secs_f64(delay_s.max(0.0)) + if stalled { stall.length } else { Duration::ZERO }
    }
}

/// A number of the normal distribution with mean 0 and deviation 1 (Box and Muller's way; one of the pair is left).
fn normal(rng: &mut Rng) -> f64 {
    let (radius, angle) = (1.0 - f64::from(rng.unit()), f64::from(rng.unit()));
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

#[cfg(test)]
mod tests;
