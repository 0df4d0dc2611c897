//! Newcomers and the lobby: who gets which room, by wish or by ticket; the same rules over WebSocket and over HTTP.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use tickwire_shared::Profile;
use tickwire_shared::protocol::close::CloseReason;
use tracing::debug;

use super::{Control, random_seed};
use crate::config::LobbyConfig;
use crate::handover::{LinkAddress, OpenRoom, RoomId, RoomOptions, ToReactor, ToTick};
use crate::lobby::tickets::Ticket;
use crate::lobby::wish::{Which, Wish};
use crate::lobby::{NoPlace, Placement, Sought};
use crate::metrics::{Counter, Metrics};
use crate::net::proxy::Network;
use crate::net::rate::{Meter, Rate};

/// Addresses whose creations are counted; beyond them those that are at rest are forgotten.
const ADDRESSES_MAX: usize = 16 * 1024;

/// Who created how many rooms lately.
#[derive(Debug)]
pub struct Creations {
    exempt: Vec<Network>,
    /// Keyed by strangers, so with a hash that they cannot predict.
    meters: HashMap<IpAddr, Meter>,
    since: Instant,
}

impl Creations {
    /// Nobody yet; addresses that are `exempt` create as many as they like.
    #[must_use]
    pub fn new(exempt: Vec<Network>) -> Self {
        Self { exempt, meters: HashMap::new(), since: Instant::now() }
    }

    fn allows(&mut self, ip: IpAddr, per_minute: u32) -> bool {
        if self.exempt.iter().any(|network| network.contains(ip)) {
            return true;
        }
        // a clock that runs a sixtieth as fast makes seconds of minutes
        let now = u64::try_from(self.since.elapsed().as_micros() / 60).unwrap_or(u64::MAX);
        if self.meters.len() >= ADDRESSES_MAX {
            self.meters.retain(|_, meter| !meter.is_whole(now));
        }
        let rate = Rate { per_s: per_minute, burst: per_minute };
        self.meters.entry(subscriber(ip)).or_default().take(rate, 1, now)
    }
}

/// Whom an address is counted as: of IPv6 a whole /64 is one subscriber.
pub(super) fn subscriber(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

/// Why somebody gets no seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TurnedAway {
    /// What is counted.
    pub(super) why: Why,
    /// A sentence for a person.
    pub(super) text: String,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    NoPlace(NoPlace),
    Draining,
    Wish,
    Creation,
    Creations,
    Codes,
    Options,
    Ticket,
    Unopened,
    RoomFailed,
}

impl Why {
    pub(super) fn close_reason(self) -> CloseReason {
        match self {
            Self::NoPlace(NoPlace::Full | NoPlace::Overloaded) | Self::Draining | Self::Creations => {
                CloseReason::TryLater
            }
            Self::Wish => CloseReason::InvalidData,
            Self::Codes => CloseReason::Policy,
            Self::RoomFailed => CloseReason::RoomFailed,
            _ => CloseReason::Refused,
        }
    }

    fn counter(self, metrics: &Metrics) -> &Counter {
        match self {
            Self::NoPlace(NoPlace::Full) => &metrics.joins_without_room,
            Self::NoPlace(NoPlace::Overloaded) => &metrics.joins_overloaded,
            Self::NoPlace(NoPlace::NoRoom | NoPlace::NoCode | NoPlace::OtherGame) => &metrics.joins_nowhere,
            Self::NoPlace(NoPlace::RoomFull) => &metrics.joins_room_full,
            Self::NoPlace(NoPlace::Locked) => &metrics.joins_locked,
            Self::NoPlace(NoPlace::TooMany) | Self::Wish | Self::Options => &metrics.joins_unclear,
            Self::Codes => &metrics.joins_after_wrong_codes,
            Self::Unopened => &metrics.joins_unwanted,
            Self::RoomFailed => &metrics.joins_too_late,
            Self::Draining => &metrics.joins_draining,
            Self::Creation | Self::Creations => &metrics.joins_creating,
            Self::Ticket => &metrics.joins_with_void_ticket,
        }
    }
}

impl From<NoPlace> for TurnedAway {
    fn from(no_place: NoPlace) -> Self {
        Self { why: Why::NoPlace(no_place), text: no_place.to_string() }
    }
}

pub(super) fn turned_away(why: Why, text: impl Into<String>) -> TurnedAway {
    TurnedAway { why, text: text.into() }
}

impl Control {
    /// Somebody wants a seat of a game.
    pub(super) fn place(
        &mut self,
        (link, ip): (LinkAddress, IpAddr),
        game: usize,
        profile: Profile,
        (wish, kept): (&Wish, Option<RoomId>),
    ) {
        match self.find(ip, game, (wish, kept)) {
            Ok(placement) => self.seat((link, ip), game, placement, profile, wish.spectate),
            Err(away) => self.turn_away(link, &away),
        }
    }

