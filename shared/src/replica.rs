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

mod history;
mod tracked;

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bits::{BitReader, DecodeError};
use crate::delta::{
    DeltaScratch, Earlier, EntityRow, Held, Layout, Part, Past, ROWS_MAX_LANES, RowBuffer, Rows, decode_delta,
    decode_keyframe, decode_row,
};
use crate::game::EntityId;
use crate::protocol::frame::{Frame, LATE_MAX};
use crate::protocol::limits::{OWNED_MAX, REPORT_CHANNELS_MAX};
use crate::tick::Tick;
pub(crate) use tracked::PAST_MAX;
use tracked::{Lanes, Tracked};

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
    entities: FxHashMap<EntityId, Tracked>,
    owned: Vec<Owned>,
    tick: Option<Tick>,
    /// Generations and ticks of the last frames, the newest last.
    frames: VecDeque<(u64, Tick)>,
    late: Late,
    /// Somebody may be gone or missing: was in a channel that was closed, or told of without it.
    unsettled: bool,
    /// Somebody is gone and still drawn.
    departed: bool,
    /// What was before this is drawn no more.
    drawn: Option<Tick>,
    changes: Vec<Change>,
    /// Counts frames; marks entities that the latest one still had.
    generation: u64,
    /// Parts of the frame that is being applied, until all of it is known to be sound.
    decoded: Vec<Decoded>,
    scratch: DeltaScratch,
    /// The seat's entities as the frame has them.
    decoded_owned: Vec<Owned>,
    spare_rows: Vec<RowBuffer>,
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

/// A part of the frame that is being applied.
#[derive(Debug)]
struct Decoded {
    handle: u16,
    keyframe: bool,
    /// When the client's copy was true for the last time.
    true_at: Option<Tick>,
    rows: RowBuffer,
    /// Others are in it than before, as far as is known.
    listed: bool,
    /// Places of the rows that were there before and have changed.
    changed: Vec<u32>,
}

/// A channel as it was last sent.
#[derive(Debug)]
struct Channel {
    /// As of the last three frames, the newest first; while there were fewer, the oldest again.
    states: [Arc<RowBuffer>; 3],
    held: Held,
    /// Places of the rows that the newest frame changed.
    moved: Vec<u32>,
    /// The generation of the last frame that may have told of others than the one before.
    listed: u64,
    /// How much later than the others it last came, in ticks.
    late: i32,
    /// The generation of the last frame as of which `held` is.
    current: u64,
    /// Somebody who is among its rows has been in another channel since; they may be back as they were.
    strayed: bool,
}

impl Channel {
    fn keyframe(rows: RowBuffer, tick: Tick, generation: u64) -> Self {
        let rows = Arc::new(rows);
        let states = [Arc::clone(&rows), Arc::clone(&rows), rows];
        Self {
            states,
            held: Held::keyframe(tick),
            moved: Vec::new(),
            listed: generation,
            late: 0,
            current: generation,
            strayed: false,
        }
    }

    /// As of the frame of `tick` it was as before; gives back states that nobody needs any more.
    fn stay(
        &mut self,
        tick: Tick,
        frames: &VecDeque<(u64, Tick)>,
        spare: &mut Vec<RowBuffer>,
    ) -> Result<(), DecodeError> {
        let as_of = frames.iter().rev().find(|(_, of)| *of == tick).map(|(generation, _)| *generation);
        let as_of = as_of.filter(|as_of| *as_of >= self.current).ok_or(DecodeError::NoBaseline("tick"))?;
        let first = frames.partition_point(|(generation, _)| *generation <= self.current);
        for (_, tick) in frames.iter().skip(first).take_while(|(generation, _)| *generation <= as_of) {
            let unchanged = Arc::clone(&self.states[0]);
            self.moved.clear();
            spare.extend(self.frame(unchanged, *tick));
        }
        self.current = as_of;
        Ok(())
    }

    /// One more frame; gives back a state that nobody needs any more.
    fn frame(&mut self, rows: Arc<RowBuffer>, tick: Tick) -> Option<RowBuffer> {
        self.held = self.held.frame(tick);
        self.states.rotate_right(1);
        Arc::into_inner(std::mem::replace(&mut self.states[0], rows))
    }

