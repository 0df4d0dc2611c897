//! The flags of `compare` and `merge`.

use std::path::PathBuf;

use clap::Args;

use super::results::ResultArgs;

/// Tell what got better or worse from one run to another, beyond noise.
///
/// Noise is 5 % of a median and 15 % of a p99, or three standard errors of the runs' own seconds when that is more.
/// Exit code 1 when something got worse.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// The results of the run before, from --json.
    pub before: PathBuf,
    /// The results of the run after.
    pub after: PathBuf,
}

/// Make one report of those of a swarm's shards.
#[derive(Args, Clone, Debug)]
pub struct MergeArgs {
    /// The results of the shards, from --json.
    #[arg(required = true, value_name = "FILE")]
    pub shards: Vec<PathBuf>,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultArgs,
}
