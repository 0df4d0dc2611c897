//! The text that Prometheus scrapes (text format 0.0.4). By hand: the crates for it own the counters too, and behind
//! locks, which have no place on a tick's path; what is left of them for our atomics is this file.

use std::fmt::{Display, Write as _};

use super::histogram::{BOUNDS_NS, Counts};
use super::{CLOSE_REASONS, CloseCounters, Counter, FAMILIES, Gauge};

/// What every name begins with.
const PREFIX: &str = "tickwire_";

/// Families in the order in which they came, each with its samples.
#[derive(Debug, Default)]
pub struct Page {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    kind: &'static str,
    help: String,
    samples: String,
}

/// A label's name and value.
pub(super) type Label<'a> = (&'a str, &'a str);

impl Page {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Family { name, kind, help, samples } in self.families.iter().filter(|family| !family.samples.is_empty()) {
            // writing to a string cannot fail
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
        text
    }

    /// One sample of a counter; `name` without prefix and `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, labels: &[Label<'_>], value: impl Display) {
        let family = self.family(format!("{PREFIX}{name}_total"), "counter", help);
        family.sample("", labels, value);
    }

    /// One sample of a gauge.
    pub(super) fn gauge(&mut self, name: &str, help: &str, labels: &[Label<'_>], value: impl Display) {
        self.family(format!("{PREFIX}{name}"), "gauge", help).sample("", labels, value);
    }

    /// The samples of one histogram, in seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, labels: &[Label<'_>], counts: &Counts) {
        let family = self.family(format!("{PREFIX}{name}_seconds"), "histogram", help);
        let mut all = 0;
        let bounds = BOUNDS_NS.iter().map(|ns| seconds(*ns).to_string()).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts.buckets) {
            all += count;
            family.sample("_bucket", &[labels, &[("le", &bound)]].concat(), all);
        }
        family.sample("_sum", labels, seconds(counts.sum_ns));
        family.sample("_count", labels, all);
    }

    fn family(&mut self, name: String, kind: &'static str, help: &str) -> &mut Family {
        let known = self.families.iter().position(|family| family.name == name);
        let index = known.unwrap_or_else(|| {
            let help = help.trim().replace('\\', "\\\\").replace('\n', " ");
            self.families.push(Family { name, kind, help, samples: String::new() });
            self.families.len() - 1
        });
        &mut self.families[index]
    }
}

impl Family {
    fn sample(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        self.samples += &self.name;
        self.samples += suffix;
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.samples, "{before}{label}=\"{value}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.samples, "{end} {value}");
    }
}

/// Base units: seconds.
pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Base units: bytes.
pub(super) fn bytes(bits: u64) -> f64 {
    bits as f64 / 8.0
}

/// What a field of [`Metrics`](super::Metrics) is called.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) label: Option<Label<'a>>,
}

impl<'a> Series<'a> {
    pub(super) fn of_family(name: &'a str, label: Label<'a>) -> Self {
        // a family without words is a fault that a test finds
        let help = FAMILIES.iter().find(|(family, _)| *family == name).map_or("", |(_, help)| help);
        Self { name, help, label: Some(label) }
    }
}

/// A kind of metric that knows how it is told.
pub(super) trait Exposed {
    fn expose(&self, series: &Series<'_>, page: &mut Page);
}

impl Exposed for Counter {
    fn expose(&self, series: &Series<'_>, page: &mut Page) {
        page.counter(series.name, series.help, series.label.as_slice(), self.value());
    }
}

impl Exposed for Gauge {
    fn expose(&self, series: &Series<'_>, page: &mut Page) {
        page.gauge(series.name, series.help, series.label.as_slice(), self.value());
    }
}

impl Exposed for CloseCounters {
    fn expose(&self, series: &Series<'_>, page: &mut Page) {
        for ((_, reason), counter) in CLOSE_REASONS.iter().zip(&self.0) {
            page.counter(series.name, series.help, &[("reason", reason)], counter.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_game_calls_its_fields_is_one_line() {
        let mut page = Page::default();
        page.counter("bytes", " What it\n means.", &[("field", "a\"b\\c\nd")], 1.5);
        page.gauge("now", "Now.", &[], 7);
        page.counter("bytes", "ignored", &[("field", "e")], 2);
        assert_eq!(
            page.text(),
            "# HELP tickwire_bytes_total What it  means.\n# TYPE tickwire_bytes_total counter\n\
             tickwire_bytes_total{field=\"a\\\"b\\\\c\\nd\"} 1.5\ntickwire_bytes_total{field=\"e\"} 2\n\
             # HELP tickwire_now Now.\n# TYPE tickwire_now gauge\ntickwire_now 7\n"
        );
    }
}
