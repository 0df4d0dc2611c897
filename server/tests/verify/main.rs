//! A client whose state is wrong finds out, is healed where it is wrong, and goes on everywhere else.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tickwire_server::handover::{LinkAddress, RoomId};
use tickwire_server::net::{LinkId, Outcome};
use tickwire_server::room::{Room, RoomCounts};
use tickwire_server::sync::{Capsule, CapsuleError};
use tickwire_shared::client::Event;
use tickwire_shared::delta::{Layout, RowBuffer, decode_keyframe, encode_keyframe};
use tickwire_shared::protocol::frame::{self, Frame};
use tickwire_shared::protocol::{ClientMessage, ServerMessage, TAG_INPUT};
use tickwire_shared::{
    Client, EntityId, Game, Interest, Leave, Place, Profile, Publisher, Refusal, Replicate, Schema, SeatId, Setup,
    Step, Tick, World,
};

const RADIUS: f32 = 100.0;
const MOTHS: u32 = 40;
const LINK: LinkAddress = LinkAddress { reactor: 0, link: LinkId(1) };

/// Moths in all the cells around the middle, where the player looks. Each flutters on the spot.
struct Garden {
    tick: Tick,
}

#[derive(Clone, Debug, PartialEq, World)]
enum Kinds {
    Moth(Moth),
}

#[derive(Clone, Debug, PartialEq, Replicate)]
struct Moth {
    #[field(min = -200.0, max = 200.0, step = 0.01)]
    x: f32,
    #[field(min = 0, max = 60_000)]
    spots: u16,
}

#[derive(Clone, Default, Replicate)]
struct Nothing {
    pressed: bool,
}

fn moth(id: u32, tick: Tick) -> Moth {
    let flutter = if id.is_multiple_of(4) { 0 } else { (tick.0 * (id + 3)) % 17 };
    Moth { x: home(id).0 + flutter as f32 * 0.25, spots: (1000 + id) as u16 }
}

fn home(id: u32) -> (f32, f32) {
    ((id % 4) as f32 * 50.0 - 95.0, (id / 4 % 4) as f32 * 50.0 - 80.0)
}

impl Game for Garden {
    const NAME: &'static str = "garden";
    type World = Kinds;
    type Input = Nothing;
    type Command = ();
    type Event = ();
    type Options = ();

    fn new((): (), setup: &mut Setup) -> Result<Self, Refusal> {
        setup.interest = Interest::Radius(RADIUS);
        Ok(Self { tick: Tick(0) })
    }
    fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> {
        Ok(())
    }
    fn leave(&mut self, _: SeatId, _: Leave) {}
    fn tick(&mut self, step: &mut Step<'_, Self>) {
        self.tick = step.tick();
    }
    fn publish(&self, out: &mut Publisher<'_, Kinds>) {
        for id in 0..MOTHS {
            let (x, y) = home(id);
            out.put(EntityId(id), Place::at(x, y), &moth(id, self.tick));
        }
        out.look(SeatId(0), 0.0, 0.0);
    }
}

/// What happened on the wire and at the client.
#[derive(Debug, Default)]
struct Seen {
    /// Handles of keyframes, by tick.
    keyframes: Vec<(u32, u16)>,
    resets: Vec<u32>,
    /// Ticks at which the client found its state wrong.
    desyncs: Vec<u32>,
    reports: u32,
    resyncs: u32,
    /// Ticks at which a moth was not as it should be, and which.
    wrong: Vec<(u32, u32)>,
    counts: RoomCounts,
    capsules: Vec<Vec<u8>>,
}

