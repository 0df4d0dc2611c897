//! What is encoded once and shared by all who receive it: one layer in one cell of the grid, or everywhere.

use std::hash::{Hash, Hasher};

use tickwire_shared::{Layer, SeatId, Teams};

/// A square of the grid, or everywhere. In the order of columns, everywhere before all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Cell(u32);

impl Cell {
    /// Wherever one looks.
    pub const EVERYWHERE: Self = Self(0);
    /// Cells are numbered from here to its opposite, in both directions.
    pub const MAX: i16 = 16_000;
    const BITS: u32 = 15;
    /// Numbers are counted from here, so that none is everywhere.
    const FIRST: i16 = -1 << (Self::BITS - 1);

    /// The cell of these numbers, neither of them beyond [`Cell::MAX`].
    pub(super) fn new(x: i16, y: i16) -> Self {
        debug_assert!(x.unsigned_abs() <= Self::MAX.unsigned_abs() && y.unsigned_abs() <= Self::MAX.unsigned_abs());
        let code = |at: i16| u32::from((at - Self::FIRST).cast_unsigned());
        Self(code(x) << Self::BITS | code(y))
    }

    /// How many rows it is after another of its column; 0 if it is before.
    #[inline]
    pub(super) fn rows_after(self, other: Self) -> usize {
        self.0.saturating_sub(other.0) as usize
    }

    /// Its numbers; of everywhere they mean nothing.
    pub fn numbers(self) -> (i16, i16) {
        let number = |code: u32| (code & ((1 << Self::BITS) - 1)) as i16 + Self::FIRST;
        (number(self.0 >> Self::BITS), number(self.0))
    }
}

/// See the module. In the order of cells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Channel(u64);

impl Hash for Channel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // the cell lowest: a hasher that multiplies does not bring high bits down, and most layers are all zeros
        state.write_u64(self.0.rotate_right(Self::LAYER_BITS));
    }
}

impl Channel {
    /// What every client receives.
    pub const EVERYWHERE: Self = Self(0);
    /// A layer's code: two bits say what it is for, 32 for whom.
    const LAYER_BITS: u32 = 34;

    /// A layer in a cell.
    #[must_use]
    pub fn new(cell: Cell, layer: Layer) -> Self {
        let layer = match layer {
            Layer::Public => 0,
            Layer::Teams(teams) => 1 << 32 | u64::from(teams.bits()),
            Layer::Seat(seat) => 2 << 32 | u64::from(seat.0),
        };
        Self(u64::from(cell.0) << Self::LAYER_BITS | layer)
    }

    /// Where it is.
    #[must_use]
    pub fn cell(self) -> Cell {
        Cell((self.0 >> Self::LAYER_BITS) as u32)
    }

    /// Whether it is for all.
    #[inline]
    pub(super) fn is_public(self) -> bool {
        self.0 & ((1 << Self::LAYER_BITS) - 1) == 0
    }

    /// For whom it is.
    #[must_use]
    pub fn layer(self) -> Layer {
        let for_whom = self.0 as u32;
        match self.0 >> 32 & 3 {
            0 => Layer::Public,
            1 => Layer::Teams(Teams::from_bits(for_whom)),
            _ => Layer::Seat(SeatId(for_whom as u16)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [i16; 5] = [-Cell::MAX, -1, 0, 7, Cell::MAX];
    const LAYERS: [Layer; 6] = [
        Layer::Public,
        Layer::Teams(Teams::NONE),
        Layer::Teams(Teams::one(0)),
        Layer::Teams(Teams::ALL),
        Layer::Seat(SeatId(0)),
        Layer::Seat(SeatId(u16::MAX)),
    ];

    #[test]
    fn a_channel_is_its_cell_and_its_layer_and_no_other_is_the_same() {
        let places = NUMBERS.iter().flat_map(|x| NUMBERS.iter().map(|y| (*x, *y)));
        let mut cells: Vec<Cell> = places.clone().map(|(x, y)| Cell::new(x, y)).collect();
        assert!(places.eq(cells.iter().map(|cell| cell.numbers())));
        cells.insert(0, Cell::EVERYWHERE);
        let parts = cells.iter().flat_map(|cell| LAYERS.iter().map(|layer| (*cell, *layer)));
        let channels: Vec<Channel> = parts.clone().map(|(cell, layer)| Channel::new(cell, layer)).collect();
        assert!(parts.eq(channels.iter().map(|channel| (channel.cell(), channel.layer()))));
        assert!(channels.is_sorted_by(|a, b| a < b), "cell by cell, everywhere first, no two the same");
        assert_eq!(channels[0], Channel::EVERYWHERE);
    }
}
