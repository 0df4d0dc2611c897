//! How a ship moves: one pure function, for the server's tick and for a client that predicts its own ship.

use std::f32::consts::TAU;

use tickwire_shared::schema::quant::{Angle, FloatRange};

use crate::field;
use crate::kinds::{FINE_GRAIN, FIRST, GRAIN, Input, LAST, SPEED_GRAIN, SPIN_GRAIN, Ship};
use crate::trig::wrapped;
use crate::vec2::Vec2;

/// A ship is a disc of this radius to all that it meets.
pub const SHIP_RADIUS: f32 = 1.6;
/// A whole hull.
pub const MAX_HP: u8 = 100;
/// No ship is faster, whatever hits it.
pub const MAX_SPEED: f32 = 60.0;
/// Fastest turn, in radians a second.
pub const TURN_RATE: f32 = 4.6;

/// Push of the engine, in units a second².
const THRUST: f32 = 36.0;
/// The part of its speed that a ship loses in a second; with [`THRUST`] it gives 40 units a second at full burn.
const DRAG: f32 = 0.9;
/// How fast the keys' turn builds up, in radians a second²: a tap is a touch, holding is full rate after 1/4 s.
const TURN_BUILD_UP: f32 = 18.0;

/// All that moves of a ship.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct ShipState {
    /// Centre.
    pub at: Vec2,
    /// Units a second.
    pub velocity: Vec2,
    /// Where the nose points, -π to π.
    pub heading: f32,
    /// How fast the keys turn it, in radians a second.
    pub spin: f32,
}

impl ShipState {
    /// The state that a published ship stands for, exactly; only for one's own ship: others' speeds do not travel.
    #[must_use]
    pub fn of(ship: &Ship) -> Self {
        Self {
            at: Vec2::new(ship.x + ship.x_rest, ship.y + ship.y_rest),
            velocity: Vec2::new(ship.vx, ship.vy),
            heading: heading_of(f32::from(HEADING.quantize(ship.heading) as u16) * HEADING_RESTS + ship.heading_rest),
            spin: ship.spin,
        }
    }

    /// Publishes it; [`ShipState::of`] gives back what is quantized.
    pub fn show(&self, ship: &mut Ship) {
        let split = |at: f32| {
            let coarse = PLACE.dequantize(PLACE.quantize(at));
            (coarse, at - coarse)
        };
        ((ship.x, ship.x_rest), (ship.y, ship.y_rest)) = (split(self.at.x), split(self.at.y));
        let steps = heading_steps(self.heading);
        let coarse = (steps / HEADING_RESTS).round();
        ship.heading = HEADING.dequantize(coarse as u32 % 256);
        ship.heading_rest = steps - coarse * HEADING_RESTS;
        (ship.vx, ship.vy, ship.spin) = (self.velocity.x, self.velocity.y, self.spin);
    }

    /// What its owner is told of it.
    #[must_use]
    pub fn quantized(&self) -> Self {
        let near = |value: f32, grain: f32| (value / grain).round() * grain;
        Self {
            at: Vec2::new(near(self.at.x, FINE_GRAIN), near(self.at.y, FINE_GRAIN)),
            velocity: Vec2::new(near(self.velocity.x, SPEED_GRAIN), near(self.velocity.y, SPEED_GRAIN)),
            heading: heading_of(heading_steps(self.heading)),
            spin: SPIN.dequantize(SPIN.quantize(self.spin)),
        }
    }
}

/// Where to draw one's own ship, as [`Client::sample`](tickwire_shared::Client::sample) gives it.
#[must_use]
pub fn drawn_at(ship: &Ship) -> Vec2 {
    Vec2::new(ship.x + ship.x_rest, ship.y + ship.y_rest)
}

/// Where the nose of one's own ship points when drawn.
#[must_use]
pub fn drawn_heading(ship: &Ship) -> f32 {
    ship.heading + ship.heading_rest / TURN * TAU
}

