//! Both ends of one measurement: a recording goes in on one side, and on the other a replica must hold its integers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tickwire_server::sync::{Channel, ComposeTick, Encoder, FrameSink, Grid, Store, View};
use tickwire_shared::delta::{
    DeltaScratch, Earlier, Held, Layout, Past, RowBuffer, Rows, States, Training, decode_delta, decode_keyframe,
};
use tickwire_shared::protocol::frame::{self, Contents, Frame, FrameHead};
use tickwire_shared::publish::{Published, PutEntity};
use tickwire_shared::replica::Replica;
use tickwire_shared::schema::{KindSchema, Schema};
use tickwire_shared::{EntityId, Interest, Layer, Place, Replicate, SeatId, Tick, World};

use crate::recording::{CUBES, Cube, Recording, Scene};

/// How the frames of a recording are sent.
#[derive(Clone, Copy)]
pub struct Mode {
    pub name: &'static str,
    /// Only each so-many-th frame is sent.
    pub every: usize,
    /// What is sent builds on the state of so many sends before.
    pub back: u32,
    /// The first sends are not counted.
    pub skipped: usize,
}

impl Mode {
    /// Frames of the recording in a second.
    const HZ: f64 = 60.0;

    /// Sends in a second.
    pub fn hz(&self) -> f64 {
        Self::HZ / self.every as f64
    }
}

/// What one pass over a recording came to.
#[derive(Default)]
pub struct Measured {
    pub sends: usize,
    /// Of whole frames, less the hashes in them.
    pub bytes: usize,
    /// Cubes that differed from what the delta built on.
    pub changed: usize,
    pub encoding: Duration,
    pub decoding: Duration,
    /// All that a client does with a frame; nothing where no client does it.
    pub applying: Duration,
}

/// Sends a whole recording and compares every integer of every frame; with a range coder when there are `tables`.
pub fn measure(recording: &Recording, mode: Mode, tables: &[u8]) -> Result<Measured> {
    let layout = layout(tables)?;
    let mut sender = Sender::new(layout.clone());
    let mut receiver = Receiver::new(layout);
    let mut measured = Measured::default();
    let mut sent: VecDeque<&[u32]> = VecDeque::new();
    for (number, lanes) in recording.frames().step_by(mode.every).enumerate() {
        let tick = Tick(number as u32 + 1);
        sender.settle(tick, lanes);
        let (message, encoding) =
            if mode.back == 1 { sender.compose(tick) } else { sender.name_base(tick, mode.back) }?;
        let (hash_bytes, decoding, applying) = receiver.take(&message, mode.back)?;
        receiver.compare(lanes).with_context(|| format!("{}: frame {number} came out wrong", mode.name))?;
        if let Some(base) = sent.get(mode.back as usize - 1).filter(|_| number >= mode.skipped) {
            let cubes = |frame| <[u32]>::chunks_exact(frame, Cube::LANES);
            measured.sends += 1;
            measured.bytes += message.len() - hash_bytes;
            measured.changed += cubes(lanes).zip(cubes(base)).filter(|(now, before)| now != before).count();
            measured.encoding += encoding;
            measured.decoding += decoding;
            measured.applying += applying;
        }
        sent.push_front(lanes);
        sent.truncate(mode.back as usize);
    }
    Ok(measured)
}

/// Counts what a whole recording would say.
pub fn train(recording: &Recording, mode: Mode, training: &mut Training) -> Result<()> {
    let layout = layout(&[])?;
    let mut scratch = DeltaScratch::default();
    // the newest first
    let mut states: VecDeque<RowBuffer> = VecDeque::new();
    for lanes in recording.frames().step_by(mode.every) {
        let mut now = RowBuffer::default();
        for (cube, lanes) in lanes.chunks_exact(Cube::LANES).enumerate() {
            now.push(EntityId(cube as u32), 0, Cube::LANES).copy_from_slice(lanes);
        }
        let back = mode.back as usize;
        if let (Some(base), Some(before), Some(older)) = (states.get(back - 1), states.get(back), states.get(back + 1))
        {
            let rows = [before.rows(), older.rows()];
            // all that counts is how far ahead it is in spacings
            let earlier = Some(Earlier { rows, spacing: 1, ahead: mode.back as u8, moved: None });
            training.note(&layout, &Past { base: base.rows(), earlier }, now.rows(), &mut scratch);
        }
        states.push_front(now);
        states.truncate(back + 2);
    }
    Ok(())
}

