//! Plain HTTP on the game's port: the page, its files and the health check.
//!
//! ```text
//! reactor: read the head, no upgrade -> (socket and TLS, bytes read)
//!   -> Plain::admit -> a permit: serve_plain: Rewound -> hyper -> answer(request)
//!                   -> none:     shed: 503, try again
//! ```
//! `answer` is a pure function of the request's head; hyper does the framing, and `Rewound` gives it the bytes that
//! the reactor has read already, and goes on with TLS where the reactor left it.

mod admission;
mod answers;
mod rewound;
mod shed;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream as Socket;
use tokio::sync::{Semaphore, watch};

pub use admission::Permit;
pub use shed::shed;

use super::api::{API_PREFIX, Api};
use super::site::Site;
use crate::net::PlainStream;
use crate::net::http_head::HeadLimits;
use admission::Admission;
use rewound::Rewound;

/// From the last answer, or the hand-over, to the next whole head: bounds slow heads and idle connections alike.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// hyper has no smaller buffer for a head.
const HYPERS_LEAST_BUF_BYTES: usize = 8 * 1024;
/// A peer that takes nothing of an answer for this long is dropped.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// No connection lives longer; against peers that take a byte now and then.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);

/// Whether players may be sent to this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// They may.
    Ready,
    /// It ends when its rooms have: nobody new.
    Draining,
    /// It ends now.
    Stopping,
}

impl Readiness {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
        }
    }

    /// As a load balancer understands it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        if matches!(self, Self::Ready) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

/// Plain HTTP of the whole server: what requests are answered from, and who may ask.
///
/// Each connection is [admitted](Plain::admit) and [served](serve_plain), or [shed](shed()). To end:
/// [`stop`](Plain::stop), then [`drained`](Plain::drained).
#[derive(Debug)]
pub struct Plain {
    site: Site,
    head: HeadLimits,
    /// What is asked below its prefix; none where there is nobody to ask.
    api: Option<Api>,
    /// A connection may bring requests of several people: it ends after one.
    is_shared: bool,
    stopping: watch::Sender<bool>,
    draining: AtomicBool,
    admission: Admission,
    /// Places for those who are shed.
    shedding: Semaphore,
}

impl Plain {
    /// Serves `site`, healthy.
    pub fn new(site: Site) -> Self {
        Self {
            site,
            head: HeadLimits::default(),
            api: None,
            is_shared: false,
            stopping: watch::Sender::new(false),
            draining: AtomicBool::new(false),
            admission: Admission::default(),
            shedding: Semaphore::new(shed::SHEDDING_MAX),
        }
    }

    /// Takes requests whose heads are within these limits, as the reactors do.
    #[must_use]
    pub fn with_head_limits(self, head: HeadLimits) -> Self {
        Self { head, ..self }
    }

    /// If that `is_so`, connections come from proxies that keep them for whoever comes next. Of whom a request is, is only
    /// known of the first.
    #[must_use]
    pub fn behind_proxies(self, is_so: bool) -> Self {
        Self { is_shared: is_so, ..self }
    }

    /// Answers what is asked of the API, too.
    #[must_use]
    pub fn with_api(self, api: Api) -> Self {
        Self { api: Some(api), ..self }
    }

    /// From now on `/healthz` says 503, so that a load balancer sends nobody new, and connections end: idle ones at
    /// once, the others with the answer that is on its way, or the next. Who comes now still gets one answer.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// From now on `/readyz` says 503, so that a load balancer sends nobody new; all else goes on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether players may be sent here.
    pub fn readiness(&self) -> Readiness {
        match (*self.stopping.borrow(), self.draining.load(Ordering::Relaxed)) {
            (true, _) => Readiness::Stopping,
            (false, true) => Readiness::Draining,
            (false, false) => Readiness::Ready,
        }
    }

    /// A place for one connection of `peer`, free again when the permit is dropped. There are 256, for one address
    /// (except 127.0.0.1 and ::1) 64.
    pub fn admit(&self, peer: IpAddr) -> Option<Permit> {
        self.admission.admit(peer)
    }

    /// Waits until every permit is back, but no longer than `grace`. Says whether that came.
    ///
    /// To be awaited on a tokio runtime whose time driver is on.
    pub async fn drained(&self, grace: Duration) -> bool {
        self.admission.drained(grace).await
    }

    async fn answer(&self, request: Request<Incoming>, ip: IpAddr) -> Response<Full<Bytes>> {
        let readiness = self.readiness();
        let mut answer = match &self.api {
            Some(api) if request.uri().path().starts_with(API_PREFIX) => api.answer(request, ip).await,
            _ => answers::answer(&request, &self.site, readiness),
        };
        // an idle connection is a place that somebody else could have
        if readiness == Readiness::Stopping || self.is_shared || self.admission.is_crowded() {
            answers::close_after(&mut answer);
        }
        answer
    }
}

/// Serves a connection that spoke plain HTTP until it ends: at the peer's wish, after silence, or because the server
/// stops. `read` is what was read from it already; `permit` is held until all is said.
///
/// To be spawned on a tokio runtime whose I/O and time drivers are on.
pub async fn serve_plain(stream: PlainStream, read: Vec<u8>, asked: (Arc<Plain>, IpAddr), permit: Permit) {
    serve_within(HEAD_TIMEOUT, stream, read, asked, permit).await;
}

async fn serve_within(
    head_timeout: Duration,
    stream: PlainStream,
    read: Vec<u8>,
    (plain, ip): (Arc<Plain>, IpAddr),
    permit: Permit,
) {
    let served = async {
        let io = TokioIo::new(rewound(stream, read)?.with_permit(permit));
        let service = service_fn(|request| {
            let plain = &plain;
            async move { Ok::<_, Infallible>(plain.answer(request, ip).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_headers(plain.head.headers_max)
            .max_buf_size(plain.head.head_max_bytes.max(HYPERS_LEAST_BUF_BYTES))
            // who has said all may close that direction and still wants the answer
            .half_close(true)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let mut stopping = plain.stopping.subscribe();
        tokio::select! {
            // the connection first: told to end before it has read what lies there, hyper would not answer
            biased;
            ended = connection.as_mut() => return ended.map_err(io::Error::other),
            _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(io::Error::other)
    };
    match tokio::time::timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a plain connection ended"),
        Err(_) => tracing::debug!("a plain connection was dropped for its age"),
    }
}

/// On tokio's I/O driver, with `read` in front.
fn rewound(stream: PlainStream, read: Vec<u8>) -> io::Result<Rewound<Socket>> {
    let PlainStream { socket, tls, unsent, place } = stream;
    socket.set_nonblocking(true)?;
    let socket = Socket::from_std(socket)?;
    Ok(Rewound::new(read, socket, WRITE_STALL_TIMEOUT).over(tls, unsent).holding(place))
}
