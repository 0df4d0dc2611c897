use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits { head_max_bytes: 8192, headers_max: 64, target_max_bytes: 2048 };

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4000))
}

/// An upgrade request whose lines the test may change.
fn upgrade() -> String {
    format!(
        "GET /play?room=7 HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n{KEY}\r\n"
    )
}

#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Upgrade,
    Plain,
}

fn read(request: &str) -> Result<Verdict, HeadError> {
    let mut reader = HeadReader::default();
    let end = reader.push(request.as_bytes(), LIMITS)?.expect("the test's head is whole");
    parse(&request.as_bytes()[..end], LIMITS, peer(), |request| match request {
        Request::Upgrade(..) => Verdict::Upgrade,
        Request::Plain(_) => Verdict::Plain,
    })
}

fn changed(from: &str, to: &str) -> Result<Verdict, HeadError> {
    let request = upgrade();
    assert!(request.contains(from), "the test changes something");
    read(&request.replace(from, to))
}

#[test]
fn what_is_legal_but_odd_is_served() {
    assert_eq!(read(&upgrade()), Ok(Verdict::Upgrade));
    assert_eq!(changed("Connection: Upgrade", "connection:keep-alive ,  UPGRADE"), Ok(Verdict::Upgrade));
    assert_eq!(changed("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"), Ok(Verdict::Upgrade));
    assert_eq!(changed("Upgrade: websocket", "UPGRADE: h2c, WebSocket"), Ok(Verdict::Upgrade));
    assert_eq!(changed("GET ", "\r\nGET "), Ok(Verdict::Upgrade));
    assert_eq!(changed("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"), Ok(Verdict::Upgrade));
    assert_eq!(changed("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-unknown; a=1\r\n\r\n"), Ok(Verdict::Upgrade));
}

