//! How long a message may be, in bytes as they are sent and as they inflate, in fragments, and in time.

use tickwire_server::net::ws::DeflateConfig;
use tickwire_server::net::{CloseCause, MessageKind, NetConfig};
use zlib_rs::{Deflate, DeflateFlush};

use crate::ends::{BINARY, Client, PING, PONG, Server, TEXT, Told, UPGRADE, frame, part};

/// Sends a message to an echo: it comes back, or the link is closed with the code. Each has a connection of its own.
fn expect_echo(mut client: Client, sent: &[u8], echo: &[u8], code: Option<u16>) {
    client.send(sent);
    match code {
        None => assert!(client.read_frame() == (BINARY, echo.to_vec()), "{} bytes come back", echo.len()),
        Some(code) => assert_eq!(client.read_close().0, code, "{} bytes", echo.len()),
    }
}

#[test]
fn a_message_has_16_kib_whole_or_in_fragments() {
    let server = Server::start(NetConfig::default());
    for (bytes, code) in [(16_383, None), (16_384, None), (16_385, Some(1009))] {
        let message = vec![7; bytes];
        expect_echo(Client::open(&server), &frame(BINARY, &message), &message, code);
        let (first, second) = message.split_at(10_000);
        let fragments = [part(BINARY, false, first), part(0, true, second)].concat();
        expect_echo(Client::open(&server), &fragments, &message, code);
    }
    assert_eq!(server.metrics.messages_too_large.value(), 2);
    assert_eq!(server.metrics.protocol_errors.value(), 2);
}

#[test]
fn a_mib_is_the_most_that_can_be_allowed() {
    let server = Server::start(NetConfig { message_max_bytes: 1_048_576, ..NetConfig::default() });
    for (bytes, is_taken) in [(1_048_575, true), (1_048_576, true), (1_048_577, false)] {
        let mut client = Client::open(&server);
        server.opened();
        // of one that is too long the header says enough
        let message = frame(BINARY, &vec![7; bytes]);
        if is_taken {
            client.send(message);
            let Told::Message(_, MessageKind::Binary, payload) = server.told() else { panic!("a message") };
            assert_eq!(payload.len(), bytes);
            drop(client);
        } else {
            client.send(&message[..14]);
            assert_eq!(client.read_close().0, 1009);
        }
        assert!(matches!(server.told(), Told::Closed(..)));
    }
    assert_eq!(server.metrics.messages_too_large.value(), 1);
}

#[test]
fn a_message_has_1024_fragments() {
    let server = Server::start(NetConfig::default());
    for (fragments, code) in [(1023, None), (1024, None), (1025, Some(1008))] {
        let middle = part(0, false, b"").repeat(fragments - 2);
        let message = [part(BINARY, false, b"a"), middle, part(0, true, b"z")].concat();
        expect_echo(Client::open(&server), &message, b"az", code);
    }
    assert_eq!(server.metrics.messages_too_large.value(), 1);
}

#[test]
fn a_message_is_finished_in_time_or_ends_the_link() {
    assert_eq!(NetConfig::default().unfinished_message_timeout_ms, 10_000);
    let server = Server::start(NetConfig { unfinished_message_timeout_ms: 1_500, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    // many that take a moment each are no fault; a pong tells that the beginning was read
    for _ in 0..10 {
        client.send([part(BINARY, false, b"a"), frame(PING, b"")].concat());
        assert_eq!(client.read_frame().0, PONG);
        client.send(part(0, true, b"z"));
        assert_eq!(client.read_frame(), (BINARY, b"az".to_vec()));
        assert_eq!(server.told(), Told::Message(link, MessageKind::Binary, b"az".to_vec()));
    }
    assert_eq!(server.metrics.messages_unfinished.value(), 0);
    client.send(part(BINARY, false, b"a"));
    assert_eq!(client.read_close().0, 1008);
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1008)));
    assert_eq!(server.metrics.messages_unfinished.value(), 1);
}

// -- compressed

fn start_deflating(deflate: DeflateConfig) -> Server {
    // of the two limits on what a message inflates to, the other one counts here
    let message_max_bytes = if deflate.ratio_max == usize::MAX { 16 * 1024 } else { 1024 * 1024 };
    let deflate = DeflateConfig { enabled: true, ..deflate };
    Server::start(NetConfig { deflate, message_max_bytes, ..NetConfig::default() })
}

