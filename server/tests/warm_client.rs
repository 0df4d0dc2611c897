//! Once warm, a client allocates nothing for a frame: memory is cleared and filled again.

use std::time::{Duration, Instant};

use tickwire_server::handover::{Batch, BatchFrame, LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::delta::Layout;
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::protocol::input::{TickInput, ViewLag};
use tickwire_shared::replica::Replica;
use tickwire_shared::{
    EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, Schema, SeatId, Setup, Step, Tick,
    World,
};

const AGENTS: u32 = 1_000;
const CLIENTS: u16 = 100;
/// Clients whose frames are read.
const READERS: u16 = 10;
const SIDE: f32 = 600.0;

/// Agents go around in circles of their own; each client follows one.
struct Circles {
    tick: Tick,
    players: Vec<SeatId>,
}

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

impl Circles {
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

impl Game for Circles {
    const NAME: &'static str = "circles";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.interest = Interest::Radius(64.0);
        setup.seats = CLIENTS;
        Ok(Self { tick: Tick(0), players: Vec::new() })
    }
    fn join(&mut self, seat: SeatId, _: &Profile) -> Result<(), Refusal> {
        self.players.push(seat);
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
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

/// One tick, with an input from each client, whose frames are all written at once; tells how many frames there were.
/// `reads` is given each of them.
fn tick(room: &mut Room<Circles>, now: Instant, mut reads: impl FnMut(&Batch, &BatchFrame)) -> usize {
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
    batch.frames.iter().for_each(|frame| reads(&batch, frame));
    batch.outcomes.resize(frames, Outcome::Written);
    room.home(batch);
    frames
}

fn address(client: u16) -> LinkAddress {
    LinkAddress { reactor: 0, link: LinkId(client.into()) }
}

#[test]
fn a_warm_client_allocates_nothing_for_a_frame() {
    /// Memory may still grow here and there, when a cell has more in it than what its memory had before.
    const TICKS: usize = 400;
    let mut room = Room::<Circles>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    for client in 0..CLIENTS {
        assert_eq!(room.join(address(client), Profile::default()), Ok(SeatId(client)));
    }
    let layout = Layout::new(&Schema::of::<Circles>()).expect("the test's game is sound");
    let client = |_| (Frame::default(), Replica::new(layout.clone()));
    let mut clients: Vec<(Frame, Replica)> = (0..READERS).map(client).collect();
    let (mut now, mut frames, mut changes) = (Instant::now(), Vec::new(), 0);
    let mut run = |ticks: usize| {
        for _ in 0..ticks {
            now += Duration::from_millis(33);
            tick(&mut room, now, |batch, frame| {
                if frame.seat.0 < READERS {
                    let message: Vec<u8> = batch.frame_bytes(frame).flatten().copied().collect();
                    frames.push((frame.seat, message));
                }
            });
        }
        let count = allocation_counter::measure(|| {
            for (seat, message) in &frames {
                let (frame, replica) = &mut clients[usize::from(seat.0)];
                frame.parse(message).expect("a whole frame");
                replica.apply(frame, message).expect("it builds on what the client holds");
                changes += replica.changes().len();
                // what is drawn is a little older
                replica.forget_before(frame.head.tick, -3.0);
            }
        });
        assert_eq!(std::mem::take(&mut frames).len(), ticks * usize::from(READERS));
        (count, std::mem::take(&mut changes))
    };
    let (cold, _) = run(40);
    assert!(cold.count_total > u64::from(READERS), "the counter counts: {cold:?}");
    run(1200);
    let (warm, changes) = run(TICKS);
    let total = TICKS * usize::from(READERS);
    println!("{} allocations in {total} frames, with which {changes} entities came and went", warm.count_total);
    assert!(changes > total / 10, "they see others come and go");
    assert!(warm.count_total < total as u64 / 4, "{warm:?}: channels or entities allocate");
}
