//! The frame: all that a client receives of a tick, in one WebSocket message.
//!
//! ```text
//! first     1 · more? ack? hash? owned? events? part? parts?      one byte, the highest bit first
//! [more]    reset? whole tick? closed? asks? in order?      only when one of them is
//! tick      its lowest byte: the next such tick after the client's last frame; or u32 LE
//! [ack]     age of the acked input's tick i16 LE · margin i16 LE (tenths of a millisecond)
//! [hash]    u32 LE over the client's whole view as of this frame
//! [closed]  count · { channel handle }
//! [parts]   count, where it is neither none nor one
//! [owned]   length · bits: count · { id · kind · owner-only fields }
//! [events]  count · { length · bytes }
//! parts     { [late mark] · channel handle << 1 | keyframe · length · bits }, the last one without its length: what is left
//!           in order, as in a client's first frame, they are keyframes of the handles 0, 1, 2 ...: { length · bits }
//! late mark what a handle of 4,096 less 1 to 32 would be
//! ```
//! All counts, lengths and handles are varints. Closed channels are dropped before parts are read; a keyframe opens its
//! channel. With the flag `reset` the client forgets all channels and owned entities first. With the flag `asks` it says
//! at once that it has taken the frame ([`heard`](super::heard)); before that, little more may come.
//!
//! # What a frame says of a channel
//! A part builds on the channel as it was at the last frame, and a channel that a frame does not name was not changed by
//! it. Unless the server had no room for it: then the channel comes later, behind a late mark, and the mark tells how
//! many ticks before this frame the earlier frame was at which the client's copy was true for the last time. It is for all
//! parts up to the next mark, or to the end.
//!
//! ```
//! use tickwire_shared::{Tick, protocol::frame::*};
//!
//! let head = FrameHead { tick: Tick(9), hash: Some(0xfeed), ..FrameHead::default() };
//! let contents = Contents { events: true, parts: 2, ..Contents::default() };
//! let mut message = Vec::new();
//! write_head(&head, Some(Tick(8)), &[4], contents, &mut message); // channel 4 is out of sight
//! write_events([&b"bang"[..]].into_iter(), &mut message);
//! write_part_head(7, true, Some(2), &mut message);
//! message.extend_from_slice(&[0xab, 0xcd]);
//! write_late(3, &mut message); // channel 5 was true three ticks ago for the last time
//! write_part_head(5, false, None, &mut message); // all that follows is its
//! message.push(0xef);
//!
//! let mut frame = Frame::after(Tick(8));
//! frame.parse(&message)?;
//! assert_eq!((frame.head, frame.closed.as_slice(), &message[frame.events[0].clone()]), (head, &[4][..], &b"bang"[..]));
//! assert_eq!((frame.parts[0].handle, frame.parts[0].keyframe, frame.parts[1].late), (7, true, 3));
//! # Ok::<(), tickwire_shared::bits::DecodeError>(())
//! ```

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::limits::{CHANNELS_MAX, EVENTS_PER_FRAME_MAX, FRAME_MAX_BYTES};
use super::{FRAME, varint, varint::ByteReader};
use crate::bits::DecodeError;
use crate::tick::Tick;

const MORE: u8 = 1;
const ACK: u8 = 2;
const HASH: u8 = 4;
const OWNED: u8 = 8;
const EVENTS: u8 = 16;
const PART: u8 = 32;
const PARTS: u8 = 64;

/// Behind [`MORE`].
const RESET: u8 = 1;
const WHOLE_TICK: u8 = 2;
const CLOSED: u8 = 4;
const ASKS: u8 = 8;
const IN_ORDER: u8 = 16;

/// Ticks that a channel may be left out of frames before it can only come as a keyframe.
pub const LATE_MAX: u8 = 32;
/// Most channels that a client has open: the handles from here on are late marks.
pub const OPEN_MAX: usize = CHANNELS_MAX - LATE_MAX as usize;
/// Ticks after the frame before that one byte can tell.
const SHORT_MAX: i32 = 255;

