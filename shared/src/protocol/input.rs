//! The input message: what a player wants at a tick, and at a few before it.
//!
//! ```text
//! tag · tick of the newest u32 LE · count u8 · newest, then older ones: same as the one before? or its fields
//! ```
//! Older inputs repeat what the server may not have taken; they cost a bit each while nothing changes.

use super::limits::{INPUT_LANES_MAX, INPUTS_PER_MESSAGE_MAX};
use super::{TAG_INPUT, varint::ByteReader};
use crate::bits::{BitReader, BitWriter, DecodeError};
use crate::delta::{KindLayout, Part, decode_row, encode_row};
use crate::tick::Tick;

/// An input's lanes; those that the game does not use are 0.
pub type InputLanes = [u32; INPUT_LANES_MAX];

/// Appends a message with `inputs`: the newest first, which is for `newest`, each next one for the tick before.
/// At most [`INPUTS_PER_MESSAGE_MAX`]; more are left out.
pub fn encode(kind: &KindLayout, newest: Tick, inputs: &[InputLanes], out: &mut Vec<u8>) {
    let inputs = &inputs[..inputs.len().min(INPUTS_PER_MESSAGE_MAX)];
    out.push(TAG_INPUT);
    out.extend_from_slice(&newest.0.to_le_bytes());
    out.push(inputs.len() as u8);
    let mut bits = BitWriter::new(out);
    let mut before: Option<&InputLanes> = None;
    for input in inputs {
        let same = before == Some(input);
        if before.is_some() {
            bits.flag(same);
        }
        if !same {
            encode_row(kind, Part::Public, input, &mut bits);
        }
        before = Some(input);
    }
    bits.finish();
}

/// Calls `each` for the inputs of a message, the oldest first.
///
/// # Errors
/// The message is malformed; `each` was not called then.
pub fn decode(kind: &KindLayout, message: &[u8], mut each: impl FnMut(Tick, InputLanes)) -> Result<(), DecodeError> {
    let mut bytes = ByteReader::new(message);
    if bytes.byte("tag")? != TAG_INPUT {
        return Err(DecodeError::OutOfRange("tag"));
    }
    let newest = Tick(u32::from_le_bytes(bytes.array("tick")?));
    let count = usize::from(bytes.byte("count")?);
    if count == 0 || count > INPUTS_PER_MESSAGE_MAX {
        return Err(DecodeError::OutOfRange("count"));
    }
    let mut bits = BitReader::new(bytes.rest());
    let mut inputs = [[0; INPUT_LANES_MAX]; INPUTS_PER_MESSAGE_MAX];
    for i in 0..count {
        if i > 0 && bits.flag()? {
            inputs[i] = inputs[i - 1];
        } else {
            decode_row(kind, Part::Public, &mut bits, &mut inputs[i])?;
        }
    }
    bits.all()?;
    for (age, input) in inputs[..count].iter().enumerate().rev() {
        each(newest.offset(-(age as i32)), *input);
    }
    Ok(())
}
