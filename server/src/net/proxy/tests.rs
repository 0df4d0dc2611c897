use proptest::prelude::*;

use super::*;

const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x9C, 0x41, 0, 80];

fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, body].concat()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Pushes as much as is asked for at a time, as the reactor does: the answer, and what is left for TLS or HTTP.
fn read(mut bytes: &[u8]) -> (Result<Option<Source>, HeaderError>, &[u8]) {
    let mut reader = HeaderReader::default();
    loop {
        let (now, rest) = bytes.split_at(reader.missing_bytes().min(bytes.len()));
        bytes = rest;
        match reader.push(now) {
            Ok(None) if !bytes.is_empty() => {}
            answer => return (answer, bytes),
        }
    }
}

#[test]
fn both_families_name_the_client_and_nothing_behind_the_header_is_read() {
    let bytes = [header(0x21, 0x11, &V4), b"GET /".to_vec()].concat();
    let client = "203.0.113.7:40001".parse().unwrap();
    assert_eq!(read(&bytes), (Ok(Some(Source::Client(client))), &b"GET /"[..]));

    let addresses = ["2001:db8::7", "2001:db8::1"].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    let body = [addresses.concat(), vec![0x9C, 0x41, 0, 80]].concat();
    let client = "[2001:db8::7]:40001".parse().unwrap();
    assert_eq!(read(&header(0x21, 0x21, &body)).0, Ok(Some(Source::Client(client))));

    let mapped = [ip("::ffff:203.0.113.7"), ip("::1")].map(|ip| match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(_) => unreachable!("written for IPv6"),
    });
    let body = [mapped.concat(), vec![0x9C, 0x41, 0, 80]].concat();
    let client = "203.0.113.7:40001".parse().unwrap();
    assert_eq!(read(&header(0x21, 0x21, &body)).0, Ok(Some(Source::Client(client))), "IPv4 written for IPv6");
}

#[test]
fn type_length_values_are_skipped_up_to_the_limit() {
    for (tlvs, is_taken) in [(0, true), (3, true), (HEADER_MAX_BYTES - 28, true), (HEADER_MAX_BYTES - 27, false)] {
        let bytes = header(0x21, 0x11, &[&V4[..], &vec![0xEE; tlvs]].concat());
        let (answer, rest) = read(&bytes);
        if is_taken {
            assert!(matches!(answer, Ok(Some(Source::Client(_)))), "{tlvs}: {answer:?}");
            assert!(rest.is_empty());
        } else {
            assert_eq!(answer, Err(HeaderError::TooLong));
            assert_eq!(rest.len(), bytes.len() - FIXED_BYTES, "refused before any of it is read");
        }
    }
}

#[test]
fn who_has_no_address_is_the_proxy_itself() {
    // a health check: whatever its family and body are
    for (family, body) in [(0x00, &b""[..]), (0x11, &V4), (0x11, b"short"), (0xFF, b"")] {
        assert_eq!(read(&header(0x20, family, body)).0, Ok(Some(Source::Proxy)), "{family:#x}");
    }
    assert_eq!(read(&header(0x21, 0x00, b"tlvs")).0, Ok(Some(Source::Proxy)));
    assert_eq!(read(&header(0x21, 0x31, &[b'/'; 216])).0, Ok(Some(Source::Proxy)));
}

#[test]
fn what_is_not_defined_is_refused() {
    for command in [0x00, 0x10, 0x11, 0x22, 0x2F, 0x31] {
        let refused = Err(HeaderError::VersionOrCommand(command));
        assert_eq!(read(&header(command, 0x11, &V4)).0, refused);
    }
    for family in [0x01, 0x10, 0x12, 0x13, 0x20, 0x22, 0x32, 0x41, 0xF1] {
        assert_eq!(read(&header(0x21, family, &[0; 216])).0, Err(HeaderError::Family(family)));
    }
    assert_eq!(read(&header(0x21, 0x11, &V4[..11])).0, Err(HeaderError::TooShort(11)));
    assert_eq!(read(&header(0x21, 0x21, &[0; 35])).0, Err(HeaderError::TooShort(35)));
    let (v1, http, tls) =
        (&b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n"[..], &b"GET / HTTP/1.1\r\n"[..], &b"\x16\x03\x01"[..]);
    for other in [v1, http, tls, b"\r\n\r\nGET", b"\n"] {
        assert_eq!(read(other).0, Err(HeaderError::Signature), "{other:?}");
    }
}

#[test]
fn a_network_is_its_leading_bits() {
    for (network, inside, outside) in [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.0.0.1/31", "10.0.0.0", "10.0.0.2"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("::1", "::1", "::2"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("::/0", "2001:db8::1", "10.0.0.1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
    ] {
        let parsed: Network = network.parse().unwrap();
        assert!(parsed.contains(ip(inside)), "{inside} is in {network}");
        assert!(!parsed.contains(ip(outside)), "{outside} is not in {network}");
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{network}");
    }
    for wrong in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "proxy", "::ffff:1.2.3.4/100"] {
        assert_eq!(wrong.parse::<Network>(), Err(NotANetwork), "{wrong}");
    }
}

