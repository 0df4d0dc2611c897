//! Parts: the bits of a channel's delta or keyframe, made at most once a tick for each baseline, whoever asks.

use rustc_hash::FxHashMap;
use tickwire_shared::delta::{Coder, DeltaScratch, Earlier, Held, Past, Spent, encode_keyframe_counted};
use tickwire_shared::protocol::frame;
use tickwire_shared::{SeatId, Tick};

use super::changed::ChangedRows;
use super::channel::Channel;
use super::coders::Coders;
use super::open::in_step;
use super::slots::{Short, Slot, SlotId, Slots};
use super::snapshot::Snapshot;
use super::store::Store;
use super::traffic::{Ledger, Traffic};

/// Short parts are copied in one go of so many bytes, whatever is behind them.
pub(super) const COPIED_BYTES: usize = 32;
/// Space for a part's length in front of its bits.
const LENGTH_BYTES: usize = 5;
/// What a keyframe builds on.
pub(super) const NOTHING: u16 = u16::MAX;

/// One tick's parts. Cleared, not dropped, between ticks.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Each part behind its length, and [`COPIED_BYTES`] more.
    bytes: Vec<u8>,
    parts: Vec<PartAt>,
    slots: Slots,
    /// Whether `slots` are those of this tick.
    is_settled: bool,
    /// How far back the ring reaches, in ticks.
    reach: u32,
    /// By seat: when what it owns last changed.
    owned_changed: Vec<Option<Tick>>,
    /// When all others may last have changed.
    owned_since: Tick,
    /// The tick of `slots` and `owned_changed`.
    settled: Option<Tick>,
    /// Parts that found no place in their slot.
    rare_parts: FxHashMap<(SlotId, u16), u32>,
    /// By slot, of the newest state; and of older ones.
    hashes: Vec<Option<u64>>,
    older_hashes: FxHashMap<(SlotId, Tick), u64>,
    changed: ChangedRows,
    /// Parts that clients are about to ask for: channels, in order, and what they build on.
    expected: Vec<(SlotId, u16)>,
    /// By slot: when a frame last had a keyframe of it.
    opened: Vec<Option<Tick>>,
    coders: Coders,
    scratch: DeltaScratch,
    /// What the fields of the last keyframe took.
    spent: Spent,
    made: Made,
    pub(super) ledger: Ledger,
}

/// What was encoded in a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Made {
    /// Parts that build on a baseline.
    pub deltas: usize,
    /// Parts that do not.
    pub keyframes: usize,
    /// Rows that deltas change.
    pub updates: usize,
    /// Rows in keyframes.
    pub rows: usize,
    /// Bytes of all parts.
    pub bytes: usize,
}

/// Where a part and its length are.
#[derive(Clone, Copy, Debug)]
struct PartAt {
    start: u32,
    /// Of the bits.
    bits: u32,
    end: u32,
    keyframe: bool,
    /// How many frames have it.
    receivers: u32,
}

impl Encoder {
    /// Forgets the tick before.
    pub fn clear(&mut self) {
        self.expect();
        self.bytes.clear();
        self.parts.clear();
        self.rare_parts.clear();
        self.hashes.clear();
        self.older_hashes.clear();
        self.is_settled = false;
        self.made = Made::default();
        self.ledger.clear();
    }

    /// Adds to `sum` where the bits of the tick's frames went, but for how many frames and bits there were: for one who
    /// has composed all of them. Forgets it.
    pub fn traffic(&mut self, sum: &mut Traffic) {
        if self.is_settled {
            self.slots.short_parts().for_each(|(part, receivers)| self.parts[part as usize].receivers += receivers);
        }
        self.ledger.close(self.parts.iter().map(|part| part.receivers), sum);
    }

    /// What was encoded since [`Encoder::clear`].
    #[must_use]
    pub fn made(&self) -> Made {
        self.made
    }

    /// Takes note of the store's newest tick, if it has not.
    #[inline]
    pub fn settle(&mut self, store: &Store) {
        if !self.is_settled {
            self.is_settled = true;
            self.take_tick(store);
        }
    }

    fn take_tick(&mut self, store: &Store) {
        let (Some(now), Some(oldest)) = (store.newest(), store.oldest()) else { return };
        self.slots.settle(store);
        self.reach = now.tick().since(oldest.tick()).cast_unsigned();
        // those that nobody asked about meanwhile have changed, for all that is known
        let before = store.at(now.tick().offset(-1)).filter(|before| self.settled == Some(before.tick()));
        let owned_changed = &mut self.owned_changed;
        match before {
            None => owned_changed.clear(),
            Some(before) => store.owned_changes(before, now, |seat| {
                let seat = usize::from(seat.0);
                owned_changed.resize(owned_changed.len().max(seat + 1), None);
                owned_changed[seat] = Some(now.tick());
            }),
        }
        if before.is_none() {
            self.owned_since = now.tick();
        }
        self.settled = Some(now.tick());
        self.make_ahead(store, now.tick());
    }

