//! What the player wants: inputs by field, commands as bytes.

use std::ffi::c_char;
use std::time::Duration;

use tickwire_shared::client::WishError;

use crate::border::{self, Failure, Outcome, Status};
use crate::client::{Client, Inside, not_ready};
use crate::description::place_of;

/// The input says nothing again: false, 0, empty, or as near to it as ranges allow. What is set stays set otherwise.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_rest(client: *mut Client) -> Status {
    let rest = |inside: &mut Inside| -> Outcome {
        inside.wish.rest();
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, rest) }
}

/// Sets a field of the input by name: a boolean (0 or not), an integer, a float, an angle, the number of a variant. What
/// the schema does not allow is refused (`TICKWIRE_STATUS_ERROR_VALUE`) and changes nothing.
///
/// # Safety
/// `client` is NULL or a client; `field` is NULL or ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_set_number(client: *mut Client, field: *const c_char, number: f64) -> Status {
    // SAFETY: the caller's promise
    let set = |inside: &mut Inside| unsafe {
        let at = named(inside, field)?;
        set(inside, at, |inside| inside.wish.put(at, 0, number))
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, set) }
}

/// As `tickwire_input_set_number`, of the field with this number, and of the element of an array.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_set_number_at(
    client: *mut Client,
    field: u32,
    element: u32,
    number: f64,
) -> Status {
    let (field, element) = (field as usize, element as usize);
    let set = |inside: &mut Inside| set(inside, field, |inside| inside.wish.put(field, element, number));
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, set) }
}

/// Sets an element of a field of texts, or names the variant of an enum.
///
/// # Safety
/// `client` is NULL or a client; the texts are NULL or end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_set_text(
    client: *mut Client,
    field: *const c_char,
    element: u32,
    text: *const c_char,
) -> Status {
    // SAFETY: the caller's promises
    let set = |inside: &mut Inside| unsafe {
        let (at, text) = (named(inside, field)?, border::text(text, "the text")?.to_owned());
        set(inside, at, |inside| inside.wish.put_text(at, element as usize, text))
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, set) }
}

/// Sets an element of a field of quaternions.
///
/// # Safety
/// `client` is NULL or a client; `field` is NULL or ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_set_quat(
    client: *mut Client,
    field: *const c_char,
    element: u32,
    x: f32,
    y: f32,
    z: f32,
    w: f32,
) -> Status {
    // SAFETY: the caller's promise
    let set = |inside: &mut Inside| unsafe {
        let at = named(inside, field)?;
        set(inside, at, |inside| inside.wish.put_quat(at, element as usize, [x, y, z, w]))
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, set) }
}

/// What was set is what the player wants at `now_ns`. Call it for each picture: at most one input leaves for each tick,
/// and none while there is no seat. `*left` tells whether one left; it may be NULL. Also keeps the connection's pings
/// going.
///
/// # Safety
/// `client` is NULL or a client; `left` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_input_send(client: *mut Client, now_ns: u64, left: *mut bool) -> Status {
    let send = |inside: &mut Inside| {
        let (now, lanes) = (Duration::from_nanos(now_ns), inside.wish.lanes());
        let went = inside.client.input(now, lanes).map_err(|error| Failure::new(Status::ErrorValue, error))?;
        if let Some(predicted) = &mut inside.predicted {
            predicted.input(now, &inside.client, lanes, went);
        }
        inside.flush();
        if left.is_null() {
            return Ok(Status::Ok);
        }
        // SAFETY: the caller's promise
        unsafe { border::put(left, went, "the answer") }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, send) }
}

/// Sends a command to the game, in the game's own encoding. Without a seat it is dropped; while the client comes back,
/// dropped or kept, as the options say.
///
/// # Safety
/// `client` is NULL or a client; `command` points to `length` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_command(client: *mut Client, command: *const u8, length: usize) -> Status {
    let send = |inside: &mut Inside| {
        // SAFETY: the caller's promise
        let command = unsafe { border::bytes(command, length, "the command") }?.to_vec();
        inside.client.command(command);
        inside.flush();
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, send) }
}

/// # Safety
/// `field` is NULL or ends with a zero.
unsafe fn named(inside: &Inside, field: *const c_char) -> Result<usize, Failure> {
    // SAFETY: the caller's promise
    let name = unsafe { border::text(field, "the field's name") }?;
    place_of(&inside.client.schema().ok_or_else(not_ready)?.input, name)
}

fn set(inside: &mut Inside, field: usize, set: impl FnOnce(&mut Inside) -> Result<(), WishError>) -> Outcome {
    let schema = inside.client.schema().ok_or_else(not_ready)?.clone();
    let Err(error) = set(inside) else { return Ok(Status::Ok) };
    let status = if matches!(error, WishError::Value(_)) { Status::ErrorValue } else { Status::ErrorUnknown };
    let name = schema.input.fields.get(field).map_or_else(|| format!("field {field}"), |field| field.name.clone());
    Err(Failure::new(status, format!("{name} {error}")))
}
