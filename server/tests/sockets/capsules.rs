//! A client that tells of a wrong state leaves a capsule in the folder that is configured, and no more than some.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use tickwire_server::sync::Capsule;
use tickwire_server::{Config, Running, Server, Site};
use tickwire_shared::protocol::{ClientMessage, JoinRequest, VERSION};

use crate::swirl::{self, Swirl};
use crate::wire;

fn start(capsules: &Path) -> Running {
    let config =
        Config { listen: ([127, 0, 0, 1], 0).into(), capsules: Some(capsules.to_owned()), ..Config::default() };
    Server::bind(config).expect("loopback can be listened on").start::<Swirl>((), Site::default()).expect("it starts")
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("it can be listed").path()).collect()
}

#[test]
fn a_wrong_state_leaves_a_capsule_that_replays() {
    let folder = std::env::temp_dir().join(format!("tickwire-capsules-{}", std::process::id()));
    let server = start(&folder);
    let mut socket = wire::upgraded(&server);
    let join = ClientMessage::Join(JoinRequest::new("liar"));
    let bytes = [wire::frame(&wire::hello(VERSION)), wire::frame(&join.encode())].concat();
    socket.write_all(&bytes).expect("the server reads");
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.metrics().frames_composed.value() < 3 {
        assert!(Instant::now() < deadline, "no frame came");
        std::thread::sleep(Duration::from_millis(10));
    }
    swirl::run(async {
        let mut witness = swirl::connect(&server, "witness").await;
        while files(&folder).is_empty() {
            assert!(Instant::now() < deadline, "no capsule came");
            let before = witness.client.tick();
            swirl::receive_until(&mut witness, "a frame", |c| c.client.tick() != before).await;
            let tick = witness.client.tick().expect("a frame came");
            let report = ClientMessage::Desync { tick, hashes: vec![(0, 0xdead_beef)] };
            socket.write_all(&wire::frame(&report.encode())).expect("the server reads");
        }
    });
    assert!(server.metrics().desyncs.value() > 0);
    std::thread::sleep(Duration::from_millis(100));
    let file = files(&folder).pop().expect("it was there");
    let capsule = Capsule::decode(&std::fs::read(&file).expect("it can be read")).expect("a capsule");
    let replayed = capsule.replay().expect("it is whole");
    assert_eq!((replayed.fault, capsule.told), (None, 0xdead_beef));
    assert!(replayed.expected.is_some_and(|expected| expected != capsule.told));
    while server.metrics().channels_healed.value() == 0 {
        assert!(Instant::now() < deadline, "nothing is healed");
        std::thread::sleep(Duration::from_millis(10));
    }
    server.stop();
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
