//! What is wrong is told in a sentence and closed with its code; the server goes on serving the others.

use std::io::Write;

use tickwire_shared::client::{Event, State};
use tickwire_shared::protocol::close::CloseReason;

use crate::swirl::{self, Button, PRESSES, Thing};
use crate::wire;

#[test]
fn another_protocol_version_is_told_what_to_do() {
    let server = swirl::start();
    let mut socket = wire::upgraded(&server);
    socket.write_all(&wire::frame(&wire::hello(99))).expect("the server reads");
    let (code, reason) = wire::read_close(&mut socket);
    assert_eq!(code, CloseReason::Version.code());
    assert!(reason.contains("99") && reason.contains("update the server"), "{reason}");
    server.stop();
}

#[test]
fn garbage_is_closed_and_others_are_served() {
    let server = swirl::start();
    for garbage in [&b"\xff\xff\xff\xff"[..], b"{\"hello\":1}", &[0xf0; 90], &[0xf1; 90], &[]] {
        let mut socket = wire::upgraded(&server);
        socket.write_all(&wire::frame(garbage)).expect("the server reads");
        let (code, reason) = wire::read_close(&mut socket);
        assert!([1002, 1007].contains(&code), "{garbage:?} was closed with {code}");
        assert!(!reason.is_empty());
    }
    // bytes that are no WebSocket frame at all
    let mut socket = wire::upgraded(&server);
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the server reads");
    assert_eq!(wire::read_close(&mut socket).0, CloseReason::ProtocolError.code());
    swirl::run(async {
        let mut good = swirl::connect(&server, "good").await;
        swirl::receive_until(&mut good, "a frame", |c| c.client.tick().is_some()).await;
        good.leave().await.expect("the server closes in order");
    });
    server.stop();
}

#[test]
fn a_player_that_the_game_refuses_reads_why() {
    let server = swirl::start();
    swirl::run(async {
        let mut unwanted = swirl::connect(&server, "unwanted").await;
        let code = swirl::close_code(&mut unwanted).await;
        assert_eq!(*unwanted.client.state(), State::Refused { reason: "this name is not wanted here".into() });
        assert_eq!(code, CloseReason::Refused.code());
    });
    server.stop();
}

#[test]
fn a_panic_in_the_game_ends_its_room_and_nothing_else() {
    let server = swirl::start();
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        player.client.command(&"panic".to_owned());
        player.flush().await.expect("the server reads");
        let code = swirl::close_code(&mut player).await;
        assert_eq!(code, CloseReason::RoomFailed.code());
        let mut again = swirl::connect(&server, "again").await;
        swirl::receive_until(&mut again, "a frame of a new room", |c| c.client.tick().is_some()).await;
    });
    server.stop();
}

#[test]
fn inputs_commands_and_events_arrive() {
    let server = swirl::start();
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        player.client.command(&"hello".to_owned());
        let mut answer = None;
        let mut acked = 0;
        for _ in 0..600 {
            let now = player.now();
            player.client.input(now, &Button { pressed: true });
            player.flush().await.expect("the server reads");
            player.receive().await.expect("the server serves");
            while let Some(event) = player.client.poll_event() {
                match event {
                    Event::Game(said) => answer = Some(said),
                    Event::Acked { took: Some(_), .. } => acked += 1,
                    _ => {}
                }
            }
            if answer.is_some() && acked > 10 {
                break;
            }
        }
        assert_eq!(answer.as_deref(), Some("you said hello"));
        assert!(acked > 10, "{acked} inputs were acked");
        let presses = player.client.newest(PRESSES);
        assert!(matches!(&presses, Some(Thing::Presses(presses)) if presses.count > 5), "{presses:?}");
    });
    server.stop();
}

#[test]
fn a_newcomer_whose_join_panics_is_told() {
    let server = swirl::start();
    swirl::run(async {
        let mut newcomer = swirl::connect(&server, "panic").await;
        let code = swirl::close_code(&mut newcomer).await;
        assert_eq!(code, CloseReason::RoomFailed.code());
        let mut good = swirl::connect(&server, "good").await;
        swirl::receive_until(&mut good, "a frame", |c| c.client.tick().is_some()).await;
    });
    server.stop();
}

#[test]
fn a_game_that_panics_when_it_is_dropped_takes_nothing_along() {
    let server = swirl::start();
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        player.client.command(&"panic at the end".to_owned());
        player.flush().await.expect("the server reads");
        let before = player.client.tick().expect("a frame came");
        let later = move |c: &tickwire_shared::native::Connection<swirl::Swirl>| {
            c.client.tick().is_some_and(|tick| tick.since(before) > 10)
        };
        swirl::receive_until(&mut player, "ten ticks", later).await;
        player.leave().await.expect("the server closes in order");
        let mut again = swirl::connect(&server, "again").await;
        swirl::receive_until(&mut again, "a frame of a new room", |c| c.client.tick().is_some()).await;
    });
    server.stop();
}

#[test]
fn long_events_arrive_and_too_long_ones_harm_nobody() {
    let server = swirl::start();
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        for length in [15_000, 20_000, 5_000] {
            player.client.command(&format!("say {length}"));
        }
        player.flush().await.expect("the server reads");
        let mut heard = Vec::new();
        while heard.len() < 5 {
            player.receive().await.expect("the connection lives");
            while let Some(event) = player.client.poll_event() {
                if let Event::Game(said) = event {
                    heard.push(said.len());
                }
            }
        }
        assert_eq!(heard.iter().filter(|length| **length > 1000).collect::<Vec<_>>(), [&15_000, &5_000]);
    });
    server.stop();
}

#[test]
fn who_connects_and_says_nothing_is_closed() {
    let server = swirl::start();
    let mut silent = wire::upgraded(&server);
    let mut half = wire::upgraded(&server);
    half.write_all(&wire::frame(&wire::hello(tickwire_shared::protocol::VERSION))).expect("the server reads");
    for socket in [&mut silent, &mut half] {
        // well before the first keep-alive ping
        socket.set_read_timeout(Some(std::time::Duration::from_secs(12))).expect("a timeout can be set");
        let (code, reason) = wire::read_close(socket);
        assert_eq!(code, CloseReason::Policy.code(), "{reason}");
    }
    server.stop();
}
