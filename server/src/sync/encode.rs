//! Parts: the bits of a channel's delta or keyframe, made at most once a tick for each baseline, whoever asks.

use std::ops::Range;

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;
use tickwire_shared::delta::{DeltaScratch, Earlier, Held, Past, encode_delta, encode_keyframe};

use super::channel::Channel;
use super::store::{Snapshot, Store};

/// One tick's parts. Cleared, not dropped, between ticks.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    parts: FxHashMap<(Channel, Base), usize>,
    ranges: Vec<Range<usize>>,
    hashes: FxHashMap<Channel, u64>,
    /// Places of the rows that changed from the tick before to this one, by channel, where a part was made of that; and
    /// the same of the tick before.
    changed: FxHashMap<Channel, Changed>,
    changed_before: FxHashMap<Channel, Changed>,
    scratch: DeltaScratch,
}

/// Rows that changed from one tick to another: places in the later one.
#[derive(Debug)]
struct Changed {
    ticks: [Tick; 2],
    places: Vec<u32>,
}

/// What a part builds on: the tick of a baseline, and the spacing of the states that tell its motion; 0 without.
type Base = Option<(Tick, u8)>;

impl Encoder {
    /// Forgets the tick before.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.ranges.clear();
        self.hashes.clear();
        std::mem::swap(&mut self.changed, &mut self.changed_before);
        self.changed.clear();
    }

    /// The number of the part that brings `channel` from what a client holds to now; when it holds nothing, or the ring
    /// has lost that, a keyframe. Tells whether it is one.
    pub fn part(&mut self, store: &Store, channel: Channel, held: Option<Held>) -> (usize, bool) {
        let base = held.and_then(|held| store.at(held.newest()).map(|snapshot| (held, snapshot)));
        let earlier = base.and_then(|(held, _)| earlier(store, held));
        let spacing = earlier.map_or(0, |(_, spacing, _)| spacing);
        let key = (channel, base.map(|(held, _)| (held.newest(), spacing)));
        let keyframe = base.is_none();
        if let Some(part) = self.parts.get(&key) {
            return (*part, keyframe);
        }
        let start = self.bytes.len();
        if let Some(now) = store.newest() {
            match base {
                Some((_, base)) => {
                    let earlier = earlier.map(|(snapshots, spacing, ahead)| {
                        let ticks = [snapshots[0].tick(), base.tick()];
                        let moved = self.changed_before.get(&channel).filter(|changed| changed.ticks == ticks);
                        let rows = snapshots.map(|snapshot| snapshot.rows(channel));
                        Earlier { rows, spacing, ahead, moved: moved.map(|changed| &*changed.places) }
                    });
                    let past = Past { base: base.rows(channel), earlier };
                    encode_delta(store.layout(), &past, now.rows(channel), &mut self.scratch, &mut self.bytes);
                    let ticks = [base.tick(), now.tick()];
                    if ticks[0].next() == ticks[1] {
                        let places = self.scratch.changed().to_vec();
                        self.changed.insert(channel, Changed { ticks, places });
                    }
                }
                None => encode_keyframe(store.layout(), now.rows(channel), &mut self.bytes),
            }
        }
        let part = self.ranges.len();
        self.ranges.push(start..self.bytes.len());
        self.parts.insert(key, part);
        (part, keyframe)
    }

    /// The bits of a part.
    #[must_use]
    pub fn bits(&self, part: usize) -> &[u8] {
        &self.bytes[self.ranges[part].clone()]
    }

    /// The hash of a channel now.
    pub fn hash(&mut self, store: &Store, channel: Channel) -> u64 {
        *self
            .hashes
            .entry(channel)
            .or_insert_with(|| store.newest().map_or(0, |now| now.rows(channel).hash(store.layout())))
    }
}

/// The states before the base that a client holds and the ring too; their spacing, and how far ahead now is.
fn earlier(store: &Store, held: Held) -> Option<([&Snapshot; 2], u8, u8)> {
    let (spacing, ahead) = held.motion(store.newest()?.tick())?;
    let back = |times: i32| store.at(held.newest().offset(-times * i32::from(spacing)));
    Some(([back(1)?, back(2)?], spacing, ahead))
}
