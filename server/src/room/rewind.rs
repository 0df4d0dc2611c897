//! The past for lag compensation: how late each seat's client sees the others, and where they are in the sent states.

use std::cell::RefCell;

use tickwire_shared::delta::Rows;
use tickwire_shared::rewind::History;
use tickwire_shared::{EntityId, SeatId, Setup, Tick};

use crate::sync::Store;

/// How many ticks before the present each seat's client sees the others, within bounds.
#[derive(Debug)]
pub(super) struct Lags {
    max_ticks: f32,
    /// As the inputs said that are in use.
    said: Vec<f32>,
    /// What there is to look at, at this tick.
    bounded: Vec<f32>,
}

impl Lags {
    pub(super) fn new(setup: &Setup, seats: usize) -> Self {
        let max_ticks = setup.rewind_max.as_secs_f32() * f32::from(setup.rate.per_second());
        Self { max_ticks: max_ticks.min(Store::RING as f32), said: vec![0.0; seats], bounded: vec![0.0; seats] }
    }

    /// The input of `seat` that is due now was made so many ticks after what was seen. Tells whether that is within the
    /// room's bound.
    pub(super) fn hear(&mut self, seat: SeatId, ticks: f32) -> bool {
        self.said[usize::from(seat.0)] = ticks;
        ticks <= self.max_ticks || self.max_ticks <= 0.0
    }

    /// Whether the room's bound allows to go back so many ticks.
    pub(super) fn reach(&self, ticks: i32) -> bool {
        ticks as f32 <= self.max_ticks
    }

    /// Nobody sits there any more.
    pub(super) fn forget(&mut self, seat: SeatId) {
        self.said[usize::from(seat.0)] = 0.0;
    }

    /// Of all seats, while `kept` ticks before this one are in the ring.
    pub(super) fn bounded(&mut self, kept: usize) -> &[f32] {
        let max_ticks = self.max_ticks.min(kept as f32);
        for (bounded, said) in self.bounded.iter_mut().zip(&self.said) {
            *bounded = said.min(max_ticks);
        }
        &self.bounded
    }
}

/// Where entities are in the ring's snapshots: found out when a game first asks of a tick.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By tick, as in a ring; empty until a game asks.
    ticks: RefCell<Vec<TickPlaces>>,
}

/// Of one tick: id and place, sorted.
#[derive(Debug, Default)]
struct TickPlaces {
    tick: Option<Tick>,
    places: Vec<(EntityId, u32)>,
}

/// The sent states, for a game.
pub(super) struct SentStates<'a> {
    pub(super) store: &'a Store,
    pub(super) places: &'a Places,
}

impl History for SentStates<'_> {
    fn rows(&self, tick: Tick) -> Option<Rows<'_>> {
        self.store.at(tick).map(|snapshot| snapshot.all_rows())
    }

    fn place(&self, tick: Tick, id: EntityId) -> Option<usize> {
        let rows = self.rows(tick)?;
        let mut ticks = self.places.ticks.borrow_mut();
        ticks.resize_with(Store::RING, TickPlaces::default);
        let TickPlaces { tick: of, places } = &mut ticks[tick.0 as usize % Store::RING];
        if *of != Some(tick) {
            *of = Some(tick);
            places.clear();
            places.extend((0..).zip(rows.entities).map(|(place, row)| (row.id, place)));
            places.sort_unstable();
        }
        places.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| places[at].1 as usize)
    }
}
