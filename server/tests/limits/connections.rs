//! How many connections there may be, and what becomes of those beyond.

use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use tickwire_server::net::addresses::AddressLimits;
use tickwire_server::net::{NetConfig, accept};
use tickwire_server::{Config, Site};

use crate::ends::{Client, Server};
use crate::{swirl, wire};

const PATIENCE: Duration = Duration::from_secs(20);

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let given_up = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < given_up, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn all_places_can_be_taken_and_no_more_and_who_leaves_makes_room() {
    let server = Server::start(NetConfig { connections_max: 3, ..NetConfig::default() });
    let mut clients: Vec<Client> = (0..3).map(|_| Client::open(&server)).collect();
    let (head, _) = Client::connect(&server).read_answer();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
    clients.pop();
    wait_until("a place is free", || server.metrics.connections_open.value() == 2);
    clients.push(Client::open(&server));
    assert_eq!(server.metrics.connections_refused.value(), 1);
}

#[test]
fn the_places_are_those_of_all_reactors_together() {
    let net = NetConfig { connections_max: 6, ..NetConfig::default() };
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), reactors: 3, net, ..Config::default() };
    let server = tickwire_server::Server::bind(config).unwrap().start::<swirl::Swirl>((), Site::default()).unwrap();
    // whichever reactor each of them comes to
    let _clients: Vec<TcpStream> = (0..6).map(|_| wire::upgraded(&server)).collect();
    for _ in 0..6 {
        let mut late = TcpStream::connect(server.addr()).unwrap();
        late.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        late.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    assert_eq!(server.metrics().connections_refused.value(), 6);
    server.stop();
}

#[test]
fn who_speaks_plain_http_keeps_a_place() {
    let addresses = AddressLimits { open_max: 2, ..AddressLimits::default() };
    for net in
        [NetConfig { addresses, ..NetConfig::default() }, NetConfig { connections_max: 2, ..NetConfig::default() }]
    {
        let refusal = if net.connections_max == 2 { "503" } else { "429" };
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), reactors: 1, net, ..Config::default() };
        let server = tickwire_server::Server::bind(config).unwrap().start::<swirl::Swirl>((), Site::default()).unwrap();
        let ask = || {
            let mut client = Client::connect_to(server.addr(), Ipv4Addr::new(127, 0, 0, 2));
            client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
            let head = client.read_head();
            (client, head[9..12].to_owned())
        };
        let mut staying: Vec<(Client, String)> = (0..2).map(|_| ask()).collect();
        assert!(staying.iter().all(|(_, status)| status == "200"), "{:?}", staying[1].1);
        assert_eq!(ask().1, refusal);
        staying.pop();
        wait_until("a place is free", || ask().1 == "200");
        drop(staying);
        server.stop();
    }
}

#[test]
fn when_there_is_no_place_even_for_a_refusal_the_others_wait_in_the_kernel() {
    let server = Server::start(NetConfig { connections_max: 1, close_timeout_ms: 60_000, ..NetConfig::default() });
    let first = Client::open(&server);
    // 64 are told and do not hang up, the next is dropped, and then nobody is accepted for a while
    let told: Vec<Client> = (0..64).map(|_| Client::connect(&server)).collect();
    wait_until("64 are told", || server.metrics.connections_refused.value() == 64);
    assert_eq!(server.metrics.accepts_paused.value(), 0);
    Client::connect(&server).expect_end();
    wait_until("accepting is paused", || server.metrics.accepts_paused.value() == 1);
    // one is accepted and dropped, then there is a pause of 100 ms
    let began = Instant::now();
    (0..5).for_each(|_| Client::connect(&server).expect_end());
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?} for five", began.elapsed());
    wait_until("each of them is a pause", || server.metrics.accepts_paused.value() == 6);
    drop((first, told));
    server.expect_gone();
    Client::open(&server);
}

#[test]
fn as_many_wait_to_be_accepted_as_the_backlog_says() {
    assert_eq!(NetConfig::default().backlog, 4096);
    // it does not accept: nobody polls it
    let listener = accept::bind_with_backlog((Ipv4Addr::LOCALHOST, 0).into(), 4).unwrap();
    let addr = listener.local_addr().unwrap();
    let patience = Duration::from_millis(300);
    // Linux takes one more than the number
    let waiting: Vec<TcpStream> =
        (0..5).map(|_| TcpStream::connect_timeout(&addr, PATIENCE).expect("there is room")).collect();
    assert!(TcpStream::connect_timeout(&addr, patience).is_err(), "there is no room any more");
    drop(waiting);
}
