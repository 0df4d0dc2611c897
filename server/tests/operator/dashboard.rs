//! The Grafana dashboard asks for metrics that exist, by labels that they have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{scrape, start, swirl, until};

const DASHBOARD: &str = include_str!("../../../assets/grafana/tickwire.json");

/// All queries in it, with the titles of their panels.
fn queries(value: &Value, title: &str, found: &mut Vec<(String, String)>) {
    let title = value.get("title").and_then(Value::as_str).unwrap_or(title);
    if let Some(query) = value.get("expr").and_then(Value::as_str) {
        found.push((title.to_owned(), query.to_owned()));
    }
    let children = value.as_array().into_iter().flatten().chain(value.as_object().into_iter().flat_map(|o| o.values()));
    children.for_each(|child| queries(child, title, found));
}

/// The names and the label names in a query.
fn asked(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = query.split(|c: char| !is_part(c)).filter(|word| word.starts_with("tickwire_"));
    let grouped = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let mut labels: BTreeSet<String> =
        grouped.flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()).collect();
    let braced = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    labels.extend(
        braced
            .flat_map(|pairs| pairs.split(','))
            .filter_map(|pair| Some(pair.split(['=', '!']).next()?.trim().to_owned()).filter(|name| !name.is_empty())),
    );
    (words.map(str::to_owned).collect(), labels)
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let (server, admin) = start(|_| {});
    let told = swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        // a room's bytes come to the metrics a little after its frames to the player
        until("bytes by field", || {
            Some(scrape(admin)).filter(|told| told.series().any(|(series, _)| series.contains("field=\"")))
        })
    });
    server.stop();
    let names = told.names();
    let mut found = Vec::new();
    queries(&serde_json::from_str(DASHBOARD).expect("the dashboard is JSON"), "", &mut found);
    assert!(found.len() >= 15, "{found:?}");
    for (title, query) in found {
        let (asked_names, labels) = asked(&query);
        assert!(!asked_names.is_empty(), "{title}: {query}");
        for name in &asked_names {
            assert!(names.contains(name.as_str()), "{title} asks for {name}, which does not exist: {query}");
            // what Prometheus adds itself
            for label in labels.iter().filter(|label| !["instance", "job"].contains(&label.as_str())) {
                let has_it = told.series().any(|(series, _)| {
                    series.starts_with(&format!("{name}{{")) && series.contains(&format!("{label}=\""))
                });
                assert!(has_it, "{title}: {name} has no label {label}: {query}");
            }
        }
    }
}
