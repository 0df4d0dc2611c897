//! One client dies in mid-frame, one never reads, one floods: the others do not notice, and the stalled one heals.

//!
//! A program of its own, because it measures the memory of the process that the server runs in.

#[path = "../sockets/swirl.rs"]
#[allow(dead_code, reason = "the other socket tests use more of it")]
mod swirl;
#[path = "../sockets/wire.rs"]
mod wire;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tickwire_shared::client::Event;
use tickwire_shared::native::Connection;
use tickwire_shared::protocol::close::CloseReason;
use tickwire_shared::protocol::{ClientMessage, JoinRequest, VERSION};

use swirl::{Button, Swirl};

const STALL: Duration = Duration::from_secs(10);

/// Resident memory of this process, which the server is part of, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is in there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Follows the room for a while as a good player; the longest gap between two frames in ticks, and how many came.
async fn follow(connection: &mut Connection<Swirl>, time: Duration) -> (i32, u64) {
    let end = Instant::now() + time;
    let (mut gap, mut frames) = (0, 0);
    while Instant::now() < end {
        let before = connection.client.tick();
        connection.receive().await.expect("the good client is served");
        let now = connection.now();
        connection.client.input(now, &Button { pressed: true });
        connection.flush().await.expect("the good client is read");
        if let (Some(before), Some(after)) = (before, connection.client.tick())
            && after != before
        {
            frames += 1;
            gap = gap.max(after.since(before));
        }
        while let Some(event) = connection.client.poll_event() {
            assert!(!matches!(event, Event::Desync { .. }), "the good client's state is wrong");
        }
    }
    (gap, frames)
}

/// A connection that has asked for a seat.
fn joining(server: &tickwire_server::Running) -> TcpStream {
    let mut socket = wire::upgraded(server);
    let join = ClientMessage::Join(JoinRequest::new("by hand")).encode();
    let bytes = [wire::frame(&wire::hello(VERSION)), wire::frame(&join)].concat();
    socket.write_all(&bytes).expect("the server reads");
    socket
}

/// Pings as fast as the socket takes them, until the server has had enough.
fn flood(server: &tickwire_server::Running) -> std::thread::JoinHandle<(u16, String)> {
    let mut socket = joining(server);
    std::thread::spawn(move || {
        let bytes = wire::frame(&ClientMessage::Ping { stamp_ms: 7 }.encode()).repeat(50);
        let mut reader = socket.try_clone().expect("a second handle");
        let close = std::thread::spawn(move || wire::read_close(&mut reader));
        let end = Instant::now() + Duration::from_secs(20);
        while !close.is_finished() && Instant::now() < end {
            // a write fails once the server has closed
            if socket.write_all(&bytes).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        close.join().expect("the close frame arrived")
    })
}

#[test]
fn others_do_not_notice_and_the_stalled_one_heals() {
    let server = swirl::start();
    swirl::run(async {
        let mut good = swirl::connect(&server, "good").await;
        let mut stalled = swirl::connect(&server, "stalled").await;
        swirl::receive_until(&mut good, "a first frame", |c| c.client.tick().is_some()).await;
        swirl::receive_until(&mut stalled, "a first frame", |c| c.client.tick().is_some()).await;
        let stalled_at = stalled.client.tick().expect("a frame came");

        let mut killed = joining(&server);
        let half = wire::frame(&[0; 100]);
        killed.write_all(&half[..40]).expect("the server reads");
        drop(killed);
        let flooding = flood(&server);
        let memory_before = resident_kib();
        let ticks_before = server.metrics().ticks.value();
        let withheld_before = server.metrics().frames_withheld.value();

        let (gap, frames) = follow(&mut good, STALL).await;

        let ticks = server.metrics().ticks.value() - ticks_before;
        // counted in ticks of the room, so that a slow machine slows both; one that is busy skips some frames, a server
        // that waits for the stalled one would skip all of them
        assert!(frames * 2 >= ticks, "of {ticks} ticks the good client saw {frames}");
        assert!(gap <= 30, "the good client once saw nothing for {gap} ticks");
        let grown = resident_kib().saturating_sub(memory_before);
        assert!(grown < 16 * 1024, "memory grew by {grown} KiB");
        let withheld = server.metrics().frames_withheld.value() - withheld_before;
        assert!(withheld * 10 > ticks * 7, "of {ticks} ticks the stalled client was spared {withheld}");
        let (code, reason) = flooding.join().expect("the flood ended");
        assert_eq!(code, CloseReason::Policy.code(), "the flood was closed for: {reason}");

        heal(&mut good, &mut stalled).await;
        assert!(stalled.client.tick().expect("frames came").since(stalled_at) > 300);
    });
    server.stop();
}

/// The stalled client reads again until both show the same tick: they must hold the same state.
async fn heal(good: &mut Connection<Swirl>, stalled: &mut Connection<Swirl>) {
    let (mut compared, mut rounds) = (0, 0);
    while compared < 20 {
        rounds += 1;
        assert!(rounds < 5000, "the stalled client does not catch up");
        let (a, b) = (good.client.tick(), stalled.client.tick());
        let behind = a.expect("frames came").since(b.expect("frames came"));
        if behind == 0 {
            assert_eq!(good.client.state_hash(), stalled.client.state_hash(), "at {a:?}");
            compared += 1;
        }
        let slower = if behind > 0 { &mut *stalled } else { &mut *good };
        slower.receive().await.expect("both are served");
    }
    assert_eq!(stalled.client.stats().desyncs, 0);
    let checked = stalled.client.stats().hashes_checked;
    swirl::receive_until(stalled, "a hash after the stall", |c| c.client.stats().hashes_checked > checked).await;
    assert_eq!(stalled.client.stats().desyncs, 0);
}
