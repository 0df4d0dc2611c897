//! The border: what C hands over becomes safe here, and no panic gets past it. All that reads or writes the caller's
//! memory is in this file.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::fmt::Display;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::client::{Client, Inside};

/// What became of a call. Below zero it is an error, and `tickwire_error_text` says which.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Done, and there was nothing: no message, no event.
    Nothing = 1,
    /// A pointer is NULL, or not aligned, that must not be.
    ErrorPointer = -1,
    /// A buffer is too short; the count that was asked for tells how much it takes. Nothing was written to it.
    ErrorShort = -2,
    /// Not yet: the server has not sent the game's schema.
    ErrorNotReady = -3,
    /// There is no such kind, field, element, variant or entity.
    ErrorUnknown = -4,
    /// A value is not of the field's type or range, or the column is of another type.
    ErrorValue = -5,
    /// A text is no UTF-8, or an argument is out of its range.
    ErrorArgument = -6,
    /// The server broke the protocol: close the connection.
    ErrorProtocol = -7,
    /// The library was built without the transport, or the system gives no thread for it.
    ErrorTransport = -8,
    /// The library has a bug and this client met it. Only `tickwire_error_text` and `tickwire_free` take it any more.
    ErrorPanic = -9,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: Status, text: impl Display) -> Self {
        Self { status, text: text.to_string() }
    }

    pub(crate) fn unknown(text: impl Display) -> Self {
        Self::new(Status::ErrorUnknown, text)
    }

    fn pointer(what: &str) -> Self {
        Self::new(Status::ErrorPointer, format!("{what} is NULL or not aligned"))
    }
}

pub(crate) type Outcome = Result<Status, Failure>;

thread_local! {
    /// Of the last call on this thread that failed and had no client.
    static ERROR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The error text of calls on this thread that had no client.
pub(crate) fn error_without_client() -> String {
    ERROR.with_borrow(Clone::clone)
}

/// Runs a call that has no client.
pub(crate) fn call(body: impl FnOnce() -> Outcome) -> Status {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(Status::ErrorPanic, said(&*panic)),
    };
    ERROR.set(failure.text);
    failure.status
}

/// Runs a call on a client.
///
/// # Safety
/// `client` is NULL, or of `tickwire_client_new` or `tickwire_connect` and not freed, and no other thread uses it.
pub(crate) unsafe fn call_on(client: *mut Client, body: impl FnOnce(&mut Inside) -> Outcome) -> Status {
    // SAFETY: the caller's promise
    let Some(client) = (unsafe { client.as_mut() }) else {
        return call(|| Err(Failure::pointer("the client")));
    };
    if client.is_poisoned {
        return Status::ErrorPanic;
    }
    // what a panic leaves behind is not looked at again
    match catch_unwind(AssertUnwindSafe(|| body(&mut client.inside))) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => {
            client.error = failure.text;
            failure.status
        }
        Err(panic) => {
            client.is_poisoned = true;
            client.error = said(&*panic);
            Status::ErrorPanic
        }
    }
}

/// Runs a call on a client that gives a text: copies as much of it as there is room for, and a zero. Gives the room that
/// all of it takes, with the zero; 0 where there is no such text.
///
/// # Safety
/// As [`call_on`]; `buffer` has room for `capacity` bytes or is NULL.
pub(crate) unsafe fn text_of(
    client: *mut Client,
    (buffer, capacity): (*mut c_char, usize),
    body: impl FnOnce(&mut Inside) -> Result<String, Failure>,
) -> usize {
    let mut needed = 0;
    let put = |inside: &mut Inside| {
        let text = body(inside)?;
        // SAFETY: the caller's promise
        needed = unsafe { put_text(&text, buffer, capacity) };
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    match unsafe { call_on(client, put) } {
        Status::Ok => needed,
        _ => {
            // SAFETY: the caller's promise
            unsafe { put_text("", buffer, capacity) };
            0
        }
    }
}

/// Copies as much of a text as there is room for, whole characters and a zero; gives the room that all of it takes.
///
/// # Safety
/// `buffer` has room for `capacity` bytes or is NULL.
pub(crate) unsafe fn put_text(text: &str, buffer: *mut c_char, capacity: usize) -> usize {
    // a zero in a text, which may be a stranger's, would end it
    let text = text.split('\0').next().unwrap_or_default();
    // SAFETY: the caller's promise
    if let Ok(mut out) = unsafe { Out::new(buffer.cast::<u8>(), capacity, "the text's buffer") }
        && capacity > 0
    {
        out.extend(&text.as_bytes()[..text.floor_char_boundary(capacity - 1)]);
        out.extend(&[0]);
    }
    text.len() + 1
}

/// A buffer of the caller, of which nothing is read: filled from its start; what finds no room is only counted.
pub(crate) struct Out<'a, T> {
    room: &'a mut [MaybeUninit<T>],
    count: usize,
}

impl<'a, T: Copy> Out<'a, T> {
    /// # Safety
    /// `at` has room for `capacity` of them, which nothing else uses during the call, or is NULL.
    pub(crate) unsafe fn new(at: *mut T, capacity: usize, what: &str) -> Result<Self, Failure> {
        if capacity == 0 {
            return Ok(Self { room: &mut [], count: 0 });
        }
        if at.is_null() || !at.is_aligned() {
            return Err(Failure::pointer(what));
        }
        if capacity > isize::MAX as usize / size_of::<T>().max(1) {
            return Err(Failure::new(Status::ErrorArgument, format!("{what} cannot have room for {capacity}")));
        }
        // SAFETY: not NULL, aligned, of a size that memory can have, and by the caller's promise there; what it holds may
        // be anything
        let room = unsafe { std::slice::from_raw_parts_mut(at.cast::<MaybeUninit<T>>(), capacity) };
        Ok(Self { room, count: 0 })
    }