    /// A seat that is `kept` for this one, or one as wished.
    fn find(
        &mut self,
        ip: IpAddr,
        game: usize,
        (wish, kept): (&Wish, Option<RoomId>),
    ) -> Result<Placement, TurnedAway> {
        match kept {
            Some(room) => self.placement_of(room, game),
            None => self.reserve(ip, game, wish, 1),
        }
    }

    pub(super) fn refuse_while_draining(&self) -> Result<(), TurnedAway> {
        let text = "this server is about to stop and takes nobody new; connect again for another one";
        if self.drain.is_on() { Err(turned_away(Why::Draining, text)) } else { Ok(()) }
    }

    /// Takes a ticket, which is void then; not that of a room that the operator has locked.
    pub(super) fn redeem(&mut self, pass: &str) -> Result<Ticket, TurnedAway> {
        if self.tickets.room_of(pass, Instant::now()).is_some_and(|room| self.lobby.is_barred(room)) {
            let text = "the operator has locked the room of this ticket: nobody joins it now";
            return Err(turned_away(Why::NoPlace(NoPlace::Locked), text));
        }
        let void = || turned_away(Why::Ticket, "this ticket is not good (any more): it was used, or its time is over");
        self.tickets.redeem(pass, Instant::now()).ok_or_else(void)
    }

    /// The seat that a ticket has kept in a room.
    fn placement_of(&mut self, room: RoomId, game: usize) -> Result<Placement, TurnedAway> {
        match (self.lobby.thread_of(room), self.lobby.game_of(room)) {
            (Some(thread), Some(of)) if of == game => Ok(Placement { room, thread, new: false }),
            (Some(_), _) => {
                self.give_back(room);
                Err(NoPlace::OtherGame.into())
            }
            (None, _) => Err(match self.promises.reason_of(room) {
                Some(reason) => turned_away(Why::Unopened, reason),
                None => turned_away(Why::NoPlace(NoPlace::NoRoom), "the room of this ticket has ended"),
            }),
        }
    }

    /// Keeps `seats` in a room that is as wished; a new one is opened.
    pub(super) fn reserve(
        &mut self,
        ip: IpAddr,
        game: usize,
        wish: &Wish,
        seats: usize,
    ) -> Result<Placement, TurnedAway> {
        self.refuse_while_draining()?;
        let mut options = None;
        if let Which::New(creation) = &wish.which {
            let LobbyConfig { create, creations_per_minute, client_options, .. } = self.lobby_config;
            if !create {
                return Err(turned_away(Why::Creation, "players cannot create rooms on this server; join one"));
            }
            if let Some(given) = &creation.options {
                if !client_options {
                    let text = "this server takes no options from players (lobby.client_options); leave them out";
                    return Err(turned_away(Why::Options, text));
                }
                let read = self.games[game].options(given);
                options = Some(read.map_err(|text| turned_away(Why::Options, format!("create.options: {text}")))?);
            }
            if !self.creations.allows(ip, creations_per_minute) {
                let text = format!("at most {creations_per_minute} rooms a minute may be created from one address");
                return Err(turned_away(Why::Creations, text));
            }
        }
        if matches!(wish.which, Which::Code(_)) && !self.codes.may_try(ip, Instant::now()) {
            let text = "too many wrong codes from your address; try again in a minute";
            return Err(turned_away(Why::Codes, text));
        }
        let (load, sought) = (self.load(), Sought { game, which: &wish.which, seats });
        let placed = match &wish.which {
            Which::Fitting { conditions, .. } if !conditions.is_empty() => match self.lobby.find(sought, &load) {
                Some(room) => self.lobby.place(Sought { which: &Which::Room(room), ..sought }, &load),
                None => {
                    self.may_make_fitting(ip)?;
                    self.lobby.make(sought, &load)
                }
            },
            _ => self.lobby.place(sought, &load),
        };
        if placed == Err(NoPlace::NoCode) {
            self.codes.failed(ip, Instant::now());
        }
        let placement = placed?;
        self.open(game, placement, options);
        Ok(placement)
    }

    /// Whoever wishes for properties that no room has makes a room with them.
    fn may_make_fitting(&mut self, ip: IpAddr) -> Result<(), TurnedAway> {
        let LobbyConfig { create, creations_per_minute, .. } = self.lobby_config;
        if !create {
            let text = "no room is as you wish, and players cannot create one on this server";
            return Err(turned_away(Why::Creation, text));
        }
        if !self.creations.allows(ip, creations_per_minute) {
            let text = format!(
                "no room is as you wish, and at most {creations_per_minute} a minute may be created from one address"
            );
            return Err(turned_away(Why::Creations, text));
        }
        Ok(())
    }

