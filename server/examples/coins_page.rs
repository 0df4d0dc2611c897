//! The small game with a page: serves the browser's files on a free port, so that any browser can join.

#[path = "coins.rs"]
#[allow(dead_code, reason = "the game's own main is another")]
mod coins;

use std::path::Path;

use tickwire_server::{Config, Server, Site};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let site = Site::from_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/web"))?;
    let server = Server::bind(config)?.start::<coins::Coins>((), site)?;
    server.stop_on_signal(|addr| println!("coins is on: http://{addr}/minimal/?game=coins"))?;
    Ok(())
}
