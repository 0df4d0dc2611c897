//! The limits hold for who speaks TLS as they do for others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tickwire_server::net::NetConfig;
use tickwire_server::net::tls::Identity;

use crate::ends::{BINARY, Server, UPGRADE, frame, part};

/// A server that speaks TLS, and clients that trust it.
pub(crate) struct Encrypted {
    pub(crate) server: Server,
    trusting: Arc<ClientConfig>,
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Encrypted {
    pub(crate) fn start(config: NetConfig) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        // tests of one program may start at the same time
        let name = format!("tickwire-limits-{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let identity = Identity::load(&certificate, &key).unwrap();
        std::fs::remove_dir_all(folder).unwrap();

        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let trusting = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: Server::start_tls(config, Arc::new(identity)), trusting: Arc::new(trusting) }
    }

    /// Connects; these bytes stand in front of TLS, in the same segment.
    pub(crate) fn connect_behind(&self, mut bytes: Vec<u8>) -> Stream {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.trusting), name).unwrap();
        let mut socket = TcpStream::connect(self.server.addr).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        tls.write_tls(&mut bytes).unwrap();
        socket.write_all(&bytes).unwrap();
        StreamOwned::new(tls, socket)
    }

    fn connect(&self) -> Stream {
        self.connect_behind(Vec::new())
    }

    fn open(&self) -> Stream {
        let mut stream = self.connect();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
        stream
    }
}

fn read_head(stream: &mut Stream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The code of the close frame that comes next; none if it is another frame.
fn close_code(stream: &mut Stream) -> Option<u16> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).unwrap();
    (bytes[0] == 0x88).then(|| u16::from_be_bytes([bytes[2], bytes[3]]))
}

#[test]
fn heads_are_bounded() {
    let encrypted = Encrypted::start(NetConfig::default());
    for (bytes, status) in [(8191, 101), (8192, 101), (8193, 431)] {
        let filler = "b".repeat(bytes - UPGRADE.len() - "a: \r\n".len());
        let mut stream = encrypted.connect();
        stream.write_all(UPGRADE.replace("\r\n\r\n", &format!("\r\na: {filler}\r\n\r\n")).as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {head}");
    }
}

#[test]
fn messages_are_bounded() {
    let encrypted = Encrypted::start(NetConfig::default());
    let fragments =
        |count: usize| [part(BINARY, false, b"a"), part(0, false, b"").repeat(count - 2), part(0, true, b"")].concat();
    for (bytes, code) in [
        (frame(BINARY, &[7; 16_383]), None),
        (frame(BINARY, &[7; 16_384]), None),
        (frame(BINARY, &[7; 16_385]), Some(1009)),
        (fragments(1023), None),
        (fragments(1024), None),
        (fragments(1025), Some(1008)),
    ] {
        let mut stream = encrypted.open();
        stream.write_all(&bytes).unwrap();
        // an echo of one byte is a frame of three
        stream.write_all(&frame(BINARY, b"more")).unwrap();
        assert_eq!(close_code(&mut stream), code);
    }
    assert_eq!(encrypted.server.metrics.messages_too_large.value(), 2);
}

#[test]
fn handshakes_have_their_time() {
    let encrypted = Encrypted::start(NetConfig { handshake_timeout_ms: 1_500, ..NetConfig::default() });
    // stopped after TLS and in the middle of the request
    let mut late = encrypted.connect();
    late.write_all(&UPGRADE.as_bytes()[..30]).unwrap();
    assert!(read_head(&mut late).starts_with("HTTP/1.1 408 "));
    assert_eq!(encrypted.server.metrics.handshakes_late.value(), 1);
}
