//! What the public API asks, answered from the lobby, the tickets and the queue.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tickwire_shared::Profile;
use tokio::sync::oneshot;
use tracing::debug;

use super::Control;
use super::places::{TurnedAway, Why, subscriber};
use super::promises::{Promise, Promised};
use crate::handover::RoomId;
use crate::handover::lobby_call::{GroupId, LobbyAnswer, LobbyAsk, LobbyCall, LobbyTold};
use crate::identity::reception::{Arrival, DeniedFor};
use crate::identity::{PassError, Shown};
use crate::lobby::NoPlace;
use crate::lobby::queue::{self, Group, Matched, Standing};
use crate::lobby::tickets::Ticket;
use crate::lobby::wish::{Creation, Which, Wish};

/// How often those who wait are looked at: ten thousand of them take some milliseconds.
pub(super) const MATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Most seats that are kept at once for one request.
const SEATS_MAX: usize = 1_000;

/// Why there is no answer: an HTTP status and a sentence.
pub(super) type Refused = (u16, String);
/// What is answered.
pub(super) type Said = Result<Value, Refused>;

impl Why {
    /// As an HTTP status.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::NoPlace(NoPlace::NoRoom | NoPlace::NoCode) => 404,
            Self::NoPlace(NoPlace::Full | NoPlace::Overloaded) | Self::Draining | Self::RoomFailed => 503,
            Self::NoPlace(NoPlace::RoomFull | NoPlace::Locked | NoPlace::OtherGame) => 409,
            Self::NoPlace(NoPlace::TooMany) | Self::Wish | Self::Options | Self::Unopened => 400,
            Self::Creation | Self::Ticket => 403,
            Self::Creations | Self::Codes => 429,
        }
    }
}

impl Control {
    /// Answers at once, but for seats of a room that is still being made.
    pub(super) fn handle_lobby_call(&mut self, call: LobbyCall) {
        let LobbyCall { ip, bearer, asked, answer } = call;
        // whoever asked may have given up meanwhile
        if answer.is_closed() {
            return;
        }
        match self.holder_of(ip, bearer.as_deref(), &asked) {
            Ok(holder) => self.answer(ip, holder, asked, answer),
            Err(refusal) => self.answer_to(answer, Err(refusal)),
        }
    }

    /// Takes seats out of a room for somebody; gives the address for which they count, too.
    fn seats_for(
        &mut self,
        from: IpAddr,
        game: Option<&str>,
        wish: Value,
        seats: usize,
    ) -> Result<(RoomId, Option<IpAddr>), Refused> {
        let game = self.game_named(game)?;
        let wish = read_wish(wish)?;
        if !(1..=SEATS_MAX).contains(&seats) {
            return Err((400, format!("seats takes a number from 1 to {SEATS_MAX}")));
        }
        let ip = self.kept_for(from, seats)?;
        let placement = self.reserve(from, game, &wish, seats).map_err(|away| self.told(&away))?;
        Ok((placement.room, ip))
    }

    /// Whose pass a request shows: none where nobody is known. Whoever only looks on needs none.
    ///
    /// # Errors
    /// It is not good, or its bearer is banned: a status and a sentence.
    fn holder_of(&mut self, ip: IpAddr, bearer: Option<&str>, asked: &LobbyAsk) -> Result<Option<Profile>, Refused> {
        let looks_on =
            matches!(asked, LobbyAsk::Games | LobbyAsk::Rooms { .. } | LobbyAsk::Queued(_) | LobbyAsk::Unqueue(_));
        if looks_on {
            return Ok(None);
        }
        let shown = self.reception.known(bearer.unwrap_or_default(), Arrival::now(ip));
        shown.map(Shown::holder).map_err(|denied| {
            self.count_denied(denied.why);
            let status = match denied.why {
                DeniedFor::Pass(PassError::TooMany) => 429,
                DeniedFor::Pass(_) => 401,
                _ => 403,
            };
            (status, denied.text)
        })
    }

