//! The live view on a terminal: how far it is, what the last second was like, and how the minutes before it went.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Stderr};
use std::time::{Duration, Instant};

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::prelude::CrosstermBackend;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Row, Sparkline, Table};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use crate::output::Output;
use crate::plan::What;
use crate::report::{Second, lateness_limit_ms};
use crate::swarm::{Onlooker, Scene};
use crate::units::shown;

/// Lines that it takes; what was on the terminal before stays above.
const LINES: u16 = 14;
/// Seconds that are remembered for the curves.
const SECONDS_MAX: usize = 240;
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// See the module.
pub(crate) struct Live<'a> {
    output: &'a mut Output,
    terminal: Terminal<CrosstermBackend<Stderr>>,
    phase: &'static str,
    seconds: VecDeque<Second>,
    drawn: Option<Instant>,
}

/// What is drawn besides the seconds.
struct Now {
    phase: &'static str,
    playing: usize,
    wanted: usize,
    failed: usize,
    elapsed: Duration,
    length: Duration,
}

impl<'a> Live<'a> {
    /// None where there is no terminal that can show it.
    pub(crate) fn new(output: &'a mut Output) -> Result<Self, &'a mut Output> {
        let is_terminal = io::stderr().is_terminal() && io::stdin().is_terminal();
        let options = TerminalOptions { viewport: Viewport::Inline(LINES) };
        let terminal =
            is_terminal.then(|| Terminal::with_options(CrosstermBackend::new(io::stderr()), options).ok()).flatten();
        match terminal {
            Some(terminal) => Ok(Self { output, terminal, phase: "", seconds: VecDeque::new(), drawn: None }),
            None => Err(output),
        }
    }
}

impl Onlooker for Live<'_> {
    fn phase(&mut self, what: &What, _wanted: usize) {
        self.phase = what.name();
        self.drawn = None;
    }

    fn look(&mut self, scene: &Scene<'_>) {
        if self.drawn.is_some_and(|at| at.elapsed() < DRAW_INTERVAL) {
            return;
        }
        self.drawn = Some(Instant::now());
        let Scene { tally, wanted, elapsed, length, .. } = *scene;
        let (playing, failed) = (tally.playing(), tally.failed());
        let now = Now { phase: self.phase, playing, wanted, failed, elapsed, length };
        let seconds = &self.seconds;
        // a terminal that went away is no reason to end a run
        let _ = self.terminal.draw(|frame| draw(frame, &now, seconds));
    }

    fn second(&mut self, second: &Second) {
        self.output.line(second);
        if self.seconds.len() >= SECONDS_MAX {
            self.seconds.pop_front();
        }
        self.seconds.push_back(second.clone());
    }

    fn leaving(&mut self) {
        self.phase = "leaving";
    }

    fn done(&mut self) {
        let _ = self.terminal.clear();
    }
}

fn draw(frame: &mut Frame<'_>, now: &Now, seconds: &VecDeque<Second>) {
    let [head, bar, _, curves, times] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(5),
        Constraint::Length(6),
    ])
    .areas(frame.area());
    frame.render_widget(headline(now, seconds.back()), head);
    let part = now.elapsed.as_secs_f64() / now.length.as_secs_f64().max(0.001);
    let label = format!("{} of {}", shown(Duration::from_secs(now.elapsed.as_secs())), shown(now.length));
    frame.render_widget(Gauge::default().ratio(part.clamp(0.0, 1.0)).label(label).gauge_style(Color::Blue), bar);
    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(curves);
    curve(frame, left, "frames a second", seconds, |second| second.frames);
    let p99 = |second: &Second| second.tick_interval_ms.map_or(0, |times| times.p99 as u64);
    curve(frame, right, "tick interval p99, ms", seconds, p99);
    frame.render_widget(table(seconds.back()), times);
}

fn headline(now: &Now, last: Option<&Second>) -> Line<'static> {
    let mut words = vec![
        Span::styled(format!("{:<10}", now.phase), Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!("{} of {} bots play", now.playing, now.wanted)),
    ];
    if now.failed > 0 {
        words.push(Span::styled(format!(", {} failed", now.failed), Color::Red));
    }
    if let Some(last) = last {
        words.push(Span::raw(format!(", {} frames and {:.0} kB a second", last.frames, last.bytes_down as f64 / 1e3)));
        if last.swarm_lateness_ms.is_some_and(|times| times.p99 > lateness_limit_ms(last.tick_interval_ms.as_ref())) {
            words.push(Span::styled("  the swarm is late itself", Color::Yellow));
        }
    }
    Line::from(words)
}

fn curve(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &'static str,
    seconds: &VecDeque<Second>,
    of: impl Fn(&Second) -> u64,
) {
    let width = area.width.saturating_sub(2) as usize;
    let data: Vec<u64> = seconds.iter().skip(seconds.len().saturating_sub(width)).map(of).collect();
    let newest = data.last().copied().unwrap_or_default();
    let block = Block::bordered().title(format!("{title}: {newest}"));
    frame.render_widget(Sparkline::default().block(block).data(data).style(Color::Cyan), area);
}

fn table(last: Option<&Second>) -> Table<'static> {
    let rows = [
        ("tick interval", last.and_then(|second| second.tick_interval_ms)),
        ("input to ack", last.and_then(|second| second.input_to_ack_ms)),
        ("age of state", last.and_then(|second| second.age_ms)),
        ("join", last.and_then(|second| second.join_ms)),
        ("swarm's lateness", last.and_then(|second| second.swarm_lateness_ms)),
    ];
    let rows = rows.map(|(name, times)| {
        let ms = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2} ms"));
        Row::new([
            name.to_owned(),
            ms(times.map(|times| times.p50)),
            ms(times.map(|times| times.p99)),
            ms(times.map(|times| times.max)),
        ])
    });
    let widths = [Constraint::Length(18), Constraint::Length(12), Constraint::Length(12), Constraint::Length(12)];
    let header = Row::new(["the last second", "p50", "p99", "longest"]).style(Color::DarkGray);
    Table::new(rows, widths).header(header)
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::measure::Times;

    #[test]
    fn the_view_says_how_far_it_is_and_how_it_goes() {
        let mut times = Times::default();
        (30..40).for_each(|ms| times.record(Duration::from_millis(ms)));
        let second = Second {
            at_s: 1.0,
            playing: 7,
            failed: 1,
            measured: true,
            frames: 210,
            bytes_down: 42_000,
            tick_interval_ms: times.percentiles(),
            input_to_ack_ms: None,
            age_ms: None,
            join_ms: None,
            resume_ms: None,
            swarm_lateness_ms: times.percentiles(),
        };
        let (elapsed, length) = (Duration::from_secs(3), Duration::from_secs(30));
        let now = Now { phase: "hold", playing: 7, wanted: 8, failed: 1, elapsed, length };
        let mut terminal = Terminal::new(TestBackend::new(100, LINES)).expect("it is memory");
        terminal.draw(|frame| draw(frame, &now, &VecDeque::from([second]))).expect("it is memory");
        let shown: String = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
        for wanted in
            ["hold", "7 of 8 bots play, 1 failed", "210 frames and 42 kB", "3 s of 30 s", "39.0", "is late itself"]
        {
            assert!(shown.contains(wanted), "{wanted:?} is not in {shown}");
        }
    }
}