fn layout(tables: &[u8]) -> Result<Layout> {
    let input = KindSchema { name: "Nothing".into(), fields: Vec::new() };
    let (kinds, tables) = (Scene::kinds(), tables.to_vec());
    Ok(Layout::new(&Schema { game: "cubes".into(), version: 0, kinds, input, tables })?)
}

/// What one holds who got every frame from the first to that of `newest`.
fn held(newest: Tick) -> Option<Held> {
    let first = newest.0.saturating_sub(2).max(1);
    (first..=newest.0)
        .map(Tick)
        .fold(None, |held: Option<Held>, tick| Some(held.map_or(Held::keyframe(tick), |held| held.frame(tick))))
}

/// The server's side.
struct Sender {
    published: Published,
    grid: Grid,
    store: Store,
    encoder: Encoder,
    view: View,
    compose: ComposeTick,
}

impl Sender {
    fn new(layout: Layout) -> Self {
        Self {
            published: Published::default(),
            grid: Grid::new(Interest::Everything),
            store: Store::new(layout),
            encoder: Encoder::default(),
            view: View::default(),
            compose: ComposeTick::default(),
        }
    }

    fn settle(&mut self, tick: Tick, lanes: &[u32]) {
        self.published.clear();
        self.published.lanes.extend_from_slice(lanes);
        self.published.entities.extend((0..CUBES).map(|cube| PutEntity {
            id: EntityId(cube as u32),
            kind: 0,
            place: Place::Everywhere,
            layer: Layer::Public,
            owner: None,
            first_lane: cube * Cube::LANES,
        }));
        self.store.settle(tick, &self.published, &self.grid);
        self.encoder.clear();
    }

    /// What a room sends to a client that has got every frame so far.
    fn compose(&mut self, tick: Tick) -> Result<(Vec<u8>, Duration)> {
        let start = Instant::now();
        let (part, _) = self.encoder.part(&self.store, Channel::EVERYWHERE, held(tick.offset(-1)));
        let encoding = start.elapsed();
        self.compose.tick = tick;
        let (mut bytes, mut pieces, mut copied) = (Vec::new(), Vec::new(), Vec::new());
        let mut sink = FrameSink { bytes: &mut bytes, pieces: &mut pieces, copied: &mut copied };
        let state = (&self.store, &self.grid);
        self.view.compose((SeatId(0), |_| true), (None, false), state, &mut self.encoder, &mut self.compose, &mut sink);
        self.view.confirm();
        let message: Vec<u8> = pieces.iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect();
        let left_out = self.store.unchanged_since(Channel::EVERYWHERE, tick.offset(-1));
        // the frame's only part is at its end
        let timed = message.ends_with(self.encoder.bits(part));
        ensure!(timed || left_out, "the part that was timed is not the one that was sent");
        Ok((message, encoding))
    }

    /// The same frame for a client whose last word is older, which says what it builds on. A room has no such clients
    /// yet: neither a view nor a replica takes part.
    fn name_base(&mut self, tick: Tick, back: u32) -> Result<(Vec<u8>, Duration)> {
        let start = Instant::now();
        let base = tick.offset(-(back as i32));
        let (part, keyframe) = self.encoder.part(&self.store, Channel::EVERYWHERE, held(base));
        let encoding = start.elapsed();
        let bits = self.encoder.bits(part);
        let mut message = Vec::new();
        let (head, contents) =
            (FrameHead { tick, ..FrameHead::default() }, Contents { parts: 1, ..Contents::default() });
        let last = Some(tick.offset(-1)).filter(|last| last.0 > 0);
        frame::write_head(&head, last, &[], contents, &mut message);
        if !keyframe {
            frame::write_late(u8::try_from(back)?, &mut message);
        }
        frame::write_part_head(0, keyframe, None, &mut message);
        message.extend_from_slice(bits);
        Ok((message, encoding))
    }
}

/// The client's side.
struct Receiver {
    layout: Layout,
    frame: Frame,
    replica: Replica,
    scratch: DeltaScratch,
    /// What was decoded, as the replica keeps it, where each frame builds on the one before.
    states: States,
    /// What was decoded, the newest first, where it builds on an older one.
    past: VecDeque<RowBuffer>,
}

