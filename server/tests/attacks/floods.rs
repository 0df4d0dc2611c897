//! More than is wanted: pings, messages, connections, and ends of all kinds.

use std::io::{ErrorKind, Read as _};
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tickwire_shared::protocol::ClientMessage;

use crate::Attack;
use crate::peer::{BINARY, CLOSE, EXEMPT, Ending, PING, Peer, TEXT, frame, part, pour, upgrade};
use crate::server::{Server, wait_for};
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("floods: pings, read", |name| pings(name, true)),
    Attack("floods: pings, unread", |name| pings(name, false)),
    Attack("floods: messages, read", echoes_read),
    Attack("floods: messages, unread", echoes_unread),
    Attack("floods: messages to the game", game_messages),
    Attack("floods: empty frames by 64", empty_frames),
    Attack("floods: 100 never read", never_read),
    Attack("floods: 100 read nearly all", nearly_all_read),
    Attack("floods: 1,000 connections", connections),
    Attack("floods: 10,000 connect and reset", connect_and_reset),
    Attack("floods: upgrade and reset", upgrade_and_reset),
    Attack("floods: ends that cross", ends),
];

/// How long a flood goes on in a round.
const FLOOD: Duration = Duration::from_millis(800);

/// A connection whose socket takes nothing ends after 15 s by default.
const STALLED: Duration = Duration::from_secs(15);

fn pings(name: &str, reads: bool) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let mut peers: Vec<Peer> = (0..16).map(|_| Peer::open(server)).collect();
            let many = frame(PING, &[b'?'; 125]).repeat(500);
            let writers: Vec<_> = peers.iter().map(|peer| pour(peer, many.clone(), FLOOD)).collect();
            if reads {
                peers.iter_mut().for_each(|peer| assert_eq!(peer.read_close(), 1008));
            }
            writers.into_iter().for_each(|writer| assert!(writer.join().is_ok()));
            if !reads {
                peers.iter_mut().for_each(|peer| assert_eq!(peer.read_close(), 1008));
            }
            "1008".to_owned()
        },
    )
}

/// Whoever reads the echoes is served as fast as it goes, and others in between.
fn echoes_read(name: &str) -> Row {
    let start = || Server::echo(&[]);
    trial::run(name, 3, start, |server| {
        let many = [frame(BINARY, b"").repeat(500), frame(TEXT, &[b'x'; 1000])].concat();
        let flood = |mut peer: Peer| {
            let writer = pour(&peer, many.clone(), FLOOD);
            let reader = thread::spawn(move || {
                let (mut bytes, mut all) = (vec![0; 64 * 1024], 0);
                peer.stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
                while let Ok(count @ 1..) = peer.stream.read(&mut bytes) {
                    all += count;
                }
                all
            });
            (writer, reader)
        };
        let floods: Vec<_> = (0..4).map(|_| flood(Peer::open(server))).collect();
        let mut bytes = 0;
        for (writer, reader) in floods {
            assert!(writer.join().is_ok());
            bytes += reader.join().expect("it only reads");
        }
        assert!(bytes > 100_000, "{bytes} bytes of echoes");
        format!("served: {} MiB of echoes", bytes >> 20)
    })
}

fn echoes_unread(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            let peers: Vec<Peer> = (0..8).map(|_| Peer::open(server)).collect();
            let many = frame(BINARY, &[7; 1000]).repeat(60);
            let writers: Vec<_> = peers.iter().map(|peer| pour(peer, many.clone(), FLOOD)).collect();
            writers.into_iter().for_each(|writer| assert!(writer.join().is_ok()));
            let mut told = 0;
            for mut peer in peers {
                // who hears it at last may hear it too late: behind it comes a RST
                match std::iter::repeat_with(|| peer.read_frame()).find(|read| !matches!(read, Ok((0x82, _)))) {
                    Some(Ok((first, code))) => {
                        assert_eq!((first, &code[..2]), (0x80 | CLOSE, &1013_u16.to_be_bytes()[..]));
                        told += 1;
                    }
                    ended => assert!(matches!(ended, Some(Err(error)) if error.kind() == ErrorKind::ConnectionReset)),
                }
            }
            format!("1013 to {told} of 8, RST to the others")
        },
    )
}

