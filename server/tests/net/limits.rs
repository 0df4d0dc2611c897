//! Limits that hold for an address, a page, a pinging client and all links together, each at its border.

use std::net::Ipv4Addr;
use std::time::Duration;

use tickwire_server::net::addresses::AddressLimits;
use tickwire_server::net::origin::OriginRule;
use tickwire_server::net::rate::Rate;
use tickwire_server::net::{CloseCause, MessageKind, NetConfig, Outcome};

use super::ends::{Client, PING, PONG, Server, Told, UPGRADE, frame};

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn config(addresses: AddressLimits) -> NetConfig {
    NetConfig { addresses, ..NetConfig::default() }
}

fn expect_429(mut client: Client) {
    let (head, body) = client.read_answer();
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
    assert!(head.contains("\r\nRetry-After: "), "{head}");
    assert!(body.contains("your address"), "{body}");
}

#[test]
fn an_address_has_so_many_connections_and_who_leaves_makes_room() {
    let new = Rate { per_s: 1, burst: 1000 };
    let server = Server::start(config(AddressLimits { open_max: 4, new, ..AddressLimits::default() }));
    let mut clients: Vec<Client> = (0..4).map(|_| Client::open_from(&server, STRANGER)).collect();
    expect_429(Client::connect_from(&server, STRANGER));
    drop(Client::open_from(&server, Ipv4Addr::new(127, 0, 0, 3)));
    drop(clients.pop());
    // three of the stranger's are left
    while server.metrics.connections_open.value() > 3 {
        std::thread::yield_now();
    }
    clients.push(Client::open_from(&server, STRANGER));
    expect_429(Client::connect_from(&server, STRANGER));
    assert_eq!(server.metrics.addresses_refused.value(), 2);
}

#[test]
fn the_defaults_are_64_at_once_40_in_a_burst_and_16_in_their_handshake() {
    let server = Server::start(NetConfig::default());
    let AddressLimits { open_max, handshakes_max, new, exempt } = AddressLimits::default();
    assert_eq!((open_max, handshakes_max, new), (64, 16, Rate { per_s: 20, burst: 40 }));
    assert_eq!(exempt, ["127.0.0.1", "::1"].map(|ip| ip.parse().unwrap()));
    let knocking: Vec<Client> = (0..16).map(|_| Client::connect_from(&server, STRANGER)).collect();
    expect_429(Client::connect_from(&server, STRANGER));
    drop(knocking);
}

#[test]
fn newcomers_of_an_address_have_a_burst() {
    let new = Rate { per_s: 1, burst: 5 };
    let server = Server::start(config(AddressLimits { new, ..AddressLimits::default() }));
    for _ in 0..5 {
        Client::open_from(&server, STRANGER);
    }
    expect_429(Client::connect_from(&server, STRANGER));
    assert_eq!(server.metrics.addresses_refused.value(), 1);
    assert_eq!(server.metrics.handshakes_failed.value(), 1);
}

#[test]
fn this_machine_is_not_limited() {
    let tight = AddressLimits { open_max: 1, handshakes_max: 1, ..AddressLimits::default() };
    let server = Server::start(config(tight.clone()));
    let _clients: Vec<Client> = (0..100).map(|_| Client::open(&server)).collect();

    let server = Server::start(config(AddressLimits { exempt: Vec::new(), ..tight }));
    let _client = Client::open(&server);
    expect_429(Client::connect(&server));
}

#[test]
fn a_flood_of_refusals_is_not_answered_for_ever() {
    let new = Rate { per_s: 1, burst: 1000 };
    let server = Server::start(config(AddressLimits { open_max: 1, new, ..AddressLimits::default() }));
    let _client = Client::open_from(&server, STRANGER);
    // they do not hang up, so that each stays to hear its answer
    let flood: Vec<Client> = (0..200).map(|_| Client::connect_from(&server, STRANGER)).collect();
    while server.metrics.addresses_refused.value() < 200 {
        std::thread::yield_now();
    }
    assert!(server.metrics.connections_open.value() <= 1 + 64, "{}", server.metrics.connections_open.value());
    drop(flood);
    Client::open(&server); // others are served
}

