//! The client's copy against a model that knows where everybody is: entities go from channel to channel while channels
//! are left out of frames and come late.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use tickwire_shared::bits::BitWriter;
use tickwire_shared::delta::{
    DeltaScratch, Earlier, Held, Layout, Part, Past, RowBuffer, StatePool, encode_delta, encode_keyframe, encode_row,
};
use tickwire_shared::protocol::frame::{self, Contents, Frame, FrameHead, LATE_MAX};
use tickwire_shared::replica::Replica;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};
use tickwire_shared::{EntityId, Tick};

const CHANNELS: u16 = 3;
const ENTITIES: u32 = 4;

fn schema() -> Schema {
    let field = |name: &str, owner_only| Field {
        name: name.into(),
        quantizer: Quantizer::Int { min: 0, max: 100 },
        count: 1,
        owner_only,
    };
    let input = KindSchema { name: "Keys".into(), fields: Vec::new() };
    let kinds = vec![KindSchema { name: "Body".into(), fields: vec![field("x", false), field("fuel", true)] }];
    Schema { game: "replica".into(), version: 0, kinds, input, tables: Vec::new() }
}

fn layout() -> Layout {
    Layout::new(&schema()).expect("a sound schema")
}

/// Where an entity is, if anywhere, and its value.
type World = BTreeMap<u32, (u16, u32)>;

/// What happens in a tick.
#[derive(Clone, Debug)]
struct Step {
    moves: Vec<(u32, Option<u16>, u32)>,
    /// For each channel, whether there is room for it in the frame.
    room: Vec<bool>,
    /// The seat's own entities from now on, with what only their owner knows.
    owned: Option<Vec<(u32, u32)>>,
    ends: Ends,
}

/// What is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ends {
    Nothing,
    /// The client sees this channel no more, until the next frame.
    Channel(u16),
    /// All begins anew.
    Everything,
}

fn step() -> impl Strategy<Value = Step> {
    // few values, so that somebody is often as before
    let a_move = (0..ENTITIES, prop_oneof![8 => (0..CHANNELS).prop_map(Some), 1 => Just(None)], 0u32..2);
    let room = prop::collection::vec(prop::bool::weighted(0.6), usize::from(CHANNELS));
    (prop::collection::vec(a_move, 0..3), room).prop_map(|(moves, room)| Step {
        moves,
        room,
        owned: None,
        ends: Ends::Nothing,
    })
}

/// A step with all that a frame can say.
fn any_step() -> impl Strategy<Value = Step> {
    let owned = prop::collection::btree_map(0..ENTITIES, 0u32..3, 0..3).prop_map(|owned| owned.into_iter().collect());
    let owned = prop::option::weighted(0.2, owned);
    let ends = prop_oneof![
        20 => Just(Ends::Nothing),
        2 => (0..CHANNELS).prop_map(Ends::Channel),
        1 => Just(Ends::Everything),
    ];
    (step(), owned, ends).prop_map(|(step, owned, ends)| Step { owned, ends, ..step })
}

/// A channel as the server knows it of the client.
struct Channel {
    states: [RowBuffer; 3],
    held: Held,
    /// Something of it was left out of the frames since.
    is_late: bool,
}

struct Server {
    layout: Layout,
    world: World,
    channels: BTreeMap<u16, Channel>,
    tick: Tick,
    scratch: DeltaScratch,
}

impl Server {
    fn new() -> Self {
        let world = (0..ENTITIES).map(|id| (id, (0, 0))).collect();
        let (channels, scratch) = (BTreeMap::new(), DeltaScratch::default());
        Self { layout: layout(), world, channels, tick: Tick(u32::MAX - 20), scratch }
    }

    fn happen(&mut self, moves: &[(u32, Option<u16>, u32)]) {
        for (id, channel, value) in moves {
            match channel {
                Some(channel) => drop(self.world.insert(*id, (*channel, *value))),
                None => drop(self.world.remove(id)),
            }
        }
    }

    fn rows(&self, channel: u16) -> RowBuffer {
        let mut rows = RowBuffer::default();
        for (id, (_, value)) in self.world.iter().filter(|(_, (of, _))| *of == channel) {
            rows.push(EntityId(*id), 0, 2)[0] = *value;
        }
        rows
    }

