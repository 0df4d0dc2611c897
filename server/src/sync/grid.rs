//! Who receives what: a square grid of cells of half the view radius, and in each cell the layers.

use tickwire_shared::protocol::frame::OPEN_MAX;
use tickwire_shared::{Area, Interest, Place, SeatId, Sight};

use super::channel::{Cell, Channel};
use super::scope::Scope;
use super::snapshot::{ChannelRows, Snapshot};

/// [`Cell::MAX`] as places are reckoned; what lies further out belongs to the border cells.
const CELL_MAX: f32 = Cell::MAX as f32;
/// The view radius in cells, and how much further out a cell may be that was in view.
const VIEW: f32 = 2.0;
const STAY: f32 = 0.5;
/// What reckoning a distance may be wrong by, in cells; far out a number has no more than ten bits for a part of a cell.
const DOUBT: f32 = 0.01;

/// See the module.
#[derive(Debug)]
pub struct Grid {
    interest: Interest,
}

/// What a game last said of a seat's interest.
#[derive(Clone, Copy, Debug)]
pub struct Eye {
    /// Whose it is.
    pub seat: SeatId,
    /// Where it looks.
    pub look: Option<(f32, f32)>,
    /// Which layers it sees.
    pub sight: Sight,
}

impl Eye {
    fn allows(&self, channel: Channel) -> bool {
        channel.is_public() || self.sight.sees(self.seat, channel.layer())
    }
}

impl Grid {
    /// A grid for a room's interest.
    #[must_use]
    pub fn new(interest: Interest) -> Self {
        Self { interest }
    }

    /// The cell of what is at `place` and was in `before`, if it was anywhere. A cell is left a little late.
    #[inline]
    pub(super) fn home(&self, before: Option<Cell>, place: Place) -> Cell {
        let (Some(size), Place::At { x, y }) = (self.cell_size(), place) else { return Cell::EVERYWHERE };
        let (x, y) = within_the_grid(size, x, y);
        let stays = |home: &Cell| *home != Cell::EVERYWHERE && distance(size, *home, x, y) <= Area::MARGIN * size;
        before.filter(stays).unwrap_or_else(|| cell_at(size, x, y))
    }

    /// Adds to `channels` those of `now` that `eye` receives, sorted, at most [`OPEN_MAX`]. Cells that are `held`
    /// stay a little longer than new ones would come; `sees` may shut any.
    ///
    /// When all of them are held and `sees` shuts none, it stays so for as long as the result tells.
    pub(super) fn in_view(
        &self,
        eye: &Eye,
        now: &Snapshot,
        held: impl FnMut(Cell) -> bool,
        sees: impl Fn(Area) -> bool,
        channels: &mut Vec<Channel>,
    ) -> Option<Scope> {
        let scope = if eye.sight == Sight::All {
            channels.extend(now.channels_from(Cell::EVERYWHERE));
            Some(Scope::new(eye, now, i16::MIN..=i16::MAX, f32::INFINITY))
        } else {
            let everywhere = now.channels_from(Cell::EVERYWHERE);
            let everywhere = everywhere.take_while(|channel| channel.cell() == Cell::EVERYWHERE);
            channels.extend(everywhere.filter(|channel| eye.allows(*channel)));
            self.around(eye, now, held, sees, channels)
        };
        if channels.len() > OPEN_MAX {
            self.keep_nearest(eye.look.unwrap_or_default(), channels);
            return None;
        }
        scope
    }

