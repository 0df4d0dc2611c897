//! A bot that plays: a whole client, which decodes every frame, compares hashes and behaves.

use std::collections::VecDeque;
use std::time::Duration;

use tickwire_shared::client::{Client, ClientError, Event};
use tickwire_shared::protocol::SUBPROTOCOL;
use tickwire_shared::{Game, Profile};

use super::{Ended, Failure, Session, Sight, Turn};
use crate::behaviour::Behaviour;
use crate::room::Stay;
use crate::ws::Opcode;

/// Inputs whose acks are awaited; older ones have been given up.
const AWAITED_MAX: usize = 256;

/// See the module.
pub struct Player<G: Game, B> {
    client: Client<G>,
    behaviour: B,
    stay: Option<Stay>,
    /// When the inputs that are not acked were due, and when they were made.
    awaited: VecDeque<(Duration, Duration)>,
    frames_seen: u64,
}

impl<G: Game, B: Behaviour<G>> Player<G, B> {
    /// A bot of this name and mind.
    ///
    /// # Errors
    /// The game's own kinds are impossible.
    pub fn new(name: String, behaviour: B) -> Result<Self, ClientError> {
        let client = Client::new(Profile { name })?;
        Ok(Self { client, behaviour, stay: None, awaited: VecDeque::new(), frames_seen: 0 })
    }

    fn flush(&mut self, turn: &mut Turn<'_>) {
        while let Some(message) = self.client.poll_transmit() {
            turn.send(Opcode::Binary, &message);
        }
    }

    fn take_events(&mut self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Joined { room, .. } => {
                    self.stay = Some(turn.rooms.enter(room, self.client.tick_interval()));
                }
                Event::Refused { reason } => return Err(Failure::Refused(reason)),
                Event::Acked { took: Some(took), .. } => self.acked(turn, took),
                _ => {}
            }
        }
        Ok(())
    }

    /// An ack is of an input and of all before it; each is counted from when it was due.
    fn acked(&mut self, turn: &mut Turn<'_>, took: Duration) {
        let made = turn.now.saturating_sub(took);
        while let Some((due, _)) = self.awaited.pop_front_if(|(_, at)| *at <= made) {
            if let Some(notes) = &mut turn.notes {
                notes.measure.input_to_ack.record(turn.now.saturating_sub(due));
            }
        }
    }
}

impl<G: Game, B: Behaviour<G>> Session for Player<G, B> {
    fn subprotocol(&self) -> Option<&str> {
        Some(SUBPROTOCOL)
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        self.flush(turn);
    }

    fn message(&mut self, turn: &mut Turn<'_>, payload: &[u8], is_text: bool) -> Result<(), Failure> {
        let had_seat = self.has_seat();
        let ended = |error: ClientError| {
            if had_seat { Failure::Lost(Ended::Client(error)) } else { Failure::NotJoined(Ended::Client(error)) }
        };
        if is_text {
            return Err(ended(ClientError::Unexpected("text message")));
        }
        self.client.handle_message(turn.now, payload).map_err(ended)?;
        self.take_events(turn)?;
        let frames = self.client.stats().frames;
        if frames != self.frames_seen
            && let (Some(stay), Some(tick)) = (&mut self.stay, self.client.tick())
        {
            self.frames_seen = frames;
            stay.frame(turn, tick);
        }
        // whatever happened may have left something to say, such as the wish for a keyframe
        self.flush(turn);
        Ok(())
    }

    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration) {
        let input = self.behaviour.drive(&self.client, turn.now);
        if self.client.input(turn.now, &input) {
            if self.awaited.len() >= AWAITED_MAX {
                self.awaited.pop_front();
            }
            self.awaited.push_back((due, turn.now));
        }
        self.flush(turn);
    }

    fn period(&self) -> Option<Duration> {
        Some(self.client.tick_interval())
    }

    fn has_seat(&self) -> bool {
        self.stay.is_some()
    }

    fn leave(&mut self, turn: &mut Turn<'_>) -> bool {
        self.client.leave();
        self.flush(turn);
        true
    }

    fn sight(&self) -> Sight {
        let stats = self.client.stats();
        Sight { hashes_checked: stats.hashes_checked, desyncs: stats.desyncs }
    }
}
