//! Seats whose connection broke: held for a while, and given back to whoever comes with the stay's token.

use std::time::Duration;

use tickwire_shared::protocol::ResumeClaim;
use tickwire_shared::{Game, Leave, SeatId, Tick, TickRate};

use super::Room;
use super::flight::Flight;
use crate::handover::{LinkAddress, StayId};

/// How long the last wish of one who is away holds: about as long as it does for a connection that stutters.
const WISH: Duration = Duration::from_millis(250);

/// A seat that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    until: Tick,
    /// From then on its input is the default.
    idle_from: Tick,
}

/// Somebody is back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returned {
    /// In this seat, as before.
    pub seat: SeatId,
    /// Events that it will never get.
    pub events_lost: u32,
    /// The connection that had the seat until now, if the server took it for a live one: it is to be closed.
    pub taken_from: Option<LinkAddress>,
}

/// At least this long.
fn ticks(time: Duration, rate: TickRate) -> i32 {
    // `as` saturates
    (time.as_secs_f64() * f64::from(rate.per_second())).ceil() as i32
}

impl<G: Game> Room<G> {
    /// Seats are held no longer than this, whatever the game says.
    #[must_use]
    pub fn with_grace_max(mut self, max: Duration) -> Self {
        self.grace = self.grace.min(max);
        self
    }

    /// Whether it holds seats at all.
    #[must_use]
    pub fn holds_seats(&self) -> bool {
        !self.grace.is_zero()
    }

    /// What the stay of a newcomer is called.
    pub fn name_stay(&mut self, seat: SeatId, stay: StayId) {
        if let Some(occupant) = self.seats.get_mut(seat) {
            occupant.stay = Some(stay);
        }
    }

    /// The connection of a seat broke, if it was still this one: the seat is held, if the room holds seats.
    pub fn lost(&mut self, seat: SeatId, link: LinkAddress) {
        if !self.holds_seats() {
            self.leave(seat, link, Leave::Lost);
            return;
        }
        let (now, rate) = (self.tick, self.rate);
        let away = Away { until: now.offset(ticks(self.grace, rate)), idle_from: now.offset(ticks(WISH, rate)) };
        if let Some(occupant) = self.seats.of_link(seat, link) {
            occupant.away = Some(away);
            self.away[usize::from(seat.0)] = true;
            self.counts.seats_held += 1;
            self.counts.events_dropped += occupant.view.fall_behind(now) as u64;
        }
    }

    /// The player of a stay is back on another connection, be it that the server knows that the one before is dead or
    /// not. `None` when the stay is over.
    pub fn resume(&mut self, stay: StayId, link: LinkAddress, claim: &ResumeClaim) -> Option<Returned> {
        let seat = self.seats.taken().find(|(_, occupant)| occupant.stay == Some(stay))?.0;
        let occupant = self.seats.get_mut(seat)?;
        let was_away = occupant.away.take().is_some();
        let taken_from = (!was_away).then_some(occupant.link);
        (occupant.link, occupant.blocked, occupant.resynced) = (link, false, None);
        occupant.inputs.begin_anew();
        // and what was under way on the connection before is lost with it
        occupant.flight = Flight::default();
        let events_lost = occupant.view.resume(&self.store, &mut self.encoder, claim);
        self.away[usize::from(seat.0)] = false;
        self.counts.seats_resumed += 1;
        Some(Returned { seat, events_lost, taken_from })
    }

    /// The connection that a seat has, or had before it broke.
    #[must_use]
    pub fn link_of(&self, seat: SeatId) -> Option<LinkAddress> {
        self.seats.taken().find(|(taken, _)| *taken == seat).map(|(_, occupant)| occupant.link)
    }

    /// The seat of a stay, and the connection that it has, or had before it broke.
    #[must_use]
    pub fn place_of(&self, stay: StayId) -> Option<(SeatId, LinkAddress)> {
        let (seat, occupant) = self.seats.taken().find(|(_, occupant)| occupant.stay == Some(stay))?;
        Some((seat, occupant.link))
    }

    /// The stays that are over since the last call.
    pub fn take_freed(&mut self) -> impl Iterator<Item = StayId> {
        self.freed.drain(..)
    }

    /// Before a tick: frees the seats whose time is over, and lets those who are away for a moment wish nothing.
    pub(super) fn pass_grace(&mut self) {
        if !self.away.contains(&true) {
            return;
        }
        let (now, mut over) = (self.tick, Vec::new());
        for (seat, occupant) in self.seats.taken_mut() {
            let Some(away) = occupant.away else { continue };
            if !away.until.is_after(now) {
                over.push((seat, occupant.link));
            } else if !away.idle_from.is_after(now) {
                self.inputs[usize::from(seat.0)] = Some(G::Input::default());
            }
        }
        for (seat, link) in over {
            self.leave(seat, link, Leave::Lost);
            self.counts.seats_expired += 1;
        }
    }
}
