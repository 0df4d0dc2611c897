//! Steering: who may, and what it does.

use tickwire_server::config::AdminConfig;
use tickwire_server::{Config, Server, StartError};
use tickwire_shared::protocol::close::CloseReason;

use crate::http::{TOKEN, ask, get, steer};
use crate::{start, swirl, until};

#[test]
fn health_and_metrics_are_read_and_nothing_is_steered_without_the_token() {
    let (server, admin) = start(|_| {});
    assert_eq!((get(admin, "/healthz").status, get(admin, "/readyz").status), (200, 200));
    assert_eq!(get(admin, "/metrics").status, 200);
    for (method, target) in [
        ("GET", "/admin/rooms"),
        ("GET", "/admin/rooms/1"),
        ("POST", "/admin/rooms/1/dispose"),
        ("POST", "/admin/rooms/1/seats/0/kick"),
        ("POST", "/admin/drain"),
    ] {
        for shown in ["", "Authorization: Bearer wrong\r\n", "Authorization: Basic YWRtaW46YWRtaW4=\r\n"] {
            let answer = ask(admin, method, target, &format!("Host: {admin}\r\n{shown}"), "");
            assert_eq!(answer.status, 401, "{method} {target} {shown}");
            assert!(answer.head.contains("www-authenticate: Bearer"), "{}", answer.head);
        }
    }
    assert_eq!(get(admin, "/readyz").status, 200, "nobody has drained it");
    let unknown = steer(admin, "GET", "/admin", "");
    assert_eq!(unknown.status, 404);
    assert!(unknown.error().contains("openapi.json"), "{}", unknown.body);
    assert_eq!(steer(admin, "GET", "/admin/drain", "").status, 405);
    server.stop();
}

#[test]
fn a_page_whose_name_leads_here_reads_nothing() {
    let (server, admin) = start(|config| config.admin.hosts.push("ops.example".to_owned()));
    let as_host = |host: &str| ask(admin, "GET", "/metrics", &format!("Host: {host}\r\n"), "");
    let rebound = as_host(&format!("evil.example:{}", admin.port()));
    assert_eq!(rebound.status, 421);
    assert!(rebound.error().contains("admin.hosts") && !rebound.body.contains("tickwire_"), "{}", rebound.body);
    assert_eq!((as_host("localhost").status, as_host("ops.example:443").status), (200, 200));
    let with_token =
        ask(admin, "POST", "/admin/drain", &format!("Host: evil.example\r\nAuthorization: Bearer {TOKEN}\r\n"), "");
    assert_eq!(with_token.status, 421);
    server.stop();
}

#[test]
fn without_a_token_nobody_steers() {
    let (server, admin) = start(|config| config.admin.token = None);
    assert_eq!(get(admin, "/metrics").status, 200);
    let answer = steer(admin, "POST", "/admin/drain", "");
    assert_eq!(answer.status, 403);
    assert!(answer.error().contains("admin.token_file"), "{}", answer.body);
    server.stop();
}

