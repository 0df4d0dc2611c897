//! Entities: as they are at a moment, in columns of the caller's.

use std::ffi::c_char;
use std::ops::Range;
use std::time::Duration;

use tickwire_shared::client::Interpolation;
use tickwire_shared::schema::{Quantizer, Value};

use crate::border::{self, Failure, Out, Outcome, Status};
use crate::client::{Client, Inside, not_ready};
use crate::sampled::Column;

/// Takes everything as it is to be drawn at `now_ns`: a little in the past, moving smoothly. What the calls below read
/// stays as it is until the next of these calls. Fails with `TICKWIRE_STATUS_ERROR_NOT_READY` before the schema is known.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_sample(client: *mut Client, now_ns: u64) -> Status {
    let sample = |inside: &mut Inside| -> Outcome {
        let sampled = inside.sampled.as_mut().ok_or_else(not_ready)?;
        let predicted = inside.predicted.as_ref().map(|predicted| &predicted.prediction);
        sampled.draw(&inside.client, predicted, Duration::from_nanos(now_ns));
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, sample) }
}

/// As `tickwire_sample`, but everything as the server told it last: for bots and rules.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_sample_newest(client: *mut Client) -> Status {
    let sample = |inside: &mut Inside| -> Outcome {
        inside.sampled.as_mut().ok_or_else(not_ready)?.take_newest(&inside.client);
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, sample) }
}

/// Whether things move in curves between the server's states (from now on), or in straight lines, as they do at first:
/// below 30 states a second lines have corners that one sees.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_interpolate_curves(client: *mut Client, curves: bool) -> Status {
    let choose = |inside: &mut Inside| -> Outcome {
        inside.client.interpolate(if curves { Interpolation::Hermite } else { Interpolation::Linear });
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, choose) }
}

/// The ids of a kind's entities, in no particular order; the columns of the kind have the same. `*count` is their number;
/// with `capacity` 0 that is all that is asked.
///
/// # Safety
/// `client` is NULL or a client; `ids` has room for `capacity` or is NULL; `count` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_ids(
    client: *mut Client,
    kind: u32,
    ids: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let copy = |inside: &mut Inside| unsafe {
        let (mut out, count) = (Out::new(ids, capacity, "the buffer")?, border::count(count)?);
        let ids = inside.sampled()?.ids(kind).ok_or_else(|| no_kind(kind))?;
        out.put_all(ids, count)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, copy) }
}

/// The ids of the entities that belong to the seat, as the server told last. `*count` is their number.
///
/// # Safety
/// As `tickwire_ids`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_owned(
    client: *mut Client,
    ids: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let copy = |inside: &mut Inside| unsafe {
        let (mut out, count) = (Out::new(ids, capacity, "the buffer")?, border::count(count)?);
        let ids: Vec<u32> = inside.client.owned().map(|id| id.0).collect();
        out.put_all(&ids, count)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, copy) }
}

/// The kind of one entity, and its place in the columns of that kind. `TICKWIRE_STATUS_ERROR_UNKNOWN`: it is not there.
///
/// # Safety
/// `client` is NULL or a client; the others are NULL or places for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_find(client: *mut Client, id: u32, kind: *mut u32, row: *mut usize) -> Status {
    // SAFETY: the caller's promises
    let find = |inside: &mut Inside| unsafe {
        let (of, at) = inside.sampled()?.place(id).ok_or_else(|| no_entity(id))?;
        border::put(kind, of.into(), "the kind")?;
        border::put(row, at, "the row")
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, find) }
}

/// A field of all entities of a kind, as floats: for each entity, in the order of `tickwire_ids`, each element of the
/// field, and of a quaternion x, y, z, w. Booleans are 0 and 1, variants their numbers. `*count` is how many numbers
/// that are.
///
/// # Safety
/// `client` is NULL or a client; `out` has room for `capacity` or is NULL; `count` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_column_f32(
    client: *mut Client,
    kind: u32,
    field: u32,
    out: *mut f32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    unsafe { column(client, (kind, field), (out, capacity, count)) }
}

