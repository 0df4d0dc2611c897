//! Prints what an arena with so many pilots is like and what a tick costs, for whoever balances it:
//! `cargo run --release -p tickwire-arena --example crowd`.

#[path = "../tests/host/mod.rs"]
mod host;

use std::time::Instant;

use host::Host;
use tickwire_arena::{Options, VIEW_RADIUS};
use tickwire_shared::publish::Place;

fn main() {
    for pilots in [1, 2, 8, 30, 100, 200] {
        describe(pilots);
    }
}

fn crowd(seed: u64, pilots: u16) -> Host {
    let mut host = Host::new(seed, Options::default());
    (0..pilots).for_each(|seat| host.join(seat, ""));
    host.step();
    host
}

fn describe(pilots: u16) {
    let mut host = crowd(17, pilots);
    let (mut spent, mut in_view, mut kills, mut worst) = (0.0, 0, 0, 0.0f64);
    let (mut ships, mut rocks, mut shots) = (0, 0, 0);
    let ticks = 1800;
    for _ in 0..ticks {
        host.brawl();
        let start = Instant::now();
        host.step_without_reading();
        let took = start.elapsed().as_secs_f64() * 1e6;
        spent += took;
        worst = worst.max(took);
        kills += host.events.len();
        let count = |kind| host.published.entities.iter().filter(|put| put.kind == kind).count();
        (ships, rocks, shots) = (ships + count(0), rocks + count(1), shots + count(2));
        in_view += mean_in_view(&host);
        host.read();
    }
    let mean = |sum: usize| sum / ticks;
    println!(
        "{pilots:>3} pilots: {:>3} ships {:>3} rocks {:>3} shots, {:>2} in view; {kills} events in a minute; \
         tick {:.0} us, worst {worst:.0} us",
        mean(ships),
        mean(rocks),
        mean(shots),
        mean(in_view),
        spent / ticks as f64,
    );
}

/// Things within the view of the first 20 seats, on average.
fn mean_in_view(host: &Host) -> usize {
    let looks = &host.published.looks[..host.published.looks.len().min(20)];
    let near = |look: (f32, f32)| {
        let places = host.published.entities.iter().filter_map(|put| match put.place {
            Place::At { x, y } => Some((x, y)),
            Place::Everywhere => None,
        });
        places.filter(|place| host::distance(*place, look) < VIEW_RADIUS).count()
    };
    looks.iter().map(|&(_, x, y)| near((x, y))).sum::<usize>() / looks.len().max(1)
}
