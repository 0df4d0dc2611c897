//! What is to be drawn, as one array that JavaScript reads in place: nothing is made for each entity and frame.
//!
//! Rows of [`STRIDE`] words, each a `u32` or the bits of an `f32`. `assets/web/arena/world.js` is the other half of
//! this file.
//!
//! ```text
//!          0        1     2   3   4      5        6       7     8     9      10         11
//! head     own id   seat  vx  vy  heat   respawn  gun     tick  hash  rtt    bytes in   bytes out
//! ship     id       0     x   y   angle  hp       flags   hue   gun   score  name hash
//! rock     id       1     x   y   angle  radius   broken  seed  size
//! shot     id       2     x   y   angle           hit     hue
//! pickup   id       3     x   y                   taken   gift
//! leader   id       4     x   y          rank     seat    hue         score  name hash
//! roster   id       5                             players
//! ```
//! Words 2 to 5 are floats in every row; in the head row so are 6 (seconds that the gun stays special) and 9 (round
//! trip in milliseconds, -1 before the first).

use std::f64::consts::TAU;
use std::time::Duration;

use tickwire_arena::{Arena, Entity, Leader, Pickup, Rock, Roster, Ship, Shot, rock};
use tickwire_shared::client::Client;
use tickwire_shared::{EntityId, SeatId};

/// Words in a row.
pub const STRIDE: usize = 12;
/// Stands for "no ship" and "no seat" in the head row.
pub const NOBODY: u32 = u32::MAX;

const THRUST: u32 = 1;
const DEAD: u32 = 2;
const SAFE: u32 = 4;
const DRONE: u32 = 8;

type Row = [u32; STRIDE];

/// The rows of one moment. Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub struct Rows {
    words: Vec<u32>,
}

impl Rows {
    /// Replaces all rows by those of `now`, and tells how many follow the head row.
    pub fn fill(&mut self, client: &Client<Arena>, now: Duration) -> usize {
        self.words.clear();
        self.words.extend(head(client));
        let own = client.owned().next();
        for (id, entity) in client.sample(now) {
            if let Entity::Ship(ship) = &entity
                && own == Some(id)
            {
                own_fields(&mut self.words[..STRIDE], id, ship);
            }
            self.words.extend(row(id, &entity, now));
        }
        self.words.len() / STRIDE - 1
    }

    /// The head row, then one for each entity.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }
}

fn head(client: &Client<Arena>) -> Row {
    let stats = client.stats();
    let rtt_ms = stats.rtt.map_or(-1.0, |rtt| rtt.as_secs_f32() * 1000.0);
    let mut head = [0; STRIDE];
    head[0] = NOBODY;
    head[1] = client.seat().map_or(NOBODY, |SeatId(seat)| seat.into());
    head[7] = client.tick().map_or(0, |tick| tick.0);
    head[8] = client.state_hash();
    head[9] = rtt_ms.to_bits();
    // the page only looks at differences
    head[10] = stats.bytes_in as u32;
    head[11] = stats.bytes_out as u32;
    head
}

fn own_fields(head: &mut [u32], id: EntityId, ship: &Ship) {
    head[0] = id.0;
    for (word, value) in head[2..7].iter_mut().zip([ship.vx, ship.vy, ship.heat, ship.respawn_s, ship.gun_s]) {
        *word = value.to_bits();
    }
}

fn row(id: EntityId, entity: &Entity, now: Duration) -> Row {
    let mut row = match entity {
        Entity::Ship(ship) => ship_row(ship),
        Entity::Rock(rock) => rock_row(rock, now),
        Entity::Shot(shot) => shot_row(shot),
        Entity::Pickup(pickup) => pickup_row(pickup),
        Entity::Leader(leader) => leader_row(leader),
        Entity::Roster(roster) => roster_row(roster),
    };
    row[0] = id.0;
    row
}

