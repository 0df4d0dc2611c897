//! What one seat's client holds, and its next frame.
//!
//! A view moves in two steps: [`View::compose`] proposes, the receipt confirms. Between the two nothing else is
//! composed for the client, so there is at most one proposal; a skipped frame leaves the view as it was.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{Held, Part, encode_row};
use tickwire_shared::protocol::frame::{self, FrameHead, InputAck};
use tickwire_shared::protocol::limits::{CHANNELS_MAX, OWNED_MAX};
use tickwire_shared::{SeatId, Tick};

use super::encode::{Encoder, PartFor};
use super::grid::{Channel, Grid};
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
    /// The states of the channel that the client has.
    held: Held,
    handle: u16,
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

/// What became of the frame before.
#[derive(Clone, Copy, Debug)]
struct Last {
    tick: Tick,
    confirmed: bool,
}

impl Open {
    /// What the frame before has made of it; `None` when the client does not have it.
    #[inline]
    fn after(self, last: Last) -> Option<Self> {
        let held = match (self.next, last.confirmed) {
            (Next::Frame, true) => self.held.frame(last.tick),
            (Next::Keyframe | Next::Opened, true) => Held::keyframe(last.tick),
            (Next::Closed, true) | (Next::Opened, false) => return None,
            (Next::Same, _) | (_, false) => self.held,
        };
        Some(Self { held, ..self })
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
    look: Option<(f32, f32)>,
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
    /// The view's channels, as the frame leaves them.
    open: Vec<Open>,
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

    /// Composes the frame for the newest tick: fills `sink` and proposes.
    pub fn compose(
        &mut self,
        seat: SeatId,
        ack: Option<InputAck>,
        (store, grid): (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        sink: &mut FrameSink<'_>,
    ) {
        encoder.settle(store);
        let last = Last { tick: self.proposal.tick, confirmed: std::mem::take(&mut self.proposal.confirmed) };
        let reset = std::mem::take(&mut self.needs_reset);
        if reset {
            self.open.clear();
            self.owned = None;
        }
        self.proposal.tick = shared.tick;
        self.proposal.reset = reset;
        self.choose_channels(last, grid, shared);
        self.choose_parts(last, store, encoder, shared);
        let owned = self.choose_owned(seat, store, encoder, shared);
        self.proposal.events = self.choose_events();
        let hash_due = reset || self.hashed.is_none_or(|last| shared.tick.since(last) >= HASH_EVERY);
        self.proposal.hashed = if hash_due { Some(shared.tick) } else { self.hashed };
        let hash = hash_due.then(|| view_hash(store, encoder, shared));
        self.proposal.acked = ack;
        // an ack is news once
        let ack = ack.filter(|ack| self.acked != Some(*ack));

        let head = FrameHead { tick: shared.tick, reset, ack, hash };
        let has_events = self.proposal.events > 0;
        let mut start = sink.bytes.len();
        frame::write_head(&head, &shared.closed, shared.parts.len(), owned, has_events, sink.bytes);
        for (place, part) in &shared.parts {
            write_handle(shared.open[*place].handle, sink.bytes);
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
        if owned {
            frame::write_owned(&shared.owned_bits, sink.bytes);
        }
        if has_events {
            frame::write_events(self.events.iter().take(self.proposal.events).map(|event| &**event), sink.bytes);
        }
        if sink.bytes.len() > start {
            sink.pieces.push(start..sink.bytes.len());
        }
    }

    /// What the client is to see.
    fn choose_channels(&self, last: Last, grid: &Grid, shared: &mut ComposeTick) {
        // asked for in order
        let at = Cell::new(0);
        let held = |channel: Channel| {
            let before = self.open[at.get()..].iter().take_while(|open| open.channel < channel).count();
            at.set(at.get() + before);
            self.open.get(at.get()).is_some_and(|open| open.channel == channel && open.after(last).is_some())
        };
        shared.wanted.clear();
        grid.in_view(self.look, held, &mut shared.wanted);
        shared.wanted.truncate(CHANNELS_MAX);
    }

    /// For each wanted channel: nothing when the client has it as it is, a delta, or a keyframe. The others that it has
    /// it loses.
    fn choose_parts(&mut self, last: Last, store: &Store, encoder: &mut Encoder, shared: &mut ComposeTick) {
        let ComposeTick { tick: now, wanted, closed, open, parts, .. } = shared;
        closed.clear();
        open.clear();
        parts.clear();
        let mut opened = false;
        let mut before = self.open.iter().filter_map(|open| open.after(last)).peekable();
        let mut lose = |lost: Open, open: &mut Vec<Open>| {
            closed.push(lost.handle);
            open.push(Open { next: Next::Closed, ..lost });
        };
        for channel in &*wanted {
            while let Some(lost) = before.next_if(|open| open.channel < *channel) {
                lose(lost, open);
            }
            if let Some(had) = before.next_if(|open| open.channel == *channel) {
                let slot = encoder.slot_of(*channel, had.slot, *now);
                let age = now.since(had.held.newest()).cast_unsigned();
                let mut next = Next::Frame;
                if !(encoder.reaches(age) && encoder.slot(slot).is_unchanged(age)) {
                    let PartFor { part, keyframe } = encoder.part_of(store, (*channel, slot), Some(had.held), *now);
                    parts.push((open.len(), part));
                    if keyframe {
                        next = Next::Keyframe;
                    }
                }
                open.push(Open { slot, next, ..had });
            } else if let Some(slot) = encoder.find(*channel).filter(|slot| encoder.slot(*slot).is_occupied()) {
                let PartFor { part, .. } = encoder.part_of(store, (*channel, slot), None, *now);
                parts.push((open.len(), part));
                let held = Held::keyframe(*now);
                open.push(Open { channel: *channel, slot, held, handle: 0, next: Next::Opened });
                opened = true;
            }
        }
        before.for_each(|lost| lose(lost, open));
        if opened {
            number(open, &mut shared.used_handles);
        }
        self.open.clear();
        self.open.extend_from_slice(open);
    }

    /// Fills the owned block when what the client has of it is out of date.
    fn choose_owned(
        &mut self,
        seat: SeatId,
        store: &Store,
        encoder: &Encoder,
        shared: &mut ComposeTick,
    ) -> bool {
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

/// The hash over all that the client will hold.
fn view_hash(store: &Store, encoder: &mut Encoder, shared: &ComposeTick) -> u32 {
    let held = shared.open.iter().filter(|open| open.next != Next::Closed);
    let hashes = held.map(|open| {
        let tick = if open.next == Next::Same { open.held.newest() } else { shared.tick };
        encoder.hash(store, (open.channel, open.slot), tick)
    });
    hashes.fold(0, u64::wrapping_add) as u32
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
    open.iter().filter(|open| !matches!(open.next, Next::Opened | Next::Closed)).for_each(|open| mark(used, open.handle));
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