/// Whether a server's message is a frame.
///
/// ```
/// use tickwire_shared::protocol::{ServerMessage, frame::is_frame};
///
/// assert!(is_frame(&[0x80, 9]) && !is_frame(&ServerMessage::Pong { stamp_ms: 1 }.encode()));
/// ```
#[must_use]
pub fn is_frame(message: &[u8]) -> bool {
    message.first().is_some_and(|first| first & FRAME != 0)
}

/// What the server tells about a client's inputs.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::InputAck};
///
/// let ack = InputAck { tick: Tick(9), margin_100us: -25 };
/// assert_eq!(f32::from(ack.margin_100us) / 10.0, -2.5, "milliseconds: it came too late");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputAck {
    /// The client's tick of the newest input that a room's tick has used.
    pub tick: Tick,
    /// How long before it was due that input arrived, in tenths of a millisecond; negative when it came too late.
    pub margin_100us: i16,
}

/// A frame's head, before the parts.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let head = FrameHead { tick: Tick(9), hash: Some(0xfeed), asks: true, ..FrameHead::default() };
/// let mut message = Vec::new();
/// write_head(&head, Some(Tick(8)), &[], Contents::default(), &mut message); // nothing has changed
/// let mut frame = Frame::after(Tick(8));
/// frame.parse(&message)?;
/// assert!(frame.head == head && message.len() == 7, "7 bytes");
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
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
    /// The server waits for word that the client has taken it.
    pub asks: bool,
}

/// What stands in a frame behind its head.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let head = FrameHead { tick: Tick(9), ..FrameHead::default() };
/// let contents = Contents { events: true, parts: 1, ..Contents::default() };
/// let mut message = Vec::new();
/// write_head(&head, Some(Tick(8)), &[], contents, &mut message);
/// write_events([&b"bang"[..]].into_iter(), &mut message); // in the order of the fields above
/// write_part_head(3, false, None, &mut message);
/// message.push(0xab); // a delta of channel 3
/// let mut frame = Frame::after(Tick(8));
/// frame.parse(&message)?;
/// assert_eq!((&message[frame.events[0].clone()], frame.parts[0].handle), (&b"bang"[..], 3));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// A [`write_owned`] follows.
    pub owned: bool,
    /// Then a [`write_events`].
    pub events: bool,
    /// Then so many [`write_part_head`]s, each with its bits.
    pub parts: usize,
    /// They are keyframes of the handles from 0 on, and have a [`write_part_length`] alone.
    pub in_order: bool,
}

/// Appends a frame's head. `last` is the tick of the last frame that the client got, if it got one.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let head = |tick| FrameHead { tick: Tick(tick), ..FrameHead::default() };
/// let (mut next, mut late) = (Vec::new(), Vec::new());
/// write_head(&head(9), Some(Tick(8)), &[5, 6], Contents::default(), &mut next);
/// write_head(&head(9), None, &[], Contents::default(), &mut late);
/// let mut frame = Frame::after(Tick(8));
/// frame.parse(&next)?;
/// assert_eq!((frame.head.tick, &frame.closed[..]), (Tick(9), &[5, 6][..]), "no longer subscribed to");
/// frame.parse(&late)?; // with its whole tick: good for anybody
/// assert_eq!(frame.head.tick, Tick(9));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
pub fn write_head(head: &FrameHead, last: Option<Tick>, closed: &[u16], contents: Contents, out: &mut Vec<u8>) {
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    let is_short = last.is_some_and(|last| (1..=SHORT_MAX).contains(&head.tick.since(last)));
    let more = flag(head.reset, RESET)
        | flag(!is_short, WHOLE_TICK)
        | flag(!closed.is_empty(), CLOSED)
        | flag(head.asks, ASKS)
        | flag(contents.in_order, IN_ORDER);
    out.push(
        FRAME
            | flag(more != 0, MORE)
            | flag(head.ack.is_some(), ACK)
            | flag(head.hash.is_some(), HASH)
            | flag(contents.owned, OWNED)
            | flag(contents.events, EVENTS)
            | flag(contents.parts == 1, PART)
            | flag(contents.parts > 1, PARTS),
    );
    if more != 0 {
        out.push(more);
    }
    let tick = head.tick.0.to_le_bytes();
    out.extend_from_slice(if is_short { &tick[..1] } else { &tick });
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
    if contents.parts > 1 {
        varint::write(contents.parts as u32, out);
    }
}

