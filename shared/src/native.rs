//! A transport for native programs: tokio-tungstenite around [`Client`].
//!
//! ```no_run
//! # async fn play<G: tickwire_shared::Game>() -> Result<(), Box<dyn std::error::Error>> {
//! use tickwire_shared::{Profile, client::Event, native::Connection};
//!
//! let profile = Profile { name: "ann".into() };
//! let mut connection = Connection::<G>::connect("ws://127.0.0.1:7777/ws", profile).await?;
//! loop {
//!     connection.receive().await?;
//!     while let Some(event) = connection.client.poll_event() {
//!         if let Event::Refused { reason } = event {
//!             println!("no seat: {reason}");
//!         }
//!     }
//!     let now = connection.now();
//!     connection.client.input(now, &G::Input::default());
//!     connection.flush().await?;
//! }
//! # }
//! ```

mod trust;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::UrlError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, header::SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

pub use trust::{Trust, TrustError};

use crate::client::{Client, ClientError};
use crate::delta::LayoutError;
use crate::game::{Game, Profile};
use crate::protocol::{SUBPROTOCOL, limits::FRAME_MAX_BYTES};

/// Bytes that a socket reads at once: a frame is a few hundred.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Of what a server says when it refuses, so much is shown.
const REASON_MAX_CHARS: usize = 200;

/// How a [`Connection`] sets up its WebSocket; for those who test the transport alone.
#[must_use]
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_MAX_BYTES))
        .max_frame_size(Some(FRAME_MAX_BYTES))
}

