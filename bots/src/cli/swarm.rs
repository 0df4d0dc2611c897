//! The flags of `swarm`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tickwire_shared::native::Trust;

use super::link::LinkArgs;
use super::part::PartArgs;
use super::results::ResultArgs;
use super::server::ServerArgs;
use super::values::{name_prefix, seconds, seconds_above_zero, whole};
use crate::plan::{Depth, Group, Phase, Plan, What};
use crate::scenario::Scenario;
use crate::threshold::Threshold;
use crate::units;

/// More bots than one machine has ports for.
const BOTS_MAX: u64 = 60_000;
/// Joins a second when nobody says otherwise.
const JOINS_PER_S: f64 = 200.0;

/// Let bots play, measure what they see, and report it.
///
/// Each bot is a real client: its own connection, every frame decoded, every state hash compared with the server's.
/// One bot knocks first; the others follow over the ramp; when all have their seats they play and measure for the
/// given seconds, and leave. Ctrl-C ends the run early and still reports.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SwarmArgs {
    /// Where the bots go.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Do what this TOML file says instead of --bots, --seconds and --ramp; assets/scenarios has some.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bots", "seconds", "ramp", "watch", "chaos", "latency", "jitter", "stall", "rate", "thresholds"])]
    pub scenario: Option<PathBuf>,
    /// How many bots.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = whole(1..=BOTS_MAX))]
    pub bots: u64,
    /// How long to measure once all have joined.
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds_above_zero)]
    pub seconds: Duration,
    /// Over how many seconds the bots join [default: 1 for every 200 bots].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub ramp: Option<Duration>,
    /// So many only watch: they count and time frames and do not decode them, at a fraction of a player's cost.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = units::share)]
    pub watch: f64,
    /// So many misbehave: they break their connections anywhere, say things twice, late, cut off or spoilt. How they
    /// fare does not count; the others must be served and correct all the same.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = units::share, default_missing_value = "10%", num_args = 0..=1)]
    pub chaos: f64,
    /// What must hold, such as 'p99_age < 40ms'; may be given several times. A scenario has its own.
    #[arg(long = "threshold", value_name = "TEXT")]
    pub thresholds: Vec<Threshold>,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultArgs,
    /// Read the server's metrics beside it once a second, such as http://127.0.0.1:7778/metrics; Tickwire has them with
    /// --admin-listen. They stand below the swarm's own figures.
    #[arg(long, value_name = "URL")]
    pub metrics: Option<String>,
    /// The bots' links.
    #[command(flatten)]
    pub link: LinkArgs,
    /// The same seed gives bots of the same minds [default: 1, or the scenario's].
    #[arg(long, value_name = "N", value_parser = whole(0..=u64::MAX))]
    pub seed: Option<u64>,
    /// Bots are called this and a number.
    #[arg(long, value_name = "TEXT", default_value = "bot-", value_parser = name_prefix)]
    pub name_prefix: String,
    /// Threads that the bots run on; leave the server its cores when it runs on the same machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1..=256_u16))]
    pub threads: u16,
    /// On several machines.
    #[command(flatten)]
    pub part: PartArgs,
}

const EXAMPLES: &str = "\
Examples:
  A server on this machine, 200 bots, half a minute:
    tickwire-bots swarm --url ws://127.0.0.1:7777/ws --bots 200 --seconds 30

  A server that speaks TLS with a certificate that it made itself:
    tickwire-bots swarm --url wss://localhost:7777/ws --ca cert.pem

  A scenario with phases, bad links and thresholds, and a page with charts:
    tickwire-bots swarm --scenario assets/scenarios/evening.toml --html evening.html

  In a script: results as JSON, and the exit code says whether all was well:
    tickwire-bots swarm --bots 50 --seconds 10 --threshold 'p99_age < 40ms' --json swarm.json && echo fine

  One swarm on two machines, whose results become one report, on which the thresholds are judged:
    tickwire-bots swarm --scenario evening.toml --shard 0/2 --start-at 20:15 --json 0.json   # on the first
    tickwire-bots swarm --scenario evening.toml --shard 1/2 --start-at 20:15 --json 1.json   # on the second
    tickwire-bots merge 0.json 1.json --html evening.html

Exit codes:
  0  all bots joined and stayed, and no state differed from the server's
  1  a bot failed, no bot joined, a state differed, or a threshold was missed
  2  could not run: a wrong flag, or no Tickwire server at that address

If \"swarm's lateness\" is above 5 ms and 15 % of the time between frames at p99, the swarm was short
of CPU itself, and the other times say as much about it as about the server: take fewer bots, more
--threads, another machine.";

impl SwarmArgs {
    /// What the swarm is asked for, by flags or by the scenario.
    #[must_use]
    pub fn plan(&self, trust: Trust, scenario: Option<Scenario>) -> Plan {
        let ramp = self.ramp.unwrap_or_else(|| Duration::from_secs_f64(self.bots as f64 / JOINS_PER_S));
        let bots = self.bots as usize;
        let url = self.server.url(scenario.as_ref().and_then(|scenario| scenario.url.as_deref()));
        let seed = self.seed.or(scenario.as_ref().map(|scenario| scenario.seed)).unwrap_or(1);
        let (groups, phases, thresholds) = match scenario {
            Some(scenario) => (scenario.groups, scenario.phases, scenario.thresholds),
            None => {
                let ramp = Phase { what: What::Ramp { bots, over: ramp }, measured: false };
                let hold = Phase { what: What::Hold { time: self.seconds }, measured: true };
                (self.groups(), vec![ramp, hold], self.thresholds.clone())
            }
        };
        Plan {
            url,
            trust,
            seed,
            request: self.server.request(&self.name_prefix),
            threads: self.threads.into(),
            shard: self.part.shard,
            start_at: self.part.start_at,
            groups,
            phases,
            thresholds,
        }
    }

    fn groups(&self) -> Vec<Group> {
        let link = self.link.conditions();
        let sound = 1.0 - self.chaos;
        let play = Group { share: sound * (1.0 - self.watch), link, ..Group::default() };
        let watch = Group { share: sound * self.watch, depth: Depth::Watch, ..play.clone() };
        let chaotic = Group { share: self.chaos, chaos: true, ..play.clone() };
        [play, watch, chaotic].into_iter().filter(|group| group.share > 0.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(line: &str) -> Result<SwarmArgs, String> {
        let words = ["tickwire-bots", "swarm"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words) {
            Ok(Cli { command: Command::Swarm(args) }) => Ok(*args),
            Ok(other) => panic!("{line} is {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn all_has_a_default() {
        let plan = parse("").expect("no flag is needed").plan(Trust::default(), None);
        let what: Vec<What> = plan.phases.iter().map(|phase| phase.what).collect();
        let (ramp, hold) = (Duration::from_secs(1), Duration::from_secs(30));
        assert_eq!(what, [What::Ramp { bots: 200, over: ramp }, What::Hold { time: hold }]);
        assert_eq!(plan.url, "ws://127.0.0.1:7777/ws");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for line in [
            "--bots 0",
            "--bots 60001",
            "--bots many",
            "--seconds 0",
            "--seconds -1",
            "--seconds nan",
            "--seconds 1e300",
            "--ramp inf",
            "--threads 0",
            "--shard 2/2",
            "--shard 1",
            "--start-at tomorrow",
            "--start-at 1000",
            "--watch 101%",
            "--wish {",
            "--wish 17",
            "--name-prefix abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }

    #[test]
    fn a_dash_is_stdout() {
        assert!(parse("--json -").expect("valid").results.json_to_stdout());
        assert!(!parse("--json out.json").expect("valid").results.json_to_stdout());
    }
}
