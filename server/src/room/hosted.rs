//! Games behind one face: what a tick thread does with a room, and a server with a game, whatever game it is.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_shared::protocol::ResumeClaim;
use tickwire_shared::protocol::input::TickInput;
use tickwire_shared::schema::Schema;
use tickwire_shared::{Game, Leave, Listing, Profile, Refusal, SeatId, Tick, TickRate};

use super::{Returned, Room, RoomCounts, RoomError};
use crate::handover::inspect::{Inspect, Inspection};
use crate::handover::{Batch, LinkAddress, RoomId, RoomOptions, StayId};
use crate::json::Payloads;
use crate::sync::Traffic;

/// A room of any game; each function as that of [`Room`].
#[expect(missing_docs, reason = "each is Room's")]
pub trait HostedRoom: Send {
    fn join(&mut self, link: LinkAddress, profile: Profile, spectates: bool) -> Result<SeatId, Refusal>;
    fn leave(&mut self, seat: SeatId, link: LinkAddress, why: Leave) -> bool;
    fn lost(&mut self, seat: SeatId, link: LinkAddress);
    fn resume(&mut self, stay: StayId, link: LinkAddress, claim: &ResumeClaim) -> Option<Returned>;
    fn name_stay(&mut self, seat: SeatId, stay: StayId);
    fn input(&mut self, seat: SeatId, link: LinkAddress, input: TickInput, arrived: Instant);
    fn heard(&mut self, seat: SeatId, link: LinkAddress, frame: Tick, arrived: Instant);
    fn command(&mut self, seat: SeatId, link: LinkAddress, bytes: &[u8]);
    fn resync(&mut self, seat: SeatId, link: LinkAddress);
    fn desync(&mut self, seat: SeatId, link: LinkAddress, tick: Tick, hashes: &[(u16, u32)]);
    fn home(&mut self, batch: Box<Batch>);
    fn simulate(&mut self, now: Instant);
    fn compose_all(&mut self, now: Instant, send: &mut dyn FnMut(Box<Batch>) -> Result<(), Box<Batch>>);
    fn keep_capsules(&mut self);
    fn take_capsules(&mut self) -> Vec<(String, Vec<u8>)>;
    fn take_counts(&mut self) -> RoomCounts;
    fn take_freed(&mut self) -> Vec<StayId>;
    fn take_listing(&mut self) -> Option<&Listing>;
    fn rate(&self) -> TickRate;
    fn tick(&self) -> Tick;
    fn capacity(&self) -> usize;
    fn holds_seats(&self) -> bool;
    fn links(&self) -> Vec<(SeatId, LinkAddress)>;
    fn link_of(&self, seat: SeatId) -> Option<LinkAddress>;
    fn place_of(&self, stay: StayId) -> Option<(SeatId, LinkAddress)>;
    fn profiles(&self) -> Vec<(SeatId, &Profile)>;
    fn traffic(&self) -> &Traffic;
    fn tick_traffic(&self) -> &Traffic;
    fn inspect(&self, schema: Arc<Schema>, asked: &Inspect) -> Inspection;
}

impl<G: Game> HostedRoom for Room<G> {
    fn join(&mut self, link: LinkAddress, profile: Profile, spectates: bool) -> Result<SeatId, Refusal> {
        self.join_as(link, profile, spectates)
    }
    fn leave(&mut self, seat: SeatId, link: LinkAddress, why: Leave) -> bool {
        self.leave(seat, link, why)
    }
    fn lost(&mut self, seat: SeatId, link: LinkAddress) {
        self.lost(seat, link);
    }
    fn resume(&mut self, stay: StayId, link: LinkAddress, claim: &ResumeClaim) -> Option<Returned> {
        self.resume(stay, link, claim)
    }
    fn name_stay(&mut self, seat: SeatId, stay: StayId) {
        self.name_stay(seat, stay);
    }
    fn input(&mut self, seat: SeatId, link: LinkAddress, input: TickInput, arrived: Instant) {
        self.input(seat, link, input, arrived);
    }
    fn heard(&mut self, seat: SeatId, link: LinkAddress, frame: Tick, arrived: Instant) {
        self.heard(seat, link, frame, arrived);
    }
    fn command(&mut self, seat: SeatId, link: LinkAddress, bytes: &[u8]) {
        self.command(seat, link, bytes);
    }
    fn resync(&mut self, seat: SeatId, link: LinkAddress) {
        self.resync(seat, link);
    }
    fn desync(&mut self, seat: SeatId, link: LinkAddress, tick: Tick, hashes: &[(u16, u32)]) {
        self.desync(seat, link, tick, hashes);
    }
    fn home(&mut self, batch: Box<Batch>) {
        self.home(batch);
    }
    fn simulate(&mut self, now: Instant) {
        self.simulate(now);
    }
    fn compose_all(&mut self, now: Instant, send: &mut dyn FnMut(Box<Batch>) -> Result<(), Box<Batch>>) {
        self.compose_all(now, send);
    }
    fn keep_capsules(&mut self) {
        self.keep_capsules();
    }
    fn take_capsules(&mut self) -> Vec<(String, Vec<u8>)> {
        self.take_capsules().collect()
    }
    fn take_counts(&mut self) -> RoomCounts {
        self.take_counts()
    }
    fn take_freed(&mut self) -> Vec<StayId> {
        self.take_freed().collect()
    }
    fn take_listing(&mut self) -> Option<&Listing> {
        self.take_listing()
    }
    fn rate(&self) -> TickRate {
        self.rate()
    }
    fn tick(&self) -> Tick {
        self.tick()
    }
    fn capacity(&self) -> usize {
        self.capacity()
    }
    fn holds_seats(&self) -> bool {
        self.holds_seats()
    }
    fn links(&self) -> Vec<(SeatId, LinkAddress)> {
        self.links().collect()
    }
    fn link_of(&self, seat: SeatId) -> Option<LinkAddress> {
        self.link_of(seat)
    }
    fn place_of(&self, stay: StayId) -> Option<(SeatId, LinkAddress)> {
        self.place_of(stay)
    }
    fn profiles(&self) -> Vec<(SeatId, &Profile)> {
        self.profiles().collect()
    }
    fn traffic(&self) -> &Traffic {
        self.traffic()
    }
    fn tick_traffic(&self) -> &Traffic {
        self.tick_traffic()
    }
    fn inspect(&self, schema: Arc<Schema>, asked: &Inspect) -> Inspection {
        self.inspect(schema, asked)
    }
}

