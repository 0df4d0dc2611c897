//! What an open connection takes in the server's process when nobody says anything.

use std::io;
use std::time::Duration;

use crate::load::Load;
use crate::peer::{Job, Peer};
use crate::server::Server;
use crate::table::Table;

const CONNECTIONS: usize = 5000;

pub fn measure(peers: &[Peer]) -> io::Result<()> {
    let title =
        format!("Memory: resident anonymous KiB a connection, {CONNECTIONS} idle ones (the kernel's not counted)");
    let mut table = Table::new(title, peers.iter().map(Peer::to_string));
    let rows: io::Result<Vec<String>> = peers.iter().map(|peer| Ok(format!("{:.2}", run(*peer)?))).collect();
    table.row(rows?);
    table.print();
    Ok(())
}

fn run(peer: Peer) -> io::Result<f64> {
    let server = Server::start(peer, Job::Echo)?;
    // the first ones bring what is there once
    let _first = Load::connect(&[server.addr], 10)?;
    let before = server.anonymous_bytes()?;
    let mut load = Load::connect(&[server.addr], CONNECTIONS)?;
    load.run(Duration::from_millis(500), |_, _, _| Ok(()))?;
    let after = server.anonymous_bytes()?;
    Ok(after.saturating_sub(before) as f64 / 1024.0 / CONNECTIONS as f64)
}
