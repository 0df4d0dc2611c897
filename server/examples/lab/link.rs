//! A scripted TCP connection in virtual time: all in order, and what stalls holds up what follows.

use std::collections::VecDeque;

use tickwire_shared::Rng;

/// How a connection behaves, in each direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Round trip in seconds.
    pub(crate) rtt_s: f64,
    /// Standard deviation of the way there, in seconds.
    pub(crate) jitter_s: f64,
    /// The share of messages that stall, as lost packets do.
    pub(crate) stalls: f64,
}

/// How long a stall lasts, in seconds.
pub(crate) const STALL_S: f64 = 0.2;

/// One direction.
pub(crate) struct Link {
    weather: Weather,
    rng: Rng,
    /// Arrivals and messages, in order.
    under_way: VecDeque<(f64, Vec<u8>)>,
    last_s: f64,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, rng: Rng::new(seed), under_way: VecDeque::new(), last_s: 0.0 }
    }

    pub(crate) fn send(&mut self, now_s: f64, message: Vec<u8>) {
        let Weather { rtt_s, jitter_s, stalls } = self.weather;
        let mut way_s = (rtt_s / 2.0 + jitter_s * self.normal()).max(0.0);
        if f64::from(self.rng.unit()) < stalls {
            way_s += STALL_S;
        }
        self.last_s = self.last_s.max(now_s + way_s);
        self.under_way.push_back((self.last_s, message));
    }

    /// The next message that has arrived by `now_s`, and when.
    pub(crate) fn receive(&mut self, now_s: f64) -> Option<(f64, Vec<u8>)> {
        self.under_way.pop_front_if(|(at_s, _)| *at_s <= now_s)
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let (radius, turn) = (f64::from(self.rng.unit()).max(1e-12), f64::from(self.rng.unit()));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }
}
