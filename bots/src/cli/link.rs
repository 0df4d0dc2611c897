//! The flags that say what a link is like.

use std::time::Duration;

use clap::Args;

use crate::link::{Conditions, Stall};
use crate::units;

/// A bad link.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The link")]
pub struct LinkArgs {
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
}

impl LinkArgs {
    /// The same for the model.
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
