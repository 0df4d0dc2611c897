//! What can be asked of the admin listener: the one table from which requests are answered and the description
//! (`openapi.rs`) is made.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use tickwire_shared::SeatId;

use super::answers::{Answer, failed};
use crate::handover::ban::Whom;
use crate::handover::inspect::Inspect;
use crate::net::proxy::{Network, NotANetwork};

/// Most rooms in one answer.
const ROOMS_MAX: usize = 10_000;
const ROOMS_DEFAULT: usize = 1_000;
/// Most entities in one answer.
const ENTITIES_MAX: usize = 2_000;
const ENTITIES_DEFAULT: usize = 1_000;
/// Most seats in one answer.
const SEATS_MAX: usize = 1_000;
const SEATS_DEFAULT: usize = 200;

/// What a request must show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Nothing, wherever it comes from: a load balancer's health check.
    Nothing,
    /// To come from this machine, or the token.
    Reading,
    /// The token: who plays is nobody else's business.
    Inspection,
    /// The token; and it is logged.
    Steering,
}

/// One thing that can be asked.
#[derive(Debug)]
pub(in crate::control) struct Route<A: 'static = Asked> {
    /// GET, POST or DELETE.
    pub(in crate::control) method: &'static Method,
    /// `{…}` stands for a number.
    pub(in crate::control) path: &'static str,
    pub(in crate::control) needs: Needs,
    pub(in crate::control) summary: &'static str,
    /// Fields of the body, and of the query: name, type, meaning.
    pub(in crate::control) body: &'static [Field],
    pub(in crate::control) query: &'static [Field],
    /// Status codes beside those that what it needs brings.
    pub(in crate::control) answers: &'static [(u16, &'static str)],
    pub(in crate::control) ask: fn(&[u128], &str) -> Result<A, &'static str>,
}

pub(in crate::control) type Field = (&'static str, &'static str, &'static str);

/// A request that has a route.
#[derive(Debug)]
pub(in crate::control) struct Matched<A: 'static = Asked> {
    pub(in crate::control) route: &'static Route<A>,
    pub(in crate::control) asked: A,
}

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::control) enum Asked {
    Health,
    Readiness,
    Metrics,
    Description,
    Rooms { after: u64, max: usize },
    Summary,
    Room { room: u64 },
    Inspect { room: u64, part: Inspect },
    Kick { room: u64, seat: SeatId },
    Dispose { room: u64 },
    Message { room: Option<u64>, seat: Option<SeatId> },
    Ban,
    Lift { ban: u64 },
    Bans,
    Drain,
    Bar { room: u64, is_barred: bool },
}

/// The body of what ends somebody's game.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    text: Option<String>,
}

impl Words {
    /// What is said, if anything is.
    pub(super) fn said(self) -> Option<String> {
        self.text.filter(|text| !text.trim().is_empty())
    }

    pub(super) fn text(self, default: &str) -> String {
        self.text.unwrap_or_else(|| default.to_owned())
    }
}

/// The body of a ban.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBan {
    account: Option<String>,
    address: Option<String>,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) for_s: Option<u64>,
}

impl NewBan {
    /// Who is meant, if that is said.
    pub(super) fn whom(&self) -> Result<Whom, String> {
        match (&self.account, &self.address) {
            (Some(account), None) => Ok(Whom::Account(account.clone())),
            (None, Some(address)) => {
                // whoever has one address of IPv6 has all of its /64
                let network = address.parse().map(Network::of_subscriber).or_else(|_| address.parse());
                network.map(Whom::Address).map_err(|error: NotANetwork| format!("address: {address:?} is {error}"))
            }
            _ => {
                Err("say who: either {\"account\": \"the sub of a pass\"} or {\"address\": \"203.0.113.7\"}".to_owned())
            }
        }
    }
}

/// The body of a drain.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    pub(super) within_s: Option<u64>,
    pub(super) text: Option<String>,
}

const TEXT: Field = ("text", "string", "what the players are told, in the close frame");
const WORDS: Field = ("text", "string", "what they read; 1 to 1000 bytes");
const DONE: (u16, &str) = (200, "done: how many players were told");
const NO_ROOM: (u16, &str) = (404, "no such room (any more)");
const SILENT: (u16, &str) = (504, "the room's tick thread did not answer in time");

const NO_WORDS: (u16, &str) = (400, "nothing is said");

