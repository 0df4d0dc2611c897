//! What matters to a pilot of all that it sees, gathered in one pass over the rows: of most things a few lanes matter,
//! and a thousand pilots have no time for the rest, nor for a name of each ship.

use tickwire_arena::vec2::Vec2;
use tickwire_arena::{Arena, Entity, Leader, Pickup, Rock, SHIP_RADIUS, Ship, ShipState, rock};
use tickwire_shared::schema::KindOf;
use tickwire_shared::{Client, EntityId, Replicate, SeatId};

/// How far ahead a pilot looks for rocks in its way.
const FORESIGHT_S: f32 = 0.9;
/// The room it wants between itself and a rock.
const ELBOW_ROOM: f32 = 2.5;
/// How near the hunted ship seems beside others, so that a pilot does not waver between two.
const LOYALTY: f32 = 0.7;

const SHIP: u16 = <Ship as KindOf<Entity>>::KIND;
const ROCK: u16 = <Rock as KindOf<Entity>>::KIND;
const PICKUP: u16 = <Pickup as KindOf<Entity>>::KIND;
const LEADER: u16 = <Leader as KindOf<Entity>>::KIND;

/// What another's ship has first, and all that matters of it. Lanes stand in the order of fields, so that it can be read
/// from a ship's row.
#[derive(Replicate)]
struct Hull {
    #[field(min = -512.0, max = 511.9375, step = 0.0625)]
    x: f32,
    #[field(min = -512.0, max = 511.9375, step = 0.0625)]
    y: f32,
    #[field(angle_bits = 8)]
    heading: f32,
    thrust: bool,
    dead: bool,
    safe: bool,
}

#[derive(Default)]
pub(super) struct Sight {
    /// The nearest ship that can be hurt: where it is and how far.
    pub(super) prey: Option<(EntityId, Vec2, f32)>,
    /// The nearest pickup, and how far it is.
    pub(super) pickup: Option<(Vec2, f32)>,
    /// The rock that will be hit first: where to go instead, and in how many seconds it is hit.
    pub(super) rock: Option<(Vec2, f32)>,
}

impl Sight {
    /// What the ship `own` sees, which hunts `hunted` already.
    pub(super) fn of(client: &Client<Arena>, own: EntityId, me: &ShipState, hunted: Option<EntityId>) -> Self {
        let mut sight = Self::default();
        for (id, kind, row) in client.untyped().newest_by_channel() {
            match kind {
                SHIP if id != own => sight.consider_ship(me, hunted, id, &Hull::from_lanes(row)),
                ROCK => sight.consider_rock(me, &Rock::from_lanes(row)),
                PICKUP => sight.consider_pickup(me, &Pickup::from_lanes(row)),
                _ => {}
            }
        }
        sight
    }

    fn consider_ship(&mut self, me: &ShipState, hunted: Option<EntityId>, id: EntityId, ship: &Hull) {
        if ship.dead || ship.safe {
            return;
        }
        let at = Vec2::new(ship.x, ship.y);
        let distance = at.distance(me.at);
        let seems = |id: EntityId, distance: f32| if hunted == Some(id) { distance * LOYALTY } else { distance };
        // entities come in no particular order; of two that are equally near the id decides
        let nearer =
            self.prey.is_none_or(|(best, _, nearest)| (seems(id, distance), id) < (seems(best, nearest), best));
        if nearer {
            self.prey = Some((id, at, distance));
        }
    }

    fn consider_rock(&mut self, me: &ShipState, rock: &Rock) {
        if rock.broken {
            return;
        }
        let way = Vec2::new(rock.x, rock.y) - me.at;
        let reach = rock::radius(rock.size) + SHIP_RADIUS + ELBOW_ROOM;
        let closing = way.dot(me.velocity);
        // rocks are slow beside ships, so to a pilot they stand still
        let nearest_after_s = (closing / me.velocity.length_squared().max(1.0)).clamp(0.0, FORESIGHT_S);
        let miss = me.velocity * nearest_after_s - way;
        let in_the_way = miss.length() < reach;
        let leaves_it = closing <= 0.0 && way.length() > reach * 0.7;
        let comes_first = self.rock.is_none_or(|(_, after_s)| nearest_after_s < after_s);
        if in_the_way && !leaves_it && comes_first {
            // straight at its centre either side is as good
            let aside = if miss.length() > 0.1 { miss } else { Vec2::new(-me.velocity.y, me.velocity.x) };
            self.rock = Some((aside, nearest_after_s));
        }
    }

    fn consider_pickup(&mut self, me: &ShipState, pickup: &Pickup) {
        if !pickup.taken {
            keep_nearer(&mut self.pickup, me, Vec2::new(pickup.x, pickup.y));
        }
    }
}

/// The nearest of the leaders, who are known wherever they are.
pub(super) fn nearest_leader(client: &Client<Arena>, me: &ShipState) -> Option<Vec2> {
    let mut nearest = None;
    for (.., row) in client.untyped().newest_by_channel().filter(|(_, kind, _)| *kind == LEADER) {
        let leader = Leader::from_lanes(row);
        if client.seat() != Some(SeatId(leader.seat)) {
            keep_nearer(&mut nearest, me, Vec2::new(leader.x, leader.y));
        }
    }
    nearest.map(|(at, _)| at)
}

fn keep_nearer(best: &mut Option<(Vec2, f32)>, me: &ShipState, at: Vec2) {
    let distance = at.distance(me.at);
    if best.is_none_or(|(_, nearest)| distance < nearest) {
        *best = Some((at, distance));
    }
}

#[cfg(test)]
mod tests {
    use tickwire_arena::RockSize;

    use super::*;

    fn flying_east() -> ShipState {
        ShipState { velocity: Vec2::new(30.0, 0.0), ..ShipState::default() }
    }

    fn seen(rocks: &[(f32, f32)]) -> Sight {
        let mut sight = Sight::default();
        for (x, y) in rocks {
            let rock = Rock { x: *x, y: *y, size: RockSize::Large, seed: 0, broken: false };
            sight.consider_rock(&flying_east(), &rock);
        }
        sight
    }

    #[test]
    fn a_hull_is_what_a_ship_has_first() {
        let (ship, hull) = (Ship::schema().fields, Hull::schema().fields);
        assert_eq!(ship[..hull.len()], hull);
    }

    #[test]
    fn a_rock_ahead_is_passed_on_the_nearer_side() {
        let (aside, _) = seen(&[(20.0, 3.0)]).rock.expect("it is in the way");
        assert!(aside.y < 0.0, "turns to {aside:?}");
    }

    #[test]
    fn a_rock_dead_ahead_is_passed_on_some_side() {
        let (aside, _) = seen(&[(20.0, 0.0)]).rock.expect("it is in the way");
        assert!(aside.y.abs() > 0.1, "turns to {aside:?}");
    }

    #[test]
    fn the_rock_that_is_hit_first_counts() {
        let (aside, _) = seen(&[(25.0, 3.0), (15.0, -3.0)]).rock.expect("both are in the way");
        assert!(aside.y > 0.0, "turns to {aside:?}");
    }

    #[test]
    fn a_rock_beside_or_behind_is_not_minded() {
        assert!(seen(&[(20.0, 30.0), (-9.0, 0.0)]).rock.is_none());
    }
}
