//! The swarm for Arena. Another game's swarm is this file with another behaviour.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::Result;
use tickwire_arena::Arena;
use tickwire_bots::Cli;
use tickwire_bots::behaviour::Pilot;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // the sentence has its cause in it already
        eprintln!("tickwire-bots: {error}");
        // 1 is for a run that was not good
        ExitCode::from(2)
    })
}

fn run() -> Result<ExitCode> {
    Ok(tickwire_bots::run::<Arena, _>(&Cli::from_args(), Pilot::new)?)
}
