//! The client behind the handle: making, freeing, errors.

use std::ffi::c_char;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use tickwire_shared::JoinRequest;
use tickwire_shared::client::{ClientError, Meanwhile, Returning, UntypedClient, UntypedEvent, Wish};
use tickwire_shared::protocol::limits::{PASS_MAX_BYTES, WISH_MAX_BYTES};

use crate::border::{self, Failure, Outcome, Status};
use crate::prediction::Predicted;
use crate::sampled::Sampled;
#[cfg(feature = "native")]
use crate::transport::Wire;

/// One player's end of a session. Made by `tickwire_client_new` or `tickwire_connect`, freed by `tickwire_free`.
///
/// One thread at a time uses it; which one may change. Different clients have nothing in common.
pub struct Client {
    pub(crate) inside: Inside,
    /// Of the last call that failed.
    pub(crate) error: String,
    pub(crate) is_poisoned: bool,
}

/// What calls work on.
pub(crate) struct Inside {
    pub(crate) client: UntypedClient,
    pub(crate) epoch: Instant,
    /// None until the schema is known.
    pub(crate) sampled: Option<Sampled>,
    pub(crate) wish: Wish,
    pub(crate) predicted: Option<Predicted>,
    /// Polled, but there was no room for its payload.
    pub(crate) event: Option<UntypedEvent>,
    /// For the transport, as long as there was no room for it.
    pub(crate) message: Option<Vec<u8>>,
    /// What the connection said when it was lost last.
    pub(crate) lost: String,
    #[cfg(feature = "native")]
    pub(crate) wire: Option<Wire>,
}

impl Client {
    pub(crate) fn new(game: &str, request: JoinRequest, seed: u64) -> Self {
        let client = UntypedClient::of_game(game, request).returning(Returning::new(seed));
        let inside = Inside {
            client,
            epoch: Instant::now(),
            sampled: None,
            wish: Wish::default(),
            predicted: None,
            event: None,
            message: None,
            lost: String::new(),
            #[cfg(feature = "native")]
            wire: None,
        };
        Self { inside, error: String::new(), is_poisoned: false }
    }

    /// # Safety
    /// The texts of the options are NULL or end with a zero.
    pub(crate) unsafe fn with(game: &str, name: &str, options: &Options) -> Result<Self, Failure> {
        let text = |text: *const c_char, what| {
            // SAFETY: the caller's promise
            if text.is_null() { Ok("") } else { unsafe { border::text(text, what) } }
        };
        let (pass, wish) = (text(options.pass, "the pass")?, text(options.wish, "the wish")?);
        let request = JoinRequest::new(name).with_pass(pass).wishing(wish);
        if !request.is_sound() {
            let text = format!("a pass has {PASS_MAX_BYTES} bytes at most, a wish {WISH_MAX_BYTES}");
            return Err(Failure::new(Status::ErrorArgument, text));
        }
        let seed = if options.seed == 0 { RandomState::new().build_hasher().finish() } else { options.seed };
        let mut made = Self::new(game, request, seed);
        let client = made.inside.client;
        made.inside.client = if options.reconnects {
            client.returning(Returning {
                give_up_after: Duration::from_millis(options.give_up_after_ms.into()),
                meanwhile: if options.keeps_commands { Meanwhile::Keep } else { Meanwhile::Drop },
                ..Returning::new(seed)
            })
        } else {
            client.once()
        };
        Ok(made)
    }
}

impl Inside {
    /// A message arrived. When it is wrong the session is over.
    pub(crate) fn take(&mut self, now: Duration, message: &[u8]) -> Result<(), ClientError> {
        if let Err(error) = self.client.handle_message(now, message) {
            let text = error.to_string();
            self.client.handle_disconnected(now, error.close_reason().code(), &text);
            self.lost = text;
            return Err(error);
        }
        if self.sampled.is_none()
            && let Some(schema) = self.client.schema()
        {
            self.sampled = Some(Sampled::new(schema.clone()));
            self.wish = Wish::new(&schema.input);
        }
        if let Some(predicted) = &mut self.predicted {
            predicted.handle_message(now, &self.client);
        }
        Ok(())
    }

    /// What the calls since the last one want sent goes.
    pub(crate) fn flush(&mut self) {
        #[cfg(feature = "native")]
        if let Some(wire) = &mut self.wire {
            wire.flush(&mut self.client);
        }
    }

    pub(crate) fn sampled(&self) -> Result<&Sampled, Failure> {
        self.sampled.as_ref().ok_or_else(not_ready)
    }
}

pub(crate) fn not_ready() -> Failure {
    Failure::new(Status::ErrorNotReady, "the server has not sent the game's schema yet")
}

