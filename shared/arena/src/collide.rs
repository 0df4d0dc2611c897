//! Who meets whom: sort and sweep along x, which costs next to nothing for the few hundred things of a room.

use crate::vec2::Vec2;

/// A thing by its place in its list. The order of the variants is the order within a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Ship(usize),
    Rock(usize),
    Shot(usize),
    Pickup(usize),
}

/// Finds pairs of things whose boxes overlap. Fill it with [`Sweep::add`], ask [`Sweep::pairs`], clear it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sweep {
    boxes: Vec<Bounds>,
    pairs: Vec<(Thing, Thing)>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    left: f32,
    right: f32,
    y: f32,
    reach: f32,
    thing: Thing,
}

impl Sweep {
    pub(crate) fn clear(&mut self) {
        self.boxes.clear();
        self.pairs.clear();
    }

    /// `thing` is at most `reach` away from `centre`.
    pub(crate) fn add(&mut self, thing: Thing, centre: Vec2, reach: f32) {
        self.boxes.push(Bounds { left: centre.x - reach, right: centre.x + reach, y: centre.y, reach, thing });
    }

    /// All pairs that may touch and matter to each other, in an order that depends on nothing but what was added.
    pub(crate) fn pairs(&mut self) -> &[(Thing, Thing)] {
        self.boxes.sort_unstable_by(|a, b| a.left.total_cmp(&b.left).then(a.thing.cmp(&b.thing)));
        for (i, a) in self.boxes.iter().enumerate() {
            for b in self.boxes[i + 1..].iter().take_while(|b| b.left <= a.right) {
                if (a.y - b.y).abs() <= a.reach + b.reach {
                    let (first, second) = if a.thing < b.thing { (a.thing, b.thing) } else { (b.thing, a.thing) };
                    if matter_to_each_other(first, second) {
                        self.pairs.push((first, second));
                    }
                }
            }
        }
        &self.pairs
    }
}

fn matter_to_each_other(first: Thing, second: Thing) -> bool {
    match (first, second) {
        (Thing::Ship(_), _) => true,
        (Thing::Rock(_), other) => !matches!(other, Thing::Pickup(_)),
        _ => false,
    }
}

/// How two discs that overlap bounce.
pub(crate) struct Bounce {
    /// Speed with which they met.
    pub(crate) impact: f32,
    /// What to add to the velocities of the first and the second.
    pub(crate) kicks: [Vec2; 2],
    /// What to add to their positions, so that they no longer overlap.
    pub(crate) shifts: [Vec2; 2],
}

/// A disc for [`bounce`].
#[derive(Clone, Copy)]
pub(crate) struct Disc {
    pub(crate) at: Vec2,
    pub(crate) velocity: Vec2,
    pub(crate) radius: f32,
    pub(crate) mass: f32,
}

/// The bounce of two discs; `None` when they do not overlap.
pub(crate) fn bounce(a: Disc, b: Disc) -> Option<Bounce> {
    /// Share of the speed that a bounce gives back.
    const SPRING: f32 = 0.7;
    let apart = b.at - a.at;
    let reach = a.radius + b.radius;
    if apart.length_squared() >= reach * reach {
        return None;
    }
    let normal = apart.unit();
    let overlap = reach - apart.length();
    let impact = (a.velocity - b.velocity).dot(normal).max(0.0);
    let total = a.mass + b.mass;
    let (share_a, share_b) = (b.mass / total, a.mass / total);
    let kick = impact * (1.0 + SPRING);
    Some(Bounce {
        impact,
        kicks: [normal * (-kick * share_a), normal * (kick * share_b)],
        shifts: [normal * (-overlap * share_a), normal * (overlap * share_b)],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sweep_finds_what_comparing_all_finds(
            discs in prop::collection::vec((-50.0f32..50.0, -50.0f32..50.0, 0.5f32..8.0), 0..60)
        ) {
            let mut sweep = Sweep::default();
            for (i, &(x, y, reach)) in discs.iter().enumerate() {
                sweep.add(Thing::Ship(i), Vec2::new(x, y), reach);
            }
            let mut found = sweep.pairs().to_vec();
            found.sort();
            let mut expected = Vec::new();
            for (i, a) in discs.iter().enumerate() {
                for (j, b) in discs.iter().enumerate().skip(i + 1) {
                    let reach = a.2 + b.2;
                    if Vec2::new(a.0, a.1).distance(Vec2::new(b.0, b.1)) < reach * 0.999 {
                        expected.push((Thing::Ship(i), Thing::Ship(j)));
                    }
                }
            }
            prop_assert!(expected.iter().all(|pair| found.binary_search(pair).is_ok()));
        }

        #[test]
        fn a_bounce_keeps_momentum_and_parts_the_two(
            x in -3.0f32..3.0, y in -3.0f32..3.0, vx in -40.0f32..40.0, vy in -40.0f32..40.0, mass in 1.0f32..50.0
        ) {
            let a = Disc { at: Vec2::ZERO, velocity: Vec2::new(vx, vy), radius: 2.0, mass: 2.5 };
            let b = Disc { at: Vec2::new(x, y), velocity: Vec2::ZERO, radius: 3.0, mass };
            let bounce = bounce(a, b).expect("they overlap");
            let momentum = bounce.kicks[0] * a.mass + bounce.kicks[1] * b.mass;
            prop_assert!(momentum.length() < 0.01);
            let distance = (a.at + bounce.shifts[0]).distance(b.at + bounce.shifts[1]);
            prop_assert!((distance - 5.0).abs() < 0.01, "they end {distance} apart");
        }
    }
}
