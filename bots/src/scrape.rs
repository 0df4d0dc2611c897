//! What the server says of itself meanwhile: its page of metrics (Prometheus' text format), read once a second, and how
//! much each figure grew while it was measured.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::Uri;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plan::What;
use crate::report::Second;
use crate::swarm::{Onlooker, Scene};
use crate::target::look_up;

/// A server that does not answer in this time holds nobody up.
const TIMEOUT: Duration = Duration::from_millis(500);
/// A page of Tickwire has some 50 kB.
const PAGE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Why there are no metrics.
#[derive(Debug, Error)]
pub enum ScrapeError {
    /// Not an address.
    #[error("{url:?} is no address of metrics ({reason}); use one like http://127.0.0.1:7778/metrics")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody there, or no such page.
    #[error(
        "cannot read the server's metrics at {url}: {source}; Tickwire has them with --admin-listen 127.0.0.1:7778"
    )]
    Page {
        /// As it was given.
        url: String,
        /// What happened.
        source: io::Error,
    },
    /// There are no samples in it.
    #[error("{url} is no page of metrics: it has no sample of a metric tickwire_…")]
    Strange {
        /// As it was given.
        url: String,
    },
}

/// The server's own figures of the measured time.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ServerFigures {
    /// From the first to the last page that counts.
    pub span_s: f64,
    /// Times: by what they are of.
    pub times_ms: BTreeMap<String, ServerTimes>,
    /// What was counted meanwhile, by the name of the metric without `tickwire_` and `_total`.
    pub counts: BTreeMap<String, f64>,
    /// The most that the busiest tick thread worked of its time.
    pub load_max: Option<f64>,
    /// Pages that did not come in time.
    pub pages_missed: u64,
}

/// Times that the server measured, in milliseconds. Percentiles are those of its histogram's steps.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServerTimes {
    /// All together by their number.
    pub mean: f64,
    /// Half were shorter.
    pub p50: f64,
    /// One in a hundred was longer.
    pub p99: f64,
    /// How many there were.
    pub samples: u64,
}

/// The server's histograms, and what they are called here.
const TIMES: [(&str, &str); 4] = [
    ("tick", "server's tick"),
    ("tick_lateness", "its ticks' lateness"),
    ("compose", "of a tick, composing"),
    ("write", "giving it to sockets"),
];
/// Its counters that are shown.
const COUNTS: [(&str, &str); 10] = [
    ("ticks", "ticks"),
    ("ticks_lost", "ticks lost"),
    ("frames_composed", "frames"),
    ("frames_withheld", "frames withheld"),
    ("desyncs", "desyncs told of"),
    ("inputs_unused", "inputs unused"),
    ("seats_held", "seats held"),
    ("seats_resumed", "seats resumed"),
    ("seats_expired", "seats expired"),
    ("tick_thread_busy_seconds", "seconds of tick threads"),
];

impl ServerFigures {
    /// What is shown of the times, each with its name for people.
    pub fn times(&self) -> impl Iterator<Item = (&'static str, &ServerTimes)> {
        TIMES.iter().filter_map(|(key, name)| Some((*name, self.times_ms.get(*key)?)))
    }

    /// The counts with their names for people.
    pub fn counted(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        COUNTS.iter().filter_map(|(key, name)| Some((*name, *self.counts.get(*key)?)))
    }
}

/// One page: samples by name and labels.
#[derive(Clone, Debug, Default)]
struct Page(BTreeMap<String, f64>);

impl Page {
    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            // a label's value may have spaces, what follows it has none
            let (name, value) = line.trim_end().rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// Samples of this metric, with their labels.
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(sample, value)| {
            let labels = sample.strip_prefix("tickwire_")?.strip_prefix(name)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }

    fn sum(&self, name: &str) -> Option<f64> {
        self.of(name).map(|(_, value)| value).reduce(|a, b| a + b)
    }

