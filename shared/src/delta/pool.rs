//! States that many clients of one process hold, decoded once.
//!
//! Clients of one room that see the same channel get the same bytes, for the server encodes once. A process that has
//! thousands of clients, such as a swarm of bots, need not decode them thousands of times: what the same bytes make of the
//! same states is the same. So here a state is a value that never changes, known by its content; whoever comes to it, on
//! whatever way, has that very value, and the pool remembers what the latest deltas have made of which.
//!
//! Nothing is taken on trust: a delta's bytes are compared to the last one, and so are states that are to be one. Bytes that
//! differ for one client are decoded for that client.
//!
//! Behind a lock, for a client may go from thread to thread; nobody waits for it where a pool's clients are on one.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rustc_hash::{FxHashMap, FxHasher};

use super::decode::{decode_delta, decode_keyframe};
use super::encode::DeltaScratch;
use super::layout::Layout;
use super::past::{Earlier, Held, Past};
use super::row::{RowBuffer, Rows};
use crate::bits::DecodeError;
use crate::tick::Tick;

/// Words of what the latest deltas have made that are kept: 4 MiB. Clients are not served side by side, one may be some
/// frames ahead of another.
const LATEST_MAX_WORDS: usize = 1 << 20;
/// And of what is kept beside each.
const STEP_WORDS: usize = 64;
/// States are looked through for those that are gone when there are twice as many as after the last time, and not before
/// there are so many.
const SWEPT_FROM: usize = 1024;

/// What clients of one process hold together, by game: give each of them the same one. Cheap to clone.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use tickwire_shared::{*, client::Client, delta::StatePool};
/// let pool = StatePool::default(); // for the clients of one thread
/// let (client, ..) = play(Client::new(Profile::default())?.pooled(&pool));
/// assert_eq!(client.newest_all().count(), 2);
/// let (another, ..) = play(Client::new(Profile::default())?.pooled(&pool));
/// assert!(another.newest_all().eq(client.newest_all()));
/// println!("{} deltas decoded, {} states held", pool.decoded(), pool.states());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StatePool(Arc<Mutex<FxHashMap<u64, Arc<Shelf>>>>);

impl StatePool {
    /// States of channels that are in memory, of all games: those that a client holds, and some that the latest deltas have
    /// made.
    #[must_use]
    pub fn states(&self) -> usize {
        lock(&self.0).values().map(|shelf| lock(&shelf.0).alive()).sum()
    }

    /// Deltas that were decoded, of all games: those that a client had from another are not among them.
    #[must_use]
    pub fn decoded(&self) -> u64 {
        lock(&self.0).values().map(|shelf| lock(&shelf.0).decoded).sum()
    }

    /// The states of one game, by the fingerprint of its schema: what bytes make of a state hangs on both.
    pub(crate) fn of(&self, fingerprint: u64) -> Arc<Shelf> {
        Arc::clone(lock(&self.0).entry(fingerprint).or_default())
    }
}

/// The states of one game.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// States by the hash of their content.
    states: FxHashMap<u64, Weak<State>>,
    /// How many there were after the last sweep.
    swept: usize,
    /// Deltas that were decoded.
    decoded: u64,
    /// The latest deltas, by the hash of what they are.
    steps: FxHashMap<u64, Arc<Step>>,
    /// Those hashes, the oldest first.
    order: VecDeque<u64>,
    /// Words of all steps.
    words: usize,
}

/// Rows, and what is known of them.
#[derive(Debug)]
struct SharedRows {
    rows: RowBuffer,
    /// Of all that stands in them, for telling them apart here.
    content: u64,
    /// As the server sends it.
    hash: OnceLock<u64>,
}

impl SharedRows {
    fn new(rows: RowBuffer) -> Arc<Self> {
        let mut hasher = FxHasher::default();
        rows.rows().entities.iter().for_each(|entity| (entity.id.0, entity.kind).hash(&mut hasher));
        rows.rows().lanes.hash(&mut hasher);
        Arc::new(Self { rows, content: hasher.finish(), hash: OnceLock::new() })
    }

    fn is(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || self.content == other.content && self.rows.rows() == other.rows.rows()
    }
}

/// A channel's newest state with those that a delta may lean on beside it.
#[derive(Debug)]
struct State {
    rows: Arc<SharedRows>,
    /// The one before and the one before that, as far as they serve; else the newest again.
    earlier: [Arc<SharedRows>; 2],
    /// Places of the rows that changed since the one before, if all three serve.
    moved: Box<[u32]>,
    /// As a rule the next client's step is that of the last one: found here it is near in memory.
    latest: Mutex<Weak<Step>>,
}

