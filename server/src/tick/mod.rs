//! The thread that runs rooms: at each moment takes what came, steps the rooms that are due, sends, sleeps.

mod measure;
mod schedule;
mod steer;
mod traffic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::limits::{EVENT_MAX_BYTES, FRAME_MAX_BYTES};
use tickwire_shared::{Game, Leave, Profile, SeatId};
use tracing::{error, info, warn};

use crate::handover::{
    Batch, LinkAddress, Post, ReactorPort, RoomId, RoomInput, SeatAddress, ToControl, ToReactor, ToTick,
};
use crate::metrics::Metrics;
use crate::metrics::rooms::RoomClass;
use crate::room::{Room, RoomCounts};
use measure::{Measures, TickTimes};
use schedule::Schedule;
use traffic::Fields;

/// The longest sleep, for threads whose rooms are slow or that have none: a newcomer waits no longer for a look at
/// the inbox.
const NAP_MAX: Duration = Duration::from_millis(20);
/// What clients of a room whose game panicked are told.
const ROOM_FAILED: &str = "the room failed; this is the server's fault, not yours";
/// At most one line about late ticks in this time.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What a tick thread listens to and speaks to.
pub struct TickPorts {
    /// Joins, leaves, commands, rooms.
    pub inbox: Receiver<ToTick>,
    /// Inputs.
    pub inputs: Receiver<RoomInput>,
    /// Batches that come back.
    pub home: Receiver<Box<Batch>>,
    /// For each reactor.
    pub reactors: Vec<ReactorPort>,
    /// Freed seats, ended rooms.
    pub control: tokio::sync::mpsc::Sender<ToControl>,
}

/// See the module.
pub struct TickThread<G: Game> {
    index: usize,
    options: G::Options,
    started: Instant,
    inbox: Receiver<ToTick>,
    inputs: Receiver<RoomInput>,
    home: Receiver<Box<Batch>>,
    reactors: Vec<ReactorPort>,
    control: Post<tokio::sync::mpsc::Sender<ToControl>, ToControl>,
    rooms: FxHashMap<RoomId, Room<G>>,
    client_bytes_per_s: u32,
    schedule: Schedule,
    metrics: Arc<Metrics>,
    fields: Fields,
    measures: Measures,
    lateness: Lateness,
    complaints: Complaints,
    keeps_capsules: bool,
    stopping: bool,
}

/// What games did wrong since the last report.
#[derive(Debug, Default)]
struct Complaints {
    reported: Option<Instant>,
    counts: RoomCounts,
}

impl Complaints {
    fn add(&mut self, counts: &RoomCounts) {
        self.counts.ids_doubled += counts.ids_doubled;
        self.counts.events_too_long += counts.events_too_long;
        self.counts.frames_too_long += counts.frames_too_long;
    }

    fn report(&mut self, now: Instant) {
        let due = self.reported.is_none_or(|at| now.duration_since(at) >= REPORT_EVERY);
        if !due || self.counts == RoomCounts::default() {
            return;
        }
        let RoomCounts { ids_doubled, events_too_long, frames_too_long, .. } = std::mem::take(&mut self.counts);
        self.reported = Some(now);
        if ids_doubled > 0 {
            warn!(ids_doubled, "a game used an entity id twice in one tick: the later entities were left out");
        }
        if events_too_long > 0 {
            warn!(events_too_long, max_bytes = EVENT_MAX_BYTES, "a game's events are too long: they were dropped");
        }
        if frames_too_long > 0 {
            warn!(frames_too_long, max_bytes = FRAME_MAX_BYTES, "a seat sees too much at once: it gets no frames");
        }
    }
}

/// Lateness since the last report.
#[derive(Debug, Default)]
struct Lateness {
    reported: Option<Instant>,
    lost: u64,
    worst_ms: u64,
}

impl<G: Game> TickThread<G> {
    /// Thread number `index`; every room is made with `options`.
    pub fn new(index: usize, options: G::Options, ports: TickPorts, metrics: Arc<Metrics>) -> Self {
        let (started, measured) = (Instant::now(), metrics.tick_threads.add());
        metrics.traffic.of_game(G::NAME);
        Self {
            index,
            options,
            started,
            inbox: ports.inbox,
            inputs: ports.inputs,
            home: ports.home,
            reactors: ports.reactors,
            control: Post::new(ports.control),
            rooms: FxHashMap::default(),
            client_bytes_per_s: 0,
            schedule: Schedule::default(),
            metrics,
            fields: Fields::of::<G>(),
            measures: Measures::new(measured, started),
            lateness: Lateness::default(),
            complaints: Complaints::default(),
            keeps_capsules: false,
            stopping: false,
        }
    }

    /// Bytes a second that a client is sent at most of what it sees, in rooms whose game does not say; 0, the default, is
    /// no limit.
    #[must_use]
    pub fn with_client_bytes(mut self, bytes_per_s: u32) -> Self {
        self.client_bytes_per_s = bytes_per_s;
        self
    }

