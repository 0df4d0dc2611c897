//! What a run found, ready to be shown.

pub mod agree;
mod chart;
pub mod compare;
pub mod html;
mod in_view;
pub mod json;
mod merge;
pub mod table;
mod ticks;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use in_view::InView;
pub use merge::MergeError;
pub use ticks::RoomTicks;

use chart::grouped;

use crate::measure::{Measure, Percentiles};
use crate::plan::Plan;
use crate::room::Ticks;
use crate::scrape::ServerFigures;
use crate::session::Own;
use crate::swarm::Total;
use crate::threshold::{Threshold, Verdict};

/// A swarm that is later than this at p99, and than this part of the time between frames, has measured itself.
const LATENESS_LIMIT_MS: f64 = 5.0;
const LATENESS_LIMIT_PART: f64 = 0.15;
/// A bot whose states are on average this much older than those of the middle bot is served badly.
const SLOW_BOT_MS: f64 = 50.0;
/// The mean of a shorter time is a matter of luck.
const SLOW_BOT_AFTER: Duration = Duration::from_secs(2);

/// The game's name in reports of `raw`.
pub const RAW: &str = "raw";

/// Everything that a run found. Serialized, this is the object of `--json`; rates are payload bytes, thousands of
/// them a kB.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The name of the game.
    pub game: String,
    /// The server.
    pub url: String,
    /// Seed of the behaviours.
    pub seed: u64,
    /// Which part of a swarm on several machines it is, and of how many; 0 of 1 is the whole.
    #[serde(default = "whole_swarm")]
    pub shard: (usize, usize),
    /// Threads that the bots ran on; 0 when it is not known.
    #[serde(default)]
    pub threads: usize,
    /// When it began, in milliseconds since 1970.
    #[serde(default)]
    pub began_unix_ms: u64,
    /// Whether all was well: exit code 0.
    pub good: bool,
    /// The run was stopped before its time.
    pub stopped_early: bool,
    /// Most bots that were to be there at a time.
    pub bots: usize,
    /// What sorts of them, in words; none when it is not known.
    #[serde(default)]
    pub sorts: Vec<String>,
    /// Seats that were given.
    pub joined: usize,
    /// Bots that got none or lost it.
    pub failed: usize,
    /// Why, the most frequent first.
    pub failures: Vec<Reason>,
    /// Bots that said goodbye and were not let go in time.
    pub left_hanging: usize,
    /// Connections that ended because their bots misbehaved on purpose.
    pub chaos_ends: usize,
    /// Times that a bot came back to its seat after its connection broke.
    #[serde(default)]
    pub resumed: usize,
    /// Times that a bot came back and its seat was not there; each is among those that failed.
    #[serde(default)]
    pub seats_lost: usize,
    /// The bots' measured seconds together.
    #[serde(default)]
    pub bot_seconds: f64,
    /// What was measured and how long; frames, rates and times are from there.
    pub steady_s: f64,
    /// Frames of all bots.
    pub frames_per_s: f64,
    /// Frames of one bot.
    pub frames_per_s_per_bot: f64,
    /// Payload that one bot receives.
    pub down_kb_per_s_per_bot: f64,
    /// Payload that one bot sends.
    pub up_kb_per_s_per_bot: f64,
    /// Entities that one bot has in view.
    #[serde(default)]
    pub in_view: Option<InView>,
    /// From frame to frame as they arrive at a bot.
    pub tick_interval_ms: Option<Percentiles>,
    /// From when an input was due to the frame that acked it.
    pub input_to_ack_ms: Option<Percentiles>,
    /// How much older states were on arrival than the freshest that came to their room.
    pub age_ms: Option<Percentiles>,
    /// From when a join was due to the seat.
    pub join_ms: Option<Percentiles>,
    /// The same after a connection broke.
    pub resume_ms: Option<Percentiles>,
    /// How late the swarm's own timers fired, and how long sockets with something to read waited for others.
    pub swarm_lateness_ms: Option<Percentiles>,
    /// The swarm was short of CPU itself: its times say as much about it as about the server.
    pub swarm_was_the_limit: bool,
    /// Something disturbed the run, so another one will not agree.
    pub machine_was_noisy: bool,
    /// What, in words.
    #[serde(default)]
    pub noise: Vec<String>,
    /// State hashes compared with the server's, since joining.
    pub hashes_checked: u64,
    /// Those that differed.
    pub desyncs: u64,
    /// Entities that came or went without a word to the game, and words of what had come or gone already.
    #[serde(default)]
    pub wrong_spawns: u64,
    /// Ticks of rooms that came to nobody.
    pub missed_ticks: u64,
    /// Which ticks those are.
    #[serde(default)]
    pub rooms: Vec<RoomTicks>,
    /// Frames that single bots did not get.
    pub missed_frames: u64,
    /// Bots that nothing came to any more in the end.
    #[serde(default)]
    pub silent_bots: usize,
    /// For how long, of the one that it was longest for.
    #[serde(default)]
    pub silent_s: f64,
    /// Bots whose states were far older than the others', the worst first.
    pub slow_bots: Vec<SlowBot>,
    /// What the server said of itself, where it was asked.
    #[serde(default)]
    pub server: Option<ServerFigures>,
    /// What must hold.
    pub thresholds: Vec<Verdict>,
    /// What is wrong, in words.
    pub findings: Vec<String>,
    /// What happened when.
    pub phases: Vec<PhaseSpan>,
    /// Second by second.
    pub series: Vec<Second>,
    /// All times that were recorded: microseconds and how often, ascending.
    pub histograms_us: BTreeMap<String, Vec<(u64, u64)>>,
}

