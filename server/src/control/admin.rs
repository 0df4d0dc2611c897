//! The operator's listener: health, metrics, and steering of rooms; on an address of its own, never on the players'.
//!
//! ```text
//! tokio listener -> hyper -> Access (Host?) -> the dashboard's files
//!                         -> Access (token?) -> routes -> answer at once: health, metrics, description, summary
//!                                                            -> ToControl::Admin -> lobby, or ToTick::Steer -> room
//!                                                                 the answer comes back by a oneshot
//! ```

pub mod access;
pub(super) mod answers;
mod dashboard;
mod inspection;
pub(super) mod openapi;
pub(super) mod routes;
mod summary;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickwire_shared::SeatId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{debug, info, warn};

use crate::control::http::Plain;
use crate::control::refusals::Refusals;
use crate::handover::inspect::Inspect;
use crate::handover::steer::{AdminCall, Steer, SteerRoom};
use crate::handover::{RoomId, ToControl};
use crate::metrics::Metrics;
use access::{Access, Denied};
use answers::{Answer, failed};
use routes::{Asked, Matched, Needs};

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 32;
/// Longest word to players.
const MESSAGE_MAX_BYTES: usize = 1000;
/// To the next whole head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A room must have answered by then: its thread may be in a long tick.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// No connection lives longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);
/// Somebody else has only just looked into a room.
const INSPECT_PAUSE: Duration = Duration::from_millis(30);
const INSPECT_TRIES: usize = 3;
/// Before a wrong token is answered.
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(250);
/// After accepting has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the admin listener answers from.
#[derive(Debug)]
pub struct Admin {
    /// Who may do what.
    pub access: Access,
    /// The server's counters.
    pub metrics: Arc<Metrics>,
    /// Knows whether the server is ready.
    pub plain: Arc<Plain>,
    /// The way to the control thread.
    pub control: mpsc::Sender<ToControl>,
    /// Who was refused.
    pub refusals: Refusals,
}

