//! What players notice of those who read slowly or not at all, and what these are shown.
//!
//! ```text
//! cargo bench -p tickwire-server --bench slow                  1,000 players, 100 of them slow, one stands still for 30 s
//! cargo bench -p tickwire-server --bench slow -- --seconds 240 more rounds of it
//! cargo bench -p tickwire-server --bench slow -- --quick       a hundred players: about 20 s
//! ```
//! A real server and its players share this process and loopback; sockets have the system's buffers, but for what the
//! server sets by default. Phases take turns: everybody reads; then some read 16 kbit/s, whatever lies in their
//! kernel's buffer (so their kernels take all that is sent, which is worse than a slow wire), and one reads nothing. The
//! players are one thread, whose own lateness is in the intervals of both kinds of phases alike; but for a few they read
//! only heads of frames, and all say ten inputs a second. Where the machine is used up, the intervals tell of that alone:
//! the CPU share says so.
//!
//! Bytes of a slow client are what lies in the kernels of both ends; what the server holds back itself would show as
//! frames that a socket did not take whole, which are counted. The age of a state is from the computing of its tick.
//! The first thing that one shows who reads again lies behind the newest that it has by the usual delay of playback;
//! both ages are told.

mod heads;
mod peer;
mod queues;
mod rig;
mod scene;

use std::io;
use std::time::Duration;

use clap::Parser;
use rig::{Plan, Rig, Seen, percentile};

/// Measures what slow readers do to others, and what they are shown themselves.
#[derive(Parser, Debug)]
struct Args {
    /// A hundred players, short phases
    #[arg(long)]
    quick: bool,

    /// All players, the slow ones among them
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(10..))]
    players: u16,

    /// Seconds that one stands still, in each round
    #[arg(long, default_value_t = 30)]
    stall_s: u64,

    /// Seconds in all, in whole rounds
    #[arg(long, default_value_t = 120)]
    seconds: u64,

    /// Most bytes under way to a client that has not said that it has them, and 0 for any number; as the server's default
    #[arg(long)]
    unacked_max_bytes: Option<usize>,

    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let players = if args.quick { args.players.min(100) } else { args.players };
    let stall_s = if args.quick { args.stall_s.min(5) } else { args.stall_s };
    tickwire_server::net::descriptors::raise();
    let mut plan = Plan {
        players: players.into(),
        slow: usize::from(players) / 10,
        bytes_per_s: 2000.0,
        fair: Duration::from_secs(if args.quick { 4 } else { 20 }),
        stall: Duration::from_secs(stall_s),
        rounds: 0,
        unacked_max_bytes: args.unacked_max_bytes,
    };
    let seconds = if args.quick { args.seconds.min(25) } else { args.seconds };
    // with the look at the one who comes back, and until all is as before
    let round_s = plan.fair.as_secs() + stall_s + 4;
    plan.rounds = (seconds / round_s).max(1) as usize;
    println!(
        "{} players at 20 Hz; {} read 16 kbit/s and one stands still for {stall_s} s, in {} rounds",
        plan.players, plan.slow, plan.rounds
    );
    let mut rig = Rig::start(plan)?;
    rig.run(|what| println!("  {what}"))?;
    report(&mut rig);
    rig.stop();
    Ok(())
}

fn report(rig: &mut Rig) {
    println!("\nothers' intervals, ms       p1      p50      p99    p99.9   p99 of a second: median, worst");
    let fair = line("everybody reads", &mut rig.fair);
    let hard = line("some slow, one stalled", &mut rig.hard);
    let (moved, second) = (hard.0 - fair.0, hard.1 - fair.1);
    println!("  the p99 moved by {moved:.2} ms (goal 1: {}), that of a second by {second:.2}", holds(moved <= 1.0));
    let wrong = rig.wrong();
    let slow = &mut rig.slow;
    println!(
        "\nbytes in the kernels for one client at most: {} of a slow one, {} of the stalled one (goal 65536: {}); {} frames \
         were not taken whole, {} were withheld",
        slow.most_bytes,
        slow.stalled_most_bytes,
        holds(slow.most_bytes.max(slow.stalled_most_bytes) <= 64 * 1024),
        slow.left,
        slow.withheld
    );
    let [p50, p95] = [50.0, 95.0].map(|percent| percentile(&mut slow.ages_ms, percent));
    println!("age of what a slow one holds: p50 {p50:.0} ms, p95 {p95:.0} ms");
    println!(
        "{wrong} wrong states\n\nthe stalled one reads again; ms; goal: the newest state at the first picture is at most"
    );
    println!("one round trip and one tick old (playback's delay comes on top, as for everybody)");
    for at in &slow.returns {
        println!(
            "  {} old frames, {} bytes, not shown; the first fresh one after {:.1}, {:.1} old; first shown: {:.1} old, of a \
             newest state {:.1} old (round trip {:.1}, tick 50: {})",
            at.old_frames,
            at.old_bytes,
            at.fresh_after_ms,
            at.fresh_age_ms,
            at.shown_age_ms,
            at.held_age_ms,
            at.rtt_ms,
            holds(at.held_age_ms <= at.rtt_ms + 50.0)
        );
    }
}

fn holds(does: bool) -> &'static str {
    if does { "holds" } else { "misses" }
}

/// A line of the table. Gives the p99 of all intervals, and the median of the seconds' own: what the machine's host does
/// in some seconds moves the one and not the other.
fn line(name: &str, seen: &mut Seen) -> (f32, f32) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let mut seconds: Vec<f32> = seen.intervals_ms.iter_mut().map(|second| percentile(second, 99.0)).collect();
    let mut all = seen.intervals_ms.concat();
    let [p1, p50, p99, p999] = [1.0, 50.0, 99.0, 99.9].map(|percent| percentile(&mut all, percent));
    let [median, worst] = [50.0, 100.0].map(|percent| percentile(&mut seconds, percent));
    let cpu = seen.cpu.as_secs_f64() / seen.time.as_secs_f64() / cores * 100.0;
    println!(
        "  {name:<22} {p1:8.2} {p50:8.2} {p99:8.2} {p999:8.2}   {median:8.2} {worst:8.2}   {} intervals, {cpu:.0} % CPU",
        all.len()
    );
    (p99, median)
}
