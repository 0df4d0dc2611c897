//! The client's copy of what it may see: channels as they were last sent, entities with a short past for motion.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use tickwire_shared::*;
//! let (client, ..) = playing(); // a client keeps one, and has its getters
//! let own = client.owned().next().unwrap();
//! let (kind, row) = client.untyped().newest(own).unwrap();
//! assert_eq!(Kinds::from_lanes(kind, row), client.newest(own));
//! ```

mod channel;
mod entities;
mod history;
mod newest;
mod states;
mod tracked;
mod tracking;

use std::collections::VecDeque;
#[cfg(not(target_family = "wasm"))]
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bits::{BitReader, DecodeError};
#[cfg(not(target_family = "wasm"))]
use crate::delta::Shelf;
use crate::delta::{DeltaScratch, Layout, Part, ROWS_MAX_LANES, decode_row};
use crate::game::EntityId;
use crate::protocol::frame::{Frame, LATE_MAX};
use crate::protocol::limits::{OWNED_MAX, REPORT_CHANNELS_MAX};
use crate::tick::Tick;
use channel::Channel;
use entities::Entities;
pub(crate) use tracked::PAST_MAX;
use tracked::{Lanes, Tracked};
use tracking::Tracking;

/// Frames whose ticks are kept: as many as may be late, and three more that tell motion.
const FRAMES_KEPT: usize = LATE_MAX as usize + 8;
/// After a part that was late others are expected to be for so many ticks.
const LATE_FOR: i32 = 32;

/// What came and went with a frame, told by [`Replica::apply`].
///
/// ```
/// use tickwire_shared::{EntityId, replica::Change};
///
/// let mut sprites = vec![EntityId(1)];
/// for change in [Change::Spawned(EntityId(2), 0), Change::Despawned(EntityId(1), 0)] {
///     match change {
///         Change::Spawned(id, _kind) => sprites.push(id),
///         Change::Despawned(id, _) => sprites.retain(|known| *known != id),
///     }
/// }
/// assert_eq!(sprites, [EntityId(2)]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The entity, of this kind, can be seen from now on.
    Spawned(EntityId, u16),
    /// It is gone: destroyed, or out of sight.
    Despawned(EntityId, u16),
}

/// The client's copy of the state. Untyped: lanes and a [`Layout`], so that generic clients can use it as well.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::{coins::*, *}, tickwire_shared::{delta::Layout, protocol::frame::Frame, *}};
/// use tickwire_shared::replica::{Change, Replica};
///
/// let mut replica = Replica::new(Layout::new(&Schema::of::<Coins>())?);
/// let (message, mut frame) = (Room::<Coins>::new(()).tick(), Frame::default()); // the coin, and nobody
/// frame.parse(&message)?;
/// replica.apply(&frame, &message)?;
/// assert_eq!(replica.changes(), [Change::Spawned(EntityId(u32::MAX), 0)]);
/// replica.forget_before(Tick(2), 0.0); // what is drawn is that tick, or a quarter of one beyond it
/// let drawn = (replica.at(Tick(2), 0.0).count(), replica.at_or_beyond(Tick(2), 0.25, 3.0).count());
/// assert_eq!((replica.tick(), replica.newest_all().count(), drawn), (Some(Tick(2)), 1, (1, 1)));
/// assert!(replica.newest_by_channel().eq(replica.newest_all()), "nothing is its owner's alone");
/// assert_eq!(replica.channel_hashes().next(), Some((0, replica.hash() as u32)), "all of it is in one channel");
/// assert!(replica.newest(EntityId(u32::MAX)).is_some() && replica.owned().next().is_none());
/// assert_eq!(replica.layout().kind(0).map(|kind| kind.lanes()), Some(Thing::LANES));
/// assert_eq!(replica.go_on().map(|(_, channels)| channels.len()), Some(1)); // what a resume would claim
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Replica {
    layout: Layout,
    channels: FxHashMap<u16, Channel>,
    entities: Entities,
    owned: Vec<Owned>,
    tick: Option<Tick>,
    /// Generations and ticks of the last frames, the newest last.
    frames: VecDeque<(u64, Tick)>,
    late: Late,
    /// Who was in a channel that the frame closes, or tells of without them.
    left: Vec<EntityId>,
    /// Who is in no channel, and may yet turn up in another.
    missing: Vec<EntityId>,
    /// Who is gone and still drawn.
    departed: Vec<EntityId>,
    /// Channels that have lost somebody to the one that is looked at.
    strays: Vec<u16>,
    /// What was before this is drawn no more.
    drawn: Option<Tick>,
    /// See [`Replica::without_past`].
    newest_only: bool,
    /// See [`Replica::pooled`].
    #[cfg(not(target_family = "wasm"))]
    pool: Option<Arc<Shelf>>,
    changes: Vec<Change>,
    /// Counts frames; marks entities that the latest one still had.
    generation: u64,
    /// Parts of the frame that is being applied, until all of it is known to be sound.
    decoded: Vec<Decoded>,
    /// Of those that are keyframes, in their order.
    keyframes: VecDeque<Channel>,
    scratch: DeltaScratch,
    /// The seat's entities as the frame has them.
    decoded_owned: Vec<Owned>,
    spare_channels: Vec<Channel>,
    spare_lanes: Lanes,
}

