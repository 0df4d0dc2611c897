//! Prediction: the player's own entities move when the player says so, not a round trip later.
//!
//! # How it works
//! ```text
//!            newest frame                                  inputs that leave now are for
//!  server  ------ T ·····································> N
//!  client         s(T) --step--> s(T+1) --step--> ... ---> s(N) --step--> s(N+1)
//!                                                              ^ drawn ^
//! ```
//! A client hears of tick T when inputs for a later tick N leave. It takes the server's word for T and lets the game's
//! own rules work out the rest, from the inputs that it sent: that is [`Predict::step`], the function that the
//! server's tick calls for the same entity. Own entities are drawn between the last predicted ticks, at the moment that
//! inputs are for; all others a little in the past, between what the server sent.
//!
//! When the frame of a later tick comes, what was predicted for it is compared with what the server says, integer by
//! integer. As a rule they are the same, and that is all. If not (a collision, a shot, an input that came too late),
//! all is worked out anew from the server's word, and the difference that would be seen fades within
//! [`CORRECTION_FADE`](super::CORRECTION_FADE).
//!
//! # What a game does for it
//! 1. **One step function** for an own entity, called by [`Game::tick`] and by [`Predict::step`].
//! 2. **The same numbers on both ends.** Clients hold quantized states, so the server has to go on from those too: after
//!    each tick its state becomes what it published, [`Replicate::quantized`]. Else every tick is a correction. All that
//!    the step reads must travel; give what only the step needs `#[field(owner)]`, with steps fine enough that a slow
//!    thing still moves: what moves less than half a step in a tick does not move at all.
//! 3. [`Predict`] for the game, and [`Client::predict`](super::Client::predict) at the start.
//!
//! ```
//! use tickwire_shared::client::{Around, Client, Predict};
//! # use tickwire_shared::*;
//! #[derive(World, Clone)]
//! enum Thing {
//!     Sled(Sled),
//! }
//!
//! #[derive(Replicate, Clone)]
//! struct Sled {
//!     #[field(min = 0.0, max = 100.0, step = 0.001)]
//!     x: f32,
//!     /// Whether anybody sits on it; the step does not know.
//!     #[field(owner)]
//!     taken: bool,
//! }
//!
//! #[derive(Replicate, Clone, Default)]
//! struct Push {
//!     ahead: bool,
//! }
//!
//! impl Sled {
//!     /// The step function.
//!     fn slide(&mut self, push: &Push, dt: f32) {
//!         self.x += if push.ahead { 5.0 * dt } else { 0.0 };
//!     }
//! }
//!
//! struct Hill {
//!     sled: Sled,
//! }
//!
//! impl Game for Hill {
//!     # const NAME: &'static str = "hill";
//!     # type World = Thing;
//!     # type Input = Push;
//!     # type Command = ();
//!     # type Event = ();
//!     # type Options = ();
//!     # fn new(_: (), _: &mut Setup) -> Result<Self, Refusal> { Ok(Self { sled: Sled { x: 0.0, taken: false } }) }
//!     # fn join(&mut self, _: SeatId, _: &Profile) -> Result<(), Refusal> { Ok(()) }
//!     # fn leave(&mut self, _: SeatId, _: Leave) {}
//!     # fn publish(&self, out: &mut Publisher<'_, Thing>) {
//!     #     out.put_owned(EntityId(1), Place::Everywhere, SeatId(0), &self.sled);
//!     # }
//!     fn tick(&mut self, step: &mut Step<'_, Self>) {
//!         self.sled.slide(&step.input(SeatId(0)), step.dt());
//!         self.sled = self.sled.quantized();
//!     }
//!     // ...
//! }
//!
//! impl Predict for Hill {
//!     const FIELDS: &'static [&'static str] = &["x"];
//!
//!     fn step(own: &mut Thing, push: &Push, around: &Around<'_, Thing>) {
//!         let Thing::Sled(sled) = own;
//!         sled.slide(push, around.dt());
//!     }
//! }
//!
//! let client = Client::<Hill>::new(Profile::default())?.predict()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Then [`Client::input`](super::Client::input) once for each picture, and [`Client::sample`](super::Client::sample).
//!
//! # What it does not do
//! Own shots and other things that the server makes are not foreseen; a game may draw them at once by itself.
//! Rotations by quaternion are predicted, yet a correction of one is seen at once.

mod own;
mod pace;
#[cfg(test)]
mod tests;
mod untyped;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use thiserror::Error;

