//! Nobody is sent what they may not know: with random walls, teams and stealth, owners that change, spectators that
//! come and go, and whatever becomes of frames, clients hold and their bytes contain only what is permitted, and all
//! of that.

mod mark;
mod player;
mod scene;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tickwire_server::handover::{Batch, RoomId};
use tickwire_server::net::Outcome;
use tickwire_server::room::Room;
use tickwire_shared::Leave;

use player::{Checked, Player};
use scene::{SEATS, Scene, Sparing, Truth};

/// What a link does with the next frame that it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Written,
    /// Kept in the link for so many ticks, then delivered.
    Left(u8),
    Skipped,
}

/// One tick's weather.
#[derive(Clone, Debug)]
struct Weather {
    /// For each player.
    fates: Vec<Fate>,
    /// The reactor sends the batch home only after so many ticks.
    behind: u8,
    /// The reactor's inbox is full.
    full: bool,
    /// Whose client asks for keyframes.
    resync: Option<usize>,
    /// Whose connection breaks; it comes back at once, as another.
    reconnect: Option<usize>,
}

fn weather() -> impl Strategy<Value = Weather> {
    let fate = prop_oneof![12 => Just(Fate::Written), 1 => (1u8..40).prop_map(Fate::Left), 2 => Just(Fate::Skipped)];
    let fates = prop::collection::vec(fate, usize::from(SEATS));
    let behind = prop_oneof![12 => Just(0u8), 1 => 1u8..5, 1 => 1u8..40];
    let seldom = || prop_oneof![15 => Just(None), 1 => (0..usize::from(SEATS)).prop_map(Some)];
    (fates, behind, prop::bool::weighted(0.05), seldom(), seldom())
        .prop_map(|(fates, behind, full, resync, reconnect)| Weather { fates, behind, full, resync, reconnect })
}

/// Half of all rooms send all that there is.
fn sparing() -> impl Strategy<Value = Sparing> {
    let bytes_per_s = prop_oneof![1 => Just(0), 2 => 3_000u32..60_000];
    let some = (bytes_per_s, any::<bool>());
    prop_oneof![
        Just(Sparing::default()),
        some.prop_map(|(bytes_per_s, far_is_rarer)| Sparing { bytes_per_s, far_is_rarer }),
    ]
}

/// The reactor's part: gives frames to players as the weather has it, and fills the receipt.
fn write(batch: &mut Batch, players: &mut [Player], weather: &Weather) {
    for i in 0..batch.frames.len() {
        let frame = &batch.frames[i];
        let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
        let link = frame.link;
        let player = players.iter_mut().find(|player| player.address.link == link).expect("frames go to players");
        let outcome = match weather.fates[usize::from(player.seat.0)] {
            Fate::Written => {
                player.deliver(&message);
                Outcome::Written
            }
            Fate::Left(ticks) => {
                player.leftover = Some((ticks, message));
                Outcome::Left(1)
            }
            Fate::Skipped => Outcome::Skipped,
        };
        batch.outcomes.push(outcome);
    }
    for (link, seat) in &batch.blocked {
        if players.iter().any(|player| player.address.link == *link && player.leftover.is_none()) {
            batch.drained.push((*link, *seat));
        }
    }
}