/// Appends the mark for parts of channels that the client last had as they were `ticks` before the frame, 1 to
/// [`LATE_MAX`].
///
/// ```
/// use tickwire_shared::protocol::frame::{LATE_MAX, OPEN_MAX, write_late};
///
/// let mut marks = Vec::new();
/// (1..=LATE_MAX).for_each(|ticks| write_late(ticks, &mut marks)); // each stands where a handle would
/// assert_eq!((marks.len(), OPEN_MAX), (64, 4064));
/// ```
pub fn write_late(ticks: u8, out: &mut Vec<u8>) {
    varint::write((CHANNELS_MAX as u32 - u32::from(ticks)) << 1, out);
}

/// Appends the head of a part, whose bits follow: `length` bytes, or for the frame's last part what is left.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let contents = Contents { parts: 2, ..Contents::default() };
/// let mut message = Vec::new();
/// write_head(&FrameHead { tick: Tick(9), ..FrameHead::default() }, None, &[], contents, &mut message);
/// for (handle, keyframe, bits, is_last) in [(3, false, &[1u8, 2][..], false), (8, true, &[3][..], true)] {
///     write_part_head(handle, keyframe, (!is_last).then_some(bits.len()), &mut message);
///     message.extend_from_slice(bits);
/// }
/// let mut frame = Frame::default();
/// frame.parse(&message)?;
/// let bits: Vec<_> = frame.parts.iter().map(|part| (part.handle, &message[part.bits.clone()])).collect();
/// assert_eq!(bits, [(3, &[1, 2][..]), (8, &[3][..])]);
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
pub fn write_part_head(handle: u16, keyframe: bool, length: Option<usize>, out: &mut Vec<u8>) {
    varint::write(u32::from(handle) << 1 | u32::from(keyframe), out);
    if let Some(length) = length {
        write_part_length(length, out);
    }
}

/// Appends a part's length, for one whose bits stand behind it already.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let contents = Contents { owned: true, parts: 2, in_order: true, ..Contents::default() }; // as in a first frame
/// let mut message = Vec::new();
/// write_head(&FrameHead { reset: true, ..FrameHead::default() }, None, &[], contents, &mut message);
/// write_owned(&[], &mut message);
/// write_part_length(1, &mut message);
/// message.extend_from_slice(&[0xab, 0xcd]); // of channel 0, and all that is left is of channel 1
/// let mut frame = Frame::default();
/// frame.parse(&message)?;
/// assert!(frame.parts.iter().all(|part: &FramePart| part.keyframe && part.bits.len() == 1));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
pub fn write_part_length(length: usize, out: &mut Vec<u8>) {
    varint::write(length as u32, out);
}

/// Appends the owned block's bits with their length.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let contents = Contents { owned: true, ..Contents::default() };
/// let mut message = Vec::new();
/// write_head(&FrameHead { tick: Tick(9), ..FrameHead::default() }, None, &[], contents, &mut message);
/// write_owned(&[0xab], &mut message); // which entities are the seat's, and their owner-only fields
/// let mut frame = Frame::default();
/// frame.parse(&message)?;
/// assert_eq!(frame.owned.map(|at| &message[at]), Some(&[0xab][..]));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
pub fn write_owned(bits: &[u8], out: &mut Vec<u8>) {
    varint::write(bits.len() as u32, out);
    out.extend_from_slice(bits);
}

/// Appends events.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let events = [&b"bang"[..], b"boom"]; // each in the game's own encoding
/// let contents = Contents { events: true, ..Contents::default() };
/// let mut message = Vec::new();
/// write_head(&FrameHead { tick: Tick(9), ..FrameHead::default() }, None, &[], contents, &mut message);
/// write_events(events.into_iter(), &mut message);
/// let mut frame = Frame::default();
/// frame.parse(&message)?;
/// assert!(frame.events.iter().map(|at| &message[at.clone()]).eq(events));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
pub fn write_events<'a>(events: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    varint::write(events.len() as u32, out);
    for event in events {
        varint::write(event.len() as u32, out);
        out.extend_from_slice(event);
    }
}

