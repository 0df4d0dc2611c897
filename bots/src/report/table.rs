//! The results as a table for people.

use std::fmt::{self, Display, Formatter};

use super::{Report, noise_sentence};
use crate::measure::Percentiles;
use crate::threshold::Verdict;

/// Shows a report as a table.
pub struct Table<'a>(pub &'a Report);

impl Display for Table<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        summary(out, report)?;
        writeln!(out)?;
        writeln!(out, "{:<18}{:>11}{:>11}{:>11}", "", "p50", "p99", "p99.9")?;
        for (name, found, _) in report.times() {
            // what nobody can measure there, or need have happened
            let may_lack = name == "return" || report.is_raw() && name == "age of state";
            if found.is_some() || !may_lack {
                times(out, name, found.as_ref())?;
            }
        }
        server(out, report)?;
        failures(out, report)?;
        verdicts(out, report)?;
        remarks(out, report)
    }
}

fn summary(out: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let Report { bots, joined, failed, .. } = report;
    writeln!(out, "{:<10}{} at {}", "game", report.game, report.url)?;
    if joined > bots {
        // some came and went, or came back
        writeln!(out, "{:<10}{joined} seats given, at most {bots} bots at a time, {failed} failed", "bots")?;
    } else {
        writeln!(out, "{:<10}{joined} of {bots} joined, {failed} failed", "bots")?;
    }
    if report.tells_sorts() {
        writeln!(out, "{:<10}{}", "sorts", report.sorts.join("; "))?;
    }
    writeln!(
        out,
        "{:<10}{:.0} a second, {:.1} a bot, over {:.1} s",
        "frames", report.frames_per_s, report.frames_per_s_per_bot, report.steady_s
    )?;
    writeln!(
        out,
        "{:<10}{:.2} kB/s down, {:.2} kB/s up a bot",
        "payload", report.down_kb_per_s_per_bot, report.up_kb_per_s_per_bot
    )?;
    if let Some(in_view) = &report.in_view {
        writeln!(out, "{:<10}{} entities at p50, {} at p99", "in view", in_view.p50, in_view.p99)?;
    }
    if report.resumed + report.seats_lost > 0 {
        let Report { resumed, seats_lost, .. } = report;
        writeln!(out, "{:<10}{resumed} into their seats, {seats_lost} lost theirs", "returns")?;
    }
    if report.hashes_checked == 0 && report.desyncs == 0 {
        // nobody decodes what comes, as in `raw`
        return Ok(());
    }
    writeln!(out, "{:<10}{} hashes checked, {}", "state", report.hashes_checked, many(report.desyncs, "desync"))
}

/// What the server says of itself.
fn server(out: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(server) = &report.server else { return Ok(()) };
    writeln!(out, "\n{:<20}{:>9}{:>11}{:>11}", "the server's own", "mean", "p50", "p99")?;
    for (name, times) in server.times() {
        let ms = |value: f64| format!("{value:.2} ms");
        writeln!(out, "{name:<20}{:>9}{:>11}{:>11}", ms(times.mean), ms(times.p50), ms(times.p99))?;
    }
    let counts: Vec<String> = server.counted().map(|(name, count)| format!("{} {name}", round(count))).collect();
    writeln!(out, "in {:.1} s: {}", server.span_s, counts.join(", "))?;
    if let Some(load) = server.load_max {
        writeln!(out, "its busiest tick thread worked {:.0} % of the time at most", load * 100.0)?;
    }
    if server.pages_missed > 0 {
        writeln!(out, "{} of its pages did not come", server.pages_missed)?;
    }
    Ok(())
}

/// A count as it is, seconds to a hundredth.
pub(super) fn round(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.2}") }
}

fn times(out: &mut Formatter<'_>, name: &str, times: Option<&Percentiles>) -> fmt::Result {
    let ms = |pick: fn(&Percentiles) -> f64| times.map_or("-".to_owned(), |times| format!("{:.2} ms", pick(times)));
    let (p50, p99, p99_9) = (ms(|times| times.p50), ms(|times| times.p99), ms(|times| times.p99_9));
    writeln!(out, "{name:<18}{p50:>11}{p99:>11}{p99_9:>11}")
}

fn failures(out: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfailed")?;
    report.failures.iter().try_for_each(|reason| writeln!(out, "{:>6}  {}", reason.bots, reason.reason))
}

