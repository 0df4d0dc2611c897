//! The network layer from outside: a reactor with a scripted handler, and raw clients on loopback.

#[path = "net/certificate.rs"]
mod certificate;
#[path = "net/deflate.rs"]
mod deflate;
#[path = "net/ends.rs"]
mod ends;
#[path = "net/fairness.rs"]
mod fairness;
#[path = "net/limits.rs"]
mod limits;
#[path = "net/tls.rs"]
mod tls;

use std::io::Write as _;
use std::net::Shutdown;
use std::time::Duration;

use ends::{BINARY, CLOSE, Client, PING, PONG, Server, TEXT, Told, UPGRADE, frame, part};
use tickwire_server::net::{CloseCause, LinkId, MessageKind, NetConfig, Outcome};

// -- the handshake

#[test]
fn an_upgrade_is_answered_with_the_key_and_the_chosen_subprotocol() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    client.send(UPGRADE.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: other, tickwire.1\r\n\r\n"));
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Protocol: tickwire.1\r\n"), "{head}");
    server.opened();
    assert!(server.peer().ip().is_loopback());
}

#[test]
fn what_is_no_upgrade_by_the_rules_gets_an_http_answer_and_the_end() {
    let server = Server::start(NetConfig::default());
    let long = format!("GET /{} HTTP", "a".repeat(3000));
    for (from, to, status) in [
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("Version: 13", "Version: 12", 426),
        ("Host: a\r\n", "", 400),
        ("Host: a\r\n", "Host: a\r\nHost: b\r\n", 400),
        ("GET", "POST", 405),
        ("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET / HTTP", &long, 414),
        ("GET / HTTP", "GET /forbidden HTTP", 403),
    ] {
        let mut client = Client::connect(&server);
        client.send(UPGRADE.replace(from, to));
        let (head, body) = client.read_answer();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{to:?}: {head}");
        assert!(head.contains("\r\nConnection: close"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(body.ends_with(".\n"), "one sentence: {body:?}");
        assert_eq!(status == 426, head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
    }
    assert_eq!(server.metrics.handshakes_failed.value(), 8);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_served() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    for byte in UPGRADE.bytes() {
        client.send([byte]);
    }
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_frame_in_the_segment_of_the_head_is_served() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    client.send([UPGRADE.as_bytes(), &frame(TEXT, b"early")].concat());
    client.read_head();
    let link = server.opened();
    assert_eq!(server.told(), Told::Message(link, MessageKind::Text, b"early".to_vec()));
    assert_eq!(client.read_frame(), (TEXT, b"early".to_vec()));
}

#[test]
fn a_handshake_that_takes_too_long_is_ended() {
    let server = Server::start(NetConfig { handshake_timeout_ms: 100, ..NetConfig::default() });
    let mut silent = Client::connect(&server);
    let mut slow = Client::connect(&server);
    slow.send("GET / HTTP/1.1\r\n");
    let (head, _) = slow.read_answer();
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    silent.expect_end();
}

#[test]
fn who_comes_when_all_places_are_taken_hears_so() {
    let server = Server::start(NetConfig { connections_max: 1, ..NetConfig::default() });
    let _first = Client::open(&server);
    server.opened();
    let (head, _) = Client::connect(&server).read_answer();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nRetry-After: "), "{head}");
    assert_eq!(server.metrics.connections_refused.value(), 1);
}

#[test]
fn plain_http_leaves_with_every_byte_that_was_read() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    let request = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    client.send(&request[..20]);
    client.send(&request[20..]);
    let Told::Plain(stream, mut read) = server.told() else { panic!("a plain request") };
    assert!(stream.tls.is_none() && stream.unsent.is_empty());
    let mut stream = stream.socket;
    stream.set_nonblocking(false).unwrap();
    let mut rest = vec![0; request.len() - read.len()];
    std::io::Read::read_exact(&mut stream, &mut rest).unwrap();
    read.extend(rest);
    assert_eq!(read, request);
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert!(client.read_head().starts_with("HTTP/1.1 204 "));
}

// -- messages

#[test]
fn messages_and_fragments_arrive_whole_and_in_order() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    client.send(
        [part(TEXT, false, b"hel"), frame(PONG, b"alive"), part(0, true, b"lo"), frame(BINARY, &[0; 300])].concat(),
    );
    assert_eq!(server.told(), Told::Message(link, MessageKind::Text, b"hello".to_vec()));
    assert_eq!(server.told(), Told::Message(link, MessageKind::Binary, vec![0; 300]));
    assert_eq!(client.read_frame(), (TEXT, b"hello".to_vec()));
    assert_eq!(client.read_frame(), (BINARY, vec![0; 300]));
}

#[test]
fn pings_are_answered_at_their_place_among_the_messages() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    // in the segment of the head, so that they are surely read together
    let bytes = [frame(PING, b"1"), part(TEXT, false, b"x"), frame(PING, b"2"), part(0, true, b"y"), frame(PING, b"")];
    client.send([UPGRADE.as_bytes(), &bytes.concat()].concat());
    client.read_head();
    assert_eq!(client.read_frame(), (PONG, b"1".to_vec()));
    assert_eq!(client.read_frame(), (PONG, b"2".to_vec()));
    assert_eq!(client.read_frame(), (TEXT, b"xy".to_vec()));
    assert_eq!(client.read_frame(), (PONG, Vec::new()));
}

