//! Whatever a server sends, a client neither panics nor grows, and what it shows is of its game. True: the server
//! did nothing wrong.
//!
//! ```text
//! input   flags · { what · milliseconds since · length · bytes }
//! what    0 a message · 1 a frame of the next tick, without it · 2 the player's input · 3 a look
//!         4 the seat is given back · 5 the connection breaks, and another one stands
//! ```

use std::sync::OnceLock;
use std::time::Duration;

use tickwire_arena::{Arena, Entity, Input};
use tickwire_shared::client::{Returning, State};
use tickwire_shared::protocol::{ResumeToken, ServerMessage};
use tickwire_shared::schema::Schema;
use tickwire_shared::{Client, Profile, Tick};

use super::slices;

/// The client has its seat.
const SEATED: u8 = 1;
const STEPS_MAX: usize = 30;
const EVENTS_MAX: usize = 4096;

pub fn hold(input: &[u8]) -> bool {
    let Some((flags, mut rest)) = input.split_first() else { return false };
    let client = Client::<Arena>::new(Profile::default()).expect("the game is sound");
    let mut client = client.returning(Returning::new(1));
    let mut now = Duration::from_secs(7);
    if flags & SEATED != 0 {
        take_seat(&mut client, now);
    }
    let (mut tick, mut result) = (Tick(1000), Ok(()));
    for _ in 0..STEPS_MAX {
        let Some((&[what, passed_ms], behind)) = rest.split_first_chunk::<2>() else { break };
        rest = behind;
        let Some(bytes) = slices::take(&mut rest) else { break };
        now += Duration::from_millis(u64::from(passed_ms));
        result = match what % 6 {
            0 => client.handle_message(now, bytes),
            1 => {
                tick = tick.next();
                slices::frame(tick, bytes).map_or(Ok(()), |message| client.handle_message(now, &message))
            }
            2 => {
                client.input(now, &Input::default());
                Ok(())
            }
            3 => {
                look(&client, now);
                Ok(())
            }
            4 => {
                client.leave();
                Ok(())
            }
            _ => {
                break_off(&mut client, now);
                Ok(())
            }
        };
        let transmits = std::iter::from_fn(|| client.poll_transmit()).take(10).count();
        assert!(transmits <= 4, "{transmits} messages for one");
        if result.is_err() {
            break;
        }
    }
    look(&client, now);
    let events = std::iter::from_fn(|| client.poll_event()).count();
    assert!(events <= EVENTS_MAX);
    result.is_ok() && client.stats().desyncs == 0
}

fn break_off(client: &mut Client<Arena>, now: Duration) {
    let newest = client.newest_all().count();
    if client.handle_disconnected(now, 1006, "") {
        assert_eq!(client.newest_all().count(), newest, "all stays as it was");
        assert!(client.poll_connect(now + Duration::from_secs(60)));
        client.handle_connected();
    }
}

fn take_seat(client: &mut Client<Arena>, now: Duration) {
    static FINGERPRINT: OnceLock<u64> = OnceLock::new();
    let fingerprint = *FINGERPRINT.get_or_init(|| Schema::of::<Arena>().fingerprint());
    let welcome = ServerMessage::Welcome { fingerprint, schema: None };
    let joined = ServerMessage::Joined {
        room: 1,
        seat: 2,
        tick: Tick(1000),
        rate_hz: 30,
        token: Some(ResumeToken([7; 32])),
        code: None,
    };
    for message in [welcome, joined] {
        client.handle_message(now, &message.encode()).expect("a server says so");
    }
    assert!(matches!(client.state(), State::Playing { .. }));
    assert_eq!(std::iter::from_fn(|| client.poll_transmit()).count(), 3, "hello, join, ping");
}

fn look(client: &Client<Arena>, now: Duration) {
    let newest = client.newest_all().count();
    assert!(client.tick().is_some() || newest == 0);
    for (_, entity) in client.sample(now) {
        let (x, y) = match entity {
            Entity::Ship(ship) => (ship.x, ship.y),
            Entity::Rock(rock) => (rock.x, rock.y),
            _ => (0.0, 0.0),
        };
        assert!((-512.0..=512.0).contains(&x) && (-512.0..=512.0).contains(&y), "{x} {y}");
    }
    let stats = client.stats();
    assert!(stats.hashes_checked <= stats.frames);
    let _ = client.state_hash();
}