/// A name for people, the percentiles, and those of a second.
pub type NamedTimes = (&'static str, Option<Percentiles>, fn(&Second) -> Option<Percentiles>);

/// A bot that is served worse than the others.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct SlowBot {
    /// Its number.
    pub bot: usize,
    /// How much older its states were on average.
    pub behind_ms: f64,
}

/// A phase as it went.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// What happened.
    pub name: String,
    /// Since the run began.
    pub from_s: f64,
    /// Since the run began.
    pub to_s: f64,
}

/// One second of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Second {
    /// Its end.
    pub at_s: f64,
    /// Bots that played.
    pub playing: usize,
    /// Bots that had failed.
    pub failed: usize,
    /// Whether it counts.
    #[serde(default)]
    pub measured: bool,
    /// Frames in it.
    pub frames: u64,
    /// Payload bytes to all bots.
    pub bytes_down: u64,
    /// See [`Report`].
    pub tick_interval_ms: Option<Percentiles>,
    /// See [`Report`].
    pub input_to_ack_ms: Option<Percentiles>,
    /// See [`Report`].
    pub age_ms: Option<Percentiles>,
    /// See [`Report`].
    pub join_ms: Option<Percentiles>,
    /// See [`Report`].
    pub resume_ms: Option<Percentiles>,
    /// See [`Report`].
    pub swarm_lateness_ms: Option<Percentiles>,
}

/// Why bots failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// How many.
    pub bots: usize,
    /// For a person.
    pub reason: String,
}

impl Report {
    /// All times with their names, and where they are in a second.
    #[must_use]
    pub fn times(&self) -> [NamedTimes; 6] {
        let (ack, join) = if self.is_raw() { ("round trip", "connecting") } else { ("input to ack", "join") };
        [
            ("tick interval", self.tick_interval_ms, |second| second.tick_interval_ms),
            (ack, self.input_to_ack_ms, |second| second.input_to_ack_ms),
            ("age of state", self.age_ms, |second| second.age_ms),
            (join, self.join_ms, |second| second.join_ms),
            ("return", self.resume_ms, |second| second.resume_ms),
            ("swarm's lateness", self.swarm_lateness_ms, |second| second.swarm_lateness_ms),
        ]
    }

    /// See [`lateness_limit_ms`].
    #[must_use]
    pub fn lateness_limit_ms(&self) -> f64 {
        lateness_limit_ms(self.tick_interval_ms.as_ref())
    }

