//! How likely each answer is: what a range coder knows beforehand of a game. Made by [`Training`] from recordings; part
//! of a game's description, so both ends have the same.
//!
//! One byte a question, (2 · byte + 1) / 512 for a yes. A residual is asked for as zero or not, its sign, the place of
//! its highest bit in unary, and the two bits below that; what is lower is as likely one as the other. Whether it is
//! zero, and how long if it is short, is asked by how wrong the lane's own forecast was the last time, in 12 levels, and
//! how wrong those before it in the row were, in 24; its sign by those of the two residuals before it in the row, which a
//! body that is held up or pushed has in common, and by what it shares with others: a place by how its two nearest
//! neighbours in the message were pushed (`neighbours.rs`), which counts for its level too; else by the same lane in the
//! row before. What else there is is asked by the class of doubt. Directions are told from where the lane leans: a scene
//! and its mirror image are one.
//!
//! ```text
//! 4 models (pushed, seldom, turn, quat), one step ahead and further:
//!     12 × 24 levels: { zero? · 2 (the other way, with the lean) × 4 × more bits? }
//!     32 classes of doubt: { 11 × more bits? · 8 × second bit · 16 × third bit }
//!     9 trends × 11 sizes of the lean × 25 (5 pushes of the nearest × 5 of the next one,
//!         or 4 steps × 5 residuals in the row before): against the lean?
//! 6 codings × 4 × 16 sizes: changed? · 16 × 16 sizes: another largest component? · 16 sizes: moves?
//! 2 counts: 32 × more bits?
//! ```

use super::coder::{Count, Put, Question, Sureness, Take};
use super::forecast::{Motion, Surprise};
use super::layout::{Coding, KindLayout, Layout, LayoutError, Unit};
use super::neighbours::Neighbours;
use crate::bits::DecodeError;
use crate::range::{Chance, RangeReader, RangeWriter};

const MODELS: usize = 4;
const CODINGS: usize = MODELS + 2;
const CLASSES: usize = 32;
const LEVELS: usize = 12;
const ROW_LEVELS: usize = 24;
/// Lengths that are asked for by level.
const SHORT: usize = 4;
/// Questions of two levels.
const CELL: usize = 1 + 2 * SHORT;
const CELLS: usize = LEVELS * ROW_LEVELS * CELL;
/// Questions of one class.
const LENGTHS: usize = 11;
const SECONDS: usize = 8;
const CLASS: usize = LENGTHS + SECONDS + 2 * SECONDS;
const LEANS: usize = 11;
const WAYS: usize = 5;
const OTHERS: usize = WAYS * WAYS;
const SIGNS: usize = Surprise::TRENDS * LEANS * OTHERS;
const MODEL: usize = CELLS + CLASSES * CLASS + SIGNS;
const SIZES: usize = 16;
const CHANGED: usize = 2 * MODELS * MODEL;
const ANOTHER: usize = CHANGED + 4 * CODINGS * SIZES;
const MOVES: usize = ANOTHER + 16 * SIZES;
const COUNTS: usize = MOVES + 16;
const QUESTIONS: usize = COUNTS + 2 * 32;
/// Bits of a residual's magnitude, at most.
const MAGNITUDE_BITS_MAX: u32 = 33;

/// See the module.
///
/// ```
/// use tickwire_shared::delta::{Tables, Training};
///
/// let untrained = Training::default().tables(); // a game keeps trained ones in a file, for Game::TABLES
/// assert!(untrained.len() == Tables::BYTES && Tables::new(&untrained).is_ok());
/// assert!(Tables::new(&untrained[1..]).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tables(Vec<Chance>);

impl Tables {
    /// Bytes that tables have.
    pub const BYTES: usize = QUESTIONS;

    /// Takes a game's tables.
    ///
    /// # Errors
    /// They have another length than [`Tables::BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, LayoutError> {
        if bytes.len() == Self::BYTES { Ok(Self(bytes.to_vec())) } else { Err(LayoutError::Tables(bytes.len())) }
    }
}

