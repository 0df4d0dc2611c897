//! A ship with all that belongs to it: its pilot, hull, gun, score, and the times of its life.

use tickwire_shared::{EntityId, SeatId, Tick};

use crate::drone::Mind;
use crate::field::TICK_HZ;
use crate::gun::GunState;
use crate::kinds::{self, DRONE_HUE, Gift, Gun, HUES, Input, SCORE_MAX, Ship};
use crate::late::Flight;
use crate::pickup::REPAIR_HP;
use crate::ship::{self, MAX_HP, ShipState};
use crate::shot::ShotState;
use crate::vec2::Vec2;

/// Ticks from the end of a player's ship to its return.
pub const RESPAWN_TICKS: u16 = 5 * TICK_HZ / 2;
/// Ticks that a ship is safe after its return, unless it fires.
pub const SAFE_TICKS: u16 = 2 * TICK_HZ;
/// What one shot of a player takes off a hull.
pub const SHOT_DAMAGE: u8 = 14;
/// What one shot of a drone takes off a hull.
pub const DRONE_SHOT_DAMAGE: u8 = 5;

const DRONE_HP: u8 = 60;
const DRONE_RESPAWN_TICKS: u16 = 6 * TICK_HZ;
/// Unhurt for so long, a hull mends itself by [`MEND_HP`] every [`MEND_EVERY_TICKS`]: few changes to send.
const MEND_AFTER_TICKS: u16 = 4 * TICK_HZ;
const MEND_EVERY_TICKS: u16 = TICK_HZ / 2;
const MEND_HP: u8 = 5;
/// Who hurts a ship gets the kill when a rock finishes it within this time.
const BLAME_TICKS: u16 = 3 * TICK_HZ;

/// Who flies a ship.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pilot {
    Player(SeatId),
    Drone(Mind),
}

/// A ship as the rules know it.
#[derive(Clone, Debug)]
pub(crate) struct Craft {
    pub(crate) id: EntityId,
    pub(crate) pilot: Pilot,
    pub(crate) state: ShipState,
    flight: Flight,
    pub(crate) score: u32,
    /// Kills since its last death.
    pub(crate) streak: u16,
    hp: u8,
    thrust: bool,
    gun: GunState,
    /// Ticks until it is there again; `None` while it lives.
    away_ticks: Option<u16>,
    safe_ticks: u16,
    unhurt_ticks: u16,
    /// Who hurt it last, and how long that counts.
    blame: Option<(EntityId, u16)>,
    /// What is published. Kept, so that the name need not be copied every tick.
    shown: Ship,
}

impl Craft {
    /// A ship that enters the arena with the next tick.
    pub(crate) fn new(id: EntityId, pilot: Pilot, name: String) -> Self {
        let (drone, hue) = match pilot {
            Pilot::Player(seat) => (false, player_hue(seat)),
            Pilot::Drone(_) => (true, DRONE_HUE),
        };
        let mut craft = Self {
            id,
            pilot,
            state: ShipState::default(),
            flight: Flight::default(),
            score: 0,
            streak: 0,
            hp: 0,
            thrust: false,
            gun: GunState::default(),
            away_ticks: Some(1),
            safe_ticks: 0,
            unhurt_ticks: 0,
            blame: None,
            shown: blank(name, hue, drone),
        };
        craft.show();
        craft
    }

    /// Inputs for past ticks have come, the oldest first.
    pub(crate) fn fly_again(&mut self, late: &[(Tick, Input)], dt: f32) {
        self.flight.again(&mut self.state, late, dt);
    }

