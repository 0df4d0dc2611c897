//! Connections that come through a proxy: whose they are, and that nobody else can say so.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tickwire_server::net::NetConfig;
use tickwire_server::net::addresses::AddressLimits;
use tickwire_server::net::proxy::Proxies;
use tickwire_server::net::rate::Rate;

use crate::encrypted::Encrypted;
use crate::ends::{Client, Server, TEXT, UPGRADE, frame};

/// Whoever is not the proxy, which is 127.0.0.1.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const CLIENT: &str = "203.0.113.7:40001";

/// With a proxy at 127.0.0.1, and more behind it in 10.0.0.0/8.
fn config(protocol: bool) -> NetConfig {
    let networks = ["127.0.0.1", "10.0.0.0/8"].map(|network| network.parse().unwrap()).to_vec();
    NetConfig { proxies: Proxies { networks, protocol }, ..NetConfig::default() }
}

fn with_limits(protocol: bool, addresses: AddressLimits) -> NetConfig {
    NetConfig { addresses, ..config(protocol) }
}

fn header_of(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
}

/// A header that says PROXY and names this address.
fn header(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, ips) = match client.ip() {
        IpAddr::V4(ip) => (0x11, [&ip.octets()[..], &[10, 0, 0, 1]].concat()),
        IpAddr::V6(ip) => (0x21, [&ip.octets()[..], &[1; 16]].concat()),
    };
    header_of(0x21, family, &[&ips, &client.port().to_be_bytes()[..], &[0, 80]].concat())
}

fn forwarded(list: &str) -> String {
    UPGRADE.replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {list}\r\n\r\n"))
}

fn say(server: &Server, bytes: impl AsRef<[u8]>) -> (Client, String) {
    let mut client = Client::connect(server);
    client.send(bytes);
    let head = client.read_head();
    (client, head)
}

fn expect_429(head: &str) {
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
    assert!(head.contains("\r\nRetry-After: "), "{head}");
}

// -- PROXY protocol