pub(super) static ROUTES: [Route; 19] = [
    Route {
        answers: &[(200, "it runs"), (503, "it stops")],
        ..get("/healthz", Needs::Nothing, "Whether the server runs", |_, _| Ok(Asked::Health))
    },
    Route {
        answers: &[(200, "players may be sent here"), (503, "it drains or stops: send them elsewhere")],
        ..get("/readyz", Needs::Nothing, "Whether new players may be sent here", |_, _| Ok(Asked::Readiness))
    },
    get("/metrics", Needs::Reading, "All metrics, as Prometheus reads them (text format 0.0.4)", |_, _| {
        Ok(Asked::Metrics)
    }),
    get("/admin/openapi.json", Needs::Reading, "This description (OpenAPI 3.1)", |_, _| Ok(Asked::Description)),
    Route {
        query: &[
            ("after", "integer", "rooms behind this one; the last of the answer before"),
            ("limit", "integer", "so many at most: 1 to 10000, 1000 by default"),
        ],
        ..get("/admin/rooms", Needs::Inspection, "Rooms: seats, properties, locks, ticks, bytes", |_, query| {
            rooms(query)
        })
    },
    get("/admin/summary", Needs::Inspection, "The server in figures: players, ticks, bytes, load", |_, _| {
        Ok(Asked::Summary)
    }),
    Route {
        answers: &[(200, "the room"), NO_ROOM, SILENT],
        ..get(
            "/admin/rooms/{room}",
            Needs::Inspection,
            "One room: players (a thousand at most), tick, load, bytes by field",
            |n, _| Ok(Asked::Room { room: number(n[0]) }),
        )
    },
    Route {
        query: &[
            ("seat", "integer", "tells of this seat which channels it holds"),
            ("area", "string", "only what is there, and everywhere: smallest x and y, largest x and y, with commas"),
            ("limit", "integer", "so many entities at most: 1 to 2000, 1000 by default; of more, some of all parts"),
            (
                "seats",
                "integer",
                "so many seats at most, of seats_total: 1 to 1000, 200 by default; the asked one too, in front",
            ),
            ("seats_after", "integer", "only seats behind this one: the last of the answer before"),
        ],
        answers: &[(200, "what is in it"), NO_ROOM, (429, "somebody has only just looked; ask again"), SILENT],
        ..get("/admin/rooms/{room}/inspect", Needs::Inspection, "One room's entities and who sees them", |n, query| {
            inspect(number(n[0]), query)
        })
    },
    Route {
        body: &[TEXT],
        answers: &[DONE, (404, "no such room, or nobody in that seat"), SILENT],
        ..post("/admin/rooms/{room}/seats/{seat}/kick", "Closes one player's connection with 4003", |n, _| {
            Ok(Asked::Kick { room: number(n[0]), seat: seat(n[1])? })
        })
    },
    Route {
        body: &[TEXT],
        answers: &[DONE, NO_ROOM, SILENT],
        ..post("/admin/rooms/{room}/dispose", "Ends a room: closes its players' connections with 1000", |n, _| {
            Ok(Asked::Dispose { room: number(n[0]) })
        })
    },
    Route {
        body: &[WORDS],
        answers: &[DONE, NO_WORDS, NO_ROOM, SILENT],
        ..post("/admin/rooms/{room}/message", "Tells the players of a room something", |n, _| {
            Ok(Asked::Message { room: Some(number(n[0])), seat: None })
        })
    },
    Route {
        body: &[WORDS],
        answers: &[DONE, NO_WORDS, (404, "no such room, or nobody in that seat"), SILENT],
        ..post("/admin/rooms/{room}/seats/{seat}/message", "Tells one player something", |n, _| {
            Ok(Asked::Message { room: Some(number(n[0])), seat: Some(seat(n[1])?) })
        })
    },
    Route {
        body: &[WORDS],
        answers: &[DONE, NO_WORDS],
        ..post("/admin/message", "Tells all players something", |_, _| Ok(Asked::Message { room: None, seat: None }))
    },
    Route {
        answers: &[(200, "the bans")],
        ..get("/admin/bans", Needs::Inspection, "Who is banned, and until when", |_, _| Ok(Asked::Bans))
    },
    Route {
        body: &[
            ("account", "string", "the account (sub of a pass); either this or address"),
            (
                "address",
                "string",
                "an address, or a network such as 203.0.113.0/24; of an IPv6 address its /64, unless /128 is said",
            ),
            ("for_s", "integer", "for so many seconds; for good by default"),
            ("reason", "string", "what the player is told; 72 bytes at most"),
        ],
        answers: &[
            (201, "the ban, with the account or the network that it is of, and how many players had to go"),
            (400, "nobody, everybody or too much is meant"),
            (500, "it holds, but could not be written to admin.bans_file"),
        ],
        ..post("/admin/bans", "Keeps somebody away, and closes the connections it has with 4003", |_, _| Ok(Asked::Ban))
    },
    Route {
        method: &Method::DELETE,
        answers: &[
            (200, "the ban that was lifted"),
            (404, "no such ban (any more)"),
            (500, "it is lifted, but admin.bans_file could not be written"),
        ],
        ..post("/admin/bans/{ban}", "Lifts a ban", |n, _| Ok(Asked::Lift { ban: number(n[0]) }))
    },
    Route {
        answers: &[(200, "done: nobody joins any more; who is there stays"), NO_ROOM],
        ..post("/admin/rooms/{room}/lock", "Lets nobody into a room", |n, _| {
            Ok(Asked::Bar { room: number(n[0]), is_barred: true })
        })
    },
    Route {
        answers: &[(200, "done: people join again, if the game lets them"), NO_ROOM],
        ..post("/admin/rooms/{room}/unlock", "Ends a lock", |n, _| {
            Ok(Asked::Bar { room: number(n[0]), is_barred: false })
        })
    },
    Route {
        body: &[("within_s", "integer", "at most so many seconds; drain_s by default"), TEXT],
        answers: &[(202, "it drains")],
        ..post(
            "/admin/drain",
            "No new rooms and players; the server ends when its rooms have, or when time is up",
            |_, _| Ok(Asked::Drain),
        )
    },
];

