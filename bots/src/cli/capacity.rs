//! The flags of `capacity`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tickwire_shared::native::Trust;

use super::server::ServerArgs;
use super::values::{seconds_above_zero, whole};
use crate::plan::{Depth, Group, Phase, Plan, Shard, What};
use crate::threshold::{Scope, Threshold};
use crate::units;

/// Begin with so many when nobody says otherwise.
const FROM: u64 = 50;
/// Bots that come a second.
const JOINS_PER_S: f64 = 400.0;

/// Find out how many bots a server holds.
///
/// Runs swarms of more and more bots, until the thresholds fail, then narrows the number down to a twentieth. Each run
/// warms up before it is measured; the number found must hold again, and a number that failed must fail again. When the
/// swarm itself is the limit, it says so: a server is not judged by a load test that is late. How long it takes at most
/// is said first; Ctrl-C and TERM end it early, and --json has what was tried until then.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CapacityArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Begin with so many [default: 50, or --most if that is less].
    #[arg(long, value_name = "N", value_parser = whole(1..=60_000_u64))]
    pub from: Option<u64>,
    /// Try no more than this.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = whole(1..=60_000_u64))]
    pub most: u64,
    /// How long each run is measured.
    #[arg(long, value_name = "S", default_value = "8", value_parser = seconds_above_zero)]
    pub seconds: Duration,
    /// How long each run warms up first.
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds_above_zero)]
    pub warm_up: Duration,
    /// How often the answer must hold again, and a number that failed must fail again.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=10_u64))]
    pub repeat: u64,
    /// End after this time at the latest, such as 5m, with what is known by then [default: as long as the longest search
    /// takes].
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub end_within: Option<Duration>,
    /// What must hold; may be given several times [default: failed == 0, desyncs == 0, p99_age < 50ms].
    #[arg(long = "threshold", value_name = "TEXT")]
    pub thresholds: Vec<Threshold>,
    /// So many only watch.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = units::share)]
    pub watch: f64,
    /// Write the answer and all trials to this file as one JSON object.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Threads that the bots run on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1..=256_u16))]
    pub threads: u16,
    /// The same seed gives bots of the same minds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

const EXAMPLES: &str = "\
Example:
  How many players of its game does this server hold, if states may be 40 ms old at p99?
    tickwire-bots capacity --url ws://127.0.0.1:7777/ws --threshold 'p99_age < 40ms' --threshold 'desyncs == 0'

Exit code 0: the number is on stdout. 1: there is none: not even one bot, the swarm was always the limit, or it was
ended early. 2: could not run.";

/// What must hold when nobody says otherwise.
const DEFAULTS: [&str; 3] = ["failed == 0", "desyncs == 0", "p99_age < 50ms"];
/// Coming to the server's door, the last joins, and saying goodbye.
const BESIDES: Duration = Duration::from_secs(4);

impl CapacityArgs {
    /// How many the first run has.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.from.unwrap_or(FROM.min(self.most))
    }

    /// How long a run with so many bots takes.
    #[must_use]
    pub fn run_time(&self, bots: usize) -> Duration {
        ramp(bots) + self.warm_up + self.seconds + BESIDES
    }

    /// A run with so many bots.
    #[must_use]
    pub fn plan(&self, trust: Trust, bots: usize) -> Plan {
        let play = Group { share: 1.0 - self.watch, ..Group::default() };
        let watch = Group { share: self.watch, depth: Depth::Watch, ..play.clone() };
        let groups: Vec<Group> = [play, watch].into_iter().filter(|group| group.share > 0.0).collect();
        let phases = vec![
            Phase { what: What::Ramp { bots, over: ramp(bots) }, measured: false },
            Phase { what: What::Hold { time: self.warm_up }, measured: false },
            Phase { what: What::Hold { time: self.seconds }, measured: true },
        ];
        let usual = DEFAULTS.iter().filter_map(|text| text.parse().ok());
        let thresholds = match self.thresholds.as_slice() {
            // watchers see no states that could be wrong
            [] => usual.filter(|usual: &Threshold| usual.decidable(Scope::Game(&groups, &phases)).is_ok()).collect(),
            given => given.to_vec(),
        };
        Plan {
            url: self.server.url(None),
            trust,
            seed: self.seed,
            request: self.server.request("bot-"),
            threads: self.threads.into(),
            shard: Shard::default(),
            start_at: None,
            groups,
            phases,
            thresholds,
        }
    }
}

fn ramp(bots: usize) -> Duration {
    Duration::from_secs_f64(bots as f64 / JOINS_PER_S)
}
