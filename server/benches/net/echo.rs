//! Every message back, as fast as the server can, with a fixed number of messages on their way.

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
    let costs = plan.run(&plan.peers, &IN_FLIGHT, |peer, in_flight| run(plan.turn, peer, in_flight))?;
    let mut table = Table::new(
        format!(
            "Echo of {PAYLOAD_BYTES} bytes on {CONNECTIONS} connections: CPU per message; the floor in µs, the others \
             as ratios to it"
        ),
        ["in flight".to_owned()].into_iter().chain(plan.peers.iter().map(Peer::to_string)),
    );
    for (in_flight, costs) in IN_FLIGHT.iter().zip(&costs) {
        let mut row = vec![in_flight.to_string(), format!("{:.2} µs", median(&costs[0]))];
        row.extend(costs[1..].iter().map(|cost| format!("{:.2}", ratio(cost, &costs[0]))));
        table.row(row);
    }
    table.print();
    Ok(())
}

/// Microseconds a message.
fn run(turn: Duration, peer: Peer, in_flight: usize) -> io::Result<f64> {
    let server = Server::start(peer, Job::Echo)?;
    let mut load = Load::connect(&[server.addr], CONNECTIONS)?;
    let requests: Vec<Vec<u8>> = (0..in_flight as u32)
        .map(|at| masked_frame(&[at as u8; PAYLOAD_BYTES], (0x9E37_79B9_u32.wrapping_mul(at + 1)).to_ne_bytes()))
        .collect();
    let (request_bytes, answer_bytes) = (requests[0].len(), frame_bytes(PAYLOAD_BYTES));
    let requests = requests.concat();
    // a server may answer in parts
    let mut part = [0; CONNECTIONS];
    let mut again = |at: usize, stream: &mut std::net::TcpStream, count: usize| {
        let arrived = part[at] + count;
        part[at] = arrived % answer_bytes;
        stream.write_all(&requests[..arrived / answer_bytes * request_bytes])
    };

    load.send_all(&requests)?;
    load.run(Duration::from_millis(300), &mut again)?;
    let before = server.cpu()?;
    let bytes = load.run(turn, &mut again)?;
    let used = server.cpu()?.since(before);
    if bytes == 0 {
        return Err(io::Error::other("nothing came back"));
    }
    Ok(used.ns / 1000.0 / (bytes as f64 / answer_bytes as f64))
}
