//! Scenarios, reports and comparisons, from outside.

mod outside;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outside::{Scratch, bots, server};
use serde_json::Value;
use tickwire_arena::{Arena, Options};
use tickwire_bots::scenario::Scenario;
use tickwire_server::{Config, Server, Site};

fn json(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(file).expect("it was written")).expect("it is JSON")
}

const ALL_PHASES: &str = r#"
thresholds = ["desyncs == 0", "p99_join < 5s", "p99_resume < 5s", "joined >= 12"]

[[bots]]
share = 3
link = { latency = "30ms", jitter = "3ms", stall = "1%:50ms", rate = "2mbit" }

[[bots]]
share = 1
depth = "watch"

[[phases]]
do = "ramp"
bots = 8
over = "200ms"

[[phases]]
do = "hold"
for = "1500ms"

[[phases]]
do = "burst"
bots = 4
for = "800ms"

[[phases]]
do = "churn"
per_s = 4
for = "1s"

[[phases]]
do = "slow"
share = "25%"
for = "1500ms"

[[phases]]
do = "storm"
share = "50%"
over = "200ms"
for = "1500ms"

[[phases]]
do = "stampede"
bots = 4
for = "1s"
"#;

#[test]
fn every_phase_happens_and_the_results_have_it() {
    let (scratch, (server, url)) = (Scratch::new("phases"), server());
    let (scenario, out) = (scratch.file("all.toml", ALL_PHASES), scratch.path("all.json"));
    let (page, lines) = (scratch.path("all.html"), scratch.path("all.jsonl"));
    let flags = ["swarm", "--url", &url, "--scenario", &scenario, "--json", &out, "--html", &page, "--lines", &lines];
    let output = bots(&flags);
    server.stop();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("holds  desyncs == 0"), "{stdout}");
    let json = json(&out);
    let phases: Vec<_> = json["phases"].as_array().expect("a list").iter().map(|phase| phase["name"].clone()).collect();
    assert_eq!(phases, ["ramp", "hold", "burst", "churn", "slow", "storm", "stampede"]);
    // 8, 4 for a while, 4 newcomers, 4 that came back, 4 more
    assert_eq!((&json["joined"], &json["failed"], &json["desyncs"]), (&24.into(), &0.into(), &0.into()), "{json}");
    assert!(stdout.contains("24 seats given, at most 12 bots at a time, 0 failed"), "{stdout}");
    assert_eq!(json["slow_bots"], serde_json::json!([]), "who did not read has only itself to blame: {json}");
    assert_eq!(json["resume_ms"]["samples"], 4, "{json}");
    assert_eq!(json["join_ms"]["samples"], 20, "{json}");
    assert_eq!((&json["resumed"], &json["seats_lost"]), (&4.into(), &0.into()), "{json}");
    assert_eq!(json["wrong_spawns"], 0, "{json}");
    assert!(stdout.contains("returns   4 into their seats, 0 lost theirs"), "{stdout}");
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.contains("<svg") && page.contains("All was well"));
    let last = json["series"].as_array().and_then(|series| series.last()).expect("there were seconds");
    assert!(last["frames"].as_u64() > Some(0), "nobody fell silent in the end: {last}");
    let lines = fs::read_to_string(lines).expect("it was written");
    assert!(lines.lines().count() >= 3, "{lines}");
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["at_s"].is_f64())));
}

/// Of assets/scenarios/returns.toml, with a tenth of the bots and a tenth of the time.
#[test]
fn whose_connection_breaks_comes_back_to_its_seat() {
    let (scratch, (server, url)) = (Scratch::new("returns"), server());
    let mut text = include_str!("../../assets/scenarios/returns.toml").to_owned();
    for (long, short) in [
        ("bots = 200", "bots = 20"),
        ("\"60s\"", "\"6s\""),
        ("\"63s\"", "\"9s\""),
        ("resumed == 100", "resumed == 10"),
        ("p99_resume < 1s", "p99_resume < 8s"), // a busy machine must not decide this test
    ] {
        assert_eq!(text.matches(long).count(), 1, "{long}");
        text = text.replace(long, short);
    }
    let (scenario, out) = (scratch.file("short.toml", &text), scratch.path("short.json"));
    let output = bots(&["swarm", "--url", &url, "--scenario", &scenario, "--json", &out]);
    server.stop();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let json = json(&out);
    assert_eq!((&json["resumed"], &json["resume_ms"]["samples"]), (&10.into(), &10.into()), "{json}");
    assert!(json["hashes_checked"].as_u64() > Some(20), "{json}");
}