#[test]
fn more_than_a_turns_budget_arrives_over_several_turns() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    let flood: Vec<u8> = (0..300_u32).flat_map(|at| frame(BINARY, &[at.to_le_bytes(); 300].concat())).collect();
    let mut reader = client.try_clone();
    let writer = std::thread::spawn(move || client.send(flood));
    for at in 0..300_u32 {
        let payload = [at.to_le_bytes(); 300].concat();
        assert_eq!(reader.read_frame(), (BINARY, payload.clone()));
        assert_eq!(server.told(), Told::Message(link, MessageKind::Binary, payload));
    }
    writer.join().unwrap();
}

#[test]
fn who_has_little_to_say_does_not_wait_for_those_who_have_much() {
    let server = Server::start(NetConfig::default());
    let mut busy: Vec<Client> = (0..20).map(|_| Client::open(&server)).collect();
    let mut quiet = Client::open(&server);
    let links: Vec<_> = (0..21).map(|_| server.opened()).collect();
    // while the reactor is held up everything arrives, the quiet one's at last
    let go_on = server.hold_up();
    for client in &mut busy {
        client.send(frame(BINARY, &[7; 506]).repeat(128)); // 64 KiB
    }
    quiet.send(frame(TEXT, b"here"));
    // it is in the server's socket when the other end of it has it acknowledged
    std::thread::sleep(Duration::from_millis(100));
    go_on.send(()).unwrap();
    let mut before = 0;
    while server.told() != Told::Message(links[20], MessageKind::Text, b"here".to_vec()) {
        before += 1;
    }
    assert!(before <= 20 * 4, "{before} messages of 512 bytes came before it");
}

#[test]
fn broken_rules_are_answered_with_their_code() {
    let config = NetConfig { message_max_bytes: 1000, fragments_max: 3, ..NetConfig::default() };
    let server = Server::start(config);
    let fragments = [part(TEXT, false, b""), part(0, false, b""), part(0, false, b""), part(0, true, b"")].concat();
    let too_long_header = [0x82, 0xFE, 0x03, 0xE9, 1, 2, 3, 4];
    for (bytes, code) in [
        (vec![0x82, 0xFE, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1002), // length 5 in two bytes
        (vec![0x81, 0x01, b'x'], 1002),                            // not masked
        (vec![0xC1, 0x80, 1, 2, 3, 4], 1002),                      // RSV1
        (frame(TEXT, b"\xFF"), 1007),
        (fragments, 1008),
        (too_long_header.to_vec(), 1009),
        (frame(CLOSE, &1005_u16.to_be_bytes()), 1002),
    ] {
        let mut client = Client::open(&server);
        let link = server.opened();
        client.send(&bytes);
        assert_eq!(client.read_close().0, code, "{bytes:02x?}");
        assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(code)));
        client.expect_end();
    }
    assert_eq!(server.metrics.protocol_errors.value(), 7);
}

