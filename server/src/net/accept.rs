//! Listening and accepting: one listener a reactor on the same port, and what to do when descriptors run out.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::metrics::Metrics;

/// Connections that wait for `accept` by default: each that finds no place tries again a second later.
pub const BACKLOG: u32 = 4096;

/// Most connections accepted in one turn: a flood must not keep the links that are already here waiting.
const ACCEPTS_PER_TURN: usize = 64;

/// How long accepting rests when there is no place, or after it failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// A server without descriptors pauses all the time; the log hears of it this often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Binds a listener for one reactor; port 0 takes any free one. Nobody else has the port then.
///
/// # Errors
/// Of the system's kind; displays with what to do.
pub fn bind(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    bind_with_backlog(addr, BACKLOG)
}

/// Like [`bind`], where so many connections may wait; if the kernel allows it, see [`kernel_backlog_max`].
///
/// # Errors
/// As those of [`bind`].
pub fn bind_with_backlog(addr: SocketAddr, backlog: u32) -> io::Result<std::net::TcpListener> {
    let socket = new_socket(addr).and_then(|socket| listen(socket, addr, backlog));
    socket.map(Into::into).map_err(|source| with_advice(addr, &source))
}

/// Binds a listener for each of `count` reactors of one server, which share the port (`SO_REUSEPORT`). The kernel
/// spreads connections by a hash of the address. The first must have the port for itself before it lets the others in:
/// two servers that both asked to share would get half of each other's players.
///
/// # Errors
/// As those of [`bind`].
pub fn bind_group(addr: SocketAddr, count: usize, backlog: u32) -> io::Result<Vec<std::net::TcpListener>> {
    let first = bind_with_backlog(addr, backlog)?;
    let addr = first.local_addr()?;
    let mut group = vec![first];
    for _ in 1..count {
        SockRef::from(&group[0]).set_reuse_port(true)?;
        let socket = new_socket(addr)?;
        socket.set_reuse_port(true)?;
        group.push(listen(socket, addr, backlog).map_err(|source| with_advice(addr, &source))?.into());
    }
    Ok(group)
}

fn new_socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // not to wait for the last connections of the server that was here before
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn listen(socket: Socket, addr: SocketAddr, backlog: u32) -> io::Result<Socket> {
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// The same kind, in a sentence.
fn with_advice(addr: SocketAddr, source: &io::Error) -> io::Error {
    let advice = match source.kind() {
        io::ErrorKind::AddrInUse => {
            let next = SocketAddr::new(addr.ip(), addr.port().wrapping_add(1).max(1024));
            format!("the port is in use; stop the other program or choose another port, such as {next}")
        }
        io::ErrorKind::PermissionDenied => {
            let open = SocketAddr::new(addr.ip(), 7777);
            format!("the system does not allow this port; choose one from 1024 up, such as {open}")
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; use 127.0.0.1 for this machine only or 0.0.0.0 for all networks"
                .to_owned()
        }
        _ => source.to_string(),
    };
    io::Error::new(source.kind(), format!("cannot listen on {addr}: {advice}"))
}

/// Where the kernel cuts off every backlog, if it says.
pub fn kernel_backlog_max() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?.trim().parse().ok()
}

/// A reactor's listener.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    /// Given up for a moment when there are no descriptors left: otherwise a connection that cannot be
    /// accepted would stay in the queue, and its peer in the dark.
    spare: Option<File>,
    /// The queue was not seen empty; epoll tells only of changes.
    has_more: bool,
    paused_until: Option<Instant>,
    /// When the log was last told of a pause.
    complained: Option<Instant>,
    buffers: SendBuffers,
}

/// What the kernel may hold of one connection's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendBuffers {
    /// `SO_SNDBUF`; the kernel doubles it.
    pub send_buffer_bytes: usize,
    /// `TCP_NOTSENT_LOWAT`.
    pub unsent_max_bytes: usize,
}

impl SendBuffers {
    /// A socket that takes neither is slower to notice a slow peer, and works.
    fn apply(self, stream: &TcpStream) {
        let socket = SockRef::from(stream);
        let _ = socket.set_send_buffer_size(self.send_buffer_bytes);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_notsent_lowat(u32::try_from(self.unsent_max_bytes).unwrap_or(u32::MAX));
    }
}

