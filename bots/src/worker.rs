//! One thread of bots: a poll, their sockets, their timers.
//!
//! ```text
//! conductor -- Order --> worker: timers due | sockets ready | the second is over -- News --> conductor
//! ```
//! Thousands of bots share it, so it looks at the clock and asks for what came between every few sockets: a burst of
//! frames must not make the bots' own ticks late, nor the times that are written down. What came is served in order,
//! and each message counts from when it was known to be there, however many lie before it: how long it took to decode
//! those is not the server's doing.

mod arrivals;
mod bot;
mod ground;
mod timers;

use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use tickwire_shared::Rng;
use tickwire_shared::delta::StatePool;

use crate::link::Conditions;
use crate::measure::Measure;
use crate::plan::Shard;
use crate::room::{Rooms, Ticks};
use crate::session::{Failure, Own, Session, Sight};
use crate::target::Target;
use bot::{Bot, LOST, Way};
use ground::Ground;
use timers::{Cause, Timers};

/// The orders' token; bots have their own numbers.
const ORDERS: Token = Token(usize::MAX);
/// Sockets that are served before the clock is looked at again.
const SOCKETS_A_LOOK: usize = 32;
/// Bots whose ticks are due together and that speak one after the other.
const SPEAKERS_MAX: usize = 32;
/// What was said does not wait for longer while others think.
const SPEAKS_WITHIN: Duration = Duration::from_millis(1);
const EVENTS_MAX: usize = 512;
/// A frame may wait so long for its turn: less than a tick at 30 Hz, so the next one finds its bot ready. Its time is
/// known; only the bot's answer is late, no more than that of a page that draws 50 pictures a second.
const SERVED_WITHIN: Duration = Duration::from_millis(20);
/// A poll that takes longer has slept.
const WOKEN: Duration = Duration::from_micros(50);
/// The thread measures how late it is even when no bot ticks.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);
/// What is measured is handed over so often.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What a bot is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// Connect and take a seat, as a newcomer.
    Join,
    /// Come back after the connection broke: to the seat, where it is held.
    Return,
    /// Say goodbye.
    Leave,
    /// Break the connection without a word.
    Break,
    /// Stop reading.
    Pause,
    /// Read again.
    Resume,
}

/// From the conductor.
#[derive(Clone, Debug)]
pub enum Order {
    /// What is to be done, and when it is due.
    Act(Duration, usize, Act),
    /// Write down what is seen, or do not.
    Measure(bool),
    /// All leave, and the thread ends.
    End,
}

/// To the conductor.
#[derive(Debug)]
pub enum News {
    /// What was measured since the last of these.
    Measured(Box<Measure>),
    /// A bot failed.
    Failed(usize, Failure),
    /// The thread is done.
    Done(Box<Reckoning>),
}

/// What became of a thread's bots.
#[derive(Debug, Default)]
pub struct Reckoning {
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
    /// Bots whose measured time there was, each with its figures.
    pub bots: Vec<(usize, Own)>,
    /// Which ticks came to anybody, by room.
    pub ticks: Vec<(u64, Ticks)>,
}

/// How many bots are where; written by the workers, read by the conductor.
#[derive(Debug, Default)]
pub struct Tally {
    /// Seats taken, one for each join.
    pub seated: AtomicUsize,
    /// Bots that have a seat now.
    pub playing: AtomicUsize,
    /// Joins that came to nothing.
    pub turned_away: AtomicUsize,
    /// Seats that were lost.
    pub lost: AtomicUsize,
}

impl Tally {
    /// Joins that have come to an end.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.seated() + self.turned_away.load(Ordering::Relaxed)
    }

    /// Seats that were given.
    #[must_use]
    pub fn seated(&self) -> usize {
        self.seated.load(Ordering::Relaxed)
    }

    /// Bots that play now.
    #[must_use]
    pub fn playing(&self) -> usize {
        self.playing.load(Ordering::Relaxed)
    }

    /// Bots that got no seat or lost it.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.turned_away.load(Ordering::Relaxed) + self.lost.load(Ordering::Relaxed)
    }
}