/// Over the rate messages are dropped; who goes on for five seconds is closed.
fn game_messages(name: &str) -> Row {
    let start = || Server::tickwire(&[]);
    trial::run(name, 1, start, |server| {
        let many = frame(BINARY, &ClientMessage::Ping { stamp_ms: 7 }.encode()).repeat(200);
        let flood = |mut peer: Peer| {
            let (many, began) = (many.clone(), Instant::now());
            thread::spawn(move || {
                // some hundred times of what is allowed
                while began.elapsed() < Duration::from_secs(7) && peer.try_send(&many) {
                    thread::sleep(Duration::from_millis(10));
                }
                (peer.read_close(), began.elapsed())
            })
        };
        let floods: Vec<_> = (0..16).map(|_| flood(Peer::join(server))).collect();
        let mut last = Duration::ZERO;
        for flood in floods {
            let (code, after) = flood.join().expect("it hears a close code");
            assert_eq!(code, 1008);
            last = last.max(after);
        }
        format!("1008 after {:.1} s", last.as_secs_f64())
    })
}

/// As many as one address may have, each with as many frames as it can.
fn empty_frames(name: &str) -> Row {
    trial::run(
        name,
        2,
        || Server::tickwire(&[]),
        |server| {
            let many = [part(TEXT, false, b""), part(0, true, b"")].concat().repeat(4000);
            let pongs = frame(10, b"").repeat(8000);
            let peers: Vec<Peer> = (0..64).map(|_| Peer::open(server)).collect();
            let writers: Vec<_> = peers
                .iter()
                .enumerate()
                .map(|(at, peer)| pour(peer, if at % 2 == 0 { many.clone() } else { pongs.clone() }, FLOOD))
                .collect();
            let sent: usize = writers.into_iter().map(|writer| writer.join().expect("it only writes")).sum();
            format!("{} MiB thrown away", sent >> 20)
        },
    )
}

/// Requests without end, and nothing of the answers is taken: what waits for all of them together is bounded, and they go.
fn never_read(name: &str) -> Row {
    trial::run(
        name,
        2,
        || Server::echo(&[]),
        |server| {
            let before = server.descriptors();
            let many = frame(BINARY, &[7; 16 * 1024]).repeat(40);
            let peers: Vec<Peer> = (0..100).map(|_| Peer::open(server)).collect();
            let began = Instant::now();
            let writers: Vec<_> = peers.iter().map(|peer| pour(peer, many.clone(), 3 * FLOOD)).collect();
            let gone = wait_for(STALLED + Duration::from_secs(5), || server.descriptors() <= before);
            assert!(gone, "the server ends those who do not read");
            let after = began.elapsed();
            let sent: usize = writers.into_iter().map(|writer| writer.join().expect("it only writes")).sum();
            format!("{} MiB asked, evicted, the last after {:.1} s", sent >> 20, after.as_secs_f64())
        },
    )
}

/// Each lets a lot wait and then takes nearly all of it: what it took does not stay in memory.
fn nearly_all_read(name: &str) -> Row {
    const ASKED: usize = 60 * 16 * 1024;
    const LEFT: usize = 192 * 1024;
    trial::run(
        name,
        2,
        || Server::echo(&[]),
        |server| {
            let many = frame(BINARY, &[7; 16 * 1024]).repeat(60);
            let mut crowd = Vec::new();
            for _ in 0..100 {
                let mut peer = Peer::connect(server);
                // the rest waits in the server, and not in the kernel
                SockRef::from(&peer.stream).set_recv_buffer_size(32 * 1024).expect("it is a socket");
                peer.send(upgrade(server));
                assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
                peer.send(&many);
                peer.stream.read_exact(&mut vec![0; ASKED - LEFT]).expect("what was asked for");
                crowd.push(peer);
            }
            for peer in &mut crowd {
                peer.stream.read_exact(&mut vec![0; LEFT + 60 * 4]).expect("the rest");
            }
            "all served".to_owned()
        },
    )
}

