//! The flags of `compare` and `merge`.

use std::path::PathBuf;

use clap::Args;

use super::results::ResultArgs;
use crate::report::agree::Bounds;

/// Tell what got better or worse from one run to another, beyond noise.
///
/// Noise is what two runs of the same differ by: 5 % of a median, 15 % of a p99, 30 % of a p99.9, or three standard
/// errors of the runs' own seconds when that is more; of few samples it is more still, and "too few" is said of those
/// that can tell nothing. Differences below 0.2 ms are none. What is counted, such as failures, and thresholds that no
/// longer hold are worse without any noise. Below the table is what makes the comparison doubtful, such as runs of
/// different lengths. With --agree two runs of the same are judged: they must agree, or one must say that the machine
/// was noisy.
#[derive(Args, Clone, Debug)]
#[command(after_help = COMPARE_EXAMPLES)]
pub struct CompareArgs {
    /// The results of the run before, from --json.
    pub before: PathBuf,
    /// The results of the run after.
    pub after: PathBuf,
    /// Tell instead whether these two runs of the same scenario and seed agree: within 5 % in each p50, 15 % in each p99.
    #[arg(long)]
    pub agree: bool,
    /// Agree within this [default: p50=5%,p99=15%].
    #[arg(long, value_name = "BOUNDS")]
    pub within: Option<Bounds>,
}

impl CompareArgs {
    /// Within what the runs must agree, if they must.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        self.within.or(self.agree.then(Bounds::default))
    }
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  Has last week's work made the server slower?
    tickwire-bots swarm --scenario assets/scenarios/steady.toml --json today.json
    tickwire-bots compare yesterday.json today.json

  May one believe this load test, on this machine?
    tickwire-bots swarm --bots 100 --seconds 15 --json one.json
    tickwire-bots swarm --bots 100 --seconds 15 --json other.json
    tickwire-bots compare one.json other.json --agree

Exit code 0: nothing got worse beyond noise; with --agree: the runs agree, or one says that the machine was noisy.
1: something did; they do not, or what they agree in is bad, such as wrong states. 2: a file could not be read; they are not two runs of the same, or too short.";

/// Make one report of those of a swarm's shards, each given once.
#[derive(Args, Clone, Debug)]
pub struct MergeArgs {
    /// The results of the shards, from --json.
    #[arg(required = true, value_name = "FILE")]
    pub shards: Vec<PathBuf>,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultArgs,
}
