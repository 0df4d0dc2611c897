//! The client's copy of what it may see: channels as they were last sent, entities with a short past for motion.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::bits::{BitReader, DecodeError};
use crate::delta::{KindLayout, Layout, Part, RowBuffer, decode_delta, decode_keyframe, decode_row};
use crate::game::EntityId;
use crate::protocol::frame::Frame;
use crate::protocol::limits::OWNED_MAX;
use crate::tick::Tick;

/// States of an entity's past that are kept: more than any sane interpolation delay needs.
const PAST_MAX: usize = 16;

/// What came and went with a frame, told by [`Replica::apply`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The entity can be seen from now on.
    Spawned(EntityId),
    /// It is gone: destroyed, or out of sight.
    Despawned(EntityId),
}

/// The client's copy of the state. Untyped: lanes and a [`Layout`], so that generic clients can use it as well.
#[derive(Debug)]
pub struct Replica {
    layout: Layout,
    channels: FxHashMap<u16, Channel>,
    spare: Vec<RowBuffer>,
    entities: FxHashMap<EntityId, Tracked>,
    owned: Vec<(EntityId, u16, Vec<u32>)>,
    tick: Option<Tick>,
    changes: Vec<Change>,
    /// Counts frames; marks entities that the latest one still had.
    generation: u64,
}

/// A channel as it was last sent.
#[derive(Debug)]
struct Channel {
    rows: RowBuffer,
    /// The generation of the frame that brought it.
    updated: u64,
}

/// One entity and its past.
#[derive(Debug)]
struct Tracked {
    kind: u16,
    channel: u16,
    seen: u64,
    /// When it was found to be gone; drawn until then.
    gone: Option<Tick>,
    past: VecDeque<(Tick, Vec<u32>)>,
}

/// One entity at a moment: two rows and how far it is from one to the other.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// The entity.
    pub id: EntityId,
    /// Its kind's number.
    pub kind: u16,
    /// The row at or before the moment.
    pub earlier: &'a [u32],
    /// The row after it, or the same.
    pub later: &'a [u32],
    /// 0 to 1.
    pub t: f32,
}