impl Acceptor {
    /// Takes a listener that [`bind`] or [`bind_group`] made.
    pub fn new(
        listener: std::net::TcpListener,
        buffers: SendBuffers,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self { listener, spare: open_spare(), has_more: true, paused_until: None, complained: None, buffers })
    }

    /// The poll says that there are connections.
    pub fn handle_readable(&mut self) {
        self.has_more = true;
    }

    /// Gives this turn's connections to `take`. If it says that one was too many, those behind it wait in the kernel
    /// for a while.
    pub fn accept(&mut self, now: Instant, metrics: &Metrics, mut take: impl FnMut(TcpStream, SocketAddr) -> bool) {
        if self.paused_until.is_some_and(|until| now < until) || !self.has_more {
            return;
        }
        self.paused_until = None;
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    metrics.connections_accepted.one();
                    // it may be gone already; then the first read tells
                    let _ = stream.set_nodelay(true);
                    self.buffers.apply(&stream);
                    if !take(stream, peer) {
                        metrics.accepts_paused.one();
                        self.paused_until = Some(now + PAUSE);
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_more = false;
                    return;
                }
                Err(error) if is_peers_fault(&error) => {}
                Err(error) => {
                    self.pause(now, metrics, &error);
                    return;
                }
            }
        }
    }

    /// When to call [`Acceptor::accept`] again although the poll says nothing.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.has_more.then(|| self.paused_until.unwrap_or(now))
    }

    fn pause(&mut self, now: Instant, metrics: &Metrics, error: &io::Error) {
        if self.complained.is_none_or(|at| now >= at + COMPLAINT_INTERVAL) {
            self.complained = Some(now);
            tracing::warn!(%error, "cannot accept connections, pausing");
        }
        metrics.accepts_paused.one();
        if self.spare.take().is_some() {
            // one peer less that waits for an answer which cannot come
            drop(self.listener.accept());
        }
        self.spare = open_spare();
        self.paused_until = Some(now + PAUSE);
    }
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// accept(2): errors of a connection that was in the queue, to be treated like a connection that came and went.
fn is_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream as Client};

    use super::*;

    const BUFFERS: SendBuffers = SendBuffers { send_buffer_bytes: 32 * 1024, unsent_max_bytes: 16 * 1024 };

    fn any_port() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    /// Nobody else gets it, however he asks.
    fn expect_taken(addr: SocketAddr) {
        for taken in [bind(addr).map(|one| vec![one]), bind_group(addr, 1, 8), bind_group(addr, 3, 8)] {
            let error = taken.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            let said = error.to_string();
            assert!(said.starts_with(&format!("cannot listen on {addr}: the port is in use; ")), "{said}");
        }
    }

    #[test]
    fn a_port_has_one_server() {
        let one = bind(any_port()).unwrap();
        expect_taken(one.local_addr().unwrap());
        let group = bind_group(any_port(), 3, 8).unwrap();
        expect_taken(group[0].local_addr().unwrap());
    }

    /// The first was listening before it shared.
    #[test]
    fn all_reactors_of_a_group_get_connections() {
        let group = bind_group(any_port(), 3, 1_000).unwrap();
        let addr = group[0].local_addr().unwrap();
        assert!(group.iter().all(|listener| listener.local_addr().unwrap() == addr));
        // that one of three gets none of 300 by chance does not happen
        let clients: Vec<Client> = (0..300).map(|_| Client::connect(addr).unwrap()).collect();
        let accepted: Vec<usize> =
            group.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count()).collect();
        assert_eq!(accepted.iter().sum::<usize>(), clients.len());
        assert!(accepted.iter().all(|count| *count > 0), "{accepted:?}");
    }

    #[test]
    fn a_turn_accepts_no_more_than_its_budget_and_the_next_goes_on() {
        let listener = bind(any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let poll = mio::Poll::new().unwrap();
        let mut acceptor = Acceptor::new(listener, BUFFERS, poll.registry(), Token(0)).unwrap();
        let clients: Vec<Client> = (0..ACCEPTS_PER_TURN + 3).map(|_| Client::connect(addr).unwrap()).collect();

        let (metrics, now) = (Metrics::default(), Instant::now());
        let mut accepted = Vec::new();
        acceptor.accept(now, &metrics, |stream, _| {
            accepted.push(stream);
            true
        });
        assert_eq!(accepted.len(), ACCEPTS_PER_TURN);
        assert_eq!(acceptor.due(now), Some(now), "the rest is due at once");
        acceptor.accept(now, &metrics, |stream, _| {
            accepted.push(stream);
            true
        });
        assert_eq!(accepted.len(), clients.len());
        assert_eq!(acceptor.due(now), None);
    }

    #[test]
    fn where_one_was_too_many_the_others_wait() {
        let listener = bind(any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let poll = mio::Poll::new().unwrap();
        let mut acceptor = Acceptor::new(listener, BUFFERS, poll.registry(), Token(0)).unwrap();
        let _clients = [(); 3].map(|()| Client::connect(addr).unwrap());
        let (metrics, now) = (Metrics::default(), Instant::now());
        let mut seen = 0;
        for (after, expected) in [(Duration::ZERO, 1), (PAUSE - Duration::from_millis(1), 1), (PAUSE, 2)] {
            acceptor.accept(now + after, &metrics, |_, _| {
                seen += 1;
                false
            });
            assert_eq!(seen, expected, "after {after:?}");
        }
        assert_eq!(acceptor.due(now + PAUSE), Some(now + 2 * PAUSE));
        assert_eq!(metrics.accepts_paused.value(), 2);
    }

    #[test]
    fn after_a_failure_accepting_rests() {
        let listener = bind(any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let poll = mio::Poll::new().unwrap();
        let mut acceptor = Acceptor::new(listener, BUFFERS, poll.registry(), Token(0)).unwrap();
        let (metrics, now) = (Metrics::default(), Instant::now());
        let _turned_away = Client::connect(addr).unwrap();
        acceptor.pause(now, &metrics, &io::Error::other("no descriptors"));
        let _waits = Client::connect(addr).unwrap();

        let mut accepted = 0;
        acceptor.accept(now, &metrics, |_, _| {
            accepted += 1;
            true
        });
        assert_eq!(accepted, 0);
        assert_eq!(acceptor.due(now), Some(now + PAUSE));
        acceptor.accept(now + PAUSE, &metrics, |_, _| {
            accepted += 1;
            true
        });
        assert_eq!(accepted, 1, "the first was accepted with the spare descriptor and dropped");
    }
}
