//! Requests that two servers in a row would cut at different places.

use crate::Attack;
use crate::heads::expect_refusal;
use crate::peer::{CLOSE, Ending, Peer, upgrade, with_line};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("smuggling: framing of bodies", framing),
    Attack("smuggling: behind the upgrade", behind_the_upgrade),
    Attack("smuggling: behind a refusal", behind_a_refusal),
];

const CHUNKED: &str = "Transfer-Encoding: chunked";

/// Two framings, or one that is written so that others overlook it, with and without an upgrade.
fn framing(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let post = format!("POST /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
            let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
            let lines = [
                &format!("Content-Length: 4\r\n{CHUNKED}"),
                &format!("{CHUNKED}\r\nContent-Length: 4"),
                "Content-Length: 4\r\nContent-Length: 5",
                "Content-Length: 4\r\nContent-Length: 4",
                "Content-Length: 4, 4",
                "Transfer-Encoding : chunked",
                "Transfer-Encoding: xchunked",
                "Transfer-Encoding: chunked, identity",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                "Transfer-Encoding: \u{b}chunked",
                "X: y\r\n Transfer-Encoding: chunked",
            ];
            let upgrade = upgrade(server);
            for (good, line) in lines.iter().flat_map(|line| [(&upgrade, line), (&post, line)]) {
                let mut peer = Peer::connect(server);
                peer.send(with_line(good, line) + smuggled);
                let answer = peer.read_answer();
                assert_eq!(answer.status, 400, "{line:?}: {}", answer.head);
                peer.half_close();
                let after = rest(&mut peer);
                assert_eq!(after, "", "{line:?}: nothing else is a request");
            }
            for line in ["Content-Length: 5", CHUNKED, "Transfer-Encoding: gzip"] {
                let mut peer = Peer::connect(server);
                peer.send(with_line(&upgrade, line) + smuggled);
                expect_refusal(&mut peer, 400, line);
            }
            let mut http2 = Peer::connect(server);
            http2.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
            expect_refusal(&mut http2, 400, "the preface of HTTP/2");
            format!("{} requests: 400 and the end", 2 * lines.len() + 4)
        },
    )
}

/// All that follows an upgrade is frames, and a request is a broken one.
fn behind_the_upgrade(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            for second in [upgrade(server), "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()] {
                let mut peer = Peer::connect(server);
                peer.send(upgrade(server) + &second);
                assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
                let (first, payload) = peer.read_frame().expect("a close frame");
                assert_eq!((first, &payload[..2]), (0x80 | CLOSE, &1002_u16.to_be_bytes()[..]));
                peer.half_close();
                assert_eq!(peer.ending(), Ending::Fin);
            }
            "one 101, then 1002".to_owned()
        },
    )
}

/// A refused upgrade ends the connection: what lies behind it is not looked at.
fn behind_a_refusal(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let good = upgrade(server);
            let bad = good.replace("Version: 13", "Version: 7");
            for second in [&good, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] {
                let mut peer = Peer::connect(server);
                peer.send(bad.clone() + second);
                assert_eq!(peer.read_answer().status, 426);
                peer.half_close();
                assert_eq!(rest(&mut peer), "");
            }
            // a connection that carried a plain request gets its upgrade refused, not smuggled past the rules
            let mut peer = Peer::connect(server);
            peer.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + &good);
            assert_eq!(peer.read_answer().status, 200);
            assert_eq!(peer.read_answer().status, 426);
            peer.half_close();
            assert_eq!(rest(&mut peer), "");
            "426 and the end".to_owned()
        },
    )
}

/// What comes until the end, which must be a FIN.
fn rest(peer: &mut Peer) -> String {
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut peer.stream, &mut rest).expect("a FIN and no RST");
    String::from_utf8_lossy(&rest).into_owned()
}
