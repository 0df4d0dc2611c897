//! Who does not read gets every second frame when it reads again, and all of them when it has kept up for two seconds;
//! nobody else notices.

use std::time::Instant;

use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, TickRate, World,
};

const RATE_HZ: u16 = 20;
const SLOW: LinkId = LinkId(7);

/// A bell that counts ticks.
struct Bell {
    ticks: u32,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Thing {
    Clapper(Clapper),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Clapper {
    strokes: u32,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl Game for Bell {
    const NAME: &'static str = "bell";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.rate = TickRate::hz(RATE_HZ);
        Ok(Self { ticks: 0 })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, _: &mut Step<'_, Self>) {
        self.ticks += 1;
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        out.put(EntityId(1), Place::Everywhere, &Clapper { strokes: self.ticks });
    }
}

/// A room with a slow client and another one.
struct Tower {
    room: Room<Bell>,
    /// A frame waits in the slow one's link.
    waits: bool,
}

impl Tower {
    fn new() -> Self {
        let mut room = Room::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
        for link in [SLOW, LinkId(8)] {
            room.join(LinkAddress { reactor: 0, link }, Profile::default()).expect("there is space");
        }
        Self { room, waits: false }
    }

    /// One tick: whether the slow client was given a frame. The other one always is.
    fn tick(&mut self, reads: bool) -> bool {
        let mut sent = None;
        self.room.step(Instant::now(), |batch| {
            sent = Some(batch);
            Ok(())
        });
        let mut batch = sent.expect("there are players");
        let mut served = false;
        for frame in &batch.frames {
            let is_slow = frame.link == SLOW;
            assert!(!(is_slow && self.waits), "nothing is composed for a client that cannot take it");
            served |= is_slow && reads;
            let outcome = if is_slow && !reads { Outcome::Skipped } else { Outcome::Written };
            self.waits |= outcome == Outcome::Skipped;
            batch.outcomes.push(outcome);
        }
        assert!(batch.frames.iter().any(|frame| frame.link != SLOW), "the other one has its frame each tick");
        if reads && std::mem::take(&mut self.waits) {
            batch.drained.extend(batch.blocked.iter().copied());
        }
        self.room.home(batch);
        served
    }

    fn served(&mut self, ticks: u16) -> u16 {
        (0..ticks).map(|_| u16::from(self.tick(true))).sum()
    }
}

#[test]
fn who_reads_is_served_each_tick() {
    assert_eq!(Tower::new().served(100), 100);
}

#[test]
fn a_hiccup_of_two_ticks_costs_two_frames() {
    let mut tower = Tower::new();
    tower.served(10);
    (0..2).for_each(|_| _ = tower.tick(false));
    // the tick at which it reads again still finds its link full
    assert_eq!(tower.served(41), 40);
}

#[test]
fn who_did_not_read_for_long_gets_half_until_it_has_kept_up_for_two_seconds() {
    let mut tower = Tower::new();
    tower.served(10);
    (0..6).for_each(|_| assert!(!tower.tick(false)));
    assert!(!tower.tick(true), "its link was full when the tick began");
    let two_seconds = 2 * RATE_HZ;
    let half = tower.served(two_seconds - 2);
    assert!((RATE_HZ - 2..=RATE_HZ).contains(&half), "{half} frames in two seconds");
    tower.served(4);
    assert_eq!(tower.served(100), 100, "it has kept up");
    // once more, and while it has half of the frames it stops for a moment
    (0..6).for_each(|_| assert!(!tower.tick(false)));
    tower.served(two_seconds - 10);
    (0..4).for_each(|_| _ = tower.tick(false));
    let half = tower.served(two_seconds - 6);
    assert!(half <= RATE_HZ - 2, "{half} frames: its two seconds begin anew");
}
