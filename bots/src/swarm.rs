//! The swarm's course: one bot knocks, the others follow, all play, all leave.

use std::collections::BTreeMap;
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tickwire_shared::Game;
use tickwire_shared::native::{ConnectError, Trust, TrustError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::behaviour::Behaviour;
use crate::bot::{Bot, Failure, JOIN_TIMEOUT, Outcome, Phase, Tally};
use crate::measure::{Measure, Times};
use crate::progress::Progress;

/// How often the swarm looks at its bots.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// All bots have been told to leave and each takes a bounded time; this is for what nobody thought of.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked of a swarm.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server's session address.
    pub url: String,
    /// Whose certificates are taken over `wss://`.
    pub trust: Trust,
    /// How many bots, at least 1.
    pub bots: usize,
    /// How long to measure once all have joined.
    pub steady: Duration,
    /// Over how long the bots' joins are spread.
    pub ramp: Duration,
    /// Seed of the behaviours; bot `i` gets `seed + i`.
    pub seed: u64,
    /// Bot `i` is called this and `i`.
    pub name_prefix: String,
}

/// Why a swarm could not run.
#[derive(Debug, Error)]
pub enum SwarmError {
    /// Nobody there, or nobody who speaks Tickwire.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Somebody took the connection and said nothing.
    #[error(
        "{url} accepts connections but does not answer within {} s; is this a Tickwire server's session address, \
         one like ws://127.0.0.1:7777/ws?",
        JOIN_TIMEOUT.as_secs()
    )]
    Silent {
        /// What was given.
        url: String,
    },
    /// The file of authorities cannot be read.
    #[error("cannot read {}: {source}; --ca takes a PEM file of certificates", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The file of authorities has none.
    #[error("cannot trust what is in {}: {source}", file.display())]
    Trust {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: TrustError,
    },
    /// The system allows too few sockets.
    #[error(
        "{bots} bots need about {needed} open files and this shell allows {allowed}: run `ulimit -n {needed}` first, \
         or ask for fewer bots"
    )]
    TooFewFiles {
        /// Bots asked for.
        bots: usize,
        /// Files they need.
        needed: usize,
        /// Files there may be.
        allowed: usize,
    },
    /// No runtime.
    #[error("cannot start the threads that the bots run on: {0}")]
    Runtime(std::io::Error),
    /// The results have no place.
    #[error("cannot write the results to {}: {source}; choose another file with --json", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// What all bots together saw.
#[derive(Debug, Default)]
pub struct Total {
    /// Bots that got a seat.
    pub joined: usize,
    /// Reasons of failures, and how many bots had them.
    pub failures: BTreeMap<String, usize>,
    /// How long joining took.
    pub join_times: Times,
    /// What the bots measured.
    pub measure: Measure,
    /// State hashes compared.
    pub hashes_checked: u64,
    /// Those that differed.
    pub desyncs: u64,
    /// Bots that said goodbye in vain.
    pub left_hanging: usize,
    /// How long the steady phase was.
    pub steady: Duration,
    /// Somebody stopped the swarm before its time.
    pub stopped: bool,
}

impl Total {
    /// Bots that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    /// Adds what became of one bot.
    pub fn add(&mut self, outcome: &Outcome) {
        if let Some(joined_after) = outcome.joined_after {
            self.joined += 1;
            self.join_times.record(joined_after);
        }
        if let Some(failure) = &outcome.failure {
            *self.failures.entry(failure.to_string()).or_default() += 1;
        }
        self.measure.merge(&outcome.measure);
        self.hashes_checked += outcome.hashes_checked;
        self.desyncs += outcome.desyncs;
        self.left_hanging += usize::from(outcome.left_hanging);
    }
}

/// Runs a swarm to its end. `behaviour` makes a bot's mind from its seed.
///
/// # Errors
/// The first bot found no server; nothing was measured.
pub async fn run<G, B>(plan: &Plan, behaviour: impl Fn(u64) -> B) -> Result<Total, SwarmError>
where
    G: Game,
    B: Behaviour<G> + Send + 'static,
{
    let first = knock::<G>(plan).await?;
    let mut swarm = Swarm::new(plan);
    let stopped = tokio::select! {
        () = swarm.course(first, behaviour) => false,
        // without a handler there is nothing to wait for: the default action ends us
        Ok(()) = tokio::signal::ctrl_c() => true,
    };
    Ok(swarm.end(stopped).await)
}

