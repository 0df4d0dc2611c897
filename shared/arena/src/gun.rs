//! The gun of a ship: how often it fires, how hot it gets, and what pickups make of it.

use crate::field::TICK_HZ;
use crate::kinds::Gun;

/// Seconds that a special gun lasts.
pub const SPECIAL_GUN_S: u16 = 8;

/// Ticks from one shot to the next.
pub const RELOAD_TICKS: u16 = 7;
/// The same of [`Gun::Rapid`].
pub const RAPID_RELOAD_TICKS: u16 = 4;
/// Of 100. Nine shots from cold, then about three a second.
pub const HEAT_OF_A_SHOT: f32 = 11.0;
/// How far the outer shots of [`Gun::Fan`] are off the nose, in radians.
pub const FAN: f32 = 0.16;
const COOLING_PER_S: f32 = 32.0;

/// A gun as the rules know it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GunState {
    kind: Gun,
    special_ticks: u16,
    reload_ticks: u16,
    heat: f32,
}

impl GunState {
    /// Becomes special, for a while.
    pub(crate) fn become_special(&mut self, kind: Gun) {
        self.kind = kind;
        self.special_ticks = SPECIAL_GUN_S * TICK_HZ;
        self.heat = 0.0;
    }

    /// One tick passes.
    pub(crate) fn cool(&mut self, dt: f32) {
        self.reload_ticks = self.reload_ticks.saturating_sub(1);
        self.heat = (self.heat - COOLING_PER_S * dt).max(0.0);
        self.special_ticks = self.special_ticks.saturating_sub(1);
        if self.special_ticks == 0 {
            self.kind = Gun::Plain;
        }
    }

    /// The trigger is held: the angles off the nose under which shots leave now.
    pub(crate) fn pull(&mut self) -> &'static [f32] {
        let too_hot = self.kind != Gun::Rapid && self.heat + HEAT_OF_A_SHOT > 100.0;
        if self.reload_ticks > 0 || too_hot {
            return &[];
        }
        match self.kind {
            Gun::Plain | Gun::Fan => {
                self.reload_ticks = RELOAD_TICKS;
                self.heat += HEAT_OF_A_SHOT;
            }
            Gun::Rapid => self.reload_ticks = RAPID_RELOAD_TICKS,
        }
        match self.kind {
            Gun::Plain | Gun::Rapid => &[0.0],
            Gun::Fan => &[-FAN, 0.0, FAN],
        }
    }

    pub(crate) fn kind(&self) -> Gun {
        self.kind
    }

    pub(crate) fn heat(&self) -> f32 {
        self.heat
    }

    pub(crate) fn special_s(&self) -> f32 {
        f32::from(self.special_ticks) / f32::from(TICK_HZ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shots_of_held_trigger(gun: &mut GunState, ticks: usize) -> usize {
        let mut shots = 0;
        for _ in 0..ticks {
            gun.cool(1.0 / 30.0);
            shots += gun.pull().len();
        }
        shots
    }

    #[test]
    fn a_held_trigger_gets_hot_and_slow() {
        let mut gun = GunState::default();
        let cold = shots_of_held_trigger(&mut gun, 60);
        shots_of_held_trigger(&mut gun, 240);
        let hot = shots_of_held_trigger(&mut gun, 60);
        assert!(cold >= 8 && (5..=6).contains(&hot), "{cold} shots in the first two seconds, {hot} later");
    }

    #[test]
    fn a_special_gun_lasts_its_time() {
        let mut gun = GunState::default();
        gun.become_special(Gun::Fan);
        assert_eq!(gun.pull().len(), 3);
        shots_of_held_trigger(&mut gun, usize::from(SPECIAL_GUN_S * TICK_HZ));
        assert_eq!(gun.kind(), Gun::Plain);
    }
}
