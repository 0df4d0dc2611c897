//! Several messages in one input.

/// Takes a length and so many bytes off the front; the length 255 is all that is left.
pub fn take<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = input.split_first()?;
    let length = if *length == u8::MAX { rest.len() } else { usize::from(*length).min(rest.len()) };
    let (taken, left) = rest.split_at(length);
    *input = left;
    Some(taken)
}
