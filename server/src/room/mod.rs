//! One running session of a game: a deterministic machine. Inputs and receipts go in, batches come out.

mod flight;
pub mod hosted;
mod inputs;
mod inspect;
mod returns;
mod rewind;
mod seats;

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tickwire_shared::delta::{Layout, LayoutError};
use tickwire_shared::game::LateInput;
use tickwire_shared::protocol;
use tickwire_shared::protocol::input::{InputLanes, TickInput};
use tickwire_shared::protocol::limits::{EVENT_MAX_BYTES, FRAME_MAX_BYTES, INPUT_LANES_MAX};
use tickwire_shared::publish::{Published, Publisher};
use tickwire_shared::schema::Schema;
use tickwire_shared::{
    Game, Interest, Layer, Leave, Listing, Profile, Refusal, Replicate, Rng, SeatId, Setup, Step, Tick, TickRate, To,
};

use crate::handover::{Batch, BatchFrame, LinkAddress, RoomId, StayId};
use crate::net::Outcome;
use crate::sync::{Capsule, ComposeTick, Encoder, Eye, FrameSink, Grid, SentParts, Store, Terms, Traffic, View};
pub use returns::Returned;
use rewind::{Lags, Places, SentStates};
use seats::{Occupant, Seats};

/// Commands of all seats that may wait for the next tick; more are dropped and counted.
const COMMANDS_MAX: usize = 1024;

/// Capsules that wait to be taken.
const CAPSULES_MAX: usize = 4;

/// Why a room could not start.
#[derive(Debug, Error)]
pub enum RoomError {
    /// The game says no.
    #[error("the game refuses to start a room: {0}")]
    Refused(#[from] Refusal),
    /// The game's kinds are impossible.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// What a room counted since it was last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoomCounts {
    /// Frames composed.
    pub frames_composed: u64,
    /// Ticks at which a client got no frame, because too much was under way that it had not taken, or for too long.
    pub frames_withheld: u64,
    /// Ticks at which a reactor's batch was not home.
    pub batches_away: u64,
    /// Events that were dropped because a client took none for too long.
    pub events_dropped: u64,
    /// Events that the game sent and that are longer than a client takes.
    pub events_too_long: u64,
    /// Frames that would have been longer than a client takes: what the seat sees is too much.
    pub frames_too_long: u64,
    /// Inputs that came too late, twice, or too far ahead.
    pub inputs_unused: u64,
    /// Inputs whose client saw older states, or said so, than the game lets it be judged by.
    pub rewinds_bounded: u64,
    /// Channels of which a client's state was wrong, and was sent anew.
    pub channels_healed: u64,
    /// Commands that were malformed or too many.
    pub commands_dropped: u64,
    /// Entities left out because the game used their id twice in a tick.
    pub ids_doubled: u64,
    /// Seats whose connection broke and that are held.
    pub seats_held: u64,
    /// Seats that their players came back to, be it that they were held or that another connection had them.
    pub seats_resumed: u64,
    /// Seats that nobody came back to in time.
    pub seats_expired: u64,
}

/// See the module. Call order for a tick: [`Room::home`] for each batch that came back, [`Room::input`] for each
/// input, then [`Room::step`], which gives the batches to send.
pub struct Room<G: Game> {
    id: RoomId,
    game: G,
    rng: Rng,
    listing: Listing,
    /// The number of the listing's changes when the lobby was told last.
    listed: Option<u32>,
    rate: TickRate,
    tick: Tick,
    seats: Seats,
    inputs: Vec<Option<G::Input>>,
    late: Vec<LateInput<G::Input>>,
    lags: Lags,
    grace: Duration,
    /// By seat, whether it is held for one whose connection broke.
    away: Vec<bool>,
    /// Stays that are over and that nobody was told of yet.
    freed: Vec<StayId>,
    places: Places,
    commands: Vec<(SeatId, G::Command)>,
    events: Vec<(To, G::Event)>,
    published: Published,
    grid: Grid,
    store: Store,
    encoder: Encoder,
    compose: ComposeTick,
    /// The game has said how many bytes a client may have.
    has_own_terms: bool,
    /// Most bytes under way to a client; 0 is no limit.
    unacked_max_bytes: usize,
    /// For each reactor: its batch, while home.
    batches: Vec<Option<Box<Batch>>>,
    /// For each of the encoder's parts, where it is in the batch that is being filled.
    copied: Vec<Option<std::ops::Range<usize>>>,
    counts: RoomCounts,
    /// Of the last tick; and of all.
    tick_traffic: Traffic,
    traffic: Traffic,
    /// What is known of wrong states, if anybody wants that.
    capsules: Option<Vec<(String, Vec<u8>)>>,
    /// And what of that was sent.
    sent_parts: SentParts,
}

impl<G: Game> Room<G> {
    /// A new room, whose batches come from tick thread `thread` and go to `reactors` reactors.
    ///
    /// # Errors
    /// The game refuses the options, or its kinds are impossible.
    pub fn new(id: RoomId, options: G::Options, seed: u64, thread: usize, reactors: usize) -> Result<Self, RoomError> {
        Self::open(id, options, (seed, Listing::default()), thread, reactors)
    }

