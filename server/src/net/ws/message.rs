//! From the bytes of a read to whole messages and control frames.

use std::mem;

use super::frame::{self, FrameError, HEADER_MAX_BYTES, Header, Opcode};
use super::{deflate, utf8};
use crate::net::MessageKind;

/// What bounds a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageLimits {
    /// Most bytes of payload over all fragments; of a compressed message as much as is needed to inflate to that.
    pub message_max_bytes: usize,
    /// Most frames of one message.
    pub fragments_max: usize,
    /// permessage-deflate was agreed on.
    pub deflate: bool,
}

/// What a peer said. The slices are lent until the next call of [`Frames::next`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A whole message, unmasked; text is UTF-8.
    Message(MessageKind, &'a [u8]),
    /// A whole message that is compressed, unmasked; what it inflates to was not looked at.
    Deflated(MessageKind, &'a [u8]),
    /// To be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// An answer to a ping, or unasked for; both are legal (RFC 6455 5.5.3).
    Pong(&'a [u8]),
    /// The peer's last frame: code (1005 when it gave none) and reason. Everything after it is ignored.
    Close(u16, &'a str),
}

/// Puts one link's reads together to messages.
///
/// Call [`Frames::next`] with what was read until it returns `None` or an error; after an error the framing is
/// lost, and nothing more may be fed. Bytes are copied only when a frame or a message is unfinished at the end
/// of a read; between messages no buffer is held.
#[derive(Default, Debug)]
pub struct Frames {
    /// The beginning of a header that was cut by the end of a read.
    header: [u8; HEADER_MAX_BYTES],
    header_len: u8,
    /// The frame whose payload is being received.
    current: Option<Payload>,
    /// The message whose last frame has not been seen.
    kind: Option<MessageKind>,
    compressed: bool,
    fragments: usize,
    /// Payload of the unfinished message: one buffer that grows, never a list of pieces.
    message: Vec<u8>,
    /// So many bytes at the front of an unfinished text are known to be UTF-8.
    checked: usize,
    /// Payload of a control frame that was cut by the end of a read; it may come inside a message.
    control: Vec<u8>,
    /// The last event was lent from `message` or `control`, which is therefore over.
    lent: Lent,
    /// The close frame was seen.
    over: bool,
}

/// A frame's payload as far as it has not arrived. `mask` is turned so that its first byte is the next one's.
#[derive(Clone, Copy, Debug)]
struct Payload {
    opcode: Opcode,
    fin: bool,
    left: usize,
    mask: [u8; 4],
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Lent {
    #[default]
    Nothing,
    Message,
    Control,
}

impl Frames {
    /// The next event out of `rest`, which is moved forward. `None`: all of it is used up.
    pub fn next<'f, 'r: 'f>(
        &'f mut self,
        rest: &mut &'r mut [u8],
        limits: MessageLimits,
    ) -> Result<Option<Event<'f>>, FrameError> {
        self.forget_lent();
        if !self.is_unfinished()
            && !self.over
            && let Some((kind, payload)) = lone_frame(rest, limits)
        {
            return message_event(kind, false, payload).map(Some);
        }
        while !self.over
            && let Some(mut payload) = self.next_payload(rest, limits)?
        {
            let arrived = take_front(rest, payload.left);
            frame::unmask(arrived, payload.mask);
            payload.left -= arrived.len();
            payload.mask.rotate_left(arrived.len() % 4);
            let whole = payload.left == 0;

            if payload.opcode.is_control() {
                if whole && self.control.is_empty() {
                    return self.control_event(payload.opcode, arrived).map(Some);
                }
                self.control.extend_from_slice(arrived);
                if whole {
                    self.lent = Lent::Control;
                    self.over = payload.opcode == Opcode::Close;
                    return control_event(payload.opcode, &self.control).map(Some);
                }
            } else if let Some(kind) = self.kind {
                let compressed = self.compressed;
                if whole && payload.fin && self.message.is_empty() {
                    self.end_message();
                    return message_event(kind, compressed, arrived).map(Some);
                }
                self.keep(kind, arrived)?;
                if whole && payload.fin {
                    self.lent = Lent::Message;
                    let checked = self.checked;
                    self.end_message();
                    if compressed {
                        return Ok(Some(Event::Deflated(kind, &self.message)));
                    }
                    // keep() has looked at all of it; a character that is still open is one too few
                    if kind == MessageKind::Text && checked != self.message.len() {
                        return Err(FrameError::NotUtf8);
                    }
                    return Ok(Some(Event::Message(kind, &self.message)));
                }
            }
            if !whole {
                self.current = Some(payload);
                return Ok(None);
            }
        }
        *rest = &mut [];
        self.release();
        Ok(None)
    }

    /// Something was begun and is not whole: a header, a frame or a message.
    pub fn is_unfinished(&self) -> bool {
        self.header_len > 0 || self.current.is_some() || self.kind.is_some()
    }

    /// Bytes that this link holds because something is unfinished.
    pub fn held_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    /// The payload to go on with, or that of the next header in `rest`.
    fn next_payload(&mut self, rest: &mut &mut [u8], limits: MessageLimits) -> Result<Option<Payload>, FrameError> {
        if let Some(payload) = self.current.take() {
            return Ok(Some(payload));
        }
        if self.header_len == 0
            && let Some((header, size)) = Header::parse(rest, limits.deflate)?
        {
            take_front(rest, size);
            return self.admit(header, limits).map(Some);
        }
        while let [byte] = take_front(rest, 1) {
            let len = usize::from(self.header_len) + 1;
            self.header[len - 1] = *byte;
            if let Some((header, _)) = Header::parse(&self.header[..len], limits.deflate)? {
                self.header_len = 0;
                return self.admit(header, limits).map(Some);
            }
            self.header_len = len as u8; // below HEADER_MAX_BYTES, or parse had found a header
        }
        Ok(None)
    }

    /// The rules that need the message around the frame; the limits are checked before memory is taken.
    fn admit(&mut self, header: Header, limits: MessageLimits) -> Result<Payload, FrameError> {
        if !header.opcode.is_control() {
            self.kind = Some(match (header.opcode, self.kind) {
                // RFC 6455 5.4: a continuation continues something, and "fragments of one message MUST NOT be
                // interleaved between the fragments of another message".
                (Opcode::Continuation, None) => return Err(FrameError::StrayContinuation),
                (Opcode::Continuation, Some(kind)) => kind,
                (_, Some(_)) => return Err(FrameError::InterleavedMessage),
                (Opcode::Text, None) => MessageKind::Text,
                (_, None) => MessageKind::Binary,
            });
            // on a continuation the bit was refused
            self.compressed |= header.compressed;
            let message_max_bytes = match self.compressed {
                true => deflate::compressed_max_bytes(limits.message_max_bytes),
                false => limits.message_max_bytes,
            };
            let room = message_max_bytes.saturating_sub(self.message.len());
            if header.length > room as u64 {
                return Err(FrameError::MessageTooLong(limits.message_max_bytes));
            }
            self.fragments += 1;
            if self.fragments > limits.fragments_max {
                return Err(FrameError::TooManyFragments(limits.fragments_max));
            }
        }
        // in usize: at most 125 for control frames, below `message_max_bytes` for others
        Ok(Payload { opcode: header.opcode, fin: header.fin, left: header.length as usize, mask: header.mask })
    }

    fn control_event<'a>(&mut self, opcode: Opcode, payload: &'a [u8]) -> Result<Event<'a>, FrameError> {
        self.over = opcode == Opcode::Close;
        control_event(opcode, payload)
    }

    /// Stores a part of a message. Text is looked at as it comes, so that a wrong byte is refused at once and
    /// every byte is looked at once (and up to three again, where a character is cut).
    fn keep(&mut self, kind: MessageKind, arrived: &[u8]) -> Result<(), FrameError> {
        self.message.extend_from_slice(arrived);
        if kind == MessageKind::Text && !self.compressed {
            let unchecked = &self.message[self.checked..];
            self.checked += utf8::whole_characters(unchecked).map_err(|_| FrameError::NotUtf8)?;
        }
        Ok(())
    }

    fn end_message(&mut self) {
        self.kind = None;
        self.compressed = false;
        self.fragments = 0;
        self.checked = 0;
    }

    fn forget_lent(&mut self) {
        match mem::take(&mut self.lent) {
            Lent::Nothing => {}
            Lent::Message => self.message.clear(),
            Lent::Control => self.control.clear(),
        }
    }

    /// Gives the buffers back that nothing unfinished needs.
    fn release(&mut self) {
        if self.message.is_empty() {
            self.message = Vec::new();
        }
        if self.control.is_empty() {
            self.control = Vec::new();
        }
    }
}

