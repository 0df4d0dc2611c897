//! What is believed of a pass, and what is not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use tickwire_server::config::IdentityConfig;
use tickwire_server::identity::{KeyError, PassError, Passes, Shown};

use crate::signer::{SECRET, Scratch, Signer, claims, claims_with, key_file, now_s};

fn with_secret(scratch: &Scratch, change: impl FnOnce(&mut IdentityConfig)) -> Passes {
    let mut config =
        IdentityConfig { secret_file: Some(scratch.write("secret", &format!("{SECRET}\n"))), ..Default::default() };
    change(&mut config);
    Passes::new(config).expect("the secret is long enough")
}

fn account(shown: Result<Shown, PassError>) -> Result<String, PassError> {
    shown.map(|shown| shown.account.unwrap_or_default())
}

#[test]
fn every_kind_of_key_takes_what_it_has_signed_and_nothing_else() {
    let scratch = Scratch::new("kinds");
    let secret = scratch.write("secret", SECRET);
    let of = |files: &[&str], secret_file| {
        let key_files = files.iter().map(|name| key_file(name)).collect();
        Passes::new(IdentityConfig { key_files, secret_file, ..Default::default() }).expect("sound keys")
    };
    let kinds = [
        (Signer::hs256(SECRET), of(&[], Some(secret.clone()))),
        (Signer::rs256(), of(&["for-tests-only-rsa.pub.pem"], None)),
        (Signer::es256(), of(&["for-tests-only-p256.pub.pem"], None)),
        (Signer::eddsa(), of(&["for-tests-only-ed25519.pub.pem"], None)),
    ];
    for (at, (signer, _)) in kinds.iter().enumerate() {
        let pass = signer.pass("ann");
        for (other, (_, passes)) in kinds.iter().enumerate() {
            let found = account(passes.read(&pass));
            // a key without a name is for its own algorithm, whatever the pass says
            let expected = if at == other { Ok("ann".to_owned()) } else { Err(PassError::Algorithm) };
            assert_eq!(found, expected, "{at} {other}");
        }
    }
    let all = of(
        &["for-tests-only-rsa.pub.pem", "for-tests-only-p256.pub.pem", "for-tests-only-ed25519.pub.pem"],
        Some(secret),
    );
    for (signer, _) in &kinds {
        assert_eq!(account(all.read(&signer.pass("ben"))), Ok("ben".to_owned()));
    }
}

#[test]
fn a_public_key_is_no_secret_and_none_is_no_algorithm() {
    let public = std::fs::read_to_string(key_file("for-tests-only-rsa.pub.pem")).expect("a file of the tests");
    let key_files = vec![key_file("for-tests-only-rsa.pub.pem")];
    let passes = Passes::new(IdentityConfig { key_files, ..Default::default() }).expect("a sound key");
    // the classic: HS256 with the public key as the secret
    for secret in [public.as_str(), public.trim_end()] {
        assert_eq!(account(passes.read(&Signer::hs256(secret).pass("mallory"))), Err(PassError::Algorithm));
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "None", "NONE", ""] {
        let unsigned = format!("{}.{}.", part(&json!({ "alg": alg, "typ": "JWT" })), part(&claims("mallory")));
        assert!(account(passes.read(&unsigned)).is_err(), "{alg}");
    }
    let good = Signer::rs256().pass("ann");
    assert_eq!(account(passes.read(&good)), Ok("ann".to_owned()));
    let (head, rest) = good.split_once('.').expect("three parts");
    let (_, signature) = rest.split_once('.').expect("three parts");
    let forged = format!("{head}.{}.{signature}", part(&claims("mallory")));
    assert_eq!(account(passes.read(&forged)), Err(PassError::Signature));
    assert!(account(passes.read(&format!("{head}.{rest}A"))).is_err());
    for nonsense in ["x", "a.b", "a.b.c", "....", &"A".repeat(2000), "\u{1F980}.\u{1F980}.\u{1F980}"] {
        assert_eq!(account(passes.read(nonsense)), Err(PassError::Malformed), "{nonsense}");
    }
}

