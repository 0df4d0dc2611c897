//! Tokens that lead back to a seat, from outside: used twice, stolen, guessed, too late; and two connections for one
//! seat.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tickwire_server::Running;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::{ClientMessage, JoinRequest, ResumeClaim, ResumeToken, ServerMessage, VERSION, frame};
use tickwire_shared::schema::Schema;

use crate::roaming::{self, Roaming, Witness};
use crate::{swirl, wire};

/// A client by hand.
struct Hand {
    socket: TcpStream,
}

/// What the server says.
#[derive(Debug)]
enum Said {
    Message(ServerMessage),
    Frame,
    Closed(u16, String),
}

impl Hand {
    fn greet(server: &Running) -> Self {
        let mut hand = Self { socket: wire::upgraded(server) };
        let fingerprint = Schema::of::<Roaming>().fingerprint();
        hand.say(&ClientMessage::Hello { protocol: VERSION, game: "roaming".into(), fingerprint });
        assert!(matches!(hand.hear(), Said::Message(ServerMessage::Welcome { .. })));
        hand
    }

    /// Joins: the seat and the token.
    fn join(server: &Running) -> (Self, u16, ResumeToken) {
        let mut hand = Self::greet(server);
        hand.say(&ClientMessage::Join(JoinRequest::new("by hand")));
        match hand.hear() {
            Said::Message(ServerMessage::Joined { seat, token: Some(token), .. }) => (hand, seat, token),
            other => panic!("no seat: {other:?}"),
        }
    }

    /// Asks for a seat by token.
    fn resume(server: &Running, token: ResumeToken, attempt: u32) -> (Self, Said) {
        let mut hand = Self::greet(server);
        hand.say(&ClientMessage::Resume(ResumeClaim {
            token,
            attempt,
            events: Some(0),
            tick: None,
            channels: Vec::new(),
        }));
        let said = hand.hear();
        (hand, said)
    }

    /// The same, and gets it: the seat and the new token.
    fn resumed(server: &Running, token: ResumeToken, attempt: u32) -> (Self, u16, ResumeToken) {
        match Self::resume(server, token, attempt) {
            (hand, Said::Message(ServerMessage::Resumed { seat, token, .. })) => (hand, seat, token),
            (_, other) => panic!("no seat: {other:?}"),
        }
    }

    /// The same, and is refused.
    fn is_refused(server: &Running, token: ResumeToken, attempt: u32) {
        let (mut hand, said) = Self::resume(server, token, attempt);
        let Said::Message(ServerMessage::Refused { reason }) = said else { panic!("not refused: {said:?}") };
        assert!(reason.contains("join anew"), "{reason}");
        let (code, text) = hand.close();
        assert_eq!((code, text), (CloseReason::SeatGone.code(), reason));
    }

    fn say(&mut self, message: &ClientMessage) {
        self.socket.write_all(&wire::frame(&message.encode())).expect("the server reads");
    }

    fn hear(&mut self) -> Said {
        let mut head = [0; 2];
        self.socket.read_exact(&mut head).expect("the server has something to say");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.socket.read_exact(&mut length).expect("a length");
                u16::from_be_bytes(length).into()
            }
            127 => panic!("a frame of 64 KiB and more"),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).expect("a payload");
        match (head[0], payload.first()) {
            (0x88, _) => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Said::Closed(code, String::from_utf8_lossy(&payload[2..]).into_owned())
            }
            _ if frame::is_frame(&payload) => Said::Frame,
            _ => Said::Message(ServerMessage::decode(&payload).expect("a sound message")),
        }
    }

    /// Shows that it has its token, and waits until the server knows.
    fn show(&mut self) {
        self.say(&ClientMessage::Ping { stamp_ms: 1 });
        while !matches!(self.hear(), Said::Message(ServerMessage::Pong { .. })) {}
    }

    fn frame(&mut self) {
        while !matches!(self.hear(), Said::Frame) {}
    }

    fn close(&mut self) -> (u16, String) {
        loop {
            if let Said::Closed(code, text) = self.hear() {
                return (code, text);
            }
        }
    }
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_connection_takes_the_seat_over_and_the_first_is_told() {
    let server = roaming::start(20_000);
    let (mut first, seat, token) = Hand::join(&server);
    first.show();
    first.frame();
    let (mut second, again, _) = Hand::resumed(&server, token, 1);
    assert_eq!(again, seat);
    let (code, text) = first.close();
    assert_eq!(code, CloseReason::TakenOver.code());
    assert!(text.contains("another connection"), "{text}");
    second.frame();
    // the first one's end frees nothing
    drop(first);
    second.show();
    second.frame();
    assert_eq!(server.metrics().seats_held.value(), 0);
    server.stop();
}

#[test]
fn a_used_token_is_good_until_the_next_is_shown_and_then_never_more() {
    let server = roaming::start(20_000);
    let (mut first, seat, token) = Hand::join(&server);
    first.show();
    // the answers get lost
    let (second, again, lost) = Hand::resumed(&server, token, 1);
    assert_eq!(again, seat);
    drop((first, second));
    let (mut third, again, newest) = Hand::resumed(&server, token, 2);
    assert_eq!(again, seat);
    assert_ne!(newest, token);
    Hand::is_refused(&server, lost, 3);
    third.show();
    // somebody has kept the old one
    Hand::is_refused(&server, token, 9);
    third.frame();
    let (_, again, _) = Hand::resumed(&server, newest, 1);
    assert_eq!(again, seat);
    server.stop();
}

