//! The flags of `proxy`.

use std::net::SocketAddr;

use clap::Args;

use super::link::LinkArgs;
use super::values::{host_and_port, whole};

/// Stand between clients and a server and make the link bad.
///
/// A TCP proxy: whatever speaks through it, WebSocket or not, sees a link with these conditions. They are drawn for each
/// packet of up to 1,460 bytes, and what is behind a late packet waits for it, as TCP does. The proxy holds back what a
/// slow reader does not take, so that the sender feels it, and carries over ends and resets.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ProxyArgs {
    /// Where clients connect; port 0 takes a free one. The address comes first on stdout.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7780", value_parser = listen)]
    pub listen: SocketAddr,
    /// The server behind it.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7777", value_parser = host_and_port)]
    pub to: String,
    /// What the link is like.
    #[command(flatten)]
    pub link: LinkArgs,
    /// The same seed gives the n-th connection the same delays.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  Play as from another continent over a radio (open http://127.0.0.1:7780/):
    tickwire-bots proxy --to 127.0.0.1:7777 --latency 80ms --jitter 10ms --stall 1%:200ms

  A slow line for one browser:
    tickwire-bots proxy --listen 127.0.0.1:7779 --rate 512kbit

Ctrl-C ends it. Exit code 2: it could not listen.";

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an address and a port, such as 127.0.0.1:7780".to_owned())
}
