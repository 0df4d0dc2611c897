//! permessage-deflate: offers that must be declined, streams that are none, and little that becomes much.

use zlib_rs::{Deflate, DeflateFlush};

use crate::Attack;
use crate::peer::{BINARY, Ending, PING, Peer, TEXT, frame, part, upgrade, with_line};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("deflate: bad offers", bad_offers),
    Attack("deflate: invalid streams", invalid_streams),
    Attack("deflate: RSV1 where it must not be", misplaced_bit),
    Attack("deflate: 256 MiB out of 260 KB", bomb),
    Attack("deflate: a flood of little bombs", little_bombs),
    Attack("deflate: context kept and dropped", contexts),
];

/// "Hello" (RFC 7692 7.2.3.1).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn open(server: &Server) -> Peer {
    let mut peer = Peer::connect(server);
    peer.send(with_line(&upgrade(server), "Sec-WebSocket-Extensions: permessage-deflate"));
    let head = peer.read_head();
    assert!(head.contains("permessage-deflate"), "{head}");
    peer
}

/// Sets RSV1 on the first frame.
fn compressed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0] |= 0x40;
    bytes
}

fn expect_close(mut peer: Peer, code: u16, what: &str) {
    assert_eq!(peer.read_close(), code, "{what}");
    peer.half_close();
    assert_eq!(peer.ending(), Ending::Fin, "{what}");
}

fn bad_offers(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&["deflate=1"]),
        |server| {
            let offers = [
                "permessage-deflate; unknown",
                "permessage-deflate; server_max_window_bits",
                "permessage-deflate; server_max_window_bits=7",
                "permessage-deflate; server_max_window_bits=16",
                "permessage-deflate; server_max_window_bits=010",
                "permessage-deflate; server_max_window_bits=+9",
                "permessage-deflate; client_max_window_bits=99999999999999999999",
                "permessage-deflate; client_no_context_takeover=1",
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                "permessage-deflate; server_max_window_bits=\"",
                "permessage-deflate;;;;=;=",
                ",,,;;;,\"\\",
                "x-webkit-deflate-frame",
            ];
            for offer in offers {
                let mut peer = Peer::connect(server);
                peer.send(with_line(&upgrade(server), &format!("Sec-WebSocket-Extensions: {offer}")));
                let head = peer.read_head();
                assert!(
                    head.starts_with("HTTP/1.1 101 ") && !head.contains("Sec-WebSocket-Extensions"),
                    "{offer}: {head}"
                );
                peer.send(compressed(frame(TEXT, &HELLO)));
                expect_close(peer, 1002, offer);
            }
            format!("{} offers declined, then 1002", offers.len())
        },
    )
}

fn invalid_streams(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&["deflate=1"]),
        |server| {
            let mut back_to_nothing = Deflate::new(9, false, 15);
            let mut twice = vec![0; 4096];
            back_to_nothing.compress(&[7; 500], &mut twice, DeflateFlush::SyncFlush).expect("it fits");
            let first = back_to_nothing.total_out() as usize;
            back_to_nothing.compress(&[7; 500], &mut twice[first..], DeflateFlush::SyncFlush).expect("it fits");
            let second = &twice[first..back_to_nothing.total_out() as usize - 4];
            let cases = [
                (&[0xFF; 64][..], 1007),
                (&[0x06], 1007),                               // a block of the reserved kind
                (&[0x00, 0x05, 0x00, 0x00, 0x00, b'x'], 1007), // a stored block whose length is not its complement
                (&[0x05, 0xC0, 0x81, 0xFF, 0xFF, 0xFF], 1007), // codes that are oversubscribed
                (second, 1007),                                // reaches behind the beginning
                (&[0x03, 0x00].repeat(500), 1007),             // final blocks without end
                (&[0x02, 0x01, 0x00, 0xFF], 1007),             // text that is no UTF-8, or no stream
            ];
            for (payload, code) in cases {
                let mut peer = open(server);
                peer.send(compressed(frame(TEXT, payload)));
                expect_close(peer, code, &format!("{payload:02x?}"));
            }
            format!("{} streams: 1007", cases.len())
        },
    )
}

