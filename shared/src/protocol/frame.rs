//! The frame: all that a client receives of a tick, in one WebSocket message.
//!
//! ```text
//! tag · tick u32 LE · flags u8
//! [ack]     age of the acked input's tick i16 LE · margin i16 LE (tenths of a millisecond)
//! [hash]    u32 LE over the client's whole view as of this frame
//! [closed]  count · { channel handle }
//! parts     count · { channel handle · length << 1 | keyframe · bits }
//! [owned]   length · bits: count · { id · kind · owner-only fields }
//! [events]  count · { length · bytes }
//! ```
//! All counts, lengths and handles are varints. Closed channels are dropped before parts are read; a keyframe opens its
//! channel. With the flag `reset` the client forgets all channels and owned entities first. With the flag `asks` it says
//! at once that it has taken the frame ([`heard`](super::heard)); before that, little more may come.

use std::ops::Range;

use super::limits::{CHANNELS_MAX, EVENTS_PER_FRAME_MAX, FRAME_MAX_BYTES};
use super::{TAG_FRAME, varint, varint::ByteReader};
use crate::bits::DecodeError;
use crate::tick::Tick;

const RESET: u8 = 1;
const ACK: u8 = 2;
const HASH: u8 = 4;
const CLOSED: u8 = 8;
const OWNED: u8 = 16;
const EVENTS: u8 = 32;
const ASKS: u8 = 64;
/// Where the flags are in a frame.
const FLAGS_AT: usize = 5;

/// What the server tells about a client's inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputAck {
    /// The client's tick of the newest input that a room's tick has used.
    pub tick: Tick,
    /// How long before it was due that input arrived, in tenths of a millisecond; negative when it came too late.
    pub margin_100us: i16,
}

/// A frame's head, before the parts.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FrameHead {
    /// The tick whose state this is.
    pub tick: Tick,
    /// The client forgets all it holds first.
    pub reset: bool,
    /// About its inputs.
    pub ack: Option<InputAck>,
    /// Low half of the hash over the view after this frame.
    pub hash: Option<u32>,
}

/// Appends a frame's head. `parts` is how many [`write_part_head`]s follow.
pub fn write_head(head: &FrameHead, closed: &[u16], parts: usize, owned: bool, events: bool, out: &mut Vec<u8>) {
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    out.push(TAG_FRAME);
    out.extend_from_slice(&head.tick.0.to_le_bytes());
    out.push(
        flag(head.reset, RESET)
            | flag(head.ack.is_some(), ACK)
            | flag(head.hash.is_some(), HASH)
            | flag(!closed.is_empty(), CLOSED)
            | flag(owned, OWNED)
            | flag(events, EVENTS),
    );
    if let Some(ack) = head.ack {
        let age = head.tick.since(ack.tick).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        out.extend_from_slice(&age.to_le_bytes());
        out.extend_from_slice(&ack.margin_100us.to_le_bytes());
    }
    if let Some(hash) = head.hash {
        out.extend_from_slice(&hash.to_le_bytes());
    }
    if !closed.is_empty() {
        varint::write(closed.len() as u32, out);
        for handle in closed {
            varint::write((*handle).into(), out);
        }
    }
    varint::write(parts as u32, out);
}

/// Makes a frame one that the client says at once that it has taken. `head` is what [`write_head`] wrote, or more.
pub fn ask(head: &mut [u8]) {
    if let Some(flags) = head.get_mut(FLAGS_AT) {
        *flags |= ASKS;
    }
}

/// Appends the head of a part whose `length` bytes follow.
pub fn write_part_head(handle: u16, keyframe: bool, length: usize, out: &mut Vec<u8>) {
    varint::write(handle.into(), out);
    varint::write((length as u32) << 1 | u32::from(keyframe), out);
}

/// Appends the owned block's bits with their length.
pub fn write_owned(bits: &[u8], out: &mut Vec<u8>) {
    varint::write(bits.len() as u32, out);
    out.extend_from_slice(bits);
}

/// Appends events.
pub fn write_events<'a>(events: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    varint::write(events.len() as u32, out);
    for event in events {
        varint::write(event.len() as u32, out);
        out.extend_from_slice(event);
    }
}

/// One channel's part of a parsed frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FramePart {
    /// The client's number for the channel.
    pub handle: u16,
    /// Not a delta.
    pub keyframe: bool,
    /// Where its bits are in the message.
    pub bits: Range<usize>,
}

/// A parsed frame: where its pieces are. Kept and filled again, so that it allocates nothing once warm.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The head.
    pub head: FrameHead,
    /// The server waits for word that the client has taken it.
    pub asks: bool,
    /// Channels that are no longer subscribed to.
    pub closed: Vec<u16>,
    /// Channels that changed.
    pub parts: Vec<FramePart>,
    /// The owned block's bits.
    pub owned: Option<Range<usize>>,
    /// Each event's bytes.
    pub events: Vec<Range<usize>>,
}

