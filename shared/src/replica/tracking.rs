//! Noting what a channel's new state says of its entities.

use super::Change;
use super::entities::Entities;
use super::tracked::{Lanes, Tracked};
use crate::delta::{EntityRow, KindLayout, Layout, Rows};
use crate::tick::Tick;

/// What all rows of one part have in common.
pub(super) struct Tracking<'a> {
    pub(super) layout: &'a Layout,
    pub(super) entities: &'a mut Entities,
    pub(super) changes: &'a mut Vec<Change>,
    /// Channels that had one of them before.
    pub(super) strays: &'a mut Vec<u16>,
    pub(super) spare: &'a mut Lanes,
    pub(super) handle: u16,
    pub(super) generation: u64,
    pub(super) tick: Tick,
    /// Until then what is not told of had not changed.
    pub(super) true_at: Option<Tick>,
    /// How much later than others the channel comes, in ticks.
    pub(super) late: f32,
    /// What was before this is drawn no more.
    pub(super) drawn: Option<Tick>,
    /// Nothing but who is in which channel is noted.
    pub(super) newest_only: bool,
}

impl Tracking<'_> {
    /// Where an entity is among all. One who is not there comes in as one that is gone, until it is tracked: who is drawn
    /// for a moment longer may be there for one client and not for another, and both are told in one order.
    pub(super) fn slot(&mut self, entity: &EntityRow) -> u32 {
        self.entities.slot(entity.id).unwrap_or_else(|| {
            let lanes = self.layout.kind(entity.kind).map_or(0, KindLayout::lanes);
            let words = self.spare.zeros(0);
            let mut tracked = Tracked::new(entity.id, (entity.kind, lanes), self.handle, self.tick, words);
            tracked.gone = Some(self.tick);
            self.entities.insert(tracked)
        })
    }

    /// Notes the state of an entity, which is thought to be in `slot`.
    #[inline]
    pub(super) fn track(&mut self, rows: Rows<'_>, entity: &EntityRow, slot: &mut u32) {
        let Some(layout) = self.layout.kind(entity.kind) else { return };
        if self.entities.at(*slot).is_none_or(|tracked| tracked.id != entity.id) {
            *slot = self.slot(entity);
        }
        let Some(tracked) = self.entities.at(*slot) else { return };
        if tracked.gone.is_some() || tracked.kind != entity.kind {
            if tracked.gone.is_none() {
                self.changes.push(Change::Despawned(entity.id, tracked.kind));
            }
            self.changes.push(Change::Spawned(entity.id, entity.kind));
            tracked.restart((entity.kind, layout.lanes()), self.handle, self.tick);
        }
        let before = std::mem::replace(&mut tracked.channel, self.handle);
        if before != self.handle {
            self.strays.push(before);
        }
        tracked.seen = self.generation;
        tracked.missing = None;
        if cfg!(not(target_family = "wasm")) && self.newest_only {
            return tracked.forget();
        }
        tracked.lag.turn(self.tick, self.late);
        if let Some(drawn) = self.drawn {
            tracked.forget_before(drawn);
        }
        tracked.note(layout, self.tick, self.true_at, rows.row(layout, entity));
    }
}
