//! A transport for native programs: tokio-tungstenite around [`Client`].
//!
//! ```no_run
//! # async fn play<G: tickwire_shared::Game>() -> Result<(), Box<dyn std::error::Error>> {
//! use tickwire_shared::{Profile, client::Event, native::Connection};
//!
//! let profile = Profile::named("ann");
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
//! Where there is no async runtime, [`Blocking`] does the same. [`SocketThread`] is the socket alone, for programs that
//! drive a client by hand.

mod blocking;
mod dial;
mod socket_thread;
mod trust;

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub use blocking::Blocking;
pub use dial::NO_TLS;
use dial::{hint, session_address};
pub use socket_thread::{SocketEvent, SocketThread};
pub use trust::{Trust, TrustError};

use crate::client::{Client, ClientError, Interpolation, Predict, PredictError, Returning, State};
use crate::delta::LayoutError;
use crate::game::Game;
use crate::protocol::{JoinRequest, ResumeToken, limits::FRAME_MAX_BYTES};

/// Bytes that a socket reads at once: a frame is a few hundred.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// A server that says nothing for so long is not there any more, whatever TCP believes: it has something to say each
/// tick.
const SILENCE: Duration = Duration::from_secs(10);
const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// How a [`Connection`] sets up its WebSocket; for those who test the transport alone.
///
/// ```
/// use tickwire_shared::{native::websocket_config, protocol::limits::FRAME_MAX_BYTES};
///
/// assert_eq!(websocket_config().max_message_size, Some(FRAME_MAX_BYTES));
/// ```
#[must_use]
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_MAX_BYTES))
        .max_frame_size(Some(FRAME_MAX_BYTES))
}

/// Why a connection could not be made.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::coins::Coins;
/// use tickwire_shared::{Profile, native::Connection};
///
/// let error = Connection::<Coins>::connect("http://127.0.0.1/", Profile::default()).await.err().unwrap();
/// assert!(error.to_string().contains("use one like ws://127.0.0.1/ws"));
/// # }
/// ```
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not an address of a WebSocket.
    #[error("{url:?} is no WebSocket address ({reason}): use one like {}", session_address(url))]
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
    #[error("{url} is no Tickwire server's session address ({reason}){}", hint(url))]
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
///
/// ```
/// use tickwire_shared::{native::ConnectionError, protocol::close::CloseReason};
///
/// fn advice(error: &ConnectionError) -> &'static str {
///     match error {
///         ConnectionError::Closed { code, .. } if *code == CloseReason::TakenOver.code() => "you play elsewhere now",
///         ConnectionError::Closed { code, .. } if CloseReason::is_busy(*code) => "try again in a minute",
///         _ => "see the log",
///     }
/// }
/// let full = ConnectionError::Closed { code: 1013, reason: "the server is full".into() };
/// assert_eq!((advice(&full), full.to_string().ends_with("(1013)")), ("try again in a minute", true));
/// ```
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
    /// It broke, and could not be made again.
    #[error("the connection broke, and then: {0}")]
    NotAgain(Box<ConnectError>),
}

/// A [`Client`] on a WebSocket. When that breaks it connects again by itself and comes back to its seat;
/// [`Client::state`] tells how far it is.
///
/// ```
/// use std::error::Error;
/// use tickwire_shared::client::{Interpolation, Returning};
/// use tickwire_shared::native::{Connection, Trust};
/// use tickwire_shared::{Predict, Profile};
///
/// async fn join<G: Predict>(url: &str) -> Result<Connection<G>, Box<dyn Error>> {
///     let trust = Trust::anybody(); // a server in the same house; else Connection::connect
///     let player = Connection::connect_trusting(url, Profile::named("ann"), &trust).await?;
///     Ok(player.predict()?.interpolation(Interpolation::Hermite).returning(Returning::new(7)))
/// }
/// ```
pub struct Connection<G: Game> {
    /// The client; after using it call [`Connection::flush`].
    pub client: Client<G>,
    line: Line,
    url: String,
    trust: Trust,
    epoch: Instant,
    /// When something came last.
    heard: Instant,
    /// After so long without a word the connection is given up.
    silence: Duration,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

enum Line {
    Open(Box<Socket>),
    /// Kept here, so that [`Connection::receive`] may be cancelled meanwhile.
    Dialing(Pin<Box<dyn Future<Output = Result<Socket, ConnectError>> + Send>>),
    Down,
}

impl<G: Game> Connection<G> {
    /// Connects to `url` and asks for a seat.
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub async fn connect(url: &str, request: impl Into<JoinRequest>) -> Result<Self, ConnectError> {
        Self::connect_trusting(url, request, &Trust::default()).await
    }

