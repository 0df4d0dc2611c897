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
use super::encode::Encoder;
use super::grid::{Eye, Grid};
use super::store::Store;

/// A client's state hash is sent when so many ticks have passed since the last one that it got.
const HASH_EVERY: i32 = 16;
/// Events that wait for one client; beyond it the oldest is dropped and counted.
const EVENTS_MAX: usize = 256;
/// Events' bytes in one frame; the rest waits for the next.
const EVENT_BYTES_PER_FRAME: usize = 16 * 1024;

/// A channel that the client holds.
#[derive(Clone, Copy, Debug)]
struct Open {
    channel: Channel,
    handle: u16,
    /// The states of the channel that the client has.
    held: Held,
}

/// What a frame that is under way will have changed when it was written.
#[derive(Debug, Default)]
struct Proposal {
    open: Vec<Open>,
    owned: Option<Tick>,
    acked: Option<InputAck>,
    hashed: Option<Tick>,
    events: usize,
    /// How many of the channels to heal are in it.
    heals: usize,
    reset: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct View {
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
    /// Channels that are wrong at the client: their next part is a keyframe.
    heals: Vec<Channel>,
    proposal: Proposal,
}

/// What composing needs of the tick, and scratch memory; one for all views of a room.
#[derive(Debug, Default)]
pub struct ComposeTick {
    /// The tick.
    pub tick: Tick,
    wanted: Vec<Channel>,
    closed: Vec<u16>,
    /// Handle, part, keyframe.
    parts: Vec<(u16, usize, bool)>,
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

    /// At `tick` the client held these channels, by handle and low half of the hash: the next frame has keyframes of
    /// those that were others then; of all, when that is not known any more or none was. Calls `wrong` with each, and
    /// the hash that the client told.
    pub fn heal(&mut self, store: &Store, tick: Tick, hashes: &[(u16, u32)], mut wrong: impl FnMut(Channel, u32)) {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        if let Some(then) = store.at(tick) {
            for Open { channel, handle, .. } in &self.open {
                // one that the client does not tell of came later
                let Ok(at) = hashes.binary_search_by_key(handle, |(handle, _)| *handle) else { continue };
                if then.rows(*channel).hash(store.layout()) as u32 != hashes[at].1 && !self.heals.contains(channel) {
                    self.heals.push(*channel);
                    wrong(*channel, hashes[at].1);
                }
            }
        }
        self.needs_reset |= self.heals.is_empty();
    }

    /// The frame under way was written, or will be, as a whole.
    pub fn confirm(&mut self) {
        std::mem::swap(&mut self.open, &mut self.proposal.open);
        self.owned = self.proposal.owned;
        self.acked = self.proposal.acked;
        self.hashed = self.proposal.hashed;
        self.events.drain(..self.proposal.events);
        self.heals.drain(..self.proposal.heals);
        self.proposal.events = 0;
        self.proposal.heals = 0;
        self.proposal.reset = false;
    }

