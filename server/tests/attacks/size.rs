//! Messages that are too long, in one piece or in a great many.

use crate::Attack;
use crate::peer::{BINARY, Ending, Peer, TEXT, frame, part};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("size: by the length field", by_length),
    Attack("size: by the sum of fragments", by_sum),
    Attack("size: a million empty fragments", empty_fragments),
    Attack("size: 500,000 fragments of a byte", small_fragments),
    Attack("size: many fragments that are allowed", allowed_fragments),
    Attack("size: 300 messages that never end", unfinished),
];

const LIMIT: usize = 16 * 1024;

/// The header alone is refused, so nothing of the payload was waited for.
fn by_length(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let lengths = [LIMIT as u64 + 1, 65_535, 65_536, 1 << 30, 1 << 40, (1 << 63) - 1];
            for length in lengths {
                let mut peer = Peer::open(server);
                let mut header = vec![0x82];
                match u16::try_from(length) {
                    Ok(short) => header.extend([&[0xFE][..], &short.to_be_bytes()].concat()),
                    Err(_) => header.extend([&[0xFF][..], &length.to_be_bytes()].concat()),
                }
                peer.send([&header[..], &[1, 2, 3, 4]].concat());
                assert_eq!(peer.read_close(), 1009, "{length} bytes");
                peer.half_close();
                assert_eq!(peer.ending(), Ending::Fin);
            }
            "1009 at the header".to_owned()
        },
    )
}

fn by_sum(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            for pieces in [2, 16, 512] {
                let piece = LIMIT / pieces;
                let fragments = |last: usize| {
                    let first = part(BINARY, false, &vec![7; piece]);
                    let middle = part(0, false, &vec![7; piece]).repeat(pieces - 2);
                    [first, middle, part(0, true, &vec![7; piece + last])].concat()
                };
                let mut peer = Peer::open(server);
                peer.send(fragments(0));
                assert_eq!(peer.read_frame().expect("the limit itself is served").1.len(), LIMIT);
                peer.send(fragments(1));
                assert_eq!(peer.read_close(), 1009, "one byte more in {pieces} pieces");
                peer.half_close();
                assert_eq!(peer.ending(), Ending::Fin);
            }
            "1009, one byte less is served".to_owned()
        },
    )
}

/// Goes on and on, whatever the server says. How many bytes it got rid of, and the close code.
fn pour(server: &Server, first: &[u8], again: &[u8], times: usize) -> (usize, u16) {
    let mut peer = Peer::open(server);
    let mut writer = Peer { stream: peer.stream.try_clone().expect("a descriptor") };
    let (first, again) = (first.to_vec(), again.repeat(1000));
    let writer = std::thread::spawn(move || {
        let mut sent = 0;
        let mut is_read = writer.try_send(first);
        while is_read && sent < times * again.len() / 1000 {
            is_read = writer.try_send(&again);
            sent += again.len();
        }
        sent
    });
    let code = peer.read_close();
    peer.ending();
    (writer.join().expect("it only writes"), code)
}

fn empty_fragments(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let (sent, code) = pour(server, &part(TEXT, false, b""), &part(0, false, b""), 1_000_000);
            assert_eq!(code, 1008);
            format!("1008; the peer got rid of {} KiB", sent / 1024)
        },
    )
}

fn small_fragments(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let (sent, code) = pour(server, &part(TEXT, false, b"x"), &part(0, false, b"x"), 500_000);
            assert_eq!(code, 1008);
            format!("1008; the peer got rid of {} KiB", sent / 1024)
        },
    )
}

/// With a limit that lets them through they are one buffer, not a list.
fn allowed_fragments(name: &str) -> Row {
    let start = || Server::echo(&["fragments_max=2000000", "message_max_bytes=1048576"]);
    trial::run(name, 3, start, |server| {
        for (piece, count) in [(&b""[..], 1_000_000), (b"x", 500_000)] {
            let mut peer = Peer::open(server);
            let mut writer = Peer { stream: peer.stream.try_clone().expect("a descriptor") };
            let many = part(0, false, piece).repeat(count);
            let writer = std::thread::spawn(move || {
                writer.send(part(BINARY, false, b""));
                writer.send(many);
                writer.send(part(0, true, b"end"));
            });
            let (_, payload) = peer.read_frame().expect("an echo or a close frame");
            // of an echo over 256 KiB too much would wait
            let length = piece.len() * count + 3;
            assert!(payload.len() == length || payload.starts_with(&1013_u16.to_be_bytes()), "{} bytes", payload.len());
            writer.join().expect("it only writes");
        }
        "served as one message each".to_owned()
    })
}

/// Each holds what it has sent and no more, and the clock takes it away.
fn unfinished(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            let half = part(BINARY, false, &[7; LIMIT - 1]);
            let mut peers: Vec<Peer> = (0..300).map(|_| Peer::open(server)).collect();
            peers.iter_mut().for_each(|peer| peer.send(&half));
            for peer in &mut peers {
                peer.send(frame(9, b"?"));
                assert_eq!(peer.read_frame().expect("a pong").1, b"?");
            }
            "held within the limit of each".to_owned()
        },
    )
}
