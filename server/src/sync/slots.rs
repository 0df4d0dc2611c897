//! Numbers for channels: dense, so that what a tick knows of a channel stands in an array and is found without a search.

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;

use super::channel::Channel;
use super::store::Store;

/// Parts of one channel that are found at once; there is one for each way of reckoning that clients in step have.
const NEAR_PARTS: usize = 4;
/// A delta that is no longer, with its length in front, stands by its channel's number: nearly all are.
pub(super) const SHORT_BYTES: usize = 21;

/// A channel's number. Another channel may get it when nothing was in this one for longer than the ring reaches back: who
/// keeps one looks whether it is still its channel's.
pub(super) type SlotId = u32;

/// A channel's parts in a tick.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    channel: Channel,
    is_free: bool,
    /// Parts that are noted.
    count: u8,
    /// What the parts build on.
    bases: [u16; NEAR_PARTS],
    parts: [u32; NEAR_PARTS],
}

/// The part that nearly all clients get of a channel, where it is short: all that they need, in half a line of a
/// processor's cache, since they ask for channels in no order.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Short {
    /// How many frames have it.
    receivers: u32,
    part: u32,
    /// What it builds on, which is another state than now.
    base: u16,
    /// 0 when there is none.
    length: u8,
    /// It with its length in front, and what may be behind.
    bytes: [u8; SHORT_BYTES],
}

const _: () = assert!(size_of::<Short>() == 32);

/// What each tick notes of each channel, be it that nobody asks for it: apart from the parts, so that this is little
/// memory.
#[derive(Clone, Copy, Debug)]
struct State {
    /// When something was last in it.
    seen: Tick,
    /// Ticks since its public fields changed.
    unchanged: u32,
    /// Its place, when something was last in it, among the channels in which something was.
    place: u32,
    occupied: bool,
    /// There are parts of it.
    has_parts: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slots {
    numbers: FxHashMap<Channel, SlotId>,
    slots: Vec<Slot>,
    /// By number as well.
    states: Vec<State>,
    shorts: Vec<Short>,
    free: Vec<SlotId>,
    /// Of the channels in which something is, in order; and when that was so.
    order: Vec<SlotId>,
    settled: Option<Tick>,
}

impl Slot {
    #[inline]
    pub(super) fn is_of(&self, channel: Channel) -> bool {
        !self.is_free && self.channel == channel
    }

    /// The part that builds on `base`, unless it has to be looked for elsewhere.
    #[inline]
    pub(super) fn part(&self, base: u16) -> Option<u32> {
        let of = self.bases[..usize::from(self.count)].iter().position(|of| *of == base)?;
        Some(self.parts[of])
    }

    /// All parts that stand here, with what they build on.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u16, u32)> {
        self.bases.iter().copied().zip(self.parts).take(self.count.into())
    }

    /// Its channel.
    pub(super) fn channel(&self) -> Channel {
        self.channel
    }

    /// Notes a part; false when there is no room for it.
    fn note(&mut self, base: u16, part: u32) -> bool {
        let place = usize::from(self.count);
        if place == NEAR_PARTS {
            return false;
        }
        (self.bases[place], self.parts[place]) = (base, part);
        self.count += 1;
        true
    }
}

impl Short {
    const NONE: Self = Self { receivers: 0, part: 0, base: 0, length: 0, bytes: [0; SHORT_BYTES] };

    /// How long the part that builds on `base` is, if it is here.
    #[inline]
    pub(super) fn length(&self, base: u16) -> Option<usize> {
        (self.length > 0 && self.base == base).then_some(self.length.into())
    }

    /// One more frame has it: its bytes, with what may be behind them.
    #[inline]
    pub(super) fn send(&mut self) -> &[u8; SHORT_BYTES] {
        self.receivers = self.receivers.wrapping_add(1);
        &self.bytes
    }
}

