//! A schema compiled for the codec: which lanes of a kind form a unit, and how a unit is coded.

use std::sync::Arc;

use thiserror::Error;

use super::forecast::{Motion, NUMBER_RICE, QUAT_RICE, Rice};
use super::neighbours::DIMENSIONS;
use super::plain::PlainLayout;
use super::tables::Tables;
use crate::protocol::limits::INPUT_LANES_MAX;
use crate::schema::quant::text_byte;
use crate::schema::quat::Quat;
use crate::schema::{KindSchema, Quantizer, Schema};

/// Why a description cannot be worked with. A game's own never fails once it has started; one from the network may.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let schema = Schema { tables: vec![128; 99], ..Schema::of::<Coins>() };
/// let error = Layout::new(&schema).unwrap_err();
/// assert_eq!(error, LayoutError::Tables(99));
/// assert!(error.to_string().contains("99 bytes"), "{error}");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LayoutError {
    /// Too many kinds.
    #[error("the game has {0} kinds, at most {max} are possible", max = Layout::KINDS_MAX)]
    Kinds(usize),
    /// A kind is too wide.
    #[error("kind \"{0}\" takes {1} lanes, at most {max} are possible", max = Layout::LANES_MAX)]
    Lanes(String, usize),
    /// The input has an owner-only field: all of an input travels to the server alone.
    #[error("the input \"{0}\" has an owner-only field: an input goes to the server alone, leave the attribute out")]
    OwnerOnlyInput(String),
    /// The input is too wide.
    #[error("the input \"{0}\" takes {1} lanes, at most {max} are possible", max = INPUT_LANES_MAX)]
    InputLanes(String, usize),
    /// The range coder's tables are not such.
    #[error("the game's tables have {0} bytes, not {bytes}: train them again", bytes = Tables::BYTES)]
    Tables(usize),
    /// A field's numbers make no sense.
    #[error("field \"{1}\" of kind \"{0}\" has an impossible range")]
    Field(String, String),
}

/// How the lanes of a unit are coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// A new value in `bits` bits: enums, flags, and numbers too short for a residual to pay.
    Raw { bits: u8, span: u32 },
    /// A signed residual.
    Number { bits: u8, span: u32, motion: Motion },
    /// A signed residual on a circle of 2^`bits`.
    Turn { bits: u8 },
    /// Length, then bytes.
    Text { max_bytes: u8 },
    /// Four lanes: the largest component's place, three of `bits` bits.
    Quat { bits: u8 },
}

impl Coding {
    fn rice(self) -> &'static Rice {
        if matches!(self, Self::Quat { .. }) { &QUAT_RICE } else { &NUMBER_RICE }
    }

    fn fits(self, lanes: &[u32]) -> bool {
        match self {
            Self::Raw { span, .. } | Self::Number { span, .. } => lanes[0] <= span,
            Self::Turn { bits } => lanes[0] < 1 << bits,
            Self::Text { max_bytes } => {
                let length = lanes[0] as usize;
                length <= max_bytes.into() && (length..4 * (lanes.len() - 1)).all(|i| text_byte(lanes, i) == 0)
            }
            Self::Quat { bits } => lanes[0] < 4 && lanes[1..].iter().all(|lane| *lane < 1 << bits),
        }
    }

    fn is_motion(self) -> bool {
        matches!(self, Self::Number { motion: Motion::Pushed, .. } | Self::Turn { .. } | Self::Quat { .. })
    }
}

/// The smallest thing that a delta can say has changed: a field, or one element of an array.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let kind = KindLayout::new(&Thing::schema())?;
/// let units = kind.units(Part::Public); // both elements of at, and coins
/// assert_eq!((units.len(), kind.units(Part::Owner).len()), (3, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Among all public units of a layout.
    pub(crate) number: u16,
    pub(crate) first: usize,
    pub(crate) lanes: usize,
    pub(crate) coding: Coding,
    /// Made for motion: expected to go on as it went.
    pub(crate) motion: bool,
    /// Of its residuals.
    pub(crate) rice: &'static Rice,
}

impl Unit {
    /// Whether two rows differ in this unit.
    #[inline]
    pub(super) fn differs(&self, a: &[u32], b: &[u32]) -> bool {
        if self.lanes == 1 { a[self.first] != b[self.first] } else { self.of(a) != self.of(b) }
    }

    /// The unit's lanes.
    #[inline]
    pub(crate) fn of<'a>(&self, row: &'a [u32]) -> &'a [u32] {
        &row[self.first..self.first + self.lanes]
    }
}

/// Which fields of a row: those for everybody, or those for its owner.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// #[derive(Replicate)]
/// struct Hand {
///     cards: u8,
///     #[field(owner)]
///     best: u8,
/// }
/// let kind = KindLayout::new(&Hand::schema())?;
/// let (before, now) = ([5, 11], [5, 12]);
/// assert!(!kind.differs(Part::Public, &before, &now) && kind.differs(Part::Owner, &before, &now));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Fields that every client in the channel receives.
    Public,
    /// Owner-only fields.
    Owner,
}

