//! Reports of one swarm that ran on several machines, as one.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{InView, PhaseSpan, Reason, Report, RoomTicks, Second};
use crate::measure::{Percentiles, Times};
use crate::room::Ticks;
use crate::threshold::{Threshold, ThresholdError};

/// Parts that began farther apart were not one swarm.
const TOGETHER_MS: u64 = 1_000;

/// Why reports are not those of one swarm's parts.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MergeError {
    /// There are none.
    #[error("there is nothing to merge; give the results of a swarm's parts, from --json")]
    Nothing,
    /// Another swarm.
    #[error("these are parts of different swarms: their {what} differs ({one} and {other})")]
    Differ {
        /// In what.
        what: &'static str,
        /// Of the first.
        one: String,
        /// Of another.
        other: String,
    },
    /// The same part twice.
    #[error("part {0}/{1} is there twice; give each part once")]
    Twice(usize, usize),
    /// A run of its own.
    #[error(
        "these are whole runs and no parts of one: give what `swarm --shard 0/2` and `swarm --shard 1/2` wrote; two \
         runs are compared by `compare`"
    )]
    Whole,
    /// Not all parts.
    #[error("part {0}/{1} is missing; give the results of all {1}")]
    Missing(usize, usize),
    /// A part's threshold that this version does not know.
    #[error("the threshold {0:?} of the parts cannot be read: {1}; merge them with the version that ran them")]
    Threshold(String, ThresholdError),
}

impl Report {
    /// The whole of the parts that ran at the same time against the same server. Percentiles are those of all that was
    /// recorded, and the thresholds are judged on the whole; of a single second the percentiles are those of the part
    /// that fared worst.
    ///
    /// # Errors
    /// They are not the parts of one swarm.
    pub fn merged(parts: &[Self]) -> Result<Self, MergeError> {
        let (first, others) = parts.split_first().ok_or(MergeError::Nothing)?;
        belong_together(first, parts)?;
        let mut whole = Self { shard: (0, 1), ..first.clone() };
        for part in others {
            whole.add(part);
        }
        whole.recompute(parts);
        let thresholds = first.thresholds.iter().map(|verdict| {
            let unread = |error| MergeError::Threshold(verdict.threshold.clone(), error);
            verdict.threshold.parse().map_err(unread)
        });
        let thresholds: Vec<Threshold> = thresholds.collect::<Result<_, _>>()?;
        whole.judge(&thresholds);
        whole.judge_start(parts);
        Ok(whole)
    }

    /// What is the sum, or the worst.
    fn add(&mut self, part: &Self) {
        let (mine, theirs) = (self.bot_seconds, part.bot_seconds);
        let mean = |a: f64, b: f64| if mine + theirs > 0.0 { (a * mine + b * theirs) / (mine + theirs) } else { 0.0 };
        self.frames_per_s_per_bot = mean(self.frames_per_s_per_bot, part.frames_per_s_per_bot);
        self.down_kb_per_s_per_bot = mean(self.down_kb_per_s_per_bot, part.down_kb_per_s_per_bot);
        self.up_kb_per_s_per_bot = mean(self.up_kb_per_s_per_bot, part.up_kb_per_s_per_bot);
        self.bot_seconds += theirs;
        self.threads += part.threads;
        self.frames_per_s += part.frames_per_s;
        self.steady_s = self.steady_s.max(part.steady_s);
        self.began_unix_ms = self.began_unix_ms.min(part.began_unix_ms);
        self.stopped_early |= part.stopped_early;
        self.swarm_was_the_limit |= part.swarm_was_the_limit;
        self.machine_was_noisy |= part.machine_was_noisy;
        self.noise.extend(part.noise.iter().cloned());
        self.bots += part.bots;
        self.joined += part.joined;
        self.failed += part.failed;
        self.left_hanging += part.left_hanging;
        self.chaos_ends += part.chaos_ends;
        self.resumed += part.resumed;
        self.seats_lost += part.seats_lost;
        self.wrong_spawns += part.wrong_spawns;
        self.hashes_checked += part.hashes_checked;
        self.desyncs += part.desyncs;
        self.missed_frames += part.missed_frames;
        self.silent_bots += part.silent_bots;
        self.silent_s = self.silent_s.max(part.silent_s);
        self.slow_bots.extend(&part.slow_bots);
        self.server = self.server.take().or_else(|| part.server.clone());
        let seconds = self.series.len();
        self.series.iter_mut().zip(&part.series).for_each(|(mine, theirs)| mine.add(theirs));
        self.series.extend(part.series.iter().skip(seconds).cloned());
        let phases = self.phases.len();
        self.phases.iter_mut().zip(&part.phases).for_each(|(mine, theirs)| mine.add(theirs));
        self.phases.extend(part.phases.iter().skip(phases).cloned());
    }