/// How a client plays; `tickwire_options_init` fills in the defaults.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether it comes back to its seat when the connection breaks; true.
    pub reconnects: bool,
    /// Whether commands that are sent meanwhile are kept (the last 64) or dropped; false: dropped.
    pub keeps_commands: bool,
    /// Over wss:// take anybody's certificate: what is said can then be read and changed by whoever is in between; false.
    pub trusts_anybody: bool,
    /// After so many milliseconds without a seat it gives up; 60,000.
    pub give_up_after_ms: u32,
    /// For the waits between tries; 0: drawn from the operating system.
    pub seed: u64,
    /// Over wss:// take the certificates of these authorities and no others, as PEM that ends with a zero; NULL: those of
    /// the public authorities. Read during the call only.
    pub trusted_pem: *const c_char,
    /// Who the player is, where the server asks: a signed token, or a ticket of its HTTP API; NULL or empty: nobody in
    /// particular. Read during the call only.
    pub pass: *const c_char,
    /// Which room, as JSON, such as {"code": "K7QX4MTW"}; NULL or empty: any. Read during the call only.
    pub wish: *const c_char,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reconnects: true,
            keeps_commands: false,
            trusts_anybody: false,
            give_up_after_ms: 60_000,
            seed: 0,
            trusted_pem: std::ptr::null(),
            pass: std::ptr::null(),
            wish: std::ptr::null(),
        }
    }
}

/// Fills in the defaults.
///
/// # Safety
/// `options` is NULL or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_options_init(options: *mut Options) -> Status {
    // SAFETY: the caller's promise
    border::call(|| unsafe { border::put(options, Options::default(), "the options") })
}

/// Makes a client of the game with this name that asks for a seat under `name`, for a transport that the caller brings:
/// `tickwire_next_message` has what is to be sent, `tickwire_handle_message` takes what came.
///
/// Both texts are UTF-8 and end with a zero; `name` may be empty. `options` may be NULL: the defaults. On success
/// `*client` is a client, to be freed by `tickwire_free`; else it is NULL and `tickwire_error_text(NULL, ...)` says why.
///
/// # Safety
/// The pointers are NULL or point to what is said here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_client_new(
    game: *const c_char,
    name: *const c_char,
    options: *const Options,
    client: *mut *mut Client,
) -> Status {
    // SAFETY: the caller's promises
    border::call(|| unsafe {
        border::put(client, std::ptr::null_mut(), "the place for the client")?;
        let options = border::read(options)?.unwrap_or_default();
        let made = Client::with(border::text(game, "the game")?, border::text(name, "the name")?, &options)?;
        border::put(client, Box::into_raw(Box::new(made)), "the place for the client")
    })
}

/// Frees a client; NULL is none. One of `tickwire_connect` closes its connection first and waits up to a second for
/// that. The server holds the seat of a client that has not left (`tickwire_leave`) for a while.
///
/// # Safety
/// `client` is NULL, or a client that is not freed yet and that no other thread uses. Nobody may use it afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_free(client: *mut Client) {
    border::call(|| {
        if !client.is_null() {
            // SAFETY: it came from `Box::into_raw`, and by the caller's promise only once here
            drop(unsafe { Box::from_raw(client) });
        }
        Ok(Status::Ok)
    });
}

/// What went wrong in the last call on this client that failed; with NULL, in the last one on this thread that had no
/// client. Copies as much as there is room for, and a zero, and gives the bytes that all of it takes, with the zero.
///
/// # Safety
/// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_error_text(client: *const Client, buffer: *mut c_char, capacity: usize) -> usize {
    let mut needed = 0;
    border::call(|| {
        // SAFETY: the caller's promise; a poisoned one has its text, too
        let text = unsafe { client.as_ref() }.map_or_else(border::error_without_client, |client| client.error.clone());
        // SAFETY: the caller's promise
        needed = unsafe { border::put_text(&text, buffer, capacity) };
        Ok(Status::Ok)
    });
    needed
}

/// Nanoseconds since this client was made, by a clock that never goes back: the `now_ns` of the other calls, for those
/// who have no such clock, and the one to be used with `tickwire_connect`. 0 where there is no client.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_now_ns(client: *const Client) -> u64 {
    // SAFETY: the caller's promise
    let client = unsafe { client.as_ref() };
    client.map_or(0, |client| u64::try_from(client.inside.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Gives the seat back; the server closes the connection.
///
/// # Safety
/// `client` is NULL or a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tickwire_leave(client: *mut Client) -> Status {
    let leave = |inside: &mut Inside| -> Outcome {
        inside.client.leave();
        inside.flush();
        Ok(Status::Ok)
    };
    // SAFETY: the caller's promise
    unsafe { border::call_on(client, leave) }
}
