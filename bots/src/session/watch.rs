//! A bot that watches: it has a seat and receives what a player does, and reads of each frame only the head. It costs a
//! fraction of a player, so that one core can load a server with thousands.

use std::time::Duration;

use tickwire_shared::client::ClientError;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::{
    ClientMessage, ResumeClaim, ResumeToken, SUBPROTOCOL, ServerMessage, VERSION, frame, heard,
};
use tickwire_shared::{Game, JoinRequest, Schema, Tick, TickRate};

use super::{Ended, Failure, Session, Sight, Turn};
use crate::room::Stay;
use crate::ws::Opcode;

/// So often it says something, as every client does.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// See the module.
pub struct Watcher {
    game: &'static str,
    fingerprint: u64,
    request: JoinRequest,
    stay: Option<Stay>,
    /// The last frame's.
    tick: Option<Tick>,
    /// Leads back to the seat.
    token: Option<ResumeToken>,
    /// Connections that it had before this one.
    returns: u32,
}

impl Watcher {
    /// A bot that asks for its seat so, and watches `G`.
    #[must_use]
    pub fn new<G: Game>(request: JoinRequest) -> Self {
        Self {
            game: G::NAME,
            fingerprint: Schema::of::<G>().fingerprint(),
            request,
            stay: None,
            tick: None,
            token: None,
            returns: 0,
        }
    }

    fn say(turn: &mut Turn<'_>, message: &ClientMessage) {
        turn.send(Opcode::Binary, &message.encode());
    }

    fn cold(&mut self, turn: &mut Turn<'_>, message: ServerMessage) -> Result<(), Failure> {
        match message {
            ServerMessage::Welcome { fingerprint, .. } if fingerprint != self.fingerprint => {
                let game = self.game;
                let reason = format!("the server runs another version of {game}: update or reload the client");
                return Err(Failure::Refused(reason));
            }
            ServerMessage::Joined { room, rate_hz, token, .. } => self.seated(turn, room, rate_hz, token),
            ServerMessage::Resumed { room, rate_hz, token, .. } => self.seated(turn, room, rate_hz, Some(token)),
            ServerMessage::Refused { reason } => return Err(Failure::Refused(reason)),
            _ => {}
        }
        Ok(())
    }

    fn seated(&mut self, turn: &mut Turn<'_>, room: u64, rate_hz: u16, token: Option<ResumeToken>) {
        self.token = token;
        self.stay = Some(turn.rooms.enter(room, TickRate::hz(rate_hz).interval(), turn.now));
        // what is said next tells the server that the token has arrived
        Self::ping(turn);
    }

    fn ping(turn: &mut Turn<'_>) {
        Self::say(turn, &ClientMessage::Ping { stamp_ms: turn.now.as_millis() as u32 });
    }

    fn frame(&mut self, turn: &mut Turn<'_>, tick: Tick, asks: bool) {
        self.tick = Some(tick);
        if let Some(stay) = &mut self.stay {
            stay.frame(turn, tick);
        }
        if asks {
            turn.send(Opcode::Binary, &heard::encode(tick));
        }
    }
}

impl Session for Watcher {
    fn subprotocol(&self) -> Option<&str> {
        Some(SUBPROTOCOL)
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        let (game, fingerprint) = (self.game.to_owned(), self.fingerprint);
        Self::say(turn, &ClientMessage::Hello { protocol: VERSION, game, fingerprint });
        let says = match self.token {
            // it holds no state that could be built upon
            Some(token) if self.returns > 0 => ClientMessage::Resume(ResumeClaim {
                token,
                attempt: self.returns,
                events: None,
                tick: None,
                channels: Vec::new(),
            }),
            _ => ClientMessage::Join(std::mem::take(&mut self.request)),
        };
        Self::say(turn, &says);
    }

    fn message(&mut self, turn: &mut Turn<'_>, payload: &[u8], is_text: bool) -> Result<(), Failure> {
        let had_seat = self.has_seat();
        let wrong = |error: ClientError| {
            if had_seat { Failure::Lost(Ended::Client(error)) } else { Failure::NotJoined(Ended::Client(error)) }
        };
        if is_text {
            return Err(wrong(ClientError::Unexpected("text message")));
        }
        if !frame::is_frame(payload) {
            let message = ServerMessage::decode(payload).map_err(|error| wrong(error.into()))?;
            return self.cold(turn, message);
        }
        let (tick, asks) = frame::glance(payload, self.tick).map_err(|error| wrong(error.into()))?;
        self.frame(turn, tick, asks);
        Ok(())
    }

    fn tick(&mut self, turn: &mut Turn<'_>, _due: Duration) {
        Self::ping(turn);
    }

    fn period(&self) -> Option<Duration> {
        Some(PING_INTERVAL)
    }

    fn has_seat(&self) -> bool {
        self.stay.is_some()
    }

    fn leave(&mut self, turn: &mut Turn<'_>) -> bool {
        Self::say(turn, &ClientMessage::Leave);
        true
    }

    fn lost(&mut self, _turn: &mut Turn<'_>, code: u16) -> bool {
        (self.stay, self.tick) = (None, None);
        self.returns += 1;
        self.token.is_some() && CloseReason::may_retry(code)
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        if let Some(stay) = &mut self.stay {
            stay.close(turn);
        }
    }

    fn sight(&mut self) -> Sight {
        Sight::default()
    }
}
