//! Plain HTTP on the game's port: the page, its files and the health check.
//!
//! ```text
//! reactor: read the head, no upgrade -> (socket, bytes read) -> serve_plain: Rewound -> hyper -> answer(request)
//! ```
//! `answer` is a pure function of the request's head; hyper does the framing, and `Rewound` gives it the bytes that
//! the reactor has read already.

mod rewound;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickwire_shared::protocol::SUBPROTOCOL;

use super::site::{Site, SiteFile};
use crate::net::http_head::{HEAD_MAX_BYTES, HEADERS_MAX};
use rewound::Rewound;

/// From the last answer, or the hand-over, to the next whole head: bounds slow heads and idle connections alike.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that takes nothing of an answer for this long is dropped.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// No connection lives longer; against peers that take a byte now and then.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);

/// Nothing but the page's own files; WebAssembly may be compiled; `'self'` includes `ws:` and `wss:` to this host
/// (CSP 3, in all browsers since 2022); small pictures may stand in the page.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
                      img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// What plain requests are answered from; one for the whole server.
#[derive(Debug)]
pub struct Plain {
    site: Site,
    stopping: AtomicBool,
}

impl Plain {
    /// Serves `site`, healthy.
    pub fn new(site: Site) -> Self {
        Self { site, stopping: AtomicBool::new(false) }
    }

    /// From now on `/healthz` says 503, so that a load balancer sends nobody new.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The answer to one request; its body, if any, is not looked at.
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return not_allowed();
        }
        match request.uri().path() {
            "/healthz" => self.health(),
            "/ws" => upgrade_required(),
            path => match self.site.file(path) {
                Some(file) => file_or_unchanged(file, request.headers()),
                None => sentence(StatusCode::NOT_FOUND, "There is nothing at this address; the game is at /.\n"),
            },
        }
    }

    fn health(&self) -> Response<Full<Bytes>> {
        if self.stopping.load(Ordering::Relaxed) {
            sentence(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else {
            sentence(StatusCode::OK, "ok\n")
        }
    }
}

/// Serves a connection that spoke plain HTTP until it ends: at the peer's wish, or after silence. `read` is what was
/// read from it already. How many connections there may be is the caller's to decide.
///
/// To be spawned on a tokio runtime whose I/O and time drivers are on.
pub async fn serve_plain(stream: TcpStream, read: Vec<u8>, plain: Arc<Plain>) {
    serve_within(HEAD_TIMEOUT, stream, read, plain).await;
}

async fn serve_within(head_timeout: Duration, stream: TcpStream, read: Vec<u8>, plain: Arc<Plain>) {
    let served = async {
        let stream = into_tokio(stream)?;
        let io = TokioIo::new(Rewound::new(read, stream, WRITE_STALL_TIMEOUT));
        let service = service_fn(|request| {
            let answer = plain.answer(&request);
            async { Ok::<_, Infallible>(answer) }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(io, service)
            .await
            .map_err(io::Error::other)
    };
    match tokio::time::timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a plain connection ended"),
        Err(_) => tracing::debug!("a plain connection was dropped for its age"),
    }
}

fn into_tokio(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    stream.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(stream)
}

fn file_or_unchanged(file: &SiteFile, asked: &HeaderMap) -> Response<Full<Bytes>> {
    let mut answer = if knows(asked, &file.etag) {
        with_rules(StatusCode::NOT_MODIFIED, Bytes::new(), "no-cache")
    } else {
        let mut whole = with_rules(StatusCode::OK, file.bytes.clone(), "no-cache");
        whole.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        whole
    };
    answer.headers_mut().insert(ETAG, file.etag.clone());
    answer
}

/// RFC 9110 13.1.2: any of the listed tags, compared without regard to `W/` (a proxy may have weakened ours), or `*`.
fn knows(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let listed = asked.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    listed.flat_map(|field| field.split(',')).map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.as_bytes() == etag.as_bytes()
    })
}

fn not_allowed() -> Response<Full<Bytes>> {
    let mut answer = sentence(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// RFC 9110 15.5.22: with the protocol to change to. An upgrade request that comes second on a connection lands here
/// too; browsers open a connection of its own for each WebSocket.
fn upgrade_required() -> Response<Full<Bytes>> {
    let text = format!("Players connect here by WebSocket, on a new connection, with the subprotocol {SUBPROTOCOL}.\n");
    let mut answer = sentence(StatusCode::UPGRADE_REQUIRED, text);
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer
}

fn sentence(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = with_rules(status, text.into(), "no-store");
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN_TEXT));
    answer
}

/// Every answer goes through here: what browsers may do with it.
fn with_rules(status: StatusCode, bytes: Bytes, cache: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}
