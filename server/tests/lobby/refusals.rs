//! Every refusal has a reason that a person understands: in the answer of the API, in the close frame, and in the log.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use tickwire_server::Running;
use tickwire_server::config::AdminConfig;
use tickwire_shared::protocol::close::CloseReason;

use crate::api::{call, refused};
use crate::court::{Court, Yard, ask, join, run, start};
use crate::http;

/// What the server has logged, of all tests here.
struct Log;

fn log() -> &'static Mutex<String> {
    static LOG: OnceLock<Mutex<String>> = OnceLock::new();
    LOG.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_env_filter("tickwire_server=debug").with_ansi(false);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| Log).finish()).expect("the only subscriber");
        Mutex::default()
    })
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log().lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Now or soon: the answer may be here before its line is written.
fn is_logged(level: &str, words: &[&str]) -> bool {
    (0..500).any(|_| {
        let is_there = has_line(level, words);
        if !is_there {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        is_there
    })
}

fn has_line(level: &str, words: &[&str]) -> bool {
    let log = log().lock().unwrap_or_else(PoisonError::into_inner);
    // quoted in the log, so that nothing in it moves a terminal
    let quoted = |word: &&str| word.replace('"', "\\\"");
    let words: Vec<String> = words.iter().map(quoted).collect();
    log.lines().any(|line| line.contains(level) && words.iter().all(|word| line.contains(word)))
}

fn metric(server: &Running, series: &str) -> f64 {
    let page = http::get(server.admin_addr().expect("it is on"), "/metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("there is no {series}"))
}

pub fn with_admin(change: impl FnOnce(&mut tickwire_server::Config)) -> Running {
    log();
    start(|config| {
        let listen = Some(([127, 0, 0, 1], 0).into());
        config.admin = AdminConfig { listen, token: Some(http::TOKEN.to_owned()), ..AdminConfig::default() };
        change(config);
    })
}

#[test]
fn whoever_gets_no_seat_is_told_why_and_so_is_the_operator() {
    let server = with_admin(|config| (config.lobby.client_options, config.rooms_max) = (true, 3));
    run(async {
        let private = join::<Court>(&server, ask(r#"{"create": {"private": true}}"#)).await.expect("a new room");
        let full = join::<Court>(&server, ask(r#"{"create": {"options": {"seats": 1}}}"#)).await.expect("a new room");
        let locked = join::<Court>(&server, ask(r#"{"create": {"locked": true}}"#)).await.expect("a new room");
        let number = |room: u64| json!({ "room": room });
        let (later, refused_code, invalid) =
            (CloseReason::TryLater.code(), CloseReason::Refused.code(), CloseReason::InvalidData.code());
        for (wish, code, status, words) in [
            (json!({ "create": {} }), later, 503, "all rooms are full"),
            (number(99), refused_code, 404, "there is no such room"),
            (number(private.room), refused_code, 404, "there is no such room"),
            (number(full.room), refused_code, 409, "that room is full"),
            (number(locked.room), refused_code, 409, "that room is locked"),
            (json!({ "code": "AAAAAAAA" }), refused_code, 404, "no room has this code"),
            (json!({ "rooom": 3 }), invalid, 400, "unknown field `rooom`"),
            (json!({ "create": { "options": { "n": 3 } } }), refused_code, 400, "create.options: unknown field `n`"),
            (json!({ "where": { "free": 3 } }), invalid, 400, "where.free"),
        ] {
            let (got, text) = join::<Court>(&server, ask(&wish.to_string())).await.expect_err("no seat");
            assert_eq!(got, code, "{wish}: {text}");
            assert!(text.contains(words) && text.len() <= 123, "{wish}: {text}");
            assert!(is_logged("DEBUG", &["session refused", &text]), "{text} is not in the log");
            let (got, text) = refused(&server, "POST", "match", json!({ "game": "court", "wish": wish }));
            assert_eq!((got, text.contains(words)), (status, true), "{wish}: {text}");
            assert!(is_logged("DEBUG", &["a request is refused", "public", "/api/v1/match", &text]), "{text}");
        }
        let (_, text) = join::<Yard>(&server, ask(&number(full.room).to_string())).await.expect_err("it is a court");
        assert!(text.contains("another game") && is_logged("DEBUG", &[&text]), "{text}");
        let (_, text) = join::<Yard>(&server, ask(r#"{"spectate": true}"#)).await.expect_err("the rooms are full");
        assert!(text.contains("all rooms are full"), "{text}");
        // those who look at what is important only hear of some
        assert!(is_logged("INFO", &["sessions are refused", "code=4003", "refused=1"]), "one of each kind");
        assert!(is_logged("INFO", &["requests are refused", "public", "refused=1"]));
    });
    server.stop();
}

#[test]
fn refused_requests_are_counted_by_kind() {
    let server = with_admin(|config| {
        config.net.addresses.exempt.clear();
        config.lobby.api_requests_per_s = 5;
        // connections are refused before anybody knows of a request
        (config.net.addresses.new.per_s, config.net.addresses.new.burst) = (10_000, 10_000);
    });
    let admin = server.admin_addr().expect("it is on");
    let of = |api: &str, reason: &str| {
        metric(&server, &format!("tickwire_api_refusals_total{{api=\"{api}\",reason=\"{reason}\"}}"))
    };
    refused(&server, "POST", "match", json!({ "game": "court", "wish": { "room": 99 } }));
    refused(&server, "POST", "match", json!({ "game": "court", "wish": 3 }));
    refused(&server, "GET", "nothing-here", Value::Null);
    assert_eq!((of("public", "not_found"), of("public", "unclear"), of("public", "too_many")), (2.0, 1.0, 0.0));
    let too_many = (0..60).filter(|_| call(&server, "GET", "games", &Value::Null).status == 429).count();
    assert!(too_many > 0 && of("public", "too_many") == too_many as f64);
    assert!(is_logged("DEBUG", &["a request is refused", "public", "nothing-here", "404"]));

    assert_eq!(http::steer(admin, "GET", "/admin/rooms/99", "").status, 404);
    assert_eq!(http::get(admin, "/admin/rooms").status, 401);
    assert_eq!(http::ask(admin, "GET", "/metrics", "Host: evil.example\r\n", "").status, 421);
    let long = format!("{{\"text\": \"{}\"}}", "x".repeat(20_000));
    let told = http::steer(admin, "POST", "/admin/message", &long);
    assert!(told.status == 413 && told.error().contains("16384 bytes"), "{} {}", told.status, told.body);
    let counted = ["not_found", "not_known", "host", "body_too_long"].map(|reason| of("admin", reason));
    assert_eq!(counted, [1.0; 4]);
    assert!(is_logged("INFO", &["requests are refused", "admin", "there is no such room"]));
    server.stop();
}
