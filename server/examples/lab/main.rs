//! What a player feels, measured: the real client and the real room with a scripted connection between them, in virtual
//! time, so that an hour takes seconds and every run is the same.
//!
//! ```sh
//! cargo run --release -p tickwire-server --example lab            # an hour of play for each row
//! cargo run --release -p tickwire-server --example lab -- 5       # five minutes
//! ```
//! Ends with 1 when a goal is missed.

mod link;
mod player;
mod trial;

use std::process::ExitCode;

use link::{STALL_S, Weather};
use trial::{Seen, WARM_UP_S};

fn main() -> ExitCode {
    let minutes: f64 = match std::env::args().nth(1).map(|word| word.parse()) {
        None => 60.0,
        Some(Ok(minutes)) if minutes > 0.0 => minutes,
        Some(_) => {
            eprintln!("lab [MINUTES]: minutes of play for each row, above 0; default 60");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::default();
    println!(
        "Each link: {minutes} minutes of play, 30 ticks and 59.94 pictures a second, virtual time, seed 1. Stalls: 1 % of"
    );
    println!("messages, each way, are held up for {:.0} ms, and what follows with them.\n", STALL_S * 1e3);
    for rtt_ms in [0.0, 40.0, 80.0, 120.0, 200.0] {
        let seen = trial::play(Weather { rtt_s: rtt_ms / 1000.0, ..Weather::default() }, minutes * 60.0, 1);
        report.clean(rtt_ms, &seen);
    }
    let jitter_s = 0.01;
    let seen = trial::play(Weather { rtt_s: 0.08, jitter_s, stalls: 0.0 }, minutes * 60.0, 1);
    report.jitter("80 ms, jitter 10 ms", jitter_s, &seen);
    let seen = trial::play(Weather { rtt_s: 0.08, jitter_s: 0.0, stalls: 0.01 }, minutes * 60.0, 1);
    report.stalls("80 ms, stalls", &seen);
    if report.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Report {
    missed: usize,
}

impl Report {
    fn row(&mut self, link: &str, what: &str, value: f64, most: f64, unit: &str) {
        let passed = value <= most;
        self.missed += usize::from(!passed);
        let verdict = if passed { "pass" } else { "MISS" };
        println!("{link:20} {what:52} {value:9.3} {unit:10} at most {most:9.3}  {verdict}");
    }

    fn clean(&mut self, rtt_ms: f64, seen: &Seen) {
        let link = format!("{rtt_ms} ms");
        self.common(&link, seen);
        self.row(&link, "corrections", seen.stats.corrections as f64 / seen.played_s * 3600.0, 0.0, "an hour");
        self.waits(&link, seen);
        let late = seen.turns_late as f64 / seen.turns.max(1) as f64;
        self.row(&link, &format!("of {} turns not in the next picture", seen.turns), 100.0 * late, 0.0, "%");
    }

    fn waits(&mut self, link: &str, seen: &Seen) {
        let tick_ms = 1000.0 / 30.0;
        let mut waits = seen.waits_s.clone();
        waits.sort_by(f64::total_cmp);
        let mean = waits.iter().sum::<f64>() / waits.len().max(1) as f64;
        let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or(f64::NAN);
        self.row(link, "input to its effect leaving, mean", mean * 1e3, tick_ms / 2.0 + 1.0, "ms");
        self.row(link, "input to its effect leaving, p99", p99 * 1e3, tick_ms + 3.0, "ms");
    }

    /// What is worth knowing and has no goal.
    fn common(&self, link: &str, seen: &Seen) {
        let Seen { stats, pictures, behind_s, .. } = seen;
        let behind_ms = behind_s / *pictures as f64 * 1e3;
        println!(
            "{link:20} others are drawn {behind_ms:.0} ms behind; largest step of the own ship {:.2}",
            seen.step_max
        );
        let (up, down) = (stats.bytes_out as f64, stats.bytes_in as f64);
        let seconds = seen.played_s + WARM_UP_S;
        println!(
            "{link:20} {:.1} bytes/s up, {:.1} bytes/s down, {} hashes checked",
            up / seconds,
            down / seconds,
            stats.hashes_checked
        );
    }

    fn jitter(&mut self, link: &str, jitter_s: f64, seen: &Seen) {
        self.common(link, seen);
        let pictures = seen.pictures as f64;
        self.row(link, "pictures without a bracket", 100.0 * seen.starved as f64 / pictures, 0.1, "%");
        let most = 2.0 * 1000.0 / 30.0 + 2.0 * jitter_s * 1e3;
        self.row(link, "others are drawn behind, mean", seen.behind_s / pictures * 1e3, most, "ms");
        self.row(link, "corrections", seen.stats.corrections as f64 / seen.played_s * 60.0, 1.0, "a minute");
        let wait_s = seen.waits_s.iter().sum::<f64>() / seen.waits_s.len().max(1) as f64;
        println!("{link:20} input to its effect leaving: {:.1} ms in the mean (no goal with jitter)", wait_s * 1e3);
    }

    fn stalls(&mut self, link: &str, seen: &Seen) {
        self.common(link, seen);
        self.row(link, "pictures without a bracket", 100.0 * seen.starved as f64 / seen.pictures as f64, 2.0, "%");
        self.row(link, "corrections", seen.stats.corrections as f64 / seen.played_s * 60.0, 1.0, "a minute");
        self.row(link, "longest correction", seen.stats.correction_longest.as_secs_f64() * 1e3, 150.0, "ms");
        self.waits(link, seen);
    }
}