    /// The same; its rooms make capsules of wrong states for control, if that `keeps` them.
    #[must_use]
    pub fn keeping_capsules(self, keeps: bool) -> Self {
        Self { keeps_capsules: keeps, ..self }
    }

    /// Runs until [`ToTick::Stop`].
    pub fn run(&mut self) {
        while !self.stopping {
            let now = Instant::now();
            self.pass(now);
            self.measures.passed(now, Instant::now());
            self.sleep();
        }
    }

    /// One pass: what was there when it began, then the rooms that are due.
    fn pass(&mut self, now: Instant) {
        self.take_home();
        self.take_inbox();
        self.take_inputs();
        self.step_due_rooms(now);
        self.control.flush();
        self.reactors.iter_mut().for_each(ReactorPort::wake);
        self.report_lateness(now);
        self.complaints.report(now);
    }

    /// To the next deadline, or a little. It never blocks on the inbox: waking for each message costs more than it
    /// gains.
    fn sleep(&mut self) {
        let until = self.schedule.next_ms().map(|due_ms| self.started + Duration::from_millis(due_ms));
        let nap = until.map_or(NAP_MAX, |until| until.saturating_duration_since(Instant::now()).min(NAP_MAX));
        if !nap.is_zero() {
            std::thread::sleep(nap);
        }
    }

    fn take_home(&mut self) {
        for _ in 0..self.home.len() {
            let Ok(batch) = self.home.try_recv() else { break };
            self.measures.written(batch.room, batch.write_took);
            // the batch of a room that has ended ends here
            if let Some(room) = self.rooms.get_mut(&batch.room) {
                room.home(batch);
            }
        }
    }

    fn take_inputs(&mut self) {
        for _ in 0..self.inputs.len() {
            let Ok(input) = self.inputs.try_recv() else { break };
            if let Some(room) = self.rooms.get_mut(&input.room) {
                room.input(input.seat, input.link, input.input, input.arrived);
            }
        }
    }

    fn take_inbox(&mut self) {
        for _ in 0..self.inbox.len() {
            let Ok(message) = self.inbox.try_recv() else { break };
            match message {
                ToTick::Open { room, seed } => self.open(room, seed),
                ToTick::Join { room, link, profile } => self.join(room, link, profile),
                ToTick::Leave { room, seat, link, why } => self.leave(room, seat, link, why),
                ToTick::Command { room, seat, link, bytes } => {
                    self.with_room(room, |room| room.command(seat, link, &bytes));
                }
                ToTick::Resync { room, seat, link } => self.with_room(room, |room| room.resync(seat, link)),
                ToTick::Desync { room, seat, link, tick, hashes } => {
                    self.with_room(room, |room| room.desync(seat, link, tick, &hashes));
                }
                ToTick::Steer(asked) => self.steer(asked),
                ToTick::Close(room) => self.close(room),
                ToTick::Stop => self.stopping = true,
            }
        }
    }

    fn with_room(&mut self, id: RoomId, act: impl FnOnce(&mut Room<G>)) {
        self.guarded(id, |thread| {
            if let Some(room) = thread.rooms.get_mut(&id) {
                act(room);
            }
        });
    }

    fn open(&mut self, id: RoomId, seed: u64) {
        let options = self.options.clone();
        let (index, reactors) = (self.index, self.reactors.len());
        self.guarded(id, |thread| match Room::<G>::new(id, options, seed, index, reactors) {
            Ok(room) => {
                let mut room = room.with_client_bytes(thread.client_bytes_per_s);
                if thread.keeps_capsules {
                    room.keep_capsules();
                }
                let now_ms = thread.started.elapsed().as_millis() as u64;
                thread.schedule.add(id, room.rate(), now_ms);
                let class = RoomClass { game: G::NAME, rate_hz: room.rate().per_second() };
                thread.measures.opened(id, class);
                thread.rooms.insert(id, room);
                info!(room = id.0, thread = index, "room opened");
            }
            Err(error) => {
                error!(room = id.0, %error, "room could not open");
                thread.control.send(ToControl::RoomEnded(id));
            }
        });
    }

    fn join(&mut self, id: RoomId, link: LinkAddress, profile: Profile) {
        let survived = self.guarded(id, |thread| {
            let Some(room) = thread.rooms.get_mut(&id) else {
                let text = "the room has just ended; try again".to_owned();
                thread.metrics.joins_too_late.one();
                return thread.refuse(id, link, CloseReason::TryLater, text);
            };
            match room.join(link, profile) {
                Ok(seat) => {
                    let (tick, rate_hz) = (room.tick(), room.rate().per_second());
                    thread.measures.joined(id);
                    let seat = SeatAddress { thread: thread.index, room: id, seat };
                    thread.reactors[link.reactor].send(ToReactor::Seated { link: link.link, seat, tick, rate_hz });
                }
                Err(refusal) => {
                    thread.metrics.joins_unwanted.one();
                    thread.refuse(id, link, CloseReason::Refused, refusal.to_string());
                }
            }
        });
        if !survived {
            self.metrics.joins_too_late.one();
            // the room did not know this one yet
            let close =
                ToReactor::Close { link: link.link, reason: CloseReason::RoomFailed, text: ROOM_FAILED.to_owned() };
            self.reactors[link.reactor].send(close);
        }
    }

