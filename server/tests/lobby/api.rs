//! The public HTTP API, as a page or a game's own service would use it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tickwire_server::Running;
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::court::{Court, Yard, ask, join, run, start, until};
use crate::http::{self, Answer};

pub fn call(server: &Running, method: &str, target: &str, body: &Value) -> Answer {
    let addr: SocketAddr = server.addr();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http::ask(addr, method, &format!("/api/v1/{target}"), &format!("Host: {addr}\r\n"), &body)
}

pub fn get(server: &Running, target: &str) -> Value {
    let answer = call(server, "GET", target, &Value::Null);
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    answer.json()
}

pub fn post(server: &Running, target: &str, body: Value) -> Value {
    let answer = call(server, "POST", target, &body);
    assert_eq!(answer.status, 200, "{target} {body}: {}", answer.body);
    answer.json()
}

pub fn refused(server: &Running, method: &str, target: &str, body: Value) -> (u16, String) {
    let answer = call(server, method, target, &body);
    (answer.status, answer.error())
}

pub fn tickets(told: &Value) -> Vec<String> {
    told["tickets"].as_array().expect("tickets").iter().map(|ticket| ticket.as_str().expect("a text").into()).collect()
}

pub fn with(ticket: &str) -> JoinRequest {
    JoinRequest::new("ann").with_pass(ticket)
}

