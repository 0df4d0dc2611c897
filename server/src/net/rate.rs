//! So many a second, and a burst: connections, pings, messages, bytes.

/// What is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// In the long run.
    pub per_s: u32,
    /// At once, after a rest.
    pub burst: u32,
}

/// How far the allowance of one peer is used up (the generic cell rate algorithm): the moment at which all of it is
/// there again, in microseconds of the caller's clock.
#[derive(Clone, Copy, Default, Debug)]
pub struct Meter {
    whole_at_us: u64,
}

impl Meter {
    /// So many more: are they allowed? What is refused costs nothing. More than the burst are allowed at once when all
    /// of it is there.
    pub fn take(&mut self, rate: Rate, count: u32, now_us: u64) -> bool {
        let time_us = |count: u32| u64::from(count) * 1_000_000 / u64::from(rate.per_s.max(1));
        let behind_us = self.whole_at_us.saturating_sub(now_us) + time_us(count.min(rate.burst));
        if behind_us > time_us(rate.burst) {
            return false;
        }
        self.whole_at_us = now_us + behind_us;
        true
    }

    /// Nothing is used up.
    pub fn is_whole(&self, now_us: u64) -> bool {
        self.whole_at_us <= now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate { per_s: 20, burst: 40 };
        let mut meter = Meter::default();
        let allowed = (0..100).filter(|_| meter.take(rate, 1, 7)).count();
        assert_eq!(allowed, 40);
        assert!(!meter.take(rate, 1, 50_006));
        assert!(meter.take(rate, 1, 50_007), "one more after a twentieth of a second");
        assert!(!meter.take(rate, 1, 50_007));
        assert!(!meter.is_whole(2_050_006));
        assert!(meter.is_whole(2_050_007));
        assert_eq!((0..100).filter(|_| meter.take(rate, 1, 9_000_000)).count(), 40, "rest is not saved up");
    }
}