impl State {
    /// One that `held` is the rule for.
    fn new(rows: Arc<SharedRows>, held: Held, earlier: [&Arc<SharedRows>; 2], moved: &[u32]) -> Self {
        // one form for all that serve alike
        let serving = |at: usize| Arc::clone(if usize::from(held.states()) > at + 1 { earlier[at] } else { &rows });
        let earlier = [serving(0), serving(1)];
        let moved = if held.states() == 3 { moved.into() } else { Box::default() };
        Self { rows, earlier, moved, latest: Mutex::default() }
    }

    fn content(&self) -> u64 {
        let mut hasher = FxHasher::default();
        [&self.rows, &self.earlier[0], &self.earlier[1]].map(|rows| rows.content).hash(&mut hasher);
        self.moved.hash(&mut hasher);
        hasher.finish()
    }

    fn is(&self, other: &Self) -> bool {
        let [before, older] = &self.earlier;
        self.rows.is(&other.rows)
            && before.is(&other.earlier[0])
            && older.is(&other.earlier[1])
            && self.moved == other.moved
    }
}

/// What a delta has made of a state.
#[derive(Debug)]
struct Step {
    /// Remembered with it: one who comes later finds that very one.
    from: Arc<State>,
    at: At,
    bits: Box<[u8]>,
    to: Arc<State>,
    lists_others: bool,
}

impl Step {
    fn is(&self, from: &Arc<State>, at: At, bits: &[u8]) -> bool {
        Arc::ptr_eq(&self.from, from) && self.at == at && *self.bits == *bits
    }

    fn words(&self) -> usize {
        let rows = self.to.rows.rows.rows();
        STEP_WORDS + rows.lanes.len() + rows.entities.len() * 4 + self.bits.len() / 4
    }
}

/// When a delta comes to a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct At {
    held: Held,
    /// Frames that did not mention the channel, as far as that matters: 0 to 2.
    rested: u8,
    now: Tick,
}

impl At {
    fn hash_of(&self, from: &Arc<State>, bits: &[u8]) -> u64 {
        let mut hasher = FxHasher::default();
        (Arc::as_ptr(from), self, bits).hash(&mut hasher);
        hasher.finish()
    }
}

impl Known {
    fn alive(&self) -> usize {
        self.states.values().filter(|state| state.strong_count() > 0).count()
    }

    /// The state that has this content: the one that is known, or this one from now on.
    fn intern(&mut self, state: State) -> Arc<State> {
        let content = state.content();
        // one of another content with this hash is shared no more, that is all
        if let Some(known) = self.states.get(&content).and_then(Weak::upgrade).filter(|known| known.is(&state)) {
            return known;
        }
        if self.states.len() >= SWEPT_FROM.max(2 * self.swept) {
            self.states.retain(|_, state| state.strong_count() > 0);
            self.swept = self.states.len();
        }
        let state = Arc::new(state);
        self.states.insert(content, Arc::downgrade(&state));
        state
    }

    fn remember(&mut self, step: Step) {
        let step = Arc::new(step);
        *lock(&step.from.latest) = Arc::downgrade(&step);
        let hash = step.at.hash_of(&step.from, &step.bits);
        self.decoded += 1;
        self.words += step.words();
        match self.steps.insert(hash, step) {
            Some(replaced) => self.words -= replaced.words(),
            None => self.order.push_back(hash),
        }
        while self.words > LATEST_MAX_WORDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.words -= self.steps.remove(&oldest).map_or(0, |step| step.words());
        }
    }
}

/// The states of one channel that one client holds: as [`States`](super::States), in a [`StatePool`].
#[derive(Debug)]
pub(crate) struct PooledStates {
    shelf: Arc<Shelf>,
    newest: Arc<State>,
    held: Held,
    /// Frames since that did not mention the channel: 0 to 2, for more make no difference.
    rested: u8,
    coming: Option<Arc<State>>,
    /// Of that one: rows were removed or entered.
    lists_others: bool,
}

impl PooledStates {
    /// Without a row, until there is a keyframe.
    pub(crate) fn new(shelf: &Arc<Shelf>) -> Self {
        let (shelf, held) = (Arc::clone(shelf), Held::keyframe(Tick(0)));
        let newest = shelf.alone(RowBuffer::default());
        Self { shelf, newest, held, rested: 0, coming: None, lists_others: false }
    }

