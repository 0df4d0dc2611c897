//! All entities that a client knows, side by side in memory, each in a slot that its channel remembers: a look-up by id
//! would wait for memory twice, and for each entity after the other.

use rustc_hash::FxHashMap;

use super::tracked::{Lanes, Tracked};
use crate::game::EntityId;
use crate::tick::Tick;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Entities {
    slots: Vec<Option<Tracked>>,
    by_id: FxHashMap<EntityId, u32>,
    free: Vec<u32>,
}

impl Entities {
    pub(super) fn get(&self, id: EntityId) -> Option<&Tracked> {
        self.slots.get(*self.by_id.get(&id)? as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: EntityId) -> Option<&mut Tracked> {
        self.slots.get_mut(*self.by_id.get(&id)? as usize)?.as_mut()
    }

    /// In no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Tracked> {
        self.slots.iter().flatten()
    }

    pub(super) fn slot(&self, id: EntityId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// What is in a slot.
    #[inline]
    pub(super) fn at(&mut self, slot: u32) -> Option<&mut Tracked> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Touches what is in some slots, so that their memory comes all at once and not one by one.
    #[inline]
    pub(super) fn bring_near(&self, slots: impl Iterator<Item = u32> + Clone) {
        let there = slots.filter_map(|slot| self.slots.get(slot as usize)?.as_ref());
        // the second look waits for what the first has brought
        std::hint::black_box(there.clone().fold(0, |all, tracked| all ^ tracked.kind));
        std::hint::black_box(there.fold(Tick(0), |all, tracked| Tick(all.0 ^ tracked.last_tick().0)));
    }

    /// Adds one that is not there; its slot.
    pub(super) fn insert(&mut self, tracked: Tracked) -> u32 {
        let id = tracked.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize] = Some(tracked);
        self.by_id.insert(id, slot);
        slot
    }

    /// Forgets one, and keeps the memory of its past for others.
    pub(super) fn remove(&mut self, id: EntityId, spare: &mut Lanes) {
        let Some(slot) = self.by_id.remove(&id) else { return };
        spare.take_all(self.slots[slot as usize].take().map(Tracked::into_words).into_iter());
        self.free.push(slot);
    }
}
