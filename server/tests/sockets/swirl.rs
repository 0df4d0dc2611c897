//! A game that moves a lot: everything changes every tick, and everybody sees everything.

use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::native::{Connection, ConnectionError};
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, TickRate, World,
};

pub const ENTITIES: u32 = 800;

pub struct Swirl {
    tick: Tick,
    pressed: u32,
    /// It uses an id twice in each tick.
    doubles: bool,
    fuse: Fuse,
}

/// Panics when it is dropped, once it is lit.
struct Fuse(bool);

impl Drop for Fuse {
    fn drop(&mut self) {
        assert!(!self.0, "the fuse was lit");
    }
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Thing {
    Mote(Mote),
    Presses(Presses),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Mote {
    #[field(min = 0, max = 65535)]
    pub x: u32,
    #[field(min = 0, max = 65535)]
    pub y: u32,
}

/// How many ticks somebody's button was down: inputs made visible.
#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Presses {
    pub count: u32,
}

#[derive(Clone, Default, Replicate)]
pub struct Button {
    pub pressed: bool,
}

pub const PRESSES: EntityId = EntityId(1_000_000);

impl Game for Swirl {
    const NAME: &'static str = "swirl";
    type World = Thing;
    type Input = Button;
    type Command = String;
    type Event = String;
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(60);
        setup.seats = 16;
        Ok(Self { tick: Tick(0), pressed: 0, doubles: false, fuse: Fuse(false) })
    }
    fn join(&mut self, _: SeatId, who: &Profile) -> Result<(), Refusal> {
        assert!(who.name != "panic", "a newcomer is one too many");
        if who.name == "unwanted" { Err(Refusal::new("this name is not wanted here")) } else { Ok(()) }
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        self.pressed += (0..16).filter(|seat| step.input(SeatId(*seat)).pressed).count() as u32;
        let commands: Vec<(SeatId, String)> = step.commands().collect();
        for (seat, command) in commands {
            assert!(command != "panic", "a player asked for it");
            self.fuse.0 |= command == "panic at the end";
            self.doubles |= command == "use an id twice";
            if let Some(length) = command.strip_prefix("say ").and_then(|length| length.parse().ok()) {
                step.send(tickwire_shared::To::All, "a".repeat(length));
            }
            step.send(tickwire_shared::To::Seat(seat), format!("you said {command}"));
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for id in 0..ENTITIES {
            let at = |speed: u32| {
                id.wrapping_mul(7919).wrapping_add(self.tick.0.wrapping_mul(speed * (id % 50 + 20))) % 65536
            };
            out.put(EntityId(id), Place::Everywhere, &Mote { x: at(3), y: at(5) });
        }
        for _ in 0..1 + u32::from(self.doubles) {
            out.put(PRESSES, Place::Everywhere, &Presses { count: self.pressed });
        }
    }
}

pub fn start() -> Running {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = Server::bind(config).expect("a free port");
    server.start::<Swirl>((), Site::default()).expect("the game starts")
}

pub fn url(server: &Running) -> String {
    format!("ws://{}/ws", server.addr())
}

pub async fn connect(server: &Running, name: &str) -> Connection<Swirl> {
    let profile = Profile::named(name);
    Connection::connect(&url(server), profile).await.expect("the server listens").once()
}

/// Receives until `done`, or until a generous time is over.
pub async fn receive_until(connection: &mut Connection<Swirl>, what: &str, done: impl Fn(&Connection<Swirl>) -> bool) {
    let waiting = async {
        while !done(connection) {
            connection.receive().await.expect("the connection lives");
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// Receives until the server closes: its code.
pub async fn close_code(connection: &mut Connection<Swirl>) -> u16 {
    loop {
        match connection.receive().await {
            Ok(()) => {}
            Err(ConnectionError::Closed { code, .. }) => return code,
            Err(other) => panic!("not a close: {other}"),
        }
    }
}

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the test").block_on(test)
}
