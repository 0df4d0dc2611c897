//! Parts: the bits of a channel's delta or keyframe, made at most once a tick for each baseline, whoever asks.

use std::ops::Range;

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;
use tickwire_shared::delta::{DeltaScratch, Earlier, Held, Past, encode_delta, encode_keyframe};

use super::grid::Channel;
use super::store::{Snapshot, Store};

/// One tick's parts. Cleared, not dropped, between ticks.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    parts: FxHashMap<(Channel, Base), usize>,
    ranges: Vec<Range<usize>>,
    hashes: FxHashMap<Channel, u64>,
    scratch: DeltaScratch,
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
        if let Some(now) = store.newest().map(|now| now.rows(channel)) {
            match base {
                Some((_, base)) => {
                    let earlier = earlier.map(|(snapshots, spacing, ahead)| {
                        let rows = snapshots.map(|snapshot| snapshot.rows(channel));
                        Earlier { rows, spacing, ahead }
                    });
                    let past = Past { base: base.rows(channel), earlier };
                    encode_delta(store.layout(), &past, now, &mut self.scratch, &mut self.bytes);
                }
                None => encode_keyframe(store.layout(), now, &mut self.bytes),
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
