//! The two ends of the tests: a reactor whose handler tells what it hears and takes orders, and a raw client.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tickwire_server::metrics::Metrics;
use tickwire_server::net::http_head::RequestHead;
use tickwire_server::net::reactor::{Io, Reactor};
use tickwire_server::net::tls::Identity;
use tickwire_server::net::{
    CloseCause, Handler, HttpRefusal, LinkId, MessageKind, NetConfig, Outcome, PlainStream, accept,
};

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

pub(crate) const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What the handler heard.
#[derive(Debug)]
pub(crate) enum Told {
    Open(LinkId),
    Message(LinkId, MessageKind, Vec<u8>),
    Drained(LinkId),
    Closed(LinkId, CloseCause),
    Plain(PlainStream, Vec<u8>),
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(a), Self::Open(b)) | (Self::Drained(a), Self::Drained(b)) => a == b,
            (Self::Message(a, kind, payload), Self::Message(b, other, expected)) => {
                (a, kind, payload) == (b, other, expected)
            }
            (Self::Closed(a, cause), Self::Closed(b, other)) => (a, cause) == (b, other),
            _ => false,
        }
    }
}

type Order = Box<dyn FnOnce(&mut Io<'_>) + Send>;

/// Echoes what it hears; "close me" closes; "until I am gone" is sent so long; the path /forbidden is refused.
struct Scripted {
    told: Sender<Told>,
    peers: Sender<SocketAddr>,
    orders: Receiver<Order>,
}

impl Scripted {
    fn tell(&self, told: Told) {
        // a test that has heard enough is gone
        let _ = self.told.send(told);
    }
}

impl Handler for Scripted {
    fn upgrade(&mut self, head: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
        if head.path() == "/forbidden" {
            return Err(HttpRefusal { status: 403, reason: "Not for you.".into() });
        }
        Ok(head.subprotocols().find(|name| *name == "tickwire.1").map(|_| "tickwire.1"))
    }

    fn open(&mut self, _: &mut Io<'_>, link: LinkId, peer: SocketAddr) {
        let _ = self.peers.send(peer);
        self.tell(Told::Open(link));
    }

    fn message(&mut self, io: &mut Io<'_>, link: LinkId, kind: MessageKind, payload: &[u8]) {
        self.tell(Told::Message(link, kind, payload.to_vec()));
        if payload == b"close me" {
            io.close(link, 4002, "as asked");
        } else if payload == b"until I am gone" {
            // with something that waits when the connection breaks
            while io.queue(link, kind, payload) && io.send_frame(link, [payload].into_iter()) != Outcome::Closed {
                std::thread::sleep(Duration::from_millis(1));
            }
        } else {
            io.queue(link, kind, payload);
        }
    }

    fn drained(&mut self, _: &mut Io<'_>, link: LinkId) {
        self.tell(Told::Drained(link));
    }

    fn closed(&mut self, link: LinkId, cause: CloseCause) {
        self.tell(Told::Closed(link, cause));
    }

    fn plain_http(&mut self, stream: PlainStream, read: Vec<u8>, peer: SocketAddr) {
        let _ = self.peers.send(peer);
        self.tell(Told::Plain(stream, read));
    }

    fn turn(&mut self, io: &mut Io<'_>) {
        for order in self.orders.try_iter() {
            order(io);
        }
    }
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    told: Receiver<Told>,
    peers: Receiver<SocketAddr>,
    orders: Sender<Order>,
    waker: Arc<mio::Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(config: NetConfig) -> Self {
        Self::start_with(config, |reactor| reactor)
    }

    /// Starts one that speaks TLS and nothing else.
    pub(crate) fn start_tls(config: NetConfig, identity: Arc<Identity>) -> Self {
        Self::start_with(config, |reactor| reactor.with_tls(identity))
    }

    fn start_with(config: NetConfig, prepare: impl FnOnce(Reactor<Scripted>) -> Reactor<Scripted>) -> Self {
        let listener = accept::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addr = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::default());
        let ((tell, told), (order, orders), (tell_peer, peers)) = (channel(), channel(), channel());
        let handler = Scripted { told: tell, peers: tell_peer, orders };
        let mut reactor = prepare(Reactor::new(listener, config, handler, Arc::clone(&metrics)).unwrap());
        let waker = reactor.waker();
        let thread = std::thread::spawn(move || reactor.run().unwrap());
        Self { addr, metrics, told, peers, orders: order, waker, thread: Some(thread) }
    }

    /// The next thing that the handler heard.
    pub(crate) fn told(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("the handler hears something")
    }

    /// Whose the next link or plain request was that the handler heard of.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peers.recv_timeout(PATIENCE).expect("the handler hears of somebody")
    }

    pub(crate) fn opened(&self) -> LinkId {
        match self.told() {
            Told::Open(link) => link,
            other => panic!("a link opens, not {other:?}"),
        }
    }

    /// Runs `order` on the reactor's thread.
    pub(crate) fn order(&self, order: impl FnOnce(&mut Io<'_>) + Send + 'static) {
        self.orders.send(Box::new(order)).expect("the reactor runs");
        self.waker.wake().unwrap();
    }

    /// Like `order`, and waits for the answer.
    pub(crate) fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Io<'_>) -> T + Send + 'static) -> T {
        let (answer, answered) = channel();
        self.order(move |io| {
            // the asker waits for it
            let _ = answer.send(question(io));
        });
        answered.recv_timeout(PATIENCE).expect("the reactor answers")
    }

    /// From now on the reactor does nothing, until something is sent.
    pub(crate) fn hold_up(&self) -> Sender<()> {
        let ((go_on, going_on), (held, holds)) = (channel(), channel());
        self.order(move |_| {
            let _ = held.send(());
            let _ = going_on.recv();
        });
        holds.recv_timeout(PATIENCE).expect("the reactor does as it is told");
        go_on
    }

    /// Waits until the reactor holds no connection.
    pub(crate) fn expect_gone(&self) {
        let given_up = Instant::now() + PATIENCE;
        while self.metrics.connections_open.value() > 0 {
            assert!(Instant::now() < given_up, "a connection stays");
            std::thread::yield_now();
        }
    }

    /// Nothing more was heard until now.
    pub(crate) fn expect_silence(&self) {
        self.ask(|_| ());
        assert!(self.told.try_recv().is_err(), "nothing more is heard");
    }

    /// Waits until `run` has returned: all that was heard before.
    pub(crate) fn stopped(mut self) -> Vec<Told> {
        self.thread.take().expect("it runs").join().expect("the reactor did not panic");
        assert_eq!(self.metrics.connections_open.value(), 0, "every connection is counted out");
        assert_eq!(self.metrics.links_open.value(), 0, "every link is counted out");
        self.told.try_iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let _ = self.orders.send(Box::new(|io| io.shut_down(1001, "", Duration::ZERO)));
        let _ = self.waker.wake();
        let is_sound = thread.join().is_ok();
        assert!(is_sound || std::thread::panicking(), "the reactor panicked");
    }
}

pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// Connects from another address of this machine.
    pub(crate) fn connect_from(server: &Server, ip: Ipv4Addr) -> Self {
        Self::connect_to(server.addr, ip)
    }

    /// Connects to any server.
    pub(crate) fn connect_to(addr: SocketAddr, from: Ipv4Addr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&addr.into()).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: socket.into() }
    }

    /// Connects and shakes hands.
    pub(crate) fn open(server: &Server) -> Self {
        Self::connect(server).upgraded()
    }

    /// Connects from another address of this machine and shakes hands.
    pub(crate) fn open_from(server: &Server, ip: Ipv4Addr) -> Self {
        Self::connect_from(server, ip).upgraded()
    }

    fn upgraded(mut self) -> Self {
        self.send(UPGRADE);
        assert!(self.read_head().starts_with("HTTP/1.1 101 "));
        self
    }

    pub(crate) fn try_clone(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// The head of an HTTP answer, with its empty line and not a byte more.
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1));
        }
        String::from_utf8(head).unwrap()
    }

    /// A whole HTTP answer, behind which the connection ends.
    pub(crate) fn read_answer(&mut self) -> (String, String) {
        let head = self.read_head();
        let mut body = String::new();
        self.stream.read_to_string(&mut body).unwrap();
        (head, body)
    }

    /// A frame of the server: opcode and payload.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let (first, payload) = self.read_any_frame();
        assert_eq!(first & 0xF0, 0x80, "FIN and no reserved bits");
        (first & 0x0F, payload)
    }

    /// The first byte of a frame of the server, and its payload.
    pub(crate) fn read_any_frame(&mut self) -> (u8, Vec<u8>) {
        let [first, second] = self.read(2)[..] else { unreachable!("two bytes") };
        let length = match second {
            126 => u16::from_be_bytes(self.read(2).try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.read(8).try_into().unwrap()) as usize,
            short => usize::from(short),
        };
        (first, self.read(length))
    }

    /// A close frame: code (1005 if there is none) and reason.
    pub(crate) fn read_close(&mut self) -> (u16, String) {
        let (opcode, body) = self.read_frame();
        assert_eq!(opcode, CLOSE);
        match body.split_first_chunk::<2>() {
            None => (1005, String::new()),
            Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap()),
        }
    }

    /// The server ends the connection and says nothing more.
    pub(crate) fn expect_end(&mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => panic!("more bytes: {byte:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) {
        self.stream.shutdown(how).unwrap();
    }

    /// Ends with a RST.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Takes some bytes, whatever they are.
    pub(crate) fn read_some(&mut self) {
        self.read(128 * 1024);
    }

    /// The kernel keeps little of what is not read.
    pub(crate) fn hear_little(&self) {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(128 * 1024).unwrap();
    }

    fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("the server says something");
        bytes
    }
}

/// A whole message of a client.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    part(opcode, true, payload)
}

/// One frame of a client.
pub(crate) fn part(opcode: u8, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mask = [0x5A, 0xC3, 0x0F, 0x99];
    let mut bytes = vec![opcode | u8::from(fin) << 7];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        medium @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
