//! One frame: its header, its mask, and every rule that one header can break.
//!
//! ```text
//!  0               1               2 …
//! +-+-+-+-+-------+-+-------------+----------------+------+---------+
//! |F|R|R|R| op    |M| length      | 0, 2 or 8 more | mask | payload |    RFC 6455 5.2
//! |I|S|S|S| code  |A| 7 bits      | if 126, 127    | 4 B  |         |
//! |N|V|V|V|       |S|             |                |      |         |
//! +-+-+-+-+-------+-+-------------+----------------+------+---------+
//! ```

/// Most bytes of a client's frame header.
pub const HEADER_MAX_BYTES: usize = 14;

/// Most bytes in a control frame's payload (RFC 6455 5.5).
pub const CONTROL_MAX_BYTES: usize = 125;

/// The bit that permessage-deflate uses.
const RSV1: u8 = 0x40;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message that was begun before.
    Continuation = 0x0,
    /// First frame of a text message.
    Text = 0x1,
    /// First frame of a binary message.
    Binary = 0x2,
    /// The last frame that its sender will send.
    Close = 0x8,
    /// To be answered with a pong.
    Ping = 0x9,
    /// An answer to a ping, or a sign of life.
    Pong = 0xA,
}

impl Opcode {
    /// Control frames may come between the fragments of a message.
    pub fn is_control(self) -> bool {
        self as u8 >= 0x8
    }

    #[inline]
    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            // 5.2: "If an unknown opcode is received, the receiving endpoint MUST fail the connection."
            reserved => return Err(FrameError::ReservedOpcode(reserved)),
        })
    }
}

/// The header of a frame that a client sent, checked against the rules that need nothing but the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Last frame of its message.
    pub fin: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// RSV1, on the first frame of a message: the message is compressed (RFC 7692 6).
    pub compressed: bool,
    /// Bytes of payload; below 2^63, at most 125 for control frames.
    pub length: u64,
    /// The client's mask.
    pub mask: [u8; 4],
}

impl Header {
    /// Reads a header from the front of `bytes`: the header and its size, or `None` if more bytes are needed.
    /// A rule that is broken is reported with the first byte that breaks it. `deflate` tells whether
    /// permessage-deflate was agreed on.
    #[inline]
    pub fn parse(bytes: &[u8], deflate: bool) -> Result<Option<(Self, usize)>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        // 5.2: RSV1-3 "MUST be 0 unless an extension is negotiated"; the only one that we know takes RSV1.
        if first & 0x30 != 0 || (first & RSV1 != 0 && !deflate) {
            return Err(FrameError::ReservedBits);
        }
        let fin = first & 0x80 != 0;
        let opcode = Opcode::from_bits(first & 0x0F)?;
        let compressed = first & RSV1 != 0;
        // RFC 7692 6.1: only the first frame of a message has the bit.
        if compressed && (opcode.is_control() || opcode == Opcode::Continuation) {
            return Err(FrameError::ReservedBits);
        }
        // 5.4: "Control frames themselves MUST NOT be fragmented."
        if opcode.is_control() && !fin {
            return Err(FrameError::FragmentedControl);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        // 5.1: "The server MUST close the connection upon receiving a frame that is not masked."
        if second & 0x80 == 0 {
            return Err(FrameError::NotMasked);
        }
        let short = second & 0x7F;
        // 5.5: control frames "MUST have a payload length of 125 bytes or less".
        if opcode.is_control() && usize::from(short) > CONTROL_MAX_BYTES {
            return Err(FrameError::LongControl);
        }

        let Some((length, mask_at)) = read_length(short, bytes)? else { return Ok(None) };
        let Some(&mask) = bytes.get(mask_at..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
        Ok(Some((Self { fin, opcode, compressed, length, mask }, mask_at + mask.len())))
    }
}

/// The length, and where it ends. 5.2: "the minimal number of bytes MUST be used to encode the length".
#[inline]
fn read_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    match short {
        126 => {
            let Some(&wide) = bytes.get(2..).and_then(<[u8]>::first_chunk::<2>) else { return Ok(None) };
            let length = u64::from(u16::from_be_bytes(wide));
            if length < 126 {
                return Err(FrameError::LengthNotMinimal);
            }
            Ok(Some((length, 4)))
        }
        127 => {
            // 5.2: "the most significant bit MUST be 0".
            if bytes.get(2).is_some_and(|&top| top & 0x80 != 0) {
                return Err(FrameError::LengthTopBit);
            }
            let Some(&wide) = bytes.get(2..).and_then(<[u8]>::first_chunk::<8>) else { return Ok(None) };
            let length = u64::from_be_bytes(wide);
            if length <= u64::from(u16::MAX) {
                return Err(FrameError::LengthNotMinimal);
            }
            Ok(Some((length, 10)))
        }
        length => Ok(Some((u64::from(length), 2))),
    }
}