/// Plays through the weathers; what was checked, summed over the players, and the bytes that the first was sent since
/// it came.
fn play(truth: Truth, weathers: &[Weather]) -> (Checked, Vec<u8>) {
    let Truth { seed, unseen, sparing: Sparing { bytes_per_s, far_is_rarer } } = truth;
    let options = (seed, unseen, bytes_per_s, far_is_rarer);
    let mut room = Room::<Scene>::new(RoomId(1), options, 1, 0, 1).expect("the test's game starts");
    let mut links = 0..;
    let mut join = |room: &mut Room<Scene>, checked| Player::join(room, truth, links.next().expect("many"), checked);
    let mut players: Vec<Player> = (0..SEATS).map(|_| join(&mut room, Checked::default())).collect();
    let mut away: Option<(u8, Box<Batch>)> = None;
    for (n, weather) in (0..).zip(weathers) {
        if let Some((ticks, batch)) = away.take() {
            if ticks == 0 {
                room.home(batch);
            } else {
                away = Some((ticks - 1, batch));
            }
        }
        if let Some(player) = weather.resync.map(|seat| &players[seat]) {
            room.resync(player.seat, player.address);
        }
        if let Some(seat) = weather.reconnect {
            let gone = &players[seat];
            assert!(room.leave(gone.seat, gone.address, Leave::Lost));
            let checked = gone.checked();
            players[seat] = join(&mut room, checked);
            assert_eq!(usize::from(players[seat].seat.0), seat, "the free seat is taken");
        }
        room.step(Instant::now() + Duration::from_millis(33) * n, |mut batch| {
            if weather.full {
                return Err(batch);
            }
            write(&mut batch, &mut players, weather);
            away = Some((weather.behind, batch));
            Ok(())
        });
        for player in &mut players {
            if let Some((ticks, message)) = player.leftover.take() {
                if ticks == 0 {
                    player.deliver(&message);
                } else {
                    player.leftover = Some((ticks - 1, message));
                }
            }
        }
    }
    let checked = players.iter().map(Player::checked).fold(Checked::default(), Checked::sum);
    (checked, std::mem::take(&mut players[0].told))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_weather_nobody_learns_what_they_may_not(
        seed in any::<u32>(),
        sparing in sparing(),
        weathers in prop::collection::vec(weather(), 20..200),
    ) {
        play(Truth { seed, unseen: None, sparing }, &weathers);
    }

    #[test]
    fn what_is_unseen_leaves_no_trace_in_the_bytes(
        seed in any::<u32>(),
        unseen in any::<[u32; 2]>(),
        sparing in sparing(),
        mut weathers in prop::collection::vec(weather(), 20..100),
    ) {
        // a seat's next occupant is sent new bytes
        weathers.iter_mut().for_each(|weather| weather.reconnect = weather.reconnect.filter(|seat| *seat > 0));
        let told = unseen.map(|unseen| play(Truth { seed, unseen: Some(unseen), sparing }, &weathers).1);
        prop_assert!(told[0] == told[1], "the first seat was told of what it may not know");
    }
}

#[test]
fn in_fair_weather_all_that_is_permitted_arrives_and_there_is_much_to_hide() {
    let fates = vec![Fate::Written; usize::from(SEATS)];
    let fair = Weather { fates, behind: 0, full: false, resync: None, reconnect: None };
    let checked = (0..4).map(|seed| play(Truth { seed, ..Truth::default() }, &vec![fair.clone(); 150]).0);
    let checked = checked.fold(Checked::default(), Checked::sum);
    assert_eq!(checked.frames, 4 * 150 * u32::from(SEATS));
    let Checked { held, hidden, walled, far, entity_marks, secret_marks, event_marks, .. } = checked;
    let counts = [held, hidden, walled, far, entity_marks, secret_marks, event_marks];
    assert!(counts.iter().all(|count| *count > 3000), "{checked:?}");
    assert!(
        checked.events > 3000 && checked.events < 10_000 && checked.lost_sight > 1000 && checked.hashes > 100,
        "{checked:?}"
    );
}

#[test]
fn what_is_sent_sparingly_was_permitted_and_is_often_old() {
    let fates = vec![Fate::Written; usize::from(SEATS)];
    let fair = Weather { fates, behind: 0, full: false, resync: None, reconnect: None };
    for sparing in [
        Sparing { bytes_per_s: 20_000, far_is_rarer: false },
        Sparing { bytes_per_s: 0, far_is_rarer: true },
        Sparing { bytes_per_s: 20_000, far_is_rarer: true },
    ] {
        let (checked, _) = play(Truth { seed: 5, unseen: None, sparing }, &vec![fair.clone(); 150]);
        let seen = [checked.held, checked.entity_marks, checked.secret_marks, checked.old];
        println!("{sparing:?}: {checked:?}");
        assert!(seen.iter().all(|count| *count > 300) && checked.hashes > 20, "{sparing:?}: {checked:?}");
    }
}

#[test]
fn a_newcomer_in_a_spectators_seat_is_none() {
    let fates = vec![Fate::Written; usize::from(SEATS)];
    let each = (0..200).map(|n| Weather {
        fates: fates.clone(),
        behind: n % 3,
        full: false,
        resync: None,
        reconnect: Some(usize::from(n) % usize::from(SEATS)),
    });
    play(Truth { seed: 7, ..Truth::default() }, &each.collect::<Vec<_>>());
}
