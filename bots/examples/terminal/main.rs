//! Arena in a terminal, by the native client with prediction.
//!
//! ```text
//! cargo run --release
//! cargo run --release -p tickwire-bots --example terminal
//! ```

mod keys;
mod picture;

use std::error::Error;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use keys::{Keyboard, Wish};
pub use picture::{Picture, Shown};
use tickwire_arena::Arena;
use tickwire_bots::Behaviour;
use tickwire_bots::behaviour::Pilot;
use tickwire_shared::client::{Client, State, Stats};
use tickwire_shared::native::Blocking;
use tickwire_shared::{EntityId, Profile};

/// A picture is drawn this often, and when something has come.
const PICTURE: Duration = Duration::from_millis(16);
/// What is drawn where there is no terminal, in characters.
const HEADLESS: (u16, u16) = (80, 24);

/// Plays Arena in a terminal.
///
/// Left and right (or A and D) turn, up (or W) burns the engine, space fires, Q leaves. A terminal does not tell when a
/// key is let go: each press counts for a moment, keep it down to go on.
#[derive(Parser, Debug)]
#[command(after_help = "Example: terminal --url ws://127.0.0.1:7777/ws --name Ann")]
pub struct Flags {
    /// The server's session address
    #[arg(long, default_value = "ws://127.0.0.1:7777/ws")]
    pub url: String,
    /// The name over the ship
    #[arg(long, default_value = "terminal")]
    pub name: String,
    /// Leave after so many seconds
    #[arg(long)]
    pub seconds: Option<f32>,
    /// Play by itself without a terminal, and print one line of what was seen; exits with 1 if that was wrong
    #[arg(long, requires = "seconds")]
    pub script: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags, std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        Ok(seen) => {
            println!("{seen}");
            if flags.script && !seen.is_right() { ExitCode::from(1) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("terminal: {error}");
            ExitCode::from(2)
        }
    }
}

/// Plays until the player leaves, the time is over, or the connection is.
///
/// # Errors
/// There is no terminal where one is needed, no server, or the connection ended for good.
pub fn run(flags: &Flags, is_terminal: bool) -> Result<Seen, Box<dyn Error>> {
    if !flags.script && !is_terminal {
        return Err("stdin and stdout must be a terminal: start it in one, or add --script --seconds 5".into());
    }
    if flags.seconds.is_some_and(|seconds| !(0.0..=86_400.0).contains(&seconds)) {
        return Err("--seconds takes a number from 0 to 86400".into());
    }
    let mut player = Blocking::<Arena>::connect(&flags.url, Profile::named(&flags.name))?.predict()?;
    let mut keyboard = if flags.script { None } else { Some(Keyboard::open()?) };
    let mut pilot = Pilot::new(7);
    let mut seen = Seen::default();
    let until = flags.seconds.map(|seconds| Instant::now() + Duration::from_secs_f32(seconds));
    while until.is_none_or(|until| Instant::now() < until) {
        player.receive_for(PICTURE)?;
        let now = player.now();
        let client = player.client();
        while client.poll_event_at(now).is_some() {}
        if let Some(reason) = client.state().ended() {
            return Err(reason.to_owned().into());
        }
        let wish = match &mut keyboard {
            None => Wish::Fly(pilot.drive(client, now)),
            Some(keyboard) => keyboard.wish(Instant::now()),
        };
        let Wish::Fly(input) = wish else { break };
        client.input(now, &input);
        let size = keyboard.as_ref().map_or(HEADLESS, |_| keys::window());
        let (picture, shown) = draw(client, now, size);
        seen.take(shown);
        if keyboard.is_some() {
            let mut out = std::io::stdout().lock();
            out.write_all(picture.ansi().as_bytes())?;
            out.flush()?;
        }
        player.flush()?;
    }
    drop(keyboard);
    seen.stats = player.client().stats();
    player.leave()?;
    Ok(seen)
}

fn draw(client: &Client<Arena>, now: Duration, size: (u16, u16)) -> (Picture, Shown) {
    let own = client.owned().next();
    let entities: Vec<(EntityId, _)> = client.sample(now).collect();
    let mut picture = Picture::new(size);
    let shown = picture.draw(&entities, own);
    picture.write(0, &stands(client.state(), now));
    picture.write(usize::from(size.1) - 1, &measured(&client.stats()));
    (picture, shown)
}

/// How the connection is.
fn stands(state: &State, now: Duration) -> String {
    let due = |next_try: &Option<Duration>| match next_try {
        Some(at) => format!("in {:.1} s", at.saturating_sub(now).as_secs_f32()),
        None => "now".to_owned(),
    };
    match state {
        State::Connecting { attempt, next_try } => format!("connecting: try {attempt} {}", due(next_try)),
        State::Joining => "joining".to_owned(),
        State::Playing { room, seat } => format!("room {room}, seat {}", seat.0),
        State::Resuming { attempt, next_try } => format!("connection lost; resuming: try {attempt} {}", due(next_try)),
        State::Refused { reason } | State::Closed { reason } => reason.clone(),
    }
}

fn measured(stats: &Stats) -> String {
    let rtt = stats.rtt.map_or("?".to_owned(), |rtt| format!("{:.1}", rtt.as_secs_f32() * 1e3));
    format!("rtt {rtt} ms · corrections {} · arrows or WAD, space; Q leaves", stats.corrections)
}

/// What was on the pictures.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Pictures drawn.
    pub pictures: u32,
    /// Those with the own ship in the middle.
    pub with_own: u32,
    /// The most of each in one picture.
    pub most: Shown,
    /// The client's, in the end.
    pub stats: Stats,
}

impl Seen {
    fn take(&mut self, shown: Shown) {
        self.pictures += 1;
        self.with_own += u32::from(shown.own);
        self.most = self.most.most(shown);
    }

    /// The own ship was seen, and no state was another than the server's.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.with_own > 0 && self.stats.hashes_checked > 0 && self.stats.desyncs == 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, with_own, most, stats } = self;
        let (ships, rocks, shots) = (most.ships, most.rocks, most.shots);
        write!(f, "saw at most {ships} ships, {rocks} rocks, {shots} shots; ")?;
        write!(f, "own ship in {with_own} of {pictures} pictures; {} corrections; ", stats.corrections)?;
        write!(f, "{} frames, {} hashes checked, {} desyncs", stats.frames, stats.hashes_checked, stats.desyncs)
    }
}
