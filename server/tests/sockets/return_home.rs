//! Connections break; whoever sat there comes back to the same seat, and nothing is missed or doubled.

use std::time::{Duration, Instant};

use tickwire_shared::client::{Event, Returning, State};
use tickwire_shared::native::Blocking;
use tickwire_shared::{EntityId, Profile, Rng};

use crate::relay::{Death, Fate, Relay};
use crate::roaming::{self, Button, Roaming, Witness};
use crate::swirl;

const KILLS: usize = 100;

fn impatient(seed: u64) -> Returning {
    let (first_within, within_max) = (Duration::from_millis(10), Duration::from_millis(40));
    Returning { first_within, within_max, ..Returning::new(seed) }
}

/// Mostly within some ticks of play; often within the handshakes, at any byte.
fn fates(seed: u64) -> impl FnMut() -> Fate + Send {
    let mut rng = Rng::new(seed);
    move || {
        let death = [Death::Closed, Death::Reset, Death::HalfOpen][rng.below(3) as usize];
        let mut bytes = |handshake: u32, play: u32| {
            i64::from(if rng.below(3) == 0 { rng.below(handshake) } else { handshake + rng.below(play) })
        };
        Fate { death, up: bytes(450, 2_000), down: bytes(300, 5_000) }
    }
}

#[test]
fn a_hundred_kills_at_any_byte_and_the_client_is_back_in_its_seat_each_time() {
    let seed = 20_261_121;
    println!("seed {seed}");
    let server = roaming::start(20_000);
    let relay = Relay::start(server.addr(), || Fate::NEVER);
    swirl::run(async {
        let mut player = Witness::connect(&relay.url()).await;
        player.connection = player.connection.returning(impatient(seed));
        player.step_until("a frame", |player| player.frames() > 5).await;
        let seat = player.connection.client.seat().expect("it plays");
        relay.set_fates(fates(seed));
        // the first connection lives until somebody ends it
        player.connection.cut();
        while relay.kills() < KILLS {
            player.step().await;
            assert_eq!(player.connection.client.seat(), Some(seat));
        }
        relay.set_fates(|| Fate::NEVER);
        let (frames, checked) = (player.frames(), player.connection.client.stats().hashes_checked);
        player.step_until("it plays on", |player| player.is_playing() && player.frames() > frames + 60).await;
        let stats = player.connection.client.stats();
        println!(
            "{} kills, {} breaks seen, {} returns, {} hashes compared",
            relay.kills(),
            player.disconnected,
            player.resumed,
            stats.hashes_checked
        );
        assert!(player.resumed > 20, "{} returns", player.resumed);
        assert!(stats.hashes_checked > checked && stats.desyncs == 0);
        assert_eq!(player.events_lost, 0);
        assert_eq!(player.connection.client.owned().collect::<Vec<_>>(), [EntityId(9000 + u32::from(seat.0))]);
        // the game heard of nobody who left
        let left = player.left().expect("it is everywhere");
        assert_eq!((left.left, left.lost, left.removed, left.away), (0, 0, 0, 0));
    });
    assert_eq!(server.metrics().desyncs.value(), 0);
    drop(relay);
    server.stop();
}

#[test]
fn a_gap_longer_than_the_ring_is_bridged_by_keyframes() {
    let server = roaming::start(20_000);
    let relay = Relay::start(server.addr(), || Fate::NEVER);
    swirl::run(async {
        let mut player = Witness::connect(&relay.url()).await;
        player.connection = player.connection.returning(impatient(1));
        player.step_until("some frames", |player| player.frames() > 30).await;
        let before = player.connection.client.tick().expect("frames came");
        let until = Instant::now() + Duration::from_millis(2_500);
        relay.set_fates(move || if Instant::now() < until { Fate { up: 0, ..Fate::NEVER } } else { Fate::NEVER });
        player.connection.cut();
        player.step_until("it is back", |player| player.resumed == 1).await;
        let frames = player.frames();
        player.step_until("it plays on", |player| player.frames() > frames + 30).await;
        let gap = player.connection.client.tick().expect("frames came").since(before);
        assert!(gap > 32 + 30, "{gap} ticks are no long gap");
        assert!(player.connection.client.stats().hashes_checked > 2);
    });
    drop(relay);
    server.stop();
}