/// Who the bots are.
pub trait Crew: Send + Sync {
    /// The conversation of bot `index`, made anew for each connection, on the thread that holds it and has this pool.
    ///
    /// # Errors
    /// There can be no such bot.
    fn session(&self, index: usize, pool: &StatePool) -> Result<Box<dyn Session>, Failure>;

    /// Its link.
    fn link(&self, index: usize) -> Conditions;

    /// Where all of its dice come from.
    fn seed(&self, index: usize) -> u64;
}

/// What a worker is made of.
pub struct Setup {
    /// Which of them it is: a bot's place in its shard, modulo how many there are, says on which it is.
    pub number: usize,
    /// How many.
    pub workers: usize,
    /// Which bots are here.
    pub shard: Shard,
    /// The moment that all times count from.
    pub epoch: Instant,
    /// The server.
    pub target: Arc<Target>,
    /// The bots.
    pub crew: Arc<dyn Crew>,
    /// Counters.
    pub tally: Arc<Tally>,
    /// From the conductor.
    pub orders: Receiver<Order>,
    /// To the conductor.
    pub news: Sender<News>,
}

/// See the module.
pub struct Worker {
    setup: Setup,
    poll: Poll,
    bots: Vec<Option<Bot>>,
    timers: Timers,
    acts: BinaryHeap<std::cmp::Reverse<(Duration, usize, Act)>>,
    ground: Ground,
    /// What this thread's players have decoded.
    pool: StatePool,
    probe_due: Duration,
    report_due: Duration,
    /// Bots that have something to do, once each.
    waiting: VecDeque<usize>,
    /// Bots that have ticked, and what they said has not left.
    speakers: Vec<usize>,
    /// When the poll was last asked and told all that there was: what it tells next came later.
    all_told: Duration,
    ending: bool,
}