    /// Guesses what the next tick's parts are, by those that this one's frames have: who is in step stays so, and who was
    /// sent a keyframe will be after two more frames.
    fn expect(&mut self) {
        self.expected.clear();
        let Some(now) = self.settled.filter(|_| self.is_settled) else { return };
        let Self { slots, parts, opened, expected, .. } = self;
        opened.resize(slots.len(), None);
        for (number, slot) in slots.with_parts() {
            let is_sent = |base: u16| slot.part(base).is_some_and(|part| parts[part as usize].receivers > 0);
            let opened = &mut opened[number as usize];
            if is_sent(NOTHING) {
                *opened = Some(now);
            }
            if is_sent(step_base(1)) || slots.is_short_sent(number, step_base(1)) {
                expected.push((number, step_base(1)));
            }
            if opened.is_some_and(|opened| now.since(opened) < 2) {
                expected.push((number, age_base(1)));
            }
        }
    }

    /// Makes the parts that are expected: in the order of channels, which are neighbours in memory, while clients ask in
    /// no order. What nobody asks for after all is not expected again.
    fn make_ahead(&mut self, store: &Store, now: Tick) {
        if !self.reaches(1) {
            return;
        }
        let last = now.offset(-1);
        for at in 0..self.expected.len() {
            let (number, base) = self.expected[at];
            if self.slots.is_occupied(number) && !self.slots.is_unchanged(number, 1) {
                let held = if base == step_base(1) { in_step(last) } else { Held::keyframe(last) };
                self.part_of(store, (self.slots.get(number).channel(), number), base, Some(held));
            }
        }
    }

    /// Whether what a seat owns is as it was so many ticks ago; if in doubt, it is not.
    #[inline]
    pub(super) fn owned_unchanged(&self, seat: SeatId, ticks: u32) -> bool {
        let Some(now) = self.settled.filter(|_| self.reaches(ticks)) else { return false };
        let changed = self.owned_changed.get(usize::from(seat.0)).copied().flatten().unwrap_or(self.owned_since);
        now.since(changed).cast_unsigned() >= ticks
    }

    /// What is known of a channel.
    #[inline]
    pub(super) fn slot(&self, number: SlotId) -> &Slot {
        self.slots.get(number)
    }

    /// Whether its public fields are as they were so many ticks ago.
    #[inline]
    pub(super) fn is_unchanged(&self, number: SlotId, ticks: u32) -> bool {
        self.slots.is_unchanged(number, ticks)
    }

    /// Whether something is in it.
    pub(super) fn is_occupied(&self, number: SlotId) -> bool {
        self.slots.is_occupied(number)
    }

    /// The number of a channel in which something is or lately was.
    pub(super) fn find(&self, channel: Channel) -> Option<SlotId> {
        self.slots.find(channel)
    }

    /// The part that brings `channel` from what a client holds to now, made if it is not there, and whether it is a
    /// keyframe.
    pub fn part(&mut self, store: &Store, channel: Channel, held: Option<Held>) -> (usize, bool) {
        self.settle(store);
        let now = store.newest().map_or(Tick(0), Snapshot::tick);
        let slot = self.number(channel, now);
        let held = held.filter(|held| self.reaches(now.since(held.newest()).cast_unsigned()));
        let base = held.map_or(NOTHING, |held| base_of(&held, now));
        (self.part_of(store, (channel, slot), base, held) as usize, held.is_none())
    }

    /// The bits of a part.
    #[must_use]
    pub fn bits(&self, part: usize) -> &[u8] {
        let PartAt { bits, end, .. } = self.parts[part];
        &self.bytes[bits as usize..end as usize]
    }

    /// The number of a channel that a client holds; it had `number` some ticks ago.
    #[inline]
    pub(super) fn slot_of(&mut self, channel: Channel, number: SlotId, tick: Tick) -> SlotId {
        if self.slots.get(number).is_of(channel) { number } else { self.number(channel, tick) }
    }

    #[cold]
    fn number(&mut self, channel: Channel, tick: Tick) -> SlotId {
        self.slots.number(channel, tick)
    }

    /// Whether the ring still has what was so many ticks ago.
    #[inline]
    pub(super) fn reaches(&self, ticks: u32) -> bool {
        ticks <= self.reach
    }

    /// The part that brings a channel from what a client holds, whose code is `base`, to now; a keyframe when that is
    /// nothing.
    #[inline]
    pub(super) fn part_of(&mut self, store: &Store, channel: (Channel, SlotId), base: u16, held: Option<Held>) -> u32 {
        match self.slots.get(channel.1).part(base) {
            Some(part) => part,
            None => self.rare_part(store, channel, held, base),
        }
    }

