//! The command `capacity`: swarms of more and more bots, and what they came to.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use thiserror::Error;
use tickwire_shared::Game;
use tickwire_shared::native::Trust;

use crate::behaviour::Minds;
use crate::capacity::{Answer, Ceiling, Search, Trial, longest};
use crate::cli::CapacityArgs;
use crate::commands::RunError;
use crate::crew::Players;
use crate::plan::What;
use crate::report::{Report, noise_sentence};
use crate::session::Failure;
use crate::swarm::{Onlooker, Scene, SwarmError};
use crate::threshold::{Scope, Verdict};
use crate::{authorities, files, output, say, stop, swarm};

/// Counts that a late swarm does not spoil.
const HARD: [&str; 5] = ["failed", "joined", "desyncs", "wrong_spawns", "seats_lost"];

/// Why there is nothing to search.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ClimbError {
    /// The most are fewer than the first.
    #[error("--from {from} is more than --most {most}; begin with fewer, or allow more")]
    Upside {
        /// The first.
        from: u64,
        /// The most.
        most: u64,
    },
    /// It would end before the first run has.
    #[error(
        "--end-within is too short: a run with {bots} bots takes {needed_s} s; give it more, or a run less (--seconds, \
         --warm-up, --from)"
    )]
    TooShort {
        /// Of the first run.
        bots: u64,
        /// What that takes.
        needed_s: u64,
    },
}

/// All that was tried, for programs.
#[derive(Serialize)]
struct Climb<'a> {
    game: &'a str,
    url: String,
    /// None when not even the fewest held, or nothing is known.
    holds: Option<usize>,
    /// Whether more failed, so that this is all that it holds.
    is_all: bool,
    sentence: &'a str,
    trials: Vec<Tried>,
}

/// A swarm of so many.
#[derive(Serialize)]
struct Tried {
    bots: usize,
    trial: Trial,
    why: String,
    thresholds: Vec<Verdict>,
    /// Why its figures are to be doubted.
    noise: Option<String>,
    #[serde(skip)]
    stopped: bool,
}

/// Finds the number and says it. Gives whether there is one.
pub(crate) fn run<G: Game>(args: &CapacityArgs, minds: Minds<G>) -> Result<bool, RunError> {
    check(args)?;
    let trust = authorities::trust(&args.server.trust)?;
    let plan = args.plan(trust.clone(), 1);
    plan.is_decidable(Scope::Game(&plan.groups, &plan.phases))?;
    let json = args.json.as_ref().map(|path| output::create("--json", path)).transpose()?;
    let minds = Arc::new(minds);
    let mut search = Search::new(args.first() as usize, args.most as usize, args.repeat as usize);
    let mut clock = Clock::start(args, &search);
    let (mut trials, mut end) = (Vec::new(), None);
    while let Some(bots) = search.next() {
        if let Some(why) = clock.refuses(args.run_time(bots)) {
            end = Some(why.to_owned());
            break;
        }
        let tried = match try_with(args, &trust, &minds, bots, &mut clock) {
            Err(error) if trials.is_empty() => return Err(error.into()),
            // the server is gone, perhaps by what the last trial did to it
            Err(error) => {
                end = Some(format!("with {bots}: {error}"));
                break;
            }
            Ok(tried) => tried,
        };
        say::aside(format_args!("{bots:>7} bots: {}", tried.why));
        if tried.stopped {
            end = Some(clock.refuses(Duration::ZERO).unwrap_or(STOPPED).to_owned());
            break;
        }
        search.tried(bots, tried.trial);
        trials.push(tried);
    }
    let (answer, game) = (search.answer(), G::NAME);
    let sentence = match (&end, answer) {
        (Some(end), Answer::Holds(bots) | Answer::AtLeast(bots, _)) => {
            format!("this server held {bots} players of {game} once; {end}")
        }
        (Some(end), Answer::Nothing | Answer::Unknown) => {
            format!("it is not known how many players of {game} this server holds; {end}")
        }
        (None, answer) => sentence(answer, game),
    };
    let holds = match answer {
        Answer::Holds(bots) | Answer::AtLeast(bots, _) => Some(bots),
        Answer::Nothing | Answer::Unknown => None,
    };
    if let Some((path, mut file)) = json {
        let is_all = end.is_none() && matches!(answer, Answer::Holds(_));
        let climb = Climb { game, url: args.server.url(None), holds, is_all, sentence: &sentence, trials };
        let written = serde_json::to_writer_pretty(&mut file, &climb).map_err(io::Error::from);
        let failed = |source| SwarmError::Results { flag: "--json", path, source };
        written.and_then(|()| writeln!(file)).map_err(failed)?;
    }
    say::result(format_args!("{sentence}\n"));
    Ok(end.is_none() && holds.is_some())
}

/// Whether there is anything to search, and time for it.
fn check(args: &CapacityArgs) -> Result<(), ClimbError> {
    let (bots, most) = (args.first(), args.most);
    if bots > most {
        return Err(ClimbError::Upside { from: bots, most });
    }
    let needed = args.run_time(bots as usize);
    if args.end_within.is_some_and(|end| end < needed) {
        return Err(ClimbError::TooShort { bots, needed_s: needed.as_secs_f64().ceil() as u64 });
    }
    Ok(())
}

