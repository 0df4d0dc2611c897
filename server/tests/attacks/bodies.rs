//! Bodies of plain requests. Nothing here takes one yet, so the answer is a refusal, and it is given at once.

use std::time::{Duration, Instant};

use crate::Attack;
use crate::peer::Peer;
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("bodies: lengths that are none", lengths),
    Attack("bodies: chunks", chunks),
    Attack("bodies: more than anyone asked for", endless),
];

/// Far below the five seconds that a silent connection has; the machine may be busy.
const AT_ONCE: Duration = Duration::from_secs(2);

fn post(server: &Server, lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: {}\r\n{lines}\r\n\r\n{body}", server.addr)
}

/// A refusal, the end, and neither a second answer nor a wait.
fn expect_refused(server: &Server, request: &str, statuses: &[u16]) {
    let mut peer = Peer::connect(server);
    let began = Instant::now();
    peer.try_send(request);
    let answer = peer.read_answer();
    assert!(statuses.contains(&answer.status), "{request:.300}: {}", answer.head);
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut peer.stream, &mut rest);
    assert!(rest.is_empty(), "{request:.300}: {ended:?} after {:?}", String::from_utf8_lossy(&rest));
    assert!(began.elapsed() < AT_ONCE, "{request:.300}: the end came after {:?}", began.elapsed());
}

fn lengths(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let lengths = [
                "-1",
                "+5",
                "5, 5",
                "5,6",
                "0x10",
                "1e3",
                "5 5",
                "",
                " ",
                "5;",
                "\u{bd}",
                "5\u{b}",
                "18446744073709551616",
            ];
            for length in lengths {
                expect_refused(server, &post(server, &format!("Content-Length: {length}"), "hello"), &[400]);
            }
            let huge = ["999999999999", "9223372036854775808", "18446744073709551615"];
            for length in huge {
                expect_refused(server, &post(server, &format!("Content-Length: {length}"), "hello"), &[400, 405, 413]);
            }
            format!("{} lengths: 400, 405", lengths.len() + huge.len())
        },
    )
}

fn chunks(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a=b;".repeat(16 * 1024));
            let bodies = [
                "FFFFFFFFFFFFFFFFF\r\n",
                "FFFFFFFFFFFFFFFF\r\n",
                "-1\r\n",
                "+5\r\nhello\r\n0\r\n\r\n",
                "0x5\r\nhello\r\n0\r\n\r\n",
                "5\nhello\n0\n\n",
                "5\r\nhelloGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                "\r\n\r\n",
                &extension,
                &"1;x\r\ny\r\n".repeat(20_000),
                &format!("0\r\n{}\r\n", "X: y\r\n".repeat(10_000)),
            ];
            for body in bodies {
                expect_refused(server, &post(server, "Transfer-Encoding: chunked", body), &[400, 405, 413]);
            }
            format!("{} bodies: refused at once", bodies.len())
        },
    )
}

/// Nobody reads a body on and on because the request had one.
fn endless(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let mut most = 0;
            for (line, piece) in [
                ("Content-Length: 99999999999", "x".repeat(64 * 1024)),
                ("Transfer-Encoding: chunked", format!("10000\r\n{}\r\n", "x".repeat(64 * 1024))),
            ] {
                for method in ["POST", "GET"] {
                    let mut peer = Peer::connect(server);
                    peer.send(post(server, line, "").replacen("POST", method, 1));
                    let mut sent = 0;
                    while sent < 64 * 1024 * 1024 && peer.try_send(&piece) {
                        sent += piece.len();
                    }
                    most = most.max(sent);
                }
            }
            assert!(most < 16 * 1024 * 1024, "{most} bytes of a body were taken");
            format!("at most {} KiB were taken", most / 1024)
        },
    )
}
