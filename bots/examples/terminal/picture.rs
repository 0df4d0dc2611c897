//! A picture of the arena in characters, one cell twice as high as wide.

use std::f32::consts::TAU;
use std::fmt::{self, Write};

use tickwire_arena::rock::radius;
use tickwire_arena::{Entity, SCREEN_HEIGHT, Ship, WORLD_RADIUS};
use tickwire_shared::EntityId;

/// Noses from 0 along +x, clockwise: +y points down.
const NOSES: [char; 8] = ['→', '↘', '↓', '↙', '←', '↖', '↑', '↗'];
/// Colours of a terminal's 256, around the circle; the first is the drones'.
const HUES: [u8; 16] = [245, 196, 202, 208, 220, 190, 118, 46, 48, 51, 39, 33, 63, 99, 165, 201];
const GREY: u8 = 240;
const WHITE: u8 = 15;

/// How many of what are on a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Living ships, the own one too.
    pub ships: usize,
    /// Asteroids.
    pub rocks: usize,
    /// Shots.
    pub shots: usize,
    /// The own ship, alive.
    pub own: bool,
}

impl Shown {
    /// The larger of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self {
            ships: self.ships.max(other.ships),
            rocks: self.rocks.max(other.rocks),
            shots: self.shots.max(other.shots),
            own: self.own || other.own,
        }
    }
}

/// Rows of coloured characters; the own ship is in the middle.
pub struct Picture {
    columns: usize,
    cells: Vec<(char, u8)>,
    /// What lies in the middle.
    centre: (f32, f32),
}

impl Picture {
    /// An empty one of so many columns and rows, at least one of each.
    #[must_use]
    pub fn new((columns, rows): (u16, u16)) -> Self {
        let (columns, rows) = (usize::from(columns.max(1)), usize::from(rows.max(1)));
        Self { columns, cells: vec![(' ', WHITE); columns * rows], centre: (0.0, 0.0) }
    }

    /// Draws all, around the own ship.
    pub fn draw(&mut self, entities: &[(EntityId, Entity)], own: Option<EntityId>) -> Shown {
        let own = entities.iter().find_map(|(id, entity)| match entity {
            Entity::Ship(ship) if Some(*id) == own => Some(ship),
            _ => None,
        });
        self.centre = own.map_or((0.0, 0.0), |ship| (ship.x, ship.y));
        self.rim();
        let mut shown = Shown::default();
        // what is drawn later lies above
        for (_, entity) in entities {
            if let Entity::Rock(rock) = entity {
                shown.rocks += usize::from(self.disc(rock.x, rock.y, radius(rock.size)));
            }
        }
        for (_, entity) in entities {
            match entity {
                Entity::Shot(shot) => shown.shots += usize::from(self.dot(shot.x, shot.y, '•', hue(shot.hue))),
                Entity::Pickup(pickup) => {
                    self.dot(pickup.x, pickup.y, '+', WHITE);
                }
                Entity::Ship(ship) if !ship.dead && !own.is_some_and(|own| std::ptr::eq(own, ship)) => {
                    shown.ships += usize::from(self.ship(ship, hue(ship.hue)));
                }
                _ => {}
            }
        }
        if let Some(ship) = own {
            self.hull(ship);
            shown.own = !ship.dead && self.ship(ship, WHITE);
            shown.ships += usize::from(shown.own);
        }
        shown
    }

    /// Writes over a row, from its left.
    pub fn write(&mut self, row: usize, text: &str) {
        let first = row * self.columns;
        let Some(cells) = self.cells.get_mut(first..first + self.columns) else { return };
        cells.iter_mut().zip(text.chars().filter(|c| !c.is_control())).for_each(|(cell, c)| *cell = (c, WHITE));
    }

    /// As a terminal takes it, from its upper left corner on.
    #[must_use]
    pub fn ansi(&self) -> String {
        let (mut out, mut colour) = (String::from("\x1b[H"), None);
        for (at, (c, of)) in self.cells.iter().enumerate() {
            if at > 0 && at % self.columns == 0 {
                out.push_str("\r\n");
            }
            if colour.replace(*of) != Some(*of) {
                // a String takes everything
                let _ = write!(out, "\x1b[38;5;{of}m");
            }
            out.push(*c);
        }
        out
    }

    fn hull(&mut self, ship: &Ship) {
        let text = if ship.dead {
            format!("blown up: back in {:.0} s", ship.respawn_s.ceil())
        } else {
            format!("hull {} · score {}", ship.hp, ship.score)
        };
        self.write(1, &text);
    }

    fn ship(&mut self, ship: &Ship, colour: u8) -> bool {
        let eighth = (ship.heading.rem_euclid(TAU) / TAU * 8.0).round() as usize % 8;
        self.dot(ship.x, ship.y, NOSES[eighth], colour)
    }

    fn disc(&mut self, x: f32, y: f32, radius: f32) -> bool {
        let (column, row) = self.cell_of(x, y);
        let (rows, unit) = ((radius / self.unit()).ceil() as i32, self.unit());
        let mut any = self.set(column, row, '▒', GREY);
        for (dy, dx) in (-rows..=rows).flat_map(|dy| (-2 * rows..=2 * rows).map(move |dx| (dy, dx))) {
            let (ux, uy) = (dx as f32 * unit / 2.0, dy as f32 * unit);
            if ux * ux + uy * uy <= radius * radius {
                any |= self.set(column + dx, row + dy, '▒', GREY);
            }
        }
        any
    }

    /// What lies outside of the world.
    fn rim(&mut self) {
        let (unit, (columns, rows)) = (self.unit(), self.size());
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let x = self.centre.0 + (column - columns / 2) as f32 * unit / 2.0;
            let y = self.centre.1 + (row - rows / 2) as f32 * unit;
            if x * x + y * y > WORLD_RADIUS * WORLD_RADIUS {
                self.set(column, row, '░', GREY);
            }
        }
    }

    fn dot(&mut self, x: f32, y: f32, c: char, colour: u8) -> bool {
        let (column, row) = self.cell_of(x, y);
        self.set(column, row, c, colour)
    }

    fn set(&mut self, column: i32, row: i32, c: char, colour: u8) -> bool {
        let (columns, rows) = self.size();
        let is_in = (0..columns).contains(&column) && (0..rows).contains(&row);
        if is_in {
            self.cells[(row * columns + column) as usize] = (c, colour);
        }
        is_in
    }

    fn cell_of(&self, x: f32, y: f32) -> (i32, i32) {
        let (columns, rows) = self.size();
        let (dx, dy) = ((x - self.centre.0) / self.unit(), (y - self.centre.1) / self.unit());
        (columns / 2 + (dx * 2.0).round() as i32, rows / 2 + dy.round() as i32)
    }

    /// Units from row to row.
    fn unit(&self) -> f32 {
        SCREEN_HEIGHT / self.size().1 as f32
    }

    fn size(&self) -> (i32, i32) {
        // a terminal's numbers have 16 bits
        (self.columns as i32, (self.cells.len() / self.columns) as i32)
    }
}

/// The rows, without colour.
impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.chunks(self.columns).try_for_each(|row| {
            let row: String = row.iter().map(|(c, _)| c).collect();
            writeln!(f, "{row}")
        })
    }
}

fn hue(hue: u8) -> u8 {
    HUES[usize::from(hue) % HUES.len()]
}