impl Slots {
    /// A new tick: what channels there are and when they changed. Parts are forgotten.
    pub(super) fn settle(&mut self, store: &Store) {
        let Some(now) = store.newest() else { return };
        let tick = now.tick();
        let all = self.slots.iter_mut().zip(&mut self.states).zip(&mut self.shorts);
        for ((slot, state), short) in all.filter(|((_, state), _)| state.has_parts) {
            state.has_parts = false;
            slot.count = 0;
            (short.length, short.receivers) = (0, 0);
        }
        // they rarely are others than a tick ago
        if !self.settled.is_some_and(|settled| now.has_all_channels_of(settled)) {
            let mut order = std::mem::take(&mut self.order);
            order.clear();
            order.extend(now.channels().map(|channel| self.number(channel, tick)));
            (0..).zip(&order).for_each(|(place, number)| self.states[*number as usize].place = place);
            self.order = order;
        }
        self.settled = Some(tick);
        for (number, (_, changed)) in self.order.iter().zip(store.changes()) {
            let state = &mut self.states[*number as usize];
            (state.seen, state.occupied) = (tick, true);
            state.unchanged = tick.since(changed).max(0).cast_unsigned();
        }
        for ((number, slot), state) in (0..).zip(&mut self.slots).zip(&mut self.states) {
            let idle = tick.since(state.seen);
            if idle == 0 || slot.is_free {
                continue;
            }
            if idle > Store::RING as i32 {
                slot.is_free = true;
                self.numbers.remove(&slot.channel);
                self.free.push(number);
                continue;
            }
            state.occupied = false;
            let changed = store.changed_at(slot.channel);
            state.unchanged = changed.map_or(u32::MAX, |changed| tick.since(changed).max(0).cast_unsigned());
        }
    }

    /// Whether a channel's public fields are as they were so many ticks ago.
    #[inline]
    pub(super) fn is_unchanged(&self, number: SlotId, ticks: u32) -> bool {
        self.states[number as usize].unchanged >= ticks
    }

    /// Whether something is in it.
    pub(super) fn is_occupied(&self, number: SlotId) -> bool {
        self.states[number as usize].occupied
    }

    /// Notes a part, and its first bytes and its length if clients in step get it; false when there is no room for it.
    pub(super) fn note(
        &mut self,
        number: SlotId,
        base: u16,
        part: u32,
        delta: Option<(&[u8; SHORT_BYTES], usize)>,
    ) -> bool {
        let number = number as usize;
        self.states[number].has_parts = true;
        let is_noted = self.slots[number].note(base, part);
        let short = &mut self.shorts[number];
        if let Some((bytes, length)) = delta.filter(|(_, length)| *length <= SHORT_BYTES)
            && is_noted
            && short.length == 0
        {
            *short = Short { receivers: short.receivers, part, base, length: length as u8, bytes: *bytes };
        }
        is_noted
    }

    /// The channels that have parts and in which something is, in order.
    pub(super) fn with_parts(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        let with_parts = self.order.iter().filter(|number| self.states[**number as usize].has_parts);
        with_parts.map(|number| (*number, &self.slots[*number as usize]))
    }

    /// All channels.
    pub(super) fn all(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..).zip(&self.slots).filter(|(_, slot)| !slot.is_free)
    }

    /// The short parts, and how many frames have each beside those that are counted elsewhere.
    pub(super) fn short_parts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.shorts.iter().filter(|short| short.receivers > 0).map(|short| (short.part, short.receivers))
    }

    #[inline]
    pub(super) fn short(&self, number: SlotId) -> &Short {
        &self.shorts[number as usize]
    }

    #[inline]
    pub(super) fn short_mut(&mut self, number: SlotId) -> &mut Short {
        &mut self.shorts[number as usize]
    }

    /// Whether a frame has the short part that builds on `base`.
    pub(super) fn is_short_sent(&self, number: SlotId, base: u16) -> bool {
        let short = self.short(number);
        short.receivers > 0 && short.base == base
    }

    #[inline]
    pub(super) fn get(&self, number: SlotId) -> &Slot {
        &self.slots[number as usize]
    }

    /// The place of its channel in the newest snapshot, if something is in it; else it may be another's.
    #[inline]
    pub(super) fn place(&self, number: SlotId) -> usize {
        self.states[number as usize].place as usize
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The number of a channel in which something is or lately was.
    pub(super) fn find(&self, channel: Channel) -> Option<SlotId> {
        self.numbers.get(&channel).copied()
    }

    /// The number of a channel, be it a new one.
    pub(super) fn number(&mut self, channel: Channel, tick: Tick) -> SlotId {
        *self.numbers.entry(channel).or_insert_with(|| {
            let (bases, parts) = ([0; NEAR_PARTS], [0; NEAR_PARTS]);
            let slot = Slot { channel, is_free: false, count: 0, bases, parts };
            let state = State { seen: tick, unchanged: u32::MAX, place: 0, occupied: false, has_parts: false };
            match self.free.pop() {
                Some(number) => {
                    let at = number as usize;
                    (self.slots[at], self.states[at], self.shorts[at]) = (slot, state, Short::NONE);
                    number
                }
                None => {
                    self.slots.push(slot);
                    self.states.push(state);
                    self.shorts.push(Short::NONE);
                    (self.slots.len() - 1) as SlotId
                }
            }
        })
    }
}
