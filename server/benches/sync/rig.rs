//! A room's engine with its phases told apart: the same calls in the same order as in `Room::step`.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tickwire_server::sync::{ComposeTick, Encoder, FrameSink, Grid, Made, Store, Terms, View};
use tickwire_shared::delta::Layout;
use tickwire_shared::publish::{Published, Publisher};
use tickwire_shared::{Game, Leave, Profile, Rng, Schema, SeatId, Setup, Step, Tick, TickRate};

use crate::agents::{Agents, Crowd, Nothing};
use crate::client::{Client, PAST_TICKS};
use crate::world::{Coded, WholeWorld};

/// More than a processor's own caches hold.
const OTHER_BYTES: usize = 4 << 20;

/// See the module.
pub struct Rig {
    pub game: Agents,
    rng: Rng,
    rate: TickRate,
    tick: Tick,
    inputs: Vec<Option<Nothing>>,
    published: Published,
    /// What was published before, the newest first.
    before: VecDeque<Published>,
    grid: Grid,
    store: Store,
    encoder: Encoder,
    compose: ComposeTick,
    /// The clients' views, twice: see [`Rig::step`].
    views: [Vec<View>; 2],
    batch: Batch,
    clients: Vec<Client>,
    world: WholeWorld,
    other: Vec<u64>,
}

/// A tick's frames, as in a room's batch.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    pieces: Vec<Range<usize>>,
    frames: Vec<Range<usize>>,
    copied: Vec<Option<Range<usize>>>,
}

impl Batch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.frames.clear();
        self.copied.clear();
    }
}

/// What one tick took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// The game puts every entity; quantized.
    pub publish: Duration,
    /// Channels, sorting, comparing, the ring.
    pub diff: Duration,
    /// What all clients share: see [`Rig::step`].
    pub encode: Duration,
    /// Of that, what is made before the first of them asks.
    pub ahead: Duration,
    pub made_ahead: Made,
    /// What each client costs by itself.
    pub compose: Duration,
    /// A receipt for each client.
    pub receipts: Duration,
    pub made: Made,
    /// Bytes of all frames.
    pub sent: usize,
    pub longest: usize,
    /// Frames, entities in view, updates and time of the clients that decode.
    pub decoded: Decoded,
}

/// What decoding clients saw in one tick, summed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoded {
    pub frames: usize,
    /// Entities that are held, cells reaching over the circle; and those within it.
    pub held: usize,
    pub within: usize,
    pub updates: usize,
    pub bytes: usize,
    pub took: Duration,
}

impl Rig {
    /// `decoding` of the clients are real ones, whose state is compared with what was published, at every tick.
    pub fn new(options: Crowd, decoding: usize) -> Self {
        let layout = Layout::new(&Schema::of::<Agents>()).expect("the agents' kinds are sound");
        let (seats, everything) = (usize::from(options.seats), options.everything);
        let mut setup = Setup::new(1);
        let game = Agents::new(options, &mut setup).expect("the agents refuse nothing");
        let every = (seats / decoding.max(1)).max(1);
        let clients = (0..decoding.min(seats))
            .map(|n| Client::new(SeatId((n * every) as u16), layout.clone(), everything, setup.far_is_rarer))
            .collect();
        let mut compose = ComposeTick::default();
        let (rate_hz, far_is_rarer) = (setup.rate.per_second(), setup.far_is_rarer);
        compose.terms = Terms { bytes_per_s: 0, rate_hz, far_is_rarer };
        Self {
            game,
            rng: setup.rng,
            rate: setup.rate,
            tick: Tick(0),
            inputs: Vec::new(),
            published: Published::default(),
            before: VecDeque::new(),
            grid: Grid::new(setup.interest),
            store: Store::new(layout),
            encoder: Encoder::default(),
            compose,
            views: Default::default(),
            batch: Batch::default(),
            clients,
            world: WholeWorld::default(),
            other: vec![1; OTHER_BYTES / 8],
        }
    }

    /// More clients.
    pub fn join(&mut self, more: usize) {
        let there = self.views[0].len();
        for seat in (there..there + more).map(|seat| SeatId(seat as u16)) {
            self.game.join(seat, &Profile::default()).expect("there is space");
            self.views.iter_mut().for_each(|views| views.push(View::default()));
        }
    }