    /// The part of a channel that clients in step get, if it is short.
    #[inline]
    pub(super) fn short(&self, slot: SlotId) -> &Short {
        self.slots.short(slot)
    }

    /// The same for one who sends it.
    #[inline]
    pub(super) fn short_mut(&mut self, slot: SlotId) -> &mut Short {
        self.slots.short_mut(slot)
    }

    /// One more frame has a part that was made at this tick: it with its length, and how long that is.
    #[cold]
    pub(super) fn send_made(&mut self, slot: SlotId, base: u16) -> (&[u8], usize) {
        let part = self.slots.get(slot).part(base).unwrap_or_else(|| self.rare_parts[&(slot, base)]);
        self.parts[part as usize].receivers += 1;
        (self.sealed(part), self.length_bytes(part))
    }

    /// One that is not in its slot, because it was not made or because there are so many.
    #[cold]
    fn rare_part(&mut self, store: &Store, channel: (Channel, SlotId), held: Option<Held>, base: u16) -> u32 {
        let slot = channel.1;
        if let Some(part) = self.rare_parts.get(&(slot, base)) {
            return *part;
        }
        let part = self.make(store, channel, held, base);
        let PartAt { start, end, keyframe, .. } = self.parts[part as usize];
        let delta = self.bytes[start as usize..].first_chunk().filter(|_| !keyframe && is_in_step(base));
        if !self.slots.note(slot, base, part, delta.map(|bytes| (bytes, (end - start) as usize))) {
            self.rare_parts.insert((slot, base), part);
        }
        part
    }

    fn make(&mut self, store: &Store, (channel, slot): (Channel, SlotId), held: Option<Held>, base: u16) -> u32 {
        self.bytes.truncate(self.parts.last().map_or(0, |last| last.end as usize));
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        let start = self.bytes.len();
        let leans = base & 7 != 0;
        let base = held.and_then(|held| Some((held, store.at(held.newest())?)));
        let mut coder = Coder::Rice;
        if let Some(now) = store.newest() {
            match base {
                Some((held, base)) => {
                    coder = self.make_delta(store, (channel, slot), Some(held).filter(|_| leans), [base, now]);
                }
                None => {
                    let rows = now.rows_near(channel, self.slots.place(slot));
                    encode_keyframe_counted(store.layout(), rows, &mut self.spent, &mut self.bytes);
                    self.made.keyframes += 1;
                    self.made.rows += rows.entities.len();
                }
            }
        }
        let (bits, end) = (start, self.bytes.len());
        self.made.bytes += end - bits;
        let fields = if base.is_some() { self.scratch.spent() } else { &self.spent };
        self.ledger.note((end - bits) * 8, (base.is_none(), coder), channel.layer(), fields.bits());
        frame::write_part_length(end - bits, &mut self.bytes);
        let start = bits - (self.bytes.len() - end);
        // mostly a single one
        (end..self.bytes.len()).for_each(|at| self.bytes[at - end + start] = self.bytes[at]);
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(&[0; COPIED_BYTES]);
        let keyframe = base.is_none();
        self.parts.push(PartAt { start: start as u32, bits: bits as u32, end: end as u32, keyframe, receivers: 0 });
        (self.parts.len() - 1) as u32
    }

    fn make_delta(
        &mut self,
        store: &Store,
        (channel, slot): (Channel, SlotId),
        held: Option<Held>,
        [base, now]: [&Snapshot; 2],
    ) -> Coder {
        let place = self.slots.place(slot);
        let (past, rows) = match held.and_then(|held| earlier(store, held)) {
            Some(([before, older], spacing, ahead)) => {
                let moved = self.changed.between(slot, [before.tick(), base.tick()]);
                let [rows, base, before, older] = Snapshot::rows_beside([now, base, before, older], channel, place);
                let earlier = Some(Earlier { rows: [before, older], spacing, ahead, moved });
                (Past { base, earlier }, rows)
            }
            None => {
                let [rows, base] = Snapshot::rows_beside([now, base], channel, place);
                (Past { base, earlier: None }, rows)
            }
        };
        let states = (&past, rows);
        let (coders, scratch) = (&mut self.coders, &mut self.scratch);
        let coder = coders.encode_delta((channel, slot), store.layout(), states, scratch, &mut self.bytes);
        self.made.deltas += 1;
        self.made.updates += self.scratch.changed().len();
        self.changed.note(slot, [base.tick(), now.tick()], self.scratch.changed());
        coder
    }

