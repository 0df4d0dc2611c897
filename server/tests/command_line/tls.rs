//! The binary with a certificate: the page and the players over TLS, and the certificate's renewal.

use std::io::Read;

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use tickwire_arena::Arena;
use tickwire_shared::protocol::{ClientMessage, JoinRequest, SUBPROTOCOL, VERSION};
use tickwire_shared::schema::Schema;

use super::certificate::{Certificate, TlsStream, over_tls};
use super::*;

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn start(certificate: &Certificate, more: &[&str]) -> Running {
    let (file, key) = (certificate.file(), certificate.key_file());
    let pair = ["--tls-cert", file.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Running::start(&[&pair, more].concat())
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    read
}

/// All until the server says that it closes: without that it is an error.
fn get(client: &mut TlsStream, path: &str) -> Vec<u8> {
    write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    answer
}

/// Asks for a WebSocket as a page of `origin` would; the head of the answer.
fn upgrade(client: &mut TlsStream, host: SocketAddr, origin: &str) -> String {
    write!(
        client,
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    )
    .unwrap();
    text(&read_until(client, b"\r\n\r\n"))
}

/// A masked frame; the mask is zero, which is legal.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "short frames only");
    [&[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// Somebody who plays.
fn player(certificate: &Certificate, server: &Running) -> TlsStream {
    let mut client = certificate.connect(server.address);
    let head = upgrade(&mut client, server.address, &format!("https://{}", server.address));
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let fingerprint = Schema::of::<Arena>().fingerprint();
    let hello = ClientMessage::Hello { protocol: VERSION, game: "arena".into(), fingerprint }.encode();
    let join = ClientMessage::Join(JoinRequest::new("by hand")).encode();
    client.write_all(&[frame(2, &hello), frame(2, &join)].concat()).unwrap();
    client
}

/// Whether a connection still carries bytes both ways.
fn expect_pong(client: &mut TlsStream, word: &[u8]) {
    client.write_all(&frame(9, word)).unwrap();
    read_until(client, &[&[0x8A, word.len() as u8], word].concat());
}

/// A server shows a new connection the certificate that this client trusts.
fn is_shown(config: &Arc<ClientConfig>, server: &Running) -> bool {
    let mut client = over_tls(Arc::clone(config), server.address);
    client.write_all(HEALTH).and_then(|()| client.read_exact(&mut [0; 12])).is_ok()
}

fn expect_shown(config: &Arc<ClientConfig>, server: &Running) {
    let given_up = Instant::now() + PATIENCE;
    while !is_shown(config, server) {
        assert!(Instant::now() < given_up, "the server should have read its new certificate");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn page_and_players_share_the_port() {
    let certificate = Certificate::new();
    let server = start(&certificate, &[]);
    assert!(server.first_line.starts_with("Tickwire hosts Arena: open https://127.0.0.1:"), "{}", server.first_line);
    for version in [&TLS12, &TLS13] {
        let config = certificate.client_config(version, &[b"h2", b"http/1.1"]);
        let mut client = over_tls(config, server.address);
        for _ in 0..3 {
            client.write_all(HEALTH).unwrap();
            read_until(&mut client, b"\r\n\r\nok\n");
        }
        let page = text(&get(&mut client, "/"));
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<!doctype html>"), "{page}");
    }
    expect_pong(&mut player(&certificate, &server), b"here");
    let foreign = upgrade(&mut certificate.connect(server.address), server.address, "https://evil.example");
    assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    let plain = server.get("/");
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.contains("https://"), "{plain}");
}

#[test]
fn a_large_file_arrives_whole_at_a_slow_reader() {
    let (certificate, scratch) = (Certificate::new(), Scratch::new("large-file"));
    scratch.file("index.html", "large.txt");
    let large: String = (0..1_000_000).map(|line| format!("{line}\n")).collect();
    scratch.file("large.txt", &large);
    let server = start(&certificate, &["--assets", scratch.0.to_str().unwrap()]);
    let mut client = certificate.connect(server.address);
    write!(client, "GET /large.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let head = text(&read_until(&mut client, b"\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let mut body = vec![0; 10_000];
    for pause_ms in [300, 1, 50, 1, 1] {
        thread::sleep(Duration::from_millis(pause_ms));
        let at = body.len() - 10_000;
        client.read_exact(&mut body[at..]).unwrap();
        body.resize(body.len() + 10_000, 0);
    }
    body.truncate(body.len() - 10_000);
    client.read_to_end(&mut body).unwrap();
    assert!(body == large.as_bytes(), "{} of {} bytes, or others", body.len(), large.len());
}

/// There are 256 places for plain connections: whoever breaks off must give back his.
#[test]
fn those_who_break_off_take_nothing_with_them() {
    let certificate = Certificate::new();
    let server = start(&certificate, &[]);
    let config = certificate.client_config(&TLS13, &[]);
    for index in 0..300 {
        let mut client = over_tls(Arc::clone(&config), server.address);
        match index % 3 {
            // in the handshake, with half a request, in the answer
            0 => client.sock.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap(),
            1 => client.write_all(b"GET /healthz HTT").unwrap(),
            _ => {
                client.write_all(b"GET /arena/main.js HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                client.read_exact(&mut [0; 1]).unwrap();
            }
        }
        socket2::SockRef::from(&client.sock).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let answer = text(&get(&mut certificate.connect(server.address), "/healthz"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.signal("TERM");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_stop_says_goodbye_to_those_who_are_there() {
    let certificate = Certificate::new();
    let server = start(&certificate, &[]);
    let mut idle = certificate.connect(server.address);
    idle.write_all(HEALTH).unwrap();
    read_until(&mut idle, b"\r\n\r\nok\n");
    server.signal("TERM");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "with close_notify");
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn a_hangup_brings_the_new_certificate_and_players_stay() {
    let certificate = Certificate::new();
    let server = start(&certificate, &[]);
    let mut early = player(&certificate, &server);
    expect_pong(&mut early, b"before");
    // the files alone would not make it read them
    server.signal("HUP");
    server.expect_said("was read anew");
    let old = certificate.client_config(&TLS13, &[]);
    certificate.renew();
    server.signal("HUP");
    expect_shown(&certificate.client_config(&TLS13, &[]), &server);
    assert!(!is_shown(&old, &server));
    expect_pong(&mut early, b"after");
    expect_pong(&mut player(&certificate, &server), b"late");
}

/// As those do it who renew certificates: a new folder, links that are moved one after the other, no signal.
#[test]
fn a_renewed_pair_is_found_and_half_of_one_is_not_used() {
    let (certificate, scratch) = (Certificate::new(), Scratch::new("renewed"));
    let link = |to: &std::path::Path, name: &str| {
        let made = scratch.0.join("made");
        std::os::unix::fs::symlink(to, &made).unwrap();
        fs::rename(made, scratch.0.join(name)).unwrap();
    };
    link(&certificate.file(), "live.pem");
    link(&certificate.key_file(), "live-key.pem");
    let live = ["live.pem", "live-key.pem"].map(|name| scratch.0.join(name).to_str().unwrap().to_owned());
    let server = Running::start(&["--tls-cert", &live[0], "--tls-key", &live[1]]);
    let mut early = player(&certificate, &server);
    expect_pong(&mut early, b"before");

    let renewed = Certificate::new();
    let (old, new) = (certificate.client_config(&TLS13, &[]), renewed.client_config(&TLS13, &[]));
    link(&renewed.file(), "live.pem");
    let line = server.expect_said("the old certificate stays");
    assert!(line.contains("WARN") && line.contains(&live[0]) && line.contains(&live[1]), "{line}");
    assert!(is_shown(&old, &server) && !is_shown(&new, &server));

    link(&renewed.key_file(), "live-key.pem");
    expect_shown(&new, &server);
    assert!(!is_shown(&old, &server));
    expect_pong(&mut early, b"after");
    // what does not change is not read
    server.signal("TERM");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stderr.matches("was read anew").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("the old certificate stays").count(), 1, "{stderr}");
}
