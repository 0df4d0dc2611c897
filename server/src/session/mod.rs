//! The server's side of one client's conversation, sans IO: bytes and time in, a verdict out.

mod rate;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use tickwire_shared::delta::{KindLayout, LayoutError};
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::input::{self, TickInput};
use tickwire_shared::protocol::limits::{PASS_MAX_BYTES, REPORT_CHANNELS_MAX, WISH_MAX_BYTES};
use tickwire_shared::protocol::{self, ClientMessage, ResumeClaim, ServerMessage, TAG_HEARD, TAG_INPUT, heard};
use tickwire_shared::schema::Schema;
use tickwire_shared::{Game, JoinRequest, Profile, Tick};

use crate::config::SessionLimits;
use crate::handover::{SeatAddress, Seated, StayId};
use crate::json::{GameText, Payloads};
use crate::net::rate::Rate;
use rate::Pace;

/// An input so many ticks before the newest one is no repetition: the client has set its clock back.
const CLOCK_RESTART_TICKS: i32 = 32;

/// What a session must know of the games that are hosted, and of what a client may do.
#[derive(Debug)]
pub struct HostTerms {
    /// The games, at least one.
    pub games: Vec<GameTerms>,
    /// How much and how fast a client may speak.
    pub limits: SessionLimits,
    /// How many clients speak JSON now, on all reactors.
    pub json_links: AtomicUsize,
}

/// What a session must know of a game.
#[derive(Debug)]
pub struct GameTerms {
    /// Its description.
    pub schema: Schema,
    /// The description's fingerprint.
    pub fingerprint: u64,
    /// Its input, compiled.
    pub input: KindLayout,
    /// The same for clients that speak JSON.
    pub text: GameText,
}

impl HostTerms {
    /// Of a server that hosts game `G` alone.
    ///
    /// # Errors
    /// The game's kinds or its input are impossible.
    pub fn of<G: Game>(limits: SessionLimits) -> Result<Self, LayoutError> {
        Ok(Self::new(vec![GameTerms::new(Schema::of::<G>(), Payloads::of::<G>())?], limits))
    }

    /// Of a server that hosts these games, at least one.
    #[must_use]
    pub fn new(games: Vec<GameTerms>, limits: SessionLimits) -> Self {
        Self { games, limits, json_links: AtomicUsize::new(0) }
    }
}

impl GameTerms {
    /// Of a game with this description, and with the commands and events of these types.
    ///
    /// # Errors
    /// The game's kinds or its input are impossible.
    pub fn new(schema: Schema, payloads: Payloads) -> Result<Self, LayoutError> {
        let (fingerprint, input) = (schema.fingerprint(), KindLayout::new(&schema.input)?);
        let text = GameText::new(&schema, payloads)?;
        Ok(Self { schema, fingerprint, input, text })
    }
}

/// What the gateway is to do about a message.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Nothing; inputs, if any, are in the list that was passed.
    Nothing,
    /// The same, and the client has taken the frame of this tick.
    Heard(Tick),
    /// Send this.
    Reply(ServerMessage),
    /// Find a seat for this player, whose name can be shown.
    Place(Box<JoinRequest>),
    /// Bring this client back to its seat.
    Resume(Box<ResumeClaim>),
    /// Pass this command on.
    Command(Vec<u8>),
    /// Ask the room for keyframes.
    Resync,
    /// Ask it for keyframes of the channels whose hashes were others at this tick.
    Desync(Tick, Vec<(u16, u32)>),
    /// The player leaves; close with [`CloseReason::Done`].
    Leave,
    /// Too fast: dropped.
    Dropped,
    /// Too fast for too long: close with [`CloseReason::Policy`].
    TooFast,
    /// Close: the reason for the code, and one sentence for a person.
    Refuse(CloseReason, String),
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    AwaitingHello,
    AwaitingJoin,
    AwaitingSeat,
    Seated(SeatAddress),
    Ended,
}