fn sentence(answer: Answer, game: &str) -> String {
    match answer {
        Answer::Holds(bots) => format!("this server holds {bots} players of {game}"),
        Answer::AtLeast(bots, Ceiling::Asked) => {
            format!("this server holds at least {bots} players of {game}: more were not asked for (--most)")
        }
        Answer::AtLeast(bots, Ceiling::Swarm) => format!(
            "this server holds at least {bots} players of {game}; beyond that the swarm was the limit (take more \
             --threads, or another machine)"
        ),
        Answer::Nothing => format!("this server does not hold one player of {game} within the thresholds"),
        Answer::Unknown => format!(
            "it is not known how many players of {game} this server holds: the swarm was the limit with any number \
             (take another machine)"
        ),
    }
}

/// Why no more was tried.
const OVER: &str = "there was no time for more (--end-within)";
const STOPPED: &str = "then it was stopped";

/// Ends the search in time: also in the middle of a run.
struct Clock {
    /// None when nobody set one: what was told of the time is no promise of the server's.
    deadline: Option<Instant>,
    stop: Arc<AtomicBool>,
}

impl Clock {
    /// Says how long it will take.
    fn start(args: &CapacityArgs, search: &Search) -> Self {
        let most = longest(search, |bots| args.run_time(bots));
        let whole = args.end_within.map_or(most, |end| end.min(most));
        let (from, most) = search.range();
        let (quickest, slowest) = (args.run_time(from).as_secs(), args.run_time(most).as_secs());
        say::aside(format_args!(
            "runs with {from} to {most} bots, of {quickest} to {slowest} s each; done in {}{}",
            minutes(whole),
            if args.end_within.is_some() { " at the latest" } else { " at most, unless joins hang" }
        ));
        Self { deadline: args.end_within.map(|_| Instant::now() + whole), stop: stop::when_asked() }
    }

    /// Why there is to be no run that takes so long.
    fn refuses(&self, run: Duration) -> Option<&'static str> {
        let is_stopped = self.stop.load(Ordering::Relaxed);
        let is_over = self.deadline.is_some_and(|deadline| Instant::now() + run > deadline);
        is_over.then_some(OVER).or(is_stopped.then_some(STOPPED))
    }
}

impl Onlooker for Clock {
    fn phase(&mut self, _what: &What, _wanted: usize) {}

    fn look(&mut self, _scene: &Scene<'_>) {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn leaving(&mut self) {}
    fn done(&mut self) {}
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

fn try_with<G: Game>(
    args: &CapacityArgs,
    trust: &Trust,
    minds: &Arc<Minds<G>>,
    bots: usize,
    clock: &mut Clock,
) -> Result<Tried, SwarmError> {
    let plan = args.plan(trust.clone(), bots);
    files::enough_for(plan.bots_max())?;
    let (stop, crew) = (Arc::clone(&clock.stop), Arc::new(Players::sharing(plan.clone(), Arc::clone(minds))));
    let total = swarm::run(&plan, crew, clock, stop)?;
    let report = Report::new(G::NAME, &plan, &total);
    let failed: Vec<&Verdict> = report.thresholds.iter().filter(|verdict| !verdict.holds).collect();
    let hard = failed.iter().find(|verdict| HARD.iter().any(|count| verdict.threshold.starts_with(count)));
    let (trial, why) = match hard.or(failed.first()) {
        _ if report.stopped_early => (Trial::Fails, "stopped".to_owned()),
        // a swarm that is late sees no wrong state for that
        _ if report.desyncs + report.wrong_spawns > 0 => {
            let (desyncs, spawns) = (report.desyncs, report.wrong_spawns);
            (Trial::Fails, format!("{desyncs} wrong states, {spawns} wrong spawns"))
        }
        Some(_) if was_busy(&report) || hard.is_none() && report.swarm_was_the_limit => {
            (Trial::SwarmLimited, "the swarm was the limit".to_owned())
        }
        Some(verdict) => {
            let value = verdict.value.map_or("not measured".to_owned(), |value| format!("{value:.1}"));
            (Trial::Fails, format!("{} fails ({value})", verdict.threshold))
        }
        // nobody need ask for what makes every run a bad one
        None if report.failed > 0 => (Trial::Fails, format!("{} bots failed: {}", report.failed, reason(&report))),
        None if !report.good => (Trial::Fails, report.findings.first().cloned().unwrap_or_default()),
        None => (Trial::Holds, "holds".to_owned()),
    };
    let (noise, stopped) = (noise_sentence(&report), report.stopped_early);
    Ok(Tried { bots, trial, why, thresholds: report.thresholds, noise, stopped })
}

/// Whether bots failed by what the swarm did not get done.
fn was_busy(report: &Report) -> bool {
    report.failures.iter().any(|failure| failure.reason == Failure::TooBusy.to_string())
}

fn reason(report: &Report) -> &str {
    report.failures.first().map_or("nobody knows why", |reason| &reason.reason)
}
