//! Seats that are asked for over HTTP, or found by the queue, in a room that is still being made: nobody is told of one
//! before the room has said how many it has, or why it cannot be.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use rustc_hash::FxHashMap;
use serde_json::Value;
use tickwire_shared::Profile;
use tokio::sync::oneshot;

use super::Control;
use super::lobby_calls::Said;
use super::places::{TurnedAway, Why, turned_away};
use crate::handover::lobby_call::{GroupId, LobbyAnswer, LobbyTold};
use crate::handover::{RoomId, UNOPENED_MAX};
use crate::lobby::NoPlace;
use crate::lobby::queue::Matched;

/// One who waits for its seats.
#[derive(Debug)]
pub(super) struct Promise {
    /// How many.
    pub(super) seats: usize,
    /// To whom.
    pub(super) to: Promised,
}

/// To whom seats are promised.
#[derive(Debug)]
pub(super) enum Promised {
    /// To one who waits for the answer.
    Asker {
        /// Whose they will be, if somebody has shown that.
        holder: Option<Profile>,
        /// The address that asked, where those are counted.
        ip: Option<IpAddr>,
        /// Goes here.
        answer: oneshot::Sender<LobbyAnswer>,
    },
    /// To groups that wait in the queue, which counts them.
    Matched(Matched),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Promises {
    open: FxHashMap<RoomId, Vec<Promise>>,
    unopened: VecDeque<(RoomId, String)>,
}

impl Promises {
    /// How many seats are to be kept for an address.
    pub(super) fn of_address(&self, ip: IpAddr) -> usize {
        let is_of = |promise: &&Promise| matches!(promise.to, Promised::Asker { ip: from, .. } if from == Some(ip));
        let of_ip = self.open.values().flatten().filter(is_of);
        of_ip.map(|promise| promise.seats).sum()
    }

    /// Why a room could not be, if that is known of it.
    pub(super) fn reason_of(&self, room: RoomId) -> Option<&str> {
        self.unopened.iter().find(|(unopened, _)| *unopened == room).map(|(_, reason)| reason.as_str())
    }
}

impl Control {
    /// Seats of a room are promised: now, if it has told how many it has, else then.
    pub(super) fn promise(&mut self, room: RoomId, promise: Promise) {
        if self.lobby.has_told(room) {
            self.keep(room, promise);
        } else {
            self.promises.open.entry(room).or_default().push(promise);
        }
    }

    /// A room has told how many seats it has. Who asked last for one too many gets none.
    pub(super) fn keep_promises(&mut self, room: RoomId) {
        let Some(mut promises) = self.promises.open.remove(&room) else { return };
        let mut refused = Vec::new();
        while let Some(seats) = self.lobby.is_overbooked(room) {
            let Some(promise) = promises.pop() else { break };
            (0..promise.seats).for_each(|_| self.give_back(room));
            refused.push((promise, seats));
        }
        for (promise, seats) in refused {
            let text = format!("the room that was made has {seats} seats, and {} were asked for", promise.seats);
            let away = turned_away(Why::NoPlace(NoPlace::TooMany), text);
            self.refuse(promise.to, &away);
        }
        promises.into_iter().for_each(|promise| self.keep(room, promise));
    }

    /// There will be no such room.
    pub(super) fn break_promises(&mut self, room: RoomId, away: &TurnedAway) {
        for promise in self.promises.open.remove(&room).unwrap_or_default() {
            self.refuse(promise.to, away);
        }
    }

    fn refuse(&mut self, to: Promised, away: &TurnedAway) {
        let why = self.told(away);
        match to {
            Promised::Asker { answer, .. } => self.answer_to(answer, Err(why)),
            Promised::Matched(matched) => self.queue.missed(&matched.groups, &why, Instant::now() + self.keeps()),
        }
    }

    /// A room could not open, for this reason.
    pub(super) fn unopened(&mut self, room: RoomId, reason: String) {
        self.break_promises(room, &turned_away(Why::Unopened, reason.clone()));
        let unopened = &mut self.promises.unopened;
        if unopened.len() >= UNOPENED_MAX {
            unopened.pop_front();
        }
        unopened.push_back((room, reason));
    }

    fn keep(&mut self, room: RoomId, promise: Promise) {
        let Promise { seats, to } = promise;
        let (holder, ip, answer) = match to {
            Promised::Asker { holder, ip, answer } => (holder, ip, answer),
            Promised::Matched(matched) => return self.seat_match(room, &matched),
        };
        let tickets = self.issue(room, seats, (holder.as_ref(), ip));
        let said = tickets.map(|tickets| self.reserved(room, &tickets));
        self.answer_to(answer, said);
    }

    /// What was promised to somebody who has given up is free again at once.
    pub(super) fn answer_to(&mut self, to: oneshot::Sender<LobbyAnswer>, said: Said) {
        if let Err(Ok(LobbyTold::Value(untold))) = to.send(said.map(LobbyTold::Value)) {
            self.take_back(&untold);
        }
    }

    fn take_back(&mut self, told: &Value) {
        let tickets = told["tickets"].as_array().into_iter().flatten().chain([&told["ticket"]]);
        for ticket in tickets.filter_map(Value::as_str) {
            let room = self.tickets.redeem(ticket, Instant::now()).and_then(|ticket| ticket.room);
            room.into_iter().for_each(|room| self.give_back(room));
        }
        if let Some(id) = told["id"].as_str().and_then(|id| id.parse().ok()) {
            self.queue.leave(GroupId(id));
        }
    }
}
