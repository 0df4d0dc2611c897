//! What the program does, command by command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use thiserror::Error;
use tickwire_shared::Game;
use tickwire_shared::native::ConnectError;

use crate::behaviour::Minds;
use crate::cli::{Cli, Command, CompareArgs, MergeArgs, Mode, ProxyArgs, RawArgs, SwarmArgs};
use crate::climb::ClimbError;
use crate::crew::{Connections, Players};
use crate::live::Live;
use crate::output::Output;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::proxy::{Proxy, ProxyError};
use crate::report::agree::{AgreeError, Agreement};
use crate::report::compare::Comparison;
use crate::report::{MergeError, RAW, Report, json};
use crate::scenario::{Scenario, ScenarioError};
use crate::scrape::{ScrapeError, Source};
use crate::swarm::{self, Onlooker, SwarmError};
use crate::target::Target;
use crate::threshold::{Scope, Undecidable};
use crate::worker::Crew;
use crate::{authorities, climb, files, say, start, stop};

/// Why nothing was done; the message is for the person who asked.
#[derive(Debug, Error)]
pub enum RunError {
    /// The swarm could not run.
    #[error(transparent)]
    Swarm(#[from] SwarmError),
    /// The scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A threshold asks for what the run cannot have.
    #[error("--threshold {0}")]
    Threshold(#[from] Undecidable),
    /// A search for no number.
    #[error(transparent)]
    Climb(#[from] ClimbError),
    /// The server's metrics are not there.
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
    /// The proxy could not listen.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Not a server for `raw`.
    #[error("{url} is no WebSocket server ({reason}); is the path right?")]
    NoWebSocket {
        /// What was given.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// Results that cannot be read.
    #[error("cannot read results from {}: {reason}; give a file that --json has written", file.display())]
    Results {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The results are not of one swarm.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The results are not of two runs that could agree.
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// No runtime.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// A whole program: does what its arguments say, with bots that have these minds.
#[must_use]
pub fn main<G: Game>(minds: Minds<G>) -> ExitCode {
    run(&Cli::from_args(), minds).unwrap_or_else(|error| {
        say::aside(format_args!("tickwire-bots: {error}"));
        // 1 is for a run that was not good
        ExitCode::from(2)
    })
}

/// Does what the command line asks, with bots that play `G`. Results go to stdout, what happens meanwhile to stderr.
/// Gives exit code 0 when all was well and 1 when not.
///
/// # Errors
/// It could not run; the message is for the person who asked, and exit code 2 is what they expect.
pub fn run<G: Game>(cli: &Cli, minds: Minds<G>) -> Result<ExitCode, RunError> {
    match &cli.command {
        Command::Swarm(args) => swarm(args, minds),
        Command::Capacity(args) => Ok(verdict(climb::run(args, minds)?)),
        Command::Raw(args) => raw(args),
        Command::Proxy(args) => proxy(args),
        Command::Compare(args) => compare(args),
        Command::Merge(args) => merge(args),
    }
}

fn swarm<G: Game>(args: &SwarmArgs, minds: Minds<G>) -> Result<ExitCode, RunError> {
    let scenario = args.scenario.as_ref().map(|file| Scenario::read(file, &minds.names())).transpose()?;
    let plan = args.plan(authorities::trust(&args.server.trust)?, scenario);
    plan.is_decidable(Scope::Game(&plan.groups, &plan.phases))?;
    let source = args.metrics.as_deref().map(Source::open).transpose()?;
    let output = Output::open(&args.results)?;
    let crew = Players::new(plan.clone(), minds);
    Ok(measure(G::NAME, &plan, Arc::new(crew), output, source)?)
}

fn raw(args: &RawArgs) -> Result<ExitCode, RunError> {
    let plan = args.plan(authorities::trust(&args.trust)?);
    plan.is_decidable(Scope::Raw { echoes: args.mode == Mode::Echo })?;
    let output = Output::open(&args.results)?;
    let (script, every, subprotocol) = (Arc::new(args.script()), args.every(), args.subprotocol.clone());
    let crew = Connections { plan: plan.clone(), script, every, subprotocol };
    measure(RAW, &plan, Arc::new(crew), output, None).map_err(|error| match error {
        SwarmError::Connect(ConnectError::NotTickwire { url, reason }) => RunError::NoWebSocket { url, reason },
        other => other.into(),
    })
}

fn measure(
    name: &str,
    plan: &Plan,
    crew: Arc<dyn Crew>,
    mut output: Output,
    mut source: Option<Source>,
) -> Result<ExitCode, SwarmError> {
    if plan.bots_max() == 0 {
        return Err(SwarmError::NobodyHere { part: plan.shard.number, of: plan.shard.of });
    }
    files::enough_for(plan.bots_max())?;
    if let Some(at) = plan.start_at {
        // who waits for the others learns now that the address is wrong, not then
        Target::find(&plan.url, &plan.trust.client_config())?.answers()?;
        start::wait(at);
    }
    let stop = stop::when_asked();
    let course = |onlooker: &mut dyn Onlooker| match &mut source {
        Some(source) => swarm::run(plan, crew, &mut source.beside(onlooker), stop),
        None => swarm::run(plan, crew, onlooker, stop),
    };
    let total = match Live::new(&mut output) {
        Ok(mut live) => course(&mut live)?,
        Err(output) => course(&mut Progress::new(output))?,
    };
    let server = source.and_then(|source| source.figures());
    let report = Report { server, ..Report::new(name, plan, &total) };
    output.write(&report)?;
    Ok(verdict(report.good))
}

fn proxy(args: &ProxyArgs) -> Result<ExitCode, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Runtime)?;
    runtime.block_on(async {
        let conditions = args.link.conditions();
        let proxy = Proxy::bind(args.listen, &args.to, conditions, args.seed)?;
        let carried = proxy.carried();
        // a script that asked for port 0 reads this
        say::result(format_args!("{}\n", proxy.addr()));
        say::aside(format_args!("to {}: {conditions}; Ctrl-C ends it", args.to));
        tokio::select! {
            () = proxy.run() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        say::aside(carried.sentence());
        Ok(ExitCode::SUCCESS)
    })
}

fn compare(args: &CompareArgs) -> Result<ExitCode, RunError> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    if let Some(bounds) = args.bounds() {
        let agreement = Agreement::of(&before, &after, bounds)?;
        say::result(&agreement);
        return Ok(verdict(agreement.is_trusted()));
    }
    let comparison = Comparison::of(&before, &after);
    say::result(&comparison);
    Ok(verdict(!comparison.is_worse()))
}

fn merge(args: &MergeArgs) -> Result<ExitCode, RunError> {
    let shards: Vec<Report> = args.shards.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
    let whole = Report::merged(&shards)?;
    // only now: what cannot be merged must not cost what was in the files
    let mut output = Output::open(&args.results)?;
    whole.series.iter().for_each(|second| output.line(second));
    output.write(&whole)?;
    Ok(verdict(whole.good))
}

fn read(file: &Path) -> Result<Report, RunError> {
    let failed = |reason: String| RunError::Results { file: file.to_owned(), reason };
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    json::read(&text).map_err(|error| failed(error.to_string()))
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
