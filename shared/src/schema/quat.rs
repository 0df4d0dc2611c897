//! Rotations: the quantizer of unit quaternions.
//!
//! ```
//! use tickwire_shared::schema::quat::Quat;
//!
//! const TURN: Quat = Quat::new(12);
//! let mut lanes = [0; 4];
//! TURN.quantize(&[0.0, 0.6, 0.0, 0.8], &mut lanes);
//! assert!((TURN.dequantize(&lanes)[1] - 0.6).abs() < 0.001);
//! ```

use std::f64::consts::FRAC_1_SQRT_2;

use super::Quantizer;

/// A rotation as a unit quaternion `[x, y, z, w]`, smallest three: which component is the largest, and the others.
/// Pure IEEE arithmetic, as all quantizers; a square root is part of that.
///
/// ```
/// use tickwire_shared::schema::quat::Quat;
///
/// const TURN: Quat = Quat::new(12);
/// let (mut none, mut half) = ([0; TURN.lanes()], [0; TURN.lanes()]);
/// TURN.quantize(&[0.0; 4], &mut none); // zero is no rotation
/// TURN.quantize(&[0.0, 0.0, 1.0, 0.0], &mut half); // half a turn about z
/// let quarter = TURN.between(&none, &half, 0.5);
/// assert!((quarter[2] - quarter[3]).abs() < 0.01);
/// assert_eq!(TURN.dequantize(&none), [0.0, 0.0, 0.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quat {
    bits: u8,
}

impl Quat {
    /// The largest component's place, and three lanes.
    pub(crate) const LANES: usize = 4;
    /// Fewest and most bits of a component.
    pub(crate) const BITS: std::ops::RangeInclusive<u8> = 2..=16;
    const NONE: [f64; 4] = [0.0, 0.0, 0.0, 1.0];

