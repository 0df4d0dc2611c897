//! Prediction beside an [`UntypedClient`]: for engines and languages that link the client without the game's types.

use std::time::Duration;

use thiserror::Error;

use super::{Prediction, Rules};
use crate::client::{Stats, UntypedClient, Wish};
use crate::game::EntityId;
use crate::protocol::input::InputLanes;
use crate::replica::Between;
use crate::schema::Schema;
use crate::tick::Tick;

/// A name that no kind of the game has among its fields.
///
/// ```
/// use tickwire_shared::client::NoSuchField;
///
/// assert_eq!(NoSuchField("hight".into()).to_string(), "no kind of the game has a field \"hight\"");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("no kind of the game has a field {0:?}")]
pub struct NoSuchField(pub String);

/// One step of an own entity, to be worked out. See [`UntypedPrediction`] and its example.
///
/// ```
/// use tickwire_shared::{EntityId, Tick, client::RowStep};
///
/// let of = RowStep { id: EntityId(7), kind: 0, tick: Tick(93), dt: 0.05, input: &[2, 1] };
/// let right = of.input[0] as i32 - 1; // what lanes mean is said by the schema: here -1 to 1
/// assert_eq!(right as f32 * 20.0 * of.dt, 1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowStep<'a> {
    /// The entity that advances.
    pub id: EntityId,
    /// Its kind's number.
    pub kind: u16,
    /// The tick that it advances to.
    pub tick: Tick,
    /// Seconds from one tick to the next.
    pub dt: f32,
    /// What the player wants at that tick, as lanes of the schema's input.
    pub input: &'a [u32],
}

/// A game's own rules, on rows of lanes.
///
/// ```
/// use tickwire_shared::client::{RowStep, StepRows};
///
/// /// A lift: its only lane is the floor.
/// struct Lift;
///
/// impl StepRows for Lift {
///     fn step(&self, step: &RowStep<'_>, row: &mut [u32]) {
///         row[0] = (row[0] + step.input[0]).min(40);
///     }
///     fn jumped(&self, _kind: u16, drawn: &[u32], is: &[u32]) -> bool {
///         drawn[0].abs_diff(is[0]) > 3 // no lift is so fast
///     }
/// }
/// assert!(Lift.jumped(0, &[2], &[40]) && !Lift.jumped(0, &[2], &[3]));
/// ```
pub trait StepRows {
    /// As [`Predict::step`](super::Predict::step): `row` is the entity after the tick before, and is to be as after this
    /// one, its lanes within their ranges.
    fn step(&self, step: &RowStep<'_>, row: &mut [u32]);

    /// As [`Predict::jumped`](super::Predict::jumped). Default no.
    fn jumped(&self, kind: u16, drawn: &[u32], is: &[u32]) -> bool {
        let _ = (kind, drawn, is);
        false
    }
}

/// Predicts the own entities of an [`UntypedClient`]: how it works stands in the [module](super). Tell it of each message
/// and each input, and draw what it has from here, all else from [`UntypedClient::sample`].
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::{RowStep, StepRows, UntypedClient, UntypedPrediction};
///
/// /// `at` has lanes 0 and 1, 0.05 a step; a lane of the input is 0, 1, 2 for -1, 0, 1.
/// struct Run;
///
/// impl StepRows for Run {
///     fn step(&self, step: &RowStep<'_>, row: &mut [u32]) {
///         let steps = (20.0 * step.dt / 0.05) as i64;
///         for (at, go) in row.iter_mut().zip(step.input) {
///             *at = (i64::from(*at) + (i64::from(*go) - 1) * steps).clamp(0, 2000) as u32;
///         }
///     }
/// }
///
/// let mut client = UntypedClient::new(Schema::of::<Coins>(), Profile::named("ann"))?;
/// let mut prediction = UntypedPrediction::new(&Schema::of::<Coins>(), &["at"])?;
/// let (mut room, mut now) = (Room::<Coins>::new(()), Duration::ZERO);
/// for _ in 0..20 {
///     let right = [2, 1];
///     let left = client.input(now, &right)?;
///     prediction.input(now, &client, &right, left, &Run);
///     while let Some(message) = client.poll_transmit() {
///         if let Some(answer) = room.answer(&message) {
///             client.handle_message(now, &answer)?;
///         }
///     }
///     client.handle_message(now, &room.tick())?;
///     prediction.handle_message(now, &client, &Run);
///     now += Duration::from_millis(50);
/// }
/// let own = client.owned().next().unwrap();
/// let (_, told) = client.newest(own).unwrap();
/// let (drawn, _) = prediction.drawn(now).next().unwrap();
/// assert!(prediction.has(own) && drawn.id == own && drawn.later[0] > told[0], "ahead of what the server told");
/// assert_eq!(prediction.stats(client.stats()).corrections, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UntypedPrediction {
    prediction: Prediction,
    /// Of the newest frame that it knows.
    tick: Option<Tick>,
}