    /// The report of a run.
    #[must_use]
    pub fn new(game: &str, plan: &Plan, total: &Total) -> Self {
        let measure = &total.measure;
        let steady_s = total.steady.as_secs_f64();
        let counters = measure.counters;
        let lateness = measure.lateness.percentiles();
        let noise = total.noise.findings();
        let mut report = Self {
            game: game.to_owned(),
            url: plan.url.clone(),
            seed: plan.seed,
            shard: (plan.shard.number, plan.shard.of),
            threads: plan.threads,
            began_unix_ms: total.began_unix_ms,
            good: false,
            stopped_early: total.stopped,
            bots: total.wanted,
            sorts: plan.sorts(),
            joined: total.joined,
            failed: total.failed(),
            failures: reasons(total),
            left_hanging: total.left_hanging,
            chaos_ends: total.chaos_ends,
            resumed: total.resumed,
            seats_lost: total.seats_lost,
            bot_seconds: measure.bot_seconds,
            steady_s,
            frames_per_s: if steady_s > 0.0 { counters.frames as f64 / steady_s } else { 0.0 },
            frames_per_s_per_bot: measure.per_bot_second(counters.frames),
            down_kb_per_s_per_bot: measure.per_bot_second(counters.bytes_down) / 1000.0,
            up_kb_per_s_per_bot: measure.per_bot_second(counters.bytes_up) / 1000.0,
            in_view: InView::of(&measure.in_view),
            tick_interval_ms: measure.tick_interval.percentiles(),
            input_to_ack_ms: measure.input_to_ack.percentiles(),
            age_ms: measure.age.percentiles(),
            join_ms: measure.join.percentiles(),
            resume_ms: measure.resume.percentiles(),
            swarm_lateness_ms: lateness,
            swarm_was_the_limit: false,
            machine_was_noisy: !noise.is_empty(),
            noise,
            hashes_checked: total.sight.hashes_checked,
            desyncs: total.sight.desyncs,
            wrong_spawns: total.sight.wrong_spawns,
            missed_ticks: total.ticks.values().map(Ticks::missing).sum(),
            rooms: total.ticks.iter().map(|(room, ticks)| RoomTicks::of(*room, ticks)).collect(),
            missed_frames: counters.ticks_missed,
            silent_bots: total.bots.iter().filter(|(_, own)| !own.silent.is_zero()).count(),
            silent_s: total.bots.iter().map(|(_, own)| own.silent.as_secs_f64()).fold(0.0, f64::max),
            slow_bots: slow_bots(&total.bots),
            server: None,
            thresholds: Vec::new(),
            findings: Vec::new(),
            phases: total.phases.iter().map(PhaseSpan::of).collect(),
            series: total.series.clone(),
            histograms_us: histograms(measure),
        };
        // a thread of which nothing is known for long had no time even to look at its clock
        let is_late = |lateness: Percentiles| lateness.p99 > report.lateness_limit_ms();
        report.swarm_was_the_limit = lateness.map_or(total.steady >= SLOW_BOT_AFTER, is_late);
        report.judge(&plan.thresholds);
        report
    }

    /// Whether it is of another server than Tickwire's: there are no states, and what is acked is an echo.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.game == RAW
    }

    /// Whether there were several sorts of bots.
    #[must_use]
    pub fn tells_sorts(&self) -> bool {
        self.sorts.len() > 1
    }

    /// Whether a part of a swarm on several machines is all that there is here.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.shard.1 > 1
    }

    /// Says what is wrong, once all figures are there. On a part the thresholds decide nothing: they are the whole's.
    fn judge(&mut self, thresholds: &[Threshold]) {
        self.thresholds = thresholds.iter().map(|threshold| threshold.judge(self)).collect();
        let holds = self.is_part() || self.thresholds.iter().all(|verdict| verdict.holds);
        self.good = self.wrongs().is_empty() && holds;
        self.findings = findings(self);
    }

    /// What makes it a bad run whatever must hold, such as "2 failed".
    #[must_use]
    pub fn wrongs(&self) -> Vec<String> {
        let counts = [
            (self.failed as u64, "failed"),
            (self.desyncs, "desyncs"),
            (self.wrong_spawns, "wrong spawns"),
            (self.silent_bots as u64, "silent bots"),
            (self.left_hanging as u64, "left hanging"),
        ];
        let counted = counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
        counted.chain((self.joined == 0).then(|| "nobody joined".to_owned())).collect()
    }
}

