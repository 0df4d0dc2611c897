//! Where permessage-deflate meets the links of a reactor: its pool of codecs and its scratch buffers.

use std::mem;

use super::link::Link;
use super::links::{Links, find};
use super::ws::deflate::{Pool, offer};
use super::ws::frame::Opcode;
use super::ws::{FrameError, PerMessageDeflate, utf8};
use super::{LinkId, MessageKind};

/// Scratch that grew over this for one message is given back.
const SCRATCH_KEPT_BYTES: usize = 64 * 1024;

/// One reactor's.
#[derive(Default, Debug)]
pub(super) struct Compression {
    pool: Pool,
    inflated: Vec<u8>,
    deflated: Vec<u8>,
}

impl Links {
    /// What to agree on with a client that offers `lines`.
    pub(super) fn agree<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Option<offer::Agreed> {
        let config = &self.config.deflate;
        if config.enabled { offer::agree(lines, config) } else { None }
    }

    /// The link speaks permessage-deflate from now on.
    pub(super) fn begin_deflate(&mut self, id: LinkId, agreed: offer::Agreed) {
        if let Some(link) = find(&mut self.slab, id) {
            link.deflate = Some(Box::new(PerMessageDeflate::new(agreed, &self.config.deflate)));
        }
    }

    /// Inflates a message of an open link. What it returns must come back by [`Links::put_inflated_back`].
    pub(super) fn inflate(&mut self, id: LinkId, kind: MessageKind, message: &[u8]) -> Result<Vec<u8>, FrameError> {
        let Compression { pool, inflated, .. } = &mut self.compression;
        let link = find(&mut self.slab, id);
        let Some(deflate) = link.and_then(|link| link.deflate.as_mut()) else { return Err(FrameError::ReservedBits) };
        deflate.inflate(pool, message, self.config.message_max_bytes, inflated)?;
        // RFC 7692 6: what RFC 6455 8.1 asks of text holds for what it inflates to
        if kind == MessageKind::Text && !utf8::is_utf8(inflated) {
            return Err(FrameError::NotUtf8);
        }
        Ok(mem::take(inflated))
    }

    pub(super) fn put_inflated_back(&mut self, inflated: Vec<u8>) {
        self.compression.inflated = inflated;
        trim(&mut self.compression.inflated);
    }
}

impl Compression {
    /// Appends a message to what waits in a link, compressed if that was agreed on and helps. False: too much
    /// would wait then.
    #[inline]
    pub(super) fn append_message(&mut self, link: &mut Link, opcode: Opcode, payload: &[u8], room: usize) -> bool {
        let deflate = link.deflate.as_mut().filter(|_| !opcode.is_control());
        let compressed = deflate.is_some_and(|deflate| deflate.deflate(&mut self.pool, payload, &mut self.deflated));
        if !compressed {
            trim(&mut self.deflated);
            let fits = payload.len() <= room;
            if fits {
                link.wait_with_frame(opcode, payload);
            }
            return fits;
        }
        let fits = self.deflated.len() <= room;
        if fits {
            link.wait_with_compressed_frame(opcode, &self.deflated);
        }
        trim(&mut self.deflated);
        fits
    }
}

fn trim(scratch: &mut Vec<u8>) {
    if scratch.capacity() > SCRATCH_KEPT_BYTES {
        *scratch = Vec::new();
    }
}
