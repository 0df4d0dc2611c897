//! The program against the real server, through real sockets.

mod outside;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use outside::server;
use serde_json::Value;
use tickwire_arena::Arena;
use tickwire_shared::native::Blocking;
use tickwire_shared::{EntityId, Profile};

fn swarm(url: &str, seconds: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["swarm", "--url", url, "--bots", "8", "--ramp", "0", "--seconds", seconds, "--json", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Reads stderr until the swarm has begun to measure; the rest stays unread.
fn wait_until_it_measures(swarm: &mut Child) -> impl BufRead + use<> {
    let mut lines = BufReader::new(swarm.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("measuring") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("it is text") > 0, "the swarm ended before it measured");
    }
    lines
}

fn json(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("no JSON on stdout: {error}\n{stderr}"))
}

#[test]
fn bots_play_and_see_what_the_server_sees() {
    let (server, url) = server();
    let output = swarm(&url, "2.5").wait_with_output().expect("it ends");
    server.stop();
    let json = json(&output);
    assert_eq!(output.status.code(), Some(0), "{json}");
    assert_eq!((&json["joined"], &json["failed"], &json["desyncs"]), (&8.into(), &0.into(), &0.into()), "{json}");
    assert!(json["hashes_checked"].as_u64() > Some(0), "{json}");
    assert!(json["tick_interval_ms"]["samples"].as_u64() > Some(0), "{json}");
    assert!(json["input_to_ack_ms"]["samples"].as_u64() > Some(0), "inputs were used: {json}");
    assert_eq!(json["left_hanging"], 0, "{json}");
}

/// What a pilot looks at is what there is; of the seat's own, without what only its owner knows.
#[test]
fn what_is_seen_by_channel_is_what_there_is() {
    let (server, url) = server();
    let mut player = Blocking::<Arena>::connect(&url, Profile::named("ann")).expect("there is a server");
    let (deadline, mut compared) = (Instant::now() + Duration::from_secs(30), 0);
    while compared < 20 {
        assert!(Instant::now() < deadline, "{compared} frames were alike");
        player.receive_for(Duration::from_millis(50)).expect("the connection stands");
        let client = player.client();
        let own: Vec<EntityId> = client.owned().collect();
        let others = |(id, ..): &(EntityId, u16, &[u32])| !own.contains(id);
        let mut all: Vec<_> = client.untyped().newest_all().filter(others).collect();
        let mut seen: Vec<_> = client.untyped().newest_by_channel().filter(others).collect();
        all.sort_unstable();
        seen.sort_unstable();
        // one that is between two channels may be in neither or in both
        compared += usize::from(all.len() > 3 && all == seen);
        player.flush().expect("the connection stands");
    }
    server.stop();
}

#[test]
fn a_server_that_stops_is_the_reason_that_is_told() {
    let (server, url) = server();
    let mut swarm = swarm(&url, "600");
    let _rest = wait_until_it_measures(&mut swarm);
    server.stop();
    let output = swarm.wait_with_output().expect("it ends");
    let json = json(&output);
    assert_eq!(output.status.code(), Some(1), "{json}");
    assert_eq!((&json["joined"], &json["failed"]), (&8.into(), &8.into()), "{json}");
    assert!(json["failures"][0]["reason"].as_str().is_some_and(|reason| reason.contains("1001")), "{json}");
}

/// Ctrl-C, and how a supervisor or a container's end does it.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_run_with_its_report() {
    let (server, url) = server();
    for signal in ["-INT", "-TERM"] {
        let mut swarm = swarm(&url, "600");
        let _rest = wait_until_it_measures(&mut swarm);
        let kill = Command::new("kill").args([signal, &swarm.id().to_string()]).status();
        assert!(kill.expect("there is a kill").success());
        let output = swarm.wait_with_output().expect("it ends");
        let json = json(&output);
        assert_eq!(output.status.code(), Some(0), "{signal}: {json}");
        assert_eq!(json["stopped_early"], true, "{signal}: {json}");
        assert_eq!((&json["joined"], &json["failed"]), (&8.into(), &0.into()), "{signal}: {json}");
    }
    server.stop();
}
