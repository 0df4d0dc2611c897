//! The same over TLS, which the reactor began and this thread goes on with.

use std::io::ErrorKind;
use std::sync::LazyLock;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;

use super::*;
use crate::net::tls::Identity;

/// A server's, and the clients that trust it.
struct Keys {
    identity: Identity,
    roots: RootCertStore,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let folder = std::env::temp_dir().join(format!("tickwire-plain-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let identity = Identity::load(&certificate, &key).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Keys { identity, roots }
});

type Client = StreamOwned<ClientConnection, TcpStream>;

fn secure(socket: TcpStream, version: &'static SupportedProtocolVersion) -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(KEYS.roots.clone())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

/// A client that has said `sent`, and the server's end after a reactor has read something of it: the end of the
/// handshake is not written yet.
fn handed_over(version: &'static SupportedProtocolVersion, sent: &[u8]) -> (Client, PlainStream, Vec<u8>) {
    let (socket, mut stream) = pair();
    stream.set_nonblocking(true).unwrap();
    let sent = sent.to_vec();
    let client = thread::spawn(move || {
        let mut client = secure(socket, version);
        client.write_all(&sent).unwrap();
        client.flush().unwrap();
        client
    });
    let mut tls = KEYS.identity.begin().unwrap();
    let (mut plain, mut out, mut is_begun) = ([0; 16], Vec::new(), false);
    let count = loop {
        match tls.read(&mut stream, &mut plain, &mut out) {
            Ok(count) => break count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        // the client's request does not wait for what follows the first flight of TLS 1.3
        if !out.is_empty() && (version != &TLS13 || !is_begun) {
            stream.write_all(&out).unwrap();
            out.clear();
            is_begun = true;
        }
        thread::yield_now();
    };
    assert!(version != &TLS13 || !out.is_empty(), "tickets come last");
    let stream = PlainStream { socket: stream, tls: Some(tls), unsent: out, place: None };
    (client.join().unwrap(), stream, plain[..count].to_vec())
}

/// A client that has said `sent`, and whose other end is served.
fn connect(version: &'static SupportedProtocolVersion, plain: &Arc<Plain>, sent: &[u8]) -> Client {
    let (client, stream, read) = handed_over(version, sent);
    let plain = Arc::clone(plain);
    let permit = plain.admit(Ipv4Addr::LOCALHOST.into()).unwrap();
    thread::spawn(move || {
        runtime().block_on(serve_within(FOREVER, stream, read, (plain, Ipv4Addr::LOCALHOST.into()), permit));
    });
    client
}

/// All that comes back until the server says that it closes: without that it is an error.
fn the_rest(client: &mut Client) -> Vec<u8> {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    answer
}

/// More than all buffers on the way hold.
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..8 << 20).map(|at| (at / 1000) as u8).collect());

fn plain_with_a_large_page() -> Arc<Plain> {
    let files: &'static [DirEntry<'_>] = Vec::leak(vec![DirEntry::File(File::new("index.html", &LARGE))]);
    Arc::new(Plain::new(Site::embedded(Box::leak(Box::new(Dir::new("", files))))))
}