/// Takes the mask off (or puts it on: 5.3, the algorithm is its own inverse).
#[inline]
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends the header of a whole, unmasked frame, as a server sends it.
#[inline]
pub fn write_header(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    let first = 0x80 | opcode as u8;
    if length <= CONTROL_MAX_BYTES {
        out.extend_from_slice(&[first, length as u8]);
    } else if let Ok(medium) = u16::try_from(length) {
        let [high, low] = medium.to_be_bytes();
        out.extend_from_slice(&[first, 126, high, low]);
    } else {
        out.extend_from_slice(&[first, 127]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Appends a whole frame.
#[inline]
pub fn write_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    write_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a whole frame whose payload is compressed (RFC 7692 6).
pub fn write_compressed_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let at = out.len();
    write_frame(out, opcode, payload);
    out[at] |= RSV1;
}

/// Appends a close frame; a reason that is too long is cut at the border of a character (5.5: 125 bytes in all).
pub fn write_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    debug_assert!(may_be_sent(code), "close code {code} must not be sent (RFC 6455 7.4)");
    let reason = &reason[..reason.floor_char_boundary(CONTROL_MAX_BYTES - 2)];
    write_header(out, Opcode::Close, 2 + reason.len());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Close codes that may be on the wire: those that RFC 6455 7.4 and IANA's registry define for it (not 1004,
/// 1005, 1006, 1015), and the ranges of libraries and applications.
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// How a peer broke the framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs)] // each variant's message is its documentation
pub enum FrameError {
    #[error("reserved bits are set")]
    ReservedBits,
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    #[error("frames of a client must be masked")]
    NotMasked,
    #[error("a control frame must not be fragmented")]
    FragmentedControl,
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    #[error("the top bit of a frame's length is set")]
    LengthTopBit,
    #[error("a frame's length is written with more bytes than it needs")]
    LengthNotMinimal,
    #[error("a continuation without a message")]
    StrayContinuation,
    #[error("a new message inside an unfinished one")]
    InterleavedMessage,
    #[error("the message is longer than {0} bytes")]
    MessageTooLong(usize),
    #[error("the message has more than {0} fragments")]
    TooManyFragments(usize),
    #[error("text must be UTF-8")]
    NotUtf8,
    #[error("the compressed message is no valid DEFLATE")]
    NotDeflate,
    #[error("the message inflates to more than {0} times its size")]
    InflatesTooMuch(usize),
    #[error("the body of a close frame is one byte")]
    CloseBodyOneByte,
    #[error("close code {0} must not be sent")]
    CloseCode(u16),
}

impl FrameError {
    /// The code to close with (RFC 6455 7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::NotMasked
            | Self::FragmentedControl
            | Self::LongControl
            | Self::LengthTopBit
            | Self::LengthNotMinimal
            | Self::StrayContinuation
            | Self::InterleavedMessage
            | Self::CloseBodyOneByte
            | Self::CloseCode(_) => 1002,
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooManyFragments(_) => 1008,
            Self::MessageTooLong(_) | Self::InflatesTooMuch(_) => 1009,
        }
    }
}

/// A client's frame, for tests.
#[cfg(test)]
pub(super) fn client_frame(fin: bool, opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&mut bytes, opcode, payload.len());
    bytes[0] = (bytes[0] & 0x0F) | u8::from(fin) << 7;
    bytes[1] |= 0x80;
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(bytes: &[u8]) -> FrameError {
        Header::parse(bytes, false).expect_err("a rule is broken")
    }

    #[test]
    fn each_rule_is_checked_with_the_first_byte_that_breaks_it() {
        assert_eq!(refused(&[0xC2]), FrameError::ReservedBits);
        assert_eq!(refused(&[0xA2]), FrameError::ReservedBits);
        assert_eq!(refused(&[0x92]), FrameError::ReservedBits);
        for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
            assert_eq!(refused(&[0x80 | opcode]), FrameError::ReservedOpcode(opcode));
        }
        assert_eq!(refused(&[0x09]), FrameError::FragmentedControl);
        assert_eq!(refused(&[0x82, 0x05]), FrameError::NotMasked);
        assert_eq!(refused(&[0x89, 0x80 | 126]), FrameError::LongControl);
        assert_eq!(refused(&[0x82, 0x80 | 126, 0, 125]), FrameError::LengthNotMinimal);
        assert_eq!(refused(&[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]), FrameError::LengthNotMinimal);
        assert_eq!(refused(&[0x82, 0x80 | 127, 0x80]), FrameError::LengthTopBit);
    }

    #[test]
    fn with_permessage_deflate_rsv1_may_stand_on_the_first_frame_of_a_message() {
        for first in [0xC1, 0x41, 0xC2, 0x42] {
            assert_eq!(Header::parse(&[first], true), Ok(None), "{first:x}");
        }
        for first in [0xC0, 0x40, 0xC8, 0xC9, 0xCA, 0xA1, 0x91, 0xF1] {
            assert_eq!(Header::parse(&[first], true), Err(FrameError::ReservedBits), "{first:x}");
        }
    }

    #[test]
    fn codes_that_only_mean_something_locally_may_not_be_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!may_be_sent(code), "{code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert!(may_be_sent(code), "{code}");
        }
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        write_close(&mut out, 1008, &"ä".repeat(100));
        assert_eq!(out[1], 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    proptest! {
        #[test]
        fn a_header_is_read_back_and_needs_all_its_bytes(length in 0usize..200_000, mask: [u8; 4], fin: bool) {
            let bytes = client_frame(fin, Opcode::Binary, &[], mask);
            let mut bytes = bytes[..1].to_vec();
            let mut header = Vec::new();
            write_header(&mut header, Opcode::Binary, length);
            bytes.push(header[1] | 0x80);
            bytes.extend_from_slice(&header[2..]);
            bytes.extend_from_slice(&mask);

            for cut in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..cut], false), Ok(None));
            }
            let expected = Header { fin, opcode: Opcode::Binary, compressed: false, length: length as u64, mask };
            prop_assert_eq!(Header::parse(&bytes, false), Ok(Some((expected, bytes.len()))));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>, deflate: bool) {
            let _ = Header::parse(&bytes, deflate);
        }

        #[test]
        fn the_wide_unmask_is_the_plain_one(payload: Vec<u8>, mask: [u8; 4]) {
            let plain: Vec<u8> = payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
            let mut wide = payload;
            unmask(&mut wide, mask);
            prop_assert_eq!(wide, plain);
        }
    }
}