/// All open and idle, then all gone at once.
fn connections(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            let mut peers: Vec<Peer> = (0..1000).map(|_| Peer::open(server)).collect();
            for peer in &mut peers {
                peer.send(frame(TEXT, b"hello"));
            }
            for peer in &mut peers {
                assert_eq!(peer.read_frame().expect("an echo").1, b"hello");
            }
            "all served".to_owned()
        },
    )
}

/// 10,000 a second, if this machine can, from an address without limits and from one with.
fn connect_and_reset(name: &str) -> Row {
    trial::run(
        name,
        1,
        || Server::tickwire(&[]),
        |server| {
            let mut slowest = Duration::ZERO;
            for from in [EXEMPT, Ipv4Addr::new(127, 0, 0, 2)] {
                let began = Instant::now();
                for at in 0..10_000_u32 {
                    Peer::try_connect(server.addr, from).expect("the server listens").reset();
                    let due = began + Duration::from_micros(100) * at;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                slowest = slowest.max(began.elapsed());
            }
            format!("{:.0} a second, twice 10,000", 10_000.0 / slowest.as_secs_f64())
        },
    )
}

/// At every moment of a handshake.
fn upgrade_and_reset(name: &str) -> Row {
    trial::run(
        name,
        2,
        || Server::tickwire(&[]),
        |server| {
            let request = upgrade(server);
            for at in 0..2000 {
                let mut peer = Peer::connect(server);
                match at % 4 {
                    0 => peer.send(&request),
                    1 => peer.send(&request[..request.len() - 1]),
                    2 => peer.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr)),
                    _ => {
                        peer.send(&request);
                        peer.read_head();
                    }
                }
                peer.reset();
            }
            "2,000 resets".to_owned()
        },
    )
}

/// Closes that cross, that are doubled, that nobody answers.
fn ends(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            let goodbye = frame(CLOSE, &1000_u16.to_be_bytes());
            let unmasked = [0x81, 1, b'x'];
            for _ in 0..50 {
                // twice, with words behind it
                let mut peer = Peer::open(server);
                peer.send([&goodbye[..], &goodbye, &frame(TEXT, b"late")].concat());
                assert_eq!(peer.read_close(), 1000);
                peer.half_close();
                assert_eq!(peer.ending(), Ending::Fin);
                // both at once
                let mut peer = Peer::open(server);
                peer.send([&unmasked[..], &goodbye].concat());
                assert_eq!(peer.read_close(), 1002);
                peer.half_close();
                assert_eq!(peer.ending(), Ending::Fin);
                // answered with a reset, or not at all
                for bytes in [&goodbye[..], &unmasked, &frame(TEXT, &[b'x'; 10_000])] {
                    let mut peer = Peer::open(server);
                    peer.send(bytes);
                    peer.reset();
                    let mut peer = Peer::open(server);
                    peer.send(bytes);
                    drop(peer);
                }
                // nothing but a FIN
                let mut peer = Peer::open(server);
                peer.half_close();
                peer.ending();
            }
            // neither FIN nor RST: the server does not wait for ever
            let mut silent: Vec<Peer> = (0..20).map(|_| Peer::open(server)).collect();
            silent.iter_mut().for_each(|peer| peer.send(&goodbye));
            for peer in &mut silent {
                assert_eq!(peer.read_close(), 1000);
                assert_eq!(peer.ending(), Ending::Fin);
            }
            "code and FIN, or gone".to_owned()
        },
    )
}