impl Frame {
    /// Parses `message`; at most [`FRAME_MAX_BYTES`].
    ///
    /// # Errors
    /// The message is malformed; what this holds then is of no use.
    pub fn parse(&mut self, message: &[u8]) -> Result<(), DecodeError> {
        if message.len() > FRAME_MAX_BYTES {
            return Err(DecodeError::Malformed);
        }
        let mut bytes = ByteReader::new(message);
        let slice = |bytes: &mut ByteReader<'_>, length: usize| {
            let left = bytes.clone().rest().len();
            bytes.take(length, "bytes")?;
            let start = message.len() - left;
            Ok::<_, DecodeError>(start..start + length)
        };
        if bytes.byte("tag")? != TAG_FRAME {
            return Err(DecodeError::OutOfRange("tag"));
        }
        let tick = Tick(u32::from_le_bytes(bytes.array("tick")?));
        let flags = bytes.byte("flags")?;
        if flags >= ASKS << 1 {
            return Err(DecodeError::OutOfRange("flags"));
        }
        self.asks = flags & ASKS != 0;
        self.head = FrameHead { tick, reset: flags & RESET != 0, ack: None, hash: None };
        if flags & ACK != 0 {
            let age = i16::from_le_bytes(bytes.array("ack")?);
            let margin_100us = i16::from_le_bytes(bytes.array("margin")?);
            self.head.ack = Some(InputAck { tick: tick.offset(-i32::from(age)), margin_100us });
        }
        if flags & HASH != 0 {
            self.head.hash = Some(u32::from_le_bytes(bytes.array("hash")?));
        }
        self.closed.clear();
        if flags & CLOSED != 0 {
            let mut named = Handles::default();
            for _ in 0..bytes.count(CHANNELS_MAX, "closed count")? {
                self.closed.push(named.take(&mut bytes, "closed handle")?);
            }
        }
        self.parts.clear();
        let mut named = Handles::default();
        for _ in 0..bytes.count(CHANNELS_MAX, "part count")? {
            let handle = named.take(&mut bytes, "handle")?;
            let length = bytes.varint("part length")?;
            let bits = slice(&mut bytes, (length >> 1) as usize)?;
            self.parts.push(FramePart { handle, keyframe: length & 1 != 0, bits });
        }
        self.owned = None;
        if flags & OWNED != 0 {
            let length = bytes.varint("owned length")?;
            self.owned = Some(slice(&mut bytes, length as usize)?);
        }
        self.events.clear();
        if flags & EVENTS != 0 {
            for _ in 0..bytes.count(EVENTS_PER_FRAME_MAX, "event count")? {
                let length = bytes.varint("event length")?;
                let event = slice(&mut bytes, length as usize)?;
                self.events.push(event);
            }
        }
        bytes.all()
    }
}

/// The handles that a list has named so far: none may be there twice, since the second part of a channel would build on
/// a state that the first has replaced.
struct Handles([u64; CHANNELS_MAX / 64]);

impl Default for Handles {
    fn default() -> Self {
        Self([0; CHANNELS_MAX / 64])
    }
}

impl Handles {
    fn take(&mut self, bytes: &mut ByteReader<'_>, what: &'static str) -> Result<u16, DecodeError> {
        let handle = bytes.count(CHANNELS_MAX - 1, what)?;
        let (word, bit) = (&mut self.0[handle / 64], 1 << (handle % 64));
        if *word & bit != 0 {
            return Err(DecodeError::OutOfRange(what));
        }
        *word |= bit;
        Ok(handle as u16)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was_written() {
        let ack = InputAck { tick: Tick(103), margin_100us: -7 };
        let head = FrameHead { tick: Tick(100), reset: true, ack: Some(ack), hash: Some(9) };
        let mut message = Vec::new();
        write_head(&head, &[3, 300], 2, true, true, &mut message);
        write_part_head(5, true, 3, &mut message);
        message.extend_from_slice(b"abc");
        write_part_head(200, false, 0, &mut message);
        write_owned(b"own", &mut message);
        write_events([&b"e1"[..], b""].into_iter(), &mut message);

        let mut frame = Frame::default();
        frame.parse(&message).expect("it is well formed");
        assert_eq!(frame.head, head);
        assert_eq!(frame.closed, [3, 300]);
        let parts: Vec<_> = frame.parts.iter().map(|p| (p.handle, p.keyframe, &message[p.bits.clone()])).collect();
        assert_eq!(parts, [(5, true, &b"abc"[..]), (200, false, b"")]);
        assert_eq!(&message[frame.owned.clone().expect("it was written")], b"own");
        let events: Vec<_> = frame.events.iter().map(|e| &message[e.clone()]).collect();
        assert_eq!(events, [&b"e1"[..], b""]);

        for cut in 0..message.len() {
            assert!(frame.parse(&message[..cut]).is_err(), "a frame cut at {cut} was accepted");
        }
        message.push(0);
        assert_eq!(frame.parse(&message), Err(DecodeError::Trailing));
    }

    #[test]
    fn a_frame_that_names_a_channel_twice_is_refused() {
        let mut message = Vec::new();
        write_head(&FrameHead::default(), &[], 3, false, false, &mut message);
        for handle in [300, 2, 300] {
            write_part_head(handle, true, 1, &mut message);
            message.push(0);
        }
        assert_eq!(Frame::default().parse(&message), Err(DecodeError::OutOfRange("handle")));

        message.clear();
        write_head(&FrameHead::default(), &[7, 7], 0, false, false, &mut message);
        assert_eq!(Frame::default().parse(&message), Err(DecodeError::OutOfRange("closed handle")));

        // closed and opened anew in one frame is another thing
        message.clear();
        write_head(&FrameHead::default(), &[7], 1, false, false, &mut message);
        write_part_head(7, true, 0, &mut message);
        assert_eq!(Frame::default().parse(&message), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..80)) {
            bytes[0] = TAG_FRAME;
            let mut frame = Frame::default();
            if frame.parse(&bytes).is_ok() {
                prop_assert!(frame.parts.iter().all(|part| part.bits.end <= bytes.len()));
            }
        }
    }
}
