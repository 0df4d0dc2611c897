//! Text that comes in pieces: every byte is looked at once, and a wrong one is noticed with the piece it came in.

/// The bytes are not UTF-8, whatever may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotUtf8;

/// How many bytes at the front are whole characters; behind them is at most the beginning of one more.
pub fn whole_characters(bytes: &[u8]) -> Result<usize, NotUtf8> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(text) => Ok(text.len()),
        // what could still become a character has no length of its own
        Err(cut) if cut.error_len().is_none() => Ok(cut.valid_up_to()),
        Err(_) => Err(NotUtf8),
    }
}

/// All of it is UTF-8.
pub fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_that_cannot_begin_or_go_on_is_wrong_at_once() {
        for wrong in [
            &b"\xFF"[..],
            b"\x80",
            b"\xC0",     // overlong
            b"\xE0\x80", // overlong
            b"\xED\xA0", // a surrogate
            b"\xF4\x90", // over U+10FFFF
            b"\xF5",     // over U+10FFFF
            b"\xE2\x28", // the second byte of three is none
        ] {
            assert_eq!(whole_characters(wrong), Err(NotUtf8), "{wrong:x?}");
        }
        for (open, whole) in [(&b"ab\xE2\x82"[..], 2), (b"\xF0\x90\x8D", 0), (b"\xED\x9F", 0), (b"\xF4\x8F", 0)] {
            assert_eq!(whole_characters(open), Ok(whole), "{open:x?}");
        }
    }

    proptest! {
        #[test]
        fn the_wide_check_is_the_plain_one(bytes: Vec<u8>, text in "\\PC{0,90}", cut in 0_usize..400) {
            let mut mixed = text.into_bytes();
            mixed.truncate(cut);
            for bytes in [&mixed[..], &bytes, &[&mixed[..], &bytes].concat()] {
                let plain = match std::str::from_utf8(bytes) {
                    Ok(_) => Ok(bytes.len()),
                    Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
                    Err(_) => Err(NotUtf8),
                };
                prop_assert_eq!(whole_characters(bytes), plain);
                prop_assert_eq!(is_utf8(bytes), plain == Ok(bytes.len()));
            }
        }
    }
}