/// One channel's part of a parsed frame.
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::*};
///
/// let mut message = Vec::new();
/// let contents = Contents { parts: 1, ..Contents::default() };
/// write_head(&FrameHead { tick: Tick(9), ..FrameHead::default() }, None, &[], contents, &mut message);
/// write_late(4, &mut message); // it was left out of the frames since tick 5
/// write_part_head(3, false, None, &mut message);
/// message.push(0xab);
/// let mut frame = Frame::default();
/// frame.parse(&message)?;
/// let part = &frame.parts[0];
/// assert_eq!((part.handle, part.late, &message[part.bits.clone()]), (3, 4, &[0xab][..]));
/// # Ok::<(), tickwire_shared::bits::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FramePart {
    /// The client's number for the channel.
    pub handle: u16,
    /// Not a delta.
    pub keyframe: bool,
    /// So many ticks before this frame the client's copy was true for the last time, by a late mark; 0 without one: at
    /// the frame before.
    pub late: u8,
    /// Where its bits are in the message.
    pub bits: Range<usize>,
}

/// A parsed frame: where its pieces are. One for all frames of a connection: it knows the tick of the last one, and
/// allocates nothing once warm.
///
/// ```
/// use tickwire_shared::{bits::DecodeError, protocol::frame::Frame};
///
/// let first = [0x80, 9]; // of tick 9, if it comes soon after tick 8: a newcomer cannot know
/// assert_eq!(Frame::default().parse(&first), Err(DecodeError::NoBaseline("tick")));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The head.
    pub head: FrameHead,
    /// Channels that are no longer subscribed to.
    pub closed: Vec<u16>,
    /// Channels that changed.
    pub parts: Vec<FramePart>,
    /// The owned block's bits.
    pub owned: Option<Range<usize>>,
    /// Each event's bytes.
    pub events: Vec<Range<usize>>,
    /// The tick of the last frame.
    last: Option<Tick>,
}

impl Frame {
    /// For one who got a frame of `tick` before.
    #[must_use]
    pub fn after(tick: Tick) -> Self {
        Self { last: Some(tick), ..Self::default() }
    }

    /// Parses `message`; at most [`FRAME_MAX_BYTES`].
    ///
    /// # Errors
    /// The message is malformed; what this holds then is of no use.
    pub fn parse(&mut self, message: &[u8]) -> Result<(), DecodeError> {
        if message.len() > FRAME_MAX_BYTES {
            return Err(DecodeError::Malformed);
        }
        let mut bytes = ByteReader::new(message);
        let (first, more, tick) = parse_flags(&mut bytes, self.last)?;
        self.head = FrameHead { tick, reset: more & RESET != 0, ack: None, hash: None, asks: more & ASKS != 0 };
        if first & ACK != 0 {
            let age = i16::from_le_bytes(bytes.array("ack")?);
            let margin_100us = i16::from_le_bytes(bytes.array("margin")?);
            self.head.ack = Some(InputAck { tick: tick.offset(-i32::from(age)), margin_100us });
        }
        if first & HASH != 0 {
            self.head.hash = Some(u32::from_le_bytes(bytes.array("hash")?));
        }
        self.closed.clear();
        if more & CLOSED != 0 {
            let mut named = Handles::default();
            for _ in 0..bytes.count(CHANNELS_MAX, "closed count")? {
                self.closed.push(named.take(bytes.count(OPEN_MAX - 1, "closed handle")?, "closed handle")?);
            }
        }
        let parts = match first & (PART | PARTS) {
            0 => 0,
            PART => 1,
            PARTS => bytes.count(OPEN_MAX, "part count")?,
            _ => return Err(DecodeError::OutOfRange("flags")),
        };
        self.parse_rest((first, more), parts, message.len(), &mut bytes)?;
        bytes.all()?;
        self.last = Some(tick);
        Ok(())
    }