#[test]
fn a_thief_cannot_stay_unnoticed() {
    let server = roaming::start(20_000);
    // of one who plays: the connection is closed, and says why
    let (mut owner, seat, token) = Hand::join(&server);
    owner.show();
    let (mut thief, stolen, of_thief) = Hand::resumed(&server, token, 1);
    assert_eq!(stolen, seat);
    let (code, text) = owner.close();
    assert_eq!(code, CloseReason::TakenOver.code(), "{text}");
    // what the owner has leads nowhere as soon as the thief plays
    thief.show();
    Hand::is_refused(&server, token, 2);
    thief.frame();
    // of one who is away: its return fails plainly
    let (mut away, _, token) = Hand::join(&server);
    away.show();
    drop(away);
    wait_for("the seat is held", || server.metrics().seats_held.value() == 1);
    let (mut other, ..) = Hand::resumed(&server, token, 1);
    other.show();
    Hand::is_refused(&server, token, 1);
    // and a word that was stolen on the way to its owner, who had another one already, is worth nothing
    let (mut owner, again, newest) = Hand::resumed(&server, of_thief, 1);
    assert_eq!(again, seat);
    owner.show();
    Hand::is_refused(&server, of_thief, 7);
    let (_, again, _) = Hand::resumed(&server, newest, 1);
    assert_eq!(again, seat);
    server.stop();
}

#[test]
fn a_guess_is_refused() {
    let server = roaming::start(20_000);
    let (mut player, _, token) = Hand::join(&server);
    player.show();
    let mut near = token;
    near.0[31] ^= 1;
    for guess in [near, ResumeToken([0; 32]), ResumeToken([255; 32])] {
        Hand::is_refused(&server, guess, 1);
    }
    player.frame();
    server.stop();
}

#[test]
fn the_end_of_the_grace_frees_the_seat_and_voids_its_token() {
    let server = roaming::start(1_500);
    swirl::run(async {
        let mut other = Witness::connect(&roaming::url(&server)).await;
        other.step_until("a frame", |other| other.frames() > 0).await;
        let (mut player, seat, token) = Hand::join(&server);
        assert_eq!(seat, 1);
        player.show();
        drop(player);
        other.step_until("it is away", |other| other.left().is_some_and(|left| left.away == 1)).await;
        assert_eq!(other.left().map(|left| left.lost), Some(0), "the game hears nothing yet");
        // a held seat counts as taken
        assert_eq!(Hand::join(&server).1, 2);
        other.step_until("it is lost", |other| other.left().is_some_and(|left| left.lost == 2)).await;
        assert_eq!(other.left().map(|left| (left.away, left.left, left.removed)), Some((0, 0, 0)));
        wait_for("the server knows it", || server.metrics().seats_expired.value() == 1);
        Hand::is_refused(&server, token, 1);
        assert_eq!(Hand::join(&server).1, 1, "its seat is free");
    });
    server.stop();
}

#[test]
fn a_seat_whose_client_leaves_is_free_at_once() {
    let server = roaming::start(20_000);
    let (mut player, seat, token) = Hand::join(&server);
    player.show();
    let (_keep, other, _) = Hand::join(&server);
    player.say(&ClientMessage::Leave);
    assert_eq!(player.close().0, CloseReason::Done.code());
    Hand::is_refused(&server, token, 1);
    assert_eq!((other, Hand::join(&server).1), (seat + 1, seat));
    server.stop();
}

#[test]
fn where_seats_are_not_held_there_is_no_token() {
    let server = roaming::start(0);
    let mut hand = Hand::greet(&server);
    hand.say(&ClientMessage::Join(JoinRequest::new(String::new())));
    assert!(matches!(hand.hear(), Said::Message(ServerMessage::Joined { token: None, .. })));
    server.stop();
}

#[test]
fn the_end_of_a_room_voids_its_tokens() {
    let server = roaming::start(20_000);
    let (mut player, _, token) = Hand::join(&server);
    player.show();
    let panic = tickwire_shared::protocol::encode_payload(&"panic".to_owned());
    player.say(&ClientMessage::Command(panic));
    assert_eq!(player.close().0, CloseReason::RoomFailed.code());
    Hand::is_refused(&server, token, 1);
    server.stop();
}

#[test]
fn a_malformed_claim_is_refused_and_harms_nobody() {
    let server = roaming::start(20_000);
    let (mut player, _, token) = Hand::join(&server);
    player.show();
    let lie =
        |tick, channels: Vec<(u16, u32)>| ResumeClaim { token, attempt: 1, events: Some(u32::MAX), tick, channels };
    let mut hand = Hand::greet(&server);
    hand.say(&ClientMessage::Resume(lie(None, vec![(7, 1), (7, 1)])));
    assert_eq!(hand.close().0, CloseReason::ProtocolError.code());
    // one that holds nothing of what it says: it gets keyframes
    let mut hand = Hand::greet(&server);
    let newest = Some(tickwire_shared::Tick(u32::MAX));
    hand.say(&ClientMessage::Resume(lie(newest, vec![(0, 1), (4095, 2)])));
    assert!(matches!(hand.hear(), Said::Message(ServerMessage::Resumed { .. })));
    hand.frame();
    hand.frame();
    server.stop();
}