use super::Stats;
use super::inputs::Inputs;
use super::interpolation::Motion;
use crate::game::{EntityId, Game};
use crate::protocol::input::InputLanes;
use crate::replica::Replica;
use crate::schema::{Replicate, Schema, World};
use crate::tick::Tick;
use own::Own;
use pace::Pace;
pub use untyped::{NoSuchField, RowStep, StepRows, UntypedPrediction};

/// Ticks that are predicted at most; a client that is further ahead of the server knows nothing.
const AHEAD_MAX: i32 = 400;
/// For so long, in seconds, a frame is not believed that lacks inputs which are on their way: the server may yet take
/// them into account for the ticks that they were for ([`Step::late_inputs`](crate::game::Step::late_inputs)), and if
/// not, one correction is better than one for each frame.
const PATIENCE_S: f64 = 0.25;

/// A game that tells how a player's own entities advance, so that clients need not wait for the server. See the
/// [module](self), and its example.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::Around;
///
/// impl Predict for Coins {
///     const FIELDS: &'static [&'static str] = &["at"]; // who picks a coin up is the server's to say
///
///     fn step(own: &mut Kinds, keys: &Keys, around: &Around<'_, Kinds>) {
///         let Kinds::Thing(runner) = own;
///         runner.run(keys, around.dt());
///     }
///     fn jumped(drawn: &Kinds, is: &Kinds) -> bool {
///         let (Kinds::Thing(drawn), Kinds::Thing(is)) = (drawn, is);
///         (drawn.at[0] - is.at[0]).abs() > 20.0 // no runner is so fast
///     }
/// }
/// assert!(Client::<Coins>::new(Profile::default())?.predict().is_ok());
/// # Ok::<(), delta::LayoutError>(())
/// ```
pub trait Predict: Game {
    /// The fields that [`Predict::step`] works out, by name; in all kinds that have them. Others may change at the server
    /// as they like (a score, a hull) without being corrections. Empty for all fields.
    const FIELDS: &'static [&'static str];

    /// Moves a seat's own entity one tick on, as [`Game::tick`] will at the server when nothing else meets it. `own` is
    /// as the server would publish it after the tick before; what this leaves is quantized by the caller.
    fn step(own: &mut Self::World, input: &Self::Input, around: &Around<'_, Self::World>);

    /// Whether it is no use to glide from where an own entity was `drawn` to where it is: it returned from the dead, or
    /// went through a portal. Default no.
    fn jumped(drawn: &Self::World, is: &Self::World) -> bool {
        let _ = (drawn, is);
        false
    }
}

/// Why a game's prediction cannot work.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::{Around, PredictError};
///
/// impl Predict for Coins {
///     const FIELDS: &'static [&'static str] = &["place"]; // it is called `at`
///     fn step(_: &mut Kinds, _: &Keys, _: &Around<'_, Kinds>) {}
/// }
/// let error = Client::<Coins>::new(Profile::default())?.predict().err();
/// assert_eq!(error, Some(PredictError::NoSuchField("place")));
/// # Ok::<(), delta::LayoutError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PredictError {
    /// A name in [`Predict::FIELDS`] that no kind has.
    #[error("no kind of the game has a field {0:?}: remove it from Predict::FIELDS, or correct it")]
    NoSuchField(&'static str),
}

/// What a step may look at beside its own entity.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::Around;
///
/// /// In [`Predict::step`]: a belt that runs every other second, if the server's coin lies on it.
/// fn carry(runner: &mut Thing, around: &Around<'_, Kinds>) {
///     let is_on = matches!(around.get(EntityId(u32::MAX)), Some(Kinds::Thing(coin)) if coin.at[1] == 0.0);
///     if is_on && around.tick().0 / 20 % 2 == 0 {
///         runner.at[0] += 4.0 * around.dt();
///     }
/// }
/// /// Whether another one stands where this runner goes.
/// fn is_blocked(runner: &Thing, around: &Around<'_, Kinds>) -> bool {
///     let is_near = |other: Thing| (other.at[0] - runner.at[0]).hypot(other.at[1] - runner.at[1]) < 1.0;
///     around.all().any(|(id, Kinds::Thing(other))| id != around.id() && is_near(other))
/// }
/// ```
pub struct Around<'a, W> {
    id: EntityId,
    tick: Tick,
    dt: f32,
    replica: &'a Replica,
    world: PhantomData<fn() -> W>,
}

