//! Where the bytes go: by field, by what says who is there and who changed, by heads, and by what is one client's own;
//! and by whom the channels are for.
//!
//! A part's fields are counted once, when it is made; how often it was sent is counted when frames are composed.

use std::ops::AddAssign;

use tickwire_shared::Layer;
use tickwire_shared::delta::Coder;

/// Bits of frames by purpose, of a tick or of many.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Frames.
    pub frames: u64,
    /// All of their bits.
    pub bits: u64,
    /// By number of a unit ([`Layout::field_of`](tickwire_shared::delta::Layout::field_of)).
    pub fields: Vec<Spending>,
    /// Who is there, who came and went, who changed: what parts have beside their fields.
    pub structure: Spending,
    /// Fields and structure once more, by the layer of their channel.
    pub layers: Layers,
    /// Of the deltas, those by the range coder.
    pub ranged: Spending,
    /// Owner-only fields.
    pub owned: u64,
    /// Events of the game.
    pub events: u64,
}

/// Bits of parts by the layer of their channel. There may be thousands of channels, but they are for one of three.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layers {
    /// [`Layer::Public`].
    pub public: Parts,
    /// [`Layer::Teams`], whichever.
    pub teams: Parts,
    /// [`Layer::Seat`], whichever.
    pub seat: Parts,
}

/// Bits of parts by what they build on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// On what the client holds.
    pub deltas: Spending,
    /// On nothing: joins, cells that came into view, heals.
    pub keyframes: Spending,
}

/// Bits that many clients may share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spending {
    /// Encoded, once for all who share them.
    pub encoded: u64,
    /// Sent: counted for each who received them.
    pub sent: u64,
}

impl Traffic {
    /// What is neither of a part nor of one client alone: heads of frames, handles and lengths of parts.
    #[must_use]
    pub fn heads(&self) -> u64 {
        let fields: u64 = self.fields.iter().map(|field| field.sent).sum();
        self.bits.saturating_sub(fields + self.structure.sent + self.owned + self.events)
    }

    /// Of fields and structure, what is in keyframes.
    #[must_use]
    pub fn keyframes(&self) -> Spending {
        let Layers { public, teams, seat } = self.layers;
        let mut sum = public.keyframes;
        sum += teams.keyframes;
        sum += seat.keyframes;
        sum
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }
}

impl AddAssign<&Self> for Traffic {
    fn add_assign(&mut self, other: &Self) {
        self.frames += other.frames;
        self.bits += other.bits;
        if self.fields.len() < other.fields.len() {
            self.fields.resize(other.fields.len(), Spending::default());
        }
        for (field, other) in self.fields.iter_mut().zip(&other.fields) {
            *field += *other;
        }
        self.structure += other.structure;
        self.layers += other.layers;
        self.ranged += other.ranged;
        self.owned += other.owned;
        self.events += other.events;
    }
}

impl AddAssign for Layers {
    fn add_assign(&mut self, other: Self) {
        self.public += other.public;
        self.teams += other.teams;
        self.seat += other.seat;
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        self.deltas += other.deltas;
        self.keyframes += other.keyframes;
    }
}

impl AddAssign for Spending {
    fn add_assign(&mut self, other: Self) {
        self.encoded += other.encoded;
        self.sent += other.sent;
    }
}

/// One tick's parts, by what they take.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    parts: Vec<Entry>,
    /// For each part, the bits of each unit.
    fields: Vec<u32>,
    pub(super) owned: u64,
    pub(super) events: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bits: u32,
    keyframe: bool,
    coder: Coder,
    layer: Layer,
}

impl Ledger {
    /// A part of so many bits, whether it is a keyframe, and its coder; its number is how many were noted before.
    pub(super) fn note(&mut self, bits: usize, (keyframe, coder): (bool, Coder), layer: Layer, fields: &[u32]) {
        self.parts.push(Entry { bits: bits as u32, keyframe, coder, layer });
        self.fields.extend_from_slice(fields);
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        (self.owned, self.events) = (0, 0);
        self.parts.clear();
        self.fields.clear();
    }

    /// Sums up, and begins anew; for each part, how many frames had it.
    pub(super) fn close(&mut self, receivers: impl Iterator<Item = u32>, sum: &mut Traffic) {
        let units = self.fields.len().checked_div(self.parts.len()).unwrap_or(0);
        sum.fields.resize(units.max(sum.fields.len()), Spending::default());
        let mut rows = self.fields.chunks_exact(units.max(1));
        for (part, receivers) in self.parts.iter().zip(receivers) {
            let times = |bits: u64| Spending { encoded: bits, sent: bits * u64::from(receivers) };
            let mut fields = 0;
            for (field, bits) in sum.fields.iter_mut().zip(rows.next().unwrap_or_default()) {
                fields += u64::from(*bits);
                *field += times((*bits).into());
            }
            sum.structure += times(u64::from(part.bits).saturating_sub(fields));
            let layer = match part.layer {
                Layer::Public => &mut sum.layers.public,
                Layer::Teams(_) => &mut sum.layers.teams,
                Layer::Seat(_) => &mut sum.layers.seat,
            };
            let kind = if part.keyframe { &mut layer.keyframes } else { &mut layer.deltas };
            *kind += times(part.bits.into());
            if part.coder == Coder::Range {
                sum.ranged += times(part.bits.into());
            }
        }
        (sum.owned, sum.events) = (sum.owned + self.owned, sum.events + self.events);
        self.clear();
    }
}
