//! Squares full of people at 20 Hz, each of whom sees some fifty others, for measuring how many clients a core carries:
//! where a player leaves, somebody walks on by themselves, so that it is as full with ten players as with all.
//!
//! ```text
//! cargo run --release -p tickwire-server --example crowd -- 127.0.0.1:7777 250
//! cargo run --release -p tickwire-bots --example crowd_bots -- swarm --bots 1000 --seconds 30
//! ```
//! The second number is how many people share a square, which is a room. A room's frames leave all at once: with one of
//! a thousand the swarm is late for most of them, however quick it is.

use std::f32::consts::PI;

use tickwire_server::{Config, Server, Site};
use tickwire_shared::*;

/// The square's side, at most.
pub const SIDE: f32 = 1024.0;
/// How far people see.
const RADIUS: f32 = 32.0;
/// So much of the square is one person's.
const ELBOW_ROOM: f32 = 10.0;
const SPEED: f32 = 3.0;
/// Ticks that somebody without a player goes the same way, at most.
const WALK_TICKS: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Replicate)]
pub enum Mood {
    Stands,
    Walks,
    Waves,
}

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Person {
    #[field(min = 0.0, max = 1023.984375, step = 0.015625)]
    pub at: [f32; 2],
    #[field(angle_bits = 8)]
    pub heading: f32,
    pub mood: Mood,
    /// Whom they have waved to.
    pub met: u16,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Person(Person),
}

/// Where to, and how.
#[derive(Clone, Debug, Replicate)]
pub struct Wish {
    #[field(angle_bits = 8)]
    pub heading: f32,
    pub mood: Mood,
}

impl Default for Wish {
    fn default() -> Self {
        Self { heading: 0.0, mood: Mood::Stands }
    }
}

pub struct Crowd {
    side: f32,
    people: Vec<(Person, Option<SeatId>)>,
}

impl Game for Crowd {
    const NAME: &'static str = "crowd";
    type World = Kinds;
    type Input = Wish;
    type Command = ();
    type Event = ();
    /// How many people there are, and seats.
    type Options = u16;

    fn new(people: u16, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(20);
        setup.seats = people.max(1);
        setup.interest = Interest::Radius(RADIUS);
        let side = (f32::from(people).sqrt() * ELBOW_ROOM).min(SIDE - 1.0);
        let mut person = |_| {
            let at = [setup.rng.between(0.0, side), setup.rng.between(0.0, side)];
            (Person { at, heading: setup.rng.between(-PI, PI), mood: Mood::Walks, met: 0 }, None)
        };
        Ok(Self { side, people: (0..people).map(&mut person).collect() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        let place = self.people.get_mut(usize::from(seat.0)).ok_or(Refusal::new("It is full."))?;
        place.1 = Some(seat);
        Ok(())
    }
    fn leave(&mut self, seat: SeatId, _: Leave) {
        self.people[usize::from(seat.0)].1 = None;
    }
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        let (dt, side) = (step.dt(), self.side);
        for (person, player) in &mut self.people {
            let wish = match player {
                Some(seat) => step.input(*seat).clone(),
                None if step.rng.below(WALK_TICKS) > 0 => Wish { heading: person.heading, mood: person.mood },
                None => Wish {
                    heading: step.rng.between(-PI, PI),
                    mood: if step.rng.below(4) == 0 { Mood::Stands } else { Mood::Walks },
                },
            };
            person.met = person.met.wrapping_add((wish.mood == Mood::Waves && person.mood != Mood::Waves).into());
            (person.heading, person.mood) = (wish.heading, wish.mood);
            if person.mood == Mood::Walks {
                let way = [person.heading.cos(), person.heading.sin()];
                for (at, way) in person.at.iter_mut().zip(way) {
                    *at = (*at + way * SPEED * dt).clamp(0.0, side);
                }
            }
            *person = person.quantized(); // goes on from what its clients have
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for (id, (person, player)) in (0..).zip(&self.people) {
            let (id, place) = (EntityId(id), Place::at(person.at[0], person.at[1]));
            match player {
                Some(seat) => {
                    out.look(*seat, person.at[0], person.at[1]);
                    out.put_owned(id, place, *seat, person);
                }
                None => out.put(id, place, person),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    // an address and a port, if any is given, and how many there are
    let listen = words.next().map_or(Ok(Config::default().listen), |listen| {
        listen.parse().map_err(|_| format!("{listen} is nothing to listen on; it takes such as 127.0.0.1:7777"))
    })?;
    let people = words.next().map_or(Ok(250), |people| {
        people
            .parse()
            .ok()
            .filter(|people| *people > 0)
            .ok_or_else(|| format!("{people} is no number of people; it takes 1 to 65535"))
    })?;
    let server = Server::bind(Config { listen, ..Config::default() })?.start::<Crowd>(people, Site::default())?;
    server.stop_on_signal(|addr| println!("the crowd is on: ws://{addr}/ws"))?;
    Ok(())
}