impl Worker {
    /// A worker on a thread of its own, and what wakes it when there are orders.
    ///
    /// # Errors
    /// The system has no poll or no thread.
    pub fn start(setup: Setup) -> io::Result<(JoinHandle<()>, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), ORDERS)?;
        let thread = thread::Builder::new().name(format!("bots-{}", setup.number));
        // bots' conversations never leave their thread
        Ok((thread.spawn(move || Self::new(setup, poll).run())?, waker))
    }

    fn new(setup: Setup, poll: Poll) -> Self {
        let ground = Ground {
            now: setup.epoch.elapsed(),
            arrived: None,
            measure: Box::default(),
            measuring: false,
            rooms: Rooms::default(),
            out: Vec::new(),
            rng: Rng::new(setup.number as u64),
            scratch: vec![0; 64 * 1024],
            target: Arc::clone(&setup.target),
            tally: Arc::clone(&setup.tally),
            news: setup.news.clone(),
            reckoning: Reckoning::default(),
            wishes: Vec::new(),
            returns: Vec::new(),
        };
        Self {
            poll,
            bots: Vec::new(),
            timers: Timers::default(),
            acts: BinaryHeap::new(),
            probe_due: ground.now + PROBE_INTERVAL,
            report_due: REPORT_INTERVAL,
            all_told: ground.now,
            ground,
            pool: StatePool::default(),
            waiting: VecDeque::new(),
            speakers: Vec::new(),
            ending: false,
            setup,
        }
    }

    /// Until the conductor ends it and all bots have left.
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !(self.ending && self.bots.iter().flatten().all(Bot::is_over)) {
            while self.ask(&mut events) {}
            self.look();
            for _ in 0..SOCKETS_A_LOOK.min(self.waiting.len()) {
                if let Some(slot) = self.waiting.pop_front() {
                    self.ready(slot);
                }
            }
        }
        self.end();
    }

    /// Asks the poll what came, and sleeps if there is nothing to do. Gives true when there may be more.
    fn ask(&mut self, events: &mut Events) -> bool {
        let (timeout, asked) = (self.sleep(), self.setup.epoch.elapsed());
        if let Err(error) = self.poll.poll(events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            // the descriptor is ours, so this is a fault of ours; spinning would hide it
            panic!("the poll failed: {error}");
        }
        let polled = self.setup.epoch.elapsed();
        // what came while it slept is known at once; what came while it worked is late by that at most
        let late = if polled - asked > WOKEN { Duration::ZERO } else { polled.saturating_sub(self.all_told) };
        let mut told = 0;
        for event in events.iter() {
            told += 1;
            let (slot, is_readable) =
                (event.token().0, event.is_readable() || event.is_error() || event.is_read_closed());
            let Some(Some(bot)) = self.bots.get_mut(slot) else { continue };
            if self.ground.measuring {
                self.ground.measure.lateness.record(late);
            }
            if is_readable {
                bot.now_readable(polled);
            }
            if bot.queues() {
                self.waiting.push_back(slot);
            }
        }
        if told < EVENTS_MAX {
            self.all_told = asked;
        }
        told == EVENTS_MAX
    }

    /// How long nothing is due.
    fn sleep(&self) -> Duration {
        if !self.waiting.is_empty() {
            return Duration::ZERO;
        }
        let now = self.setup.epoch.elapsed();
        let act = self.acts.peek().map(|std::cmp::Reverse((due, ..))| *due);
        let dues = [self.probe_due, self.report_due].into_iter().chain(act).chain(self.timers.next_due());
        dues.min().map_or(PROBE_INTERVAL, |due| due.saturating_sub(now))
    }

    /// Looks at the clock, and does what is due.
    fn look(&mut self) {
        self.ground.now = self.setup.epoch.elapsed();
        while let Ok(order) = self.setup.orders.try_recv() {
            self.obey(order);
        }
        while let Some(std::cmp::Reverse((due, bot, act))) = self.acts.pop_if_due(self.ground.now) {
            self.act(due, bot, act);
        }
        // only what is due by now: bots that take longer than they have must not keep us from orders and sockets
        let (began, mut spoken) = (self.ground.now, self.ground.now);
        while let Some((due, slot, cause)) = self.timers.pop_due(began) {
            self.call(slot, due, cause);
            // many may be due at once, and each is as late as it is
            self.ground.now = self.setup.epoch.elapsed();
            if self.ground.now - spoken > SPEAKS_WITHIN {
                self.let_speak();
                spoken = self.ground.now;
            }
        }
        self.let_speak();
        let now = self.ground.now;
        if now >= self.probe_due {
            if self.ground.measuring {
                self.ground.measure.lateness.record_missing(now - self.probe_due, PROBE_INTERVAL);
            }
            self.probe_due = now + PROBE_INTERVAL;
        }
        if now >= self.report_due {
            self.report();
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.ground.now;
        match order {
            Order::Act(due, bot, act) => self.acts.push(std::cmp::Reverse((due, bot, act))),
            Order::Measure(true) => {
                self.ground.measuring = true;
                self.bots.iter_mut().flatten().for_each(|bot| bot.open_books(&self.ground));
                self.probe_due = now + PROBE_INTERVAL;
            }
            Order::Measure(false) => {
                if self.ground.measuring && now > self.probe_due {
                    // a look at the clock that has not been taken
                    self.ground.measure.lateness.record_missing(now - self.probe_due, PROBE_INTERVAL);
                }
                for slot in 0..self.bots.len() {
                    self.with(slot, Bot::close_books);
                }
                self.ground.measuring = false;
            }
            Order::End => {
                self.ending = true;
                self.acts.clear();
                for slot in 0..self.bots.len() {
                    self.with(slot, Bot::end);
                }
            }
        }
    }

    fn act(&mut self, due: Duration, index: usize, act: Act) {
        let slot = self.setup.shard.place(index) / self.setup.workers;
        if slot >= self.bots.len() {
            self.bots.resize_with(slot + 1, || None);
        }
        match act {
            Act::Join | Act::Return => self.join(slot, index, due, act == Act::Return),
            Act::Leave => self.with(slot, |bot, ground| bot.leave(ground)),
            Act::Break => self.with(slot, |bot, ground| bot.break_off(ground, LOST)),
            Act::Pause => self.with(slot, |bot, ground| bot.pause(ground, true)),
            Act::Resume => {
                self.with(slot, |bot, ground| bot.pause(ground, false));
            }
        }
    }

    fn join(&mut self, slot: usize, index: usize, due: Duration, is_return: bool) {
        if self.bots[slot].as_ref().is_some_and(|bot| !bot.is_over()) {
            return;
        }
        let crew = &self.setup.crew;
        let (own, goes_on) = self.bots[slot].take().map(Bot::remains).unwrap_or_default();
        let way = match (is_return, &goes_on) {
            (false, _) => Way::Joins,
            (true, None) => Way::ReturnsAnew,
            (true, Some(_)) => Way::Returns,
        };
        let session = goes_on.filter(|_| is_return).map_or_else(|| crew.session(index, &self.pool), Ok);
        let made = session.and_then(|session| {
            Bot::connect(index, session, &mut self.ground, &crew.link(index), crew.seed(index), due, way)
        });
        match made {
            Ok(mut bot) => {
                let registered = bot.register(self.poll.registry(), Token(slot));
                bot.inherit(own);
                self.bots[slot] = Some(bot);
                self.with(slot, |bot, ground| match registered {
                    Ok(()) => bot.go(ground),
                    Err(error) => bot.cannot_connect(ground, error),
                });
            }
            Err(failure) => {
                self.ground.tally.turned_away.fetch_add(1, Ordering::Relaxed);
                self.ground.fail(index, failure);
            }
        }
    }

    fn ready(&mut self, slot: usize) {
        self.with(slot, |bot, ground| {
            let waited = bot.waited(ground.now);
            if waited > SERVED_WITHIN && ground.measuring {
                ground.measure.lateness.record(waited);
            }
            bot.go(ground);
        });
    }

    fn call(&mut self, slot: usize, due: Duration, cause: Cause) {
        self.with(slot, |bot, ground| bot.call(ground, due, cause));
        if cause == Cause::Tick {
            self.speakers.push(slot);
            if self.speakers.len() >= SPEAKERS_MAX {
                self.let_speak();
            }
        }
    }

    /// Gives the system what was said at ticks: one write after the other is quicker than one here and one there, and
    /// wakes a server on this machine for some of them at once.
    fn let_speak(&mut self) {
        let mut speakers = std::mem::take(&mut self.speakers);
        speakers.drain(..).for_each(|slot| self.with(slot, Bot::flush));
        self.speakers = speakers;
    }

    /// Lets a bot do something, and sees to its wishes afterwards.
    fn with(&mut self, slot: usize, something: impl FnOnce(&mut Bot, &mut Ground)) {
        let Some(Some(bot)) = self.bots.get_mut(slot) else { return };
        something(bot, &mut self.ground);
        for (due, cause) in self.ground.wishes.drain(..) {
            self.timers.add(due, slot, cause);
        }
        if bot.has_more() && bot.queues() {
            self.waiting.push_back(slot);
        }
        for (due, index) in self.ground.returns.drain(..).filter(|_| !self.ending) {
            self.acts.push(std::cmp::Reverse((due, index, Act::Return)));
        }
    }

    fn report(&mut self) {
        let now = self.ground.now;
        // all threads report at the same moments
        while self.report_due <= now {
            self.report_due += REPORT_INTERVAL;
        }
        let measure = std::mem::take(&mut self.ground.measure);
        // a conductor that is gone needs nothing
        let _ = self.setup.news.send(News::Measured(measure));
    }

    fn end(mut self) {
        let mut reckoning = std::mem::take(&mut self.ground.reckoning);
        for bot in self.bots.iter_mut().flatten() {
            reckoning.bots.push((bot.index(), bot.own()));
        }
        for (_, own) in &reckoning.bots {
            self.ground.measure.bot_seconds += own.measured.as_secs_f64();
        }
        reckoning.ticks = self.ground.rooms.take_ticks();
        self.report();
        let _ = self.setup.news.send(News::Done(Box::new(reckoning)));
    }
}

/// A heap of what is due.
trait PopIfDue<T> {
    fn pop_if_due(&mut self, now: Duration) -> Option<T>;
}

impl PopIfDue<std::cmp::Reverse<(Duration, usize, Act)>> for BinaryHeap<std::cmp::Reverse<(Duration, usize, Act)>> {
    fn pop_if_due(&mut self, now: Duration) -> Option<std::cmp::Reverse<(Duration, usize, Act)>> {
        self.peek().filter(|next| next.0.0 <= now)?;
        self.pop()
    }
}
