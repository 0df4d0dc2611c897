//! A bot that plays: a whole client, which decodes every frame, compares hashes and behaves.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tickwire_shared::client::{Client, ClientError, Event, Returning, State};
use tickwire_shared::protocol::SUBPROTOCOL;
use tickwire_shared::{EntityId, Game, JoinRequest};

use super::{Ended, Failure, Session, Sight, Turn};
use crate::behaviour::Behaviour;
use crate::room::Stay;
use crate::ws::Opcode;

/// Inputs whose acks are awaited; older ones have been given up.
const AWAITED_MAX: usize = 256;
/// What was told of is compared with what there is once in so many frames, and whenever a connection ends or begins.
const COMPARED_FRAMES: u64 = 60;

/// See the module.
pub struct Player<G: Game, B> {
    client: Client<G>,
    behaviour: B,
    stay: Option<Stay>,
    /// When the inputs that are not acked were due, and when they were made.
    awaited: VecDeque<(Duration, Duration)>,
    frames_seen: u64,
    /// What there is, by the words of the client: it was told of each thing that came or went.
    there: HashSet<EntityId>,
    wrong_spawns: u64,
    /// The next frame is the first of its connection.
    is_fresh: bool,
    /// There was a connection before this one.
    returns: bool,
    /// What it has told of.
    told: Sight,
}

impl<G: Game, B: Behaviour<G>> Player<G, B> {
    /// A bot that asks for its seat so, and has this mind.
    ///
    /// # Errors
    /// The game's own kinds are impossible.
    pub fn new(request: JoinRequest, behaviour: B) -> Result<Self, ClientError> {
        // when it comes back is the plan's to say, so the client's own waits do not matter
        let client = Client::new(request)?.returning(Returning::new(0));
        Ok(Self {
            client,
            behaviour,
            stay: None,
            awaited: VecDeque::new(),
            frames_seen: 0,
            there: HashSet::new(),
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
                    self.stay = Some(turn.rooms.enter(room, self.client.tick_interval()));
                }
                Event::Resumed { .. } => {
                    if let State::Playing { room, .. } = *self.client.state() {
                        self.stay = Some(turn.rooms.enter(room, self.client.tick_interval()));
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
        let is_there: HashSet<EntityId> = self.client.untyped().newest_all().map(|(id, ..)| id).collect();
        self.wrong_spawns += is_there.symmetric_difference(&self.there).count() as u64;
        self.there = is_there;
    }

    /// An ack is of an input and of all before it; each is counted from when it was due.
    fn acked(&mut self, turn: &mut Turn<'_>, took: Duration) {
        let made = turn.now.saturating_sub(took);
        while let Some((due, _)) = self.awaited.pop_front_if(|(_, at)| *at <= made) {
            if let Some(notes) = &mut turn.notes {
                notes.measure.input_to_ack.record(turn.arrived.saturating_sub(due));
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
        self.client.handle_message(turn.now, payload).map_err(ended)?;
        self.take_events(turn)?;
        let frames = self.client.stats().frames;
        if frames != self.frames_seen
            && let (Some(stay), Some(tick)) = (&mut self.stay, self.client.tick())
        {
            self.frames_seen = frames;
            stay.frame(turn, tick);
            if std::mem::take(&mut self.is_fresh) || frames.is_multiple_of(COMPARED_FRAMES) {
                self.compare();
            }
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

    fn lost(&mut self, turn: &mut Turn<'_>, code: u16) -> bool {
        self.compare();
        self.stay = None;
        self.awaited.clear();
        (self.is_fresh, self.returns) = (true, true);
        self.client.handle_disconnected(turn.now, code, "")
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
