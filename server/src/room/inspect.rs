//! A look into a room between two ticks: bounded in what it copies, and nothing is worked out that could be later.

use std::sync::Arc;

use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::schema::Schema;
use tickwire_shared::{Game, Place, SeatId};

use super::Room;
use super::seats::Occupant;
use crate::handover::inspect::{Inspect, InspectedChannel, InspectedEntity, InspectedSeat, Inspection};
use crate::sync::{Cell, Channel};

impl<G: Game> Room<G> {
    /// What is there as it was last sent, and who holds what. `schema` is the game's.
    #[must_use]
    pub fn inspect(&self, schema: Arc<Schema>, asked: &Inspect) -> Inspection {
        let mut inspection = Inspection {
            schema,
            tick: self.tick.0,
            rate_hz: self.rate.per_second(),
            cell_size: self.grid.cell_size(),
            bounds: None,
            entities_total: 0,
            entities_within: 0,
            entities: Vec::new(),
            lanes: Vec::new(),
            seats_total: self.seats.taken().count(),
            seats: self.inspect_seats(asked),
            held: None,
        };
        if let Some((_, occupant)) = self.seats.taken().find(|(seat, _)| Some(*seat) == asked.seat) {
            inspection.held = Some(occupant.view.held().map(inspected).collect());
        }
        for (entity, _) in rows(&self.published) {
            inspection.entities_total += 1;
            inspection.entities_within += usize::from(is_within(entity, asked.area));
            if let Place::At { x, y } = entity.place {
                let [left, top, right, bottom] = inspection.bounds.unwrap_or([x, y, x, y]);
                inspection.bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
            }
        }
        self.copy_entities(asked, &mut inspection);
        inspection
    }

    /// Of too many, evenly many of all parts: games put what belongs together one after another.
    fn copy_entities(&self, asked: &Inspect, inspection: &mut Inspection) {
        let (within, max) = (inspection.entities_within, asked.max);
        let is_told = |number: usize| within <= max || number * max / within != (number + 1) * max / within;
        let there = rows(&self.published).filter(|(entity, _)| is_within(entity, asked.area));
        let told = there.enumerate().filter(|(number, _)| is_told(*number)).map(|(_, row)| row);
        for (entity, lanes) in told {
            let channel = self.store.channel_of(entity.id).unwrap_or(Channel::new(Cell::EVERYWHERE, entity.layer));
            let count = self.store.layout().kind(entity.kind).map_or(0, |kind| kind.lanes());
            inspection.entities.push(InspectedEntity {
                id: entity.id,
                kind: entity.kind,
                place: match entity.place {
                    Place::At { x, y } => Some((x, y)),
                    Place::Everywhere => None,
                },
                owner: entity.owner,
                channel: inspected(channel),
                first_lane: inspection.lanes.len(),
            });
            inspection.lanes.extend_from_slice(&lanes[entity.first_lane..entity.first_lane + count]);
        }
    }

    /// A part of them; in front of the first part the one that is asked for, wherever it sits, so that the last one is
    /// always where the next part begins.
    fn inspect_seats(&self, asked: &Inspect) -> Vec<InspectedSeat> {
        let is_behind = |(seat, _): &(SeatId, &Occupant)| asked.seats_after.is_none_or(|after| seat.0 > after.0);
        let part = self.seats.taken().filter(is_behind).take(asked.seats_max);
        let mut seats: Vec<InspectedSeat> = part.map(|(seat, occupant)| self.inspect_seat(seat, occupant)).collect();
        let is_untold = |seat: &SeatId| asked.seats_after.is_none() && seats.iter().all(|told| told.seat != *seat);
        if let Some(seat) = asked.seat.filter(is_untold)
            && let Some((seat, occupant)) = self.seats.taken().find(|(taken, _)| *taken == seat)
        {
            seats.insert(0, self.inspect_seat(seat, occupant));
        }
        seats
    }

    fn inspect_seat(&self, seat: SeatId, occupant: &Occupant) -> InspectedSeat {
        let eye = occupant.view.eye(seat);
        let age = |frame| self.tick.since(frame).cast_unsigned();
        InspectedSeat {
            seat,
            name: occupant.profile.name.clone(),
            account: occupant.profile.account.clone(),
            look: eye.look,
            sight: eye.sight,
            is_away: occupant.connected().is_none(),
            is_blocked: occupant.blocked,
            channels: occupant.view.held().count(),
            frame_age: occupant.view.last_frame().map(age),
            unacked_bytes: occupant.flight.bytes(),
            events_waiting: occupant.view.events_waiting(),
            limit_bytes_per_s: occupant.flight.limit_bytes_per_s(),
        }
    }
}

/// All that was put in the last tick, and whose lanes it has.
fn rows(published: &Published) -> impl Iterator<Item = (&PutEntity, &[u32])> {
    let single = published.entities.iter().map(|entity| (entity, &published.lanes[..]));
    let sets = published.sets().iter().filter(|set| set.is_put());
    single.chain(sets.flat_map(|set| set.entities.iter().map(|entity| (entity, &set.lanes[..]))))
}

fn is_within(entity: &PutEntity, area: Option<[f32; 4]>) -> bool {
    match (entity.place, area) {
        (Place::At { x, y }, Some([left, top, right, bottom])) => {
            (left..=right).contains(&x) && (top..=bottom).contains(&y)
        }
        _ => true,
    }
}

fn inspected(channel: Channel) -> InspectedChannel {
    let cell = channel.cell();
    InspectedChannel { cell: (cell != Cell::EVERYWHERE).then(|| cell.numbers()), layer: channel.layer() }
}