    /// A room for those who have found each other, however many were created.
    pub(super) fn open_for(&mut self, game: usize, creation: &Which, seats: usize) -> Result<Placement, TurnedAway> {
        let load = self.load();
        let placement = self.lobby.place(Sought { game, which: creation, seats }, &load)?;
        self.open(game, placement, None);
        Ok(placement)
    }

    fn open(&mut self, game: usize, placement: Placement, options: Option<RoomOptions>) {
        if placement.new {
            let (room, seed) = (placement.room, random_seed());
            let listing = self.lobby.listing_of(room).cloned().unwrap_or_default();
            let code = self.lobby.code_of(room).map(str::to_owned);
            let gauges = self.lobby.gauges_of(room).unwrap_or_default();
            let open = OpenRoom { room, game, seed, listing, options, code, gauges };
            self.threads[placement.thread].send(ToTick::Open(Box::new(open)));
        }
    }

    fn seat(
        &mut self,
        (link, ip): (LinkAddress, IpAddr),
        game: usize,
        placement: Placement,
        profile: Profile,
        spectates: bool,
    ) {
        let Placement { room, thread, .. } = placement;
        let (stay, pass) = self.directory.enter(room, thread);
        self.reception.enter(stay, profile.account.as_deref(), (ip, game), (room, thread, spectates));
        self.threads[thread].send(ToTick::Join { room, link, profile, spectates, stay, pass });
    }

    /// A seat that was kept is free; the room of the last one ends.
    pub(super) fn give_back(&mut self, room: RoomId) {
        if let Some(thread) = self.lobby.freed(room) {
            self.threads[thread].send(ToTick::Close(room));
        }
    }

    /// What tickets kept whose time is over is free again.
    pub(super) fn expire_tickets(&mut self) {
        let now = Instant::now();
        while let Some(ticket) = self.tickets.expire(now) {
            ticket.room.into_iter().for_each(|room| self.give_back(room));
        }
    }

    pub(super) fn turn_away(&mut self, link: LinkAddress, TurnedAway { why, text }: &TurnedAway) {
        self.count_turned_away(*why);
        debug!(link = link.link.0, ?why, text, "no seat");
        let close = ToReactor::Close { link: link.link, reason: why.close_reason(), text: text.clone() };
        self.reactors[link.reactor].send(close);
    }

    pub(super) fn count_turned_away(&self, why: Why) {
        why.counter(&self.metrics).one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CLOSE_TEXT_MAX_BYTES;

    /// Breaks when there is a reason more: add it below.
    fn is_listed(why: Why) {
        match why {
            Why::NoPlace(
                NoPlace::Full
                | NoPlace::Overloaded
                | NoPlace::NoRoom
                | NoPlace::NoCode
                | NoPlace::OtherGame
                | NoPlace::RoomFull
                | NoPlace::Locked
                | NoPlace::TooMany,
            )
            | Why::Draining
            | Why::Wish
            | Why::Creation
            | Why::Creations
            | Why::Codes
            | Why::Options
            | Why::Ticket
            | Why::Unopened
            | Why::RoomFailed => {}
        }
    }

    #[test]
    fn every_reason_has_a_close_code_a_status_and_a_counter_and_its_words_fit_into_a_close_frame() {
        let no_place = [
            NoPlace::Full,
            NoPlace::Overloaded,
            NoPlace::NoRoom,
            NoPlace::NoCode,
            NoPlace::OtherGame,
            NoPlace::RoomFull,
            NoPlace::Locked,
            NoPlace::TooMany,
        ];
        for words in no_place.map(|no_place| no_place.to_string()) {
            assert!(words.contains(' ') && words.len() <= CLOSE_TEXT_MAX_BYTES, "{words}");
        }
        let others = [
            Why::Draining,
            Why::Wish,
            Why::Creation,
            Why::Creations,
            Why::Codes,
            Why::Options,
            Why::Ticket,
            Why::Unopened,
            Why::RoomFailed,
        ];
        let metrics = Metrics::default();
        for why in no_place.map(Why::NoPlace).into_iter().chain(others) {
            is_listed(why);
            why.counter(&metrics).one();
            assert!(why.close_reason() != CloseReason::Done && (400..600).contains(&why.status()), "{why:?}");
        }
        let counted = metrics.exposition();
        let counted = counted.lines().filter(|line| line.starts_with("tickwire_joins_refused_total{"));
        let sum: u64 = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        assert_eq!(sum, 17, "each is counted once, and as a refused join");
    }
}