/// The client, and what was agreed on.
fn offer(server: &Server, offer: &str) -> (Client, Option<String>) {
    let mut client = Client::connect(server);
    client.send(UPGRADE.replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n")));
    let head = client.read_head();
    let answer = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    (client, answer.map(str::to_owned))
}

fn open_deflating(server: &Server) -> Client {
    let (client, answer) = offer(server, "permessage-deflate");
    assert!(answer.is_some());
    client
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(BINARY, payload);
    bytes[0] |= 0x40;
    bytes
}

/// DEFLATE of this, without the empty block at its end.
fn deflate(message: &[u8]) -> Vec<u8> {
    let mut out = vec![0; message.len() + 1000];
    let mut deflater = Deflate::new(9, false, 15);
    deflater.compress(message, &mut out, DeflateFlush::SyncFlush).unwrap();
    out.truncate(deflater.total_out() as usize - 4);
    out
}

/// Zeros, so many, in exactly so many bytes: blocks of one byte, and empty ones, fill up.
fn zeros_in(bytes: usize, zeros: usize) -> Vec<u8> {
    const ONE: [u8; 6] = [0, 1, 0, 0xFE, 0xFF, 0];
    const NONE: [u8; 5] = [0, 0, 0, 0xFF, 0xFF];
    // without its own end the sync flush of `deflate` is not at a byte's border
    let found = (0..20).find_map(|ones| {
        let body = [&deflate(&vec![0; zeros - ones])[..], &[0, 0, 0xFF, 0xFF], &ONE.repeat(ones)].concat();
        let rest = (bytes - 1).checked_sub(body.len())?;
        (rest % 5 == 0).then(|| [&body[..], &NONE.repeat(rest / 5), &[0]].concat())
    });
    found.expect("the bytes are enough")
}

#[test]
fn what_a_message_inflates_to_counts() {
    let server = start_deflating(DeflateConfig { ratio_max: usize::MAX, ..DeflateConfig::default() });
    for (bytes, code) in [(16_383, None), (16_384, None), (16_385, Some(1009))] {
        let message = vec![0; bytes];
        let mut client = open_deflating(&server);
        client.send(compressed(&deflate(&message)));
        match code {
            None => {
                server.opened();
                let Told::Message(_, MessageKind::Binary, inflated) = server.told() else { panic!("a message") };
                assert!(inflated == message, "{bytes}");
                drop(client);
                server.told();
            }
            Some(code) => assert_eq!(client.read_close().0, code, "{bytes}"),
        }
    }
    assert_eq!(server.metrics.messages_too_large.value(), 1);
}

/// A message of `bytes` may inflate to `limit`.
fn check_ratio(server: &Server, bytes: usize, limit: usize) {
    for (over, is_closed) in [(-1, false), (0, false), (1, true)] {
        let zeros = usize::checked_add_signed(limit, over).unwrap();
        let payload = zeros_in(bytes, zeros);
        assert_eq!(payload.len(), bytes);
        let mut client = open_deflating(server);
        let link = server.opened();
        client.send(compressed(&payload));
        if is_closed {
            assert_eq!(client.read_close().0, 1009, "{bytes} {zeros}");
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1009)));
        } else {
            let Told::Message(_, _, inflated) = server.told() else { panic!("a message of {zeros}") };
            assert_eq!(inflated.len(), zeros);
            drop(client);
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
        }
    }
}

#[test]
fn a_message_may_inflate_to_64_kib_or_a_hundred_times_its_size() {
    let server = start_deflating(DeflateConfig::default());
    // 300 bytes may become 64 KiB, because that is more than 30,000; and 1,000 bytes 100,000
    check_ratio(&server, 300, 65_536);
    check_ratio(&server, 1_000, 100_000);
    assert_eq!(server.metrics.messages_too_large.value(), 2);
    let server = start_deflating(DeflateConfig { ratio_max: 50, ratio_free_bytes: 20_000, ..DeflateConfig::default() });
    check_ratio(&server, 300, 20_000);
    check_ratio(&server, 1_000, 50_000);
}

#[test]
fn from_256_bytes_on_messages_leave_compressed() {
    assert_eq!(DeflateConfig::default().message_min_bytes, 256);
    for message_min_bytes in [256, 1000] {
        let server = start_deflating(DeflateConfig { message_min_bytes, ..DeflateConfig::default() });
        let mut client = open_deflating(&server);
        for (over, first) in [(-1, 0x81), (0, 0xC1), (1, 0xC1)] {
            let bytes = message_min_bytes.checked_add_signed(over).unwrap();
            client.send(frame(TEXT, "a".repeat(bytes).as_bytes()));
            assert_eq!(client.read_any_frame().0, first, "{bytes}");
        }
    }
}

#[test]
fn windows_are_as_small_as_either_side_wants() {
    let server = start_deflating(DeflateConfig::default());
    for (bits, answer) in [(14, Some(14)), (15, Some(15)), (16, None)] {
        let (_, agreed) = offer(&server, &format!("permessage-deflate; server_max_window_bits={bits}"));
        let expected = answer.map(|bits| format!("server_max_window_bits={bits}"));
        assert_eq!(agreed.and_then(|agreed| Some(agreed.rsplit_once("; ")?.1.to_owned())), expected);
    }
    let small = DeflateConfig { server_window_bits: 12, client_window_bits: 10, ..DeflateConfig::default() };
    let server = start_deflating(small);
    for (bits, expected) in [(11, 11), (12, 12), (13, 12)] {
        let (_, agreed) =
            offer(&server, &format!("permessage-deflate; client_max_window_bits; server_max_window_bits={bits}"));
        assert!(agreed.unwrap().contains(&format!("server_max_window_bits={expected}")), "{bits}");
    }
    for (bits, expected) in [(9, 9), (10, 10), (11, 10)] {
        let (_, agreed) = offer(&server, &format!("permessage-deflate; client_max_window_bits={bits}"));
        assert!(agreed.unwrap().contains(&format!("client_max_window_bits={expected}")), "{bits}");
    }
    // who cannot be asked for a small window is served without
    assert_eq!(offer(&server, "permessage-deflate").1, None);
}
