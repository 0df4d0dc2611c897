//! States that many clients of one process hold, decoded once.
//!
//! Clients of one room that see the same channel get the same bytes, for the server encodes once. A process that has
//! thousands of clients, such as a swarm of bots, need not decode them thousands of times: what the same bytes make of the
//! same states is the same. So here a state is a value that never changes, known by its content; whoever comes to it, on
//! whatever way, has that very value, and it remembers what bytes have made of it.
//!
//! Nothing is taken on trust: bytes are compared to the last one, and so are the states that they lean on. Bytes that
//! differ for one client are decoded for that client.

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

/// States are looked through for those that nobody holds when there are twice as many as after the last time, and not
/// before there are so many.
const SWEPT_FROM: usize = 1024;

/// What clients of one process hold together, by game: give each of them the same one.
///
/// A pool is cheap to clone and belongs to one thread's clients best: those of two threads would wait for each other.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use tickwire_shared::{*, client::Client, delta::StatePool};
/// let pool = StatePool::default();
/// let (client, ..) = play(Client::new(Profile::default())?.pooled(&pool));
/// assert_eq!(client.newest_all().count(), 2);
/// assert!(!pool.is_empty());
/// drop(client);
/// assert!(pool.is_empty(), "states live as long as somebody holds them");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StatePool(Arc<Mutex<FxHashMap<u64, Arc<Shelf>>>>);

impl StatePool {
    /// States that are held of all games.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0).values().map(|shelf| lock(&shelf.0).live()).sum()
    }

    /// Whether nobody holds any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The states of one game, by the fingerprint of its description: what bytes make of a state hangs on both.
    pub(crate) fn of(&self, fingerprint: u64) -> Arc<Shelf> {
        Arc::clone(lock(&self.0).entry(fingerprint).or_default())
    }
}

/// The states of one game.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Known>);

/// States by the hash of their content.
#[derive(Debug, Default)]
struct Known {
    by_hash: FxHashMap<u64, Weak<State>>,
    /// How many there were after the last sweep.
    swept: usize,
}

impl Known {
    fn live(&self) -> usize {
        self.by_hash.values().filter(|state| state.strong_count() > 0).count()
    }
}

/// A channel's newest state with all that a delta may lean on. Never changes, but for what it remembers.
#[derive(Debug)]
struct State {
    rows: Arc<RowBuffer>,
    /// The one before and the one before that, as far as they serve; else the newest again.
    earlier: [Arc<RowBuffer>; 2],
    held: Held,
    /// Places of the rows that changed since the one before, if all three serve.
    moved: Box<[u32]>,
    hash: OnceLock<u64>,
    made: Mutex<Vec<Made>>,
}

/// What has been made of a state.
#[derive(Debug)]
struct Made {
    /// Of which tick it is.
    tick: Tick,
    /// The delta; `None` when a frame did not mention the channel.
    of: Option<Box<[u8]>>,
    lists_others: bool,
    state: Weak<State>,
}

impl State {
    fn new(rows: Arc<RowBuffer>, held: Held, earlier: [&Arc<RowBuffer>; 2], moved: &[u32]) -> Self {
        // one form for what serves alike
        let serves = |at: usize| if usize::from(held.states()) > at + 1 { earlier[at] } else { &rows };
        let earlier = [Arc::clone(serves(0)), Arc::clone(serves(1))];
        let moved = if held.states() == 3 { moved.into() } else { Box::default() };
        Self { rows, earlier, held, moved, hash: OnceLock::new(), made: Mutex::default() }
    }

    fn content_hash(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.held.hash(&mut hasher);
        for rows in [&self.rows, &self.earlier[0], &self.earlier[1]].map(|rows| rows.rows()) {
            rows.entities.iter().for_each(|entity| hasher.write_u32(entity.id.0));
            rows.lanes.hash(&mut hasher);
        }
        self.moved.hash(&mut hasher);
        hasher.finish()
    }

    fn is(&self, other: &Self) -> bool {
        let same = |a: &Arc<RowBuffer>, b: &Arc<RowBuffer>| Arc::ptr_eq(a, b) || a.rows() == b.rows();
        self.held == other.held
            && self.moved == other.moved
            && same(&self.rows, &other.rows)
            && same(&self.earlier[0], &other.earlier[0])
            && same(&self.earlier[1], &other.earlier[1])
    }