#[test]
fn the_code_arrives_although_the_peer_goes_on_talking() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    client.send([&[0x81, 0x01, b'x'][..], &[0; 40_000]].concat());
    client.send([0; 20_000]);
    assert_eq!(client.read_close().0, 1002);
    client.expect_end();
}

#[test]
fn a_message_that_is_never_finished_is_closed() {
    let server = Server::start(NetConfig { unfinished_message_timeout_ms: 100, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    client.send(part(TEXT, false, b"and then"));
    assert_eq!(client.read_close().0, 1008);
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1008)));
}

// -- the end of a link

#[test]
fn the_peers_close_is_answered_with_its_code() {
    let server = Server::start(NetConfig::default());
    for (body, code) in [(&b"\x03\xE8done"[..], 1000), (b"\x0F\xA1", 4001), (b"", 1005)] {
        let mut client = Client::open(&server);
        let link = server.opened();
        client.send([frame(CLOSE, body), frame(TEXT, b"too late")].concat());
        assert_eq!(client.read_close().0, code);
        client.expect_end();
        assert_eq!(server.told(), Told::Closed(link, CloseCause::Peer(code)));
    }
}

#[test]
fn our_close_leaves_behind_what_was_queued_and_waits_for_the_answer() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    server.order(move |io| {
        assert!(io.queue(link, MessageKind::Text, b"last words"));
        io.close(link, 4000, &"ä".repeat(200));
        assert!(!io.queue(link, MessageKind::Text, b"too late"));
        assert_eq!(io.send_frame(link, [&b"too late"[..]].into_iter()), Outcome::Closed);
        io.close(link, 4001, "too late");
    });
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(4000)));
    assert_eq!(client.read_frame(), (TEXT, b"last words".to_vec()));
    assert_eq!(client.read_close(), (4000, "ä".repeat(61)));
    client.send([frame(TEXT, b"crossed it"), frame(CLOSE, b"\x0F\xA0")].concat());
    client.expect_end();
    drop(client);
    server.expect_gone();
    server.expect_silence();
}

#[test]
fn nothing_leaves_behind_a_close_frame_that_is_out() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    server.order(move |io| io.close(link, 4000, ""));
    assert_eq!(client.read_close().0, 4000);
    server.ask(move |io| {
        assert_eq!(io.send_frame(link, [&b"too late"[..]].into_iter()), Outcome::Closed);
        io.send_frame_to_all([link], [&b"too late"[..]].into_iter(), |_, outcome| assert_eq!(outcome, Outcome::Closed));
        assert!(!io.queue(link, MessageKind::Text, b"too late"));
    });
    client.send(frame(CLOSE, b"\x0F\xA0"));
    client.expect_end();
}

#[test]
fn a_close_that_is_never_answered_ends_all_the_same() {
    let server = Server::start(NetConfig { close_timeout_ms: 100, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    server.order(move |io| io.close(link, 1000, ""));
    assert_eq!(client.read_close().0, 1000);
    client.expect_end();
}

#[test]
fn closing_in_the_middle_of_a_read_hides_the_rest_of_it() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::connect(&server);
    client.send([UPGRADE.as_bytes(), &frame(TEXT, b"close me"), &frame(TEXT, b"unheard")].concat());
    client.read_head();
    let link = server.opened();
    assert_eq!(server.told(), Told::Message(link, MessageKind::Text, b"close me".to_vec()));
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(4002)));
    assert_eq!(client.read_close(), (4002, "as asked".into()));
    drop(client);
    server.expect_gone();
    server.expect_silence();
}

#[test]
fn a_client_that_dies_inside_a_frame_is_lost() {
    let server = Server::start(NetConfig::default());
    for is_reset in [false, true] {
        let mut client = Client::open(&server);
        let link = server.opened();
        client.send(&frame(BINARY, &[0; 100])[..50]);
        if is_reset {
            client.reset();
        } else {
            drop(client);
        }
        assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    }
    server.expect_gone();
    assert_eq!(server.metrics.links_lost.value(), 2);
}

#[test]
fn what_stands_behind_the_break_of_a_connection_does_not_bring_it_back() {
    let server = Server::start(NetConfig::default());
    for behind in [frame(CLOSE, b""), vec![0xF0]] {
        let mut client = Client::open(&server);
        let link = server.opened();
        client.send([frame(BINARY, b"until I am gone"), behind].concat());
        assert_eq!(server.told(), Told::Message(link, MessageKind::Binary, b"until I am gone".to_vec()));
        client.reset();
        assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
        server.expect_gone();
    }
    Client::open(&server); // it is still there
}

