//! A game that says who it thinks everybody is, and a server that hosts it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwire_server::config::AdminConfig;
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::client::{Event, Notice};
use tickwire_shared::native::{Connection, ConnectionError, Trust};
use tickwire_shared::protocol::ResumeToken;
use tickwire_shared::{
    EntityId, Game, JoinRequest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, TickRate,
    To, World,
};

use crate::http;

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

pub const SEATS: u16 = 8;

pub struct Roster {
    seats: Vec<Option<Profile>>,
    joins: u32,
    leaves: u32,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Count(Count),
}

/// How often somebody joined, and left.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Count {
    pub joins: u32,
    pub leaves: u32,
}

#[derive(Clone, Default, Replicate)]
pub struct Nothing {
    pub idle: bool,
}

impl Game for Roster {
    const NAME: &'static str = "roster";
    type World = Thing;
    type Input = Nothing;
    type Command = String;
    type Event = String;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(60);
        setup.seats = SEATS;
        Ok(Self { seats: vec![None; SEATS.into()], joins: 0, leaves: 0 })
    }
    fn join(&mut self, seat: SeatId, who: &Profile) -> Result<(), Refusal> {
        if who.name == "unwanted late" {
            std::thread::sleep(Duration::from_millis(1_500));
        }
        if who.name.starts_with("unwanted") {
            return Err(Refusal::new("nobody wants you"));
        }
        self.joins += 1;
        self.seats[usize::from(seat.0)] = Some(who.clone());
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.leaves += 1;
        self.seats[usize::from(seat.0)] = None;
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        let asked: Vec<SeatId> = step.commands().map(|(seat, _)| seat).collect();
        for seat in asked {
            let who = self.seats[usize::from(seat.0)].clone().expect("who asks sits there");
            let claims: Vec<String> = who.claims.iter().map(|(name, text)| format!("{name}={text}")).collect();
            let account = who.account.as_deref().unwrap_or("nobody");
            step.send(To::Seat(seat), format!("{}|{account}|{}", who.name, claims.join(",")));
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        out.put(EntityId(1), Place::Everywhere, &Count { joins: self.joins, leaves: self.leaves });
    }
}

/// A server on any ports, whose admin listener has the tests' token.
pub fn start(change: impl FnOnce(&mut Config)) -> (Running, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = AdminConfig { listen: Some(any), token: Some(http::TOKEN.to_owned()), ..AdminConfig::default() };
    let mut config = Config { listen: any, admin, ..Config::default() };
    change(&mut config);
    let running = Server::bind(config).expect("free ports").start::<Roster>((), Site::default()).expect("it starts");
    let admin = running.admin_addr().expect("the admin listener is on");
    (running, admin)
}

pub fn url(server: &Running) -> String {
    format!("ws://{}/ws", server.addr())
}

/// A player that does not come back by itself.
pub struct Player(pub Connection<Roster>);

impl Player {
    /// Connects and asks for a seat; what the server says to that is not awaited.
    pub async fn ask(server: &Running, request: impl Into<JoinRequest>) -> Self {
        Self(Connection::connect(&url(server), request).await.expect("the server listens").once())
    }

    /// The same, and plays.
    pub async fn join(server: &Running, request: impl Into<JoinRequest>) -> Self {
        let mut player = Self::ask(server, request).await;
        player.plays().await;
        player
    }

    /// Connects and asks for the seat that a token leads to.
    pub async fn back(server: &Running, token: ResumeToken) -> Self {
        Self(Connection::back_to(&url(server), token, &Trust::default()).await.expect("the server listens").once())
    }

    /// Waits for the next frame, and shows so that the token of its seat has arrived.
    pub async fn plays(&mut self) {
        let before = self.0.client.tick();
        self.until("a frame", |c| c.client.tick() != before).await;
        let now = self.0.now();
        self.0.client.input(now, &Nothing::default());
        self.0.flush().await.expect("the server reads");
    }

    pub async fn until(&mut self, what: &str, done: impl Fn(&Connection<Roster>) -> bool) {
        let waiting = async {
            while !done(&self.0) {
                self.0.receive().await.unwrap_or_else(|error| panic!("while waiting for {what}: {error}"));
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
    }

    /// Who the game thinks this is: `name|account|claims`.
    pub async fn who(&mut self) -> String {
        self.0.client.command(&"who am I".to_owned());
        self.0.flush().await.expect("the server reads");
        let waiting = async {
            loop {
                while let Some(event) = self.0.client.poll_event() {
                    if let Event::Game(said) = event {
                        return said;
                    }
                }
                self.0.receive().await.expect("the connection lives");
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the game answers")
    }

    /// Waits for word of the operator.
    pub async fn notice(&mut self) -> Notice {
        let waiting = async {
            loop {
                if let Some(notice) = self.0.client.poll_notice() {
                    return notice;
                }
                self.0.receive().await.expect("the connection lives");
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a notice comes")
    }

    /// Waits until the server closes: code and text.
    pub async fn closed(&mut self) -> (u16, String) {
        let waiting = async {
            loop {
                match self.0.receive().await {
                    Ok(()) => {}
                    Err(ConnectionError::Closed { code, reason }) => return (code, reason),
                    Err(other) => panic!("not a close: {other}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the server closes")
    }

    /// Waits until somebody has left, as the game has counted.
    pub async fn sees_a_leave(&mut self) {
        let left = |thing: Option<Thing>| matches!(thing, Some(Thing::Count(count)) if count.leaves > 0);
        self.until("a leave", |c| left(c.client.newest(EntityId(1)))).await;
    }

    /// How often somebody joined and left, as the game has counted.
    pub fn counted(&self) -> Option<(u32, u32)> {
        let Some(Thing::Count(Count { joins, leaves })) = self.0.client.newest(EntityId(1)) else { return None };
        Some((joins, leaves))
    }
}

/// Asks again until it is so.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let given_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < given_up, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the test").block_on(test)
}

/// What a scrape says of this series.
pub fn metric(admin: SocketAddr, series: &str) -> f64 {
    let page = http::get(admin, "/metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("there is no {series}"))
}
