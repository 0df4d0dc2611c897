//! Once warm, a room allocates nothing for a client and a tick: memory is cleared and filled again.

use std::time::{Duration, Instant};

use tickwire_server::handover::{Batch, BatchFrame, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::delta::Tables;
use tickwire_shared::protocol::input::{TickInput, ViewLag};
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, To,
    World,
};

const AGENTS: u32 = 500;
const CLIENTS: u16 = 100;
const SIDE: f32 = 600.0;

/// Agents go around in circles of their own; each client follows one. With tables for the range coder, or without.
struct Circles<const TABLES: bool> {
    tick: Tick,
    players: Vec<SeatId>,
    has_events: bool,
}

/// Tables that fit nothing.
static TABLES: [u8; Tables::BYTES] = {
    let (mut tables, mut at) = ([0; Tables::BYTES], 0);
    while at < Tables::BYTES {
        tables[at] = (at % 256) as u8;
        at += 1;
    }
    tables
};

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Agent(Agent),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Agent {
    #[field(min = 0.0, max = SIDE, step = 0.05)]
    x: f32,
    #[field(min = 0.0, max = SIDE, step = 0.05)]
    y: f32,
    #[field(angle_bits = 8)]
    heading: f32,
    #[field(min = 0, max = 100, owner)]
    breath: u8,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl<const TABLES: bool> Circles<TABLES> {
    fn agent(&self, id: u32) -> Agent {
        let middle = (60.0 + (id * 37 % 480) as f32, 60.0 + (id * 101 % 480) as f32);
        let heading = id as f32 + self.tick.0 as f32 * (0.01 + (id % 7) as f32 * 0.004);
        // a third of them stand for a while, at different times
        let still = (self.tick.0 / 50 + id).is_multiple_of(3);
        let heading = if still { id as f32 } else { heading };
        let (x, y) = (middle.0 + 50.0 * heading.cos(), middle.1 + 50.0 * heading.sin());
        Agent { x, y, heading, breath: (self.tick.0 / 4 % 100) as u8 }
    }
}

impl<const TABLES: bool> Game for Circles<TABLES> {
    const NAME: &'static str = "circles";
    const TABLES: &'static [u8] = if TABLES { &crate::TABLES } else { &[] };
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = u64;
    /// Whether what is far comes more rarely, the bytes a second of each client, and whether something happens.
    type Options = (bool, Option<u32>, bool);

    fn new((far_is_rarer, bytes_per_s, has_events): Self::Options, setup: &mut Setup) -> Result<Self, Refusal> {
        setup.interest = Interest::Radius(64.0);
        setup.seats = CLIENTS;
        setup.far_is_rarer = far_is_rarer;
        setup.client_bytes_per_s = bytes_per_s;
        Ok(Self { tick: Tick(0), players: Vec::new(), has_events })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.players.push(seat);
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
        if self.has_events {
            step.send(To::All, u64::from(self.tick.0) << 20);
        }
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        for id in 0..AGENTS {
            let agent = self.agent(id);
            let place = Place::at(agent.x, agent.y);
            match self.players.get(id as usize) {
                Some(seat) => {
                    out.look(*seat, agent.x, agent.y);
                    out.put_owned(EntityId(id), place, *seat, &agent);
                }
                None => out.put(EntityId(id), place, &agent),
            }
        }
    }
}

/// One tick, with an input from each client, whose frames are written at once, but for those of every so manieth client:
/// these take nothing for a while. Tells how many frames there were.
fn tick<const TABLES: bool>(room: &mut Room<Circles<TABLES>>, now: Instant, skipped: Option<u32>) -> usize {
    let next = room.tick().next();
    for client in 0..CLIENTS {
        let input = TickInput { tick: next, lag: ViewLag::default(), lanes: [1, 0, 0, 0, 0, 0, 0, 0] };
        room.input(SeatId(client), address(client), input, now);
    }
    let mut sent: Option<Box<Batch>> = None;
    room.step(now, |batch| {
        sent = Some(batch);
        Ok(())
    });
    let mut batch = sent.expect("clients are there, and the batch is home");
    let frames = batch.frames.len();
    let Batch { frames: composed, outcomes, blocked, drained, .. } = &mut *batch;
    let is_slow = |seat: SeatId| skipped.is_some_and(|skipped| u32::from(seat.0).is_multiple_of(skipped));
    // each for another time, up to 30 ticks
    let stalls =
        |seat: SeatId| is_slow(seat) && !(next.0 + u32::from(seat.0)).is_multiple_of(2 + u32::from(seat.0) % 29);
    let outcome = |frame: &BatchFrame| if stalls(frame.seat) { Outcome::Skipped } else { Outcome::Written };
    outcomes.extend(composed.iter().map(outcome));
    drained.extend(blocked.iter().filter(|(_, seat)| !stalls(*seat)));
    room.home(batch);
    frames
}

fn address(client: u16) -> LinkAddress {
    LinkAddress { reactor: 0, link: LinkId(client.into()) }
}

/// Allocations of a warm room, in [`TICKS`] ticks.
fn warm<const TABLES: bool>(what: &str, options: (bool, Option<u32>, bool), skipped: Option<u32>) -> u64 {
    let mut room = Room::<Circles<TABLES>>::new(RoomId(1), options, 1, 0, 1).expect("the test's game starts");
    for client in 0..CLIENTS {
        assert_eq!(room.join(address(client), Profile::default()), Ok(SeatId(client)));
    }
    let (mut now, clients) = (Instant::now(), u64::from(CLIENTS));
    let mut run = |ticks: u64| {
        let mut frames = 0;
        for _ in 0..ticks {
            now += Duration::from_millis(33);
            frames += tick(&mut room, now, skipped) as u64;
        }
        let all = frames == ticks * clients;
        assert!(all == skipped.is_none() && frames > ticks * clients / 2, "{frames} frames in {ticks} ticks");
    };
    let cold = allocation_counter::measure(|| run(40));
    assert!(cold.count_total > clients, "the counter counts: {cold:?}");
    run(250);
    let warm = allocation_counter::measure(|| run(TICKS));
    println!("{what}: {} allocations of {} bytes in {TICKS} ticks", warm.count_total, warm.bytes_total);
    warm.count_total
}

const TICKS: u64 = 100;
/// Memory may still grow here and there, when a client sees more than anybody before.
const GROWS: u64 = TICKS * 3 / 5;
/// And where what is left out differs from client to client, longer: still a fortieth of one for each client and tick.
const GROWS_LONGER: u64 = TICKS * CLIENTS as u64 / 40;

#[test]
fn a_warm_room_allocates_nothing_for_a_client_and_tick() {
    let all = (false, None, false);
    for (what, allocations, most) in [
        ("all", warm::<false>("all", all, None), GROWS),
        ("tables", warm::<true>("tables", all, None), GROWS),
        ("every 7th skipped", warm::<false>("every 7th skipped", all, Some(7)), GROWS),
        ("tiers", warm::<false>("tiers", (true, None, false), None), GROWS_LONGER),
        ("a budget", warm::<false>("a budget", (false, Some(3000), false), None), GROWS_LONGER),
        ("all of it", warm::<true>("all of it", (true, Some(3000), false), Some(7)), GROWS_LONGER),
    ] {
        assert!(allocations < most, "{what}: {allocations}: frames or channels allocate");
    }
}

#[test]
fn an_event_is_allocated_once_for_all_who_get_it() {
    // its bytes, once as they are written and once as they are shared
    const EVENT: u64 = 4;
    let allocations = warm::<false>("events", (false, None, true), Some(7));
    assert!(allocations < GROWS + EVENT * TICKS, "{allocations}: there are {CLIENTS} clients");
}
