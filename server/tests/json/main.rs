//! `tickwire.1.json` from outside: what a script that speaks JSON sees of whole servers, through real sockets.

mod arena;
mod chat;
mod limits;
mod peer;
mod waves;
mod words;

use std::future::Future;

use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::Game;

/// On any free port.
fn start<G: Game>(change: impl FnOnce(&mut Config)) -> Running
where
    G::Options: Default,
{
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    change(&mut config);
    let server = Server::bind(config).expect("a free port");
    server.start::<G>(G::Options::default(), Site::default()).expect("the game starts")
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the test").block_on(test)
}
