//! Lists of rooms for everybody who asks. On a server with many rooms a list is made once for all who ask the same within a
//! moment, and different ones get a part of the control thread's time, however many ask: joins go on beside them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tickwire_shared::Property;

use super::lobby_calls::read_wish;
use crate::lobby::wish::Which;
use crate::lobby::{ListedRoom, Lobby};

/// Below that a list costs less than its request, and is always of this moment.
const MANY_ROOMS: usize = 1_000;
/// So old may a list of many rooms be.
const KEPT: Duration = Duration::from_millis(250);
/// Bytes of different lists that are kept, with what was asked.
const KEPT_MAX_BYTES: usize = 4 * 1024 * 1024;
/// After a list its maker rests three times as long as it took: a quarter of the thread's time in the long run.
const REST: u32 = 3;
/// Not at once: so far may it run ahead.
const AHEAD: Duration = Duration::from_millis(500);

/// See the module. Owned by one thread.
#[derive(Debug, Default)]
pub struct Lists {
    /// By game, number and conditions. Keyed by strangers, so with a hash that they cannot predict.
    kept: HashMap<String, (Instant, Arc<[u8]>)>,
    /// When the maker has rested.
    rested: Option<Instant>,
}

#[derive(Serialize)]
struct Lines<'a> {
    rooms: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    room: u64,
    game: &'static str,
    players: usize,
    seats: usize,
    locked: bool,
    properties: &'a BTreeMap<String, Property>,
}

impl<'a> From<ListedRoom<'a>> for Line<'a> {
    fn from(listed: ListedRoom<'a>) -> Self {
        let ListedRoom { room, game, taken, seats, locked, properties } = listed;
        Self { room: room.0, game, players: taken, seats, locked, properties }
    }
}

impl Lists {
    /// At most `max` rooms of a game, as JSON; `wish` has `where` and `sort`.
    ///
    /// # Errors
    /// The wish is no such, or too many different lists are asked for: an HTTP status and a sentence.
    pub fn told(
        &mut self,
        lobby: &Lobby,
        (game, wish, max): (usize, Value, usize),
        now: Instant,
    ) -> Result<Arc<[u8]>, (u16, String)> {
        if lobby.len() < MANY_ROOMS {
            return print(lobby, (game, wish, max));
        }
        let key = format!("{game} {max} {wish}");
        if let Some((made, list)) = self.kept.get(&key)
            && now.saturating_duration_since(*made) < KEPT
        {
            return Ok(Arc::clone(list));
        }
        let rested = self.rested.unwrap_or(now).max(now);
        if rested > now + AHEAD {
            return Err((503, "too many different lists of rooms are asked for; try again in a moment".to_owned()));
        }
        let began = Instant::now();
        let list = print(lobby, (game, wish, max))?;
        self.rested = Some(rested + began.elapsed() * (REST + 1));
        self.kept.retain(|_, (made, _)| now.saturating_duration_since(*made) < KEPT);
        let bytes: usize = self.kept.iter().map(|(key, (_, list))| key.len() + list.len()).sum();
        if bytes + key.len() + list.len() <= KEPT_MAX_BYTES {
            self.kept.insert(key, (now, Arc::clone(&list)));
        }
        Ok(list)
    }
}

fn print(lobby: &Lobby, (game, wish, max): (usize, Value, usize)) -> Result<Arc<[u8]>, (u16, String)> {
    let Which::Fitting { conditions, sort, .. } = read_wish(wish)?.which else {
        return Err((400, "a list of rooms takes where and sort".to_owned()));
    };
    let rooms = lobby.list(game, &conditions, &sort, max).into_iter().map(Line::from).collect();
    let mut text = serde_json::to_vec(&Lines { rooms }).map_err(|error| (500, error.to_string()))?;
    text.push(b'\n');
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lobby::wish::Wish;
    use crate::lobby::{Load, Sought};

    fn lobby(rooms: usize) -> Lobby {
        let mut lobby = Lobby::new(&[("court", 8)], 20_000, 1);
        open(&mut lobby, rooms);
        lobby
    }

    fn open(lobby: &mut Lobby, rooms: usize) {
        let load = Load { threads_permille: vec![0], rooms_max_permille: 1000, joins_max_permille: 1000 };
        for room in 0..rooms {
            let wish = Wish::of_json(json!({ "create": { "properties": { "map": room % 7 } } })).unwrap();
            lobby.place(Sought { game: 0, which: &wish.which, seats: 1 }, &load).unwrap();
        }
    }

    fn rooms(list: &[u8]) -> usize {
        serde_json::from_slice::<Value>(list).unwrap()["rooms"].as_array().unwrap().len()
    }

    #[test]
    fn of_many_rooms_a_list_is_made_once_for_all_who_ask_the_same() {
        let (mut lists, mut many, now) = (Lists::default(), lobby(MANY_ROOMS), Instant::now());
        let asked = |map: u32| (0, json!({ "where": { "map": map } }), 5_000);
        let first = lists.told(&many, asked(0), now).unwrap();
        open(&mut many, 7);
        let later = now + KEPT / 2;
        assert!(Arc::ptr_eq(&lists.told(&many, asked(0), later).unwrap(), &first), "the same for a moment");
        assert_eq!(rooms(&lists.told(&many, asked(1), later).unwrap()), 143 + 1, "another is made");
        let again = lists.told(&many, asked(0), now + KEPT).unwrap();
        assert_eq!((rooms(&first), rooms(&again)), (143, 144), "and then anew");
        // of few rooms each is of its moment
        let (mut few, mut lists) = (lobby(7), Lists::default());
        assert_eq!(rooms(&lists.told(&few, asked(0), now).unwrap()), 1);
        open(&mut few, 7);
        assert_eq!(rooms(&lists.told(&few, asked(0), now).unwrap()), 2);
    }

    #[test]
    fn who_asks_for_ever_other_lists_gets_a_part_of_the_thread_and_no_more() {
        let (mut lists, many, now) = (Lists::default(), lobby(MANY_ROOMS), Instant::now());
        let mut asked = 0;
        let refused = loop {
            asked += 1;
            if let Err(refused) = lists.told(&many, (0, json!({ "where": { "map": asked } }), 100), now) {
                break refused;
            }
            assert!(asked < 1_000_000, "nobody is ever refused");
        };
        assert!(refused.0 == 503 && refused.1.contains("different lists"), "{refused:?}");
        let bytes: usize = lists.kept.iter().map(|(key, (_, list))| key.len() + list.len()).sum();
        assert!(bytes <= KEPT_MAX_BYTES, "{bytes}");
        assert!(lists.told(&many, (0, json!({ "where": { "map": 1 } }), 100), now).is_ok(), "what is kept is told");
        let rested = now + 2 * AHEAD + Duration::from_secs(60);
        assert!(lists.told(&many, (0, json!({ "where": { "map": -1 } }), 100), rested).is_ok());
    }
}
