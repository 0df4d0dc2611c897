//! Reports of one swarm that ran on several machines, as one.

use std::collections::BTreeMap;

use super::{Reason, Report};
use crate::measure::Times;

impl Report {
    /// The whole of shards that ran at the same time against the same server; none when there are none. Percentiles
    /// are those of all that was recorded; what is by the second, by room or by threshold stays with its shard.
    #[must_use]
    pub fn merged(shards: &[Self]) -> Option<Self> {
        let (first, others) = shards.split_first()?;
        let mut whole = first.clone();
        let mut times: BTreeMap<String, Times> = BTreeMap::new();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for shard in shards {
            for (name, counts) in &shard.histograms_us {
                times.entry(name.clone()).or_default().merge(&Times::of_counts(counts));
            }
            for reason in &shard.failures {
                *reasons.entry(reason.reason.clone()).or_default() += reason.bots;
            }
        }
        for shard in others {
            let (mine, theirs) = (whole.joined as f64, shard.joined as f64);
            let mean = |a: f64, b: f64| (a * mine + b * theirs) / (mine + theirs).max(1.0);
            whole.frames_per_s_per_bot = mean(whole.frames_per_s_per_bot, shard.frames_per_s_per_bot);
            whole.down_kb_per_s_per_bot = mean(whole.down_kb_per_s_per_bot, shard.down_kb_per_s_per_bot);
            whole.up_kb_per_s_per_bot = mean(whole.up_kb_per_s_per_bot, shard.up_kb_per_s_per_bot);
            whole.frames_per_s += shard.frames_per_s;
            whole.good &= shard.good;
            whole.stopped_early |= shard.stopped_early;
            whole.swarm_was_the_limit |= shard.swarm_was_the_limit;
            whole.machine_was_noisy |= shard.machine_was_noisy;
            whole.joined += shard.joined;
            whole.failed += shard.failed;
            whole.left_hanging += shard.left_hanging;
            whole.chaos_ends += shard.chaos_ends;
            whole.resumed += shard.resumed;
            whole.seats_lost += shard.seats_lost;
            whole.wrong_spawns += shard.wrong_spawns;
            whole.hashes_checked += shard.hashes_checked;
            whole.desyncs += shard.desyncs;
            whole.missed_frames += shard.missed_frames;
            whole.missed_ticks = whole.missed_ticks.max(shard.missed_ticks);
            whole.slow_bots.extend(&shard.slow_bots);
            whole.thresholds.extend(shard.thresholds.iter().cloned());
            whole.findings.extend(shard.findings.iter().cloned());
            for (mine, theirs) in whole.series.iter_mut().zip(&shard.series) {
                mine.playing += theirs.playing;
                mine.failed += theirs.failed;
                mine.frames += theirs.frames;
                mine.bytes_down += theirs.bytes_down;
            }
        }
        let percentiles = |name: &str| times.get(name).and_then(Times::percentiles);
        whole.tick_interval_ms = percentiles("tick_interval");
        whole.input_to_ack_ms = percentiles("input_to_ack");
        whole.age_ms = percentiles("age");
        whole.join_ms = percentiles("join");
        whole.resume_ms = percentiles("resume");
        whole.swarm_lateness_ms = percentiles("lateness");
        whole.histograms_us = times.iter().map(|(name, times)| (name.clone(), times.counts())).collect();
        whole.failures = reasons.into_iter().map(|(reason, bots)| Reason { bots, reason }).collect();
        whole.failures.sort_by_key(|reason| std::cmp::Reverse(reason.bots));
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{played, report, soon};
    use super::*;

    #[test]
    fn shards_are_one_swarm() {
        let (one, other) = (report(&played(3, soon())), report(&played(1, soon())));
        let whole = Report::merged(&[one.clone(), other]).expect("there are two");
        assert_eq!((whole.joined, whole.hashes_checked, whole.frames_per_s), (4, 40, 120.0));
        assert_eq!(whole.frames_per_s_per_bot, 30.0);
        assert_eq!(whole.tick_interval_ms.map(|times| times.samples), Some(1200));
        assert_eq!(whole.tick_interval_ms.map(|times| times.p99), one.tick_interval_ms.map(|times| times.p99));
        assert_eq!(Report::merged(&[]), None);
    }
}