    fn is_same(&self, a: &RowBuffer, b: &RowBuffer) -> bool {
        a.rows().entities == b.rows().entities && a.rows().lanes == b.rows().lanes
    }

    /// The next frame; all channels start with its first.
    fn frame(&mut self, step: &Step) -> Vec<u8> {
        let closed: Vec<u16> = match step.ends {
            Ends::Channel(handle) => self.channels.remove(&handle).map(|_| handle).into_iter().collect(),
            Ends::Everything => {
                self.channels.clear();
                Vec::new()
            }
            Ends::Nothing => Vec::new(),
        };
        let (last, now) = (Some(self.tick).filter(|_| !self.channels.is_empty()), self.tick.next());
        self.tick = now;
        let mut parts = Vec::new();
        for handle in (0..CHANNELS).filter(|handle| !closed.contains(handle)) {
            let rows = self.rows(handle);
            let mut bits = Vec::new();
            let age = self.channels.get(&handle).map(|channel| now.since(channel.held.newest()));
            if age.is_none_or(|age| age > i32::from(LATE_MAX)) {
                encode_keyframe(&self.layout, rows.rows(), &mut bits);
                let states = [rows.clone(), rows.clone(), rows];
                self.channels.insert(handle, Channel { states, held: Held::keyframe(now), is_late: false });
                parts.push((0, handle, true, bits));
                continue;
            }
            let is_same = self.is_same(&self.channels[&handle].states[0], &rows);
            let Self { layout, channels, scratch, .. } = self;
            let channel = channels.get_mut(&handle).expect("it is known");
            if !is_same || channel.is_late {
                if !step.room[usize::from(handle)] {
                    channel.is_late = true;
                    continue;
                }
                let [base, before, older] = &channel.states;
                let earlier = channel.held.motion(now).map(|(spacing, ahead)| Earlier {
                    rows: [before.rows(), older.rows()],
                    spacing,
                    ahead,
                    moved: None,
                });
                encode_delta(layout, &Past { base: base.rows(), earlier }, rows.rows(), scratch, &mut bits);
                let late = if channel.is_late { now.since(channel.held.newest()) as u8 } else { 0 };
                parts.push((late, handle, false, bits));
            }
            channel.states.rotate_right(1);
            channel.states[0] = rows;
            (channel.held, channel.is_late) = (channel.held.frame(now), false);
        }
        parts.sort_by_key(|(late, handle, ..)| (*late, *handle));
        let mut message = Vec::new();
        let head = FrameHead { tick: now, reset: last.is_none(), ..FrameHead::default() };
        let owned = step.owned.as_ref().map(|owned| self.owned(owned));
        let contents = Contents { parts: parts.len(), owned: owned.is_some(), ..Contents::default() };
        let closed = if head.reset { &[][..] } else { &closed };
        frame::write_head(&head, last, closed, contents, &mut message);
        owned.iter().for_each(|owned| frame::write_owned(owned, &mut message));
        let (count, mut marked) = (parts.len(), 0);
        for (at, (late, handle, keyframe, bits)) in parts.into_iter().enumerate() {
            if late != marked {
                marked = late;
                frame::write_late(late, &mut message);
            }
            frame::write_part_head(handle, keyframe, (at + 1 < count).then_some(bits.len()), &mut message);
            message.extend_from_slice(&bits);
        }
        message
    }

    fn owned(&self, owned: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut bits = BitWriter::new(&mut bytes);
        bits.count(owned.len() as u32, 1);
        for (id, fuel) in owned {
            bits.write(*id, 32);
            bits.write(0, 16);
            encode_row(self.layout.kind(0).expect("the kind"), Part::Owner, &[0, *fuel], &mut bits);
        }
        bits.finish();
        bytes
    }

    fn owes_nothing(&self) -> bool {
        self.channels.values().all(|channel| !channel.is_late)
    }
}

