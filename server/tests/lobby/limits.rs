//! What strangers can do too much of, and words that mean nothing to the lobby.

use serde_json::json;
use tickwire_shared::protocol::close::CloseReason;

use crate::api::{call, get, post, refused};
use crate::court::{Court, ask, join, run, start, until};

#[test]
fn who_guesses_codes_is_not_heard_for_a_while() {
    let server = start(|config| {
        config.net.addresses.exempt.clear();
        config.identity.failed_per_minute = 4;
    });
    run(async {
        let mine = join::<Court>(&server, ask(r#"{"create": {"private": true}}"#)).await.expect("a new room");
        assert_eq!(mine.code().len(), 8, "{}: too few to be found by counting", mine.code());
        let by_code = json!({ "code": mine.code() });
        join::<Court>(&server, ask(&by_code.to_string())).await.expect("the code is right");
        for guess in ["AAAAAAAA", "AAAAAAAB"] {
            let (code, text) = join::<Court>(&server, ask(&json!({ "code": guess }).to_string())).await.unwrap_err();
            assert!(code == CloseReason::Refused.code() && text.contains("no room has this code"), "{code} {text}");
            let (status, words) =
                refused(&server, "POST", "match", json!({ "game": "court", "wish": { "code": guess } }));
            assert!(status == 404 && words.contains("no room has this code"), "{status} {words}");
        }
        // right or wrong: nobody learns which
        let (code, text) = join::<Court>(&server, ask(&by_code.to_string())).await.unwrap_err();
        assert!(code == CloseReason::Policy.code() && text.contains("too many wrong codes"), "{code} {text}");
        let (status, words) = refused(&server, "POST", "match", json!({ "game": "court", "wish": by_code }));
        assert!(status == 429 && words.contains("too many wrong codes"), "{status} {words}");
        join::<Court>(&server, ask("")).await.expect("whoever names no code is heard");
    });
    server.stop();
}

#[test]
fn addresses_without_limits_make_as_many_rooms_as_they_like() {
    let server = start(|config| config.lobby.creations_per_minute = 1);
    for map in ["ice", "lava", "sand"] {
        post(&server, "match", json!({ "game": "court", "wish": { "create": { "properties": { "map": map } } } }));
        post(&server, "match", json!({ "game": "court", "wish": { "where": { "size": map } } }));
    }
    server.stop();
}

#[test]
fn a_body_that_is_too_long_is_told_so() {
    let server = start(|_| {});
    let long = json!({ "game": "court", "wish": { "where": { "map": "x".repeat(20_000) } } });
    let (status, words) = refused(&server, "POST", "match", long);
    assert!(status == 413 && words.contains("16384 bytes"), "{status} {words}");
    server.stop();
}

#[test]
fn what_the_lobby_counts_itself_is_no_property() {
    let server = start(|_| {});
    for name in ["players", "free", "age"] {
        let wish = json!({ "where": { name: { "min": 1 } } });
        let (status, words) = refused(&server, "POST", "match", json!({ "game": "court", "wish": wish }));
        assert!(status == 400 && words.contains(&format!("where.{name}")) && words.contains("sort"), "{words}");
        let listed = json!({ "game": "court", "where": { name: 3 } });
        assert_eq!(refused(&server, "POST", "rooms", listed).0, 400);
        let wish = json!({ "create": { "properties": { name: 3 } } });
        let (status, words) = refused(&server, "POST", "match", json!({ "game": "court", "wish": wish }));
        assert!(status == 400 && words.contains(&format!("create.properties.{name}")), "{words}");
    }
    assert_eq!(get(&server, "games")["games"][0]["rooms"], 0);
    server.stop();
}

#[test]
fn a_groups_name_in_the_queue_cannot_be_guessed() {
    let server = start(|_| {});
    let waits = || post(&server, "queue", json!({ "game": "court" }))["id"].as_str().expect("an id").to_owned();
    let names: Vec<u128> = (0..8).map(|_| waits().parse().expect("a number")).collect();
    assert!(names.iter().any(|name| *name > u128::from(u64::MAX)), "128 random bits: {names:?}");
    for name in names {
        assert_eq!(get(&server, &format!("queue/{name}?wait_s=20"))["state"], "matched", "two and two");
        assert_eq!(call(&server, "DELETE", &format!("queue/{name}"), &json!({})).status, 200);
    }
    server.stop();
}

#[test]
fn a_game_that_tells_something_new_at_each_tick_is_heard_twice_a_second() {
    let server = start(|config| config.lobby.client_options = true);
    run(async {
        let wish = r#"{"create": {"options": {"tells_ticks": true}}}"#;
        let mut ann = join::<Court>(&server, ask(wish)).await.expect("a new room");
        let tick =
            || get(&server, "rooms?game=court")["rooms"][0]["properties"]["tick"].as_f64().map(|tick| tick as u64);
        let (mut seen, began) = (std::collections::BTreeSet::new(), std::time::Instant::now());
        while began.elapsed().as_secs_f64() < 2.0 {
            seen.extend(tick());
            ann.line.receive().await.expect("the connection lives");
        }
        let most = 2.0 + 2.0 * began.elapsed().as_secs_f64();
        assert!((2..=most.ceil() as usize).contains(&seen.len()), "{} in {:?}", seen.len(), began.elapsed());
        // what is said last is heard, however soon after another word
        ann.say("map ice").await;
        ann.say("map lava").await;
        ann.say("lock").await;
        until("all is heard", async || {
            let room = get(&server, "rooms?game=court")["rooms"][0].clone();
            (room["properties"]["map"] == "lava" && room["locked"] == true).then_some(())
        })
        .await;
    });
    server.stop();
}
