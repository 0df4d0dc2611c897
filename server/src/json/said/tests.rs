use proptest::prelude::*;
use tickwire_shared::delta::KindLayout;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};

use super::*;
use crate::json::Payloads;

fn input() -> KindSchema {
    let field = |name: &str, quantizer, count| Field { name: name.into(), quantizer, count, owner_only: false };
    let fields = vec![
        field("thrust", Quantizer::Bool, 1),
        field("turn", Quantizer::Int { min: -1, max: 1 }, 1),
        field("aim", Quantizer::Angle { bits: 8 }, 1),
        field("go", Quantizer::Float { min: 0.0, step: 0.1, span: 10 }, 2),
        field("gun", Quantizer::Enum { variants: vec!["Plain".into(), "Fan".into()] }, 1),
    ];
    KindSchema { name: "Keys".into(), fields }
}

fn game() -> GameText {
    let schema = Schema { game: "test".into(), version: 0, kinds: Vec::new(), input: input(), tables: Vec::new() };
    GameText::new(&schema, Payloads::of_types::<(), ()>()).unwrap()
}

/// Pieces of messages, so that chance comes further than to the first brace.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        prop::sample::select(vec![
            "join", "input", "command", "ping", "leave", "name", "game", "thrust", "turn", "aim"
        ])
        .prop_map(|name| format!("{name:?}")),
        prop::sample::select(vec![
            "true",
            "null",
            "1e999",
            "-1",
            "0.5",
            "1e-400",
            "18446744073709551616",
            "\"\\ud800\""
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn inputs() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|is| is.to_string()),
        Just("\"Fan\"".to_owned()),
        prop::collection::vec(0.0f64..1.1, 0..4).prop_map(|list| format!("{list:?}")),
        "\\PC{0,4}".prop_map(|text| serde_json::Value::String(text).to_string()),
    ];
    let field = prop::sample::select(vec!["thrust", "turn", "aim", "go", "gun", "x"]);
    let fields = prop::collection::vec((field, value), 0..6);
    fields.prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        format!("{{\"input\":{{{}}}}}", fields.join(","))
    })
}

proptest! {
    #[test]
    fn any_text_means_something_or_is_refused_with_words(text in prop_oneof![pieces(), inputs(), "\\PC{0,40}"]) {
        let game = game();
        match read(&game, &text) {
            Ok(Said::Input(lanes)) => {
                let input = KindLayout::new(&input()).unwrap();
                prop_assert!(input.fits(&lanes[..input.lanes()]), "{:?} is out of range", lanes);
            }
            Ok(_) => {}
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    let game = game();
    for text in ["[".repeat(100_000), format!("{{\"input\":{}", "{\"a\":".repeat(100_000))] {
        assert!(matches!(read(&game, &text), Err(SaidError::Malformed(_))));
    }
}

#[test]
fn a_command_of_a_game_without_any_is_null() {
    assert_eq!(read(&game(), r#"{"command":null}"#), Ok(Said::Command(Vec::new())));
}

#[test]
fn an_input_is_what_it_names_and_rests_otherwise() {
    let lanes = |text: &str| match read(&game(), text) {
        Ok(Said::Input(lanes)) => Ok(lanes),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(lanes(r#"{"input":{}}"#), Ok([0, 1, 0, 0, 0, 0, 0, 0]));
    let all = r#"{"input":{"thrust":1,"turn":-1,"aim":3.14159,"go":[0.3,1],"gun":"Fan"}}"#;
    assert_eq!(lanes(all), Ok([1, 0, 128, 3, 10, 1, 0, 0]));
    let told = |text: &str| lanes(text).unwrap_err();
    assert_eq!(told(r#"{"input":{"go":1}}"#), "input: go takes a list of 2 values");
    assert_eq!(told(r#"{"input":{"go":[1,2]}}"#).split(',').next(), Some("input: go[1] takes a number from 0 to 1"));
    assert_eq!(told(r#"{"input":{"gun":"Flak"}}"#), "input: gun takes one of Plain, Fan, not \"Flak\"");
    assert_eq!(told(r#"{"input":{"gun":null}}"#), "input: gun takes one of Plain, Fan, not null");
    assert_eq!(
        told(r#"{"input":{"gno":0}}"#),
        "the input of test has no field \"gno\"; it has thrust, turn, aim, go, gun"
    );
}

#[test]
fn a_join_says_what_a_binary_client_says() {
    let said = read(&game(), r#"{"join":{"game":"test","name":"ann","pass":"p","wish":{"code":"K7QX4M"}}}"#);
    let request = JoinRequest::new("ann").with_pass("p").wishing(r#"{"code":"K7QX4M"}"#);
    assert_eq!(said, Ok(Said::Join { game: Some("test".into()), request }));
    assert_eq!(read(&game(), r#"{"join":{}}"#), Ok(Said::Join { game: None, request: JoinRequest::default() }));
    let wrong = read(&game(), r#"{"join":{"wish":"any"}}"#).unwrap_err().to_string();
    assert!(wrong.contains("invalid type: string \"any\", expected a map"), "{wrong}");
}