#[test]
fn games_and_rooms_are_listed_but_for_those_that_are_nobodys_business() {
    let server = start(|_| {});
    run(async {
        let ice = join::<Court>(&server, ask(r#"{"create": {"properties": {"map": "ice", "skill": 900}}}"#)).await;
        let ice = ice.expect("a new room");
        let _hidden = join::<Court>(&server, ask(r#"{"create": {"hidden": true}}"#)).await.expect("a new room");
        let private = join::<Court>(&server, ask(r#"{"create": {"private": true}}"#)).await.expect("a new room");
        let _yard = join::<Yard>(&server, ask("")).await.expect("a yard");
        assert_eq!(
            get(&server, "games")["games"],
            json!([{ "game": "court", "rooms": 3, "players": 3 }, { "game": "yard", "rooms": 1, "players": 1 }])
        );
        let line = json!({ "room": ice.room, "game": "court", "players": 1, "seats": 4, "locked": false,
                           "properties": { "map": "ice", "skill": 900.0 } });
        assert_eq!(get(&server, "rooms?game=court")["rooms"], json!([line]));
        let all = call(&server, "GET", "rooms?game=court", &Value::Null).body;
        assert!(!all.contains(private.code()), "{all}");
        let asked = json!({ "game": "court", "where": { "skill": { "max": 800 } }, "sort": ["-skill"] });
        assert_eq!(post(&server, "rooms", asked)["rooms"], json!([]));
        let query = "rooms?game=court&where=%7B%22map%22:%22ice%22%7D&sort=-players&limit=3";
        assert_eq!(get(&server, query)["rooms"], json!([line]));
        assert_eq!(refused(&server, "GET", "rooms", Value::Null).0, 400, "which game?");
        let (status, words) = refused(&server, "GET", "rooms?game=chess", Value::Null);
        assert!(status == 404 && words.contains("court, yard"), "{words}");
        let (status, words) = refused(&server, "POST", "rooms", json!({ "game": "court", "whre": {} }));
        assert!(status == 400 && words.contains("whre"), "{words}");
        let (status, words) = refused(&server, "GET", "nothing", Value::Null);
        assert!(status == 404 && words.contains("openapi.json"), "{words}");
    });
    server.stop();
}

#[test]
fn seats_are_kept_for_a_group_and_each_ticket_is_good_once() {
    let server = start(|_| {});
    run(async {
        let told = post(&server, "reserve", json!({ "game": "court", "seats": 3 }));
        let (room, group) = (told["room"].as_u64().expect("a room"), tickets(&told));
        assert_eq!(group.len(), 3);
        // one seat is left for others
        let other = join::<Court>(&server, ask("")).await.expect("the fourth seat");
        assert_eq!(other.room, room);
        let elsewhere = join::<Court>(&server, ask("")).await.expect("another room");
        assert_ne!(elsewhere.room, room);
        for ticket in &group {
            let mut seated = join::<Court>(&server, with(ticket)).await.expect("the seat that was kept");
            assert_eq!(seated.room, room);
            let (code, text) = join::<Court>(&server, with(ticket)).await.expect_err("it was used");
            assert!(code == CloseReason::Refused.code() && text.contains("ticket is not good"), "{code} {text}");
            seated.sees(2, 0).await;
            seated.line.leave().await.expect("goodbye");
        }
        let (code, _) = join::<Court>(&server, with("tk_guessed")).await.expect_err("a guess");
        assert_eq!(code, CloseReason::Refused.code());
        assert_eq!(server.metrics().joins_with_void_ticket.value(), 4);

        let (status, words) = refused(&server, "POST", "reserve", json!({ "game": "court", "seats": 5 }));
        assert!(status == 400 && words.contains("so many seats"), "{status} {words}");
        // a private room for friends who are not there yet
        let wish = json!({ "create": { "private": true } });
        let told = post(&server, "match", json!({ "game": "court", "wish": wish }));
        let by_code =
            join::<Court>(&server, ask(&json!({ "code": told["code"] }).to_string())).await.expect("the code");
        assert_eq!(Some(by_code.room), told["room"].as_u64());
        // of another game the ticket is used up, and its seat free
        let (_, text) = join::<Yard>(&server, with(&tickets(&told)[0])).await.expect_err("a ticket for a court");
        assert!(text.contains("another game"), "{text}");
    });
    server.stop();
}

#[test]
fn a_seat_that_nobody_takes_is_free_again() {
    let server = start(|config| {
        config.lobby.reservation_s = 1;
        config.rooms_max = 1;
    });
    run(async {
        let told = post(&server, "reserve", json!({ "game": "court", "seats": 4 }));
        let (code, text) = join::<Court>(&server, ask("")).await.expect_err("all is kept");
        assert!(code == CloseReason::TryLater.code() && text.contains("all rooms are full"), "{code} {text}");
        until("the seats are free again", async || join::<Court>(&server, ask("")).await.ok()).await;
        let (_, text) = join::<Court>(&server, with(&tickets(&told)[0])).await.expect_err("too late");
        assert!(text.contains("time is over"), "{text}");
        until("an empty room ends", async || (get(&server, "games")["games"][0]["rooms"] == 0).then_some(())).await;
    });
    server.stop();
}

#[test]
fn the_queue_brings_those_together_who_are_about_as_good() {
    let server = start(|config| {
        (config.lobby.queue_window, config.lobby.queue_growth_per_s) = (50, 0);
    });
    run(async {
        let enter = |skill: i32, group: usize| {
            let asked = json!({ "game": "court", "skill": skill, "group": group, "players": 3 });
            post(&server, "queue", asked)["id"].as_str().expect("an id").to_owned()
        };
        let (pair, far, near) = (enter(1000, 2), enter(1200, 1), enter(1040, 1));
        let told = get(&server, &format!("queue/{pair}?wait_s=20"));
        assert_eq!(told["state"], "matched", "{told}");
        let other = get(&server, &format!("queue/{near}?wait_s=20"));
        assert_eq!((&other["room"], tickets(&told).len(), tickets(&other).len()), (&told["room"], 2, 1));
        assert_eq!(get(&server, &format!("queue/{far}"))["state"], "waiting");
        let mut there = Vec::new();
        for ticket in tickets(&told).iter().chain(&tickets(&other)) {
            there.push(join::<Court>(&server, with(ticket)).await.expect("the seat of the match"));
        }
        there[0].sees(3, 0).await;
        assert_eq!(get(&server, "rooms?game=court")["rooms"], json!([]), "nobody else is sent there");
        let counted = json!({ "game": "court", "wish": { "room": told["room"] } });
        assert_eq!(refused(&server, "POST", "match", counted).0, 404, "nor finds it by counting");
        let alone = json!({ "game": "court", "players": 2, "group": 2 });
        assert_eq!(refused(&server, "POST", "queue", alone).0, 400, "a group that waits for nobody reserves");
        assert_eq!(call(&server, "DELETE", &format!("queue/{far}"), &Value::Null).status, 200);
        for (method, id) in [("GET", far.as_str()), ("DELETE", far.as_str()), ("GET", "123")] {
            assert_eq!(refused(&server, method, &format!("queue/{id}"), Value::Null).0, 404);
        }
        let wrong = json!({ "game": "court", "players": 9 });
        let (status, words) = refused(&server, "POST", "queue", wrong);
        assert!(status == 400 && words.contains("2 to 4"), "{words}");
    });
    server.stop();
}

#[test]
fn pages_of_other_origins_ask_only_where_they_may() {
    let from = |server: &Running, method: &str, origin: &str| {
        let addr = server.addr();
        http::ask(addr, method, "/api/v1/games", &format!("Host: {addr}\r\nOrigin: {origin}\r\n"), "")
    };
    let server = start(|config| config.net.origins = "https://game.example".parse().expect("an origin"));
    let answer = from(&server, "GET", "https://game.example");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("access-control-allow-origin: https://game.example"), "{}", answer.head);
    let preflight = from(&server, "OPTIONS", "https://game.example");
    assert_eq!(preflight.status, 204);
    assert!(preflight.head.contains("access-control-allow-methods: GET, POST, DELETE"), "{}", preflight.head);
    let evil = from(&server, "GET", "https://evil.example");
    assert_eq!((evil.status, evil.head.contains("access-control")), (403, false));
    assert!(evil.error().contains("net.origins"), "{}", evil.body);
    server.stop();
}

#[test]
fn who_asks_too_often_is_told() {
    let server = start(|config| {
        config.net.addresses.exempt.clear();
        config.lobby.api_requests_per_s = 2;
    });
    let answers: Vec<Answer> = (0..30).map(|_| call(&server, "GET", "games", &Value::Null)).collect();
    let told = answers.iter().find(|answer| answer.status == 429).expect("thirty at once are too many");
    assert!(told.error().contains("2 a second") && told.head.contains("retry-after: 1"), "{}", told.body);
    assert_eq!(answers[0].status, 200);
    server.stop();
}

#[test]
fn one_address_does_not_keep_all_seats() {
    let server = start(|config| {
        config.net.addresses.exempt.clear();
        config.lobby.reserved_per_address = 5;
        config.lobby.reservation_s = 1;
    });
    run(async {
        post(&server, "reserve", json!({ "game": "court", "seats": 4 }));
        let (status, words) = refused(&server, "POST", "reserve", json!({ "game": "court", "seats": 2 }));
        assert!(status == 429 && words.contains("at most 5 seats"), "{status} {words}");
        post(&server, "match", json!({ "game": "court" }));
        until("they are free again", async || {
            let answer = call(&server, "POST", "reserve", &json!({ "game": "court", "seats": 4 }));
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            (answer.status == 200).then_some(())
        })
        .await;
    });
    server.stop();
}

#[test]
fn a_proxys_connection_does_not_bring_one_players_requests_as_anothers() {
    use std::io::{Read, Write};
    let server = start(|config| config.net.proxies.networks = vec!["127.0.0.1".parse().expect("an address")]);
    let mut socket = std::net::TcpStream::connect(server.addr()).expect("it listens");
    let of = |player: u8| format!("GET /api/v1/games HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.{player}\r\n\r\n");
    socket.write_all((of(1) + &of(2)).as_bytes()).expect("it reads");
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
    let mut told = String::new();
    // reset, where the second request was not read
    let _ = socket.read_to_string(&mut told);
    assert_eq!(told.matches("HTTP/1.1 200").count(), 1, "the second would count for the first player: {told}");
    assert!(told.to_lowercase().contains("connection: close"), "{told}");
    server.stop();
}

#[test]
fn what_waits_in_the_queue_counts_as_kept() {
    let server = start(|config| {
        config.net.addresses.exempt.clear();
        config.lobby.reserved_per_address = 3;
        config.lobby.queue_window = 0;
    });
    let wait = |skill: i32| json!({ "game": "court", "skill": skill, "group": 2, "players": 4 });
    post(&server, "queue", wait(0));
    let (status, words) = refused(&server, "POST", "queue", wait(1000));
    assert!(status == 429 && words.contains("at most 3 seats"), "{status} {words}");
    post(&server, "match", json!({ "game": "court" }));
    server.stop();
}

#[test]
fn properties_that_no_room_has_make_a_room_only_where_players_may() {
    let wish = |map: &str| json!({ "game": "court", "wish": { "where": { "map": map } } });
    let server = start(|config| config.lobby.create = false);
    let (status, words) = refused(&server, "POST", "match", wish("ice"));
    assert!(status == 403 && words.contains("no room is as you wish"), "{status} {words}");
    assert_eq!(get(&server, "rooms?game=court")["rooms"], json!([]));
    assert_eq!(post(&server, "match", json!({ "game": "court" }))["room"], 1, "nothing was made for that");
    server.stop();
    let server = start(|config| {
        config.net.addresses.exempt.clear();
        config.lobby.creations_per_minute = 1;
    });
    post(&server, "match", wish("ice"));
    let made: Vec<u16> = (0..4).map(|at| call(&server, "POST", "match", &wish(&format!("map {at}"))).status).collect();
    assert!(made.contains(&429), "{made:?}");
    post(&server, "match", wish("ice"));
    server.stop();
}

#[test]
fn the_description_is_of_what_there_is() {
    let server = start(|_| {});
    let description = get(&server, "openapi.json");
    assert_eq!(description["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let target = path.strip_prefix("/api/v1/").expect("one prefix").replace("{id}", "77");
            let documented = |status: u16| operation["responses"].get(status.to_string()).is_some();
            for body in [Value::Null, json!({ "game": "court" }), json!({ "unknown": 1 })] {
                let answer = call(&server, &method.to_ascii_uppercase(), &target, &body);
                assert!(documented(answer.status), "{method} {path} answers {}: {}", answer.status, answer.body);
                assert!(!answer.body.contains("nothing at this address"), "{method} {path} does not exist");
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 10);
    server.stop();
}
