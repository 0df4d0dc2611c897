//! What one seat's client holds, and its next frame.
//!
//! A view moves in two steps: [`View::compose`] proposes, the receipt confirms. Between the two nothing else is
//! composed for the client, so there is at most one proposal; a skipped frame leaves the view as it was.

mod events;
mod held;
mod resume;
mod steady;
mod verify;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{Part, encode_row};
use tickwire_shared::protocol::frame::{self, Contents, FrameHead, InputAck};
use tickwire_shared::protocol::limits::{FRAME_MAX_BYTES, OWNED_MAX};
use tickwire_shared::{Area, SeatId, Sight, Tick, TickRate};

use super::budget::{NEVER_TICKS, Pace, Purse, Terms, urgency};
use super::channel::{Cell, Channel};
use super::choose::{Chooser, Chosen, UNMADE, group_by_late};
use super::encode::Encoder;
use super::grid::{Eye, Grid};
use super::hashed::Hashed;
use super::open::{Last, Next, Open, number};
use super::scope::Scope;
use super::store::Store;
use resume::Written;
use steady::{Steady, SteadyChannel};

/// Parts from this length on are in the batch once, whoever receives them; shorter ones are cheaper to copy than to
/// point at.
const SHARED_BYTES: usize = 512;

/// A client whose bytes last for so many frames like the last one, and so many more, gets all there is.
const AMPLE_FRAMES: i64 = 2;
const AMPLE_BYTES: i64 = 1024;
/// Parts' bytes in one frame, at most: the private part and events need space as well.
const PARTS_MAX_BYTES: i64 = (FRAME_MAX_BYTES - FRAME_MAX_BYTES / 4) as i64;

/// What a frame that is under way will have changed when it was written. What it does to the channels stands with them.
#[derive(Clone, Debug, Default)]
struct Proposal {
    tick: Tick,
    /// It was written; taken account of with the next frame.
    confirmed: bool,
    owned: Option<Tick>,
    acked: Option<InputAck>,
    hashed: Option<Tick>,
    events: usize,
    bytes: usize,
    /// How many of the stale handles are in it.
    stale: usize,
    reset: bool,
}

/// See the module.
#[derive(Clone, Debug, Default)]
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
    /// Their bytes.
    events_bytes: usize,
    /// The client could not be sent to at this tick, nor since.
    behind_since: Option<Tick>,
    written: Written,
    /// Handles that a client that came back has and that lead on to nothing here.
    stale: Vec<u16>,
    needs_reset: bool,
    /// The client came back, and has had no frame on the new connection: it may have had others on the old one.
    returned: bool,
    purse: Purse,
    pace: Pace,
    /// While it holds, and with a frame that opens and closes nothing, the channels are those that are open.
    scope: Option<Scope>,
    /// What is open, where all of it goes on in step: see [`steady`].
    steady: Vec<SteadyChannel>,
    /// Channels that are wrong at the client, sorted: each is due a keyframe.
    wrong: Vec<Channel>,
    states_hashed: Hashed,
    proposal: Proposal,
}

/// What composing needs of the tick, and scratch memory; one for all views of a room.
#[derive(Debug, Default)]
pub struct ComposeTick {
    /// The tick.
    pub tick: Tick,
    /// The room's terms.
    pub terms: Terms,
    wanted: Vec<Channel>,
    closed: Vec<u16>,
    /// Channels that the view had from where on there are others now.
    had: Vec<Open>,
    parts: Vec<Chosen>,
    grouped: Vec<Chosen>,
    /// Urgencies, and places in `parts`.
    urgent: Vec<(f32, usize)>,
    used_handles: Vec<u64>,
    part_head: Vec<u8>,
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

    /// The client's copy is wrong: the next frame starts anew.
    pub fn reset(&mut self) {
        self.needs_reset = true;
    }

    /// The frame under way was written, or will be, as a whole.
    pub fn confirm(&mut self) {
        self.purse.charge(self.proposal.bytes);
        self.proposal.confirmed = true;
        self.returned = false;
        self.owned = self.proposal.owned;
        self.acked = self.proposal.acked;
        self.hashed = self.proposal.hashed;
        self.note_events_written();
        self.stale.drain(..self.proposal.stale);
        self.proposal.events = 0;
        self.proposal.stale = 0;
        self.proposal.reset = false;
    }

    /// The frame under way was not sent and will not be.
    pub fn retract(&mut self) {
        self.needs_reset |= self.proposal.reset;
        self.proposal.events = 0;
        self.proposal.stale = 0;
        self.proposal.reset = false;
    }

    /// The client's socket takes nothing at this tick: as [`View::fall_behind`].
    pub fn skip(&mut self, tick: Tick) -> usize {
        self.pace.skip(tick);
        self.fall_behind(tick)
    }

