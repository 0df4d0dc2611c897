//! Prediction with the game's step in C: the own entities are drawn where the inputs that leave now take them.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::ops::Range;
use std::time::Duration;

use tickwire_shared::client::{RowStep, StepRows, UntypedClient, UntypedPrediction};
use tickwire_shared::schema::{KindSchema, Quantizer, Schema, Value};

use crate::border::{self, Failure, Outcome, Status};
use crate::client::{Client, Inside, not_ready};
use crate::description;
use crate::sampled::components;

/// Which step is to be worked out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The entity that advances.
    pub entity: u32,
    /// Its kind's number.
    pub kind: u32,
    /// The tick that it advances to.
    pub tick: u32,
    /// Seconds from one tick to the next.
    pub dt_s: f32,
    /// Numbers that `own` and `input` have.
    pub own_count: usize,
    /// See `own_count`.
    pub input_count: usize,
}

/// Moves an own entity one tick on, as the game's tick does at the server when nothing else meets it. `own` are the
/// numbers of the entity after the tick before, and are to be as after this one; `input` are those of what the player
/// wants. `tickwire_number_find` tells where a field's stand. What is written is made to fit: into the field's range, to
/// the nearest step; what is no number (NaN) changes nothing.
///
/// Called by `tickwire_handle_message`, `tickwire_update` and `tickwire_input_send`, some times for each tick; it must not
/// call the client, and gives the same for the same numbers. Reckon in `float` where the server does.
pub type StepFunction =
    Option<unsafe extern "C" fn(user: *mut c_void, step: *const Step, input: *const f64, own: *mut f64)>;

/// Whether it is no use to glide from where an own entity of this kind was drawn to where it is: it returned from the
/// dead, or went through a portal.
pub type JumpedFunction =
    Option<unsafe extern "C" fn(user: *mut c_void, kind: u32, drawn: *const f64, is: *const f64) -> bool>;

/// What became of predictions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Corrections {
    /// How often what was predicted turned out otherwise, so that one could see it.
    pub count: u64,
    /// How often an own entity jumped.
    pub jumps: u64,
    /// For how long a difference showed at most.
    pub longest_ns: u64,
    /// The largest difference, in steps of a field.
    pub steps_max: f32,
}

/// From now on own entities are predicted by `step`, and `tickwire_sample` has them where the inputs that leave now take
/// them; all else stays a little in the past. `fields` are the names of the `count` fields that the step works out, in all
/// kinds that have them; others may change at the server as they like. None: all fields. `jumped` may be NULL: nothing
/// does. `user` is given to both as it is. `step` NULL: nothing is predicted any more.
///
/// What the step foretells and the server's word differ when something else met the entity, or when the server goes on from
/// numbers that it did not send. Then all is worked out anew, and the picture glides there within a tenth of a second.
///
/// The schema must be known (`TICKWIRE_STATUS_ERROR_NOT_READY`); a name that no kind has is refused.
///
/// # Safety
/// `client` is NULL or a client; `fields` points to `count` texts that end with a zero, or is NULL; the functions may be
/// called with `user` as long as the client is there, by the threads that use it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_predict(
    client: *mut Client,
    fields: *const *const c_char,
    count: usize,
    step: StepFunction,
    jumped: JumpedFunction,
    user: *mut c_void,
) -> Status {
    let predict = |inside: &mut Inside| -> Outcome {
        let schema = inside.client.schema().ok_or_else(not_ready)?;
        // SAFETY: the caller's promise
        let names = unsafe { border::texts(fields, count, "the names of fields") }?;
        let made = UntypedPrediction::new(schema, &names).map_err(Failure::unknown)?;
        inside.predicted = step.is_some().then(|| {
            let rules = Rules::new(schema, (step, jumped), user);
            Predicted { prediction: made, rules }
        });
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, predict) }
}