/// A room and a client, `delay` ticks apart each way. `spoil` may change a frame on its way.
fn play(ticks: u32, delay: usize, mut spoil: impl FnMut(u32, &Frame, Vec<u8>) -> Vec<u8>) -> (Seen, Client<Garden>) {
    let mut room = Room::<Garden>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    room.join(LINK, Profile::default()).expect("there is space");
    room.keep_capsules();
    let mut client = Client::<Garden>::new(Profile::default()).expect("the test's kinds are sound");
    let joined = ServerMessage::Joined { room: 1, seat: 0, tick: Tick(0), rate_hz: 30, token: None, code: None };
    client.handle_message(Duration::ZERO, &joined.encode()).expect("it asked for a seat");
    while client.poll_transmit().is_some() {}
    let mut seen = Seen::default();
    let (mut down, mut up) = (VecDeque::from(vec![None; delay]), VecDeque::from(vec![Vec::new(); delay]));
    let mut frame = Frame::default();
    for tick in 1..=ticks {
        let now = Duration::from_micros(33_333) * tick;
        for message in up.pop_front().expect("it is filled each tick") {
            match message {
                ClientMessage::Desync { tick, hashes } => {
                    seen.reports += 1;
                    room.desync(SeatId(0), LINK, tick, &hashes);
                }
                ClientMessage::Resync => {
                    seen.resyncs += 1;
                    room.resync(SeatId(0), LINK);
                }
                _ => {}
            }
        }
        let mut home = None;
        room.step(Instant::now(), |mut batch| {
            let message: Vec<u8> = batch.frame_bytes(&batch.frames[0]).flatten().copied().collect();
            frame.parse(&message).expect("it is sound");
            let keyframes = frame.parts.iter().filter(|part| part.keyframe);
            seen.keyframes.extend(keyframes.map(|part| (tick, part.handle)));
            seen.resets.extend(frame.head.reset.then_some(tick));
            down.push_back(Some(spoil(tick, &frame, message)));
            batch.outcomes.push(Outcome::Written);
            home = Some(batch);
            Ok(())
        });
        room.home(home.expect("there is a player"));
        if let Some(message) = down.pop_front().expect("it is filled each tick") {
            client.handle_message(now, &message).expect("it can be taken");
        }
        client.input(now, &Nothing::default());
        let said = std::iter::from_fn(|| client.poll_transmit()).filter(|message| message[0] != TAG_INPUT);
        up.push_back(said.map(|message| ClientMessage::decode(&message).expect("it is sound")).collect());
        while let Some(event) = client.poll_event() {
            if let Event::Desync { tick } = event {
                seen.desyncs.push(tick.0);
            }
        }
        if let Some(held) = client.tick() {
            for (id, Kinds::Moth(held_moth)) in client.newest_all() {
                if held_moth != moth(id.0, held) {
                    seen.wrong.push((tick, id.0));
                }
            }
        }
    }
    seen.counts = room.take_counts();
    seen.capsules = room.take_capsules().map(|(_, bytes)| bytes).collect();
    (seen, client)
}

/// `message` with another value in the first row of one of its keyframes: all is sound but not true.
fn flip(frame: &Frame, message: &[u8], handle: u16, lane: usize, by: u32) -> Vec<u8> {
    let layout = Layout::new(&Schema::of::<Garden>()).expect("the test's kinds are sound");
    let part = frame.parts.iter().find(|part| part.handle == handle && part.keyframe).expect("it has a keyframe");
    let mut rows = RowBuffer::default();
    decode_keyframe(&layout, &message[part.bits.clone()], &mut rows).expect("it is sound");
    let mut flipped = RowBuffer::default();
    for (place, row) in rows.rows().entities.iter().enumerate() {
        let lanes = rows.rows().row(layout.kind(row.kind).expect("a known kind"), row);
        let copy = flipped.push(row.id, row.kind, lanes.len());
        copy.copy_from_slice(lanes);
        copy[lane] += if place == 0 { by } else { 0 };
    }
    let mut bits = Vec::new();
    encode_keyframe(&layout, flipped.rows(), &mut bits);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    // the last part has no length
    if part.bits.end < message.len() {
        frame::write_part_length(part.bits.len(), &mut old);
        frame::write_part_length(bits.len(), &mut new);
    }
    let before = &message[..part.bits.start - old.len()];
    [before, &new, &bits, &message[part.bits.end..]].concat()
}

#[test]
fn what_is_right_is_never_sent_anew() {
    let (seen, client) = play(400, 3, |_, _, message| message);
    assert!(seen.desyncs.is_empty() && seen.wrong.is_empty() && seen.reports == 0, "{seen:?}");
    assert!(seen.keyframes.iter().all(|(tick, _)| *tick == 1) && seen.keyframes.len() >= 9, "{:?}", seen.keyframes);
    assert!(client.stats().hashes_checked >= 20);
}

#[test]
fn only_the_channel_that_is_wrong_is_healed_by_a_keyframe() {
    // a field that nobody speaks of again, and one that moves on from where it is not
    for (lane, by) in [(1, 1), (0, 40)] {
        for handle in 0..9 {
            let (seen, client) =
                play(
                    300,
                    3,
                    |tick, frame, message| {
                        if tick == 1 { flip(frame, &message, handle, lane, by) } else { message }
                    },
                );
            assert_eq!(seen.desyncs.len(), 1, "{seen:?}");
            assert_eq!((seen.reports, seen.resyncs), (1, 0), "{seen:?}");
            let later: Vec<_> = seen.keyframes.iter().filter(|(tick, _)| *tick > 1).collect();
            assert!(matches!(later[..], [(_, healed)] if *healed == handle), "{later:?} for {handle}");
            assert!(seen.resets.iter().all(|tick| *tick == 1), "{:?}", seen.resets);
            assert_eq!(seen.counts.channels_healed, 1);
            let wrong: BTreeSet<u32> = seen.wrong.iter().map(|(_, id)| *id).collect();
            assert_eq!(wrong.len(), 1, "the others were right all along");
            // found with the first hash, and a way there and back
            let last = seen.wrong.iter().map(|(tick, _)| *tick).max().expect("it was wrong");
            assert!(last <= 16 + 3 * 4, "wrong until {last}");
            assert!(client.stats().frames >= 290, "it went on all the time: {} frames", client.stats().frames);
        }
    }
}

