//! A bot that plays: a whole client, which decodes every frame, compares hashes and behaves.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashSet;
use tickwire_shared::client::{Client, ClientError, Event, Returning, State};
use tickwire_shared::delta::StatePool;
use tickwire_shared::protocol::SUBPROTOCOL;
use tickwire_shared::{EntityId, Game, JoinRequest};

use super::{Ended, Failure, Session, Sight, Turn};
use crate::behaviour::Behaviour;
use crate::measure::LONGEST;
use crate::room::Stay;
use crate::ws::Opcode;

/// A client that has heard nothing for so long holds its inputs back; they are due all the same.
const HELD_BACK_AFTER: Duration = Duration::from_millis(300);
/// What was told of is compared with what there is once in so many frames, and whenever a connection ends or begins.
const COMPARED_FRAMES: u64 = 60;

/// See the module.
pub struct Player<G: Game, B> {
    client: Client<G>,
    behaviour: B,
    stay: Option<Stay>,
    /// When the inputs that are not acked were due, and when they were made.
    awaited: VecDeque<(Duration, Duration)>,
    /// How long the last ack took.
    took: Duration,
    frames: u64,
    /// What there is, by the words of the client: it was told of each thing that came or went.
    there: FxHashSet<EntityId>,
    wrong_spawns: u64,
    /// The next frame is the first of its connection.
    is_fresh: bool,
    /// There was a connection before this one.
    returns: bool,
    /// What it has told of.
    told: Sight,
}

impl<G: Game, B: Behaviour<G>> Player<G, B> {
    /// A bot that asks for its seat so, and has this mind. Unless it looks at playback, deltas that come to others of the
    /// pool as well are decoded once: what a game's clients would do each for itself is not the server's load.
    ///
    /// # Errors
    /// The game's own kinds are impossible.
    pub fn new(request: JoinRequest, behaviour: B, pool: Option<&StatePool>) -> Result<Self, ClientError> {
        // when it comes back is the plan's to say, so the client's own waits do not matter
        let client = Client::new(request)?.returning(Returning::new(0));
        let client = match pool {
            _ if behaviour.needs_playback() => client,
            Some(pool) => client.pooled(pool),
            None => client.without_playback(),
        };
        Ok(Self {
            client,
            behaviour,
            stay: None,
            awaited: VecDeque::new(),
            took: Duration::ZERO,
            frames: 0,
            there: FxHashSet::default(),
            wrong_spawns: 0,
            is_fresh: true,
            returns: false,
            told: Sight::default(),
        })
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
                    self.stay = Some(turn.rooms.enter(room, self.client.tick_interval(), turn.now));
                }
                Event::Resumed { .. } => {
                    if let State::Playing { room, .. } = *self.client.state() {
                        self.stay = Some(turn.rooms.enter(room, self.client.tick_interval(), turn.now));
                    }
                }
                Event::Spawned(id) => self.wrong_spawns += u64::from(!self.there.insert(id)),
                Event::Despawned(id) => self.wrong_spawns += u64::from(!self.there.remove(&id)),
                Event::Refused { reason } => return Err(Failure::Refused(reason)),
                Event::Acked { took: Some(took), .. } => self.acked(turn, took),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether what was told of is what there is.
    fn compare(&mut self) {
        let is_there = || self.client.untyped().newest_all().map(|(id, ..)| id);
        let (mut count, mut known) = (0, 0);
        for id in is_there() {
            count += 1;
            known += usize::from(self.there.contains(&id));
        }
        let wrong = (count - known) + (self.there.len() - known);
        if wrong > 0 {
            self.wrong_spawns += wrong as u64;
            self.there = is_there().collect();
        }
    }

    /// An ack is of an input and of all before it; each is counted from when it was due.
    fn acked(&mut self, turn: &mut Turn<'_>, took: Duration) {
        let made = turn.now.saturating_sub(took);
        while let Some((due, _)) = self.awaited.pop_front_if(|(_, at)| *at <= made) {
            self.took = turn.arrived.saturating_sub(due);
            if let Some(notes) = &mut turn.notes {
                notes.measure.input_to_ack.record(self.took);
            }
        }
    }

    /// An input was due, and perhaps sent. None is forgotten before its wait is as long as can be told.
    fn awaits(&mut self, turn: &mut Turn<'_>, due: Duration, is_sent: bool) {
        let held_back = || self.stay.as_ref().is_some_and(|stay| stay.silence(turn.now) >= HELD_BACK_AFTER);
        if is_sent || held_back() {
            self.awaited.push_back((due, turn.now));
        }
        while let Some((due, _)) = self.awaited.pop_front_if(|(due, _)| *due + LONGEST <= turn.now) {
            if let Some(notes) = &mut turn.notes {
                notes.measure.input_to_ack.record(turn.now - due);
            }
        }
    }
}

impl<G: Game, B: Behaviour<G>> Session for Player<G, B> {
    fn subprotocol(&self) -> Option<&str> {
        Some(SUBPROTOCOL)
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        if self.returns {
            self.client.handle_connected();
        }
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
        let before = self.client.tick();
        self.client.handle_message(turn.now, payload).map_err(ended)?;
        self.take_events(turn)?;
        // each frame that could be applied is of another tick
        if let (Some(stay), Some(tick)) = (&mut self.stay, self.client.tick().filter(|tick| Some(*tick) != before)) {
            self.frames += 1;
            stay.frame(turn, tick);
            if std::mem::take(&mut self.is_fresh) || self.frames.is_multiple_of(COMPARED_FRAMES) {
                self.compare();
                if let Some(notes) = &mut turn.notes {
                    *notes.measure.in_view.entry(self.there.len() as u32).or_default() += 1;
                }
            }
        }
        // whatever happened may have left something to say, such as the wish for a keyframe
        self.flush(turn);
        Ok(())
    }

    fn tick(&mut self, turn: &mut Turn<'_>, due: Duration) {
        let input = self.behaviour.drive(&self.client, turn.now);
        let is_sent = self.client.input(turn.now, &input);
        self.awaits(turn, due, is_sent);
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

    fn lost(&mut self, turn: &mut Turn<'_>, code: u16) -> bool {
        self.compare();
        self.stay = None;
        self.awaited.clear();
        (self.is_fresh, self.returns) = (true, true);
        self.client.handle_disconnected(turn.now, code, "")
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        if let Some(stay) = &mut self.stay {
            stay.close(turn);
        }
        let Some(notes) = &mut turn.notes else { return };
        // of an input that has waited for less than the last one did, nothing is known
        let (now, took) = (turn.now, self.took);
        self.awaited.retain(|(due, _)| {
            let waited = now.saturating_sub(*due);
            if waited >= took {
                notes.measure.input_to_ack.record(waited);
            }
            waited < took
        });
    }

    fn sight(&mut self) -> Sight {
        let stats = self.client.stats();
        let Sight { hashes_checked, desyncs, wrong_spawns } = std::mem::replace(
            &mut self.told,
            Sight { hashes_checked: stats.hashes_checked, desyncs: stats.desyncs, wrong_spawns: self.wrong_spawns },
        );
        Sight {
            hashes_checked: stats.hashes_checked - hashes_checked,
            desyncs: stats.desyncs - desyncs,
            wrong_spawns: self.wrong_spawns - wrong_spawns,
        }
    }
}
