//! The description of the admin listener (OpenAPI 3.1), made from the table of routes.

use serde_json::{Map, Value, json};

use super::routes::{Field, Needs, ROUTES, Route};

pub(super) fn description() -> Value {
    let words = "Health, metrics and steering of one server. Every failure is {\"error\": a sentence}.";
    describe(("Tickwire admin", words), &ROUTES)
}

/// Of any table.
pub(in crate::control) fn describe<A>((title, words): (&str, &str), routes: &'static [Route<A>]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": words,
        },
        "paths": paths,
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
    })
}

fn operation<A>(route: &Route<A>) -> Value {
    let mut answers = Map::new();
    for (status, meaning) in route.answers.iter().chain(denials(route.needs)) {
        answers.insert(status.to_string(), json!({ "description": meaning }));
    }
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    // of the queue's groups 128 bits, which no client takes for an integer
    let kind = |name| if name == "id" { "string" } else { "integer" };
    let in_path = names.map(|name| parameter("path", true, &(name, kind(name), "its number")));
    let in_query = route.query.iter().map(|field| parameter("query", false, field));
    let mut operation = json!({
        "summary": route.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": answers,
    });
    if !route.body.is_empty() {
        for (status, meaning) in BODY_ANSWERS {
            operation["responses"][status.to_string()] = json!({ "description": meaning });
        }
        let fields: Map<String, Value> = route.body.iter().map(|field| (field.0.to_owned(), schema(field))).collect();
        let schema = json!({ "type": "object", "properties": fields, "additionalProperties": false });
        operation["requestBody"] =
            json!({ "required": false, "content": { "application/json": { "schema": schema } } });
    }
    if route.needs != Needs::Nothing {
        // reading takes none on loopback
        let none = if route.needs == Needs::Reading { vec![json!({})] } else { Vec::new() };
        operation["security"] = [vec![json!({ "token": [] })], none].concat().into();
    }
    operation
}

/// Of whatever takes a body.
const BODY_ANSWERS: [(u16, &str); 2] =
    [(408, "the body did not come in time"), (413, "the body is longer than 16 KiB")];

fn denials(needs: Needs) -> &'static [(u16, &'static str)] {
    match needs {
        Needs::Nothing => &[],
        Needs::Reading => &[(401, "the token is missing or wrong, and this listener is not on loopback")],
        Needs::Inspection | Needs::Steering => {
            &[(401, "the token is missing or wrong"), (403, "the server has no token: nobody steers it")]
        }
    }
}

fn parameter(place: &str, required: bool, field: &Field) -> Value {
    let (name, kind, meaning) = field;
    json!({ "name": name, "in": place, "required": required, "description": meaning, "schema": { "type": kind } })
}

fn schema((_, kind, meaning): &Field) -> Value {
    json!({ "type": kind, "description": meaning })
}