/// One kind, compiled. The default has no fields.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let kind = KindLayout::new(&Thing::schema())?;
/// assert_eq!(kind.lanes(), 3);
/// assert!(kind.fits(&[2000, 0, 5]) && !kind.fits(&[2001, 0, 5]), "at goes to 100 in steps of 0.05");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KindLayout {
    lanes: usize,
    public: Vec<Unit>,
    owner: Vec<Unit>,
    /// How its plain rows are coded.
    plain: PlainLayout,
    /// Lanes of floats and of rotations' components: what goes on as it went, and not around a circle.
    straight_lanes: Vec<u16>,
    /// 2¹⁶ for their number.
    straight_share: u64,
    /// Lanes of the first floats: see `neighbours.rs`.
    place_lanes: Vec<u16>,
}

impl KindLayout {
    /// Compiles one kind.
    ///
    /// # Errors
    /// The kind is too wide or a field's range is impossible.
    pub fn new(kind: &KindSchema) -> Result<Self, LayoutError> {
        let lanes = kind.lanes();
        if lanes > Layout::LANES_MAX {
            return Err(LayoutError::Lanes(kind.name.clone(), lanes));
        }
        let mut layout = Self { lanes, ..Self::default() };
        let mut first = 0;
        for field in &kind.fields {
            let coding =
                coding(&field.quantizer).ok_or_else(|| LayoutError::Field(kind.name.clone(), field.name.clone()))?;
            let units = if field.owner_only { &mut layout.owner } else { &mut layout.public };
            for _ in 0..field.count {
                let lanes = field.quantizer.lanes();
                let (motion, rice) = (coding.is_motion(), coding.rice());
                units.push(Unit { number: 0, first, lanes, coding, motion, rice });
                first += lanes;
            }
        }
        layout.arrange();
        Ok(layout)
    }

    /// Sorts the public units by what they are made for, once they have their numbers.
    fn arrange(&mut self) {
        self.plain = PlainLayout::new(&self.public);
        self.straight_lanes.clear();
        for unit in self.public.iter().filter(|unit| unit.motion && !matches!(unit.coding, Coding::Turn { .. })) {
            let largest = usize::from(matches!(unit.coding, Coding::Quat { .. }));
            self.straight_lanes.extend((unit.first + largest..unit.first + unit.lanes).map(|lane| lane as u16));
        }
        let floats =
            self.public.iter().filter(|unit| matches!(unit.coding, Coding::Number { motion: Motion::Pushed, .. }));
        self.place_lanes = floats.take(DIMENSIONS).map(|unit| unit.first as u16).collect();
        self.straight_share = (1u64 << 16).checked_div(self.straight_lanes.len() as u64).unwrap_or(0);
    }

    /// Lanes of a row, owner-only ones included.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The units of one part.
    #[must_use]
    pub fn units(&self, part: Part) -> &[Unit] {
        match part {
            Part::Public => &self.public,
            Part::Owner => &self.owner,
        }
    }

    /// Whether two rows differ in a part.
    #[must_use]
    #[inline]
    pub fn differs(&self, part: Part, a: &[u32], b: &[u32]) -> bool {
        self.units(part).iter().any(|unit| unit.differs(a, b))
    }

    /// Whether two rows differ in what travels to everybody; quick where they do not differ at all.
    #[inline]
    pub(crate) fn changed(&self, a: &[u32], b: &[u32]) -> bool {
        !same(a, b) && (self.owner.is_empty() || self.differs(Part::Public, a, b))
    }

    #[inline(always)]
    pub(super) fn plain(&self) -> &PlainLayout {
        &self.plain
    }

    #[inline]
    pub(super) fn straight_lanes(&self) -> &[u16] {
        &self.straight_lanes
    }

    #[inline]
    pub(super) fn straight_share(&self) -> u64 {
        self.straight_share
    }

    #[inline]
    pub(super) fn place_lanes(&self) -> &[u16] {
        &self.place_lanes
    }

    /// Whether these are all lanes of a row of this kind, each in its field's range.
    #[must_use]
    pub fn fits(&self, row: &[u32]) -> bool {
        row.len() == self.lanes && self.public.iter().chain(&self.owner).all(|unit| unit.coding.fits(unit.of(row)))
    }

    /// Copies the lanes of `from` that travel to everybody into `to`.
    pub(crate) fn copy_public_lanes(&self, from: &[u32], to: &mut [u32]) {
        if self.owner.is_empty() {
            return to.copy_from_slice(from);
        }
        for unit in &self.public {
            to[unit.first..unit.first + unit.lanes].copy_from_slice(unit.of(from));
        }
    }

    /// Copies the owner-only lanes of `from` into `to`.
    pub fn copy_owner_lanes(&self, from: &[u32], to: &mut [u32]) {
        for unit in &self.owner {
            to[unit.first..unit.first + unit.lanes].copy_from_slice(unit.of(from));
        }
    }
}