#[test]
fn several_wrong_channels_are_healed_at_once() {
    let (seen, _) = play(200, 2, |tick, frame, message| {
        if tick > 1 {
            return message;
        }
        [2, 5, 7].iter().fold(message, |message, handle| {
            let mut again = Frame::default();
            again.parse(&message).expect("it is sound");
            assert_eq!(again.parts.len(), frame.parts.len());
            flip(&again, &message, *handle, 1, 9)
        })
    });
    let healed: Vec<u16> = seen.keyframes.iter().filter(|(tick, _)| *tick > 1).map(|(_, handle)| *handle).collect();
    assert_eq!(healed.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([2, 5, 7]));
    assert_eq!((healed.len(), seen.counts.channels_healed, seen.desyncs.len()), (3, 3, 1));
}

#[test]
fn a_capsule_replays_and_tells_that_the_bytes_were_right() {
    let (seen, _) =
        play(200, 3, |tick, frame, message| if tick == 1 { flip(frame, &message, 6, 0, 40) } else { message });
    let [bytes] = &seen.capsules[..] else { panic!("{} capsules", seen.capsules.len()) };
    let capsule = Capsule::decode(bytes).expect("it was just written");
    assert_eq!(capsule.schema, Schema::of::<Garden>());
    assert_eq!(capsule.tick.0, seen.desyncs[0]);
    let replayed = capsule.replay().expect("it is whole");
    assert_eq!((replayed.fault, replayed.stands_at), (None, None));
    assert!(replayed.sent > 3, "what was sent is in it: {replayed:?}");
    assert!(capsule.states.len() > 3 && replayed.expected.is_some_and(|expected| expected != capsule.told));
    for cut in 0..bytes.len() {
        assert_eq!(Capsule::decode(&bytes[..cut]), Err(CapsuleError::Malformed));
    }
}

#[test]
fn a_capsule_shows_where_the_codec_was_wrong() {
    let (seen, _) =
        play(200, 3, |tick, frame, message| if tick == 1 { flip(frame, &message, 6, 0, 40) } else { message });
    let mut capsule = Capsule::decode(&seen.capsules[0]).expect("it was just written");
    // as if the encoder had said something else at that tick
    let changes = capsule.states.iter().position(|state| state.part.len() > 3).expect("moths flutter");
    let tick = capsule.states[changes].tick;
    capsule.states[changes].part.pop();
    assert_eq!(capsule.replay().expect("it is whole").fault, Some(tick));
    // and one whose client has stood still since
    let mut capsule = Capsule::decode(&seen.capsules[0]).expect("it was just written");
    let expected = capsule.replay().expect("it is whole").expected.expect("the tick is kept");
    (capsule.told, capsule.tick) = (expected, capsule.tick.next());
    assert!(capsule.replay().expect("it is whole").stands_at.is_some());
}

#[test]
fn who_is_so_far_away_that_nobody_remembers_is_healed_by_a_reset() {
    let (seen, client) =
        play(400, 20, |tick, frame, message| if tick == 1 { flip(frame, &message, 4, 1, 1) } else { message });
    assert!(seen.reports >= 1 && seen.counts.channels_healed == 0, "{seen:?}");
    // it asks again before the first answer can be there
    assert!((1..=2).contains(&seen.resets.iter().filter(|tick| **tick > 1).count()), "{:?}", seen.resets);
    let last = seen.wrong.iter().map(|(tick, _)| *tick).max().expect("it was wrong");
    assert!(last < 150 && client.stats().desyncs == 1, "wrong until {last}");
}

#[test]
fn a_client_that_lies_costs_a_few_keyframes_a_second() {
    let mut room = Room::<Garden>::new(RoomId(1), (), 1, 0, 1).expect("the test's game starts");
    let seat = room.join(LINK, Profile::default()).expect("there is space");
    let lies: Vec<(u16, u32)> = (0..400).map(|lie| (lie * 163, u32::from(lie))).chain([(3, 1), (3, 2)]).collect();
    let (mut keyframes, mut frame) = (0, Frame::default());
    for tick in 1..=300 {
        for _ in 0..20 {
            room.desync(seat, LINK, Tick(tick).offset(-1), &lies);
            room.desync(seat, LINK, Tick(tick).offset(i32::MIN), &lies[..3]);
        }
        let mut home = None;
        room.step(Instant::now(), |mut batch| {
            let message: Vec<u8> = batch.frame_bytes(&batch.frames[0]).flatten().copied().collect();
            frame.parse(&message).expect("it is sound");
            keyframes += frame.parts.iter().filter(|part| part.keyframe).count();
            batch.outcomes.push(Outcome::Written);
            home = Some(batch);
            Ok(())
        });
        room.home(home.expect("there is a player"));
    }
    // twice a second for ten seconds, at most all of them
    assert!(keyframes <= 21 * 17, "{keyframes} keyframes were sent");
}
