//! What one seat's client holds, and its next frame.
//!
//! A view moves in two steps: [`View::compose`] proposes, the receipt confirms. Between the two nothing else is
//! composed for the client, so there is at most one proposal; a skipped frame leaves the view as it was.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{Held, Part, encode_row};
use tickwire_shared::protocol::frame::{self, FrameHead, InputAck};
use tickwire_shared::protocol::limits::OWNED_MAX;
use tickwire_shared::{Area, SeatId, Sight, Tick};

use super::channel::{Cell, Channel};
use super::encode::{Encoder, NOTHING, base_of, step_base};
use super::grid::{Eye, Grid};
use super::slots::SlotId;
use super::store::Store;

/// A client's state hash is sent when so many ticks have passed since the last one that it got.
const HASH_EVERY: i32 = 16;
/// Events that wait for one client; beyond it the oldest is dropped and counted.
const EVENTS_MAX: usize = 256;
/// Events' bytes in one frame; the rest waits for the next.
const EVENT_BYTES_PER_FRAME: usize = 16 * 1024;

/// Parts from this length on are in the batch once, whoever receives them; shorter ones are cheaper to copy than to
/// point at.
const SHARED_BYTES: usize = 512;

/// A channel that the client holds.
#[derive(Clone, Copy, Debug)]
struct Open {
    channel: Channel,
    slot: SlotId,
    /// The states of the channel that the client has, unless it is in step.
    held: Held,
    handle: u16,
    /// The client has the state of its last frame, and those of one and two ticks before: nearly all have, and cost no
    /// reckoning and no write.
    in_step: bool,
    next: Next,
}

/// What the frame under way makes of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// Nothing: it says nothing about it.
    Same,
    /// One state more.
    Frame,
    /// The first state.
    Keyframe,
    /// As before, of one that the client did not have.
    Opened,
    /// The client has it no more.
    Closed,
}

/// The frame before, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Last {
    tick: Tick,
    confirmed: bool,
    /// What channels in step held before it.
    before: Held,
    /// What channels in step hold after it.
    after: Held,
    /// What was in step still is, if the frame had it.
    keeps_step: bool,
}

impl Last {
    fn new(frame: Option<Tick>, proposal: &Proposal) -> Self {
        let Proposal { tick, confirmed, .. } = *proposal;
        let in_step = |tick: Tick| Held::keyframe(tick.offset(-2)).frame(tick.offset(-1)).frame(tick);
        let before = in_step(frame.unwrap_or(tick));
        let after = if confirmed { in_step(tick) } else { before };
        Self { tick, confirmed, before, after, keeps_step: !confirmed || before.frame(tick) == after }
    }
}

impl Open {
    /// Takes account of the frame before; false when the client does not have the channel after it.
    #[inline]
    fn settle(&mut self, last: &Last) -> bool {
        if self.in_step && self.next == Next::Frame && last.keeps_step {
            return true;
        }
        let had = if self.in_step { last.before } else { self.held };
        self.held = match (self.next, last.confirmed) {
            (Next::Frame, true) => had.frame(last.tick),
            (Next::Keyframe | Next::Opened, true) => Held::keyframe(last.tick),
            (Next::Closed, true) | (Next::Opened, false) => return false,
            (Next::Same, _) | (_, false) => had,
        };
        self.in_step = self.held == last.after;
        true
    }
}

/// What a frame that is under way will have changed when it was written. What it does to the channels stands with them.
#[derive(Debug, Default)]
struct Proposal {
    tick: Tick,
    /// It was written; taken account of with the next frame.
    confirmed: bool,
    owned: Option<Tick>,
    acked: Option<InputAck>,
    hashed: Option<Tick>,
    events: usize,
    reset: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct View {
    /// The tick of the last frame that the client got, but for that of the proposal.
    frame: Option<Tick>,
    look: Option<(f32, f32)>,
    sight: Sight,
    /// Sorted by channel.
    open: Vec<Open>,
    /// The tick whose owned block the client has.
    owned: Option<Tick>,
    /// What the client was last told about its inputs.
    acked: Option<InputAck>,
    /// The tick of the last hash that the client got.
    hashed: Option<Tick>,
    events: VecDeque<Arc<[u8]>>,
    needs_reset: bool,
    proposal: Proposal,
}

/// What composing needs of the tick, and scratch memory; one for all views of a room.
#[derive(Debug, Default)]
pub struct ComposeTick {
    /// The tick.
    pub tick: Tick,
    wanted: Vec<Channel>,
    closed: Vec<u16>,
    /// Channels that the view had from where on there are others now.
    had: Vec<Open>,
    /// Places in `open`, and the parts of these.
    parts: Vec<(usize, u32)>,
    used_handles: Vec<u64>,
    owned_bits: Vec<u8>,
}

/// Where a frame's pieces go: the bytes of a batch, each shared part copied into it once.
pub struct FrameSink<'a> {
    /// The batch's bytes.
    pub bytes: &'a mut Vec<u8>,
    /// The batch's pieces.
    pub pieces: &'a mut Vec<Range<usize>>,
    /// For each of the encoder's parts, where it is in `bytes` already.
    pub copied: &'a mut Vec<Option<Range<usize>>>,
}