impl UntypedPrediction {
    /// Of a game with this schema, whose rules work out these fields; see [`Predict::FIELDS`](super::Predict::FIELDS).
    ///
    /// # Errors
    /// No kind has a field of that name.
    pub fn new(schema: &Schema, fields: &[&str]) -> Result<Self, NoSuchField> {
        let mut rest = InputLanes::default();
        rest.iter_mut().zip(Wish::new(&schema.input).lanes()).for_each(|(rest, lane)| *rest = *lane);
        let prediction = Prediction::of(schema, fields, rest).map_err(|name| NoSuchField(name.to_owned()))?;
        Ok(Self { prediction, tick: None })
    }

    /// After each [`UntypedClient::handle_message`]; it may begin with any of them.
    pub fn handle_message(&mut self, now: Duration, client: &UntypedClient, rules: &impl StepRows) {
        let newest = client.tick();
        if newest != self.tick
            && let Some(moment) = client.moment(now)
        {
            if self.tick.is_none() {
                self.prediction.begin(client.inputs());
            }
            self.tick = newest;
            let rules = Rows { rules, dt: moment.dt, input_lanes: client.input_lanes() };
            self.prediction.frame(&moment, client.replica(), client.inputs(), &rules);
        }
    }

    /// After each [`UntypedClient::input`], with its lanes and whether it left.
    pub fn input(&mut self, now: Duration, client: &UntypedClient, lanes: &[u32], left: bool, rules: &impl StepRows) {
        let Some(moment) = client.moment(now) else { return };
        let mut wish = InputLanes::default();
        wish.iter_mut().zip(lanes).for_each(|(wish, lane)| *wish = *lane);
        let left = client.inputs().newest().filter(|_| left);
        let rules = Rows { rules, dt: moment.dt, input_lanes: client.input_lanes() };
        self.prediction.input(&moment, left, wish, &rules);
    }

    /// Whether an entity is drawn from here.
    #[must_use]
    pub fn has(&self, id: EntityId) -> bool {
        self.prediction.has(id)
    }

    /// The own entities as they are to be drawn at `now`: between two rows, and how many steps off that line each lane is,
    /// as [`UntypedClient::off`] tells of others.
    pub fn drawn(&self, now: Duration) -> impl Iterator<Item = (Between<'_>, Vec<f32>)> {
        self.prediction.drawn(now.as_secs_f64()).map(|(own, off)| {
            // the other way round, since what does not move is to be as it will be
            let (earlier, later, t) = (own.later, own.earlier, 1.0 - own.t);
            let (id, kind) = (own.id, own.kind);
            (Between { id, kind, earlier, later, t, span: 0.0, before: None, after: None, beyond: 0.0 }, off)
        })
    }

    /// The client's stats, with those of corrections.
    #[must_use]
    pub fn stats(&self, stats: Stats) -> Stats {
        self.prediction.corrections().told_in(stats)
    }
}

/// [`StepRows`] as prediction asks them.
struct Rows<'a, R> {
    rules: &'a R,
    dt: f32,
    input_lanes: usize,
}

impl<R: StepRows> Rules for Rows<'_, R> {
    fn step(&self, id: EntityId, kind: u16, tick: Tick, input: &InputLanes, row: &mut [u32]) {
        let input = &input[..self.input_lanes.min(input.len())];
        self.rules.step(&RowStep { id, kind, tick, dt: self.dt, input }, row);
    }

    fn jumped(&self, kind: u16, drawn: &[u32], is: &[u32]) -> bool {
        self.rules.jumped(kind, drawn, is)
    }
}
