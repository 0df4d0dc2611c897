//! What a look into a room costs its tick thread, for the dashboard: the copy of entities and seats between two ticks.
//!
//! ```text
//! cargo bench -p tickwire-server --bench inspect
//! ```
//! Agents wander over a square; clients see 64 m around theirs, and one of them is asked for. It must stay below a
//! millisecond for 1,000 entities, with 5,000 seats too (of which the most that can be asked for are told), and exits with 1
//! if its 99th percentile does not.

#[path = "../sync/agents.rs"]
#[allow(dead_code)] // the other benchmark needs more of it
mod agents;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::{Agents, Crowd};
use tickwire_server::handover::inspect::Inspect;
use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::schema::Schema;
use tickwire_shared::{Profile, SeatId};

const BOUND: Duration = Duration::from_millis(1);
const LOOKS: usize = 2_000;
const WARM_TICKS: usize = 40;

fn main() -> ExitCode {
    println!("{:>10} {:>8} {:>8} {:>12} {:>12}", "entities", "told", "seats", "median", "p99");
    let mut holds = true;
    for (agents, seats) in [(1_000, 16), (1_000, 200), (10_000, 200), (10_000, 1_000), (1_000, 5_000), (100_000, 200)] {
        let (told, median, p99) = looks(agents, seats);
        let us = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
        println!("{agents:>10} {told:>8} {seats:>8} {:>12} {:>12}", us(median), us(p99));
        holds &= agents > 1_000 || p99 <= BOUND;
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many entities are told; how long it takes.
fn looks(agents: u32, seats: u16) -> (usize, Duration, Duration) {
    let schema = Arc::new(Schema::of::<Agents>());
    let crowd = Crowd { agents, seats, ..Crowd::default() };
    let mut room = Room::<Agents>::new(RoomId(1), crowd, 1, 0, 1).expect("the agents refuse nothing");
    for link in 0..seats {
        let address = LinkAddress { reactor: 0, link: LinkId(link.into()) };
        room.join(address, Profile::named("somebody")).expect("there is space");
    }
    (0..WARM_TICKS).for_each(|_| step(&mut room));
    let asked = Inspect { seat: Some(SeatId(seats / 2)), area: None, max: 1_000, seats_max: 1_000, seats_after: None };
    let (mut told, mut times) = (0, Vec::with_capacity(LOOKS));
    for look in 0..LOOKS {
        if look % 100 == 0 {
            step(&mut room);
        }
        let began = Instant::now();
        let inspection = room.inspect(Arc::clone(&schema), &asked);
        times.push(began.elapsed());
        assert!(inspection.held.is_some_and(|held| !held.is_empty()), "the seat holds something");
        told = inspection.entities.len();
    }
    times.sort_unstable();
    (told, times[LOOKS / 2], times[LOOKS * 99 / 100])
}

fn step(room: &mut Room<Agents>) {
    let mut sent = None;
    room.step(Instant::now(), |batch| {
        sent = Some(batch);
        Ok(())
    });
    if let Some(mut batch) = sent {
        batch.outcomes.extend(batch.frames.iter().map(|_| Outcome::Written));
        room.home(batch);
    }
}
