//! The results as a page that needs nothing else: no script, no fonts, no other server; light or dark as its reader is.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use super::chart::{Axis, Chart, Line, NINES_MAX, escaped, grouped, nines, number};
use super::table::round;
use super::{Report, Second, noise_sentence};
use crate::measure::Percentiles;
use crate::start;

/// More seconds than this are drawn as the worst of several.
const POINTS_MAX: usize = 400;

/// Writes the page.
///
/// # Errors
/// `out` does not take it.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut page = String::new();
    let title = format!("{}: {} {}", title(report), grouped(report.bots as u64), whom(report));
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main>"
    );
    head(&mut page, report);
    cards(&mut page, report);
    verdicts(&mut page, report);
    charts(&mut page, report);
    distributions(&mut page, report);
    table(&mut page, report);
    server(&mut page, report);
    failures(&mut page, report);
    let _ = write!(
        page,
        "<footer>tickwire-bots {} · seed {} · {:.0} s measured · times count from when a thing was due</footer></main></html>",
        env!("CARGO_PKG_VERSION"),
        report.seed,
        report.steady_s
    );
    out.write_all(page.as_bytes())?;
    out.flush()
}

fn head(page: &mut String, report: &Report) {
    let (class, word) = if report.good { ("good", "All was well") } else { ("bad", "Not all was well") };
    let _ = write!(
        page,
        "<header><div><h1>{}</h1><p>{} {}{} at {}{}</p></div>\
         <span class=\"verdict {class}\">{word}</span></header>",
        title(report),
        grouped(report.bots as u64),
        whom(report),
        sorts(report),
        escaped(&report.url),
        began(report)
    );
    for finding in &report.findings {
        let _ = write!(page, "<p class=\"banner bad\">{}</p>", escaped(finding));
    }
    let mut warn = |is_so: bool, text: &str| {
        if is_so {
            let _ = write!(page, "<p class=\"banner warn\">{text}</p>");
        }
    };
    let limit = format!(
        "The swarm was the limit: its own timers and reads came more than {:.0} ms late at p99, so these times say \
         as much about it as about the server. Take fewer bots, more --threads, or another machine.",
        report.lateness_limit_ms()
    );
    warn(report.swarm_was_the_limit, &limit);
    let noise = noise_sentence(report).map(|sentence| escaped(&sentence));
    warn(noise.is_some(), noise.as_deref().unwrap_or_default());
    warn(report.stopped_early, "Stopped before its time: the figures are those of the time until then.");
}

fn title(report: &Report) -> String {
    if report.is_raw() { "Load test".to_owned() } else { format!("Load test of {}", escaped(&report.game)) }
}

fn whom(report: &Report) -> &'static str {
    if report.is_raw() { "connections" } else { "bots" }
}

/// What sorts of bots there were, when there were several.
fn sorts(report: &Report) -> String {
    if report.tells_sorts() { format!(" ({})", escaped(&report.sorts.join("; "))) } else { String::new() }
}

/// When it began; results of before that was kept have no such time.
fn began(report: &Report) -> String {
    let at = (report.began_unix_ms > 0).then(|| UNIX_EPOCH + Duration::from_millis(report.began_unix_ms));
    at.map(|at| format!(", {} {} UTC", start::day(at), start::clock(at))).unwrap_or_default()
}