#[test]
fn the_servers_own_figures_stand_beside_the_swarms() {
    let (scratch, listen) = (Scratch::new("metrics"), "127.0.0.1:0".parse().expect("an address"));
    let mut config = Config { listen, ..Config::default() };
    config.admin.listen = Some(listen);
    let server = Server::bind(config).expect("loopback has a free port");
    let running = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
    let (url, admin) = (format!("ws://{}/ws", running.addr()), running.admin_addr().expect("it was asked for"));
    let (out, page) = (scratch.path("out.json"), scratch.path("out.html"));
    let flags =
        ["swarm", "--url", &url, "--bots", "4", "--ramp", "0", "--seconds", "4", "--json", &out, "--html", &page];
    let output = bots(&[&flags[..], &["--metrics", &format!("http://{admin}/metrics")]].concat());
    let wrong = bots(&["swarm", "--url", &url, "--bots", "1", "--metrics", &format!("http://{admin}/nothing")]);
    running.stop();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let json = json(&out);
    let of = |name: &str| json["server"]["counts"][name].as_f64().unwrap_or(-1.0);
    assert!(of("ticks") >= 30.0 && of("frames_composed") >= 100.0 && of("desyncs") == 0.0, "{json}");
    assert!(json["server"]["times_ms"]["tick"]["p99"].as_f64() > Some(0.0), "{json}");
    assert!(stdout.contains("server's tick"), "{stdout}");
    assert!(fs::read_to_string(page).expect("it was written").contains("The server's own figures"));
    let stderr = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!((wrong.status.code(), stderr.contains("HTTP 404")), (Some(2), true), "{stderr}");
}

#[test]
fn a_missed_threshold_is_exit_code_1() {
    let (scratch, (server, url)) = (Scratch::new("missed"), server());
    let hold = "[[phases]]\ndo = \"ramp\"\nbots = 2\nover = \"0ms\"\n[[phases]]\ndo = \"hold\"\nfor = \"1s\"\n";
    let scenario = scratch.file("strict.toml", &format!("thresholds = [\"p50_tick_interval < 1ms\"]\n{hold}"));
    let by_flags = ["--bots", "2", "--ramp", "0", "--seconds", "1", "--threshold", "desyncs == 0"];
    let by_flags = [&by_flags[..], &["--threshold", "p50_tick_interval < 1ms"]].concat();
    for flags in [vec!["--scenario", &scenario], by_flags] {
        let output = bots(&[&["swarm", "--url", &url][..], &flags].concat());
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{stdout}");
        assert!(stdout.contains("FAILS  p50_tick_interval < 1ms"), "{stdout}");
    }
    server.stop();
}

