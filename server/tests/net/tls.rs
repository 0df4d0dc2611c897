//! wss through a socket, with a real client and with one that is not.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::version::{TLS12, TLS13};
use tickwire_server::net::tls::Identity;
use tickwire_server::net::{CloseCause, MessageKind, NetConfig, Outcome};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

use super::certificate::{Certificate, over_tls};
use super::ends::{BINARY, Client, Server, TEXT, Told, UPGRADE, frame};

fn identity(certificate: &Certificate) -> Arc<Identity> {
    Arc::new(Identity::load(&certificate.file(), &certificate.key_file()).unwrap())
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    read
}

#[test]
fn a_real_client_speaks_wss_in_both_versions() {
    let certificate = Certificate::new();
    let config = NetConfig { message_max_bytes: 1_000_000, write_buffer_max_bytes: 4_000_000, ..NetConfig::default() };
    let server = Server::start_tls(config, identity(&certificate));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for version in [&TLS12, &TLS13] {
        let connector = Connector::Rustls(certificate.client_config(version, &[b"h2", b"http/1.1"]));
        runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(server.addr).await.unwrap();
            let (mut client, _) =
                client_async_tls_with_config("wss://localhost/", socket, None, Some(connector)).await.unwrap();
            let messages = [Message::text("hello"), Message::binary(vec![7; 900_000]), Message::text("€".repeat(5000))];
            for message in messages {
                client.send(message.clone()).await.unwrap();
                assert_eq!(client.next().await.unwrap().unwrap(), message);
            }
            client.send(Message::text("close me")).await.unwrap();
            let Message::Close(Some(close)) = client.next().await.unwrap().unwrap() else { panic!("a close frame") };
            assert_eq!((close.code, close.reason.as_str()), (CloseCode::Library(4002), "as asked"));
            assert!(client.next().await.is_none(), "a clean end");
        });
    }
    server.expect_gone();
}

#[test]
fn the_protocol_must_be_one_that_is_spoken() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    for (offer, chosen) in [(&[][..], None), (&[&b"http/1.1"[..]], Some(&b"http/1.1"[..]))] {
        let mut client = over_tls(certificate.client_config(&TLS13, offer), server.addr);
        client.conn.complete_io(&mut client.sock).unwrap();
        assert_eq!(client.conn.alpn_protocol(), chosen);
    }
    for version in [&TLS12, &TLS13] {
        let mut client = over_tls(certificate.client_config(version, &[b"h2"]), server.addr);
        let refused = client.conn.complete_io(&mut client.sock).unwrap_err().to_string();
        assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    }
    server.expect_gone();
}

#[test]
fn bytes_may_come_one_by_one_and_several_messages_in_one_record() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    let mut client = certificate.connect(server.addr);
    let bytes = [UPGRADE.as_bytes(), &frame(TEXT, b"one"), &frame(TEXT, b"two")].concat();
    client.write_all(&bytes).unwrap();
    let head = read_until(&mut client, b"\r\n\r\n");
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let link = server.opened();
    for word in ["one", "two"] {
        assert_eq!(server.told(), Told::Message(link, MessageKind::Text, word.into()));
    }
    read_until(&mut client, b"\x81\x03two");
    for byte in frame(BINARY, b"slow") {
        client.write_all(&[byte]).unwrap();
        client.flush().unwrap();
    }
    read_until(&mut client, b"\x82\x04slow");
    // the end with close_notify and without
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(server.told(), Told::Message(link, MessageKind::Binary, b"slow".to_vec()));
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    drop(client);
    let mut client = certificate.connect(server.addr);
    client.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut client, b"\r\n\r\n");
    let link = server.opened();
    drop(client);
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    server.expect_gone();
}

#[test]
fn what_is_no_tls_or_never_ends_its_handshake_is_dropped() {
    let certificate = Certificate::new();
    let config = NetConfig { handshake_timeout_ms: 200, ..NetConfig::default() };
    let server = Server::start_tls(config, identity(&certificate));
    let mut plain = Client::connect(&server);
    plain.send(UPGRADE);
    let _silent = Client::connect(&server);
    let mut half = Client::connect(&server);
    half.send([0x16, 0x03, 0x01, 0x01, 0x00, 0x01]);
    // through with TLS and silent then: the time counts on
    let mut idle = certificate.connect(server.addr);
    idle.conn.complete_io(&mut idle.sock).unwrap();
    server.expect_gone();
    server.expect_silence();
    assert_eq!(server.metrics.handshakes_failed.value(), 4);
}

