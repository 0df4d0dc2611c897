//! Numbers for channels: dense, so that what a tick knows of a channel stands in an array and is found without a search.

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;

use super::channel::Channel;
use super::store::Store;

/// Parts of one channel that are found at once; there is one for each way of reckoning that clients in step have.
const NEAR_PARTS: usize = 4;

/// A channel's number. Another channel may get it when nothing was in this one for longer than the ring reaches back: who
/// keeps one looks whether it is still its channel's.
pub(super) type SlotId = u32;

/// What a tick knows of a channel.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// None when the number is free.
    channel: Option<Channel>,
    /// Ticks since its public fields changed.
    unchanged: u32,
    occupied: bool,
    count: u8,
    /// What the part builds on, and its number.
    parts: [(u16, u32); NEAR_PARTS],
    /// When something was last in it.
    seen: Tick,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slots {
    numbers: FxHashMap<Channel, SlotId>,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    /// Of the channels in which something is, in order; and when that was so.
    order: Vec<SlotId>,
    settled: Option<Tick>,
}

impl Slot {
    /// Whether its public fields are as they were so many ticks ago.
    #[inline]
    pub(super) fn is_unchanged(&self, ticks: u32) -> bool {
        self.unchanged >= ticks
    }

    pub(super) fn is_occupied(&self) -> bool {
        self.occupied
    }

    #[inline]
    pub(super) fn is_of(&self, channel: Channel) -> bool {
        self.channel == Some(channel)
    }

    /// The part that builds on `base`, unless it has to be looked for elsewhere.
    #[inline]
    pub(super) fn part(&self, base: u16) -> Option<u32> {
        self.parts[..usize::from(self.count)].iter().find(|(of, _)| *of == base).map(|(_, part)| *part)
    }

    /// Notes a part; false when there is no room for it.
    pub(super) fn note(&mut self, base: u16, part: u32) -> bool {
        let place = self.parts.get_mut(usize::from(self.count));
        place.map(|place| *place = (base, part)).inspect(|()| self.count += 1).is_some()
    }
}

impl Slots {
    /// A new tick: what channels there are and when they changed. Parts are forgotten.
    pub(super) fn settle(&mut self, store: &Store) {
        let Some(now) = store.newest() else { return };
        let tick = now.tick();
        // they rarely are others than a tick ago
        if !self.settled.is_some_and(|settled| now.has_all_channels_of(settled)) {
            let mut order = std::mem::take(&mut self.order);
            order.clear();
            order.extend(now.channels().map(|channel| self.number(channel, tick)));
            self.order = order;
        }
        self.settled = Some(tick);
        for (number, (_, changed)) in self.order.iter().zip(now.changes()) {
            let slot = &mut self.slots[*number as usize];
            (slot.seen, slot.occupied, slot.count) = (tick, true, 0);
            slot.unchanged = tick.since(changed).max(0).cast_unsigned();
        }
        for (number, slot) in (0..).zip(&mut self.slots) {
            let idle = tick.since(slot.seen);
            let Some(channel) = slot.channel.filter(|_| idle != 0) else { continue };
            if idle > Store::RING as i32 {
                slot.channel = None;
                self.numbers.remove(&channel);
                self.free.push(number);
                continue;
            }
            slot.count = 0;
            slot.occupied = false;
            let changed = store.changed_at(channel);
            slot.unchanged = changed.map_or(u32::MAX, |changed| tick.since(changed).max(0).cast_unsigned());
        }
    }

    #[inline]
    pub(super) fn get(&self, number: SlotId) -> &Slot {
        &self.slots[number as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: SlotId) -> &mut Slot {
        &mut self.slots[number as usize]
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
            let slot = Slot {
                channel: Some(channel),
                unchanged: u32::MAX,
                occupied: false,
                count: 0,
                parts: [(0, 0); NEAR_PARTS],
                seen: tick,
            };
            match self.free.pop() {
                Some(number) => {
                    self.slots[number as usize] = slot;
                    number
                }
                None => {
                    self.slots.push(slot);
                    (self.slots.len() - 1) as SlotId
                }
            }
        })
    }
}
