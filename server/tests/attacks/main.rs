//! Attacks from raw sockets on servers that run as processes of their own.
//!
//! ```text
//! cargo test -p tickwire-server --release --test attacks [NAME] -- --nocapture
//! ```
//! Of every attack is asserted: the answer, the server's memory, its descriptors, that it goes on and rests afterwards.
//! A release build asserts the pings of a bystander too (see [`witness`]); the table at the end shows them all.
//!
//! A harness of its own: attacks that run side by side would measure each other, and the servers of the network layer
//! alone are this program, started again.

mod bodies;
#[path = "../net/certificate.rs"]
#[allow(dead_code, reason = "the tests of the layer use more of it")]
mod certificate;
mod deflate;
mod echo;
mod floods;
mod frames;
mod heads;
mod limits;
mod odd;
mod origin;
mod peer;
mod server;
mod size;
mod smuggling;
mod time;
mod tls;
mod trial;
mod witness;

use std::panic;
use std::process::ExitCode;
use std::time::Instant;

use trial::Row;

/// Its name, with its group in front, and what runs it.
struct Attack(&'static str, fn(&str) -> Row);

const ATTACKS: &[&[Attack]] = &[
    heads::ATTACKS,
    smuggling::ATTACKS,
    odd::ATTACKS,
    time::ATTACKS,
    frames::ATTACKS,
    size::ATTACKS,
    deflate::ATTACKS,
    floods::ATTACKS,
    limits::ATTACKS,
    origin::ATTACKS,
    bodies::ATTACKS,
    tls::ATTACKS,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, options)) = arguments.split_first()
        && first == echo::ARGUMENT
    {
        return echo::run(options);
    }
    let wanted = Wanted::of(&arguments);
    let chosen: Vec<&Attack> = ATTACKS.iter().copied().flatten().filter(|attack| wanted.has(attack.0)).collect();
    if wanted.only_names {
        chosen.iter().for_each(|attack| println!("{}: test", attack.0));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} attacks, one after the other", chosen.len());
    let (began, mut rows, mut failed) = (Instant::now(), Vec::new(), Vec::new());
    for Attack(name, run) in chosen {
        // the reason is on stderr already
        match panic::catch_unwind(|| run(name)) {
            Ok(row) => {
                println!("test {name} ... ok");
                rows.push(row);
            }
            Err(_) => {
                println!("test {name} ... FAILED");
                failed.push(*name);
            }
        }
    }
    trial::print(&rows);
    let (good, seconds) = (rows.len(), began.elapsed().as_secs());
    println!("\n{good} passed, {} failed in {seconds} s {}", failed.len(), failed.join(", "));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the command line asks for, in the words of Rust's own harness.
struct Wanted<'a> {
    names: Vec<&'a str>,
    skipped: Vec<&'a str>,
    exact: bool,
    only_names: bool,
    /// `--ignored` and `--bench`: nothing here is either.
    nothing: bool,
}

impl<'a> Wanted<'a> {
    fn of(arguments: &'a [String]) -> Self {
        let mut wanted = Self { names: vec![], skipped: vec![], exact: false, only_names: false, nothing: false };
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            match argument {
                "--exact" => wanted.exact = true,
                "--list" => wanted.only_names = true,
                "--ignored" | "--bench" => wanted.nothing = true,
                "--skip" => wanted.skipped.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" => drop(arguments.next()),
                flag if flag.starts_with('-') => {}
                name => wanted.names.push(name),
            }
        }
        wanted
    }

    fn has(&self, name: &str) -> bool {
        let fits = |word: &&str| if self.exact { *word == name } else { name.contains(*word) };
        !self.nothing && (self.names.is_empty() || self.names.iter().any(fits)) && !self.skipped.iter().any(fits)
    }
}