    /// Like [`Connection::connect`], and over `wss://` takes the certificates of these.
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub async fn connect_trusting(
        url: &str,
        request: impl Into<JoinRequest>,
        trust: &Trust,
    ) -> Result<Self, ConnectError> {
        Self::start(Client::new(request)?, url, trust).await
    }

    /// Connects to `url` and asks for the seat that `token` leads to: [`Client::back_to`].
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::native::{ConnectError, Connection, Trust};
    ///
    /// /// For a program that starts again and kept `Client::token`, and is to end when the connection does.
    /// async fn again(token: protocol::ResumeToken) -> Result<Connection<Coins>, ConnectError> {
    ///     let trust = Trust::default(); // or Trust::in_pem, for a server that signed its certificate itself
    ///     Ok(Connection::back_to("wss://play.example/ws", token, &trust).await?.once())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`ConnectError`]; each says what to do.
    pub async fn back_to(url: &str, token: ResumeToken, trust: &Trust) -> Result<Self, ConnectError> {
        Self::start(Client::back_to(token)?, url, trust).await
    }

    async fn start(client: Client<G>, url: &str, trust: &Trust) -> Result<Self, ConnectError> {
        let client = client.returning(Returning::new(seed()));
        let socket = dial::dial(url.to_owned(), trust.clone()).await?;
        let (line, now) = (Line::Open(Box::new(socket)), Instant::now());
        let (url, trust) = (url.to_owned(), trust.clone());
        let mut connection = Self { client, line, url, trust, epoch: now, heard: now, silence: SILENCE };
        connection
            .flush()
            .await
            .map_err(|error| ConnectError::NotTickwire { url: connection.url.clone(), reason: error.to_string() })?;
        Ok(connection)
    }

    /// The same connection, whose client predicts: [`Client::predict`].
    ///
    /// # Errors
    /// The game names a field that it has not.
    pub fn predict(self) -> Result<Self, PredictError>
    where
        G: Predict,
    {
        Ok(Self { client: self.client.predict()?, ..self })
    }

    /// Chooses how things move between the server's states: [`Client::interpolation`].
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        Self { client: self.client.interpolation(interpolation), ..self }
    }

    /// Comes back in this way, and not in that of [`Returning::new`], which it does without being told.
    #[must_use]
    pub fn returning(self, returning: Returning) -> Self {
        Self { client: self.client.returning(returning), ..self }
    }

    /// Does not come back: when the connection breaks, [`Connection::receive`] says so. A silent server is waited for.
    #[must_use]
    pub fn once(self) -> Self {
        Self { client: self.client.once(), silence: FOREVER, ..self }
    }

    /// The time that [`Client`]'s methods take here.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Waits until something happens: a message came, which the client has then; or the connection broke, or stands
    /// again. Meanwhile sends what the client wants sent, as far as the socket takes it. May be cancelled without loss.
    ///
    /// # Errors
    /// The connection is over for good.
    pub async fn receive(&mut self) -> Result<(), ConnectionError> {
        loop {
            match &mut self.line {
                Line::Open(socket) => {
                    let silence = tokio::time::Instant::from_std(self.heard + self.silence);
                    let next = poll_fn(|context| poll_next(|| self.client.poll_transmit(), socket, context));
                    let came = tokio::time::timeout_at(silence, next).await;
                    if let Some(done) = self.take(came.unwrap_or(None))? {
                        return Ok(done);
                    }
                }
                Line::Dialing(dialing) => {
                    let dialed = dialing.await;
                    return self.take_dialed(dialed).await;
                }
                Line::Down if self.client.poll_connect(self.epoch.elapsed()) => {
                    self.line = Line::Dialing(Box::pin(dial::dial(self.url.clone(), self.trust.clone())));
                }
                Line::Down => match self.client.state() {
                    State::Connecting { next_try: Some(at), .. } | State::Resuming { next_try: Some(at), .. } => {
                        tokio::time::sleep_until((self.epoch + *at).into()).await;
                    }
                    _ => return Err(lost()),
                },
            }
        }
    }

