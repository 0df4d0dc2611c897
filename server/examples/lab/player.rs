//! A scripted player: keys that are pressed and let go, and a mouse that sweeps.

use tickwire_arena::Input;
use tickwire_shared::Rng;

pub(crate) struct Player {
    rng: Rng,
    wish: Input,
    changes_at_s: f64,
    /// How fast the mouse turns, in radians a second.
    sweep: f32,
}

impl Player {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), wish: Input::default(), changes_at_s: 0.0, sweep: 0.0 }
    }

    /// What it wants at a picture, `dt_s` after the one before.
    pub(crate) fn wish(&mut self, now_s: f64, dt_s: f64) -> Input {
        if now_s >= self.changes_at_s {
            self.changes_at_s = now_s + f64::from(self.rng.between(0.1, 0.9));
            self.wish.thrust = self.rng.below(2) == 0;
            self.wish.fire = self.rng.below(4) == 0;
            self.wish.turn = self.rng.below(3) as i8 - 1;
            self.wish.aiming = self.rng.below(3) == 0;
            self.sweep = self.rng.between(-3.0, 3.0);
        }
        if self.wish.aiming {
            self.wish.aim += self.sweep * dt_s as f32;
        }
        self.wish
    }
}