/// Where the first number of a field stands among those of a step, of a kind or of `TICKWIRE_INPUT`: fields are in their
/// order, elements one after the other; of each there are as many numbers as `tickwire_field` tells components: four of a
/// quaternion (x, y, z, w), none of a text, else one.
///
/// # Safety
/// `client` is NULL or a client; `field` is NULL or ends with a zero; `at` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_number_find(
    client: *mut Client,
    kind: u32,
    field: *const c_char,
    at: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let find = |inside: &mut Inside| unsafe {
        let of = description::kind_of(inside, kind)?;
        let place = description::place_of(of, border::text(field, "the field's name")?)?;
        let before = of.fields[..place].iter().map(|field| width(&field.quantizer) * usize::from(field.count));
        border::put(at, before.sum(), "the place")
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, find) }
}

/// Tells what became of predictions; all 0 while nothing is predicted.
///
/// # Safety
/// `client` is NULL or a client; `corrections` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_corrections_read(client: *mut Client, corrections: *mut Corrections) -> Status {
    let read = |inside: &mut Inside| {
        let stats = inside.client.stats();
        let stats = inside.predicted.as_ref().map_or(stats, |predicted| predicted.prediction.stats(stats));
        let told = Corrections {
            count: stats.corrections,
            jumps: stats.jumps,
            longest_ns: u64::try_from(stats.correction_longest.as_nanos()).unwrap_or(u64::MAX),
            steps_max: stats.correction_steps_max,
        };
        // SAFETY: the caller's promise
        unsafe { border::put(corrections, told, "the corrections") }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, read) }
}

/// A prediction, and whose step it asks.
pub(crate) struct Predicted {
    pub(crate) prediction: UntypedPrediction,
    rules: Rules,
}

impl Predicted {
    pub(crate) fn handle_message(&mut self, now: Duration, client: &UntypedClient) {
        self.prediction.handle_message(now, client, &self.rules);
    }

    pub(crate) fn input(&mut self, now: Duration, client: &UntypedClient, lanes: &[u32], left: bool) {
        self.prediction.input(now, client, lanes, left, &self.rules);
    }
}

/// The caller's functions, and what they need to read rows as numbers.
struct Rules {
    kinds: Vec<Places>,
    input: Places,
    step: StepFunction,
    jumped: JumpedFunction,
    user: *mut c_void,
    /// Of the input and of the entity; kept for their memory.
    numbers: RefCell<[Vec<f64>; 2]>,
}

/// Numbers that a value is.
fn width(quantizer: &Quantizer) -> usize {
    if matches!(quantizer, Quantizer::Text { .. }) { 0 } else { components(quantizer) }
}

/// A kind, whose rows are read as numbers.
struct Places(KindSchema);

impl Rules {
    fn new(schema: &Schema, (step, jumped): (StepFunction, JumpedFunction), user: *mut c_void) -> Self {
        let kinds = schema.kinds.iter().cloned().map(Places).collect();
        Self { kinds, input: Places(schema.input.clone()), step, jumped, user, numbers: RefCell::default() }
    }
}

impl StepRows for Rules {
    fn step(&self, of: &RowStep<'_>, row: &mut [u32]) {
        let (Some(call), Some(places)) = (self.step, self.kinds.get(usize::from(of.kind))) else { return };
        let [input, own] = &mut *self.numbers.borrow_mut();
        self.input.read(of.input, input);
        places.read(row, own);
        let step = Step {
            entity: of.id.0,
            kind: of.kind.into(),
            tick: of.tick.0,
            dt_s: of.dt,
            own_count: own.len(),
            input_count: input.len(),
        };
        // SAFETY: the caller of `tickwire_predict` promised that it may be called, and the arrays have what `Step` tells
        unsafe { call(self.user, &raw const step, input.as_ptr(), own.as_mut_ptr()) };
        places.write(own, row);
    }

    fn jumped(&self, kind: u16, drawn: &[u32], is: &[u32]) -> bool {
        let (Some(jumped), Some(places)) = (self.jumped, self.kinds.get(usize::from(kind))) else { return false };
        let [before, after] = &mut *self.numbers.borrow_mut();
        places.read(drawn, before);
        places.read(is, after);
        // SAFETY: as above; both have the kind's numbers
        unsafe { jumped(self.user, kind.into(), before.as_ptr(), after.as_ptr()) }
    }
}