    /// The client's way takes no more than so many bytes a second; none is no limit.
    pub fn limit(&mut self, bytes_per_s: Option<u32>, tick: Tick) {
        self.purse.limit(bytes_per_s);
        if bytes_per_s.is_some() {
            self.pace.halve(tick);
        }
    }

    /// Whether the client, which can be sent to, is to get a frame at this tick.
    pub fn is_due(&mut self, tick: Tick, rate: TickRate) -> bool {
        let last = self.last_frame().filter(|_| !self.needs_reset);
        self.pace.is_due(tick, rate.per_second(), last.map(|last| tick.since(last).cast_unsigned()))
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
        (ack, asks): (Option<InputAck>, bool),
        (store, grid): (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        sink: &mut FrameSink<'_>,
    ) {
        encoder.settle(store);
        self.behind_since = None;
        let last = Last::new(self.frame, self.proposal.tick, self.proposal.confirmed);
        if std::mem::take(&mut self.proposal.confirmed) {
            self.frame = Some(last.tick);
            self.forget_healed();
        }
        let reset = std::mem::take(&mut self.needs_reset);
        if reset {
            self.open.clear();
            self.steady.clear();
            self.scope = None;
            self.wrong.clear();
            self.owned = None;
        }
        self.proposal.tick = shared.tick;
        self.proposal.reset = reset;
        let age = self.steady_age(&last, encoder, shared.tick);
        let scope = self.scope.take().filter(|scope| self.is_still(scope, (seat, &sees), (store, grid)));
        let mut is_still = scope.is_some();
        if is_still {
            self.scope = scope;
        } else {
            self.scope = self.choose_channels((seat, sees), (&last, age), (store, grid), encoder, &mut shared.wanted);
            let is_as_it_was = || self.steady_channels(encoder).eq(shared.wanted.iter().copied());
            is_still = self.scope.is_some() && age.is_some() && is_as_it_was();
        }
        shared.closed.clear();
        shared.closed.extend_from_slice(&self.stale);
        shared.parts.clear();
        let bytes = self.bytes_left(shared);
        let age = age.filter(|_| is_still && bytes.is_none() && !shared.terms.far_is_rarer);
        let steady = age.and_then(|age| self.find_steady_parts((&last, age), store, encoder));
        if steady.is_none() {
            self.choose(&last, (store, grid), encoder, shared, (is_still, bytes));
        }
        let owned = self.choose_owned(seat, store, encoder, shared);
        self.proposal.events = self.choose_events();
        self.proposal.stale = self.stale.len();
        let heals = self.wrong.iter().any(|channel| self.has_keyframe(channel));
        // who was wrong is told soon that it is right again
        let hash_due = reset || heals || self.is_hash_due(grid, shared.tick);
        let hash = if hash_due { self.hash((&last, steady.is_some()), store, encoder, shared.tick) } else { None };
        self.proposal.hashed = hash.map_or(self.hashed, |_| Some(shared.tick));
        self.proposal.acked = ack;
        // an ack is news once
        let ack = ack.filter(|ack| self.acked != Some(*ack));

        let head = FrameHead { tick: shared.tick, reset, ack, hash, asks };
        self.write(&head, (owned, steady), encoder, shared, sink);
    }

    /// Chooses what the frame says of each channel.
    fn choose(
        &mut self,
        last: &Last,
        state: (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        (is_still, bytes): (bool, Option<i64>),
    ) {
        if !self.choose_parts(last, state, encoder, shared, (is_still, bytes.is_none())) {
            self.scope = None;
        }
        // one who sees a large world for the first time: the rest comes with the next frames
        let parts = shared.parts.iter().map(|chosen| chosen.part);
        if let Some(bytes) = bytes.or_else(|| encoder.overflows(PARTS_MAX_BYTES, parts).then_some(i64::MAX)) {
            self.make_urgent_parts(bytes, last, state, encoder, shared);
        }
        self.note_steady(&mut shared.part_head);
    }

    /// Writes what was chosen.
    fn write(
        &mut self,
        head: &FrameHead,
        (owned, steady): (bool, Option<Steady>),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        sink: &mut FrameSink<'_>,
    ) {
        let has_events = self.proposal.events > 0;
        let (first_piece, mut start) = (sink.pieces.len(), sink.bytes.len());
        group_by_late(&mut shared.parts, &mut shared.grouped);
        let parts = steady.map_or(shared.parts.len(), |steady| steady.parts);
        let in_order = steady.is_none() && self.are_in_order(encoder, &shared.parts);
        let contents = Contents { owned, events: has_events, parts, in_order };
        frame::write_head(head, self.frame.filter(|_| !self.returned), &shared.closed, contents, sink.bytes);
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
        match steady {
            Some(steady) => self.write_steady(steady, encoder, sink.bytes),
            None => start = self.write_parts((start, in_order), encoder, &shared.parts, sink),
        }
        if sink.bytes.len() > start {
            sink.pieces.push(start..sink.bytes.len());
        }
        self.proposal.bytes = sink.pieces[first_piece..].iter().map(Range::len).sum();
    }

    /// Whether these parts are keyframes of the handles from 0 on, as in a first frame.
    fn are_in_order(&self, encoder: &Encoder, parts: &[Chosen]) -> bool {
        let is_at = |at: usize, chosen: &Chosen| {
            usize::from(self.open[chosen.place].handle) == at && encoder.is_keyframe(chosen.part)
        };
        parts.len() > 1 && parts.iter().enumerate().all(|(at, chosen)| chosen.late == 0 && is_at(at, chosen))
    }

    /// Writes the parts behind what stands in `sink` from `start` on, which is no piece yet; tells the same of what is
    /// behind them.
    fn write_parts(
        &self,
        (mut start, in_order): (usize, bool),
        encoder: &mut Encoder,
        parts: &[Chosen],
        sink: &mut FrameSink<'_>,
    ) -> usize {
        let (mut late, last) = (0, parts.len().saturating_sub(1));
        for (at, chosen) in parts.iter().enumerate() {
            if chosen.late != late {
                late = chosen.late;
                frame::write_late(late, sink.bytes);
            }
            if !in_order {
                let handle = self.open[chosen.place].handle;
                frame::write_part_head(handle, encoder.is_keyframe(chosen.part), None, sink.bytes);
            }
            let (length, first_bytes) = encoder.send(chosen.part);
            if at == last {
                // it has what is left of the frame, and so no length
                let length_bytes = encoder.length_bytes(chosen.part);
                let sealed = encoder.sealed(chosen.part);
                if sealed.len() < SHARED_BYTES {
                    sink.bytes.extend_from_slice(&sealed[length_bytes..]);
                } else {
                    sink.pieces.push(start..sink.bytes.len());
                    sink.share(chosen.part as usize, sealed, length_bytes);
                    start = sink.bytes.len();
                }
                continue;
            }
            if length <= first_bytes.len() {
                let end = sink.bytes.len() + length;
                sink.bytes.extend_from_slice(first_bytes);
                sink.bytes.truncate(end);
            } else if length < SHARED_BYTES {
                sink.bytes.extend_from_slice(encoder.sealed(chosen.part));
            } else {
                sink.pieces.push(start..sink.bytes.len());
                sink.share(chosen.part as usize, encoder.sealed(chosen.part), 0);
                start = sink.bytes.len();
            }
        }
        start
    }

    /// Whether all that the client is to see is open, and nothing else, as when it looked around.
    fn is_still(&self, scope: &Scope, (seat, sees): (SeatId, impl Fn(Area) -> bool), state: (&Store, &Grid)) -> bool {
        let (store, grid) = state;
        store.newest().is_some_and(|now| scope.holds(&self.eye(seat), now))
            && (self.sight == Sight::All || grid.none_is_shut(self.open.iter().map(|open| open.channel.cell()), sees))
    }

    /// What the client is to see; and for how long, once that is open.
    fn choose_channels(
        &self,
        (seat, sees): (SeatId, impl Fn(Area) -> bool),
        (last, steady_age): (&Last, Option<u32>),
        (store, grid): (&Store, &Grid),
        encoder: &Encoder,
        wanted: &mut Vec<Channel>,
    ) -> Option<Scope> {
        wanted.clear();
        let (eye, now) = (self.eye(seat), store.newest()?);
        if steady_age.is_some() {
            let mut cells = self.steady_channels(encoder).map(Channel::cell).peekable();
            // asked for in order
            let held = |cell: Cell| {
                while cells.next_if(|held| *held < cell).is_some() {}
                cells.peek() == Some(&cell)
            };
            return grid.in_view(&eye, now, held, sees, wanted);
        }
        // all at a time: they may be far away in memory
        std::hint::black_box(self.open.iter().fold(0, |sum, open| sum ^ open.handle));
        let mut open = self.open.iter().copied().peekable();
        let held = |cell: Cell| {
            while open.next_if(|open| open.channel.cell() < cell).is_some() {}
            let layers = std::iter::from_fn(|| open.next_if(|open| open.channel.cell() == cell));
            layers.map(|mut open| open.settle(last)).fold(false, |any, is_held| any | is_held)
        };
        grid.in_view(&eye, now, held, sees, wanted)
    }

    /// The client's bytes, where they may not last for all there is: the room bounds them, or the client's way does.
    fn bytes_left(&mut self, shared: &ComposeTick) -> Option<i64> {
        let bytes = self.purse.bytes(&shared.terms, shared.tick);
        Some(bytes).filter(|bytes| *bytes <= AMPLE_FRAMES * self.proposal.bytes as i64 + AMPLE_BYTES)
    }

    /// For each wanted channel: nothing when the client has it as it is, a delta, or a keyframe. The others that it has
    /// it loses. Tells whether it has all of them and no other; that is known when all `is_still` as it was. If there
    /// `is_ample` room the parts are made too.
    fn choose_parts(
        &mut self,
        last: &Last,
        (store, grid): (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
        (is_still, is_ample): (bool, bool),
    ) -> bool {
        let ComposeTick { tick, terms, wanted, closed, had, parts, .. } = shared;
        let age = |since: Tick| tick.since(since).cast_unsigned();
        let open = &mut self.open;
        let mut chooser = Chooser {
            last,
            store,
            now: *tick,
            step_age: age(last.after.newest()),
            frame_age: self.frame.map_or(0, age),
            distance: terms.far_is_rarer.then_some(self.look).flatten().and_then(|look| grid.in_cells(look)),
            wrong: &self.wrong,
            is_ample,
            encoder,
            parts,
        };
        if is_still {
            chooser.choose_all(open);
            return true;
        }
        let mut same = 0;
        for (open, channel) in open.iter_mut().zip(&*wanted) {
            if open.channel != *channel || !open.settle(last) {
                break;
            }
            chooser.choose(open, same);
            same += 1;
        }
        if same == wanted.len() && same == open.len() {
            return true;
        }
        had.clear();
        had.extend(open.drain(same..));
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
                lose(lost, open);
            }
            let place = open.len();
            let had = had.next_if(|open| open.channel == *channel).copied();
            if let Some(mut had) = had
                && had.settle(last)
            {
                chooser.choose(&mut had, place);
                open.push(had);
            } else if let Some(new) = chooser.open(*channel, place) {
                open.push(new);
                opened = true;
            }
        }
        had.for_each(|lost| lose(lost, open));
        if opened {
            number(open, &mut shared.used_handles);
            let opened = open.iter().filter(|open| open.next == Next::Opened);
            opened.for_each(|open| self.states_hashed.open(*tick, open.channel));
        }
        false
    }

    /// Makes as many parts as there are `bytes` for, the most urgent.
    fn make_urgent_parts(
        &mut self,
        mut bytes: i64,
        last: &Last,
        (store, grid): (&Store, &Grid),
        encoder: &mut Encoder,
        shared: &mut ComposeTick,
    ) {
        let ComposeTick { tick: now, parts, urgent, .. } = shared;
        urgent.clear();
        urgent.extend(parts.iter().enumerate().map(|(at, chosen)| {
            let open = &self.open[chosen.place];
            let away = grid.cells_away(self.look, open.channel.cell());
            let is_missed = open.next == Next::Opened || self.wrong.binary_search(&open.channel).is_ok();
            let waited = if is_missed { NEVER_TICKS } else { open.age(last, *now) };
            (urgency(away, waited), at)
        }));
        // of equals the first, so that nothing depends on how it is sorted
        urgent.sort_unstable_by(|(a, a_at), (b, b_at)| b.total_cmp(a).then(a_at.cmp(b_at)));
        let mut space = PARTS_MAX_BYTES;
        for (_, at) in &*urgent {
            let chosen = &mut parts[*at];
            let open = &mut self.open[chosen.place];
            if bytes > 0 {
                chosen.make(open, last, store, encoder);
                // behind a handle
                let length = encoder.sealed(chosen.part).len() as i64 + 1;
                // one that is longer than a frame may be is not let wait for ever: it is refused, and counted
                if length <= space || space == PARTS_MAX_BYTES {
                    (bytes, space) = (bytes - length, space - length);
                    continue;
                }
            }
            chosen.part = UNMADE;
            open.next = if open.next == Next::Opened { Next::Unopened } else { Next::Same };
        }
        parts.retain(|chosen| chosen.part != UNMADE);
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
}

impl FrameSink<'_> {
    /// Adds a part as it is shared, but for its first bytes, which are `less`.
    fn share(&mut self, part: usize, bits: &[u8], less: usize) {
        if self.copied.len() <= part {
            self.copied.resize(part + 1, None);
        }
        let piece = self.copied[part].get_or_insert_with(|| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bits);
            start..self.bytes.len()
        });
        self.pieces.push(piece.start + less..piece.end);
    }
}