#[test]
fn foreign_pages_are_refused_before_the_upgrade() {
    let server = Server::start(NetConfig::default());
    for (origin, status) in [("http://a", 101), ("https://a", 101), ("http://a.evil", 403), ("null", 403)] {
        let mut client = Client::connect(&server);
        client.send(UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")));
        let head = client.read_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {head}");
    }
    assert_eq!(server.metrics.origins_refused.value(), 2);

    let listed = OriginRule::Listed(vec!["https://game.example".into()]);
    let server = Server::start(NetConfig { origins: listed, ..NetConfig::default() });
    for (origin, status) in [("https://game.example", 101), ("http://game.example", 403), ("http://a", 403)] {
        let mut client = Client::connect(&server);
        client.send(UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")));
        let head = client.read_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {head}");
    }
}

#[test]
fn pings_are_answered_up_to_the_burst_and_not_beyond() {
    let config = NetConfig { pings: Rate { per_s: 1, burst: 20 }, ..NetConfig::default() };
    let server = Server::start(config);
    for (pings, is_closed) in [(19, false), (20, false), (21, true)] {
        let mut client = Client::open(&server);
        let link = server.opened();
        client.send(frame(PING, b"?").repeat(pings));
        for _ in 0..pings.min(20) {
            assert_eq!(client.read_frame(), (PONG, b"?".to_vec()));
        }
        if is_closed {
            assert_eq!(client.read_close().0, 1008);
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Ours(1008)));
        } else {
            drop(client);
            assert_eq!(server.told(), Told::Closed(link, CloseCause::Lost));
        }
    }
    assert_eq!(server.metrics.links_pinging.value(), 1);
}

/// As many bytes may wait in all links together.
fn with_room(write_buffers_max_bytes: usize) -> NetConfig {
    NetConfig {
        write_buffer_max_bytes: 64 * 1024 * 1024,
        write_buffers_max_bytes,
        // a buffer smaller than a segment waits for the delayed ack of each, and segments on loopback are 64 KiB
        send_buffer_bytes: 1024 * 1024,
        ..NetConfig::default()
    }
}

#[test]
fn when_too_much_waits_in_all_links_the_one_with_the_most_goes() {
    const MAX: usize = 48 * 1024 * 1024;
    assert_eq!(NetConfig::default().write_buffers_max_bytes, MAX);
    for (over, evicted) in [(-1, 0), (0, 0), (1, 1)] {
        let server = Server::start(with_room(MAX));
        let mut clients: Vec<Client> = (0..4).map(|_| Client::open(&server)).collect();
        let links: Vec<_> = (0..4).map(|_| server.opened()).collect();
        // the kernel takes some megabytes at most
        let sizes = [8, 24, 12].map(|mib| mib * 1024 * 1024);
        let all = links.clone();
        let rest = server.ask(move |io| {
            for (link, size) in all.iter().zip(sizes) {
                assert!(matches!(io.send_frame(*link, [&vec![1; size][..]].into_iter()), Outcome::Left(_)));
            }
            let room = MAX - all.iter().map(|link| io.unsent_bytes(*link)).sum::<usize>();
            // a text of this length has a header of 10
            let rest = (room - 10).checked_add_signed(over).unwrap();
            assert!(io.queue(all[3], MessageKind::Text, &vec![b'x'; rest]));
            assert_eq!(io.links_open(), 4 - evicted);
            rest
        });
        if evicted == 1 {
            assert_eq!(server.told(), Told::Closed(links[1], CloseCause::Lost));
        }
        assert_eq!(server.metrics.links_largest.value(), evicted as u64, "{over}");
        for (client, size) in [(0, sizes[0]), (2, sizes[2]), (3, rest)] {
            assert_eq!(clients[client].read_frame().1.len(), size);
        }
    }
}

#[test]
fn several_reactors_have_as_much_together() {
    for all in [95, 96, 97] {
        let each = with_room(all).divided_among(3).write_buffers_max_bytes;
        assert_eq!(each, all / 3, "{all}");
    }
    let net = NetConfig::default();
    assert_eq!(net.clone().divided_among(1).write_buffers_max_bytes, net.write_buffers_max_bytes);
}