/// How rooms of all games are made on one server.
#[derive(Clone, Copy, Debug)]
pub struct RoomTerms {
    /// [`Room::with_client_bytes`].
    pub client_bytes_per_s: u32,
    /// [`Room::with_grace_max`].
    pub grace_max: Duration,
    /// [`Room::with_window`].
    pub unacked_max_bytes: usize,
}

impl Default for RoomTerms {
    fn default() -> Self {
        Self { client_bytes_per_s: 0, grace_max: Duration::MAX, unacked_max_bytes: 0 }
    }
}

/// Where a room is and what it begins with.
#[derive(Debug)]
pub struct Opening {
    /// Its name.
    pub room: RoomId,
    /// For its generator.
    pub seed: u64,
    /// What its creator wished for.
    pub listing: Listing,
    /// By whom it is created, if they chose; else the server's.
    pub options: Option<RoomOptions>,
}

/// A game that a server hosts.
pub trait HostedGame: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What travels in it.
    fn schema(&self) -> Schema;

    /// Its commands and events, for those who speak JSON.
    fn payloads(&self) -> Payloads;

    /// How many seats its rooms have, with the server's options; and that it takes them.
    ///
    /// # Errors
    /// As [`Room::new`].
    fn seats(&self) -> Result<usize, RoomError>;

    /// Reads options from JSON.
    ///
    /// # Errors
    /// They are none of the game's, in words.
    fn options(&self, json: &serde_json::Value) -> Result<RoomOptions, String>;

    /// A new room on tick thread `thread`, for `reactors` reactors.
    ///
    /// # Errors
    /// As [`Room::new`].
    fn open(
        &self,
        opening: Opening,
        terms: &RoomTerms,
        thread: usize,
        reactors: usize,
    ) -> Result<Box<dyn HostedRoom>, RoomError>;
}

impl fmt::Debug for dyn HostedGame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Game `G` with the server's options.
#[derive(Debug)]
pub struct Hosted<G: Game> {
    options: G::Options,
}

impl<G: Game> Hosted<G> {
    /// Hosts it so.
    pub fn new(options: G::Options) -> Self {
        Self { options }
    }
}

impl<G: Game> HostedGame for Hosted<G> {
    fn name(&self) -> &'static str {
        G::NAME
    }

    fn schema(&self) -> Schema {
        Schema::of::<G>()
    }

    fn payloads(&self) -> Payloads {
        Payloads::of::<G>()
    }

    fn seats(&self) -> Result<usize, RoomError> {
        Room::<G>::new(RoomId(0), self.options.clone(), 0, 0, 0).map(|room| room.capacity())
    }

    fn options(&self, json: &serde_json::Value) -> Result<RoomOptions, String> {
        let options: G::Options = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        Ok(RoomOptions(Box::new(options)))
    }

    fn open(
        &self,
        opening: Opening,
        terms: &RoomTerms,
        thread: usize,
        reactors: usize,
    ) -> Result<Box<dyn HostedRoom>, RoomError> {
        let Opening { room, seed, listing, options } = opening;
        let chosen = options.and_then(|options| (options.0 as Box<dyn Any>).downcast::<G::Options>().ok());
        let options = chosen.map_or_else(|| self.options.clone(), |chosen| *chosen);
        let room = Room::<G>::open(room, options, (seed, listing), thread, reactors)?;
        let room = room.with_client_bytes(terms.client_bytes_per_s).with_window(terms.unacked_max_bytes);
        Ok(Box::new(room.with_grace_max(terms.grace_max)))
    }
}