    /// The same; its creator wished for what is listed.
    ///
    /// # Errors
    /// As [`Room::new`].
    pub fn open(
        id: RoomId,
        options: G::Options,
        (seed, listing): (u64, Listing),
        thread: usize,
        reactors: usize,
    ) -> Result<Self, RoomError> {
        const { assert!(G::Input::LANES <= INPUT_LANES_MAX, "a game's input has at most 8 lanes") };
        let layout = Layout::new(&Schema::of::<G>())?;
        let mut setup = Setup { listing, ..Setup::new(seed) };
        let game = G::new(options, &mut setup)?;
        if let Interest::Radius(radius) = setup.interest
            && !(radius > 0.0 && radius.is_finite())
        {
            return Err(Refusal::new(format!("an interest radius must be above 0 and finite, not {radius}")).into());
        }
        let mut compose = ComposeTick::default();
        compose.terms = Terms {
            bytes_per_s: setup.client_bytes_per_s.unwrap_or(0),
            rate_hz: setup.rate.per_second(),
            far_is_rarer: setup.far_is_rarer,
        };
        let seats = Seats::new(setup.seats);
        let inputs = std::iter::repeat_with(|| None).take(seats.len()).collect();
        let lags = Lags::new(&setup, seats.len());
        let away = vec![false; seats.len()];
        Ok(Self {
            id,
            game,
            rng: setup.rng,
            listing: setup.listing,
            listed: None,
            rate: setup.rate,
            tick: Tick(0),
            seats,
            inputs,
            late: Vec::new(),
            lags,
            grace: setup.grace,
            away,
            freed: Vec::new(),
            places: Places::default(),
            commands: Vec::new(),
            events: Vec::new(),
            published: Published::default(),
            grid: Grid::new(setup.interest),
            store: Store::new(layout),
            encoder: Encoder::default(),
            compose,
            has_own_terms: setup.client_bytes_per_s.is_some(),
            unacked_max_bytes: 0,
            batches: (0..reactors).map(|reactor| Some(Box::new(Batch::new(id, thread, reactor)))).collect(),
            copied: Vec::new(),
            counts: RoomCounts::default(),
            tick_traffic: Traffic::default(),
            traffic: Traffic::default(),
            capsules: None,
            sent_parts: SentParts::default(),
        })
    }

    /// Bytes a second that each client is sent at most of what it sees, if the game has not said; 0 is no limit.
    #[must_use]
    pub fn with_client_bytes(mut self, bytes_per_s: u32) -> Self {
        if !self.has_own_terms {
            self.compose.terms.bytes_per_s = bytes_per_s;
        }
        self
    }

    /// Most bytes of frames that may be under way to a client, as far as [`Room::heard`] has not told that it has taken
    /// them; less while its way is slow. 0, the default, is no limit, and nobody is asked.
    #[must_use]
    pub fn with_window(self, unacked_max_bytes: usize) -> Self {
        Self { unacked_max_bytes, ..self }
    }

    /// Seats a client.
    ///
    /// # Errors
    /// The room is full, or the game refuses the player.
    pub fn join(&mut self, link: LinkAddress, profile: Profile) -> Result<SeatId, Refusal> {
        self.join_as(link, profile, false)
    }

    /// The same; one who `spectates` only looks on.
    ///
    /// # Errors
    /// As [`Room::join`].
    pub fn join_as(&mut self, link: LinkAddress, profile: Profile, spectates: bool) -> Result<SeatId, Refusal> {
        let seat = self.seats.free().ok_or_else(|| Refusal::new("the room is full; try again in a moment"))?;
        if spectates {
            self.game.spectate(seat, &profile)?;
        } else {
            self.game.join(seat, &profile)?;
        }
        self.seats.take(seat, link, profile);
        self.inputs[usize::from(seat.0)] = Some(G::Input::default());
        Ok(seat)
    }

