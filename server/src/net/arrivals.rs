//! Who comes in: a place for each connection, and whose it is when a proxy says so.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::LinkId;
use super::addresses::{Excess, Place};
use super::http_head::{HeadError, RequestHead};
use super::link::{Link, State};
use super::links::{Links, find};
use super::proxy::Source;
use crate::metrics::Metrics;

impl Links {
    /// A new connection: its handshake begins, or its 503 if we are full, or its 429 if its address is. False: we are
    /// so full that nobody else should be accepted for now.
    pub(super) fn admit(&mut self, mut stream: TcpStream, peer: SocketAddr, registry: &Registry) -> bool {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let (place, refusal) = match self.place_for(peer) {
            Ok(place) => (place, None),
            // over TLS an answer would cost a handshake: who is too many is dropped before it
            Err(error) if self.identity.is_some() => return error != HeadError::Full,
            Err(error) => match self.addresses.turn_away() {
                Some(place) => (place, Some(error)),
                None => return error != HeadError::Full,
            },
        };
        let tls = match self.identity.as_ref().map(|identity| identity.begin()).transpose() {
            Ok(tls) => tls,
            Err(error) => {
                self.addresses.complaints.system(self.now, "TLS cannot begin", &error);
                return true;
            }
        };
        let entry = self.slab.vacant_entry();
        self.generation = self.generation.wrapping_add(1);
        let id = LinkId(u64::from(self.generation) << 32 | entry.key() as u64);
        // readable and writable at once: epoll tells of changes, and "writable" changes only after a refusal
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = registry.register(&mut stream, Token(id.0 as usize), interest) {
            self.addresses.complaints.system(self.now, "it cannot be watched", &error);
            return true;
        }
        let link = entry.insert(Link::new(id, stream, peer, place, self.now_ms));
        self.metrics.connections_open.one();
        link.tls = tls;
        let proxies = &self.config.proxies;
        link.proxy_header = (proxies.protocol && proxies.trusts(peer.ip())).then(Default::default);
        match refusal {
            None => self.arm(id),
            Some(error) => self.refuse(id, &error.into()),
        }
        true
    }

    /// Is there room for one more? Then its place, among those of its address too.
    fn place_for(&self, peer: SocketAddr) -> Result<Place, HeadError> {
        let mut place = self.addresses.enter().map_err(|excess| refused(&self.metrics, excess))?;
        // a proxy's connections are counted by the addresses that it names
        if !self.config.proxies.trusts(peer.ip()) {
            place.settle(peer.ip(), self.now).map_err(|excess| refused(&self.metrics, excess))?;
        }
        Ok(place)
    }

    /// Reads what a proxy says in front of everything else. True: there is more to read behind it.
    pub(super) fn hear_proxy(&mut self, id: LinkId) -> bool {
        let Some(link) = find(&mut self.slab, id) else { return false };
        match link.read_proxy_header() {
            Ok(None) => return false,
            Ok(Some(Source::Client(peer))) if matches!(link.state, State::Handshaking(_)) => {
                match self.identify(id, peer) {
                    Ok(()) => {}
                    // as in `admit`
                    Err(_) if self.identity.is_some() => {
                        self.drop_link(id);
                        return false;
                    }
                    Err(error) => self.refuse(id, &error.into()),
                }
            }
            // itself, or one that was refused already
            Ok(Some(_)) => {}
            Err(error) => {
                tracing::debug!(peer = %link.peer, %error, "no PROXY header from a proxy");
                // not one that went away, as health checks do
                if error.kind() == io::ErrorKind::InvalidData {
                    self.metrics.proxy_headers_refused.one();
                    self.addresses.complaints.header_missing(self.now, link.peer, &error);
                }
                self.drop_link(id);
                return false;
            }
        }
        true
    }

    /// Whose request it is: the peer's, or if that is a proxy's, of the one that it names.
    pub(super) fn client_of(&mut self, id: LinkId, head: &RequestHead<'_>) -> Result<SocketAddr, HeadError> {
        let (peer, proxies) = (head.peer(), &self.config.proxies);
        if !proxies.trusts(peer.ip()) {
            if head.values("X-Forwarded-For").next().is_some() {
                self.addresses.complaints.forwarded(self.now, peer);
            }
            return Ok(peer);
        }
        let client = proxies.client_of(peer, head.values("X-Forwarded-For"));
        if proxies.trusts(client.ip()) {
            self.metrics.clients_unnamed.one();
        }
        self.identify(id, client).map(|()| client)
    }

    /// What came is no request.
    pub(super) fn refuse_head(&mut self, id: LinkId, error: HeadError) {
        if let (HeadError::ProxyHeader, Some(link)) = (error, find(&mut self.slab, id)) {
            self.addresses.complaints.header_unasked(self.now, link.peer);
        }
        self.refuse(id, &error.into());
    }

    /// A proxy has said whose connection it is: from now on it is one of that address.
    fn identify(&mut self, id: LinkId, peer: SocketAddr) -> Result<(), HeadError> {
        let Some(link) = find(&mut self.slab, id) else { return Ok(()) };
        tracing::debug!(proxy = %link.peer, %peer, "a connection through a proxy");
        link.peer = peer;
        if self.config.proxies.trusts(peer.ip()) {
            return Ok(());
        }
        link.place.settle(peer.ip(), self.now).map_err(|excess| {
            link.place.turn_away();
            refused(&self.metrics, excess)
        })
    }
}

/// Counts what is too much, and says what to answer.
fn refused(metrics: &Metrics, excess: Excess) -> HeadError {
    match excess {
        Excess::All => {
            metrics.connections_refused.one();
            HeadError::Full
        }
        Excess::Open | Excess::Handshakes => {
            metrics.addresses_refused.one();
            HeadError::AddressFull
        }
        Excess::New => {
            metrics.addresses_refused.one();
            HeadError::AddressRate
        }
    }
}
