//! Places of a room, who sits there, and what their client holds.

use tickwire_shared::{Profile, SeatId, Tick};

use super::flight::Flight;
use super::inputs::Inputs;
use super::returns::Away;
use crate::handover::{LinkAddress, StayId};
use crate::sync::View;

/// A taken seat.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) link: LinkAddress,
    pub(super) profile: Profile,
    pub(super) inputs: Inputs,
    pub(super) flight: Flight,
    pub(super) view: View,
    /// When its client last asked for keyframes.
    pub(super) resynced: Option<Tick>,
    /// The link holds bytes of an earlier frame: nothing is composed until they are gone.
    pub(super) blocked: bool,
    /// For one who comes back.
    pub(super) stay: Option<StayId>,
    /// The connection broke and the seat is held; `link` is the one that it had.
    pub(super) away: Option<Away>,
}

impl Occupant {
    /// The client's connection, if it has one.
    pub(super) fn connected(&self) -> Option<LinkAddress> {
        self.away.is_none().then_some(self.link)
    }
}

impl Occupant {
    /// The frame under way was not sent and will not be.
    pub(super) fn retract(&mut self) {
        self.view.retract();
        self.flight.retract();
    }
}

/// All seats of a room.
#[derive(Debug)]
pub(super) struct Seats {
    /// In boxes: a free seat costs a pointer, a taken one some hundred bytes.
    seats: Vec<Option<Box<Occupant>>>,
}

impl Seats {
    pub(super) fn new(count: u16) -> Self {
        Self { seats: std::iter::repeat_with(|| None).take(count.max(1).into()).collect() }
    }

    /// The free seat with the lowest number.
    pub(super) fn free(&self) -> Option<SeatId> {
        self.seats.iter().position(Option::is_none).map(|place| SeatId(place as u16))
    }

    pub(super) fn take(&mut self, seat: SeatId, link: LinkAddress, profile: Profile) {
        let occupant = Occupant {
            link,
            profile,
            inputs: Inputs::default(),
            flight: Flight::default(),
            view: View::default(),
            resynced: None,
            blocked: false,
            stay: None,
            away: None,
        };
        self.seats[usize::from(seat.0)] = Some(Box::new(occupant));
    }

    pub(super) fn leave(&mut self, seat: SeatId) -> Option<Box<Occupant>> {
        self.seats.get_mut(usize::from(seat.0))?.take()
    }

    pub(super) fn get_mut(&mut self, seat: SeatId) -> Option<&mut Occupant> {
        self.seats.get_mut(usize::from(seat.0))?.as_deref_mut()
    }

    /// The occupant of a seat, if it is still this link's.
    pub(super) fn of_link(&mut self, seat: SeatId, link: LinkAddress) -> Option<&mut Occupant> {
        self.get_mut(seat).filter(|occupant| occupant.link == link)
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn taken(&self) -> impl Iterator<Item = (SeatId, &Occupant)> {
        (0..).zip(&self.seats).filter_map(|(seat, occupant)| Some((SeatId(seat), occupant.as_deref()?)))
    }

    pub(super) fn taken_mut(&mut self) -> impl Iterator<Item = (SeatId, &mut Occupant)> {
        (0..).zip(&mut self.seats).filter_map(|(seat, occupant)| Some((SeatId(seat), occupant.as_deref_mut()?)))
    }
}
