//! From an address to a WebSocket, and what went wrong on the way.

use std::time::Duration;

use rustls::InvalidMessage;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::UrlError;
use tokio_tungstenite::tungstenite::http::uri::Authority;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, header::SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::{ConnectError, Socket, Trust, websocket_config};
use crate::protocol::SUBPROTOCOL;

/// A server that has not answered by then is not there.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Of what a server says when it refuses, so much is shown.
const REASON_MAX_CHARS: usize = 200;

pub(super) async fn dial(url: String, trust: Trust) -> Result<Socket, ConnectError> {
    let mut request = url.as_str().into_client_request().map_err(|error| bad_url(&url, &error))?;
    // the library looks at the scheme only after it has reached the host
    if !matches!(request.uri().scheme_str(), Some("ws" | "wss")) {
        return Err(bad_url(&url, &SocketError::Url(UrlError::UnsupportedUrlScheme)));
    }
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    // without one the library has its own, of Mozilla's roots
    let tls = trust.0.clone().filter(|_| request.uri().scheme_str() == Some("wss")).map(Connector::Rustls);
    let connecting = connect_async_tls_with_config(request, Some(websocket_config()), true, tls);
    match tokio::time::timeout(DIAL_TIMEOUT, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(connect_error(&url, error)),
        Err(_) => {
            let text = format!("no answer within {} s", DIAL_TIMEOUT.as_secs());
            Err(ConnectError::Unreachable { url, source: std::io::Error::new(std::io::ErrorKind::TimedOut, text) })
        }
    }
}

/// As if the connection had stood and been closed with this code.
pub(super) fn close_code(error: &ConnectError) -> u16 {
    match error {
        // there was a server, so what answers otherwise is in its way, or breaks as it did
        ConnectError::Unreachable { .. } | ConnectError::NotTickwire { .. } => 1006,
        // it, or what is in front of it, has too much to do or is being restarted
        ConnectError::Refused { status, .. } if ["5", "429", "408"].iter().any(|busy| status.starts_with(busy)) => 1013,
        _ => 1002,
    }
}

fn bad_url(url: &str, error: &SocketError) -> ConnectError {
    ConnectError::Url { url: url.to_owned(), reason: error.to_string() }
}

fn connect_error(url: &str, error: SocketError) -> ConnectError {
    let url = url.to_owned();
    match error {
        // how a failed TLS handshake arrives here
        SocketError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    ConnectError::Untrusted { url, reason: why.to_string() }
                }
                Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                    ConnectError::NotTickwire { url, reason: NO_TLS.to_owned() }
                }
                _ => ConnectError::NotTickwire { url, reason: format!("TLS failed: {error}") },
            }
        }
        SocketError::Io(source) => ConnectError::Unreachable { url, source },
        SocketError::Url(_) => bad_url(&url, &error),
        SocketError::Http(answer) => refused(url, &answer),
        error => ConnectError::NotTickwire { url, reason: error.to_string() },
    }
}

/// What is wrong with a server that answers a TLS hello with something else.
pub const NO_TLS: &str = "no TLS is spoken there, which wss:// asks for; ws:// does not";

/// The address at which a Tickwire server on the same host and port would have its sessions.
pub(super) fn session_address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
    let scheme = if matches!(scheme, "wss" | "https") { "wss" } else { "ws" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = authority.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty());
    if is_host { format!("{scheme}://{authority}/ws") } else { "ws://127.0.0.1:7777/ws".to_owned() }
}

/// Names another address than this one, if there is a better one.
pub(super) fn hint(url: &str) -> String {
    let better = session_address(url);
    if better == url { String::new() } else { format!(": use one like {better}") }
}

/// An answer that opens nothing. What is found or lies elsewhere is another server's, or another path of ours.
fn refused(url: String, answer: &Response<Option<Vec<u8>>>) -> ConnectError {
    let (status, reason) = (answer.status().to_string(), first_line(answer.body().as_deref().unwrap_or_default()));
    if answer.status().is_client_error() && answer.status() != 404 || answer.status().is_server_error() {
        return ConnectError::Refused { url, status, reason };
    }
    let colon = if reason.is_empty() { "" } else { ": " };
    ConnectError::NotTickwire { url, reason: format!("HTTP {status}{colon}{reason}") }
}

/// Short, and without what would move a terminal; none of a page.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if line.starts_with('<') {
        return String::new();
    }
    line.chars().filter(|c| !c.is_control()).take(REASON_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_is_named_is_on_the_host_and_port_that_were_asked_for() {
        for (url, wanted) in [
            ("ws://127.0.0.1:9000/", "ws://127.0.0.1:9000/ws"),
            ("https://play.example/?room=5", "wss://play.example/ws"),
            ("localhost:9000", "ws://localhost:9000/ws"),
            ("ws://[::1]:9000", "ws://[::1]:9000/ws"),
            ("wss://play.example/ws", "wss://play.example/ws"),
        ] {
            assert_eq!(session_address(url), wanted, "{url}");
        }
        for nowhere in ["", "ws://", "/ws", "not a url", "ws://a b/ws"] {
            assert_eq!(session_address(nowhere), "ws://127.0.0.1:7777/ws", "{nowhere}");
        }
        assert_eq!((hint("ws://a/ws").as_str(), hint("ws://a/").as_str()), ("", ": use one like ws://a/ws"));
    }
}