    /// A histogram's steps: upper bound in seconds, and how many were at most so long; all labels together.
    fn steps(&self, name: &str) -> Vec<(f64, f64)> {
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for (labels, count) in self.of(&format!("{name}_seconds_bucket")) {
            let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let Some(bound) = bound.and_then(|bound| bound.parse::<f64>().ok()) else { continue };
            match steps.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, known)) => *known += count,
                None => steps.push((bound, count)),
            }
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        steps
    }

    /// A histogram's growth since `before`.
    fn times_since(&self, before: &Self, name: &str) -> Option<ServerTimes> {
        let earlier = before.steps(name);
        let known = |bound: f64| earlier.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count);
        let steps: Vec<(f64, f64)> =
            self.steps(name).into_iter().map(|(bound, count)| (bound, count - known(bound))).collect();
        let count = steps.last().map_or(0.0, |(_, count)| *count);
        let total = |page: &Self| page.sum(&format!("{name}_seconds_sum")).unwrap_or(0.0);
        (count > 0.0).then(|| ServerTimes {
            mean: 1000.0 * (total(self) - total(before)) / count,
            p50: 1000.0 * quantile(&steps, count * 0.5),
            p99: 1000.0 * quantile(&steps, count * 0.99),
            samples: count as u64,
        })
    }
}

/// Where `rank` lies, when the times of a step are spread evenly over it.
fn quantile(steps: &[(f64, f64)], rank: f64) -> f64 {
    let (mut from, mut below) = (0.0, 0.0);
    for (bound, count) in steps {
        if *count >= rank && *count > below {
            // of what is beyond the last bound nobody knows how far
            return if bound.is_finite() { from + (bound - from) * (rank - below) / (count - below) } else { from };
        }
        (from, below) = (*bound, *count);
    }
    from
}

/// Reads the pages, as an onlooker that lets another one look on as well.
pub struct Scraper<'a> {
    source: &'a mut Source,
    inner: &'a mut dyn Onlooker,
}

/// A page of metrics that is read now and then.
pub struct Source {
    url: String,
    uri: Uri,
    first: Option<(Instant, Page)>,
    last: Option<(Instant, Page)>,
    load_max: Option<f64>,
    missed: u64,
}

impl Source {
    /// The page at `url`, which is read once now: a mistake is found before the run.
    ///
    /// # Errors
    /// It is no address, or there are no metrics.
    pub fn open(url: &str) -> Result<Self, ScrapeError> {
        let bad = |reason: &str| ScrapeError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad("it does not begin with http://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("the host is missing"));
        }
        let source = Self { url: url.to_owned(), uri, first: None, last: None, load_max: None, missed: 0 };
        let page = source.read().map_err(|source| ScrapeError::Page { url: url.to_owned(), source })?;
        if !page.0.keys().any(|name| name.starts_with("tickwire_")) {
            return Err(ScrapeError::Strange { url: source.url });
        }
        Ok(source)
    }

    /// An onlooker that reads the page for each measured second.
    pub fn beside<'a>(&'a mut self, inner: &'a mut dyn Onlooker) -> Scraper<'a> {
        Scraper { source: self, inner }
    }

    /// How much all grew between the first and the last page; none when there were not two.
    #[must_use]
    pub fn figures(&self) -> Option<ServerFigures> {
        let ((from, before), (to, after)) = (self.first.as_ref()?, self.last.as_ref()?);
        let times = TIMES.iter().filter_map(|(key, _)| Some(((*key).to_owned(), after.times_since(before, key)?)));
        let counts = COUNTS.iter().filter_map(|(key, _)| {
            let name = format!("{key}_total");
            Some(((*key).to_owned(), after.sum(&name)? - before.sum(&name).unwrap_or(0.0)))
        });
        Some(ServerFigures {
            span_s: (*to - *from).as_secs_f64(),
            times_ms: times.collect(),
            counts: counts.collect(),
            load_max: self.load_max,
            pages_missed: self.missed,
        })
    }

    fn look(&mut self) {
        let Ok(page) = self.read() else {
            self.missed += 1;
            return;
        };
        let load = page.of("tick_thread_load_ratio").map(|(_, load)| load).reduce(f64::max);
        self.load_max = self.load_max.into_iter().chain(load).reduce(f64::max);
        let now = Instant::now();
        if self.first.is_none() {
            self.first = Some((now, page));
        } else {
            self.last = Some((now, page));
        }
    }

