//! Joining with a pass, and without.

use serde_json::json;
use tickwire_server::Config;
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::roster::{Player, metric, run, start};
use crate::signer::{SECRET, Scratch, Signer, claims_with, key_file, now_s};

/// A server that believes whatever is signed with the secret.
fn with_secret(scratch: &Scratch) -> impl FnOnce(&mut Config) + use<> {
    let file = scratch.write("secret", SECRET);
    move |config| config.identity.secret_file = Some(file)
}

#[test]
fn without_keys_a_player_is_who_it_says_and_nobody_in_particular() {
    let (server, _) = start(|_| {});
    run(async {
        let pass = Signer::hs256(SECRET).pass("ann");
        let mut ann = Player::join(&server, JoinRequest::new("Ann").with_pass(pass)).await;
        assert_eq!(ann.who().await, "Ann|nobody|");
    });
    server.stop();
}

#[test]
fn a_game_sees_whose_pass_it_was() {
    let scratch = Scratch::new("sees");
    let secret = with_secret(&scratch);
    let (server, _) = start(|config| {
        secret(config);
        config.identity.key_files = vec![key_file("for-tests-only-ed25519.pub.pem")];
        config.identity.name_claim = Some("nick".into());
        config.identity.claims = vec!["team".into(), "level".into()];
    });
    run(async {
        let more =
            json!({ "nick": " An\u{7}n of a very long house indeed ", "team": "red", "level": 7, "email": "a@b" });
        let pass = Signer::hs256(SECRET).sign(&claims_with("user-17", more));
        let mut ann = Player::join(&server, JoinRequest::new("Mallory").with_pass(pass)).await;
        assert_eq!(ann.who().await, "Ann of a very long house|user-17|team=red,level=7");
        let pass = Signer::eddsa().pass("user-18");
        let mut ben = Player::join(&server, JoinRequest::new("Ben").with_pass(pass)).await;
        assert_eq!(ben.who().await, "Ben|user-18|");
    });
    server.stop();
}

#[test]
fn who_has_no_good_pass_is_told_what_is_wrong_and_counted() {
    let scratch = Scratch::new("refused");
    let (old, _) = Signer::new_eddsa("old");
    let (_, jwk) = Signer::new_eddsa("new");
    let set = scratch.write("set.json", &json!({ "keys": [jwk] }).to_string());
    let secret = with_secret(&scratch);
    let (server, admin) = start(|config| {
        secret(config);
        config.identity.jwks_file = Some(set);
    });
    let signer = Signer::hs256(SECRET);
    let at = |more| signer.sign(&claims_with("ann", more));
    run(async {
        for (pass, words, reason) in [
            (String::new(), "signed in", "pass_missing"),
            ("let me in".to_owned(), "not a signed token", "pass_wrong"),
            (Signer::hs256("ffffffffffffffffffffffffffffffff").pass("ann"), "signature", "pass_wrong"),
            (Signer::rs256().pass("ann"), "another method", "pass_wrong"),
            (old.pass("ann"), "does not know", "pass_key_unknown"),
            (at(json!({ "exp": now_s() - 3600 })), "run out", "pass_expired"),
            (at(json!({ "nbf": now_s() + 3600 })), "not valid yet", "pass_early"),
        ] {
            let series = format!("tickwire_joins_refused_total{{reason=\"{reason}\"}}");
            let before = metric(admin, &series);
            let mut player = Player::ask(&server, JoinRequest::new("ann").with_pass(pass.clone())).await;
            let (code, text) = player.closed().await;
            assert_eq!(code, CloseReason::NotKnown.code(), "{text}");
            assert!(text.contains(words), "{words} is not in {text}");
            assert!(pass.is_empty() || !text.contains(&pass));
            assert_eq!(player.0.client.state().ended(), Some(text.as_str()), "the whole reason is told before");
            assert_eq!(metric(admin, &series), before + 1.0, "{reason}");
        }
        assert_eq!(metric(admin, "tickwire_sessions_refused_total{reason=\"not_known\"}"), 7.0);
        Player::join(&server, JoinRequest::new("ann").with_pass(signer.pass("ann"))).await;
    });
    server.stop();
}