fn cards(page: &mut String, report: &Report) {
    let mut card = |name: &str, value: String, note: String| {
        let _ = write!(page, "<div class=card><h2>{name}</h2><b>{value}</b><span>{note}</span></div>");
    };
    let each = if report.is_raw() { "connection" } else { "bot" };
    let p = |times: &Option<Percentiles>, pick: fn(&Percentiles) -> f64| {
        times.as_ref().map_or("–".to_owned(), |times| format!("{} ms", number(pick(times))))
    };
    let both = |times: &Option<Percentiles>| format!("p50 {}", p(times, |times| times.p50));
    let seats = if report.joined > report.bots {
        // some came and went, or came back
        format!("{} seats given, {} failed", grouped(report.joined as u64), report.failed)
    } else {
        let came = if report.is_raw() { "open" } else { "joined" };
        format!("{} {came}, {} failed", grouped(report.joined as u64), report.failed)
    };
    card(if report.is_raw() { "Connections" } else { "Bots at a time" }, grouped(report.bots as u64), seats);
    card(
        "Frames",
        format!("{}/s", grouped(report.frames_per_s.round() as u64)),
        format!("{:.1} a {each}", report.frames_per_s_per_bot),
    );
    card("Tick interval p99", p(&report.tick_interval_ms, |times| times.p99), both(&report.tick_interval_ms));
    if report.is_raw() {
        card("Round trip p99", p(&report.input_to_ack_ms, |times| times.p99), both(&report.input_to_ack_ms));
        card("Connecting p99", p(&report.join_ms, |times| times.p99), both(&report.join_ms));
    } else {
        card("Input to ack p99", p(&report.input_to_ack_ms, |times| times.p99), both(&report.input_to_ack_ms));
        card("Age of state p99", p(&report.age_ms, |times| times.p99), both(&report.age_ms));
        let compared = grouped(report.hashes_checked);
        // of what nobody looked at it is not known whether it was wrong
        let wrong = if report.hashes_checked == 0 { "–".to_owned() } else { report.desyncs.to_string() };
        card("Wrong states", wrong, format!("{compared} hashes compared"));
    }
    card(
        &format!("Payload a {each}"),
        format!("{:.2} kB/s", report.down_kb_per_s_per_bot),
        format!("{:.2} kB/s up", report.up_kb_per_s_per_bot),
    );
    card(
        "Swarm's lateness p99",
        p(&report.swarm_lateness_ms, |times| times.p99),
        format!("at most {:.0} ms is sound", report.lateness_limit_ms()),
    );
    *page = page.replacen("<div class=card>", "<section class=cards><div class=card>", 1) + "</section>";
}

fn verdicts(page: &mut String, report: &Report) {
    if report.thresholds.is_empty() {
        return;
    }
    let whose = if report.is_part() { " of this part; <code>merge</code> judges the whole" } else { "" };
    let _ = write!(page, "<h2 class=part>Thresholds{whose}</h2><table class=verdicts>");
    for verdict in &report.thresholds {
        let (class, word) = if verdict.holds { ("good", "holds") } else { ("bad", "fails") };
        let unit = if verdict.is_of_times() { " ms" } else { "" };
        let value = verdict.value.map_or("not measured".to_owned(), |value| number(value) + unit);
        let threshold = escaped(&verdict.threshold);
        let _ = write!(page, "<tr><td class={class}>{word}<td><code>{threshold}</code><td>{value}");
    }
    page.push_str("</table>");
}

fn charts(page: &mut String, report: &Report) {
    let series = thinned(&report.series);
    let end = series.last().map_or(1.0, |second| second.at_s);
    let bands = || report.phases.iter().map(|phase| (phase.from_s, phase.to_s, phase.name.as_str())).collect();
    let over_time =
        |title, caption, unit, lines| Chart { title, caption, unit, lines, bands: bands(), x: Axis::Time(end) };
    let percentiles = |pick: fn(&Second) -> Option<Percentiles>| {
        let line = |name, of: fn(&Percentiles) -> f64| Line {
            name,
            points: series.iter().map(|second| (second.at_s, pick(second).as_ref().map(of))).collect(),
        };
        vec![line("p50", |times| times.p50), line("p90", |times| times.p90), line("p99", |times| times.p99)]
    };
    let count = |name, pick: fn(&Second) -> f64| Line {
        name,
        points: series.iter().map(|second| (second.at_s, Some(pick(second)))).collect(),
    };
    let ([ack, join], [bots_caption, ack_caption, join_caption]) = if report.is_raw() {
        let captions = [
            "Those that are open, and those that were refused or broke.",
            "From when a message was due to its echo.",
            "From when a connection was due to when it was open.",
        ];
        (["Round trip", "Connecting"], captions)
    } else {
        let captions = [
            "Bots with a seat, and those that got none or lost it.",
            "From when an input was due to the frame that acknowledges it.",
            "From when a join was due to the seat.",
        ];
        (["Input to ack", "Join"], captions)
    };
    page.push_str("<h2 class=part>Over time</h2><section class=charts>");
    for chart in [
        over_time(
            if report.is_raw() { "Connections" } else { "Bots" },
            bots_caption,
            "",
            vec![
                count(if report.is_raw() { "open" } else { "playing" }, |second| second.playing as f64),
                count("failed", |second| second.failed as f64),
            ],
        ),
        over_time("Frames a second", "Frames of all bots.", "", vec![count("frames", |second| second.frames as f64)]),
        over_time(
            "Tick interval",
            "From frame to frame as they arrive at one of them.",
            " ms",
            percentiles(|second| second.tick_interval_ms),
        ),
        over_time(ack, ack_caption, " ms", percentiles(|second| second.input_to_ack_ms)),
        over_time(
            "Age of state",
            "How much older states were on arrival than the freshest in their room.",
            " ms",
            percentiles(|second| second.age_ms),
        ),
        over_time(join, join_caption, " ms", percentiles(|second| second.join_ms)),
        over_time(
            "Return",
            "From when a bot was to come back to its seat.",
            " ms",
            percentiles(|second| second.resume_ms),
        ),
        over_time(
            "Swarm's own lateness",
            "How late the swarm's timers fired and its sockets were read: what it adds to the other times.",
            " ms",
            percentiles(|second| second.swarm_lateness_ms),
        ),
    ] {
        page.push_str(&chart.figure());
    }
    page.push_str("</section>");
}