/// What is wrong with the server, in words that name it.
fn findings(report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |is_so: bool, sentence: String| {
        if is_so {
            found.push(sentence);
        }
    };
    let Report { desyncs, hashes_checked, wrong_spawns, missed_ticks, missed_frames, slow_bots, .. } = report;
    let Report { silent_bots, silent_s, left_hanging, .. } = report;
    say(
        *silent_bots > 0,
        format!(
            "Silent server: {} got no frame any more, for the last {silent_s:.1} s at most.",
            table::many(*silent_bots as u64, "bot")
        ),
    );
    say(
        *left_hanging > 0,
        format!(
            "Left hanging: {} said goodbye, and the server did not close in time.",
            table::many(*left_hanging as u64, "bot")
        ),
    );
    say(
        *desyncs > 0,
        format!("Wrong states: {desyncs} of {} hashes differed from the server's.", grouped(*hashes_checked)),
    );
    say(
        *wrong_spawns > 0,
        format!("Wrong spawns: {wrong_spawns} entities came or went untold, or were told of twice."),
    );
    say(*missed_ticks > 0, format!("Skipped ticks: {missed_ticks} ticks came to nobody in their room."));
    let frames = report.frames_per_s * report.steady_s;
    say(
        *missed_frames > 0 && (*missed_frames as f64) > frames / 100.0,
        format!(
            "Skipped frames: bots did not get {} of about {} frames.",
            grouped(*missed_frames),
            grouped(frames as u64 + missed_frames)
        ),
    );
    for SlowBot { bot, behind_ms } in slow_bots.iter().take(3) {
        say(
            true,
            format!("Slow bot: the states of bot {bot} were {behind_ms:.0} ms older than the others' on average."),
        );
    }
    let more = slow_bots.len().saturating_sub(3);
    say(more > 0, format!("Slow bots: so were those of {more} more."));
    found
}

/// Who got old states while the others got fresh ones.
fn slow_bots(bots: &[(usize, Own)]) -> Vec<SlowBot> {
    let mean_ms = |own: &Own| own.age_sum_us as f64 / 1000.0 / own.ages as f64;
    let mut means: Vec<(usize, f64)> = bots
        .iter()
        .filter(|(_, own)| own.ages > 0 && own.measured >= SLOW_BOT_AFTER)
        .map(|(bot, own)| (*bot, mean_ms(own)))
        .collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some((_, middle_ms)) = means.get(means.len() / 2).copied() else { return Vec::new() };
    let slow = means.iter().map(|(bot, mean_ms)| SlowBot { bot: *bot, behind_ms: mean_ms - middle_ms });
    slow.take_while(|slow| slow.behind_ms > SLOW_BOT_MS).collect()
}

fn histograms(measure: &Measure) -> BTreeMap<String, Vec<(u64, u64)>> {
    let recorded = measure.times().into_iter().filter(|(_, times)| !times.is_empty());
    recorded.map(|(name, times)| (name.to_owned(), times.counts())).collect()
}