#[test]
fn an_address_that_shows_too_many_wrong_passes_is_not_heard() {
    let scratch = Scratch::new("tries");
    let secret = with_secret(&scratch);
    let (server, admin) = start(|config| {
        secret(config);
        config.identity.failed_per_minute = 3;
        // this machine's addresses are exempt by default
        config.net.addresses.exempt.clear();
    });
    let good = Signer::hs256(SECRET).pass("ann");
    run(async {
        let mut before = Player::join(&server, JoinRequest::new("before").with_pass(good.clone())).await;
        for _ in 0..3 {
            let mut guess = Player::ask(&server, JoinRequest::new("guess").with_pass("guess")).await;
            assert_eq!(guess.closed().await.0, CloseReason::NotKnown.code());
        }
        let mut ann = Player::ask(&server, JoinRequest::new("ann").with_pass(good)).await;
        let (code, text) = ann.closed().await;
        assert_eq!(code, CloseReason::Policy.code());
        assert!(text.contains("too many wrong passes"), "{text}");
        assert_eq!(metric(admin, "tickwire_joins_refused_total{reason=\"pass_tries\"}"), 1.0);
        before.plays().await;
    });
    server.stop();
}

#[test]
fn a_new_key_is_taken_while_the_server_runs() {
    let scratch = Scratch::new("renewed");
    let ((old, old_jwk), (new, new_jwk)) = (Signer::new_eddsa("old"), Signer::new_eddsa("new"));
    let set = scratch.write("set.json", &json!({ "keys": [old_jwk] }).to_string());
    let (server, _) = start(|config| config.identity.jwks_file = Some(set));
    run(async {
        let mut ann = Player::join(&server, JoinRequest::new("ann").with_pass(old.pass("ann"))).await;
        scratch.write("set.json", &json!({ "keys": [new_jwk] }).to_string());
        let given_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let mut ben = Player::ask(&server, JoinRequest::new("ben").with_pass(new.pass("ben"))).await;
            let waiting = ben.0.receive();
            if waiting.await.is_ok() && ben.0.receive().await.is_ok() && ben.0.client.seat().is_some() {
                break;
            }
            assert!(std::time::Instant::now() < given_up, "the file is not read anew");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        let mut late = Player::ask(&server, JoinRequest::new("late").with_pass(old.pass("late"))).await;
        assert_eq!(late.closed().await.0, CloseReason::NotKnown.code());
        ann.plays().await;
    });
    server.stop();
}

#[test]
fn an_account_has_no_more_seats_than_it_may() {
    let scratch = Scratch::new("seats");
    let secret = with_secret(&scratch);
    let (server, admin) = start(|config| {
        secret(config);
        config.identity.account_seats_max = 2;
        config.identity.second_device = tickwire_server::config::SecondDevice::AnotherSeat;
    });
    let pass = |account| JoinRequest::new("x").with_pass(Signer::hs256(SECRET).pass(account));
    run(async {
        let mut first = Player::join(&server, pass("ann")).await;
        let second = Player::join(&server, pass("ann")).await;
        let mut third = Player::ask(&server, pass("ann")).await;
        let (code, text) = third.closed().await;
        assert_eq!(code, CloseReason::Refused.code());
        assert!(text.contains("has 2 seats"), "{text}");
        assert_eq!(metric(admin, "tickwire_joins_refused_total{reason=\"account_seats\"}"), 1.0);
        Player::join(&server, pass("ben")).await;
        second.0.leave().await.expect("the server closes in order");
        first.sees_a_leave().await;
        let given_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            // the lobby hears of it a moment after the room
            let mut again = Player::ask(&server, pass("ann")).await;
            if again.0.receive().await.is_ok() && again.0.receive().await.is_ok() && again.0.client.seat().is_some() {
                break;
            }
            assert!(std::time::Instant::now() < given_up, "the seat is never free");
        }
    });
    server.stop();
}
