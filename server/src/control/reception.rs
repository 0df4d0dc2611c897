//! Newcomers and those who come back, between the reception and the lobby; and what an operator says of and to them.

use std::net::IpAddr;

use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use super::Control;
use super::places::{TurnedAway, Why, turned_away};
use crate::handover::steer::AdminCall;
use crate::handover::{LinkAddress, RoomId, StayId, ToReactor, ToTick};
use crate::identity::reception::{Arrival, Denied, DeniedFor, Received};
use crate::identity::{PassError, Shown, Sitting};
use crate::lobby::NoPlace;
use crate::lobby::tickets::{Ticket, Tickets};
use crate::lobby::wish::Wish;
use crate::metrics::Counter;

impl Control {
    /// Receives a newcomer: who may come in is placed, or gets the seat of its account.
    pub(super) fn receive(&mut self, (link, ip): (LinkAddress, IpAddr), game: usize, request: &JoinRequest) {
        let wish = match Wish::parse(&request.wish) {
            Ok(wish) => wish,
            Err(error) => return self.turn_away(link, &turned_away(Why::Wish, error.to_string())),
        };
        let arrival = Arrival::now(ip);
        let (known, kept) = match self.known(&request.pass, arrival) {
            Ok(known) => known,
            Err(away) => return self.turn_away(link, &away),
        };
        let lobby = &self.lobby;
        let is_content = |sitting: &Sitting| {
            let leads_there =
                kept.map_or_else(|| lobby.leads_to(&wish.which, sitting.room), |kept| kept == sitting.room);
            leads_there && sitting.spectates == wish.spectate
        };
        let receive = |shown| self.reception.receive((shown, &request.name), game, is_content, arrival);
        match known.and_then(receive) {
            Ok(Received::Newcomer(profile)) => self.place((link, ip), game, profile, (&wish, kept)),
            Ok(Received::Second(sitting)) => {
                kept.into_iter().for_each(|room| self.give_back(room));
                self.take_over((link, ip), sitting);
            }
            Err(denied) => {
                kept.into_iter().for_each(|room| self.give_back(room));
                self.deny(link, denied);
            }
        }
    }

    /// Who shows this, and the room that keeps a seat for it, if one does. A pass is a ticket, a signed token, or a ticket
    /// and a token behind a blank: seats that are kept for several people say nothing of who they are.
    fn known(&mut self, pass: &str, arrival: Arrival) -> Result<(Result<Shown, Denied>, Option<RoomId>), TurnedAway> {
        if !Tickets::is_ticket(pass) {
            return Ok((self.reception.known(pass, arrival), None));
        }
        let (ticket, token) = pass.split_once(' ').unwrap_or((pass, ""));
        self.refuse_while_draining()?;
        let Ticket { room, holder, .. } = self.redeem(ticket)?;
        let known = match token {
            "" => self.reception.known_by_ticket(holder),
            token => self.reception.known(token, arrival),
        };
        Ok((known, room))
    }

    /// The second device of an account gets its seat, which may just have come to its end: then it is told to come again.
    fn take_over(&mut self, (link, ip): (LinkAddress, IpAddr), Sitting { stay, room, thread, .. }: Sitting) {
        let Some(pass) = self.directory.take_over(stay) else {
            let text = "your seat of another device has just ended; try again";
            return self.turn_away(link, &turned_away(Why::NoPlace(NoPlace::NoRoom), text));
        };
        self.reception.moved(stay, ip);
        self.metrics.seats_taken_over.one();
        self.tell_of_drain(link);
        self.threads[thread].send(ToTick::TakeOver { room, link, pass });
    }

    /// Somebody has its seat. Those that its account had elsewhere end now: who gets none keeps what it has.
    pub(super) fn seated(&mut self, stay: StayId) {
        for Sitting { stay, room, thread, .. } in self.reception.seated(stay) {
            let (reason, text) = (CloseReason::TakenOver, "your account plays in another room now".to_owned());
            self.threads[thread].send(ToTick::Expel { room, stay, reason, text });
        }
    }