/// The place of a coding among the models, and behind them.
fn coding(unit: &Unit) -> usize {
    match unit.coding {
        Coding::Number { motion: Motion::Seldom, .. } => 1,
        Coding::Number { .. } => 0,
        Coding::Turn { .. } => 2,
        Coding::Quat { .. } => 3,
        Coding::Raw { .. } => 4,
        Coding::Text { .. } => 5,
    }
}

fn question(question: Question<'_>) -> usize {
    match question {
        Question::Changed { unit, expected, moves, size } => {
            let of = 4 * coding(unit) + 2 * usize::from(moves) + usize::from(expected);
            CHANGED + of * SIZES + usize::from(size.min(15))
        }
        Question::Another { near, size } => ANOTHER + usize::from(near.min(15)) * SIZES + usize::from(size.min(15)),
        Question::Moves(size) => MOVES + usize::from(size.min(15)),
        // each answer of such a row is asked for
        Question::Marked => QUESTIONS - 1,
    }
}

/// Whether the number has more than so many bits above its order.
fn more(count: Count, bits: u8) -> usize {
    COUNTS + usize::from(bits.min(30)) + if count == Count::Gap { 32 } else { 0 }
}

/// The level of how wrong something was.
#[inline]
fn level(by: u64) -> usize {
    const FIRST: [u8; 16] = [0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7];
    match FIRST.get(by as usize).filter(|_| by < 16) {
        Some(level) => (*level).into(),
        None => match by {
            ..22 => 7,
            22..41 => 8,
            41..81 => 9,
            81..161 => 10,
            _ => LEVELS - 1,
        },
    }
}

/// The level of how wrong the forecasts of a row were: see [`Surprise::by`].
#[inline]
fn row_level(by: u64) -> usize {
    let level = match by.checked_ilog2() {
        Some(octave @ 2..) => 2 * octave as usize + (by >> (octave - 1) & 1) as usize,
        _ => by as usize,
    };
    level.min(ROW_LEVELS - 1)
}

/// What the rows of a message so far tell about the next one.
#[derive(Clone, Debug)]
struct RowsBefore {
    /// The last residual of each lane; of the row before, as a rule.
    residuals: [i8; Layout::LANES_MAX],
    neighbours: Neighbours,
}

impl Default for RowsBefore {
    fn default() -> Self {
        Self { residuals: [0; Layout::LANES_MAX], neighbours: Neighbours::default() }
    }
}

impl RowsBefore {
    fn clear(&mut self) {
        self.residuals.fill(0);
        self.neighbours.clear();
    }

    #[inline]
    fn asked(&mut self, unit: &Unit, sure: Sureness) -> Asked {
        let before = *self.residual(unit, &sure);
        Asked::new(unit, sure, before, self.neighbours.pushed(unit, sure.lean.by))
    }

    #[inline]
    fn note(&mut self, unit: &Unit, sure: &Sureness, residual: i64) {
        *self.residual(unit, sure) = clamped(residual);
        self.neighbours.note(unit, sure.lean.by, residual);
    }

    #[inline]
    fn residual(&mut self, unit: &Unit, sure: &Sureness) -> &mut i8 {
        &mut self.residuals[unit.first.wrapping_add(sure.place.into()) % Layout::LANES_MAX]
    }
}

#[inline]
fn clamped(residual: i64) -> i8 {
    residual.clamp(i8::MIN.into(), i8::MAX.into()) as i8
}

/// Where the questions about a residual begin.
#[derive(Clone, Copy)]
struct Asked {
    cell: usize,
    class: usize,
    sign: usize,
    /// The lean is to lower numbers.
    down: bool,
}

