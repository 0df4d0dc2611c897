//! Nobody keeps others from being read for ever.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tickwire_server::metrics::Metrics;
use tickwire_server::net::http_head::RequestHead;
use tickwire_server::net::reactor::{Io, Reactor};
use tickwire_server::net::ws::DeflateConfig;
use tickwire_server::net::{CloseCause, Handler, HttpRefusal, LinkId, MessageKind, NetConfig, PlainStream, accept};
use zlib_rs::{Deflate, DeflateFlush};

use super::ends::{BINARY, Client, TEXT, UPGRADE, frame};

/// Turns until the test gives up.
const TURNS: u32 = 200;

/// In every turn of the reactor each of those who push says something short that inflates to 16 KiB.
struct Pushed {
    coming: Receiver<(Vec<Client>, Client)>,
    pushing: Vec<Client>,
    push: Vec<u8>,
    turns: u32,
    /// After how many turns the text came that was sent at the beginning, or that there were enough.
    told: Sender<u32>,
}

impl Handler for Pushed {
    fn upgrade(&mut self, _: &RequestHead<'_>) -> Result<Option<&'static str>, HttpRefusal> {
        Ok(None)
    }

    fn open(&mut self, _: &mut Io<'_>, _: LinkId, _: SocketAddr) {}

    fn message(&mut self, _: &mut Io<'_>, _: LinkId, kind: MessageKind, _: &[u8]) {
        if kind == MessageKind::Text {
            let _ = self.told.send(self.turns);
        }
    }

    fn drained(&mut self, _: &mut Io<'_>, _: LinkId) {}

    fn closed(&mut self, _: LinkId, _: CloseCause) {}

    fn plain_http(&mut self, _: PlainStream, _: Vec<u8>, _: SocketAddr) {}

    fn next_due(&self) -> Option<Instant> {
        (!self.pushing.is_empty()).then(Instant::now)
    }

    fn turn(&mut self, io: &mut Io<'_>) {
        if let Ok((pushing, mut speaker)) = self.coming.try_recv() {
            speaker.send(frame(TEXT, &[b'a'; 10_000]));
            self.pushing = pushing;
        }
        for client in &mut self.pushing {
            client.send(&self.push);
        }
        if self.pushing.is_empty() {
            return;
        }
        // what was sent needs a moment until it can be read
        std::thread::sleep(Duration::from_millis(2));
        self.turns += 1;
        if self.turns == TURNS {
            let _ = self.told.send(self.turns);
            io.shut_down(1001, "", Duration::ZERO);
        }
    }
}

#[test]
fn short_messages_that_inflate_to_long_ones_do_not_hold_up_a_long_one() {
    let mut push = vec![0; 1024];
    let mut deflater = Deflate::new(9, false, 15);
    deflater.compress(&[0; 16 * 1024], &mut push, DeflateFlush::SyncFlush).unwrap();
    push.truncate(deflater.total_out() as usize - 4);
    let mut push = frame(BINARY, &push);
    push[0] |= 0x40;

    let config =
        NetConfig { deflate: DeflateConfig { enabled: true, ..DeflateConfig::default() }, ..NetConfig::default() };
    let listener = accept::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let addr = listener.local_addr().unwrap();
    let ((come, coming), (told, telling)) = (channel(), channel());
    let handler = Pushed { coming, pushing: Vec::new(), push, turns: 0, told };
    let mut reactor = Reactor::new(listener, config, handler, Arc::new(Metrics::default())).unwrap();
    let waker = reactor.waker();
    let thread = std::thread::spawn(move || reactor.run().unwrap());

    let open = |offer: &str| {
        let mut client = Client::connect_to(addr, Ipv4Addr::LOCALHOST);
        client.send(UPGRADE.replace("\r\n\r\n", offer));
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        client
    };
    let pushing = (0..8).map(|_| open("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")).collect();
    come.send((pushing, open("\r\n\r\n"))).unwrap();
    waker.wake().unwrap();
    let turns = telling.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(turns < TURNS / 2, "it was read after {turns} turns");
    thread.join().unwrap();
}