fn distributions(page: &mut String, report: &Report) {
    page.push_str("<h2 class=part>Percentiles</h2><section class=charts>");
    let keys = ["tick_interval", "input_to_ack", "age", "join", "resume", "lateness"];
    let by_percentile = |title, which: &[usize]| Chart {
        title,
        caption: "So many per cent of all were faster.",
        unit: " ms",
        lines: {
            let lines = which.iter().map(|at| distribution(report, keys[*at], report.times()[*at].0));
            lines.filter(|line| !line.points.is_empty()).collect()
        },
        bands: Vec::new(),
        x: Axis::Nines,
    };
    let (regular, coming) = (by_percentile("While it runs", &[0, 1, 2, 5]), by_percentile("Coming", &[3, 4]));
    page.push_str(&regular.figure());
    page.push_str(&coming.figure());
    page.push_str("</section>");
}

/// What was recorded, by percentile.
fn distribution(report: &Report, key: &str, name: &'static str) -> Line<'static> {
    let counts = report.histograms_us.get(key).map(Vec::as_slice).unwrap_or_default();
    let whole: u64 = counts.iter().map(|(_, count)| count).sum();
    let (mut below, mut points, mut last) = (0, Vec::new(), -1.0);
    for (value_us, count) in counts {
        let at = nines(below as f64 / whole.max(1) as f64);
        // a step that nobody could see is left out
        if at - last >= 0.01 && at <= NINES_MAX {
            points.push((at, Some(*value_us as f64 / 1000.0)));
            last = at;
        }
        below += count;
    }
    Line { name, points }
}

/// A long run as not too many points: of several seconds the worst of each time, and the mean of what is counted.
fn thinned(series: &[Second]) -> Vec<Second> {
    let size = series.len().div_ceil(POINTS_MAX).max(1);
    let together = |seconds: &[Second]| {
        let (last, others) = seconds.split_last()?;
        let mut point = last.clone();
        others.iter().for_each(|second| point.worsen(second));
        point.frames = seconds.iter().map(|second| second.frames).sum::<u64>() / seconds.len() as u64;
        Some(point)
    };
    series.chunks(size).filter_map(together).collect()
}

fn table(page: &mut String, report: &Report) {
    page.push_str(
        "<h2 class=part>All times</h2><table class=times><tr><th><th>p50<th>p90<th>p99<th>p99.9<th>longest<th>how many",
    );
    for (name, times, _) in report.times() {
        let Some(times) = times else { continue };
        let _ = write!(page, "<tr><th>{name}");
        for value in [times.p50, times.p90, times.p99, times.p99_9, times.max] {
            let _ = write!(page, "<td>{} ms", number(value));
        }
        let _ = write!(page, "<td>{}", grouped(times.samples));
    }
    page.push_str("</table>");
}

/// What the server says of itself.
fn server(page: &mut String, report: &Report) {
    let Some(server) = &report.server else { return };
    let _ = write!(
        page,
        "<h2 class=part>The server's own figures</h2><table class=times><tr><th><th>mean<th>p50<th>p99<th>how many"
    );
    for (name, times) in server.times() {
        let _ = write!(page, "<tr><th>{name}");
        for value in [times.mean, times.p50, times.p99] {
            let _ = write!(page, "<td>{} ms", number(value));
        }
        let _ = write!(page, "<td>{}", grouped(times.samples));
    }
    page.push_str("</table><table class=verdicts>");
    for (name, count) in server.counted() {
        let count = if count.fract() == 0.0 { grouped(count as u64) } else { round(count) };
        let _ = write!(page, "<tr><td>{count}<td colspan=2>{name}");
    }
    if let Some(load) = server.load_max {
        let _ = write!(
            page,
            "<tr><td>{:.0} %<td colspan=2>of its time the busiest tick thread worked at most",
            load * 100.0
        );
    }
    page.push_str("</table>");
}

fn failures(page: &mut String, report: &Report) {
    if report.failures.is_empty() {
        return;
    }
    page.push_str("<h2 class=part>Failures</h2><table class=verdicts>");
    for reason in &report.failures {
        let _ = write!(page, "<tr><td class=bad>{}<td colspan=2>{}", reason.bots, escaped(&reason.reason));
    }
    page.push_str("</table>");
}

const STYLE: &str = include_str!("report.css");

#[cfg(test)]
mod tests {
    use super::super::RAW;
    use super::super::tests::{played, report, soon};
    use super::*;
    use crate::measure::{Measure, Times};

    #[test]
    fn a_page_needs_nothing_else_and_says_what_is_wrong() {
        let mut total = played(3, soon());
        total.sight.desyncs = 2;
        total.failures.insert("refused: <b>full</b>".to_owned(), 1);
        let mut page = Vec::new();
        write(&report(&total), &mut page).expect("a Vec takes everything");
        let page = String::from_utf8(page).expect("it is text");
        for wanted in ["Not all was well", "2 of 30 hashes differed", "&lt;b&gt;full", "prefers-color-scheme: dark"] {
            assert!(page.contains(wanted), "{wanted}");
        }
        assert!(page.contains("Input to ack") && !page.contains(">return</span>"), "nobody came back");
        for forbidden in ["<script", "src=", "href=", "@import", "url(", "<b>full"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
    #[test]
    fn of_a_long_run_no_bad_second_is_lost() {
        let total = played(3, soon());
        let nothing = Second::of(soon(), (3, 0), true, &Measure::default());
        let times = total.measure.join.percentiles();
        let mut series = vec![Second { frames: 90, ..nothing }; 10 * POINTS_MAX];
        (series[3].join_ms, series[5].age_ms, series[7].frames) = (times, times, 190);
        let points = thinned(&series);
        assert_eq!(points.len(), POINTS_MAX);
        assert_eq!((points[0].join_ms, points[0].age_ms, points[0].frames), (times, times, 100));
        assert_eq!(thinned(&series[..POINTS_MAX]), series[..POINTS_MAX], "a short one is shown as it was");
    }

    #[test]
    fn several_sorts_of_bots_stand_beside_their_number() {
        let page = |sorts: &[&str]| {
            let (sorts, mut page) = (sorts.iter().map(|sort| (*sort).to_owned()).collect(), Vec::new());
            let report = Report { sorts, ..report(&played(3, Duration::from_millis(1))) };
            write(&report, &mut page).expect("a Vec takes everything");
            String::from_utf8(page).expect("it is text")
        };
        let two = page(&["75 % play as <b>", "25 % watch"]);
        assert!(
            two.contains("3 bots (75 % play as &lt;b&gt;; 25 % watch) at ws://"),
            "{}",
            &two[..two.len().min(9000)]
        );
        assert!(page(&["play"]).contains("3 bots at ws://"));
    }

    #[test]
    fn of_another_server_it_says_what_was_measured_there() {
        let mut total = played(3, soon());
        (total.measure.age, total.sight.hashes_checked) = (Times::default(), 0);
        let mut page = Vec::new();
        write(&Report { game: RAW.to_owned(), ..report(&total) }, &mut page).expect("a Vec takes everything");
        let page = String::from_utf8(page).expect("it is text");
        for wanted in ["<h1>Load test</h1>", "3 connections at ws://", "Round trip p99", "Connecting p99"] {
            assert!(page.contains(wanted), "{wanted}");
        }
        for forbidden in
            ["Wrong states", "Age of state", "age of state", "Input to ack", ">join<", "bots at", "a bot", "playing"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