#[test]
fn a_mistake_in_a_scenario_is_one_sentence_with_its_line() {
    let scratch = Scratch::new("mistake");
    let scenario = scratch.file("bad.toml", &ALL_PHASES.replace("do = \"churn\"", "do = \"chrun\""));
    let output = bots(&["swarm", "--scenario", &scenario]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.contains("bad.toml, line 27: there is no phase \"chrun\": there are ramp"), "{stderr}");
    let output = bots(&["swarm", "--scenario", &scratch.path("none.toml")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the scenario"), "{output:?}");
    for flag in [["--bots", "3"], ["--threshold", "failed == 0"]] {
        let output = bots(&[&["swarm", "--scenario", &scenario][..], &flag].concat());
        let wanted = format!("--scenario does not go with {}", flag[0]);
        assert!(String::from_utf8_lossy(&output.stderr).contains(&wanted), "{output:?}");
    }
    let scenario = scratch.file("watch.toml", &ALL_PHASES.replace("share = 3", "depth = \"watch\""));
    let stderr = bots(&["swarm", "--scenario", &scenario]).stderr;
    let wanted = "watch.toml, line 2: \"desyncs == 0\" could never be judged: all bots only watch";
    assert!(String::from_utf8_lossy(&stderr).contains(wanted), "{}", String::from_utf8_lossy(&stderr));
}

#[test]
fn the_scenarios_that_are_shipped_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/scenarios");
    let files: Vec<_> = fs::read_dir(folder).expect("it is there").flatten().map(|entry| entry.path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let scenario = Scenario::read(&file, &["pilot", "idle"]).unwrap_or_else(|error| panic!("{error}"));
        assert!(!scenario.thresholds.is_empty(), "{} decides nothing", file.display());
    }
}

#[test]
fn shards_are_merged_and_runs_are_compared() {
    let (scratch, (server, url)) = (Scratch::new("shards"), server());
    let (one, other, whole) = (scratch.path("0.json"), scratch.path("1.json"), scratch.path("whole.json"));
    let text = "thresholds = [\"joined == 7\", \"desyncs == 0\"]\n[[phases]]\ndo = \"ramp\"\nbots = 7\nover = \"0ms\"\n\
                [[phases]]\ndo = \"hold\"\nfor = \"1s\"\n";
    let scenario = scratch.file("seven.toml", text);
    // far enough that both are there by then, also on a busy machine
    let start = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970") + Duration::from_secs(5);
    let start_at = start.as_secs_f64().to_string();
    let run = |shard: &str, out: &str| {
        let flags =
            ["swarm", "--url", &url, "--scenario", &scenario, "--shard", shard, "--threads", "2", "--json", out];
        let mut program = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"));
        let program = program.args(flags).args(["--start-at", &start_at]);
        program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    };
    let running = [run("0/2", &one), run("1/2", &other)];
    let outputs = running.map(|run| run.wait_with_output().expect("it ends"));
    server.stop();
    for output in &outputs {
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "a part does not judge what is the whole's: {stdout}{stderr}");
        assert!(stderr.contains("begins at ") && stdout.contains("(of this part; `merge`"), "{stdout}{stderr}");
    }
    for part in [&one, &other] {
        let began_ms = json(part)["began_unix_ms"].as_u64().expect("a number");
        assert!(u128::from(began_ms) >= start.as_millis(), "{began_ms} is before {start:?}");
    }
    let lines = scratch.file("whole.jsonl", "what was here before\n");
    let refused = bots(&["merge", &one, "--lines", &lines]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(fs::read_to_string(&lines).expect("it is there"), "what was here before\n", "nothing was merged");
    let output = bots(&["merge", &one, &other, "--json", &whole, "--lines", &lines]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = fs::read_to_string(&lines).expect("it was written");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    assert_eq!(json(&whole)["series"], Value::Array(lines), "a line for each second of the whole");
    assert_eq!((&json(&one)["joined"], &json(&other)["joined"]), (&4.into(), &3.into()));
    assert_eq!((&json(&whole)["joined"], &json(&whole)["bots"]), (&7.into(), &7.into()));
    assert!(String::from_utf8_lossy(&output.stdout).contains("holds  joined == 7"), "{output:?}");
    let half = bots(&["merge", &one]);
    assert_eq!(half.status.code(), Some(2), "{half:?}");
    assert!(String::from_utf8_lossy(&half.stderr).contains("part 1/2 is missing"), "{half:?}");
    let same = bots(&["compare", &whole, &whole]);
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert!(String::from_utf8_lossy(&same.stdout).contains("0 better, 0 worse beyond noise"), "{same:?}");
    let wrong = bots(&["compare", &whole, &scratch.file("x.json", "{}")]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("give a file that --json has written"), "{wrong:?}");
}

#[test]
fn bots_that_misbehave_do_not_harm_the_others() {
    let (server, url) = server();
    for watch in ["0%", "100%"] {
        let flags = ["--ramp", "0", "--seconds", "4", "--chaos", "50%", "--watch", watch, "--json", "-"];
        let output = bots(&[&["swarm", "--url", &url, "--bots", "16"][..], &flags].concat());
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
        let json: Value = serde_json::from_str(&stdout).expect("it is JSON");
        assert_eq!((&json["failed"], &json["desyncs"]), (&0.into(), &0.into()), "{json}");
        assert!(json["chaos_ends"].as_u64() >= Some(4), "with {watch} that watch few misbehaved: {json}");
        assert_eq!(json["hashes_checked"].as_u64() > Some(0), watch == "0%", "{json}");
        assert!(json["resumed"].as_u64() > Some(0), "nobody came back to its seat: {json}");
    }
    server.stop();
}

/// As `swarm … 2>&1 | head -1` has it.
#[test]
fn who_listens_no_more_does_not_end_a_run() {
    let (server, url) = server();
    let flags = ["swarm", "--url", &url, "--bots", "2", "--ramp", "0", "--seconds", "1"];
    for to_stdout in [&[][..], &["--json", "-"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"));
        let program = program.args(flags).args(to_stdout).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = program.spawn().expect("the program starts");
        drop(running.stderr.take());
        let output = running.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let scratch = Scratch::new("gone");
    let written = scratch.path("run.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"));
    let program = program.args(flags).args(["--json", &written]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().expect("the program starts");
    drop((running.stdout.take(), running.stderr.take()));
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
    assert_eq!(json(&written)["joined"], 2);
    server.stop();
}

#[test]
fn a_long_phase_says_now_and_then_that_it_goes_on() {
    let (server, url) = server();
    let output = bots(&["swarm", "--url", &url, "--bots", "2", "--ramp", "0", "--seconds", "11"]);
    server.stop();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("10 s of 11 s: 2 play\n"), "{stderr}");
}

#[test]
fn bots_that_do_not_read_for_a_while_are_not_accused_of_it() {
    let (scratch, (server, url)) = (Scratch::new("slow"), server());
    let text = "thresholds = [\"silent_bots == 0\", \"failed == 0\"]\n[[phases]]\ndo = \"ramp\"\nbots = 10\n\
                over = \"200ms\"\n[[phases]]\ndo = \"slow\"\nshare = \"50%\"\nfor = \"4s\"\n";
    let (scenario, out) = (scratch.file("slow.toml", text), scratch.path("slow.json"));
    let output = bots(&["swarm", "--url", &url, "--scenario", &scenario, "--json", &out]);
    server.stop();
    let json = json(&out);
    assert_eq!(output.status.code(), Some(0), "{json}");
    // five that read, and five that were not measured
    let measured_s = json["bot_seconds"].as_f64().expect("a number");
    assert!((19.0..=25.0).contains(&measured_s), "{json}");
    let frames = json["frames_per_s_per_bot"].as_f64().expect("a number");
    assert!((10.0..=31.0).contains(&frames), "the rate is of those that were measured: {json}");
}
