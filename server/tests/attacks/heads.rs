//! Request lines and heads that are no upgrade, or no HTTP.

use std::io::Write as _;
use std::time::Duration;

use crate::Attack;
use crate::peer::{Ending, Peer, upgrade, with_line};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("heads: not by the rules", not_by_the_rules),
    Attack("heads: abuse", abuse),
    Attack("heads: without an end", endless),
    Attack("heads: a byte a segment", byte_by_byte),
];

/// An answer in HTTP that says why, then FIN.
pub fn expect_refusal(peer: &mut Peer, status: u16, what: &str) {
    let answer = peer.read_answer();
    assert_eq!(answer.status, status, "{what}: {}", answer.head);
    let head = answer.head.to_ascii_lowercase();
    assert!(head.contains("\r\nconnection: close"), "{what}: {head}");
    assert!(answer.body.len() > 10, "{what}: a sentence: {:?}", answer.body);
    let says_version = head.contains("\r\nsec-websocket-version: 13\r\n");
    assert!(says_version || status != 426, "{what}: {head}");
    peer.half_close();
    assert_eq!(peer.ending(), Ending::Fin, "{what}");
}

fn not_by_the_rules(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let good = upgrade(server);
            let (key, version) = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n");
            let host = format!("Host: {}\r\n", server.addr);
            let two_hosts = format!("{host}Host: other\r\n");
            let cases = [
                ("GET", "POST", 405),
                ("GET", "CONNECT", 405),
                ("GET", "get", 405),
                ("GET", "G\u{7f}T", 400),
                ("HTTP/1.1", "HTTP/1.0", 400),
                ("HTTP/1.1", "HTTP/2.0", 400),
                ("HTTP/1.1", "HTTP/1.10", 400),
                ("HTTP/1.1", "HTTPS/1.1", 400),
                (" HTTP/1.1", "", 400),
                (host.as_str(), "", 400),
                (&host, &two_hosts, 400),
                ("Upgrade: websocket\r\n", "", 400),
                ("Upgrade: websocket", "Upgrade: h2c", 400),
                ("Connection: Upgrade\r\n", "", 400),
                ("Connection: Upgrade", "Connection: close", 400),
                (key, "", 400),
                (key, "Sec-WebSocket-Key: \r\n", 400),
                (key, "Sec-WebSocket-Key: c2hvcnQ=\r\n", 400),
                (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!!\r\n", 400),
                (
                    key,
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                    400,
                ),
                (version, "Sec-WebSocket-Version: 12\r\n", 426),
                (version, "Sec-WebSocket-Version: 130\r\n", 426),
                (version, "Sec-WebSocket-Version: thirteen\r\n", 426),
                (version, "Sec-WebSocket-Version: 13, 8\r\n", 426),
                (version, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n", 426),
                (version, "", 426),
            ];
            for (from, to, status) in cases {
                assert!(good.contains(from));
                let mut peer = Peer::connect(server);
                peer.send(good.replacen(from, to, 1));
                expect_refusal(&mut peer, status, to);
            }
            format!("{} requests: 400, 405, 426 with the version", cases.len())
        },
    )
}

fn abuse(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let good = upgrade(server);
            let long_line = with_line(&good, &format!("X-Long: {}", "x".repeat(64 * 1024)));
            let many_lines = with_line(&good, &vec!["X: y"; 5_000].join("\r\n"));
            let too_many_lines = with_line(&good, &vec!["X: y"; 60].join("\r\n"));
            let long_target = good.replacen("/ws", &format!("/{}", "u".repeat(64 * 1024)), 1);
            let cases = [
                (long_line, 431),
                (many_lines, 431),
                (too_many_lines, 431),
                (long_target, 414),
                (good.replacen("/ws", &format!("/{}", "u".repeat(2048)), 1), 414),
                (with_line(&good, "X: a\0b"), 400),
                (good.replacen("/ws", "/w\0s", 1), 400),
                (with_line(&good, "X: a\rb"), 400),
                (with_line(&good, "X: a\nY: b"), 400),
                (with_line(&good, "X : a"), 400),
                (with_line(&good, "X"), 400),
                (with_line(&good, ": a"), 400),
                (with_line(&good, "X: a\r\n folded"), 400),
                ("\0\u{1}\u{2}\r\n\r\n".to_owned(), 400),
                ("\u{16}\u{3}\u{1}\0\u{f4}\u{1}\0\0\n\n".to_owned(), 400),
            ];
            for (at, (request, status)) in cases.iter().enumerate() {
                let mut peer = Peer::connect(server);
                // the answer may come before all of it has left
                peer.try_send(request);
                expect_refusal(&mut peer, *status, &format!("case {at}"));
            }
            format!("{} requests: 431, 414, 400", cases.len())
        },
    )
}

/// Whoever goes on and on is answered when the limit is reached, and may not go on for long after that.
fn endless(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let starts = [upgrade(server).replace("\r\n\r\n", "\r\nX: "), "GET /".to_owned(), "\r\n".to_owned()];
            let mut most = 0;
            for (start, piece, status) in [(&starts[0], "x", 431), (&starts[1], "u", 414), (&starts[2], "\r\n", 431)] {
                let mut peer = Peer::connect(server);
                peer.send(start);
                let mut reader = Peer { stream: peer.stream.try_clone().expect("a descriptor") };
                let writer = std::thread::spawn(move || {
                    let (piece, mut count) = (piece.repeat(1024), 0_usize);
                    while count < 64 * 1024 * 1024 && peer.try_send(&piece) {
                        count += piece.len();
                    }
                    count
                });
                assert_eq!(reader.read_answer().status, status);
                reader.ending();
                most = most.max(writer.join().expect("it only writes"));
            }
            // what the kernels' buffers take comes on top of what the server reads
            assert!(most < 16 * 1024 * 1024, "the server has read {most} bytes of a head");
            format!("431, 414; at most {} KiB were taken", most / 1024)
        },
    )
}

/// A byte at the end of the longest head costs no more than one at its beginning: none is looked at again and again.
fn byte_by_byte(name: &str) -> Row {
    const BYTES: usize = 128 * 1024;
    let start = || Server::echo(&[]);
    trial::run(name, 1, start, |server| {
        let time_for = |length: usize| {
            let good = upgrade(server);
            let lines = vec![format!("X: {}", "x".repeat(145)); (length - good.len()) / 150];
            let head = with_line(&good, &lines.join("\r\n"));
            assert!((length - 150..=length).contains(&head.len()));
            let (before, _) = server.processor_times();
            for _ in 0..BYTES / length {
                let mut peer = Peer::connect(server);
                for byte in head.as_bytes() {
                    peer.stream.write_all(&[*byte]).expect("the server reads");
                }
                assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
            }
            server.processor_times().0 - before
        };
        // The same number of bytes both times, and the short heads have more connections around them. The kernel's
        // division of the time between itself and a program is rough.
        let (mut short, mut long) = (Duration::ZERO, Duration::MAX);
        for _ in 0..3 {
            (short, long) = (time_for(1024), time_for(8 * 1024 - 1));
            if long <= short + Duration::from_millis(50) {
                break;
            }
        }
        assert!(long <= short + Duration::from_millis(50), "{short:?} in heads of 1 KiB, {long:?} in heads of 8 KiB");
        format!("101; 128 KiB took {} and {} ms", short.as_millis(), long.as_millis())
    })
}
