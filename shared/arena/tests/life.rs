//! The life of a pilot: join, fly, shoot, die, return, leave.

mod host;

use host::{Host, distance};
use tickwire_arena::{
    Cause, Event, Input, KILL_SCORE, MAX_HP, Options, RESPAWN_TICKS, Rock, ShipState, TICK_HZ, Who, field, rock, ship,
};
use tickwire_shared::{Game, Leave, Profile, SeatId, Setup, Sight, To};

/// An arena without rocks and drones.
fn empty() -> Options {
    Options { rocks: 0, drones: 0, ..Options::default() }
}

#[test]
fn a_ship_that_thrusts_moves_and_one_that_does_not_stays() {
    let mut host = Host::new(1, empty());
    host.join(0, "Ada");
    host.join(1, "Bob");
    host.step();
    let place = |host: &Host, seat| (host.ship(seat).x, host.ship(seat).y);
    let (ada, bob) = (place(&host, 0), place(&host, 1));
    host.inputs[0] = Some(Input { thrust: true, ..Input::default() });
    host.steps(30);
    assert!(distance(place(&host, 0), ada) > 8.0, "a second of thrust leads somewhere");
    assert_eq!(place(&host, 1), bob, "nobody pushed Bob");
    assert!(host.ship(0).thrust && !host.ship(1).thrust);
}

#[test]
fn a_client_predicts_its_own_ship_with_the_rules() {
    let mut host = Host::new(10, empty());
    host.join(0, "Ada");
    host.step();
    let mut predicted = ShipState::of(host.ship(0));
    for tick in 0..300u16 {
        let turn = [1, 0, -1, 0][usize::from(tick / 20 % 4)];
        let aiming = tick % 90 > 60;
        let input = Input { thrust: tick % 50 < 30, fire: false, turn, aiming, aim: f32::from(tick) * 0.1 };
        host.inputs[0] = Some(input);
        host.step();
        ship::step(&mut predicted, &input, 1.0 / f32::from(TICK_HZ));
        let miss = distance((predicted.at.x, predicted.at.y), (host.ship(0).x, host.ship(0).y));
        assert!(miss < 1.0, "{tick} ticks after its only snapshot, the prediction is off by {miss}");
    }
}

#[test]
fn shooting_a_rock_breaks_it_and_scores() {
    let mut host = Host::new(2, Options { drones: 0, ..Options::default() });
    host.join(0, "Ada");
    host.step();
    let mut saw_broken = false;
    let scored = host.steps_until(3000, |host| {
        saw_broken |= host.rocks().any(|rock| rock.broken);
        let (x, y) = (host.ship(0).x, host.ship(0).y);
        let far = |rock: &&Rock| distance((rock.x, rock.y), (x, y));
        let nearest = host.rocks().min_by(|a, b| far(a).total_cmp(&far(b)));
        let target = nearest.map(|rock| (rock.x, rock.y)).expect("there are rocks");
        host.attack(0, target.0, target.1);
        host.ship(0).score > 0
    });
    assert!(scored, "100 s of shooting at rocks must break one");
    assert!(saw_broken, "a broken rock is published once more");
    host.step();
    assert!(host.rocks().all(|rock| !rock.broken), "and is gone then");
    host.steps(30);
    let leader = host.leaders().next().expect("somebody leads");
    assert_eq!((leader.rank, leader.seat, leader.name.as_str()), (1, 0, "Ada"));
}

#[test]
fn killing_scores_and_the_victim_returns_after_its_time() {
    let mut host = Host::new(3, empty());
    host.join(0, "Ada");
    host.join(1, "Bob");
    host.step();
    assert!(host.ship(1).safe, "who has just come is safe");
    let died = host.steps_until(900, |host| {
        let bob = (host.ship(1).x, host.ship(1).y);
        host.attack(0, bob.0, bob.1);
        host.ship(1).dead
    });
    assert!(died, "Bob does not even move");

    let who = |name: &str, seat| Who { name: name.to_owned(), seat: Some(seat) };
    let told = Event::Kill { killer: Some(who("Ada", 0)), victim: who("Bob", 1), cause: Cause::Shot, streak: 1 };
    assert_eq!(host.events, [(To::All, told)]);
    assert_eq!(host.ship(0).score, KILL_SCORE);
    let place = (host.ship(1).x, host.ship(1).y);
    assert_eq!(host.ship(1).respawn_s, f32::from(RESPAWN_TICKS) / 30.0);

    host.inputs[0] = Some(Input::default());
    for _ in 1..RESPAWN_TICKS {
        host.step();
        assert!(host.ship(1).dead);
        assert_eq!((host.ship(1).x, host.ship(1).y), place, "the camera stays");
    }
    host.step();
    let bob = host.ship(1);
    assert!(!bob.dead && bob.safe && bob.hp == MAX_HP && bob.respawn_s == 0.0);
}

