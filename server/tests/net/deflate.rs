//! permessage-deflate (RFC 7692) through a socket.

use tickwire_server::net::ws::DeflateConfig;
use tickwire_server::net::{MessageKind, NetConfig, Outcome};

use super::ends::{BINARY, Client, PING, PONG, Server, TEXT, Told, UPGRADE, frame, part};

/// Shakes hands with an offer of permessage-deflate; the answer's head.
fn open_deflated(server: &Server) -> (Client, String) {
    let mut client = Client::connect(server);
    client.send(UPGRADE.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
    let head = client.read_head();
    (client, head)
}

fn compressed(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(opcode, payload);
    bytes[0] |= 0x40;
    bytes
}

#[test]
fn compression_is_off_unless_it_is_asked_for_on_both_sides() {
    let server = Server::start(NetConfig::default());
    let (_client, head) = open_deflated(&server);
    assert!(!head.contains("Sec-WebSocket-Extensions"), "{head}");

    let server = Server::start(NetConfig {
        deflate: DeflateConfig { enabled: true, ..DeflateConfig::default() },
        ..NetConfig::default()
    });
    let mut client = Client::connect(&server);
    client.send(UPGRADE);
    assert!(!client.read_head().contains("Sec-WebSocket-Extensions"));
    client.send(compressed(TEXT, b"x"));
    assert_eq!(client.read_close().0, 1002);
}

#[test]
fn compressed_messages_go_both_ways() {
    let server = Server::start(NetConfig {
        deflate: DeflateConfig { enabled: true, ..DeflateConfig::default() },
        ..NetConfig::default()
    });
    let (mut client, head) = open_deflated(&server);
    let expected = "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
        client_no_context_takeover\r\n";
    assert!(head.contains(expected), "{head}");
    let link = server.opened();
    // RFC 7692 7.2.3.1, whole and in two fragments with a ping between them
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let mut first = part(TEXT, false, &hello[..3]);
    first[0] |= 0x40;
    client.send([compressed(TEXT, &hello), first, frame(PING, b""), part(0, true, &hello[3..])].concat());
    for opcode in [TEXT, PONG, TEXT] {
        let (answered, payload) = client.read_frame();
        assert_eq!((answered, &payload[..]), (opcode, if opcode == TEXT { &b"Hello"[..] } else { b"" }));
    }
    let long = "a long text, a long text indeed ".repeat(20);
    client.send(frame(TEXT, long.as_bytes()));
    let (first, payload) = client.read_any_frame();
    assert_eq!(first, 0x80 | 0x40 | TEXT);
    assert!(payload.len() < 100, "{} bytes for {}", payload.len(), long.len());
    client.send(compressed(TEXT, &payload));
    assert_eq!(client.read_any_frame(), (first, payload), "what the server says can be said to it");
    for expected in ["Hello", "Hello", &long, &long] {
        assert_eq!(server.told(), Told::Message(link, MessageKind::Text, expected.into()));
    }
    // frames of a game never
    server.order(move |io| assert_eq!(io.send_frame(link, [&[0; 1000][..]].into_iter()), Outcome::Written));
    assert_eq!(client.read_frame(), (BINARY, vec![0; 1000]));
}

#[test]
fn what_must_not_be_inflated_is_answered_with_its_code() {
    let config =
        NetConfig { deflate: DeflateConfig { enabled: true, ..DeflateConfig::default() }, ..NetConfig::default() };
    let server = Server::start(config);
    let stored_ff = [0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00];
    let over = [&[0x00, 0x01, 0x40, 0xfe, 0xbf][..], &[b'x'; 16_385], &[0x00]].concat();
    for (bytes, code) in [
        (compressed(BINARY, &[0xFF, 0xFF]), 1007),
        (compressed(TEXT, &stored_ff), 1007),
        (compressed(BINARY, &over), 1009),
        (compressed(PING, b""), 1002),
        ([part(BINARY, false, b""), compressed(0, &stored_ff)].concat(), 1002),
    ] {
        let (mut client, _) = open_deflated(&server);
        client.send(&bytes);
        assert_eq!(client.read_close().0, code, "{:02x?}", &bytes[..bytes.len().min(20)]);
    }
    assert_eq!(server.metrics.protocol_errors.value(), 5);
}

#[test]
fn a_few_bytes_that_inflate_to_many_do_not_hold_up_others() {
    const MESSAGES: usize = 40;
    let server = Server::start(NetConfig {
        deflate: DeflateConfig { enabled: true, ..DeflateConfig::default() },
        ..NetConfig::default()
    });
    let (mut bomber, _) = open_deflated(&server);
    let mut quiet = Client::open(&server);
    let links = [server.opened(), server.opened()];
    let (mut deflater, mut zeros) = (zlib_rs::Deflate::new(9, false, 15), vec![0; 1024]);
    deflater.compress(&[0; 16 * 1024], &mut zeros, zlib_rs::DeflateFlush::SyncFlush).unwrap();
    zeros.truncate(deflater.total_out() as usize - 4);
    // while the reactor is held up both arrive, all in one read each
    let go_on = server.hold_up();
    bomber.send(compressed(BINARY, &zeros).repeat(MESSAGES));
    quiet.send(frame(TEXT, b"here"));
    std::thread::sleep(std::time::Duration::from_millis(100));
    go_on.send(()).unwrap();
    let bomb = Told::Message(links[0], MessageKind::Binary, vec![0; 16 * 1024]);
    let here = Told::Message(links[1], MessageKind::Text, b"here".to_vec());
    let told: Vec<Told> = (0..=MESSAGES).map(|_| server.told()).collect();
    let before = told.iter().position(|told| *told == here).expect("both are served");
    assert!(before <= 4, "{before} messages were inflated before it");
    assert_eq!(told.iter().filter(|told| **told == bomb).count(), MESSAGES);
    for _ in 0..MESSAGES {
        assert_eq!(bomber.read_any_frame().0, 0x80 | 0x40 | BINARY);
    }
}
