//! Points and arrows of the plane.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::trig;

/// A point or an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Vec2 {
    /// First coordinate.
    pub x: f32,
    /// Second coordinate.
    pub y: f32,
}

impl Vec2 {
    /// The origin.
    pub const ZERO: Self = Self { x: 0.0, y: 0.0 };

    /// From coordinates.
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The arrow of length 1 that points along `heading`.
    #[must_use]
    pub fn along(heading: f32) -> Self {
        let (sin, cos) = trig::sin_cos(heading);
        Self { x: cos, y: sin }
    }

    /// The scalar product.
    #[must_use]
    pub fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    /// The square of the length.
    #[must_use]
    pub fn length_squared(self) -> f32 {
        self.dot(self)
    }

    /// The length.
    #[must_use]
    pub fn length(self) -> f32 {
        self.length_squared().sqrt()
    }

    /// The distance between two points.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self - other).length()
    }

    /// The direction with length 1; along x for an arrow without direction.
    #[must_use]
    pub fn unit(self) -> Self {
        let length = self.length();
        if length > 1e-6 { self * (1.0 / length) } else { Self::new(1.0, 0.0) }
    }

    /// The same direction, at most `longest` long.
    #[must_use]
    pub fn at_most(self, longest: f32) -> Self {
        let length = self.length();
        if length > longest { self * (longest / length) } else { self }
    }

    /// The angle of the direction, -π to π.
    #[must_use]
    pub fn heading(self) -> f32 {
        trig::heading_of(self.x, self.y)
    }
}

impl Add for Vec2 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl AddAssign for Vec2 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Vec2 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Vec2 {
    type Output = Self;
    fn mul(self, by: f32) -> Self {
        Self::new(self.x * by, self.y * by)
    }
}

impl Neg for Vec2 {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.x, -self.y)
    }
}
