//! A TCP proxy that makes a link bad: whatever speaks through it, in both directions.
//!
//! ```text
//! client <--- down lane ---- proxy <--------- server
//!        ----- up lane ---->       --------->
//! ```
//! What a connection may have under way is bounded (see [`Lane`]), and the proxy reads nothing while that is full: a
//! slow reader behind it slows the sender, as without it. The end of a direction and a reset are carried over, after
//! what was sent before them.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use crate::link::{Conditions, End, Lane};
use crate::say;

/// What is asked from a socket at once.
const READ_BYTES: usize = 16 * 1024;
/// Of the system's buffers, which would hide a slow line from the sender.
const SOCKET_BUFFER_BYTES: u32 = 64 * 1024;
/// Connections at a time; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// After a failed accept, such as without descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const BACKLOG: u32 = 1024;

/// Why there is no proxy.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// Nobody can connect there.
    #[error("cannot listen on {listen}: {source}; give another address with --listen, such as 127.0.0.1:0")]
    Listen {
        /// What was given.
        listen: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
}

/// What it did so far.
#[derive(Debug, Default)]
pub struct Carried {
    /// Connections that were taken.
    pub connections: AtomicU64,
    /// Connections to which there was no server.
    pub unreachable: AtomicU64,
    /// Bytes from clients.
    pub up_bytes: AtomicU64,
    /// Bytes from the server.
    pub down_bytes: AtomicU64,
}

impl Carried {
    /// For a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let unreachable = match count(&self.unreachable) {
            0 => String::new(),
            some => format!(", {some} of them without a server"),
        };
        let (connections, up) = (count(&self.connections), count(&self.up_bytes) as f64 / 1000.0);
        let down = count(&self.down_bytes) as f64 / 1000.0;
        format!("{connections} connections{unreachable}; {up:.1} kB up and {down:.1} kB down in those that ended")
    }
}

/// A proxy that listens.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    addr: SocketAddr,
    to: String,
    conditions: Conditions,
    seed: u64,
    carried: Arc<Carried>,
}

impl Proxy {
    /// Listens on `listen` (port 0 takes a free one) for what goes to `to`, a host and a port. The n-th connection has
    /// the same delays for the same `seed`. Needs a tokio runtime.
    ///
    /// # Errors
    /// The address is not to be had.
    pub fn bind(listen: SocketAddr, to: &str, conditions: Conditions, seed: u64) -> Result<Self, ProxyError> {
        let failed = |source| ProxyError::Listen { listen, source };
        let listener = listener(listen).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, to: to.to_owned(), conditions, seed, carried: Arc::default() })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Counters, for as long as one likes.
    #[must_use]
    pub fn carried(&self) -> Arc<Carried> {
        Arc::clone(&self.carried)
    }

    /// Carries connections until it is dropped; the open ones go on as long as the runtime.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        for index in 0_u64.. {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let near = loop {
                match self.listener.accept().await {
                    Ok((near, _)) => break near,
                    // the client is gone already, or there are no descriptors: those that are may end
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                }
            };
            let (to, conditions, carried) = (self.to.clone(), self.conditions, Arc::clone(&self.carried));
            let seed = self.seed.wrapping_add(index.wrapping_mul(2));
            tokio::spawn(async move {
                carried.connections.fetch_add(1, Ordering::Relaxed);
                match reach(&to).await {
                    Ok(far) => Link::new(near, far, conditions, seed).carry(&carried).await,
                    Err(error) => {
                        if carried.unreachable.fetch_add(1, Ordering::Relaxed) == 0 {
                            say::aside(format_args!(
                                "tickwire-bots: cannot reach {to}: {error}; is the server running there?"
                            ));
                        }
                        abort(&near);
                    }
                }
                drop(place);
            });
        }
    }
}

fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket_for(listen)?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn reach(to: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for addr in lookup_host(to).await? {
        match socket_for(addr)?.connect(addr).await {
            Ok(far) => return Ok(far),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn socket_for(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    Ok(socket)
}

/// Closes with a reset instead of an end.
fn abort(stream: &TcpStream) {
    // if the system cannot, the other end sees an end
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// One connection through the proxy.
struct Link {
    near: TcpStream,
    far: TcpStream,
    up: Direction,
    down: Direction,
    since: Instant,
}

/// What goes from one of its sockets to the other.
struct Direction {
    lane: Lane,
    /// The receiver was told the end.
    over: bool,
    bytes: u64,
}

/// What a turn of a direction came to.
enum Turn {
    Goes,
    /// The receiver is to see a reset now.
    Reset,
    /// The receiver takes nothing any more.
    Unwanted,
}

impl Link {
    fn new(near: TcpStream, far: TcpStream, conditions: Conditions, seed: u64) -> Self {
        // the model delays, not Nagle
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let direction = |seed| Direction { lane: Lane::new(conditions, seed), over: false, bytes: 0 };
        Self { near, far, up: direction(seed), down: direction(seed.wrapping_add(1)), since: Instant::now() }
    }

    async fn carry(mut self, carried: &Carried) {
        let mut scratch = vec![0; READ_BYTES];
        loop {
            let now = self.since.elapsed();
            let up = self.up.turn(now, &self.near, &self.far, &mut scratch);
            let down = self.down.turn(now, &self.far, &self.near, &mut scratch);
            match (up, down) {
                (Turn::Reset, _) => {
                    abort(&self.far);
                    break;
                }
                (_, Turn::Reset) => {
                    abort(&self.near);
                    break;
                }
                (Turn::Unwanted, _) => self.up.tell_sender(now, &mut self.down),
                (_, Turn::Unwanted) => self.down.tell_sender(now, &mut self.up),
                (Turn::Goes, Turn::Goes) => {}
            }
            // nothing comes any more that one could wait for
            if self.up.over && self.down.over {
                break;
            }
            self.wait().await;
        }
        carried.up_bytes.fetch_add(self.up.bytes, Ordering::Relaxed);
        carried.down_bytes.fetch_add(self.down.bytes, Ordering::Relaxed);
    }

    /// Until there is something to read with room for it, something arrives, or who was slow takes more.
    async fn wait(&mut self) {
        let now = self.since.elapsed();
        let (up_waits, down_waits) = (self.up.waits(now), self.down.waits(now));
        let near = interest(self.up.lane.room() > 0, down_waits);
        let far = interest(self.down.lane.room() > 0, up_waits);
        let due = [&self.up, &self.down].into_iter().filter(|direction| !direction.over);
        let due = due.filter_map(|direction| direction.lane.next_due()).min().map(|due| self.since + due);
        tokio::select! {
            () = ready(&self.near, near) => {}
            () = ready(&self.far, far) => {}
            () = until(due) => {}
        }
    }
}

impl Direction {
    /// Takes what `from` has said, and gives `to` what has arrived.
    fn turn(&mut self, now: Duration, from: &TcpStream, to: &TcpStream, scratch: &mut [u8]) -> Turn {
        self.take(now, from, scratch);
        if self.over {
            return Turn::Goes;
        }
        loop {
            let ready = self.lane.ready(now);
            if ready.is_empty() {
                break;
            }
            match to.try_write(ready) {
                Ok(count) => self.lane.taken(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Turn::Unwanted,
            }
        }
        match self.lane.ended(now) {
            Some(End::Finished) => {
                self.over = true;
                // if the receiver is gone, it knows
                let _ = SockRef::from(to).shutdown(std::net::Shutdown::Write);
                Turn::Goes
            }
            Some(End::Reset) => Turn::Reset,
            None => Turn::Goes,
        }
    }

    /// Reads once, as long as there is room: what is left is seen in the next turn.
    fn take(&mut self, now: Duration, from: &TcpStream, scratch: &mut [u8]) {
        let room = self.lane.room().min(scratch.len());
        if room == 0 {
            return;
        }
        match from.try_read(&mut scratch[..room]) {
            Ok(0) => self.lane.end(now, End::Finished),
            Ok(count) => {
                self.bytes += count as u64;
                self.lane.push(now, &scratch[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.lane.end(now, End::Reset),
        }
    }

    /// Something has arrived that the receiver has not taken.
    fn waits(&mut self, now: Duration) -> bool {
        !self.over && !self.lane.ready(now).is_empty()
    }

    /// The receiver is gone: its sender learns so over the direction `back`, as soon as a packet takes.
    fn tell_sender(&mut self, now: Duration, back: &mut Self) {
        self.over = true;
        self.lane.end(now, End::Reset);
        back.over = false;
        back.lane.end(now, End::Reset);
    }
}

fn interest(readable: bool, writable: bool) -> Option<Interest> {
    match (readable, writable) {
        (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
        (true, false) => Some(Interest::READABLE),
        (false, true) => Some(Interest::WRITABLE),
        (false, false) => None,
    }
}

async fn ready(stream: &TcpStream, interest: Option<Interest>) {
    match interest {
        // an error shows at the next read or write
        Some(interest) => drop(stream.ready(interest).await),
        None => pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