fn verdicts(out: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if !report.thresholds.is_empty() {
        let whose = if report.is_part() { " (of this part; `merge` judges the whole)" } else { "" };
        writeln!(out, "\nthresholds{whose}")?;
    }
    for verdict in &report.thresholds {
        let Verdict { threshold, value, holds } = verdict;
        let word = if *holds { "holds" } else { "FAILS" };
        let unit = if verdict.is_of_times() { " ms" } else { "" };
        let value = value.map_or("nothing was measured".to_owned(), |value| format!("it was {}{unit}", round(value)));
        writeln!(out, "  {word}  {threshold} ({value})")?;
    }
    if !report.findings.is_empty() {
        writeln!(out)?;
    }
    report.findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))
}

fn remarks(out: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    if report.stopped_early && report.steady_s == 0.0 {
        writeln!(out, "\nStopped before all had joined: nothing was measured.")?;
    } else if report.stopped_early {
        writeln!(out, "\nStopped early: the figures are those of the time until then.")?;
    }
    if report.chaos_ends > 0 {
        let ends = many(report.chaos_ends as u64, "connection");
        writeln!(out, "\n{ends} of the bots that misbehave ended by their doing; they count in no other figure.")?;
    }
    if report.in_view.as_ref().is_some_and(|in_view| in_view.max == 0) {
        writeln!(
            out,
            "\nNo bot ever saw anything: a game with a radius says where each seat looks (Publisher::look)."
        )?;
    }
    if let Some(noise) = noise_sentence(report) {
        writeln!(out, "\n{noise}")?;
    }
    if report.swarm_was_the_limit {
        writeln!(
            out,
            "\nThe swarm was the limit: its own timers and reads came more than {:.0} ms late at p99, so \
             these times say\nas much about it as about the server. Take fewer bots, more --threads, or another machine.",
            report.lateness_limit_ms()
        )?;
    }
    Ok(())
}

pub(super) fn many(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::InView;
    use super::super::tests::{played, report};
    use super::*;
    use crate::swarm::Total;

    #[test]
    fn a_good_run_reads_like_this() {
        let table = Table(&report(&played(1, Duration::from_millis(1)))).to_string();
        assert_eq!(
            table,
            "\
game      game at ws://127.0.0.1:7777/ws
bots      1 of 3 joined, 0 failed
frames    30 a second, 30.0 a bot, over 10.0 s
payload   6.00 kB/s down, 0.60 kB/s up a bot
state     10 hashes checked, 0 desyncs

                          p50        p99      p99.9
tick interval        33.34 ms   33.34 ms   33.34 ms
input to ack         41.02 ms   41.02 ms   41.02 ms
age of state          2.00 ms    2.00 ms    2.00 ms
join                 12.01 ms   12.01 ms   12.01 ms
swarm's lateness      1.00 ms    1.00 ms    1.00 ms
"
        );
    }

    #[test]
    fn failures_and_the_swarms_own_limit_are_said_in_words() {
        let mut total = played(1, Duration::from_millis(9));
        total.failures.insert("refused: the room is full".to_owned(), 1);
        let table = Table(&report(&total)).to_string();
        assert!(table.contains("     1  refused: the room is full"), "{table}");
        assert!(table.contains("The swarm was the limit"), "{table}");
    }

    #[test]
    fn several_sorts_of_bots_are_told() {
        let sorts = ["75 % play", "25 % watch"].map(str::to_owned).to_vec();
        let table = Table(&Report { sorts, ..report(&played(1, Duration::from_millis(1))) }).to_string();
        assert!(table.contains("\nsorts     75 % play; 25 % watch\n"), "{table}");
    }

    #[test]
    fn bots_that_are_blind_are_told_of() {
        let seeing = |count| {
            let in_view = InView::of(&[(count, 60)].into());
            Table(&Report { in_view, ..report(&played(1, Duration::from_millis(1))) }).to_string()
        };
        assert!(seeing(0).contains("No bot ever saw anything"), "{}", seeing(0));
        assert!(!seeing(1).contains("No bot ever saw anything"), "{}", seeing(1));
    }

    #[test]
    fn nothing_measured_is_a_dash() {
        let table = Table(&report(&Total::default())).to_string();
        assert!(table.contains("tick interval               -"), "{table}");
    }
}
