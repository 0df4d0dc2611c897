//! Bots that load a Tickwire server and check what they see.
//!
//! Each bot is a real client: its own connection, every state hash compared with the server's. What the same bytes make of
//! the same states is decoded once for a thread's bots ([`tickwire_shared::delta::StatePool`]).
//! The program that comes with this crate plays Arena. Another game brings a [`Behaviour`] and gets the rest:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use tickwire_bots::{Minds, behaviour::Idle};
//! # use tickwire_arena::Arena as MyGame;
//!
//! fn main() -> ExitCode {
//!     tickwire_bots::main::<MyGame>(Minds::of("watcher", |_seed| Idle))
//! }
//! ```
//!
//! ```text
//! cli        flags            -> Plan
//! swarm      conductor: knock, phase by phase, leave   -> Total
//!   worker   one thread: a poll, its bots, their timers
//!     socket   one bot's connection: TLS, a bad link (link), WebSocket (ws)
//!     session  what it says and hears: a player with a Behaviour, or a watcher
//!   measure  histograms and counters of a thread's bots; merged, of all
//! report     Total -> Report -> table, JSON, exit code
//! proxy      a TCP proxy with the model of a bad link
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod authorities;
pub mod behaviour;
pub mod capacity;
pub mod cli;
mod climb;
mod commands;
mod crew;
mod files;
pub mod link;
mod live;
pub mod measure;
pub mod noise;
mod output;
pub mod plan;
mod progress;
pub mod proxy;
pub mod report;
mod room;
mod say;
pub mod scenario;
pub mod scrape;
pub mod session;
mod socket;
pub mod start;
mod stop;
pub mod swarm;
pub mod target;
pub mod threshold;
pub mod units;
pub mod worker;
pub mod ws;

pub use behaviour::{Behaviour, Minds};
pub use cli::Cli;
pub use commands::{RunError, main, run};
pub use swarm::SwarmError;