/// Serves until its runtime ends; to be spawned on one whose I/O and time drivers are on.
pub async fn serve(listener: std::net::TcpListener, admin: Arc<Admin>) {
    let listener = match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => return warn!(%error, "the admin listener cannot be watched: there are no metrics"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    let served = serve_connection(stream, peer, admin);
                    if tokio::time::timeout(CONNECTION_TIMEOUT, served).await.is_err() {
                        debug!(%peer, "an admin connection was dropped for its age");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                debug!(%error, "an admin connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, admin: Arc<Admin>) {
    let service = service_fn(|request| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, Infallible>(admin.answer(request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%peer, %error, "an admin connection ended");
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if self.access.allows_host(&request)
            && let Some(page) = dashboard::page(&method, &path)
        {
            return page;
        }
        let (answer, needs) = match self.admit(&request) {
            Ok(Matched { route, asked }) => (self.act(asked, request).await, Some(route.needs)),
            Err(refusal) => (refusal, None),
        };
        self.refusals.note((peer.ip(), &method, &path), &answer);
        let status = answer.status().as_u16();
        if needs == Some(Needs::Steering) {
            info!(%peer, %method, path, status, said = answer.said(), "audit: an operator steers");
        } else if answer.status() == StatusCode::UNAUTHORIZED {
            // who guesses waits: with all connections that there may be, a hundred guesses a second
            tokio::time::sleep(WRONG_TOKEN_PAUSE).await;
            self.access.note_refused(|refused| warn!(%peer, %method, path, refused, "audit: refused for its token"));
        }
        answer.into_response()
    }

    /// Finds what is asked for, if that is allowed.
    fn admit<B>(&self, request: &Request<B>) -> Result<Matched, Answer> {
        if !self.access.allows_host(request) {
            let words = "this name is not for here (against DNS rebinding): ask by IP address or localhost, or add the \
                         name to admin.hosts";
            return Err(failed(StatusCode::MISDIRECTED_REQUEST, words));
        }
        let matched = routes::find(request.method(), request.uri().path(), request.uri().query())?;
        match self.access.allows(matched.route.needs, request.headers()) {
            Ok(()) => Ok(matched),
            Err(Denied::NoToken) => {
                let words = "nobody steers this server, because it has no token: set admin.token_file or \
                             TICKWIRE_ADMIN_TOKEN, and start it anew";
                Err(failed(StatusCode::FORBIDDEN, words))
            }
            Err(Denied::WrongToken) => {
                let words = "show the server's token: Authorization: Bearer TOKEN";
                Err(failed(StatusCode::UNAUTHORIZED, words).challenging())
            }
        }
    }

    async fn act(&self, asked: Asked, request: Request<Incoming>) -> Answer {
        match asked {
            Asked::Health => answers::health(&self.plain),
            Asked::Readiness => answers::readiness(&self.plain),
            Asked::Metrics => answers::metrics(self.metrics.exposition()),
            Asked::Description => answers::json(StatusCode::OK, &openapi::description()),
            Asked::Rooms { after, max } => {
                let (answer, answered) = oneshot::channel();
                let call = AdminCall::Rooms { after: RoomId(after), max, answer };
                self.ask(call, answered).await.map_or_else(|failed| failed, |rooms| answers::rooms(&rooms, max))
            }
            Asked::Bar { room, is_barred } => {
                let (answer, answered) = oneshot::channel();
                let asked = self.ask(AdminCall::Bar { room: RoomId(room), is_barred, answer }, answered).await;
                asked.map_or_else(|failed| failed, answers::barred)
            }
            Asked::Summary => answers::json(StatusCode::OK, &summary::summary(&self.metrics, self.plain.readiness())),
            Asked::Room { room } => self.ask_room(room, Steer::Look).await,
            Asked::Inspect { room, part } => self.inspect(room, part).await,
            Asked::Kick { room, seat } => match body(request, routes::Words::default()).await {
                Ok(words) => {
                    let text = words.text("the operator sent you away");
                    self.ask_room(room, Steer::Kick { seat, text }).await
                }
                Err(failed) => failed,
            },
            Asked::Dispose { room } => match body(request, routes::Words::default()).await {
                Ok(words) => {
                    self.ask_room(room, Steer::Dispose { text: words.text("the operator closed the room") }).await
                }
                Err(failed) => failed,
            },
            Asked::Message { room, seat } => match body(request, routes::Words::default()).await {
                Ok(words) => self.message(room, seat, words).await,
                Err(failed) => failed,
            },
            Asked::Ban => match body(request, routes::NewBan::default()).await {
                Ok(ban) => self.ban(ban).await,
                Err(failed) => failed,
            },
            Asked::Lift { ban } => {
                let (answer, answered) = oneshot::channel();
                let asked = self.ask(AdminCall::Lift { ban, answer }, answered).await;
                asked.map_or_else(|failed| failed, |lifted| answers::lifted(lifted.as_ref()))
            }
            Asked::Bans => {
                let (answer, answered) = oneshot::channel();
                let asked = self.ask(AdminCall::Bans { answer }, answered).await;
                asked.map_or_else(|failed| failed, |bans| answers::bans(&bans))
            }
            Asked::Drain => match body(request, routes::Drain::default()).await {
                Ok(drain) => {
                    let within = drain.within_s.map(Duration::from_secs);
                    match self.send(AdminCall::Drain { within, text: drain.text }) {
                        Ok(()) => answers::draining(),
                        Err(failed) => failed,
                    }
                }
                Err(failed) => failed,
            },
        }
    }

    async fn message(&self, room: Option<u64>, seat: Option<SeatId>, words: routes::Words) -> Answer {
        let Some(text) = words.said().filter(|text| text.len() <= MESSAGE_MAX_BYTES) else {
            return failed(StatusCode::BAD_REQUEST, "say something: {\"text\": \"1 to 1000 bytes\"}");
        };
        if let Some(room) = room {
            return self.ask_room(room, Steer::Message { seat, text }).await;
        }
        let (answer, answered) = oneshot::channel();
        let asked = self.ask(AdminCall::Message { text, answer }, answered).await;
        asked.map_or_else(|failed| failed, answers::told)
    }

    async fn ban(&self, ban: routes::NewBan) -> Answer {
        let whom = match ban.whom() {
            Ok(whom) => whom,
            Err(words) => return failed(StatusCode::BAD_REQUEST, &words),
        };
        let (answer, answered) = oneshot::channel();
        let call = AdminCall::Ban { whom, reason: ban.reason, for_s: ban.for_s, answer };
        match self.ask(call, answered).await {
            Ok(Ok(banned)) => answers::banned(&banned),
            Ok(Err(words)) => failed(StatusCode::BAD_REQUEST, &words),
            Err(failed) => failed,
        }
    }

    /// Waits for its turn for a while: two who look at once are no mistake of either.
    async fn inspect(&self, room: u64, part: Inspect) -> Answer {
        for _ in 0..INSPECT_TRIES {
            let answer = self.ask_room(room, Steer::Inspect(part)).await;
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return answer;
            }
            tokio::time::sleep(INSPECT_PAUSE).await;
        }
        self.ask_room(room, Steer::Inspect(part)).await
    }

    async fn ask_room(&self, room: u64, what: Steer) -> Answer {
        let (answer, answered) = oneshot::channel();
        let call = AdminCall::Room(SteerRoom { room: RoomId(room), what, answer });
        self.ask(call, answered).await.map_or_else(|failed| failed, |steered| answers::steered(room, steered))
    }

    async fn ask<T>(&self, call: AdminCall, answered: oneshot::Receiver<T>) -> Result<T, Answer> {
        self.send(call)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(failed(StatusCode::SERVICE_UNAVAILABLE, "the server stops, and did not answer any more")),
            Err(_) => {
                let words = "the room's tick thread did not answer in time: its game may hang, or have too much to do";
                Err(failed(StatusCode::GATEWAY_TIMEOUT, words))
            }
        }
    }

    fn send(&self, call: AdminCall) -> Result<(), Answer> {
        let busy = |_| failed(StatusCode::SERVICE_UNAVAILABLE, "the server is too busy to be asked; try again");
        self.control.try_send(ToControl::Admin(call)).map_err(busy)
    }
}

/// The request's body as JSON; `empty` when there is none.
async fn body<T: serde::de::DeserializeOwned>(request: Request<Incoming>, empty: T) -> Result<T, Answer> {
    super::body::read(request, empty).await.map_err(|(status, words)| failed(status, &words))
}