    /// The last clients leave, until there are `left`.
    pub fn leave(&mut self, left: usize) {
        for seat in (left..self.views[0].len()).rev().map(|seat| SeatId(seat as u16)) {
            self.game.leave(seat, Leave::Left);
        }
        self.views.iter_mut().for_each(|views| views.truncate(left));
        self.clients.iter_mut().filter(|client| usize::from(client.seat().0) >= left).for_each(Client::restart);
    }

    /// One tick. All frames are composed twice, each time from views of their own: with nothing encoded, and once more
    /// when all parts are there. The second is what clients cost each by itself, what the first took longer is what they
    /// share.
    pub fn step(&mut self) -> Phases {
        self.tick = self.tick.next();
        let (mut commands, mut events) = (Vec::new(), Vec::new());
        let mut step = Step::new(self.tick, self.rate, &self.inputs, &mut commands, &mut events, &mut self.rng);
        self.game.tick(&mut step);
        let oldest = if self.before.len() < PAST_TICKS { None } else { self.before.pop_back() };
        self.before.push_front(std::mem::replace(&mut self.published, oldest.unwrap_or_default()));

        let publish = timed(|| {
            self.published.clear();
            self.game.publish(&mut Publisher::new(&mut self.published));
        });
        let mut phases = Phases { publish, ..Phases::default() };
        for views in &mut self.views {
            self.published.looks.iter().for_each(|(seat, x, y)| views[usize::from(seat.0)].look(*x, *y));
        }
        phases.diff = timed(|| {
            let doubled = self.store.settle(self.tick, &self.published, &self.grid);
            assert_eq!(doubled, 0, "no id is used twice");
        });
        self.compose.tick = self.tick;
        // they take turns, so that it is not the memory of one of them that is measured
        let [one, other] = if self.tick.0.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        // as in the room: with the caches as comparing has left them
        phases.ahead = timed(|| {
            self.encoder.clear();
            self.encoder.settle(&self.store);
        });
        phases.made_ahead = self.encoder.made();
        self.forget_caches();
        let first = phases.ahead + timed(|| self.compose(one));
        let bytes = self.batch.bytes.len();
        self.forget_caches();
        phases.compose = timed(|| self.compose(other));
        assert_eq!(self.batch.bytes.len(), bytes, "composed again, the frames are the same");
        phases.encode = first.saturating_sub(phases.compose);
        phases.made = self.encoder.made();
        self.deliver(&mut phases);
        self.views[one].iter_mut().for_each(View::confirm);
        phases.receipts = timed(|| self.views[other].iter_mut().for_each(View::confirm));
        phases
    }

    /// Codes all channels as for one who sees all of them, in both directions.
    pub fn code_all(&mut self) -> Coded {
        self.world.code(&self.store)
    }

    /// The clients that decode.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// What was brought near is far away again.
    fn forget_caches(&mut self) {
        for word in &mut self.other {
            *word = word.rotate_left(1);
        }
        std::hint::black_box(&mut self.other);
    }

    fn compose(&mut self, of: usize) {
        let batch = &mut self.batch;
        batch.clear();
        let views = self.views[of].chunks_mut(View::TOGETHER).flat_map(|views| {
            View::bring_near(views.iter());
            views
        });
        for (seat, view) in (0..).zip(views) {
            let first = batch.pieces.len();
            let mut sink = FrameSink { bytes: &mut batch.bytes, pieces: &mut batch.pieces, copied: &mut batch.copied };
            let state = (&self.store, &self.grid);
            view.compose(
                (SeatId(seat), |_| true),
                (None, false),
                state,
                &mut self.encoder,
                &mut self.compose,
                &mut sink,
            );
            batch.frames.push(first..batch.pieces.len());
        }
    }

    fn deliver(&mut self, phases: &mut Phases) {
        let Batch { bytes, pieces, frames, .. } = &self.batch;
        for frame in frames {
            let length = pieces[frame.clone()].iter().map(Range::len).sum::<usize>();
            phases.sent += length;
            phases.longest = phases.longest.max(length);
        }
        for client in &mut self.clients {
            let Some(frame) = frames.get(usize::from(client.seat().0)) else { continue };
            let message = pieces[frame.clone()].iter().flat_map(|piece| &bytes[piece.clone()]).copied().collect();
            phases.decoded.took += client.receive(message);
            phases.decoded.frames += 1;
            phases.decoded.bytes += client.received;
            client.check(&self.game, &self.published, &self.before, &mut phases.decoded);
        }
    }
}

/// How long something takes on a processor. Others may have the processor in between.
pub fn timed(run: impl FnOnce()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("a clock that counts from 0");
    let start = now();
    run();
    now() - start
}