#[test]
fn plain_http_leaves_with_its_tls_and_every_byte() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    let request = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let mut client = certificate.connect(server.addr);
    client.write_all(&request[..20]).unwrap();
    client.write_all(&request[20..]).unwrap();
    let Told::Plain(stream, mut read) = server.told() else { panic!("a plain request") };
    let (mut socket, mut tls, mut out) = (stream.socket, stream.tls.unwrap(), stream.unsent);
    while read.len() < request.len() {
        let mut plain = [0; 1024];
        match tls.read(&mut socket, &mut plain, &mut out) {
            Ok(count) => read.extend(&plain[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert_eq!(read, request);
    tls.write(b"HTTP/1.1 204 No Content\r\n\r\n", &mut out);
    tls.close(&mut out);
    socket.write_all(&out).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(server.metrics.connections_open.value(), 0);
    server.expect_silence();
}

#[test]
fn plain_http_without_tls_is_told_to_speak_it() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    for request in [UPGRADE, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\n"] {
        let mut client = Client::connect(&server);
        client.send(request);
        let (head, body) = client.read_answer();
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        assert!(body.contains("https://") && body.contains("wss://"), "{body}");
    }
    server.expect_gone();
    assert_eq!(server.metrics.handshakes_failed.value(), 3);
}

#[test]
fn a_client_hello_may_come_byte_by_byte() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    for version in [&TLS12, &TLS13] {
        let mut client = over_tls(certificate.client_config(version, &[]), server.addr);
        let mut hello = Vec::new();
        client.conn.write_tls(&mut hello).unwrap();
        for byte in hello {
            client.sock.write_all(&[byte]).unwrap();
        }
        client.write_all(UPGRADE.as_bytes()).unwrap();
        assert!(read_until(&mut client, b"\r\n\r\n").starts_with(b"HTTP/1.1 101 "));
    }
}

/// The records of one segment are read at once, and the poll says nothing more.
#[test]
fn what_came_before_a_broken_record_is_heard_and_then_the_end() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    let mut client = certificate.connect(server.addr);
    client.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut client, b"\r\n\r\n");
    let link = server.opened();
    client.conn.writer().write_all(&frame(TEXT, b"last")).unwrap();
    let mut segment = Vec::new();
    client.conn.write_tls(&mut segment).unwrap();
    segment.extend([0x17, 3, 3, 0, 20]);
    segment.extend([0; 20]);
    client.sock.write_all(&segment).unwrap();
    assert_eq!(server.told(), Told::Message(link, MessageKind::Text, b"last".to_vec()));
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    let alert = client.read_to_end(&mut Vec::new()).unwrap_err().to_string();
    assert!(alert.contains("BadRecordMac"), "{alert}");
    server.expect_gone();
}

/// An answer would cost a handshake.
#[test]
fn who_comes_when_all_places_are_taken_is_dropped() {
    let certificate = Certificate::new();
    let config = NetConfig { connections_max: 1, ..NetConfig::default() };
    let server = Server::start_tls(config, identity(&certificate));
    let mut first = certificate.connect(server.addr);
    first.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut first, b"\r\n\r\n");
    let mut second = certificate.connect(server.addr);
    assert!(second.conn.complete_io(&mut second.sock).is_err());
    assert_eq!(server.metrics.connections_refused.value(), 1);
    first.write_all(&frame(TEXT, b"still here")).unwrap();
    read_until(&mut first, b"still here");
}

#[test]
fn a_stalled_reader_is_skipped_and_what_it_got_is_whole() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    let mut client = certificate.connect(server.addr);
    client.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut client, b"\r\n\r\n");
    let link = server.opened();
    let mut sent = 0_u8;
    let outcome = server.ask(move |io| {
        loop {
            sent += 1;
            match io.send_frame(link, [&[sent; 40_000][..]].into_iter()) {
                Outcome::Written => {}
                other => return (sent, other, io.send_frame(link, [&[0; 40_000][..]].into_iter())),
            }
        }
    });
    let (sent, Outcome::Left(_), Outcome::Skipped) = outcome else { panic!("{outcome:?}") };
    for number in 1..=sent {
        let mut bytes = vec![0; 4 + 40_000];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [&[0x82, 126, 0x9C, 0x40][..], &[number; 40_000]].concat());
    }
    assert_eq!(server.told(), Told::Drained(link));
}

#[test]
fn more_handshakes_at_once_than_a_turn_has_time_for_all_end_well() {
    let certificate = Certificate::new();
    let server = Server::start_tls(NetConfig::default(), identity(&certificate));
    // all say hello before anybody waits for an answer
    let mut clients: Vec<_> = (0..40).map(|_| certificate.connect(server.addr)).collect();
    for client in &mut clients {
        client.conn.write_tls(&mut client.sock).unwrap();
    }
    for client in &mut clients {
        client.write_all(UPGRADE.as_bytes()).unwrap();
        assert!(read_until(client, b"\r\n\r\n").starts_with(b"HTTP/1.1 101 "));
        server.opened();
    }
}

#[test]
fn a_new_certificate_is_for_new_connections() {
    let certificate = Certificate::new();
    let identity = identity(&certificate);
    let server = Server::start_tls(NetConfig::default(), Arc::clone(&identity));
    let mut before = certificate.connect(server.addr);
    before.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut before, b"\r\n\r\n");

    std::fs::write(certificate.key_file(), "nonsense").unwrap();
    assert!(identity.reload().unwrap_err().to_string().contains("key.pem"));
    std::fs::write(certificate.key_file(), Certificate::another().1).unwrap();
    assert!(identity.reload().unwrap_err().to_string().contains("cert.pem"), "the key of another");
    certificate.renew();
    identity.reload().unwrap();
    let mut after = certificate.connect(server.addr);
    after.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut after, b"\r\n\r\n");
    before.write_all(&frame(TEXT, b"still here")).unwrap();
    read_until(&mut before, b"still here");
}