/// Nothing has the largest number.
fn number(of: u128) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn seat(number: u128) -> Result<SeatId, &'static str> {
    u16::try_from(number).map(SeatId).map_err(|_| "a seat is a number up to 65535")
}

type Ask = fn(&[u128], &str) -> Result<Asked, &'static str>;

const fn get(path: &'static str, needs: Needs, summary: &'static str, ask: Ask) -> Route {
    Route { method: &Method::GET, path, needs, summary, body: &[], query: &[], answers: &[(200, "the answer")], ask }
}

const fn post(path: &'static str, summary: &'static str, ask: Ask) -> Route {
    let needs = Needs::Steering;
    Route { method: &Method::POST, path, needs, summary, body: &[], query: &[], answers: &[], ask }
}

/// The route of a request.
pub(super) fn find(method: &Method, path: &str, query: Option<&str>) -> Result<Matched, Answer> {
    find_in(
        &ROUTES,
        "there is nothing at this address; GET /admin/openapi.json describes what there is",
        (method, path, query),
    )
}

/// The same in any table; `lost` is said where nothing is.
pub(in crate::control) fn find_in<A>(
    routes: &'static [Route<A>],
    lost: &str,
    (method, path, query): (&Method, &str, Option<&str>),
) -> Result<Matched<A>, Answer> {
    // HEAD is answered as GET; hyper leaves the body out
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut of_path = routes.iter().filter_map(|route| Some((route, numbers(route.path, path)?))).peekable();
    if of_path.peek().is_none() {
        return Err(failed(StatusCode::NOT_FOUND, lost));
    }
    let known: Vec<&Method> = of_path.clone().map(|(route, _)| route.method).collect();
    let Some((route, numbers)) = of_path.find(|(route, _)| route.method == method) else {
        return Err(failed(StatusCode::METHOD_NOT_ALLOWED, "this address takes another method").allowing(&known));
    };
    match (route.ask)(&numbers, query.unwrap_or_default()) {
        Ok(asked) => Ok(Matched { route, asked }),
        Err(words) => Err(failed(StatusCode::BAD_REQUEST, words)),
    }
}

/// The numbers of a path that looks like this pattern.
fn numbers(pattern: &str, path: &str) -> Option<Vec<u128>> {
    let (mut numbers, mut parts) = (Vec::new(), path.split('/'));
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') {
            numbers.push(part.parse().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))?);
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(numbers)
}

fn rooms(query: &str) -> Result<Asked, &'static str> {
    let (mut after, mut max) = (0, ROOMS_DEFAULT);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("after", number)) => after = number.parse().map_err(|_| "after takes a room's number")?,
            Some(("limit", number)) => {
                let limit = number.parse().ok().filter(|limit| (1..=ROOMS_MAX).contains(limit));
                max = limit.ok_or("limit takes a number from 1 to 10000")?;
            }
            _ => return Err("the query takes after and limit"),
        }
    }
    Ok(Asked::Rooms { after, max })
}