#[test]
fn a_header_names_the_client_wherever_it_is_cut() {
    let server = Server::start(config(true));
    // header, head and a frame in one segment
    let bytes = [&header(CLIENT)[..], UPGRADE.as_bytes(), &frame(TEXT, b"early")].concat();
    let (mut client, head) = say(&server, &bytes);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(server.peer(), CLIENT.parse().unwrap());
    assert_eq!(client.read_frame(), (TEXT, b"early".to_vec()));
    // and byte by byte
    let mut client = Client::connect(&server);
    for byte in [&header("[2001:db8::7]:9")[..], UPGRADE.as_bytes()].concat() {
        client.send([byte]);
    }
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!(server.peer(), "[2001:db8::7]:9".parse().unwrap());
    // of a plain request too
    let mut client = Client::connect(&server);
    client.send([&header(CLIENT)[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(server.peer(), CLIENT.parse().unwrap());
}

#[test]
fn a_health_check_is_the_proxys_own() {
    let limits = AddressLimits { open_max: 1, exempt: Vec::new(), ..AddressLimits::default() };
    let server = Server::start(with_limits(true, limits));
    let checks: Vec<Client> = (0..3)
        .map(|_| {
            let (client, head) = say(&server, [&header_of(0x20, 0x00, b"")[..], UPGRADE.as_bytes()].concat());
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            assert_eq!(server.peer().ip(), Ipv4Addr::LOCALHOST);
            client
        })
        .collect();
    drop(checks);
}

#[test]
fn a_header_has_536_bytes_at_most() {
    let server = Server::start(config(true));
    let with_tlvs = |bytes: usize| {
        let mut body = header(CLIENT)[16..].to_vec();
        body.resize(bytes - 16, 0xEE);
        [&header_of(0x21, 0x11, &body)[..], UPGRADE.as_bytes()].concat()
    };
    for bytes in [535, 536] {
        assert!(say(&server, with_tlvs(bytes)).1.starts_with("HTTP/1.1 101 "), "{bytes}");
        assert_eq!(server.peer(), CLIENT.parse().unwrap());
    }
    let mut client = Client::connect(&server);
    client.send(with_tlvs(537));
    client.expect_end();
    assert_eq!(server.metrics.proxy_headers_refused.value(), 1);
}

#[test]
fn what_a_proxy_says_wrong_ends_its_connection_without_an_answer() {
    let server = Server::start(config(true));
    let family_of_udp = header_of(0x21, 0x12, &[0; 12]);
    let too_short = header_of(0x21, 0x11, &[0; 11]);
    let v1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 40001 80\r\n".to_vec();
    let wrong = [family_of_udp, too_short, v1, header_of(0x31, 0x11, &[0; 12]), UPGRADE.as_bytes().to_vec()];
    for bytes in &wrong {
        let mut client = Client::connect(&server);
        client.send([&bytes[..], UPGRADE.as_bytes()].concat());
        client.expect_end();
    }
    assert_eq!(server.metrics.proxy_headers_refused.value(), wrong.len() as u64);
    // one that goes away in the middle of it says nothing wrong
    let mut client = Client::connect(&server);
    client.send(&header(CLIENT)[..20]);
    drop(client);
    server.expect_gone();
    assert_eq!(server.metrics.proxy_headers_refused.value(), wrong.len() as u64);
}

#[test]
fn nobody_else_may_say_such_a_thing() {
    for server in [Server::start(config(true)), Server::start(NetConfig::default())] {
        let mut stranger = Client::connect_from(&server, STRANGER);
        stranger.send([&header(CLIENT)[..], UPGRADE.as_bytes()].concat());
        let head = stranger.read_head();
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    }
    // a proxy that is not said to begin with it must not either
    let server = Server::start(config(false));
    let (_client, head) = say(&server, [&header(CLIENT)[..], UPGRADE.as_bytes()].concat());
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

#[test]
fn a_header_that_does_not_come_ends_with_the_handshakes_time() {
    let server = Server::start(NetConfig { handshake_timeout_ms: 200, ..config(true) });
    let mut silent = Client::connect(&server);
    let mut slow = Client::connect(&server);
    slow.send(&header(CLIENT)[..20]);
    let mut late = Client::connect(&server);
    late.send(header(CLIENT));
    for client in [&mut silent, &mut slow, &mut late] {
        client.expect_end();
    }
    assert_eq!(server.metrics.handshakes_late.value(), 3);
}

#[test]
fn the_header_stands_in_front_of_tls() {
    let limits = AddressLimits { open_max: 1, ..AddressLimits::default() };
    let encrypted = Encrypted::start(with_limits(true, limits));
    let mut stream = encrypted.connect_behind(header(CLIENT));
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    let mut status = [0; 13];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 101 ");
    let server = &encrypted.server;
    assert_eq!(server.peer(), CLIENT.parse().unwrap());
    // one too many of this client is not worth a TLS handshake
    let mut refused = encrypted.connect_behind(header(CLIENT));
    let mut said = Vec::new();
    // it may end with a reset
    let _ = refused.sock.read_to_end(&mut said);
    assert_eq!(said, b"");
    assert_eq!(server.metrics.addresses_refused.value(), 1);
}

// -- the limits of addresses

#[test]
fn the_client_is_limited_and_not_the_proxy() {
    for protocol in [true, false] {
        let limits = AddressLimits { open_max: 3, exempt: Vec::new(), ..AddressLimits::default() };
        let server = Server::start(with_limits(protocol, limits));
        let come = |ip: &str| match protocol {
            true => say(&server, [&header(&format!("{ip}:9"))[..], UPGRADE.as_bytes()].concat()),
            false => say(&server, forwarded(ip)),
        };
        let (mut open, mut from_three) = (Vec::new(), 0);
        for ip in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            for number in 1..=4 {
                let (client, head) = come(ip);
                if number <= 3 {
                    assert!(head.starts_with("HTTP/1.1 101 "), "{ip} {number}: {head}");
                    assert_eq!(server.peer().ip(), ip.parse::<IpAddr>().unwrap());
                    open.push(client);
                    from_three += 1;
                } else {
                    expect_429(&head);
                }
            }
        }
        assert_eq!((from_three, server.metrics.addresses_refused.value()), (9, 3));
        open.pop();
        while server.metrics.links_open.value() > 8 {
            std::thread::yield_now();
        }
        open.push(come("203.0.113.3").0);
        assert_eq!(server.peer().ip(), "203.0.113.3".parse::<IpAddr>().unwrap());
        expect_429(&come("203.0.113.3").1);
    }
}

#[test]
fn newcomers_of_a_client_have_their_burst() {
    let new = Rate { per_s: 1, burst: 5 };
    let server = Server::start(with_limits(true, AddressLimits { new, ..AddressLimits::default() }));
    for number in 1..=6 {
        let mut client = Client::connect(&server);
        client.send(header(CLIENT));
        client.send(UPGRADE);
        let head = client.read_head();
        if number <= 5 {
            assert!(head.starts_with("HTTP/1.1 101 "), "{number}: {head}");
        } else {
            expect_429(&head);
        }
    }
}

#[test]
fn a_network_of_64_bits_is_one_client_and_ipv4_is_ipv4_however_it_is_written() {
    let limits = AddressLimits { open_max: 1, ..AddressLimits::default() };
    let server = Server::start(with_limits(true, limits));
    let come = |client: &str| say(&server, [&header(client)[..], UPGRADE.as_bytes()].concat());
    for (first, second, is_same) in [
        ("[2001:db8::1]:1", "[2001:db8::ffff:0:0:2]:2", true),
        ("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false),
        ("203.0.113.1:1", "[::ffff:203.0.113.1]:2", true),
        ("203.0.113.3:1", "203.0.113.4:1", false),
    ] {
        let (_client, head) = come(first);
        assert!(head.starts_with("HTTP/1.1 101 "), "{first}: {head}");
        let (_other, head) = come(second);
        assert_eq!(head.starts_with("HTTP/1.1 429 "), is_same, "{first} {second}: {head}");
    }
}

// -- X-Forwarded-For

#[test]
fn the_rightmost_that_is_no_proxy_is_meant() {
    let server = Server::start(config(false));
    for (list, client) in [
        ("203.0.113.7", "203.0.113.7:0"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.9", "203.0.113.7:0"),
        ("1.1.1.1\r\nX-Forwarded-For: 203.0.113.7:4000", "203.0.113.7:4000"),
        ("2001:db8::7", "[2001:db8::7]:0"),
        ("[2001:db8::7]", "[2001:db8::7]:0"),
        ("[2001:db8::7]:4000,10.0.0.9", "[2001:db8::7]:4000"),
        ("::ffff:203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7:0"),
    ] {
        let (_client, head) = say(&server, forwarded(list));
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(server.peer(), client.parse().unwrap(), "{list}");
    }
    let mut plain = Client::connect(&server);
    plain.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    assert_eq!(server.peer(), "203.0.113.7:0".parse().unwrap());
    assert_eq!(server.metrics.clients_unnamed.value(), 0);
    // whoever stands behind a place that cannot be read is not believed
    let unnamed = [
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7,", "127.0.0.1"),
        ("203.0.113.7:99999", "127.0.0.1"),
        ("10.0.0.9", "10.0.0.9"),
        ("203.0.113.7, , 10.0.0.9", "10.0.0.9"),
    ];
    for (list, proxy) in unnamed {
        let (_client, head) = say(&server, forwarded(list));
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(server.peer().ip(), proxy.parse::<IpAddr>().unwrap(), "{list}");
    }
    assert_eq!(server.metrics.clients_unnamed.value(), unnamed.len() as u64);
}

#[test]
fn a_strangers_list_is_not_read() {
    // anybody could escape a limit otherwise, or use up that of another
    let server = Server::start(config(false));
    let mut stranger = Client::connect_from(&server, STRANGER);
    stranger.send(forwarded("203.0.113.7"));
    assert!(stranger.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!(server.peer().ip(), STRANGER);
    // nor one that the client of a proxy for TCP has written
    let server = Server::start(config(true));
    let (_client, head) = say(&server, [&header(CLIENT)[..], forwarded("198.51.100.1").as_bytes()].concat());
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(server.peer(), CLIENT.parse().unwrap());
    // but one of a proxy for HTTP behind it
    let (_client, head) = say(&server, [&header("10.0.0.3:5")[..], forwarded("198.51.100.1").as_bytes()].concat());
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(server.peer(), "198.51.100.1:0".parse().unwrap());
}
