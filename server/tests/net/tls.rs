//! wss through a socket, with a real client and with one that is not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use tickwire_server::net::tls::Identity;
use tickwire_server::net::{CloseCause, MessageKind, NetConfig, Outcome};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

use super::ends::{BINARY, Client, Server, TEXT, Told, UPGRADE, frame};

/// A certificate for localhost in files of its own.
struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tickwire-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let certificate = Self { folder };
        certificate.renew();
        certificate
    }

    /// Writes another one to the same files.
    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(self.folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    fn identity(&self) -> Arc<Identity> {
        Arc::new(Identity::load(&self.folder.join("cert.pem"), &self.folder.join("key.pem")).unwrap())
    }

    /// A client that trusts the present certificate and no other.
    fn client_config(&self, version: &'static SupportedProtocolVersion, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.join("cert.pem")).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// Raw bytes over TLS.
    fn connect(&self, server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(self.client_config(&TLS13, &[]), name).unwrap();
        let socket = TcpStream::connect(server.addr).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        StreamOwned::new(connection, socket)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
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
    let certificate = Certificate::new("real");
    let config = NetConfig { message_max_bytes: 1_000_000, write_buffer_max_bytes: 4_000_000, ..NetConfig::default() };
    let server = Server::start_tls(config, certificate.identity());
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
    let certificate = Certificate::new("alpn");
    let server = Server::start_tls(NetConfig::default(), certificate.identity());
    for (offer, chosen) in [(&[][..], None), (&[&b"http/1.1"[..]], Some(&b"http/1.1"[..]))] {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(certificate.client_config(&TLS13, offer), name).unwrap();
        let mut socket = TcpStream::connect(server.addr).unwrap();
        tls.complete_io(&mut socket).unwrap();
        assert_eq!(tls.alpn_protocol(), chosen);
    }
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(certificate.client_config(&TLS13, &[b"h2"]), name).unwrap();
    let mut socket = TcpStream::connect(server.addr).unwrap();
    let refused = tls.complete_io(&mut socket).unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    server.expect_gone();
}

#[test]
fn bytes_may_come_one_by_one_and_several_messages_in_one_record() {
    let certificate = Certificate::new("bytes");
    let server = Server::start_tls(NetConfig::default(), certificate.identity());
    let mut client = certificate.connect(&server);
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
    let mut client = certificate.connect(&server);
    client.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut client, b"\r\n\r\n");
    let link = server.opened();
    drop(client);
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    server.expect_gone();
}

#[test]
fn what_is_no_tls_or_never_ends_its_handshake_is_dropped() {
    let certificate = Certificate::new("none");
    let config = NetConfig { handshake_timeout_ms: 200, ..NetConfig::default() };
    let server = Server::start_tls(config, certificate.identity());
    let mut plain = Client::connect(&server);
    plain.send(UPGRADE);
    let _silent = Client::connect(&server);
    let mut half = Client::connect(&server);
    half.send([0x16, 0x03, 0x01, 0x01, 0x00, 0x01]);
    // through with TLS and silent then: the time counts on
    let mut idle = certificate.connect(&server);
    idle.conn.complete_io(&mut idle.sock).unwrap();
    server.expect_gone();
    server.expect_silence();
    assert_eq!(server.metrics.handshakes_failed.value(), 4);
}

#[test]
fn plain_http_is_answered_over_tls() {
    let certificate = Certificate::new("http");
    let server = Server::start_tls(NetConfig::default(), certificate.identity());
    let mut client = certificate.connect(&server);
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[test]
fn a_stalled_reader_is_skipped_and_what_it_got_is_whole() {
    let certificate = Certificate::new("stalled");
    let server = Server::start_tls(NetConfig::default(), certificate.identity());
    let mut client = certificate.connect(&server);
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
fn a_new_certificate_is_for_new_connections() {
    let certificate = Certificate::new("renewed");
    let identity = certificate.identity();
    let server = Server::start_tls(NetConfig::default(), Arc::clone(&identity));
    let mut before = certificate.connect(&server);
    before.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut before, b"\r\n\r\n");

    std::fs::write(certificate.folder.join("key.pem"), "nonsense").unwrap();
    assert!(identity.reload().unwrap_err().to_string().contains("key.pem"));
    certificate.renew();
    identity.reload().unwrap();
    let mut after = certificate.connect(&server);
    after.write_all(UPGRADE.as_bytes()).unwrap();
    read_until(&mut after, b"\r\n\r\n");
    before.write_all(&frame(TEXT, b"still here")).unwrap();
    read_until(&mut before, b"still here");
}
