//! What an operator sees and does, from outside: metrics, health, rooms, kicks, the end of a room.

mod dashboard;
mod exposition;
mod http;
mod inspection;
mod overload;
mod steering;
#[path = "../sockets/swirl.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod swirl;
mod told;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire_server::config::AdminConfig;
use tickwire_server::{Config, Running, Server, Site};

use exposition::Scrape;
use swirl::Swirl;

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose admin listener has the tests' token.
fn start(change: impl FnOnce(&mut Config)) -> (Running, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = AdminConfig { listen: Some(any), token: Some(http::TOKEN.to_owned()), ..AdminConfig::default() };
    let mut config = Config { listen: any, admin, ..Config::default() };
    change(&mut config);
    let running = Server::bind(config).expect("free ports").start::<Swirl>((), Site::default()).expect("it starts");
    let admin = running.admin_addr().expect("the admin listener is on");
    (running, admin)
}

fn scrape(addr: SocketAddr) -> Scrape {
    let answer = http::get(addr, "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    Scrape::read(&answer.body)
}

/// Asks again until it is so.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let given_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < given_up, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
