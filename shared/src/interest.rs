//! Who may receive what: layers that entities lie in, what of them a seat sees, and areas that a game may shut.
//!
//! Two things must both let an entity through to a seat: its place ([`Interest`](crate::game::Interest), and
//! [`Game::sees`](crate::game::Game::sees) if the game has it) and its layer. What does not come through is not sent at
//! all: no state, no change, no sign that it is gone, no share in a hash. Only two things are told regardless: an owner
//! learns its entities' ids, kinds and owner-only fields wherever they are, and ids are the game's own numbers, so a game
//! that counts them upwards tells whoever sees two of them how many were between.
//!
//! ```
//! use tickwire_shared::{Layer, SeatId, Sight, Teams};
//!
//! const RED: Teams = Teams::one(0);
//! // in Game::publish: out.sight(seat, Sight::Teams(RED)), and out.within(Layer::Teams(RED)).put(…)
//! assert!(Sight::Teams(RED).sees(SeatId(3), Layer::Teams(RED)));
//! assert!(!Sight::default().sees(SeatId(3), Layer::Teams(RED)));
//! assert!(Sight::default().sees(SeatId(3), Layer::Seat(SeatId(3))), "its own");
//! assert!(Sight::All.sees(SeatId(9), Layer::Seat(SeatId(3))), "a spectator");
//! ```

use std::ops::{BitOr, BitOrAssign};

use crate::game::SeatId;

/// A set of teams, of which there are at most 32. A team is whatever a game wants to tell apart: a side, a squad, those
/// with a detector.
///
/// ```
/// use tickwire_shared::Teams;
///
/// let (red, blue) = (Teams::one(0), Teams::one(1));
/// assert!((red | blue).meet(blue) && !red.meet(blue));
/// assert!(Teams::ALL.meet(red) && !Teams::NONE.meet(red));
/// assert_eq!(Teams::from_bits((red | blue).bits()), red | blue);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Teams(u32);

impl Teams {
    /// No team.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// The team of this number.
    ///
    /// # Panics
    /// The number is above 31.
    #[must_use]
    pub const fn one(number: u8) -> Self {
        assert!(number < 32, "teams are numbered from 0 to 31");
        Self(1 << number)
    }

    /// The set as bits, the team of number 0 in the lowest.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether a team is in both sets.
    #[must_use]
    pub const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Teams {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Teams {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Who may see an entity, wherever it is. Each entity lies in one layer, and may lie in another at the next tick.
///
/// ```
/// use std::collections::HashSet;
/// use tickwire_shared::{Layer, SeatId, Teams};
///
/// assert_eq!(Layer::default(), Layer::Public);
/// // a mine that its team knows of, a hint for one player: out.within(layer).put(…) in Game::publish
/// let layers = HashSet::from([Layer::Public, Layer::Teams(Teams::one(1)), Layer::Seat(SeatId(3))]);
/// assert_eq!(layers.len(), 3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Layer {
    /// Everybody.
    #[default]
    Public,
    /// Who is in one of these teams; without a team, nobody but spectators. What has the same set in a cell is encoded
    /// together: few different sets are cheaper than many.
    Teams(Teams),
    /// One seat.
    Seat(SeatId),
}

/// Which layers a seat sees, beside the public one and its own.
///
/// ```
/// use tickwire_shared::{Layer, SeatId, Sight, Teams};
///
/// let (me, mines) = (SeatId(4), Layer::Teams(Teams::one(1)));
/// let mut sight = Sight::default();
/// assert!(sight.sees(me, Layer::Public) && !sight.sees(me, mines));
/// sight = Sight::Teams(Teams::one(1)); // found a detector: out.sight(me, sight)
/// assert!(sight.sees(me, mines) && !sight.sees(me, Layer::Seat(SeatId(5))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// Those of these teams.
    Teams(Teams),
    /// A spectator: all layers, and the whole world wherever it looks. Only owner-only fields of others, and events to
    /// single seats, stay hidden. Of more than [`CHANNELS_MAX`](crate::protocol::limits::CHANNELS_MAX) cells and layers
    /// that hold something, it receives the nearest to where it looks.
    All,
}

impl Default for Sight {
    fn default() -> Self {
        Self::Teams(Teams::NONE)
    }
}

impl Sight {
    /// Whether `seat`, which has this sight, sees what is in `layer`.
    #[must_use]
    pub fn sees(self, seat: SeatId, layer: Layer) -> bool {
        match (self, layer) {
            (Self::All, _) | (_, Layer::Public) => true,
            (Self::Teams(own), Layer::Teams(teams)) => own.meet(teams),
            (Self::Teams(_), Layer::Seat(owner)) => owner == seat,
        }
    }
}

/// A square of the plane that interest is reckoned in: one cell of the room's grid.
///
/// ```
/// use tickwire_shared::Area;
///
/// /// A wall at x = 0: for `Game::sees`, by which side each seat is on.
/// fn sees(is_left: bool, area: Area) -> bool {
///     if is_left { area.x < 0.0 } else { area.x + area.side > 0.0 }
/// }
/// let area = Area { x: -32.0, y: 0.0, side: 16.0 };
/// assert!(sees(true, area) && !sees(false, area));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Area {
    /// Its lower border in the first coordinate.
    pub x: f32,
    /// Its lower border in the second coordinate.
    pub y: f32,
    /// The length of its sides: half the view radius.
    pub side: f32,
}

impl Area {
    /// An entity changes its area when it is this part of a side beyond the border, so that one that wavers on a border
    /// costs nothing: so far outside of an area may be what is given out with it.
    ///
    /// ```
    /// use tickwire_shared::Area;
    ///
    /// // how far an entity may stand from the area that Game::sees is asked about
    /// let area = Area { x: 0.0, y: 0.0, side: 16.0 };
    /// assert_eq!(area.side * Area::MARGIN, 2.0);
    /// ```
    pub const MARGIN: f32 = 0.125;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_seen_by_those_it_is_for() {
        let (red, blue, green) = (Teams::one(0), Teams::one(5), Teams::one(31));
        let seen = |sight: Sight, layer| sight.sees(SeatId(7), layer);
        let both = Layer::Teams(red | blue);
        assert!(seen(Sight::Teams(red), both) && seen(Sight::Teams(blue | green), both));
        assert!(!seen(Sight::Teams(green), both) && !seen(Sight::default(), both));
        assert!(
            seen(Sight::default(), Layer::Seat(SeatId(7))) && !seen(Sight::Teams(Teams::ALL), Layer::Seat(SeatId(6)))
        );
        assert!(!seen(Sight::Teams(Teams::ALL), Layer::Teams(Teams::NONE)));
        for layer in [Layer::Public, both, Layer::Teams(Teams::NONE), Layer::Seat(SeatId(6))] {
            assert!(seen(Sight::All, layer), "a spectator sees {layer:?}");
        }
    }
}
