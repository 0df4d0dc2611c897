//! What a small room takes: a server has ten thousand of them, and most of their seats are idle.

#[path = "../examples/many_rooms/four.rs"]
mod four;

use std::time::Instant;

use tickwire_server::handover::{Batch, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::protocol::input::{InputLanes, TickInput, ViewLag};
use tickwire_shared::{Game, Leave, Profile, Replicate, SeatId, Setup};

use four::{Four, Keys};

/// Above what its game has for itself.
const ROOM_MAX_BYTES: i64 = 16 * 1024;
/// What an allocator adds to each block, generously: a head, and what rounding up to its grain takes.
const BLOCK_BYTES: i64 = 16;
const SEATS: u16 = 2;
/// Past the ring of 32 states, so that all that a room keeps is there.
const TICKS: u32 = 100;

/// What `make` leaves in memory.
fn kept_bytes<T>(make: impl FnOnce() -> T) -> i64 {
    let mut made = None;
    let kept = allocation_counter::measure(|| made = Some(make()));
    kept.bytes_current + BLOCK_BYTES * kept.count_current + size_of::<T>() as i64
}

/// The game without a room around it.
fn game_alone() -> Four {
    let mut game = Four::new(SEATS, &mut Setup::new(1)).expect("it refuses nothing");
    (0..SEATS).for_each(|seat| game.join(SeatId(seat), &Profile::default()).expect("there is space"));
    game.leave(SeatId(SEATS), Leave::Left);
    game
}

/// A room whose players have just come.
fn room(seats: u16) -> Room<Four> {
    let mut room = Room::<Four>::new(RoomId(1), seats, 1, 0, 1).expect("the game starts");
    for seat in 0..seats {
        assert_eq!(room.join(address(seat), Profile::default()), Ok(SeatId(seat)));
    }
    room
}

/// Some ticks, in which its players run to and fro or not; tells how many bytes their frames had.
fn run(room: &mut Room<Four>, ticks: u32, they_run: bool) -> usize {
    let (now, mut bytes) = (Instant::now(), 0);
    for tick in 0..ticks {
        for seat in (0..room.capacity() as u16).filter(|_| they_run) {
            let go = if tick / 20 % 2 == 0 { [1, 1] } else { [-1, 0] };
            let mut lanes = InputLanes::default();
            Keys { go }.to_lanes(&mut lanes[..Keys::LANES]);
            let input = TickInput { tick: room.tick().next(), lag: ViewLag::default(), lanes };
            room.input(SeatId(seat), address(seat), input, now);
        }
        let mut sent: Option<Box<Batch>> = None;
        room.step(now, |batch| {
            sent = Some(batch);
            Ok(())
        });
        let mut batch = sent.expect("players are there, and the batch is home");
        batch.outcomes.extend(batch.frames.iter().map(|_| Outcome::Written));
        bytes += batch.bytes.len();
        room.home(batch);
    }
    bytes
}

fn address(seat: u16) -> LinkAddress {
    LinkAddress { reactor: 0, link: LinkId(seat.into()) }
}

fn assert_small(they_run: bool) {
    let game = kept_bytes(game_alone);
    let room = kept_bytes(|| {
        let mut room = room(SEATS);
        run(&mut room, TICKS, they_run);
        room
    }) - game;
    println!("a room takes {room} bytes above its game's {game}");
    assert!(room > 1000, "the counter counts: {room}");
    assert!(room <= ROOM_MAX_BYTES, "a room of {SEATS} seats takes {room} bytes above its game's state");
}

#[test]
fn a_room_of_two_idle_seats_takes_at_most_16_kib() {
    assert_small(false);
}

#[test]
fn and_so_does_one_whose_players_run() {
    assert_small(true);
}

#[test]
fn what_stands_still_is_kept_once_however_many_ticks_are() {
    const MANY: u16 = 500;
    let mut room = room(MANY);
    run(&mut room, 10, false);
    let mut bytes = 0;
    let grown = allocation_counter::measure(|| bytes = run(&mut room, 60, false)).bytes_current;
    assert!(grown < 4 * 1024, "the ring of 32 ticks took {grown} bytes more for {MANY} players who stand");
    let moving = allocation_counter::measure(|| assert!(run(&mut room, 60, true) > 2 * bytes)).bytes_current;
    // two numbers of each at each tick
    let states = 31 * i64::from(MANY) * 2 * 4;
    assert!(moving >= states, "the counter counts: {moving}");
}