impl<W: World> Around<'_, W> {
    /// The entity that advances.
    #[must_use]
    pub fn id(&self) -> EntityId {
        self.id
    }

    /// The tick that it advances to.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Seconds from one tick to the next.
    #[must_use]
    pub fn dt(&self) -> f32 {
        self.dt
    }

    /// An entity as the server last told it, which is some ticks ago.
    #[must_use]
    pub fn get(&self, id: EntityId) -> Option<W> {
        let (kind, row) = self.replica.newest(id)?;
        W::from_lanes(kind, row)
    }

    /// All entities as the server last told them. In no particular order.
    pub fn all(&self) -> impl Iterator<Item = (EntityId, W)> + '_ {
        let all = self.replica.newest_all();
        all.filter_map(|(id, kind, row)| W::from_lanes(kind, row).map(|entity| (id, entity)))
    }
}

/// What prediction asks the game, of rows.
pub(crate) trait Rules {
    /// Moves an own entity on, to `tick`.
    fn step(&self, id: EntityId, kind: u16, tick: Tick, input: &InputLanes, row: &mut [u32]);
    /// See [`Predict::jumped`].
    fn jumped(&self, kind: u16, drawn: &[u32], is: &[u32]) -> bool;
}

/// A game's functions, for those who only know that it is a game.
pub(crate) struct GameRules<G: Game> {
    step: fn(&mut G::World, &G::Input, &Around<'_, G::World>),
    jumped: fn(&G::World, &G::World) -> bool,
}

impl<G: Predict> GameRules<G> {
    pub(crate) fn new() -> Self {
        Self { step: G::step, jumped: G::jumped }
    }
}

impl<G: Game> GameRules<G> {
    /// With what is around.
    pub(crate) fn around<'a>(&'a self, replica: &'a Replica, dt: f32) -> AroundRules<'a, G> {
        AroundRules { rules: self, replica, dt }
    }
}

/// See [`GameRules::around`].
pub(crate) struct AroundRules<'a, G: Game> {
    rules: &'a GameRules<G>,
    replica: &'a Replica,
    dt: f32,
}

impl<G: Game> Rules for AroundRules<'_, G> {
    fn step(&self, id: EntityId, kind: u16, tick: Tick, input: &InputLanes, row: &mut [u32]) {
        let Some(mut own) = G::World::from_lanes(kind, row) else { return };
        let around = Around { id, tick, dt: self.dt, replica: self.replica, world: PhantomData };
        (self.rules.step)(&mut own, &G::Input::from_lanes(&input[..G::Input::LANES]), &around);
        // a kind is for ever
        if own.kind() == kind {
            own.to_lanes(row);
        }
    }

    fn jumped(&self, kind: u16, drawn: &[u32], is: &[u32]) -> bool {
        let worlds = G::World::from_lanes(kind, drawn).zip(G::World::from_lanes(kind, is));
        worlds.is_some_and(|(drawn, is)| (self.rules.jumped)(&drawn, &is))
    }
}

/// What became of predictions.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Corrections {
    pub(crate) count: u64,
    pub(crate) jumps: u64,
    /// The largest difference of a lane.
    pub(crate) most_steps: f64,
    pub(crate) longest_s: f64,
}

impl Corrections {
    pub(crate) fn told_in(&self, stats: Stats) -> Stats {
        Stats {
            corrections: self.count,
            correction_steps_max: self.most_steps as f32,
            correction_longest: Duration::from_secs_f64(self.longest_s),
            jumps: self.jumps,
            ..stats
        }
    }
}

/// An own entity as it is to be drawn; see [`World::from_lanes_moved`].
pub(crate) struct Drawn<'a> {
    pub(crate) id: EntityId,
    pub(crate) kind: u16,
    /// The state at or before the moment.
    pub(crate) earlier: &'a [u32],
    /// The one after it.
    pub(crate) later: &'a [u32],
    /// From the one to the other, 0 to 1.
    pub(crate) t: f32,
}

/// A moment, and what it is counted from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now_s: f64,
    /// In ticks after `origin`: what inputs that leave now are for.
    pub(crate) ticks: f64,
    pub(crate) origin: Tick,
    pub(crate) period_s: f64,
    /// [`Step::dt`](crate::game::Step::dt).
    pub(crate) dt: f32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Prediction {
    /// Of what the step works out.
    motion: Motion,
    /// For each kind: the lanes that the step works out.
    predicted: Vec<Vec<bool>>,
    own: Vec<Own>,
    /// What the player wanted, from the oldest tick that may be worked out anew; the newest last.
    wishes: VecDeque<(Tick, InputLanes)>,
    rest: InputLanes,
    /// What the player wants now.
    wish: InputLanes,
    /// All is predicted up to here.
    newest: Option<Tick>,
    pace: Option<Pace>,
    corrections: Corrections,
    restarts: u32,
    /// What moments are counted from.
    origin: Tick,
}

