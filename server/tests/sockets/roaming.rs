//! A game for those who come back: a world that is larger than a view, things that come and go, and an event a tick.

use std::collections::BTreeSet;
use std::time::Duration;

use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::client::{Event, State};
use tickwire_shared::native::{Connection, Trust};
use tickwire_shared::protocol::ResumeToken;
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, To,
    World,
};

pub struct Roaming {
    tick: Tick,
    seats: Vec<(SeatId, u32)>,
    left: [u32; 3],
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Walker(Walker),
    Left(Left),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Walker {
    #[field(min = 0, max = 999)]
    pub x: u32,
    #[field(min = 0, max = 999)]
    pub y: u32,
}

/// How many players have left, by why, and who is away.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Left {
    pub left: u32,
    pub lost: u32,
    pub removed: u32,
    pub away: u32,
    /// Buttons that are down.
    pub pressed: u32,
}

#[derive(Clone, Default, Replicate)]
pub struct Button {
    pub pressed: bool,
}

pub const LEFT: EntityId = EntityId(1_000_000);
const WALKERS: u32 = 300;

impl Game for Roaming {
    const NAME: &'static str = "roaming";
    type World = Thing;
    type Input = Button;
    type Command = String;
    type Event = u32;
    /// Milliseconds for which seats are held.
    type Options = u64;

    fn new(grace_ms: u64, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.interest = Interest::Radius(150.0);
        // some of what is seen comes late, always
        setup.far_is_rarer = true;
        setup.client_bytes_per_s = Some(40_000);
        setup.seats = 4;
        setup.grace = Duration::from_millis(grace_ms);
        Ok(Self { tick: Tick(0), seats: Vec::new(), left: [0; 3] })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.seats.push((seat, 0));
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, why: Leave) {
        self.seats.retain(|(other, _)| *other != seat);
        self.left[why as usize] += 1;
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        for (seat, flags) in &mut self.seats {
            *flags = u32::from(step.is_away(*seat)) | u32::from(step.input(*seat).pressed) << 1;
        }
        assert!(step.commands().all(|(_, command)| command != "panic"), "a player asked for it");
        step.send(To::All, self.tick.0);
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        let tick = self.tick.0;
        let noise =
            |a: u32, b: u32| (a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x2c1b_3c6d) >> 8;
        for id in 0..WALKERS {
            let life = (tick + id * 7) / 90;
            if noise(id, life).is_multiple_of(4) {
                continue;
            }
            let (x, y) = ((noise(id, 1) + tick * (id % 4)) % 1000, (noise(id, 2) + tick * (id % 3)) % 1000);
            out.put(EntityId(id), Place::at(x as f32, y as f32), &Walker { x, y });
        }
        for (seat, _) in &self.seats {
            let x = (tick * 4 + u32::from(seat.0) * 100) % 1000;
            out.put_owned(EntityId(9000 + u32::from(seat.0)), Place::at(x as f32, 500.0), *seat, &Walker { x, y: 500 });
            out.look(*seat, x as f32, 500.0);
        }
        let count = |bit: u32| self.seats.iter().filter(|(_, flags)| flags & bit != 0).count() as u32;
        let [left, lost, removed] = self.left;
        out.put(LEFT, Place::Everywhere, &Left { left, lost, removed, away: count(1), pressed: count(2) });
    }
}

/// Rooms on two threads, links on two reactors.
pub fn start(grace_ms: u64) -> Running {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), reactors: 2, tick_threads: 2, ..Config::default() };
    let server = Server::bind(config).expect("a free port");
    server.start::<Roaming>(grace_ms, Site::default()).expect("the game starts")
}

pub fn url(server: &Running) -> String {
    format!("ws://{}/ws", server.addr())
}

/// A player that keeps account of what it is told.
pub struct Witness {
    pub connection: Connection<Roaming>,
    /// By spawns and despawns.
    pub there: BTreeSet<EntityId>,
    pub last_event: Option<u32>,
    pub disconnected: u32,
    pub resumed: u32,
    pub events_lost: u32,
}

impl Witness {
    pub async fn connect(url: &str) -> Self {
        Self::of(Connection::connect(url, Profile::default()).await.expect("somebody listens"))
    }

    pub async fn back_to(url: &str, token: ResumeToken) -> Self {
        Self::of(Connection::back_to(url, token, &Trust::default()).await.expect("somebody listens"))
    }

    fn of(connection: Connection<Roaming>) -> Self {
        Self { connection, there: BTreeSet::new(), last_event: None, disconnected: 0, resumed: 0, events_lost: 0 }
    }

    /// Receives until something has happened, presses the button, and compares.
    pub async fn step(&mut self) {
        let patience = Duration::from_secs(30);
        let received =
            tokio::time::timeout(patience, self.connection.receive()).await.expect("nothing happens any more");
        received.unwrap_or_else(|error| panic!("{error}; {:?}", self.connection.client.state()));
        while let Some(event) = self.connection.client.poll_event() {
            match event {
                Event::Spawned(id) => assert!(self.there.insert(id), "{id:?} is there already"),
                Event::Despawned(id) => assert!(self.there.remove(&id), "{id:?} is not there"),
                Event::Game(number) => {
                    let expected = self.last_event.map_or(number, |last| last + 1);
                    assert_eq!(number, expected, "events come once each and in order");
                    self.last_event = Some(number);
                }
                Event::Disconnected { .. } => self.disconnected += 1,
                Event::Resumed { events_lost } => {
                    self.resumed += 1;
                    self.events_lost += events_lost;
                }
                Event::Desync { tick } => panic!("desync at {tick:?}"),
                Event::Refused { reason } => panic!("refused: {reason}"),
                Event::Joined { .. } | Event::Acked { .. } => {}
            }
        }
        let held: BTreeSet<EntityId> = self.connection.client.newest_all().map(|(id, _)| id).collect();
        assert_eq!(self.there, held, "what came and went is what is there");
        let now = self.connection.now();
        self.connection.client.input(now, &Button { pressed: true });
        self.connection.flush().await.expect("it comes back");
    }

    pub async fn step_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while !done(self) {
            assert!(std::time::Instant::now() < until, "waited in vain: {what}; {:?}", self.connection.client.state());
            self.step().await;
        }
    }

    pub fn left(&self) -> Option<Left> {
        match self.connection.client.newest(LEFT) {
            Some(Thing::Left(left)) => Some(left),
            _ => None,
        }
    }

    pub fn is_playing(&self) -> bool {
        matches!(self.connection.client.state(), State::Playing { .. })
    }

    pub fn frames(&self) -> u64 {
        self.connection.client.stats().frames
    }
}
