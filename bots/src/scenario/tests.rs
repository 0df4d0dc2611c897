use std::time::Duration;

use super::*;
use crate::plan::What;

fn parse(text: &str) -> Result<Scenario, (usize, String)> {
    Scenario::parse(text, &["pilot", "idle"])
        .map_err(|mistake| (text[..mistake.at].matches('\n').count() + 1, mistake.what))
}

const WHOLE: &str = r#"
about = "an evening"
url = "ws://127.0.0.1:7777/ws"
seed = 7
thresholds = ["p99_tick_interval < 60ms", "desyncs == 0"]

[[bots]]
share = 9
behaviour = "pilot"
link = { latency = "80ms", jitter = "10ms", stall = "1%:200ms", rate = "1mbit" }

[[bots]]
share = 1
depth = "watch"

[[phases]]
do = "ramp"
bots = 200
over = "5s"

[[phases]]
do = "hold"
for = "30s"

[[phases]]
do = "storm"
share = "50%"
over = "1s"
for = "10s"
measure = false
"#;

#[test]
fn a_whole_scenario_is_read() {
    let scenario = parse(WHOLE).expect("it is right");
    assert_eq!((scenario.seed, scenario.groups.len(), scenario.thresholds.len()), (7, 2, 2));
    assert_eq!(scenario.groups[0].link.latency, Duration::from_millis(80));
    assert_eq!(scenario.groups[1].depth, Depth::Watch);
    let measured: Vec<bool> = scenario.phases.iter().map(|phase| phase.measured).collect();
    assert_eq!(measured, [false, true, false]);
    let storm = What::Storm { share: 0.5, over: Duration::from_secs(1), time: Duration::from_secs(10) };
    assert_eq!(scenario.phases[2].what, storm);
}

#[test]
fn a_mistake_is_named_with_its_line() {
    for (from, to, line, wanted) in [
        ("seed = 7", "sed = 7", 4, "unknown field `sed`, expected one of"),
        ("seed = 7", "seed = \"x\"", 4, "invalid type: string"),
        ("seed = 7", "seed = ", 4, ""),
        ("ws://127.0.0.1:7777/ws", "nope", 3, "nope"),
        ("ws://127.0.0.1:7777/ws", "http://a/", 3, "only ws:// and wss:// are WebSockets"),
        ("[[bots]]", "[[bot]]", 7, "did you mean `bots`?"),
        ("depth = \"watch\"", "dept = \"watch\"", 14, "unknown field `dept`, expected one of `share`, `depth`"),
        ("depth = \"watch\"", "dept = \"watch\"", 14, "did you mean `depth`?"),
        ("latency", "latancy", 10, "did you mean `latency`?"),
        ("for = \"30s\"", "for = 30", 23, "invalid type: integer `30`, expected text in quotes, with its unit where"),
        ("bots = 200", "bots = \"many\"", 18, "expected a whole number, such as 200"),
        ("share = 9", "share = \"9\"", 8, "expected a number, such as 0.5"),
        ("measure = false", "measure = \"no\"", 30, "expected true or false"),
        ("do = \"hold\"\n", "", 21, "do is missing: say what happens in this phase, one of ramp, hold, stampede"),
        (
            "over = \"1s\"",
            "over = \"11s\"",
            28,
            "over is too long for the phase: bots come back after 500 ms, so give at most 9.5 s",
        ),
        ("\"desyncs == 0\"", "\"desink == 0\"", 5, "there is no figure \"desink\""),
        ("share = 9\n", "depth = \"watch\"\n", 5, "\"desyncs == 0\" could never be judged: all bots only watch"),
        ("share = 9", "share = 0", 8, "share is a number above 0"),
        ("\"pilot\"", "\"racer\"", 9, "there is no behaviour \"racer\": there are pilot, idle"),
        ("\"80ms\"", "\"80\"", 10, "latency = \"80\": it is no duration"),
        ("\"1mbit\"", "\"fast\"", 10, "rate = \"fast\": it is no rate"),
        ("depth = \"watch\"", "depth = \"deep\"", 14, "there is no depth \"deep\": take \"play\" or \"watch\""),
        ("do = \"ramp\"", "do = \"rush\"", 17, "there is no phase \"rush\": there are ramp, hold"),
        ("bots = 200", "bots = 0", 18, "bots is a number from 1 to 60000"),
        ("over = \"5s\"", "for = \"5s\"", 16, "a ramp needs over; it takes bots, over"),
        ("for = \"30s\"", "for = \"30s\"\nper_s = 3", 24, "a hold has no per_s; it takes for"),
        ("share = \"50%\"", "share = \"half\"", 27, "share = \"half\": it is no share"),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        let (found, what) = parse(&WHOLE.replacen(from, to, 1)).expect_err(to);
        assert_eq!(found, line, "{to}: {what}");
        assert!(what.contains(wanted), "{to}: {what}");
    }
}

#[test]
fn a_scenario_in_which_nothing_happens_is_refused() {
    assert!(parse("seed = 1\n").expect_err("empty").1.contains("write at least one [[phases]]"));
    let ramp = "[[phases]]\ndo = \"ramp\"\nbots = 3\nover = \"1s\"\n";
    assert!(parse(ramp).expect_err("no figures").1.contains("nothing is measured"));
    let (line, what) = parse("seed = 1\n[[phases]]\ndo = \"hold\"\nfor = \"1s\"\n").expect_err("nobody");
    assert!(line == 2 && what.contains("nobody comes: begin with"), "{line}: {what}");
}