impl Receiver {
    fn new(layout: Layout) -> Self {
        let replica = Replica::new(layout.clone());
        let (frame, scratch) = (Frame::default(), DeltaScratch::default());
        Self { layout, frame, replica, scratch, states: States::default(), past: VecDeque::new() }
    }

    /// Takes a frame; how many of its bytes are a hash, how long its part took to decode, and how long all that a client
    /// does with it.
    fn take(&mut self, message: &[u8], back: u32) -> Result<(usize, Duration, Duration)> {
        let start = Instant::now();
        self.frame.parse(message)?;
        let mut applying = start.elapsed();
        let hash_bytes = self.frame.head.hash.map_or(0, |hash| size_of_val(&hash));
        let decoding = if back == 1 { self.decode(message)? } else { self.decode_old(message, back)? };
        if back == 1 {
            let start = Instant::now();
            self.replica.apply(&self.frame, message)?;
            // as a client that draws the newest state
            self.replica.forget_before(self.frame.head.tick, 0.0);
            applying += start.elapsed();
            let hash = self.frame.head.hash;
            ensure!(hash.is_none_or(|hash| hash == self.replica.hash() as u32), "the hash is another");
        }
        Ok((hash_bytes, decoding, if back == 1 { applying } else { Duration::ZERO }))
    }

    /// Decodes the only part of a frame that builds on the frame before.
    fn decode(&mut self, message: &[u8]) -> Result<Duration> {
        let tick = self.frame.head.tick;
        let start = Instant::now();
        match self.frame.parts.first() {
            None => self.states.stay(tick),
            Some(part) if part.keyframe => self.states.keyframe(&self.layout, &message[part.bits.clone()], tick)?,
            Some(part) => {
                self.states.decode(&self.layout, tick, &message[part.bits.clone()], &mut self.scratch)?;
                self.states.accept(tick);
            }
        }
        Ok(start.elapsed())
    }

    /// The same for one that builds on the frame of so many sends before.
    fn decode_old(&mut self, message: &[u8], back: u32) -> Result<Duration> {
        let part = self.frame.parts.first().context("a frame without a part")?;
        // what no later delta leans on is filled again
        let enough = back as usize + 2;
        let mut now = if self.past.len() > enough { self.past.pop_back() } else { None }.unwrap_or_default();
        let bits = &message[part.bits.clone()];
        ensure!(part.keyframe || u32::from(part.late) == back, "the frame names another base");
        let start = Instant::now();
        if part.keyframe {
            decode_keyframe(&self.layout, bits, &mut now)?;
        } else {
            let known = |age: u32| self.past.get((back + age) as usize - 1).map(RowBuffer::rows);
            let base = known(0).context("a delta came before its base")?;
            let earlier = known(1).zip(known(2)).map(|(before, older)| Earlier {
                rows: [before, older],
                spacing: 1,
                ahead: back as u8,
                // the last delta tells it only when it was of that very step
                moved: None,
            });
            decode_delta(&self.layout, &Past { base, earlier }, bits, &mut self.scratch, &mut now)?;
        }
        let decoding = start.elapsed();
        self.past.push_front(now);
        Ok(decoding)
    }

    /// Compares every integer of what is held: by the replica, and as it was decoded.
    fn compare(&self, lanes: &[u32]) -> Result<()> {
        let rows: Rows<'_> = self.past.front().map_or(self.states.newest(), RowBuffer::rows);
        ensure!(rows.entities.len() == CUBES, "{} cubes are there", rows.entities.len());
        let kind = self.layout.kind(0).context("the scene has a kind")?;
        for (entity, expected) in rows.entities.iter().zip(lanes.chunks_exact(Cube::LANES)) {
            let decoded = rows.row(kind, entity);
            ensure!(decoded == expected, "cube {} is {decoded:?} and was {expected:?}", entity.id.0);
            if self.replica.tick().is_some() {
                let held = self.replica.newest(entity.id).context("the replica lacks a cube")?.1;
                ensure!(held == expected, "the replica has {held:?} for cube {}, {expected:?}", entity.id.0);
            }
        }
        Ok(())
    }
}
