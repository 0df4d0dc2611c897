//! The past as clients saw it: lag compensation.
//!
//! A client shows others a little late: frames take their time, and are drawn smoothly some more time later. It says
//! with each input how old the picture was, and the host can ask its ring of sent states what was in it:
//!
//! ```text
//!   sent states   ... 93   94   95   96   97   98   99      (tick 100 is being simulated)
//!                        ^ what the seat's client drew when it made the input for tick 100: 94.4, a lag of 5.6
//! ```
//! What is known of the past is what was *sent*: quantized, as all clients have it, and not what the game had before
//! that. It is the whole room's, owner-only fields included, whether the seat could see it or not; who is rewound for
//! must still live by the game's rules of the present. A client that missed frames has drawn a longer straight line
//! than the states here would give; nobody can know that, and nobody is judged by it.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! // in Game::tick: whom did this seat's shot hit, as its player saw them?
//! fn hit(step: &Step<'_, Coins>, shooter: SeatId, at: [f32; 2]) -> Option<EntityId> {
//!     let near = |thing: &Thing| (0..2).all(|axis| (thing.at[axis] - at[axis]).abs() < 1.0);
//!     step.rewind(shooter).entities::<Thing>().find(|(_, thing)| near(thing)).map(|(id, _)| id)
//! }
//! # let inputs = [None];
//! # let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(7));
//! # let step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
//! assert_eq!(step.rewind(SeatId(0)).lag_ticks(), 0.0, "this host keeps no past: judge by the present");
//! assert_eq!(hit(&step, SeatId(0), [0.0; 2]), None);
//! ```

use std::marker::PhantomData;

use crate::delta::Rows;
use crate::game::EntityId;
use crate::schema::KindOf;
use crate::tick::Tick;

/// For hosts: the sent states of a room.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::delta::{RowBuffer, Rows};
/// use tickwire_shared::rewind::History;
///
/// /// A host that keeps one tick.
/// struct Kept(Tick, RowBuffer);
///
/// impl History for Kept {
///     fn rows(&self, tick: Tick) -> Option<Rows<'_>> {
///         (tick == self.0).then(|| self.1.rows())
///     }
///     fn place(&self, tick: Tick, id: EntityId) -> Option<usize> {
///         self.rows(tick)?.entities.iter().position(|row| row.id == id)
///     }
/// }
/// let mut sent = RowBuffer::default();
/// Thing { at: [3.0, 4.0], coins: 1 }.to_lanes(sent.push(EntityId(1), 0, Thing::LANES));
/// let kept = Kept(Tick(7), sent);
/// # let inputs = [None];
/// # let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(7));
/// # let step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
/// let step = step.with_past(&kept, &[1.0]); // seat 0 saw the others one tick ago
/// assert_eq!(step.rewind(SeatId(0)).entity::<Thing>(EntityId(1)).unwrap().coins, 1);
/// ```
pub trait History {
    /// All that was sent at `tick`, in any order; `None` when that is not kept.
    fn rows(&self, tick: Tick) -> Option<Rows<'_>>;

    /// Where among the rows of `tick` entity `id` is.
    fn place(&self, tick: Tick, id: EntityId) -> Option<usize>;
}

/// What was there at a moment of the past; see the module. From [`Step::rewind`](crate::game::Step::rewind).
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// /// Whether a bolt that flew for two ticks met `id` at `at`: it was under way while the others moved on.
/// fn met(past: Rewound<'_, Kinds>, id: EntityId, at: [f32; 2]) -> bool {
///     past.later(2.0).entity::<Thing>(id).is_some_and(|thing| (thing.at[0] - at[0]).hypot(thing.at[1] - at[1]) < 1.0)
/// }
/// # let inputs = [None];
/// # let (mut commands, mut events, mut rng) = (Vec::new(), Vec::new(), Rng::new(7));
/// # let step = Step::<Coins>::new(Tick(8), TickRate::hz(20), &inputs, &mut commands, &mut events, &mut rng);
/// let past = step.rewind(SeatId(0)); // this host keeps nothing
/// assert!(past.entities::<Thing>().next().is_none() && !met(past, EntityId(1), [0.0; 2]));
/// ```
pub struct Rewound<'a, W> {
    history: Option<&'a dyn History>,
    now: Tick,
    lag_ticks: f32,
    world: PhantomData<fn() -> W>,
}

impl<W> Clone for Rewound<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Rewound<'_, W> {}

impl<'a, W> Rewound<'a, W> {
    /// `lag_ticks` before the tick `now`, which is being simulated.
    pub(crate) fn new(history: Option<&'a dyn History>, now: Tick, lag_ticks: f32) -> Self {
        let lag_ticks = if history.is_some() { lag_ticks.max(0.0) } else { 0.0 };
        Self { history, now, lag_ticks, world: PhantomData }
    }

    /// How long before the present tick this is, in ticks. 0 when there is nothing to make up for: judge by the present.
    #[must_use]
    pub fn lag_ticks(&self) -> f32 {
        self.lag_ticks
    }

    /// So many ticks later, at most the present tick.
    #[must_use]
    pub fn later(&self, ticks: f32) -> Self {
        Self { lag_ticks: (self.lag_ticks - ticks).clamp(0.0, self.lag_ticks), ..*self }
    }

    /// An entity as it was drawn: between two sent states, or as the last one had it. `None` when it was not there, was
    /// of another kind, or nothing is known of that time. The last tick that is known is the one before the present.
    #[must_use]
    pub fn entity<T: KindOf<W>>(&self, id: EntityId) -> Option<T> {
        let (tick, t) = self.moment();
        let earlier = self.row::<T>(tick, id)?;
        Some(self.between(earlier, tick, id, t))
    }

    /// All entities of a kind, in no particular order, as [`Rewound::entity`] gives them.
    pub fn entities<T: KindOf<W>>(&self) -> impl Iterator<Item = (EntityId, T)> + use<'a, T, W> {
        let (tick, t) = self.moment();
        let past = *self;
        let rows = self.history.and_then(|history| history.rows(tick)).unwrap_or(Rows::EMPTY);
        let of_kind = rows.entities.iter().filter(|row| row.kind == T::KIND);
        of_kind.filter_map(move |row| {
            let earlier = rows.lanes.get(row.first..row.first + T::LANES)?;
            Some((row.id, past.between(earlier, tick, row.id, t)))
        })
    }

    /// The tick at or before the moment, and how far it is from there to the next.
    fn moment(&self) -> (Tick, f32) {
        let back = self.lag_ticks.ceil().max(1.0);
        // `as` saturates, and lags are short
        (self.now.offset(-(back as i32)), (back - self.lag_ticks).min(1.0))
    }

    fn row<T: KindOf<W>>(&self, tick: Tick, id: EntityId) -> Option<&'a [u32]> {
        let history = self.history?;
        let rows = history.rows(tick)?;
        let row = rows.entities.get(history.place(tick, id)?).filter(|row| row.id == id && row.kind == T::KIND)?;
        rows.lanes.get(row.first..row.first + T::LANES)
    }

    fn between<T: KindOf<W>>(&self, earlier: &[u32], tick: Tick, id: EntityId, t: f32) -> T {
        let later = if t > 0.0 { self.row::<T>(tick.next(), id) } else { None };
        T::from_lanes_between(earlier, later.unwrap_or(earlier), t)
    }
}
