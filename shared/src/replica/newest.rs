//! The copy of a client that draws nothing: no past is noted, and an entity's newest state is the row of its channel.
//! Entities hold a row of their own only where that is not all: their owner knows more, or they are in no channel.

use rustc_hash::FxHashMap;

use super::Replica;
use super::channel::Channel;
use super::entities::Entities;
use super::tracked::Tracked;
#[cfg(not(target_family = "wasm"))]
use crate::delta::StatePool;
use crate::delta::{KindLayout, Layout, Part, Rows};
use crate::game::EntityId;
#[cfg(not(target_family = "wasm"))]
use crate::schema::Schema;
use crate::tick::Tick;

impl Replica {
    /// The same copy for who never asks what was before the newest state, such as a bot: [`Replica::at`] gives nothing,
    /// and all else is as with a past, at a part of the time and memory. One that has states already stays as it is.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::{coins::*, *}, tickwire_shared::{delta::Layout, protocol::frame::Frame, replica::*, *}};
    /// let mut replica = Replica::new(Layout::new(&Schema::of::<Coins>())?).without_past();
    /// let (message, mut frame) = (Room::<Coins>::new(()).tick(), Frame::default()); // the coin, and nobody
    /// frame.parse(&message)?;
    /// replica.apply(&frame, &message)?;
    /// assert_eq!((replica.newest_all().count(), replica.at(Tick(2), 0.0).count()), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn without_past(self) -> Self {
        Self { newest_only: self.newest_only || self.tick.is_none(), ..self }
    }

    /// As [`Replica::without_past`], and its channels' states are those of a pool: a delta that another copy there has
    /// decoded is not decoded again. `schema` is that of which this has the layout.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use {room::{coins::*, *}, tickwire_shared::{delta::*, protocol::frame::Frame, replica::*, *}};
    /// let (schema, pool) = (Schema::of::<Coins>(), StatePool::default());
    /// let layout = Layout::new(&schema)?;
    /// let mut replicas = [(); 2].map(|()| Replica::new(layout.clone()).pooled(&pool, &schema));
    /// let (message, mut frame) = (Room::<Coins>::new(()).tick(), Frame::default()); // the coin, and nobody
    /// frame.parse(&message)?;
    /// for replica in &mut replicas {
    ///     replica.apply(&frame, &message)?;
    ///     assert_eq!(replica.newest_all().count(), 1);
    /// }
    /// assert_eq!(pool.states(), 1, "both have the one state of the one channel");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn pooled(self, pool: &StatePool, schema: &Schema) -> Self {
        if self.tick.is_some() {
            return self;
        }
        Self { pool: Some(pool.of(schema.fingerprint())), ..self.without_past() }
    }

    /// An empty copy of another game that keeps as much.
    pub(crate) fn like(&self, layout: Layout) -> Self {
        let mut replica = Self::new(layout);
        replica.newest_only = self.is_newest_only();
        replica
    }

    /// A page draws: its module is the smaller for knowing that.
    #[inline(always)]
    pub(super) fn is_newest_only(&self) -> bool {
        cfg!(not(target_family = "wasm")) && self.newest_only
    }

    /// The newest state of an entity, while it is there.
    pub(super) fn newest_of<'a>(&'a self, tracked: &'a Tracked) -> Option<(u16, &'a [u32])> {
        let own = tracked.newest();
        if own.is_some() || !self.is_newest_only() {
            return own;
        }
        Some((tracked.kind, row_of(&self.channels, tracked, self.layout.kind(tracked.kind)?)?))
    }

    /// All rows may be lost with their channels.
    pub(super) fn hold_all(&mut self, tick: Tick) {
        if !self.is_newest_only() {
            return;
        }
        let Self { layout, channels, entities, .. } = self;
        for (handle, channel) in channels {
            let rows = channel.states.newest();
            rows.entities.iter().for_each(|entity| entities.hold(layout, (*handle, tick), rows, entity.id));
        }
    }

    /// Those of which the owner knows more than stands in the channel.
    pub(super) fn hold_owned(&mut self, tick: Tick) {
        let Self { layout, channels, entities, owned, .. } = self;
        for owned in owned {
            let tracked = entities.get_mut(owned.id).filter(|it| it.kind == owned.kind && it.missing.is_none());
            let kind = layout.kind(owned.kind).filter(|kind| !kind.units(Part::Owner).is_empty());
            let (Some(tracked), Some(kind)) = (tracked, kind) else { continue };
            if let Some(row) = row_of(channels, tracked, kind) {
                tracked.stand(tick, row);
            }
        }
    }
}

impl Entities {
    /// An entity leaves a channel, and may turn up in another: until then its state is what it was.
    pub(super) fn hold(&mut self, layout: &Layout, (handle, tick): (u16, Tick), rows: Rows<'_>, id: EntityId) {
        let Some(tracked) = self.get_mut(id).filter(|it| it.channel == handle && it.missing.is_none()) else { return };
        let row = layout.kind(tracked.kind).and_then(|kind| find(kind, rows, id));
        if let Some(row) = row {
            tracked.stand(tick, row);
        }
    }
}

/// What the channel that had it last tells of an entity.
pub(super) fn row_of<'a>(
    channels: &'a FxHashMap<u16, Channel>,
    tracked: &Tracked,
    kind: &KindLayout,
) -> Option<&'a [u32]> {
    find(kind, channels.get(&tracked.channel)?.states.newest(), tracked.id)
}

fn find<'a>(kind: &KindLayout, rows: Rows<'a>, id: EntityId) -> Option<&'a [u32]> {
    let place = rows.entities.binary_search_by_key(&id, |entity| entity.id).ok()?;
    Some(rows.row(kind, &rows.entities[place]))
}
