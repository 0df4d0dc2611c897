//! What waits in a link, and how long its end may take.

use std::net::Shutdown;

use tickwire_server::net::{CloseCause, LinkId, MessageKind, NetConfig, Outcome};

use crate::ends::{CLOSE, Client, Server, Told, frame};

/// A frame that is not masked.
const WRONG: [u8; 3] = [0x81, 0x01, b'x'];

#[test]
fn after_everything_is_said_64_kib_are_listened_to() {
    assert_eq!(NetConfig::default().drain_max_bytes, 64 * 1024);
    let config = || NetConfig { close_timeout_ms: 60_000, ..NetConfig::default() };
    for (bytes, forced) in [(64 * 1024 - 1, 0), (64 * 1024, 0), (64 * 1024 + 1, 1)] {
        let server = Server::start(config());
        let mut client = Client::open(&server);
        client.send(WRONG);
        assert_eq!(client.read_close().0, 1002);
        client.expect_end();
        client.send(vec![0; bytes]);
        if forced == 0 {
            client.shutdown(Shutdown::Write);
        }
        server.expect_gone();
        assert_eq!(server.metrics.closes_forced.value(), forced, "{bytes}");
    }
}

#[test]
fn a_goodbye_is_waited_for_and_not_for_ever() {
    assert_eq!(NetConfig::default().close_timeout_ms, 2_000);
    let server = Server::start(NetConfig { close_timeout_ms: 1_500, ..NetConfig::default() });
    for forced in [0, 1] {
        let mut client = Client::open(&server);
        let link = server.opened();
        server.order(move |io| io.close(link, 1000, ""));
        assert_eq!(client.read_close().0, 1000);
        assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1000)));
        if forced == 0 {
            client.send(frame(CLOSE, b"\x03\xE8"));
            client.expect_end();
            drop(client);
        } else {
            client.expect_end();
        }
        server.expect_gone();
        assert_eq!(server.metrics.closes_forced.value(), forced);
    }
}

/// Sends frames until the kernel takes no more; how many bytes wait then.
fn fill(server: &Server, link: LinkId) -> usize {
    server.ask(move |io| {
        while io.send_frame(link, [&[7; 40_000][..]].into_iter()) == Outcome::Written {}
        io.unsent_bytes(link)
    })
}

#[test]
fn a_mib_may_wait_in_a_link() {
    const MAX: usize = 1024 * 1024;
    assert_eq!(NetConfig::default().write_buffer_max_bytes, MAX);
    let server = Server::start(NetConfig::default());
    for (over, stays) in [(-1, true), (0, true), (1, false)] {
        let _client = Client::open(&server);
        let link = server.opened();
        let waiting = fill(&server, link);
        assert!(waiting > 0 && waiting < MAX);
        let is_queued = server.ask(move |io| {
            // a message of this length has a header of 10 bytes
            let room = (MAX - io.unsent_bytes(link) - 10).checked_add_signed(over).unwrap();
            let is_queued = io.queue(link, MessageKind::Binary, &vec![7; room]);
            assert!(!is_queued || io.unsent_bytes(link) == MAX.checked_add_signed(over).unwrap());
            is_queued
        });
        assert_eq!(is_queued, stays, "{over}");
        if !stays {
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1013)));
        } else {
            server.order(move |io| io.close(link, 1000, ""));
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1000)));
        }
    }
    assert_eq!(server.metrics.links_overfull.value(), 1);
}
