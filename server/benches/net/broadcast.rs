//! One frame to everybody, ten times a second.

use std::io;
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
    let costs = plan.run(&cells, |peer, cell| run(plan.turn, peer, cell))?;

    let mut table = Table::new(
        format!("Broadcast at {HZ} Hz: CPU per delivered frame; the floor in µs, the others as ratios to it"),
        ["connections", "bytes"].map(str::to_owned).into_iter().chain(plan.peers.iter().map(Peer::to_string)),
    );
    let mut ratios = vec![Vec::new(); plan.peers.len()];
    let mut user_us = ratios.clone();
    for (cell, costs) in cells.iter().zip(&costs) {
        let us = |peer: usize| costs[peer].iter().map(|cost| cost.us).collect::<Vec<f64>>();
        let floor = us(0);
        let mut row = vec![cell.connections.to_string(), cell.bytes.to_string(), format!("{:.2} µs", median(&floor))];
        for peer in 0..plan.peers.len() {
            user_us[peer].extend(costs[peer].iter().map(|cost| cost.user_us));
            if peer > 0 {
                let over_floor = ratio(&us(peer), &floor);
                ratios[peer].push(over_floor);
                row.push(format!("{over_floor:.3}"));
            }
        }
        table.row(row);
    }
    let summary =
        |what: &str, figures: Vec<String>| [what.to_owned(), String::new()].into_iter().chain(figures).collect();
    let of_all = |peer: usize| if peer == 0 { String::new() } else { format!("{:.3}", median(&ratios[peer])) };
    table.row(summary("median cell", (0..plan.peers.len()).map(of_all).collect()));
    // the system samples it, too coarsely for a single turn
    let mean = |figures: &Vec<f64>| format!("{:.2} µs", figures.iter().sum::<f64>() / figures.len() as f64);
    table.row(summary("of it in user mode, mean", user_us.iter().map(mean).collect()));
    table.print();
    Ok(())
}

fn run(turn: Duration, peer: Peer, cell: Cell) -> io::Result<Cost> {
    let server = Server::start(peer, Job::Tick { bytes: cell.bytes })?;
    let mut load = Load::connect(server.addr, cell.connections)?;
    let frames_in = |load: &mut Load, time: Duration| -> io::Result<f64> {
        Ok(load.run(time, |_, _, _| Ok(()))? as f64 / frame_bytes(cell.bytes) as f64)
    };
    let due_in = |time: Duration| cell.connections as f64 * f64::from(HZ) * time.as_secs_f64();
    // what the first connections were sent while the last ones came is not to be counted
    let warm_up = Duration::from_millis(300);
    let mut warm_ups = 0;
    while frames_in(&mut load, warm_up)? > 1.2 * due_in(warm_up) {
        warm_ups += 1;
        if warm_ups == WARM_UPS_MAX {
            return Err(io::Error::other("the load does not get through what it is sent: the machine is too slow"));
        }
    }
    let before = server.cpu()?;
    let frames = frames_in(&mut load, turn)?;
    let used = server.cpu()?.since(before);

    let due = due_in(turn);
    if !(0.9 * due..1.1 * due).contains(&frames) {
        return Err(io::Error::other(format!("{frames:.0} frames arrived, not {due:.0}: the machine is too slow")));
    }
    Ok(Cost { us: used.ns / 1000.0 / frames, user_us: used.user_ns / 1000.0 / frames })
}