    /// Frees a seat, if it is still this link's; tells whether it was.
    pub fn leave(&mut self, seat: SeatId, link: LinkAddress, why: Leave) -> bool {
        let theirs = self.seats.of_link(seat, link).is_some();
        if theirs {
            self.freed.extend(self.seats.leave(seat).and_then(|occupant| occupant.stay));
            self.away[usize::from(seat.0)] = false;
            self.inputs[usize::from(seat.0)] = None;
            self.lags.forget(seat);
            // what it still wanted is not the next one's wish
            self.commands.retain(|(other, _)| *other != seat);
            self.game.leave(seat, why);
        }
        theirs
    }

    /// Takes an input for a later tick from the link that a seat belongs to.
    pub fn input(&mut self, seat: SeatId, link: LinkAddress, input: TickInput, arrived: Instant) {
        let now = self.tick;
        let occupant = self.seats.of_link(seat, link);
        let kept = occupant.is_some_and(|occupant| occupant.inputs.offer(now, input, arrived));
        self.counts.inputs_unused += u64::from(!kept);
    }

    /// The client of a seat has taken the frame of this tick, and all before it.
    pub fn heard(&mut self, seat: SeatId, link: LinkAddress, frame: Tick, arrived: Instant) {
        let interval = self.rate.interval();
        if let Some(occupant) = self.seats.of_link(seat, link) {
            occupant.flight.hear(frame, arrived, interval);
        }
    }

    /// Takes a command for the next tick from the link that a seat belongs to.
    pub fn command(&mut self, seat: SeatId, link: LinkAddress, bytes: &[u8]) {
        let theirs = self.seats.of_link(seat, link).is_some();
        match protocol::decode_command(bytes) {
            Ok(command) if theirs && self.commands.len() < COMMANDS_MAX => self.commands.push((seat, command)),
            _ => self.counts.commands_dropped += 1,
        }
    }

    /// The client of a seat asks for keyframes; more often than twice a second it is not heard.
    pub fn resync(&mut self, seat: SeatId, link: LinkAddress) {
        let (now, pause) = (self.tick, i32::from(self.rate.per_second()) / 2);
        if let Some(occupant) = self.seats.of_link(seat, link)
            && occupant.resynced.is_none_or(|last| now.since(last) >= pause)
        {
            occupant.resynced = Some(now);
            occupant.view.reset();
        }
    }

    /// The client of a seat held these channels at `tick`, by handle and hash, and something was wrong: sends keyframes
    /// of what was; of all, when that is too long ago or nothing is found. Heard as often as [`Room::resync`].
    pub fn desync(&mut self, seat: SeatId, link: LinkAddress, tick: Tick, hashes: &[(u16, u32)]) {
        let (now, pause) = (self.tick, i32::from(self.rate.per_second()) / 2);
        if let Some(occupant) = self.seats.of_link(seat, link)
            && occupant.resynced.is_none_or(|last| now.since(last) >= pause)
        {
            occupant.resynced = Some(now);
            let (mut first, counts, kept) = (true, &mut self.counts, &mut self.capsules);
            let state = (&self.store, &self.sent_parts);
            occupant.view.heal(&self.store, tick, hashes, |channel, told| {
                counts.channels_healed += 1;
                // one tells as much as many
                if let Some(kept) = kept.as_mut().filter(|kept| std::mem::take(&mut first) && kept.len() < CAPSULES_MAX)
                {
                    let capsule = Capsule::new(state, &Schema::of::<G>(), channel, (tick, told));
                    kept.push((
                        format!("room-{}-seat-{}-tick-{}.capsule", self.id.0, seat.0, tick.0),
                        capsule.encode(),
                    ));
                }
            });
        }
    }

    /// Takes a batch back and learns from it what really left.
    pub fn home(&mut self, mut batch: Box<Batch>) {
        let reactor = batch.reactor;
        let address = |link| LinkAddress { reactor, link };
        for (frame, outcome) in batch.frames.iter().zip(&batch.outcomes) {
            let Some(occupant) = self.seats.of_link(frame.seat, address(frame.link)) else { continue };
            match outcome {
                Outcome::Written => occupant.view.confirm(),
                Outcome::Left(_) => {
                    occupant.view.confirm();
                    occupant.blocked = true;
                }
                Outcome::Skipped => {
                    occupant.retract();
                    occupant.blocked = true;
                }
                // its leave is under way
                Outcome::Closed => occupant.retract(),
            }
        }
        for (link, seat) in &batch.drained {
            if let Some(occupant) = self.seats.of_link(*seat, address(*link)) {
                occupant.blocked = false;
            }
        }
        batch.clear();
        self.batches[reactor] = Some(batch);
    }