    fn refuse(&mut self, room: RoomId, link: LinkAddress, reason: CloseReason, text: String) {
        self.reactors[link.reactor].send(ToReactor::Close { link: link.link, reason, text });
        self.control.send(ToControl::SeatFreed(room));
    }

    fn leave(&mut self, id: RoomId, seat: SeatId, link: LinkAddress, why: Leave) {
        self.guarded(id, |thread| {
            if thread.rooms.get_mut(&id).is_some_and(|room| room.leave(seat, link, why)) {
                thread.measures.left(id);
                thread.control.send(ToControl::SeatFreed(id));
            }
        });
    }

    fn close(&mut self, id: RoomId) {
        if let Some(room) = self.rooms.remove(&id) {
            self.schedule.remove(id);
            self.measures.ended(id, false);
            drop_room(room);
            info!(room = id.0, "room closed");
        }
    }

    fn step_due_rooms(&mut self, now: Instant) {
        let now_ms = now.duration_since(self.started).as_millis() as u64;
        while let Some((id, due_ms, lost)) = self.schedule.take_due(now_ms) {
            self.lateness.lost += lost;
            self.lateness.worst_ms = self.lateness.worst_ms.max(now_ms - due_ms);
            self.guarded(id, |thread| {
                let Some(room) = thread.rooms.get_mut(&id) else { return };
                let (reactors, began) = (&mut thread.reactors, Instant::now());
                room.simulate(began);
                let simulated = Instant::now();
                room.compose_all(|batch| reactors[batch.reactor].offer(batch));
                let due = thread.started + Duration::from_millis(due_ms);
                thread.measures.ticked(id, &TickTimes { due, began, simulated, ended: Instant::now() });
                let counts = room.take_counts();
                count(&thread.metrics, &counts);
                thread.fields.count(room.tick_traffic(), &thread.metrics.traffic);
                thread.complaints.add(&counts);
                for (name, bytes) in room.take_capsules() {
                    thread.control.send(ToControl::Capsule { name, bytes });
                }
            });
            self.metrics.ticks.one();
            self.metrics.ticks_lost.add(lost);
        }
    }

    /// Runs what calls into a game. A panic in there is the game's: its room ends, everybody else goes on.
    /// Tells whether it is still there.
    fn guarded(&mut self, id: RoomId, act: impl FnOnce(&mut Self)) -> bool {
        // what the panic leaves half done is the room, and that is dropped
        let survived = catch_unwind(AssertUnwindSafe(|| act(self))).is_ok();
        if !survived {
            self.fail(id);
        }
        survived
    }

    fn fail(&mut self, id: RoomId) {
        error!(room = id.0, "the game panicked: its room is closed, the server goes on");
        self.schedule.remove(id);
        self.measures.ended(id, true);
        if let Some(room) = self.rooms.remove(&id) {
            for (_, link) in room.links() {
                let text = ROOM_FAILED.to_owned();
                let close = ToReactor::Close { link: link.link, reason: CloseReason::RoomFailed, text };
                self.reactors[link.reactor].send(close);
            }
            drop_room(room);
        }
        self.control.send(ToControl::RoomEnded(id));
    }

    fn report_lateness(&mut self, now: Instant) {
        let due = self.lateness.reported.is_none_or(|at| now.duration_since(at) >= REPORT_EVERY);
        if due && self.lateness.lost > 0 {
            let Lateness { lost, worst_ms, .. } = self.lateness;
            warn!(thread = self.index, lost, worst_ms, "ticks were lost: this thread has more work than time");
            self.lateness = Lateness { reported: Some(now), lost: 0, worst_ms: 0 };
        }
    }
}

/// A game's own state may panic when it is dropped; that ends nothing else.
fn drop_room<G: Game>(room: Room<G>) {
    if catch_unwind(AssertUnwindSafe(|| drop(room))).is_err() {
        error!("a game panicked when its room was dropped; the server goes on");
    }
}

fn count(metrics: &Metrics, counts: &RoomCounts) {
    metrics.frames_composed.add(counts.frames_composed);
    metrics.batches_away.add(counts.batches_away);
    metrics.events_dropped.add(counts.events_dropped);
    metrics.inputs_unused.add(counts.inputs_unused);
    metrics.rewinds_bounded.add(counts.rewinds_bounded);
    metrics.channels_healed.add(counts.channels_healed);
    metrics.commands_dropped.add(counts.commands_dropped);
}
