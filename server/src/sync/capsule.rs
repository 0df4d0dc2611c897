//! A capsule: what the server knows of a channel that a client held wrongly, to be looked at later.
//!
//! It has the channel's sent states over the ring, each one's bytes as the codec makes them for a client that got them
//! all, and the bytes that were really sent, whatever they build on. [`Capsule::replay`] decodes them: either a state
//! comes out wrong (codec or encoder are to blame, and the capsule is their test), or all are right and it was the way or
//! the client.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tickwire_shared::bits::DecodeError;
use tickwire_shared::delta::{
    DeltaScratch, Earlier, EntityRow, Held, Layout, LayoutError, Past, RowBuffer, Rows, decode_delta, decode_keyframe,
    encode_delta, encode_keyframe,
};
use tickwire_shared::schema::Schema;
use tickwire_shared::{EntityId, Tick};

use super::channel::Channel;
use super::sent_parts::{SentPart, SentParts};
use super::store::Store;

/// Lanes of one capsule; of a large channel fewer states are kept, the newest.
const LANES_MAX: usize = 64 * 1024;

/// See the module.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Capsule {
    /// The kinds.
    pub schema: Schema,
    /// Of which the client said that it held another state.
    pub tick: Tick,
    /// The low half of the channel's hash then, as the client told.
    pub told: u32,
    /// The sent states, tick by tick, the newest last.
    pub states: Vec<CapsuleState>,
    /// What was sent of it, tick by tick: one for each state that some client built on. More than that may have been made.
    pub sent: Vec<SentPart>,
}

/// A channel at a tick.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CapsuleState {
    /// When it was.
    pub tick: Tick,
    /// Id, kind, lanes.
    pub rows: Vec<(u32, u16, Vec<u32>)>,
    /// A keyframe for the first state, a delta for each later one.
    pub part: Vec<u8>,
}

/// What a capsule shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// The first state that its bytes do not give: the codec's fault, or the encoder's.
    pub fault: Option<Tick>,
    /// How many of the parts that were sent were looked at: those that build on states of the capsule.
    pub sent: usize,
    /// The low half of the hash that the client should have told.
    pub expected: Option<u32>,
    /// The state that the client does hold, if it is one of these: it missed what came after.
    pub stands_at: Option<Tick>,
}

/// Why a capsule cannot be replayed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CapsuleError {
    /// The bytes are no capsule.
    #[error("this is no capsule of this version of the server")]
    Malformed,
    /// Its kinds are impossible.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Its states are of other kinds.
    #[error("a state of the capsule does not fit its kinds")]
    Row,
}

impl Capsule {
    /// What `store` and `sent` know of `channel`, of which a client told a wrong hash.
    #[must_use]
    pub fn new(
        (store, sent): (&Store, &SentParts),
        schema: &Schema,
        channel: Channel,
        (tick, told): (Tick, u32),
    ) -> Self {
        let (schema, sent) = (schema.clone(), sent.of(channel).collect());
        let mut capsule = Self { schema, tick, told, states: Vec::new(), sent };
        let Some(newest) = store.newest().map(|newest| newest.tick()) else { return capsule };
        let mut lanes_left = LANES_MAX;
        let states = (0..store.kept() as i32).map_while(|back| {
            let tick = newest.offset(-back);
            let rows = store.at(tick)?.rows(channel);
            let lanes =
                rows.entities.iter().map(|row| store.layout().kind(row.kind).map_or(0, |kind| kind.lanes()) + 2);
            lanes_left = lanes_left.checked_sub(lanes.sum())?;
            Some((tick, rows))
        });
        let mut states: Vec<(Tick, Rows<'_>)> = states.collect();
        states.reverse();
        let (mut held, mut scratch) = (None, DeltaScratch::default());
        for (place, (tick, now)) in states.iter().enumerate() {
            let mut part = Vec::new();
            match held {
                None => encode_keyframe(store.layout(), *now, &mut part),
                Some(held) => {
                    let past = past(held, *tick, |back| states[place - back].1);
                    encode_delta(store.layout(), &past, *now, &mut scratch, &mut part);
                }
            }
            held = Some(after(held, *tick));
            capsule.states.push(CapsuleState { tick: *tick, rows: copied(store.layout(), *now), part });
        }
        capsule
    }

    /// As a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        bincode::serde::encode_to_vec(self, bincode::config::standard())
            .expect("a capsule is plain data and the buffer grows")
    }