    fn past(&self, now: Tick) -> Past<'_> {
        let earlier = self.held.motion(now).map(|(spacing, ahead)| {
            let rows = [self.earlier[0].rows(), self.earlier[1].rows()];
            Earlier { rows, spacing, ahead, moved: Some(&self.moved) }
        });
        Past { base: self.rows.rows(), earlier }
    }

    /// The state that follows it.
    fn next(&self, tick: Tick, rows: Arc<RowBuffer>, moved: &[u32]) -> Self {
        Self::new(rows, self.held.frame(tick), [&self.rows, &self.earlier[0]], moved)
    }

    /// What has been made of it already.
    fn made(&self, tick: Tick, of: Option<&[u8]>) -> Option<(Arc<Self>, bool)> {
        let made = lock(&self.made);
        let made = made.iter().find(|made| made.tick == tick && made.of.as_deref() == of)?;
        Some((made.state.upgrade()?, made.lists_others))
    }

    fn note(&self, made: Made) {
        let mut all = lock(&self.made);
        all.retain(|made| made.state.strong_count() > 0);
        all.push(made);
    }
}

/// The states of one channel that one client holds: as [`States`](super::States), in a [`StatePool`].
#[derive(Debug)]
pub(crate) struct PooledStates {
    shelf: Arc<Shelf>,
    newest: Arc<State>,
    coming: Option<Arc<State>>,
    /// Of that one: rows were removed or entered.
    lists_others: bool,
}

impl PooledStates {
    /// Begins with a keyframe.
    ///
    /// # Errors
    /// See [`decode_keyframe`].
    pub(crate) fn keyframe(shelf: &Arc<Shelf>, layout: &Layout, bits: &[u8], tick: Tick) -> Result<Self, DecodeError> {
        let mut rows = RowBuffer::default();
        decode_keyframe(layout, bits, &mut rows)?;
        let newest = shelf.settle(State::alone(Arc::new(rows), tick));
        Ok(Self { shelf: Arc::clone(shelf), newest, coming: None, lists_others: true })
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
        let (coming, lists_others) = match self.newest.made(now, Some(bits)) {
            Some(made) => made,
            None => {
                let mut rows = RowBuffer::default();
                decode_delta(layout, &self.newest.past(now), bits, scratch, &mut rows)?;
                let state = self.shelf.settle(self.newest.next(now, Arc::new(rows), scratch.changed()));
                let lists_others = scratch.lists_others();
                let made = Made { tick: now, of: Some(bits.into()), lists_others, state: Arc::downgrade(&state) };
                self.newest.note(made);
                (state, lists_others)
            }
        };
        (self.coming, self.lists_others) = (Some(coming), lists_others);
        Ok(())
    }

    /// What was decoded is the newest state.
    pub(crate) fn accept(&mut self) {
        if let Some(coming) = self.coming.take() {
            self.newest = coming;
        }
    }

    /// As of `tick` all is as it was before.
    pub(crate) fn stay(&mut self, tick: Tick) {
        let state = self.newest.made(tick, None).map(|(state, _)| state).unwrap_or_else(|| {
            let state = self.shelf.settle(self.newest.next(tick, Arc::clone(&self.newest.rows), &[]));
            self.newest.note(Made { tick, of: None, lists_others: false, state: Arc::downgrade(&state) });
            state
        });
        self.newest = state;
    }

    /// Forgets how things moved: the newest state serves alone, as of `tick`.
    pub(crate) fn stand(&mut self, tick: Tick) {
        self.newest = self.shelf.settle(State::alone(Arc::clone(&self.newest.rows), tick));
    }

    pub(crate) fn newest(&self) -> Rows<'_> {
        self.newest.rows.rows()
    }

    /// What was decoded and is not accepted yet; else the newest.
    pub(crate) fn coming(&self) -> Rows<'_> {
        self.coming.as_ref().unwrap_or(&self.newest).rows.rows()
    }

    /// Rows were removed or entered with that.
    pub(crate) fn lists_others(&self) -> bool {
        self.lists_others
    }

    /// Of the newest state.
    pub(crate) fn hash(&self, layout: &Layout) -> u64 {
        *self.newest.hash.get_or_init(|| self.newest().hash(layout))
    }
}

impl State {
    /// One that nothing before it serves.
    fn alone(rows: Arc<RowBuffer>, tick: Tick) -> Self {
        let earlier = Arc::clone(&rows);
        Self::new(rows, Held::keyframe(tick), [&earlier, &earlier], &[])
    }
}

impl Shelf {
    /// The state that has this content: the one that is known, or this one from now on.
    fn settle(&self, state: State) -> Arc<State> {
        let hash = state.content_hash();
        let mut known = lock(&self.0);
        // another content with this hash would only be shared no more
        if let Some(there) = known.by_hash.get(&hash).and_then(Weak::upgrade).filter(|there| there.is(&state)) {
            return there;
        }
        if known.by_hash.len() >= SWEPT_FROM.max(2 * known.swept) {
            known.by_hash.retain(|_, state| state.strong_count() > 0);
            known.swept = known.by_hash.len();
        }
        let state = Arc::new(state);
        known.by_hash.insert(hash, Arc::downgrade(&state));
        state
    }
}

/// What is behind the lock is sound whenever it is let go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