#[test]
fn an_id_that_is_over_reaches_nobody() {
    let server = Server::start(NetConfig::default());
    let first = Client::open(&server);
    let stale = server.opened();
    drop(first);
    assert_eq!(server.told(), Told::Closed(stale, CloseCause::Lost));
    server.expect_gone();
    let mut second = Client::open(&server);
    let link = server.opened();
    assert_ne!(stale, link);
    server.order(move |io| {
        io.close(stale, 1000, "");
        assert!(!io.queue(stale, MessageKind::Text, b"for the dead"));
        assert_eq!(io.send_frame(stale, [&b"for the dead"[..]].into_iter()), Outcome::Closed);
        assert_eq!(io.send_frame(link, [&b"for the "[..], b"living"].into_iter()), Outcome::Written);
    });
    assert_eq!(second.read_frame(), (BINARY, b"for the living".to_vec()));
}

#[test]
fn a_silent_peer_is_pinged_twice_and_dropped() {
    let server = Server::start(NetConfig { ping_interval_ms: 100, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    assert_eq!(client.read_frame().0, PING);
    client.send(frame(PONG, b""));
    assert_eq!(client.read_frame().0, PING);
    assert_eq!(client.read_frame().0, PING);
    client.expect_end();
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    assert_eq!(server.metrics.links_silent.value(), 1);
}

// -- slow readers

/// Sends frames until the kernel takes no more; how many left, the last of them in part.
fn fill(server: &Server, link: LinkId) -> u8 {
    server.ask(move |io| {
        for count in 1..=200 {
            match io.send_frame(link, [&[count; 40_000][..], b"end"].into_iter()) {
                Outcome::Written => {}
                Outcome::Left(left) => {
                    assert!(left > 0);
                    return count;
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("the kernel takes everything");
    })
}

#[test]
fn a_stalled_reader_is_skipped_until_its_leftover_is_out() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    let count = fill(&server, link);
    let again = server.ask(move |io| io.send_frame(link, [&b"skipped"[..]].into_iter()));
    assert_eq!(again, Outcome::Skipped);

    for number in 1..=count {
        assert_eq!(client.read_frame(), (BINARY, [&[number; 40_000][..], b"end"].concat()));
    }
    assert_eq!(server.told(), Told::Drained(link));
    let after = server.ask(move |io| io.send_frame(link, [&b"newest"[..]].into_iter()));
    assert_eq!(after, Outcome::Written);
    assert_eq!(client.read_frame(), (BINARY, b"newest".to_vec()));
    assert_eq!(server.metrics.frames_left.value(), 1);
    assert_eq!(server.metrics.frames_skipped.value(), 1);
}

#[test]
fn a_frame_for_all_reaches_each_that_can_take_it() {
    let server = Server::start(NetConfig::default());
    let _stalled_client = Client::open(&server);
    let stalled = server.opened();
    fill(&server, stalled);
    let mut client = Client::open(&server);
    let link = server.opened();
    let mut queued_client = Client::open(&server);
    let queued = server.opened();

    let gone = LinkId(u64::MAX >> 1);
    let told = server.ask(move |io| {
        let mut told = Vec::new();
        assert!(io.queue(queued, MessageKind::Binary, b"before"));
        let parts = [&b"for "[..], b"all"];
        let links = [stalled, gone, queued, link];
        io.send_frame_to_all(links, parts.into_iter(), |link, outcome| told.push((link, outcome)));
        told
    });
    let expected =
        [(stalled, Outcome::Skipped), (gone, Outcome::Closed), (queued, Outcome::Written), (link, Outcome::Written)];
    assert_eq!(told, expected);
    assert_eq!(client.read_frame(), (BINARY, b"for all".to_vec()));
    assert_eq!(queued_client.read_frame(), (BINARY, b"before".to_vec()), "in the order in which they were given");
    assert_eq!(queued_client.read_frame(), (BINARY, b"for all".to_vec()));
}

#[test]
fn of_the_pings_of_a_stalled_reader_only_the_newest_is_answered() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    let count = fill(&server, link);
    client.send([frame(PING, b"1"), frame(PING, b"2"), frame(TEXT, b"x"), frame(PING, b"3")].concat());
    assert_eq!(server.told(), Told::Message(link, MessageKind::Text, b"x".to_vec()));
    for _ in 0..count {
        client.read_frame();
    }
    assert_eq!(client.read_frame(), (TEXT, b"x".to_vec()));
    assert_eq!(client.read_frame(), (PONG, b"3".to_vec()));
    client.send(frame(PING, b"4"));
    assert_eq!(client.read_frame(), (PONG, b"4".to_vec()));
}

#[test]
fn a_frame_waits_for_nothing_that_was_queued_before_it() {
    let server = Server::start(NetConfig::default());
    let mut client = Client::open(&server);
    let link = server.opened();
    let outcome = server.ask(move |io| {
        io.queue(link, MessageKind::Text, b"first");
        io.send_frame(link, [&b"second"[..]].into_iter())
    });
    assert_eq!(outcome, Outcome::Written);
    assert_eq!(client.read_frame(), (TEXT, b"first".to_vec()));
    assert_eq!(client.read_frame(), (BINARY, b"second".to_vec()));
}

#[test]
fn who_lets_too_much_wait_is_evicted_and_hears_why() {
    let server = Server::start(NetConfig { write_buffer_max_bytes: 100_000, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    let count = fill(&server, link);
    let queued = server.ask(move |io| (0..10).filter(|_| io.queue(link, MessageKind::Text, &[b'x'; 20_000])).count());
    assert!((1..=4).contains(&queued), "{queued}");
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1013)));
    for _ in 0..usize::from(count) + queued {
        client.read_frame();
    }
    assert_eq!(client.read_close().0, 1013);
    assert_eq!(server.metrics.links_overfull.value(), 1);
}

#[test]
fn who_takes_nothing_for_too_long_is_lost() {
    let server = Server::start(NetConfig { write_stall_timeout_ms: 100, ..NetConfig::default() });
    let _client = Client::open(&server);
    let link = server.opened();
    fill(&server, link);
    assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
    assert_eq!(server.metrics.links_stalled.value(), 1);
}

// -- the end of the reactor

#[test]
fn shutting_down_says_goodbye_to_everybody() {
    let server = Server::start(NetConfig::default());
    let mut clients: Vec<Client> = (0..3).map(|_| Client::open(&server)).collect();
    let mut links: Vec<_> = (0..3).map(|_| server.opened()).collect();
    let mut knocking = Client::connect(&server);
    knocking.send("GET / HTTP/1.1\r\n");
    while server.metrics.connections_open.value() < 4 {
        std::thread::yield_now();
    }
    server.order(|io| {
        assert_eq!(io.links_open(), 3);
        io.shut_down(1001, "the server stops", Duration::from_secs(60));
        assert_eq!(io.links_open(), 0);
    });
    assert!(knocking.read_answer().0.starts_with("HTTP/1.1 503 "));
    drop(knocking);
    for client in &mut clients {
        assert_eq!(client.read_close(), (1001, "the server stops".into()));
        client.send(frame(CLOSE, &1001_u16.to_be_bytes()));
        client.shutdown(Shutdown::Write);
        client.expect_end();
    }
    let addr = server.addr;
    let mut told: Vec<_> = server
        .stopped()
        .into_iter()
        .map(|told| match told {
            Told::Closed(link, CloseCause::Ours(1001)) => link,
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_unstable();
    links.sort_unstable();
    assert_eq!(told, links, "each is told once");
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens any more");
}

#[test]
fn the_grace_ends_for_those_who_do_not_answer() {
    let server = Server::start(NetConfig { close_timeout_ms: 600_000, ..NetConfig::default() });
    let mut client = Client::open(&server);
    let link = server.opened();
    server.order(|io| io.shut_down(1001, "", Duration::from_millis(50)));
    assert_eq!(server.stopped(), [Told::Closed(link, CloseCause::Ours(1001))]);
    assert_eq!(client.read_close().0, 1001);
    client.expect_end();
}
