//! The rim: sockets, WebSocket framing, time limits. Knows links and bytes, no session and no room.
//!
//! A [`Reactor`] owns a poll, its listener and its links, and speaks to the layer above through one [`Handler`].
//! Everything happens on the reactor's thread; the only thing that other threads may touch is the waker that
//! [`Reactor::waker`] returns.
//!
//! A whole server that says everything back:
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//!
//! use tickwire_server::net::{
//!     CloseCause, Handler, HttpRefusal, Io, LinkId, MessageKind, Metrics, NetConfig, PlainStream, Reactor, RequestHead,
//!     accept,
//! };
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     fn upgrade(&mut self, head: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
//!         match head.path() {
//!             "/echo" => Ok(None),
//!             _ => Err(HttpRefusal { status: 404, reason: "The echo is at /echo.".to_owned() }),
//!         }
//!     }
//!     fn open(&mut self, _: &mut Io<'_>, _: LinkId, peer: SocketAddr) {
//!         println!("{peer} is here");
//!     }
//!     fn message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]) {
//!         io.queue(link, kind, payload);
//!     }
//!     fn drained(&mut self, _: &mut Io<'_>, _: LinkId) {}
//!     fn closed(&mut self, _: LinkId, _: CloseCause) {}
//!     fn plain_http(&mut self, _: PlainStream, _: Vec<u8>, _: SocketAddr) {} // dropped: no page here
//!     fn turn(&mut self, _: &mut Io<'_>) {}
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let listener = accept::bind(([127, 0, 0, 1], 9001).into())?;
//!     Reactor::new(listener, NetConfig::default(), Echo, Arc::new(Metrics::default()))?.run()
//! }
//! ```
//! Several reactors on one port, each on its thread, take their listeners from [`accept::bind_group`] and share their
//! [`Addresses`] ([`Reactor::sharing`]). Over TLS a reactor has an [`Identity`] ([`Reactor::with_tls`]).

pub mod accept;
pub mod addresses;
mod arrivals;
pub(crate) mod complaints;
mod compression;
pub mod descriptors;
pub mod http_head;
pub mod io;
mod link;
mod links;
pub mod origin;
mod plain;
pub mod proxy;
pub mod rate;
pub mod reactor;
pub mod timers;
pub mod tls;
pub mod ws;

use std::net::SocketAddr;
use std::time::Instant;

pub use crate::metrics::Metrics;
pub use addresses::{AddressLimits, Addresses};
pub use http_head::{HeadLimits, RequestHead};
pub use io::Io;
pub use origin::OriginRule;
pub use plain::PlainStream;
pub use proxy::{Network, Proxies};
pub use rate::Rate;
pub use reactor::Reactor;
pub use tls::Identity;
pub use ws::DeflateConfig;

/// One client's connection: slab index in the low half, generation in the high half, so that a stale id never
/// reaches a newer connection in the same place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkId(pub u64);

/// What kind of WebSocket message arrived or leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// UTF-8, checked.
    Text,
    /// Bytes.
    Binary,
}

/// What became of a frame that was given to [`Io::send_frame`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All of it is in the kernel, and all that waited before it.
    Written,
    /// So many bytes are kept in the link and leave when the socket takes them; the frame counts as sent.
    Left(u32),
    /// An earlier leftover is still there: this frame was not sent and never will be (latest state wins).
    Skipped,
    /// The link is gone or closing.
    Closed,
}

/// Why a link ended, as told to [`Handler::closed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseCause {
    /// The peer sent a close frame with this code (1005 when it sent none).
    Peer(u16),
    /// We closed with this code: a rule was broken, or the layer above asked.
    Ours(u16),
    /// The connection broke: reset, end of stream without a close frame, keep-alive or write time out.
    Lost,
}

/// A refused upgrade: the HTTP status to answer with, and one sentence for the person who reads the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpRefusal {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The body of the answer.
    pub reason: String,
}