    /// One tick of a living ship's flight; the angles off its nose under which shots leave.
    pub(crate) fn fly(&mut self, tick: Tick, input: &Input, dt: f32) -> &'static [f32] {
        let before = self.state;
        self.thrust = input.thrust;
        ship::step(&mut self.state, input, dt);
        self.flight.note(tick, before, self.state);
        self.gun.cool(dt);
        self.safe_ticks = self.safe_ticks.saturating_sub(1);
        self.blame = self.blame.and_then(|(by, ticks)| Some((by, ticks.checked_sub(1)?)));
        self.mend();
        let shots = if input.fire { self.gun.pull() } else { &[] };
        if !shots.is_empty() {
            self.safe_ticks = 0;
        }
        shots
    }

    fn mend(&mut self) {
        self.unhurt_ticks = self.unhurt_ticks.saturating_add(1);
        let full = self.full_hp();
        let due = self.unhurt_ticks >= MEND_AFTER_TICKS && self.unhurt_ticks.is_multiple_of(MEND_EVERY_TICKS);
        if due && self.hp < full {
            self.hp = (self.hp + MEND_HP).min(full);
        }
    }

    /// Takes damage, for which `by` is to blame; `true` when that destroys it.
    pub(crate) fn hurt(&mut self, damage: u8, by: Option<EntityId>) -> bool {
        if damage == 0 || self.hp == 0 || self.safe_ticks > 0 {
            return false;
        }
        self.unhurt_ticks = 0;
        if let Some(by) = by {
            self.blame = Some((by, BLAME_TICKS));
        }
        self.hp = self.hp.saturating_sub(damage);
        self.hp == 0
    }

    /// Is no more, for a while. Says who is to blame, and what of its score is lost.
    pub(crate) fn die(&mut self) -> (Option<EntityId>, u32) {
        let lost = self.score / 10;
        self.score -= lost;
        self.hp = 0;
        self.streak = 0;
        self.away_ticks = Some(if self.is_drone() { DRONE_RESPAWN_TICKS } else { RESPAWN_TICKS });
        self.gun = GunState::default();
        self.state.velocity = Vec2::ZERO;
        self.state.spin = 0.0;
        (self.blame.take().map(|(by, _)| by), lost)
    }

    /// One tick of waiting passes; `true` when it may return. Living ships do not wait.
    pub(crate) fn wait(&mut self) -> bool {
        match &mut self.away_ticks {
            Some(ticks) => {
                *ticks = ticks.saturating_sub(1);
                *ticks == 0
            }
            None => false,
        }
    }

    /// Returns whole and safe, at `at`, looking along `heading`.
    pub(crate) fn revive(&mut self, at: Vec2, heading: f32) {
        self.state = ShipState { at, velocity: Vec2::ZERO, heading, spin: 0.0 };
        self.hp = self.full_hp();
        self.away_ticks = None;
        self.safe_ticks = SAFE_TICKS;
        self.unhurt_ticks = 0;
        self.blame = None;
    }

    /// Takes a gift.
    pub(crate) fn accept(&mut self, gift: Gift) {
        match gift {
            Gift::Repair => self.hp = (self.hp + REPAIR_HP).min(self.full_hp()),
            Gift::Rapid => self.gun.become_special(Gun::Rapid),
            Gift::Fan => self.gun.become_special(Gun::Fan),
        }
    }

    /// Earns points.
    pub(crate) fn earn(&mut self, points: u32) {
        self.score = (self.score + points).min(SCORE_MAX);
    }

    /// Brings what is published up to date.
    pub(crate) fn show(&mut self) {
        let (state, alive) = (&self.state, self.lives());
        let waits = f32::from(self.away_ticks.unwrap_or(0)) / f32::from(TICK_HZ);
        let shown = &mut self.shown;
        self.state = state.quantized();
        self.state.show(shown);
        shown.thrust = self.thrust && alive;
        shown.dead = !alive;
        shown.safe = self.safe_ticks > 0;
        shown.hp = self.hp;
        shown.gun = self.gun.kind();
        shown.score = self.score;
        shown.heat = self.gun.heat();
        shown.respawn_s = waits;
        shown.gun_s = self.gun.special_s();
    }

    /// A shot that leaves it under the angle `off` its nose.
    pub(crate) fn shot(&self, id: EntityId, off: f32) -> ShotState {
        let damage = if self.is_drone() { DRONE_SHOT_DAMAGE } else { SHOT_DAMAGE };
        ShotState::fired(id, &self.state, off, self.id, self.shown.hue, damage)
    }

    pub(crate) fn lives(&self) -> bool {
        self.away_ticks.is_none()
    }

    /// There to be shot at.
    pub(crate) fn is_prey(&self) -> bool {
        self.lives() && self.safe_ticks == 0 && !self.is_drone()
    }

    pub(crate) fn is_about_to_return(&self) -> bool {
        self.away_ticks == Some(1)
    }

    pub(crate) fn is_drone(&self) -> bool {
        matches!(self.pilot, Pilot::Drone(_))
    }

    pub(crate) fn seat(&self) -> Option<SeatId> {
        match self.pilot {
            Pilot::Player(seat) => Some(seat),
            Pilot::Drone(_) => None,
        }
    }

    pub(crate) fn who(&self) -> kinds::Who {
        kinds::Who { name: self.shown.name.clone(), seat: self.seat().map(|seat| seat.0) }
    }

    pub(crate) fn shown(&self) -> &Ship {
        &self.shown
    }

    fn full_hp(&self) -> u8 {
        if self.is_drone() { DRONE_HP } else { MAX_HP }
    }
}

/// Neighbouring seats get colours far apart; none gets the drones'.
fn player_hue(seat: SeatId) -> u8 {
    let colours = u16::from(HUES - 1);
    // 7 has no common divisor with the 15 colours: each comes once before any comes twice
    (1 + seat.0 % colours * 7 % colours) as u8
}

fn blank(name: String, hue: u8, drone: bool) -> Ship {
    Ship {
        x: 0.0,
        y: 0.0,
        heading: 0.0,
        thrust: false,
        dead: true,
        safe: false,
        hp: 0,
        gun: Gun::Plain,
        hue,
        drone,
        name,
        score: 0,
        vx: 0.0,
        vy: 0.0,
        x_rest: 0.0,
        y_rest: 0.0,
        heading_rest: 0.0,
        spin: 0.0,
        heat: 0.0,
        respawn_s: 0.0,
        gun_s: 0.0,
    }
}
