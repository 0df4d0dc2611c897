//! A strict reader of what Prometheus scrapes: text format 0.0.4, and the conventions for names.

use std::collections::{BTreeMap, BTreeSet};

/// All samples: name with labels, as they were written, and value.
#[derive(Debug)]
pub struct Scrape {
    samples: BTreeMap<String, f64>,
    families: BTreeMap<String, String>,
}

impl Scrape {
    /// Panics with the line that breaks a rule.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::<String, String>::new());
        let (mut help, mut current) = (None, None::<(String, String)>);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, words) = rest.split_once(' ').unwrap_or_else(|| panic!("no words: {line}"));
                assert!(words.len() > 8 && words.ends_with('.') || words.contains(';'), "say what it means: {line}");
                help = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert_eq!(help.as_deref(), Some(name), "help stands in front: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(name.starts_with("tickwire_") && is_name(name), "{line}");
                let again = families.insert(name.to_owned(), kind.to_owned());
                assert!(again.is_none(), "a family stands in one place: {line}");
                current = Some((name.to_owned(), kind.to_owned()));
            } else {
                assert!(!line.is_empty() && !line.starts_with('#'), "{line:?}");
                let (family, kind) = current.as_ref().unwrap_or_else(|| panic!("before any type: {line}"));
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
                let name = series.split('{').next().unwrap_or_default();
                let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("not of {family}: {line}"));
                let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line}");
                check_labels(series.strip_prefix(name).unwrap_or_default(), line);
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(value >= 0.0 && value.is_finite(), "{line}");
                assert!(samples.insert(series.to_owned(), value).is_none(), "told twice: {line}");
            }
        }
        let scrape = Self { samples, families };
        scrape.check_histograms();
        scrape
    }

    /// The value of this series.
    pub fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.samples.keys()))
    }

    /// The values of all series of this name whose labels have these words in them.
    pub fn sum(&self, name: &str, words: &str) -> f64 {
        let of_name = self.samples.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        let mut found = of_name.filter(|(series, _)| series.contains(words)).map(|(_, value)| *value).peekable();
        assert!(found.peek().is_some(), "no {name} with {words}");
        found.sum()
    }

    /// All names that a query may ask for.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().filter_map(|series| series.split('{').next()).collect()
    }

    /// All series, with their values.
    pub fn series(&self) -> impl Iterator<Item = (&str, f64)> {
        self.samples.iter().map(|(series, value)| (series.as_str(), *value))
    }

    /// Buckets grow, and the last holds all.
    fn check_histograms(&self) {
        for family in self.families.iter().filter(|(_, kind)| *kind == "histogram").map(|(family, _)| family) {
            let counts = self.samples.iter().filter(|(series, _)| series.starts_with(&format!("{family}_count")));
            for (series, count) in counts {
                let labels = series.trim_start_matches(&format!("{family}_count")).trim_end_matches('}');
                let head = format!("{family}_bucket{labels},le=\"");
                let mut buckets: Vec<(f64, f64)> = self
                    .samples
                    .iter()
                    .filter_map(|(series, value)| {
                        Some((
                            series.strip_prefix(&head)?.strip_suffix("\"}")?.replace("+Inf", "inf").parse().ok()?,
                            *value,
                        ))
                    })
                    .collect();
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.len() > 5 && buckets.is_sorted_by_key(|(_, value)| *value), "{family}: {buckets:?}");
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{family}");
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `{a="b",c="d"}`, or nothing.
fn check_labels(labels: &str, line: &str) {
    if labels.is_empty() {
        return;
    }
    let inner = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut rest = inner.filter(|inner| !inner.is_empty()).unwrap_or_else(|| panic!("{line}"));
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(name.trim_start_matches(',')) && !name.is_empty(), "{line}");
        let (mut end, mut is_escaped) = (None, false);
        for (index, byte) in after.bytes().enumerate() {
            if is_escaped {
                assert!(b"\\\"n".contains(&byte), "{line}");
                is_escaped = false;
            } else if byte == b'\\' {
                is_escaped = true;
            } else if byte == b'"' {
                end = Some(index);
                break;
            }
        }
        rest = &after[end.unwrap_or_else(|| panic!("{line}")) + 1..];
        assert!(rest.is_empty() || rest.starts_with(','), "{line}");
    }
}
