//! Parts: the bits of a channel's delta or keyframe, made at most once a tick for each baseline, whoever asks.

use std::ops::Range;

use rustc_hash::FxHashMap;
use tickwire_shared::Tick;
use tickwire_shared::delta::{DeltaScratch, encode_delta, encode_keyframe};

use super::grid::Channel;
use super::store::Store;

/// One tick's parts. Cleared, not dropped, between ticks.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    parts: FxHashMap<(Channel, Option<Tick>), usize>,
    ranges: Vec<Range<usize>>,
    hashes: FxHashMap<Channel, u64>,
    scratch: DeltaScratch,
}

impl Encoder {
    /// Forgets the tick before.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.ranges.clear();
        self.hashes.clear();
    }

    /// The number of the part that brings `channel` from `baseline` to now; without a baseline, or when the ring has
    /// lost it, a keyframe. Tells whether it is one.
    pub fn part(&mut self, store: &Store, channel: Channel, baseline: Option<Tick>) -> (usize, bool) {
        let base = baseline.and_then(|tick| store.at(tick).map(|snapshot| (tick, snapshot)));
        let key = (channel, base.map(|(tick, _)| tick));
        let keyframe = base.is_none();
        if let Some(part) = self.parts.get(&key) {
            return (*part, keyframe);
        }
        let start = self.bytes.len();
        if let Some(now) = store.newest() {
            match base {
                Some((_, base)) => {
                    let (base, now) = (base.rows(channel), now.rows(channel));
                    encode_delta(store.layout(), base, now, &mut self.scratch, &mut self.bytes);
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
