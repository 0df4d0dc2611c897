//! What the admin listener says: JSON, but for metrics and health.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::control::http::{Plain, Readiness};
use crate::handover::steer::{RoomLine, RoomReport, Steered};

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
    pub(super) fn said(&self) -> &str {
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
    text(status, "application/json", format!("{value:#}\n"))
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

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn draining() -> Answer {
    let said = "draining".to_owned();
    Answer { said, ..json(StatusCode::ACCEPTED, &json!({ "draining": true })) }
}

pub(super) fn rooms(rooms: &[RoomLine], max: usize) -> Answer {
    let line = |line: &RoomLine| {
        json!({
            "room": line.room.0,
            "game": line.game,
            "thread": line.thread,
            "seats_taken": line.taken,
            "seats": line.seats,
            "locked": line.locked,
            "hidden": line.hidden,
            "private": line.private,
            "properties": line.properties,
        })
    };
    let lines: Vec<Value> = rooms.iter().map(line).collect();
    let next = rooms.last().filter(|_| rooms.len() == max).map(|last| last.room.0);
    json(StatusCode::OK, &json!({ "rooms": lines, "after": next }))
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
        Steered::Done { players } => {
            let said = format!("{players} players were told");
            Answer { said, ..json(StatusCode::OK, &json!({ "players": players })) }
        }
        Steered::NoRoom => failed(StatusCode::NOT_FOUND, "there is no such room (any more)"),
        Steered::NoSeat => failed(StatusCode::NOT_FOUND, "nobody sits there"),
    }
}

fn report_of(room: u64, report: &RoomReport) -> Value {
    let players = report.players.iter().map(|(seat, name)| json!({ "seat": seat.0, "name": name }));
    let fields =
        report.fields.iter().map(|(kind, field, bytes)| json!({ "kind": kind, "field": field, "bytes": bytes }));
    json!({
        "room": room,
        "game": report.game,
        "thread": report.thread,
        "tick": report.tick,
        "rate_hz": report.rate_hz,
        "seats": report.seats,
        "players": players.collect::<Vec<_>>(),
        "tick_mean_s": report.tick_mean.as_secs_f64(),
        "tick_max_s": report.tick_max.as_secs_f64(),
        "load_ratio": report.tick_mean.as_secs_f64() * f64::from(report.rate_hz),
        "frames": report.frames,
        "frame_bytes": report.bytes,
        "field_bytes": fields.collect::<Vec<_>>(),
    })
}
