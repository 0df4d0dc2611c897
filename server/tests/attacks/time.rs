//! Those who take their time: the handshake has five seconds, and so has a plain request.

use std::time::Duration;

use crate::Attack;
use crate::peer::{Crowd, EXEMPT, Ending, Peer, upgrade};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("time: 150 slow heads", slow_heads),
    Attack("time: 1,000 silent connections", silent),
    Attack("time: 150 slow bodies", slow_bodies),
];

/// The default.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The machine may be busy.
const SLACK: Duration = Duration::from_secs(4);

/// Everyone was ended by the server, not before `from` and not after `TIMEOUT` and some slack.
fn expect_ended(crowd: &Crowd, from: Duration) -> Duration {
    let mut last = Duration::ZERO;
    for member in &crowd.members {
        let (_, at) = member.ended.expect("the server ends it");
        assert!(at >= from && at < TIMEOUT + SLACK, "it was ended after {at:?}");
        last = last.max(at);
    }
    last
}

fn slow_heads(name: &str) -> Row {
    trial::run(
        name,
        1,
        || Server::tickwire(&[]),
        |server| {
            let head = upgrade(server);
            let mut crowd = Crowd::of((0..150).map(|_| Peer::connect(server)));
            crowd.watch(head.trim_end().as_bytes(), TIMEOUT + SLACK);
            let last = expect_ended(&crowd, TIMEOUT / 2);
            for member in &crowd.members {
                let answer = String::from_utf8_lossy(&member.received);
                assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
                assert_eq!(
                    member.ended.map(|(ending, _)| ending),
                    Some(Ending::Fin),
                    "and no RST that eats the answer"
                );
            }
            format!("408 for all after {:.1} s", last.as_secs_f64())
        },
    )
}

fn silent(name: &str) -> Row {
    trial::run(
        name,
        1,
        || Server::tickwire(&[]),
        |server| {
            let mut crowd = Crowd::of((0..1000).map(|_| Peer::connect_from(server, EXEMPT)));
            crowd.watch(b"", TIMEOUT + SLACK);
            let last = expect_ended(&crowd, TIMEOUT / 2);
            assert!(crowd.members.iter().all(|member| member.received.is_empty()), "they ask nothing");
            format!("all dropped after {:.1} s", last.as_secs_f64())
        },
    )
}

/// Nothing here takes a body, so the answer does not wait for it, and the connection does not either.
fn slow_bodies(name: &str) -> Row {
    trial::run(
        name,
        1,
        || Server::tickwire(&[]),
        |server| {
            let heads = ["Content-Length: 60000", "Transfer-Encoding: chunked\r\nContent-Type: text/plain"];
            let mut crowd = Crowd::of((0..150).map(|at| {
                let mut peer = Peer::connect(server);
                peer.send(format!("POST / HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", server.addr, heads[at % 2]));
                peer
            }));
            crowd.watch(b"1\r\nx\r\n", TIMEOUT + SLACK);
            let last = expect_ended(&crowd, Duration::ZERO);
            for member in &crowd.members {
                let answer = String::from_utf8_lossy(&member.received);
                assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
            }
            format!("405 at once, all ended after {:.1} s", last.as_secs_f64())
        },
    )
}