    fn answer(&mut self, from: IpAddr, holder: Option<Profile>, asked: LobbyAsk, answer: oneshot::Sender<LobbyAnswer>) {
        let said = match asked {
            LobbyAsk::Games => {
                let game = |(name, rooms, players)| json!({ "game": name, "rooms": rooms, "players": players });
                Ok(json!({ "games": self.lobby.games().into_iter().map(game).collect::<Vec<_>>() }))
            }
            LobbyAsk::Rooms { game, wish, max } => {
                let listed = self.rooms(game.as_deref(), wish, max);
                // nothing is promised
                let _ = answer.send(listed.map(LobbyTold::Written));
                return;
            }
            LobbyAsk::Reserve { game, wish, seats } => match self.seats_for(from, game.as_deref(), wish, seats) {
                Ok((room, ip)) => {
                    let to = Promised::Asker { holder, ip, answer };
                    return self.promise(room, Promise { seats, to });
                }
                Err(refusal) => Err(refusal),
            },
            LobbyAsk::Queue { game, skill, group, players } => {
                self.wait(from, game.as_deref(), (skill, group, players), holder)
            }
            LobbyAsk::Queued(id) => {
                // who gave up may ask again: its seats stay its own
                let _ = answer.send(self.standing_of(id).map(LobbyTold::Value));
                return;
            }
            LobbyAsk::Unqueue(id) if self.queue.leave(id) => Ok(json!({ "state": "left" })),
            LobbyAsk::Unqueue(_) => Err(unknown_group()),
            LobbyAsk::Ticket => self.ticket_of(holder),
        };
        self.answer_to(answer, said);
    }

    fn standing_of(&mut self, id: GroupId) -> Said {
        match self.queue.ask(id, Instant::now()) {
            Some(Standing::Waiting { waited, window }) => {
                self.refuse_while_draining().map_err(|away| self.told(&away))?;
                Ok(json!({ "state": "waiting", "waited_s": waited.as_secs_f64(), "window": window }))
            }
            Some(Standing::Seated { told }) => Ok(told),
            Some(Standing::Refused { status, text }) => Err((status, text)),
            None => Err(unknown_group()),
        }
    }

    fn rooms(&mut self, game: Option<&str>, wish: Value, max: usize) -> Result<Arc<[u8]>, Refused> {
        let game = self.game_named(game)?;
        self.lists.told(&self.lobby, (game, wish, max), Instant::now())
    }

    fn wait(
        &mut self,
        from: IpAddr,
        game: Option<&str>,
        (skill, group, players): (f64, usize, usize),
        holder: Option<Profile>,
    ) -> Said {
        let game = self.game_named(game)?;
        self.refuse_while_draining().map_err(|away| self.told(&away))?;
        let most = self.lobby.usual_seats(game).min(queue::PLAYERS_MAX);
        if !(2..=most).contains(&players) || !(1..players).contains(&group) || !skill.is_finite() {
            return Err((400, format!("players takes 2 to {most}, group less than that, skill a number")));
        }
        let ip = self.kept_for(from, group)?;
        let group = Group { game, skill, size: group, players, holder, ip };
        let busy = || (503, "too many wait in the queue; try again in a moment".to_owned());
        let id = self.queue.enter(group, Instant::now()).ok_or_else(busy)?;
        Ok(json!({ "id": id.0.to_string(), "state": "waiting" }))
    }

    fn ticket_of(&mut self, holder: Option<Profile>) -> Said {
        let nobody = || (401, "show who you are: Authorization: Bearer TOKEN".to_owned());
        let holder = Some(holder.ok_or_else(nobody)?);
        let issued = self.tickets.issue(Ticket { holder, ..Ticket::default() }, Instant::now() + self.keeps());
        let ticket = issued.map_err(|error| (503, error.to_string()))?;
        Ok(json!({ "ticket": ticket, "expires_in_s": self.keeps().as_secs() }))
    }

    /// By which address seats are counted that are kept for it or wait in the queue; none where they are not.
    fn kept_for(&self, from: IpAddr, seats: usize) -> Result<Option<IpAddr>, Refused> {
        if self.exempt.iter().any(|network| network.contains(from)) {
            return Ok(None);
        }
        let (ip, most) = (subscriber(from), self.lobby_config.reserved_per_address);
        let kept = self.tickets.of_address(ip) + self.promises.of_address(ip);
        if kept + self.queue.seats_of(ip) + seats > most {
            return Err((429, format!("at most {most} seats are kept for one address at a time")));
        }
        Ok(Some(ip))
    }

    pub(super) fn told(&self, away: &TurnedAway) -> Refused {
        self.count_turned_away(away.why);
        (away.why.status(), away.text.clone())
    }

