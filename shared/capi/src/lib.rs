//! Tickwire's client for C, and for engines and languages that speak C. It knows no game: kinds, fields and inputs are
//! those of the schema that the server sends.
//!
//! The header is `include/tickwire.h`, made of the comments here; `README.md` says how engines load it.
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
// The one crate that talks to C: pointers are checked and used in `border`, all else passes them on.
#![allow(unsafe_code)]

mod border;
mod client;
mod columns;
mod description;
mod events;
mod input;
mod prediction;
mod sampled;
mod state;
mod transport;

use std::ffi::c_char;

pub use border::Status;
pub use client::*;
pub use columns::*;
pub use description::*;
pub use events::*;
pub use input::*;
pub use prediction::{
    Corrections, JumpedFunction, Step, StepFunction, tickwire_corrections_read, tickwire_number_find, tickwire_predict,
};
pub use state::*;
pub use transport::*;

/// The version of this interface, and of every struct in it. A program asks for it first: what was built against another
/// version is not to go on.
pub const TICKWIRE_ABI_VERSION: u32 = 1;
/// Stands for the input where a kind's number is asked for.
pub const TICKWIRE_INPUT: u32 = 65_535;
/// Stands for no kind, no seat.
pub const TICKWIRE_NONE: u32 = 0xffff_ffff;

/// The library's `TICKWIRE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn tickwire_abi_version() -> u32 {
    TICKWIRE_ABI_VERSION
}

/// A status in words, which stay where they are; of a number that is none, "unknown status".
#[unsafe(no_mangle)]
pub extern "C" fn tickwire_status_name(status: i32) -> *const c_char {
    let all = [
        (Status::Ok, c"ok"),
        (Status::Nothing, c"nothing there"),
        (Status::ErrorPointer, c"a pointer is NULL or not aligned"),
        (Status::ErrorShort, c"a buffer is too short"),
        (Status::ErrorNotReady, c"not ready yet"),
        (Status::ErrorUnknown, c"no such kind, field, element, variant or entity"),
        (Status::ErrorValue, c"a value of another type or range"),
        (Status::ErrorArgument, c"an argument is wrong"),
        (Status::ErrorProtocol, c"the server broke the protocol"),
        (Status::ErrorTransport, c"no transport"),
        (Status::ErrorPanic, c"a bug in the library"),
    ];
    let found = all.iter().find(|(one, _)| *one as i32 == status);
    found.map_or(c"unknown status", |(_, name)| name).as_ptr()
}
