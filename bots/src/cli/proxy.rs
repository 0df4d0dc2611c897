//! The flags of `proxy`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::values::{host_and_port, whole};
use crate::link::{Conditions, Stall};
use crate::units;

/// Stand between clients and a server and make the link bad.
///
/// A TCP proxy: whatever speaks through it, WebSocket or not, sees a link with these conditions. They are drawn for each
/// packet of up to 1,460 bytes, and what is behind a late packet waits for it, as TCP does. The proxy holds back what a
/// slow reader does not take, so that the sender feels it, and carries over ends and resets.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ProxyArgs {
    /// Where clients connect; port 0 takes a free one. The address comes first on stdout.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7778", value_parser = listen)]
    pub listen: SocketAddr,
    /// The server behind it.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7777", value_parser = host_and_port)]
    pub to: String,
    /// Added to the round trip: one half on the way to the server, one half on the way back.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = units::duration)]
    pub latency: Duration,
    /// Standard deviation of the delay in each direction (normal; packets never overtake).
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = units::duration)]
    pub jitter: Duration,
    /// How many packets of each direction are held up, and for how long, such as 1%:200ms: what a loss does to TCP.
    #[arg(long, value_name = "SHARE:TIME")]
    pub stall: Option<Stall>,
    /// Bits a second in each direction, such as 1mbit; a queue of 200 ms is in front of the line.
    #[arg(long, value_name = "RATE", value_parser = units::rate_bits_per_s)]
    pub rate: Option<u64>,
    /// The same seed gives the n-th connection the same delays.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  Play as from another continent over a radio (open http://127.0.0.1:7778/):
    tickwire-bots proxy --to 127.0.0.1:7777 --latency 80ms --jitter 10ms --stall 1%:200ms

  A slow line for one browser:
    tickwire-bots proxy --listen 127.0.0.1:7779 --rate 512kbit

Ctrl-C ends it. Exit code 2: it could not listen.";

impl ProxyArgs {
    /// What the link is to be like.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions {
            latency: self.latency,
            jitter: self.jitter,
            stall: self.stall.unwrap_or_default(),
            rate_bits_per_s: self.rate,
        }
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an address and a port, such as 127.0.0.1:7778".to_owned())
}