/// The first bot finds out whether there is a server at all, so that one sentence says it and not two hundred.
async fn knock<G: Game>(plan: &Plan) -> Result<Result<Bot<G>, Failure>, SwarmError> {
    match Bot::join(&plan.url, &plan.trust, plan.name(0)).await {
        Err(Failure::Connect(error)) => Err(error.into()),
        Err(Failure::Silent) => Err(SwarmError::Silent { url: plan.url.clone() }),
        other => Ok(other),
    }
}

impl Plan {
    fn name(&self, index: usize) -> String {
        format!("{}{index}", self.name_prefix)
    }
}

struct Swarm<'a> {
    plan: &'a Plan,
    phase: watch::Sender<Phase>,
    tally: Arc<Tally>,
    bots: JoinSet<Outcome>,
    progress: Progress,
    steady_since: Option<Instant>,
}

impl<'a> Swarm<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            phase: watch::Sender::new(Phase::Joining),
            tally: Arc::default(),
            bots: JoinSet::new(),
            progress: Progress::new(plan.bots, plan.steady),
            steady_since: None,
        }
    }

    /// Ramp, then the steady phase. May be dropped at any await.
    async fn course<G: Game, B: Behaviour<G> + Send + 'static>(
        &mut self,
        first: Result<Bot<G>, Failure>,
        behaviour: impl Fn(u64) -> B,
    ) {
        self.ramp(first, behaviour).await;
        self.settled().await;
        if self.tally.joined() > 0 {
            self.steady().await;
        }
    }

    async fn ramp<G: Game, B: Behaviour<G> + Send + 'static>(
        &mut self,
        first: Result<Bot<G>, Failure>,
        behaviour: impl Fn(u64) -> B,
    ) {
        let start = tokio::time::Instant::now();
        let step = self.plan.ramp.div_f64(self.plan.bots as f64);
        let seed = self.plan.seed;
        // the bot that knocked goes on to play
        self.send_out(0, ready(first), behaviour(seed));
        for index in 1..self.plan.bots {
            sleep_until(start + step.mul_f64(index as f64)).await;
            let (url, trust, name) = (self.plan.url.clone(), self.plan.trust.clone(), self.plan.name(index));
            let joining = async move { Bot::join(&url, &trust, name).await };
            self.send_out(index, joining, behaviour(seed.wrapping_add(index as u64)));
            self.progress.joining(&self.tally);
        }
    }

    fn send_out<G: Game, B: Behaviour<G> + Send + 'static>(
        &mut self,
        index: usize,
        joining: impl Future<Output = Result<Bot<G>, Failure>> + Send + 'static,
        behaviour: B,
    ) {
        let (mut phase, tally) = (self.phase.subscribe(), Arc::clone(&self.tally));
        self.bots.spawn(async move {
            let joined = tokio::select! {
                biased;
                joined = joining => joined,
                _ = phase.wait_for(|phase| *phase == Phase::Leaving) => return Outcome::default(),
            };
            match joined {
                Ok(bot) => bot.play(index, behaviour, phase, &tally).await,
                Err(failure) => {
                    tally.add_turned_away();
                    Outcome::failed(failure)
                }
            }
        });
    }

    /// Waits until each bot has its seat or knows that it gets none.
    async fn settled(&mut self) {
        // joining is bounded, so this ends by itself unless a bot panicked
        let deadline = Instant::now() + JOIN_TIMEOUT + END_TIMEOUT;
        while self.tally.settled() < self.plan.bots && Instant::now() < deadline {
            self.progress.joining(&self.tally);
            sleep(LOOK_INTERVAL).await;
        }
        self.progress.joining(&self.tally);
    }

    async fn steady(&mut self) {
        let since = Instant::now();
        self.steady_since = Some(since);
        self.phase.send_replace(Phase::Steady);
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while since.elapsed() < self.plan.steady && self.tally.failed() < self.plan.bots {
            looks.tick().await;
            self.progress.steady(since.elapsed(), &self.tally);
        }
    }

    /// All leave, and tell what they saw.
    async fn end(mut self, stopped: bool) -> Total {
        self.progress.leaving();
        let steady = self.steady_since.map(|since| since.elapsed()).unwrap_or_default();
        let mut total = Total { stopped, steady, ..Total::default() };
        self.phase.send_replace(Phase::Leaving);
        let gather = async {
            while let Some(outcome) = self.bots.join_next().await {
                // we never abort a bot, so this is a panic, and its message is on stderr already
                let outcome = outcome.unwrap_or_else(|_| Outcome::failed(Failure::Panicked));
                total.add(&outcome);
            }
        };
        let _ = timeout(END_TIMEOUT, gather).await;
        self.progress.done();
        total
    }
}
