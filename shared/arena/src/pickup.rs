//! Pickups: what the beaten leave behind.

use tickwire_shared::{EntityId, Rng};

use crate::field::TICK_HZ;
use crate::kinds::{Gift, Pickup};
use crate::vec2::Vec2;

/// A pickup is a disc of this radius to ships.
pub const PICKUP_RADIUS: f32 = 1.6;
/// Hull that [`Gift::Repair`] gives back.
pub const REPAIR_HP: u8 = 40;

const LIFE_TICKS: u16 = 16 * TICK_HZ;

/// A pickup as the rules know it.
#[derive(Clone, Debug)]
pub(crate) struct PickupState {
    pub(crate) id: EntityId,
    pub(crate) at: Vec2,
    pub(crate) gift: Gift,
    pub(crate) taken: bool,
    ticks_left: u16,
}

impl PickupState {
    pub(crate) fn new(id: EntityId, at: Vec2, rng: &mut Rng) -> Self {
        let gift = match rng.below(4) {
            0 => Gift::Rapid,
            1 => Gift::Fan,
            _ => Gift::Repair,
        };
        Self { id, at, gift, taken: false, ticks_left: LIFE_TICKS }
    }

    /// One tick passes; `false` when its time is up.
    pub(crate) fn age(&mut self) -> bool {
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.ticks_left > 0
    }

    pub(crate) fn shown(&self) -> Pickup {
        Pickup { x: self.at.x, y: self.at.y, gift: self.gift, taken: self.taken }
    }
}
