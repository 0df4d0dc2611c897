//! What very many rooms cost. Measures with an otherwise idle machine:
//!
//! ```text
//! cargo run --release -p tickwire-server --example many_rooms -- idle
//!     10,000 rooms of 2 seats whose players say nothing: memory of a room above its game's state, time to make one
//! cargo run --release -p tickwire-server --example many_rooms -- serve
//! cargo run --release -p tickwire-bots --example four_bots -- swarm --bots 4000 --watch 95% --seconds 20 \
//!     --metrics http://127.0.0.1:7778/metrics
//!     1,000 rooms of 4 bots at 20 Hz, on one machine: how late do ticks begin?
//! ```

mod four;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use tickwire_server::handover::{Batch, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_server::{Config, Server, Site};
use tickwire_shared::{Game, Leave, Profile, SeatId, Setup};

use four::Four;

const ROOMS: u64 = 10_000;
/// Past the ring of 32 states, so that all that a room keeps is there.
const TICKS: u32 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("idle") => idle(),
        Some("serve") => serve(),
        _ => Err("say idle or serve; what they do stands at the top of server/examples/many_rooms/main.rs".into()),
    }
}

fn idle() -> Result<(), Box<dyn Error>> {
    let before = resident_bytes()?;
    let games = (0..ROOMS).map(alone).collect::<Result<Vec<Four>, _>>()?;
    let of_games = resident_bytes()?.saturating_sub(before);
    black_box(&games);
    drop(games);

    let before = resident_bytes()?;
    let (mut rooms, mut longest) = (Vec::with_capacity(ROOMS as usize), 0.0f64);
    let began = Instant::now();
    for id in 1..=ROOMS {
        let one = Instant::now();
        rooms.push(Room::<Four>::new(RoomId(id), 2, id, 0, 1)?);
        longest = longest.max(one.elapsed().as_secs_f64());
    }
    let made = began.elapsed();
    let of_new = resident_bytes()?.saturating_sub(before);
    for (number, room) in (0..).zip(&mut rooms) {
        for player in 0..2 {
            let link = LinkAddress { reactor: 0, link: LinkId(2 * number + player) };
            room.join(link, Profile::default())?;
        }
    }
    let of_joined = resident_bytes()?.saturating_sub(before);
    for _ in 0..TICKS {
        for room in &mut rooms {
            let mut sent = None;
            room.step(Instant::now(), |batch| {
                sent = Some(batch);
                Ok(())
            });
            if let Some(batch) = sent {
                room.home(written(batch));
            }
        }
    }
    let of_rooms = resident_bytes()?.saturating_sub(before);
    let each = |bytes: u64| bytes as f64 / ROOMS as f64 / 1024.0;
    println!("{ROOMS} rooms of 2 seats, after {TICKS} ticks with a frame for each");
    println!("memory of a room        {:8.2} KiB", each(of_rooms));
    println!("  when it was new       {:8.2} KiB", each(of_new));
    println!("  with its players      {:8.2} KiB", each(of_joined));
    println!("of it the game's state  {:8.2} KiB", each(of_games));
    println!("above that              {:8.2} KiB (at most 16 are wanted)", each(of_rooms.saturating_sub(of_games)));
    let (mean_us, longest_us) = (made.as_secs_f64() * 1e6 / ROOMS as f64, longest * 1e6);
    println!("to make one             {mean_us:8.1} µs, the longest {longest_us:.1} µs (at most 1000 are wanted)");
    black_box(&rooms);
    Ok(())
}

/// A game without a room around it, with two players.
fn alone(seed: u64) -> Result<Four, Box<dyn Error>> {
    let mut game = Four::new(2, &mut Setup::new(seed))?;
    for seat in 0..2 {
        game.join(SeatId(seat), &Profile::default())?;
    }
    // nothing is left out for being unused
    game.leave(SeatId(9), Leave::Left);
    Ok(game)
}

/// All of it has left.
fn written(mut batch: Box<Batch>) -> Box<Batch> {
    batch.outcomes.extend(batch.frames.iter().map(|_| Outcome::Written));
    batch
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut config = Config { listen: ([127, 0, 0, 1], 7777).into(), ..Config::default() };
    config.admin.listen = Some(([127, 0, 0, 1], 7778).into());
    let server = Server::bind(config)?.start::<Four>(4, Site::default())?;
    server.stop_on_signal(|addr| println!("rooms of four are on: ws://{addr}/ws"))?;
    Ok(())
}

/// As the system counts it (Linux).
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