#[test]
fn a_safe_ship_loses_its_safety_when_it_fires() {
    let mut host = Host::new(4, empty());
    host.join(0, "Ada");
    host.steps(5);
    assert!(host.ship(0).safe);
    host.inputs[0] = Some(Input { fire: true, ..Input::default() });
    host.step();
    assert!(!host.ship(0).safe);
}

#[test]
fn the_border_holds() {
    let mut host = Host::new(5, Options { drones: 0, ..Options::default() });
    for seat in 0..16 {
        host.join(seat, "");
        let aim = f32::from(seat) * 0.4;
        host.inputs[usize::from(seat)] =
            Some(Input { thrust: true, aiming: true, aim, fire: true, ..Input::default() });
    }
    let mut farthest = 0.0f32;
    for _ in 0..1200 {
        host.step();
        let far = host.ships().map(|ship| distance((ship.x, ship.y), (0.0, 0.0))).fold(0.0, f32::max);
        farthest = farthest.max(far);
    }
    let edge = field::WORLD_RADIUS + field::BORDER_DEPTH;
    assert!(farthest > field::WORLD_RADIUS && farthest < edge + 3.0, "farthest out: {farthest}");
}

#[test]
fn leaving_removes_the_ship_and_the_seat_can_be_taken_again() {
    let mut host = Host::new(6, empty());
    host.join(0, "Ada");
    host.join(1, "Bob");
    host.steps(3);
    host.leave(0);
    host.step();
    assert!(host.find_ship(0).is_none() && host.find_ship(1).is_some());
    host.join(0, "  a name that is much too long  ");
    host.step();
    assert_eq!(host.ship(0).name, "a name that is m");
    assert!(!host.ship(0).dead);
}

#[test]
fn a_full_house_gets_ships_clear_of_rocks() {
    let mut host = Host::new(7, Options { rocks: 400, ..Options::default() });
    for seat in 0..256 {
        host.join(seat, "");
    }
    host.step();
    assert_eq!(host.ships().filter(|ship| !ship.drone && !ship.dead).count(), 256);
    for ship in host.ships() {
        let place = (ship.x, ship.y);
        for rock in host.rocks() {
            let gap = distance(place, (rock.x, rock.y)) - rock::radius(rock.size);
            assert!(gap > 2.0, "{} enters {gap} from a rock", ship.name);
        }
    }
}

#[test]
fn two_lone_players_see_each_other_and_drones_leave_as_players_come() {
    for seed in 0..50 {
        let mut host = Host::new(seed, Options::default());
        host.join(9, "Ada");
        host.steps(20);
        host.join(200, "Bob");
        host.step();
        let (ada, bob) = (host.ship(9), host.ship(200));
        let apart = distance((ada.x, ada.y), (bob.x, bob.y));
        assert!(apart < field::SCREEN_HEIGHT / 2.0, "seed {seed}: {apart} apart");
    }
    let mut host = Host::new(1, Options::default());
    host.join(0, "Ada");
    host.steps(600);
    assert_eq!(host.ships().filter(|ship| ship.drone).count(), 5);
    (1..10).for_each(|seat| host.join(seat, ""));
    assert!(
        host.steps_until(3000, |host| {
            host.brawl();
            host.ships().all(|ship| !ship.drone)
        }),
        "drones go when they die or nobody looks"
    );
}

#[test]
fn options_out_of_range_are_refused_with_a_reason() {
    let bad = Options { seats: 257, ..Options::default() };
    let refusal = tickwire_arena::Arena::new(bad, &mut Setup::new(1)).expect_err("too many seats");
    assert_eq!(refusal.to_string(), "seats = 257 is out of range: choose 1 to 256.");
}

#[test]
fn who_looks_on_has_no_ship_and_sees_all_around_one_who_plays() {
    let mut host = Host::new(11, empty());
    host.join(0, "Ada");
    host.game.spectate(SeatId(1), &Profile::default()).expect("anybody may");
    host.step();
    assert_eq!(host.published.sights, [(SeatId(1), Sight::All)]);
    let looks = |host: &Host, seat| host.published.looks.iter().find(|look| look.0 == SeatId(seat)).copied();
    let (ada, watcher) = (looks(&host, 0).expect("she plays"), looks(&host, 1).expect("it looks on"));
    assert_eq!((ada.1, ada.2), (watcher.1, watcher.2));
    assert_eq!(host.published.entities.iter().filter(|entity| entity.owner.is_some()).count(), 1, "one ship");
    host.game.leave(SeatId(1), Leave::Left);
    host.step();
    assert!(host.published.sights.is_empty() && looks(&host, 1).is_none());
}