#[test]
fn eviction_makes_room_for_a_while() {
    const EACH: usize = 64 * 1024;
    // of one of two reactors
    let server = Server::start(with_room(64 * EACH).divided_among(2));
    let _clients: Vec<Client> = (0..33).map(|_| Client::open(&server)).collect();
    let links: Vec<_> = (0..33).map(|_| server.opened()).collect();
    let open = server.ask(move |io| {
        for link in &links[..32] {
            io.queue(*link, MessageKind::Binary, &[7; EACH - 4]);
        }
        let before = io.links_open();
        io.queue(links[32], MessageKind::Binary, &[7; EACH - 4]);
        (before, io.links_open())
    });
    // a sixteenth is free then, so that not every byte that follows costs a walk over all links
    assert_eq!(open, (32 + 1, 30));
    assert_eq!(server.metrics.links_largest.value(), 3);
}

#[test]
fn a_peer_that_takes_nearly_all_frees_the_memory_of_it() {
    const EACH: usize = 16 * 1024 * 1024;
    // enough for one that holds all and some that hold the rest, and not for three that hold all
    let server = Server::start(with_room(2 * EACH));
    let mut clients: Vec<Client> = (0..4).map(|_| Client::open(&server)).collect();
    let links: Vec<_> = (0..4).map(|_| server.opened()).collect();
    for (client, link) in clients.iter_mut().zip(links) {
        // what is not read waits in the server, and not in the kernel
        client.hear_little();
        server.ask(move |io| {
            assert!(matches!(io.send_frame(link, [&vec![7; EACH][..]].into_iter()), Outcome::Left(_)));
        });
        while server.ask(move |io| io.unsent_bytes(link)) > EACH / 8 {
            client.read_some();
        }
        assert!(server.ask(move |io| io.unsent_bytes(link)) > 0, "something waits still");
    }
    assert_eq!(server.metrics.links_largest.value(), 0);
}

#[test]
fn it_is_memory_that_counts_and_not_what_waits_in_it() {
    const EACH: usize = 16 * 1024 * 1024;
    let server = Server::start(with_room(EACH + EACH / 2));
    let mut clients: Vec<Client> = (0..2).map(|_| Client::open(&server)).collect();
    let links: Vec<_> = (0..2).map(|_| server.opened()).collect();
    let (first, second) = (links[0], links[1]);
    clients[0].hear_little();
    server.ask(move |io| {
        assert!(matches!(io.send_frame(first, [&vec![7; EACH][..]].into_iter()), Outcome::Left(_)));
    });
    while server.ask(move |io| io.unsent_bytes(first)) > EACH * 5 / 8 {
        clients[0].read_some();
    }
    // what is left of the first and all of this would fit
    let open = server.ask(move |io| {
        assert!(io.queue(second, MessageKind::Binary, &vec![7; EACH * 3 / 4]));
        io.links_open()
    });
    assert_eq!(open, 1);
    assert_eq!(server.told(), Told::Closed(first, CloseCause::Lost));
}

/// Its memory is free before the end of the turn in which it breaks: nobody else has to go for it.
#[test]
fn what_waited_in_a_link_that_broke_counts_no_more() {
    const MIB: usize = 1024 * 1024;
    let server = Server::start(with_room(40 * MIB));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::open(&server)).collect();
    let links: Vec<_> = (0..3).map(|_| server.opened()).collect();
    let broken = clients.remove(0);
    let open = server.ask(move |io| {
        for (link, mib) in links.iter().zip([8, 20]) {
            assert!(io.queue(*link, MessageKind::Binary, &vec![7; mib * MIB]));
        }
        broken.reset();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(io.send_frame(links[0], [&b"?"[..]].into_iter()), Outcome::Closed);
        // too much, if what the first has let wait were still there (the frame made it twice as long)
        assert!(io.queue(links[2], MessageKind::Binary, &vec![7; 8 * MIB]));
        io.links_open()
    });
    assert_eq!(open, 2);
    assert_eq!(clients[0].read_frame().1.len(), 20 * MIB);
    assert_eq!(clients[1].read_frame().1.len(), 8 * MIB);
    assert_eq!((server.metrics.links_largest.value(), server.metrics.links_lost.value()), (0, 1));
}