    pub(crate) fn push(&mut self, value: T) {
        if let Some(place) = self.room.get_mut(self.count) {
            place.write(value);
        }
        self.count += 1;
    }

    pub(crate) fn extend(&mut self, values: &[T]) {
        values.iter().for_each(|value| self.push(*value));
    }

    /// Whether so many more fit.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.room.len() - self.count.min(self.room.len()) >= more
    }

    pub(crate) fn put_all(&mut self, values: &[T], count: &mut usize) -> Outcome {
        self.expect(values.len(), count)?;
        self.extend(values);
        Ok(Status::Ok)
    }

    /// Tells the count, and fails where there is not enough room, before anything was written.
    pub(crate) fn expect(&self, needed: usize, count: &mut usize) -> Result<(), Failure> {
        *count = needed;
        if self.has_room(needed) {
            return Ok(());
        }
        Err(Failure::new(Status::ErrorShort, format!("the buffer has room for {}, it takes {needed}", self.room.len())))
    }
}

/// A place of the caller for one value.
///
/// # Safety
/// `at` is NULL, or a place for one that nothing else uses during the call.
pub(crate) unsafe fn put<T: Copy>(at: *mut T, value: T, what: &str) -> Outcome {
    // SAFETY: the caller's promise
    unsafe { Out::new(at, 1, what) }?.push(value);
    Ok(Status::Ok)
}

/// A place of the caller for a count, which is 0 from now on.
///
/// # Safety
/// As [`put`].
pub(crate) unsafe fn count<'a>(at: *mut usize) -> Result<&'a mut usize, Failure> {
    // SAFETY: the caller's promise; it is written before it is lent
    unsafe {
        put(at, 0, "the count")?;
        Ok(&mut *at)
    }
}

/// Bytes of the caller.
///
/// # Safety
/// `at` points to `length` bytes, or is NULL.
pub(crate) unsafe fn bytes<'a>(at: *const u8, length: usize, what: &str) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(Failure::pointer(what));
    }
    if length > isize::MAX as usize {
        return Err(Failure::new(Status::ErrorArgument, format!("{what} cannot have {length} bytes")));
    }
    // SAFETY: not NULL, of a size that memory can have, and by the caller's promise there
    Ok(unsafe { std::slice::from_raw_parts(at, length) })
}

/// A text of the caller that ends with a zero.
///
/// # Safety
/// `at` is NULL or points to bytes that end with a zero.
pub(crate) unsafe fn text<'a>(at: *const c_char, what: &str) -> Result<&'a str, Failure> {
    if at.is_null() {
        return Err(Failure::pointer(what));
    }
    // SAFETY: the caller's promise
    let text = unsafe { CStr::from_ptr(at) }.to_str();
    text.map_err(|error| Failure::new(Status::ErrorArgument, format!("{what} is no UTF-8: {error}")))
}

/// Texts of the caller that end with zeros.
///
/// # Safety
/// `at` points to `count` of them, each as [`text`] says, or is NULL.
pub(crate) unsafe fn texts<'a>(at: *const *const c_char, count: usize, what: &str) -> Result<Vec<&'a str>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if at.is_null() || !at.is_aligned() {
        return Err(Failure::pointer(what));
    }
    if count > isize::MAX as usize / size_of::<*const c_char>() {
        return Err(Failure::new(Status::ErrorArgument, format!("{what} cannot be {count}")));
    }
    // SAFETY: not NULL, aligned, of a size that memory can have, and by the caller's promise there
    let all = unsafe { std::slice::from_raw_parts(at, count) };
    // SAFETY: the caller's promise
    all.iter().map(|at| unsafe { text(*at, what) }).collect()
}

/// A struct of the caller that is read.
///
/// # Safety
/// `at` is NULL or points to one.
pub(crate) unsafe fn read<T: Copy>(at: *const T) -> Result<Option<T>, Failure> {
    if at.is_null() {
        return Ok(None);
    }
    if !at.is_aligned() {
        return Err(Failure::pointer("the struct"));
    }
    // SAFETY: not NULL, aligned, and by the caller's promise one is there
    Ok(Some(unsafe { at.read() }))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("a bug in the library: {text}; free this client and make another one")
}

#[cfg(test)]
mod tests {
    use tickwire_shared::JoinRequest;

    use super::*;

    #[test]
    fn a_panic_stays_here_and_the_client_says_so_from_then_on() {
        let mut client = Box::new(Client::new("coins", JoinRequest::default(), 1));
        // SAFETY: a client, on this thread
        let mut run = |body: fn(&mut Inside) -> Outcome| unsafe { call_on(&raw mut *client, body) };
        assert_eq!(run(|_| Ok(Status::Nothing)), Status::Nothing);
        assert_eq!(run(|_| panic!("deep inside")), Status::ErrorPanic);
        assert_eq!(run(|_| Ok(Status::Ok)), Status::ErrorPanic, "nothing is done with what is left");
        assert!(client.error.contains("deep inside"), "{}", client.error);
        assert_eq!(call(|| panic!("before there was a client")), Status::ErrorPanic);
        assert!(error_without_client().contains("before there was a client"));
    }
}
