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

/// From so many on a list costs more than its request, whatever is in it.
const MANY_ROOMS: usize = 1_000;
/// And from so many rooms times lines on. Lists of fewer are always of this moment.
const MANY: usize = 1_000 * 100;
/// So old may a list of many rooms be.
const KEPT: Duration = Duration::from_millis(250);
/// So old while too many different ones are asked for.
const STALE: Duration = Duration::from_secs(10);
/// Bytes of different lists that are kept, with what was asked.
const KEPT_MAX_BYTES: usize = 4 * 1024 * 1024;
/// After a list its maker rests three times as long as it took: a quarter of the thread's time in the long run.
const REST: u32 = 3;
/// Not at once: so far may it run ahead.
const AHEAD: Duration = Duration::from_millis(500);
/// Rooms in a list where nobody says how many.
pub const USUAL_ROOMS: usize = 100;

/// A list, and when it was made.
type Made = (Instant, Arc<[u8]>);

/// See the module. Owned by one thread.
#[derive(Debug, Default)]
pub struct Lists {
    /// By game, number and conditions: those of late, and those before them, which go when there are too many of late.
    /// Keyed by strangers, so with a hash that they cannot predict.
    kept: [HashMap<String, Made>; 2],
    /// Of those of late.
    kept_bytes: usize,
    /// When the maker has rested.
    rested: Option<Instant>,
    /// By game the list that most ask for, without conditions, and from when on it is made anew. Nobody's other lists are
    /// in its way.
    usual: BTreeMap<usize, Made>,
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
        let rooms = lobby.len();
        if rooms < MANY_ROOMS && rooms * max.min(rooms) <= MANY {
            return print(lobby, (game, wish, max));
        }
        if max == USUAL_ROOMS && wish.as_object().is_some_and(serde_json::Map::is_empty) {
            return self.usual(lobby, (game, wish), now);
        }
        let key = format!("{game} {max} {wish}");
        let rested = self.rested.unwrap_or(now).max(now);
        let old = if rested > now + AHEAD { STALE } else { KEPT };
        if let Some((made, list)) = self.known(&key)
            && now.saturating_duration_since(made) < old
        {
            return Ok(list);
        }
        if rested > now + AHEAD {
            return Err((503, "too many different lists of rooms are asked for; try again in a moment".to_owned()));
        }
        let began = Instant::now();
        let list = print(lobby, (game, wish, max))?;
        self.keep(key, (now, Arc::clone(&list)));
        self.rested = Some(rested + began.elapsed() * (REST + 1));
        Ok(list)
    }

    /// Made at most so often that it, too, takes a quarter of the thread's time.
    fn usual(&mut self, lobby: &Lobby, (game, wish): (usize, Value), now: Instant) -> Result<Arc<[u8]>, (u16, String)> {
        if let Some((again, list)) = self.usual.get(&game)
            && now < *again
        {
            return Ok(Arc::clone(list));
        }
        let began = Instant::now();
        let list = print(lobby, (game, wish, USUAL_ROOMS))?;
        let again = now + KEPT.max(began.elapsed() * (REST + 1));
        self.usual.insert(game, (again, Arc::clone(&list)));
        Ok(list)
    }

    /// A list that was asked for before; it is of late then.
    fn known(&mut self, key: &str) -> Option<Made> {
        if let Some((key, made)) = self.kept[1].remove_entry(key)
            && !self.kept[0].contains_key(&key)
        {
            self.keep(key, made);
        }
        self.kept[0].get(key).cloned()
    }

    fn keep(&mut self, key: String, made: Made) {
        let bytes = key.len() + made.1.len();
        if bytes > KEPT_MAX_BYTES / 2 {
            return;
        }
        if self.kept_bytes + bytes > KEPT_MAX_BYTES / 2 {
            let [late, before] = &mut self.kept;
            *before = std::mem::take(late);
            self.kept_bytes = 0;
        }
        let key_bytes = key.len();
        let instead_of = self.kept[0].insert(key, made);
        self.kept_bytes += bytes;
        self.kept_bytes -= instead_of.map_or(0, |(_, list)| key_bytes + list.len());
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
        let of =
            |kept: &HashMap<String, Made>| kept.iter().map(|(key, (_, list))| key.len() + list.len()).sum::<usize>();
        let bytes: usize = lists.kept.iter().map(of).sum();
        assert!(bytes <= KEPT_MAX_BYTES, "{bytes}");
        assert!(lists.told(&many, (0, json!({ "where": { "map": 1 } }), 100), now).is_ok(), "what is kept is told");
        let rested = now + 2 * AHEAD + Duration::from_secs(60);
        assert!(lists.told(&many, (0, json!({ "where": { "map": -1 } }), 100), rested).is_ok());
    }

    #[test]
    fn nobody_takes_the_list_of_all_rooms_from_the_others_or_a_list_that_they_had() {
        let (mut lists, mut many, begin) = (Lists::default(), lobby(MANY_ROOMS), Instant::now());
        let known = || (0, json!({ "where": { "map": 1 } }), 5_000);
        let before = lists.told(&many, known(), begin).unwrap();
        let mut asked = 1;
        let mut exhaust = |lists: &mut Lists, many: &Lobby, now| {
            while lists.told(many, (0, json!({ "where": { "map": -asked } }), 1_000), now).is_ok() {
                asked += 1;
            }
            asked
        };
        for later in 1..=8 {
            let now = begin + later * (KEPT + Duration::from_millis(10));
            let had = exhaust(&mut lists, &many, now);
            assert_eq!(lists.told(&many, known(), now).as_ref(), Ok(&before), "an old one, after {had} others");
            open(&mut many, 1);
            let all = lists.told(&many, (0, json!({}), USUAL_ROOMS), now).unwrap();
            assert_eq!(rooms(&all), USUAL_ROOMS, "all ask for this one");
            let soon = lists.told(&many, (0, json!({}), USUAL_ROOMS), now + KEPT / 2).unwrap();
            assert!(Arc::ptr_eq(&all, &soon), "and it is made once");
            let later = lists.told(&many, (0, json!({}), USUAL_ROOMS), now + Duration::from_secs(5)).unwrap();
            assert!(!Arc::ptr_eq(&all, &later), "and then anew");
            lists.usual.clear();
        }
        let late = begin + 8 * (KEPT + Duration::from_millis(10)) + STALE;
        exhaust(&mut lists, &many, late);
        assert_eq!(lists.told(&many, known(), late).map_err(|(status, _)| status), Err(503), "that is too old");
    }

    #[test]
    fn long_lists_of_some_hundred_rooms_are_kept_too() {
        let (mut lists, mut some, now) = (Lists::default(), lobby(500), Instant::now());
        let asked = |max: usize| (0, json!({ "sort": ["map"] }), max);
        let (long, short) =
            (lists.told(&some, asked(1_000), now).unwrap(), lists.told(&some, asked(100), now).unwrap());
        open(&mut some, 1);
        assert!(Arc::ptr_eq(&lists.told(&some, asked(1_000), now).unwrap(), &long));
        assert!(!Arc::ptr_eq(&lists.told(&some, asked(100), now).unwrap(), &short), "that costs little");
    }
}
