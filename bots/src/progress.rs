//! What a person sees on stderr while the swarm runs: a bar on a terminal, a few plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;
use crate::plan::What;
use crate::report::Second;
use crate::say;
use crate::swarm::{Onlooker, Scene};
use crate::units::shown;
use crate::worker::Tally;

/// Where there is no bar, a line says so often that the swarm is alive.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Where the swarm is on its way.
pub(crate) struct Progress<'a> {
    output: &'a mut Output,
    /// Hidden when stderr is no terminal.
    bar: ProgressBar,
    what: Option<What>,
    /// When the last line was written.
    said: Instant,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(output: &'a mut Output) -> Self {
        // indicatif draws on stderr and nowhere when that is no terminal
        let bar = ProgressBar::new(1);
        let style = ProgressStyle::with_template("{prefix:>8} {bar:40} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { output, bar, what: None, said: Instant::now() }
    }

    fn enter(&mut self, name: &'static str, told: &str) {
        self.bar.set_prefix(name);
        self.bar.set_position(0);
        self.bar.set_message("");
        self.line(told);
    }

    fn line(&mut self, told: &str) {
        if self.bar.is_hidden() {
            say::aside(told);
            self.said = Instant::now();
        }
    }
}

impl Onlooker for Progress<'_> {
    fn phase(&mut self, what: &What, wanted: usize) {
        self.what = Some(*what);
        let length = shown(what.length());
        match what {
            What::Ramp { .. } => self.enter("joining", &format!("{wanted} bots join")),
            What::Hold { .. } => self.enter("playing", &format!("{wanted} bots play; measuring for {length}")),
            other => self.enter(other.name(), &format!("{} for {length}", other.name())),
        }
    }

    fn look(&mut self, scene: &Scene<'_>) {
        let Scene { tally, wanted, elapsed, length, .. } = scene;
        if self.said.elapsed() >= LINE_INTERVAL && self.bar.is_hidden() {
            let (at, playing) = (Duration::from_secs(elapsed.as_secs()), tally.playing());
            self.line(&format!("{} of {}: {playing} play{}", shown(at), shown(*length), failures(tally)));
        }
        if matches!(self.what, Some(What::Ramp { .. })) {
            self.bar.set_length(*wanted as u64);
            self.bar.set_position(tally.settled() as u64);
            self.bar.set_message(format!("{} of {wanted}{}", tally.seated(), failures(tally)));
        } else {
            self.bar.set_length(length.as_millis() as u64);
            self.bar.set_position(elapsed.as_millis() as u64);
            let (elapsed, length) = (Duration::from_secs(elapsed.as_secs()), shown(*length));
            self.bar.set_message(format!("{} of {length}{}", elapsed.as_secs(), failures(tally)));
        }
    }

    fn second(&mut self, second: &Second) {
        self.output.line(second);
    }

    fn leaving(&mut self) {
        if self.what.is_some() {
            self.enter("leaving", "all leave");
        }
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn failures(tally: &Tally) -> String {
    match tally.failed() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    }
}