impl View {
    /// The client looks here from now on.
    pub fn look(&mut self, x: f32, y: f32) {
        self.look = Some((x, y));
    }

    /// The client sees these layers from now on.
    pub fn sight(&mut self, sight: Sight) {
        self.sight = sight;
    }

    /// Adds an event for the client; tells whether an older one had to be dropped.
    pub fn push_event(&mut self, event: Arc<[u8]>) -> bool {
        let full = self.events.len() >= EVENTS_MAX;
        // those of the proposal may be on the wire already: the oldest that is not is dropped
        if full {
            self.events.remove(self.proposal.events);
        }
        self.events.push_back(event);
        full
    }

    /// The client's copy is wrong: the next frame starts anew.
    pub fn reset(&mut self) {
        self.needs_reset = true;
    }

    /// The frame under way was written, or will be, as a whole.
    pub fn confirm(&mut self) {
        self.proposal.confirmed = true;
        self.owned = self.proposal.owned;
        self.acked = self.proposal.acked;
        self.hashed = self.proposal.hashed;
        self.events.drain(..self.proposal.events);
        self.proposal.events = 0;
        self.proposal.reset = false;
    }

    /// The frame under way was not sent and will not be.
    pub fn retract(&mut self) {
        self.needs_reset |= self.proposal.reset;
        self.proposal.events = 0;
        self.proposal.reset = false;
    }

    /// What a game last said of the interest of the client, whose seat is `seat`.
    #[must_use]
    pub fn eye(&self, seat: SeatId) -> Eye {
        Eye { seat, look: self.look, sight: self.sight }
    }

