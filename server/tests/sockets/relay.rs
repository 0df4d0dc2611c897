//! A TCP relay between client and server that kills connections after so many bytes, in one of the ways in which
//! networks do it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

/// What kills a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// Both ends see the end of the stream.
    Closed,
    /// Both ends see a reset.
    Reset,
    /// The client sees the end; the server sees nothing at all.
    HalfOpen,
}

/// What one connection may live to see.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    pub death: Death,
    /// Bytes that it may carry to the server, and to the client.
    pub up: i64,
    pub down: i64,
}

impl Fate {
    pub const NEVER: Self = Self { death: Death::Closed, up: i64::MAX, down: i64::MAX };
}

/// See the module.
pub struct Relay {
    addr: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    fates: Arc<Mutex<Box<dyn FnMut() -> Fate + Send>>>,
    kills: Arc<AtomicUsize>,
    /// Both ends of each connection that there was.
    sockets: Arc<Mutex<Vec<[TcpStream; 2]>>>,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// To `server`; each connection's fate comes from `fates`.
    pub fn start(server: SocketAddr, fates: impl FnMut() -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("it has an address");
        let fates: Arc<Mutex<Box<dyn FnMut() -> Fate + Send>>> = Arc::new(Mutex::new(Box::new(fates)));
        let (kills, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let server = Arc::new(Mutex::new(server));
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let (to, kept) = (Arc::clone(&server), Arc::clone(&sockets));
        let (next_fate, counted, stop) = (Arc::clone(&fates), Arc::clone(&kills), Arc::clone(&over));
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let fate = next_fate.lock().expect("nobody panics there")();
                let to = *to.lock().expect("nobody panics there");
                // without a server the client is hung up on
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) {
                    let both = [&client, &server].map(|socket| socket.try_clone().expect("a handle more"));
                    kept.lock().expect("nobody panics there").push(both);
                    pass(client, server, fate, &counted, &stop);
                }
            }
        });
        Self { addr, server, fates, kills, sockets, over, accepting: Some(accepting) }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.addr)
    }

    /// All that there are, now.
    pub fn kill_all(&self) {
        for [client, server] in self.sockets.lock().expect("nobody panics there").drain(..) {
            kill(&client, &server, Death::Closed);
        }
    }

    /// How many connections it has killed.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    /// Connections lead there from now on.
    pub fn set_server(&self, server: SocketAddr) {
        *self.server.lock().expect("nobody panics there") = server;
    }

    /// From now on.
    pub fn set_fates(&self, fates: impl FnMut() -> Fate + Send + 'static) {
        *self.fates.lock().expect("nobody panics there") = Box::new(fates);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.addr);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// Carries bytes both ways in two threads until one direction has used up what it may carry.
fn pass(client: TcpStream, server: TcpStream, fate: Fate, kills: &Arc<AtomicUsize>, over: &Arc<AtomicBool>) {
    let dead = Arc::new(AtomicBool::new(false));
    for (from, to, budget) in [(&client, &server, fate.up), (&server, &client, fate.down)] {
        let [mut from, mut to] = [from, to].map(|socket| socket.try_clone().expect("a handle more"));
        let [client, server] = [&client, &server].map(|socket| socket.try_clone().expect("a handle more"));
        let (dead, kills, over) = (Arc::clone(&dead), Arc::clone(kills), Arc::clone(over));
        let left = AtomicI64::new(budget);
        from.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout can be set");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !over.load(Ordering::Relaxed) {
                let count = match from.read(&mut bytes) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error)
                        if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                    {
                        if dead.load(Ordering::Relaxed) && fate.death != Death::HalfOpen {
                            return;
                        }
                        continue;
                    }
                    Err(_) => break,
                };
                // one that is half open swallows what comes
                if dead.load(Ordering::Relaxed) {
                    continue;
                }
                let before = left.fetch_sub(count as i64, Ordering::Relaxed);
                let passes = count.min(usize::try_from(before).unwrap_or(0));
                let written = to.write_all(&bytes[..passes]).is_ok();
                if passes < count && !dead.swap(true, Ordering::Relaxed) {
                    kills.fetch_add(1, Ordering::Relaxed);
                    kill(&client, &server, fate.death);
                }
                if !written && fate.death != Death::HalfOpen {
                    break;
                }
            }
            // an end that the ends themselves made
            if !dead.load(Ordering::Relaxed) {
                let _ = to.shutdown(Shutdown::Write);
            }
        });
    }
}

fn kill(client: &TcpStream, server: &TcpStream, death: Death) {
    if death == Death::Reset {
        for socket in [client, server] {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    if death != Death::HalfOpen {
        let _ = server.shutdown(Shutdown::Both);
    }
}
