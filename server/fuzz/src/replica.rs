//! A client's copy holds what its frames said, to the lane, and a frame that contradicts it changes nothing. Two that share
//! a pool hold the same.
//! True: all were applied.
//!
//! ```text
//! input   { length · ticks since the frame before · a frame without its tick }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use tickwire_shared::delta::{
    DeltaScratch, Earlier, Held, Layout, Part, Past, RowBuffer, StatePool, decode_delta, decode_keyframe,
};
use tickwire_shared::protocol::frame::Frame;
use tickwire_shared::replica::{Change, Replica};
use tickwire_shared::{EntityId, Tick};

use super::{layouts, slices};

const FRAMES_MAX: usize = 40;
/// Near the end of the numbers, so that they wrap.
const ORIGIN: Tick = Tick(u32::MAX - 100);

pub fn hold(input: &[u8]) -> bool {
    let layout = &*layouts::LAYOUT;
    let (mut replica, pool) = (Replica::new(layout.clone()), StatePool::default());
    let mut pooled = [(); 2].map(|()| Replica::new(layout.clone()).pooled(&pool, &layouts::SCHEMA));
    let mut model = Model { layout, channels: BTreeMap::new(), alive: BTreeSet::new(), sound: true };
    let (mut frame, mut rest, mut tick) = (Frame::default(), input, ORIGIN);
    let mut applied = true;
    for _ in 0..FRAMES_MAX {
        let Some(slice) = slices::take(&mut rest) else { break };
        let Some((step, body)) = slice.split_first() else { continue };
        tick = tick.offset(i32::from(*step).max(1));
        let Some(message) = slices::frame(tick, body) else { continue };
        if frame.parse(&message).is_err() {
            applied = false;
            continue;
        }
        let before = snapshot(&replica);
        let result = replica.apply(&frame, &message);
        if result.is_ok() {
            model.apply(&frame, &message);
            model.alive_now(replica.changes());
            assert_eq!(replica.tick(), Some(tick));
            model.compare(&replica);
        } else {
            applied = false;
            assert_eq!(snapshot(&replica), before, "a refused frame changes nothing");
        }
        for pooled in &mut pooled {
            assert_eq!(pooled.apply(&frame, &message), result);
            if model.sound {
                assert_eq!(pooled.changes(), replica.changes());
                assert_eq!(snapshot(pooled), snapshot(&replica));
            }
        }
        let moment = f64::from(tick.since(ORIGIN)) - f64::from(step % 8) / 2.0;
        check_drawn(&replica, &model, moment);
        if step % 3 == 0 {
            replica.forget_before(ORIGIN, moment);
        }
    }
    applied && replica.tick().is_some()
}

type Snapshot = (Option<Tick>, u64, BTreeMap<u32, (u16, Vec<u32>)>, Vec<EntityId>);

fn snapshot(replica: &Replica) -> Snapshot {
    let newest = replica.newest_all().map(|(id, kind, row)| (id.0, (kind, row.to_vec()))).collect();
    (replica.tick(), replica.hash(), newest, replica.owned().collect())
}

/// Channels as a reader of the protocol would keep them.
struct Model {
    layout: &'static Layout,
    channels: BTreeMap<u16, Channel>,
    /// Who has spawned and not despawned.
    alive: BTreeSet<u32>,
    /// No entity was in two channels: a server never does that, and who is there is not defined then.
    sound: bool,
}

/// All states that the channel has had since its keyframe, and which of them serve.
#[derive(Clone)]
struct Channel {
    states: Vec<RowBuffer>,
    held: Held,
    /// What it was before each state but the first.
    before: Vec<Held>,
}

impl Channel {
    fn go_on(&mut self, now: Tick) {
        self.before.push(self.held);
        self.held = self.held.frame(now);
    }

    fn newest(&self) -> &RowBuffer {
        self.states.last().expect("a keyframe is one")
    }

