//! The swarm's course: one bot knocks, the others follow, phase by phase, and all leave.
//!
//! ```text
//! conductor: Plan -> phases -> acts --> workers: bots      one thread each
//!            Total <- series, failures <-- News
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::Waker;
use thiserror::Error;
use tickwire_shared::native::{ConnectError, TrustError};

use crate::measure::Measure;
use crate::noise::Noise;
use crate::plan::{Plan, Population, Shard, What};
use crate::report::Second;
use crate::room::Ticks;
use crate::session::{Failure, JOIN_TIMEOUT, Own, Sight};
use crate::target::Target;
use crate::worker::{Act, Crew, News, Order, REPORT_INTERVAL, Reckoning, Setup, Tally, Worker};

/// How often the conductor looks around.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// What was measured in a second is there so soon: in the middle between the workers' reports.
const REPORTED_WITHIN: Duration = Duration::from_millis(500);
/// All bots have been told to leave and each takes a bounded time; this is for what nobody thought of.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a swarm could not run.
#[derive(Debug, Error)]
pub enum SwarmError {
    /// Nobody there, or nobody who speaks Tickwire.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Somebody took the connection and said nothing.
    #[error(
        "{url} accepts connections but does not answer within {} s; is this a Tickwire server's session address?",
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
    /// There are more parts than bots.
    #[error("there is nobody in part {part}/{of}: take fewer parts, or more bots")]
    NobodyHere {
        /// Which part.
        part: usize,
        /// Of how many.
        of: usize,
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
    /// No threads, or no polls.
    #[error("cannot start the threads that the bots run on: {0}")]
    Threads(std::io::Error),
    /// The results have no place.
    #[error("cannot write the results to {}: {source}; choose another file with {flag}", path.display())]
    Results {
        /// Which asked for it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// What all bots together saw.
#[derive(Debug, Default)]
pub struct Total {
    /// Seats that were given.
    pub joined: usize,
    /// Most bots that should have been there at a time.
    pub wanted: usize,
    /// Reasons of failures, and how many bots had them.
    pub failures: BTreeMap<String, usize>,
    /// What the bots measured.
    pub measure: Measure,
    /// Whether it was quiet meanwhile.
    pub noise: Noise,
    /// What the clients checked.
    pub sight: Sight,
    /// Bots that said goodbye in vain.
    pub left_hanging: usize,
    /// Connections that ended because their bots misbehaved.
    pub chaos_ends: usize,
    /// Bots that came back to their seats.
    pub resumed: usize,
    /// Bots that came back and whose seats were not there.
    pub seats_lost: usize,
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// How long it was measured.
    pub steady: Duration,
    /// Somebody stopped the swarm before its time.
    pub stopped: bool,
    /// Second by second.
    pub series: Vec<Second>,
    /// What happened when.
    pub phases: Vec<(&'static str, Duration, Duration)>,
    /// Each bot's own figures.
    pub bots: Vec<(usize, Own)>,
    /// Ticks of rooms.
    pub ticks: BTreeMap<u64, Ticks>,
}

impl Total {
    /// Bots that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    /// Adds what became of a thread's bots.
    pub fn reckon(&mut self, reckoning: Reckoning) {
        self.sight.add(&reckoning.sight);
        self.resumed += reckoning.resumed;
        self.seats_lost += reckoning.seats_lost;
        self.left_hanging += reckoning.left_hanging;
        self.chaos_ends += reckoning.chaos_ends;
        self.bots.extend(reckoning.bots);
        for (room, ticks) in reckoning.ticks {
            self.ticks.entry(room).or_default().merge(&ticks);
        }
    }

    fn fail(&mut self, failure: &Failure) {
        *self.failures.entry(failure.to_string()).or_default() += 1;
    }
}

/// Who looks on while a swarm runs.
pub trait Onlooker {
    /// A phase begins: its number, what it is and how long it takes at least; `joining` bots are on their way.
    fn phase(&mut self, what: &What, wanted: usize);

    /// A moment later.
    fn look(&mut self, scene: &Scene<'_>);

    /// A second of the run is over.
    fn second(&mut self, _second: &Second) {}

    /// All leave.
    fn leaving(&mut self);

    /// It is over.
    fn done(&mut self);
}

/// What an onlooker sees.
pub struct Scene<'a> {
    /// Counters.
    pub tally: &'a Tally,
    /// Bots that should have a seat by now.
    pub wanted: usize,
    /// Since the phase began.
    pub elapsed: Duration,
    /// Of the phase.
    pub length: Duration,
    /// What was measured so far.
    pub total: &'a Total,
}

/// Runs a swarm to its end, or until `stop` is set.
///
/// # Errors
/// The first bot found no server; nothing was measured.
pub fn run(
    plan: &Plan,
    crew: Arc<dyn Crew>,
    onlooker: &mut dyn Onlooker,
    stop: Arc<AtomicBool>,
) -> Result<Total, SwarmError> {
    let target = Arc::new(Target::find(&plan.url, &plan.trust.client_config())?);
    let mut swarm = Swarm::start(plan, &target, &crew, stop)?;
    if let Err(error) = swarm.knock(&plan.url) {
        swarm.end(onlooker);
        return Err(error);
    }
    swarm.course(plan, onlooker);
    Ok(swarm.end(onlooker))
}

struct Swarm {
    epoch: Instant,
    threads: Vec<JoinHandle<()>>,
    orders: Vec<(Sender<Order>, Waker)>,
    news: Receiver<News>,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    total: Total,
    /// Of the second that is not over.
    current: Box<Measure>,
    /// Something of it has come.
    is_told: bool,
    point_due: Duration,
    measuring: bool,
    first_failure: Option<Failure>,
    shard: Shard,
    done: usize,
    /// Seconds that the onlooker has seen.
    shown: usize,
    leaving: bool,
}

impl Swarm {
    fn start(
        plan: &Plan,
        target: &Arc<Target>,
        crew: &Arc<dyn Crew>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, SwarmError> {
        let (epoch, tally) = (Instant::now(), Arc::<Tally>::default());
        let (news_in, news) = mpsc::channel();
        let (mut threads, mut orders) = (Vec::new(), Vec::new());
        for number in 0..plan.threads {
            let (order, obey) = mpsc::channel();
            let setup = Setup {
                number,
                workers: plan.threads,
                shard: plan.shard,
                epoch,
                target: Arc::clone(target),
                crew: Arc::clone(crew),
                tally: Arc::clone(&tally),
                orders: obey,
                news: news_in.clone(),
            };
            let (thread, waker) = Worker::start(setup).map_err(SwarmError::Threads)?;
            threads.push(thread);
            orders.push((order, waker));
        }
        Ok(Self {
            epoch,
            threads,
            orders,
            news,
            tally,
            stop,
            total: Total { wanted: plan.bots_max(), began_unix_ms: unix_ms(), ..Total::default() },
            current: Box::default(),
            is_told: false,
            point_due: REPORT_INTERVAL + REPORTED_WITHIN,
            measuring: false,
            first_failure: None,
            shard: plan.shard,
            done: 0,
            shown: 0,
            leaving: false,
        })
    }

    /// The first bot finds out whether there is a server at all, so that one sentence says it and not two hundred.
    fn knock(&mut self, url: &str) -> Result<(), SwarmError> {
        self.order([(self.now(), self.knocker(), Act::Join)]);
        while self.tally.settled() == 0 && self.first_failure.is_none() && !self.is_stopped() {
            self.hear(Duration::from_millis(5));
            if self.threads.iter().all(JoinHandle::is_finished) {
                break;
            }
        }
        // counted first, told then
        while self.tally.seated() == 0 && self.tally.failed() > 0 && self.first_failure.is_none() {
            self.hear(LOOK_INTERVAL);
        }
        match self.first_failure.take() {
            Some(Failure::Connect(error)) => Err(error.into()),
            Some(Failure::NoWebSocket { reason }) => {
                Err(ConnectError::NotTickwire { url: url.to_owned(), reason }.into())
            }
            Some(Failure::Silent) => Err(SwarmError::Silent { url: url.to_owned() }),
            Some(other) => {
                self.total.fail(&other);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn course(&mut self, plan: &Plan, onlooker: &mut dyn Onlooker) {
        let mut population = Population::knocked(plan.seed);
        let mut wanted = 1;
        for phase in &plan.phases {
            let start = self.now();
            let mut acts = population.acts(&phase.what, start);
            acts.retain(|(_, bot, act)| plan.shard.has(*bot) && (*bot, *act) != (self.knocker(), Act::Join));
            wanted += acts.iter().filter(|(.., act)| matches!(act, Act::Join | Act::Return)).count();
            onlooker.phase(&phase.what, population.present().div_ceil(plan.shard.of));
            self.measure(phase.measured);
            self.total.noise.calm(phase.measured && phase.what.is_calm(), start);
            self.order(acts);
            let length = phase.what.length();
            // joining is bounded, so this ends by itself unless a bot's thread panicked
            let deadline = start + length + JOIN_TIMEOUT + END_TIMEOUT;
            loop {
                // who waits for joins that take longer waits as well: a conductor that spins takes the bots' processor
                let left = Some((start + length).saturating_sub(self.now())).filter(|left| !left.is_zero());
                self.hear(LOOK_INTERVAL.min(left.unwrap_or(LOOK_INTERVAL)));
                self.show(onlooker);
                let (now, tally) = (self.now(), &self.tally);
                onlooker.look(&Scene { tally, wanted, elapsed: now - start, length, total: &self.total });
                // a ramp is over when each bot has its seat or knows that it gets none
                let is_settled = tally.settled() >= wanted || !matches!(phase.what, What::Ramp { .. });
                let is_over = now >= start + length && is_settled || now >= deadline;
                let nobody_left = tally.settled() >= wanted && tally.playing() == 0;
                if is_over || self.is_stopped() || (nobody_left && !matches!(phase.what, What::Storm { .. })) {
                    break;
                }
            }
            let end = self.now();
            self.total.phases.push((phase.what.name(), start, end));
            if phase.measured {
                self.total.steady += end - start;
            }
            if self.is_stopped() || self.tally.settled() >= wanted && self.tally.playing() == 0 {
                break;
            }
        }
        self.total.stopped = self.is_stopped();
        self.measure(false);
        // who leaves is in no curve; a moment of which nobody has told yet would be a server that sends nothing
        if self.is_told {
            self.point();
        }
        self.show(onlooker);
    }

    /// All leave, and tell what they saw.
    fn end(mut self, onlooker: &mut dyn Onlooker) -> Total {
        onlooker.leaving();
        self.leaving = true;
        self.tell(&Order::End);
        let deadline = Instant::now() + END_TIMEOUT;
        while self.done < self.threads.len() && Instant::now() < deadline {
            self.hear(LOOK_INTERVAL);
            if self.threads.iter().all(JoinHandle::is_finished) {
                self.hear(Duration::ZERO);
                break;
            }
        }
        let busy = self.threads.iter().filter(|thread| !thread.is_finished()).count();
        for thread in self.done..self.threads.len() {
            // who panicked has said so on stderr already
            self.total.fail(if thread - self.done < busy { &Failure::TooBusy } else { &Failure::Panicked });
        }
        self.total.measure.merge(&std::mem::take(&mut self.current));
        self.starved();
        self.total.joined = self.tally.seated();
        onlooker.done();
        self.total
    }

    /// Bots that were measured for long, and of which nothing was seen.
    fn starved(&mut self) {
        let starved = self.total.bots.iter().filter(|(_, own)| own.frames == 0 && own.measured >= STARVED_AFTER);
        for _ in 0..starved.count() {
            self.total.fail(&Failure::Starved);
        }
    }

    /// Waits for news at most so long, and takes all that there is.
    fn hear(&mut self, timeout: Duration) {
        let mut news = self.news.recv_timeout(timeout).ok();
        while let Some(told) = news {
            match told {
                News::Measured(measure) => {
                    self.current.merge(&measure);
                    self.is_told = true;
                }
                News::Failed(bot, failure)
                    if bot == self.knocker() && self.tally.seated() == 0 && self.first_failure.is_none() =>
                {
                    self.first_failure = Some(failure);
                }
                News::Failed(_, failure) => self.total.fail(&failure),
                News::Done(reckoning) => {
                    self.done += 1;
                    self.total.reckon(*reckoning);
                }
            }
            news = self.news.try_recv().ok();
        }
        while self.now() >= self.point_due {
            if !self.leaving {
                self.point();
            }
            self.point_due += REPORT_INTERVAL;
        }
    }

    fn point(&mut self) {
        let measure = std::mem::take(&mut self.current);
        self.is_told = false;
        self.total.measure.merge(&measure);
        if self.measuring {
            let began = self.point_due.saturating_sub(REPORT_INTERVAL + REPORTED_WITHIN);
            self.total.noise.second(began, &measure);
        }
        // of hours only the figures can be kept, not what they were made of
        let bots = (self.tally.playing(), self.tally.failed());
        let second = Second::of(self.now(), bots, self.measuring, &measure);
        self.total.series.push(second);
    }

    /// Shows the seconds that are over and were not shown.
    fn show(&mut self, onlooker: &mut dyn Onlooker) {
        for second in &self.total.series[self.shown..] {
            onlooker.second(second);
        }
        self.shown = self.total.series.len();
    }

    fn measure(&mut self, on: bool) {
        if self.measuring != on {
            self.measuring = on;
            if on {
                self.total.noise.begin();
            } else {
                self.total.noise.end(self.threads.len());
            }
            self.tell(&Order::Measure(on));
        }
    }

    fn order(&self, acts: impl IntoIterator<Item = (Duration, usize, Act)>) {
        for (due, bot, act) in acts {
            // a thread that panicked is told of in the end
            let _ = self.orders[self.shard.place(bot) % self.orders.len()].0.send(Order::Act(due, bot, act));
        }
        self.wake();
    }

    fn tell(&self, order: &Order) {
        for (orders, _) in &self.orders {
            let _ = orders.send(order.clone());
        }
        self.wake();
    }

    fn wake(&self) {
        for (_, waker) in &self.orders {
            let _ = waker.wake();
        }
    }

    /// The first bot of this shard.
    fn knocker(&self) -> usize {
        self.shard.number
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// Who got no frame for so long, the whole measured time, has not played.
const STARVED_AFTER: Duration = Duration::from_millis(900);
