//! One frame to everybody, five times a second.

use std::io;
use std::thread;
use std::time::Duration;

use crate::Plan;
use crate::load::{Load, frame_bytes};
use crate::peer::{HZ, Job, Peer};
use crate::server::Server;
use crate::table::{Table, median, ratio};

/// Then the load is at its limit.
const WARM_UPS_MAX: u32 = 30;

/// What one turn gave, in microseconds for each frame that arrived.
#[derive(Clone, Copy)]
struct Cost {
    us: f64,
    user_us: f64,
}

#[derive(Clone, Copy)]
struct Cell {
    connections: usize,
    bytes: usize,
}

pub fn measure(plan: &Plan, connections: &[usize], bytes: &[u32]) -> io::Result<()> {
    let cell = |connections: usize| bytes.iter().map(move |bytes| Cell { connections, bytes: *bytes as usize });
    let cells: Vec<Cell> = connections.iter().copied().flat_map(cell).collect();
    // the floor is beside every other one
    let peers = &plan.peers[1..];
    let pairs = plan.run(peers, &cells, |peer, cell| run(plan.turn, peer, cell))?;

    let mut table = Table::new(
        format!("Broadcast at {HZ} Hz: CPU per delivered frame; the floor in µs, the others as ratios to it"),
        ["connections", "bytes"].map(str::to_owned).into_iter().chain(plan.peers.iter().map(Peer::to_string)),
    );
    let mut ratios = vec![Vec::new(); peers.len()];
    let mut user_us = vec![Vec::new(); plan.peers.len()];
    for (cell, pairs) in cells.iter().zip(&pairs) {
        let floors: Vec<f64> = pairs.iter().flatten().map(|[floor, _]| floor.us).collect();
        let mut row = vec![cell.connections.to_string(), cell.bytes.to_string(), format!("{:.2} µs", median(&floors))];
        for (at, rounds) in pairs.iter().enumerate() {
            let us: Vec<[f64; 2]> = rounds.iter().map(|pair| pair.map(|cost| cost.us)).collect();
            let over_floor = ratio(&us);
            ratios[at].push(over_floor);
            row.push(format!("{over_floor:.3}"));
            user_us[0].extend(rounds.iter().map(|[floor, _]| floor.user_us));
            user_us[at + 1].extend(rounds.iter().map(|[_, peer]| peer.user_us));
        }
        table.row(row);
    }
    let summary =
        |what: &str, figures: Vec<String>| [what.to_owned(), String::new()].into_iter().chain(figures).collect();
    let medians = ratios.iter().map(|ratios| format!("{:.3}", median(ratios)));
    table.row(summary("median cell", std::iter::once(String::new()).chain(medians).collect()));
    // the system samples it, too coarsely for a single turn
    let mean = |figures: &Vec<f64>| format!("{:.2} µs", figures.iter().sum::<f64>() / figures.len() as f64);
    table.row(summary("of it in user mode, mean", user_us.iter().map(mean).collect()));
    table.print();
    Ok(())
}

/// The floor's cost and the peer's, both at once.
fn run(turn: Duration, peer: Peer, cell: Cell) -> io::Result<[Cost; 2]> {
    let start = |peer: Peer| Server::start(peer, Job::Tick { bytes: cell.bytes });
    let floor = start(Peer::Floor)?;
    // a server's ticks begin with it: half a period apart, neither has the other's in the middle of its own
    thread::sleep(Duration::from_secs(1) / HZ / 2);
    let servers = [floor, start(peer)?];
    let mut load = Load::connect(&servers.each_ref().map(|server| server.addr), cell.connections)?;
    // connections of the two take turns
    let mut frames_in = |time: Duration| -> io::Result<[f64; 2]> {
        let mut bytes = [0; 2];
        load.run(time, |at, _, count| {
            bytes[at % 2] += count;
            Ok(())
        })?;
        Ok(bytes.map(|bytes| bytes as f64 / frame_bytes(cell.bytes) as f64))
    };
    let due_in = |time: Duration| cell.connections as f64 * f64::from(HZ) * time.as_secs_f64();
    // what the first connections were sent while the last ones came is not to be counted
    let warm_up = Duration::from_secs(1) / HZ;
    let mut warm_ups = 0;
    while frames_in(warm_up)?.iter().any(|frames| *frames > 1.2 * due_in(warm_up)) {
        warm_ups += 1;
        if warm_ups == WARM_UPS_MAX {
            return Err(io::Error::other("the load does not get through what it is sent: the machine is too slow"));
        }
    }
    let before = [servers[0].cpu()?, servers[1].cpu()?];
    let frames = frames_in(turn)?;
    let due = due_in(turn);
    let cost = |at: usize| {
        let (used, frames) = (servers[at].cpu()?.since(before[at]), frames[at]);
        if !(0.85 * due..1.15 * due).contains(&frames) {
            return Err(io::Error::other(format!("{frames:.0} frames arrived, not {due:.0}: the machine is too slow")));
        }
        Ok(Cost { us: used.ns / 1000.0 / frames, user_us: used.user_ns / 1000.0 / frames })
    };
    Ok([cost(0)?, cost(1)?])
}
