//! Wrong passes of each address, or wrong codes of rooms: whoever shows too many is not heard for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::net::addresses::Address;
use crate::net::proxy::Network;
use crate::net::rate::{Meter, Rate};

/// Below this many addresses nobody looks for forgotten ones.
const SWEEP_MIN: usize = 1024;
/// The meter counts thousandths of a try, so that less than one a second can be said.
const PARTS: u32 = 1000;

/// See the module.
#[derive(Debug)]
pub struct Tries {
    rate: Rate,
    exempt: Vec<Network>,
    started: Instant,
    /// Keyed by strangers, so with a hash that they cannot predict.
    failed: HashMap<Address, Meter>,
    sweep_at: usize,
}

impl Tries {
    /// So many wrong ones a minute, but of addresses that are exempt.
    #[must_use]
    pub fn new(per_minute: u32, exempt: Vec<Network>) -> Self {
        let parts = per_minute.saturating_mul(PARTS);
        let rate = Rate { per_s: (parts / 60).max(1), burst: parts };
        Self { rate, exempt, started: Instant::now(), failed: HashMap::new(), sweep_at: SWEEP_MIN }
    }

    /// Whether this address may try.
    #[must_use]
    pub fn may_try(&self, ip: IpAddr, now: Instant) -> bool {
        // what would be left over is looked at, not taken
        let meter = self.failed.get(&Address::of(ip.to_canonical()));
        meter.is_none_or(|meter| meter.clone().take(self.rate, PARTS, self.time_us(now)))
    }

    /// It showed a wrong one.
    pub fn failed(&mut self, ip: IpAddr, now: Instant) {
        let (ip, now_us) = (ip.to_canonical(), self.time_us(now));
        if self.exempt.iter().any(|network| network.contains(ip)) {
            return;
        }
        if self.failed.len() >= self.sweep_at {
            self.failed.retain(|_, meter| !meter.is_whole(now_us));
            self.sweep_at = (2 * self.failed.len()).max(SWEEP_MIN);
        }
        self.failed.entry(Address::of(ip)).or_default().take(self.rate, PARTS, now_us);
    }

    fn time_us(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_is_not_heard_after_too_many_and_heard_again_later() {
        let mut tries = Tries::new(6, vec!["127.0.0.1".parse().unwrap()]);
        let (now, bad, other): (_, IpAddr, IpAddr) =
            (Instant::now(), "2001:db8::1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
        for _ in 0..6 {
            assert!(tries.may_try(bad, now));
            tries.failed(bad, now);
        }
        assert!(!tries.may_try("2001:db8::2".parse().unwrap(), now), "a subscriber has a whole /64");
        assert!(tries.may_try(other, now));
        assert!(!tries.may_try(bad, now + Duration::from_secs(9)));
        assert!(tries.may_try(bad, now + Duration::from_secs(11)), "one in ten seconds");
        let here = "127.0.0.1".parse().unwrap();
        (0..100).for_each(|_| tries.failed(here, now));
        assert!(tries.may_try(here, now));
    }
}
