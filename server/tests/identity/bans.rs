//! Bans: who is banned goes, stays away, and may come again.

use serde_json::{Value, json};
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::http::{ask, steer};
use crate::roster::{Player, metric, run, start, until};
use crate::signer::{SECRET, Scratch, Signer};

fn device(account: &str) -> JoinRequest {
    JoinRequest::new("x").with_pass(Signer::hs256(SECRET).pass(account))
}

#[test]
fn a_banned_account_goes_at_once_and_stays_away_over_a_restart_until_it_is_lifted() {
    let scratch = Scratch::new("bans");
    let (secret, kept) = (scratch.write("secret", SECRET), scratch.path("bans.json"));
    let change = |config: &mut tickwire_server::Config| {
        (config.identity.secret_file, config.admin.bans_file) = (Some(secret.clone()), Some(kept.clone()));
    };
    let (server, admin) = start(change);
    run(async {
        let mut ann = Player::join(&server, device("ann")).await;
        let mut ben = Player::join(&server, device("ben")).await;
        let token = ann.0.client.token().expect("a token came with the seat");
        let order = json!({ "account": "ann", "for_s": 3600, "reason": "be nice" }).to_string();
        let banned = steer(admin, "POST", "/admin/bans", &order);
        assert_eq!((banned.status, &banned.json()["players"]), (201, &json!(1)), "{}", banned.body);
        assert_eq!((&banned.json()["ban"], &banned.json()["account"]), (&json!(1), &json!("ann")));
        let (code, text) = ann.closed().await;
        assert_eq!(code, CloseReason::Refused.code());
        assert!(text.starts_with("banned until ") && text.ends_with("GMT: be nice"), "{text}");
        ben.sees_a_leave().await;
        let (code, _) = Player::back(&server, token).await.closed().await;
        assert!([CloseReason::SeatGone.code(), CloseReason::Refused.code()].contains(&code), "{code}");
        let (code, text) = Player::ask(&server, device("ann")).await.closed().await;
        assert_eq!(code, CloseReason::Refused.code());
        assert!(text.contains("be nice"), "{text}");
        assert!(metric(admin, "tickwire_joins_refused_total{reason=\"banned\"}") >= 1.0);
        ben.plays().await;
    });
    server.stop();

    let (server, admin) = start(change);
    run(async {
        assert_eq!(Player::ask(&server, device("ann")).await.closed().await.0, CloseReason::Refused.code());
        let listed = steer(admin, "GET", "/admin/bans", "").json();
        assert_eq!(listed["bans"].as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(listed["bans"][0]["reason"], "be nice");
        assert_eq!(steer(admin, "DELETE", "/admin/bans/1", "").status, 200);
        assert_eq!(steer(admin, "DELETE", "/admin/bans/1", "").status, 404);
        assert_eq!(steer(admin, "GET", "/admin/bans", "").json()["bans"], json!([]));
        Player::join(&server, device("ann")).await;
    });
    server.stop();
}

#[test]
fn a_banned_address_goes_with_all_who_come_from_it() {
    let (server, admin) = start(|_| {});
    run(async {
        let (mut one, mut two) = (Player::join(&server, "one").await, Player::join(&server, "two").await);
        let banned = steer(admin, "POST", "/admin/bans", "{\"address\": \"127.0.0.0/8\"}");
        assert_eq!((banned.status, &banned.json()["players"]), (201, &json!(2)), "{}", banned.body);
        assert_eq!(banned.json()["until_unix_s"], Value::Null);
        for player in [&mut one, &mut two] {
            assert_eq!(player.closed().await, (CloseReason::Refused.code(), "banned".to_owned()));
        }
        assert_eq!(Player::ask(&server, "three").await.closed().await.0, CloseReason::Refused.code());
        assert_eq!(steer(admin, "DELETE", "/admin/bans/1", "").status, 200);
        Player::join(&server, "four").await;
    });
    server.stop();
}

#[test]
fn one_whose_connection_is_broken_loses_its_seat_too() {
    let scratch = Scratch::new("away");
    let secret = scratch.write("secret", SECRET);
    let (server, admin) = start(|config| config.identity.secret_file = Some(secret));
    run(async {
        let mut ben = Player::join(&server, device("ben")).await;
        let mut ann = Player::join(&server, device("ann")).await;
        let token = ann.0.client.token().expect("a token came with the seat");
        ann.0.cut();
        drop(ann);
        until("the seat is held", || (server.metrics().seats_held.value() == 1).then_some(()));
        assert_eq!(steer(admin, "POST", "/admin/bans", "{\"account\": \"ann\"}").json()["players"], 1);
        ben.sees_a_leave().await;
        let (code, _) = Player::back(&server, token).await.closed().await;
        assert_eq!(code, CloseReason::SeatGone.code());
    });
    server.stop();
}

#[test]
fn nothing_is_banned_by_accident() {
    let (server, admin) = start(|_| {});
    run(async {
        let mut player = Player::join(&server, "player").await;
        for (body, words) in [
            ("", "say who"),
            ("{}", "say who"),
            ("{\"account\": \"a\", \"address\": \"127.0.0.1\"}", "say who"),
            ("{\"acount\": \"a\"}", "unknown field"),
            ("{\"address\": \"everybody\"}", "not an address"),
            ("{\"address\": \"0.0.0.0/0\"}", "is everybody"),
            ("{\"address\": \"127.0.0.1\", \"for_s\": 0}", "0 seconds"),
            ("{\"address\": \"127.0.0.1\", \"for_s\": -5}", "JSON"),
            ("[]", "JSON"),
        ] {
            let answer = steer(admin, "POST", "/admin/bans", body);
            assert_eq!(answer.status, 400, "{body}: {}", answer.body);
            assert!(answer.error().contains(words), "{words} is not in {}", answer.body);
        }
        let unasked = format!("Host: {admin}\r\n");
        for (method, path) in [("GET", "/admin/bans"), ("POST", "/admin/bans"), ("DELETE", "/admin/bans/1")] {
            assert_eq!(ask(admin, method, path, &unasked, "{\"address\": \"127.0.0.1\"}").status, 401);
        }
        assert_eq!(steer(admin, "GET", "/admin/bans/1", "").status, 405);
        assert_eq!(steer(admin, "GET", "/admin/bans", "").json()["bans"], json!([]));
        player.plays().await;
    });
    server.stop();
}

#[test]
fn a_ban_of_one_ipv6_address_is_of_its_subscriber() {
    let (server, admin) = start(|_| {});
    let ban = |address: &str| steer(admin, "POST", "/admin/bans", &json!({ "address": address }).to_string()).json();
    assert_eq!(ban("2001:db8:1:2:a:b:c:d")["address"], "2001:db8:1:2::/64", "who has one of them has them all");
    assert_eq!(ban("2001:db8:1:3::7/128")["address"], "2001:db8:1:3::7", "unless just that is said");
    assert_eq!(ban("203.0.113.7")["address"], "203.0.113.7");
    assert_eq!(ban("::ffff:203.0.113.8")["address"], "203.0.113.8");
    let listed = steer(admin, "GET", "/admin/bans", "").body;
    assert!(listed.contains("2001:db8:1:2::/64"), "{listed}");
    let description = ask(admin, "GET", "/admin/openapi.json", &format!("Host: {admin}\r\n"), "").body;
    assert!(description.contains("/64"), "it is described");
    server.stop();
}
