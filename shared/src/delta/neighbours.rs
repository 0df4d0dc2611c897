//! Which rows of a message are near one another: what has pushed one has often pushed the next one too.
//!
//! A kind's first three floats are taken for where a thing is; where they are something else, the tables learn that
//! neighbours tell little. Known are the rows of the message so far, and of those the last [`WINDOW`] that are of the same
//! kind are looked through: so both ends find the same ones, in a time that does not grow with the scene.

use super::layout::{KindLayout, Part, Unit};

/// Numbers that say where a thing is, at most.
pub(super) const DIMENSIONS: usize = 3;
/// How many rows are looked through for each row.
const WINDOW: usize = 64;
/// What is further away than this is taken to be there: so that three distances can be added.
const PLACE_MAX: u32 = (1 << 30) - 1;

/// The last rows of a message.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    /// Which kinds they are of, by the number of its first unit.
    kinds: [u16; WINDOW],
    /// Where they were in the base, by dimension.
    places: [[i32; WINDOW]; DIMENSIONS],
    /// How they were pushed: see [`Neighbours::pushed`].
    pushes: [[i64; DIMENSIONS]; WINDOW],
    /// How many have been noted.
    count: usize,
    /// Of the row that is being coded: the lanes that say where it is, and the two nearest before it.
    lanes: [Option<u16>; DIMENSIONS],
    nearest: [Option<[i64; DIMENSIONS]>; 2],
}

impl Default for Neighbours {
    fn default() -> Self {
        Self {
            kinds: [0; WINDOW],
            places: [[0; WINDOW]; DIMENSIONS],
            pushes: [[0; DIMENSIONS]; WINDOW],
            count: 0,
            lanes: [None; DIMENSIONS],
            nearest: [None; 2],
        }
    }
}

impl Neighbours {
    /// Of a new message.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// The next row; `base` is where it was.
    #[inline]
    pub(super) fn begin(&mut self, kind: &KindLayout, base: &[u32]) {
        let mut lanes = kind.place_lanes().iter();
        self.lanes = std::array::from_fn(|_| lanes.next().copied());
        let number = kind.units(Part::Public).first().map_or(0, |unit| unit.number);
        let place = self.lanes.map(|lane| lane.map_or(0, |lane| base[usize::from(lane)].min(PLACE_MAX).cast_signed()));
        self.nearest = if self.lanes[0].is_some() { self.find(number, place) } else { [None; 2] };
        let at = self.count % WINDOW;
        for (places, place) in self.places.iter_mut().zip(place) {
            places[at] = place;
        }
        self.kinds[at] = number;
        self.pushes[at] = [0; DIMENSIONS];
        self.count = self.count.wrapping_add(1);
    }

    /// The two nearest, the nearest one first.
    #[inline]
    fn find(&self, kind: u16, place: [i32; DIMENSIONS]) -> [Option<[i64; DIMENSIONS]>; 2] {
        // no early end: a processor looks at some of them at a time
        let mut apart = [0u32; WINDOW];
        for (places, place) in self.places.iter().zip(place) {
            for (apart, other) in apart.iter_mut().zip(places) {
                *apart = apart.wrapping_add(place.wrapping_sub(*other).unsigned_abs());
            }
        }
        for (apart, other) in apart.iter_mut().zip(&self.kinds) {
            *apart |= if *other == kind { 0 } else { u32::MAX };
        }
        let none = (u32::MAX, None);
        let (mut first, mut second) = (none, none);
        for (at, apart) in apart.iter().take(self.count).enumerate() {
            if *apart < second.0 {
                second = (*apart, Some(at));
                if *apart < first.0 {
                    std::mem::swap(&mut first, &mut second);
                }
            }
        }
        [first.1, second.1].map(|at| at.map(|at| self.pushes[at]))
    }

    #[inline]
    fn dimension(&self, unit: &Unit) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.is_some_and(|lane| usize::from(lane) == unit.first))
    }

    /// How much further the row would be than its forecast if it was pushed as its nearest neighbour was, and as the
    /// next one; `by` is what it went further in its last step than in the one before. `None` where no row is known, or
    /// where the unit says nothing of a place.
    #[inline]
    pub(super) fn pushed(&self, unit: &Unit, by: i64) -> Option<[i64; 2]> {
        let dimension = self.dimension(unit)?;
        let [first, second] = &self.nearest;
        let pushed = |push: &[i64; DIMENSIONS]| push[dimension].wrapping_sub(by) / 2;
        let first = pushed(first.as_ref()?);
        Some([first, second.as_ref().map_or(first, pushed)])
    }

    /// Notes what became of a unit of the row.
    #[inline]
    pub(super) fn note(&mut self, unit: &Unit, by: i64, residual: i64) {
        if let Some(dimension) = self.dimension(unit) {
            // half of `by` was foreseen
            self.pushes[self.count.wrapping_sub(1) % WINDOW][dimension] = by.wrapping_add(residual.wrapping_mul(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, KindSchema, Quantizer};

    /// Of so many floats.
    fn kind(floats: u16) -> KindLayout {
        let quantizer = Quantizer::Float { min: 0.0, step: 1.0, span: u32::MAX };
        let field = Field { name: "at".into(), quantizer, count: floats, owner_only: false };
        KindLayout::new(&KindSchema { name: "Thing".into(), fields: vec![field] }).expect("sound")
    }

    #[test]
    fn the_two_nearest_of_the_last_rows_are_found() {
        let (kind, mut neighbours) = (kind(4), Neighbours::default());
        let units = kind.units(Part::Public);
        neighbours.begin(&kind, &[500, 500, 500, 0]);
        assert_eq!(neighbours.pushed(&units[0], 0), None, "it is the first one");
        neighbours.note(&units[0], 8, 10);
        for (x, push) in [(100, 20), (u32::MAX, 30), (140, 40)] {
            neighbours.begin(&kind, &[x, 0, 0, 0]);
            neighbours.note(&units[0], 0, push);
        }
        neighbours.begin(&kind, &[101, 0, 0, u32::MAX]);
        assert_eq!(neighbours.pushed(&units[0], 0), Some([20, 40]));
        assert_eq!(neighbours.pushed(&units[0], 6), Some([17, 37]), "half of which was foreseen");
        assert_eq!(neighbours.pushed(&units[1], 0), Some([0, 0]));
        assert_eq!(neighbours.pushed(&units[3], 0), None, "a fourth float says nothing of a place");
        neighbours.begin(&kind, &[600, 500, 500, 0]);
        assert_eq!(neighbours.pushed(&units[0], 0).map(|[first, _]| first), Some(14), "10, and half of 8");
        (0..WINDOW).for_each(|_| neighbours.begin(&kind, &[0; 4]));
        neighbours.begin(&kind, &[100, 0, 0, 0]);
        assert_eq!(neighbours.pushed(&units[0], 0), Some([0, 0]), "what is long ago is forgotten");
        neighbours.clear();
        neighbours.begin(&kind, &[100, 0, 0, 0]);
        assert_eq!(neighbours.pushed(&units[0], 0), None, "so is another message");
    }
}
