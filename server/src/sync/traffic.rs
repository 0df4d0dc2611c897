//! Where the bytes go: by field, by what says who is there and who changed, by heads, and by what is one client's own.
//!
//! A part's fields are counted once, when it is made; how often it was sent is counted when frames are composed.

use std::ops::AddAssign;

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
    /// Keyframes, fields and structure: how much of the two they are.
    pub keyframes: Spending,
    /// Owner-only fields.
    pub owned: u64,
    /// Events of the game.
    pub events: u64,
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
        self.keyframes += other.keyframes;
        self.owned += other.owned;
        self.events += other.events;
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
    receivers: u32,
}

impl Ledger {
    /// A part of so many bits; its number is how many were noted before.
    pub(super) fn note(&mut self, bits: usize, keyframe: bool, fields: &[u32]) {
        self.parts.push(Entry { bits: bits as u32, keyframe, receivers: 0 });
        self.fields.extend_from_slice(fields);
    }

    /// One more frame has a part.
    #[inline]
    pub(super) fn send(&mut self, part: u32) {
        self.parts[part as usize].receivers += 1;
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        (self.owned, self.events) = (0, 0);
        self.parts.clear();
        self.fields.clear();
    }

    /// Sums up, and begins anew.
    pub(super) fn close(&mut self, sum: &mut Traffic) {
        let units = self.fields.len().checked_div(self.parts.len()).unwrap_or(0);
        sum.fields.resize(units.max(sum.fields.len()), Spending::default());
        let mut rows = self.fields.chunks_exact(units.max(1));
        for part in &self.parts {
            let times = |bits: u64| Spending { encoded: bits, sent: bits * u64::from(part.receivers) };
            let mut fields = 0;
            for (field, bits) in sum.fields.iter_mut().zip(rows.next().unwrap_or_default()) {
                fields += u64::from(*bits);
                *field += times((*bits).into());
            }
            sum.structure += times(u64::from(part.bits).saturating_sub(fields));
            if part.keyframe {
                sum.keyframes += times(part.bits.into());
            }
        }
        (sum.owned, sum.events) = (sum.owned + self.owned, sum.events + self.events);
        self.clear();
    }
}