/// Why a connection could not be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not an address of a WebSocket.
    #[error("{url:?} is no WebSocket address ({reason}): use one like ws://127.0.0.1:7777/ws")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    #[error("cannot reach {url}: {source}; is the server running there?")]
    Unreachable {
        /// What was given.
        url: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// Somebody answers with an HTTP status that refuses, as a Tickwire server does that is full, for one.
    #[error("{url} refuses the connection: HTTP {status}{}{reason}", if reason.is_empty() { "" } else { ": " })]
    Refused {
        /// What was given.
        url: String,
        /// The number and its phrase.
        status: String,
        /// The first line of the answer, shortened; may be empty.
        reason: String,
    },
    /// The server's certificate is of nobody whom we trust.
    #[error(
        "the certificate of {url} is not trusted: {reason}; name its authority, or trust anybody (`native::Trust`; \
         --ca FILE and --insecure of the swarm)"
    )]
    Untrusted {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody answers, but not with a Tickwire session.
    #[error("{url} is no Tickwire server's session address ({reason}): use one like ws://127.0.0.1:7777/ws")]
    NotTickwire {
        /// What was given.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// The game's own kinds are impossible.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The other end closed it.
    #[error("the server closed the connection: {reason} ({code})")]
    Closed {
        /// WebSocket close code; 1005 when there was none, 1006 when the connection broke.
        code: u16,
        /// The server's reason.
        reason: String,
    },
    /// The server broke the protocol.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Socket(Box<SocketError>),
}

/// A [`Client`] on a WebSocket.
pub struct Connection<G: Game> {
    /// The client; after using it call [`Connection::flush`].
    pub client: Client<G>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    epoch: Instant,
}

impl<G: Game> Connection<G> {
    /// Connects to `url` and asks for a seat.
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub async fn connect(url: &str, profile: Profile) -> Result<Self, ConnectError> {
        Self::connect_trusting(url, profile, &Trust::default()).await
    }

    /// Like [`Connection::connect`], and over `wss://` takes the certificates of these.
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub async fn connect_trusting(url: &str, profile: Profile, trust: &Trust) -> Result<Self, ConnectError> {
        let client = Client::new(profile)?;
        let mut request = url.into_client_request().map_err(|error| bad_url(url, &error))?;
        // the library looks at the scheme only after it has reached the host
        if !matches!(request.uri().scheme_str(), Some("ws" | "wss")) {
            return Err(bad_url(url, &SocketError::Url(UrlError::UnsupportedUrlScheme)));
        }
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        // without one the library has its own, of Mozilla's roots
        let tls = trust.0.clone().filter(|_| request.uri().scheme_str() == Some("wss")).map(Connector::Rustls);
        let connecting = connect_async_tls_with_config(request, Some(websocket_config()), true, tls);
        let (socket, _) = connecting.await.map_err(|error| connect_error(url, error))?;
        let mut connection = Self { client, socket, epoch: Instant::now() };
        connection
            .flush()
            .await
            .map_err(|error| ConnectError::NotTickwire { url: url.to_owned(), reason: error.to_string() })?;
        Ok(connection)
    }

    /// The time that [`Client`]'s methods take here.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Waits for one message and gives it to the client; meanwhile sends what the client wants sent, as far as the
    /// socket takes it. May be cancelled without loss.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn receive(&mut self) -> Result<(), ConnectionError> {
        loop {
            match poll_fn(|context| self.poll_next(context)).await {
                Some(Ok(Message::Binary(bytes))) => {
                    let now = self.now();
                    return Ok(self.client.handle_message(now, &bytes)?);
                }
                Some(Ok(Message::Close(frame))) => {
                    // the answer to the close waits in the socket; if there is no room for it now, so be it
                    let _ = self.socket.flush().now_or_never();
                    let (code, reason) = frame.map_or((1005, "no reason given".to_owned()), |frame| {
                        (frame.code.into(), frame.reason.as_str().to_owned())
                    });
                    return Err(ConnectionError::Closed { code, reason });
                }
                Some(Ok(Message::Text(_))) => return Err(ClientError::Unexpected("text message").into()),
                // tungstenite answers pings itself
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(ConnectionError::Socket(Box::new(error))),
                None => return Err(ConnectionError::Closed { code: 1006, reason: "connection lost".to_owned() }),
            }
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, SocketError>>> {
        while self.socket.poll_ready_unpin(context).is_ready() {
            let Some(message) = self.client.poll_transmit() else { break };
            // why a socket takes nothing any more is told by what is read from it
            if self.socket.start_send_unpin(Message::Binary(message.into())).is_err() {
                break;
            }
        }
        let _ = self.socket.poll_flush_unpin(context);
        self.socket.poll_next_unpin(context)
    }

    /// Sends what the client wants sent.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        let mut fed = false;
        while let Some(message) = self.client.poll_transmit() {
            fed = true;
            self.socket.feed(Message::Binary(message.into())).await.map_err(socket_error)?;
        }
        if fed {
            self.socket.flush().await.map_err(socket_error)?;
        }
        Ok(())
    }

    /// Leaves the room, or the queue for it, and waits until the server has closed.
    ///
    /// # Errors
    /// The connection broke first.
    pub async fn leave(mut self) -> Result<(), ConnectionError> {
        self.client.leave();
        let mut over = self.flush().await;
        while over.is_ok() {
            over = self.receive().await;
        }
        match over {
            Err(ConnectionError::Closed { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Closes with `code`, for clients that found the server's messages wrong.
    ///
    /// # Errors
    /// The connection broke first.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), ConnectionError> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.socket.close(Some(frame)).await.map_err(socket_error)
    }
}

fn socket_error(error: SocketError) -> ConnectionError {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => {
            ConnectionError::Closed { code: 1006, reason: "connection lost".to_owned() }
        }
        error => ConnectionError::Socket(Box::new(error)),
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
                _ => ConnectError::NotTickwire { url, reason: format!("TLS failed: {error}") },
            }
        }
        SocketError::Io(source) => ConnectError::Unreachable { url, source },
        SocketError::Url(_) => bad_url(&url, &error),
        SocketError::Http(answer) => refused(url, &answer),
        error => ConnectError::NotTickwire { url, reason: error.to_string() },
    }
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