#[test]
fn who_is_away_wishes_nothing_after_a_moment_and_the_game_can_tell() {
    let server = roaming::start(20_000);
    swirl::run(async {
        let mut other = Witness::connect(&roaming::url(&server)).await;
        let mut player = Witness::connect(&roaming::url(&server)).await;
        while other.left().is_none_or(|left| left.pressed < 2) {
            player.step().await;
            other.step().await;
        }
        player.connection.cut();
        other.step_until("it is away", |other| other.left().is_some_and(|left| left.away == 1)).await;
        other.step_until("its button is up", |other| other.left().is_some_and(|left| left.pressed == 1)).await;
        assert_eq!(other.left().map(|left| (left.away, left.lost)), Some((1, 0)));
        player.step_until("it is back", |player| player.resumed == 1).await;
        while other.left().is_none_or(|left| (left.pressed, left.away) != (2, 0)) {
            player.step().await;
            other.step().await;
        }
    });
    server.stop();
}

#[test]
fn a_server_that_stops_holds_nothing_and_the_next_one_says_so() {
    let server = roaming::start(20_000);
    let relay = Relay::start(server.addr(), || Fate::NEVER);
    let next = swirl::run(async {
        let mut player = Witness::connect(&relay.url()).await;
        player.connection = player.connection.returning(impatient(1));
        player.step_until("a frame", |player| player.frames() > 0).await;
        let stopping = std::thread::spawn(move || server.stop());
        player.step_until("it is told", |player| player.disconnected == 1).await;
        stopping.join().expect("the server stopped");
        let next = roaming::start(20_000);
        relay.set_server(next.addr());
        let refused = loop {
            match player.connection.receive().await {
                Ok(()) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(refused.contains("4011") && refused.contains("join anew"), "{refused}");
        assert!(matches!(player.connection.client.state(), State::Refused { reason } if reason.contains("join anew")));
        next
    });
    drop(relay);
    next.stop();
}

#[test]
fn without_async_it_is_the_same() {
    let server = roaming::start(20_000);
    let relay = Relay::start(server.addr(), || Fate::NEVER);
    let mut player = Blocking::<Roaming>::connect(&relay.url(), Profile::default()).expect("somebody listens");
    let mut play_until = |what: &str, done: &dyn Fn(u32, u64) -> bool| {
        let (until, mut returns) = (Instant::now() + Duration::from_secs(30), 0);
        while !done(returns, player.client().stats().frames) {
            assert!(Instant::now() < until, "waited in vain: {what}");
            player.receive_for(Duration::from_millis(10)).expect("it comes back");
            while let Some(event) = player.client().poll_event() {
                returns += u32::from(matches!(event, Event::Resumed { .. }));
            }
            let now = player.now();
            player.client().input(now, &Button { pressed: true });
            player.flush().expect("it comes back");
        }
    };
    play_until("some frames", &|_, frames| frames > 10);
    relay.kill_all();
    play_until("it is back", &|returns, _| returns == 1);
    player.leave().expect("the server closes in order");
    drop(relay);
    server.stop();
}

#[test]
fn another_client_with_the_token_begins_anew_in_the_same_seat() {
    let server = roaming::start(20_000);
    let url = roaming::url(&server);
    swirl::run(async {
        let mut first = Witness::connect(&url).await;
        first.step_until("some frames", |first| first.frames() > 20).await;
        let seat = first.connection.client.seat();
        let token = first.connection.client.token().expect("seats are held here");
        // as if a page was loaded again while the socket of the old one still stands
        let mut second = Witness::back_to(&url, token).await;
        second.step_until("some frames", |second| second.frames() > 20).await;
        assert_eq!(second.connection.client.seat(), seat);
        let taken = loop {
            match first.connection.receive().await {
                Ok(()) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(taken.contains("4010"), "{taken}");
        assert!(matches!(first.connection.client.state(), State::Closed { reason } if reason.contains("taken over")));
        second.connection.cut();
        second.step_until("it is back", |second| second.resumed == 1).await;
        assert_eq!(second.connection.client.seat(), seat);
        assert_eq!((second.events_lost, second.connection.client.stats().desyncs), (0, 0));
    });
    server.stop();
}
