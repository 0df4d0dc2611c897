//! The server in figures, for a person who looks at it: sums that grow, from which two answers give rates.

use serde_json::{Value, json};

use crate::control::http::Readiness;
use crate::metrics::rooms::{ClassMetrics, TickThreadMetrics};
use crate::metrics::{BOUNDS_NS, Counts, Histogram, Metrics};

pub(super) fn summary(metrics: &Metrics, readiness: Readiness) -> Value {
    let threads = metrics.tick_threads.all();
    let sum = |figure: fn(&ClassMetrics) -> u64| -> u64 {
        threads.iter().flat_map(|thread| thread.classes()).map(figure).sum()
    };
    let histogram = |of: fn(&ClassMetrics) -> &Histogram| {
        let mut counts = Counts::default();
        threads.iter().flat_map(|thread| thread.classes()).for_each(|class| of(class).add_to(&mut counts));
        counts.buckets.to_vec()
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "readiness": readiness.word(),
        "rooms": sum(|class| class.rooms.value()),
        "players": sum(|class| class.clients.value()),
        "joins": sum(|class| class.joins.value()),
        "rooms_failed": sum(|class| class.rooms_failed.value()),
        "connections": metrics.connections_open.value(),
        "links": metrics.links_open.value(),
        "ticks": metrics.ticks.value(),
        "ticks_lost": metrics.ticks_lost.value(),
        "bytes_in": metrics.bytes_in.value(),
        "bytes_out": metrics.bytes_out.value(),
        "frames": metrics.frames_composed.value(),
        "frames_skipped": metrics.frames_skipped.value(),
        "desyncs": metrics.desyncs.value(),
        "threads": threads.iter().map(|thread| of_thread(thread)).collect::<Vec<_>>(),
        // the last of the counts is of those above all bounds
        "bounds_s": BOUNDS_NS.map(|ns| ns as f64 / 1e9),
        "tick_counts": histogram(|class| &class.tick),
        "lateness_counts": histogram(|class| &class.lateness),
    })
}

fn of_thread(thread: &TickThreadMetrics) -> Value {
    json!({
        "load_ratio": thread.load_permille.value() as f64 / 1000.0,
        "rooms": thread.classes().map(|class| class.rooms.value()).sum::<u64>(),
        "players": thread.classes().map(|class| class.clients.value()).sum::<u64>(),
    })
}