/// As `tickwire_column_f32`, as doubles: exact for integers of up to 53 bits.
///
/// # Safety
/// As `tickwire_column_f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_column_f64(
    client: *mut Client,
    kind: u32,
    field: u32,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    unsafe { column(client, (kind, field), (out, capacity, count)) }
}

/// As `tickwire_column_f32`, of booleans, variants and integers that 32 bits hold: see `tickwire_field`'s range.
///
/// # Safety
/// As `tickwire_column_f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_column_i32(
    client: *mut Client,
    kind: u32,
    field: u32,
    out: *mut i32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    unsafe { column(client, (kind, field), (out, capacity, count)) }
}

/// As `tickwire_column_i32`, of all integers.
///
/// # Safety
/// As `tickwire_column_f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_column_i64(
    client: *mut Client,
    kind: u32,
    field: u32,
    out: *mut i64,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    unsafe { column(client, (kind, field), (out, capacity, count)) }
}

/// A field of texts of all entities of a kind. Each element takes as many bytes as `tickwire_field.text_bytes` says: the
/// text in UTF-8 and zeros, at least one. `*count` is how many bytes that are.
///
/// # Safety
/// As `tickwire_column_f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_column_text(
    client: *mut Client,
    kind: u32,
    field: u32,
    out: *mut c_char,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let copy = |inside: &mut Inside| unsafe {
        let (mut out, count) = (Out::new(out.cast::<u8>(), capacity, "the buffer")?, border::count(count)?);
        let column = column_of(inside, kind, field)?;
        let Quantizer::Text { max_bytes } = column.field.quantizer else { return Err(not_of(&column, "text")) };
        let width = usize::from(max_bytes) + 1;
        out.expect(column.rows() * column.elements() * width, count)?;
        for (row, element) in cells(&column, 0..column.rows()) {
            let Value::Text(text) = column.value(row, element) else { continue };
            // bytes that were no UTF-8 have become longer ones
            let end = text.floor_char_boundary(width - 1);
            out.extend(&text.as_bytes()[..end]);
            (end..width).for_each(|_| out.push(0));
        }
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, copy) }
}

/// A field of one entity, as doubles: as many as the field has elements, times four for quaternions.
///
/// # Safety
/// As `tickwire_column_f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_entity_f64(
    client: *mut Client,
    id: u32,
    field: u32,
    out: *mut f64,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let copy = |inside: &mut Inside| unsafe {
        let (mut out, count) = (Out::new(out, capacity, "the buffer")?, border::count(count)?);
        let (kind, row) = inside.sampled()?.place(id).ok_or_else(|| no_entity(id))?;
        fill(&column_of(inside, kind.into(), field)?, row..row + 1, &mut out, count)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, copy) }
}

/// An element of a field of texts of one entity. Copies as much as there is room for, and a zero, and gives the bytes
/// that all of it takes, with the zero; 0 where there is none.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_entity_text(
    client: *mut Client,
    id: u32,
    field: u32,
    element: u32,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    let read = |inside: &mut Inside| {
        let (kind, row) = inside.sampled()?.place(id).ok_or_else(|| no_entity(id))?;
        let column = column_of(inside, kind.into(), field)?;
        let at = usize::try_from(element).ok().filter(|element| *element < column.elements());
        let at = at.ok_or_else(|| {
            Failure::unknown(format!("{} has {} elements, none is {element}", column.field.name, column.elements()))
        })?;
        match column.value(row, at) {
            Value::Text(text) => Ok(text),
            _ => Err(not_of(&column, "text")),
        }
    };
    // SAFETY: the caller's promises
    unsafe { border::text_of(client, (buffer, capacity), read) }
}

/// A number of a column.
trait Number: Copy {
    /// What columns of it are of, in words.
    const OF: &'static str;
    fn whole(whole: i64) -> Option<Self>;
    fn float(float: f32) -> Option<Self>;
}