    /// The frame under way was not sent and will not be.
    pub fn retract(&mut self) {
        self.needs_reset |= self.proposal.reset;
        self.proposal.events = 0;
        self.proposal.heals = 0;
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
        let reset = std::mem::take(&mut self.needs_reset);
        if reset {
            self.open.clear();
            self.owned = None;
        }
        self.proposal.reset = reset;
        self.choose_channels(seat, sees, (store, grid), shared);
        self.choose_parts(store, encoder, shared);
        let owned = self.choose_owned(seat, store, shared);
        self.proposal.events = self.choose_events();
        self.proposal.heals = self.heals.len();
        // who was wrong is told soon that it is right again
        let hash_due =
            reset || !self.heals.is_empty() || self.hashed.is_none_or(|last| shared.tick.since(last) >= HASH_EVERY);
        self.proposal.hashed = if hash_due { Some(shared.tick) } else { self.hashed };
        let hash = hash_due.then(|| {
            let hashes = self.proposal.open.iter().map(|open| encoder.hash(store, open.channel));
            hashes.fold(0, u64::wrapping_add) as u32
        });
        self.proposal.acked = ack;
        // an ack is news once
        let ack = ack.filter(|ack| self.acked != Some(*ack));

        let head = FrameHead { tick: shared.tick, reset, ack, hash };
        let has_events = self.proposal.events > 0;
        let mut start = sink.bytes.len();
        frame::write_head(&head, &shared.closed, shared.parts.len(), owned, has_events, sink.bytes);
        for (handle, part, keyframe) in &shared.parts {
            let bits = encoder.bits(*part);
            frame::write_part_head(*handle, *keyframe, bits.len(), sink.bytes);
            sink.pieces.push(start..sink.bytes.len());
            sink.share(*part, bits);
            start = sink.bytes.len();
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

    /// What the client is to see, and which of its channels it loses: those that it may not see any more, and those
    /// that hold nothing.
    fn choose_channels(
        &self,
        seat: SeatId,
        sees: impl Fn(Area) -> bool,
        (store, grid): (&Store, &Grid),
        shared: &mut ComposeTick,
    ) {
        let held = |cell: Cell| {
            let first = self.open.partition_point(|open| open.channel.cell() < cell);
            self.open.get(first).is_some_and(|open| open.channel.cell() == cell)
        };
        shared.wanted.clear();
        if let Some(now) = store.newest() {
            grid.in_view(&self.eye(seat), now, held, sees, &mut shared.wanted);
        }
        shared.closed.clear();
        let lost = self.open.iter().filter(|open| shared.wanted.binary_search(&open.channel).is_err());
        shared.closed.extend(lost.map(|open| open.handle));
    }

    /// For each wanted channel: nothing when the client has it as it is, a delta, or a keyframe.
    fn choose_parts(&mut self, store: &Store, encoder: &mut Encoder, shared: &mut ComposeTick) {
        shared.parts.clear();
        shared.used_handles.clear();
        for open in &self.open {
            if shared.wanted.binary_search(&open.channel).is_ok() {
                mark(&mut shared.used_handles, open.handle);
            }
        }
        self.proposal.open.clear();
        let now = shared.tick;
        for channel in &shared.wanted {
            let open = self.open.binary_search_by_key(channel, |open| open.channel).ok().map(|at| self.open[at]);
            let (handle, held) = match open {
                Some(Open { handle, held, .. }) => {
                    let wrong = self.heals.contains(channel);
                    let in_ring = store.at(held.newest()).is_some();
                    let mut keyframe = false;
                    if wrong || !(in_ring && store.unchanged_since(*channel, held.newest())) {
                        let (part, is_keyframe) = encoder.part(store, *channel, (!wrong).then_some(held));
                        shared.parts.push((handle, part, is_keyframe));
                        keyframe = is_keyframe;
                    }
                    (handle, if keyframe { Held::keyframe(now) } else { held.frame(now) })
                }
                // nothing there: the client need not know of it
                None if store.newest().is_none_or(|now| now.rows(*channel).entities.is_empty()) => continue,
                None => {
                    let handle = take_free(&mut shared.used_handles);
                    let (part, keyframe) = encoder.part(store, *channel, None);
                    shared.parts.push((handle, part, keyframe));
                    (handle, Held::keyframe(now))
                }
            };
            self.proposal.open.push(Open { channel: *channel, handle, held });
        }
    }

    /// Fills the owned block when what the client has of it is out of date.
    fn choose_owned(&mut self, seat: SeatId, store: &Store, shared: &mut ComposeTick) -> bool {
        self.proposal.owned = Some(shared.tick);
        let Some(now) = store.newest() else { return false };
        let known = self.owned.and_then(|tick| store.at(tick));
        if known.is_some_and(|before| !store.owned_differs(seat, before, now)) {
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