/// One client's conversation.
#[derive(Debug)]
pub struct Session {
    terms: Arc<HostTerms>,
    /// The place of its game among the hosted ones, once it has said hello.
    game: usize,
    stage: Stage,
    pace: Pace,
    newest_input: Option<Tick>,
    /// The stay and the turn of its token, if the client has one and has not shown it yet.
    unshown: Option<(StayId, u32)>,
    /// It asked for a seat by token.
    asked_back: bool,
    /// It has spoken since it was told of its seat.
    heard: bool,
    /// Somebody may come back to the seat.
    returns: bool,
}

impl Session {
    /// A client that has just connected.
    #[must_use]
    pub fn new(terms: Arc<HostTerms>, now: Instant) -> Self {
        let pace = Pace::new(terms.limits.messages, now);
        Self {
            terms,
            game: 0,
            stage: Stage::AwaitingHello,
            pace,
            newest_input: None,
            unshown: None,
            asked_back: false,
            heard: false,
            returns: false,
        }
    }

    /// A whole binary message came. Inputs that are new are added to `inputs`, the oldest first.
    pub fn handle_message(&mut self, now: Instant, message: &[u8], inputs: &mut Vec<TickInput>) -> Verdict {
        let is_heard = message.first() == Some(&TAG_HEARD);
        match self.pace.take(message.len(), is_heard, &self.terms.limits, now) {
            rate::Verdict::Fine => {}
            // who cannot say these is stuck
            rate::Verdict::TooFast => match ClientMessage::decode(message) {
                Ok(ClientMessage::Leave) => {}
                Ok(ClientMessage::Resync) if self.pace.take_resync(now) => {}
                _ => return Verdict::Dropped,
            },
            rate::Verdict::Enough => return Verdict::TooFast,
        }
        if let Some(refused) = self.too_long(message.len()) {
            return refused;
        }
        if message.first() == Some(&TAG_INPUT) {
            return self.handle_input(message, inputs);
        }
        if is_heard {
            return self.handle_heard(message);
        }
        match ClientMessage::decode(message) {
            Ok(message) => self.handle_client_message(message),
            Err(error) => Verdict::Refuse(CloseReason::InvalidData, error.to_string()),
        }
    }

    /// A whole message came in another encoding: the same limits hold for it. Some: it is not to be heard, and this is to
    /// be done. What else it says goes to [`Session::handle_client_message`].
    pub fn handle_length(&mut self, now: Instant, bytes: usize) -> Option<Verdict> {
        match self.pace.take(bytes, false, &self.terms.limits, now) {
            rate::Verdict::Fine => self.too_long(bytes),
            rate::Verdict::TooFast => Some(Verdict::Dropped),
            rate::Verdict::Enough => Some(Verdict::TooFast),
        }
    }

    /// The room gave a seat, or gave it back: then so many events are lost.
    pub fn handle_seated(&mut self, seated: Seated) -> ServerMessage {
        let Seated { seat, tick, rate_hz, pass, resumed, code } = seated;
        self.stage = Stage::Seated(seat);
        let (Rate { per_s, burst }, rate) = (self.terms.limits.messages, u32::from(rate_hz));
        let a_tick = Rate { per_s: rate, burst: 2 * rate };
        self.pace.set(Rate { per_s: per_s.saturating_add(rate), burst: burst.saturating_add(2 * rate) }, a_tick);
        self.unshown = pass.map(|pass| (pass.stay, pass.turn));
        self.heard = false;
        // who has not shown its first token cannot come back
        self.returns = resumed.is_some();
        let (room, seat, token) = (seat.room.0, seat.seat.0, pass.map(|pass| pass.token));
        match (resumed.filter(|_| self.asked_back), token) {
            (Some(events_lost), Some(token)) => {
                ServerMessage::Resumed { room, seat, tick, rate_hz, token, events_lost, code }
            }
            _ => ServerMessage::Joined { room, seat, tick, rate_hz, token, code },
        }
    }

