//! The generator that games draw from: small, seeded by the host, the same on every platform.
//!
//! xoshiro128++ 1.0 by Blackman and Vigna (2019, public domain reference), seeded through SplitMix64 as its authors
//! advise. Good for games, not for secrets.
//!
//! ```
//! use tickwire_shared::Rng;
//!
//! // in a game it is Setup::rng and Step::rng; a host makes it, and the same seed replays the same game
//! let mut rng = Rng::new(7);
//! let loot = ["nothing", "a coin", "a sword"][rng.below(3) as usize];
//! assert!(["nothing", "a coin", "a sword"].contains(&loot));
//! ```

/// A seeded generator.
///
/// ```
/// let (mut rng, mut same) = (tickwire_shared::Rng::new(7), tickwire_shared::Rng::new(7));
/// let (x, die) = (rng.between(-10.0, 10.0), 1 + rng.below(6));
/// assert_eq!((x, die), (same.between(-10.0, 10.0), 1 + same.below(6)));
/// assert!((-10.0..10.0).contains(&x) && (1..=6).contains(&die) && rng.unit() < 1.0);
/// let next_room = tickwire_shared::Rng::new(rng.bits().into());
/// assert_ne!(next_room, rng);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u32; 4],
}

impl Rng {
    /// The same seed gives the same numbers for ever.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let mut split_mix = || {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let (a, b) = (split_mix(), split_mix());
        Self { state: [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32] }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(7).wrapping_add(s[0]);
        let t = s[1] << 9;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(11);
        out
    }

    /// A whole number from 0 to `below - 1`; 0 when `below` is 0.
    pub fn below(&mut self, below: u32) -> u32 {
        // multiply and shift: the bias is below / 2^32, nothing that a game shows
        ((u64::from(self.bits()) * u64::from(below)) >> 32) as u32
    }

    /// A float from 0 up to, never reaching, 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / (1 << 24) as f32
    }

    /// A float from `low` up to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_promise() {
        let mut rng = Rng::new(7);
        let first: Vec<u32> = (0..4).map(|_| rng.bits()).collect();
        let mut again = Rng::new(7);
        assert_eq!(first, (0..4).map(|_| again.bits()).collect::<Vec<_>>());
        assert_ne!(first, (0..4).map(|_| Rng::new(8).bits()).collect::<Vec<_>>().as_slice());
    }

    #[test]
    fn numbers_stay_in_their_range_and_fill_it() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 6];
        for _ in 0..1000 {
            seen[rng.below(6) as usize] = true;
            let x = rng.between(-2.0, 3.0);
            assert!((-2.0..3.0).contains(&x));
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(rng.below(0), 0);
    }
}