/// Whether two rows are equal. They are short: a call would take longer than the comparison.
#[inline]
pub(super) fn same(a: &[u32], b: &[u32]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    a.iter().zip(b).all(|(a, b)| a == b) && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

/// All kinds of a game, compiled. The default has none.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// assert!(layout.kind(0).is_some() && layout.kind(1).is_none(), "a thing is all there is");
/// assert_eq!(layout.field_of(), [(0, 0), (0, 0), (0, 1)], "by unit: kind, field");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Layout {
    kinds: Vec<KindLayout>,
    kind_bits: u8,
    /// Of the range coder; Rice codes without.
    tables: Option<Arc<Tables>>,
    /// By number of a unit: which kind, and which of its fields.
    fields: Vec<(u16, usize)>,
}

impl Layout {
    /// Most kinds that a game may have.
    pub const KINDS_MAX: usize = 256;
    /// Most lanes that one kind may take.
    pub const LANES_MAX: usize = 256;

    /// Compiles a game's kinds, and looks at its input.
    ///
    /// # Errors
    /// See [`LayoutError`].
    pub fn new(schema: &Schema) -> Result<Self, LayoutError> {
        if schema.kinds.len() > Self::KINDS_MAX {
            return Err(LayoutError::Kinds(schema.kinds.len()));
        }
        if schema.input.fields.iter().any(|field| field.owner_only) {
            return Err(LayoutError::OwnerOnlyInput(schema.input.name.clone()));
        }
        let input_lanes = schema.input.lanes();
        if input_lanes > INPUT_LANES_MAX {
            return Err(LayoutError::InputLanes(schema.input.name.clone(), input_lanes));
        }
        let mut kinds = schema.kinds.iter().map(KindLayout::new).collect::<Result<Vec<_>, _>>()?;
        let mut fields = Vec::new();
        for ((number, kind), described) in (0..).zip(&mut kinds).zip(&schema.kinds) {
            let of_units = (0..).zip(&described.fields).filter(|(_, field)| !field.owner_only);
            let of_units = of_units.flat_map(|(at, field)| std::iter::repeat_n((number, at), field.count.into()));
            for (unit, field) in kind.public.iter_mut().zip(of_units) {
                // at most 256 kinds of 256 lanes
                unit.number = fields.len() as u16;
                fields.push(field);
            }
            kind.arrange();
        }
        let kind_bits = bits_for(kinds.len().saturating_sub(1) as u32);
        let tables = if schema.tables.is_empty() { None } else { Some(Arc::new(Tables::new(&schema.tables)?)) };
        Ok(Self { kinds, kind_bits, tables, fields })
    }

    /// The layout of kind number `kind`.
    #[must_use]
    pub fn kind(&self, kind: u16) -> Option<&KindLayout> {
        self.kinds.get(usize::from(kind))
    }

    /// Whether there are tables for [`Coder::Range`](super::Coder::Range).
    #[must_use]
    pub fn has_tables(&self) -> bool {
        self.tables.is_some()
    }

    pub(super) fn tables(&self) -> Option<&Tables> {
        self.tables.as_deref()
    }

    /// By number of a public unit, which kind and which of its fields it is of: those of one field stand side by side, as
    /// the elements of an array.
    #[must_use]
    pub fn field_of(&self) -> &[(u16, usize)] {
        &self.fields
    }

    pub(crate) fn kind_bits(&self) -> u8 {
        self.kind_bits
    }
}

/// Bits that numbers from 0 to `span` need.
pub(crate) const fn bits_for(span: u32) -> u8 {
    (u32::BITS - span.leading_zeros()) as u8
}

fn coding(quantizer: &Quantizer) -> Option<Coding> {
    let number = |span: u32, motion| {
        let bits = bits_for(span);
        if bits <= 4 { Coding::Raw { bits, span } } else { Coding::Number { bits, span, motion } }
    };
    Some(match quantizer {
        Quantizer::Bool => Coding::Raw { bits: 1, span: 1 },
        Quantizer::Int { min, max } => number(u32::try_from(max.checked_sub(*min)?).ok()?, Motion::Seldom),
        Quantizer::Float { min, step, span } if min.is_finite() && step.is_finite() && *step > 0.0 => {
            number(*span, Motion::Pushed)
        }
        Quantizer::Float { .. } => return None,
        Quantizer::Angle { bits } if (2..=23).contains(bits) => Coding::Turn { bits: *bits },
        Quantizer::Angle { .. } => return None,
        Quantizer::Enum { variants } => {
            let span = u32::try_from(variants.len()).ok()?.checked_sub(1)?;
            Coding::Raw { bits: bits_for(span), span }
        }
        Quantizer::Text { max_bytes } => Coding::Text { max_bytes: *max_bytes },
        Quantizer::Quat { bits } if Quat::BITS.contains(bits) => Coding::Quat { bits: *bits },
        Quantizer::Quat { .. } => return None,
    })
}
