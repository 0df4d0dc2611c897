//! How long something took, as counts by length: what percentiles are made of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in nanoseconds: from a small room's tick to a lost second. What is longer has a bucket
/// of its own.
pub const BOUNDS_NS: [u64; 15] = [
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    35_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
];

/// Counts of durations. Adding one is two relaxed additions: as a rule only one thread adds to a histogram, and a scrape
/// merges those of all threads.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

/// What a histogram held at one moment, or several together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// How many durations were in each bucket, and not in those before.
    pub buckets: [u64; BOUNDS_NS.len() + 1],
    /// All durations together.
    pub sum_ns: u64,
}

impl Histogram {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NS.partition_point(|bound| *bound < ns);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What it holds now, on top of `counts`.
    pub fn add_to(&self, counts: &mut Counts) {
        for (count, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *count += bucket.load(Ordering::Relaxed);
        }
        counts.sum_ns = counts.sum_ns.wrapping_add(self.sum_ns.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_the_longest_have_their_own() {
        let histogram = Histogram::default();
        for ns in [0, 25_000, 25_001, 1_000_000_000, 1_000_000_001] {
            histogram.add(Duration::from_nanos(ns));
        }
        let mut counts = Counts::default();
        histogram.add_to(&mut counts);
        assert_eq!((counts.buckets[0], counts.buckets[1], counts.buckets[14], counts.buckets[15]), (2, 1, 1, 1));
        assert_eq!(counts.sum_ns, 2_000_050_002);
        assert!(BOUNDS_NS.is_sorted());
    }
}
