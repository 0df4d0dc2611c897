//! The request in front of a WebSocket.

use tickwire_server::net::NetConfig;
use tickwire_server::net::http_head::HeadLimits;

use crate::ends::{Client, Server, UPGRADE};

/// The head of the answer to an upgrade that is changed like this.
fn answer(server: &Server, from: &str, to: &str) -> String {
    let mut client = Client::connect(server);
    let request = UPGRADE.replace(from, to);
    assert_ne!(request, UPGRADE);
    client.send(request);
    client.read_head()
}

/// Fields until the head has so many bytes.
fn of_length(bytes: usize) -> String {
    format!("\r\na: {}\r\n\r\n", "b".repeat(bytes - UPGRADE.len() - "a: \r\n".len()))
}

fn check(server: &Server, limits: HeadLimits) {
    let HeadLimits { head_max_bytes, headers_max, target_max_bytes } = limits;
    for (over, status) in [(-1, ["101"; 3]), (0, ["101"; 3]), (1, ["431", "431", "414"])] {
        let near = |limit: usize| limit.checked_add_signed(over).unwrap();
        let head = answer(server, "\r\n\r\n", &of_length(near(head_max_bytes)));
        // the test's own request has five
        let fields = answer(server, "\r\n\r\n", &format!("\r\n{}\r\n", "a: b\r\n".repeat(near(headers_max) - 5)));
        let target = answer(server, "GET /", &format!("GET /{}", "a".repeat(near(target_max_bytes) - 1)));
        for (answer, status) in [head, fields, target].iter().zip(status) {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{over}: {answer}");
        }
    }
    assert_eq!(server.metrics.handshakes_failed.value(), 3);
}

#[test]
fn a_head_has_8_kib_64_fields_and_a_target_of_2_kib() {
    let limits = HeadLimits { head_max_bytes: 8192, headers_max: 64, target_max_bytes: 2048 };
    assert_eq!(NetConfig::default().head, limits);
    check(&Server::start(NetConfig::default()), limits);
}

#[test]
fn other_limits_hold_as_well() {
    let limits = HeadLimits { head_max_bytes: 20_000, headers_max: 200, target_max_bytes: 300 };
    check(&Server::start(NetConfig { head: limits, ..NetConfig::default() }), limits);
}

#[test]
fn who_is_late_hears_408_and_is_counted() {
    let server = Server::start(NetConfig { handshake_timeout_ms: 2_000, ..NetConfig::default() });
    assert_eq!(NetConfig::default().handshake_timeout_ms, 5_000);
    let mut in_time = Client::connect(&server);
    in_time.send(&UPGRADE[..30]);
    let mut late = Client::connect(&server);
    late.send(&UPGRADE[..30]);
    let _silent = Client::connect(&server);
    in_time.send(&UPGRADE[30..]);
    assert!(in_time.read_head().starts_with("HTTP/1.1 101 "));
    assert!(late.read_answer().0.starts_with("HTTP/1.1 408 "));
    drop((in_time, late));
    server.expect_gone();
    assert_eq!(server.metrics.handshakes_late.value(), 2);
}

#[test]
fn a_host_may_be_an_address_of_ipv6() {
    let server = Server::start(NetConfig::default());
    for (host, origin, status) in [
        ("[::1]:7777", "http://[::1]:7777", 101),
        ("[2001:DB8::1]", "https://[2001:db8::1]", 101),
        ("[::1]:7777", "http://[::1]:7778", 403),
        ("[::1]:7777", "http://[::2]:7777", 403),
        ("[::1]", "http://::1", 403),
    ] {
        let head = answer(&server, "Host: a\r\n", &format!("Host: {host}\r\nOrigin: {origin}\r\n"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {origin}: {head}");
    }
}