    /// Adds the channels of cells within the radius of where `eye` looks.
    fn around(
        &self,
        eye: &Eye,
        now: &Snapshot,
        mut held: impl FnMut(Cell) -> bool,
        sees: impl Fn(Area) -> bool,
        channels: &mut Vec<Channel>,
    ) -> Option<Scope> {
        let (Some(size), Some((x, y))) = (self.cell_size(), eye.look) else {
            return Some(Scope::new(eye, now, 0..=0, f32::INFINITY));
        };
        let (x, y) = within_the_grid(size, x, y);
        let home = cell_at(size, x, y).numbers();
        // from here on in cells: the radius is two
        let (within_x, within_y) = (x / size - f32::from(home.0), y / size - f32::from(home.1));
        let columns = home.0.saturating_sub(3)..=home.0.saturating_add(3);
        // squared: the furthest cell that stays, and the nearest of the others; those that are not looked at are further
        // out than what may stay
        let (mut furthest, mut nearest, mut is_dark) = (0.0_f32, (VIEW + STAY) * (VIEW + STAY), false);
        for (column, there) in now.columns(columns.clone()) {
            let aside = off(f32::from(column - home.0), within_x);
            let Some(border) = rows_within(VIEW + STAY, aside, (home.1, within_y)) else { continue };
            let near = rows_within(VIEW, aside, (home.1, within_y));
            let cells = |(low, high): (i16, i16)| Cell::new(column, low)..=Cell::new(column, high);
            let (border, near) = (cells(border), near.map(cells));
            let mut there = &there[first_from(*border.start(), there)..];
            while let Some(first) = there.first()
                && first.channel.cell() <= *border.end()
            {
                // once a cell, whatever the number of its layers
                let (cell, before) = (first.channel.cell(), channels.len());
                while let Some((ChannelRows { channel, .. }, rest)) = there.split_first()
                    && channel.cell() == cell
                {
                    if eye.allows(*channel) {
                        channels.push(*channel);
                    }
                    there = rest;
                }
                if channels.len() > before {
                    let along = off(f32::from(cell.numbers().1 - home.1), within_y);
                    let away = aside * aside + along * along;
                    let stays = near.as_ref().is_some_and(|near| near.contains(&cell)) || held(cell);
                    if stays {
                        furthest = furthest.max(away);
                    } else {
                        nearest = nearest.min(away);
                    }
                    let is_seen = stays && sees(area(size, cell));
                    is_dark |= stays && !is_seen;
                    if !is_seen {
                        channels.truncate(before);
                    }
                }
            }
        }
        let slack = (VIEW + STAY - furthest.sqrt()).min(nearest.sqrt() - VIEW);
        let slack = (slack - DOUBT).max(0.0) * size;
        (!is_dark).then(|| Scope::new(eye, now, columns, slack))
    }

    /// Whether `sees` shuts none of these cells, which come in order.
    #[inline]
    pub(super) fn none_is_shut(&self, cells: impl Iterator<Item = Cell>, sees: impl Fn(Area) -> bool) -> bool {
        let Some(size) = self.cell_size() else { return true };
        let mut last = Cell::EVERYWHERE;
        // once a cell, whatever the number of its layers
        let mut cells = cells.filter(|cell| std::mem::replace(&mut last, *cell) != *cell);
        cells.all(|cell| sees(area(size, cell)))
    }

    /// Whether one with `eye` may know what happens at a point.
    pub fn reaches(&self, eye: &Eye, (x, y): (f32, f32), sees: impl Fn(Area) -> bool) -> bool {
        let (Interest::Radius(radius), Some(size)) = (self.interest, self.cell_size()) else { return true };
        let (x, y) = within_the_grid(size, x, y);
        let cell = cell_at(size, x, y);
        let near = |(x, y)| {
            let (x, y) = within_the_grid(size, x, y);
            distance(size, cell, x, y) <= radius
        };
        eye.sight == Sight::All || (eye.look.is_some_and(near) && sees(area(size, cell)))
    }

    /// How far a cell is from where one looks, in cells; everywhere is near.
    pub(super) fn cells_away(&self, look: Option<(f32, f32)>, cell: Cell) -> f32 {
        match (self.cell_size(), look) {
            (Some(size), Some((x, y))) if cell != Cell::EVERYWHERE => {
                let (x, y) = within_the_grid(size, x, y);
                distance(size, cell, x, y) / size
            }
            _ => 0.0,
        }
    }

    /// A place in cells, for [`away_squared`]; none where there are no cells.
    pub(super) fn in_cells(&self, (x, y): (f32, f32)) -> Option<(f32, f32)> {
        let size = self.cell_size()?;
        let (x, y) = within_the_grid(size, x, y);
        Some((x / size, y / size))
    }