    /// What is neither: it takes all that was recorded.
    fn recompute(&mut self, parts: &[Self]) {
        let mut times: BTreeMap<String, Times> = BTreeMap::new();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let mut rooms: BTreeMap<u64, Ticks> = BTreeMap::new();
        for part in parts {
            for (name, counts) in &part.histograms_us {
                times.entry(name.clone()).or_default().merge(&Times::of_counts(counts));
            }
            for reason in &part.failures {
                *reasons.entry(reason.reason.clone()).or_default() += reason.bots;
            }
            for room in &part.rooms {
                rooms.entry(room.room).or_default().merge(&room.ticks());
            }
        }
        self.in_view = InView::merged(parts.iter().filter_map(|part| part.in_view.as_ref()));
        let percentiles = |name: &str| times.get(name).and_then(Times::percentiles);
        self.tick_interval_ms = percentiles("tick_interval");
        self.input_to_ack_ms = percentiles("input_to_ack");
        self.age_ms = percentiles("age");
        self.join_ms = percentiles("join");
        self.resume_ms = percentiles("resume");
        self.swarm_lateness_ms = percentiles("lateness");
        self.histograms_us = times.iter().map(|(name, times)| (name.clone(), times.counts())).collect();
        self.failures = reasons.into_iter().map(|(reason, bots)| Reason { bots, reason }).collect();
        self.failures.sort_by_key(|reason| std::cmp::Reverse(reason.bots));
        self.slow_bots.sort_by(|a, b| b.behind_ms.total_cmp(&a.behind_ms));
        // a tick that came to one part came
        self.missed_ticks = rooms.values().map(Ticks::missing).sum();
        self.rooms = rooms.iter().map(|(room, ticks)| RoomTicks::of(*room, ticks)).collect();
    }

    fn judge_start(&mut self, parts: &[Self]) {
        let began = || parts.iter().map(|part| part.began_unix_ms);
        let apart_ms = began().max().unwrap_or_default() - began().min().unwrap_or_default();
        if apart_ms > TOGETHER_MS {
            let apart_s = apart_ms as f64 / 1000.0;
            self.findings.push(format!(
                "The parts began {apart_s:.1} s apart by their clocks: what they saw at the same second is not of the \
                 same time; start them with --start-at."
            ));
        }
    }
}

fn belong_together(first: &Report, parts: &[Report]) -> Result<(), MergeError> {
    for part in parts {
        let differ = |what, one: String, other: String| Err(MergeError::Differ { what, one, other });
        if part.game != first.game {
            return differ("game", first.game.clone(), part.game.clone());
        }
        if part.seed != first.seed {
            return differ("seed", first.seed.to_string(), part.seed.to_string());
        }
        let sorts = |report: &Report| report.sorts.join("; ");
        if sorts(part) != sorts(first) {
            return differ("bots", sorts(first), sorts(part));
        }
        let thresholds =
            |report: &Report| report.thresholds.iter().map(|v| &*v.threshold).collect::<Vec<_>>().join(", ");
        if thresholds(part) != thresholds(first) {
            return differ("thresholds", thresholds(first), thresholds(part));
        }
        if part.shard.1 != first.shard.1 {
            let number_of_parts = |report: &Report| report.shard.1.to_string();
            return differ("number of parts", number_of_parts(first), number_of_parts(part));
        }
    }
    if !first.is_part() {
        // bots of two of them have the same names and minds, and nobody was to come twice
        return Err(MergeError::Whole);
    }
    let of = first.shard.1;
    for number in 0..of.min(parts.len() + 1) {
        match parts.iter().filter(|part| part.shard.0 == number).count() {
            0 => return Err(MergeError::Missing(number, of)),
            1 => {}
            _ => return Err(MergeError::Twice(number, of)),
        }
    }
    Ok(())
}