/// Nearly every message: one frame that is all there and not compressed, at the front of `rest`. Whatever else is
/// there, or wrong with it, is left to the rules in their order.
#[inline]
fn lone_frame<'r>(rest: &mut &'r mut [u8], limits: MessageLimits) -> Option<(MessageKind, &'r mut [u8])> {
    let (header, size) = Header::parse(rest, limits.deflate).ok()??;
    let kind = match header.opcode {
        Opcode::Text => MessageKind::Text,
        Opcode::Binary => MessageKind::Binary,
        _ => return None,
    };
    let length = usize::try_from(header.length).ok()?;
    let fits = length <= limits.message_max_bytes && length <= rest.len() - size && limits.fragments_max > 0;
    if !(header.fin && !header.compressed && fits) {
        return None;
    }
    take_front(rest, size);
    let payload = take_front(rest, length);
    frame::unmask(payload, header.mask);
    Some((kind, payload))
}

/// Takes up to `len` bytes from the front.
fn take_front<'r>(rest: &mut &'r mut [u8], len: usize) -> &'r mut [u8] {
    let len = len.min(rest.len());
    let (front, behind) = mem::take(rest).split_at_mut(len);
    *rest = behind;
    front
}

fn message_event(kind: MessageKind, compressed: bool, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    if compressed {
        return Ok(Event::Deflated(kind, payload));
    }
    // RFC 6455 8.1: text that is not UTF-8 fails the connection.
    if kind == MessageKind::Text && !utf8::is_utf8(payload) {
        return Err(FrameError::NotUtf8);
    }
    Ok(Event::Message(kind, payload))
}

fn control_event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    match opcode {
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Close => close_event(payload),
        _ => Ok(Event::Pong(payload)),
    }
}

/// RFC 6455 5.5.1: an empty body, or a code and a reason in UTF-8; 7.4: not every code may be sent.
fn close_event(payload: &[u8]) -> Result<Event<'_>, FrameError> {
    match payload.split_first_chunk::<2>() {
        None if payload.is_empty() => Ok(Event::Close(1005, "")),
        None => Err(FrameError::CloseBodyOneByte),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            if !frame::may_be_sent(code) {
                return Err(FrameError::CloseCode(code));
            }
            let reason = std::str::from_utf8(reason).map_err(|_| FrameError::NotUtf8)?;
            Ok(Event::Close(code, reason))
        }
    }
}

#[cfg(test)]
mod tests;