    /// From a file.
    ///
    /// # Errors
    /// [`CapsuleError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CapsuleError> {
        const MEMORY_MAX_BYTES: usize = 64 * 1024 * 1024;
        let config = bincode::config::standard().with_limit::<MEMORY_MAX_BYTES>();
        match bincode::serde::decode_from_slice(bytes, config) {
            Ok((capsule, read)) if read == bytes.len() => Ok(capsule),
            _ => Err(CapsuleError::Malformed),
        }
    }

    /// Decodes all parts in order, as a client would.
    ///
    /// # Errors
    /// The capsule contradicts itself.
    pub fn replay(&self) -> Result<Replayed, CapsuleError> {
        let layout = Layout::new(&self.schema)?;
        let mut replayed = Replayed { fault: None, sent: 0, expected: None, stands_at: None };
        let mut decoded: Vec<RowBuffer> = Vec::new();
        let mut held: Option<Held> = None;
        let mut scratch = DeltaScratch::default();
        for state in &self.states {
            let truth = rows_of(&layout, state)?;
            let hash = truth.rows().hash(&layout) as u32;
            if state.tick == self.tick {
                replayed.expected = Some(hash);
            }
            if hash == self.told {
                replayed.stands_at = Some(state.tick);
            }
            if replayed.fault.is_none() {
                let mut rows = RowBuffer::default();
                let result: Result<(), DecodeError> = match held {
                    None => decode_keyframe(&layout, &state.part, &mut rows),
                    Some(held) => {
                        let past = past(held, state.tick, |back| decoded[decoded.len() - back].rows());
                        decode_delta(&layout, &past, &state.part, &mut scratch, &mut rows)
                    }
                };
                if result.is_err() || copied(&layout, rows.rows()) != state.rows {
                    replayed.fault = Some(state.tick);
                }
                decoded.push(rows);
                held = Some(after(held, state.tick));
            }
        }
        self.replay_sent(&layout, &mut replayed)?;
        Ok(replayed)
    }

    /// Decodes each part that was sent, from what it builds on.
    fn replay_sent(&self, layout: &Layout, replayed: &mut Replayed) -> Result<(), CapsuleError> {
        let mut scratch = DeltaScratch::default();
        let rows = self.states.iter().map(|state| rows_of(layout, state)).collect::<Result<Vec<_>, _>>()?;
        let at = |tick: Tick| self.states.iter().position(|state| state.tick == tick);
        for SentPart { tick, age, spacing, bits } in &self.sent {
            let back = |ticks: u32| at(tick.offset(-(ticks as i32))).map(|place| rows[place].rows());
            let Some(truth) = at(*tick) else { continue };
            let mut decoded = RowBuffer::default();
            let result = match age {
                None => decode_keyframe(layout, bits, &mut decoded),
                Some(age) => {
                    let (age, apart) = (u32::from(*age), u32::from(spacing.unwrap_or(0)));
                    let states = (back(age), back(age + apart), back(age + 2 * apart));
                    let (Some(base), Some(before), Some(older)) = states else { continue };
                    let earlier = spacing.map(|spacing| Earlier {
                        rows: [before, older],
                        spacing,
                        ahead: age as u8,
                        moved: None,
                    });
                    decode_delta(layout, &Past { base, earlier }, bits, &mut scratch, &mut decoded)
                }
            };
            replayed.sent += 1;
            let is_right = result.is_ok() && copied(layout, decoded.rows()) == self.states[truth].rows;
            if !is_right && replayed.fault.is_none_or(|fault| fault.is_after(*tick)) {
                replayed.fault = Some(*tick);
            }
        }
        Ok(())
    }
}

/// What a client holds that got a frame at each tick, the first of them a keyframe.
fn after(held: Option<Held>, tick: Tick) -> Held {
    held.map_or(Held::keyframe(tick), |held| held.frame(tick))
}

/// What the delta to `now` leans on; `rows` gives the state so many frames before it.
fn past<'a>(held: Held, now: Tick, rows: impl Fn(usize) -> Rows<'a>) -> Past<'a> {
    let earlier =
        held.motion(now).map(|(spacing, ahead)| Earlier { rows: [rows(2), rows(3)], spacing, ahead, moved: None });
    Past { base: rows(1), earlier }
}

/// What everybody in the channel receives: owner-only lanes are 0.
fn copied(layout: &Layout, rows: Rows<'_>) -> Vec<(u32, u16, Vec<u32>)> {
    let public = |row: &EntityRow| {
        let kind = layout.kind(row.kind)?;
        let mut lanes = rows.row(kind, row).to_vec();
        kind.copy_owner_lanes(&vec![0; lanes.len()], &mut lanes);
        Some((row.id.0, row.kind, lanes))
    };
    rows.entities.iter().filter_map(public).collect()
}

fn rows_of(layout: &Layout, state: &CapsuleState) -> Result<RowBuffer, CapsuleError> {
    let mut rows = RowBuffer::default();
    for (id, kind, lanes) in &state.rows {
        let fits = layout.kind(*kind).is_some_and(|kind| kind.lanes() == lanes.len());
        fits.then(|| rows.push(EntityId(*id), *kind, lanes.len()).copy_from_slice(lanes)).ok_or(CapsuleError::Row)?;
    }
    Ok(rows)
}
