//! Messages in and out: over the caller's transport, or over a WebSocket of the library's own.

use std::ffi::c_char;
use std::time::Duration;

use crate::border::{self, Failure, Out, Outcome, Status};
use crate::client::{Client, Inside, Options};

#[cfg(feature = "native")]
pub(crate) use native::Wire;

/// A whole binary message arrived at `now_ns`. `TICKWIRE_STATUS_ERROR_PROTOCOL`: it is wrong and the session is over;
/// close the WebSocket with 1002.
///
/// # Safety
/// `client` is NULL or a client; `message` points to `length` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_handle_message(
    client: *mut Client,
    now_ns: u64,
    message: *const u8,
    length: usize,
) -> Status {
    let take = |inside: &mut Inside| {
        // SAFETY: the caller's promise
        let message = unsafe { border::bytes(message, length, "the message") }?;
        let taken = inside.take(Duration::from_nanos(now_ns), message);
        taken.map_err(|error| Failure::new(Status::ErrorProtocol, error))?;
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, take) }
}

/// The next message for the transport, to be sent as one binary message; `TICKWIRE_STATUS_NOTHING` when there is none.
/// Ask after every other call until there is none. `*length` is its length; when `buffer` has no room for it
/// (`TICKWIRE_STATUS_ERROR_SHORT`) it waits.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL; `length` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_next_message(
    client: *mut Client,
    buffer: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> Status {
    // SAFETY: the caller's promises
    let next = |inside: &mut Inside| unsafe {
        let (mut out, length) = (Out::new(buffer, capacity, "the buffer")?, border::count(length)?);
        let waits = inside.message.take().or_else(|| inside.client.poll_transmit());
        let Some(message) = waits else { return Ok(Status::Nothing) };
        let put = out.put_all(&message, length);
        if put.is_err() {
            inside.message = Some(message);
        }
        put
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, next) }
}

/// A new connection stands, after `tickwire_poll_connect` asked for it. Of the first one nothing need be told.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_connected(client: *mut Client) -> Status {
    let tell = |inside: &mut Inside| -> Outcome {
        // was for the connection before
        inside.message = None;
        inside.client.handle_connected();
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, tell) }
}

/// The connection is over, or could not be made. `code` is the WebSocket's close code, 1006 when there was none; `reason`
/// is for a person and may be NULL. `*returns` tells whether the client will come back, then `tickwire_poll_connect` says
/// when; it may be NULL.
///
/// # Safety
/// `client` is NULL or a client; `reason` is NULL or ends with a zero; `returns` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_disconnected(
    client: *mut Client,
    now_ns: u64,
    code: u16,
    reason: *const c_char,
    returns: *mut bool,
) -> Status {
    // SAFETY: the caller's promises
    let tell = |inside: &mut Inside| unsafe {
        let reason = if reason.is_null() { "" } else { border::text(reason, "the reason")? };
        inside.message = None;
        reason.clone_into(&mut inside.lost);
        let comes_back = inside.client.handle_disconnected(Duration::from_nanos(now_ns), code, reason);
        if returns.is_null() { Ok(Status::Ok) } else { border::put(returns, comes_back, "the answer") }
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, tell) }
}

/// Whether to connect now (`TICKWIRE_STATUS_OK`; said once for each try) or not (`TICKWIRE_STATUS_NOTHING`).
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_poll_connect(client: *mut Client, now_ns: u64) -> Status {
    let poll = |inside: &mut Inside| -> Outcome {
        let due = inside.client.poll_connect(Duration::from_nanos(now_ns));
        Ok(if due { Status::Ok } else { Status::Nothing })
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, poll) }
}

