//! How a server ends while somebody plays, and what its log looks like to a program.

use tickwire_arena::Arena;
use tickwire_shared::Profile;
use tickwire_shared::native::{Connection, ConnectionError};

use super::*;

fn with(settings: &str) -> (Scratch, Running) {
    let scratch = Scratch::new(&format!("ending-{:?}", thread::current().id()));
    let file = scratch.file("tickwire.toml", settings);
    let server = Running::start(&["--config", &file]);
    (scratch, server)
}

async fn play(server: &Running, name: &str) -> Connection<Arena> {
    let url = format!("ws://{}/ws", server.address);
    let mut player = Connection::<Arena>::connect(&url, Profile::named(name)).await.unwrap().once();
    while player.client.tick().is_none() {
        player.receive().await.unwrap();
    }
    player
}

async fn close(player: &mut Connection<Arena>) -> (u16, String) {
    loop {
        match player.receive().await {
            Ok(()) => {}
            Err(ConnectionError::Closed { code, reason }) => return (code, reason),
            Err(other) => panic!("not a close: {other}"),
        }
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let patience = async { tokio::time::timeout(PATIENCE, test).await.expect("it should not take so long") };
    runtime.block_on(patience)
}

#[test]
fn sigterm_waits_for_those_who_play_and_takes_nobody_new() {
    let (_scratch, server) = with("drain_s = 600");
    run(async {
        let mut player = play(&server, "player").await;
        assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
        server.signal("TERM");
        let line = server.expect_said("draining: nobody new may join");
        assert!(line.contains("rooms=1") && line.contains("players=1") && line.contains("within_s=600"), "{line}");
        let ready = server.get("/readyz");
        assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("draining\n"), "{ready}");
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "it lives");
        let url = format!("ws://{}/ws", server.address);
        let mut late = Connection::<Arena>::connect(&url, Profile::default()).await.unwrap().once();
        let (code, reason) = close(&mut late).await;
        assert!(code == 1013 && reason.contains("about to stop"), "{code} {reason}");
        let before = player.client.tick().unwrap();
        while player.client.tick().unwrap().since(before) < 5 {
            player.receive().await.unwrap();
        }
        player.leave().await.unwrap();
    });
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn when_time_is_up_players_are_told_when_to_return() {
    let (_scratch, server) = with("drain_s = 1\nstop_text = \"back at noon at eu2.example\"");
    run(async {
        let mut player = play(&server, "player").await;
        server.signal("TERM");
        assert_eq!(close(&mut player).await, (1001, "back at noon at eu2.example".to_owned()));
    });
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let (_scratch, server) = with("drain_s = 600");
        run(async {
            let _player = play(&server, "player").await;
            server.signal("TERM");
            server.expect_said("draining");
            server.signal(second);
        });
        let (code, stderr) = server.end();
        assert_eq!(code, Some(130), "{second}: {stderr}");
    }
}

#[test]
fn ctrl_c_waits_for_nobody() {
    let (_scratch, server) = with("drain_s = 600");
    run(async {
        let mut player = play(&server, "player").await;
        server.signal("INT");
        assert_eq!(close(&mut player).await.0, 1001);
    });
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("draining"), "{stderr}");
}

#[test]
fn an_operators_drain_ends_the_process() {
    let (_scratch, server) = with("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"0123456789abcdef\"");
    let line = server.expect_said("metrics and steering");
    let address = line.split_once("listen=").map(|(_, rest)| rest.trim_matches(|c: char| !c.is_ascii_digit()));
    let address: SocketAddr = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /admin/drain HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer 0123456789abcdef\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let audit = server.expect_said("audit: an operator steers");
    assert!(audit.contains("/admin/drain") && audit.contains("202") && audit.contains("127.0.0.1"), "{audit}");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("0123456789abcdef"), "a secret is for no log: {stderr}");
}

#[test]
fn a_program_reads_each_line_of_the_log_as_json() {
    let server = Running::start(&["--log-format", "json"]);
    server.signal("HUP");
    server.expect_said("there is no certificate");
    server.signal("TERM");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<serde_json::Value> =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let serving = lines.iter().find(|line| line["message"] == "serving").expect("it says that it serves");
    assert_eq!(serving["level"], "INFO");
    assert!(serving["listen"].as_str().is_some_and(|listen| listen.parse::<SocketAddr>().is_ok()), "{serving}");
    assert!(lines.len() > 2 && lines.iter().all(|line| line["timestamp"].is_string()), "{stderr}");
}
