//! A game's kinds and input, compiled for text: numbers in the game's units, enums by name.
//!
//! A number has as many decimals as tell its lane from the neighbours: of `min + lane · step` all, where these are few,
//! else so many that it is off by an eighth of a step at most. Read and quantized again it is the same lane.

use serde_json::{Map, Value};
use tickwire_shared::client::Wish;
use tickwire_shared::delta::{Layout, LayoutError};
use tickwire_shared::protocol::input::InputLanes;
use tickwire_shared::schema::{Field, KindSchema, Quantizer, Schema};

use super::payload::Payloads;
use super::said::SaidError;

/// Decimals that are written where fewer would not be exact.
const EXACT_DECIMALS: u32 = 4;
const DECIMALS_MAX: u32 = 15;

/// All that is needed to speak of one game in JSON.
#[derive(Debug)]
pub struct GameText {
    name: String,
    layout: Layout,
    kinds: Vec<KindText>,
    input: KindSchema,
    payloads: Payloads,
}

/// One kind.
#[derive(Debug)]
pub(super) struct KindText {
    /// Quoted.
    pub(super) name: String,
    pub(super) fields: Vec<FieldText>,
}

/// One field of a kind.
#[derive(Debug)]
pub(super) struct FieldText {
    /// Quoted, with its colon.
    key: String,
    /// Place of its first lane in a row.
    first: usize,
    /// Lanes of one element.
    lanes: usize,
    /// 1, or the length of an array.
    count: usize,
    pub(super) owner_only: bool,
    value: ValueText,
}

#[derive(Debug)]
enum ValueText {
    Decimal {
        min: f64,
        step: f64,
        decimals: u32,
    },
    /// Quoted.
    Variants(Vec<String>),
    Quat {
        quantizer: Quantizer,
        decimals: u32,
    },
    /// Booleans, integers and texts.
    Plain(Quantizer),
}

impl GameText {
    /// Of a game with this schema.
    ///
    /// # Errors
    /// The schema is impossible: see [`LayoutError`].
    pub fn new(schema: &Schema, payloads: Payloads) -> Result<Self, LayoutError> {
        let kinds = schema.kinds.iter().map(KindText::new).collect();
        let (name, layout) = (schema.game.clone(), Layout::new(schema)?);
        Ok(Self { name, layout, kinds, input: schema.input.clone(), payloads })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn kind(&self, kind: u16) -> Option<&KindText> {
        self.kinds.get(usize::from(kind))
    }

    /// As [`Payloads::event`].
    ///
    /// # Errors
    /// The bytes are no event of the game.
    pub fn event(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.payloads.event(bytes, out)
    }

    pub(super) fn command(&self, json: &str) -> Result<Vec<u8>, String> {
        self.payloads.command(json)
    }

    /// An input by its fields' names; those that are not named rest.
    pub(super) fn input(&self, wish: &Map<String, Value>) -> Result<InputLanes, SaidError> {
        let mut lanes = Wish::new(&self.input);
        for (name, value) in wish {
            let place = self.input.fields.iter().position(|field| field.name == *name);
            let Some(place) = place else {
                let names: Vec<&str> = self.input.fields.iter().map(|field| field.name.as_str()).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(SaidError::Field { game: self.name.clone(), given: name.clone(), known });
            };
            put(&mut lanes, place, &self.input.fields[place], value)?;
        }
        let mut all = InputLanes::default();
        all[..lanes.lanes().len()].copy_from_slice(lanes.lanes());
        Ok(all)
    }
}

fn put(lanes: &mut Wish, place: usize, field: &Field, value: &Value) -> Result<(), SaidError> {
    if field.count == 1 {
        return put_one(lanes, (place, 0), field, value)
            .map_err(|error| SaidError::Input(format!("{} {error}", field.name)));
    }
    match value {
        Value::Array(values) if values.len() == usize::from(field.count) => {
            for (element, value) in values.iter().enumerate() {
                put_one(lanes, (place, element), field, value)
                    .map_err(|error| SaidError::Input(format!("{}[{element}] {error}", field.name)))?;
            }
            Ok(())
        }
        _ => Err(SaidError::Input(format!("{} takes a list of {} values", field.name, field.count))),
    }
}

/// The error is the rest of a sentence that begins with the field's name.
fn put_one(lanes: &mut Wish, (field, element): (usize, usize), of: &Field, value: &Value) -> Result<(), String> {
    let takes = |what: &str| format!("takes {what}, not {value}");
    let put = match (&of.quantizer, value) {
        (Quantizer::Bool, Value::Bool(is)) => lanes.put(field, element, f64::from(u8::from(*is))),
        (Quantizer::Bool, Value::Number(number)) if [Some(0.0), Some(1.0)].contains(&number.as_f64()) => {
            lanes.put(field, element, number.as_f64().unwrap_or_default())
        }
        (Quantizer::Bool, _) => return Err(takes("true or false")),
        (Quantizer::Quat { .. }, value) => {
            let quat: Option<[f32; 4]> = serde_json::from_value(value.clone()).ok();
            let quat = quat.filter(|quat| quat.iter().all(|number| number.is_finite()));
            lanes.put_quat(field, element, quat.ok_or_else(|| takes("a quaternion of four numbers"))?)
        }
        (_, Value::Number(number)) => lanes.put(field, element, number.as_f64().unwrap_or(f64::NAN)),
        (_, Value::String(text)) => lanes.put_text(field, element, text.clone()),
        (Quantizer::Text { .. }, _) => return Err(takes("text")),
        (Quantizer::Enum { variants }, _) => return Err(takes(&format!("one of {}", variants.join(", ")))),
        _ => return Err(takes("a number")),
    };
    put.map_err(|error| error.to_string())
}

impl KindText {
    fn new(kind: &KindSchema) -> Self {
        let mut first = 0;
        let fields = kind.fields.iter().map(|field| {
            let (lanes, count) = (field.quantizer.lanes(), usize::from(field.count));
            let key = format!("{}:", quoted(&field.name));
            let value = ValueText::new(&field.quantizer);
            let text = FieldText { key, first, lanes, count, owner_only: field.owner_only, value };
            first += lanes * count;
            text
        });
        Self { fields: fields.collect(), name: quoted(&kind.name) }
    }
}

impl FieldText {
    /// Its lanes in a row of its kind.
    pub(super) fn of<'a>(&self, row: &'a [u32]) -> &'a [u32] {
        &row[self.first..self.first + self.lanes * self.count]
    }

    /// Appends name and value.
    pub(super) fn write(&self, row: &[u32], out: &mut Vec<u8>) {
        out.extend_from_slice(self.key.as_bytes());
        let lanes = self.of(row);
        if self.count == 1 {
            return self.value.write(lanes, out);
        }
        list(out, b'[', b']', lanes.chunks(self.lanes.max(1)), |lanes, out| self.value.write(lanes, out));
    }
}

