//! What the network layer costs beside the kernel and beside its peers, on one machine, in one run.
//!
//! ```text
//! cargo bench -p tickwire-server --bench net                  all of it: about 15 minutes
//! cargo bench -p tickwire-server --bench net -- --quick       a cell of each: about 3 minutes
//! ```
//! Each figure is the CPU time that the server's process took (user and system, all its threads), divided by the
//! frames that a client received; the wall clock is in none of them. A ratio is between two servers that run beside
//! each other on one core, so that both have the same machine at the same time; the table has the medians over the
//! rounds. The load has another core. `floor` is an epoll loop that does what no WebSocket server can do without: see
//! `floor.rs`.

mod broadcast;
mod echo;
mod fastwebsockets;
mod floor;
mod load;
mod memory;
mod peer;
mod server;
mod table;
mod tungstenite;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use peer::{Job, Peer};

/// Measures the CPU time of Tickwire's network layer against a bare epoll loop and two libraries.
#[derive(Parser, Debug)]
struct Args {
    /// One cell of each table, three rounds
    #[arg(long)]
    quick: bool,

    /// Only these tables
    #[arg(long, value_delimiter = ',', default_value = "broadcast,echo,memory")]
    only: Vec<Part>,

    /// Connections of the broadcast's cells
    #[arg(long, value_delimiter = ',', default_value = "500,2000,5000")]
    connections: Vec<usize>,

    /// Payloads of the broadcast's cells, in bytes
    #[arg(long, value_delimiter = ',', default_value = "64,256,1024", value_parser = clap::value_parser!(u32).range(16..=65_536))]
    bytes: Vec<u32>,

    /// Which servers; the floor is always there
    #[arg(long, value_delimiter = ',', value_enum)]
    peers: Vec<Peer>,

    /// How often each server has its turn in each cell
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,

    /// How long each turn is measured
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,

    /// `cargo bench` says that this is a benchmark
    #[arg(long, hide = true)]
    bench: bool,

    /// Be a server: what the benchmark starts
    #[arg(long, hide = true, num_args = 2, value_names = ["PEER", "JOB"])]
    serve: Vec<String>,
}

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// One frame to many connections, five times a second
    Broadcast,
    /// Every message answered with itself
    Echo,
    /// Resident bytes of an idle connection
    Memory,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match &args.serve[..] {
        [peer, job] => serve(peer, job),
        _ => measure(args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("net: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(peer: &str, job: &str) -> io::Result<()> {
    let peer = Peer::from_str(peer, false).map_err(io::Error::other)?;
    let job = Job::parse(job).ok_or_else(|| io::Error::other(format!("no such job: {job}")))?;
    match peer {
        Peer::Floor => floor::serve(job),
        Peer::Tungstenite => tungstenite::serve(job, tungstenite::READ_BUFFER_DEFAULT_BYTES),
        Peer::Tungstenite4k => tungstenite::serve(job, 4 * 1024),
        Peer::Fastwebsockets => fastwebsockets::serve(job),
        Peer::Tickwire => Err(io::Error::other("Tickwire's servers are the examples ws_tick and ws_echo")),
    }
}

fn measure(mut args: Args) -> io::Result<()> {
    build_examples()?;
    if args.quick {
        (args.connections, args.bytes, args.rounds) = (vec![2000], vec![64], 3);
    }
    if args.peers.is_empty() {
        args.peers = Peer::value_variants().to_vec();
    }
    args.peers.retain(|peer| *peer != Peer::Floor);
    args.peers.insert(0, Peer::Floor);
    load::raise_descriptor_limit()?;

    let plan = Plan { peers: args.peers, rounds: args.rounds, turn: Duration::from_secs_f64(args.seconds) };
    table::print_machine();
    print_cores(server::cores());
    for part in &args.only {
        match part {
            Part::Broadcast => broadcast::measure(&plan, &args.connections, &args.bytes)?,
            Part::Echo => echo::measure(&plan)?,
            Part::Memory => memory::measure(&plan.peers)?,
        }
    }
    Ok(())
}

fn print_cores((server_core, load_core): (usize, usize)) {
    match server_core == load_core {
        true => println!("ONE CORE for server and load: the ratios are of little worth\n"),
        false => println!("server on core {server_core}, load on core {load_core}\n"),
    }
}

/// What is measured and how long.
struct Plan {
    peers: Vec<Peer>,
    rounds: u32,
    turn: Duration,
}

impl Plan {
    /// Runs every cell with every one of `peers`, round by round. `[cell][peer]` is what the rounds gave.
    fn run<Cell: Copy, Figure>(
        &self,
        peers: &[Peer],
        cells: &[Cell],
        run: impl Fn(Peer, Cell) -> io::Result<Figure>,
    ) -> io::Result<Vec<Vec<Vec<Figure>>>> {
        let bar = ProgressBar::new(cells.len() as u64 * u64::from(self.rounds) * peers.len() as u64);
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} turns, {eta} left").expect("a template"));
        let mut figures: Vec<Vec<Vec<Figure>>> =
            cells.iter().map(|_| peers.iter().map(|_| Vec::new()).collect()).collect();
        for (at, cell) in cells.iter().enumerate() {
            for _ in 0..self.rounds {
                for (peer_at, peer) in peers.iter().enumerate() {
                    let figure = again(|| run(*peer, *cell));
                    let figure = figure.map_err(|error| io::Error::other(format!("{peer}: {error}")))?;
                    figures[at][peer_at].push(figure);
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(figures)
    }
}

/// A machine may be busy with something else for a moment.
fn again<Figure>(run: impl Fn() -> io::Result<Figure>) -> io::Result<Figure> {
    run().or_else(|_| run()).or_else(|_| run())
}

/// The layer is measured as its examples show it.
fn build_examples() -> io::Result<()> {
    let cargo = option_env!("CARGO").map_or(Path::new("cargo"), Path::new);
    let status = Command::new(cargo)
        .args(["build", "--release", "-p", "tickwire-server", "--example", "ws_tick", "--example", "ws_echo"])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("the examples do not build")) }
}