    /// Composes the frame for the newest tick: fills `sink` and proposes. `sees` is the game's word on what the seat may
    /// know.
    pub fn compose(
        &mut self,
        (seat, sees): (SeatId, impl Fn(Area) -> bool),
        ack: Option<InputAck>,
        (store, grid): (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        sink: &mut FrameSink<'_>,
    ) {
        encoder.settle(store);
        let last = Last::new(self.frame, &self.proposal);
        if std::mem::take(&mut self.proposal.confirmed) {
            self.frame = Some(last.tick);
        }
        let reset = std::mem::take(&mut self.needs_reset);
        if reset {
            self.open.clear();
            self.owned = None;
        }
        self.proposal.tick = shared.tick;
        self.proposal.reset = reset;
        self.choose_channels((seat, sees), &last, (store, grid), shared);
        self.choose_parts(&last, store, encoder, shared);
        let owned = self.choose_owned(seat, store, encoder, shared);
        self.proposal.events = self.choose_events();
        let hash_due = reset || self.hashed.is_none_or(|last| shared.tick.since(last) >= HASH_EVERY);
        self.proposal.hashed = if hash_due { Some(shared.tick) } else { self.hashed };
        let hash = hash_due.then(|| self.hash(&last, store, encoder, shared.tick));
        self.proposal.acked = ack;
        // an ack is news once
        let ack = ack.filter(|ack| self.acked != Some(*ack));

        let head = FrameHead { tick: shared.tick, reset, ack, hash };
        let has_events = self.proposal.events > 0;
        let mut start = sink.bytes.len();
        frame::write_head(&head, &shared.closed, shared.parts.len(), owned, has_events, sink.bytes);
        for (place, part) in &shared.parts {
            write_handle(self.open[*place].handle, sink.bytes);
            encoder.ledger.send(*part);
            let (length, first_bytes) = encoder.first_bytes(*part);
            if length <= first_bytes.len() {
                let end = sink.bytes.len() + length;
                sink.bytes.extend_from_slice(first_bytes);
                sink.bytes.truncate(end);
            } else if length < SHARED_BYTES {
                sink.bytes.extend_from_slice(encoder.sealed(*part));
            } else {
                sink.pieces.push(start..sink.bytes.len());
                sink.share(*part as usize, encoder.sealed(*part));
                start = sink.bytes.len();
            }
        }
        let own = sink.bytes.len();
        if owned {
            frame::write_owned(&shared.owned_bits, sink.bytes);
        }
        let events = sink.bytes.len();
        if has_events {
            frame::write_events(self.events.iter().take(self.proposal.events).map(|event| &**event), sink.bytes);
        }
        encoder.ledger.owned += 8 * (events - own) as u64;
        encoder.ledger.events += 8 * (sink.bytes.len() - events) as u64;
        if sink.bytes.len() > start {
            sink.pieces.push(start..sink.bytes.len());
        }
    }

    /// What the client is to see.
    fn choose_channels(
        &self,
        (seat, sees): (SeatId, impl Fn(Area) -> bool),
        last: &Last,
        (store, grid): (&Store, &Grid),
        shared: &mut ComposeTick,
    ) {
        // asked for in order
        let at = std::cell::Cell::new(0);
        let held = |cell: Cell| {
            let before = self.open[at.get()..].iter().take_while(|open| open.channel.cell() < cell).count();
            at.set(at.get() + before);
            let layers = self.open[at.get()..].iter().take_while(|open| open.channel.cell() == cell);
            layers.copied().any(|mut open| open.settle(last))
        };
        shared.wanted.clear();
        if let Some(now) = store.newest() {
            grid.in_view(&self.eye(seat), now, held, sees, &mut shared.wanted);
        }
    }

    /// For each wanted channel: nothing when the client has it as it is, a delta, or a keyframe. The others that it has
    /// it loses.
    fn choose_parts(&mut self, last: &Last, store: &Store, encoder: &mut Encoder, shared: &mut ComposeTick) {
        let ComposeTick { tick: now, wanted, closed, had, parts, .. } = shared;
        closed.clear();
        parts.clear();
        let mut chooser =
            Chooser { last, now: *now, age: now.since(last.after.newest()).cast_unsigned(), store, encoder, parts };
        let mut same = 0;
        for (open, channel) in self.open.iter_mut().zip(&*wanted) {
            if open.channel != *channel || !open.settle(last) {
                break;
            }
            chooser.choose(open, same);
            same += 1;
        }
        if same == wanted.len() && same == self.open.len() {
            return;
        }
        had.clear();
        had.extend(self.open.drain(same..));
        let mut had = had.iter_mut().peekable();
        let mut lose = |lost: &mut Open, open: &mut Vec<Open>| {
            if lost.settle(last) {
                closed.push(lost.handle);
                open.push(Open { next: Next::Closed, ..*lost });
            }
        };
        let mut opened = false;
        for channel in &wanted[same..] {
            while let Some(lost) = had.next_if(|open| open.channel < *channel) {
                lose(lost, &mut self.open);
            }
            let place = self.open.len();
            let had = had.next_if(|open| open.channel == *channel).copied();
            if let Some(mut open) = had
                && open.settle(last)
            {
                chooser.choose(&mut open, place);
                self.open.push(open);
            } else if let Some(open) = chooser.open(*channel, place) {
                self.open.push(open);
                opened = true;
            }
        }
        had.for_each(|lost| lose(lost, &mut self.open));
        if opened {
            number(&mut self.open, &mut shared.used_handles);
        }
    }

    /// The hash over all that the client will hold.
    fn hash(&self, last: &Last, store: &Store, encoder: &mut Encoder, now: Tick) -> u32 {
        let held = self.open.iter().filter(|open| open.next != Next::Closed);
        let hashes = held.map(|open| {
            let held = if open.in_step { last.after } else { open.held };
            let tick = if open.next == Next::Same { held.newest() } else { now };
            encoder.hash(store, (open.channel, open.slot), tick)
        });
        hashes.fold(0, u64::wrapping_add) as u32
    }

    /// Fills the owned block when what the client has of it is out of date.
    fn choose_owned(&mut self, seat: SeatId, store: &Store, encoder: &Encoder, shared: &mut ComposeTick) -> bool {
        self.proposal.owned = Some(shared.tick);
        let Some(now) = store.newest() else { return false };
        if self.owned.is_some_and(|known| encoder.owned_unchanged(seat, shared.tick.since(known).cast_unsigned())) {
            return false;
        }
        shared.owned_bits.clear();
        let mut bits = BitWriter::new(&mut shared.owned_bits);
        let owned = now.owned(seat);
        bits.count(owned.len().min(OWNED_MAX) as u32, 1);
        for row in owned.take(OWNED_MAX) {
            bits.write(row.id.0, 32);
            bits.write(row.kind.into(), 16);
            if let Some(kind) = store.layout().kind(row.kind) {
                encode_row(kind, Part::Owner, now.all_rows().row(kind, row), &mut bits);
            }
        }
        bits.finish();
        true
    }

    /// How many of the waiting events fit this frame.
    fn choose_events(&self) -> usize {
        let mut bytes = 0;
        let fits = |event: &&Arc<[u8]>| {
            bytes += event.len();
            bytes <= EVENT_BYTES_PER_FRAME
        };
        let fitting = self.events.iter().take_while(fits).count();
        // one that is longer than all that fits travels alone
        fitting.max(usize::from(!self.events.is_empty()))
    }
}

impl FrameSink<'_> {
    fn share(&mut self, part: usize, bits: &[u8]) {
        if self.copied.len() <= part {
            self.copied.resize(part + 1, None);
        }
        let piece = self.copied[part].get_or_insert_with(|| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bits);
            start..self.bytes.len()
        });
        self.pieces.push(piece.clone());
    }
}

