//! The public HTTP API on the players' port: which games and rooms there are, seats that are kept for those who come,
//! the queue. Who plays comes by WebSocket then, with a ticket.
//!
//! ```text
//! http::serve_plain -> Api::answer -> page allowed? rate? -> routes -> ToControl::Lobby -> lobby, tickets, queue
//!                                                                       the answer comes back by a oneshot
//! ```

mod routes;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    AUTHORIZATION, HOST, HeaderValue, ORIGIN, RETRY_AFTER, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::admin::answers::{Answer, failed, json, written};
use super::admin::openapi;
use super::admin::routes::find_in;
use super::body;
use super::places::subscriber;
use super::refusals::Refusals;
use crate::handover::ToControl;
use crate::handover::lobby_call::{LobbyAsk, LobbyCall, LobbyTold};
use crate::metrics::Metrics;
use crate::metrics::api_refusals::ApiKind;
use crate::net::origin::OriginRule;
use crate::net::proxy::Network;
use crate::net::rate::{Meter, Rate};
use routes::{Asked, ROUTES};

/// What its paths begin with.
pub const API_PREFIX: &str = "/api/";
/// The lobby must have answered by then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests that wait for the queue at a time: a quarter of the places that plain connections have.
const WAITS_MAX: usize = 64;
/// Between two looks at the queue for one who waits.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Addresses whose rate is known; beyond them those that are at rest are forgotten.
const ADDRESSES_MAX: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Api {
    control: mpsc::Sender<ToControl>,
    origins: OriginRule,
    rate: Rate,
    exempt: Vec<Network>,
    since: Instant,
    /// Keyed by strangers, so with a hash that they cannot predict.
    meters: Mutex<HashMap<IpAddr, Meter>>,
    /// For those who wait for the queue: the rest of the plain connections is for others.
    waits: Semaphore,
    refusals: Refusals,
}

impl Api {
    /// Asks `control`; pages of these origins may read its answers. One address may ask `per_s` times a second, those
    /// that are `exempt` as often as they like.
    #[must_use]
    pub fn new(
        control: mpsc::Sender<ToControl>,
        origins: OriginRule,
        (per_s, exempt): (u32, Vec<Network>),
        metrics: Arc<Metrics>,
    ) -> Self {
        let rate = Rate { per_s, burst: per_s.saturating_mul(2) };
        Self {
            control,
            origins,
            rate,
            exempt,
            since: Instant::now(),
            meters: Mutex::default(),
            waits: Semaphore::new(WAITS_MAX),
            refusals: Refusals::new(ApiKind::Public, metrics),
        }
    }

    /// Answers a request from this address.
    pub async fn answer<B>(&self, request: Request<B>, ip: IpAddr) -> Response<Full<Bytes>>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let page = request.headers().get(ORIGIN).cloned();
        let is_allowed = header(ORIGIN).is_none_or(|origin| self.origins.allows_page(origin, header(HOST)));
        if *request.method() == Method::OPTIONS && is_allowed {
            return readable_for(page, preflight());
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (answer, page) = if !is_allowed {
            let words = "pages of this origin may not ask here (net.origins of the server)";
            (failed(StatusCode::FORBIDDEN, words), None)
        } else if self.allows(ip) {
            (self.act(request, ip).await, page)
        } else {
            let words = format!("too many requests from your address: {} a second", self.rate.per_s);
            (failed(StatusCode::TOO_MANY_REQUESTS, &words), page)
        };
        self.refusals.note((ip, &method, &path), &answer);
        let is_too_often = answer.status() == StatusCode::TOO_MANY_REQUESTS;
        let mut response = answer.into_response();
        if is_too_often {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        readable_for(page, response)
    }

    fn allows(&self, ip: IpAddr) -> bool {
        if self.exempt.iter().any(|network| network.contains(ip)) {
            return true;
        }
        let now_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if meters.len() >= ADDRESSES_MAX {
            meters.retain(|_, meter| !meter.is_whole(now_us));
        }
        meters.entry(subscriber(ip)).or_default().take(self.rate, 1, now_us)
    }

    async fn act<B>(&self, request: Request<B>, ip: IpAddr) -> Answer
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let lost = "there is nothing at this address; GET /api/v1/openapi.json describes what there is";
        let asked = match find_in(&ROUTES, lost, (&method, uri.path(), uri.query())) {
            Ok(matched) => matched.asked,
            Err(answer) => return answer,
        };
        let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(|token| token.trim().to_owned());
        let (ask, wait) = match asked {
            Asked::Description => {
                let words = "Games, rooms, seats that are kept, and the queue of one server. Every failure is \
                             {\"error\": a sentence}. Seats are taken by WebSocket, with a ticket as the pass.";
                return json(StatusCode::OK, &openapi::describe(("Tickwire", words), &ROUTES));
            }
            Asked::Lobby(ask) => (ask, Duration::ZERO),
            Asked::Queued { id, wait } => (LobbyAsk::Queued(id), wait),
            Asked::WithBody(read) => {
                match body::read(request, Value::Object(serde_json::Map::new())).await.and_then(read) {
                    Ok(ask) => (ask, Duration::ZERO),
                    Err((status, words)) => return failed(status, &words),
                }
            }
        };
        self.ask_until((ip, bearer), ask, wait).await
    }

    /// Asks the lobby; of the queue again, until there are seats or the wait is over.
    async fn ask_until(&self, (ip, bearer): (IpAddr, Option<String>), ask: LobbyAsk, wait: Duration) -> Answer {
        // who finds no place is answered at once, and may ask again
        let place = if wait.is_zero() { None } else { self.waits.try_acquire().ok() };
        let until = Instant::now() + if place.is_some() { wait } else { Duration::ZERO };
        loop {
            let (answer, answered) = oneshot::channel();
            let call = LobbyCall { ip, bearer: bearer.clone(), asked: ask.clone(), answer };
            if self.control.try_send(ToControl::Lobby(Box::new(call))).is_err() {
                return failed(StatusCode::SERVICE_UNAVAILABLE, "the server is too busy to be asked; try again");
            }
            match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
                Ok(Ok(Ok(LobbyTold::Value(told)))) if told["state"] == "waiting" && Instant::now() < until => {
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                Ok(Ok(Ok(LobbyTold::Value(told)))) => return json(StatusCode::OK, &told),
                Ok(Ok(Ok(LobbyTold::Written(told)))) => return written(Bytes::from_owner(told)),
                Ok(Ok(Err((status, words)))) => {
                    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    return failed(status, &words);
                }
                Ok(Err(_)) => {
                    return failed(StatusCode::SERVICE_UNAVAILABLE, "the server stops, and did not answer any more");
                }
                Err(_) => {
                    return failed(StatusCode::SERVICE_UNAVAILABLE, "the server was too busy to answer; try again");
                }
            }
        }
    }
}

/// The page of this origin may read it.
fn readable_for(page: Option<HeaderValue>, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if let Some(page) = page {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn preflight() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
