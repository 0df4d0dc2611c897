//! One bot: a real client on a real connection, from its first knock to its farewell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thiserror::Error;
use tickwire_shared::client::{Event, Stats};
use tickwire_shared::native::{ConnectError, Connection, ConnectionError, Trust};
use tickwire_shared::{Game, Profile};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use crate::behaviour::Behaviour;
use crate::measure::{Counters, Measure};

/// A server that has not given a seat by then will not.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that has not closed by then was told, and that must do.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Who got no frame for so long, the whole steady phase, has not played.
const STARVED_AFTER_S: f64 = 0.9;
/// Successive multiples of this part of a tick lie far from each other, however many there are (the golden ratio).
const SPREAD: f64 = 0.618_033_988_749_895;

/// What the swarm as a whole does; bots follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Bots join; nothing is measured yet.
    Joining,
    /// All have joined: measure.
    Steady,
    /// Say goodbye.
    Leaving,
}

/// How many bots have come how far; written by bots, read by the swarm.
#[derive(Debug, Default)]
pub struct Tally {
    joined: AtomicUsize,
    turned_away: AtomicUsize,
    lost: AtomicUsize,
}

impl Tally {
    /// Notes that a bot never got a seat.
    pub fn add_turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Bots that got a seat, whatever became of them.
    #[must_use]
    pub fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    /// Bots that know whether they have a seat.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.joined() + self.turned_away.load(Ordering::Relaxed)
    }

    /// Bots that got no seat or lost it.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.turned_away.load(Ordering::Relaxed) + self.lost.load(Ordering::Relaxed)
    }

    fn add_joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    fn add_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why a bot failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Neither a seat nor a refusal.
    #[error("no answer within {} s; is this a Tickwire server?", JOIN_TIMEOUT.as_secs())]
    Silent,
    /// The server said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The connection ended before there was a seat.
    #[error("before joining: {0}")]
    NotJoined(ConnectionError),
    /// The connection ended too early.
    #[error("while playing: {0}")]
    Lost(ConnectionError),
    /// The connection stayed, and nothing came over it.
    #[error("while playing: no frame came during the whole measurement")]
    Starved,
    /// We did it.
    #[error("the bot panicked; the message is above")]
    Panicked,
}

/// What became of a bot. One that the swarm's end found without a seat has neither that nor a failure.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How long it took to get a seat; none when there never was one.
    pub joined_after: Option<Duration>,
    /// Why it failed; none for a bot that played to the end.
    pub failure: Option<Failure>,
    /// What it measured in the steady phase.
    pub measure: Measure,
    /// State hashes compared with the server's, since joining.
    pub hashes_checked: u64,
    /// Those that differed.
    pub desyncs: u64,
    /// The server did not close within the time for it.
    pub left_hanging: bool,
}

impl Outcome {
    /// A bot that never got a seat.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// A bot with a seat. The phases of its life: [`Bot::join`], then [`Bot::play`] to the end.
pub struct Bot<G: Game> {
    connection: Connection<G>,
    joined_after: Duration,
    measure: Measure,
    /// What the client had counted when the steady phase began, and when that was.
    steady_from: Option<(Duration, Stats)>,
    last_frame_at: Option<Duration>,
    frames_seen: u64,
}

impl<G: Game> Bot<G> {
    /// Connects and waits for a seat, at most [`JOIN_TIMEOUT`].
    ///
    /// # Errors
    /// There is no seat; see [`Failure`].
    pub async fn join(url: &str, trust: &Trust, name: String) -> Result<Self, Failure> {
        let started = Instant::now();
        let seat = async {
            let mut connection = Connection::connect_trusting(url, Profile { name }, trust).await?.once();
            wait_for_seat(&mut connection).await?;
            Ok(connection)
        };
        let connection = timeout(JOIN_TIMEOUT, seat).await.unwrap_or(Err(Failure::Silent))?;
        Ok(Self {
            connection,
            joined_after: started.elapsed(),
            measure: Measure::default(),
            steady_from: None,
            last_frame_at: None,
            frames_seen: 0,
        })
    }

