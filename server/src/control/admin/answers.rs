//! What the admin listener says: JSON, but for metrics and health.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tickwire_shared::Property;

use crate::control::http::{Plain, Readiness};
use crate::handover::ban::{Ban, Whom};
use crate::handover::steer::{Banned, RoomLine, RoomReport, Steered};

/// An answer, and what of it is for the log.
#[derive(Debug)]
pub(in crate::control) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    said: String,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Answer {
    pub(in crate::control) fn status(&self) -> StatusCode {
        self.status
    }

    /// In a few words.
    pub(in crate::control) fn said(&self) -> &str {
        &self.said
    }

    /// With the way to show a token (RFC 6750 3).
    pub(super) fn challenging(self) -> Self {
        Self {
            header: Some(Box::new((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tickwire\"")))),
            ..self
        }
    }

    /// With the methods that are taken.
    pub(super) fn allowing(self, methods: &[&Method]) -> Self {
        let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
        Self { header: HeaderValue::from_str(&names.join(", ")).ok().map(|names| Box::new((ALLOW, names))), ..self }
    }

    pub(in crate::control) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(header) = self.header {
            headers.insert(header.0, header.1);
        }
        response
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    Answer { status, content_type, body: body.into(), said: String::new(), header: None }
}

pub(in crate::control) fn json(status: StatusCode, value: &Value) -> Answer {
    text(status, JSON, format!("{value:#}\n"))
}

/// JSON that is written already.
pub(in crate::control) fn written(body: Bytes) -> Answer {
    text(StatusCode::OK, JSON, body)
}

/// What did not work, in a sentence.
pub(in crate::control) fn failed(status: StatusCode, words: &str) -> Answer {
    Answer { said: words.to_owned(), ..json(status, &json!({ "error": words })) }
}

pub(super) fn metrics(exposition: String) -> Answer {
    text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", exposition)
}

pub(super) fn health(plain: &Plain) -> Answer {
    match plain.readiness() {
        Readiness::Stopping => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN_TEXT, "stopping\n"),
        Readiness::Ready | Readiness::Draining => text(StatusCode::OK, PLAIN_TEXT, "ok\n"),
    }
}

pub(super) fn readiness(plain: &Plain) -> Answer {
    let readiness = plain.readiness();
    text(readiness.status(), PLAIN_TEXT, format!("{}\n", readiness.word()))
}

const JSON: &str = "application/json";
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn draining() -> Answer {
    let said = "draining".to_owned();
    Answer { said, ..json(StatusCode::ACCEPTED, &json!({ "draining": true })) }
}

/// A room in the list, which may be of thousands: written as it is, without a tree of values in between.
#[derive(Serialize)]
struct Line<'a> {
    room: u64,
    game: &'a str,
    thread: usize,
    seats_taken: usize,
    seats: usize,
    locked: bool,
    hidden: bool,
    private: bool,
    properties: &'a BTreeMap<String, Property>,
    rate_hz: u64,
    players: u64,
    ticks: u64,
    ticks_late: u64,
    tick_mean_s: f64,
    tick_max_s: f64,
    frames: u64,
    frame_bytes: u64,
}

#[derive(Serialize)]
struct Lines<'a> {
    rooms: Vec<Line<'a>>,
    after: Option<u64>,
}

impl<'a> Line<'a> {
    fn of(line: &'a RoomLine) -> Self {
        let figures = &line.figures;
        Self {
            room: line.room.0,
            game: line.game,
            thread: line.thread,
            seats_taken: line.taken,
            seats: line.seats,
            locked: line.locked,
            hidden: line.hidden,
            private: line.private,
            properties: &line.properties,
            rate_hz: figures.rate_hz,
            players: figures.players,
            ticks: figures.ticks,
            ticks_late: figures.ticks_late,
            tick_mean_s: figures.tick_mean.as_secs_f64(),
            tick_max_s: figures.tick_max.as_secs_f64(),
            frames: figures.frames,
            frame_bytes: figures.bytes,
        }
    }
}

