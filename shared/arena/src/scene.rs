//! All that is in the arena, in lists.

use tickwire_shared::{EntityId, Place, Publisher, Rng, SeatId};

use crate::craft::Craft;
use crate::field;
use crate::kinds::{Entity, RockSize};
use crate::pickup::PickupState;
use crate::rock::RockState;
use crate::shot::ShotState;
use crate::vec2::Vec2;

/// More rocks than this many times the wanted number are not made by breaking others.
const ROCKS_OVER_WANTED: usize = 2;
const MOST_PICKUPS: usize = 80;

/// Ships, rocks, shots and pickups. While ships fly and things meet, the lists only grow: a place in a list names a
/// thing until the tick ends.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) crafts: Vec<Craft>,
    pub(crate) rocks: Vec<RockState>,
    pub(crate) shots: Vec<ShotState>,
    pub(crate) pickups: Vec<PickupState>,
    next_id: u32,
}

impl Scene {
    /// An empty scene that gives out ids from `first_id`.
    pub(crate) fn new(first_id: u32) -> Self {
        Self { crafts: Vec::new(), rocks: Vec::new(), shots: Vec::new(), pickups: Vec::new(), next_id: first_id }
    }

    /// An id that nothing had before: 2³² of them last a crowded room two months.
    pub(crate) fn new_id(&mut self) -> EntityId {
        let id = EntityId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// Removes what was used up, which has been published since, and moves what flies by itself.
    pub(crate) fn drift(&mut self, dt: f32) {
        let field_radius = self.field_radius();
        self.rocks.retain(|rock| !rock.broken);
        self.rocks.iter_mut().for_each(|rock| rock.drift(field_radius, dt));
        self.shots.retain_mut(|shot| !shot.hit && shot.fly(dt));
        self.pickups.retain_mut(|pickup| !pickup.taken && pickup.age());
    }

    pub(crate) fn add_rock(&mut self, at: Vec2, velocity: Vec2, size: RockSize, rng: &mut Rng) {
        let id = self.new_id();
        self.rocks.push(RockState::new(id, at, velocity, size, rng));
    }

    /// Breaks a rock into its pieces, unless there are too many already.
    pub(crate) fn break_rock(&mut self, rock: usize, blow: Vec2, rocks_wanted: usize, rng: &mut Rng) {
        if self.rocks.len() >= rocks_wanted * ROCKS_OVER_WANTED {
            return;
        }
        if let Some((size, pieces)) = self.rocks[rock].pieces(blow, rng) {
            for (at, velocity) in pieces {
                self.add_rock(at, velocity, size, rng);
            }
        }
    }

    /// Leaves a pickup at `at` in `percent` of all cases.
    pub(crate) fn maybe_drop(&mut self, at: Vec2, percent: u32, rng: &mut Rng) {
        if rng.below(100) < percent && self.pickups.len() < MOST_PICKUPS {
            let id = self.new_id();
            self.pickups.push(PickupState::new(id, at, rng));
        }
    }

    /// The ship with this id, if it is still in the arena.
    pub(crate) fn craft_mut(&mut self, id: EntityId) -> Option<&mut Craft> {
        self.crafts.iter_mut().find(|craft| craft.id == id)
    }

    pub(crate) fn remove_player(&mut self, seat: SeatId) {
        self.crafts.retain(|craft| craft.seat() != Some(seat));
    }

    pub(crate) fn players(&self) -> usize {
        self.crafts.iter().filter(|craft| !craft.is_drone()).count()
    }

    pub(crate) fn drones(&self) -> usize {
        self.crafts.len() - self.players()
    }

    pub(crate) fn living(&self) -> impl Iterator<Item = &Craft> {
        self.crafts.iter().filter(|craft| craft.lives())
    }

    /// The distance from `at` to the nearest living player; infinite without any.
    pub(crate) fn distance_to_players(&self, at: Vec2) -> f32 {
        let players = self.living().filter(|craft| !craft.is_drone());
        players.map(|craft| craft.state.at.distance(at)).fold(f32::INFINITY, f32::min)
    }

    /// The radius of the field in use.
    pub(crate) fn field_radius(&self) -> f32 {
        field::radius_for(self.crafts.len())
    }

    pub(crate) fn publish(&self, out: &mut Publisher<'_, Entity>) {
        let place = |at: Vec2| Place::at(at.x, at.y);
        for craft in &self.crafts {
            let at = craft.state.at;
            match craft.seat() {
                Some(seat) => {
                    out.put_owned(craft.id, place(at), seat, craft.shown());
                    out.look(seat, at.x, at.y);
                }
                None => out.put(craft.id, place(at), craft.shown()),
            }
        }
        self.rocks.iter().for_each(|rock| out.put(rock.id, place(rock.at), &rock.shown()));
        self.shots.iter().for_each(|shot| out.put(shot.id, place(shot.at), &shot.shown()));
        self.pickups.iter().for_each(|pickup| out.put(pickup.id, place(pickup.at), &pickup.shown()));
    }
}