    /// What stands behind the head of a message of `end` bytes.
    fn parse_rest(
        &mut self,
        (first, more): (u8, u8),
        parts: usize,
        end: usize,
        bytes: &mut ByteReader<'_>,
    ) -> Result<(), DecodeError> {
        self.owned = None;
        if first & OWNED != 0 {
            let length = bytes.varint("owned length")?;
            self.owned = Some(slice(bytes, length as usize, end)?);
        }
        self.events.clear();
        if first & EVENTS != 0 {
            for _ in 0..bytes.count(EVENTS_PER_FRAME_MAX, "event count")? {
                let length = bytes.varint("event length")?;
                self.events.push(slice(bytes, length as usize, end)?);
            }
        }
        self.parts.clear();
        let (mut named, mut late) = (Handles::default(), 0);
        for left in (0..parts).rev() {
            let mut code = match more & IN_ORDER {
                0 => bytes.varint("handle")? as usize,
                _ => self.parts.len() << 1 | 1,
            };
            // a mark is not there alone
            if code & 1 == 0 && (OPEN_MAX..CHANNELS_MAX).contains(&(code >> 1)) {
                late = (CHANNELS_MAX - (code >> 1)) as u8;
                code = bytes.varint("handle")? as usize;
            }
            let handle = named.take(code >> 1, "handle")?;
            let length = if left > 0 { bytes.varint("part length")? as usize } else { bytes.clone().rest().len() };
            let bits = slice(bytes, length, end)?;
            self.parts.push(FramePart { handle, keyframe: code & 1 != 0, late, bits });
        }
        Ok(())
    }
}

/// Flags and tick, after a frame of `last`.
fn parse_flags(bytes: &mut ByteReader<'_>, last: Option<Tick>) -> Result<(u8, u8, Tick), DecodeError> {
    let first = bytes.byte("tag")?;
    if first & FRAME == 0 {
        return Err(DecodeError::OutOfRange("tag"));
    }
    let more = if first & MORE != 0 { bytes.byte("flags")? } else { 0 };
    if more >= IN_ORDER << 1 {
        return Err(DecodeError::OutOfRange("flags"));
    }
    let tick = if more & WHOLE_TICK != 0 {
        Tick(u32::from_le_bytes(bytes.array("tick")?))
    } else {
        let (low, last) = (bytes.byte("tick")?, last.ok_or(DecodeError::NoBaseline("tick"))?);
        match low.wrapping_sub(last.0 as u8) {
            0 => return Err(DecodeError::OutOfRange("tick")),
            ahead => last.offset(ahead.into()),
        }
    };
    Ok((first, more, tick))
}

/// For who only counts frames: the tick of one that came after a frame of `last`, and whether it asks to be told of
/// ([`FrameHead::asks`]).
///
/// ```
/// use tickwire_shared::{Tick, protocol::frame::{Contents, FrameHead, glance, write_head}};
///
/// let (head, mut message) = (FrameHead { tick: Tick(9), asks: true, ..FrameHead::default() }, Vec::new());
/// write_head(&head, Some(Tick(8)), &[], Contents::default(), &mut message);
/// assert_eq!((message.len(), glance(&message, Some(Tick(8)))), (3, Ok((Tick(9), true))));
/// assert!(glance(&message, None).is_err(), "its tick is told by its lowest byte");
/// ```
///
/// # Errors
/// It is no frame, or its tick needs a `last`. The rest of it is not looked at.
pub fn glance(message: &[u8], last: Option<Tick>) -> Result<(Tick, bool), DecodeError> {
    let (_, more, tick) = parse_flags(&mut ByteReader::new(message), last)?;
    Ok((tick, more & ASKS != 0))
}

/// Takes `length` bytes of a message of `end`: where they are.
fn slice(bytes: &mut ByteReader<'_>, length: usize, end: usize) -> Result<Range<usize>, DecodeError> {
    let start = end - bytes.clone().rest().len();
    bytes.take(length, "bytes")?;
    Ok(start..start + length)
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
    fn take(&mut self, handle: usize, what: &'static str) -> Result<u16, DecodeError> {
        if handle >= OPEN_MAX {
            return Err(DecodeError::OutOfRange(what));
        }
        let (word, bit) = (&mut self.0[handle / 64], 1 << (handle % 64));
        if *word & bit != 0 {
            return Err(DecodeError::OutOfRange(what));
        }
        *word |= bit;
        Ok(handle as u16)
    }
}