/// Chooses parts for one view's channels.
struct Chooser<'a> {
    last: &'a Last,
    now: Tick,
    /// How old is what channels in step hold.
    age: u32,
    store: &'a Store,
    encoder: &'a mut Encoder,
    parts: &'a mut Vec<(usize, u32)>,
}

impl Chooser<'_> {
    /// What the frame is to say about a channel that the client has, at `place` among its channels.
    #[inline]
    fn choose(&mut self, open: &mut Open, place: usize) {
        open.slot = self.encoder.slot_of(open.channel, open.slot, self.now);
        let (age, base) = if open.in_step {
            (self.age, step_base(self.age))
        } else {
            (self.now.since(open.held.newest()).cast_unsigned(), base_of(&open.held, self.now))
        };
        open.next = Next::Frame;
        let is_known = self.encoder.reaches(age);
        if is_known && self.encoder.slot(open.slot).is_unchanged(age) {
            return;
        }
        let held = is_known.then_some(if open.in_step { self.last.after } else { open.held });
        let base = if is_known { base } else { NOTHING };
        self.parts.push((place, self.encoder.part_of(self.store, (open.channel, open.slot), base, held)));
        if !is_known {
            open.next = Next::Keyframe;
        }
    }

    /// A channel that the client does not have, if there is anything in it.
    fn open(&mut self, channel: Channel, place: usize) -> Option<Open> {
        let slot = self.encoder.find(channel).filter(|slot| self.encoder.slot(*slot).is_occupied())?;
        self.parts.push((place, self.encoder.part_of(self.store, (channel, slot), NOTHING, None)));
        let held = Held::keyframe(self.now);
        Some(Open { channel, slot, held, handle: 0, in_step: false, next: Next::Opened })
    }
}

/// A channel's handle, which the frame's layout knows only together with a length: one of 0 is one byte.
#[inline]
fn write_handle(handle: u16, out: &mut Vec<u8>) {
    frame::write_part_head(handle, false, 0, out);
    out.pop();
}

/// Gives handles to the channels that the client did not have.
fn number(open: &mut [Open], used: &mut Vec<u64>) {
    used.clear();
    open.iter()
        .filter(|open| !matches!(open.next, Next::Opened | Next::Closed))
        .for_each(|open| mark(used, open.handle));
    open.iter_mut().filter(|open| open.next == Next::Opened).for_each(|open| open.handle = take_free(used));
}

fn mark(used: &mut Vec<u64>, handle: u16) {
    let word = usize::from(handle) / 64;
    if used.len() <= word {
        used.resize(word + 1, 0);
    }
    used[word] |= 1 << (handle % 64);
}

/// The smallest handle that is not used, marked as used.
fn take_free(used: &mut Vec<u64>) -> u16 {
    let word = used.iter().position(|word| *word != u64::MAX).unwrap_or(used.len());
    let bit = used.get(word).map_or(0, |word| word.trailing_ones());
    let handle = (word * 64) as u16 + bit as u16;
    mark(used, handle);
    handle
}
