//! The swarm for Arena. Another game's swarm is this file with another behaviour.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use tickwire_arena::Arena;
use tickwire_bots::Minds;
use tickwire_bots::behaviour::Pilot;

fn main() -> ExitCode {
    tickwire_bots::main::<Arena>(Minds::of("pilot", Pilot::new))
}
