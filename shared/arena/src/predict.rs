//! What a player's client works out by itself: the flight of its own ship, by the rules of the server's tick.

use tickwire_shared::Predict;
use tickwire_shared::client::Around;

use crate::Arena;
use crate::kinds::{Entity, Input};
use crate::ship::{self, ShipState};
use crate::vec2::Vec2;

/// A ship that is further away than this from where it was drawn has come back elsewhere: no bump takes it so far.
const JUMP: f32 = 10.0;

impl Predict for Arena {
    const FIELDS: &'static [&'static str] =
        &["x", "y", "heading", "thrust", "vx", "vy", "x_rest", "y_rest", "heading_rest", "spin"];

    fn step(own: &mut Entity, input: &Input, around: &Around<'_, Entity>) {
        let Entity::Ship(own) = own else { return };
        if own.dead {
            return;
        }
        let mut state = ShipState::of(own);
        ship::step(&mut state, input, around.dt());
        state.show(own);
        own.thrust = input.thrust;
    }

    fn jumped(drawn: &Entity, is: &Entity) -> bool {
        let (Entity::Ship(drawn), Entity::Ship(is)) = (drawn, is) else { return true };
        drawn.dead != is.dead || Vec2::new(drawn.x, drawn.y).distance(Vec2::new(is.x, is.y)) > JUMP
    }
}
