//! What a client may say to a whole server: how much before it has a seat, and how fast.

use std::io::Write;
use std::net::TcpStream;

use tickwire_server::config::SessionLimits;
use tickwire_server::net::rate::Rate;
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::protocol::{ClientMessage, JoinRequest, VERSION};

use crate::ends::{BINARY, frame};
use crate::swirl::Swirl;
use crate::wire;

fn start(session: SessionLimits) -> Running {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), session, ..Config::default() };
    Server::bind(config).unwrap().start::<Swirl>((), Site::default()).unwrap()
}

fn ping() -> Vec<u8> {
    ClientMessage::Ping { stamp_ms: 7 }.encode()
}

/// Says hello and pings so often, all in one segment, and leaves behind it; then the server closes. A message that is
/// dropped for its pace is counted.
fn dropped(server: &Running, pings: usize) -> u64 {
    let before = server.metrics().messages_dropped.value();
    let mut socket = wire::upgraded(server);
    let leave = frame(BINARY, &ClientMessage::Leave.encode());
    let bytes = [frame(BINARY, &wire::hello(VERSION)), frame(BINARY, &ping()).repeat(pings), leave].concat();
    socket.write_all(&bytes).unwrap();
    // who is too fast may still leave
    assert_eq!(wire::read_close(&mut socket).0, 1000);
    server.metrics().messages_dropped.value() - before
}

#[test]
fn messages_are_limited_in_number() {
    let defaults = SessionLimits::default();
    // with 30 ticks a second, and so many more messages: 60 a second
    assert_eq!(defaults.messages, Rate { per_s: 30, burst: 60 });
    let server = start(SessionLimits { messages: Rate { per_s: 1, burst: 8 }, ..defaults });
    // hello is one of them
    for (messages, over) in [(7, 0), (8, 0), (9, 1), (12, 4)] {
        assert_eq!(dropped(&server, messages - 1), over, "{messages}");
    }
    server.stop();
}

#[test]
fn messages_are_limited_in_bytes() {
    let defaults = SessionLimits::default();
    assert_eq!(defaults.bytes, Rate { per_s: 65_536, burst: 131_072 });
    let five = wire::hello(VERSION).len() + 4 * ping().len();
    for (over, is_dropped) in [(-1, 1), (0, 0), (1, 0)] {
        let burst = u32::try_from(five.checked_add_signed(over).unwrap()).unwrap();
        let server = start(SessionLimits { bytes: Rate { per_s: 1, burst }, ..defaults });
        assert_eq!(dropped(&server, 4), is_dropped, "{over}");
        server.stop();
    }
}

#[test]
fn who_is_too_fast_for_too_long_is_closed() {
    assert_eq!(SessionLimits::default().too_fast_timeout_ms, 5_000);
    let limits = SessionLimits {
        messages: Rate { per_s: 1, burst: 2 },
        too_fast_timeout_ms: 300,
        hello_timeout_ms: 60_000,
        ..SessionLimits::default()
    };
    let server = start(limits);
    let mut socket = wire::upgraded(&server);
    let mut reader = socket.try_clone().unwrap();
    let closed = std::thread::spawn(move || wire::read_close(&mut reader));
    socket.write_all(&frame(BINARY, &wire::hello(VERSION))).unwrap();
    while !closed.is_finished() {
        // fails when the server has closed
        let _ = socket.write_all(&frame(BINARY, &ping()).repeat(5));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let (code, reason) = closed.join().unwrap();
    assert_eq!(code, 1008, "{reason}");
    assert_eq!(server.metrics().sessions_too_fast.value(), 1);
    assert!(server.metrics().messages_dropped.value() > 0);
    server.stop();
}

#[test]
fn hello_and_join_have_4_kib() {
    assert_eq!(SessionLimits::default().hello_max_bytes, 4096);
    let server = start(SessionLimits::default());
    // nonsense is read as far as it is short enough to be looked at
    for (bytes, code) in [(4095, 1007), (4096, 1007), (4097, 1008)] {
        let mut socket = wire::upgraded(&server);
        socket.write_all(&frame(BINARY, &vec![0xFF; bytes])).unwrap();
        assert_eq!(wire::read_close(&mut socket).0, code, "{bytes}");
        let mut socket = wire::upgraded(&server);
        let hello = frame(BINARY, &wire::hello(VERSION));
        socket.write_all(&[hello, frame(BINARY, &vec![0xFF; bytes])].concat()).unwrap();
        assert_eq!(wire::read_close(&mut socket).0, code, "{bytes} behind hello");
    }
    server.stop();
}

#[test]
fn hello_and_join_come_in_time() {
    assert_eq!(SessionLimits::default().hello_timeout_ms, 5_000);
    let server = start(SessionLimits { hello_timeout_ms: 1_500, ..SessionLimits::default() });
    let mut seated = joined(&server);
    let mut silent = wire::upgraded(&server);
    let mut half = wire::upgraded(&server);
    half.write_all(&frame(BINARY, &wire::hello(VERSION))).unwrap();
    for socket in [&mut silent, &mut half] {
        let (code, reason) = wire::read_close(socket);
        assert_eq!(code, 1008);
        assert!(reason.contains("1.5s"), "{reason}");
    }
    assert_eq!(server.metrics().sessions_silent.value(), 2);
    // who has a seat is not asked again
    seated.write_all(&frame(BINARY, &ClientMessage::Leave.encode())).unwrap();
    assert_eq!(wire::read_close(&mut seated).0, 1000);
    server.stop();
}

fn joined(server: &Running) -> TcpStream {
    let mut socket = wire::upgraded(server);
    let join = ClientMessage::Join(JoinRequest::new("by hand")).encode();
    socket.write_all(&[frame(BINARY, &wire::hello(VERSION)), frame(BINARY, &join)].concat()).unwrap();
    socket
}
