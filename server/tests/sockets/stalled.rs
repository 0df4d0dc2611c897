//! One who does not read for a while: what is old when it reads again is little, then comes the newest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tickwire_server::Running;
use tickwire_shared::client::Client;
use tickwire_shared::protocol::frame;
use tickwire_shared::{Profile, Tick};

use crate::swirl::{self, Swirl};
use crate::wire;

/// A player on a socket as the system makes it: the kernel would keep some 100 KiB for it.
struct Reader {
    socket: TcpStream,
    client: Client<Swirl>,
    started: Instant,
    unread: Vec<u8>,
}

impl Reader {
    fn join(server: &Running) -> Self {
        let client = Client::new(Profile::named("stalled")).expect("the game's kinds are sound");
        let mut reader = Self { socket: wire::upgraded(server), client, started: Instant::now(), unread: Vec::new() };
        reader.flush();
        reader
    }

    fn flush(&mut self) {
        while let Some(message) = self.client.poll_transmit() {
            self.socket.write_all(&wire::frame(&message)).expect("the server reads");
        }
    }

    /// Reads one message: its length on the wire, and its tick if it is a frame.
    fn receive(&mut self) -> (usize, Option<Tick>) {
        let mut chunk = [0; 4096];
        loop {
            if let Some((head, length)) = whole_message(&self.unread) {
                let rest = self.unread.split_off(head + length);
                let message = std::mem::replace(&mut self.unread, rest);
                let before = self.client.tick();
                let handled = self.client.handle_message(self.started.elapsed(), &message[head..]);
                handled.unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&message)));
                self.flush();
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
    // until its way is known
    let settled = stalled.client.tick().expect("a frame came").offset(60);
    while stalled.receive().1.is_none_or(|tick| settled.is_after(tick)) {}
    let stalled_at = stalled.client.tick().expect("a frame came");
    let newest = swirl::run(async {
        let mut good = swirl::connect(&server, "good").await;
        // longer than the ring of states, and than what the kernels would keep
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
    let next = next.expect("the loop ended with it");
    println!(
        "old: {old_bytes} bytes, up to {last_old:?}; stalled at {stalled_at:?}, {newest:?} was the newest, then came {next:?}"
    );
    assert!(last_old.since(stalled_at) < 90, "it was sent what nobody read up to {last_old:?}");
    assert!(old_bytes <= 64 * 1024, "{old_bytes} bytes were old");
    // what it answers, and one frame: there and back on this machine; busy ones take their time
    assert!(next.since(newest) < 60, "{next:?} came, {newest:?} was the newest when it began to read");
    assert_eq!(stalled.client.stats().desyncs, 0);
    server.stop();
}