    /// Plays until the swarm leaves or the connection ends. `index` spreads the bots' ticks over time.
    pub async fn play(
        mut self,
        index: usize,
        mut behaviour: impl Behaviour<G>,
        mut phase: watch::Receiver<Phase>,
        tally: &Tally,
    ) -> Outcome {
        tally.add_joined();
        let watched = phase.clone();
        let failure = tokio::select! {
            failure = self.play_on(index, &mut behaviour, &watched) => Some(failure),
            _ = phase.wait_for(|phase| *phase == Phase::Leaving) => None,
        };
        let mut outcome = self.outcome();
        if let Some(failure) = failure {
            tally.add_lost();
            self.part_with(&failure).await;
            outcome.failure = Some(failure);
        } else {
            if outcome.measure.seconds >= STARVED_AFTER_S && outcome.measure.counters.frames == 0 {
                outcome.failure = Some(Failure::Starved);
            }
            let left = timeout(LEAVE_TIMEOUT, self.connection.leave()).await;
            outcome.left_hanging = !matches!(left, Ok(Ok(())));
        }
        outcome
    }

    /// Two things wake a bot: its own tick and a message. Gives why it had to stop.
    async fn play_on(
        &mut self,
        index: usize,
        behaviour: &mut impl Behaviour<G>,
        phase: &watch::Receiver<Phase>,
    ) -> Failure {
        let mut ticks = self.ticks(index);
        loop {
            let took = tokio::select! {
                biased;
                due = ticks.tick() => {
                    self.tick(due, behaviour, phase);
                    Ok(())
                }
                received = self.connection.receive() => received.map_err(Failure::Lost),
            };
            let turn = took.and_then(|()| self.take_events());
            if let Err(failure) = turn {
                return failure;
            }
            // whatever happened may have left something to say, such as the wish for a keyframe
            if let Err(error) = self.connection.flush().await {
                return Failure::Lost(error);
            }
        }
    }

    fn tick(&mut self, due: Instant, behaviour: &mut impl Behaviour<G>, phase: &watch::Receiver<Phase>) {
        let now = self.connection.now();
        if self.steady_from.is_some() {
            self.measure.lateness.record(due.elapsed());
        } else if *phase.borrow() == Phase::Steady {
            self.steady_from = Some((now, self.connection.client.stats()));
            self.last_frame_at = None;
        }
        let input = behaviour.drive(&self.connection.client, now);
        self.connection.client.input(now, &input);
    }

    fn take_events(&mut self) -> Result<(), Failure> {
        let steady = self.steady_from.is_some();
        let frames = self.connection.client.stats().frames;
        if steady && frames != self.frames_seen {
            let now = self.connection.now();
            if let Some(before) = self.last_frame_at.replace(now) {
                self.measure.frame_gaps.record(now.saturating_sub(before));
            }
        }
        self.frames_seen = frames;
        while let Some(event) = self.connection.client.poll_event() {
            match event {
                Event::Acked { took: Some(took), .. } if steady => self.measure.input_to_ack.record(took),
                Event::Refused { reason } => return Err(Failure::Refused(reason)),
                _ => {}
            }
        }
        Ok(())
    }

    /// A server that breaks the protocol is told so; it need not listen.
    async fn part_with(mut self, failure: &Failure) {
        if let Failure::Lost(ConnectionError::Client(error)) = failure {
            let close = self.connection.close(error.close_reason().code(), "the server broke the protocol");
            let _ = timeout(LEAVE_TIMEOUT, close).await;
        }
    }

    fn outcome(&mut self) -> Outcome {
        let stats = self.connection.client.stats();
        if let Some((from, start)) = &self.steady_from {
            self.measure.counters = Counters::between(start, &stats);
            self.measure.seconds = self.connection.now().saturating_sub(*from).as_secs_f64();
        }
        Outcome {
            joined_after: Some(self.joined_after),
            failure: None,
            measure: std::mem::take(&mut self.measure),
            hashes_checked: stats.hashes_checked,
            desyncs: stats.desyncs,
            left_hanging: false,
        }
    }

    /// The bot's own ticks, at its own moment of the room's.
    fn ticks(&self, index: usize) -> Interval {
        let period = self.connection.client.tick_interval();
        let part = (index as f64 * SPREAD).fract();
        let mut ticks = interval_at(Instant::now() + period.mul_f64(part), period);
        // a bot that was late has nothing to catch up on: a tick takes one input
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    }
}

async fn wait_for_seat<G: Game>(connection: &mut Connection<G>) -> Result<(), Failure> {
    loop {
        connection.receive().await.map_err(Failure::NotJoined)?;
        while let Some(event) = connection.client.poll_event() {
            match event {
                Event::Joined { .. } => return Ok(()),
                Event::Refused { reason } => return Err(Failure::Refused(reason)),
                _ => {}
            }
        }
    }
}
