//! One who does not read for a while: what is old when it reads again is little, then comes the newest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tickwire_server::Running;
use tickwire_shared::client::Client;
use tickwire_shared::protocol::{ClientMessage, VERSION, frame};
use tickwire_shared::{Profile, Tick};

use crate::swirl::{self, Swirl};
use crate::wire;

/// What the kernel keeps for a slow reader at its own end; it doubles this.
const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;

/// A player whose socket keeps little.
struct Reader {
    socket: TcpStream,
    client: Client<Swirl>,
    started: Instant,
    unread: Vec<u8>,
}

impl Reader {
    fn join(server: &Running) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // the window is agreed on while connecting
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).expect("a size can be set");
        socket.connect(&server.addr().into()).expect("the server listens");
        let mut socket = wire::upgrade(server, socket.into());
        let join = ClientMessage::Join { name: "stalled".into() }.encode();
        let bytes = [wire::frame(&wire::hello(VERSION)), wire::frame(&join)].concat();
        socket.write_all(&bytes).expect("the server reads");
        let client = Client::new(Profile::default()).expect("the game's kinds are sound");
        Self { socket, client, started: Instant::now(), unread: Vec::new() }
    }

    /// Reads one message: its length on the wire, and its tick if it is a frame.
    fn receive(&mut self) -> (usize, Option<Tick>) {
        let mut chunk = [0; 4096];
        loop {
            if let Some((head, length)) = whole_message(&self.unread) {
                let rest = self.unread.split_off(head + length);
                let message = std::mem::replace(&mut self.unread, rest);
                let before = self.client.tick();
                self.client.handle_message(self.started.elapsed(), &message[head..]).expect("a sound message");
                let is_frame = frame::is_frame(&message[head..]);
                assert!(!is_frame || self.client.tick() != before, "a frame that could not be applied");
                return (message.len(), self.client.tick().filter(|_| is_frame));
            }
            let count = self.socket.read(&mut chunk).expect("the server has something to say");
            assert!(count > 0, "the server hung up");
            self.unread.extend_from_slice(&chunk[..count]);
        }
    }
}

/// The lengths of a message's head and payload, when all of it is there.
fn whole_message(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (4, u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]).into()),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    (bytes.len() >= head + length).then_some((head, length))
}

#[test]
fn who_reads_again_reads_little_that_is_old_and_then_the_newest() {
    let server = swirl::start();
    let mut stalled = Reader::join(&server);
    while stalled.receive().1.is_none() {}
    let stalled_at = stalled.client.tick().expect("a frame came");
    let newest = swirl::run(async {
        let mut good = swirl::connect(&server, "good").await;
        // longer than the ring of states, and than what the kernels keep
        let past = |tick: Tick| tick.since(stalled_at) > 240;
        swirl::receive_until(&mut good, "four seconds", |c| c.client.tick().is_some_and(past)).await;
        good.client.tick().expect("frames came")
    });

    let (mut old_bytes, mut last_old, mut next) = (0, stalled_at, None);
    let patience = Instant::now() + Duration::from_secs(20);
    while next.is_none() {
        assert!(Instant::now() < patience, "the newest state does not come");
        match stalled.receive() {
            (length, Some(tick)) if newest.is_after(tick) => {
                old_bytes += length;
                last_old = tick;
            }
            (_, tick) => next = tick,
        }
    }
    println!(
        "old: {old_bytes} bytes, up to {last_old:?}; stalled at {stalled_at:?}, {newest:?} was the newest, then came {next:?}"
    );
    assert!(newest.since(last_old) > 60, "what is long past came nearly up to the present: {last_old:?} of {newest:?}");
    let most = 2 * RECEIVE_BUFFER_BYTES + 32 * 1024;
    assert!(old_bytes < most, "{old_bytes} bytes were old");
    assert_eq!(stalled.client.stats().desyncs, 0);
    server.stop();
}