fn ship_row(ship: &Ship) -> Row {
    let mut row = placed(0, ship.x, ship.y, ship.heading, f32::from(ship.hp));
    row[6] = [(ship.thrust, THRUST), (ship.dead, DEAD), (ship.safe, SAFE), (ship.drone, DRONE)]
        .iter()
        .filter_map(|(is, flag)| is.then_some(flag))
        .sum();
    row[7] = ship.hue.into();
    row[8] = ship.gun as u32;
    row[9] = ship.score;
    row[10] = name_hash(&ship.name);
    row
}

fn rock_row(rock: &Rock, now: Duration) -> Row {
    // in f64, for a page that stays open for days
    let angle = (f64::from(rock::spin(rock.seed)) * now.as_secs_f64()).rem_euclid(TAU);
    let mut row = placed(1, rock.x, rock.y, angle as f32, rock::radius(rock.size));
    row[6] = rock.broken.into();
    row[7] = rock.seed.into();
    row[8] = rock.size as u32;
    row
}

fn shot_row(shot: &Shot) -> Row {
    let mut row = placed(2, shot.x, shot.y, shot.heading, 0.0);
    row[6] = shot.hit.into();
    row[7] = shot.hue.into();
    row
}

fn pickup_row(pickup: &Pickup) -> Row {
    let mut row = placed(3, pickup.x, pickup.y, 0.0, 0.0);
    row[6] = pickup.taken.into();
    row[7] = pickup.gift as u32;
    row
}

fn leader_row(leader: &Leader) -> Row {
    let mut row = placed(4, leader.x, leader.y, 0.0, f32::from(leader.rank));
    row[6] = leader.seat.into();
    row[7] = leader.hue.into();
    row[9] = leader.score;
    row[10] = name_hash(&leader.name);
    row
}

fn roster_row(roster: &Roster) -> Row {
    let mut row = [0; STRIDE];
    row[1] = 5;
    row[6] = roster.players.into();
    row
}

fn placed(kind: u32, x: f32, y: f32, angle: f32, size: f32) -> Row {
    let mut row = [0; STRIDE];
    row[1] = kind;
    for (word, value) in row[2..6].iter_mut().zip([x, y, angle, size]) {
        *word = value.to_bits();
    }
    row
}

/// FNV-1a; never 0, which stands for "not asked yet".
fn name_hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_arena::{Gun, RockSize};

    #[test]
    fn a_ship_fills_its_columns() {
        let ship = Ship {
            x: 1.5,
            y: -2.0,
            heading: 0.5,
            thrust: true,
            dead: false,
            safe: true,
            hp: 60,
            gun: Gun::Fan,
            hue: 5,
            drone: true,
            name: "Ada".to_owned(),
            score: 120,
            vx: 0.0,
            vy: 0.0,
            x_rest: 0.0,
            y_rest: 0.0,
            heading_rest: 0.0,
            spin: 0.0,
            heat: 0.0,
            respawn_s: 0.0,
            gun_s: 0.0,
        };
        let row = row(EntityId(7), &Entity::Ship(ship), Duration::ZERO);
        assert_eq!(row[..2], [7, 0]);
        assert_eq!(row[2..6].iter().map(|word| f32::from_bits(*word)).collect::<Vec<_>>(), [1.5, -2.0, 0.5, 60.0]);
        assert_eq!(row[6..10], [THRUST | SAFE | DRONE, 5, 2, 120]);
        assert_ne!(row[10], name_hash("Bob"), "another name has another hash");
    }

    #[test]
    fn a_rock_turns_with_the_time_however_late_it_is() {
        let rock = Rock { x: 0.0, y: 0.0, size: RockSize::Medium, seed: 255, broken: true };
        let late = Duration::from_secs(30 * 24 * 3600);
        let angle = |now| f32::from_bits(rock_row(&rock, now)[4]);
        let turned = angle(late + Duration::from_millis(100)) - angle(late);
        assert!((turned - 0.09).abs() < 0.001, "a tenth of a second turns it by {turned}");
        assert_eq!(rock_row(&rock, late)[6..9], [1, 255, 1]);
    }
}