#[test]
fn a_handshake_is_refused_for_what_it_lacks() {
    assert_eq!(changed("Host: example.org\r\n", ""), Err(HeadError::Host));
    assert_eq!(changed("Host: example.org\r\n", "Host: a\r\nHost: a\r\n"), Err(HeadError::Host));
    assert_eq!(changed(KEY, ""), Err(HeadError::WebSocketKey));
    assert_eq!(changed(KEY, &format!("{KEY}{KEY}")), Err(HeadError::WebSocketKey));
    assert_eq!(changed("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), Err(HeadError::WebSocketKey));
    assert_eq!(changed("Version: 13", "Version: 12"), Err(HeadError::WebSocketVersion));
    assert_eq!(changed("Sec-WebSocket-Version: 13\r\n", ""), Err(HeadError::WebSocketVersion));
    assert_eq!(changed("Connection: Upgrade\r\n", ""), Err(HeadError::UpgradeHeaders));
    assert_eq!(changed("Upgrade: websocket\r\n", ""), Err(HeadError::UpgradeHeaders));
    assert_eq!(changed("GET ", "POST "), Err(HeadError::UpgradeMethod));
    assert_eq!(changed("HTTP/1.1", "HTTP/1.0"), Err(HeadError::UpgradeVersion));
    assert_eq!(changed("HTTP/1.1", "HTTP/2.0"), Err(HeadError::Malformed));
}

#[test]
fn a_body_behind_an_upgrade_is_refused() {
    let with = |field: &str| changed("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    assert_eq!(with("Content-Length: 5"), Err(HeadError::UpgradeWithBody));
    assert_eq!(with("Transfer-Encoding: chunked"), Err(HeadError::UpgradeWithBody));
    assert_eq!(with("Transfer-Encoding: xchunked"), Err(HeadError::UpgradeWithBody));
    assert_eq!(with("Content-Length: 5\r\nContent-Length: 5"), Err(HeadError::AmbiguousBody));
    assert_eq!(with("Content-Length: 5\r\nTransfer-Encoding: chunked"), Err(HeadError::AmbiguousBody));
    assert_eq!(with("Content-Length: +5"), Err(HeadError::AmbiguousBody));
    assert_eq!(with("Content-Length: 999999999999999999"), Err(HeadError::UpgradeWithBody));
    assert_eq!(with("Content-Length: 1000000000000000000"), Err(HeadError::AmbiguousBody));
}

#[test]
fn what_no_parser_should_read_alike_is_refused() {
    for (from, to) in [
        ("Host:", "Host :"),
        ("Host: example.org", "Host example.org"),
        ("Host: example.org", "Host: exa\0mple.org"),
        ("Host: example.org", "Host: exa\rmple.org"),
        ("Host: example.org\r\n", "Host: example.org\n"),
        ("Host: example.org\r\n", "Host: example.org\r\n folded\r\n"),
        ("\r\n\r\n", "\n\n"),
    ] {
        assert_eq!(changed(from, to), Err(HeadError::Malformed), "{to:?}");
    }
}

#[test]
fn the_limits_hold_to_the_byte() {
    let target = |length: usize| changed("/play?room=7", &format!("/{}", "a".repeat(length - 1)));
    assert_eq!(target(2048), Ok(Verdict::Upgrade));
    assert_eq!(target(2049), Err(HeadError::TargetTooLong(2048)));

    let fields = |count: usize| changed("\r\n\r\n", &format!("\r\n{}\r\n", "a: b\r\n".repeat(count - 5)));
    assert_eq!(fields(64), Ok(Verdict::Upgrade));
    assert_eq!(fields(65), Err(HeadError::TooManyHeaders(64)));

    let head = |length: usize| {
        let filler = length - upgrade().len() - "a: \r\n".len();
        changed("\r\n\r\n", &format!("\r\na: {}\r\n\r\n", "b".repeat(filler)))
    };
    assert_eq!(head(8192), Ok(Verdict::Upgrade));
    assert_eq!(head(8193), Err(HeadError::TooLong(8192)));
}

#[test]
fn an_endless_head_is_refused_at_the_limit_not_at_its_end() {
    assert_eq!(HeadReader::default().push(&[b'a'; 3000], LIMITS), Err(HeadError::TargetTooLong(2048)));

    let mut reader = HeadReader::default();
    assert_eq!(reader.push(b"GET / HTTP/1.1\r\n", LIMITS), Ok(None));
    let field = b"name: value\r\n".repeat(10);
    let refused = std::iter::repeat_with(|| reader.push(&field, LIMITS)).take(100).find(Result::is_err);
    assert_eq!(refused, Some(Err(HeadError::TooLong(8192))));
}

#[test]
fn a_long_request_line_is_refused_alike_whole_and_in_pieces() {
    let long = "a".repeat(LIMITS.target_max_bytes + METHOD_AND_VERSION_BYTES + 1);
    let empty_lines = "\r\n".repeat((LIMITS.head_max_bytes - long.len()) / 2 + 1);
    for (request, expected) in [
        (format!("{long}\n"), HeadError::TargetTooLong(2048)),
        (format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"), HeadError::TargetTooLong(2048)),
        (format!("{long}{}\r\n", "b".repeat(LIMITS.head_max_bytes)), HeadError::TargetTooLong(2048)),
        (format!("{empty_lines}{long}"), HeadError::TooLong(8192)),
        (format!("{empty_lines}{long}\r\n"), HeadError::TooLong(8192)),
    ] {
        let mut reader = HeadReader::default();
        let in_pieces = request.bytes().map(|byte| reader.push(&[byte], LIMITS)).find(|found| *found != Ok(None));
        assert_eq!(in_pieces, Some(Err(expected)));
        assert_eq!(HeadReader::default().push(request.as_bytes(), LIMITS), Err(expected), "whole");
    }
}

#[test]
fn a_host_is_a_host() {
    let with = |host: &str| read(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for host in
        ["", "a", "game.example:443", "127.0.0.1:1", "[::1]", "[fe80::1%25eth0]:7777", "a:", "xn--a-b_c.example"]
    {
        assert_eq!(with(host), Ok(Verdict::Plain), "{host}");
    }
    for host in ["a/b", "a b", "user@a", "a?b", "a:b", "[::1]:x", "http://a", "a\\b", "a\tb", "\u{e4}"] {
        assert_eq!(with(host), Err(HeadError::Host), "{host}");
    }
}

#[test]
fn a_request_for_something_else_is_plain() {
    assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Verdict::Plain));
    assert_eq!(read("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"), Ok(Verdict::Plain));
    assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), Ok(Verdict::Plain));
    assert_eq!(read("GET / HTTP/1.0\r\n\r\n"), Ok(Verdict::Plain));
    assert_eq!(read("GET / HTTP/1.1\r\n\r\n"), Err(HeadError::Host));
}

#[test]
fn the_head_tells_path_query_fields_and_subprotocols() {
    let request = upgrade().replace("Host: ", "SEC-websocket-protocol: a.1 ,b\r\nSec-WebSocket-Protocol: ,c\r\nHost: ");
    parse(request.as_bytes(), LIMITS, peer(), |request| {
        let Request::Upgrade(head, key) = request else { panic!("an upgrade") };
        assert_eq!((head.method(), head.path(), head.query()), ("GET", "/play", Some("room=7")));
        assert_eq!(head.header("host"), Some("example.org"));
        assert_eq!(head.header("origin"), None);
        assert_eq!(head.subprotocols().collect::<Vec<_>>(), ["a.1", "b", "c"]);
        assert_eq!(key, b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(head.peer(), peer());
    })
    .unwrap();
}

#[test]
fn an_absolute_target_is_read_like_its_path() {
    assert_eq!(split_target("http://a.org/x/y?z"), ("/x/y", Some("z")));
    assert_eq!(split_target("http://a.org"), ("/", None));
    assert_eq!(split_target("http://a.org?z"), ("/", Some("z")));
    assert_eq!(split_target("/x?u=http://b/"), ("/x", Some("u=http://b/")));
    assert_eq!(split_target("*"), ("*", None));
}

#[test]
fn an_answer_has_its_length_and_closes() {
    let mut out = Vec::new();
    write_refusal(&mut out, &HeadError::WebSocketVersion.into());
    let text = String::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    assert!(head.contains("\r\nSec-WebSocket-Version: 13"));
    assert!(head.contains("\r\nConnection: close"));
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())));
}

proptest! {
    #[test]
    fn any_cut_of_a_head_finds_the_same_end(cuts in proptest::collection::vec(1_usize..40, 1..20)) {
        let request = upgrade();
        let bytes = format!("{request}frames").into_bytes();
        let mut reader = HeadReader::default();
        let (mut at, mut found) = (0, None);
        for size in cuts.iter().cycle() {
            let end = (at + size).min(bytes.len());
            found = reader.push(&bytes[at..end], LIMITS).unwrap();
            at = end;
            if found.is_some() || at == bytes.len() {
                break;
            }
        }
        prop_assert_eq!(found, Some(request.len()));
        prop_assert_eq!(reader.into_bytes(), &bytes[..at]);
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes: Vec<u8>) {
        let mut reader = HeadReader::default();
        if let Ok(Some(end)) = reader.push(&bytes, LIMITS) {
            let _ = parse(&bytes[..end], LIMITS, peer(), |_| ());
        }
        let _ = parse(&bytes, LIMITS, peer(), |_| ());
    }
}
