//! A stream of frames says the same however it is cut, and the same as to a decoder that is nothing but the RFC.
//! True: no frame is wrong.
//!
//! ```text
//! input   most bytes of a message · most fragments · flags · four sizes of reads · stream
//! stream  the bytes themselves, or with SCRIPT frames to be written and masked: first byte · mask · length · payload
//! ```

use tickwire_server::net::MessageKind;
use tickwire_server::net::ws::deflate::compressed_max_bytes;
use tickwire_server::net::ws::{Event, FrameError, Frames, MessageLimits};

use super::{reads, slices};

/// permessage-deflate was agreed on.
const DEFLATE: u8 = 1;
/// The stream is a script.
const SCRIPT: u8 = 2;

pub fn hold(input: &[u8]) -> bool {
    let Some((&[message_max, fragments_max, flags, ref sizes @ ..], stream)) = input.split_first_chunk::<7>() else {
        return false;
    };
    let limits = MessageLimits {
        message_max_bytes: message_max.into(),
        fragments_max: usize::from(fragments_max % 16),
        deflate: flags & DEFLATE != 0,
    };
    let stream = if flags & SCRIPT != 0 { &frames_of(stream) } else { stream };

    let at_once = listen(reads::cut(stream, &[0]), limits);
    assert_eq!(listen(reads::cut(stream, sizes), limits), at_once, "reads of {sizes:?}");
    assert_eq!(listen(reads::cut(stream, &[1]), limits), at_once, "one byte at a time");

    let mut expected = Reference { limits, said: Vec::new(), message: None };
    let end = expected.read(stream);
    assert_eq!(at_once.said, expected.said);
    assert_eq!(at_once.error.map(FrameError::close_code), end.err());
    end.is_ok()
}