fn misplaced_bit(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&["deflate=1"]),
        |server| {
            let start = compressed(part(TEXT, false, &HELLO[..3]));
            let cases = [
                [start.clone(), compressed(part(0, true, &HELLO[3..]))].concat(),
                [start.clone(), compressed(part(0, false, b""))].concat(),
                [part(TEXT, false, b"x"), compressed(part(0, true, &HELLO))].concat(),
                compressed(frame(PING, b"")),
                [start, compressed(frame(PING, b"x"))].concat(),
                compressed(frame(8, &1000_u16.to_be_bytes())),
            ];
            for bytes in &cases {
                let mut peer = open(server);
                peer.send(bytes);
                expect_close(peer, 1002, &format!("{bytes:02x?}"));
            }
            format!("{} places: 1002", cases.len())
        },
    )
}

/// 64 times 4 MiB of zeros, of which each ends with a flush and needs nothing of the one before.
fn zeros_256_mib() -> Vec<u8> {
    let mut deflater = Deflate::new(9, false, 15);
    let (zeros, mut out) = (vec![0; 4 * 1024 * 1024], vec![0; 64 * 1024]);
    deflater.compress(&zeros, &mut out, DeflateFlush::SyncFlush).expect("a stream of zeros is short");
    assert_eq!(deflater.total_in(), zeros.len() as u64);
    out.truncate(deflater.total_out() as usize);
    out.repeat(64)
}

/// In one frame, in fragments, and by many at once: the limit is on what comes out.
fn bomb(name: &str) -> Row {
    let bomb = zeros_256_mib();
    assert!((200_000..300_000).contains(&bomb.len()), "{} bytes", bomb.len());
    let frames: Vec<Vec<u8>> = bomb.chunks(60_000).map(|piece| part(0, false, piece)).collect();
    let mut frames = frames.concat();
    frames[0] |= 0x40 | BINARY;
    frames.extend(part(0, true, b""));
    let start = || Server::echo(&["deflate=1", "message_max_bytes=1048576"]);
    trial::run(name, 3, start, |server| {
        let mut peers: Vec<Peer> = (0..32).map(|_| open(server)).collect();
        for peer in &mut peers {
            peer.send(&frames);
        }
        for peer in peers {
            expect_close(peer, 1009, "too much comes out");
        }
        // with the game's limit the compressed bytes are too many already
        format!("{} bytes, 32 times: 1009", bomb.len())
    })
}

/// Each message is within the limits, and 30 bytes make the server inflate 16 KiB and deflate them again.
fn little_bombs(name: &str) -> Row {
    const MESSAGES: usize = 200;
    // an unoptimised server is slow
    const PEERS: usize = if cfg!(debug_assertions) { 8 } else { 32 };
    let mut deflater = Deflate::new(9, false, 15);
    let mut zeros = vec![0; 1024];
    deflater.compress(&[0; 16 * 1024], &mut zeros, DeflateFlush::SyncFlush).expect("it fits");
    zeros.truncate(deflater.total_out() as usize - 4);
    let many = compressed(frame(BINARY, &zeros)).repeat(MESSAGES);
    let start = || Server::echo(&["deflate=1"]);
    trial::run(name, 3, start, |server| {
        let mut peers: Vec<Peer> = (0..PEERS).map(|_| open(server)).collect();
        peers.iter_mut().for_each(|peer| peer.send(&many));
        for peer in &mut peers {
            for _ in 0..MESSAGES {
                assert_eq!(peer.read_frame().expect("an echo").0, 0xC0 | BINARY);
            }
        }
        format!("{} bytes each, served in turn", zeros.len())
    })
}

/// Those who keep their windows cost memory while they are here, and none when they are gone.
fn contexts(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&["takeover=1"]),
        |server| {
            let mut peers: Vec<Peer> = (0..100).map(|_| open(server)).collect();
            for peer in &mut peers {
                peer.send(compressed(frame(TEXT, &HELLO)));
                peer.send(frame(TEXT, "a long text ".repeat(40).as_bytes()));
                assert_eq!(peer.read_frame().expect("an echo").1, b"Hello");
                assert_eq!(peer.read_frame().expect("an echo").0, 0xC0 | TEXT);
            }
            for (at, mut peer) in peers.into_iter().enumerate() {
                match at % 3 {
                    0 => peer.reset(),
                    1 => peer.send(compressed(frame(TEXT, &[0xFF; 20]))),
                    _ => peer.send(compressed(part(TEXT, false, &HELLO))),
                }
            }
            "100 windows, let go in three ways".to_owned()
        },
    )
}
