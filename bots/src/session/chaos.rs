//! A bot that misbehaves: what it says is doubled, held back, cut off or spoilt, and now and then its connection breaks
//! in the middle of a message. It plays as well as that lets it; how it fares does not count, the others must not
//! notice.

use std::time::Duration;

use tickwire_shared::Rng;

use super::{Failure, Session, Sight, Turn};
use crate::ws::Opcode;
use crate::ws::frame;

/// Who has little to say misbehaves as often as who plays.
const OCCASION_INTERVAL: Duration = Duration::from_millis(50);
/// Of these occasions, which are a player's ticks, so many have a misdeed.
const MISDEED_CHANCE: f32 = 0.05;
/// What is held back is said this many ticks later, at most.
const HELD_TICKS_MAX: u32 = 30;
/// Longest nonsense.
const NONSENSE_MAX_BYTES: u32 = 300;

/// See the module.
pub struct Chaotic {
    inner: Box<dyn Session>,
    /// When the bot inside ticks next.
    inner_due: Duration,
    dice: Rng,
    held: Vec<u8>,
    held_ticks: u32,
    /// Break the connection at the next occasion.
    breaks: bool,
}

impl Chaotic {
    /// The bot inside, and where its misdeeds come from.
    #[must_use]
    pub fn new(inner: Box<dyn Session>, seed: u64) -> Self {
        let dice = Rng::new(seed ^ 0x63_6861_6f73);
        Self { inner, inner_due: Duration::ZERO, dice, held: Vec::new(), held_ticks: 0, breaks: false }
    }

    /// Does something to what the bot said in this turn, which is whole frames from `from` on.
    fn misdeed(&mut self, turn: &mut Turn<'_>, from: usize) {
        if turn.out.len() == from {
            // it said nothing that could be spoilt
            self.nonsense(turn);
        }
        let said = turn.out.len() - from;
        match self.dice.below(5) {
            0 => turn.out.extend_from_within(from..),
            1 => {
                self.held.extend(turn.out.drain(from..));
                self.held_ticks = 1 + self.dice.below(HELD_TICKS_MAX);
            }
            // the rest never comes: whatever is said next is read as a part of it
            2 => {
                turn.out.truncate(from + self.dice.below(said as u32 + 1) as usize);
                self.breaks = true;
            }
            3 => {
                if said > 0 {
                    let at = from + self.dice.below(said as u32) as usize;
                    turn.out[at] ^= 1 << self.dice.below(8);
                }
            }
            _ => self.nonsense(turn),
        }
    }

    fn nonsense(&mut self, turn: &mut Turn<'_>) {
        let length = self.dice.below(NONSENSE_MAX_BYTES);
        let nonsense: Vec<u8> = (0..length).map(|_| self.dice.bits() as u8).collect();
        let opcode = if self.dice.below(2) == 0 { Opcode::Binary } else { Opcode::Text };
        frame::write(turn.out, opcode, &nonsense, self.dice.bits().to_ne_bytes());
    }
}

impl Session for Chaotic {
    fn subprotocol(&self) -> Option<&str> {
        self.inner.subprotocol()
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        self.inner.open(turn);
    }

    fn message(&mut self, turn: &mut Turn<'_>, payload: &[u8], is_text: bool) -> Result<(), Failure> {
        if self.breaks {
            return Err(Failure::Deliberate);
        }
        self.inner.message(turn, payload, is_text)
    }

    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration) {
        let from = turn.out.len();
        if due >= self.inner_due
            && let Some(period) = self.inner.period()
        {
            self.inner.tick(turn, due);
            self.inner_due = due + period;
        }
        if self.held_ticks > 0 {
            self.held_ticks -= 1;
            if self.held_ticks == 0 {
                turn.out.append(&mut self.held);
            }
        }
        if self.dice.unit() < MISDEED_CHANCE {
            self.misdeed(turn, from);
        }
    }

    fn period(&self) -> Option<Duration> {
        Some(self.inner.period().map_or(OCCASION_INTERVAL, |period| period.min(OCCASION_INTERVAL)))
    }

    fn has_seat(&self) -> bool {
        self.inner.has_seat()
    }

    fn is_chaotic(&self) -> bool {
        true
    }

    fn leave(&mut self, turn: &mut Turn<'_>) -> bool {
        self.inner.leave(turn)
    }

    /// What it held back was for the connection before.
    fn lost(&mut self, turn: &mut Turn<'_>, code: u16) -> bool {
        self.held.clear();
        self.inner_due = Duration::ZERO;
        (self.held_ticks, self.breaks) = (0, false);
        self.inner.lost(turn, code)
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        self.inner.close(turn);
    }

    /// What it sees may be wrong by its own doing.
    fn sight(&mut self) -> Sight {
        Sight::default()
    }
}