pub(super) fn rooms(rooms: &[RoomLine], max: usize) -> Answer {
    let after = rooms.last().filter(|_| rooms.len() == max).map(|last| last.room.0);
    let lines = Lines { rooms: rooms.iter().map(Line::of).collect(), after };
    let told = serde_json::to_string(&lines).unwrap_or_else(|_| unreachable!("all keys are strings"));
    text(StatusCode::OK, JSON, told + "\n")
}

pub(super) fn barred(there_is_one: bool) -> Answer {
    match there_is_one {
        true => json(StatusCode::OK, &json!({ "done": true })),
        false => failed(StatusCode::NOT_FOUND, "there is no such room (any more)"),
    }
}

pub(super) fn steered(room: u64, steered: Steered) -> Answer {
    match steered {
        Steered::Looks(report) => json(StatusCode::OK, &report_of(room, &report)),
        Steered::Inspected(inspection) => text(StatusCode::OK, JSON, super::inspection::json(room, &inspection)),
        Steered::TooSoon => failed(StatusCode::TOO_MANY_REQUESTS, "somebody has only just looked; ask again"),
        Steered::Done { players } => told(players),
        Steered::NoRoom => failed(StatusCode::NOT_FOUND, "there is no such room (any more)"),
        Steered::NoSeat => failed(StatusCode::NOT_FOUND, "nobody sits there"),
    }
}

pub(super) fn told(players: usize) -> Answer {
    let said = format!("{players} players were told");
    Answer { said, ..json(StatusCode::OK, &json!({ "players": players })) }
}

pub(super) fn bans(bans: &[Ban]) -> Answer {
    json(StatusCode::OK, &json!({ "bans": bans }))
}

pub(super) fn banned(banned: &Banned) -> Answer {
    let Banned { ban, players, unkept } = banned;
    if let Some(unkept) = unkept {
        let words =
            format!("the ban {} holds until the server ends, {players} players had to go; but {unkept}", ban.ban);
        return failed(StatusCode::INTERNAL_SERVER_ERROR, &words);
    }
    let said = format!("ban {} of {}, {players} players had to go", ban.ban, name_of(ban));
    let mut value = json!(ban);
    value["players"] = json!(players);
    Answer { said, ..json(StatusCode::CREATED, &value) }
}

pub(super) fn lifted(lifted: Option<&Banned>) -> Answer {
    match lifted {
        None => failed(StatusCode::NOT_FOUND, "there is no such ban (any more); GET /admin/bans lists them"),
        Some(Banned { ban, unkept: Some(unkept), .. }) => {
            let words = format!("the ban {} is lifted until the server ends; but {unkept}", ban.ban);
            failed(StatusCode::INTERNAL_SERVER_ERROR, &words)
        }
        Some(Banned { ban, .. }) => {
            let said = format!("lifted ban {} of {}", ban.ban, name_of(ban));
            Answer { said, ..json(StatusCode::OK, &json!(ban)) }
        }
    }
}

fn name_of(ban: &Ban) -> String {
    match &ban.whom {
        Whom::Account(account) => format!("account {account:?}"),
        Whom::Address(network) => format!("address {network}"),
    }
}

fn report_of(room: u64, report: &RoomReport) -> Value {
    let players = report.players.iter();
    let players = players.map(|(seat, name, account)| json!({ "seat": seat.0, "name": name, "account": account }));
    let fields =
        report.fields.iter().map(|(kind, field, bytes)| json!({ "kind": kind, "field": field, "bytes": bytes }));
    json!({
        "room": room,
        "game": report.game,
        "thread": report.thread,
        "tick": report.tick,
        "rate_hz": report.rate_hz,
        "seats": report.seats,
        "players_total": report.players_total,
        "players": players.collect::<Vec<_>>(),
        "tick_mean_s": report.tick_mean.as_secs_f64(),
        "tick_max_s": report.tick_max.as_secs_f64(),
        "load_ratio": report.tick_mean.as_secs_f64() * f64::from(report.rate_hz),
        "frames": report.frames,
        "frame_bytes": report.bytes,
        "field_bytes": fields.collect::<Vec<_>>(),
        "part_bytes": {
            "structure": report.parts.structure,
            "heads": report.parts.heads,
            "owned": report.parts.owned,
            "events": report.parts.events,
        },
    })
}