impl Second {
    fn add(&mut self, theirs: &Self) {
        self.playing += theirs.playing;
        self.failed += theirs.failed;
        self.measured |= theirs.measured;
        self.frames += theirs.frames;
        self.bytes_down += theirs.bytes_down;
        self.worsen(theirs);
    }

    /// Of each time the worse.
    pub(super) fn worsen(&mut self, theirs: &Self) {
        for (mine, theirs) in [
            (&mut self.tick_interval_ms, &theirs.tick_interval_ms),
            (&mut self.input_to_ack_ms, &theirs.input_to_ack_ms),
            (&mut self.age_ms, &theirs.age_ms),
            (&mut self.join_ms, &theirs.join_ms),
            (&mut self.resume_ms, &theirs.resume_ms),
            (&mut self.swarm_lateness_ms, &theirs.swarm_lateness_ms),
        ] {
            *mine = match (*mine, *theirs) {
                (Some(mine), Some(theirs)) => Some(mine.worse(&theirs)),
                (one, other) => one.or(other),
            };
        }
    }
}

impl Percentiles {
    fn worse(&self, other: &Self) -> Self {
        Self {
            p50: self.p50.max(other.p50),
            p90: self.p90.max(other.p90),
            p99: self.p99.max(other.p99),
            p99_9: self.p99_9.max(other.p99_9),
            max: self.max.max(other.max),
            samples: self.samples + other.samples,
        }
    }
}

