//! Frames: what a server sends is cut into messages, what a client sends is masked (RFC 6455 5).

use thiserror::Error;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// A text message.
    Text = 0x1,
    /// A binary message.
    Binary = 0x2,
    /// The last frame that its sender will send.
    Close = 0x8,
    /// To be answered with a pong.
    Ping = 0x9,
    /// An answer to a ping.
    Pong = 0xA,
}

/// A whole message of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// Binary.
    Binary(&'a [u8]),
    /// Text, not checked.
    Text(&'a [u8]),
    /// Answer it with a pong of the same bytes.
    Ping(&'a [u8]),
    /// Nothing need be done.
    Pong,
    /// The code, 1005 when there is none, and the reason.
    Close(u16, String),
}

/// How a server broke the framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum FrameError {
    /// No extension was offered that uses them.
    #[error("reserved bits are set")]
    ReservedBits,
    /// Nobody knows what it means.
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    /// Only clients mask.
    #[error("a server's frame is masked")]
    Masked,
    /// Longer than 125 bytes or in fragments.
    #[error("a control frame is too long or in fragments")]
    Control,
    /// A continuation of nothing, or a message inside another.
    #[error("the fragments of messages are out of order")]
    Fragments,
    /// Longer than is taken.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
}

/// Cuts what arrives into messages.
#[derive(Debug, Default)]
pub struct Inbox {
    /// What is not whole yet.
    rest: Vec<u8>,
    /// The fragments of a message so far, and whether it is text.
    fragments: Option<(Vec<u8>, bool)>,
}

/// A frame's header.
struct Header {
    fin: bool,
    opcode: u8,
    size: usize,
    length: usize,
}

impl Inbox {
    /// These bytes arrived; calls `each` for every message that is whole now, until it says false.
    ///
    /// # Errors
    /// The server broke the framing: nothing after it makes sense.
    pub fn take(
        &mut self,
        bytes: &[u8],
        max_bytes: usize,
        mut each: impl FnMut(Message<'_>) -> bool,
    ) -> Result<(), FrameError> {
        if self.rest.is_empty() {
            let used = cut(bytes, max_bytes, &mut self.fragments, &mut each)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        let used = cut(&self.rest, max_bytes, &mut self.fragments, &mut each)?;
        self.rest.drain(..used);
        if self.rest.is_empty() {
            // thousands of bots would each keep the longest that they ever had
            self.rest = Vec::new();
        }
        Ok(())
    }
}

/// Gives how many of the bytes were used.
fn cut(
    bytes: &[u8],
    max_bytes: usize,
    fragments: &mut Option<(Vec<u8>, bool)>,
    each: &mut impl FnMut(Message<'_>) -> bool,
) -> Result<usize, FrameError> {
    let mut at = 0;
    while let Some(header) = header(&bytes[at..], max_bytes)? {
        let start = at + header.size;
        let Some(payload) = bytes.get(start..start + header.length) else { break };
        at = start + header.length;
        let goes_on = match (header.opcode, header.fin, fragments.as_mut()) {
            (0x1, true, None) => each(Message::Text(payload)),
            (0x2, true, None) => each(Message::Binary(payload)),
            (0x1 | 0x2, false, None) => {
                *fragments = Some((payload.to_vec(), header.opcode == 0x1));
                true
            }
            (0x0, fin, Some((whole, is_text))) => {
                if whole.len() + payload.len() > max_bytes {
                    return Err(FrameError::TooLong(max_bytes));
                }
                whole.extend_from_slice(payload);
                let is_text = *is_text;
                match fragments.take_if(|_| fin) {
                    Some((whole, _)) if is_text => each(Message::Text(&whole)),
                    Some((whole, _)) => each(Message::Binary(&whole)),
                    None => true,
                }
            }
            (0x0..=0x2, ..) => return Err(FrameError::Fragments),
            (0x8, ..) => each(close(payload)),
            (0x9, ..) => each(Message::Ping(payload)),
            _ => each(Message::Pong),
        };
        if !goes_on {
            break;
        }
    }
    Ok(at)
}

fn header(bytes: &[u8], max_bytes: usize) -> Result<Option<Header>, FrameError> {
    let [first, second, more @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(FrameError::ReservedBits);
    }
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
    let (size, length) = match (second & 0x7F, more) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, u64::from(length)),
    };
    match opcode {
        0x0..=0x2 if length > max_bytes as u64 => Err(FrameError::TooLong(max_bytes)),
        0x8..=0xA if !fin || length > 125 => Err(FrameError::Control),
        0x3..=0x7 | 0xB.. => Err(FrameError::ReservedOpcode(opcode)),
        _ => Ok(Some(Header { fin, opcode, size, length: length as usize })),
    }
}

fn close(payload: &[u8]) -> Message<'static> {
    match payload.split_first_chunk::<2>() {
        Some((code, reason)) => Message::Close(u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
        None => Message::Close(1005, "no reason given".to_owned()),
    }
}

/// Appends a client's frame with this mask.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    out.push(0x80 | opcode as u8);
    match payload.len() {
        length @ ..=125 => out.push(0x80 | length as u8),
        length @ ..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    for (byte, mask) in out[start..].iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends a client's close frame; the reason is cut to what fits (5.5).
pub fn write_close(out: &mut Vec<u8>, code: u16, reason: &str, mask: [u8; 4]) {
    let reason = &reason[..reason.floor_char_boundary(123)];
    let body: Vec<u8> = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
    write(out, Opcode::Close, &body, mask);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 1 << 20;

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, Opcode::Binary, payload, [0; 4]);
        out[0] = first;
        out[1] &= 0x7F;
        let mask_at = out.len() - payload.len() - 4;
        out.drain(mask_at..mask_at + 4);
        out
    }

    fn taken(inbox: &mut Inbox, bytes: &[u8]) -> Result<Vec<String>, FrameError> {
        let mut found = Vec::new();
        inbox.take(bytes, MAX, |message| {
            found.push(match message {
                Message::Binary(payload) => format!("binary {}", payload.len()),
                Message::Text(text) => format!("text {}", String::from_utf8_lossy(text)),
                other => format!("{other:?}"),
            });
            true
        })?;
        Ok(found)
    }

    #[test]
    fn what_breaks_the_framing_is_named() {
        for (bytes, error) in [
            (vec![0xC2, 0], FrameError::ReservedBits),
            (vec![0x83, 0], FrameError::ReservedOpcode(3)),
            (vec![0x82, 0x80, 0, 0, 0, 0], FrameError::Masked),
            (vec![0x09, 0], FrameError::Control),
            (vec![0x89, 126, 0, 126], FrameError::Control),
            (vec![0x80, 0], FrameError::Fragments),
            (vec![0x02, 0, 0x82, 0], FrameError::Fragments),
            (vec![0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], FrameError::TooLong(MAX)),
        ] {
            assert_eq!(taken(&mut Inbox::default(), &bytes), Err(error), "{bytes:x?}");
        }
    }

    #[test]
    fn a_close_has_its_code_and_reason() {
        let found = taken(&mut Inbox::default(), &server_frame(0x88, b"\x03\xe9bye"));
        assert_eq!(found, Ok(vec!["Close(1001, \"bye\")".to_owned()]));
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_they_are_cut(
            lengths in prop::collection::vec(prop_oneof![0usize..200, 60_000usize..70_000], 1..6),
            cuts in prop::collection::vec(1usize..2_000, 1..50),
        ) {
            let mut bytes = Vec::new();
            let mut wanted = Vec::new();
            for length in &lengths {
                bytes.extend(server_frame(0x02, &vec![1; *length]));
                bytes.extend(server_frame(0x89, b"p"));
                bytes.extend(server_frame(0x80, &vec![2; *length]));
                wanted.push("Ping([112])".to_owned());
                wanted.push(format!("binary {}", length * 2));
            }
            let (mut inbox, mut found, mut rest) = (Inbox::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                found.extend(taken(&mut inbox, now).expect("the frames are right"));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn any_bytes_are_cut_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = taken(&mut Inbox::default(), &bytes);
        }

        #[test]
        fn a_mask_comes_off_again(payload in prop::collection::vec(any::<u8>(), 0..300), mask: [u8; 4]) {
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, &payload, mask);
            let at = out.len() - payload.len();
            prop_assert_eq!(&out[at - 4..at], &mask);
            let plain: Vec<u8> = out[at..].iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            prop_assert_eq!(plain, payload);
        }
    }
}
