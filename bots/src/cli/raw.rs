//! The flags of `raw`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::link::LinkArgs;
use super::part::PartArgs;
use super::results::ResultArgs;
use super::server::TrustArgs;
use super::values::{message, seconds, seconds_above_zero, whole};
use tickwire_shared::JoinRequest;
use tickwire_shared::native::Trust;

use crate::plan::{Group, Phase, Plan, What};
use crate::session::{Message, Script};
use crate::threshold::Threshold;

/// More connections than one machine has ports for.
const CONNECTIONS_MAX: u64 = 60_000;
/// Messages a second that a connection sends when nobody says otherwise.
const ECHO_HZ: u32 = 20;
/// New ones a second when nobody says otherwise.
const CONNECTS_PER_S: f64 = 1_000.0;

/// Load any WebSocket server, and measure frames.
///
/// In the mode echo each connection sends messages at a fixed rate, and expects each back: round trips count from when
/// a message was due, whether or not the server kept up. In the mode push it only listens, and intervals between frames
/// count; say with --hz how often it sends, and what does not come counts as late.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RawArgs {
    /// The server, such as ws://127.0.0.1:9001/ or wss://echo.example/.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
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
    /// Messages a second: those that each connection sends [default: 20], or for push those that the server does, if
    /// it is regular.
    #[arg(long, value_name = "N", value_parser = whole(1..=10_000_u32))]
    pub hz: Option<u32>,
    /// Bytes of each, for echo.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = whole(0..=1_000_000_u32))]
    pub bytes: u32,
    /// Send this instead, for echo: a text, or @FILE for what is in a file; what stands for "n" in braces becomes the message's number.
    #[arg(long, value_name = "TEXT|@FILE", value_parser = message, conflicts_with = "bytes")]
    pub message: Option<Given>,
    /// Send this once when a connection is open, such as what subscribes it; may be given several times.
    #[arg(long, value_name = "TEXT|@FILE", value_parser = message)]
    pub first: Vec<Given>,
    /// Send text instead of binary messages.
    #[arg(long)]
    pub text: bool,
    /// Ask for this subprotocol.
    #[arg(long, value_name = "NAME")]
    pub subprotocol: Option<String>,
    /// What must hold, such as 'p99_input_to_ack < 20ms', which is the round trip here; may be given several times.
    #[arg(long = "threshold", value_name = "TEXT")]
    pub thresholds: Vec<Threshold>,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultArgs,
    /// The connections' links.
    #[command(flatten)]
    pub link: LinkArgs,
    /// On several machines.
    #[command(flatten)]
    pub part: PartArgs,
    /// Threads that the connections run on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1..=256_u16))]
    pub threads: u16,
    /// The same seed gives the links the same delays.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

/// A message that was given; a type of its own, since clap takes a list of bytes for a list of values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given(pub Vec<u8>);

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
    tickwire-bots raw --url ws://127.0.0.1:9002/ --mode push --hz 20 --connections 5000

  One that wants to be asked first, in text:
    tickwire-bots raw --url ws://127.0.0.1:9003/ --mode push --text --first '{\"subscribe\": \"prices\"}'

Exit code 0: all connected, stayed and were served to the end. 1: some were not. 2: could not run.";

impl RawArgs {
    /// What each connection says.
    #[must_use]
    pub fn script(&self) -> Script {
        let every = Duration::from_secs(1) / self.hz.unwrap_or(ECHO_HZ);
        let given = |message: &Given| Message::Given(message.0.clone());
        let message = self.message.as_ref().map_or(Message::MadeUp(self.bytes as usize), given);
        Script {
            first: self.first.iter().map(|message| message.0.clone()).collect(),
            again: (self.mode == Mode::Echo).then_some((message, every)),
            text: self.text,
        }
    }

    /// Time between messages of a server that pushes, if somebody knows.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.hz.filter(|_| self.mode == Mode::Push).map(|hz| Duration::from_secs(1) / hz)
    }

    /// What the swarm is asked for.
    #[must_use]
    pub fn plan(&self, trust: Trust) -> Plan {
        let over = self.ramp.unwrap_or_else(|| Duration::from_secs_f64(self.connections as f64 / CONNECTS_PER_S));
        let ramp = What::Ramp { bots: self.connections as usize, over };
        Plan {
            url: self.url.clone(),
            trust,
            seed: self.seed,
            request: JoinRequest::default(),
            threads: self.threads.into(),
            shard: self.part.shard,
            start_at: self.part.start_at,
            groups: vec![Group { link: self.link.conditions(), ..Group::default() }],
            phases: vec![
                Phase { what: ramp, measured: false },
                Phase { what: What::Hold { time: self.seconds }, measured: true },
            ],
            thresholds: self.thresholds.clone(),
        }
    }
}