impl PhaseSpan {
    fn add(&mut self, theirs: &Self) {
        self.from_s = self.from_s.min(theirs.from_s);
        self.to_s = self.to_s.max(theirs.to_s);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tickwire_shared::Tick;

    use super::super::tests::{played, report, soon};
    use super::*;
    use crate::plan::tests::plan;
    use crate::plan::{Plan, Shard};
    use crate::swarm::Total;

    /// Part `number` of two, which must hold these.
    fn part(number: usize, total: &Total, thresholds: &[&str]) -> Report {
        let thresholds = thresholds.iter().map(|text| text.parse().expect(text)).collect();
        Report::new("game", &Plan { shard: Shard { number, of: 2 }, thresholds, ..plan() }, total)
    }

    #[test]
    fn parts_are_one_swarm() {
        let (one, other) = (part(0, &played(3, soon()), &[]), part(1, &played(1, soon()), &[]));
        let whole = Report::merged(&[one.clone(), other]).expect("there are two");
        assert_eq!((whole.joined, whole.hashes_checked, whole.frames_per_s), (4, 40, 120.0));
        assert_eq!((whole.bots, whole.frames_per_s_per_bot), (6, 30.0));
        assert_eq!(whole.tick_interval_ms.map(|times| times.samples), Some(1200));
        assert_eq!(whole.tick_interval_ms.map(|times| times.p99), one.tick_interval_ms.map(|times| times.p99));
    }

    /// The percentiles of two parts are those of one swarm that recorded all of it, not the mean of theirs.
    #[test]
    fn percentiles_are_those_of_all_that_was_recorded() {
        let (mut quick, mut slow, mut all) = (played(1, soon()), played(1, soon()), played(0, soon()));
        (quick.measure.age, slow.measure.age) = (Times::default(), Times::default());
        for i in 0..10_000_u64 {
            let (fast, late) = (Duration::from_micros(100 + i), Duration::from_micros(40_000 + 7 * i));
            quick.measure.age.record(fast);
            all.measure.age.record(fast);
            if i % 10 == 0 {
                slow.measure.age.record(late);
                all.measure.age.record(late);
            }
        }
        let whole = Report::merged(&[part(1, &slow, &[]), part(0, &quick, &[])]).expect("they are two parts");
        assert_eq!(whole.age_ms, report(&all).age_ms);
        assert_eq!(whole.age_ms.map(|times| times.samples), Some(11_000));
    }

    #[test]
    fn thresholds_are_judged_on_the_whole() {
        let (mut one, mut other) = (played(2, soon()), played(1, soon()));
        (one.resumed, other.resumed) = (60, 40);
        let thresholds = ["resumed == 100", "joined == 3", "p99_tick_interval < 60ms"];
        let parts = [part(0, &one, &thresholds), part(1, &other, &thresholds)];
        assert!(parts.iter().all(|part| part.good && !part.thresholds[0].holds), "a part has no say in what is whole");
        let whole = Report::merged(&parts).expect("they are two parts");
        assert!(whole.good && whole.thresholds.iter().all(|verdict| verdict.holds), "{:?}", whole.thresholds);
        assert_eq!((whole.thresholds.len(), whole.thresholds[0].value), (3, Some(100.0)));
        let missed = parts.map(|part| Report { resumed: 40, ..part });
        let whole = Report::merged(&missed).expect("they are two parts");
        assert!(!whole.good && !whole.thresholds[0].holds, "{:?}", whole.thresholds);
    }

    #[test]
    fn a_tick_that_came_to_one_part_came() {
        let saw = |number, ticks: &[u32]| {
            let mut total = played(1, soon());
            let mut seen = Ticks::default();
            ticks.iter().for_each(|tick| seen.came(Tick(*tick)));
            (ticks[0]..=15).for_each(|tick| seen.awaited(Tick(tick)));
            total.ticks.insert(9, seen);
            part(number, &total, &[])
        };
        let parts = [saw(0, &[10, 11, 13, 15]), saw(1, &[9, 10, 12, 13, 15])];
        assert_eq!(parts.each_ref().map(|part| part.missed_ticks), [2, 2]);
        let whole = Report::merged(&parts).expect("they are two parts");
        assert_eq!(whole.missed_ticks, 1, "14 came to nobody: {:?}", whole.rooms);
        assert_eq!(whole.rooms[0].missing, [(5, 1)]);
    }

    #[test]
    fn parts_that_are_none_of_one_swarm_are_refused() {
        let one = |number| part(number, &played(1, soon()), &[]);
        let refused = |parts: &[Report]| Report::merged(parts).expect_err("it is no swarm").to_string();
        assert!(refused(&[]).contains("nothing to merge"));
        assert_eq!(refused(&[one(0)]), "part 1/2 is missing; give the results of all 2");
        assert_eq!(refused(&[one(1), one(1), one(0)]), "part 1/2 is there twice; give each part once");
        assert!(refused(&[one(0), Report { seed: 5, ..one(1) }]).contains("their seed differs (1 and 5)"));
        let whole = report(&played(1, soon()));
        assert!(refused(&[one(0), whole.clone()]).contains("their number of parts differs (2 and 1)"));
        for whole in [vec![whole.clone(), report(&played(3, soon()))], vec![whole.clone(), whole.clone()], vec![whole]]
        {
            assert!(refused(&whole).starts_with("these are whole runs and no parts of one: give what `swarm --shard"));
        }
    }

    #[test]
    fn parts_that_did_not_begin_together_are_told_of() {
        let began = |number, began_unix_ms| Report { began_unix_ms, ..part(number, &played(1, soon()), &[]) };
        let findings = |parts: &[Report]| Report::merged(parts).expect("they are two parts").findings;
        assert!(findings(&[began(0, 5_000), began(1, 5_900)]).is_empty());
        let found = findings(&[began(0, 5_000), began(1, 17_300)]);
        assert!(found[0].contains("began 12.3 s apart") && found[0].contains("--start-at"), "{found:?}");
    }
}