    /// Components of `bits` bits; a rotation takes 2 + 3 · `bits`.
    ///
    /// # Panics
    /// When `bits` is not from 2 to 16; in a constant that is a compile error.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        assert!(bits >= *Self::BITS.start() && bits <= *Self::BITS.end(), "a quaternion has 2 to 16 bits a component");
        Self { bits }
    }

    /// Of a description, which a [`KindLayout`](crate::delta::KindLayout) has checked.
    pub(super) fn described(bits: u8) -> Self {
        Self { bits: bits.clamp(*Self::BITS.start(), *Self::BITS.end()) }
    }

    /// Lanes that a rotation takes.
    #[must_use]
    pub const fn lanes(&self) -> usize {
        Self::LANES
    }

    /// Fills the lanes with the rotation nearest to `quat`, whatever its length; one that is zero or not finite becomes
    /// no rotation. No rotation comes back exactly.
    pub fn quantize(&self, quat: &[f32; 4], lanes: &mut [u32]) {
        let quat = quat.map(f64::from);
        let length = quat.iter().map(|component| component * component).sum::<f64>().sqrt();
        let unit =
            if length.is_finite() && length > 0.0 { quat.map(|component| component / length) } else { Self::NONE };
        // the first of equals
        let largest = (1..4).fold(0, |best, i| if unit[i].abs() > unit[best].abs() { i } else { best });
        self.write(&unit, largest, lanes);
    }

    /// The unit quaternion of the lanes.
    #[must_use]
    pub fn dequantize(&self, lanes: &[u32]) -> [f32; 4] {
        self.read(lanes).map(|component| component as f32)
    }

    /// The rotation between two rows along the shorter arc, `t` from 0 to 1.
    #[must_use]
    pub fn between(&self, earlier: &[u32], later: &[u32], t: f32) -> [f32; 4] {
        let (a, b) = (self.read(earlier), self.read(later));
        // a quaternion and its negative are the same rotation
        let near = if (0..4).map(|i| a[i] * b[i]).sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
        let mixed: [f64; 4] = std::array::from_fn(|i| a[i] + (b[i] * near - a[i]) * f64::from(t));
        let length = mixed.iter().map(|component| component * component).sum::<f64>().sqrt();
        if t <= 0.0 || t >= 1.0 || length < 1e-6 {
            let end = if t < 1.0 { a } else { b };
            return end.map(|component| component as f32);
        }
        mixed.map(|component| (component / length) as f32)
    }

    /// The run-time description.
    #[must_use]
    pub const fn describe(&self) -> Quantizer {
        Quantizer::Quat { bits: self.bits }
    }

    /// A row's lanes of the rotation that begins at `first`.
    #[inline]
    pub(crate) fn lanes_of(row: &[u32], first: usize) -> &[u32; Self::LANES] {
        row[first..].first_chunk().expect("a layout's rotations have all their lanes")
    }

    /// The same, to be written.
    #[inline]
    pub(crate) fn lanes_of_mut(row: &mut [u32], first: usize) -> &mut [u32; Self::LANES] {
        row[first..].first_chunk_mut().expect("a layout's rotations have all their lanes")
    }

    /// The other three lanes, for one who says that component `largest` is the largest.
    #[inline(always)]
    pub(crate) fn seen_from(self, largest: u32, lanes: &[u32; Self::LANES]) -> [u32; 3] {
        if lanes[0] == largest { [lanes[1], lanes[2], lanes[3]] } else { self.seen_from_another(largest, lanes) }
    }

    /// In whole lanes: exact but for the component that had none, and quick.
    #[cold]
    fn seen_from_another(self, largest: u32, lanes: &[u32; Self::LANES]) -> [u32; 3] {
        let middle = i64::from(self.middle());
        let others = [1, 2, 3].map(|i| i64::from(lanes[i]) - middle);
        let rest = self.whole() - others.iter().map(|component| component * component).sum::<i64>();
        let hidden = (rest as f64).max(0.0).sqrt() as i64;
        let mut all = others.iter();
        let all: [i64; 4] =
            std::array::from_fn(|i| if i == lanes[0] as usize { hidden } else { all.next().copied().unwrap_or(0) });
        let sign = if all[largest as usize & 3] < 0 { -1 } else { 1 };
        std::array::from_fn(|i| {
            let component = all[i + usize::from(i >= largest as usize)];
            (component * sign + middle).clamp(0, 2 * middle - 1) as u32
        })
    }

    /// Which component is the largest when those beside `now` are these lanes, in or out of range; and by how much the
    /// second largest is off, as a power of two.
    #[inline(always)]
    pub(crate) fn largest(self, now: u32, others: [i64; 3]) -> (u32, u8) {
        let middle = i64::from(self.middle());
        let [a, b, c] = others;
        let (a, b, c) = (a.wrapping_sub(middle), b.wrapping_sub(middle), c.wrapping_sub(middle));
        let (a, b, c) = (a.wrapping_mul(a), b.wrapping_mul(b), c.wrapping_mul(c));
        // the first of equals, and the one that is the largest now before all
        let rest = self.whole().wrapping_sub(a.wrapping_add(b).wrapping_add(c));
        let (mut second, mut square, mut place) = (i64::MIN, rest, now);
        for (i, other) in [(0u32, a), (1, b), (2, c)] {
            if other > square {
                (second, square, place) = (square, other, i + u32::from(i >= now));
            } else {
                second = second.max(other);
            }
        }
        let margin = square.abs_diff(second) >> (self.bits - 1);
        (place, (64 - margin.leading_zeros()) as u8)
    }

    /// How far a body that turned by `step` in one step leaves the straight line in that step, and in the time ahead,
    /// where it is `times` halves of that; not at all where it is less than a lane.
    #[inline(always)]
    pub(crate) fn bend(self, now: [u32; 3], step: [i64; 3], times: i64) -> Bend {
        let middle = i64::from(self.middle());
        let square =
            |[a, b, c]: [i64; 3]| a.wrapping_mul(a).wrapping_add(b.wrapping_mul(b)).wrapping_add(c.wrapping_mul(c));
        let shift = 2 * self.bits - 1;
        let bend = Bend { once: 0, ahead: 0, middle, shift };
        let seen = square(step);
        // the largest component turns as well, so it is twice as much at most as a rule
        if seen.wrapping_mul(times) < middle {
            return bend;
        }
        let [a, b, c] = [now[0], now[1], now[2]].map(|lane| i64::from(lane).wrapping_sub(middle));
        let hidden = self.whole().wrapping_sub(square([a, b, c])).max(1);
        let along = a.wrapping_mul(step[0]).wrapping_add(b.wrapping_mul(step[1])).wrapping_add(c.wrapping_mul(step[2]));
        let turned = seen.wrapping_add((along as f64 * along as f64 / hidden as f64) as i64);
        let most = 1i64.wrapping_shl(u32::from(shift) - 1);
        let once = turned.max(0).min(most);
        let ahead = if times == 2 { once } else { (turned.min(most).wrapping_mul(times) / 2).clamp(0, most) };
        Bend { once, ahead, ..bend }
    }

    /// A unit, which is √2 · (middle - 1) lanes long, squared.
    #[inline(always)]
    fn whole(self) -> i64 {
        let most = i64::from(self.middle()) - 1;
        2 * most * most
    }

    /// The lane that stands for 0.
    const fn middle(self) -> u32 {
        1 << (self.bits - 1)
    }

    fn step(self) -> f64 {
        FRAC_1_SQRT_2 / f64::from(self.middle() - 1)
    }

    fn read(self, lanes: &[u32]) -> [f64; 4] {
        let largest = (lanes[0] as usize).min(3);
        let mut unit = [0.0; 4];
        let mut others = lanes[1..Self::LANES].iter();
        for (_, component) in unit.iter_mut().enumerate().filter(|(i, _)| *i != largest) {
            let lane = others.next().map_or(0, |lane| (*lane).min(self.middle() * 2 - 1));
            *component = (f64::from(lane) - f64::from(self.middle())) * self.step();
        }
        let rest = unit.iter().map(|component| component * component).sum::<f64>();
        unit[largest] = (1.0 - rest).max(0.0).sqrt();
        unit
    }

    fn write(self, unit: &[f64; 4], largest: usize, lanes: &mut [u32]) {
        let sign = if unit[largest] < 0.0 { -1.0 } else { 1.0 };
        lanes[0] = largest as u32;
        let others = unit.iter().enumerate().filter(|(i, _)| *i != largest);
        for (lane, (_, component)) in lanes[1..Self::LANES].iter_mut().zip(others) {
            let steps = component * sign / self.step() + f64::from(self.middle()) + 0.5;
            *lane = (steps as u32).min(self.middle() * 2 - 1);
        }
    }
}