    /// Closes a connection for what the reception has said.
    pub(super) fn deny(&mut self, link: LinkAddress, Denied { reason, why, text }: Denied) {
        self.count_denied(why);
        self.reactors[link.reactor].send(ToReactor::Close { link: link.link, reason, text });
    }

    pub(super) fn count_denied(&self, why: DeniedFor) {
        self.counter_of(why).one();
    }

    fn counter_of(&self, why: DeniedFor) -> &Counter {
        let metrics = &self.metrics;
        match why {
            DeniedFor::Banned => &metrics.joins_banned,
            DeniedFor::AccountSeats => &metrics.joins_over_account_seats,
            DeniedFor::SecondDevice => &metrics.joins_of_second_devices,
            DeniedFor::Pass(PassError::Missing) => &metrics.joins_without_pass,
            DeniedFor::Pass(PassError::UnknownKey) => &metrics.joins_with_unknown_key,
            DeniedFor::Pass(PassError::Expired) => &metrics.joins_with_expired_pass,
            DeniedFor::Pass(PassError::Early) => &metrics.joins_with_early_pass,
            DeniedFor::Pass(PassError::TooMany) => &metrics.joins_after_wrong_passes,
            DeniedFor::Pass(_) => &metrics.joins_with_wrong_pass,
        }
    }

    /// All players read this.
    pub(super) fn tell_all(&mut self, text: &str, ends_in_s: Option<u32>) {
        for reactor in &mut self.reactors {
            reactor.send(ToReactor::Notice { link: None, text: text.into(), ends_in_s });
        }
    }

    /// Somebody who comes back while the server drains has not heard of it.
    pub(super) fn tell_of_drain(&mut self, link: LinkAddress) {
        if let Some(ends_in_s) = self.drain.ends_in_s() {
            let notice =
                ToReactor::Notice { link: Some(link.link), text: self.drain.text().into(), ends_in_s: Some(ends_in_s) };
            self.reactors[link.reactor].send(notice);
        }
    }

    /// Whoever asked may have given up: then nobody takes the answer.
    pub(super) fn handle_admin(&mut self, call: AdminCall) {
        match call {
            AdminCall::Rooms { after, max, answer } => {
                let _ = answer.send(self.lobby.rooms_after(after).take(max).collect());
            }
            AdminCall::Bar { room, is_barred, answer } => {
                let _ = answer.send(self.lobby.bar(room, is_barred));
            }
            AdminCall::Room(asked) => self.steer(asked),
            AdminCall::Message { text, answer } => {
                self.tell_all(&text, None);
                let _ = answer.send(self.lobby.seats_taken());
            }
            AdminCall::Ban { whom, reason, for_s, answer } => {
                let banned = self.reception.ban(whom, &reason, for_s).map(|(banned, sitting)| {
                    for Sitting { stay, room, thread, .. } in sitting {
                        let (reason, text) = (CloseReason::Refused, banned.ban.words());
                        self.threads[thread].send(ToTick::Expel { room, stay, reason, text });
                    }
                    banned
                });
                let _ = answer.send(banned.map_err(|refusal| refusal.to_string()));
            }
            AdminCall::Lift { ban, answer } => {
                let _ = answer.send(self.reception.lift(ban));
            }
            AdminCall::Bans { answer } => {
                let _ = answer.send(self.reception.bans());
            }
            AdminCall::Drain { within, text } => {
                self.plain.drain();
                self.drain.begin(within, text, &self.lobby);
                let text = self.drain.text().to_owned();
                self.tell_all(&text, self.drain.ends_in_s());
            }
        }
    }

    /// A seat is to be come back to: not by one who is banned meanwhile.
    pub(super) fn may_come_back(&mut self, (link, ip): (LinkAddress, IpAddr), stay: StayId) -> bool {
        match self.reception.comes_back(stay, Arrival::now(ip)) {
            Ok(()) => true,
            Err(denied) => {
                self.deny(link, denied);
                false
            }
        }
    }
}
