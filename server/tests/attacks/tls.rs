//! The same over TLS: handshakes that do not end, that are none, that come in pieces, and readers that do not read.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, version};

use crate::Attack;
use crate::certificate::{TlsStream, over_tls};
use crate::peer::{BINARY, Crowd, PING, Peer, frame, read_frame, upgrade};
use crate::server::{Server, wait_for};
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("tls: 300 hellos that stop", slow_hellos),
    Attack("tls: 150 handshakes that stop before the head", slow_heads),
    Attack("tls: garbage instead of a hello", garbage),
    Attack("tls: a hello byte by byte", piecemeal),
    Attack("tls: ends in the middle of the handshake", early_ends),
    Attack("tls: 500 handshakes and resets", handshake_and_reset),
    Attack("tls: nothing but new keys", new_keys),
    Attack("tls: 100 never read", never_read),
];

/// The default for TLS and HTTP together.
const TIMEOUT: Duration = Duration::from_secs(5);
/// By default a connection whose socket takes nothing ends after this time.
const STALLED: Duration = Duration::from_secs(15);
/// The machine may be busy.
const SLACK: Duration = Duration::from_secs(5);

fn stream(server: &Server) -> TlsStream {
    let certificate = server.certificate.as_ref().expect("it speaks TLS");
    over_tls(certificate.client_config(&version::TLS13, &[]), server.addr)
}