/// The layer above. All calls come from the reactor's thread, in this order for one link: `upgrade`, at once
/// `open`, then any of `message` and `drained`, then `closed` exactly once. No call comes out of another: what a
/// callback causes through [`Io`] is told after it has returned.
pub trait Handler {
    /// A well-formed upgrade request. The answer is the subprotocol to accept (one that the client offered), or
    /// `None` for no subprotocol, or a refusal that is answered as HTTP.
    fn upgrade(&mut self, head: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal>;
    /// The 101 has been queued; the link can be sent to.
    fn open(&mut self, io: &mut Io<'_>, link: LinkId, peer: SocketAddr);
    /// A whole message, unmasked; the slice is lent from the reactor's read buffer.
    fn message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]);
    /// A leftover that an earlier [`Outcome::Left`] told of is now in the kernel, with all that was queued behind it.
    fn drained(&mut self, io: &mut Io<'_>, link: LinkId);
    /// The link carries nothing more, and its id is over. Called for every link that was `open`, as soon as the
    /// cause is known: the socket may live on for a moment, so that the close code arrives.
    fn closed(&mut self, link: LinkId, cause: CloseCause);
    /// A request that is no upgrade: the connection leaves the reactor with all bytes that were read from it.
    fn plain_http(&mut self, stream: PlainStream, read: Vec<u8>, peer: SocketAddr);
    /// When [`Handler::turn`] must be called at the latest, whatever happens on the sockets.
    fn next_due(&self) -> Option<Instant> {
        None
    }
    /// Once every turn, after the reads: take what was in the inbox when the turn began, no more.
    fn turn(&mut self, io: &mut Io<'_>);
}

/// The limits of this layer. The defaults are for a server that is open to the internet.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Longest message of a client in bytes, over all fragments; more is closed with 1009.
    pub message_max_bytes: usize,
    /// Most fragments in one message; more is closed with 1008.
    pub fragments_max: usize,
    /// A request's head; more is answered 414 or 431.
    pub head: HeadLimits,
    /// From accept to the 101 (or to the hand-over of a plain request).
    pub handshake_timeout_ms: u64,
    /// A message that was begun must be whole after this time; 1008.
    pub unfinished_message_timeout_ms: u64,
    /// Silence after which the server pings; dead after two unanswered.
    pub ping_interval_ms: u64,
    /// From our close frame to the end of the connection at the latest.
    pub close_timeout_ms: u64,
    /// Bytes that a peer may still send when everything is said; more is not waited for.
    pub drain_max_bytes: usize,
    /// Most bytes that wait in one link; more and it is closed with 1013.
    pub write_buffer_max_bytes: usize,
    /// Most memory for what waits in all links of one reactor; more and the links with the most are dropped.
    pub write_buffers_max_bytes: usize,
    /// Pings of one client; more and it is closed with 1008.
    pub pings: Rate,
    /// From which pages browsers may connect; others are answered 403.
    pub origins: OriginRule,
    /// Connections of one address; more are answered 429.
    pub addresses: AddressLimits,
    /// A link whose socket takes nothing for this long while bytes wait is closed.
    pub write_stall_timeout_ms: u64,
    /// `SO_SNDBUF` for accepted sockets (the kernel doubles it): bounds how old the bytes in the kernel can be.
    pub send_buffer_bytes: usize,
    /// `TCP_NOTSENT_LOWAT` for accepted sockets: with so many bytes that the kernel has not sent yet it takes no more,
    /// and says that it does when half of them have left. So a slow reader is noticed early, and reads less that is old.
    pub unsent_max_bytes: usize,
    /// Bytes of frames that may be under way to a client, as far as it has not said itself that it has taken them; 0 is
    /// no limit. Less when its way is slower than that. What lies in buffers that the server cannot see counts too, such
    /// as that of the client's kernel. Bounds what one client can get: so many bytes in each round trip.
    pub unacked_max_bytes: usize,
    /// Connections that wait for `accept`; the kernel may have a lower bound.
    pub backlog: u32,
    /// Most connections of all reactors that share them; more are answered 503.
    pub connections_max: usize,
    /// Whose word about the peer of a connection is believed.
    pub proxies: Proxies,
    /// permessage-deflate where clients offer it; off by default, because bit-packed frames grow under it.
    /// [`Io::queue`] compresses, [`Io::send_frame`] never does.
    pub deflate: DeflateConfig,
}

impl NetConfig {
    /// For each of so many reactors, so that together they have what this says. Places are not divided, because
    /// reactors share them: see [`reactor::Reactor::sharing`].
    #[must_use]
    pub fn divided_among(self, reactors: usize) -> Self {
        Self { write_buffers_max_bytes: self.write_buffers_max_bytes / reactors.max(1), ..self }
    }
}

impl NetConfig {
    fn send_buffers(&self) -> accept::SendBuffers {
        let Self { send_buffer_bytes, unsent_max_bytes, .. } = *self;
        accept::SendBuffers { send_buffer_bytes, unsent_max_bytes }
    }
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            message_max_bytes: 16 * 1024,
            fragments_max: 1024,
            head: HeadLimits::default(),
            handshake_timeout_ms: 5_000,
            unfinished_message_timeout_ms: 10_000,
            ping_interval_ms: 20_000,
            close_timeout_ms: 2_000,
            drain_max_bytes: 64 * 1024,
            write_buffer_max_bytes: 1024 * 1024,
            // in an outage one frame waits in each link: some 10 KiB for each of 5,000 players
            write_buffers_max_bytes: 48 * 1024 * 1024,
            pings: Rate { per_s: 5, burst: 20 },
            origins: OriginRule::default(),
            addresses: AddressLimits::default(),
            // TCP tries again after 0.2, 0.6, 1.4, 3.0, 6.2 and 12.6 s. With 5 s, a phone would lose its seat that was
            // out of reach for 3.3 s: to its socket that is 5.7 s without progress (seen with 2 KiB 30 times a second)
            write_stall_timeout_ms: 15_000,
            send_buffer_bytes: 32 * 1024,
            unsent_max_bytes: 16 * 1024,
            unacked_max_bytes: 48 * 1024,
            backlog: accept::BACKLOG,
            connections_max: descriptors::connections_max(),
            proxies: Proxies::default(),
            deflate: DeflateConfig::default(),
        }
    }
}
