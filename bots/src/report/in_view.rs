//! How many entities bots had in view.

use serde::{Deserialize, Serialize};

use crate::measure::Counted;

/// See the module. Each player counts once in a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InView {
    /// Half of the counts were at most this.
    pub p50: u32,
    /// One in a hundred was higher.
    pub p99: u32,
    /// The highest.
    pub max: u32,
    /// All: how many entities, and how often; ascending.
    pub counts: Vec<(u32, u64)>,
}

impl InView {
    /// None when nobody counted.
    #[must_use]
    pub fn of(counted: &Counted) -> Option<Self> {
        let (max, _) = counted.last_key_value()?;
        let all: u64 = counted.values().sum();
        let percentile = |percent: u64| {
            let (mut seen, rank) = (0, (all * percent).div_ceil(100));
            let reached = |(_, times): &(&u32, &u64)| {
                seen += **times;
                seen >= rank
            };
            counted.iter().find(reached).map_or(*max, |(count, _)| *count)
        };
        let counts = counted.iter().map(|(count, times)| (*count, *times)).collect();
        Some(Self { p50: percentile(50), p99: percentile(99), max: *max, counts })
    }

    /// Of all parts of a swarm.
    #[must_use]
    pub fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let mut counted = Counted::new();
        for (count, times) in parts.flat_map(|part| &part.counts) {
            *counted.entry(*count).or_default() += times;
        }
        Self::of(&counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_numbers() {
        let in_view = InView::of(&(1..=200).map(|count| (count, 1)).collect()).expect("there are counts");
        assert_eq!((in_view.p50, in_view.p99, in_view.max), (100, 198, 200));
        let other = InView::of(&Counted::from([(7, 300)])).expect("there are counts");
        assert_eq!((other.p50, other.p99, other.max), (7, 7, 7));
        let both = InView::merged([&in_view, &other].into_iter()).expect("there are counts");
        assert_eq!((both.p50, both.p99, both.max), (7, 195, 200));
        assert_eq!(InView::of(&Counted::new()), None);
    }
}
