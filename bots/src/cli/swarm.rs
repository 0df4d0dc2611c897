//! The flags of `swarm`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tickwire_shared::native::Trust;

use super::values::{name_prefix, seconds, seconds_above_zero, whole};
use crate::swarm::Plan;

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
    /// The server's session address.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:7777/ws")]
    pub url: String,
    /// Over wss:// trust the authorities or servers whose certificates are in this PEM file, and nobody else.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Over wss:// take any certificate; for servers of your own on networks of your own.
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// How many bots.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = whole(1..=BOTS_MAX))]
    pub bots: u64,
    /// How long to measure once all have joined.
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds_above_zero)]
    pub seconds: Duration,
    /// Over how many seconds the bots join [default: 1 for every 200 bots].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub ramp: Option<Duration>,
    /// Write the results to this file as one JSON object too; "-" writes it to stdout and the table to stderr.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The same seed gives bots of the same minds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
    /// Bots are called this and a number.
    #[arg(long, value_name = "TEXT", default_value = "bot-", value_parser = name_prefix)]
    pub name_prefix: String,
    /// Threads that the bots run on; leave the server its cores when it runs on the same machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1..=256_u16))]
    pub threads: u16,
}

const EXAMPLES: &str = "\
Examples:
  A server on this machine, 200 bots, half a minute:
    tickwire-bots swarm --url ws://127.0.0.1:7777/ws --bots 200 --seconds 30

  A server that speaks TLS with a certificate that it made itself:
    tickwire-bots swarm --url wss://localhost:7777/ws --ca cert.pem

  In a script: results as JSON, and the exit code says whether all was well:
    tickwire-bots swarm --bots 50 --seconds 10 --json swarm.json && echo fine

Exit codes:
  0  all bots joined and stayed, and no state differed from the server's
  1  a bot failed, no bot joined, or a state differed
  2  could not run: a wrong flag, or no Tickwire server at that address

If \"swarm's lateness\" is above 5 ms at p99, the swarm was short of CPU itself, and the other
times say as much about it as about the server: take fewer bots, more --threads, another machine.";

impl SwarmArgs {
    /// What the swarm is asked for.
    #[must_use]
    pub fn plan(&self, trust: Trust) -> Plan {
        let ramp = self.ramp.unwrap_or_else(|| Duration::from_secs_f64(self.bots as f64 / JOINS_PER_S));
        Plan {
            url: self.url.clone(),
            trust,
            bots: self.bots as usize,
            steady: self.seconds,
            ramp,
            seed: self.seed,
            name_prefix: self.name_prefix.clone(),
        }
    }

    /// Whether the results go to stdout as JSON.
    #[must_use]
    pub fn json_to_stdout(&self) -> bool {
        self.json.as_deref().is_some_and(|path| path.as_os_str() == "-")
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
            Ok(Cli { command: Command::Swarm(args) }) => Ok(args),
            Ok(other) => panic!("{line} is {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn all_has_a_default() {
        let plan = parse("").expect("no flag is needed").plan(Trust::default());
        assert_eq!((plan.bots, plan.steady, plan.ramp), (200, Duration::from_secs(30), Duration::from_secs(1)));
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
            "--name-prefix abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(parse(line).is_err(), "{line} was accepted");
        }
    }

    #[test]
    fn a_dash_is_stdout() {
        assert!(parse("--json -").expect("valid").json_to_stdout());
        assert!(!parse("--json out.json").expect("valid").json_to_stdout());
    }
}
