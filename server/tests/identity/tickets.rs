//! The public HTTP API where players are known: tickets that stand for an account, and seats that are kept.

use serde_json::{Value, json};
use tickwire_server::{Config, Running};
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::http::{self, Answer};
use crate::roster::{Player, run, start};
use crate::signer::{SECRET, Scratch, Signer, claims_with, now_s};

fn known_only(scratch: &Scratch) -> impl FnOnce(&mut Config) + use<> {
    let file = scratch.write("secret", SECRET);
    move |config| {
        config.identity.secret_file = Some(file);
        config.identity.name_claim = Some("nick".into());
        config.identity.claims = vec!["team".into()];
    }
}

fn post(server: &Running, target: &str, bearer: Option<&str>, body: &Value) -> Answer {
    let addr = server.addr();
    let shown = bearer.map(|bearer| format!("Authorization: Bearer {bearer}\r\n")).unwrap_or_default();
    http::ask(addr, "POST", &format!("/api/v1/{target}"), &format!("Host: {addr}\r\n{shown}"), &body.to_string())
}

fn with(pass: &str) -> JoinRequest {
    JoinRequest::new("says so").with_pass(pass)
}

#[test]
fn a_ticket_stands_for_an_account_once() {
    let scratch = Scratch::new("ticket");
    let (server, _) = start(known_only(&scratch));
    let signer = Signer::hs256(SECRET);
    let pass = signer.sign(&claims_with("ann", json!({ "nick": "Ann", "team": "red" })));
    run(async {
        let issued = post(&server, "ticket", Some(&pass), &json!({}));
        assert_eq!(issued.status, 200, "{}", issued.body);
        let ticket = issued.json()["ticket"].as_str().expect("a text").to_owned();
        let mut ann = Player::join(&server, with(&ticket)).await;
        assert_eq!(ann.who().await, "Ann|ann|team=red");
        let (code, text) = Player::ask(&server, with(&ticket)).await.closed().await;
        assert_eq!(code, CloseReason::Refused.code(), "{text}");
        assert!(text.contains("was used"), "{text}");
        ann.plays().await;
    });
    for (bearer, words) in [
        (None, "signed in"),
        (Some("made.up.token"), "not a signed token"),
        (Some(signer.sign(&json!({ "sub": "ann", "exp": now_s() - 999 })).as_str()), "run out"),
    ] {
        for target in ["ticket", "match", "reserve", "queue"] {
            let answer = post(&server, target, bearer, &json!({}));
            assert_eq!(answer.status, 401, "{target}: {}", answer.body);
            assert!(answer.error().contains(words), "{words} is not in {}", answer.body);
        }
    }
    let looks_on = http::get(server.addr(), "/api/v1/rooms?game=roster");
    assert_eq!(looks_on.status, 200, "{}", looks_on.body);
    server.stop();
}

#[test]
fn a_seat_that_is_kept_is_for_whom_it_was_kept_and_several_are_for_who_shows_a_pass() {
    let scratch = Scratch::new("kept");
    let (server, admin) = start(known_only(&scratch));
    let pass = |account| Signer::hs256(SECRET).pass(account);
    let tickets = |answer: &Answer| -> Vec<String> {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let all = answer.json()["tickets"].as_array().expect("tickets").clone();
        all.iter().map(|ticket| ticket.as_str().expect("a text").to_owned()).collect()
    };
    run(async {
        let own = tickets(&post(&server, "match", Some(&pass("ann")), &json!({})));
        let mut ann = Player::join(&server, with(&own[0])).await;
        assert_eq!(ann.who().await, "says so|ann|");
        let several = tickets(&post(&server, "reserve", Some(&pass("ann")), &json!({ "seats": 3 })));
        assert_eq!(several.len(), 3);
        let (code, text) = Player::ask(&server, with(&several[0])).await.closed().await;
        assert_eq!(code, CloseReason::NotKnown.code(), "{text}");
        let mut ben = Player::join(&server, with(&format!("{} {}", several[1], pass("ben")))).await;
        assert_eq!(ben.who().await, "says so|ben|");
        // the seat of the one who was refused is free again, that of the third is still kept
        let room = ben.0.client.seat().map(|_| 1).expect("it plays");
        let taken = || {
            let rooms = http::steer(admin, "GET", "/admin/rooms", "").json();
            let rooms = rooms["rooms"].as_array().expect("rooms").clone();
            rooms.iter().map(|room| room["seats_taken"].as_u64().expect("a number")).sum::<u64>()
        };
        crate::roster::until("three seats are taken", || (taken() == 3).then_some(room));
        assert_eq!(http::steer(admin, "POST", "/admin/bans", "{\"account\": \"cid\"}").status, 201);
        let banned = format!("{} {}", several[2], pass("cid"));
        let (code, text) = Player::ask(&server, with(&banned)).await.closed().await;
        assert_eq!((code, text.as_str()), (CloseReason::Refused.code(), "banned"));
        crate::roster::until("its seat is free", || (taken() == 2).then_some(()));
        let refused = post(&server, "match", Some(&pass("cid")), &json!({}));
        assert_eq!((refused.status, refused.error().as_str()), (403, "banned"));
    });
    server.stop();
}

#[test]
fn where_nobody_is_known_seats_are_kept_for_anybody_and_no_ticket_stands_for_an_account() {
    let (server, _) = start(|_| {});
    let pass = Signer::hs256(SECRET).pass("ann");
    assert_eq!(post(&server, "ticket", Some(&pass), &json!({})).status, 401);
    let kept = post(&server, "match", None, &json!({}));
    let ticket = kept.json()["tickets"][0].as_str().expect("a ticket").to_owned();
    run(async {
        let mut anybody = Player::join(&server, with(&ticket)).await;
        assert_eq!(anybody.who().await, "says so|nobody|");
    });
    server.stop();
}

#[test]
fn an_operators_lock_keeps_tickets_out_and_lets_those_back_who_play() {
    let (server, admin) = start(|config| config.lobby.reservation_s = 600);
    run(async {
        let mut ann = Player::join(&server, "ann").await;
        let token = ann.0.client.token().expect("a token came with the seat");
        let kept = post(&server, "match", None, &json!({ "wish": { "room": 1 } })).json();
        let ticket = kept["tickets"][0].as_str().expect("a ticket").to_owned();
        assert_eq!(http::steer(admin, "POST", "/admin/rooms/1/lock", "").status, 200);
        let (code, text) = Player::ask(&server, with(&ticket)).await.closed().await;
        assert_eq!(code, CloseReason::Refused.code(), "{text}");
        assert!(text.contains("locked"), "{text}");
        assert_eq!(post(&server, "match", None, &json!({ "wish": { "room": 1 } })).status, 409);
        ann.0.cut();
        drop(ann);
        let mut ann = Player::back(&server, token).await;
        ann.plays().await;
        // the ticket was not used: the lock may be a matter of a minute
        assert_eq!(http::steer(admin, "POST", "/admin/rooms/1/unlock", "").status, 200);
        Player::join(&server, with(&ticket)).await;
    });
    server.stop();
}
