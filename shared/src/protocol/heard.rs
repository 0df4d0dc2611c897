//! The answer to a frame that asks: the client has taken it, and all before it.
//!
//! ```text
//! tag · tick of the frame u32 LE
//! ```
//! Inputs tell the same by the way ([`super::input`]). It is the client that says it, not its kernel: what lies in
//! buffers between the two is under way still.
//!
//! ```
//! use tickwire_shared::{Tick, protocol::heard};
//!
//! assert_eq!(heard::decode(&heard::encode(Tick(9))), Ok(Tick(9)));
//! ```

use super::{TAG_HEARD, varint::ByteReader};
use crate::bits::DecodeError;
use crate::tick::Tick;

/// The message that says so of the frame of `tick`.
///
/// ```
/// use tickwire_shared::{Tick, protocol::{TAG_HEARD, heard}};
///
/// assert_eq!(heard::encode(Tick(9)), [TAG_HEARD, 9, 0, 0, 0]);
/// ```
#[must_use]
pub fn encode(tick: Tick) -> Vec<u8> {
    let mut message = vec![TAG_HEARD];
    message.extend_from_slice(&tick.0.to_le_bytes());
    message
}

/// Reads a whole message: the frame's tick.
///
/// ```
/// use tickwire_shared::{bits::DecodeError, protocol::heard};
///
/// assert_eq!(heard::decode(&[1, 9, 0, 0, 0]), Err(DecodeError::OutOfRange("tag")));
/// ```
///
/// # Errors
/// The message is malformed.
pub fn decode(message: &[u8]) -> Result<Tick, DecodeError> {
    let mut bytes = ByteReader::new(message);
    if bytes.byte("tag")? != TAG_HEARD {
        return Err(DecodeError::OutOfRange("tag"));
    }
    let tick = Tick(u32::from_le_bytes(bytes.array("tick")?));
    bytes.all()?;
    Ok(tick)
}