impl ValueText {
    fn new(quantizer: &Quantizer) -> Self {
        match quantizer {
            Quantizer::Float { min, step, .. } => {
                Self::Decimal { min: *min, step: *step, decimals: decimals(*min, *step) }
            }
            Quantizer::Angle { bits } => {
                let step = std::f64::consts::TAU / f64::from(1u32 << u32::from(*bits).min(31));
                Self::Decimal { min: 0.0, step, decimals: decimals(0.0, step) }
            }
            Quantizer::Enum { variants } => Self::Variants(variants.iter().map(|name| quoted(name)).collect()),
            Quantizer::Quat { bits } => {
                let step = std::f64::consts::FRAC_1_SQRT_2 / f64::from(1u32 << (u32::from(*bits).clamp(1, 32) - 1));
                Self::Quat { quantizer: quantizer.clone(), decimals: decimals(0.0, step) }
            }
            plain => Self::Plain(plain.clone()),
        }
    }

    fn write(&self, lanes: &[u32], out: &mut Vec<u8>) {
        match self {
            Self::Decimal { min, step, decimals } => decimal(min + f64::from(lanes[0]) * step, *decimals, out),
            Self::Variants(names) => match names.get(lanes[0] as usize) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => integer(lanes[0].into(), out),
            },
            Self::Quat { quantizer, decimals } => {
                if let tickwire_shared::schema::Value::Quat(quat) = quantizer.value(lanes) {
                    list(out, b'[', b']', quat.iter(), |part, out| decimal(f64::from(*part), *decimals, out));
                }
            }
            Self::Plain(quantizer) => match quantizer.value(lanes) {
                tickwire_shared::schema::Value::Bool(is) => {
                    out.extend_from_slice(if is { b"true" } else { b"false" });
                }
                tickwire_shared::schema::Value::Int(whole) => integer(whole, out),
                tickwire_shared::schema::Value::Text(text) => out.extend_from_slice(quoted(&text).as_bytes()),
                // no quantizer that is plain gives these; of one that did, text would be silent, and the server live
                _ => out.extend_from_slice(b"null"),
            },
        }
    }
}

/// Appends what `one` writes of each item, with commas, between two brackets.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    open: u8,
    close: u8,
    items: impl Iterator<Item = T>,
    mut one: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(open);
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        one(item, out);
    }
    out.push(close);
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// See the module.
fn decimals(min: f64, step: f64) -> u32 {
    // a few units in the last place
    let is_whole = |number: f64| (number - number.round()).abs() <= 1e-12 * number.abs().max(1.0);
    let scale = |decimals: u32| 10f64.powi(decimals as i32);
    let exact = (0..=EXACT_DECIMALS).find(|count| {
        // a step that is lost in the rounding is none
        is_whole(step * scale(*count)) && is_whole(min * scale(*count)) && step * scale(*count) >= 0.5
    });
    let near = (0..DECIMALS_MAX).find(|count| 1.0 / scale(*count) <= step / 4.0);
    exact.or(near).unwrap_or(DECIMALS_MAX)
}

pub(super) fn integer(whole: i64, out: &mut Vec<u8>) {
    if whole < 0 {
        out.push(b'-');
    }
    digits(whole.unsigned_abs(), 1, out);
}

/// Appends a number with at least so many digits.
fn digits(mut number: u64, least: u32, out: &mut Vec<u8>) {
    let mut text = [b'0'; 20];
    let mut first = text.len();
    while number > 0 || text.len() - first < least as usize {
        first -= 1;
        text[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text[first..]);
}

/// Appends a number with at most so many decimals, none of them a 0 at the end.
fn decimal(value: f64, decimals: u32, out: &mut Vec<u8>) {
    let scale = 10u64.pow(decimals.min(DECIMALS_MAX));
    let scaled = (value * scale as f64).round();
    if scaled.abs() >= 9e15 || scaled.is_nan() {
        // of more digits than a double has; JSON has no words for infinities
        let text = serde_json::Number::from_f64(value).map_or("null".to_owned(), |number| number.to_string());
        return out.extend_from_slice(text.as_bytes());
    }
    if scaled < 0.0 {
        out.push(b'-');
    }
    let scaled = scaled.abs() as u64;
    digits(scaled / scale, 1, out);
    let (mut rest, mut places) = (scaled % scale, decimals);
    if rest > 0 {
        while rest % 10 == 0 {
            rest /= 10;
            places -= 1;
        }
        out.push(b'.');
        digits(rest, places, out);
    }
}

#[cfg(test)]
mod tests;