fn known(replica: &Replica) -> BTreeMap<u32, u32> {
    replica.newest_all().map(|(id, _, row)| (id.0, row[0])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn who_changes_channels_while_they_come_late_is_neither_lost_nor_old(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut server = Server::new();
        let (mut replica, mut frame) = (Replica::new(layout()), Frame::default());
        // in the end nothing happens any more, for longer than anybody is waited for
        for step in steps.into_iter().chain(std::iter::repeat_n(rest(), 80)) {
            server.happen(&step.moves);
            let message = server.frame(&step);
            frame.parse(&message).expect("it is well formed");
            replica.apply(&frame, &message).expect("it builds on what is held");
            if server.owes_nothing() {
                let known = known(&replica);
                for (id, (channel, value)) in &server.world {
                    prop_assert_eq!(known.get(id), Some(value), "{} in {}", id, channel);
                }
            }
        }
        prop_assert_eq!(known(&replica).len(), server.world.len(), "whoever is gone is gone");
    }

    #[test]
    fn without_a_past_the_newest_state_and_what_comes_and_goes_are_the_same(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut server = Server::new();
        let (mut full, mut newest) = (Replica::new(layout()), Replica::new(layout()).without_past());
        let mut frame = Frame::default();
        for step in steps.into_iter().chain(std::iter::repeat_n(rest(), 80)) {
            server.happen(&step.moves);
            let message = server.frame(&step);
            frame.parse(&message).expect("it is well formed");
            for replica in [&mut full, &mut newest] {
                replica.apply(&frame, &message).expect("it builds on what is held");
                // what is gone is not drawn a moment later
                replica.forget_before(server.tick, 0.0);
            }
            prop_assert_eq!(full.changes(), newest.changes());
            prop_assert_eq!(full.hash(), newest.hash());
            prop_assert!(full.owned().eq(newest.owned()));
            prop_assert_eq!(rows(&full), rows(&newest));
            for id in (0..ENTITIES).map(EntityId) {
                prop_assert_eq!(full.newest(id), newest.newest(id));
            }
            prop_assert_eq!(newest.at(server.tick, 0.0).count(), 0);
        }
    }

    #[test]
    fn in_a_pool_everybody_holds_what_they_would_alone(
        steps in prop::collection::vec((any_step(), any_step(), prop::option::weighted(0.1, any::<(u16, u8)>())), 1..60),
    ) {
        let (mut servers, pool) = ([Server::new(), Server::new()], StatePool::default());
        let follows = |of: usize, behind: usize| Follower {
            of,
            messages: vec![None; behind].into(),
            frame: Frame::default(),
            alone: Replica::new(layout()).without_past(),
            pooled: Replica::new(layout()).pooled(&pool, &schema()),
        };
        // two of one room, one a few frames behind them, one of another room
        let mut followers = [follows(0, 0), follows(0, 0), follows(0, 3), follows(1, 0)];
        let rests = std::iter::repeat_with(|| (rest(), rest(), None));
        for (here, there, spoilt) in steps.into_iter().chain(rests.take(80)) {
            let mut messages = Vec::new();
            for (step, server) in [here, there].iter().zip(&mut servers) {
                server.happen(&step.moves);
                messages.push(server.frame(step));
            }
            for (at, follower) in followers.iter_mut().enumerate() {
                let mut message = messages[follower.of].clone();
                // one gets other bytes than the rest, and then, perhaps, what it cannot build on
                if let Some((place, by)) = spoilt.filter(|_| at == 1) {
                    let place = usize::from(place) % message.len();
                    message[place] ^= by;
                }
                follower.follow(message)?;
            }
        }
        let first = &followers[0];
        prop_assert_eq!(rows(&first.pooled), rows(&followers[2].pooled));
    }

    #[test]
    fn what_one_of_a_pool_has_decoded_another_has_not_to(
        steps in prop::collection::vec(step(), 1..60),
        behind in 0usize..6,
    ) {
        let (mut server, pools) = (Server::new(), [(); 2].map(|()| StatePool::default()));
        let mut replicas = [0, 1, 1].map(|pool| Replica::new(layout()).pooled(&pools[pool], &schema()));
        let mut frames = [(); 3].map(|()| Frame::default());
        let mut messages = Vec::new();
        // all begins anew now and then; the third comes with the second beginning, and is some frames behind
        for (at, step) in steps.into_iter().enumerate() {
            server.happen(&step.moves);
            let ends = if at % 9 == 0 { Ends::Everything } else { Ends::Nothing };
            messages.push(server.frame(&Step { ends, ..step }));
            let third = at.checked_sub(behind).filter(|third| *third >= 9);
            for (who, at) in [(0, Some(at)), (1, Some(at)), (2, third)] {
                let Some(at) = at else { continue };
                frames[who].parse(&messages[at]).expect("it is well formed");
                replicas[who].apply(&frames[who], &messages[at]).expect("it builds on what is held");
            }
            prop_assert_eq!(pools[0].decoded(), pools[1].decoded());
        }
    }
}

#[test]
fn what_a_pool_holds_does_not_grow_with_time() {
    let (mut server, pool) = (Server::new(), StatePool::default());
    let (mut replica, mut frame) = (Replica::new(layout()).pooled(&pool, &schema()), Frame::default());
    let mut most = 0;
    for tick in 0..60_000 {
        // hardly a state comes twice
        let moves =
            (0..ENTITIES).map(|id| (id, Some(0), ((tick * 4 + id).wrapping_mul(0x9e37_79b9) >> 16) % 101)).collect();
        let step = Step { moves, ..rest() };
        server.happen(&step.moves);
        let message = server.frame(&step);
        frame.parse(&message).expect("it is well formed");
        replica.apply(&frame, &message).expect("it builds on what is held");
        if tick == 30_000 {
            most = pool.states();
        }
    }
    // what the latest deltas have made, and no more than that
    assert!(pool.states() <= most + most / 100 && most > 100, "{most} states, then {}", pool.states());
}

#[test]
fn asked_twice_or_too_late_it_stays_as_it_is() {
    let pool = StatePool::default();
    let ways: [fn(Replica, &StatePool) -> Replica; 3] =
        [|replica, _| replica, |replica, _| replica.without_past(), |replica, pool| replica.pooled(pool, &schema())];
    for first in ways {
        for then in ways {
            let (mut server, mut frame) = (Server::new(), Frame::default());
            let mut replica = first(Replica::new(layout()), &pool);
            for value in 1..6 {
                server.happen(&[(0, Some(0), value)]);
                let message = server.frame(&rest());
                frame.parse(&message).expect("it is well formed");
                replica.apply(&frame, &message).expect("it builds on what is held");
                replica = then(replica, &pool);
                assert_eq!(known(&replica).get(&0), Some(&value));
                assert_eq!(known(&replica).len(), server.world.len());
            }
        }
    }
}

/// One who gets a server's frames, and holds them with a pool and without.
struct Follower {
    of: usize,
    messages: VecDeque<Option<Vec<u8>>>,
    frame: Frame,
    alone: Replica,
    pooled: Replica,
}

impl Follower {
    fn follow(&mut self, message: Vec<u8>) -> Result<(), TestCaseError> {
        self.messages.push_back(Some(message));
        let Some(Some(message)) = self.messages.pop_front() else { return Ok(()) };
        let Self { frame, alone, pooled, .. } = self;
        if frame.parse(&message).is_err() {
            return Ok(());
        }
        prop_assert_eq!(alone.apply(frame, &message), pooled.apply(frame, &message));
        prop_assert_eq!(alone.changes(), pooled.changes());
        prop_assert_eq!(alone.hash(), pooled.hash());
        prop_assert_eq!(rows(alone), rows(pooled));
        let hashes = |replica: &Replica| replica.channel_hashes().collect::<BTreeMap<_, _>>();
        prop_assert_eq!(hashes(alone), hashes(pooled));
        if alone.tick().is_some_and(|tick| tick.0 % 64 == 9) {
            // another connection goes on from here; what follows may fit no more, for both
            prop_assert_eq!(alone.go_on(), pooled.go_on());
        }
        Ok(())
    }
}

/// Nothing happens, and there is room for all.
fn rest() -> Step {
    Step { moves: Vec::new(), room: vec![true; CHANNELS.into()], owned: None, ends: Ends::Nothing }
}

fn rows(replica: &Replica) -> BTreeMap<EntityId, (u16, Vec<u32>)> {
    replica.newest_all().map(|(id, kind, row)| (id, (kind, row.to_vec()))).collect()
}
