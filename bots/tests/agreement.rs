//! Two runs of the same agree, or say why they need not; two that differ do not.

mod outside;

use std::fs;

use outside::{Scratch, bots, json, server};
use serde_json::Value;

#[track_caller]
fn compared(one: &str, other: &str, flags: &[&str], code: i32) -> String {
    let output = bots(&[&["compare", one, other][..], flags].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn two_runs_of_the_same_agree_or_one_says_that_the_machine_was_noisy() {
    let ((server, url), scratch) = (server(), Scratch::new("agreement"));
    let [one, other] = ["one.json", "other.json"].map(|name| scratch.path(name));
    let run = |file: &str| {
        // enough for a p99
        let flags = ["--bots", "45", "--ramp", "0.5", "--seconds", "8", "--seed", "7"];
        let output = bots(&[&["swarm", "--url", &url, "--json", file][..], &flags].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    run(&one);
    run(&other);
    // what disturbs all of one run and nothing of the other is told by neither: another run may show it
    for _ in 0..2 {
        if bots(&["compare", &one, &other, "--agree"]).status.success() {
            break;
        }
        fs::rename(&other, &one).expect("it is there");
        run(&other);
    }
    server.stop();
    let told = compared(&one, &other, &["--agree"], 0);
    let is_noisy = [&one, &other].iter().any(|file| json(file)["machine_was_noisy"] == true);
    let excused = told.contains("The runs do not agree") && told.contains("The machine was noisy");
    assert!(told.contains("The runs agree: ") || is_noisy && excused, "{told}");

    // the check itself can fail: the same run, in a quiet hour and on a server that is slower by a third
    let written = |name: &str, slower: f64, seed: u64| {
        let mut report = json(&one);
        for percentile in ["p50", "p99"] {
            let time = &mut report["tick_interval_ms"][percentile];
            *time = (time.as_f64().expect("it was measured") * slower).into();
        }
        report["seed"] = seed.into();
        report["machine_was_noisy"] = false.into();
        report["noise"] = Value::Array(Vec::new());
        let path = scratch.path(name);
        fs::write(&path, report.to_string()).expect("the folder takes files");
        path
    };
    let (quiet, slower, seeded) =
        (written("quiet.json", 1.0, 7), written("slower.json", 1.33, 7), written("seeded.json", 1.0, 8));
    assert!(compared(&quiet, &quiet, &["--agree"], 0).contains("The runs agree"));
    let told = compared(&quiet, &slower, &["--agree"], 1);
    assert!(told.contains("The runs do not agree: tick interval p50, tick interval p99."), "{told}");
    compared(&quiet, &slower, &["--within", "p50=30%,p99=30%"], 0);
    // no noise excuses a state that was wrong
    let bad = scratch.path("bad.json");
    let mut report = json(&quiet);
    report["good"] = false.into();
    report["machine_was_noisy"] = true.into();
    fs::write(&bad, report.to_string()).expect("the folder takes files");
    compared(&quiet, &bad, &["--agree"], 1);
    // nor does it help that it was wrong twice
    report["desyncs"] = 2.into();
    fs::write(&bad, report.to_string()).expect("the folder takes files");
    let told = compared(&bad, &bad, &["--agree"], 1);
    assert!(told.contains("What they agree in is bad") && told.ends_with("In the second: 2 desyncs.\n"), "{told}");
    let told = compared(&quiet, &seeded, &["--agree"], 2);
    assert!(told.contains("not two runs of the same: The first had the seed 7, the second 8."), "{told}");
    let told = compared(&quiet, &slower, &["--within", "a little"], 2);
    assert!(told.contains("give how far apart figures may be, such as p50=5%,p99=15%"), "{told}");
}