/// A connection past the 101.
pub fn open(server: &Server) -> TlsStream {
    let mut stream = stream(server);
    stream.write_all(upgrade(server).as_bytes()).expect("the server reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// The first flight of a client: a record with its hello.
fn client_hello(server: &Server) -> Vec<u8> {
    let config = server.certificate.as_ref().expect("it speaks TLS").client_config(&version::TLS13, &[]);
    let name = ServerName::try_from("localhost").expect("a name");
    let mut bytes = Vec::new();
    ClientConnection::new(config, name).expect("a client").write_tls(&mut bytes).expect("there is memory");
    bytes
}

/// Everyone was ended by the server, and the last not long after the handshake's time.
fn expect_ended(crowd: &Crowd, from: Duration) -> Duration {
    let ends = crowd.members.iter().map(|member| member.ended.expect("the server ends it").1);
    let (first, last) = ends.fold((Duration::MAX, Duration::ZERO), |(first, last), at| (first.min(at), last.max(at)));
    assert!(first >= from && last < TIMEOUT + SLACK, "they were ended after {first:?} to {last:?}");
    last
}

/// Of some nothing comes, of some half, of some all but what the server's answer asks for.
fn slow_hellos(name: &str) -> Row {
    trial::run(name, 1, Server::tickwire_over_tls, |server| {
        let hello = client_hello(server);
        let mut crowd = Crowd::of((0..300).map(|at| {
            let mut peer = Peer::connect(server);
            peer.send(&hello[..[0, 3, hello.len() / 2, hello.len()][at % 4]]);
            peer
        }));
        crowd.watch(b"", TIMEOUT + SLACK);
        format!("all dropped after {:.1} s", expect_ended(&crowd, TIMEOUT / 2).as_secs_f64())
    })
}

/// TLS is through, and of the request comes a byte every now and then.
fn slow_heads(name: &str) -> Row {
    trial::run(name, 1, Server::tickwire_over_tls, |server| {
        let before = server.descriptors();
        let mut crowd: Vec<TlsStream> = (0..150).map(|_| stream(server)).collect();
        let began = Instant::now();
        let head = upgrade(server);
        let mut bytes = head.as_bytes()[..head.len() - 2].iter();
        let gone = wait_for(TIMEOUT + SLACK, || {
            let byte = bytes.next().map_or([0; 0].as_slice(), std::slice::from_ref);
            for stream in &mut crowd {
                // the next one may be over already
                let _ = stream.write_all(byte);
            }
            server.descriptors() <= before
        });
        assert!(gone, "the server ends them");
        let after = began.elapsed();
        for mut stream in crowd {
            let mut answer = String::new();
            // a byte that crossed the end may cut the answer off
            let _ = stream.read_to_string(&mut answer);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
        }
        format!("all ended after {:.1} s", after.as_secs_f64())
    })
}

fn garbage(name: &str) -> Row {
    trial::run(name, 3, Server::tickwire_over_tls, |server| {
        let hello = client_hello(server);
        let spoiled = |at: usize, byte: u8| {
            let mut bytes = hello.clone();
            bytes[at] = byte;
            bytes
        };
        let endless = |kind: u8| [&[kind, 3, 3, 0x40, 0][..], &[7; 0x4000]].concat().repeat(20);
        let cases = [
            vec![0xFF; 100_000],
            vec![0; 100_000],
            spoiled(3, 0xFF),                    // a record of 64 KiB
            spoiled(5, 14),                      // a message that no client sends
            spoiled(6, 0xFF),                    // a hello of 16 MiB
            spoiled(43, 0xFF),                   // a session id of 255 bytes
            endless(22),                         // handshake messages without end
            endless(23),                         // data before there is a key
            [20, 3, 3, 0, 1, 1].repeat(10_000),  // change_cipher_spec, again and again
            [21, 3, 3, 0, 2, 1, 90].repeat(500), // warnings without end
            [22, 3, 3, 0, 0].repeat(10_000),     // empty records
            [&hello[..], &hello].concat(),       // a second hello
        ];
        let mut after = Duration::ZERO;
        for (at, bytes) in cases.iter().enumerate() {
            let mut peer = Peer::connect(server);
            let began = Instant::now();
            peer.try_send(bytes);
            // nothing more comes, so whoever still waits for it would wait for the handshake's time
            let _ = peer.stream.shutdown(Shutdown::Write);
            peer.ending();
            assert!(began.elapsed() < TIMEOUT, "case {at} ends after {:?}", began.elapsed());
            after = after.max(began.elapsed());
        }
        format!("{} kinds, ended within {} ms", cases.len(), after.as_millis())
    })
}

/// Each byte in a segment of its own, then each in a record of its own; both are legal.
fn piecemeal(name: &str) -> Row {
    trial::run(name, 2, Server::echo_over_tls, |server| {
        let whole = client_hello(server);
        let mut peer = Peer::connect(server);
        for byte in &whole {
            peer.send([*byte]);
        }
        let mut kind = [0];
        peer.stream.read_exact(&mut kind).expect("an answer");
        assert_eq!(kind, [22], "a handshake message");

        let mut peer = Peer::connect(server);
        let records: Vec<u8> = whole[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect();
        peer.send(records);
        peer.stream.read_exact(&mut kind).expect("an answer");
        assert!([21, 22].contains(&kind[0]), "a handshake message or an alert, not {}", kind[0]);
        "served".to_owned()
    })
}

/// FIN, close_notify, or another alert where the handshake should go on.
fn early_ends(name: &str) -> Row {
    const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];
    const RENEGOTIATION: [u8; 9] = [22, 3, 3, 0, 4, 0, 0, 0, 0];
    trial::run(name, 1, Server::tickwire_over_tls, |server| {
        let hello = client_hello(server);
        let began = Instant::now();
        for cut in [0, 1, 5, hello.len() - 1, hello.len()] {
            for words in [&[][..], &CLOSE_NOTIFY, &CLOSE_NOTIFY.repeat(100), &RENEGOTIATION] {
                let mut peer = Peer::connect(server);
                peer.try_send([&hello[..cut], words].concat());
                let _ = peer.stream.shutdown(Shutdown::Write);
                peer.ending();
            }
        }
        // half of it is no reason to wait either
        assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
        // without a FIN: an alert that nobody has signed may be a stranger's, so it counts for nothing before the hello
        let before = server.processor_time();
        for cut in [0, hello.len()] {
            let mut peer = Peer::connect(server);
            peer.try_send([&hello[..cut], &CLOSE_NOTIFY].concat());
            peer.ending();
        }
        assert!(began.elapsed() < TIMEOUT + SLACK, "{:?}", began.elapsed());
        let worked = server.processor_time() - before;
        assert!(worked < TIMEOUT / 4, "{worked:?} while nothing comes");
        "ended at once, or with the handshake's time".to_owned()
    })
}

/// Each costs the server a signature.
fn handshake_and_reset(name: &str) -> Row {
    trial::run(name, 2, Server::tickwire_over_tls, |server| {
        for at in 0..500 {
            let stream = if at % 2 == 0 {
                open(server)
            } else {
                let mut stream = stream(server);
                stream.conn.complete_io(&mut stream.sock).expect("the server shakes hands");
                stream
            };
            Peer { stream: stream.sock }.reset();
        }
        "500 resets".to_owned()
    })
}

/// A ping in records of a byte each, with a new key for each, is served; new keys and nothing else are not.
fn new_keys(name: &str) -> Row {
    trial::run(name, 2, Server::echo_over_tls, |server| {
        let mut stream = open(server);
        for byte in frame(PING, &[b'?'; 100]).chunks(1) {
            stream.write_all(byte).expect("the server reads");
            stream.conn.refresh_traffic_keys().expect("TLS 1.3 can");
        }
        assert_eq!(read_frame(&mut stream).expect("a pong").1.len(), 100);
        let mut count = 0;
        let ended = wait_for(SLACK, || {
            count += 1;
            stream.conn.refresh_traffic_keys().is_err() || stream.conn.write_tls(&mut stream.sock).is_err()
        });
        assert!(ended, "the server ends who asks for nothing but keys");
        format!("ended after {count} keys at the most")
    })
}

/// See the flood of the same name: what waits is encrypted already, and as much of it is allowed.
fn never_read(name: &str) -> Row {
    trial::run(name, 2, Server::echo_over_tls, |server| {
        let before = server.descriptors();
        let many = frame(BINARY, &[7; 16 * 1024]).repeat(10);
        let mut streams: Vec<TlsStream> = (0..100).map(|_| open(server)).collect();
        let began = Instant::now();
        for stream in &streams {
            stream.sock.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout can be set");
        }
        // 160 KiB each in turn, as long as it is taken
        while began.elapsed() < Duration::from_secs(4) {
            for stream in &mut streams {
                let _ = stream.write_all(&many);
            }
        }
        let gone = wait_for(STALLED + SLACK, || server.descriptors() <= before);
        assert!(gone, "the server ends those who do not read");
        let sockets: Vec<TcpStream> = streams.into_iter().map(|stream| stream.sock).collect();
        drop(sockets);
        format!("evicted, the last after {:.1} s", began.elapsed().as_secs_f64())
    })
}
