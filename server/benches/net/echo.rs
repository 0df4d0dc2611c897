//! Every message back, as fast as the server can, with a fixed number of messages on their way.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::Duration;

use crate::Plan;
use crate::load::{Load, frame_bytes, masked_frame};
use crate::peer::{Job, Peer};
use crate::server::Server;
use crate::table::{Table, median, ratio};

const CONNECTIONS: usize = 100;
const PAYLOAD_BYTES: usize = 64;
const IN_FLIGHT: [usize; 2] = [1, 16];

pub fn measure(plan: &Plan) -> io::Result<()> {
    // the floor is beside every other one
    let peers = &plan.peers[1..];
    let pairs = plan.run(peers, &IN_FLIGHT, |peer, in_flight| run(plan.turn, peer, in_flight))?;
    let mut table = Table::new(
        format!(
            "Echo of {PAYLOAD_BYTES} bytes on {CONNECTIONS} connections: CPU per message; the floor in µs, the others \
             as ratios to it"
        ),
        ["in flight".to_owned()].into_iter().chain(plan.peers.iter().map(Peer::to_string)),
    );
    for (in_flight, pairs) in IN_FLIGHT.iter().zip(&pairs) {
        let floors: Vec<f64> = pairs.iter().flatten().map(|[floor, _]| *floor).collect();
        let mut row = vec![in_flight.to_string(), format!("{:.2} µs", median(&floors))];
        row.extend(pairs.iter().map(|rounds| format!("{:.2}", ratio(rounds))));
        table.row(row);
    }
    table.print();
    Ok(())
}

/// Microseconds a message, the floor's and the peer's, both at once.
fn run(turn: Duration, peer: Peer, in_flight: usize) -> io::Result<[f64; 2]> {
    let servers = [Server::start(Peer::Floor, Job::Echo)?, Server::start(peer, Job::Echo)?];
    let mut load = Load::connect(&servers.each_ref().map(|server| server.addr), CONNECTIONS)?;
    let requests: Vec<Vec<u8>> = (0..in_flight as u32)
        .map(|at| masked_frame(&[at as u8; PAYLOAD_BYTES], (0x9E37_79B9_u32.wrapping_mul(at + 1)).to_ne_bytes()))
        .collect();
    let (request_bytes, answer_bytes) = (requests[0].len(), frame_bytes(PAYLOAD_BYTES));
    let requests = requests.concat();
    // connections of the two take turns
    let messages = [Cell::new(0), Cell::new(0)];
    // a server may answer in parts
    let mut part = [0; 2 * CONNECTIONS];
    let mut again = |at: usize, stream: &mut std::net::TcpStream, count: usize| {
        let arrived = part[at] + count;
        part[at] = arrived % answer_bytes;
        messages[at % 2].update(|messages| messages + arrived / answer_bytes);
        stream.write_all(&requests[..arrived / answer_bytes * request_bytes])
    };

    load.send_all(&requests)?;
    load.run(Duration::from_millis(300), &mut again)?;
    let before = [servers[0].cpu()?, servers[1].cpu()?];
    let warm_up = messages.clone();
    load.run(turn, again)?;
    let cost = |at: usize| {
        let used = servers[at].cpu()?.since(before[at]);
        match messages[at].get() - warm_up[at].get() {
            0 => Err(io::Error::other("nothing came back")),
            count => Ok(used.ns / 1000.0 / count as f64),
        }
    };
    Ok([cost(0)?, cost(1)?])
}
