//! How the bytes of a connection arrive.

/// Cuts `bytes` into reads of these sizes, over and over; a size of 0 is all that is left.
pub fn cut<'a>(mut bytes: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = match sizes.next() {
            None | Some(0) => bytes.len(),
            Some(size) => usize::from(*size).min(bytes.len()),
        };
        let (read, rest) = bytes.split_at(size);
        bytes = rest;
        (!read.is_empty()).then_some(read)
    })
}
