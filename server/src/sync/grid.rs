//! Channels by place: a square grid of cells of half the view radius, and one channel for what is everywhere.

use rustc_hash::FxHashMap;
use tickwire_shared::{EntityId, Interest, Place, Tick};

/// A channel: a cell of the grid, or everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Channel(u32);

impl Channel {
    /// What every client receives.
    pub const EVERYWHERE: Self = Self(u32::MAX);

    fn cell(x: i16, y: i16) -> Self {
        // counted from i16::MIN, so that no cell within CELL_MAX looks like EVERYWHERE
        let from_min = |at: i16| u32::from(at.cast_unsigned() ^ 0x8000);
        Self(from_min(x) << 16 | from_min(y))
    }

    fn coordinates(self) -> (i16, i16) {
        let from_min = |half: u32| (half as u16 ^ 0x8000).cast_signed();
        (from_min(self.0 >> 16), from_min(self.0))
    }
}

/// Cells are numbered from here to its opposite; what lies further out belongs to the border cells. Less than the
/// integers reach, so that no cell is [`Channel::EVERYWHERE`].
const CELL_MAX: f32 = 32_000.0;

/// An entity must be this part of a cell beyond its cell's border before it changes: no flicker at borders.
const STAY: f32 = 0.125;
/// Entities that are gone are forgotten every so many ticks.
const FORGET_EVERY: i32 = 64;

/// Remembers which channel each entity is in.
#[derive(Debug)]
pub struct Grid {
    interest: Interest,
    homes: FxHashMap<EntityId, (Channel, Tick)>,
    forgot: Tick,
}

impl Grid {
    /// A grid for a room's interest.
    #[must_use]
    pub fn new(interest: Interest) -> Self {
        Self { interest, homes: FxHashMap::default(), forgot: Tick(0) }
    }

    /// The channel of entity `id`, which is at `place` at `tick`; `None` when it was asked for already at this tick:
    /// the game used an id twice.
    pub fn settle(&mut self, tick: Tick, id: EntityId, place: Place) -> Option<Channel> {
        let before = self.homes.get(&id).copied();
        if before.is_some_and(|(_, at)| at == tick) {
            return None;
        }
        let channel = match (self.cell_size(), place) {
            (Some(size), Place::At { x, y }) => {
                let (x, y) = within_the_grid(size, x, y);
                let cell = cell_at(size, x, y);
                match before {
                    Some((home, _)) if home != Channel::EVERYWHERE && distance(size, home, x, y) <= STAY * size => home,
                    _ => cell,
                }
            }
            (None, _) | (_, Place::Everywhere) => Channel::EVERYWHERE,
        };
        self.homes.insert(id, (channel, tick));
        Some(channel)
    }

    /// Ends a tick.
    pub fn forget(&mut self, tick: Tick) {
        if tick.since(self.forgot) >= FORGET_EVERY {
            self.forgot = tick;
            self.homes.retain(|_, (_, at)| *at == tick);
        }
    }

    /// Adds to `channels` all that one who looks at `look` receives, sorted. Cells in `held` stay a little longer than
    /// new ones would come.
    pub fn in_view(&self, look: Option<(f32, f32)>, held: impl Fn(Channel) -> bool, channels: &mut Vec<Channel>) {
        if let (Some(size), Interest::Radius(radius), Some((x, y))) = (self.cell_size(), self.interest, look) {
            let (x, y) = within_the_grid(size, x, y);
            let far = radius + size / 2.0;
            let (low_x, low_y) = cell_at(size, x - far, y - far).coordinates();
            let (high_x, high_y) = cell_at(size, x + far, y + far).coordinates();
            for cx in low_x..=high_x {
                for cy in low_y..=high_y {
                    let cell = Channel::cell(cx, cy);
                    let away = distance(size, cell, x, y);
                    if away <= radius || (away <= far && held(cell)) {
                        channels.push(cell);
                    }
                }
            }
            channels.sort_unstable();
        }
        channels.push(Channel::EVERYWHERE);
    }

