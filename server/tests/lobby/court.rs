//! Two games to be hosted side by side. A court has as many seats as its options say, shows its map, is locked and
//! described by commands, and lets people look on.

use serde::{Deserialize, Serialize};
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::client::{Event, State};
use tickwire_shared::native::{Connection, ConnectionError};
use tickwire_shared::*;

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Crowd {
    pub players: u16,
    pub watchers: u16,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Crowd(Crowd),
}

#[derive(Clone, Default, Replicate)]
pub struct Nothing {
    pub pressed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    pub seats: u16,
    /// So long it takes to make a court.
    pub nap_ms: u64,
    /// Its property `tick` is another one at each tick.
    pub tells_ticks: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { seats: 4, nap_ms: 0, tells_ticks: false }
    }
}

/// `OTHER` makes another game of it.
pub struct Court<const OTHER: bool = false> {
    watches: Vec<Option<bool>>,
    tells_ticks: bool,
}

impl<const OTHER: bool> Game for Court<OTHER> {
    const NAME: &'static str = if OTHER { "yard" } else { "court" };
    type World = Kinds;
    type Input = Nothing;
    type Command = String;
    type Event = ();
    type Options = Rules;

    fn new(rules: Rules, setup: &mut Setup) -> Result<Self, Refusal> {
        if !(1..=200).contains(&rules.seats) {
            return Err(Refusal::new("a court has 1 to 200 seats"));
        }
        setup.seats = rules.seats;
        std::thread::sleep(std::time::Duration::from_millis(rules.nap_ms));
        if setup.listing.get("map").is_none() {
            setup.listing.set("map", "grass").map_err(|error| Refusal::new(error.to_string()))?;
        }
        Ok(Self { watches: vec![None; rules.seats.into()], tells_ticks: rules.tells_ticks })
    }
    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        assert!(who.name != "panic", "a newcomer is one too many");
        self.watches[usize::from(seat.0)] = Some(false);
        Ok(())
    }
    fn spectate(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        if OTHER {
            return Err(Refusal::new("the yard has a wall"));
        }
        self.watches[usize::from(seat.0)] = Some(true);
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.watches[usize::from(seat.0)] = None;
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        if self.tells_ticks {
            let tick = step.tick().0;
            step.listing().set("tick", tick).expect("a number");
        }
        let commands: Vec<(SeatId, String)> = step.commands().collect();
        for (_, command) in commands {
            match command.split_once(' ') {
                Some((name, value)) => step.listing().set(name, value).expect("a short property"),
                None => step.listing().lock(command == "lock"),
            }
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        let count = |watches: bool| self.watches.iter().filter(|seat| **seat == Some(watches)).count() as u16;
        out.put(EntityId(1), Place::Everywhere, &Crowd { players: count(false), watchers: count(true) });
    }
}

pub type Yard = Court<true>;

pub fn start(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    change(&mut config);
    let server = Server::bind(config).expect("a free port");
    server.host::<Court>(Rules::default()).host::<Yard>(Rules::default()).start(Site::default()).expect("they start")
}

/// A seat, or the close code and the reason why there is none.
pub async fn join<G: Game>(server: &Running, request: JoinRequest) -> Result<Seated<G>, (u16, String)> {
    let url = format!("ws://{}/ws", server.addr());
    let mut line = Connection::<G>::connect(&url, request).await.expect("the server listens").once();
    loop {
        match line.receive().await {
            Ok(()) => {}
            Err(ConnectionError::Closed { code, reason }) => return Err((code, reason)),
            Err(other) => panic!("neither a seat nor a refusal: {other}"),
        }
        while let Some(event) = line.client.poll_event() {
            if let Event::Joined { room, .. } = event {
                return Ok(Seated { room, line });
            }
        }
    }
}

/// Somebody with a seat.
pub struct Seated<G: Game> {
    pub room: u64,
    pub line: Connection<G>,
}

impl<G: Game> std::fmt::Debug for Seated<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a seat in room {}", self.room)
    }
}

impl<G: Game<World = Kinds, Command = String>> Seated<G> {
    pub fn code(&self) -> &str {
        self.line.client.code().expect("a private room has a code")
    }

    pub async fn say(&mut self, command: &str) {
        self.line.client.command(&command.to_owned());
        self.line.flush().await.expect("the server reads");
    }

    /// Receives until there are so many players and watchers.
    pub async fn sees(&mut self, players: u16, watchers: u16) {
        let there = Kinds::Crowd(Crowd { players, watchers });
        while self.line.client.newest(EntityId(1)).as_ref() != Some(&there) {
            self.line.receive().await.expect("the connection lives");
        }
        assert!(matches!(self.line.client.state(), State::Playing { .. }));
    }
}

pub fn ask(wish: &str) -> JoinRequest {
    JoinRequest::new("ann").wishing(wish)
}

/// Asks until it is so.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("waited in vain: {what}");
}

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the test");
    let patience = std::time::Duration::from_secs(120);
    runtime.block_on(async { tokio::time::timeout(patience, test).await.expect("it does not hang") })
}