impl Places {
    /// Values one after the other, arrays' elements too: how each is read, and its lanes.
    fn values(&self) -> impl Iterator<Item = (&Quantizer, Range<usize>)> {
        let values = self.0.fields.iter().flat_map(|field| std::iter::repeat_n(&field.quantizer, field.count.into()));
        values.scan(0, |next, quantizer| {
            let lane = *next;
            *next += quantizer.lanes();
            Some((quantizer, lane..*next))
        })
    }

    fn read(&self, row: &[u32], numbers: &mut Vec<f64>) {
        numbers.clear();
        for (quantizer, lanes) in self.values() {
            match quantizer.value(&row[lanes]) {
                Value::Bool(is) => numbers.push(is.into()),
                Value::Int(whole) => numbers.push(whole as f64),
                Value::Float(number) => numbers.push(number.into()),
                Value::Variant(place) => numbers.push(place.into()),
                Value::Text(_) => {}
                Value::Quat(quat) => numbers.extend(quat.map(f64::from)),
            }
        }
    }

    /// What is as it was read keeps its lanes.
    fn write(&self, numbers: &[f64], row: &mut [u32]) {
        let mut left = numbers;
        for (quantizer, lanes) in self.values() {
            let (of, rest) = left.split_at(width(quantizer));
            left = rest;
            let lanes = &mut row[lanes];
            if of.iter().any(|number| number.is_nan()) {
                continue;
            }
            let value = match quantizer {
                Quantizer::Bool => Value::Bool(of[0] != 0.0),
                Quantizer::Int { min, max } if min <= max => Value::Int((of[0].round() as i64).clamp(*min, *max)),
                Quantizer::Float { min, step, span } => {
                    let max = min + step * f64::from(*span);
                    Value::Float(of[0].max(*min).min(max) as f32)
                }
                Quantizer::Angle { .. } => Value::Float(of[0] as f32),
                Quantizer::Enum { variants } => {
                    Value::Variant((of[0].round() as u32).min(variants.len().saturating_sub(1) as u32))
                }
                Quantizer::Quat { .. } => Value::Quat([of[0], of[1], of[2], of[3]].map(|number| number as f32)),
                Quantizer::Int { .. } | Quantizer::Text { .. } => continue,
            };
            if quantizer.value(lanes) != value {
                // what is no value of the field, such as an infinite angle, changes nothing
                let _ = quantizer.write(&value, lanes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_shared::schema::Field;

    use super::*;

    #[test]
    fn what_is_no_number_changes_nothing_and_what_is_too_far_is_made_to_fit() {
        let variants = ["a", "b", "c"].map(str::to_owned).to_vec();
        let fields = [
            Quantizer::Bool,
            Quantizer::Int { min: -5, max: 5 },
            Quantizer::Text { max_bytes: 4 },
            Quantizer::Float { min: 0.0, step: 0.5, span: 100 },
            Quantizer::Angle { bits: 10 },
            Quantizer::Enum { variants },
            Quantizer::Quat { bits: 9 },
        ];
        let field = |quantizer| Field { name: "field".into(), quantizer, count: 1, owner_only: false };
        let places = Places(KindSchema { name: "All".into(), fields: fields.map(field).to_vec() });
        let row = [1, 7, 0, 0, 42, 100, 1, 0, 255, 200, 300];
        let (mut numbers, mut written) = (Vec::new(), row);
        places.read(&row, &mut numbers);
        assert_eq!(numbers[..3], [1.0, 2.0, 21.0]);
        assert_eq!(numbers.len(), 9, "none of the text, four of the rotation");
        places.write(&numbers, &mut written);
        assert_eq!(written, row);
        places.write(&[f64::NAN; 9], &mut written);
        assert_eq!(written, row);
        numbers[1..5].copy_from_slice(&[99.0, -1.0, f64::INFINITY, 99.0]);
        places.write(&numbers, &mut written);
        assert_eq!(written, [1, 10, 0, 0, 0, 100, 2, 0, 255, 200, 300]);
    }
}
