//! What hides a correction: the difference between what was drawn and what is right, which fades.
//!
//! The predicted state is right at once; only the picture takes its time. The fade begins and ends softly, so that
//! neither place nor speed jumps.

use std::time::Duration;

use super::interpolation::Moves;

/// So long a correction can be seen.
///
/// ```
/// use tickwire_shared::client::{CORRECTION_FADE, Stats};
///
/// /// Whether a picture was wrong for longer than one correction takes: several came one upon the other.
/// fn trembles(stats: &Stats) -> bool {
///     stats.correction_longest > CORRECTION_FADE
/// }
/// assert!(!trembles(&Stats { correction_longest: CORRECTION_FADE, ..Stats::default() }));
/// ```
pub const CORRECTION_FADE: Duration = Duration::from_millis(100);

/// See the module. Lanes in steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fade {
    off: Vec<f64>,
    began_s: f64,
    /// When something was first to be seen, of corrections one upon the other.
    since_s: f64,
}

impl Fade {
    /// The picture is at `drawn` and belongs to `right`. Tells how large the difference is, in steps of its largest
    /// lane, and for how long it will have been to be seen, in seconds, when it is gone.
    pub(crate) fn begin(&mut self, now_s: f64, lanes: &[Moves], drawn: &[f64], right: &[f64]) -> (f64, f64) {
        if !self.is_seen(now_s) {
            self.since_s = now_s;
        }
        self.began_s = now_s;
        self.off.clear();
        self.off.extend(lanes.iter().zip(drawn).zip(right).map(|((moves, a), b)| moves.shortest(a - b)));
        let most = self.off.iter().fold(0.0f64, |most, off| most.max(off.abs()));
        (most, now_s + CORRECTION_FADE.as_secs_f64() - self.since_s)
    }

    /// There is nothing to hide any more.
    pub(crate) fn end(&mut self) {
        self.off.clear();
    }

    /// Whether the picture is off.
    pub(crate) fn is_seen(&self, now_s: f64) -> bool {
        !self.off.is_empty() && self.share(now_s) > 0.0
    }

    /// How far the picture is off in lane `lane`.
    pub(crate) fn off(&self, now_s: f64, lane: usize) -> f64 {
        self.off.get(lane).map_or(0.0, |off| off * self.share(now_s))
    }

    /// From 1 to 0.
    fn share(&self, now_s: f64) -> f64 {
        let t = ((now_s - self.began_s) / CORRECTION_FADE.as_secs_f64()).clamp(0.0, 1.0);
        1.0 - t * t * (3.0 - 2.0 * t)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_picture_is_never_further_off_than_at_first_and_is_right_in_time(
            drawn in -1e6f64..1e6, right in -1e6f64..1e6, steps in prop::collection::vec(0.0f64..0.05, 1..20)
        ) {
            let mut fade = Fade::default();
            let (most, seen_s) = fade.begin(7.0, &[Moves::Line], &[drawn], &[right]);
            prop_assert!((most - (drawn - right).abs()).abs() < 1e-6);
            prop_assert!(seen_s <= 0.1501);
            let (mut now_s, mut last) = (7.0, most);
            for step in steps {
                now_s += step;
                let off = fade.off(now_s, 0);
                prop_assert!(off.abs() <= last + 1e-9 && off * (drawn - right) >= 0.0);
                last = off.abs();
            }
            prop_assert_eq!(fade.off(7.0 + CORRECTION_FADE.as_secs_f64(), 0), 0.0);
            prop_assert!(!fade.is_seen(7.0 + CORRECTION_FADE.as_secs_f64()));
        }

        #[test]
        fn an_angle_fades_along_the_shorter_arc(drawn in 0.0f64..256.0, right in 0.0f64..256.0) {
            let mut fade = Fade::default();
            let circle = Moves::Circle { bits: 8 };
            let (most, _) = fade.begin(0.0, &[circle], &[drawn], &[right]);
            prop_assert!(most <= 128.0);
            prop_assert!(circle.shortest(right + fade.off(0.0, 0) - drawn).abs() < 1e-9, "it starts where it was drawn");
        }
    }

    #[test]
    fn corrections_upon_corrections_count_as_one_that_is_seen_for_longer() {
        let mut fade = Fade::default();
        let seen = |fade: &mut Fade, at_s: f64| fade.begin(at_s, &[Moves::Line], &[9.0], &[0.0]).1;
        assert!((seen(&mut fade, 1.0) - 0.1).abs() < 1e-9);
        assert!((seen(&mut fade, 1.05) - 0.15).abs() < 1e-9);
        assert!((seen(&mut fade, 1.2) - 0.1).abs() < 1e-9);
    }
}