#[test]
fn several_requests_are_answered_on_one_connection() {
    for version in [&TLS12, &TLS13] {
        let mut client = connect(version, &plain(), b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        write!(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n{LAST}").unwrap();
        let answers = String::from_utf8(the_rest(&mut client)).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
        assert_eq!(answers.matches("<!doctype html>").count(), 1, "{answers}");
    }
}

/// As they lie in the kernel, in rustls, and in what the reactor has read.
#[test]
fn a_request_may_be_in_several_places() {
    for version in [&TLS12, &TLS13] {
        let request = format!("GET /healthz HTTP/1.1\r\nX: {}\r\n{LAST}", "x".repeat(5000));
        for cut in [1, 15, 16, 17, 4000, request.len() - 1] {
            let (first, second) = request.split_at(cut);
            let mut client = connect(version, &plain(), first.as_bytes());
            client.write_all(second.as_bytes()).unwrap();
            let answer = String::from_utf8(the_rest(&mut client)).unwrap();
            assert!(answer.ends_with("\r\n\r\nok\n"), "cut at {cut}: {answer}");
        }
    }
}

/// A record is longer than what hyper reads at once.
#[test]
fn a_record_may_hold_many_requests() {
    let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = connect(&TLS13, &plain(), request.as_bytes());
    client.read_exact(&mut [0; 1]).unwrap();
    // a lost wake would be made good by some timer
    client.sock.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    write!(client, "{}GET / HTTP/1.1\r\n{LAST}", request.repeat(400)).unwrap();
    let answers = String::from_utf8(the_rest(&mut client)).unwrap();
    assert_eq!(answers.matches("\r\n\r\nok\n").count(), 401);
    assert!(answers.ends_with("<!doctype html>"), "{answers}");
}

#[test]
fn a_long_answer_arrives_whole_however_slowly_it_is_read() {
    let request = format!("GET / HTTP/1.1\r\n{LAST}");
    let mut client = connect(&TLS13, &plain_with_a_large_page(), request.as_bytes());
    // until the server's buffers are full
    let mut answer = vec![0; 1];
    client.read_exact(&mut answer).unwrap();
    thread::sleep(Duration::from_millis(300));
    for size in [1, 7, 1000, 100_000].repeat(10) {
        let at = answer.len();
        answer.resize(at + size, 0);
        client.read_exact(&mut answer[at..]).unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    answer.extend(the_rest(&mut client));
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(answer[body..] == LARGE[..], "{} of {} bytes, or others", answer.len() - body, LARGE.len());
}

#[test]
fn who_closes_the_sending_half_still_gets_the_answer() {
    for last in ["", "Connection: close\r\n"] {
        for whole in [true, false] {
            let request = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{last}\r\n");
            let (first, second) = request.split_at(if whole { request.len() } else { 16 });
            let (mut client, stream, read) = handed_over(&TLS13, first.as_bytes());
            client.write_all(second.as_bytes()).unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            client.sock.shutdown(Shutdown::Write).unwrap();
            runtime().block_on(serve(FOREVER, stream, read, plain()));
            let answer = String::from_utf8(the_rest(&mut client)).unwrap();
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        }
    }
}

#[test]
fn who_finds_no_place_is_told_to_come_again() {
    let (mut client, stream, read) = handed_over(&TLS13, format!("GET / HTTP/1.1\r\n{LAST}").as_bytes());
    let told = thread::spawn(move || runtime().block_on(shed(stream, read, plain())));
    let answer = String::from_utf8(the_rest(&mut client)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    drop(client);
    told.join().unwrap();
}

#[test]
fn a_stop_ends_idle_connections_in_order() {
    let plain = plain();
    let mut client = connect(&TLS13, &plain, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut status = [0; 12];
    client.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    plain.stop();
    assert!(the_rest(&mut client).ends_with(b"ok\n"));
    assert!(runtime().block_on(plain.drained(FOREVER)));
}

#[test]
fn those_who_leave_or_fall_silent_are_served_no_longer() {
    // it returns each time: that is the test
    let (client, stream, read) = handed_over(&TLS13, b"GET / HT");
    drop(client);
    runtime().block_on(serve(FOREVER, stream, read, plain()));
    let (mut client, stream, read) = handed_over(&TLS13, b"GET / HT");
    client.sock.write_all(b"no record of TLS").unwrap();
    runtime().block_on(serve(FOREVER, stream, read, plain()));
    let (_silent, stream, read) = handed_over(&TLS13, b"GET / HT");
    runtime().block_on(serve(Duration::from_millis(20), stream, read, plain()));
}

#[test]
fn a_peer_that_takes_nothing_ends_the_write() {
    let (_client, stream, read) = handed_over(&TLS13, b"GET / HTTP/1.1\r\n");
    runtime().block_on(async {
        let PlainStream { socket, tls, unsent, .. } = stream;
        let socket = tokio::net::TcpStream::from_std(socket).unwrap();
        let mut rewound = Rewound::new(read, socket, Duration::from_millis(50)).over(tls, unsent);
        assert_eq!(rewound.write_all(&LARGE).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(rewound.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(rewound.shutdown().await.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}