impl PhaseSpan {
    fn of((name, from, to): &(&'static str, Duration, Duration)) -> Self {
        Self { name: (*name).to_owned(), from_s: from.as_secs_f64(), to_s: to.as_secs_f64() }
    }
}

impl Second {
    /// The second that ended `at`, since the run began, with so many bots that play and that failed.
    #[must_use]
    pub fn of(at: Duration, (playing, failed): (usize, usize), measured: bool, measure: &Measure) -> Self {
        Self {
            at_s: at.as_secs_f64(),
            playing,
            failed,
            measured,
            frames: measure.counters.frames,
            bytes_down: measure.counters.bytes_down,
            tick_interval_ms: measure.tick_interval.percentiles(),
            input_to_ack_ms: measure.input_to_ack.percentiles(),
            age_ms: measure.age.percentiles(),
            join_ms: measure.join.percentiles(),
            resume_ms: measure.resume.percentiles(),
            swarm_lateness_ms: measure.lateness.percentiles(),
        }
    }
}

fn whole_swarm() -> (usize, usize) {
    (0, 1)
}

/// What disturbed a run, as a sentence for people; none for a quiet one.
pub(crate) fn noise_sentence(report: &Report) -> Option<String> {
    let Report { noise, .. } = report;
    (!noise.is_empty()).then(|| {
        let noise = noise.join("; ");
        format!(
            "The machine was noisy: {noise}. Two runs will not agree to better than that: let nothing else run beside \
             it, or take longer."
        )
    })
}

/// A swarm that is later than this at p99 was the limit, in milliseconds: what it adds to the times between frames is
/// then more than what noise they have on a sound machine.
#[must_use]
pub fn lateness_limit_ms(tick_interval_ms: Option<&Percentiles>) -> f64 {
    LATENESS_LIMIT_MS.max(LATENESS_LIMIT_PART * tick_interval_ms.map_or(0.0, |times| times.p50))
}

fn reasons(total: &Total) -> Vec<Reason> {
    let mut reasons: Vec<Reason> =
        total.failures.iter().map(|(reason, bots)| Reason { bots: *bots, reason: reason.clone() }).collect();
    reasons.sort_by_key(|reason| Reverse(reason.bots));
    reasons
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::measure::{Counters, Times};
    use crate::plan::tests::plan;
    use crate::session::Sight;

    /// What became of `bots` that played for ten seconds at 30 Hz, with timers that fired this late.
    pub(crate) fn played(bots: usize, lateness: Duration) -> Total {
        let mut measure = Measure { bot_seconds: 10.0 * bots as f64, ..Measure::default() };
        let count = 300 * bots as u64;
        measure.counters = Counters { frames: count, ticks_missed: 0, bytes_down: 200 * count, bytes_up: 20 * count };
        for _ in 0..count {
            measure.tick_interval.record(Duration::from_micros(33_333));
            measure.input_to_ack.record(Duration::from_millis(41));
            measure.age.record(Duration::from_millis(2));
            measure.lateness.record(lateness);
        }
        (0..bots).for_each(|_| measure.join.record(Duration::from_millis(12)));
        let own =
            Own { frames: 300, ages: 300, age_sum_us: 600_000, measured: Duration::from_secs(10), ..Own::default() };
        Total {
            joined: bots,
            wanted: 3,
            measure,
            sight: Sight { hashes_checked: 10 * bots as u64, ..Sight::default() },
            steady: Duration::from_secs(10),
            bots: (0..bots).map(|bot| (bot, own)).collect(),
            ..Total::default()
        }
    }

    pub(crate) fn report(total: &Total) -> Report {
        Report::new("game", &plan(), total)
    }

    pub(crate) fn soon() -> Duration {
        Duration::from_millis(1)
    }

    #[test]
    fn a_run_in_which_all_played_is_good() {
        let report = report(&played(3, soon()));
        assert!(report.good, "{:?}", report.findings);
        assert_eq!((report.joined, report.failed, report.hashes_checked), (3, 0, 30));
        assert_eq!((report.frames_per_s, report.frames_per_s_per_bot), (90.0, 30.0));
        assert_eq!((report.down_kb_per_s_per_bot, report.up_kb_per_s_per_bot), (6.0, 0.6));
        assert_eq!((report.swarm_was_the_limit, report.findings.len()), (false, 0));
    }

    #[test]
    fn one_failure_one_desync_or_nobody_makes_it_bad() {
        let mut lost = played(3, soon());
        lost.failures.insert("refused: full".to_owned(), 1);
        assert!(!report(&lost).good, "a bot failed");
        let mut differed = played(3, soon());
        differed.sight.desyncs = 1;
        assert!(!report(&differed).good, "a state differed");
        assert!(report(&differed).findings[0].contains("1 of 30 hashes differed"), "{:?}", report(&differed).findings);
        assert!(!report(&Total::default()).good, "nobody was there");
    }

    #[test]
    fn reasons_are_grouped_the_most_frequent_first() {
        let mut total = played(1, soon());
        total.failures.insert("silent".to_owned(), 1);
        total.failures.insert("refused: full".to_owned(), 2);
        let report = report(&total);
        let reasons: Vec<_> = report.failures.iter().map(|reason| (reason.bots, reason.reason.as_str())).collect();
        assert_eq!(reasons, [(2, "refused: full"), (1, "silent")]);
        assert_eq!(report.failed, 3);
    }

    #[test]
    fn a_late_swarm_says_so() {
        assert!(!report(&played(1, Duration::from_micros(4_900))).swarm_was_the_limit);
        let report = report(&played(1, Duration::from_millis(6)));
        assert!(report.swarm_was_the_limit);
        assert!(report.good, "lateness is no failure of the server");
        let mut dumb = played(1, soon());
        dumb.measure.lateness = Times::default();
        assert!(self::report(&dumb).swarm_was_the_limit, "it did not even say how late it was");
    }

    #[test]
    fn thresholds_decide() {
        let judged = |threshold: &str| {
            let thresholds = vec![threshold.parse().expect(threshold)];
            let report = Report::new("game", &Plan { thresholds, ..plan() }, &played(3, soon()));
            assert_eq!(report.good, report.thresholds[0].holds);
            report.good
        };
        assert!(judged("p99_tick_interval < 60ms") && judged("desyncs == 0") && judged("joined >= 3"));
        assert!(!judged("p99_tick_interval < 33ms") && !judged("joined > 3") && !judged("max_resume < 1s"));
    }

    #[test]
    fn a_bot_that_gets_older_states_than_the_others_is_named() {
        let mut total = played(10, soon());
        total.bots[7].1.age_sum_us += 300 * 200_000;
        let report = report(&total);
        assert_eq!(report.slow_bots.len(), 1);
        assert!(report.findings[0].contains("bot 7 were 200 ms older"), "{:?}", report.findings);
    }
}