    fn cell_size(&self) -> Option<f32> {
        match self.interest {
            Interest::Everything => None,
            Interest::Radius(radius) => Some(radius / 2.0),
        }
    }
}

/// The point, or the nearest one of the grid; what is no number is in the middle.
fn within_the_grid(size: f32, x: f32, y: f32) -> (f32, f32) {
    let within = |at: f32| if at.is_nan() { 0.0 } else { at.clamp(-CELL_MAX * size, CELL_MAX * size) };
    (within(x), within(y))
}

fn cell_at(size: f32, x: f32, y: f32) -> Channel {
    let number = |at: f32| (at / size).floor().clamp(-CELL_MAX, CELL_MAX) as i16;
    Channel::cell(number(x), number(y))
}

/// From a point to the nearest point of a cell; 0 inside.
fn distance(size: f32, cell: Channel, x: f32, y: f32) -> f32 {
    let (cx, cy) = cell.coordinates();
    let off = |at: f32, cell: i16| {
        let low = f32::from(cell) * size;
        (low - at).max(at - low - size).max(0.0)
    };
    let (dx, dy) = (off(x, cx), off(y, cy));
    (dx * dx + dy * dy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_within_the_radius_is_in_view_and_nothing_far_beyond() {
        let grid = Grid::new(Interest::Radius(100.0));
        for look in [(0.0, 0.0), (-333.0, 47.0), (49.9, -1e4)] {
            let mut channels = Vec::new();
            grid.in_view(Some(look), |_| false, &mut channels);
            for i in 0..360 {
                let (dx, dy) = ((f64::from(i)).to_radians().cos() as f32, f64::from(i).to_radians().sin() as f32);
                let near = cell_at(50.0, look.0 + dx * 99.9, look.1 + dy * 99.9);
                assert!(channels.contains(&near), "what is 99.9 away from {look:?} must be seen");
                let far = cell_at(50.0, look.0 + dx * 172.0, look.1 + dy * 172.0);
                assert!(!channels.contains(&far), "what is 172 away from {look:?} must not be seen");
            }
        }
    }

    #[test]
    fn a_border_does_not_flicker() {
        let mut grid = Grid::new(Interest::Radius(100.0));
        let mut at = |tick, x| grid.settle(Tick(tick), EntityId(1), Place::at(x, 0.0)).expect("asked once a tick");
        let home = at(1, 49.0);
        assert_eq!(at(2, 51.0), home);
        assert_eq!(at(3, 49.5), home);
        assert_ne!(at(4, 60.0), home);
    }

    #[test]
    fn what_is_beyond_the_grid_is_seen_from_there() {
        let mut grid = Grid::new(Interest::Radius(10.0));
        for (x, y) in [(1e6, 0.0), (-1e9, 1e9), (f32::NAN, f32::INFINITY)] {
            let home = grid.settle(Tick(x.to_bits()), EntityId(1), Place::at(x, y)).expect("asked once a tick");
            let mut channels = Vec::new();
            grid.in_view(Some((x, y)), |_| false, &mut channels);
            assert!(channels.contains(&home), "one at ({x}, {y}) must see itself");
        }
    }

    #[test]
    fn no_cell_is_everywhere() {
        for x in [-1e9, -1.0, 0.0, 1e9, f32::NAN] {
            for y in [-1e9, -1.0, 0.0, 1e9, f32::INFINITY] {
                assert_ne!(cell_at(50.0, x, y), Channel::EVERYWHERE, "the cell of ({x}, {y})");
            }
        }
        assert_eq!(Channel::cell(-7, 32_000).coordinates(), (-7, 32_000));
    }

    #[test]
    fn an_id_that_is_used_twice_is_found() {
        let mut grid = Grid::new(Interest::Everything);
        assert_eq!(grid.settle(Tick(1), EntityId(1), Place::Everywhere), Some(Channel::EVERYWHERE));
        assert_eq!(grid.settle(Tick(1), EntityId(1), Place::Everywhere), None);
    }
}
