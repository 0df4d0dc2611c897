//! Frames that break RFC 6455: the code that says so arrives, however much the peer goes on talking.

use crate::Attack;
use crate::peer::{BINARY, CLOSE, Ending, PING, PONG, Peer, TEXT, frame, part};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] = &[
    Attack("frames: broken, echo", |name| broken(name, || Server::echo(&[]))),
    Attack("frames: broken, tickwire", |name| broken(name, || Server::tickwire(&[]))),
    Attack("frames: the code arrives", the_code_arrives),
];

/// A close frame with this body.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A header with a length in eight bytes, as it stands there.
fn long(length: u64) -> Vec<u8> {
    [&[0x82, 0xFF][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat()
}

/// What is sent, and the code that answers it.
fn cases() -> Vec<(Vec<u8>, u16)> {
    let bits = |opcode: u8, bits: u8| {
        let mut bytes = frame(opcode, b"x");
        bytes[0] |= bits;
        bytes
    };
    let mut cases = vec![
        (vec![0x81, 0x01, b'x'], 1002),
        (vec![0x88, 0x00], 1002),
        (bits(TEXT, 0x40), 1002),
        (bits(TEXT, 0x20), 1002),
        (bits(TEXT, 0x10), 1002),
        (bits(PING, 0x40), 1002),
        (frame(PING, &[0; 126]), 1002),
        (vec![0x89, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], 1002),
        (part(PING, false, b""), 1002),
        (part(CLOSE, false, b""), 1002),
        (long(1 << 63), 1002),
        (long(u64::MAX), 1002),
        (long(1 << 62), 1009),
        (long(65_535), 1002),
        (long(0), 1002),
        (vec![0x82, 0xFE, 0, 125, 1, 2, 3, 4], 1002),
        (part(0, true, b"x"), 1002),
        (part(0, false, b"x"), 1002),
        ([part(TEXT, false, b"x"), frame(TEXT, b"y")].concat(), 1002),
        ([part(TEXT, false, b"x"), frame(PONG, b""), part(BINARY, false, b"y")].concat(), 1002),
        (frame(TEXT, b"\xFF"), 1007),
        (frame(TEXT, b"\xC0\x80"), 1007),
        (frame(TEXT, b"\xED\xA0\x80"), 1007),
        (frame(TEXT, b"\xF4\x90\x80\x80"), 1007),
        (frame(TEXT, b"cut \xE2\x82"), 1007),
        ([part(TEXT, false, b"cut \xE2\x82"), part(0, true, b"x")].concat(), 1007),
        ([part(TEXT, false, b"fast \xCE\xBA"), part(0, false, b"\xF4\x90")].concat(), 1007),
        ([part(TEXT, false, b"\xF0\x9F"), part(0, true, b"")].concat(), 1007),
        (frame(CLOSE, b"x"), 1002),
        (close(1000, b"\xFF"), 1007),
    ];
    cases.extend((3..8).chain(11..16).map(|opcode| (frame(opcode, b""), 1002)));
    cases.extend([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(|code| (close(code, b""), 1002)));
    cases
}

fn broken(name: &str, start: impl Fn() -> Server) -> Row {
    let cases = cases();
    trial::run(name, 3, start, |server| {
        for (bytes, code) in &cases {
            let mut peer = Peer::open(server);
            peer.send(bytes);
            assert_eq!(peer.read_close(), *code, "{bytes:02x?}");
            peer.half_close();
            assert_eq!(peer.ending(), Ending::Fin, "{bytes:02x?}");
        }
        format!("{} kinds: 1002, 1007, 1009", cases.len())
    })
}

/// The peer has more to say, reads late, or says its own goodbye meanwhile.
fn the_code_arrives(name: &str) -> Row {
    let cases: Vec<_> = cases().into_iter().step_by(5).collect();
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            for (bytes, code) in &cases {
                let mut peer = Peer::open(server);
                peer.send([&bytes[..], &[0; 20_000]].concat());
                // the server has answered by now
                std::thread::sleep(std::time::Duration::from_millis(5));
                for _ in 0..10 {
                    peer.send([0; 4_000]);
                }
                peer.send(frame(CLOSE, &1000_u16.to_be_bytes()));
                peer.half_close();
                assert_eq!(peer.read_close(), *code, "{bytes:02x?}");
                assert_eq!(peer.ending(), Ending::Fin, "{bytes:02x?}");
            }
            format!("{} kinds and 60 kB behind: code, then FIN", cases.len())
        },
    )
}