impl Asked {
    /// `before` is the residual of the same lane in the row before, `pushed` what [`Neighbours::pushed`] says.
    #[inline]
    fn new(unit: &Unit, sure: Sureness, before: i8, pushed: Option<[i64; 2]>) -> Self {
        let Sureness { class, lean, surprise, .. } = sure;
        let model = (coding(unit) + if lean.far { MODELS } else { 0 }) * MODEL;
        let (by, step, down) = (lean.by.unsigned_abs(), lean.step, lean.is_down());
        let size = |of: u64| (64 - of.leading_zeros()) as usize;
        let lean = if by < 6 { by as usize } else { (3 + size(by)).min(LEANS - 1) };
        // none, with the lean or against it, each little or much
        let way = |of: i64, little: u64| {
            if of == 0 { 0 } else { 1 + 2 * usize::from((of < 0) != down) + usize::from(of.unsigned_abs() > little) }
        };
        let (others, doubt) = match pushed {
            Some([first, second]) => {
                let both = first.wrapping_mul(2).wrapping_add(second) / 3;
                let doubt = by.wrapping_add(both.unsigned_abs().wrapping_mul(2)) / 2;
                (way(first, 2) * WAYS + way(second, 2), doubt)
            }
            None => {
                let step = usize::from((step < 0) != down) + 2 * usize::from(step.unsigned_abs() > by);
                (step * WAYS + way(before.into(), 3), by)
            }
        };
        let trend = usize::from(surprise.trend);
        Self {
            cell: model + (level(doubt) * ROW_LEVELS + row_level(surprise.by)) * CELL,
            class: model + CELLS + class.min(CLASSES - 1) * CLASS,
            sign: model + CELLS + CLASSES * CLASS + (trend * LEANS + lean) * OTHERS + others,
            down,
        }
    }

    /// Whether it has more than so many bits, where it is `against` the lean.
    #[inline]
    fn more(&self, bits: usize, against: bool) -> usize {
        match bits.checked_sub(SHORT) {
            None => self.cell + 1 + if against { 0 } else { SHORT } + bits,
            Some(longer) => self.class + longer.min(LENGTHS - 1),
        }
    }

    #[inline]
    fn seconds(&self) -> usize {
        self.class + LENGTHS
    }
}

/// Answers, in the order of the questions, until the whole message is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    list: Vec<Answer>,
    rows: RowsBefore,
}

/// A question's number and its answer, or a number's value and bits.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Likely(u16, bool),
    Even(u16, u8),
}

impl Answers {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.rows.clear();
    }

    /// What comes is of one row, until the next one begins.
    #[inline]
    pub(super) fn begin_row(&mut self, kind: &KindLayout, base: &[u32]) {
        self.rows.neighbours.begin(kind, base);
    }

    /// Appends both to `out`.
    pub(super) fn write(&self, behind: &Self, tables: &Tables, out: &mut Vec<u8>) {
        let mut range = RangeWriter::new(out);
        for answer in self.list.iter().chain(&behind.list) {
            match *answer {
                Answer::Likely(question, yes) => range.decide(yes, tables.0[usize::from(question)]),
                Answer::Even(value, bits) => range.even(value.into(), bits),
            }
        }
        range.finish();
    }

    #[inline]
    fn likely(&mut self, question: usize, yes: bool) {
        // there are some thousands of questions
        self.list.push(Answer::Likely(question as u16, yes));
    }
}

impl Put for Answers {
    const WHOLE_BITS: bool = false;

    #[inline]
    fn answer(&mut self, about: Question<'_>, answer: bool) {
        self.likely(question(about), answer);
    }

    #[inline]
    fn residual(&mut self, unit: &Unit, sure: Sureness, value: i64, _: u8) {
        let asked = self.rows.asked(unit, sure);
        self.rows.note(unit, &sure, value);
        self.likely(asked.cell, value != 0);
        if value == 0 {
            return;
        }
        let against = (value < 0) != asked.down;
        self.likely(asked.sign, against);
        let magnitude = value.unsigned_abs();
        let length = magnitude.ilog2() as usize;
        for more in 0..length {
            self.likely(asked.more(more, against), true);
        }
        self.likely(asked.more(length, against), false);
        if length == 0 {
            return;
        }
        let (seconds, at) = (asked.seconds(), (length - 1).min(SECONDS - 1));
        let second = magnitude >> (length - 1) & 1;
        self.likely(seconds + at, second != 0);
        if length == 1 {
            return;
        }
        let third = magnitude >> (length - 2) & 1;
        self.likely(seconds + SECONDS + 2 * at + second as usize, third != 0);
        let below = magnitude & ((1 << (length - 2)) - 1);
        self.bits((below >> 16) as u32, (length as u8 - 2).saturating_sub(16));
        self.bits((below & 0xffff) as u32, (length as u8 - 2).min(16));
    }