/// How late channels come in these ticks.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    /// An entity that has left its channel may turn up in another so many ticks later.
    ticks: i32,
    seen: Tick,
}

/// One of the seat's own entities.
#[derive(Debug)]
struct Owned {
    id: EntityId,
    kind: u16,
    /// Owner-only lanes; all others are 0.
    row: Vec<u32>,
}

/// A part of the frame that is being applied: its channel has decoded it.
#[derive(Debug)]
struct Decoded {
    handle: u16,
    keyframe: bool,
    /// When the client's copy was true for the last time.
    true_at: Option<Tick>,
    /// Others are in it than before, as far as is known.
    listed: bool,
}

/// One entity at a moment: two rows and how far it is from one to the other.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::{coins::*, *}, tickwire_shared::*};
/// let (client, _, now) = playing();
/// for it in client.untyped().sample(now) {
///     let Kinds::Thing(thing) = Kinds::from_lanes_between(it.kind, it.earlier, it.later, it.t).unwrap();
///     assert!((0.0..=1.0).contains(&it.t) && thing.at[0] <= 100.0);
/// }
/// ```
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
    /// Ticks from the one row to the other; 0 when they are the same.
    pub span: f32,
    /// The row before `earlier`, and how many ticks before, while both are known to differ.
    pub before: Option<(&'a [u32], f32)>,
    /// The row after `later`, and how many ticks after.
    pub after: Option<(&'a [u32], f32)>,
    /// Ticks that the moment lies after `later`, for what still moved then, and as [`Replica::at_or_beyond`] bounds it.
    pub beyond: f32,
}

impl Replica {
    /// An empty copy.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            channels: FxHashMap::default(),
            entities: Entities::default(),
            owned: Vec::new(),
            tick: None,
            frames: VecDeque::new(),
            late: Late::default(),
            left: Vec::new(),
            missing: Vec::new(),
            departed: Vec::new(),
            strays: Vec::new(),
            drawn: None,
            newest_only: false,
            #[cfg(not(target_family = "wasm"))]
            pool: None,
            changes: Vec::new(),
            generation: 0,
            decoded: Vec::new(),
            keyframes: VecDeque::new(),
            scratch: DeltaScratch::default(),
            decoded_owned: Vec::new(),
            spare_channels: Vec::new(),
            spare_lanes: Lanes::default(),
        }
    }

    /// Applies a parsed frame, `message` being its bytes; [`Replica::changes`] tells what came and went.
    ///
    /// # Errors
    /// The frame contradicts what this holds. Nothing was applied, but frames that build on this one cannot be either:
    /// the copy stands still until a frame with `reset`.
    pub fn apply(&mut self, frame: &Frame, message: &[u8]) -> Result<(), DecodeError> {
        self.changes.clear();
        self.decode(frame, message)?;
        self.generation += 1;
        let tick = frame.head.tick;
        self.close(frame);
        if frame.head.reset {
            self.frames.clear();
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.drain(..).for_each(|part| self.accept(&part, tick));
        self.decoded = decoded;
        if self.frames.len() >= FRAMES_KEPT {
            self.frames.pop_front();
        }
        self.frames.push_back((self.generation, tick));
        if frame.owned.is_some() || frame.head.reset {
            self.disown(tick);
        }
        self.overlay_owned(tick);
        self.settle(tick);
        self.tick = Some(tick);
        Ok(())
    }

    /// Another connection is to go on from what this holds. Gives the tick of the last frame, and of each channel the
    /// handle, in rising order, and the low half of the hash: for [`ResumeClaim`](crate::protocol::ResumeClaim). `None`
    /// when there is nothing, or more channels than a claim may name: then only keyframes of all can follow.
    ///
    /// From here on motion is reckoned anew, as the server does it that takes the claim: the states before the last
    /// frame serve no more, be it that this is called once or, for one who tries again, many times.
    pub fn go_on(&mut self) -> Option<(Tick, Vec<(u16, u32)>)> {
        let tick = self.tick.filter(|_| self.channels.len() <= REPORT_CHANNELS_MAX)?;
        for channel in self.channels.values_mut() {
            channel.states.stand(tick);
            channel.current = self.generation;
        }
        let mut hashes: Vec<(u16, u32)> = self.channel_hashes().collect();
        hashes.sort_unstable();
        Some((tick, hashes))
    }

    /// What came and went with the last frame, in the same order for everybody who got it.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
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
        self.owned.iter().map(|owned| owned.id)
    }

    /// The hash over the whole view: the wrapping sum of [`entity_hash`](crate::delta::entity_hash) over all entities in all channels.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.channels.values().map(|channel| channel.states.hash(&self.layout)).fold(0, u64::wrapping_add)
    }

    /// The low half of the hash of each channel, by its handle; they add up to [`Replica::hash`].
    pub fn channel_hashes(&self) -> impl ExactSizeIterator<Item = (u16, u32)> + '_ {
        let hash = |channel: &Channel| channel.states.hash(&self.layout) as u32;
        self.channels.iter().map(move |(handle, channel)| (*handle, hash(channel)))
    }

    /// The newest state of one entity: kind and row.
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<(u16, &[u32])> {
        self.entities.get(id).and_then(|tracked| self.newest_of(tracked))
    }

    /// The newest state of everything: id, kind, row. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        self.entities.iter().filter_map(|tracked| self.newest_of(tracked).map(|(kind, row)| (tracked.id, kind, row)))
    }

    /// The same from where it lies together in memory, as the channels have it: owner-only lanes are 0, and who goes from
    /// a channel to one that comes later is in neither meanwhile, or in both.
    pub fn newest_by_channel(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        let rows = self.channels.values().map(|channel| channel.states.newest());
        rows.flat_map(|rows| rows.entities.iter().map(move |entity| (rows, entity))).filter_map(|(rows, entity)| {
            Some((entity.id, entity.kind, rows.row(self.layout.kind(entity.kind)?, entity)))
        })
    }

    /// Everything as it was at `moment`, in ticks after `origin`: what had not spawned yet is left out, what was still
    /// there is not. Beyond the newest state things stand still, and so they do before the oldest one that is
    /// kept. In no particular order.
    pub fn at(&self, origin: Tick, moment: f64) -> impl Iterator<Item = Between<'_>> {
        self.at_or_beyond(origin, moment, 0.0)
    }

    /// As [`Replica::at`], and of what moved when the newest frame came it is told how far beyond its newest state the
    /// moment lies, `most_ticks` at most.
    pub fn at_or_beyond(&self, origin: Tick, moment: f64, most_ticks: f32) -> impl Iterator<Item = Between<'_>> {
        let newest = self.tick.unwrap_or(origin);
        self.entities.iter().filter(|_| !self.is_newest_only()).filter_map(move |tracked| {
            let mut between = tracked.at(origin, moment)?;
            if between.beyond > 0.0 {
                between.beyond = if tracked.moved_at(newest) { between.beyond.min(most_ticks) } else { 0.0 };
            }
            Some(between)
        })
    }

    /// Lets go of what only a moment before this one would need; call it with the moment that is drawn, which may not
    /// go back.
    pub fn forget_before(&mut self, origin: Tick, moment: f64) {
        self.drawn = Some(origin.offset(moment.floor() as i32));
        let Self { departed, entities, spare_lanes, .. } = self;
        departed.retain(|id| {
            let Some(tracked) = entities.get_mut(*id) else { return false };
            // one that is there again stays
            tracked.departs = tracked.gone.is_some();
            let is_needed = |gone: Tick| f64::from(gone.since(origin)) > tracked.lag.behind(origin, moment);
            if tracked.gone.is_none_or(is_needed) {
                return tracked.departs;
            }
            entities.remove(*id, spare_lanes);
            false
        });
    }

    /// Decodes all of a frame into `decoded` and `decoded_owned`; nothing else changes.
    fn decode(&mut self, frame: &Frame, message: &[u8]) -> Result<(), DecodeError> {
        self.decoded.clear();
        // of a frame that could not be applied
        self.keyframes.drain(..).for_each(|channel| channel.keep_among(&mut self.spare_channels));
        if !frame.head.reset && frame.closed.iter().any(|handle| !self.channels.contains_key(handle)) {
            return Err(DecodeError::NoBaseline("channel"));
        }
        self.bring_near(frame);
        let mut lanes = 0;
        for part in &frame.parts {
            let late = frame.head.tick.offset(-i32::from(part.late));
            let true_at = if part.late > 0 { Some(late) } else { self.tick };
            let bits = &message[part.bits.clone()];
            let (true_at, rows, listed) = if part.keyframe {
                let mut channel = self.fresh_channel();
                channel.states.keyframe(&self.layout, bits, frame.head.tick)?;
                let rows = channel.states.newest().lanes.len();
                self.keyframes.push_back(channel);
                (self.tick, rows, true)
            } else {
                let forgotten = frame.head.reset || frame.closed.contains(&part.handle);
                let base = self.channels.get_mut(&part.handle).filter(|_| !forgotten);
                let (base, true_at) = base.zip(true_at).ok_or(DecodeError::NoBaseline("channel"))?;
                base.stay(true_at, &self.frames)?;
                base.states.decode(&self.layout, frame.head.tick, bits, &mut self.scratch)?;
                (Some(true_at), base.states.coming().lanes.len(), base.states.lists_others())
            };
            // as many in all as one channel may have
            lanes += rows;
            if lanes > ROWS_MAX_LANES {
                return Err(DecodeError::OutOfRange("count of rows"));
            }
            self.decoded.push(Decoded { handle: part.handle, keyframe: part.keyframe, true_at, listed });
        }
        self.spare_lanes.take_all(self.decoded_owned.drain(..).map(|owned| owned.row));
        frame.owned.clone().map_or(Ok(()), |owned| self.decode_owned(&message[owned]))
    }

    /// Channels lie far apart: their memory comes all at once. A page has one client, whose channels are near, and its
    /// module is the smaller without.
    fn bring_near(&self, frame: &Frame) {
        if cfg!(target_family = "wasm") {
            return;
        }
        let channels = || frame.parts.iter().filter_map(|part| self.channels.get(&part.handle));
        for rows in [false, true] {
            std::hint::black_box(channels().fold(0, |all, channel| all ^ channel.states.bring_near(rows)));
        }
    }

    fn decode_owned(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut bits = BitReader::new(bytes);
        let count = bits.count(1)?;
        if count as usize > OWNED_MAX {
            return Err(DecodeError::OutOfRange("owned count"));
        }
        for _ in 0..count {
            let id = EntityId(bits.read(32)?);
            let kind = bits.read(16)? as u16;
            let layout = self.layout.kind(kind).ok_or(DecodeError::OutOfRange("kind"))?;
            let mut row = self.spare_lanes.zeros(layout.lanes());
            decode_row(layout, Part::Owner, &mut bits, &mut row)?;
            self.decoded_owned.push(Owned { id, kind, row });
        }
        bits.all()
    }

    /// Drops the channels that the frame closes.
    fn close(&mut self, frame: &Frame) {
        let tick = frame.head.tick;
        if frame.head.reset {
            self.left.extend(self.entities.iter().map(|tracked| tracked.id));
            self.hold_all(tick);
            self.channels.clear();
        }
        for handle in &frame.closed {
            if let Some(closed) = self.channels.remove(handle) {
                self.retire((*handle, tick), closed);
            }
        }
    }

    /// A channel is no more.
    fn retire(&mut self, of: (u16, Tick), channel: Channel) {
        let rows = channel.states.newest();
        if self.is_newest_only() {
            rows.entities.iter().for_each(|entity| self.entities.hold(&self.layout, of, rows, entity.id));
        }
        self.left.extend(rows.entities.iter().map(|entity| entity.id));
        channel.keep_among(&mut self.spare_channels);
    }

    /// Takes the new state of a channel. Notes the state of its entities at `tick`: of those that changed, where it is
    /// known that the others are the same as before.
    fn accept(&mut self, part: &Decoded, tick: Tick) {
        let late = self.tick.zip(part.true_at).map_or(0, |(last, true_at)| last.since(true_at));
        if late > 0 {
            // the longest of late
            let longest = if tick.since(self.late.seen) > LATE_FOR { late } else { self.late.ticks.max(late) };
            self.late = Late { ticks: longest, seen: tick };
        }
        if part.keyframe
            && let Some(mut channel) = self.keyframes.pop_front()
        {
            channel.begin(self.generation);
            if let Some(replaced) = self.channels.insert(part.handle, channel) {
                self.retire((part.handle, tick), replaced);
            }
        }
        let newest_only = self.is_newest_only();
        let Some(channel) = self.channels.get_mut(&part.handle) else { return };
        // how late it is drawn is nobody's business who does not
        let all = part.listed || channel.strayed || channel.late != late && !newest_only;
        (channel.late, channel.strayed) = (late, false);
        let Channel { states, slots, .. } = channel;
        let rows = if part.keyframe { states.newest() } else { states.coming() };
        if part.listed && !part.keyframe {
            let first = self.left.len();
            self.left.extend(states.removed());
            if newest_only {
                let hold = |id: &EntityId| self.entities.hold(&self.layout, (part.handle, tick), states.newest(), *id);
                self.left[first..].iter().for_each(hold);
            }
        }
        let mut tracking = Tracking {
            layout: &self.layout,
            entities: &mut self.entities,
            changes: &mut self.changes,
            strays: &mut self.strays,
            spare: &mut self.spare_lanes,
            handle: part.handle,
            generation: self.generation,
            tick,
            true_at: part.true_at,
            late: late as f32,
            drawn: self.drawn,
            newest_only,
        };
        if all {
            slots.clear();
            slots.extend(rows.entities.iter().map(|entity| tracking.slot(entity)));
            rows.entities.iter().zip(slots).for_each(|(entity, slot)| tracking.track(rows, entity, slot));
        } else if !newest_only {
            if cfg!(not(target_family = "wasm")) {
                let changed = states.changed().iter().filter_map(|place| slots.get(*place as usize).copied());
                tracking.entities.bring_near(changed);
            }
            for place in states.changed() {
                if let (Some(entity), Some(slot)) = (rows.entities.get(*place as usize), slots.get_mut(*place as usize))
                {
                    tracking.track(rows, entity, slot);
                }
            }
        }
        if !part.keyframe {
            channel.accept(tick, self.generation);
        }
        for left in self.strays.drain(..) {
            if let Some(left) = self.channels.get_mut(&left) {
                // unless it has said without them, with this frame
                left.strayed |= left.listed != self.generation;
            }
        }
    }

    /// Takes the frame's list of the seat's entities. What left it has no owner-only state any more.
    fn disown(&mut self, tick: Tick) {
        let newest_only = self.is_newest_only();
        std::mem::swap(&mut self.owned, &mut self.decoded_owned);
        for left in &mut self.decoded_owned {
            if self.owned.iter().any(|owned| owned.id == left.id) {
                continue;
            }
            let tracked = self.entities.get_mut(left.id).filter(|tracked| tracked.kind == left.kind);
            if let (Some(layout), Some(tracked)) = (self.layout.kind(left.kind), tracked) {
                left.row.fill(0);
                tracked.note_owner(layout, tick, self.tick, &left.row);
                if newest_only && newest::row_of(&self.channels, tracked, layout).is_some() {
                    tracked.forget();
                }
            }
        }
    }

    /// Puts owner-only lanes into the states of the seat's own entities.
    fn overlay_owned(&mut self, tick: Tick) {
        if self.is_newest_only() {
            self.hold_owned(tick);
        }
        for owned in &self.owned {
            let tracked = self.entities.get_mut(owned.id).filter(|tracked| tracked.kind == owned.kind);
            if let (Some(layout), Some(tracked)) = (self.layout.kind(owned.kind), tracked) {
                tracked.note_owner(layout, tick, self.tick, &owned.row);
            }
        }
    }

    /// Finds what the frame's channels no longer have: entities of a channel that is closed, or that was updated
    /// without them. Where channels come late they may be on their way to another.
    fn settle(&mut self, tick: Tick) {
        let (generation, first, newest_only) = (self.generation, self.changes.len(), self.is_newest_only());
        let Self { entities, channels, missing, .. } = self;
        for id in self.left.drain(..) {
            let tracked = entities.get_mut(id);
            let there = |it: &&mut Tracked| it.gone.is_none() && it.missing.is_none() && it.seen != generation;
            let Some(tracked) = tracked.filter(there) else { continue };
            if channels.get(&tracked.channel).is_none_or(|channel| channel.listed == generation) {
                tracked.missing = Some(tick);
                missing.push(id);
            }
        }
        let patience = if tick.since(self.late.seen) > LATE_FOR { 0 } else { self.late.ticks };
        missing.retain(|id| {
            let tracked = entities.get_mut(*id).filter(|tracked| tracked.gone.is_none());
            // it may have turned up
            let Some((tracked, missing)) = tracked.and_then(|it| it.missing.map(|missing| (it, missing))) else {
                return false;
            };
            let is_gone = tick.since(missing) >= patience;
            if is_gone {
                self.changes.push(Change::Despawned(*id, tracked.kind));
                tracked.gone = Some(tick);
                if newest_only {
                    entities.remove(*id, &mut self.spare_lanes);
                } else if !std::mem::replace(&mut tracked.departs, true) {
                    self.departed.push(*id);
                }
            }
            !is_gone
        });
        // the order of the channels' parts is nobody's business
        self.changes[first..].sort_unstable_by_key(|change| match change {
            Change::Spawned(id, _) | Change::Despawned(id, _) => id.0,
        });
    }
}
