//! The flags of `raw`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::link::LinkArgs;
use super::results::ResultArgs;
use super::server::ServerArgs;
use super::values::{seconds, seconds_above_zero, whole};
use tickwire_shared::JoinRequest;
use tickwire_shared::native::Trust;

use crate::plan::{Group, Phase, Plan, Shard, What};
use crate::session::Sends;

/// More connections than one machine has ports for.
const CONNECTIONS_MAX: u64 = 60_000;
/// New ones a second when nobody says otherwise.
const CONNECTS_PER_S: f64 = 1_000.0;

/// Load any WebSocket server, and measure frames.
///
/// In the mode echo each connection sends messages at a fixed rate, and expects each back: round trips count from when
/// a message was due, whether or not the server kept up. In the mode push it only listens, and intervals between frames
/// count.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RawArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What the server does.
    #[arg(long, value_enum, default_value = "echo")]
    pub mode: Mode,
    /// How many connections.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole(1..=CONNECTIONS_MAX))]
    pub connections: u64,
    /// How long to measure once all are open.
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds_above_zero)]
    pub seconds: Duration,
    /// Over how many seconds they connect [default: 1 for every 1,000].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub ramp: Option<Duration>,
    /// Messages that each connection sends a second, for echo.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole(1..=10_000_u32))]
    pub hz: u32,
    /// Bytes of each, for echo.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = whole(0..=1_000_000_u32))]
    pub bytes: u32,
    /// Send text instead of binary messages.
    #[arg(long)]
    pub text: bool,
    /// Ask for this subprotocol.
    #[arg(long, value_name = "NAME")]
    pub subprotocol: Option<String>,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultArgs,
    /// The connections' links.
    #[command(flatten)]
    pub link: LinkArgs,
    /// Threads that the connections run on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1..=256_u16))]
    pub threads: u16,
    /// The same seed gives the links the same delays.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

/// What a server does with what it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Mode {
    /// Sends it back.
    Echo,
    /// Sends by itself.
    Push,
}

const EXAMPLES: &str = "\
Examples:
  An echo server, 1,000 connections with 20 messages a second each:
    tickwire-bots raw --url ws://127.0.0.1:9001/ --connections 1000 --hz 20

  A server that broadcasts:
    tickwire-bots raw --url ws://127.0.0.1:9002/ --mode push --connections 5000

Exit code 0: all connected and stayed. 1: some did not. 2: could not run.";

impl RawArgs {
    /// What each connection sends.
    #[must_use]
    pub fn sends(&self) -> Option<Sends> {
        let every = Duration::from_secs(1) / self.hz;
        (self.mode == Mode::Echo).then_some(Sends { every, bytes: self.bytes as usize, text: self.text })
    }

    /// What the swarm is asked for.
    #[must_use]
    pub fn plan(&self, trust: Trust) -> Plan {
        let over = self.ramp.unwrap_or_else(|| Duration::from_secs_f64(self.connections as f64 / CONNECTS_PER_S));
        let ramp = What::Ramp { bots: self.connections as usize, over };
        Plan {
            url: self.server.url(None),
            trust,
            seed: self.seed,
            request: JoinRequest::default(),
            threads: self.threads.into(),
            shard: Shard::default(),
            start_at: None,
            groups: vec![Group { link: self.link.conditions(), ..Group::default() }],
            phases: vec![
                Phase { what: ramp, measured: false },
                Phase { what: What::Hold { time: self.seconds }, measured: true },
            ],
            thresholds: Vec::new(),
        }
    }
}
