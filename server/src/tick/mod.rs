//! The thread that runs rooms: at each moment takes what came, steps the rooms that are due, sends, sleeps.

mod measure;
mod schedule;
mod steer;
mod traffic;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use tickwire_shared::protocol::ResumeClaim;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::limits::{EVENT_MAX_BYTES, FRAME_MAX_BYTES};
use tickwire_shared::schema::Schema;
use tickwire_shared::{Leave, Profile, SeatId};
use tracing::{error, info, warn};

use crate::handover::steer::SteerRoom;
use crate::handover::{
    Batch, LinkAddress, OpenRoom, Pass, Post, ReactorPort, RoomId, RoomInput, SEAT_GONE, SeatAddress, Seated, StayId,
    ToControl, ToReactor, ToTick, Told, UNOPENED_MAX,
};
use crate::metrics::Metrics;
use crate::metrics::room_gauges::RoomGauges;
use crate::metrics::rooms::RoomClass;
use crate::net::rate::{Meter, Rate};
use crate::room::hosted::{HostedGame, HostedRoom, Opening, RoomTerms};
use crate::room::{Returned, RoomCounts, RoomError};
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

/// The lobby hears of one room no more often, whatever its game changes at each tick.
const TELL_RATE: Rate = Rate { per_s: 2, burst: 2 };

/// A room that runs.
struct Running {
    room: Box<dyn HostedRoom>,
    /// The place of its game among the hosted ones.
    game: usize,
    /// What others join it by, if it is private.
    code: Option<String>,
    /// How often the lobby has heard of it.
    told: Meter,
}

/// See the module.
pub struct TickThread {
    index: usize,
    games: Arc<[Box<dyn HostedGame>]>,
    terms: RoomTerms,
    started: Instant,
    inbox: Receiver<ToTick>,
    inputs: Receiver<RoomInput>,
    home: Receiver<Box<Batch>>,
    reactors: Vec<ReactorPort>,
    control: Post<tokio::sync::mpsc::Sender<ToControl>, ToControl>,
    rooms: FxHashMap<RoomId, Running>,
    unopened: VecDeque<(RoomId, String)>,
    schedule: Schedule,
    metrics: Arc<Metrics>,
    /// By game.
    fields: Vec<Fields>,
    schemas: Vec<Arc<Schema>>,
    /// Looks into rooms that operators wait for, and from when on one has its answer.
    looks: Vec<SteerRoom>,
    inspect_again: Option<Instant>,
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

impl TickThread {
    /// Thread number `index`, for rooms of these games.
    pub fn new(index: usize, games: Arc<[Box<dyn HostedGame>]>, ports: TickPorts, metrics: Arc<Metrics>) -> Self {
        let (started, measured) = (Instant::now(), metrics.tick_threads.add());
        let fields = |game: &dyn HostedGame| Fields::of(&game.schema(), metrics.traffic.of_game(game.name()));
        Self {
            index,
            fields: games.iter().map(|game| fields(&**game)).collect(),
            schemas: games.iter().map(|game| Arc::new(game.schema())).collect(),
            looks: Vec::new(),
            inspect_again: None,
            games,
            terms: RoomTerms::default(),
            started,
            inbox: ports.inbox,
            inputs: ports.inputs,
            home: ports.home,
            reactors: ports.reactors,
            control: Post::new(ports.control),
            rooms: FxHashMap::default(),
            unopened: VecDeque::new(),
            schedule: Schedule::default(),
            metrics,
            measures: Measures::new(measured, started),
            lateness: Lateness::default(),
            complaints: Complaints::default(),
            keeps_capsules: false,
            stopping: false,
        }
    }

    /// The same; its rooms are made on these terms.
    #[must_use]
    pub fn with_terms(self, terms: RoomTerms) -> Self {
        Self { terms, ..self }
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
        self.answer_looks();
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
            if let Some(running) = self.rooms.get_mut(&batch.room) {
                running.room.home(batch);
            }
        }
    }

    fn take_inputs(&mut self) {
        for _ in 0..self.inputs.len() {
            let Ok(input) = self.inputs.try_recv() else { break };
            if let Some(Running { room, .. }) = self.rooms.get_mut(&input.room) {
                match input.told {
                    Told::Input(told) => room.input(input.seat, input.link, told, input.arrived),
                    Told::Heard(frame) => room.heard(input.seat, input.link, frame, input.arrived),
                }
            }
        }
    }