impl Replica {
    /// An empty copy.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            channels: FxHashMap::default(),
            spare: Vec::new(),
            entities: FxHashMap::default(),
            owned: Vec::new(),
            tick: None,
            changes: Vec::new(),
            generation: 0,
        }
    }

    /// Applies a parsed frame, `message` being its bytes, and tells what came and went.
    ///
    /// # Errors
    /// The frame contradicts what this holds. The copy is of no use then until a frame with `reset`.
    pub fn apply(&mut self, frame: &Frame, message: &[u8]) -> Result<&[Change], DecodeError> {
        self.changes.clear();
        if frame.head.reset {
            self.spare.extend(self.channels.drain().map(|(_, channel)| channel.rows));
            self.owned.clear();
        }
        for handle in &frame.closed {
            let channel = self.channels.remove(handle).ok_or(DecodeError::NoBaseline("channel"))?;
            self.spare.push(channel.rows);
        }
        self.generation += 1;
        for part in &frame.parts {
            let rows = self.decode_part(part.handle, part.keyframe, &message[part.bits.clone()])?;
            self.track(part.handle, &rows, frame.head.tick);
            if let Some(old) = self.channels.insert(part.handle, Channel { rows, updated: self.generation }) {
                self.spare.push(old.rows);
            }
        }
        if let Some(owned) = &frame.owned {
            self.decode_owned(&message[owned.clone()])?;
        }
        self.overlay_owned();
        self.settle(frame.head.tick);
        self.tick = Some(frame.head.tick);
        Ok(&self.changes)
    }

    /// The tick of the last frame.
    #[must_use]
    pub fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// The layout of the game's kinds.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The entities that belong to the client's seat.
    pub fn owned(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.owned.iter().map(|(id, _, _)| *id)
    }

    /// The hash over the whole view: the wrapping sum of [`entity_hash`](crate::delta::entity_hash) over all entities in all channels.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.channels.values().map(|channel| channel.rows.rows().hash(&self.layout)).fold(0, u64::wrapping_add)
    }

    /// The newest state of one entity: kind and row.
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<(u16, &[u32])> {
        let tracked = self.entities.get(&id).filter(|tracked| tracked.gone.is_none())?;
        tracked.past.back().map(|(_, row)| (tracked.kind, row.as_slice()))
    }

    /// The newest state of everything: id, kind, row. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        self.entities
            .iter()
            .filter(|(_, tracked)| tracked.gone.is_none())
            .filter_map(|(id, tracked)| tracked.past.back().map(|(_, row)| (*id, tracked.kind, row.as_slice())))
    }

    /// Everything as it was at `moment`, in ticks after `origin`: what had not spawned yet is left out, what was still
    /// there is not. Beyond the newest state things stand still. In no particular order.
    pub fn at(&self, origin: Tick, moment: f64) -> impl Iterator<Item = Between<'_>> {
        self.entities.iter().filter_map(move |(id, tracked)| tracked.at(*id, origin, moment))
    }

    /// Lets go of what was gone before `moment`; call it now and then with the moment that is drawn.
    pub fn forget_before(&mut self, origin: Tick, moment: f64) {
        self.entities.retain(|_, tracked| tracked.gone.is_none_or(|gone| f64::from(gone.since(origin)) > moment));
    }

    fn decode_part(&mut self, handle: u16, keyframe: bool, bits: &[u8]) -> Result<RowBuffer, DecodeError> {
        let mut rows = self.spare.pop().unwrap_or_default();
        if keyframe {
            decode_keyframe(&self.layout, bits, &mut rows)?;
        } else {
            let base = self.channels.get(&handle).ok_or(DecodeError::NoBaseline("channel"))?;
            decode_delta(&self.layout, base.rows.rows(), bits, &mut rows)?;
        }
        Ok(rows)
    }

    /// Notes the state of a channel's entities at `tick`.
    fn track(&mut self, handle: u16, rows: &RowBuffer, tick: Tick) {
        let rows = rows.rows();
        for entity in rows.entities {
            let Some(kind) = self.layout.kind(entity.kind) else { continue };
            let row = rows.row(kind, entity);
            let tracked = self.entities.entry(entity.id).or_insert_with(|| {
                self.changes.push(Change::Spawned(entity.id));
                Tracked::new(entity.kind)
            });
            if tracked.gone.is_some() || tracked.kind != entity.kind {
                if tracked.gone.is_none() {
                    self.changes.push(Change::Despawned(entity.id));
                }
                self.changes.push(Change::Spawned(entity.id));
                *tracked = Tracked::new(entity.kind);
            }
            tracked.channel = handle;
            tracked.seen = self.generation;
            tracked.note(kind, tick, self.tick, row);
        }
    }

    /// Finds what the frame's channels no longer have: entities of a channel that is closed, or that was updated
    /// without them.
    fn settle(&mut self, tick: Tick) {
        let generation = self.generation;
        for (id, tracked) in &mut self.entities {
            if tracked.gone.is_some() || tracked.seen == generation {
                continue;
            }
            if self.channels.get(&tracked.channel).is_none_or(|channel| channel.updated == generation) {
                tracked.gone = Some(tick);
                self.changes.push(Change::Despawned(*id));
            }
        }
    }

    fn decode_owned(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut bits = BitReader::new(bytes);
        let count = bits.count(1)?;
        if count as usize > OWNED_MAX {
            return Err(DecodeError::OutOfRange("owned count"));
        }
        self.owned.clear();
        for _ in 0..count {
            let id = EntityId(bits.read(32)?);
            let kind = bits.read(16)? as u16;
            let layout = self.layout.kind(kind).ok_or(DecodeError::OutOfRange("kind"))?;
            let mut row = vec![0; layout.lanes()];
            decode_row(layout, Part::Owner, &mut bits, &mut row)?;
            self.owned.push((id, kind, row));
        }
        bits.all()
    }

    /// Puts owner-only lanes into the newest rows of the seat's own entities.
    fn overlay_owned(&mut self) {
        for (id, kind, row) in &self.owned {
            let tracked = self.entities.get_mut(id).filter(|tracked| tracked.kind == *kind);
            if let (Some(layout), Some(tracked)) = (self.layout.kind(*kind), tracked)
                && let Some((_, newest)) = tracked.past.back_mut()
            {
                layout.copy_owner_lanes(row, newest);
            }
        }
    }
}

impl Tracked {
    fn new(kind: u16) -> Self {
        Self { kind, channel: 0, seen: 0, gone: None, past: VecDeque::new() }
    }

    /// Adds a state, unless it is the one that is known. `previous` is the tick of the frame before: what was not
    /// mentioned since had not changed until then, so motion starts there.
    fn note(&mut self, layout: &KindLayout, tick: Tick, previous: Option<Tick>, row: &[u32]) {
        if let Some((at, newest)) = self.past.back() {
            if !layout.differs(Part::Public, newest, row) {
                return;
            }
            if let Some(previous) = previous.filter(|previous| previous.is_after(*at) && tick.is_after(*previous)) {
                let still = newest.clone();
                self.push(previous, &still);
            }
        }
        self.push(tick, row);
    }

    fn push(&mut self, tick: Tick, row: &[u32]) {
        // the oldest state's memory serves the newest
        let mut lanes = if self.past.len() >= PAST_MAX {
            self.past.pop_front().map(|(_, lanes)| lanes).unwrap_or_default()
        } else {
            Vec::new()
        };
        lanes.clear();
        lanes.extend_from_slice(row);
        self.past.push_back((tick, lanes));
    }

    fn at(&self, id: EntityId, origin: Tick, moment: f64) -> Option<Between<'_>> {
        let when = |tick: Tick| f64::from(tick.since(origin));
        if self.gone.is_some_and(|gone| when(gone) <= moment) {
            return None;
        }
        let later = self.past.iter().position(|(tick, _)| when(*tick) > moment);
        let between = |earlier: usize, later: usize, t: f32| Between {
            id,
            kind: self.kind,
            earlier: &self.past[earlier].1,
            later: &self.past[later].1,
            t,
        };
        match later {
            None => self.past.len().checked_sub(1).map(|last| between(last, last, 0.0)),
            Some(0) => None,
            Some(later) => {
                let (a, b) = (when(self.past[later - 1].0), when(self.past[later].0));
                Some(between(later - 1, later, ((moment - a) / (b - a)) as f32))
            }
        }
    }
}
