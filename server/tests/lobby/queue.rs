//! Rooms that are made for those who found each other in the queue, and refuse to begin.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::*;

use crate::api::{call, get, post, refused, tickets, with};
use crate::court::{Nothing, join, run, until};

/// So many rooms to come refuse to begin, of each kind of moody game.
static REFUSES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
/// So long the next room of the last kind takes to be made.
static NAP_MS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq, Replicate)]
pub struct Alone {
    pub is_there: bool,
}

#[derive(Clone, Debug, PartialEq, World)]
pub enum Kinds {
    Alone(Alone),
}

/// A test has one for itself.
pub struct Moody<const TEST: usize>;

impl<const TEST: usize> Game for Moody<TEST> {
    const NAME: &'static str = "moody";
    type World = Kinds;
    type Input = Nothing;
    type Command = String;
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.seats = 4;
        if TEST == 2 {
            std::thread::sleep(Duration::from_millis(NAP_MS.swap(0, Ordering::SeqCst).into()));
        }
        let less = |left: u32| left.checked_sub(1);
        match REFUSES[TEST].fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(Refusal::new("not in the mood")),
            Err(_) => Ok(Self),
        }
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, _: &mut Step<'_, Self>) {}
    fn publish(&self, _: &mut Publisher<'_, Kinds>) {}
}

fn start<const TEST: usize>(refuses: u32) -> Running {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let running = Server::bind(config).expect("free ports").start::<Moody<TEST>>((), Site::default());
    REFUSES[TEST].store(refuses, Ordering::SeqCst);
    running.expect("it starts")
}

fn two_wait(server: &Running) -> [String; 2] {
    [1000, 1010].map(|skill| {
        let told = post(server, "queue", json!({ "skill": skill, "players": 2 }));
        told["id"].as_str().expect("an id").to_owned()
    })
}

#[test]
fn a_match_is_told_when_its_room_has_begun_and_another_is_made_where_it_has_not() {
    let server = start::<0>(1);
    run(async {
        let mut there = Vec::new();
        for id in two_wait(&server) {
            let told = get(&server, &format!("queue/{id}?wait_s=20"));
            assert_eq!(told["state"], "matched", "{told}");
            let ticket = &tickets(&told)[0];
            there.push(join::<Moody<0>>(&server, with(ticket)).await.expect("the seat of the match"));
        }
        assert_eq!(there[0].room, there[1].room);
    });
    server.stop();
}

#[test]
fn where_no_room_begins_those_who_wait_read_the_games_words() {
    let server = start::<1>(u32::MAX);
    run(async {
        for id in two_wait(&server) {
            let (status, words) = refused(&server, "GET", &format!("queue/{id}?wait_s=20"), Value::Null);
            assert!(status == 400 && words.contains("not in the mood"), "{status} {words}");
        }
    });
    server.stop();
}

#[test]
fn who_leaves_while_the_room_is_made_leaves_the_others_waiting() {
    let server = start::<2>(0);
    run(async {
        NAP_MS.store(1_500, Ordering::SeqCst);
        let [gone, here] = two_wait(&server);
        let rooms = |wanted: u32| (get(&server, "games")["games"][0]["rooms"] == wanted).then_some(());
        until("the room is being made", async || rooms(1)).await;
        assert_eq!(call(&server, "DELETE", &format!("queue/{gone}"), &Value::Null).status, 200);
        until("nobody needs it", async || rooms(0)).await;
        assert_eq!(get(&server, &format!("queue/{here}"))["state"], "waiting");
        post(&server, "queue", json!({ "skill": 1000, "players": 2 }));
        let told = get(&server, &format!("queue/{here}?wait_s=20"));
        assert_eq!(told["state"], "matched", "{told}");
        join::<Moody<2>>(&server, with(&tickets(&told)[0])).await.expect("the seat of the match");
    });
    server.stop();
}