#[test]
fn time_counts_with_a_little_leeway() {
    let scratch = Scratch::new("time");
    let passes = with_secret(&scratch, |config| config.leeway_s = 30);
    let read = |more: Value| account(passes.read(&Signer::hs256(SECRET).sign(&claims_with("ann", more))));
    assert!(read(json!({ "exp": now_s() - 20 })).is_ok(), "the clocks differ a little");
    assert_eq!(read(json!({ "exp": now_s() - 60 })), Err(PassError::Expired));
    assert!(read(json!({ "nbf": now_s() + 20 })).is_ok());
    assert_eq!(read(json!({ "nbf": now_s() + 600 })), Err(PassError::Early));
    for (wrong, which) in [("exp", "exp"), ("nbf", "nbf")] {
        let refused = read(json!({ wrong: "9999999999" }));
        assert!(matches!(refused, Err(PassError::Lacks(said)) if said.contains(which)), "{wrong}: {refused:?}");
    }
    let without = Signer::hs256(SECRET).sign(&json!({ "sub": "ann" }));
    assert!(matches!(account(passes.read(&without)), Err(PassError::Lacks(said)) if said.contains("exp")));
    assert_eq!(read(json!({ "exp": -5 })), Err(PassError::Lacks("until when it is valid (exp)")));
}

#[test]
fn who_signed_it_and_for_whom_count_where_that_is_configured() {
    let scratch = Scratch::new("names");
    let signer = Signer::hs256(SECRET);
    let passes = with_secret(&scratch, |config| {
        (config.issuer, config.audience) = (Some("https://sign.example".into()), Some("eu-1".into()));
    });
    let read = |more: Value| account(passes.read(&signer.sign(&claims_with("ann", more))));
    let ours = "https://sign.example";
    assert!(read(json!({ "iss": ours, "aud": "eu-1" })).is_ok());
    assert!(read(json!({ "iss": ours, "aud": ["us-1", "eu-1"] })).is_ok());
    assert_eq!(read(json!({ "iss": "https://evil.example", "aud": "eu-1" })), Err(PassError::Issuer));
    assert_eq!(read(json!({ "iss": ours, "aud": "us-1" })), Err(PassError::Audience));
    assert!(matches!(read(json!({ "aud": "eu-1" })), Err(PassError::Lacks(said)) if said.contains("iss")));
    assert!(matches!(read(json!({ "iss": ours })), Err(PassError::Lacks(said)) if said.contains("aud")));
    // a pass for somebody else is not for a server that has no name
    let nameless = with_secret(&scratch, |_| {});
    assert_eq!(
        account(nameless.read(&signer.sign(&claims_with("ann", json!({ "aud": "x" }))))),
        Err(PassError::Audience)
    );
}

