//! The second game's bots: what the README shows as a new behaviour really plays.

use std::fs;

use clap::Parser;
use coins_bots::coins::Coins;
use serde_json::Value;
use tickwire_bots::{Cli, Minds};
use tickwire_server::{Config, Server, Site};

#[path = "../examples/coins_bots.rs"]
#[allow(dead_code)]
mod coins_bots;

#[test]
fn runners_play_coins() {
    let config = Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() };
    let server = Server::bind(config).expect("loopback has a free port");
    let running = server.start::<Coins>((), Site::default()).expect("the game runs");
    let url = format!("ws://{}/ws", running.addr());
    let out = std::env::temp_dir().join(format!("tickwire-coins-{}.json", std::process::id()));
    let words = ["tickwire-bots", "swarm", "--url", &url, "--bots", "5", "--ramp", "0", "--seconds", "2", "--json"];
    let cli = Cli::parse_from(words.into_iter().chain(out.to_str()));
    let code = tickwire_bots::run::<Coins>(&cli, Minds::of("runner", |_| coins_bots::Runner)).expect("it runs");
    running.stop();
    let text = fs::read_to_string(&out).expect("it was written");
    let _ = fs::remove_file(out);
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS), "{text}");
    let json: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!((&json["game"], &json["joined"], &json["desyncs"]), (&"coins".into(), &5.into(), &0.into()));
    assert!(json["hashes_checked"].as_u64() > Some(0), "{json}");
}

#[test]
fn the_readme_shows_the_behaviour_as_it_is() {
    let (readme, example) = (include_str!("../../README.md"), include_str!("../examples/coins_bots.rs"));
    let shown = readme.split("```").find(|block| block.starts_with("rust\nimpl Behaviour<Coins>"));
    let shown = shown.and_then(|block| block.strip_prefix("rust\n")).expect("the README shows a behaviour");
    assert!(example.ends_with(shown), "the README shows\n{shown}");
    assert!(shown.lines().count() <= 20, "{} lines are more than were promised", shown.lines().count());
}
