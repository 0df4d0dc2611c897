//! A recorded session is played back: after every message the client holds what the recording's client held.
//! The file's layout: shared/tests/session/README.md.

use std::time::Duration;

use tickwire_shared::client::UntypedClient;
use tickwire_shared::protocol::VERSION;
use tickwire_shared::{Profile, client::State};

const AGAIN: &str = "record it again: cargo run --release -p tickwire-server --example record_session";

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) =
            self.0.split_at_checked(count).unwrap_or_else(|| panic!("the recording ends early; {AGAIN}"));
        self.0 = left;
        taken
    }

    fn number<const BYTES: usize>(&mut self) -> u64 {
        self.take(BYTES).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[test]
fn a_recorded_session_gives_the_same_states() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/session/arena.session")).expect(AGAIN);
    let mut file = Reader(&bytes);
    assert_eq!(file.take(8), b"tickwire");
    let version = file.number::<2>();
    assert_eq!(version, u64::from(VERSION), "the recording speaks another version of the protocol; {AGAIN}");
    let length = file.number::<1>() as usize;
    let game = String::from_utf8(file.take(length).to_vec()).expect(AGAIN);
    let mut client = UntypedClient::of_game(&game, Profile::default());
    let (mut messages, mut most) = (0, 0);
    while !file.0.is_empty() {
        let now = Duration::from_micros(file.number::<8>());
        let length = file.number::<4>() as usize;
        client.handle_message(now, file.take(length)).expect("the recording's client took it");
        let (hash, entities) = (file.number::<4>() as u32, file.number::<4>() as usize);
        messages += 1;
        assert_eq!(client.state_hash(), hash, "the state after message {messages}");
        assert_eq!(client.newest_all().count(), entities, "entities after message {messages}");
        assert_eq!(client.sample(now).filter(|between| !(0.0..=1.0).contains(&between.t)).count(), 0);
        most = most.max(entities);
    }
    assert!(matches!(client.state(), State::Playing { .. }));
    let stats = client.stats();
    assert_eq!(stats.desyncs, 0);
    assert!(stats.hashes_checked > 5, "the server's own hashes are in it: {}", stats.hashes_checked);
    assert!(messages > 250 && most > 20, "{messages} messages, {most} entities at most");
}
