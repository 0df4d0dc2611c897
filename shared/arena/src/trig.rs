//! Sine, cosine and headings from plain IEEE arithmetic, the same to the bit on every platform. The platform's own
//! functions differ in the last digit from one C library to the next.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

/// The same angle from -π to π; NaN and infinities become 0.
#[must_use]
pub fn wrapped(angle: f32) -> f32 {
    if (-PI..=PI).contains(&angle) {
        return angle;
    }
    // beyond this an f32 no longer tells one tenth of a radian from the next
    if !(-1e6..=1e6).contains(&angle) {
        return 0.0;
    }
    let half_turn = if angle < 0.0 { -0.5 } else { 0.5 };
    let turns = (angle / TAU + half_turn) as i32;
    (angle - turns as f32 * TAU).clamp(-PI, PI)
}

/// Sine and cosine, each within 0.000001.
#[must_use]
pub fn sin_cos(angle: f32) -> (f32, f32) {
    let angle = wrapped(angle);
    (sin_of_wrapped(angle), sin_of_wrapped(wrapped(angle + FRAC_PI_2)))
}

/// The angle of the arrow (`x`, `y`), -π to π, within 0.00001; 0 for the arrow without length.
#[must_use]
pub fn heading_of(x: f32, y: f32) -> f32 {
    let (across, along) = (y.abs(), x.abs());
    let (small, large) = if across < along { (across, along) } else { (along, across) };
    if large == 0.0 {
        return 0.0;
    }
    let eighth = arc_tangent_of_unit(small / large);
    let quarter = if across < along { eighth } else { FRAC_PI_2 - eighth };
    let half = if x < 0.0 { PI - quarter } else { quarter };
    if y < 0.0 { -half } else { half }
}

/// Taylor's series to the 11th power, after folding to -π/2..=π/2 where its rest is below 6e-8.
fn sin_of_wrapped(angle: f32) -> f32 {
    let x = if angle > FRAC_PI_2 {
        PI - angle
    } else if angle < -FRAC_PI_2 {
        -PI - angle
    } else {
        angle
    };
    let s = x * x;
    x * (1.0
        - s * (1.0 / 6.0 - s * (1.0 / 120.0 - s * (1.0 / 5040.0 - s * (1.0 / 362_880.0 - s * (1.0 / 39_916_800.0))))))
}

/// Abramowitz and Stegun 4.4.49, for 0 to 1; its error is below 0.00001.
fn arc_tangent_of_unit(x: f32) -> f32 {
    let s = x * x;
    x * (0.999_866 + s * (-0.330_299_5 + s * (0.180_141 + s * (-0.085_133 + s * 0.020_835_1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn angles() -> impl Iterator<Item = f32> {
        (-4000..=4000).map(|i| i as f32 * 0.005)
    }

    #[test]
    fn sine_and_cosine_are_right() {
        for angle in angles() {
            let (sin, cos) = sin_cos(angle);
            let exact = f64::from(angle);
            assert!((f64::from(sin) - exact.sin()).abs() < 3e-6, "sin {angle} is {sin}");
            assert!((f64::from(cos) - exact.cos()).abs() < 3e-6, "cos {angle} is {cos}");
        }
    }

    #[test]
    fn a_heading_comes_back() {
        for angle in angles() {
            let (sin, cos) = sin_cos(angle);
            let miss = wrapped(heading_of(cos * 7.0, sin * 7.0) - angle);
            assert!(miss.abs() < 2e-5, "{angle} is off by {miss}");
        }
        assert_eq!(heading_of(0.0, 0.0), 0.0);
    }

    #[test]
    fn any_float_has_a_wrapped_angle() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e30, 999_999.0, -1e5, TAU, -TAU] {
            assert!((-PI..=PI).contains(&wrapped(odd)), "{odd} became {}", wrapped(odd));
        }
    }

    /// The bits that every platform must give; changing them changes every recording.
    #[test]
    fn golden_bits() {
        let hash = angles().fold(0u32, |hash, angle| {
            let (sin, cos) = sin_cos(angle);
            [sin, cos, heading_of(cos, sin)].iter().fold(hash, |hash, x| hash.rotate_left(5) ^ x.to_bits())
        });
        assert_eq!(hash, 0x7c9c_cd73);
    }
}
