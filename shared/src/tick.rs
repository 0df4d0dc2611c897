//! Tick numbers and rates.
//!
//! ```
//! use tickwire_shared::{Tick, TickRate};
//!
//! let (shot, now) = (Tick(96), Tick(100));
//! let age_s = now.since(shot) as f32 * TickRate::hz(20).dt();
//! assert_eq!(age_s, 0.2);
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A room's tick number. Counts up from 1 and wraps after 4.5 years at 30 Hz; compare with [`Tick::since`] only.
///
/// ```
/// use tickwire_shared::Tick;
///
/// let (last, first) = (Tick(u32::MAX), Tick(u32::MAX).next());
/// assert!(first.is_after(last) && first.since(last.offset(-4)) == 5);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Tick(pub u32);

crate::cold::form!(struct Tick { 0 });

impl Tick {
    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// This tick moved by `by` ticks, forwards or back.
    #[must_use]
    pub const fn offset(self, by: i32) -> Self {
        Self(self.0.wrapping_add_signed(by))
    }

    /// How many ticks this one lies after `earlier`; negative when it lies before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether this tick lies after `other`, over the wrap.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.since(other) > 0
    }
}

/// How many ticks a second a room runs, 1 to 250.
///
/// ```
/// use std::time::Duration;
/// use tickwire_shared::TickRate;
///
/// let rate = TickRate::hz(20);
/// assert_eq!((rate.per_second(), rate.dt(), rate.interval()), (20, 0.05, Duration::from_millis(50)));
/// assert_eq!(TickRate::hz(9999).per_second(), *TickRate::RANGE_HZ.end());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TickRate(u16);

impl TickRate {
    /// Slowest to fastest rate that a room may have, in hertz.
    pub const RANGE_HZ: std::ops::RangeInclusive<u16> = 1..=250;

    /// A rate in hertz, brought into [`TickRate::RANGE_HZ`].
    #[must_use]
    pub fn hz(hz: u16) -> Self {
        Self(hz.clamp(*Self::RANGE_HZ.start(), *Self::RANGE_HZ.end()))
    }

    /// Ticks a second.
    #[must_use]
    pub const fn per_second(self) -> u16 {
        self.0
    }

    /// Seconds from one tick to the next, the same number at both ends.
    #[must_use]
    pub fn dt(self) -> f32 {
        1.0 / f32::from(self.0)
    }

    /// Time from one tick to the next.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_nanos(1_000_000_000 / u64::from(self.0))
    }
}

impl Default for TickRate {
    fn default() -> Self {
        Self(30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_over_the_wrap() {
        let last = Tick(u32::MAX);
        assert!(last.next().is_after(last));
        assert_eq!(last.next().since(last), 1);
        assert_eq!(last.offset(3).since(last.offset(-2)), 5);
    }
}