    fn likely_count(&mut self, count: Count, value: u32, k: u8) {
        let shifted = u64::from(value) + (1 << k);
        let bits = 63 - shifted.leading_zeros() as u8;
        (k..bits).for_each(|bits| self.likely(more(count, bits - k), true));
        self.likely(more(count, bits - k), false);
        self.bits((shifted & ((1 << bits) - 1)) as u32, bits);
    }

    #[inline]
    fn bits(&mut self, value: u32, bits: u8) {
        if bits > 16 {
            self.list.push(Answer::Even((value >> 16) as u16, bits - 16));
        }
        if bits > 0 {
            self.list.push(Answer::Even(value as u16, bits.min(16)));
        }
    }
}

/// Reads by tables.
pub(super) struct Likely<'a> {
    tables: &'a [Chance],
    range: RangeReader<'a>,
    rows: RowsBefore,
}

impl<'a> Likely<'a> {
    pub(super) fn new(tables: &'a Tables, bytes: &'a [u8]) -> Self {
        Self { tables: &tables.0, range: RangeReader::new(bytes), rows: RowsBefore::default() }
    }

    /// As [`Answers::begin_row`].
    #[inline(never)]
    pub(super) fn begin_row(&mut self, kind: &KindLayout, base: &[u32]) {
        self.rows.neighbours.begin(kind, base);
    }

    #[inline(always)]
    fn likely(&mut self, question: usize) -> bool {
        self.range.decide(self.tables[question])
    }

    #[inline]
    fn signed(&mut self, asked: &Asked) -> Result<i64, DecodeError> {
        if !self.likely(asked.cell) {
            self.range.check()?;
            return Ok(0);
        }
        let against = self.likely(asked.sign);
        let negative = against != asked.down;
        let mut length = 0;
        while self.likely(asked.more(length, against)) {
            length += 1;
            if length >= MAGNITUDE_BITS_MAX as usize {
                return Err(DecodeError::OutOfRange("field"));
            }
        }
        let mut magnitude = 1u64;
        if length > 0 {
            let (seconds, at) = (asked.seconds(), (length - 1).min(SECONDS - 1));
            let second = usize::from(self.likely(seconds + at));
            magnitude = 2 | second as u64;
            if length > 1 {
                magnitude = magnitude << 1 | u64::from(self.likely(seconds + SECONDS + 2 * at + second));
                let below = length as u8 - 2;
                if below > 16 {
                    magnitude = magnitude << (below - 16) | u64::from(self.range.even(below - 16)?);
                }
                if below > 0 {
                    magnitude = magnitude << below.min(16) | u64::from(self.range.even(below.min(16))?);
                }
            }
        }
        self.range.check()?;
        let magnitude = magnitude.cast_signed();
        Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
    }
}

impl Take for Likely<'_> {
    const WHOLE_BITS: bool = false;

    #[inline]
    fn answer(&mut self, about: Question<'_>) -> Result<bool, DecodeError> {
        let answer = self.likely(question(about));
        self.range.check()?;
        Ok(answer)
    }

    // called from eight places: in line it would be a lot of a browser's module
    #[inline(never)]
    fn residual(&mut self, unit: &Unit, sure: Sureness, _: u8) -> Result<i64, DecodeError> {
        let asked = self.rows.asked(unit, sure);
        let residual = self.signed(&asked)?;
        self.rows.note(unit, &sure, residual);
        Ok(residual)
    }

    fn likely_count(&mut self, count: Count, k: u8) -> Result<u32, DecodeError> {
        let mut bits = k;
        while self.likely(more(count, bits - k)) {
            bits += 1;
            if bits > 31 {
                return Err(DecodeError::OutOfRange("count"));
            }
        }
        let value = (u64::from(self.bits(bits)?) | 1 << bits) - (1 << k);
        self.range.check()?;
        u32::try_from(value).ok().filter(|value| *value < 1 << 31).ok_or(DecodeError::OutOfRange("count"))
    }

    #[inline]
    fn bits(&mut self, bits: u8) -> Result<u32, DecodeError> {
        let high = if bits > 16 { self.range.even(bits - 16)? << 16 } else { 0 };
        let low = if bits > 0 { self.range.even(bits.min(16))? } else { 0 };
        Ok(high | low)
    }

    fn left(&self) -> usize {
        self.range.left()
    }

    fn all(self) -> Result<(), DecodeError> {
        self.range.all()
    }
}

