//! Texts of clients that speak JSON, of the game in `server/fuzz/src/layouts.rs`.

use super::Seed;

pub fn seeds() -> Vec<Seed> {
    let texts: [(&str, &str); 19] = [
        ("ok-join", r#"{"join":{"game":"test","name":"ann","pass":"p","wish":{"code":"K7QX4M"}}}"#),
        ("ok-join-of-nobody-in-particular", r#"{"join":{}}"#),
        ("ok-input", r#"{"input":{"go":[1,-1],"aim":-3.14159,"fire":true,"word":"h\u00e4"}}"#),
        ("ok-input-that-rests", "{\"input\":{}}"),
        ("ok-command", r#"{"command":["say",[1,null,-9223372036854775808],0.5]}"#),
        ("ok-ping", r#"{"ping":-1.5e300}"#),
        ("ok-leave", r#" { "leave" : true } "#),
        ("bad-nothing", ""),
        ("bad-no-json", "hello"),
        ("bad-nothing-said", "{}"),
        ("bad-two-at-once", r#"{"ping":1,"leave":true}"#),
        ("bad-twice", r#"{"ping":1,"ping":2}"#),
        ("bad-unknown-word", r#"{"jion":{}}"#),
        ("bad-unknown-field", r#"{"input":{"trust":1}}"#),
        ("bad-out-of-range", r#"{"input":{"go":[0,2]}}"#),
        ("bad-too-many-elements", r#"{"input":{"go":[0,0,0]}}"#),
        ("bad-long-text", r#"{"input":{"word":"more than twelve bytes"}}"#),
        ("bad-command-of-another-shape", r#"{"command":{"say":"hello"}}"#),
        ("bad-half-a-surrogate", r#"{"join":{"name":"\ud800"}}"#),
    ];
    let nested = ("bad-deep-nesting", format!("{{\"input\":{{\"go\":{}", "[".repeat(500)));
    let texts = texts.into_iter().map(|(name, text)| (name, text.to_owned())).chain([nested]);
    texts.map(|(name, text)| ("json", name, text.into_bytes())).collect()
}
