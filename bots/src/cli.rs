//! The command line.

mod capacity;
mod link;
mod part;
mod proxy;
mod raw;
mod refusal;
mod reports;
mod results;
mod server;
mod swarm;
mod values;

use std::env;
use std::process;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

pub use capacity::CapacityArgs;
pub use link::LinkArgs;
pub use part::PartArgs;
pub use proxy::ProxyArgs;
pub use raw::{Mode, RawArgs};
pub use reports::{CompareArgs, MergeArgs};
pub use results::ResultArgs;
pub use server::{ServerArgs, TrustArgs};
pub use swarm::SwarmArgs;

use crate::say;

/// Bot swarms that load a Tickwire server and check what they see.
#[derive(Parser, Debug)]
#[command(name = "tickwire-bots", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Let bots play, measure what they see, and report it.
    Swarm(Box<SwarmArgs>),
    /// Find out how many bots a server holds.
    Capacity(CapacityArgs),
    /// Load any WebSocket server, and measure frames.
    Raw(RawArgs),
    /// Stand between clients and a server and make the link bad.
    Proxy(ProxyArgs),
    /// Tell what got better or worse from one run to another.
    Compare(CompareArgs),
    /// Make one report of those of a swarm's shards.
    Merge(MergeArgs),
}

impl Cli {
    /// The program's own arguments. A wrong one ends the program with a sentence and exit code 2.
    #[must_use]
    pub fn from_args() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                error.exit();
            }
            say::aside(format_args!("tickwire-bots: {}", refusal::sentence(&error, &help())));
            process::exit(2)
        })
    }
}

/// The command that lists the flags of the command that was given.
fn help() -> String {
    let word = env::args().nth(1).unwrap_or_default();
    match Cli::command().find_subcommand(&word) {
        Some(command) => format!("tickwire-bots {} --help", command.get_name()),
        None => "tickwire-bots --help".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