    fn take_inbox(&mut self) {
        for _ in 0..self.inbox.len() {
            let Ok(message) = self.inbox.try_recv() else { break };
            match message {
                ToTick::Open(open) => self.open(*open),
                ToTick::Join { room, link, profile, spectates, stay, pass } => {
                    self.join(room, link, (profile, spectates), (stay, pass));
                }
                ToTick::Resume { room, link, pass, claim } => self.resume(room, link, pass, &claim),
                ToTick::TakeOver { room, link, pass } => self.take_over(room, link, pass),
                ToTick::Expel { room, stay, reason, text } => self.expel(room, stay, reason, text),
                ToTick::Lost { room, seat, link } => self.lost(room, seat, link),
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

    fn with_room(&mut self, id: RoomId, act: impl FnOnce(&mut dyn HostedRoom)) {
        self.guarded(id, |thread| {
            if let Some(running) = thread.rooms.get_mut(&id) {
                act(&mut *running.room);
            }
        });
    }

    fn open(&mut self, open: OpenRoom) {
        let OpenRoom { room: id, game, seed, listing, options, code, gauges } = open;
        let (index, reactors) = (self.index, self.reactors.len());
        self.guarded(id, |thread| {
            let opening = Opening { room: id, seed, listing, options };
            match thread.games[game].open(opening, &thread.terms, index, reactors) {
                Ok(room) => thread.add(id, Running { room, game, code, told: Meter::default() }, gauges),
                Err(error) => thread.refuse_to_open(id, &error),
            }
        });
    }

    fn add(&mut self, id: RoomId, mut running: Running, gauges: Arc<RoomGauges>) {
        let Running { room, game, .. } = &mut running;
        if self.keeps_capsules {
            room.keep_capsules();
        }
        let now_ms = self.started.elapsed().as_millis() as u64;
        self.schedule.add(id, room.rate(), now_ms);
        let name = self.games[*game].name();
        self.measures.opened(id, RoomClass { game: name, rate_hz: room.rate().per_second() }, gauges);
        info!(room = id.0, game = name, thread = self.index, "room opened");
        self.rooms.insert(id, running);
        self.tell_listing(id);
    }

    fn refuse_to_open(&mut self, id: RoomId, error: &RoomError) {
        warn!(room = id.0, %error, "room could not open");
        if self.unopened.len() >= UNOPENED_MAX {
            self.unopened.pop_front();
        }
        self.unopened.push_back((id, error.to_string()));
        self.control.send(ToControl::RoomUnopened { room: id, reason: error.to_string() });
    }

    /// The lobby learns what there is to show of a room; what came too soon at a later tick.
    fn tell_listing(&mut self, id: RoomId) {
        let now_us = self.started.elapsed().as_micros() as u64;
        let Some(Running { room, told, .. }) = self.rooms.get_mut(&id) else { return };
        let (seats, mut after) = (room.capacity(), *told);
        if after.take(TELL_RATE, 1, now_us)
            && let Some(listing) = room.take_listing()
        {
            *told = after;
            let listing = Box::new(listing.clone());
            self.control.send(ToControl::RoomListed { room: id, seats, listing });
        }
    }

    fn join(
        &mut self,
        id: RoomId,
        link: LinkAddress,
        (profile, spectates): (Profile, bool),
        (stay, pass): (StayId, Option<Pass>),
    ) {
        let survived = self.guarded(id, |thread| {
            let Some(Running { room, .. }) = thread.rooms.get_mut(&id) else {
                return thread.refuse_of_no_room((id, stay), link);
            };
            match room.join(link, profile, spectates) {
                Ok(seat) => {
                    room.name_stay(seat, stay);
                    let pass = pass.filter(|_| room.holds_seats());
                    thread.measures.joined(id);
                    thread.control.send(ToControl::SeatTaken(stay));
                    thread.seat(id, seat, link, pass, None);
                }
                Err(refusal) => {
                    thread.metrics.joins_unwanted.one();
                    thread.refuse((id, stay), link, CloseReason::Refused, refusal.to_string());
                }
            }
        });
        if !survived {
            self.metrics.joins_too_late.one();
            // the room did not know this one yet
            self.close_link(link, CloseReason::RoomFailed, ROOM_FAILED);
        }
    }

    /// The room of one who was placed in it is not there: it has ended, or never began.
    fn refuse_of_no_room(&mut self, (id, stay): (RoomId, StayId), link: LinkAddress) {
        let unopened = self.unopened.iter().find(|(room, _)| *room == id).map(|(_, reason)| reason.clone());
        let (reason, text) = match unopened {
            Some(text) => {
                self.metrics.joins_unwanted.one();
                (CloseReason::Refused, text)
            }
            None => {
                self.metrics.joins_too_late.one();
                (CloseReason::TryLater, "the room has just ended; try again".to_owned())
            }
        };
        self.refuse((id, stay), link, reason, text);
    }

    /// Somebody comes back to its seat. Nothing of the game is called.
    fn resume(&mut self, id: RoomId, link: LinkAddress, pass: Pass, claim: &ResumeClaim) {
        let returned = self.rooms.get_mut(&id).and_then(|running| running.room.resume(pass.stay, link, claim));
        let Some(Returned { seat, events_lost, taken_from }) = returned else {
            return self.close_link(link, CloseReason::SeatGone, SEAT_GONE);
        };
        if let Some(before) = taken_from {
            self.close_link(before, CloseReason::TakenOver, "your seat was taken over by another connection of yours");
        }
        let holds_seats = self.rooms.get(&id).is_some_and(|running| running.room.holds_seats());
        self.seat(id, seat, link, Some(pass).filter(|_| holds_seats), Some(events_lost));
    }

    /// The second device of an account gets its seat: as one that comes back and holds nothing.
    fn take_over(&mut self, id: RoomId, link: LinkAddress, pass: Pass) {
        let claim = ResumeClaim { token: pass.token, attempt: 0, events: None, tick: None, channels: Vec::new() };
        self.resume(id, link, pass, &claim);
    }

    fn seat(&mut self, id: RoomId, seat: SeatId, link: LinkAddress, pass: Option<Pass>, resumed: Option<u32>) {
        let Some(Running { room, code, .. }) = self.rooms.get(&id) else { return };
        let (tick, rate_hz, code) = (room.tick(), room.rate().per_second(), code.clone());
        let seat = SeatAddress { thread: self.index, room: id, seat };
        let seated = Box::new(Seated { seat, tick, rate_hz, pass, resumed, code });
        self.reactors[link.reactor].send(ToReactor::Seated { link: link.link, seated });
    }

    fn close_link(&mut self, link: LinkAddress, reason: CloseReason, text: &str) {
        let close = ToReactor::Close { link: link.link, reason, text: text.to_owned() };
        self.reactors[link.reactor].send(close);
    }

    fn refuse(&mut self, (room, stay): (RoomId, StayId), link: LinkAddress, reason: CloseReason, text: String) {
        self.close_link(link, reason, &text);
        self.control.send(ToControl::SeatFreed(room, stay));
    }

    fn leave(&mut self, id: RoomId, seat: SeatId, link: LinkAddress, why: Leave) {
        self.guarded(id, |thread| {
            if let Some(Running { room, .. }) = thread.rooms.get_mut(&id) {
                room.leave(seat, link, why);
                thread.tell_freed(id);
            }
        });
    }

    fn lost(&mut self, id: RoomId, seat: SeatId, link: LinkAddress) {
        self.guarded(id, |thread| {
            if let Some(Running { room, .. }) = thread.rooms.get_mut(&id) {
                room.lost(seat, link);
                thread.tell_freed(id);
            }
        });
    }

    fn close(&mut self, id: RoomId) {
        if let Some(Running { room, .. }) = self.rooms.remove(&id) {
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
                let Some(Running { room, game, .. }) = thread.rooms.get_mut(&id) else { return };
                let (reactors, began) = (&mut thread.reactors, Instant::now());
                room.simulate(began);
                let simulated = Instant::now();
                room.compose_all(simulated, &mut |batch| reactors[batch.reactor].offer(batch));
                let due = thread.started + Duration::from_millis(due_ms);
                thread.measures.ticked(id, &TickTimes { due, began, simulated, ended: Instant::now() }, room.traffic());
                let counts = room.take_counts();
                count(&thread.metrics, &counts);
                thread.fields[*game].count(room.tick_traffic());
                thread.complaints.add(&counts);
                for (name, bytes) in room.take_capsules() {
                    thread.control.send(ToControl::Capsule { name, bytes });
                }
                thread.tell_freed(id);
                thread.tell_listing(id);
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

    /// The lobby learns which stays are over.
    fn tell_freed(&mut self, id: RoomId) {
        let Some(Running { room, .. }) = self.rooms.get_mut(&id) else { return };
        for stay in room.take_freed() {
            self.measures.left(id);
            self.control.send(ToControl::SeatFreed(id, stay));
        }
    }

    fn fail(&mut self, id: RoomId) {
        error!(room = id.0, "the game panicked: its room is closed, the server goes on");
        self.schedule.remove(id);
        self.measures.ended(id, true);
        if let Some(Running { room, .. }) = self.rooms.remove(&id) {
            for (_, link) in room.links() {
                self.close_link(link, CloseReason::RoomFailed, ROOM_FAILED);
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
fn drop_room(room: Box<dyn HostedRoom>) {
    if catch_unwind(AssertUnwindSafe(|| drop(room))).is_err() {
        error!("a game panicked when its room was dropped; the server goes on");
    }
}

fn count(metrics: &Metrics, counts: &RoomCounts) {
    metrics.frames_composed.add(counts.frames_composed);
    metrics.frames_withheld.add(counts.frames_withheld);
    metrics.batches_away.add(counts.batches_away);
    metrics.events_dropped.add(counts.events_dropped);
    metrics.ids_doubled.add(counts.ids_doubled);
    metrics.events_too_long.add(counts.events_too_long);
    metrics.frames_too_long.add(counts.frames_too_long);
    metrics.inputs_unused.add(counts.inputs_unused);
    metrics.rewinds_bounded.add(counts.rewinds_bounded);
    metrics.channels_healed.add(counts.channels_healed);
    metrics.commands_dropped.add(counts.commands_dropped);
    metrics.seats_held.add(counts.seats_held);
    metrics.seats_resumed.add(counts.seats_resumed);
    metrics.seats_expired.add(counts.seats_expired);
}