    fn game_named(&self, name: Option<&str>) -> Result<usize, Refused> {
        let names: Vec<&str> = self.games.iter().map(|game| game.name()).collect();
        match name {
            None if names.len() == 1 => Ok(0),
            None => Err((400, format!("say which game: one of {}", names.join(", ")))),
            Some(name) => names
                .iter()
                .position(|known| *known == name)
                .ok_or_else(|| (404, format!("this server hosts {}, not {name:?}", names.join(", ")))),
        }
    }

    pub(super) fn keeps(&self) -> Duration {
        Duration::from_secs(self.lobby_config.reservation_s.into())
    }

    /// A ticket for each of the seats that are kept; without them the seats are free again.
    pub(super) fn issue(
        &mut self,
        room: RoomId,
        seats: usize,
        (holder, ip): (Option<&Profile>, Option<IpAddr>),
    ) -> Result<Vec<String>, Refused> {
        let expires = Instant::now() + self.keeps();
        // several are for several people, and only one of them asked
        let holder = holder.filter(|_| seats == 1);
        let mut tickets = Vec::with_capacity(seats);
        for left in (1..=seats).rev() {
            match self.tickets.issue(Ticket { room: Some(room), holder: holder.cloned(), ip }, expires) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    (0..left).for_each(|_| self.give_back(room));
                    for ticket in &tickets {
                        self.tickets.redeem(ticket, Instant::now());
                        self.give_back(room);
                    }
                    return Err((503, error.to_string()));
                }
            }
        }
        Ok(tickets)
    }

    pub(super) fn reserved(&self, room: RoomId, tickets: &[String]) -> Value {
        let mut told = json!({ "room": room.0, "tickets": tickets, "expires_in_s": self.keeps().as_secs() });
        if let Some(code) = self.lobby.code_of(room) {
            told["code"] = code.into();
        }
        told
    }

    /// Makes rooms for those who have found each other.
    pub(super) fn match_queue(&mut self) {
        if self.drain.is_on() {
            return;
        }
        for matched in self.queue.match_up(Instant::now()) {
            if let Err(TurnedAway { text, .. }) = self.open_match(matched) {
                // they stay and are matched again
                debug!(error = text, "a match of the queue got no room");
            }
        }
    }

    fn open_match(&mut self, matched: Matched) -> Result<(), TurnedAway> {
        // nobody else is sent there, or finds it by counting
        let creation = Creation { private: true, ..Creation::default() };
        let seats = matched.players;
        let placement = self.open_for(matched.game, &Which::New(Box::new(creation)), seats)?;
        self.queue.hold(&matched.groups);
        self.promise(placement.room, Promise { seats, to: Promised::Matched(matched) });
        Ok(())
    }

    /// The room of a match has begun, with the seats that it needs.
    pub(super) fn seat_match(&mut self, room: RoomId, matched: &Matched) {
        let (now, mut unused) = (Instant::now(), matched.players);
        let with_group = |id: &GroupId| Some((*id, self.queue.group(*id)?.clone()));
        let groups: Vec<(GroupId, Group)> = matched.groups.iter().filter_map(with_group).collect();
        // where one has left meanwhile, the others wait for another one
        let seated = if groups.len() == matched.groups.len() { &groups[..] } else { &[] };
        for (id, group) in seated {
            unused -= group.size;
            match self.issue(room, group.size, (group.holder.as_ref(), group.ip)) {
                Ok(tickets) => {
                    let mut told = self.reserved(room, &tickets);
                    told["state"] = "matched".into();
                    told["skill"] = matched.skill.into();
                    self.queue.seated(*id, told, now + self.keeps());
                }
                Err((_, error)) => {
                    debug!(error, "a match of the queue got no tickets");
                    break;
                }
            }
        }
        (0..unused).for_each(|_| self.give_back(room));
        self.queue.release(&matched.groups);
    }
}

pub(super) fn read_wish(wish: Value) -> Result<Wish, Refused> {
    let wish = if wish.is_null() { Ok(Wish::default()) } else { Wish::of_json(wish) };
    wish.map_err(|error| (400, error.to_string()))
}

fn unknown_group() -> Refused {
    (404, "nobody waits under this id (any more): the seats were not taken in time, or nobody asked".to_owned())
}
