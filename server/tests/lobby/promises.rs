//! Seats of a room that is made for whoever asks over HTTP: nothing is promised before the room has said what it has.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_server::Running;

use crate::api::{get, post, refused, tickets, with};
use crate::court::{Court, join, run, start, until};
use crate::http;
use crate::refusals::with_admin;

fn with_options() -> Running {
    start(|config| {
        (config.lobby.client_options, config.lobby.reservation_s) = (true, 600);
    })
}

fn court(seats: u32, asked: u32) -> Value {
    json!({ "game": "court", "seats": asked, "wish": { "create": { "options": { "seats": seats } } } })
}

fn rooms(server: &Running) -> Value {
    get(server, "games")["games"][0]["rooms"].clone()
}

#[test]
fn as_many_seats_are_promised_as_the_room_has() {
    let server = with_options();
    run(async {
        let (status, words) = refused(&server, "POST", "reserve", court(2, 10));
        assert!(status == 400 && words.contains("2 seats"), "{status} {words}");
        until("the room that nobody wants ends", async || (rooms(&server) == 0).then_some(())).await;
        let told = post(&server, "reserve", court(10, 10));
        let mut there = Vec::new();
        for ticket in tickets(&told) {
            let seat = join::<Court>(&server, with(&ticket)).await.expect("the seat that was promised");
            assert_eq!(Some(seat.room), told["room"].as_u64());
            there.push(seat);
        }
        there[0].sees(10, 0).await;
    });
    server.stop();
}

#[test]
fn who_asks_for_a_room_that_cannot_be_hears_why_from_the_game() {
    let server = with_options();
    run(async {
        for target in ["match", "reserve"] {
            let asked = json!({ "game": "court", "wish": { "create": { "options": { "seats": 500 } } } });
            let (status, words) = refused(&server, "POST", target, asked);
            assert!(status == 400 && words.contains("a court has 1 to 200 seats"), "{target}: {status} {words}");
        }
        let never = json!({ "game": "court", "wish": { "where": { "skill": { "min": 5, "max": 4 } } } });
        let (status, words) = refused(&server, "POST", "match", never);
        assert!(status == 400 && words.contains("where.skill"), "{status} {words}");
        assert_eq!(rooms(&server), 0);
    });
    server.stop();
}

#[test]
fn seats_whose_asker_has_gone_are_free_at_once() {
    let server = with_options();
    run(async {
        // longer than anybody is kept waiting for an answer
        let options = json!({ "nap_ms": 8_000 });
        let asked = json!({ "game": "court", "wish": { "create": { "private": true, "options": options } } });
        let (status, words) = refused(&server, "POST", "match", asked);
        assert!(status == 503 && words.contains("too busy"), "{status} {words}");
        assert_eq!(rooms(&server), 1, "it is still being made");
        // and not after the ten minutes of its ticket
        until("the room ends", async || (rooms(&server) == 0).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        post(&server, "match", json!({ "game": "court" }));
    });
    server.stop();
}

#[test]
fn seats_of_a_room_that_the_operator_ends_meanwhile_are_not_promised() {
    let server = with_admin(|config| (config.lobby.client_options, config.lobby.reservation_s) = (true, 600));
    let admin = server.admin_addr().expect("it is on");
    run(async {
        let asked = json!({ "game": "court", "wish": { "create": { "options": { "nap_ms": 1_500 } } } });
        std::thread::scope(|scope| {
            let matched = scope.spawn(|| refused(&server, "POST", "match", asked));
            while rooms(&server) == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            let ended = http::steer(admin, "POST", "/admin/rooms/1/dispose", "");
            assert_eq!(ended.status, 200, "{}", ended.body);
            let (status, words) = matched.join().expect("it has an answer");
            assert!(status == 503 && words.contains("ended"), "{status} {words}");
        });
    });
    server.stop();
}