    /// One tick, which is [`Room::simulate`] and [`Room::compose_all`]. `now` is when it begins; `send` gets each batch
    /// that has work, and may give it back when its reactor cannot take it now.
    pub fn step(&mut self, now: Instant, send: impl FnMut(Box<Batch>) -> Result<(), Box<Batch>>) {
        self.simulate(now);
        self.compose_all(now, send);
    }

    /// The first half of a tick: inputs, the game, its state. Only for a host that measures both halves.
    pub fn simulate(&mut self, now: Instant) {
        self.tick = self.tick.next();
        self.pass_grace();
        self.take_inputs(now);
        self.tick_game();
        self.publish();
        self.queue_events();
    }

    /// The second: frames for all. `now` is when they leave.
    pub fn compose_all(&mut self, now: Instant, mut send: impl FnMut(Box<Batch>) -> Result<(), Box<Batch>>) {
        self.encoder.clear();
        self.tick_traffic.clear();
        for reactor in 0..self.batches.len() {
            if let Some(batch) = self.compose(reactor, now)
                && let Err(mut batch) = send(batch)
            {
                self.withdraw(&batch);
                batch.clear();
                self.batches[reactor] = Some(batch);
            }
        }
        if self.capsules.is_some() {
            self.sent_parts.keep(self.tick, &self.encoder);
        }
        self.encoder.traffic(&mut self.tick_traffic);
        self.traffic += &self.tick_traffic;
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// Its tick rate.
    #[must_use]
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// The tick of the last step.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// How many seats there are in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.seats.len()
    }

    /// The clients of all taken seats that have a connection.
    pub fn links(&self) -> impl Iterator<Item = (SeatId, LinkAddress)> + '_ {
        self.seats.taken().filter_map(|(seat, occupant)| Some((seat, occupant.connected()?)))
    }

    /// Who sits there.
    pub fn profiles(&self) -> impl Iterator<Item = (SeatId, &Profile)> {
        self.seats.taken().map(|(seat, occupant)| (seat, &occupant.profile))
    }

    /// Where the bytes of the last tick's frames went.
    #[must_use]
    pub fn tick_traffic(&self) -> &Traffic {
        &self.tick_traffic
    }

    /// Where the bytes of all frames went.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Makes a capsule of each wrong state that a client tells of, for [`Room::take_capsules`].
    pub fn keep_capsules(&mut self) {
        self.capsules = Some(Vec::new());
    }

    /// The capsules since the last call: a file's name and its bytes, see [`Capsule`].
    pub fn take_capsules(&mut self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.capsules.iter_mut().flat_map(|capsules| capsules.drain(..))
    }

    /// What the lobby shows of it, if that has changed since the last call; the first time always.
    pub fn take_listing(&mut self) -> Option<&Listing> {
        let changes = Some(self.listing.changes());
        (std::mem::replace(&mut self.listed, changes) != changes).then_some(&self.listing)
    }

    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> RoomCounts {
        std::mem::take(&mut self.counts)
    }

    fn take_inputs(&mut self, now: Instant) {
        let (interval, now_tick) = (self.rate.interval(), self.tick);
        let wish = |lanes: &InputLanes| G::Input::from_lanes(&lanes[..G::Input::LANES]);
        self.late.clear();
        for (seat, occupant) in self.seats.taken_mut() {
            let late = |TickInput { tick, lanes, .. }: &TickInput| {
                if self.lags.reach(now_tick.since(*tick)) {
                    self.late.push(LateInput { seat, tick: *tick, input: wish(lanes) });
                }
            };
            // nothing new: the last wish holds
            if let Some((lanes, lag_ticks)) = occupant.inputs.due(now_tick, now, interval, late) {
                self.inputs[usize::from(seat.0)] = Some(wish(&lanes));
                let within = self.lags.hear(seat, lag_ticks);
                self.counts.rewinds_bounded += u64::from(!within);
            }
        }
    }

    fn tick_game(&mut self) {
        let past = SentStates { store: &self.store, places: &self.places };
        let lags = self.lags.bounded(self.store.kept());
        let step = Step::new(self.tick, self.rate, &self.inputs, &mut self.commands, &mut self.events, &mut self.rng);
        let step = step.with_past(&past, lags).with_away(&self.away).with_late(&self.late);
        self.game.tick(&mut step.with_listing(&mut self.listing));
        self.commands.clear();
    }