/// What a client would write that masks each of its frames.
fn frames_of(mut script: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((&[first, mask], rest)) = script.split_first_chunk::<2>() {
        script = rest;
        let payload = slices::take(&mut script).unwrap_or_default();
        stream.push(first);
        match u16::try_from(payload.len()) {
            Ok(short @ ..126) => stream.push(0x80 | short as u8),
            Ok(long) => {
                stream.push(0x80 | 126);
                stream.extend(long.to_be_bytes());
            }
            Err(_) => {
                stream.push(0x80 | 127);
                stream.extend((payload.len() as u64).to_be_bytes());
            }
        }
        let mask = [mask, mask.wrapping_mul(3), mask.wrapping_mul(5), !mask];
        stream.extend(mask);
        stream.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    stream
}

/// An [`Event`] that owns its bytes.
#[derive(PartialEq, Debug)]
enum Said {
    Message(MessageKind, Vec<u8>),
    Deflated(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

#[derive(PartialEq, Debug)]
struct Heard {
    said: Vec<Said>,
    error: Option<FrameError>,
    unfinished: bool,
}

fn listen<'a>(reads: impl Iterator<Item = &'a [u8]>, limits: MessageLimits) -> Heard {
    let mut frames = Frames::default();
    let mut heard = Heard { said: Vec::new(), error: None, unfinished: false };
    let (mut over, mut scratch) = (false, Vec::new());
    for read in reads {
        scratch.clear();
        scratch.extend_from_slice(read);
        let mut rest = &mut scratch[..];
        loop {
            match frames.next(&mut rest, limits) {
                Ok(Some(event)) => {
                    assert!(!over, "nothing comes after the close frame");
                    over = matches!(event, Event::Close(..));
                    heard.said.push(said(event, limits));
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(!over, "nothing is wrong after the close frame");
                    heard.error = Some(error);
                    return heard;
                }
            }
        }
        let held_max_bytes = 2 * (message_max_bytes(limits, limits.deflate) + 125) + 16;
        assert!(frames.held_bytes() <= held_max_bytes, "{} bytes are held", frames.held_bytes());
        assert!(frames.is_unfinished() || frames.held_bytes() == 0, "between messages nothing is held");
    }
    heard.unfinished = frames.is_unfinished();
    heard
}

fn said(event: Event<'_>, limits: MessageLimits) -> Said {
    match event {
        Event::Message(kind, payload) => {
            assert!(payload.len() <= limits.message_max_bytes);
            assert!(kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok(), "text is UTF-8");
            Said::Message(kind, payload.to_vec())
        }
        Event::Deflated(kind, payload) => {
            assert!(limits.deflate && payload.len() <= message_max_bytes(limits, true));
            Said::Deflated(kind, payload.to_vec())
        }
        Event::Ping(payload) => Said::Ping(payload.to_vec()),
        Event::Pong(payload) => Said::Pong(payload.to_vec()),
        Event::Close(code, reason) => Said::Close(code, reason.to_owned()),
    }
}

fn message_max_bytes(limits: MessageLimits, compressed: bool) -> usize {
    if compressed { compressed_max_bytes(limits.message_max_bytes) } else { limits.message_max_bytes }
}

/// RFC 6455 5 as one reads it: all bytes are there, all are copied. The error is the close code.
struct Reference {
    limits: MessageLimits,
    said: Vec<Said>,
    message: Option<Message>,
}

struct Message {
    kind: MessageKind,
    compressed: bool,
    fragments: usize,
    payload: Vec<u8>,
}

/// First byte, length, mask, and what is behind.
type Header<'a> = (u8, u64, [u8; 4], &'a [u8]);

impl Reference {
    /// Reads frames until the bytes end or nothing more counts.
    fn read(&mut self, mut stream: &[u8]) -> Result<(), u16> {
        while let Some((first, length, mask, rest)) = self.header(stream)? {
            let opcode = first & 0x0F;
            if opcode < 8 {
                self.admit(opcode, first & 0x40 != 0, length)?;
            }
            let arrived = rest.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            let payload: Vec<u8> = (0..arrived).map(|at| rest[at] ^ mask[at % 4]).collect();
            let is_whole = arrived as u64 == length;
            if opcode < 8 {
                self.go_on(&payload, is_whole && first & 0x80 != 0)?;
            } else if is_whole && self.control(opcode, payload)? {
                return Ok(());
            }
            stream = &rest[arrived..];
            if !is_whole {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `None` if it is not whole.
    fn header<'a>(&self, stream: &'a [u8]) -> Result<Option<Header<'a>>, u16> {
        let Some(&first) = stream.first() else { return Ok(None) };
        let (opcode, is_control) = (first & 0x0F, first & 0x08 != 0);
        let rsv1_is_fine = first & 0x40 == 0 || (self.limits.deflate && matches!(opcode, 1 | 2));
        let is_known = matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10);
        if first & 0x30 != 0 || !rsv1_is_fine || !is_known || (is_control && first & 0x80 == 0) {
            return Err(1002);
        }
        let Some(&second) = stream.get(1) else { return Ok(None) };
        let short = second & 0x7F;
        if second & 0x80 == 0 || (is_control && short > 125) {
            return Err(1002);
        }
        let wide = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if short == 127 && stream.get(2).is_some_and(|byte| byte & 0x80 != 0) {
            return Err(1002);
        }
        let Some(digits) = stream.get(2..2 + wide) else { return Ok(None) };
        let length = match short {
            126 | 127 => digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit)),
            length => length.into(),
        };
        if (short == 126 && length < 126) || (short == 127 && length < 65536) {
            return Err(1002);
        }
        let Some((mask, rest)) = stream[2 + wide..].split_first_chunk::<4>() else { return Ok(None) };
        Ok(Some((first, length, *mask, rest)))
    }

    /// May this frame of a message come now?
    fn admit(&mut self, opcode: u8, compressed: bool, length: u64) -> Result<(), u16> {
        if (opcode == 0) != self.message.is_some() {
            return Err(1002);
        }
        let kind = if opcode == 1 { MessageKind::Text } else { MessageKind::Binary };
        let new = Message { kind, compressed, fragments: 0, payload: Vec::new() };
        let message = self.message.get_or_insert(new);
        message.fragments += 1;
        if message.payload.len() as u64 + length > message_max_bytes(self.limits, message.compressed) as u64 {
            return Err(1009);
        }
        if message.fragments > self.limits.fragments_max { Err(1008) } else { Ok(()) }
    }

    fn go_on(&mut self, payload: &[u8], is_end: bool) -> Result<(), u16> {
        let message = self.message.as_mut().expect("it was admitted");
        message.payload.extend(payload);
        if message.kind == MessageKind::Text && !message.compressed {
            let wrong = std::str::from_utf8(&message.payload).err();
            if wrong.is_some_and(|error| is_end || error.error_len().is_some()) {
                return Err(1007);
            }
        }
        if is_end {
            let Message { kind, compressed, payload, .. } = self.message.take().expect("it is there");
            self.said.push(if compressed { Said::Deflated(kind, payload) } else { Said::Message(kind, payload) });
        }
        Ok(())
    }

    /// True for the last frame of all.
    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<bool, u16> {
        self.said.push(match (opcode, &payload[..]) {
            (9, _) => Said::Ping(payload),
            (10, _) => Said::Pong(payload),
            (_, []) => Said::Close(1005, String::new()),
            (_, [_]) => return Err(1002),
            (_, [high, low, reason @ ..]) => {
                let code = u16::from_be_bytes([*high, *low]);
                // RFC 6455 7.4 and IANA's registry
                let is_reserved = code < 1000 || (1004..=1006).contains(&code) || (1015..3000).contains(&code);
                if is_reserved || code >= 5000 {
                    return Err(1002);
                }
                Said::Close(code, String::from_utf8(reason.to_vec()).map_err(|_| 1007_u16)?)
            }
        });
        Ok(opcode == 8)
    }
}
