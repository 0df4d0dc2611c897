mod ends;
mod tls;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use include_dir::{Dir, DirEntry, File};

use super::*;

/// Where silence must not be what ends a connection.
const FOREVER: Duration = Duration::from_secs(3600);
const PAGE: &[u8] = b"<!doctype html>";
const LAST: &str = "Host: a\r\nConnection: close\r\n\r\n";

fn plain() -> Arc<Plain> {
    static INNER: [DirEntry<'_>; 1] = [DirEntry::File(File::new("pkg/web.wasm", b"\0asm"))];
    static FILES: [DirEntry<'_>; 2] =
        [DirEntry::File(File::new("index.html", PAGE)), DirEntry::Dir(Dir::new("pkg", &INNER))];
    static ROOT: Dir<'static> = Dir::new("", &FILES);
    Arc::new(Plain::new(Site::embedded(&ROOT)))
}

/// A client whose other end is served; `read` is what the reactor has read.
fn connect(plain: &Arc<Plain>, read: &[u8]) -> TcpStream {
    let (client, stream) = pair();
    let (plain, read) = (Arc::clone(plain), read.to_vec());
    let permit = plain.admit(client.local_addr().unwrap().ip()).unwrap();
    thread::spawn(move || {
        runtime().block_on(serve_within(FOREVER, stream.into(), read, (plain, Ipv4Addr::LOCALHOST.into()), permit));
    });
    client
}

/// In a place of its own.
async fn serve(head_timeout: Duration, stream: PlainStream, read: Vec<u8>, plain: Arc<Plain>) {
    let permit = plain.admit(Ipv4Addr::LOCALHOST.into()).unwrap();
    serve_within(head_timeout, stream, read, (plain, Ipv4Addr::LOCALHOST.into()), permit).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client, and the server's end.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // only so that a fault fails instead of hanging
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (client, stream)
}

/// All that comes back until the server closes.
fn exchange(plain: &Arc<Plain>, read: &[u8], sent: &[u8]) -> String {
    let mut client = connect(plain, read);
    client.write_all(sent).unwrap();
    the_rest(&mut client)
}

fn the_rest(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// One request, all of it read by the reactor, as it mostly is.
fn ask(request_line: &str, fields: &str) -> String {
    exchange(&plain(), format!("{request_line} HTTP/1.1\r\n{fields}{LAST}").as_bytes(), b"")
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().filter_map(|line| line.split_once(": ")).find_map(|(key, value)| (key == name).then_some(value))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn the_page_comes_with_type_tag_and_rules() {
    let answer = ask("GET /?room=4", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(body(&answer).as_bytes(), PAGE);
    assert_eq!(field(&answer, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(&answer, "content-length"), Some("15"));
    assert_eq!(field(&answer, "cache-control"), Some("no-cache"));
    assert_eq!(field(&answer, "x-content-type-options"), Some("nosniff"));
    assert!(field(&answer, "etag").is_some());
    let policy = field(&answer, "content-security-policy").unwrap();
    for rule in ["default-src 'self'", "'wasm-unsafe-eval'", "connect-src 'self'", "img-src 'self' data:"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(field(&ask("GET /pkg/web.wasm", ""), "content-type"), Some("application/wasm"));
}

#[test]
fn a_request_may_be_cut_anywhere_between_reactor_and_socket() {
    let request = format!("GET /healthz HTTP/1.1\r\n{LAST}");
    for cut in 0..=request.len() {
        let (read, rest) = request.as_bytes().split_at(cut);
        let answer = exchange(&plain(), read, rest);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "cut at {cut}: {answer}");
        assert_eq!(body(&answer), "ok\n");
        assert_eq!(field(&answer, "cache-control"), Some("no-store"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let first = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /ws HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHo";
    let rest = format!("st: a\r\n\r\nGET /none HTTP/1.1\r\n{LAST}");
    let answer = exchange(&plain(), first.as_bytes(), rest.as_bytes());
    let statuses: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "426", "200", "404"], "{answer}");
}

#[test]
fn head_is_get_without_the_body() {
    let answer = ask("HEAD /", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(field(&answer, "content-length"), Some("15"));
    assert_eq!(body(&answer), "");
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    let tag = field(&ask("GET /", ""), "etag").unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = ask("GET /", &format!("If-None-Match: {known}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{known}: {answer}");
        assert_eq!(field(&answer, "etag"), Some(tag.as_str()));
        assert_eq!(body(&answer), "");
    }
    for stale in ["\"x\"", "", "nonsense", &tag[1..]] {
        let answer = ask("GET /", &format!("If-None-Match: {stale}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{stale}: {answer}");
    }
}

#[test]
fn other_methods_are_refused_with_those_that_are_allowed() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = ask(&format!("{method} /"), "");
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        assert_eq!(field(&answer, "allow"), Some("GET, HEAD"));
        assert_eq!(body(&answer), "Only GET and HEAD are answered here.\n");
    }
    let posted = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    assert!(exchange(&plain(), posted.as_bytes(), b"").starts_with("HTTP/1.1 405 "));
}

#[test]
fn nothing_else_is_found() {
    for path in ["/none", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/pkg", "/pkg/", "//", "/index.html/", "/ws/"] {
        let answer = ask(&format!("GET {path}"), "");
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {answer}");
        assert_eq!(body(&answer), "There is nothing at this address; the game is at /.\n");
    }
}

#[test]
fn the_players_address_asks_for_an_upgrade() {
    let answer = ask("GET /ws", "");
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert_eq!(field(&answer, "upgrade"), Some("websocket"));
    assert!(body(&answer).contains("subprotocol tickwire.1.\n"), "{answer}");
}

/// A reverse proxy that keeps its connections may send a player over one that has carried the page.
#[test]
fn an_upgrade_on_a_used_connection_ends_it_and_says_why() {
    let page = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for fields in
        ["Connection: Upgrade\r\nUpgrade: websocket\r\n", "Upgrade: h2c, WebSocket\r\n", "Sec-WebSocket-Key: x\r\n"]
    {
        let upgrade = format!("GET /ws HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        // the client does not ask for the end, and yet it comes
        let answers = exchange(&plain(), page.as_bytes(), upgrade.as_bytes());
        let answer = &answers[answers.rfind("HTTP/1.1 ").unwrap()..];
        assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answers}");
        assert_eq!(field(answer, "connection"), Some("upgrade, close"), "{answer}");
        assert_eq!(field(answer, "upgrade"), Some("websocket"));
        assert!(body(answer).starts_with("Open a fresh connection for a WebSocket: "), "{answer}");
    }
    let other = ask("GET /healthz", "Upgrade: h2c\r\n");
    assert!(other.starts_with("HTTP/1.1 200 OK\r\n"), "an upgrade to something else may be ignored: {other}");
}

#[test]
fn nonsense_ends_the_connection_and_nothing_more() {
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(HeadLimits::default().head_max_bytes));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(HeadLimits::default().headers_max + 1));
    for (read, status) in
        [("\0\0\0\0\r\n\r\n", "400"), ("GET / HTTP/9.9\r\n\r\n", "400"), (&long, "431"), (&many, "431")]
    {
        let answer = exchange(&plain(), read.as_bytes(), b"");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{read:.20}: {answer}");
    }
    let h2 = exchange(&plain(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"");
    assert!(!h2.contains("200 OK"), "{h2}");
}