    /// A number for the part of the world where one looks, some views wide; neighbours have different ones.
    pub(super) fn block(&self, look: Option<(f32, f32)>) -> u32 {
        const CELLS: i16 = 8;
        let (Some(size), Some((x, y))) = (self.cell_size(), look) else { return 0 };
        let (x, y) = within_the_grid(size, x, y);
        let (column, row) = cell_at(size, x, y).numbers();
        (i32::from(column.div_euclid(CELLS)) * 5 + i32::from(row.div_euclid(CELLS)) * 3).cast_unsigned()
    }

    /// Drops the channels that are furthest from a point; those of everywhere are the nearest.
    fn keep_nearest(&self, (x, y): (f32, f32), channels: &mut Vec<Channel>) {
        let size = self.cell_size().unwrap_or(1.0);
        let (x, y) = within_the_grid(size, x, y);
        let away = |cell: Cell| if cell == Cell::EVERYWHERE { -1.0 } else { distance(size, cell, x, y) };
        channels
            .select_nth_unstable_by(OPEN_MAX, |a, b| away(a.cell()).total_cmp(&away(b.cell())).then_with(|| a.cmp(b)));
        channels.truncate(OPEN_MAX);
        channels.sort_unstable();
    }

    /// The side of a cell; none where everybody sees everything.
    #[must_use]
    pub fn cell_size(&self) -> Option<f32> {
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

fn cell_at(size: f32, x: f32, y: f32) -> Cell {
    Cell::new(cell_number(size, x), cell_number(size, y))
}

/// The number of the column or row of a place.
fn cell_number(size: f32, at: f32) -> i16 {
    (at / size).floor().clamp(-CELL_MAX, CELL_MAX) as i16
}

/// From a place to the nearest place of a column or row, in cells; 0 inside.
#[inline]
fn off(number: f32, at: f32) -> f32 {
    (number - at).max(at - number - 1.0).max(0.0)
}

/// How far a cell is from a place, in cells and squared; 0 inside.
#[inline]
pub(super) fn away_squared((x, y): (f32, f32), cell: Cell) -> f32 {
    let (column, row) = cell.numbers();
    let (dx, dy) = (off(column.into(), x), off(row.into(), y));
    dx * dx + dy * dy
}

/// Quicker than `hypot`, whose care for extremes nobody needs here.
#[inline]
fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// The first and last row of a column `aside` of a point that are within `reach` of it; `row` is the point's, and how
/// far within. In cells.
#[inline]
fn rows_within(reach: f32, aside: f32, (row, within): (i16, f32)) -> Option<(i16, i16)> {
    let half = reach * reach - aside * aside;
    (half >= 0.0).then(|| {
        let half = half.sqrt();
        // both are above -4, so what is cut off is what `floor` would, without a call
        let number = |at: f32| row.saturating_add((at + 4.0) as i16 - 4).clamp(-Cell::MAX, Cell::MAX);
        (number(within - half), number(within + half))
    })
}

/// The place of the first of a column's channels that is not before a cell of the column.
#[inline]
fn first_from(cell: Cell, channels: &[ChannelRows]) -> usize {
    // where it is in a column that has one channel in each cell
    let guess = cell.rows_after(channels[0].channel.cell()).min(channels.len() - 1);
    let is_before = |rows: &ChannelRows| rows.channel.cell() < cell;
    let is_right = !is_before(&channels[guess]) && (guess == 0 || is_before(&channels[guess - 1]));
    if is_right { guess } else { channels.partition_point(is_before) }
}

fn area(size: f32, cell: Cell) -> Area {
    let (x, y) = cell.numbers();
    Area { x: f32::from(x) * size, y: f32::from(y) * size, side: size }
}

/// From a point to the nearest point of a cell; 0 inside.
fn distance(size: f32, cell: Cell, x: f32, y: f32) -> f32 {
    let (column, row) = cell.numbers();
    let (dx, dy) = (off(column.into(), x / size) * size, off(row.into(), y / size) * size);
    length(dx, dy)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tickwire_shared::delta::Layout;
    use tickwire_shared::publish::{Published, PutEntity};
    use tickwire_shared::schema::{KindSchema, Schema};
    use tickwire_shared::{EntityId, Layer, Teams, Tick};

    use super::super::store::Store;
    use super::*;

    const CELL: f32 = 50.0;

    fn eye(look: (f32, f32)) -> Eye {
        Eye { seat: SeatId(0), look: Some(look), sight: Sight::default() }
    }

    /// A snapshot in which entities of no fields are in these layers at these places.
    fn settled(grid: &Grid, tick: u32, entities: &[(f32, f32, Layer)]) -> Store {
        let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
        let kinds = vec![KindSchema { name: "Body".into(), fields: Vec::new() }];
        let schema = Schema { game: "grid".into(), version: 0, kinds, input, tables: Vec::new() };
        let mut store = Store::new(Layout::new(&schema).expect("a sound schema"));
        let mut published = Published::default();
        published.entities.extend((0..).zip(entities).map(|(id, (x, y, layer))| PutEntity {
            id: EntityId(id),
            kind: 0,
            place: Place::at(*x, *y),
            layer: *layer,
            owner: None,
            first_lane: 0,
        }));
        store.settle(Tick(tick), &published, grid);
        store
    }

    fn seen(grid: &Grid, store: &Store, eye: &Eye, held: bool, sees: impl Fn(Area) -> bool) -> Vec<Channel> {
        let mut channels = Vec::new();
        grid.in_view(eye, store.newest().expect("settled"), |_| held, sees, &mut channels);
        assert!(channels.is_sorted_by(|a, b| a < b), "sorted, and each once");
        channels
    }

    fn public(x: f32, y: f32) -> Channel {
        Channel::new(cell_at(CELL, x, y), Layer::Public)
    }

    #[test]
    fn all_within_the_radius_is_in_view_and_nothing_far_beyond() {
        for look in [(0.0, 0.0), (-333.0, 47.0), (49.9, -1e4)] {
            let grid = Grid::new(Interest::Radius(100.0));
            let around = |i: u32, away: f32| {
                let (sin, cos) = (i as f32).to_radians().sin_cos();
                (look.0 + cos * away, look.1 + sin * away)
            };
            let places = (0..360).flat_map(|i| [around(i, 99.9), around(i, 124.0), around(i, 172.0), around(i, 198.0)]);
            let entities: Vec<_> = places.map(|(x, y)| (x, y, Layer::Public)).collect();
            let store = settled(&grid, 1, &entities);
            let new = seen(&grid, &store, &eye(look), false, |_| true);
            let held = seen(&grid, &store, &eye(look), true, |_| true);
            for i in 0..360 {
                let at = |away| public(around(i, away).0, around(i, away).1);
                assert!(new.contains(&at(99.9)), "what is 99.9 away from {look:?} must be seen");
                assert!(!new.contains(&at(172.0)), "what is 172 away from {look:?} must not be seen");
                assert!(held.contains(&at(124.0)), "what is 124 away from {look:?} must stay in sight");
                assert!(!held.contains(&at(198.0)), "what is 198 away from {look:?} must not stay in sight");
            }
        }
    }

    #[test]
    fn a_border_does_not_flicker() {
        let grid = Grid::new(Interest::Radius(100.0));
        let at = |before, x| grid.home(before, Place::at(x, 0.0));
        let home = at(None, 49.0);
        assert_eq!(at(Some(home), 51.0), home);
        assert_eq!(at(Some(home), 49.5), home);
        assert_ne!(at(Some(home), 60.0), home);
        assert_ne!(at(None, 51.0), home);
    }

    #[test]
    fn what_is_beyond_the_grid_is_seen_from_there() {
        for (x, y) in [(1e6, 0.0), (-1e9, 1e9), (f32::NAN, f32::INFINITY)] {
            let grid = Grid::new(Interest::Radius(10.0));
            let store = settled(&grid, 1, &[(x, y, Layer::Public)]);
            assert_eq!(
                seen(&grid, &store, &eye((x, y)), false, |_| true).len(),
                1,
                "one at ({x}, {y}) must see itself"
            );
        }
    }

    #[test]
    fn a_seat_gets_the_layers_that_it_sees_and_a_spectator_all_of_them_everywhere() {
        let (red, blue) = (Teams::one(0), Teams::one(1));
        let layers = [Layer::Public, Layer::Teams(red), Layer::Teams(red | blue), Layer::Seat(SeatId(0))];
        let mut entities: Vec<_> = layers.iter().map(|layer| (10.0, 10.0, *layer)).collect();
        entities.extend([(10.0, 10.0, Layer::Seat(SeatId(1))), (1e4, 10.0, Layer::Public)]);
        let grid = Grid::new(Interest::Radius(100.0));
        let store = settled(&grid, 1, &entities);
        let with = |sight, sees: &dyn Fn(Area) -> bool| {
            let channels = seen(&grid, &store, &Eye { sight, ..eye((0.0, 0.0)) }, false, sees);
            channels.iter().map(|channel| channel.layer()).collect::<Vec<_>>()
        };
        let open = |_: Area| true;
        assert_eq!(with(Sight::Teams(red), &open), layers);
        assert_eq!(with(Sight::Teams(blue), &open), [layers[0], layers[2], layers[3]]);
        assert_eq!(with(Sight::default(), &open), [layers[0], layers[3]]);
        assert_eq!(with(Sight::Teams(Teams::ALL), &|_| false), []);
        assert_eq!(with(Sight::All, &|_| false).len(), 6, "a spectator sees all");
    }

    #[test]
    fn a_game_is_asked_once_for_each_cell_in_which_the_seat_could_see_something() {
        let hidden = Layer::Seat(SeatId(1));
        let entities = [
            (10.0, 10.0, Layer::Public),
            (10.0, 10.0, Layer::Seat(SeatId(0))),
            (60.0, -10.0, Layer::Public),
            (60.0, 60.0, hidden),
        ];
        let grid = Grid::new(Interest::Radius(100.0));
        let store = settled(&grid, 1, &entities);
        let asked = RefCell::new(Vec::new());
        let sees = |area: Area| {
            asked.borrow_mut().push(area);
            area.x > 0.0
        };
        assert_eq!(seen(&grid, &store, &eye((0.0, 0.0)), false, sees), [public(60.0, -10.0)]);
        let area = |x, y| Area { x, y, side: CELL };
        assert_eq!(asked.into_inner(), [area(0.0, 0.0), area(50.0, -50.0)]);
    }

    #[test]
    fn of_more_channels_than_a_client_holds_the_nearest_are_given() {
        let along = (0..100u8).map(|number| f32::from(number) * CELL + 1.0);
        let places = along.clone().flat_map(|x| along.clone().map(move |y| (x, y)));
        let entities: Vec<_> = places.map(|(x, y)| (x, y, Layer::Public)).collect();
        let grid = Grid::new(Interest::Radius(100.0));
        let store = settled(&grid, 1, &entities);
        let look = (4000.0, 1000.0);
        let channels = seen(&grid, &store, &Eye { sight: Sight::All, ..eye(look) }, false, |_| true);
        assert_eq!(channels.len(), OPEN_MAX);
        let away = |(x, y, _): &(f32, f32, Layer)| (x - look.0).hypot(y - look.1);
        let (near, far): (Vec<_>, Vec<_>) = entities.iter().partition(|entity| away(entity) < 1000.0);
        assert!(near.iter().all(|(x, y, _)| channels.contains(&public(*x, *y))) && near.len() > 1000);
        let furthest = far.iter().max_by(|a, b| away(a).total_cmp(&away(b))).expect("some are far");
        assert!(!channels.contains(&public(furthest.0, furthest.1)));
    }

    #[test]
    fn an_event_reaches_those_whose_view_reaches_its_cell() {
        let grid = Grid::new(Interest::Radius(100.0));
        let reaches = |eye: &Eye, at| grid.reaches(eye, at, |area| area.x < 50.0);
        let near = eye((0.0, 0.0));
        assert!(reaches(&near, (20.0, 20.0)) && reaches(&near, (-99.0, 0.0)));
        assert!(!reaches(&near, (60.0, 20.0)), "the game shuts that cell");
        assert!(!reaches(&near, (-160.0, 0.0)), "too far");
        assert!(!reaches(&Eye { look: None, ..near }, (20.0, 20.0)), "it looks nowhere");
        assert!(reaches(&Eye { sight: Sight::All, look: None, ..near }, (60.0, 1e5)), "a spectator");
        assert!(Grid::new(Interest::Everything).reaches(&near, (60.0, 1e5), |_| false), "no cells, nothing to shut");
    }
}