    /// The stay and the turn of its token, once, when what the client has said shows that it has the token.
    pub fn take_shown(&mut self) -> Option<(StayId, u32)> {
        let shown = self.unshown.take_if(|_| self.heard);
        self.returns |= shown.is_some();
        shown
    }

    /// Whether the seat of a client whose connection breaks is to be held.
    #[must_use]
    pub fn returns(&self) -> bool {
        self.returns
    }

    /// An input could not be passed on: its repetition in the next message will be.
    pub fn input_lost(&mut self, tick: Tick) {
        self.newest_input = Some(tick.offset(-1));
    }

    /// The conversation is over; the seat that is to be freed, if there is one.
    pub fn end(&mut self) -> Option<SeatAddress> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Seated(seat) => Some(seat),
            _ => None,
        }
    }

    /// The seat, once there is one.
    #[must_use]
    pub fn seat(&self) -> Option<SeatAddress> {
        if let Stage::Seated(seat) = self.stage { Some(seat) } else { None }
    }

    /// The place of its game among those that are hosted; 0 before it has said hello.
    #[must_use]
    pub fn game(&self) -> usize {
        self.game
    }

    /// Whether the client has not asked for a seat yet.
    #[must_use]
    pub fn awaits_join(&self) -> bool {
        matches!(self.stage, Stage::AwaitingHello | Stage::AwaitingJoin)
    }

    /// Whether nothing is to be said any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    fn too_long(&self, bytes: usize) -> Option<Verdict> {
        let hello_max_bytes = self.terms.limits.hello_max_bytes;
        let is_long = self.awaits_join() && bytes > hello_max_bytes;
        is_long.then(|| {
            let text = format!("hello and join have {hello_max_bytes} bytes at most");
            Verdict::Refuse(CloseReason::Policy, text)
        })
    }

    /// What a client says, inputs and answers to frames aside.
    pub fn handle_client_message(&mut self, message: ClientMessage) -> Verdict {
        match (message, &self.stage) {
            (ClientMessage::Hello { protocol, game, fingerprint }, Stage::AwaitingHello) => {
                self.handle_hello(protocol, &game, fingerprint)
            }
            (ClientMessage::Join(request), Stage::AwaitingJoin) if request.is_sound() => {
                self.stage = Stage::AwaitingSeat;
                Verdict::Place(Box::new(JoinRequest { name: Profile::named(&request.name).name, ..request }))
            }
            (ClientMessage::Join(_), Stage::AwaitingJoin) => {
                let text = format!("a pass has {PASS_MAX_BYTES} bytes at most, a wish {WISH_MAX_BYTES}");
                Verdict::Refuse(CloseReason::InvalidData, text)
            }
            (ClientMessage::Resume(claim), Stage::AwaitingJoin) if claim.is_sound() => {
                (self.stage, self.asked_back) = (Stage::AwaitingSeat, true);
                Verdict::Resume(Box::new(claim))
            }
            (ClientMessage::Ping { stamp_ms }, Stage::AwaitingJoin | Stage::AwaitingSeat | Stage::Seated(_)) => {
                self.heard |= matches!(self.stage, Stage::Seated(_));
                Verdict::Reply(ServerMessage::Pong { stamp_ms })
            }
            (ClientMessage::Resync, Stage::Seated(_)) => Verdict::Resync,
            (ClientMessage::Desync { tick, hashes }, Stage::Seated(_)) if hashes.len() <= REPORT_CHANNELS_MAX => {
                Verdict::Desync(tick, hashes)
            }
            (ClientMessage::Desync { .. }, Stage::Seated(_)) => {
                let text = format!("a report of wrong states names {REPORT_CHANNELS_MAX} channels at most");
                Verdict::Refuse(CloseReason::InvalidData, text)
            }
            (ClientMessage::Command(bytes), Stage::Seated(_)) => Verdict::Command(bytes),
            (ClientMessage::Leave, _) => Verdict::Leave,
            (_, Stage::Ended) => Verdict::Nothing,
            (_, Stage::AwaitingHello) => {
                let text = "the first message must be a hello: connect with a tickwire client".to_owned();
                Verdict::Refuse(CloseReason::ProtocolError, text)
            }
            (_, _) => Verdict::Refuse(CloseReason::ProtocolError, "a message out of its order".to_owned()),
        }
    }

    fn handle_hello(&mut self, version: u16, game: &str, fingerprint: u64) -> Verdict {
        if version != protocol::VERSION {
            let older = if version < protocol::VERSION { "update the client" } else { "update the server" };
            let text = format!("the client speaks protocol {version}, the server {}: {older}", protocol::VERSION);
            return Verdict::Refuse(CloseReason::Version, text);
        }
        let games = &self.terms.games;
        let Some(place) = games.iter().position(|hosted| hosted.schema.game == game) else {
            let names: Vec<String> = games.iter().map(|hosted| format!("{:?}", hosted.schema.game)).collect();
            let text = format!("this server hosts {}, not the game that the client asks for", names.join(", "));
            return Verdict::Refuse(CloseReason::Game, text);
        };
        let terms = &games[place];
        (self.stage, self.game) = (Stage::AwaitingJoin, place);
        let schema = (fingerprint != terms.fingerprint).then(|| terms.schema.clone());
        Verdict::Reply(ServerMessage::Welcome { fingerprint: terms.fingerprint, schema })
    }

    fn handle_input(&mut self, message: &[u8], inputs: &mut Vec<TickInput>) -> Verdict {
        match self.stage {
            Stage::Seated(_) => {}
            Stage::Ended => return Verdict::Nothing,
            _ => return Verdict::Refuse(CloseReason::ProtocolError, "an input before there is a seat".to_owned()),
        }
        let newest = &mut self.newest_input;
        let decoded = input::decode(&self.terms.games[self.game].input, message, |input| {
            // a client whose clock was far ahead goes on from an earlier tick
            let tick = input.tick;
            let is_new = |newest: Tick| tick.is_after(newest) || newest.since(tick) > CLOCK_RESTART_TICKS;
            if newest.is_none_or(is_new) {
                *newest = Some(tick);
                inputs.push(input);
            }
        });
        match decoded {
            Ok(told) => {
                self.heard = true;
                told.heard.frame(told.newest).map_or(Verdict::Nothing, Verdict::Heard)
            }
            Err(error) => Verdict::Refuse(CloseReason::InvalidData, error.to_string()),
        }
    }

    fn handle_heard(&mut self, message: &[u8]) -> Verdict {
        match (&self.stage, heard::decode(message)) {
            (Stage::Seated(_), Ok(tick)) => {
                self.heard = true;
                Verdict::Heard(tick)
            }
            (Stage::Ended, _) => Verdict::Nothing,
            (_, Err(error)) => Verdict::Refuse(CloseReason::InvalidData, error.to_string()),
            (_, Ok(_)) => {
                let text = "an answer to a frame before there is a seat".to_owned();
                Verdict::Refuse(CloseReason::ProtocolError, text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::SeatId;
    use tickwire_shared::protocol::input::{HeardAge, InputLanes, Told, ViewLag};
    use tickwire_shared::schema::KindSchema;

    use super::*;
    use crate::handover::{Pass, RoomId};

    fn session() -> Session {
        let input = KindSchema { name: "input".into(), fields: Vec::new() };
        let schema = Schema { game: "test".into(), version: 0, kinds: Vec::new(), input, tables: Vec::new() };
        let game = GameTerms::new(schema, Payloads::of_types::<(), ()>()).expect("it is sound");
        let terms = HostTerms::new(vec![game], SessionLimits::default());
        Session::new(Arc::new(terms), Instant::now())
    }

    fn seated(seat: SeatAddress) -> Seated {
        Seated { seat, tick: Tick(5), rate_hz: 30, pass: None, resumed: None, code: None }
    }

    fn say(session: &mut Session, message: &ClientMessage) -> Verdict {
        session.handle_message(Instant::now(), &message.encode(), &mut Vec::new())
    }

    fn hello(session: &Session) -> ClientMessage {
        let fingerprint = session.terms.games[0].fingerprint;
        ClientMessage::Hello { protocol: protocol::VERSION, game: "test".into(), fingerprint }
    }

    #[test]
    fn hello_join_seat_leave() {
        let mut session = session();
        let hello = hello(&session);
        assert!(matches!(say(&mut session, &hello), Verdict::Reply(ServerMessage::Welcome { schema: None, .. })));
        let join = ClientMessage::Join(JoinRequest::new("  a\u{7}nn  "));
        assert_eq!(say(&mut session, &join), Verdict::Place(Box::new(JoinRequest::new("ann"))));
        let seat = SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) };
        session.handle_seated(seated(seat));
        assert_eq!(
            say(&mut session, &ClientMessage::Ping { stamp_ms: 4 }),
            Verdict::Reply(ServerMessage::Pong { stamp_ms: 4 })
        );
        assert_eq!(say(&mut session, &ClientMessage::Leave), Verdict::Leave);
        assert_eq!(session.end(), Some(seat));
        assert_eq!(session.end(), None, "a seat is freed once");
    }

    #[test]
    fn a_token_counts_as_arrived_when_the_client_has_spoken_after_it() {
        let mut session = session();
        let hello = hello(&session);
        say(&mut session, &hello);
        let claim = ResumeClaim {
            token: protocol::ResumeToken([1; 32]),
            attempt: 1,
            events: Some(0),
            tick: Some(Tick(3)),
            channels: vec![(7, 1), (7, 2)],
        };
        let twice = say(&mut session, &ClientMessage::Resume(claim.clone()));
        assert!(matches!(twice, Verdict::Refuse(CloseReason::ProtocolError, _)), "{twice:?}");
        let claim = ResumeClaim { channels: vec![(7, 1)], ..claim };
        assert_eq!(say(&mut session, &ClientMessage::Resume(claim.clone())), Verdict::Resume(Box::new(claim.clone())));
        say(&mut session, &ClientMessage::Ping { stamp_ms: 1 });
        let seat = SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) };
        let pass = Pass { stay: StayId(4), turn: 2, token: claim.token };
        let told = session.handle_seated(Seated { pass: Some(pass), resumed: Some(9), ..seated(seat) });
        assert!(matches!(told, ServerMessage::Resumed { seat: 2, events_lost: 9, .. }), "{told:?}");
        assert_eq!(session.take_shown(), None, "that ping was from before");
        say(&mut session, &ClientMessage::Ping { stamp_ms: 1 });
        assert_eq!(session.take_shown(), Some((StayId(4), 2)));
        assert_eq!(session.take_shown(), None, "told once");
    }

    #[test]
    fn another_version_game_or_build_is_told_what_to_do() {
        let refused = |message: ClientMessage| match say(&mut session(), &message) {
            Verdict::Refuse(reason, text) => (reason, text),
            other => panic!("expected a refusal, got {other:?}"),
        };
        let protocol = protocol::VERSION;
        let (reason, text) = refused(ClientMessage::Hello { protocol: 0, game: "test".into(), fingerprint: 0 });
        assert_eq!(reason, CloseReason::Version);
        assert!(text.contains("update the client"), "{text}");
        let (reason, text) = refused(ClientMessage::Hello { protocol, game: "chess".into(), fingerprint: 0 });
        assert_eq!(reason, CloseReason::Game);
        assert!(text.contains("test"), "{text}");
        let (reason, _) = refused(ClientMessage::Join(JoinRequest::new(String::new())));
        assert_eq!(reason, CloseReason::ProtocolError);
        let other_build = ClientMessage::Hello { protocol, game: "test".into(), fingerprint: 0 };
        assert!(matches!(
            say(&mut session(), &other_build),
            Verdict::Reply(ServerMessage::Welcome { schema: Some(_), .. })
        ));
    }

    #[test]
    fn garbage_is_refused_with_a_reason() {
        for garbage in [&b""[..], b"\xff\xff\xff", b"GET / HTTP/1.1", &[0; 5000]] {
            let verdict = session().handle_message(Instant::now(), garbage, &mut Vec::new());
            assert!(matches!(verdict, Verdict::Refuse(..)), "{garbage:?} gave {verdict:?}");
        }
    }

    #[test]
    fn repeated_inputs_are_passed_on_once() {
        let mut session = session();
        let seat = SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) };
        session.handle_seated(seated(seat));
        let mut inputs = Vec::new();
        for newest in [Tick(10), Tick(11), Tick(11), Tick(13)] {
            let mut message = Vec::new();
            let lanes = [InputLanes::default(); 3];
            let told = Told { newest, lag: ViewLag(9), heard: HeardAge::UNKNOWN };
            input::encode(&session.terms.games[0].input, &told, &lanes, &mut message);
            assert_eq!(session.handle_message(Instant::now(), &message, &mut inputs), Verdict::Nothing);
        }
        let ticks: Vec<u32> = inputs.iter().map(|input| input.tick.0).collect();
        assert_eq!(ticks, [8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn a_client_that_sets_its_clock_back_is_heard() {
        let mut session = session();
        let seat = SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) };
        session.handle_seated(seated(seat));
        let mut inputs = Vec::new();
        for newest in [Tick(500), Tick(300), Tick(301)] {
            let mut message = Vec::new();
            let told = Told { newest, lag: ViewLag(9), heard: HeardAge(3) };
            input::encode(&session.terms.games[0].input, &told, &[InputLanes::default(); 2], &mut message);
            let verdict = session.handle_message(Instant::now(), &message, &mut inputs);
            assert_eq!(verdict, Verdict::Heard(newest.offset(-3)));
        }
        let ticks: Vec<u32> = inputs.iter().map(|input| input.tick.0).collect();
        assert_eq!(ticks, [499, 500, 299, 300, 301]);
    }

    #[test]
    fn an_answer_to_a_frame_is_heard_once_there_is_a_seat() {
        let mut session = session();
        let answer =
            |session: &mut Session| session.handle_message(Instant::now(), &heard::encode(Tick(7)), &mut vec![]);
        assert!(matches!(answer(&mut session), Verdict::Refuse(CloseReason::ProtocolError, _)));
        session.handle_seated(seated(SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) }));
        assert_eq!(answer(&mut session), Verdict::Heard(Tick(7)));
        let verdict = session.handle_message(Instant::now(), &[TAG_HEARD, 1], &mut vec![]);
        assert!(matches!(verdict, Verdict::Refuse(CloseReason::InvalidData, _)));
    }

    #[test]
    fn who_is_too_fast_can_still_ask_for_keyframes_and_leave() {
        let mut session = session();
        let seat = SeatAddress { thread: 0, room: RoomId(1), seat: SeatId(2) };
        session.handle_seated(seated(seat));
        let ping = ClientMessage::Ping { stamp_ms: 1 }.encode();
        let now = Instant::now();
        while session.handle_message(now, &ping, &mut Vec::new()) != Verdict::Dropped {}
        let resync = ClientMessage::Resync.encode();
        let verdicts = (0..100).map(|_| session.handle_message(now, &resync, &mut Vec::new()));
        let heard = verdicts.filter(|verdict| *verdict == Verdict::Resync).count();
        assert_eq!(heard, 2, "more would take the tick thread's inbox away from others");
        assert_eq!(session.handle_message(now, &ClientMessage::Leave.encode(), &mut Vec::new()), Verdict::Leave);
    }
}
