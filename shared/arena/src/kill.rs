//! The end of a ship: points, loot, and the news.

use tickwire_shared::{Rng, SeatId, To};

use crate::hits::Loss;
use crate::kinds::Event;
use crate::scene::Scene;

/// Points for destroying a player's ship; a tenth of that player's score comes on top.
pub const KILL_SCORE: u32 = 100;
/// Points for destroying a drone.
pub const DRONE_SCORE: u32 = 50;
/// From so many kills on without a death, a streak is news.
pub const STREAK: u16 = 5;

/// With more players, only remarkable ends are told to all.
const SMALL_ROOM_PLAYERS: usize = 24;
const DROP_PERCENT: u32 = 60;

/// Ends the ships of `losses`, and adds what there is to tell.
pub(crate) fn settle(scene: &mut Scene, losses: &[Loss], rng: &mut Rng, news: &mut Vec<(To, Event)>) {
    for loss in losses {
        settle_one(scene, *loss, rng, news);
    }
}

fn settle_one(scene: &mut Scene, (place, cause): Loss, rng: &mut Rng, news: &mut Vec<(To, Event)>) {
    let craft = &mut scene.crafts[place];
    let (victim, at, ended_streak) = (craft.who(), craft.state.at, craft.streak);
    let points = if craft.is_drone() { DRONE_SCORE } else { KILL_SCORE };
    let (blamed, loot) = craft.die();
    let killer = blamed.and_then(|id| scene.craft_mut(id)).map(|craft| {
        craft.earn(points + loot);
        craft.streak = craft.streak.saturating_add(1);
        (craft.who(), craft.streak)
    });
    scene.maybe_drop(at, DROP_PERCENT, rng);

    let (killer, streak) = killer.map_or((None, 0), |(who, streak)| (Some(who), streak));
    let remarkable = ended_streak >= STREAK || (streak > 0 && streak.is_multiple_of(STREAK));
    let seats = [victim.seat, killer.as_ref().and_then(|who| who.seat)];
    let event = Event::Kill { killer, victim, cause, streak };
    if remarkable || scene.players() <= SMALL_ROOM_PLAYERS {
        news.push((To::All, event));
    } else {
        news.extend(seats.into_iter().flatten().map(|seat| (To::Seat(SeatId(seat)), event.clone())));
    }
}