    fn past(&self, now: Tick) -> Past<'_> {
        let earlier = self.held.motion(now).map(|(spacing, ahead)| {
            let back = |count: usize| self.states[self.states.len() - 1 - count].rows();
            Earlier { rows: [back(1), back(2)], spacing, ahead, moved: None }
        });
        Past { base: self.newest().rows(), earlier }
    }
}

impl Model {
    fn apply(&mut self, frame: &Frame, message: &[u8]) {
        if frame.head.reset {
            self.channels.clear();
        }
        for handle in &frame.closed {
            self.channels.remove(handle);
        }
        let before = self.channels.clone();
        let mut updated = BTreeSet::new();
        for part in &frame.parts {
            let late = i32::from(part.late);
            // who has left its channel may turn up in another that is late
            self.sound &= late == 0;
            assert!(updated.insert(part.handle), "a channel twice in a frame is refused");
            let (bits, mut rows) = (&message[part.bits.clone()], RowBuffer::default());
            let now = frame.head.tick;
            let channel = if part.keyframe {
                decode_keyframe(self.layout, bits, &mut rows).expect("the frame was accepted");
                Channel { states: vec![rows], held: Held::keyframe(now), before: Vec::new() }
            } else {
                let mut channel = before[&part.handle].clone();
                // the frames since did not name it, and yet it had changed
                while late > 0 && channel.held.newest() != now.offset(-late) {
                    channel.states.pop();
                    channel.held = channel.before.pop().expect("the frame was accepted");
                }
                let mut scratch = DeltaScratch::default();
                let result = decode_delta(self.layout, &channel.past(now), bits, &mut scratch, &mut rows);
                result.expect("the frame was accepted");
                channel.states.push(rows);
                channel.go_on(now);
                channel
            };
            self.channels.insert(part.handle, channel);
        }
        for (handle, channel) in &mut self.channels {
            if !updated.contains(handle) {
                channel.states.push(channel.newest().clone());
                channel.go_on(frame.head.tick);
            }
        }
        let ids: Vec<EntityId> = self
            .channels
            .values()
            .flat_map(|channel| channel.newest().rows().entities)
            .map(|entity| entity.id)
            .collect();
        let distinct: BTreeSet<u32> = ids.iter().map(|id| id.0).collect();
        self.sound &= ids.len() == distinct.len();
    }

    fn alive_now(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Spawned(id, _) => assert!(self.alive.insert(id.0), "{id:?} spawned twice"),
                Change::Despawned(id, _) => assert!(self.alive.remove(&id.0), "{id:?} was not there"),
            }
        }
    }

    fn compare(&self, replica: &Replica) {
        let hashes = self.channels.values().map(|channel| channel.newest().rows().hash(self.layout));
        assert_eq!(replica.hash(), hashes.fold(0, u64::wrapping_add));
        let there: BTreeSet<u32> = replica.newest_all().map(|(id, ..)| id.0).collect();
        assert_eq!(there, self.alive, "changes tell who is there");
        if !self.sound {
            return;
        }
        let mut count = 0;
        for rows in self.channels.values().map(|channel| channel.newest().rows()) {
            for entity in rows.entities {
                let (kind, row) = replica.newest(entity.id).expect("it is in a channel");
                assert_eq!(kind, entity.kind);
                let layout = self.layout.kind(kind).expect("kinds are checked");
                assert!(!layout.differs(Part::Public, row, rows.row(layout, entity)), "{:?}", entity.id);
                count += 1;
            }
        }
        assert_eq!(there.len(), count, "nothing is there that is in no channel");
    }
}

fn check_drawn(replica: &Replica, model: &Model, moment: f64) {
    for between in replica.at(ORIGIN, moment) {
        assert!((0.0..=1.0).contains(&between.t), "{}", between.t);
        let lanes = model.layout.kind(between.kind).expect("kinds are checked").lanes();
        assert_eq!((between.earlier.len(), between.later.len()), (lanes, lanes));
    }
}
