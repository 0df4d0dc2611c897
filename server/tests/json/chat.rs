//! Commands and events: the chat of the examples.

#[path = "../../examples/chat.rs"]
#[allow(dead_code, missing_docs, reason = "its main is not called here")]
mod example;

#[path = "../operator/http.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod http;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::peer::Peer;
use crate::{run, start};
use example::Chat;

#[test]
fn two_people_talk_and_a_newcomer_reads_what_was_said() {
    let server = start::<Chat>(|_| {});
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        assert_eq!(ann.event("here").await, json!({ "you": "ann", "names": ["ann"] }));
        let mut bob = Peer::joined(&server, "bob").await;
        assert_eq!(bob.event("here").await, json!({ "you": "bob", "names": ["ann", "bob"] }));
        assert_eq!(ann.event("came").await, json!({ "name": "ann" }));
        assert_eq!(ann.event("came").await, json!({ "name": "bob" }));
        ann.say(r#"{"command":{"say":"  hällo \"bob\" \u2603 "}}"#).await;
        let line = json!({ "name": "ann", "text": "hällo \"bob\" ☃" });
        assert_eq!(bob.event("said").await, line);
        assert_eq!(ann.event("said").await, line);
        bob.say(r#"{"command":{"say":"ann!"}}"#).await;
        assert_eq!(ann.event("said").await, json!({ "name": "bob", "text": "ann!" }));
        let mut cid = Peer::joined(&server, "bob").await;
        assert_eq!(cid.event("here").await["you"], "bob 2", "two bobs are told apart");
        assert_eq!(cid.event("said").await, line);

        // a seat whose connection breaks is free at once
        let since = Instant::now();
        drop(bob.socket);
        assert_eq!(ann.event("went").await, json!({ "name": "bob" }));
        assert!(since.elapsed() < Duration::from_secs(15), "a binary client's is held for 20 s");
        cid.say(r#"{"leave":true}"#).await;
        assert_eq!(cid.closed().await, (1000, "left the room".into()));
        assert_eq!(ann.event("went").await, json!({ "name": "bob 2" }));
    });
    server.stop();
}

#[test]
fn what_the_chat_does_not_want_is_told_by_the_chat() {
    let server = start::<Chat>(|_| {});
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        ann.event("here").await;
        ann.say(r#"{"command":{"say":" "}}"#).await;
        assert_eq!(ann.event("sorry").await, "say something");
        for _ in 0..6 {
            ann.say(r#"{"command":{"say":"again"}}"#).await;
        }
        assert_eq!(ann.event("sorry").await, "not so fast: a line a second");
    });
    server.stop();
}

#[test]
fn a_wish_leads_to_a_room_of_ones_own_and_its_code_leads_others_there() {
    let server = start::<Chat>(|_| {});
    run(async {
        let mut cid = Peer::joined(&server, "cid").await;
        let mut ann = Peer::connect(&server).await;
        ann.say(r#"{"join":{"name":"ann","wish":{"create":{"private":true}}}}"#).await;
        let joined = ann.hear("joined").await;
        let code = joined["code"].as_str().unwrap_or_else(|| panic!("no code: {joined}"));
        let mut bob = Peer::connect(&server).await;
        bob.say(&json!({ "join": { "name": "bob", "wish": { "code": code } } }).to_string()).await;
        assert_eq!(bob.hear("joined").await["room"], joined["room"]);
        assert_eq!(bob.event("here").await["names"], json!(["ann", "bob"]));
        assert_eq!(cid.event("here").await["names"], json!(["cid"]));
        let mut dan = Peer::connect(&server).await;
        dan.say(r#"{"join":{"wish":{"cod":"x"}}}"#).await;
        let refused = dan.hear("refused").await;
        assert!(refused.as_str().is_some_and(|words| words.contains("cod")), "{refused}");
    });
    server.stop();
}

#[test]
fn the_operators_words_come_as_text() {
    let server = start::<Chat>(|config| {
        config.admin.listen = Some(([127, 0, 0, 1], 0).into());
        config.admin.token = Some(http::TOKEN.to_owned());
    });
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        let admin = server.admin_addr().expect("the admin listener is on");
        let told = http::steer(admin, "POST", "/admin/message", r#"{"text":"we stop at ten"}"#);
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(ann.hear("notice").await["text"], "we stop at ten");
    });
    server.stop();
}