impl Prediction {
    pub(crate) fn new<G: Predict>() -> Result<Self, PredictError> {
        let mut rest = InputLanes::default();
        G::Input::default().to_lanes(&mut rest[..G::Input::LANES]);
        Self::of(&Schema::of::<G>(), G::FIELDS, rest).map_err(PredictError::NoSuchField)
    }

    /// `rest` is what a player wants who has not said anything. Fails with a name that no kind has.
    fn of<'a>(schema: &Schema, fields: &[&'a str], rest: InputLanes) -> Result<Self, &'a str> {
        let known = |name: &str| schema.kinds.iter().flat_map(|kind| &kind.fields).any(|field| field.name == name);
        if let Some(unknown) = fields.iter().find(|name| !known(name)) {
            return Err(unknown);
        }
        let mask: Vec<Vec<bool>> = schema
            .kinds
            .iter()
            .map(|kind| {
                let lanes = kind.fields.iter().flat_map(|field| {
                    let predicted = fields.is_empty() || fields.contains(&field.name.as_str());
                    std::iter::repeat_n(predicted, field.quantizer.lanes() * usize::from(field.count))
                });
                lanes.collect()
            })
            .collect();
        Ok(Self {
            motion: Motion::of(schema).only(&mask),
            predicted: mask,
            own: Vec::new(),
            wishes: VecDeque::new(),
            rest,
            wish: rest,
            newest: None,
            pace: None,
            corrections: Corrections::default(),
            restarts: 0,
            origin: Tick(0),
        })
    }

    /// The clock has started anew, or the client is too far ahead: what was predicted was for ticks that mean nothing now.
    fn restart(&mut self) {
        self.own.clear();
        self.newest = None;
        self.pace = None;
        // the server still goes by the last wish
        self.wishes.drain(..self.wishes.len().saturating_sub(1));
    }

    /// Inputs have left before this was there.
    fn begin(&mut self, inputs: &Inputs) {
        self.wishes = inputs.sent().collect();
        self.newest = inputs.newest();
        self.restarts = inputs.restarts();
    }

    /// The player wants `wish`, which has left for tick `left` or is too early for the next one.
    pub(crate) fn input(&mut self, now: &Moment, left: Option<Tick>, wish: InputLanes, rules: &impl Rules) {
        self.wish = wish;
        if let Some(tick) = left {
            self.wishes.push_back((tick, wish));
            if let Some(newest) = self.newest.filter(|newest| tick.is_after(*newest)) {
                if tick.since(newest) > AHEAD_MAX {
                    return self.restart();
                }
                self.newest = Some(tick);
            }
        }
        if let Some(newest) = self.newest {
            let mut own = std::mem::take(&mut self.own);
            own.iter_mut().for_each(|own| self.replay(own, newest, rules));
            self.own = own;
        }
        self.steer(now);
    }

    /// A frame has been applied to `replica`.
    pub(crate) fn frame(&mut self, now: &Moment, replica: &Replica, inputs: &Inputs, rules: &impl Rules) {
        if inputs.restarts() != self.restarts {
            self.restarts = inputs.restarts();
            self.restart();
        }
        let Some(tick) = replica.tick() else { return };
        let own = replica.owned().filter_map(|id| replica.newest(id).map(|(kind, row)| (id, kind, row)));
        self.settle(now, tick, inputs.newest_acked(), own, rules);
    }

    /// The server's word on `tick`: `acked` is the newest input that it has used, `own` are the seat's entities.
    fn settle<'a>(
        &mut self,
        now: &Moment,
        tick: Tick,
        acked: Option<Tick>,
        own: impl Iterator<Item = (EntityId, u16, &'a [u32])>,
        rules: &impl Rules,
    ) {
        self.origin = now.origin;
        let newest = self.newest.filter(|newest| newest.is_after(tick)).unwrap_or(tick);
        if newest.since(tick) > AHEAD_MAX {
            return self.restart();
        }
        self.newest = Some(newest);
        let believed = self.is_heard(tick, acked, now);
        let drawn = self.drawn_moment(now.now_s);
        let mut kept = Vec::with_capacity(self.own.len());
        for (id, kind, row) in own {
            let known = self.own.iter().position(|own| own.id == id && own.kind == kind);
            let mut entity = match known {
                Some(place) => self.own.swap_remove(place),
                None => Own::new(id, kind, tick, row),
            };
            match entity.at(tick) {
                Some(held) if known.is_some() && (held == row || !believed) => {}
                Some(_) if known.is_some() => self.correct(&mut entity, (tick, row), now, drawn, rules),
                // new, or nobody says what it is to do
                _ => {
                    entity.restart(tick, row);
                    self.replay(&mut entity, newest, rules);
                }
            }
            entity.forget_before(tick, now.origin, drawn);
            kept.push(entity);
        }
        self.own = kept;
        self.forget_wishes(tick);
    }

    /// Whether an entity is drawn from here.
    pub(crate) fn has(&self, id: EntityId) -> bool {
        self.own.iter().any(|own| own.id == id)
    }

    /// How own entities are to be drawn, and how far each lane is off what lies between the rows.
    pub(crate) fn drawn(&self, now_s: f64) -> impl Iterator<Item = (Drawn<'_>, Vec<f32>)> {
        let moment = self.drawn_moment(now_s);
        self.own.iter().map(move |own| {
            let (earlier, later, t) = own.between(self.origin, moment);
            let off = (0..later.len()).map(|lane| own.fade.off(now_s, lane) as f32).collect();
            (Drawn { id: own.id, kind: own.kind, earlier, later, t: t as f32 }, off)
        })
    }

    pub(crate) fn corrections(&self) -> Corrections {
        self.corrections
    }

    /// Whether the server has used all inputs for the ticks up to `tick`, or never will.
    fn is_heard(&self, tick: Tick, acked: Option<Tick>, now: &Moment) -> bool {
        let due = self.wishes.iter().rev().find(|(wished, _)| !wished.is_after(tick));
        let (Some((due, _)), Some(acked)) = (due, acked) else { return true };
        !due.is_after(acked) || f64::from(tick.since(acked)) * now.period_s > PATIENCE_S
    }

    /// The server's word is another: all is worked out anew, and what is drawn goes there softly.
    fn correct(&mut self, own: &mut Own, (tick, row): (Tick, &[u32]), now: &Moment, drawn: f64, rules: &impl Rules) {
        let newest = self.newest.unwrap_or(tick);
        let mask = self.predicted.get(usize::from(own.kind)).map_or(&[][..], Vec::as_slice);
        let same = |held: &[u32]| held.iter().zip(row).zip(mask).all(|((held, row), mine)| held == row || !mine);
        let foretold = own.at(tick).is_some_and(same);
        let lanes = self.motion.lanes(own.kind);
        let (picture, was) = (own.picture(lanes, now, drawn), own.foreseen().to_vec());
        own.restart(tick, row);
        self.replay(own, newest, rules);
        if rules.jumped(own.kind, &was, own.foreseen()) {
            own.fade.end();
            self.corrections.jumps += 1;
            return;
        }
        let lanes = self.motion.lanes(own.kind);
        let off = lanes.iter().zip(&picture).zip(own.picture(lanes, now, drawn));
        let is_seen = off.into_iter().any(|((moves, was), is)| moves.shortest(was - is).abs() > 0.5);
        if foretold && !is_seen {
            return;
        }
        let right = own.lanes(lanes, now.origin, drawn);
        let (steps, seen_s) = own.fade.begin(now.now_s, lanes, &picture, &right);
        let told = &mut self.corrections;
        told.count += 1;
        told.most_steps = told.most_steps.max(steps);
        told.longest_s = told.longest_s.max(seen_s);
    }

    /// Works out what follows from an entity's last state.
    fn replay(&self, own: &mut Own, newest: Tick, rules: &impl Rules) {
        let (id, kind) = (own.id, own.kind);
        while newest.is_after(own.last_tick()) {
            let tick = own.last_tick().next();
            let wish = self.wish_at(tick);
            own.advance(|row| rules.step(id, kind, tick, &wish, row));
        }
        own.foresee(|row| rules.step(id, kind, newest.next(), &self.wish, row));
    }

    /// What the player wanted at `tick`, as the server reckons: the last wish holds.
    fn wish_at(&self, tick: Tick) -> InputLanes {
        let wish = self.wishes.iter().rev().find(|(wished, _)| !wished.is_after(tick));
        wish.map_or(self.rest, |(_, wish)| *wish)
    }

    /// Forgets wishes that nothing after `tick` depends on.
    fn forget_wishes(&mut self, tick: Tick) {
        while self.wishes.get(1).is_some_and(|(wished, _)| !wished.is_after(tick)) {
            self.wishes.pop_front();
        }
    }

    /// The moment to draw, in ticks after the clock's origin.
    fn drawn_moment(&self, now_s: f64) -> f64 {
        self.pace.map_or(0.0, |pace| pace.moment(now_s))
    }

    /// Turns the picture's moment to the one that inputs are for.
    fn steer(&mut self, now: &Moment) {
        // nothing later than what is foreseen was drawn
        let last = self.newest.map_or(f64::INFINITY, |newest| f64::from(newest.next().since(now.origin)));
        self.pace.get_or_insert(Pace::new(now)).steer(now, last);
    }
}