fn inspect(room: u64, query: &str) -> Result<Asked, &'static str> {
    let mut part = Inspect { max: ENTITIES_DEFAULT, seats_max: SEATS_DEFAULT, ..Inspect::default() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("seat", number)) => {
                part.seat = Some(SeatId(number.parse().map_err(|_| "seat takes a number up to 65535")?));
            }
            Some(("area", corners)) => part.area = Some(area(corners)?),
            Some(("limit", number)) => {
                let limit = number.parse().ok().filter(|limit| (1..=ENTITIES_MAX).contains(limit));
                part.max = limit.ok_or("limit takes a number from 1 to 2000")?;
            }
            Some(("seats", number)) => {
                let most = number.parse().ok().filter(|most| (1..=SEATS_MAX).contains(most));
                part.seats_max = most.ok_or("seats takes a number from 1 to 1000")?;
            }
            Some(("seats_after", number)) => {
                let seat = number.parse().map_err(|_| "seats_after takes a seat's number")?;
                part.seats_after = Some(SeatId(seat));
            }
            _ => return Err("the query takes seat, area, limit, seats and seats_after"),
        }
    }
    Ok(Asked::Inspect { room, part })
}

fn area(corners: &str) -> Result<[f32; 4], &'static str> {
    let wrong = "area takes four numbers with commas between them: smallest x and y, largest x and y";
    let numbers: Result<Vec<f32>, _> = corners.split(',').map(str::parse).collect();
    let area: [f32; 4] = numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or(wrong)?;
    if area.iter().all(|number| number.is_finite()) { Ok(area) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, query: Option<&str>) -> Result<Asked, u16> {
        find(&method, path, query).map(|found| found.asked).map_err(|answer| answer.status().as_u16())
    }

    #[test]
    fn every_route_is_found_at_its_path_and_no_other() {
        for route in &ROUTES {
            let path = route.path.replace("{room}", "7").replace("{seat}", "3").replace("{ban}", "5");
            let found = find(route.method, &path, None).expect(route.path);
            assert_eq!((found.route.path, found.route.method), (route.path, route.method));
            assert_eq!(asked(Method::PUT, &path, None), Err(405), "{path}");
            assert_eq!(asked(route.method.clone(), &format!("{path}/"), None), Err(404), "{path}/");
            let is_safe = *route.method == Method::GET;
            assert!(is_safe || route.needs == Needs::Steering, "what changes something steers");
        }
        let kick = Asked::Kick { room: 7, seat: SeatId(3) };
        assert_eq!(asked(Method::POST, "/admin/rooms/7/seats/3/kick", None), Ok(kick));
        assert_eq!(asked(Method::POST, "/admin/rooms/7/seats/70000/kick", None), Err(400));
        for path in ["/admin/rooms/+7", "/admin/rooms/7.0", "/admin/rooms/", "/", "", "/admin", "//healthz"] {
            assert_eq!(asked(Method::GET, path, None), Err(404), "{path:?}");
        }
    }

    #[test]
    fn a_part_of_a_room_is_named_by_its_corners() {
        let inspect = |query| asked(Method::GET, "/admin/rooms/7/inspect", Some(query));
        let (seat, area) = (Some(SeatId(3)), Some([-1.5, 0.0, 2.0, 4.0]));
        let part = Inspect { seat, area, max: 5, seats_max: 7, seats_after: Some(SeatId(9)) };
        let query = "seat=3&area=-1.5,0,2,4&limit=5&seats=7&seats_after=9";
        assert_eq!(inspect(query), Ok(Asked::Inspect { room: 7, part }));
        let whole = Inspect { max: ENTITIES_DEFAULT, seats_max: SEATS_DEFAULT, ..Inspect::default() };
        assert_eq!(inspect(""), Ok(Asked::Inspect { room: 7, part: whole }));
        for wrong in ["seat=-1", "seat=70000", "area=1,2,3", "area=1,2,3,4,5", "area=0,0,inf,1", "area=0,NaN,1,1"] {
            assert_eq!(inspect(wrong), Err(400), "{wrong}");
        }
        for wrong in ["limit=0", "limit=2001", "limit", "x=1", "seats=0", "seats=1001", "seats_after=70000"] {
            assert_eq!(inspect(wrong), Err(400), "{wrong}");
        }
    }

    #[test]
    fn rooms_come_in_pages() {
        let rooms = |query| asked(Method::GET, "/admin/rooms", Some(query));
        assert_eq!(rooms(""), Ok(Asked::Rooms { after: 0, max: 1000 }));
        assert_eq!(rooms("after=9&limit=5"), Ok(Asked::Rooms { after: 9, max: 5 }));
        for wrong in ["limit=0", "limit=10001", "after=x", "page=2", "after"] {
            assert_eq!(rooms(wrong), Err(400), "{wrong}");
        }
    }
}