impl Number for f32 {
    const OF: &'static str = "numbers";
    fn whole(whole: i64) -> Option<Self> {
        Some(whole as f32)
    }
    fn float(float: f32) -> Option<Self> {
        Some(float)
    }
}

impl Number for f64 {
    const OF: &'static str = "numbers";
    fn whole(whole: i64) -> Option<Self> {
        Some(whole as f64)
    }
    fn float(float: f32) -> Option<Self> {
        Some(float.into())
    }
}

impl Number for i32 {
    const OF: &'static str = "integers of 32 bits";
    fn whole(whole: i64) -> Option<Self> {
        whole.try_into().ok()
    }
    fn float(_: f32) -> Option<Self> {
        None
    }
}

impl Number for i64 {
    const OF: &'static str = "integers";
    fn whole(whole: i64) -> Option<Self> {
        Some(whole)
    }
    fn float(_: f32) -> Option<Self> {
        None
    }
}

/// # Safety
/// As `tickwire_column_f32`.
unsafe fn column<T: Number>(
    client: *mut Client,
    (kind, field): (u32, u32),
    (out, capacity, count): (*mut T, usize, *mut usize),
) -> Status {
    // SAFETY: the caller's promises
    let copy = |inside: &mut Inside| unsafe {
        let (mut out, count) = (Out::new(out, capacity, "the buffer")?, border::count(count)?);
        let column = column_of(inside, kind, field)?;
        fill(&column, 0..column.rows(), &mut out, count)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, copy) }
}

fn fill<T: Number>(column: &Column<'_>, rows: Range<usize>, out: &mut Out<'_, T>, count: &mut usize) -> Outcome {
    if !fits::<T>(&column.field.quantizer) {
        return Err(not_of(column, T::OF));
    }
    out.expect(rows.len() * column.elements() * column.components(), count)?;
    for (row, element) in cells(column, rows) {
        let one = match column.value(row, element) {
            Value::Bool(is) => T::whole(is.into()),
            Value::Int(whole) => T::whole(whole),
            Value::Variant(place) => T::whole(place.into()),
            Value::Float(float) => T::float(float),
            Value::Quat(quat) => {
                quat.into_iter().filter_map(T::float).for_each(|part| out.push(part));
                continue;
            }
            Value::Text(_) => None,
        };
        // a row from a stranger may hold what its own description excludes
        one.or_else(|| T::whole(0)).into_iter().for_each(|one| out.push(one));
    }
    Ok(Status::Ok)
}

fn fits<T: Number>(quantizer: &Quantizer) -> bool {
    match quantizer {
        Quantizer::Bool | Quantizer::Enum { .. } => true,
        Quantizer::Int { min, max } => T::whole(*min).is_some() && T::whole(*max).is_some(),
        Quantizer::Float { .. } | Quantizer::Angle { .. } | Quantizer::Quat { .. } => T::float(0.0).is_some(),
        Quantizer::Text { .. } => false,
    }
}

fn cells(column: &Column<'_>, rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let elements = column.elements();
    rows.flat_map(move |row| (0..elements).map(move |element| (row, element)))
}

fn column_of(inside: &Inside, kind: u32, field: u32) -> Result<Column<'_>, Failure> {
    let sampled = inside.sampled()?;
    sampled.column(kind, field).ok_or_else(|| match sampled.schema().kinds.get(kind as usize) {
        Some(kind) => Failure::unknown(format!("{} has {} fields, none is {field}", kind.name, kind.fields.len())),
        None => no_kind(kind),
    })
}

fn no_kind(kind: u32) -> Failure {
    Failure::unknown(format!("there is no kind {kind}"))
}

fn no_entity(id: u32) -> Failure {
    Failure::unknown(format!("entity {id} is not in the last sample"))
}

fn not_of(column: &Column<'_>, of: &str) -> Failure {
    Failure::new(Status::ErrorValue, format!("the field {} is no column of {of}", column.field.name))
}
