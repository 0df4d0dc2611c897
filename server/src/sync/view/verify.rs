//! A view's hashes, which tell a client whether what it holds is true, and what is made of its word that it is not.

use tickwire_shared::Tick;

use super::{Channel, Encoder, Grid, Last, Next, Open, Sight, Store, View};

/// A client's state hash is sent every so many ticks: when it is the turn of all who look from about where it does, or
/// when half as many more have passed.
const HASH_EVERY: i32 = 16;

impl View {
    /// At `tick` the client held these channels, by handle and low half of the hash: the next frame has keyframes of
    /// those that were others then; of all, when that is not known any more or none was. Calls `wrong` with each, and
    /// the hash that the client told.
    pub fn heal(&mut self, store: &Store, tick: Tick, hashes: &[(u16, u32)], mut wrong: impl FnMut(Channel, u32)) {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        for Open { channel, handle, .. } in &self.open {
            // one that the client does not tell of came later
            let Ok(at) = hashes.binary_search_by_key(handle, |(handle, _)| *handle) else { continue };
            let Some(then) = self.states_hashed.state(tick, *channel).and_then(|tick| store.at(tick)) else { continue };
            let Err(place) = self.wrong.binary_search(channel) else { continue };
            if then.rows(*channel).hash(store.layout()) as u32 != hashes[at].1 {
                self.wrong.insert(place, *channel);
                wrong(*channel, hashes[at].1);
            }
        }
        self.needs_reset |= self.wrong.is_empty();
    }

    /// Whether the frame has a keyframe of a channel.
    pub(super) fn has_keyframe(&self, channel: &Channel) -> bool {
        let open = self.open.binary_search_by_key(channel, |open| open.channel);
        open.is_ok_and(|at| matches!(self.open[at].next, Next::Keyframe | Next::Opened))
    }

    /// The last frame was written: what it had a keyframe of is right, what it closed is gone.
    pub(super) fn forget_healed(&mut self) {
        let open = &self.open;
        self.wrong.retain(|channel| {
            let open = open.binary_search_by_key(channel, |open| open.channel).map(|at| open[at].next);
            open.is_ok_and(|next| matches!(next, Next::Same | Next::Frame | Next::Unopened))
        });
    }

    /// Those who look from the same part of the world hash the same channels: at the same tick it is done once for all.
    pub(super) fn is_hash_due(&self, grid: &Grid, now: Tick) -> bool {
        let look = self.look.filter(|_| self.sight != Sight::All);
        let is_turn = || now.0.wrapping_add(grid.block(look)).is_multiple_of(HASH_EVERY as u32);
        let age = self.hashed.map_or(i32::MAX, |last| now.since(last));
        age >= HASH_EVERY * 3 / 2 || (age >= HASH_EVERY / 2 && is_turn())
    }

    /// The hash over all that the client will hold; none when some of that is not known any more.
    pub(super) fn hash(
        &mut self,
        (last, is_steady): (&Last, bool),
        store: &Store,
        encoder: &mut Encoder,
        now: Tick,
    ) -> Option<u32> {
        self.states_hashed.begin(now);
        if is_steady {
            return Some(self.hash_steady(store, encoder, now));
        }
        let held = self.open.iter().filter(|open| !matches!(open.next, Next::Closed | Next::Unopened));
        let mut sum = 0u64;
        for open in held {
            let held = if open.in_step { last.after } else { open.held };
            let tick = if open.next == Next::Same { held.newest() } else { now };
            if !encoder.reaches(now.since(tick).cast_unsigned()) {
                return None;
            }
            self.states_hashed.note(now, open.channel, tick);
            sum = sum.wrapping_add(encoder.hash(store, (open.channel, open.slot), tick));
        }
        Some(sum as u32)
    }
}