/// Counts the answers of recorded deltas, and makes tables of them: [`Training::note`] each delta that a room would have
/// sent, as often as it would, then keep [`Training::tables`] in a file for [`Game::TABLES`](crate::game::Game::TABLES).
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use {room::coins::*, tickwire_shared::{*, delta::*}};
/// let layout = Layout::new(&Schema::of::<Coins>())?;
/// let rows = |x: u32| {
///     let mut rows = RowBuffer::default();
///     rows.push(EntityId(7), 0, 3).copy_from_slice(&[x, 20, 0]);
///     rows
/// };
/// let mut training = Training::default();
/// let mut scratch = DeltaScratch::default();
/// for x in 0..200 {
///     let (base, now) = (rows(10 * x), rows(10 * x + 10)); // two ticks of a recording
///     training.note(&layout, &Past { base: base.rows(), earlier: None }, now.rows(), &mut scratch);
/// }
/// let schema = Schema { tables: training.tables(), ..Schema::of::<Coins>() };
/// let (base, now) = (rows(400), rows(410));
/// let length = |layout: &Layout| {
///     let mut delta = Vec::new();
///     let past = Past { base: base.rows(), earlier: None };
///     encode_delta(layout, &past, now.rows(), &mut DeltaScratch::default(), &mut delta);
///     delta.len()
/// };
/// assert!(length(&Layout::new(&schema)?) < length(&layout), "it has seen such steps");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Training {
    /// No, yes.
    counts: Vec<[u64; 2]>,
}

impl Default for Training {
    fn default() -> Self {
        Self { counts: vec![[0; 2]; QUESTIONS] }
    }
}

impl Training {
    pub(super) fn count(&mut self, answers: &Answers) {
        for answer in &answers.list {
            if let Answer::Likely(question, yes) = answer {
                self.counts[usize::from(*question)][usize::from(*yes)] += 1;
            }
        }
    }

    /// The tables. A question that came up seldom is answered as the same one of the level or class before.
    #[must_use]
    pub fn tables(&self) -> Vec<u8> {
        let mut chances: Vec<Chance> = Vec::with_capacity(QUESTIONS);
        for (at, [no, yes]) in self.counts.iter().enumerate() {
            let in_model = at % MODEL;
            let before = match in_model {
                _ if at >= CHANGED => None,
                ..CELLS => [ROW_LEVELS * CELL, CELL].into_iter().find(|before| *before <= in_model),
                _ => Some(CLASS).filter(|_| (CELLS + CLASS..CELLS + CLASSES * CLASS).contains(&in_model)),
            };
            let like = before.map_or(128, |before| u64::from(chances[at - before]));
            // as if eight answers had been seen before
            let chance = (256 * yes + 8 * like) / (no + yes + 8);
            chances.push(chance.min(255) as u8);
        }
        chances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_another_length_are_refused() {
        let tables = Training::default().tables();
        assert!(Tables::new(&tables).is_ok());
        assert_eq!(Tables::new(&tables[1..]), Err(LayoutError::Tables(Tables::BYTES - 1)));
    }

    #[test]
    fn what_was_not_seen_is_as_likely_as_not_and_what_always_was_never_certain() {
        let mut training = Training::default();
        assert!(training.tables().iter().all(|chance| *chance == 128));
        let mut answers = Answers::default();
        (0..100_000).for_each(|_| answers.likely(MOVES, true));
        (0..100_000).for_each(|_| answers.likely(MOVES + 1, false));
        training.count(&answers);
        assert_eq!(training.tables()[MOVES..MOVES + 3], [255, 0, 128]);
    }
}
