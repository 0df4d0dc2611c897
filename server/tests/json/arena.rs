//! State and input: players in JSON and in binary, in one room.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tickwire_arena::Arena;
use tickwire_shared::native::Connection;
use tickwire_shared::schema::{self, KindSchema, Schema};
use tickwire_shared::{Profile, Replicate, World};

use crate::peer::Peer;
use crate::{run, start};

/// By kind and field, what a binary client holds of an entity: public fields, or those of the owner.
fn fields(kind: &KindSchema, row: &[u32], owner_only: bool) -> Map<String, Value> {
    let mut first = 0;
    let mut all = Map::new();
    for field in &kind.fields {
        let lanes = field.quantizer.lanes();
        assert_eq!(field.count, 1, "the demo game has no arrays");
        if field.owner_only == owner_only {
            let value = match (field.quantizer.value(&row[first..first + lanes]), &field.quantizer) {
                (schema::Value::Bool(is), _) => json!(is),
                (schema::Value::Int(whole), _) => json!(whole),
                (schema::Value::Float(number), _) => json!(number),
                (schema::Value::Text(text), _) => json!(text),
                (schema::Value::Variant(place), schema::Quantizer::Enum { variants }) => {
                    json!(variants[place as usize])
                }
                other => panic!("{other:?}"),
            };
            all.insert(field.name.clone(), value);
        }
        first += lanes;
    }
    all
}

/// The same but for rounding: by less than half of the smallest step that there is of such numbers.
fn assert_same(told: &Map<String, Value>, held: &Map<String, Value>, what: &str) {
    assert_eq!(told.keys().collect::<Vec<_>>(), held.keys().collect::<Vec<_>>(), "{what}");
    for (name, value) in told {
        match (value.as_f64(), held[name].as_f64()) {
            (Some(told), Some(held)) => assert!((told - held).abs() <= 0.003, "{what}: {name} is {told}, not {held}"),
            _ => assert_eq!(value, &held[name], "{what}: {name}"),
        }
    }
}

#[test]
fn json_and_binary_players_see_the_same_numbers() {
    let server = start::<Arena>(|_| {});
    let url = format!("ws://{}/ws", server.addr());
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        let mut bob = Connection::<Arena>::connect(&url, Profile::named("bob")).await.expect("it listens");
        let kinds = Schema::of::<Arena>().kinds;
        // what each held at a tick
        let mut told: BTreeMap<u64, BTreeMap<String, Map<String, Value>>> = BTreeMap::new();
        let mut held: BTreeMap<u64, BTreeMap<String, Map<String, Value>>> = BTreeMap::new();
        let mut compared = 0;
        ann.say(r#"{"input":{"thrust":true,"turn":1,"fire":true}}"#).await;
        while compared < 60 {
            tokio::select! {
                message = ann.next() => {
                    message.expect("it goes on");
                    told.insert(ann.tick, ann.entities.clone());
                }
                received = bob.receive() => {
                    received.expect("it goes on");
                    let Some(tick) = bob.client.tick() else { continue };
                    let mut entities = BTreeMap::new();
                    for (id, entity) in bob.client.newest_all() {
                        let kind = &kinds[usize::from(entity.kind())];
                        let mut row = vec![0; kind.lanes()];
                        entity.to_lanes(&mut row);
                        let mut entity = fields(kind, &row, false);
                        entity.insert("kind".into(), json!(kind.name));
                        entities.insert(id.0.to_string(), entity);
                    }
                    held.insert(tick.0.into(), entities);
                }
            }
            let Some(tick) = told.keys().find(|tick| held.contains_key(tick)).copied() else { continue };
            let (told_then, held_then) = (told.remove(&tick).expect("found"), held.remove(&tick).expect("found"));
            (told, held) = (told.split_off(&tick), held.split_off(&tick));
            // where both look, and they may look at different places
            for (id, entity) in told_then.iter().filter(|(id, _)| held_then.contains_key(*id)) {
                assert_same(entity, &held_then[id], &format!("{id} at {tick}"));
                compared += 1;
            }
        }
        let ship = ann
            .entities
            .values()
            .find(|entity| entity["kind"] == "Ship" && entity["name"] == "ann")
            .expect("her own ship")
            .clone();
        assert_eq!((&ship["kind"], &ship["gun"], &ship["drone"]), (&json!("Ship"), &json!("Plain"), &json!(false)));
        assert_eq!(ann.own.len(), 1);
        let own = ann.own.values().next().expect("one");
        assert!(own.contains_key("heat") && own.contains_key("vx") && !own.contains_key("x"), "{own:?}");
    });
    server.stop();
}

#[test]
fn an_input_holds_until_the_next_one() {
    let server = start::<Arena>(|_| {});
    run(async {
        let mut ann = Peer::joined(&server, "ann").await;
        while ann.own.is_empty() {
            ann.next().await.expect("it goes on");
        }
        let id = ann.own.keys().next().expect("one").clone();
        let burns = |ann: &Peer| ann.entities[&id]["thrust"] == json!(true);
        // sixty a second, in a room of thirty ticks: the newest counts in the end
        for press in 0..60 {
            ann.say(&format!(r#"{{"input":{{"thrust":{}}}}}"#, press % 2)).await;
        }
        while !burns(&ann) {
            ann.next().await.expect("it goes on");
        }
        let since = ann.tick;
        while ann.tick < since + 45 {
            ann.next().await.expect("it goes on");
        }
        assert!(burns(&ann) || ann.entities[&id]["dead"] == json!(true), "it burns on");
        ann.say(r#"{"input":{}}"#).await;
        while burns(&ann) {
            ann.next().await.expect("it goes on");
        }
    });
    server.stop();
}

#[test]
fn inputs_are_described_by_the_games_own_fields() {
    let names: Vec<String> = tickwire_arena::Input::schema().fields.into_iter().map(|field| field.name).collect();
    assert_eq!(names, ["thrust", "fire", "turn", "aiming", "aim"], "what docs/json.md shows");
}
