//! How many bots a server holds, from outside.

mod outside;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use clap::Parser;
use outside::{Scratch, bots, json, server};
use tickwire_arena::{Arena, Options};
use tickwire_bots::{Behaviour, Cli, Minds};
use tickwire_server::{Config, Server, Site};
use tickwire_shared::{Client, Game};

#[test]
fn capacity_finds_a_number() {
    let (server, url) = server();
    let flags = ["--from", "2", "--most", "6", "--seconds", "1", "--warm-up", "0.2", "--repeat", "0"];
    // a busy machine must not decide this test
    let lenient = ["--threshold", "desyncs == 0", "--threshold", "failed == 0"];
    let output = bots(&[&["capacity", "--url", &url][..], &flags, &lenient].concat());
    server.stop();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert_eq!(stdout, "this server holds at least 6 players of arena: more were not asked for (--most)\n");
    assert!(stderr.contains("      2 bots: holds\n      4 bots: holds\n      6 bots: holds\n"), "{stderr}");
}

#[test]
fn capacity_finds_where_a_server_fails() {
    let mut config = Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() };
    config.net.connections_max = 10;
    let server = Server::bind(config).expect("loopback has a free port");
    let running = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
    let (url, scratch) = (format!("ws://{}/ws", running.addr()), Scratch::new("fails"));
    let file = scratch.path("climb.json");
    // who is turned away is too many, whatever the thresholds are
    let flags = ["--from", "4", "--most", "40", "--seconds", "0.5", "--warm-up", "0.1", "--threshold", "desyncs == 0"];
    let output = bots(&[&["capacity", "--url", &url, "--json", &file][..], &flags].concat());
    running.stop();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let climb = json(&file);
    let holds = climb["holds"].as_u64().expect("there is a number");
    // a connection that was just left may still count
    assert!((8..=10).contains(&holds) && climb["is_all"] == true, "{climb}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("this server holds {holds} players of arena\n"));
    // what fails was tried twice, and so was what holds
    let trials = climb["trials"].as_array().expect("a list");
    let count = |bots: u64| trials.iter().filter(|tried| tried["bots"] == bots).count();
    assert!(count(16) == 2 && count(holds) >= 2, "{climb}");
    assert!(
        trials.iter().any(|tried| tried["trial"] == "fails" && tried["why"].to_string().contains("6 bots failed")),
        "{climb}"
    );
}

/// Of these bots some take longer to think than there is time.
struct Sleeper(bool);

impl<G: Game> Behaviour<G> for Sleeper {
    fn drive(&mut self, _client: &Client<G>, _now: Duration) -> G::Input {
        if self.0 {
            thread::sleep(Duration::from_millis(30));
        }
        G::Input::default()
    }
}

#[test]
fn where_the_swarm_is_the_limit_the_server_is_not_judged_and_the_search_ends() {
    let ((server, url), scratch) = (server(), Scratch::new("limit"));
    let file = scratch.path("climb.json");
    let words = ["tickwire-bots", "capacity", "--url", &url, "--json", &file, "--from", "2", "--most", "16"];
    let flags = ["--seconds", "1", "--warm-up", "0.3", "--repeat", "1", "--threshold", "p99_lateness < 25ms"];
    let cli = Cli::parse_from(words.into_iter().chain(flags));
    // bot i is made of seed 1 + i
    let run = tickwire_bots::run::<Arena>(&cli, Minds::of("sleeper", |seed| Sleeper(seed > 4)));
    server.stop();
    run.expect("it runs");
    let climb = json(&file);
    let sentence = climb["sentence"].as_str().expect("a text");
    assert!(sentence.contains("; beyond that the swarm was the limit"), "{climb}");
    assert!(matches!(climb["holds"].as_u64(), Some(2..=4)) && climb["is_all"] == false, "{climb}");
    let trials = climb["trials"].as_array().expect("a list");
    let limited = trials.iter().filter(|tried| tried["trial"] == "swarm_limited");
    let numbers: Vec<u64> = limited.filter_map(|tried| tried["bots"].as_u64()).collect();
    let tries = |bots| numbers.iter().filter(|tried| **tried == bots).count();
    assert!(!numbers.is_empty() && numbers.iter().all(|bots| tries(*bots) <= 2), "{climb}");
}

/// As a supervisor ends it: what was tried is written, and the number is no result.
#[cfg(unix)]
#[test]
fn who_ends_it_gets_what_was_tried_until_then() {
    let ((server, url), scratch) = (server(), Scratch::new("ended"));
    let file = scratch.path("climb.json");
    let flags = ["--from", "2", "--most", "2000", "--seconds", "1", "--warm-up", "0.2", "--threshold", "desyncs == 0"];
    let mut running = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["capacity", "--url", &url, "--json", &file])
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = BufReader::new(running.stderr.take().expect("it was asked for")).lines().map_while(Result::ok);
    let first = said.next().expect("it says what it will do");
    assert!(first.starts_with("runs with 2 to 2000 bots, of 5 to 10 s each; done in "), "{first}");
    assert!(first.ends_with(" min at most, unless joins hang"), "{first}");
    assert_eq!(said.next().as_deref(), Some("      2 bots: holds"));
    let ended = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().expect("there is a shell");
    assert!(ended.success());
    let mut sentence = String::new();
    let _ = running.stdout.take().expect("it was asked for").read_to_string(&mut sentence);
    assert_eq!(running.wait().expect("it ends").code(), Some(1), "{sentence}");
    server.stop();
    assert!(sentence.contains(" players of arena once; then it was stopped"), "{sentence}");
    let climb = json(&file);
    assert_eq!((&climb["trials"][0]["bots"], &climb["trials"][0]["trial"]), (&2.into(), &"holds".into()), "{climb}");
    assert!(sentence.starts_with(climb["sentence"].as_str().expect("a text")), "{sentence}{climb}");
}

#[test]
fn a_search_that_could_find_nothing_is_refused_at_once() {
    for (flags, wanted) in [
        (&["--from", "50", "--most", "20"][..], "--from 50 is more than --most 20; begin with fewer"),
        (&["--end-within", "5s"], "--end-within is too short: a run with 50 bots takes 16 s; give it more"),
        (&["--most", "20", "--end-within", "15s"], "a run with 20 bots takes 16 s"),
        (
            &["--threshold", "p99_resume < 1s"],
            "--threshold \"p99_resume < 1s\" could never be judged: nobody comes back in a run without a storm",
        ),
        (&["--watch", "100%", "--threshold", "desyncs == 0"], "all bots only watch"),
    ] {
        // nobody is there: it does not even ask
        let output = bots(&[&["capacity", "--url", "ws://127.0.0.1:1/ws"][..], flags].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(wanted), "{wanted}: {stderr}");
    }
    let output = bots(&["capacity", "--url", "ws://127.0.0.1:1/ws", "--watch", "100%", "--most", "20"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("runs with 20 to 20 bots") && stderr.contains("is the server running there?"), "{stderr}");
}

#[test]
fn it_ends_within_the_time_that_it_was_given() {
    let (server, url) = server();
    let flags = ["--end-within", "5500ms", "--from", "2", "--seconds", "1", "--warm-up", "0.2"];
    let output = bots(&[&["capacity", "--url", &url, "--threshold", "desyncs == 0"][..], &flags].concat());
    server.stop();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("; done in 5 s at the latest\n"), "{stderr}");
    let wanted = "this server held 2 players of arena once; there was no time for more (--end-within)\n";
    assert_eq!(stdout, wanted, "{stderr}");
}
