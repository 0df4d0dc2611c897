//! Frames, and compressed messages.

use super::{Seed, slice};

pub fn seeds() -> Vec<Seed> {
    let scripts = scripts().into_iter().map(|(name, limits, frames)| {
        let frames = frames.iter().flat_map(|(first, payload)| [&[*first, 0x35], &slice(payload)[..]].concat());
        ("ws_frames", name, [&head(limits, 2), &frames.collect::<Vec<u8>>()[..]].concat())
    });
    let raw = raw().into_iter().map(|(name, limits, bytes)| ("ws_frames", name, [&head(limits, 0), bytes].concat()));
    let inflated = inflated().into_iter().map(|(name, takeover, messages)| {
        let messages = messages.iter().flat_map(|message| slice(message));
        // at most 3,000 bytes, and 20 times its size
        let head = [takeover.into(), (3000_u16 & 0xFF) as u8, (3000_u16 >> 8) as u8, 19];
        ("ws_inflate", name, head.into_iter().chain(messages).collect())
    });
    scripts.chain(raw).chain(inflated).collect()
}

#[derive(Clone, Copy)]
enum Limits {
    /// 200 bytes and 8 fragments.
    Plain,
    /// The same, and permessage-deflate.
    Deflate,
}

/// Limits, flags, and the sizes of reads.
fn head(limits: Limits, flags: u8) -> [u8; 7] {
    let deflate = u8::from(matches!(limits, Limits::Deflate));
    [200, 8, flags | deflate, 5, 1, 33, 2]
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const MORE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = FIN | 8;
const PING: u8 = FIN | 9;
const PONG: u8 = FIN | 10;

type Script = (&'static str, Limits, Vec<(u8, Vec<u8>)>);

/// First bytes and payloads of frames that are masked as they should be.
fn scripts() -> Vec<Script> {
    let plain = |name, frames: &[(u8, &[u8])]| {
        let frames = frames.iter().map(|(first, payload)| (*first, payload.to_vec())).collect();
        (name, Limits::Plain, frames)
    };
    let deflate = |name, frames: &[(u8, &[u8])]| {
        let (name, _, frames) = plain(name, frames);
        (name, Limits::Deflate, frames)
    };
    let long = [7; 201];
    vec![
        plain("ok-text", &[(FIN | TEXT, "Grüße 🚀".as_bytes())]),
        plain("ok-binary-as-long-as-may-be", &[(FIN | BINARY, &long[..200])]),
        plain("ok-fragments-with-a-ping-inside", &[(TEXT, b"he"), (PING, b"there?"), (FIN, b"llo")]),
        plain("ok-character-over-a-border", &[(TEXT, b"\xE2\x82"), (FIN, b"\xAC")]),
        plain("ok-pong-unasked-for", &[(PONG, &long[..125])]),
        plain("ok-close", &[(CLOSE, b"\x03\xE8bye")]),
        plain("ok-close-without-code", &[(CLOSE, b"")]),
        plain("ok-garbage-behind-the-close", &[(CLOSE, b"\x0F\xA0"), (0x7F, b"?")]),
        plain(
            "ok-as-many-fragments-as-may-be",
            &[vec![(TEXT, &b""[..])], vec![(MORE, &b""[..]); 6], vec![(FIN, &b"x"[..])]].concat(),
        ),
        deflate("ok-compressed", &[(FIN | RSV1 | TEXT, b"\xFF\xFF"), (FIN | TEXT, b"plain")]),
        deflate("ok-compressed-in-fragments", &[(RSV1 | TEXT, b"\xFF"), (PING, b""), (FIN, b"\xFE")]),
        plain("bad-reserved-bit-1", &[(FIN | RSV1 | TEXT, b"")]),
        plain("bad-reserved-bit-2", &[(FIN | 0x20 | TEXT, b"")]),
        plain("bad-reserved-bit-3", &[(FIN | 0x10 | TEXT, b"")]),
        plain("bad-reserved-data-opcode", &[(FIN | 3, b"")]),
        plain("bad-reserved-control-opcode", &[(FIN | 11, b"")]),
        plain("bad-ping-in-fragments", &[(9, b"a"), (FIN, b"b")]),
        plain("bad-long-ping", &[(PING, &long[..126])]),
        plain("bad-stray-continuation", &[(FIN, b"x")]),
        plain("bad-continuation-behind-the-end", &[(FIN | TEXT, b"x"), (FIN, b"x")]),
        plain("bad-interleaved-messages", &[(TEXT, b"a"), (FIN | TEXT, b"b")]),
        plain("bad-utf8", &[(FIN | TEXT, b"ok\xFFno")]),
        plain("bad-utf8-in-fragments", &[(TEXT, b"\xE2"), (MORE, b"\x28"), (FIN, b"")]),
        plain("bad-utf8-with-an-open-end", &[(TEXT, b"\xE2"), (FIN, b"\x82")]),
        plain("bad-utf8-surrogate", &[(FIN | TEXT, b"\xED\xA0\x80")]),
        plain("bad-close-of-one-byte", &[(CLOSE, b"\x03")]),
        plain("bad-close-code-1005", &[(CLOSE, b"\x03\xED")]),
        plain("bad-close-code-5000", &[(CLOSE, b"\x13\x88")]),
        plain("bad-close-reason", &[(CLOSE, b"\x03\xE8\xFF")]),
        plain("bad-long-message", &[(FIN | BINARY, &long)]),
        plain("bad-long-sum-of-fragments", &[(BINARY, &long[..150]), (FIN, &long[..51])]),
        plain("bad-many-empty-fragments", &[vec![(TEXT, &b""[..])], vec![(MORE, &b""[..]); 8]].concat()),
        plain("bad-many-fragments-of-a-byte", &[vec![(TEXT, &b"x"[..])], vec![(MORE, &b"x"[..]); 8]].concat()),
        deflate("bad-compressed-continuation", &[(RSV1 | TEXT, b"x"), (FIN | RSV1, b"x")]),
        deflate("bad-compressed-ping", &[(PING | RSV1, b"")]),
    ]
}

/// What no client writes that masks and counts as it should.
fn raw() -> Vec<(&'static str, Limits, &'static [u8])> {
    vec![
        ("bad-unmasked", Limits::Plain, b"\x81\x05hello"),
        ("bad-length-with-the-top-bit", Limits::Plain, b"\x82\xFF\x80\0\0\0\0\0\0\0\x01\x02\x03\x04"),
        ("bad-length-of-2-to-the-62nd", Limits::Plain, b"\x82\xFF\x40\0\0\0\0\0\0\0\x01\x02\x03\x04"),
        ("bad-compressed-length-of-2-to-the-62nd", Limits::Deflate, b"\xC2\xFF\x40\0\0\0\0\0\0\0\x01\x02\x03\x04"),
        ("bad-16-bits-for-a-short-length", Limits::Plain, b"\x82\xFE\0\x7D\x01\x02\x03\x04"),
        ("bad-64-bits-for-a-short-length", Limits::Plain, b"\x82\xFF\0\0\0\0\0\0\xFF\xFF\x01\x02\x03\x04"),
        ("ok-unfinished-header", Limits::Plain, b"\x81\xFE\0"),
        ("ok-unfinished-payload", Limits::Plain, b"\x81\x8A\0\0\0\0half \xE2\x82"),
    ]
}

/// With takeover or without; RFC 7692 7.2.3 has the first ones.
fn inflated() -> Vec<(&'static str, bool, Messages)> {
    let hello = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again = vec![0xf2, 0x00, 0x11, 0x00, 0x00];
    let last = vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let stored = vec![0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let two_blocks = vec![0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    let zeros = |count: usize| deflate(&vec![0; count]);
    vec![
        ("ok-with-takeover", true, vec![hello.clone(), again.clone(), stored, last.clone(), two_blocks]),
        ("ok-without-takeover", false, vec![hello.clone(), hello, last[..7].to_vec(), vec![0x00], Vec::new()]),
        ("ok-reaches-back-over-a-final-block", false, vec![[&last[..7], &again].concat()]),
        ("ok-eight-final-blocks", true, vec![[0x03, 0x00].repeat(8)]),
        ("ok-as-long-as-may-be", false, vec![zeros(3000)]),
        ("bad-nine-final-blocks", true, vec![[0x03, 0x00].repeat(9)]),
        ("bad-reaches-back-into-what-is-forgotten", false, vec![last, again]),
        ("bad-one-byte-too-long", false, vec![zeros(3001)]),
        ("bad-bomb", true, vec![zeros(200_000)]),
        ("bad-reserved-block", true, vec![vec![0x06]]),
        ("bad-stored-length", true, vec![vec![0x00, 1, 2, 3, 4, 5]]),
        ("bad-garbage", false, vec![vec![0xFF; 40]]),
    ]
}

type Messages = Vec<Vec<u8>>;

/// As a client does it that ends each message with a flush.
fn deflate(message: &[u8]) -> Vec<u8> {
    let mut deflater = zlib_rs::Deflate::new(9, false, 15);
    let mut out = vec![0; message.len() + 100];
    deflater.compress(message, &mut out, zlib_rs::DeflateFlush::SyncFlush).expect("there is room");
    out.truncate(deflater.total_out() as usize - 4);
    out
}