    fn read(&self) -> io::Result<Page> {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let addr = look_up(host, self.uri.port_u16().unwrap_or(80))?;
        let mut stream = TcpStream::connect_timeout(&addr, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = self.uri.authority().map_or(host, |authority| authority.as_str());
        // HTTP/1.0: the page is all that comes until the end
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(PAGE_MAX_BYTES).read_to_end(&mut answer)?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "it is no HTTP server");
        let Ok(httparse::Status::Complete(size)) = head.parse(&answer) else { return Err(strange()) };
        match head.code {
            Some(200) => Ok(Page::parse(&String::from_utf8_lossy(&answer[size..]))),
            code => Err(io::Error::other(format!("HTTP {} {}", code.unwrap_or(0), head.reason.unwrap_or("")))),
        }
    }
}

impl Onlooker for Scraper<'_> {
    fn phase(&mut self, what: &What, wanted: usize) {
        self.inner.phase(what, wanted);
    }

    fn look(&mut self, scene: &Scene<'_>) {
        self.inner.look(scene);
    }

    fn second(&mut self, second: &Second) {
        if second.measured {
            self.source.look();
        }
        self.inner.second(second);
    }

    fn leaving(&mut self) {
        // what a run of a second or two has too little of
        if self.source.first.is_some() {
            self.source.look();
        }
        self.inner.leaving();
    }

    fn done(&mut self) {
        self.inner.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
# HELP tickwire_ticks_total Ticks: run.
# TYPE tickwire_ticks_total counter
tickwire_ticks_total 100
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"0.001\"} 100
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"0.002\"} 100
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"+Inf\"} 100
tickwire_tick_seconds_sum{game=\"a b\",class=\"30hz\"} 0.05
tickwire_tick_seconds_count{game=\"a b\",class=\"30hz\"} 100
";
    const AFTER: &str = "\
tickwire_ticks_total 300
tickwire_tick_thread_load_ratio{thread=\"0\"} 0.25
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"0.001\"} 200
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"0.002\"} 250
tickwire_tick_seconds_bucket{game=\"a b\",class=\"30hz\",le=\"+Inf\"} 250
tickwire_tick_seconds_bucket{game=\"a b\",class=\"60hz\",le=\"0.001\"} 0
tickwire_tick_seconds_bucket{game=\"a b\",class=\"60hz\",le=\"0.002\"} 50
tickwire_tick_seconds_bucket{game=\"a b\",class=\"60hz\",le=\"+Inf\"} 50
tickwire_tick_seconds_sum{game=\"a b\",class=\"30hz\"} 0.25
tickwire_tick_seconds_sum{game=\"a b\",class=\"60hz\"} 0.05
";

    #[test]
    fn what_grew_meanwhile_counts_and_classes_are_one() {
        let (before, after) = (Page::parse(BEFORE), Page::parse(AFTER));
        assert_eq!(after.sum("ticks_total").zip(before.sum("ticks_total")), Some((300.0, 100.0)));
        let times = after.times_since(&before, "tick").expect("there were ticks");
        assert_eq!(times.samples, 200, "100 and 50 of the one class, 50 of the other");
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(times.mean, 1.25) && near(times.p50, 1.0) && near(times.p99, 1.98), "{times:?}");
        assert_eq!(after.times_since(&after, "tick"), None, "nothing happened");
        assert_eq!(after.of("tick").count(), 0, "another metric whose name begins so is another");
    }

    #[test]
    fn a_wrong_address_is_one_sentence() {
        for (url, wanted) in [
            ("127.0.0.1:7778", "use one like http://127.0.0.1:7778/metrics"),
            ("https://a/metrics", "does not begin with http://"),
            ("http://127.0.0.1:1/metrics", "--admin-listen"),
        ] {
            let error = Source::open(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(wanted), "{url}: {error}");
        }
    }
}
