//! What the client does about lost questions, late answers, and entities that change hands.

use std::time::{Duration, Instant};

use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::Room;
use tickwire_shared::client::{Client, Event, State};
use tickwire_shared::protocol::frame::{Contents, FrameHead, write_head};
use tickwire_shared::protocol::{ClientMessage, ServerMessage};
use tickwire_shared::{
    EntityId, Game, Leave, Place, Profile, Publisher, Refusal, Replicate, SeatId, Setup, Step, Tick, World,
};

const MINE_UNTIL: Tick = Tick(10);
/// Speaks of a channel that nobody has.
const ROGUE_FRAME: [u8; 4] = [0xa0, 6, 0xc6, 1];

/// One entity, which belongs to seat 0 and later to seat 1.
struct Hands {
    tick: Tick,
}

#[derive(Clone, World)]
enum Thing {
    Hoard(Hoard),
}

#[derive(Clone, Replicate)]
struct Hoard {
    open: bool,
    #[field(min = 0.0, max = 100.0, step = 1.0, owner)]
    gold: f32,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

impl Game for Hands {
    const NAME: &'static str = "hands";
    type World = Thing;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), _: &mut Setup) -> Result<Self, Refusal> {
        Ok(Self { tick: Tick(0) })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
    }
    fn publish(&self, out: &mut Publisher<'_, Thing>) {
        let owner = SeatId(u16::from(self.tick.is_after(MINE_UNTIL)));
        let hoard = Hoard { open: false, gold: self.tick.0.min(100) as f32 };
        out.put_owned(EntityId(1), Place::Everywhere, owner, &hoard);
    }
}

fn client() -> Client<Hands> {
    let mut client = Client::new(Profile::default()).expect("the test's kinds are sound");
    while client.poll_transmit().is_some() {}
    client
}

fn joined() -> Vec<u8> {
    ServerMessage::Joined { room: 1, seat: 0, tick: Tick(0), rate_hz: 30, token: None, code: None }.encode()
}

fn at(tick: u64) -> Duration {
    Duration::from_millis(tick * 33)
}

/// The frames of so many ticks for seat 0.
fn frames(ticks: u32) -> Vec<Vec<u8>> {
    let mut room = Room::<Hands>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    let link = LinkAddress { reactor: 0, link: LinkId(1) };
    room.join(link, Profile::default()).expect("there is space");
    let mut frames = Vec::new();
    for _ in 0..ticks {
        let mut home = None;
        room.step(Instant::now(), |mut batch| {
            frames.push(batch.frame_bytes(&batch.frames[0]).flatten().copied().collect());
            batch.outcomes.push(Outcome::Written);
            home = Some(batch);
            Ok(())
        });
        room.home(home.expect("there is a player"));
    }
    frames
}

fn resyncs(client: &mut Client<Hands>) -> usize {
    let resync = ClientMessage::Resync.encode();
    std::iter::from_fn(|| client.poll_transmit()).filter(|message| *message == resync).count()
}

#[test]
fn a_state_that_stays_wrong_is_told_of_twice_and_then_asked_for_anew() {
    // flags of a frame's first two bytes
    const MORE: u8 = 1;
    const WHOLE_TICK: u8 = 2;
    let mut client = client();
    client.handle_message(at(0), &joined()).expect("it asked for a seat");
    while client.poll_transmit().is_some() {}
    let mut asked = Vec::new();
    for (i, mut frame) in (0..300).zip(frames(300)) {
        // no ack, and a hash: that comes next
        if frame[0] & 6 == 4 {
            let more = if frame[0] & MORE != 0 { Some(frame[1]) } else { None };
            let tick_bytes = if more.is_some_and(|more| more & WHOLE_TICK != 0) { 4 } else { 1 };
            frame[1 + usize::from(more.is_some()) + tick_bytes] ^= 1;
        }
        client.handle_message(at(i), &frame).expect("a wrong state is no broken protocol");
        let messages = std::iter::from_fn(|| client.poll_transmit());
        asked.extend(messages.map(|message| ClientMessage::decode(&message).expect("it is sound")));
    }
    let (reports, resyncs) = asked.split_at(2);
    assert!(reports.iter().all(|message| matches!(message, ClientMessage::Desync { .. })), "{asked:?}");
    assert!(resyncs.iter().all(|message| *message == ClientMessage::Resync), "{asked:?}");
    assert!((6..=9).contains(&resyncs.len()), "asked {} times in ten seconds", resyncs.len());
    assert_eq!(client.stats().desyncs, 1);
}

#[test]
fn keyframes_are_asked_for_every_second_until_they_come() {
    let mut client = client();
    client.handle_message(at(0), &joined()).expect("it asked for a seat");
    for (i, frame) in (0..300).zip(frames(300)) {
        let message = if i == 5 { &ROGUE_FRAME[..] } else { &frame };
        client.handle_message(at(i), message).expect("a wrong state is no broken protocol");
    }
    let asked = resyncs(&mut client);
    assert!((9..=11).contains(&asked), "asked {asked} times in ten seconds");
    assert_eq!(client.stats().desyncs, 1);
}

#[test]
fn what_comes_after_the_end_is_no_fault() {
    let mut leaver = client();
    leaver.leave();
    leaver.handle_message(at(1), &joined()).expect("it was under way");
    leaver.handle_message(at(2), &frames(1)[0]).expect("so was this");
    assert!(matches!(leaver.state(), State::Closed { .. }));

    let mut stranger = client();
    let welcome = ServerMessage::Welcome { fingerprint: 1, schema: None };
    stranger.handle_message(at(0), &welcome.encode()).expect("the server may run what it likes");
    assert_eq!(stranger.poll_transmit(), Some(ClientMessage::Leave.encode()), "its join is under way");
    stranger.handle_message(at(1), &joined()).expect("it was under way");
    assert!(matches!(stranger.poll_event(), Some(Event::Refused { .. })));
    assert!(stranger.poll_event().is_none());
}

#[test]
fn owner_only_fields_move_smoothly_and_end_with_the_ownership() {
    let mut client = client();
    client.handle_message(at(0), &joined()).expect("it asked for a seat");
    for (i, frame) in (1..).zip(frames(20)) {
        client.handle_message(at(i), &frame).expect("the room's frames are sound");
        let Some(Thing::Hoard(newest)) = client.newest(EntityId(1)) else { panic!("it is everywhere") };
        let mine = i <= u64::from(MINE_UNTIL.0);
        assert_eq!(newest.gold, if mine { i as f32 } else { 0.0 });
        if let Some((_, Thing::Hoard(drawn))) = client.sample(at(i)).next()
            && mine
        {
            let behind = newest.gold - drawn.gold;
            assert!((1.0..2.5).contains(&behind), "{} is drawn when {} is known", drawn.gold, newest.gold);
        }
    }
    assert_eq!(client.owned().count(), 0);
}

#[test]
fn events_that_nobody_polls_are_dropped_and_counted() {
    let mut client = client();
    client.handle_message(at(0), &joined()).expect("it asked for a seat");
    // each rogue frame that ends the healing is a desync of its own
    for i in 0..5000u32 {
        let mut frame = Vec::new();
        let head = FrameHead { tick: Tick(i + 1), reset: true, hash: Some(1), ..FrameHead::default() };
        write_head(&head, None, &[], Contents::default(), &mut frame);
        client.handle_message(at(i.into()), &frame).expect("a wrong state is no broken protocol");
    }
    assert_eq!(std::iter::from_fn(|| client.poll_event()).count(), 4096);
    assert_eq!(client.stats().events_dropped, 5001 - 4096);
}
