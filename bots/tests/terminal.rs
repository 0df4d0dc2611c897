//! Arena in a terminal (`examples/terminal`): it plays by itself, draws what there is, and refuses what is no terminal.

use clap::Parser;
use terminal::{Flags, Picture};
use tickwire_arena::{Arena, Entity, Gun, Options, Rock, RockSize, Ship, Shot};
use tickwire_server::{Config, Server, Site};
use tickwire_shared::EntityId;

#[path = "../examples/terminal/main.rs"]
#[allow(dead_code, reason = "keys and the command line are for people")]
mod terminal;

fn ship(x: f32, y: f32, heading: f32) -> Entity {
    Entity::Ship(Ship {
        x,
        y,
        heading,
        thrust: false,
        dead: false,
        safe: false,
        hp: 77,
        gun: Gun::Plain,
        hue: 3,
        drone: false,
        name: "ann".into(),
        score: 5,
        vx: 0.0,
        vy: 0.0,
        x_rest: 0.0,
        y_rest: 0.0,
        heading_rest: 0.0,
        spin: 0.0,
        heat: 0.0,
        respawn_s: 0.0,
        gun_s: 0.0,
    })
}

#[test]
fn a_script_plays_and_sees_itself() {
    let config = Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() };
    let server = Server::bind(config).expect("loopback has a free port");
    let running = server.start::<Arena>(Options::default(), Site::default()).expect("Arena runs");
    let url = format!("ws://{}/ws", running.addr());
    let flags = Flags::parse_from(["terminal", "--url", &url, "--script", "--seconds", "4"]);
    let seen = terminal::run(&flags, false);
    running.stop();
    let seen = seen.expect("it plays");
    assert!(seen.is_right() && seen.most.rocks > 0, "{seen}");
    assert!(seen.with_own > 10, "{seen}");
    assert!(seen.to_string().contains("own ship in "), "{seen}");
}

#[test]
fn what_is_no_terminal_is_refused_with_what_to_do() {
    let error = terminal::run(&Flags::parse_from(["terminal"]), false).expect_err("nobody could see it");
    assert!(error.to_string().contains("--script"), "{error}");
    let flags = Flags::parse_from(["terminal", "--script", "--seconds", "NaN"]);
    assert!(terminal::run(&flags, false).expect_err("no number").to_string().contains("--seconds"));
    assert!(Flags::try_parse_from(["terminal", "--script"]).is_err(), "it would play for ever");
}

#[test]
fn the_own_ship_is_in_the_middle_and_others_around_it() {
    let rock = Rock { x: 100.0, y: 10.0, size: RockSize::Small, seed: 0, broken: false };
    let shot = Shot { x: 90.0, y: 0.0, heading: 0.0, hue: 3, hit: false };
    let entities = [
        (EntityId(1), ship(100.0, 0.0, 0.0)),
        (EntityId(2), ship(100.0, -10.0, 1.6)),
        (EntityId(3), Entity::Rock(rock)),
        (EntityId(4), Entity::Shot(shot)),
        (EntityId(5), ship(400.0, 0.0, 0.0)),
    ];
    let mut picture = Picture::new((80, 24));
    let shown = picture.draw(&entities, Some(EntityId(1)));
    assert_eq!((shown.ships, shown.rocks, shown.shots, shown.own), (2, 1, 1, true), "one is far away");
    let text = picture.to_string();
    let rows: Vec<&str> = text.lines().collect();
    // 60 units are 24 rows, a column is half of a row
    let at = |row: usize, column: usize| rows[row].chars().nth(column);
    assert_eq!((at(12, 40), at(8, 40), at(16, 40), at(12, 32)), (Some('→'), Some('↓'), Some('▒'), Some('•')));
    assert!(rows[1].starts_with("hull 77 · score 5"), "{rows:#?}");
    assert!((rows.len(), rows[0].chars().count()) == (24, 80) && picture.ansi().contains("\x1b[38;5;208m↓"));
}