    /// What came from the socket; `None` when that was nothing for the client.
    fn take(&mut self, came: Option<Result<Message, SocketError>>) -> Result<Option<()>, ConnectionError> {
        let now = Instant::now();
        match came {
            Some(Ok(Message::Binary(bytes))) => {
                self.heard = now;
                self.client.handle_message(now - self.epoch, &bytes)?;
                Ok(Some(()))
            }
            Some(Ok(Message::Close(frame))) => {
                // the answer to the close waits in the socket; if there is no room for it now, so be it
                if let Line::Open(socket) = &mut self.line {
                    let _ = socket.flush().now_or_never();
                }
                let (code, reason) = frame.map_or((1005, "no reason given".to_owned()), |frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                });
                self.lose(ConnectionError::Closed { code, reason }).map(Some)
            }
            Some(Ok(Message::Text(_))) => Err(ClientError::Unexpected("text message").into()),
            // tungstenite answers pings itself
            Some(Ok(_)) => {
                self.heard = now;
                Ok(None)
            }
            Some(Err(error)) => self.lose(ConnectionError::Socket(Box::new(error))).map(Some),
            None => self.lose(lost()).map(Some),
        }
    }

    /// The connection is over; if the client comes back that is no error.
    fn lose(&mut self, error: ConnectionError) -> Result<(), ConnectionError> {
        self.line = Line::Down;
        let (code, reason) = match &error {
            ConnectionError::Closed { code, reason } => (*code, reason.clone()),
            error => (1006, error.to_string()),
        };
        let now = self.epoch.elapsed();
        if self.client.handle_disconnected(now, code, &reason) { Ok(()) } else { Err(error) }
    }

    async fn take_dialed(&mut self, dialed: Result<Socket, ConnectError>) -> Result<(), ConnectionError> {
        match dialed {
            Ok(socket) => {
                self.line = Line::Open(Box::new(socket));
                self.heard = Instant::now();
                self.client.handle_connected();
                self.flush().await
            }
            Err(error) => {
                self.line = Line::Down;
                let now = self.epoch.elapsed();
                let returns = self.client.handle_disconnected(now, dial::close_code(&error), &error.to_string());
                if returns { Ok(()) } else { Err(ConnectionError::NotAgain(Box::new(error))) }
            }
        }
    }

    /// Sends what the client wants sent, if there is a connection.
    ///
    /// # Errors
    /// The connection is over for good.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        let Line::Open(socket) = &mut self.line else { return Ok(()) };
        match send(&mut self.client, socket).await {
            Ok(()) => Ok(()),
            // a close frame that waits to be read says more
            Err(error) => match socket.next().now_or_never().flatten() {
                Some(Ok(Message::Close(Some(frame)))) => {
                    let (code, reason) = (frame.code.into(), frame.reason.as_str().to_owned());
                    self.lose(ConnectionError::Closed { code, reason })
                }
                _ => self.lose(socket_error(error)),
            },
        }
    }

    /// Drops the socket without a word, as if the network were gone: for those who test how it is to come back.
    ///
    /// ```
    /// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
    /// # use room::{coins::*, *};
    /// # use std::time::Duration;
    /// # use tickwire_shared::*;
    /// use tickwire_shared::native::{Connection, ConnectionError};
    ///
    /// async fn comes_back(mut player: Connection<Coins>) -> Result<(), ConnectionError> {
    ///     player.cut();
    ///     while !matches!(player.client.state(), client::State::Playing { .. }) {
    ///         player.receive().await?;
    ///     }
    ///     player.close(1000, "that is all").await
    /// }
    /// ```
    pub fn cut(&mut self) {
        self.line = Line::Down;
        self.client.handle_disconnected(self.epoch.elapsed(), 1006, "cut off");
    }

    /// Leaves the room, or the queue for it, and waits until the server has closed.
    ///
    /// # Errors
    /// The connection broke first.
    pub async fn leave(mut self) -> Result<(), ConnectionError> {
        self.client.leave();
        if !matches!(self.line, Line::Open(_)) {
            return Ok(());
        }
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
        let Line::Open(socket) = &mut self.line else { return Ok(()) };
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        socket.close(Some(frame)).await.map_err(socket_error)
    }
}

fn socket_error(error: SocketError) -> ConnectionError {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => lost(),
        error => ConnectionError::Socket(Box::new(error)),
    }
}

fn lost() -> ConnectionError {
    ConnectionError::Closed { code: 1006, reason: "connection lost".to_owned() }
}

async fn send<G: Game>(client: &mut Client<G>, socket: &mut Socket) -> Result<(), SocketError> {
    let mut fed = false;
    while let Some(message) = client.poll_transmit() {
        fed = true;
        socket.feed(Message::Binary(message.into())).await?;
    }
    if fed { socket.flush().await } else { Ok(()) }
}

/// The next message; meanwhile what is to be sent goes, as far as the socket takes it.
fn poll_next(
    mut outgoing: impl FnMut() -> Option<Vec<u8>>,
    socket: &mut Socket,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Message, SocketError>>> {
    while socket.poll_ready_unpin(context).is_ready() {
        let Some(message) = outgoing() else { break };
        // why a socket takes nothing any more is told by what is read from it
        if socket.start_send_unpin(Message::Binary(message.into())).is_err() {
            break;
        }
    }
    let _ = socket.poll_flush_unpin(context);
    socket.poll_next_unpin(context)
}

/// Another one in each process and for each connection: it spreads the clients of a server that comes back. The
/// standard library draws the keys of its maps from the operating system.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
