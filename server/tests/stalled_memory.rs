//! What one takes who reads nothing, or whose connection broke, while its game goes on telling it things.

use std::time::Instant;

use tickwire_server::handover::{Batch, LinkAddress, RoomId, StayId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::protocol::{ResumeClaim, ResumeToken};
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, To, World,
};

const SEATS: u16 = 20;
const SEAT_MAX_BYTES: i64 = 64 * 1024;
/// What an allocator adds to each block, generously.
const BLOCK_BYTES: i64 = 16;

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Lamp {
    #[field(min = 0, max = 1000)]
    light: u32,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Kinds {
    Lamp(Lamp),
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

/// Tells each seat a story of its own at each tick.
struct Stories {
    bytes: usize,
    told: u32,
}

impl Game for Stories {
    const NAME: &'static str = "stories";
    type World = Kinds;
    type Input = Nothing;
    type Command = ();
    type Event = Vec<u8>;
    /// How long a story is.
    type Options = usize;

    fn new(bytes: usize, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.seats = SEATS;
        Ok(Self { bytes, told: 0 })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.told += 1;
        (0..SEATS).for_each(|seat| step.send(To::Seat(SeatId(seat)), vec![seat as u8; self.bytes]));
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        out.put(EntityId(1), Place::Everywhere, &Lamp { light: self.told % 1000 });
    }
}

fn address(seat: u16) -> LinkAddress {
    LinkAddress { reactor: 0, link: LinkId(seat.into()) }
}

/// Some ticks whose frames have this outcome; tells how many bytes were for the clients, and how many a room keeps for
/// the frames of all of them.
fn run(room: &mut Room<Stories>, ticks: u32, outcome: Outcome) -> (usize, usize) {
    let (now, mut bytes, mut buffer) = (Instant::now(), 0, 0);
    for _ in 0..ticks {
        let mut sent: Option<Box<Batch>> = None;
        room.step(now, |batch| {
            sent = Some(batch);
            Ok(())
        });
        let Some(mut batch) = sent else { continue };
        batch.outcomes.extend(batch.frames.iter().map(|_| outcome));
        if outcome == Outcome::Written {
            batch.drained = batch.blocked.clone();
        }
        bytes += batch.frames.iter().flat_map(|frame| batch.frame_bytes(frame)).map(<[u8]>::len).sum::<usize>();
        buffer = batch.bytes.capacity();
        room.home(batch);
    }
    (bytes, buffer)
}

fn room(bytes: usize) -> Room<Stories> {
    let mut room = Room::<Stories>::new(RoomId(1), bytes, 1, 0, 1).expect("the game starts");
    (0..SEATS).for_each(|seat| assert_eq!(room.join(address(seat), Profile::default()), Ok(SeatId(seat))));
    room
}

#[test]
fn one_who_stands_still_takes_at_most_64_kib_whatever_it_is_told() {
    for bytes in [4, 1000, 7000, 16_000] {
        for connection_breaks in [false, true] {
            let (mut kept, mut buffer, ticks) = (None, 0, if bytes < 1000 { 300 } else { 60 });
            let taken = allocation_counter::measure(|| {
                let mut room = room(bytes);
                buffer = run(&mut room, 30, Outcome::Written).1 as i64;
                if connection_breaks {
                    (0..SEATS).for_each(|seat| room.lost(SeatId(seat), address(seat)));
                }
                run(&mut room, ticks, Outcome::Left(1));
                kept = Some(room);
            });
            let mut room = kept.expect("it was made");
            let a_seat = (taken.bytes_current - buffer + BLOCK_BYTES * taken.count_current) / i64::from(SEATS);
            println!("stories of {bytes} bytes, connection breaks: {connection_breaks}: {a_seat} bytes a seat");
            assert!(a_seat <= SEAT_MAX_BYTES, "{a_seat} bytes a seat of stories of {bytes} bytes");
            let counts = room.take_counts();
            let waiting = 256.min((16 * 1024 + 64) / (bytes as u64 + 64)) + 2;
            let told = counts.events_dropped / u64::from(SEATS) + waiting;
            assert!((u64::from(ticks)..u64::from(ticks) + 6).contains(&told), "what is dropped is counted: {counts:?}");
        }
    }
}

#[test]
fn one_who_follows_again_is_told_the_newest_and_all_that_comes() {
    const BYTES: usize = 1000;
    let mut room = room(BYTES);
    run(&mut room, 10, Outcome::Written);
    run(&mut room, 200, Outcome::Left(1));
    let before = room.take_counts();
    assert!(before.events_dropped > 100 * u64::from(SEATS), "{before:?}");
    // the first tick is for the receipt
    let (bytes, _) = run(&mut room, 10, Outcome::Written);
    let told = bytes / BYTES / usize::from(SEATS);
    assert!((15..29).contains(&told), "16 KiB that waited, and 10: {told}");
    // in the tick of the receipt, and in the next one before its frame is composed
    assert_eq!(room.take_counts().events_dropped, 2 * u64::from(SEATS));
}

#[test]
fn one_who_takes_nothing_for_a_moment_loses_nothing() {
    for ticks in [5, 10, 20] {
        let mut room = room(4_000);
        run(&mut room, 10, Outcome::Written);
        run(&mut room, ticks, Outcome::Left(1));
        let (bytes, _) = run(&mut room, ticks + 20, Outcome::Written);
        assert_eq!(room.take_counts().events_dropped, 0);
        let told = bytes / 4_000 / usize::from(SEATS);
        assert!(told >= 2 * ticks as usize + 18, "{told} of them, after {ticks} ticks");
    }
}

#[test]
fn one_who_follows_may_be_told_much_at_once() {
    // 16 KiB of it travel with each frame
    let mut room = room(16_000);
    let (bytes, _) = run(&mut room, 10, Outcome::Written);
    assert!(bytes / usize::from(SEATS) >= 10 * 16_000, "{bytes}");
    assert_eq!(room.take_counts().events_dropped, 0);
}

/// Also when much more was for it meanwhile than a room keeps for one who is away.
#[test]
fn the_longest_story_that_did_not_arrive_comes_again() {
    const BYTES: usize = 16_000;
    let mut room = room(BYTES);
    room.name_stay(SeatId(0), StayId(7));
    let (bytes, _) = run(&mut room, 10, Outcome::Written);
    let written = (bytes / BYTES / usize::from(SEATS)) as u32;
    room.lost(SeatId(0), address(0));
    run(&mut room, 60, Outcome::Written);
    let dropped = room.take_counts().events_dropped as u32;
    assert!(dropped > 40, "{dropped}");
    let claim = ResumeClaim {
        token: ResumeToken([7; 32]),
        attempt: 1,
        events: Some(written - 1),
        tick: None,
        channels: Vec::new(),
    };
    let returned = room.resume(StayId(7), address(SEATS), &claim).expect("its seat is held");
    assert_eq!(returned.events_lost, dropped, "those that were never written, and no other");
}
