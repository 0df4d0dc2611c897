//! What can be asked of the public API: the one table from which requests are answered and described.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::control::admin::routes::{Field, Needs, Route};
use crate::control::lists::USUAL_ROOMS;
use crate::handover::lobby_call::{GroupId, LobbyAsk};

/// Most rooms in one answer.
const ROOMS_MAX: usize = 1_000;
/// Longest wait for the queue in one request.
const WAIT_MAX_S: u64 = 30;

type Read = fn(Value) -> Result<LobbyAsk, (StatusCode, String)>;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Description,
    /// All is said.
    Lobby(LobbyAsk),
    /// After so long at most, if nothing happens.
    Queued {
        id: GroupId,
        wait: Duration,
    },
    /// The body says the rest.
    WithBody(Read),
}

const GAME: Field = ("game", "string", "the game's name; may be left out where there is one");
const WISH: Field = ("wish", "object", "which room, as in a join: where and sort, room, code, or create; {}: any");
const WHERE: Field = ("where", "object", "what its properties must be: values, {in: […]}, {min, max}");
const SORT: Field = ("sort", "array", "names of properties, players, free, age; a - in front: from the largest down");
const LIMIT: Field = ("limit", "integer", "so many at most: 1 to 1000, 100 by default");
const UNCLEAR: (u16, &str) = (400, "it is not understood; the sentence says what");
const UNKNOWN: (u16, &str) = (401, "players must be known here, and this one has not shown a good pass");
const CANNOT: [(u16, &str); 6] = [
    (400, "the wish is not understood, or cannot be"),
    (403, "players cannot create rooms here; or this one is banned"),
    (404, "no such game, room or code"),
    (409, "that room is full, locked or of another game"),
    (429, "too many requests, or rooms created, from this address"),
    (503, "the server is full, overloaded, or about to stop"),
];
const BANNED: (u16, &str) = (403, "this one is banned");
const NOBODY: (u16, &str) = (404, "nobody waits under this id (any more)");
const TOO_OFTEN: (u16, &str) = (429, "too many requests from this address");
const BUSY: (u16, &str) = (503, "the server is full, busy or about to stop");

pub(super) static ROUTES: [Route<Asked>; 10] = [
    get("/api/v1/openapi.json", "This description (OpenAPI 3.1)", |_, _| Ok(Asked::Description)),
    get("/api/v1/games", "The games, with their rooms and players", |_, _| Ok(Asked::Lobby(LobbyAsk::Games))),
    Route {
        query: &[
            GAME,
            ("where", "string", "what its properties must be, as JSON"),
            ("sort", "string", "as in the body of POST, with commas between"),
            LIMIT,
        ],
        answers: &[(200, "the rooms"), UNCLEAR, (404, "no such game"), TOO_OFTEN, BUSY],
        ..get("/api/v1/rooms", "Rooms that are in lists, the fullest first", |_, query| rooms_of_query(query))
    },
    Route {
        body: &[GAME, WHERE, SORT, LIMIT],
        answers: &[(200, "the rooms"), UNCLEAR, (404, "no such game"), TOO_OFTEN, BUSY],
        ..post("/api/v1/rooms", "The same, asked for by a body", |_, _| Ok(Asked::WithBody(rooms_of_body)))
    },
    Route {
        body: &[GAME, WISH],
        answers: &[
            (200, "room, tickets (one), expires_in_s; code of a private room"),
            CANNOT[0],
            CANNOT[1],
            CANNOT[2],
            CANNOT[3],
            CANNOT[4],
            CANNOT[5],
            UNKNOWN,
        ],
        ..post(
            "/api/v1/match",
            "Keeps a seat for one in a room as wished: a ticket, good once and for a while",
            |_, _| Ok(Asked::WithBody(|body| reserve(body, false))),
        )
    },
    Route {
        body: &[GAME, WISH, ("seats", "integer", "how many, all in one room")],
        answers: &[
            (200, "room, tickets (one for each seat), expires_in_s; code of a private room"),
            CANNOT[0],
            CANNOT[1],
            CANNOT[2],
            CANNOT[3],
            CANNOT[4],
            CANNOT[5],
            UNKNOWN,
        ],
        ..post("/api/v1/reserve", "Keeps seats for a group in one room", |_, _| {
            Ok(Asked::WithBody(|body| reserve(body, true)))
        })
    },
    Route {
        body: &[
            GAME,
            ("skill", "number", "how good the group is; 0 by default"),
            ("group", "integer", "how many it is; 1 by default"),
            ("players", "integer", "how many play together; 2 by default"),
        ],
        answers: &[
            (200, "id; ask for it at least every 45 s"),
            UNCLEAR,
            UNKNOWN,
            BANNED,
            (404, "no such game"),
            TOO_OFTEN,
            BUSY,
        ],
        ..post("/api/v1/queue", "Waits for others about as good", |_, _| Ok(Asked::WithBody(queue)))
    },
    Route {
        query: &[(
            "wait_s",
            "integer",
            "answer when there are seats, or after so many seconds: up to 30; 0 by default",
        )],
        answers: &[
            (200, "state: waiting, or matched with room and tickets, one for each of the group"),
            NOBODY,
            UNCLEAR,
            TOO_OFTEN,
            BUSY,
        ],
        ..get("/api/v1/queue/{id}", "How far a group is in the queue", |n, query| queued(GroupId(n[0]), query))
    },
    Route {
        method: &Method::DELETE,
        answers: &[(200, "it does not wait any more"), NOBODY, TOO_OFTEN, BUSY],
        ..get("/api/v1/queue/{id}", "Leaves the queue", |n, _| Ok(Asked::Lobby(LobbyAsk::Unqueue(GroupId(n[0])))))
    },
    Route {
        answers: &[
            (200, "ticket, expires_in_s"),
            (401, "nobody has shown who they are, or not so that it counts"),
            BANNED,
            TOO_OFTEN,
            BUSY,
        ],
        ..post("/api/v1/ticket", "For one who shows a token: a word that stands for them once, to join with", |_, _| {
            Ok(Asked::Lobby(LobbyAsk::Ticket))
        })
    },
];

