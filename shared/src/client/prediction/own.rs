//! One own entity: its states from the newest one that the server told to the one after the last input.

use std::collections::VecDeque;

use super::Moment;
use crate::client::correction::Fade;
use crate::client::interpolation::Moves;
use crate::game::EntityId;
use crate::tick::Tick;

/// See the module.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) id: EntityId,
    pub(super) kind: u16,
    pub(super) fade: Fade,
    /// The tick of the first of `rows`.
    first: Tick,
    /// One for each tick; never empty.
    rows: VecDeque<Vec<u32>>,
    /// The tick after the last one, if the player goes on wanting the same.
    foreseen: Vec<u32>,
}

impl Own {
    /// An entity that the server tells of for the first time.
    pub(super) fn new(id: EntityId, kind: u16, tick: Tick, row: &[u32]) -> Self {
        let rows = VecDeque::from([row.to_vec()]);
        Self { id, kind, fade: Fade::default(), first: tick, rows, foreseen: row.to_vec() }
    }

    /// Its state at `tick`, if it is known or predicted.
    pub(super) fn at(&self, tick: Tick) -> Option<&[u32]> {
        let place = usize::try_from(tick.since(self.first)).ok()?;
        self.rows.get(place).map(Vec::as_slice)
    }

    /// The state after the last input.
    pub(super) fn last(&self) -> &[u32] {
        self.rows.back().map_or(&self.foreseen, Vec::as_slice)
    }

    /// The tick of the last input.
    pub(super) fn last_tick(&self) -> Tick {
        self.first.offset(self.rows.len() as i32 - 1)
    }

    /// Its state a tick later.
    pub(super) fn foreseen(&self) -> &[u32] {
        &self.foreseen
    }

    /// Adds the state after the last one, as `step` makes it of that.
    pub(super) fn advance(&mut self, step: impl FnOnce(&mut [u32])) {
        let mut row = self.last().to_vec();
        step(&mut row);
        self.rows.push_back(row);
    }

    /// As [`Own::advance`], as long as nothing better is known.
    pub(super) fn foresee(&mut self, step: impl FnOnce(&mut [u32])) {
        let last = self.rows.back().map_or(&[][..], Vec::as_slice);
        self.foreseen.clear();
        self.foreseen.extend_from_slice(last);
        step(&mut self.foreseen);
    }

    /// Forgets all but `row`, its state at `tick`.
    pub(super) fn restart(&mut self, tick: Tick, row: &[u32]) {
        self.first = tick;
        self.rows.clear();
        self.rows.push_back(row.to_vec());
    }

    /// Forgets states that neither a frame after that of `tick` nor a picture after `drawn` needs.
    pub(super) fn forget_before(&mut self, tick: Tick, origin: Tick, drawn: f64) {
        while self.rows.len() > 1 && tick.is_after(self.first) && f64::from(self.first.next().since(origin)) <= drawn {
            self.rows.pop_front();
            self.first = self.first.next();
        }
    }

    /// The states around `moment`, in ticks after `origin`, and how far it is from the one to the other, 0 to 1.
    pub(super) fn between(&self, origin: Tick, moment: f64) -> (&[u32], &[u32], f64) {
        let place = (moment - f64::from(self.first.since(origin))).clamp(0.0, self.rows.len() as f64);
        let from = (place.floor() as usize).min(self.rows.len() - 1);
        let to = self.rows.get(from + 1).unwrap_or(&self.foreseen);
        (&self.rows[from], to, place - from as f64)
    }

    /// The lanes as they are drawn, in steps and fractions, without what is left of a correction.
    pub(super) fn lanes(&self, moves: &[Moves], origin: Tick, moment: f64) -> Vec<f64> {
        let (from, to, t) = self.between(origin, moment);
        let lanes = moves.iter().zip(from.iter().zip(to));
        lanes.map(|(moves, (from, to))| f64::from(*from) + moves.way(*from, *to) * t).collect()
    }

    /// As [`Own::lanes`], with it: the picture.
    pub(super) fn picture(&self, moves: &[Moves], now: &Moment, moment: f64) -> Vec<f64> {
        let mut lanes = self.lanes(moves, now.origin, moment);
        lanes.iter_mut().enumerate().for_each(|(lane, value)| *value += self.fade.off(now.now_s, lane));
        lanes
    }
}
