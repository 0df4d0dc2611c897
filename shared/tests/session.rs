//! A recorded session is played back: after every message the client holds what the recording's client held.
//! The file's layout: shared/tests/session/README.md.

use std::time::Duration;

use proptest::prelude::*;
use tickwire_shared::client::{UntypedClient, UntypedEvent};
use tickwire_shared::delta::StatePool;
use tickwire_shared::protocol::VERSION;
use tickwire_shared::protocol::frame::is_frame;
use tickwire_shared::protocol::limits::INPUT_LANES_MAX;
use tickwire_shared::{EntityId, Profile, client::State};

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

/// What came when, and what the client's state was then: hash and count of entities.
struct Session {
    game: String,
    messages: Vec<(Duration, Vec<u8>, u32, usize)>,
}

fn session() -> Session {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/session/arena.session")).expect(AGAIN);
    let mut file = Reader(&bytes);
    assert_eq!(file.take(8), b"tickwire");
    let version = file.number::<2>();
    assert_eq!(version, u64::from(VERSION), "the recording speaks another version of the protocol; {AGAIN}");
    let length = file.number::<1>() as usize;
    let game = String::from_utf8(file.take(length).to_vec()).expect(AGAIN);
    let mut messages = Vec::new();
    while !file.0.is_empty() {
        let now = Duration::from_micros(file.number::<8>());
        let length = file.number::<4>() as usize;
        let message = file.take(length).to_vec();
        messages.push((now, message, file.number::<4>() as u32, file.number::<4>() as usize));
    }
    Session { game, messages }
}

#[test]
fn a_recorded_session_gives_the_same_states() {
    let Session { game, messages } = session();
    let mut client = UntypedClient::of_game(&game, Profile::default());
    let (mut count, mut most) = (0, 0);
    for (now, message, hash, entities) in messages {
        client.handle_message(now, &message).expect("the recording's client took it");
        count += 1;
        assert_eq!(client.state_hash(), hash, "the state after message {count}");
        assert_eq!(client.newest_all().count(), entities, "entities after message {count}");
        assert_eq!(client.sample(now).filter(|between| !(0.0..=1.0).contains(&between.t)).count(), 0);
        most = most.max(entities);
    }
    assert!(matches!(client.state(), State::Playing { .. }));
    let stats = client.stats();
    assert_eq!(stats.desyncs, 0);
    assert!(stats.hashes_checked > 5, "the server's own hashes are in it: {}", stats.hashes_checked);
    assert!(count > 250 && most > 20, "{count} messages, {most} entities at most");
}

/// Plays the messages to a client with a past and to one without, alone and in a pool whose clients have had the right
/// ones: they hold, find wrong and say the same. Gives after how many the state was not that of the recording.
fn play_to_both(game: &str, messages: &[(Duration, Vec<u8>, u32, usize)], are_sound: bool) -> usize {
    let (pool, headless) = (StatePool::default(), || UntypedClient::of_game(game, Profile::default()));
    let mut right = headless().pooled(&pool);
    for (now, message, ..) in session().messages {
        right.handle_message(now, &message).expect("the recording's client took it");
    }
    let wrong = play_to_two(game, messages, are_sound, headless().without_playback());
    assert_eq!(play_to_two(game, messages, are_sound, headless().pooled(&pool)), wrong);
    wrong
}

fn play_to_two(
    game: &str,
    messages: &[(Duration, Vec<u8>, u32, usize)],
    are_sound: bool,
    mut headless: UntypedClient,
) -> usize {
    let mut full = UntypedClient::of_game(game, Profile::default());
    let mut wrong = 0;
    for (now, message, hash, _) in messages {
        let handled = full.handle_message(*now, message);
        assert_eq!(headless.handle_message(*now, message), handled);
        assert_eq!(headless.state_hash(), full.state_hash());
        assert!(headless.owned().eq(full.owned()));
        assert_eq!(headless.sample(*now).count(), 0);
        for client in [&mut full, &mut headless] {
            if matches!(client.state(), State::Playing { .. }) {
                // how many lanes there are is said to who gives none
                let of = client.input(*now, &[]).map_or_else(|error| error.of, |_| 0);
                client.input(*now, &[0; INPUT_LANES_MAX][..of]).expect("zeros are in range");
            }
        }
        let said = |client: &mut UntypedClient| -> Vec<_> { std::iter::from_fn(|| client.poll_transmit()).collect() };
        assert_eq!(said(&mut headless), said(&mut full));
        // a spoilt frame may tell of the same entity in two channels; then either is as wrong as the other
        let is_told = |event: &UntypedEvent| {
            are_sound || !matches!(event, UntypedEvent::Spawned { .. } | UntypedEvent::Despawned { .. })
        };
        let told = |client: &mut UntypedClient| -> Vec<_> {
            std::iter::from_fn(|| client.poll_event()).filter(is_told).collect()
        };
        assert_eq!(told(&mut headless), told(&mut full));
        assert!(!are_sound || newest(&headless) == newest(&full));
        let counted = |client: &UntypedClient| {
            let stats = client.stats();
            (stats.hashes_checked, stats.desyncs, stats.frames)
        };
        assert_eq!(counted(&headless), counted(&full));
        wrong += usize::from(full.state_hash() != *hash);
        if handled.is_err() {
            break;
        }
    }
    wrong
}

#[test]
fn a_client_without_playback_holds_and_says_what_a_full_one_does() {
    let Session { game, messages } = session();
    assert_eq!(play_to_both(&game, &messages, true), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_client_without_playback_finds_the_same_wrong_states(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..8), 1..6),
    ) {
        let Session { game, mut messages } = session();
        for (message, byte, bit) in flips {
            let (_, message, ..) = message.get_mut(&mut messages);
            if is_frame(message) {
                let byte = byte.index(message.len());
                message[byte] ^= 1 << bit;
            }
        }
        play_to_both(&game, &messages, false);
    }
}

fn newest(client: &UntypedClient) -> Vec<(EntityId, u16, Vec<u32>)> {
    let mut all: Vec<_> = client.newest_all().map(|(id, kind, row)| (id, kind, row.to_vec())).collect();
    all.sort_unstable();
    all
}