    /// All parts of the tick: of which channel, what they build on, and their bits, as they are sent.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Channel, u16, &[u8])> {
        let near =
            self.slots.all().filter(|_| self.is_settled).flat_map(|(_, slot)| {
                slot.parts().map(|(base, part)| (slot.channel(), base, self.bits(part as usize)))
            });
        let rare = self
            .rare_parts
            .iter()
            .map(|((slot, base), part)| (self.slots.get(*slot).channel(), *base, self.bits(*part as usize)));
        near.chain(rare)
    }

    /// Whether a part builds on nothing.
    #[inline]
    pub(super) fn is_keyframe(&self, part: u32) -> bool {
        self.parts[part as usize].keyframe
    }

    /// How long the length in front of a part's bits is.
    #[inline]
    pub(super) fn length_bytes(&self, part: u32) -> usize {
        let PartAt { start, bits, .. } = self.parts[part as usize];
        (bits - start) as usize
    }

    /// Whether these parts, which are made, would take more than `most` bytes in one frame.
    #[inline]
    pub(super) fn overflows(&self, most: i64, parts: impl Iterator<Item = u32>) -> bool {
        // mostly all parts together do not
        self.bytes.len() as i64 > most && parts.map(|part| self.sealed(part).len() as i64 + 1).sum::<i64>() > most
    }

    /// Whether all parts of the tick are fewer bytes.
    #[inline]
    pub(super) fn is_below(&self, bytes: usize) -> bool {
        self.bytes.len() < bytes
    }

    /// A part as it travels behind its handle: its length and its bits.
    #[inline]
    pub(super) fn sealed(&self, part: u32) -> &[u8] {
        let PartAt { start, end, .. } = self.parts[part as usize];
        &self.bytes[start as usize..end as usize]
    }

    /// One more frame has a part: how long it is with its length, and its first bytes, with whatever follows if it is
    /// shorter.
    #[inline]
    pub(super) fn send(&mut self, part: u32) -> (usize, &[u8; COPIED_BYTES]) {
        let PartAt { start, end, receivers, .. } = &mut self.parts[part as usize];
        *receivers += 1;
        let (start, end) = (*start, *end);
        let first = self.bytes[start as usize..].first_chunk().expect("there are so many bytes behind the last part");
        ((end - start) as usize, first)
    }

    /// The hash of a channel as it was at `tick`, which must be in the ring.
    pub(super) fn hash(&mut self, store: &Store, (channel, slot): (Channel, SlotId), tick: Tick) -> u64 {
        let hash = || {
            let place = self.slots.place(slot);
            store.at(tick).map_or(0, |snapshot| snapshot.rows_near(channel, place).hash(store.layout()))
        };
        if self.settled != Some(tick) {
            return *self.older_hashes.entry((slot, tick)).or_insert_with(hash);
        }
        let slot = slot as usize;
        if self.hashes.len() <= slot {
            self.hashes.resize(slot + 1, None);
        }
        *self.hashes[slot].get_or_insert_with(hash)
    }
}

/// What a delta to `now` builds on, where the ring has it, in short: how old that is and the spacing of the states
/// before it, if it leans on any.
pub(super) fn base_of(held: &Held, now: Tick) -> u16 {
    (now.since(held.newest()) as u16) << 3 | held.motion(now).map_or(0, |(spacing, _)| spacing.into())
}

/// The same for a client that is not in step. It leans only on states that have come at the pace of the next one: what
/// each client's frames happened to be, or to have room for, would else make a base for each of them.
pub(super) fn paced_base_of(held: &Held, now: Tick) -> u16 {
    let age = now.since(held.newest()) as u16;
    age << 3 | held.motion(now).filter(|(spacing, ahead)| spacing == ahead).map_or(0, |(spacing, _)| spacing.into())
}

/// The same for three states one tick apart, of which the newest is so old.
#[inline]
pub(super) fn step_base(age: u32) -> u16 {
    (age as u16) << 3 | 1
}

/// Whether it is such a one.
fn is_in_step(base: u16) -> bool {
    base & 7 == 1
}

/// The same for one state alone.
fn age_base(age: u32) -> u16 {
    (age as u16) << 3
}

/// What a part builds on, by its code: a state so many ticks old, and the spacing of those before it if it leans on them.
/// `None` is a keyframe.
pub(super) fn age_and_spacing(base: u16) -> Option<(u16, Option<u8>)> {
    (base != NOTHING).then_some((base >> 3, Some((base & 7) as u8).filter(|spacing| *spacing > 0)))
}

/// The states before the base that a client holds and the ring too; their spacing, and how far ahead now is.
fn earlier(store: &Store, held: Held) -> Option<([&Snapshot; 2], u8, u8)> {
    let (spacing, ahead) = held.motion(store.newest()?.tick())?;
    let back = |times: i32| store.at(held.newest().offset(-times * i32::from(spacing)));
    Some(([back(1)?, back(2)?], spacing, ahead))
}