/// Makes a client as `tickwire_client_new` does, and connects it to `url`, such as ws://127.0.0.1:7777/ws, on a thread of
/// the library's own. Returns at once: `tickwire_update` moves it on, `tickwire_client_state` says how far it is, and
/// `tickwire_reason` why it is not further. When the connection breaks it comes back to its seat by itself, as the
/// options say. The calls for a transport of the caller's are of no use to it; its `now_ns` is that of
/// `tickwire_now_ns`.
///
/// # Safety
/// As `tickwire_client_new`; `url` is NULL or ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_connect(
    url: *const c_char,
    game: *const c_char,
    name: *const c_char,
    options: *const Options,
    client: *mut *mut Client,
) -> Status {
    // SAFETY: the caller's promises
    border::call(|| unsafe {
        border::put(client, std::ptr::null_mut(), "the place for the client")?;
        let options = border::read(options)?.unwrap_or_default();
        let (url, game) = (border::text(url, "the URL")?, border::text(game, "the game")?);
        let mut made = Client::with(game, border::text(name, "the name")?, &options)?;
        let pem = options.trusted_pem;
        let pem = if pem.is_null() { None } else { Some(border::text(pem, "the trusted PEM")?) };
        connect(&mut made.inside, url, pem, options.trusts_anybody)?;
        border::put(client, Box::into_raw(Box::new(made)), "the place for the client")
    })
}

/// Takes what came since the last call, and sends what is to be sent. Once for each picture, on any thread; waits for
/// nothing. Of use after `tickwire_connect` only.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_update(client: *mut Client) -> Status {
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, update) }
}

#[cfg(feature = "native")]
use native::{connect, update};

#[cfg(not(feature = "native"))]
fn connect(_: &mut Inside, _: &str, _: Option<&str>, _: bool) -> Result<(), Failure> {
    let text = "this library was built without its transport (cargo's feature `native`): bring another one";
    Err(Failure::new(Status::ErrorTransport, text))
}

#[cfg(not(feature = "native"))]
fn update(_: &mut Inside) -> Outcome {
    Ok(Status::Ok)
}

#[cfg(feature = "native")]
mod native {
    use tickwire_shared::client::UntypedClient;
    use tickwire_shared::native::{SocketEvent, SocketThread, Trust};

    use crate::border::{Failure, Outcome, Status};
    use crate::client::Inside;

    /// The connection of a client.
    pub(crate) struct Wire {
        thread: SocketThread,
        is_up: bool,
        /// The client has asked already for what it wants on the first connection.
        is_first: bool,
    }

    impl Wire {
        pub(crate) fn flush(&mut self, client: &mut UntypedClient) {
            while self.is_up
                && let Some(message) = client.poll_transmit()
            {
                self.thread.send(message);
            }
        }
    }

    pub(super) fn connect(inside: &mut Inside, url: &str, pem: Option<&str>, anybody: bool) -> Result<(), Failure> {
        let trust = match pem {
            _ if anybody => Trust::anybody(),
            Some(pem) => Trust::in_pem(pem.as_bytes())
                .map_err(|error| Failure::new(Status::ErrorArgument, format!("the trusted PEM: {error}")))?,
            None => Trust::default(),
        };
        let thread = SocketThread::start(url, &trust).map_err(|error| Failure::new(Status::ErrorTransport, error))?;
        inside.wire = Some(Wire { thread, is_up: false, is_first: true });
        Ok(())
    }

    pub(super) fn update(inside: &mut Inside) -> Outcome {
        let Some(mut wire) = inside.wire.take() else { return Ok(Status::Ok) };
        let moved = take_all(inside, &mut wire);
        if inside.client.poll_connect(inside.epoch.elapsed()) {
            wire.thread.dial();
        }
        wire.flush(&mut inside.client);
        inside.wire = Some(wire);
        moved
    }

    fn take_all(inside: &mut Inside, wire: &mut Wire) -> Outcome {
        let mut outcome = Ok(Status::Ok);
        while let Some(event) = wire.thread.poll() {
            match event {
                SocketEvent::Connected => {
                    wire.is_up = true;
                    if !std::mem::take(&mut wire.is_first) {
                        inside.client.handle_connected();
                    }
                }
                // of a connection that was closed from here
                SocketEvent::Message { .. } if !wire.is_up => {}
                SocketEvent::Message { at, bytes } => {
                    if let Err(error) = inside.take(at.saturating_duration_since(inside.epoch), &bytes) {
                        wire.is_up = false;
                        let text = error.to_string();
                        wire.thread.close(error.close_reason().code(), &text);
                        outcome = Err(Failure::new(Status::ErrorProtocol, text));
                    }
                }
                SocketEvent::Lost { at, code, reason } => {
                    (wire.is_up, wire.is_first) = (false, false);
                    inside.client.handle_disconnected(at.saturating_duration_since(inside.epoch), code, &reason);
                    inside.lost = reason;
                }
            }
        }
        outcome
    }
}