#[test]
fn a_listener_for_others_takes_a_token() {
    let any = ([127, 0, 0, 1], 0).into();
    let admin = AdminConfig { listen: Some(([0, 0, 0, 0], 0).into()), ..AdminConfig::default() };
    let config = Config { listen: any, admin, ..Config::default() };
    let Err(error @ StartError::Admin(_)) = Server::bind(config.clone()) else { panic!("it must not be open") };
    assert!(error.to_string().contains("admin.token_file"), "{error}");
    let folder = std::env::temp_dir().join(format!("tickwire-admin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let file = folder.join("token");
    let with_file = |contents: &str| {
        std::fs::write(&file, contents).expect("the folder is ours");
        let admin = AdminConfig { token_file: Some(file.clone()), ..config.admin.clone() };
        Server::bind(Config { admin, ..config.clone() })
    };
    assert!(with_file("0123456789abcdef\n").is_ok());
    let error = with_file("short\n").expect_err("a short token is none").to_string();
    assert!(error.contains("token") && error.contains("openssl rand") && !error.contains("short"), "{error}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn rooms_are_seen_and_players_sent_away() {
    let (server, admin) = start(|_| {});
    swirl::run(async {
        let mut ann = swirl::connect(&server, "ann").await;
        let mut ben = swirl::connect(&server, "ben").await;
        for player in [&mut ann, &mut ben] {
            swirl::receive_until(player, "a frame", |c| c.client.tick().is_some()).await;
        }
        let rooms = steer(admin, "GET", "/admin/rooms", "").json();
        assert_eq!(rooms["rooms"].as_array().map(Vec::len), Some(1), "{rooms}");
        assert_eq!((&rooms["rooms"][0]["room"], &rooms["rooms"][0]["seats_taken"]), (&1.into(), &2.into()));
        let room = steer(admin, "GET", "/admin/rooms/1", "").json();
        assert_eq!((&room["game"], &room["rate_hz"], &room["seats"]), (&"swirl".into(), &60.into(), &16.into()));
        let players: Vec<_> = room["players"].as_array().expect("players").iter().map(|p| p["name"].clone()).collect();
        assert_eq!(players, ["ann", "ben"]);
        let load = room["load_ratio"].as_f64().expect("a load");
        assert!(load > 0.0 && room["tick"].as_u64() > Some(0), "{room}");
        let most = &room["field_bytes"][0];
        assert!(most["kind"] == "Mote" && most["bytes"].as_u64() > Some(1000), "{room}");
        assert_eq!(steer(admin, "GET", "/admin/rooms/99", "").status, 404);

        let kick = "/admin/rooms/1/seats/1/kick";
        assert_eq!(steer(admin, "POST", "/admin/rooms/1/seats/5/kick", "").error(), "nobody sits there");
        assert_eq!(steer(admin, "POST", kick, "{\"words\": 1}").status, 400);
        assert_eq!(steer(admin, "POST", kick, "{\"text\": \"be nice next time\"}").status, 200);
        let (code, text) = closed(&mut ben).await;
        assert_eq!((code, text.as_str()), (CloseReason::Refused.code(), "be nice next time"));
        until("ben's seat is free", || {
            let room = steer(admin, "GET", "/admin/rooms/1", "").json();
            (room["players"].as_array().map(Vec::len) == Some(1)).then_some(())
        });
        let before = ann.client.tick().expect("a frame came");
        let later = move |c: &tickwire_shared::native::Connection<swirl::Swirl>| {
            c.client.tick().is_some_and(|tick| tick.since(before) > 5)
        };
        swirl::receive_until(&mut ann, "frames go on", later).await;

        let disposed = steer(admin, "POST", "/admin/rooms/1/dispose", "");
        assert_eq!((disposed.status, &disposed.json()["players"]), (200, &1.into()));
        let (code, text) = closed(&mut ann).await;
        assert_eq!((code, text.as_str()), (CloseReason::Done.code(), "the operator closed the room"));
        assert_eq!(steer(admin, "GET", "/admin/rooms", "").json()["rooms"], serde_json::json!([]));
        let mut cid = swirl::connect(&server, "cid").await;
        swirl::receive_until(&mut cid, "a frame of a new room", |c| c.client.tick().is_some()).await;
    });
    server.stop();
}

#[test]
fn a_drain_takes_nobody_new_and_leaves_those_who_play_alone() {
    let (server, admin) = start(|_| {});
    swirl::run(async {
        let mut ann = swirl::connect(&server, "ann").await;
        swirl::receive_until(&mut ann, "a frame", |c| c.client.tick().is_some()).await;
        let asked = steer(admin, "POST", "/admin/drain", "{\"within_s\": 600, \"text\": \"back at noon\"}");
        assert_eq!(asked.status, 202);
        until("it is not ready", || (get(admin, "/readyz").status == 503).then_some(()));
        assert_eq!(get(admin, "/healthz").status, 200, "it lives");
        let mut ben = swirl::connect(&server, "ben").await;
        let (code, text) = closed(&mut ben).await;
        assert_eq!(code, CloseReason::TryLater.code());
        assert!(text.contains("about to stop"), "{text}");
        let before = ann.client.tick().expect("a frame came");
        let later = move |c: &tickwire_shared::native::Connection<swirl::Swirl>| {
            c.client.tick().is_some_and(|tick| tick.since(before) > 5)
        };
        swirl::receive_until(&mut ann, "frames go on", later).await;
        let stopping = std::thread::spawn(move || server.stop());
        assert_eq!(closed(&mut ann).await, (CloseReason::GoingAway.code(), "back at noon".to_owned()));
        drop(ann);
        stopping.join().expect("the server stopped");
    });
}

#[test]
fn the_description_is_of_what_there_is() {
    let (server, admin) = start(|_| {});
    let description = get(admin, "/admin/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().expect("paths");
    let mut asked = 0;
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let target = path.replace("{room}", "77").replace("{seat}", "0").replace("{ban}", "77");
            let parameters = operation["parameters"].as_array().expect("a list");
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{path}");
            let needs_token =
                operation["security"].as_array().is_some_and(|ways| !ways.contains(&serde_json::json!({})));
            let method = method.to_ascii_uppercase();
            let documented = |status: u16| operation["responses"].get(status.to_string()).is_some();
            let without = ask(admin, &method, &target, &format!("Host: {admin}\r\n"), "");
            assert_eq!(without.status == 401, needs_token, "{method} {path}: {}", without.body);
            let with = steer(admin, &method, &target, "");
            for answer in [without, with] {
                assert!(documented(answer.status), "{method} {path} answers {}: {}", answer.status, answer.body);
                assert!(!answer.body.contains("nothing at this address"), "{method} {path} does not exist");
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 19);
    server.stop();
}

async fn closed(connection: &mut tickwire_shared::native::Connection<swirl::Swirl>) -> (u16, String) {
    use tickwire_shared::native::ConnectionError;
    loop {
        match connection.receive().await {
            Ok(()) => {}
            Err(ConnectionError::Closed { code, reason }) => return (code, reason),
            Err(other) => panic!("not a close: {other}"),
        }
    }
}