#[test]
fn the_client_is_the_rightmost_that_is_no_proxy() {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec();
    let proxies = Proxies { networks, protocol: false };
    for (peer, forwarded, client) in [
        ("10.0.0.1:5", &["203.0.113.7"][..], "203.0.113.7:0"),
        ("10.0.0.1:5", &["1.1.1.1, 203.0.113.7"], "203.0.113.7:0"), // the first was written by the client
        ("10.0.0.1:5", &["1.1.1.1,203.0.113.7 , 10.9.9.9"], "203.0.113.7:0"),
        ("10.0.0.1:5", &["1.1.1.1", "203.0.113.7", "10.9.9.9"], "203.0.113.7:0"),
        ("10.0.0.1:5", &["203.0.113.7:4000"], "203.0.113.7:4000"),
        ("10.0.0.1:5", &["[2001:db9::7]:4000"], "[2001:db9::7]:4000"),
        ("10.0.0.1:5", &["[2001:db9::7]"], "[2001:db9::7]:0"),
        ("10.0.0.1:5", &["::ffff:203.0.113.7"], "203.0.113.7:0"),
        ("[2001:db8::1]:5", &["2001:db9::7"], "[2001:db9::7]:0"),
        ("[::ffff:10.0.0.1]:5", &["203.0.113.7"], "203.0.113.7:0"),
        // nobody is named, or not by an address
        ("10.0.0.1:5", &[], "10.0.0.1:5"),
        ("10.0.0.1:5", &[""], "10.0.0.1:5"),
        ("10.0.0.1:5", &["unknown"], "10.0.0.1:5"),
        ("10.0.0.1:5", &["1.1.1.1, unknown, 10.9.9.9"], "10.9.9.9:0"),
        ("10.0.0.1:5", &["10.8.8.8, 10.9.9.9"], "10.8.8.8:0"),
        // no proxy
        ("203.0.113.9:5", &["1.1.1.1"], "203.0.113.9:5"),
    ] {
        let lines = forwarded.iter().map(|line| line.as_bytes());
        assert_eq!(proxies.client_of(peer.parse().unwrap(), lines), client.parse().unwrap(), "{peer} {forwarded:?}");
    }
}

proptest! {
    #[test]
    fn any_cut_of_a_header_gives_the_same_answer(
        v6 in any::<bool>(),
        tlvs in 0_usize..400,
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let body = if v6 { vec![7; 36 + tlvs] } else { vec![7; 12 + tlvs] };
        let bytes = [header(0x21, if v6 { 0x21 } else { 0x11 }, &body), b"behind".to_vec()].concat();
        let mut reader = HeaderReader::default();
        let (mut at, mut answer) = (0, None);
        for size in cuts.iter().cycle() {
            let end = at + (*size).min(reader.missing_bytes());
            answer = reader.push(&bytes[at..end]).unwrap();
            at = end;
            if answer.is_some() {
                break;
            }
        }
        prop_assert_eq!(answer, read(&bytes).0.unwrap());
        prop_assert_eq!(&bytes[at..], b"behind");
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes: Vec<u8>, command: u8, family: u8, list: Vec<u8>) {
        let _ = read(&bytes);
        let body = &bytes[..bytes.len().min(600)];
        let _ = read(&header(command, family, body));
        let _ = read(&header(0x21, family, body));
        let proxies = Proxies { networks: vec!["0.0.0.0/0".parse().unwrap()], protocol: false };
        let _ = proxies.client_of("10.0.0.1:5".parse().unwrap(), [&list[..]].into_iter());
    }
}
