//! What a person sees on stderr while the swarm runs: a bar on a terminal, a few plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::bot::Tally;

/// Where the swarm is on its way.
pub(crate) struct Progress {
    bots: usize,
    length: Duration,
    /// Hidden when stderr is no terminal.
    bar: ProgressBar,
    stage: Stage,
}

/// What was announced last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Silent,
    Joining,
    Steady,
    Leaving,
}

impl Progress {
    pub(crate) fn new(bots: usize, length: Duration) -> Self {
        // indicatif draws on stderr and nowhere when that is no terminal
        let bar = ProgressBar::new(bots as u64);
        let style = ProgressStyle::with_template("{prefix:>8} {bar:40} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bots, length, bar, stage: Stage::Silent }
    }

    pub(crate) fn joining(&mut self, tally: &Tally) {
        let bots = self.bots;
        self.enter(Stage::Joining, "joining", bots as u64, || format!("{bots} bots join"));
        self.bar.set_position(tally.settled() as u64);
        self.bar.set_message(format!("{} of {}{}", tally.joined(), self.bots, failures(tally)));
    }

    pub(crate) fn steady(&mut self, elapsed: Duration, tally: &Tally) {
        let length_s = self.length.as_secs_f64();
        let told = || format!("{} joined{}; measuring for {length_s} s", tally.joined(), failures(tally));
        self.enter(Stage::Steady, "playing", self.length.as_millis() as u64, told);
        self.bar.set_position(elapsed.as_millis() as u64);
        self.bar.set_message(format!("{:.0} of {length_s} s{}", elapsed.as_secs_f64(), failures(tally)));
    }

    pub(crate) fn leaving(&mut self) {
        self.enter(Stage::Leaving, "leaving", 1, || "all leave".to_owned());
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }

    /// Announces a new stage once.
    fn enter(&mut self, stage: Stage, name: &'static str, length: u64, told: impl FnOnce() -> String) {
        if self.stage >= stage {
            return;
        }
        self.stage = stage;
        self.bar.set_prefix(name);
        self.bar.set_length(length);
        self.bar.set_position(0);
        self.bar.set_message("");
        if self.bar.is_hidden() {
            eprintln!("{}", told());
        }
    }
}

fn failures(tally: &Tally) -> String {
    match tally.failed() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    }
}