    /// As [`States::keyframe`](super::States::keyframe).
    ///
    /// # Errors
    /// See [`decode_keyframe`].
    pub(crate) fn keyframe(&mut self, layout: &Layout, bits: &[u8], tick: Tick) -> Result<(), DecodeError> {
        let mut rows = RowBuffer::default();
        decode_keyframe(layout, bits, &mut rows)?;
        self.newest = self.shelf.alone(rows);
        (self.held, self.rested, self.coming) = (Held::keyframe(tick), 0, None);
        Ok(())
    }

    /// As [`States::decode`](super::States::decode).
    ///
    /// # Errors
    /// See [`decode_delta`].
    pub(crate) fn decode(
        &mut self,
        layout: &Layout,
        now: Tick,
        bits: &[u8],
        scratch: &mut DeltaScratch,
    ) -> Result<(), DecodeError> {
        let at = At { held: self.held, rested: self.rested, now };
        let (coming, lists_others) = match self.shelf.made(&self.newest, at, bits) {
            Some(made) => made,
            None => {
                let mut rows = RowBuffer::default();
                decode_delta(layout, &self.past(now), bits, scratch, &mut rows)?;
                let earlier = [&self.newest.rows, self.earlier()[0]];
                let state = State::new(SharedRows::new(rows), self.held.frame(now), earlier, scratch.changed());
                let (from, lists_others) = (Arc::clone(&self.newest), scratch.lists_others());
                let mut known = lock(&self.shelf.0);
                let to = known.intern(state);
                known.remember(Step { from, at, bits: bits.into(), to: Arc::clone(&to), lists_others });
                (to, lists_others)
            }
        };
        (self.coming, self.lists_others) = (Some(coming), lists_others);
        Ok(())
    }

    /// What was decoded is the newest state, as of `tick`.
    pub(crate) fn accept(&mut self, tick: Tick) {
        if let Some(coming) = self.coming.take() {
            (self.newest, self.held, self.rested) = (coming, self.held.frame(tick), 0);
        }
    }

    /// As of `tick` all is as it was before.
    pub(crate) fn stay(&mut self, tick: Tick) {
        (self.held, self.rested) = (self.held.frame(tick), 2.min(self.rested + 1));
    }

    /// Forgets how things moved: the newest state serves alone, as of `tick`.
    pub(crate) fn stand(&mut self, tick: Tick) {
        (self.held, self.rested) = (Held::keyframe(tick), 2);
    }

    pub(crate) fn newest(&self) -> Rows<'_> {
        self.newest.rows.rows.rows()
    }

    /// What was decoded and is not accepted yet; else the newest.
    pub(crate) fn coming(&self) -> Rows<'_> {
        self.coming.as_ref().unwrap_or(&self.newest).rows.rows.rows()
    }

    /// Rows were removed or entered with that.
    pub(crate) fn lists_others(&self) -> bool {
        self.lists_others
    }

    /// Of the newest state.
    pub(crate) fn hash(&self, layout: &Layout) -> u64 {
        *self.newest.rows.hash.get_or_init(|| self.newest().hash(layout))
    }

    /// The state before the newest and the one before that, as far as they serve.
    fn earlier(&self) -> [&Arc<SharedRows>; 2] {
        let State { rows, earlier: [before, older], .. } = &*self.newest;
        match self.rested {
            0 => [before, older],
            1 => [rows, before],
            _ => [rows, rows],
        }
    }

    /// What a delta to `now` may lean on.
    fn past(&self, now: Tick) -> Past<'_> {
        let earlier = self.held.motion(now).map(|(spacing, ahead)| {
            let moved = if self.rested == 0 { &*self.newest.moved } else { &[] };
            Earlier { rows: self.earlier().map(|rows| rows.rows.rows()), spacing, ahead, moved: Some(moved) }
        });
        Past { base: self.newest(), earlier }
    }
}

impl Shelf {
    /// A state that nothing before it serves.
    fn alone(&self, rows: RowBuffer) -> Arc<State> {
        let rows = SharedRows::new(rows);
        let state = State::new(Arc::clone(&rows), Held::keyframe(Tick(0)), [&rows, &rows], &[]);
        lock(&self.0).intern(state)
    }

    /// What these bytes have made of a state already, and whether rows were removed or entered.
    fn made(&self, of: &Arc<State>, at: At, bits: &[u8]) -> Option<(Arc<State>, bool)> {
        let is_it = |step: &Arc<Step>| step.is(of, at, bits);
        let latest = lock(&of.latest).upgrade().filter(is_it);
        let step =
            latest.or_else(|| lock(&self.0).steps.get(&at.hash_of(of, bits)).filter(|step| is_it(step)).cloned());
        step.map(|step| (Arc::clone(&step.to), step.lists_others))
    }
}

/// What is behind the lock is sound whenever it is let go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