/// See [`Quat::bend`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bend {
    once: i64,
    ahead: i64,
    middle: i64,
    shift: u8,
}

impl Bend {
    /// For one component, by how much in that step and in the time ahead, which is as long if it is `even`.
    #[inline(always)]
    pub(crate) fn of(&self, lane: u32, even: bool) -> (i64, i64) {
        let at = i64::from(lane).wrapping_sub(self.middle);
        let half = 1i64.wrapping_shl(u32::from(self.shift).wrapping_sub(1));
        let by = |turned: i64| at.wrapping_mul(turned).wrapping_add(half).wrapping_shr(self.shift.into());
        let once = by(self.once);
        (once, if even { once } else { by(self.ahead) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By how many radians two rotations differ.
    fn apart(a: [f32; 4], b: [f32; 4]) -> f64 {
        let dot: f64 = (0..4).map(|i| f64::from(a[i]) * f64::from(b[i])).sum();
        2.0 * dot.abs().min(1.0).acos()
    }

    fn there_and_back(q: Quat, quat: [f32; 4]) -> [f32; 4] {
        let mut lanes = [u32::MAX; Quat::LANES];
        q.quantize(&quat, &mut lanes);
        assert!(lanes[0] < 4 && lanes[1..].iter().all(|lane| *lane < 1 << q.bits), "{quat:?} has lanes {lanes:?}");
        q.dequantize(&lanes)
    }

    fn rotation() -> impl Strategy<Value = [f32; 4]> {
        prop::array::uniform4(-1.0f32..1.0)
            .prop_filter("a direction", |quat| quat.iter().any(|c| c.abs() > 0.1))
            .prop_map(|quat| {
                let length = quat.iter().map(|c| c * c).sum::<f32>().sqrt();
                quat.map(|c| c / length)
            })
    }

    proptest! {
        #[test]
        fn a_rotation_comes_back_within_a_few_steps(quat in rotation(), length in 0.01f32..100.0, bits in 4u8..=16) {
            let q = Quat::new(bits);
            let back = there_and_back(q, quat.map(|component| component * length));
            // half a step in each of three components, and what that does to the fourth; f32 has no more to give
            prop_assert!(apart(quat, back) <= 4.0 * q.step() + 2e-3, "{quat:?} came back as {back:?}");
            let norm: f32 = back.iter().map(|component| component * component).sum();
            prop_assert!((norm - 1.0).abs() < 1e-5 || bits < 6, "{back:?} is no unit");
        }

        #[test]
        fn seen_from_the_second_largest_component_it_is_the_same_rotation(
            quat in rotation().prop_filter("the largest fits the range of the others", |quat| {
                quat.iter().all(|component| component.abs() < 0.7)
            })
        ) {
            let q = Quat::new(12);
            let mut lanes = [0; 4];
            q.quantize(&quat, &mut lanes);
            let mut order = [0u32, 1, 2, 3];
            order.sort_by(|a, b| quat[*a as usize].abs().total_cmp(&quat[*b as usize].abs()));
            let [a, b, c] = q.seen_from(order[2], &lanes);
            let back = q.dequantize(&[order[2], a, b, c]);
            prop_assert!(apart(back, quat) < 1e-2, "{quat:?} was seen as {back:?}");
        }

        #[test]
        fn any_numbers_are_a_rotation(quat in any::<[f32; 4]>(), lanes in any::<[u32; 4]>(), bits in 2u8..=16) {
            let q = Quat::new(bits);
            there_and_back(q, quat);
            prop_assert!(q.dequantize(&lanes).iter().all(|component| component.is_finite()));
            prop_assert!(q.between(&lanes, &[0; 4], 0.5).iter().all(|component| component.is_finite()));
        }
    }

    #[test]
    fn no_rotation_is_exact_and_nonsense_is_none() {
        let none = [0.0, 0.0, 0.0, 1.0];
        for quat in [none, [0.0; 4], [f32::NAN, 0.0, 0.0, 1.0], [f32::INFINITY, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, -1.0]] {
            assert_eq!(there_and_back(Quat::new(9), quat), none, "{quat:?}");
        }
    }

    #[test]
    fn halfway_is_along_the_shorter_arc() {
        let q = Quat::new(12);
        let turned = |radians: f32| {
            let mut lanes = [0; 4];
            q.quantize(&[0.0, 0.0, (radians / 2.0).sin(), (radians / 2.0).cos()], &mut lanes);
            lanes
        };
        // from a quarter to the left to a quarter to the right: through none; across the back: through half a turn
        let quarter = std::f32::consts::FRAC_PI_2;
        assert!(apart(q.between(&turned(-quarter * 0.9), &turned(quarter * 0.9), 0.5), [0.0, 0.0, 0.0, 1.0]) < 1e-2);
        assert!(apart(q.between(&turned(-quarter * 1.5), &turned(quarter * 1.5), 0.5), [0.0, 0.0, 1.0, 0.0]) < 1e-2);
        assert_eq!(q.between(&turned(1.0), &turned(2.0), 0.0), q.dequantize(&turned(1.0)));
        assert_eq!(q.between(&turned(1.0), &turned(2.0), 1.0), q.dequantize(&turned(2.0)));
    }
}
