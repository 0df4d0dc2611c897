//! The program against a server that speaks the protocol and behaves badly, scripted here.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use tickwire_arena::Arena;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::{ClientMessage, SUBPROTOCOL, ServerMessage};
use tickwire_shared::{Schema, Tick};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// What the server does with each client once it knows who that is.
type Script = fn(&mut Client);

/// A client, as the server sees it. Sending to one that is gone is no fault here.
struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    fn send(&mut self, message: &ServerMessage) {
        let _ = self.socket.send(Message::Binary(message.encode().into()));
    }

    fn send_bytes(&mut self, bytes: &'static [u8]) {
        let _ = self.socket.send(Message::Binary(bytes.into()));
    }

    fn welcome(&mut self) {
        let fingerprint = Schema::of::<Arena>().fingerprint();
        self.send(&ServerMessage::Welcome { fingerprint, schema: None });
    }

    fn seat(&mut self) {
        self.welcome();
        self.send(&ServerMessage::Joined { room: 1, seat: 0, tick: Tick(1), rate_hz: 30, token: None, code: None });
    }

    fn close(&mut self, reason: CloseReason, words: &'static str) {
        let _ = self.socket.close(Some(CloseFrame { code: reason.code().into(), reason: words.into() }));
        while self.socket.read().is_ok() {}
    }

    /// Reads until the client says this, or is gone.
    fn wait_for(&mut self, wanted: fn(&ClientMessage) -> bool) {
        while let Ok(message) = self.socket.read() {
            let said = ClientMessage::decode(&message.into_data());
            if said.is_ok_and(|said| wanted(&said)) {
                return;
            }
        }
    }
}

fn serve(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || receive(stream, script));
        }
    });
    format!("ws://{address}/ws")
}

// the callback's error type is the library's
#[allow(clippy::result_large_err)]
fn receive(stream: TcpStream, script: Script) {
    let accept = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    if let Ok(socket) = tungstenite::accept_hdr(stream, accept) {
        let mut client = Client { socket };
        client.wait_for(|said| matches!(said, ClientMessage::Join(_)));
        script(&mut client);
    }
}

fn swarm(url: &str, seconds: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["swarm", "--url", url, "--bots", "3", "--ramp", "0", "--seconds", seconds])
        .output()
        .expect("the program starts")
}

/// Exit code 1, and the table has all of `wanted`.
#[track_caller]
fn is_bad(output: &Output, wanted: &[&str]) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    for part in wanted {
        assert!(stdout.contains(part), "{part:?} is not in: {stdout}");
    }
}

#[test]
fn a_refusal_is_told_and_counted() {
    let url = serve(|client| {
        client.welcome();
        client.send(&ServerMessage::Refused { reason: "the arena is full: come back later".to_owned() });
        client.close(CloseReason::Refused, "the arena is full: come back later");
    });
    is_bad(&swarm(&url, "60"), &["0 of 3 joined, 3 failed", "3  refused: the arena is full: come back later"]);
}

#[test]
fn a_close_before_the_seat_is_told_with_its_reason() {
    let url = serve(|client| client.close(CloseReason::Version, "speak version 2: update the client"));
    is_bad(&swarm(&url, "60"), &["0 of 3 joined", "speak version 2: update the client (4001)"]);
}

#[test]
fn another_version_of_the_game_is_told() {
    let url = serve(|client| {
        client.send(&ServerMessage::Welcome { fingerprint: 1, schema: None });
        client.wait_for(|_| false);
    });
    is_bad(&swarm(&url, "60"), &["0 of 3 joined", "the server runs another version of arena"]);
}

#[test]
fn bots_that_lose_their_seat_end_the_run_early() {
    let url = serve(|client| {
        client.seat();
        client.close(CloseReason::GoingAway, "the server stops");
    });
    is_bad(&swarm(&url, "60"), &["3 of 3 joined, 3 failed", "the server stops (1001)"]);
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_apart() {
    let url = serve(|client| {
        client.seat();
        client.send_bytes(&[0xf0, 1, 2]);
        client.wait_for(|_| false);
    });
    is_bad(&swarm(&url, "60"), &["3 of 3 joined, 3 failed", "while playing: the server's message is wrong"]);
}

#[test]
fn a_seat_without_frames_is_a_failure() {
    let url = serve(|client| {
        client.seat();
        client.wait_for(|said| *said == ClientMessage::Leave);
        client.close(CloseReason::Done, "");
    });
    let output = swarm(&url, "2");
    is_bad(&output, &["3 of 3 joined, 3 failed", "no frame came", "Silent server: 3 bots got no frame any more"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("did not close"), "the bots left cleanly");
}

#[test]
fn a_server_that_does_not_let_go_does_not_hold_the_swarm() {
    let url = serve(|client| {
        client.seat();
        client.wait_for(|_| false);
    });
    let output = swarm(&url, "0.1");
    is_bad(&output, &["Left hanging: 3 bots said goodbye, and the server did not close in time"]);
}
