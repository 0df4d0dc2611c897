//! Several messages in one input.

use tickwire_shared::Tick;
use tickwire_shared::protocol::FRAME;

/// Takes a length and so many bytes off the front; the length 255 is all that is left.
pub fn take<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = input.split_first()?;
    let length = if *length == u8::MAX { rest.len() } else { usize::from(*length).min(rest.len()) };
    let (taken, left) = rest.split_at(length);
    *input = left;
    Some(taken)
}

/// A frame of `tick`, of its bytes without the tick.
pub fn frame(tick: Tick, bytes: &[u8]) -> Option<Vec<u8>> {
    /// A second byte of flags, and there: the tick is whole.
    const MORE: u8 = 1;
    const WHOLE_TICK: u8 = 2;
    let (first, rest) = bytes.split_first()?;
    let (more, rest) = if first & MORE != 0 { rest.split_first()? } else { (&0, rest) };
    Some([&[FRAME | MORE | first, WHOLE_TICK | more][..], &tick.0.to_le_bytes(), rest].concat())
}
