//! Bots that load a Tickwire server and check what they see.
//!
//! Each bot is a real client: its own connection, every frame decoded, every state hash compared with the server's.
//! The program that comes with this crate plays Arena. Another game brings a [`Behaviour`] and gets the rest:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use tickwire_bots::{Cli, behaviour::Idle};
//! # use tickwire_arena::Arena as MyGame;
//!
//! fn main() -> ExitCode {
//!     match tickwire_bots::run::<MyGame, _>(&Cli::from_args(), |_seed| Idle) {
//!         Ok(code) => code,
//!         Err(error) => {
//!             eprintln!("tickwire-bots: {error}");
//!             ExitCode::from(2)
//!         }
//!     }
//! }
//! ```
//!
//! ```text
//! cli        flags            -> Plan
//! swarm      knock, ramp, steady, leave   -> Total
//!   bot      one connection, and a Behaviour that plays it   -> Outcome
//!   measure  histograms and counters of one bot; merged, of all
//! report     Total -> Report -> table, JSON, exit code
//! link       a model of a bad link; proxy, a TCP proxy with it
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod authorities;
pub mod behaviour;
pub mod bot;
pub mod cli;
mod files;
pub mod link;
pub mod measure;
mod progress;
pub mod proxy;
pub mod report;
pub mod swarm;
pub mod units;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use thiserror::Error;
use tickwire_shared::Game;

pub use behaviour::Behaviour;
pub use cli::Cli;
use cli::{Command, ProxyArgs, SwarmArgs};
use proxy::{Proxy, ProxyError};
use report::table::Table;
use report::{Report, json};
pub use swarm::SwarmError;

/// Why nothing was done; the message is for the person who asked.
#[derive(Debug, Error)]
pub enum RunError {
    /// The swarm could not run.
    #[error(transparent)]
    Swarm(#[from] SwarmError),
    /// The proxy could not.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// No runtime.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// Does what the command line asks, with bots that play `G`; `behaviour` makes a bot's mind from its seed. Results go
/// to stdout, what happens meanwhile to stderr. Gives exit code 0 when all was well and 1 when not.
///
/// # Errors
/// It could not run; the message is for the person who asked, and exit code 2 is what they expect.
pub fn run<G, B>(cli: &Cli, behaviour: impl Fn(u64) -> B) -> Result<ExitCode, RunError>
where
    G: Game,
    B: Behaviour<G> + Send + 'static,
{
    match &cli.command {
        Command::Swarm(args) => Ok(run_swarm::<G, B>(args, behaviour)?),
        Command::Proxy(args) => run_proxy(args),
    }
}

fn run_swarm<G, B>(args: &SwarmArgs, behaviour: impl Fn(u64) -> B) -> Result<ExitCode, SwarmError>
where
    G: Game,
    B: Behaviour<G> + Send + 'static,
{
    let plan = args.plan(authorities::trust(args)?);
    files::enough_for(plan.bots)?;
    let json_file = open_json(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads.into())
        .enable_all()
        .build()
        .map_err(SwarmError::Runtime)?;
    let total = runtime.block_on(swarm::run::<G, B>(&plan, behaviour))?;
    let report = Report::new(G::NAME, &plan, &total);
    write_results(args, &report, json_file)?;
    Ok(if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_proxy(args: &ProxyArgs) -> Result<ExitCode, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Runtime)?;
    runtime.block_on(async {
        let proxy = Proxy::bind(args.listen, &args.to, args.conditions(), args.seed)?;
        let carried = proxy.carried();
        // a script that asked for port 0 reads this; if it does not, so be it
        let _ = writeln!(io::stdout().lock(), "{}", proxy.addr());
        eprintln!("to {}: {}; Ctrl-C ends it", args.to, args.conditions());
        tokio::select! {
            () = proxy.run() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        eprintln!("{}", carried.sentence());
        Ok(ExitCode::SUCCESS)
    })
}

/// Opened before the run, so that a wrong path does not cost one.
fn open_json(args: &SwarmArgs) -> Result<Option<File>, SwarmError> {
    match &args.json {
        Some(path) if !args.json_to_stdout() => {
            File::create(path).map(Some).map_err(|source| SwarmError::Results { path: path.clone(), source })
        }
        _ => Ok(None),
    }
}

fn write_results(args: &SwarmArgs, report: &Report, json_file: Option<File>) -> Result<(), SwarmError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SwarmError::Results { path, source }
    };
    let stdout = Path::new("stdout");
    if args.json_to_stdout() {
        eprint!("\n{}", Table(report));
        return json::write(report, &mut io::stdout().lock()).map_err(failed(stdout));
    }
    write!(io::stdout().lock(), "{}", Table(report)).map_err(failed(stdout))?;
    if let (Some(mut file), Some(path)) = (json_file, &args.json) {
        json::write(report, &mut file).map_err(failed(path))?;
    }
    Ok(())
}
