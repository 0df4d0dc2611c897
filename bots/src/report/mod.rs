//! What a run found, ready to be shown.

pub mod json;
pub mod table;

use std::cmp::Reverse;

use serde::Serialize;

use crate::measure::Percentiles;
use crate::swarm::{Plan, Total};

/// A swarm whose timers fire later than this at p99 has measured itself.
pub const LATENESS_LIMIT_MS: f64 = 5.0;

/// Everything that a run found. Serialized, this is the object of `--json`; rates are payload bytes, thousands of
/// them a kB.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The name of the game.
    pub game: &'static str,
    /// The server.
    pub url: String,
    /// Seed of the behaviours.
    pub seed: u64,
    /// Whether all was well: exit code 0.
    pub good: bool,
    /// The run was stopped before its time.
    pub stopped_early: bool,
    /// Bots asked for.
    pub bots: usize,
    /// Bots that got a seat.
    pub joined: usize,
    /// Bots that got none or lost it.
    pub failed: usize,
    /// Why, the most frequent first.
    pub failures: Vec<Reason>,
    /// Bots that said goodbye and were not let go in time.
    pub left_hanging: usize,
    /// Length of the steady phase; frames, rates and times are from there.
    pub steady_s: f64,
    /// Frames of all bots.
    pub frames_per_s: f64,
    /// Frames of one bot.
    pub frames_per_s_per_bot: f64,
    /// Payload that one bot receives.
    pub down_kb_per_s_per_bot: f64,
    /// Payload that one bot sends.
    pub up_kb_per_s_per_bot: f64,
    /// From frame to frame as they arrive at a bot.
    pub tick_interval_ms: Option<Percentiles>,
    /// From an input to the frame that acked it.
    pub input_to_ack_ms: Option<Percentiles>,
    /// From the first packet to the seat.
    pub join_ms: Option<Percentiles>,
    /// How late the swarm's own timers fired.
    pub swarm_lateness_ms: Option<Percentiles>,
    /// The swarm was short of CPU itself: its times say as much about it as about the server.
    pub swarm_was_the_limit: bool,
    /// State hashes compared with the server's, since joining.
    pub hashes_checked: u64,
    /// Those that differed.
    pub desyncs: u64,
}

/// Why bots failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reason {
    /// How many.
    pub bots: usize,
    /// For a person.
    pub reason: String,
}

impl Report {
    /// The report of a run.
    #[must_use]
    pub fn new(game: &'static str, plan: &Plan, total: &Total) -> Self {
        let measure = &total.measure;
        let steady_s = total.steady.as_secs_f64();
        let counters = measure.counters;
        let lateness = measure.lateness.percentiles();
        Self {
            game,
            url: plan.url.clone(),
            seed: plan.seed,
            good: is_good(total),
            stopped_early: total.stopped,
            bots: plan.bots,
            joined: total.joined,
            failed: total.failed(),
            failures: reasons(total),
            left_hanging: total.left_hanging,
            steady_s,
            frames_per_s: if steady_s > 0.0 { counters.frames as f64 / steady_s } else { 0.0 },
            frames_per_s_per_bot: measure.per_bot_second(counters.frames),
            down_kb_per_s_per_bot: measure.per_bot_second(counters.bytes_down) / 1000.0,
            up_kb_per_s_per_bot: measure.per_bot_second(counters.bytes_up) / 1000.0,
            tick_interval_ms: measure.frame_gaps.percentiles(),
            input_to_ack_ms: measure.input_to_ack.percentiles(),
            join_ms: total.join_times.percentiles(),
            swarm_lateness_ms: lateness,
            swarm_was_the_limit: lateness.is_some_and(|lateness| lateness.p99 > LATENESS_LIMIT_MS),
            hashes_checked: total.hashes_checked,
            desyncs: total.desyncs,
        }
    }
}

/// A run is good when somebody joined, nobody failed and all states were the server's.
fn is_good(total: &Total) -> bool {
    total.joined > 0 && total.failures.is_empty() && total.desyncs == 0
}

fn reasons(total: &Total) -> Vec<Reason> {
    let mut reasons: Vec<Reason> =
        total.failures.iter().map(|(reason, bots)| Reason { bots: *bots, reason: reason.clone() }).collect();
    reasons.sort_by_key(|reason| Reverse(reason.bots));
    reasons
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bot::{Failure, Outcome};
    use crate::measure::{Counters, Measure};

    pub(crate) fn plan() -> Plan {
        Plan {
            url: "ws://127.0.0.1:7777/ws".to_owned(),
            trust: Default::default(),
            bots: 3,
            steady: Duration::from_secs(10),
            ramp: Duration::ZERO,
            seed: 1,
            name_prefix: "bot-".to_owned(),
        }
    }

    pub(crate) fn played(lateness: Duration) -> Outcome {
        let mut measure = Measure {
            counters: Counters { frames: 300, bytes_down: 60_000, bytes_up: 6_000 },
            seconds: 10.0,
            ..Measure::default()
        };
        for _ in 0..300 {
            measure.frame_gaps.record(Duration::from_micros(33_333));
            measure.input_to_ack.record(Duration::from_millis(41));
            measure.lateness.record(lateness);
        }
        let joined_after = Some(Duration::from_millis(12));
        Outcome { joined_after, measure, hashes_checked: 10, ..Outcome::default() }
    }

    pub(crate) fn report(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
        let mut total = Total { steady: Duration::from_secs(10), ..Total::default() };
        outcomes.into_iter().for_each(|outcome| total.add(&outcome));
        Report::new("game", &plan(), &total)
    }

    fn soon() -> Duration {
        Duration::from_millis(1)
    }

    #[test]
    fn a_run_in_which_all_played_is_good() {
        let report = report([played(soon()), played(soon()), played(soon())]);
        assert!(report.good);
        assert_eq!((report.joined, report.failed, report.hashes_checked), (3, 0, 30));
        assert_eq!((report.frames_per_s, report.frames_per_s_per_bot), (90.0, 30.0));
        assert_eq!((report.down_kb_per_s_per_bot, report.up_kb_per_s_per_bot), (6.0, 0.6));
        assert!(!report.swarm_was_the_limit);
    }

    #[test]
    fn one_failure_one_desync_or_nobody_makes_it_bad() {
        let lost = Outcome { failure: Some(Failure::Refused("full".to_owned())), ..played(soon()) };
        let differed = Outcome { desyncs: 1, ..played(soon()) };
        assert!(!report([played(soon()), lost]).good, "a bot failed");
        assert!(!report([played(soon()), differed]).good, "a state differed");
        assert!(!report([Outcome::failed(Failure::Silent)]).good, "the only bot failed");
        assert!(!report([]).good, "nobody was there");
    }

    #[test]
    fn bots_that_the_end_found_without_a_seat_are_nobodys_fault() {
        let report = report([played(soon()), Outcome::default()]);
        assert!(report.good);
        assert_eq!((report.joined, report.failed), (1, 0));
    }

    #[test]
    fn reasons_are_grouped_the_most_frequent_first() {
        let full = || Outcome::failed(Failure::Refused("full".to_owned()));
        let report = report([Outcome::failed(Failure::Silent), full(), full()]);
        let counts: Vec<usize> = report.failures.iter().map(|reason| reason.bots).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(report.failures[0].reason, "refused: full");
        assert_eq!(report.failed, 3);
    }

    #[test]
    fn a_late_swarm_says_so() {
        let report = report([played(Duration::from_millis(6))]);
        assert!(report.swarm_was_the_limit);
        assert!(report.good, "lateness is no failure of the server");
    }
}
