//! Motion between the states that the server sent, and for a little while beyond the newest one.
//!
//! Between two states a thing goes in a straight line ([`Interpolation::Linear`]), or on a curve whose direction at each
//! state is that from the state before to the one after ([`Interpolation::Hermite`]): at 20 Hz and below lines have
//! corners that one sees. A curve never leaves the range between its two states, so nothing swings through a wall or
//! moves while it rests. When no newer state has come in time, things go on as they went for
//! [`EXTRAPOLATION_MAX`], then they stand still.

use std::time::Duration;

use crate::replica::Between;
use crate::schema::quant::wrapped_difference;
use crate::schema::{Quantizer, Schema};

/// So long a thing goes on as it went when states are missing; wrong for what bounces, so not for longer.
///
/// ```
/// use tickwire_shared::{TickRate, client::EXTRAPOLATION_MAX};
///
/// assert_eq!(EXTRAPOLATION_MAX.as_millis() / TickRate::hz(20).interval().as_millis(), 3, "three missing states");
/// ```
pub const EXTRAPOLATION_MAX: Duration = Duration::from_millis(150);

/// How things move from one state to the next.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::Interpolation;
///
/// let slow = TickRate::hz(15);
/// let best = if slow.per_second() < 30 { Interpolation::Hermite } else { Interpolation::Linear };
/// let client = Client::<Coins>::new(Profile::default())?.interpolation(best);
/// # Ok::<(), delta::LayoutError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interpolation {
    /// In straight lines: enough from 30 Hz on.
    #[default]
    Linear,
    /// On curves (cubic Hermite, monotone). Rotations by quaternion still turn evenly.
    Hermite,
}

/// How a lane's value moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moves {
    /// From one value to the next at once.
    Not,
    /// Along a line.
    Line,
    /// Along the shorter arc of a circle of 2^`bits` steps.
    Circle {
        /// See there.
        bits: u8,
    },
}

impl Moves {
    /// Steps from one lane value to another; none for what does not move.
    pub(crate) fn way(self, from: u32, to: u32) -> f64 {
        match self {
            Self::Not => 0.0,
            Self::Line => f64::from(to) - f64::from(from),
            Self::Circle { bits } => wrapped_difference(to, from, bits) as f64,
        }
    }

    /// The shortest way that leads to the same place as `way`; none for what does not move.
    pub(crate) fn shortest(self, way: f64) -> f64 {
        match self {
            Self::Not => 0.0,
            Self::Circle { bits } => {
                let turn = f64::from(1u32 << bits);
                (way + turn / 2.0).rem_euclid(turn) - turn / 2.0
            }
            Self::Line => way,
        }
    }
}

/// How the lanes of each kind move.
#[derive(Clone, Debug, Default)]
pub(crate) struct Motion {
    kinds: Vec<Vec<Moves>>,
}

impl Motion {
    pub(crate) fn of(schema: &Schema) -> Self {
        let lanes = |quantizer: &Quantizer| match quantizer {
            Quantizer::Float { .. } => vec![Moves::Line],
            Quantizer::Angle { bits } => vec![Moves::Circle { bits: *bits }],
            other => vec![Moves::Not; other.lanes()],
        };
        let kind = schema.kinds.iter().map(|kind| {
            let fields = kind.fields.iter();
            fields.flat_map(|field| lanes(&field.quantizer).repeat(field.count.into())).collect()
        });
        Self { kinds: kind.collect() }
    }

    /// The same, but only the lanes of `mask` move.
    pub(crate) fn only(mut self, mask: &[Vec<bool>]) -> Self {
        for (moves, moving) in self.kinds.iter_mut().flatten().zip(mask.iter().flatten()) {
            *moves = if *moving { *moves } else { Moves::Not };
        }
        self
    }

    /// The lanes of a kind; none of an unknown one.
    pub(crate) fn lanes(&self, kind: u16) -> &[Moves] {
        self.kinds.get(usize::from(kind)).map_or(&[], Vec::as_slice)
    }

    /// How far off the straight line between its two states a thing is, for each lane in steps.
    pub(crate) fn off(&self, between: &Between<'_>, interpolation: Interpolation, off: &mut Vec<f32>) {
        off.clear();
        let (earlier, later, span) = (between.earlier, between.later, f64::from(between.span));
        let lanes = self.lanes(between.kind).iter().enumerate();
        if between.beyond > 0.0 && span > 0.0 {
            let share = f64::from(between.beyond) / span;
            off.extend(lanes.map(|(i, moves)| (moves.way(earlier[i], later[i]) * share) as f32));
        } else if interpolation == Interpolation::Hermite && span > 0.0 {
            off.extend(lanes.map(|(i, moves)| {
                let way = moves.way(earlier[i], later[i]);
                let before = between.before.map(|(row, before)| (moves.way(row[i], earlier[i]), f64::from(before)));
                let after = between.after.map(|(row, after)| (moves.way(later[i], row[i]), f64::from(after)));
                curve_off(way, span, before, after, between.t.into()) as f32
            }));
        }
    }
}

/// How far the curve is off the line at `t`. `before` and `after` are the ways to and from the two states, and how long
/// they take; all slopes are those of the whole span.
fn curve_off(way: f64, span: f64, before: Option<(f64, f64)>, after: Option<(f64, f64)>, t: f64) -> f64 {
    let slope = |neighbour: Option<(f64, f64)>| {
        let Some((other, took)) = neighbour.filter(|(_, took)| *took > 0.0) else { return way };
        // a turning point is one (Fritsch and Carlson)
        if way * other <= 0.0 {
            return 0.0;
        }
        let mean = (way + other) / (span + took) * span;
        let most = 3.0 * way.abs().min(other.abs() / took * span);
        mean.clamp(-most, most)
    };
    let (start, end) = (slope(before), slope(after));
    let (t2, t3) = (t * t, t * t * t);
    let curve = (t3 - 2.0 * t2 + t) * start + (3.0 * t2 - 2.0 * t3) * way + (t3 - t2) * end;
    curve - way * t
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_curve_goes_through_its_states_and_stays_between_them(
            way in -500.0f64..500.0, before in -500.0f64..500.0, after in -500.0f64..500.0,
            took in 0.5f64..4.0, t in 0.0f64..1.0
        ) {
            let (before, after) = (Some((before, took)), Some((after, 1.0)));
            prop_assert!(curve_off(way, 2.0, before, after, 0.0).abs() < 1e-9);
            prop_assert!(curve_off(way, 2.0, before, after, 1.0).abs() < 1e-9);
            let at = way * t + curve_off(way, 2.0, before, after, t);
            prop_assert!(at >= way.min(0.0) - 1e-6 && at <= way.max(0.0) + 1e-6, "at {at} on a way of {way}");
        }

        #[test]
        fn the_shortest_way_round_is_half_a_turn_at_most(way in -5000.0f64..5000.0, bits in 4u8..12) {
            let circle = Moves::Circle { bits };
            let turn = f64::from(1u32 << bits);
            let shortest = circle.shortest(way);
            prop_assert!(shortest.abs() <= turn / 2.0);
            let turns = (way - shortest) / turn;
            prop_assert!((turns - turns.round()).abs() < 1e-9);
        }
    }

    #[test]
    fn without_neighbours_or_at_an_even_pace_the_curve_is_the_line() {
        for t in [0.2, 0.5, 0.9] {
            assert!(curve_off(10.0, 1.0, None, None, t).abs() < 1e-9);
            assert!(curve_off(10.0, 1.0, Some((20.0, 2.0)), Some((10.0, 1.0)), t).abs() < 1e-9);
        }
    }
}
