//! The flags of a swarm on several machines.

use std::time::SystemTime;

use clap::Args;

use crate::plan::Shard;
use crate::start;

/// Which part of a swarm this is, and when all parts begin.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "On several machines")]
pub struct PartArgs {
    /// Of a swarm on several machines run this part, such as 0/3, 1/3 and 2/3; `merge` makes one report of theirs.
    #[arg(long, value_name = "I/N", default_value = "0/1", value_parser = shard)]
    pub shard: Shard,
    /// Begin at this moment, so that the parts on several machines do together: a time of day in UTC, such as 20:15 or
    /// 20:15:30, or Unix seconds. Their clocks must agree.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub start_at: Option<SystemTime>,
}

fn moment(text: &str) -> Result<SystemTime, String> {
    start::moment(text, SystemTime::now())
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    let shard = parts.map(|(number, of)| Shard { number, of }).filter(|shard| shard.number < shard.of);
    shard.ok_or_else(|| "give a part and how many there are, from 0/2 and 1/2 up".to_owned())
}
