//! What is answered: a pure function of the request's head, the site and whether the server is ready.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use tickwire_shared::protocol::SUBPROTOCOL;

use super::Readiness;
use crate::control::site::{Site, SiteFile};

/// Nothing but the page's own files; WebAssembly may be compiled; `'self'` includes `ws:` and `wss:` to this host
/// (CSP 3, in all browsers since 2022); small pictures may stand in the page.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
                      img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The answer to one request; its body, if any, is not looked at.
pub(super) fn answer<B>(request: &Request<B>, site: &Site, readiness: Readiness) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed();
    }
    if asks_for_websocket(request.headers()) {
        return fresh_connection_required();
    }
    match request.uri().path() {
        "/healthz" if readiness == Readiness::Stopping => sentence(readiness.status(), "stopping\n"),
        "/healthz" => sentence(StatusCode::OK, "ok\n"),
        "/readyz" => sentence(readiness.status(), format!("{}\n", readiness.word())),
        "/ws" => upgrade_required(),
        path => match site.file(path) {
            Some(file) => file_or_unchanged(file, request.headers()),
            None if site.is_empty() => {
                sentence(StatusCode::NOT_FOUND, "A game is hosted here, without a page; its clients connect to /ws.\n")
            }
            None => sentence(StatusCode::NOT_FOUND, "There is nothing at this address; the game is at /.\n"),
        },
    }
}

/// The connection ends with this answer.
pub(super) fn close_after(answer: &mut Response<Full<Bytes>>) {
    let close = HeaderValue::from_static("close");
    if !answer.headers().get_all(CONNECTION).iter().any(|option| option == close) {
        // beside "upgrade", where that stands
        answer.headers_mut().append(CONNECTION, close);
    }
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

fn upgrade_required() -> Response<Full<Bytes>> {
    asks_to_upgrade(format!(
        "Players connect here by WebSocket, on a new connection, with the subprotocol {SUBPROTOCOL}.\n"
    ))
}

/// By the same signs as the reactors, which keep a connection that begins with such a request. One that comes here
/// came later on a connection: of a proxy that uses its connections again, for browsers open one for each WebSocket.
fn asks_for_websocket(asked: &HeaderMap) -> bool {
    let upgrades = asked.get_all(UPGRADE).iter().filter_map(|field| field.to_str().ok());
    upgrades.flat_map(|field| field.split(',')).any(|name| name.trim().eq_ignore_ascii_case("websocket"))
        || asked.contains_key(SEC_WEBSOCKET_KEY)
        || asked.contains_key(SEC_WEBSOCKET_VERSION)
}

/// Only a reactor can open a WebSocket, and this connection has left it.
fn fresh_connection_required() -> Response<Full<Bytes>> {
    let mut answer = asks_to_upgrade(
        "Open a fresh connection for a WebSocket: this one has carried a plain request, and ends with this answer.\n",
    );
    close_after(&mut answer);
    answer
}

/// RFC 9110 15.5.22: with the protocol to change to.
fn asks_to_upgrade(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
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