type Ask = fn(&[u128], &str) -> Result<Asked, &'static str>;

const fn get(path: &'static str, summary: &'static str, ask: Ask) -> Route<Asked> {
    let answers = &[(200, "the answer"), TOO_OFTEN, BUSY];
    Route { method: &Method::GET, path, needs: Needs::Nothing, summary, body: &[], query: &[], answers, ask }
}

const fn post(path: &'static str, summary: &'static str, ask: Ask) -> Route<Asked> {
    Route { method: &Method::POST, ..get(path, summary, ask) }
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, (StatusCode, String)> {
    let wrong = |error| (StatusCode::BAD_REQUEST, format!("the body is not the JSON that belongs here: {error}"));
    serde_json::from_value(body).map_err(wrong)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Rooms {
    game: Option<String>,
    r#where: Option<Value>,
    sort: Option<Value>,
    limit: Option<usize>,
}

impl Rooms {
    fn ask(self) -> Result<LobbyAsk, &'static str> {
        let max = self.limit.unwrap_or(USUAL_ROOMS);
        if !(1..=ROOMS_MAX).contains(&max) {
            return Err("limit takes a number from 1 to 1000");
        }
        let mut wish = json!({});
        for (name, given) in [("where", self.r#where), ("sort", self.sort)] {
            given.into_iter().for_each(|given| wish[name] = given);
        }
        Ok(LobbyAsk::Rooms { game: self.game, wish, max })
    }
}

fn rooms_of_body(body: Value) -> Result<LobbyAsk, (StatusCode, String)> {
    read::<Rooms>(body)?.ask().map_err(|words| (StatusCode::BAD_REQUEST, words.to_owned()))
}

fn rooms_of_query(query: &str) -> Result<Asked, &'static str> {
    let mut rooms = Rooms::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("the query takes game, where, sort and limit")?;
        let value =
            unescaped(value).ok_or("the query has a % without two hexadecimal digits behind it, or no UTF-8")?;
        match name {
            "game" => rooms.game = Some(value),
            "where" => rooms.r#where = Some(serde_json::from_str(&value).map_err(|_| "where takes JSON")?),
            "sort" => rooms.sort = Some(value.split(',').map(Value::from).collect()),
            "limit" => rooms.limit = Some(value.parse().map_err(|_| "limit takes a number from 1 to 1000")?),
            _ => return Err("the query takes game, where, sort and limit"),
        }
    }
    rooms.ask().map(Asked::Lobby)
}

/// What a browser has escaped in a query.
fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn reserve(body: Value, several: bool) -> Result<LobbyAsk, (StatusCode, String)> {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Reserve {
        game: Option<String>,
        wish: Value,
        seats: Option<usize>,
    }
    let Reserve { game, wish, seats } = read(body)?;
    if !several && seats.is_some() {
        return Err((StatusCode::BAD_REQUEST, "a match is for one; POST /api/v1/reserve takes seats".to_owned()));
    }
    Ok(LobbyAsk::Reserve { game, wish, seats: seats.unwrap_or(1) })
}

fn queue(body: Value) -> Result<LobbyAsk, (StatusCode, String)> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Enter {
        game: Option<String>,
        skill: f64,
        group: usize,
        players: usize,
    }
    impl Default for Enter {
        fn default() -> Self {
            Self { game: None, skill: 0.0, group: 1, players: 2 }
        }
    }
    let Enter { game, skill, group, players } = read(body)?;
    Ok(LobbyAsk::Queue { game, skill, group, players })
}

fn queued(id: GroupId, query: &str) -> Result<Asked, &'static str> {
    let words = "the query takes wait_s, a number from 0 to 30";
    let wait_s = match query {
        "" => 0,
        query => query.strip_prefix("wait_s=").and_then(|number| number.parse().ok()).ok_or(words)?,
    };
    if wait_s > WAIT_MAX_S { Err(words) } else { Ok(Asked::Queued { id, wait: Duration::from_secs(wait_s) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_a_body_says() {
        let query = "game=court&where=%7B%22map%22%3A%22ice+age%22%7D&sort=-players,skill&limit=5";
        let body = json!({ "game": "court", "where": { "map": "ice age" }, "sort": ["-players", "skill"], "limit": 5 });
        let Ok(Asked::Lobby(asked)) = rooms_of_query(query) else { panic!("it is one") };
        assert_eq!(Ok(asked), rooms_of_body(body));
        for wrong in ["limit=0", "limit=1001", "where=%7B", "where=%7", "page=1", "game", "where=%zz"] {
            assert!(rooms_of_query(wrong).is_err(), "{wrong}");
        }
        assert!(queued(GroupId(7), "wait_s=31").is_err() && queued(GroupId(7), "wait=3").is_err());
        assert!(
            matches!(queued(GroupId(7), "wait_s=30"), Ok(Asked::Queued { id: GroupId(7), wait }) if wait.as_secs() == 30)
        );
    }
}