    /// What a delta to `now` may lean on.
    fn past(&self, now: Tick) -> Past<'_> {
        let [base, before, older] = &self.states;
        let earlier = self.held.motion(now);
        let earlier = earlier.map(|(spacing, ahead)| {
            let rows = [before.rows(), older.rows()];
            Earlier { rows, spacing, ahead, moved: Some(&self.moved) }
        });
        Past { base: base.rows(), earlier }
    }
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
            entities: FxHashMap::default(),
            owned: Vec::new(),
            tick: None,
            frames: VecDeque::new(),
            late: Late::default(),
            unsettled: false,
            departed: false,
            drawn: None,
            changes: Vec::new(),
            generation: 0,
            decoded: Vec::new(),
            scratch: DeltaScratch::default(),
            decoded_owned: Vec::new(),
            spare_rows: Vec::new(),
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
        self.close(frame);
        let tick = frame.head.tick;
        if frame.head.reset {
            self.frames.clear();
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        for part in decoded.drain(..) {
            self.track(&part, tick);
            self.update(part, tick);
        }
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
            let newest = Arc::clone(&channel.states[0]);
            channel.states = [Arc::clone(&newest), Arc::clone(&newest), newest];
            channel.held = Held::keyframe(tick);
            channel.moved.clear();
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
        self.channels.values().map(|channel| channel.states[0].rows().hash(&self.layout)).fold(0, u64::wrapping_add)
    }

    /// The low half of the hash of each channel, by its handle; they add up to [`Replica::hash`].
    pub fn channel_hashes(&self) -> impl ExactSizeIterator<Item = (u16, u32)> + '_ {
        let hash = |channel: &Channel| channel.states[0].rows().hash(&self.layout) as u32;
        self.channels.iter().map(move |(handle, channel)| (*handle, hash(channel)))
    }

    /// The newest state of one entity: kind and row.
    #[must_use]
    pub fn newest(&self, id: EntityId) -> Option<(u16, &[u32])> {
        self.entities.get(&id).and_then(Tracked::newest)
    }

    /// The newest state of everything: id, kind, row. In no particular order.
    pub fn newest_all(&self) -> impl Iterator<Item = (EntityId, u16, &[u32])> {
        self.entities.iter().filter_map(|(id, tracked)| tracked.newest().map(|(kind, row)| (*id, kind, row)))
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
        self.entities.iter().filter_map(move |(id, tracked)| {
            let mut between = tracked.at(*id, origin, moment)?;
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
        if self.departed {
            let is_needed = |tracked: &Tracked| {
                tracked.gone.is_none_or(|gone| f64::from(gone.since(origin)) > tracked.lag.behind(origin, moment))
            };
            self.entities.retain(|_, tracked| is_needed(tracked));
            self.departed = self.entities.values().any(|tracked| tracked.gone.is_some());
        }
    }

    /// Decodes all of a frame into `decoded` and `decoded_owned`; nothing else changes.
    fn decode(&mut self, frame: &Frame, message: &[u8]) -> Result<(), DecodeError> {
        self.spare_rows.extend(self.decoded.drain(..).map(|part| part.rows));
        if !frame.head.reset && frame.closed.iter().any(|handle| !self.channels.contains_key(handle)) {
            return Err(DecodeError::NoBaseline("channel"));
        }
        let mut lanes = 0;
        for part in &frame.parts {
            let late = frame.head.tick.offset(-i32::from(part.late));
            let true_at = if part.late > 0 { Some(late) } else { self.tick };
            let bits = &message[part.bits.clone()];
            let mut rows = self.spare_rows.pop().unwrap_or_default();
            let mut changed = self.spare_lanes.zeros(0);
            let mut listed = true;
            if part.keyframe {
                decode_keyframe(&self.layout, bits, &mut rows)?;
            } else {
                let forgotten = frame.head.reset || frame.closed.contains(&part.handle);
                let base = self.channels.get_mut(&part.handle).filter(|_| !forgotten);
                let (base, true_at) = base.zip(true_at).ok_or(DecodeError::NoBaseline("channel"))?;
                base.stay(true_at, &self.frames, &mut self.spare_rows)?;
                decode_delta(&self.layout, &base.past(frame.head.tick), bits, &mut self.scratch, &mut rows)?;
                changed.extend_from_slice(self.scratch.changed());
                listed = self.scratch.lists_others();
            }
            // as many in all as one channel may have
            lanes += rows.rows().lanes.len();
            if lanes > ROWS_MAX_LANES {
                return Err(DecodeError::OutOfRange("count of rows"));
            }
            let true_at = if part.keyframe { self.tick } else { true_at };
            self.decoded.push(Decoded { handle: part.handle, keyframe: part.keyframe, true_at, rows, listed, changed });
        }
        self.spare_lanes.take_all(self.decoded_owned.drain(..).map(|owned| owned.row));
        frame.owned.clone().map_or(Ok(()), |owned| self.decode_owned(&message[owned]))
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
        self.unsettled |= frame.head.reset || !frame.closed.is_empty();
        if frame.head.reset {
            self.channels.clear();
        }
        for handle in &frame.closed {
            self.channels.remove(handle);
        }
    }

    /// Takes the new state of a channel.
    fn update(&mut self, part: Decoded, tick: Tick) {
        let Decoded { handle, keyframe, rows, changed, listed, .. } = part;
        match self.channels.get_mut(&handle) {
            Some(channel) if !keyframe => {
                channel.current = self.generation;
                if listed {
                    channel.listed = self.generation;
                }
                self.spare_lanes.take_all(std::iter::once(std::mem::replace(&mut channel.moved, changed)));
                self.spare_rows.extend(channel.frame(Arc::new(rows), tick));
            }
            _ => drop(self.channels.insert(handle, Channel::keyframe(rows, tick, self.generation))),
        }
    }

    /// Notes the state of a part's entities at `tick`: of those that changed, where it is known that the others are the
    /// same as before.
    fn track(&mut self, part: &Decoded, tick: Tick) {
        let late = self.tick.zip(part.true_at).map_or(0, |(last, true_at)| last.since(true_at));
        if late > 0 {
            // the longest of late
            let longest = if tick.since(self.late.seen) > LATE_FOR { late } else { self.late.ticks.max(late) };
            self.late = Late { ticks: longest, seen: tick };
        }
        let channel = self.channels.get_mut(&part.handle);
        let all = part.listed || channel.as_ref().is_none_or(|channel| channel.late != late || channel.strayed);
        if let Some(channel) = channel {
            (channel.late, channel.strayed) = (late, false);
        }
        self.unsettled |= part.listed;
        let rows = part.rows.rows();
        if all {
            rows.entities.iter().for_each(|entity| self.track_entity(part, late, (rows, entity), tick));
        } else {
            let changed = part.changed.iter().filter_map(|place| rows.entities.get(*place as usize));
            changed.for_each(|entity| self.track_entity(part, late, (rows, entity), tick));
        }
    }

    #[inline]
    fn track_entity(&mut self, part: &Decoded, late: i32, (rows, entity): (Rows<'_>, &EntityRow), tick: Tick) {
        let Some(kind) = self.layout.kind(entity.kind) else { return };
        let tracked = self.entities.entry(entity.id).or_insert_with(|| {
            self.changes.push(Change::Spawned(entity.id, entity.kind));
            Tracked::new(entity.kind, kind.lanes(), tick)
        });
        if tracked.gone.is_some() || tracked.kind != entity.kind {
            if tracked.gone.is_none() {
                self.changes.push(Change::Despawned(entity.id, tracked.kind));
            }
            self.changes.push(Change::Spawned(entity.id, entity.kind));
            tracked.restart(entity.kind, kind.lanes(), tick);
        }
        let before = std::mem::replace(&mut tracked.channel, part.handle);
        if before != part.handle
            && let Some(left) = self.channels.get_mut(&before)
        {
            // unless it has said without them, with this frame
            left.strayed |= left.listed != self.generation;
        }
        tracked.seen = self.generation;
        tracked.missing = None;
        tracked.lag.turn(tick, late as f32);
        if let Some(drawn) = self.drawn {
            tracked.forget_before(drawn);
        }
        tracked.note(kind, tick, part.true_at, rows.row(kind, entity));
    }

    /// Takes the frame's list of the seat's entities. What left it has no owner-only state any more.
    fn disown(&mut self, tick: Tick) {
        std::mem::swap(&mut self.owned, &mut self.decoded_owned);
        for left in &mut self.decoded_owned {
            if self.owned.iter().any(|owned| owned.id == left.id) {
                continue;
            }
            let tracked = self.entities.get_mut(&left.id).filter(|tracked| tracked.kind == left.kind);
            if let (Some(layout), Some(tracked)) = (self.layout.kind(left.kind), tracked) {
                left.row.fill(0);
                tracked.note_owner(layout, tick, self.tick, &left.row);
            }
        }
    }

    /// Puts owner-only lanes into the states of the seat's own entities.
    fn overlay_owned(&mut self, tick: Tick) {
        for owned in &self.owned {
            let tracked = self.entities.get_mut(&owned.id).filter(|tracked| tracked.kind == owned.kind);
            if let (Some(layout), Some(tracked)) = (self.layout.kind(owned.kind), tracked) {
                tracked.note_owner(layout, tick, self.tick, &owned.row);
            }
        }
    }

    /// Finds what the frame's channels no longer have: entities of a channel that is closed, or that was updated
    /// without them. Where channels come late they may be on their way to another.
    fn settle(&mut self, tick: Tick) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        let (generation, first) = (self.generation, self.changes.len());
        let patience = if tick.since(self.late.seen) > LATE_FOR { 0 } else { self.late.ticks };
        for (id, tracked) in &mut self.entities {
            if tracked.gone.is_some() || tracked.seen == generation {
                continue;
            }
            if self.channels.get(&tracked.channel).is_none_or(|channel| channel.listed == generation) {
                tracked.missing.get_or_insert(tick);
            }
            self.unsettled |= tracked.missing.is_some();
            if tracked.missing.is_some_and(|missing| tick.since(missing) >= patience) {
                tracked.gone = Some(tick);
                self.departed = true;
                self.changes.push(Change::Despawned(*id, tracked.kind));
            }
        }
        // the map's order is nobody's business
        self.changes[first..].sort_unstable_by_key(|change| match change {
            Change::Spawned(id, _) | Change::Despawned(id, _) => id.0,
        });
    }
}