    fn publish(&mut self) {
        self.published.clear();
        self.game.publish(&mut Publisher::new(&mut self.published));
        for (seat, x, y) in &self.published.looks {
            if let Some(occupant) = self.seats.get_mut(*seat) {
                occupant.view.look(*x, *y);
            }
        }
        for (seat, sight) in &self.published.sights {
            if let Some(occupant) = self.seats.get_mut(*seat) {
                occupant.view.sight(*sight);
            }
        }
        let doubled = self.store.settle(self.tick, &self.published, &self.grid);
        self.counts.ids_doubled += doubled as u64;
    }

    fn queue_events(&mut self) {
        for (to, event) in self.events.drain(..) {
            let bytes: Arc<[u8]> = protocol::encode_payload(&event).into();
            if bytes.len() > EVENT_MAX_BYTES {
                self.counts.events_too_long += 1;
                continue;
            }
            let mut push =
                |view: &mut View| self.counts.events_dropped += view.push_event(Arc::clone(&bytes), self.tick) as u64;
            let mut push_where = |reached: &dyn Fn(&Eye) -> bool| {
                let taken = self.seats.taken_mut().filter(|(seat, occupant)| reached(&occupant.view.eye(*seat)));
                taken.for_each(|(_, occupant)| push(&mut occupant.view));
            };
            match to {
                To::All => push_where(&|_| true),
                To::Teams(teams) => push_where(&|eye| eye.sight.sees(eye.seat, Layer::Teams(teams))),
                To::At { x, y } => {
                    push_where(&|eye| self.grid.reaches(eye, (x, y), |area| self.game.sees(eye.seat, area)));
                }
                To::Seat(seat) => self.seats.get_mut(seat).into_iter().for_each(|occupant| push(&mut occupant.view)),
            }
        }
    }

    /// Fills the batch of one reactor; `None` when it is not home or nobody is there.
    fn compose(&mut self, reactor: usize, now: Instant) -> Option<Box<Batch>> {
        let is_here = |occupant: &Occupant| occupant.connected().is_some_and(|link| link.reactor == reactor);
        if !self.seats.taken().any(|(_, occupant)| is_here(occupant)) {
            return None;
        }
        let Some(mut batch) = self.batches[reactor].take() else {
            self.counts.batches_away += 1;
            return None;
        };
        self.compose.tick = self.tick;
        self.copied.clear();
        for (seat, occupant) in self.seats.taken_to_compose().filter(|(_, occupant)| is_here(occupant)) {
            if occupant.blocked {
                self.counts.events_dropped += occupant.view.skip(self.tick) as u64;
                batch.blocked.push((occupant.link.link, seat));
                continue;
            }
            if !occupant.flight.is_open(self.unacked_max_bytes, now) {
                self.counts.frames_withheld += 1;
                self.counts.events_dropped += occupant.view.fall_behind(self.tick) as u64;
                continue;
            }
            occupant.view.limit(occupant.flight.limit_bytes_per_s(), self.tick);
            if !occupant.view.is_due(self.tick, self.rate) {
                continue;
            }
            let first = batch.pieces.len();
            let batch = &mut *batch;
            let mut sink = FrameSink { bytes: &mut batch.bytes, pieces: &mut batch.pieces, copied: &mut self.copied };
            let state = (&self.store, &self.grid);
            let sees = |area| self.game.sees(seat, area);
            let (ack, encoder) = (occupant.inputs.ack(), &mut self.encoder);
            let asks = occupant.flight.is_to_ask(self.unacked_max_bytes, now);
            occupant.view.compose((seat, sees), (ack, asks), state, encoder, &mut self.compose, &mut sink);
            let pieces = first..batch.pieces.len();
            let length: usize = batch.pieces[pieces.clone()].iter().map(std::ops::Range::len).sum();
            if length > FRAME_MAX_BYTES {
                occupant.view.retract();
                self.counts.frames_too_long += 1;
                continue;
            }
            occupant.flight.leave(self.unacked_max_bytes, (self.tick, asks), length, now);
            batch.frames.push(BatchFrame { link: occupant.link.link, seat, pieces });
            self.counts.frames_composed += 1;
            self.tick_traffic.frames += 1;
            self.tick_traffic.bits += 8 * length as u64;
        }
        Some(batch)
    }

    /// A batch that could not be sent: as if all its frames had been skipped, but nobody is to blame.
    fn withdraw(&mut self, batch: &Batch) {
        self.counts.batches_away += 1;
        for frame in &batch.frames {
            let link = LinkAddress { reactor: batch.reactor, link: frame.link };
            if let Some(occupant) = self.seats.of_link(frame.seat, link) {
                occupant.retract();
            }
        }
    }
}
