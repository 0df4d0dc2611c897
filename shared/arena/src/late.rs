//! Inputs that came late: the ship flies again what it has flown without them.
//!
//! Meanwhile the server let the last wish hold, and the player's client knew better. As long as nothing else has met the
//! ship, its flight is its player's affair alone: so it is where its inputs say, as if they had come in time, and the
//! client was right all along. What others did to it stays done: of what was before that, nothing is flown again. Shots
//! that it would have fired earlier are not fired.

use std::collections::VecDeque;

use tickwire_shared::Tick;

use crate::kinds::Input;
use crate::ship::{self, ShipState};

/// Ticks that are remembered; how many of them an input may be late is the room's affair (`rewind_ms`).
const KEPT: usize = 32;

/// The last ticks of a ship's flight in which it met nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flight {
    /// Each tick, and the ship before it; without gaps, the newest last.
    flown: VecDeque<(Tick, ShipState)>,
    /// The ship after the last one.
    after: ShipState,
}

impl Flight {
    /// Brings `state` to where `late` inputs, the oldest first, would have brought it.
    pub(crate) fn again(&mut self, state: &mut ShipState, late: &[(Tick, Input)], dt: f32) {
        if *state != self.after {
            self.flown.clear();
        }
        let Some((first, _)) = late.first() else { return };
        let Some(from) = self.flown.iter().position(|(tick, _)| !first.is_after(*tick)) else { return };
        *state = self.flown[from].1;
        for (tick, before) in self.flown.range_mut(from..) {
            *before = *state;
            if let Some((_, input)) = late.iter().rev().find(|(wished, _)| !wished.is_after(*tick)) {
                ship::step(state, input, dt);
            }
        }
        self.after = *state;
    }

    /// The ship flew a tick: how it was before, and after.
    pub(crate) fn note(&mut self, tick: Tick, before: ShipState, after: ShipState) {
        let follows = self.flown.back().is_some_and(|(last, _)| last.next() == tick) && before == self.after;
        if !follows {
            self.flown.clear();
        }
        if self.flown.len() >= KEPT {
            self.flown.pop_front();
        }
        self.flown.push_back((tick, before));
        self.after = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vec2::Vec2;

    const DT: f32 = 1.0 / 30.0;

    fn input() -> impl Strategy<Value = Input> {
        (any::<bool>(), -1i8..=1, any::<bool>(), -3.0f32..3.0).prop_map(|(thrust, turn, aiming, aim)| Input {
            thrust,
            fire: false,
            turn,
            aiming,
            aim,
        })
    }

    /// Flies `inputs`, of which those from `late` on come only `lateness` ticks later, all at once.
    fn fly(inputs: &[Input], late: usize, lateness: usize, bump: Option<usize>) -> ShipState {
        let (mut state, mut flight) = (ShipState::default(), Flight::default());
        for i in 0..inputs.len() {
            let tick = Tick(u32::MAX - 3).offset(i as i32);
            let missing = (late..late + lateness).contains(&i);
            let came: Vec<(Tick, Input)> = if i == late + lateness {
                (late..i).map(|i| (Tick(u32::MAX - 3).offset(i as i32), inputs[i])).collect()
            } else {
                Vec::new()
            };
            flight.again(&mut state, &came, DT);
            let before = state;
            let wish =
                if missing { late.checked_sub(1).map_or(Input::default(), |last| inputs[last]) } else { inputs[i] };
            ship::step(&mut state, &wish, DT);
            flight.note(tick, before, state);
            if bump == Some(i) {
                state.velocity += Vec2::new(1.0, 2.0);
            }
        }
        state
    }

    proptest! {
        #[test]
        fn late_inputs_lead_where_they_would_have_led_in_time(
            inputs in prop::collection::vec(input(), 12..40), late in 0usize..10, lateness in 0usize..8
        ) {
            let late = late.min(inputs.len() - lateness - 1);
            prop_assert_eq!(fly(&inputs, late, lateness, None), fly(&inputs, 0, 0, None));
        }

        #[test]
        fn what_another_did_to_the_ship_is_not_undone(inputs in prop::collection::vec(input(), 12..40)) {
            // bumped after the third of five ticks without inputs: only the last two are flown again
            let again = fly(&inputs, 4, 5, Some(6));
            let mut expected = ShipState::default();
            for (i, input) in inputs.iter().enumerate() {
                let wish = if (4..7).contains(&i) { &inputs[3] } else { input };
                ship::step(&mut expected, wish, DT);
                if i == 6 {
                    expected.velocity += Vec2::new(1.0, 2.0);
                }
            }
            prop_assert_eq!(again, expected);
        }
    }
}
