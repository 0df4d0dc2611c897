//! A client from one connection to the next, as its transport and its game see it.

use std::time::Duration;

use tickwire_shared::client::{Client, Event, Meanwhile, Returning, State};
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::frame::{Contents, FrameHead, write_head};
use tickwire_shared::protocol::{ClientMessage, ResumeClaim, ResumeToken, ServerMessage};
use tickwire_shared::{Game, Leave, Profile, Publisher, Refusal, Replicate, Schema, SeatId, Setup, Step, Tick, World};

struct Chat;

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Lamp(Lamp),
}

#[derive(Clone, Debug, Default, PartialEq, Replicate)]
struct Lamp {
    on: bool,
}

impl Game for Chat {
    const NAME: &'static str = "chat";
    type World = Thing;
    type Input = Lamp;
    type Command = u8;
    type Event = u8;
    type Options = ();

    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, _: &mut Step<'_, Self>) {}
    fn publish(&self, _: &mut Publisher<'_, Thing>) {}
    fn new((): (), _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
}

const S: Duration = Duration::from_secs(1);
const FIRST: ResumeToken = ResumeToken([1; 32]);
const SECOND: ResumeToken = ResumeToken([2; 32]);

fn said(client: &mut Client<Chat>) -> Vec<ClientMessage> {
    std::iter::from_fn(|| client.poll_transmit()).filter_map(|bytes| ClientMessage::decode(&bytes).ok()).collect()
}

fn hear(client: &mut Client<Chat>, now: Duration, message: &ServerMessage) {
    client.handle_message(now, &message.encode()).expect("it belongs here");
}

fn frame(tick: u32) -> Vec<u8> {
    let mut message = Vec::new();
    write_head(&FrameHead { tick: Tick(tick), ..FrameHead::default() }, None, &[], Contents::default(), &mut message);
    message
}

fn welcome() -> ServerMessage {
    ServerMessage::Welcome { fingerprint: Schema::of::<Chat>().fingerprint(), schema: None }
}

/// A client that plays since second 1.
fn playing(meanwhile: Meanwhile) -> Client<Chat> {
    let client = Client::<Chat>::new(Profile { name: "ann".into() }).expect("the kinds are sound");
    let mut client = client.returning(Returning { meanwhile, ..Returning::new(7) });
    assert_eq!(said(&mut client).len(), 2, "hello and join");
    hear(&mut client, S, &welcome());
    hear(
        &mut client,
        S,
        &ServerMessage::Joined { room: 3, seat: 1, tick: Tick(9), rate_hz: 30, token: Some(FIRST), code: None },
    );
    assert!(matches!(&said(&mut client)[..], [ClientMessage::Ping { .. }]), "it shows that it has its token");
    client.handle_message(S, &frame(10)).expect("it belongs here");
    while client.poll_event().is_some() {}
    client
}

fn resumed(events_lost: u32) -> ServerMessage {
    ServerMessage::Resumed { room: 3, seat: 1, tick: Tick(40), rate_hz: 30, token: SECOND, events_lost, code: None }
}

#[test]
fn it_tries_until_it_is_back_and_tells_how_far_it_is() {
    let mut client = playing(Meanwhile::Drop);
    assert!(!client.poll_connect(S), "there is a connection");
    assert!(client.handle_disconnected(2 * S, 1006, ""));
    assert!(matches!(client.poll_event(), Some(Event::Disconnected { code: 1006 })));
    let State::Resuming { attempt: 1, next_try: Some(due) } = *client.state() else { panic!("{:?}", client.state()) };
    assert!((2 * S..3 * S).contains(&due));
    assert_eq!((client.seat(), client.tick()), (Some(SeatId(1)), Some(Tick(10))), "all stays as it was");
    assert!(!client.input(due, &Lamp { on: true }), "nobody would hear it");

    assert!(client.poll_connect(due));
    assert_eq!(*client.state(), State::Resuming { attempt: 1, next_try: None });
    assert!(client.handle_disconnected(4 * S, 1006, "nobody answers"));
    assert!(client.poll_event().is_none(), "that is no news");
    let State::Resuming { attempt: 2, next_try: Some(due) } = *client.state() else { panic!("{:?}", client.state()) };
    assert!(client.poll_connect(due));
    client.handle_connected();
    let claim = ResumeClaim { token: FIRST, attempt: 1, events: Some(0), tick: Some(Tick(10)), channels: Vec::new() };
    assert!(
        matches!(&said(&mut client)[..], [ClientMessage::Hello { .. }, ClientMessage::Resume(said)] if *said == claim)
    );
    hear(&mut client, due, &welcome());
    hear(&mut client, due, &resumed(4));
    assert_eq!(*client.state(), State::Playing { room: 3, seat: SeatId(1) });
    assert!(matches!(client.poll_event(), Some(Event::Resumed { events_lost: 4 })));
    assert!(matches!(&said(&mut client)[..], [ClientMessage::Ping { .. }]), "it shows that it has the new token");
    client.handle_message(due, &frame(41)).expect("it goes on");

    // the next time it says what it has by then
    assert!(client.handle_disconnected(9 * S, 1001, "the server stops"));
    assert!(client.poll_connect(20 * S));
    client.handle_connected();
    let claim = ResumeClaim { token: SECOND, attempt: 2, events: Some(4), tick: Some(Tick(41)), ..claim };
    assert!(matches!(&said(&mut client)[1], ClientMessage::Resume(said) if *said == claim));
}

#[test]
fn a_seat_that_is_gone_is_final_and_the_reason_is_told() {
    let mut client = playing(Meanwhile::Drop);
    assert!(client.handle_disconnected(2 * S, 1006, ""));
    assert!(client.poll_connect(3 * S));
    client.handle_connected();
    hear(&mut client, 3 * S, &ServerMessage::Refused { reason: "your seat is gone".into() });
    assert!(!client.handle_disconnected(3 * S, CloseReason::SeatGone.code(), "your seat is gone"));
    assert_eq!(*client.state(), State::Refused { reason: "your seat is gone".into() });
    assert!(!client.poll_connect(100 * S));
}

#[test]
fn one_that_was_taken_over_does_not_take_the_seat_back() {
    let mut client = playing(Meanwhile::Drop);
    assert!(!client.handle_disconnected(2 * S, CloseReason::TakenOver.code(), "another connection of yours"));
    assert_eq!(*client.state(), State::Closed { reason: "another connection of yours".into() });
}

#[test]
fn a_full_server_is_asked_again() {
    let client = Client::<Chat>::new(Profile::default()).expect("the kinds are sound");
    let mut client = client.returning(Returning::new(7));
    said(&mut client);
    hear(&mut client, S, &welcome());
    hear(&mut client, S, &ServerMessage::Refused { reason: "all rooms are full".into() });
    assert!(matches!(client.state(), State::Refused { .. }));
    assert!(client.handle_disconnected(S, CloseReason::TryLater.code(), "all rooms are full"));
    assert!(matches!(client.state(), State::Connecting { attempt: 1, .. }));
    assert!(client.poll_connect(10 * S));
    client.handle_connected();
    assert_eq!(*client.state(), State::Joining);
    assert!(matches!(&said(&mut client)[..], [ClientMessage::Hello { .. }, ClientMessage::Join(_)]));
}

#[test]
fn without_a_way_back_a_break_is_the_end() {
    let client = Client::<Chat>::new(Profile::default()).expect("the kinds are sound");
    let mut client = client.returning(Returning::new(7));
    hear(&mut client, S, &welcome());
    hear(
        &mut client,
        S,
        &ServerMessage::Joined { room: 3, seat: 1, tick: Tick(9), rate_hz: 30, token: None, code: None },
    );
    assert!(!client.handle_disconnected(2 * S, 1006, "the connection broke"));
    assert_eq!(client.state().ended(), Some("the connection broke"));

    let mut client = playing(Meanwhile::Drop).once();
    assert!(!client.handle_disconnected(2 * S, 1006, "the connection broke"));
    assert_eq!(client.state().ended(), Some("the connection broke"));
}

#[test]
fn what_is_wanted_meanwhile_is_dropped_or_kept() {
    for (meanwhile, expected) in [(Meanwhile::Drop, 0), (Meanwhile::Keep, 64)] {
        let mut client = playing(meanwhile);
        assert!(client.handle_disconnected(2 * S, 1006, ""));
        for wish in 0..70 {
            client.command(&wish);
        }
        assert!(client.poll_connect(3 * S));
        client.handle_connected();
        assert_eq!(said(&mut client).len(), 2, "nothing before there is a seat");
        hear(&mut client, 3 * S, &welcome());
        hear(&mut client, 3 * S, &resumed(0));
        let commands: Vec<_> =
            said(&mut client).into_iter().filter(|said| matches!(said, ClientMessage::Command(_))).collect();
        assert_eq!(commands.len(), expected, "{meanwhile:?}");
        assert!(commands.last().is_none_or(|last| *last == ClientMessage::Command(vec![69])));
    }
}

#[test]
fn one_that_begins_anew_has_joined_when_it_is_back() {
    let mut client = Client::<Chat>::back_to(FIRST).expect("the kinds are sound");
    let claim = ResumeClaim { token: FIRST, attempt: 0, events: None, tick: None, channels: Vec::new() };
    assert!(
        matches!(&said(&mut client)[..], [ClientMessage::Hello { .. }, ClientMessage::Resume(said)] if *said == claim)
    );
    hear(&mut client, S, &welcome());
    hear(&mut client, S, &resumed(0));
    assert!(matches!(client.poll_event(), Some(Event::Joined { room: 3, seat: SeatId(1) })));
    assert_eq!(client.token(), Some(SECOND));
}

#[test]
fn what_a_server_may_not_say_is_refused() {
    let mut client = playing(Meanwhile::Drop);
    assert!(client.handle_message(S, &resumed(0).encode()).is_err(), "it has its seat");
    assert!(client.handle_disconnected(2 * S, 1006, ""));
    assert!(client.poll_connect(3 * S));
    client.handle_connected();
    assert!(client.handle_message(3 * S, &frame(11)).is_err(), "it has no seat yet");
    let other = ServerMessage::Resumed {
        room: 3,
        seat: 2,
        tick: Tick(40),
        rate_hz: 30,
        token: SECOND,
        events_lost: 0,
        code: None,
    };
    assert!(client.handle_message(3 * S, &other.encode()).is_err(), "that is another one's seat");
}
