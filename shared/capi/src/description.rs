//! The schema: kinds, fields, variants.

use std::ffi::c_char;

use tickwire_shared::schema::{self, KindSchema, Quantizer};

use crate::TICKWIRE_INPUT;
use crate::border::{self, Failure, Status};
use crate::client::{Client, Inside, not_ready};
use crate::sampled::components;

/// What a field's values are.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldType {
    /// 0 or 1.
    Bool = 0,
    /// A whole number of the field's range.
    Int = 1,
    /// A number of the field's range.
    Float = 2,
    /// Radians.
    Angle = 3,
    /// The number of a variant; see `tickwire_variant_name`.
    Enum = 4,
    /// UTF-8.
    Text = 5,
    /// A rotation: x, y, z, w.
    Quat = 6,
}

/// A field of a kind, or of the input.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// What its values are.
    pub field_type: FieldType,
    /// 1, or the length of the array that it is.
    pub elements: u32,
    /// Numbers that an element is in a column: 4 of a quaternion, 0 of a text, else 1.
    pub components: u32,
    /// Bytes that an element takes in `tickwire_column_text`, with its closing zero; 0 of what is no text.
    pub text_bytes: u32,
    /// Variants of an enum, else 0.
    pub variants: u32,
    /// Only the seat that owns the entity receives it; others read the smallest value.
    pub owner_only: bool,
    /// Smallest and largest value of an integer or a float, else 0.
    pub min: f64,
    /// See `min`.
    pub max: f64,
}

/// How many kinds of entities the game has: their numbers are below that. 0 before the schema is known.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_kind_count(client: *mut Client) -> u32 {
    let mut kinds = 0;
    let count = |inside: &mut Inside| {
        kinds = inside.client.schema().ok_or_else(not_ready)?.kinds.len() as u32;
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, count) };
    kinds
}

/// The name of a kind; of `TICKWIRE_INPUT`, that of the input. Copies as much as there is room for, and a zero, and gives
/// the bytes that all of it takes, with the zero; 0 where there is no such kind.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_kind_name(
    client: *mut Client,
    kind: u32,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    let name = |inside: &mut Inside| Ok(kind_of(inside, kind)?.name.clone());
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), name) }
}

/// The number of the kind with this name.
///
/// # Safety
/// `client` is NULL or a client; `name` is NULL or ends with a zero; `kind` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_kind_find(client: *mut Client, name: *const c_char, kind: *mut u32) -> Status {
    // SAFETY: the caller's promises
    let find = |inside: &mut Inside| unsafe {
        let (name, kinds) = (border::text(name, "the name")?, &inside.client.schema().ok_or_else(not_ready)?.kinds);
        let place = kinds.iter().position(|kind| kind.name == name);
        let found = place.ok_or_else(|| {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
            Failure::unknown(format!("there is no kind {name:?}: there are {}", names.join(", ")))
        });
        border::put(kind, found? as u32, "the kind")
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, find) }
}

/// How many fields a kind has, or the input: their numbers are below that. 0 where there is no such kind.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_field_count(client: *mut Client, kind: u32) -> u32 {
    let mut fields = 0;
    let count = |inside: &mut Inside| {
        fields = kind_of(inside, kind)?.fields.len() as u32;
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, count) };
    fields
}

/// The name of a field; as `tickwire_kind_name`.
///
/// # Safety
/// As `tickwire_kind_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_field_name(
    client: *mut Client,
    kind: u32,
    field: u32,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    let name = |inside: &mut Inside| Ok(field_of(inside, kind, field)?.name.clone());
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), name) }
}

/// The number of the field with this name.
///
/// # Safety
/// `client` is NULL or a client; `name` is NULL or ends with a zero; `field` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_field_find(
    client: *mut Client,
    kind: u32,
    name: *const c_char,
    field: *mut u32,
) -> Status {
    // SAFETY: the caller's promises
    let find = |inside: &mut Inside| unsafe {
        let place = place_of(kind_of(inside, kind)?, border::text(name, "the name")?)?;
        border::put(field, place as u32, "the field")
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, find) }
}

/// What a field is.
///
/// # Safety
/// `client` is NULL or a client; `told` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_field_describe(
    client: *mut Client,
    kind: u32,
    field: u32,
    told: *mut Field,
) -> Status {
    // SAFETY: the caller's promise
    let tell =
        |inside: &mut Inside| unsafe { border::put(told, describe(field_of(inside, kind, field)?), "the field") };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, tell) }
}

/// The name of a variant of a field; as `tickwire_kind_name`.
///
/// # Safety
/// As `tickwire_kind_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_variant_name(
    client: *mut Client,
    kind: u32,
    field: u32,
    variant: u32,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    let name = |inside: &mut Inside| {
        let field = field_of(inside, kind, field)?;
        let of = if let Quantizer::Enum { variants } = &field.quantizer { variants.as_slice() } else { &[] };
        let none = || Failure::unknown(format!("{} has {} variants, none is {variant}", field.name, of.len()));
        of.get(variant as usize).cloned().ok_or_else(none)
    };
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), name) }
}

fn describe(field: &schema::Field) -> Field {
    let quantizer = &field.quantizer;
    let (field_type, min, max) = match quantizer {
        Quantizer::Bool => (FieldType::Bool, 0.0, 0.0),
        Quantizer::Int { min, max } => (FieldType::Int, *min as f64, *max as f64),
        Quantizer::Float { min, step, span } => (FieldType::Float, *min, min + step * f64::from(*span)),
        Quantizer::Angle { .. } => (FieldType::Angle, 0.0, 0.0),
        Quantizer::Enum { .. } => (FieldType::Enum, 0.0, 0.0),
        Quantizer::Text { .. } => (FieldType::Text, 0.0, 0.0),
        Quantizer::Quat { .. } => (FieldType::Quat, 0.0, 0.0),
    };
    let text_bytes = if let Quantizer::Text { max_bytes } = quantizer { u32::from(*max_bytes) + 1 } else { 0 };
    Field {
        field_type,
        elements: field.count.into(),
        components: if text_bytes > 0 { 0 } else { components(quantizer) as u32 },
        text_bytes,
        variants: if let Quantizer::Enum { variants } = quantizer { variants.len() as u32 } else { 0 },
        owner_only: field.owner_only,
        min,
        max,
    }
}

pub(crate) fn kind_of(inside: &Inside, kind: u32) -> Result<&KindSchema, Failure> {
    let schema = inside.client.schema().ok_or_else(not_ready)?;
    let found = if kind == TICKWIRE_INPUT { Some(&schema.input) } else { schema.kinds.get(kind as usize) };
    found.ok_or_else(|| Failure::unknown(format!("the game has {} kinds, none is {kind}", schema.kinds.len())))
}

fn field_of(inside: &Inside, kind: u32, field: u32) -> Result<&schema::Field, Failure> {
    let kind = kind_of(inside, kind)?;
    let none = || Failure::unknown(format!("{} has {} fields, none is {field}", kind.name, kind.fields.len()));
    kind.fields.get(field as usize).ok_or_else(none)
}

/// Where in its kind a field stands.
pub(crate) fn place_of(kind: &KindSchema, name: &str) -> Result<usize, Failure> {
    let place = kind.fields.iter().position(|field| field.name == name);
    place.ok_or_else(|| {
        let names: Vec<&str> = kind.fields.iter().map(|field| field.name.as_str()).collect();
        Failure::unknown(format!("{} has no field {name:?}: it has {}", kind.name, names.join(", ")))
    })
}