#[test]
fn a_game_sees_the_account_and_what_is_chosen() {
    let scratch = Scratch::new("claims");
    let passes = with_secret(&scratch, |config| {
        config.name_claim = Some("nick".into());
        config.claims = vec!["team".into(), "https://game.example/level".into(), "absent".into()];
    });
    let read = |claims: &Value| passes.read(&Signer::hs256(SECRET).sign(claims));
    let more = json!({ "nick": "Ann", "team": "red", "https://game.example/level": 7, "email": "ann@example" });
    let shown = read(&claims_with("user-17", more)).expect("a good pass");
    assert_eq!((shown.account.as_deref(), shown.name.as_deref()), (Some("user-17"), Some("Ann")));
    let expected = [("team", "red"), ("https://game.example/level", "7")];
    assert_eq!(shown.claims, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    for sub in [json!(7), json!(""), json!("a\nb"), Value::Null] {
        let refused = read(&claims_with("x", json!({ "sub": sub })));
        assert!(matches!(refused, Err(PassError::Lacks(said)) if said.contains("sub")), "{sub}: {refused:?}");
    }
    assert!(matches!(read(&claims(&"a".repeat(129))), Err(PassError::TooLong(_))));
    assert!(matches!(read(&claims_with("x", json!({ "team": "a".repeat(300) }))), Err(PassError::TooLong(_))));
    // what must be understood and is not (RFC 7515 4.1.11)
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
    let critical = Signer::hs256(SECRET).sign_with(&header, &claims("ann"));
    assert_eq!(passes.read(&critical), Err(PassError::Malformed));
}

#[test]
fn a_set_of_keys_is_read_anew_when_it_changes() {
    let scratch = Scratch::new("set");
    let ((old, old_jwk), (new, new_jwk)) = (Signer::new_eddsa("2025"), Signer::new_eddsa("2026"));
    let set = |keys: &[&Value]| json!({ "keys": keys }).to_string();
    let jwks_file = Some(scratch.write("set.json", &set(&[&old_jwk])));
    let mut passes = Passes::new(IdentityConfig { jwks_file, ..Default::default() }).expect("a sound set");
    assert_eq!(account(passes.read(&old.pass("ann"))), Ok("ann".to_owned()));
    assert_eq!(account(passes.read(&new.pass("ann"))), Err(PassError::UnknownKey));
    scratch.write("set.json", &set(&[&old_jwk, &new_jwk]));
    passes.look();
    for signer in [&old, &new] {
        assert_eq!(account(passes.read(&signer.pass("ann"))), Ok("ann".to_owned()));
    }
    // what cannot be used changes nothing
    scratch.write("set.json", "{\"keys\": [");
    passes.look();
    assert!(account(passes.read(&new.pass("ann"))).is_ok());
    std::fs::remove_file(scratch.path("set.json")).expect("the folder is ours");
    passes.reload();
    assert!(account(passes.read(&new.pass("ann"))).is_ok());
    scratch.write("set.json", &set(&[&new_jwk]));
    passes.look();
    assert_eq!(account(passes.read(&old.pass("ann"))), Err(PassError::UnknownKey), "its key was taken back");
    assert!(account(passes.read(&new.pass("ann"))).is_ok());
}

#[test]
fn without_keys_all_are_anonymous_and_nobody_thinks_otherwise() {
    let passes = Passes::new(IdentityConfig::default()).expect("nothing is configured");
    assert!(passes.is_anonymous() && passes.summary().contains("anonymous"), "{}", passes.summary());
    assert_eq!(passes.read(""), Ok(Shown::default()));
    assert_eq!(passes.read(&Signer::hs256(SECRET).pass("ann")), Ok(Shown::default()), "nobody can tell who it is");
    let asked_for = Passes::new(IdentityConfig { required: Some(true), ..Default::default() });
    let Err(error @ KeyError::None) = asked_for else { panic!("it would let everybody in") };
    assert!(error.to_string().contains("identity.key_files"), "{error}");

    let scratch = Scratch::new("optional");
    assert_eq!(with_secret(&scratch, |_| {}).read(""), Err(PassError::Missing));
    let optional = with_secret(&scratch, |config| config.required = Some(false));
    assert_eq!(optional.read(""), Ok(Shown::default()));
    assert_eq!(optional.read("nonsense"), Err(PassError::Malformed), "a wrong one is none");
    assert_eq!(account(optional.read(&Signer::hs256(SECRET).pass("ann"))), Ok("ann".to_owned()));
}

#[test]
fn each_refusal_fits_into_a_close_frame() {
    use PassError::*;
    let lacks = Lacks("until when it is valid (exp)");
    let all = [
        Missing,
        Malformed,
        Signature,
        Algorithm,
        UnknownKey,
        Expired,
        Early,
        Issuer,
        Audience,
        lacks,
        TooLong("whose it is (sub)"),
        TooMany,
    ];
    for refusal in all {
        let words = refusal.to_string();
        assert!(words.len() <= 123, "{} bytes: {words}", words.len());
    }
}

#[test]
fn key_files_that_are_none_are_named_with_what_to_do() {
    let scratch = Scratch::new("files");
    let error = |name: &str| {
        let key_files = vec![key_file(name)];
        let made = Passes::new(IdentityConfig { key_files, ..Default::default() });
        made.err().unwrap_or_else(|| panic!("{name} was taken")).to_string()
    };
    for (name, words) in [
        ("for-tests-only-rsa.pem", "-pubout"),
        ("for-tests-only-ed25519.pem", "private key"),
        ("for-tests-only-rsa-1024.pub.pem", "2048 bits"),
        ("README.md", "no PEM"),
        ("nowhere.pem", "cannot read identity.key_files"),
    ] {
        let told = error(name);
        assert!(told.contains(words) && told.contains(name), "{words} is not in {told}");
    }
    let secret_file = Some(scratch.write("short", "0123456789"));
    let told = Passes::new(IdentityConfig { secret_file, ..Default::default() }).expect_err("too short").to_string();
    assert!(told.contains("openssl rand") && !told.contains("0123456789"), "{told}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// One letter changed anywhere, and it is no pass any more; and nothing that somebody makes up ends the server.
    #[test]
    fn only_what_was_signed_is_believed(at in 0usize..1000, letter in "[A-Za-z0-9_.=-]", made_up in ".{0,300}") {
        let scratch = Scratch::new("changed");
        let secret_file = Some(scratch.write("secret", SECRET));
        let key_files = vec![key_file("for-tests-only-rsa.pub.pem"), key_file("for-tests-only-ed25519.pub.pem")];
        let passes = Passes::new(IdentityConfig { secret_file, key_files, ..Default::default() }).expect("sound keys");
        for signer in [Signer::hs256(SECRET), Signer::eddsa()] {
            let good = signer.pass("ann");
            let at = at % good.len();
            let changed = format!("{}{letter}{}", &good[..at], &good[at + 1..]);
            proptest::prop_assert_eq!(passes.read(&changed).is_ok(), changed == good);
            let cut = &good[..at];
            proptest::prop_assert_eq!(passes.read(cut).is_ok(), false);
        }
        proptest::prop_assert_eq!(passes.read(&made_up).is_ok(), false);
    }
}