const PLACE: FloatRange = FloatRange::new(FIRST as f64, LAST as f64, GRAIN as f64);
const SPIN: FloatRange = FloatRange::new(-5.0, 5.0, SPIN_GRAIN as f64);
const HEADING: Angle = Angle::new(8);
/// Steps of the rest of a heading in one of the heading.
const HEADING_RESTS: f32 = 256.0;
/// A full turn in such steps.
const TURN: f32 = 65_536.0;

/// A heading in steps, 0 to [`TURN`].
fn heading_steps(heading: f32) -> f32 {
    (heading / TAU * TURN).round().rem_euclid(TURN)
}

/// The heading of so many steps, -π to π.
fn heading_of(steps: f32) -> f32 {
    let steps = steps.rem_euclid(TURN);
    let near = if steps >= TURN / 2.0 { steps - TURN } else { steps };
    wrapped(near / TURN * TAU)
}

/// Moves a living ship by `dt` seconds as `input` wants, and leaves it as its owner is told of it. Collisions are not in
/// here.
pub fn step(state: &mut ShipState, input: &Input, dt: f32) {
    turn(state, input, dt);
    if input.thrust {
        state.velocity += Vec2::along(state.heading) * (THRUST * dt);
    }
    state.velocity = state.velocity * (1.0 - DRAG * dt) + field::border_push(state.at, dt);
    state.velocity = state.velocity.at_most(MAX_SPEED);
    state.at += state.velocity * dt;
    field::hold(&mut state.at, &mut state.velocity);
    *state = state.quantized();
}

fn turn(state: &mut ShipState, input: &Input, dt: f32) {
    let by = if input.aiming {
        state.spin = 0.0;
        let most = TURN_RATE * dt;
        wrapped(wrapped(input.aim) - state.heading).clamp(-most, most)
    } else {
        let wanted = f32::from(input.turn.signum()) * TURN_RATE;
        // letting go or turning round stops at once; only building up takes time
        let from = if state.spin * wanted > 0.0 { state.spin } else { 0.0 };
        let most = TURN_BUILD_UP * dt;
        state.spin = from + (wanted - from).clamp(-most, most);
        state.spin * dt
    };
    state.heading = wrapped(state.heading + by);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f32 = 1.0 / 30.0;

    fn fly(input: Input, ticks: usize) -> ShipState {
        let mut state = ShipState::default();
        for _ in 0..ticks {
            step(&mut state, &input, DT);
        }
        state
    }

    #[test]
    fn thrust_reaches_cruising_speed_and_drag_stops_it() {
        let mut state = fly(Input { thrust: true, ..Input::default() }, 150);
        let cruise = state.velocity.length();
        assert!((35.0..42.0).contains(&cruise), "cruises at {cruise}");
        for _ in 0..150 {
            step(&mut state, &Input::default(), DT);
        }
        assert!(state.velocity.length() < 1.0);
    }

    #[test]
    fn a_tap_turns_a_touch_and_holding_turns_fast() {
        let tap = fly(Input { turn: 1, ..Input::default() }, 1).heading;
        assert!((0.01..0.03).contains(&tap), "a tap turns by {tap}");
        let held = fly(Input { turn: -1, ..Input::default() }, 10).heading;
        assert!((-1.3..-0.9).contains(&held), "a third of a second turns by {held}");
    }

    #[test]
    fn aiming_ends_on_the_mark_by_the_shorter_way() {
        let mut state = ShipState { heading: 3.0, ..ShipState::default() };
        for _ in 0..4 {
            step(&mut state, &Input { aiming: true, aim: -3.0, ..Input::default() }, DT);
        }
        assert!(wrapped(state.heading + 3.0).abs() < 1e-4, "ended at {}", state.heading);
    }

    #[test]
    fn nobody_leaves_the_arena() {
        let input = Input { thrust: true, ..Input::default() };
        let mut state = ShipState { velocity: Vec2::new(MAX_SPEED, 5.0), ..ShipState::default() };
        for _ in 0..3000 {
            step(&mut state, &input, DT);
            assert!(state.at.length() <= field::WORLD_RADIUS + field::BORDER_DEPTH + 0.01);
        }
    }
}
