//! permessage-deflate (RFC 7692): messages that are compressed on the wire.
//!
//! ```text
//! Event::Deflated ─> PerMessageDeflate::inflate ─> scratch, in steps of 16 KiB, limits after each
//! Io::queue ───────> PerMessageDeflate::deflate ─> scratch ─> frame with RSV1
//!                             │ takes a codec from the pool, or its own where the context is taken over
//! ```
//! A message is inflated when it is whole, so that a link without context takeover holds no inflater, not even
//! while a message is unfinished. With takeover it holds up to 256 KiB out and 40 KiB in.
//!
//! Never compress a secret beside text that an attacker chooses: the length tells (CRIME, BREACH).

pub mod offer;

use std::fmt;

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Method, Status};

use super::FrameError;
use offer::Agreed;

/// Output is made in steps of so many bytes, and the limits are looked at after each. A fuzzer's messages are short,
/// so its steps are.
const STEP_BYTES: usize = if cfg!(fuzzing) { 512 } else { 16 * 1024 };

/// The empty block that every message ends with and that is not sent (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Final blocks in one message (RFC 7692 7.2.3.4 allows them). Each costs a copy of the window, so they are counted.
const FINAL_BLOCKS_MAX: usize = 8;

/// The largest window of the format.
const WINDOW_MAX_BYTES: usize = 32 * 1024;

/// Codecs that wait for the next message; one of each would do, but bursts of closing links bring more back.
const POOL_MAX: usize = 4;

/// How messages are compressed where the client offers it.
#[derive(Clone, Debug)]
pub struct DeflateConfig {
    /// Offers are accepted.
    pub enabled: bool,
    /// Our window may reach back into earlier messages: smaller messages, up to 256 KiB a link.
    pub server_context_takeover: bool,
    /// The client's window may: smaller messages, up to 40 KiB a link.
    pub client_context_takeover: bool,
    /// Our window is at most 2 to the power of this: 8 to 15.
    pub server_window_bits: u8,
    /// The client's window is at most 2 to the power of this: 8 to 15. Below 15, clients that cannot be asked for it
    /// are served without compression.
    pub client_window_bits: u8,
    /// 1 is fast, 9 is small.
    pub level: u8,
    /// Shorter messages leave as they are.
    pub message_min_bytes: usize,
    /// A message may inflate to so many times its size; more is closed with 1009.
    pub ratio_max: usize,
    /// So much output is free of the ratio: a short message may well be one word again and again.
    pub ratio_free_bytes: usize,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            server_context_takeover: false,
            client_context_takeover: false,
            server_window_bits: 15,
            client_window_bits: 15,
            level: 6,
            message_min_bytes: 256,
            ratio_max: 100,
            ratio_free_bytes: if cfg!(fuzzing) { 1024 } else { 64 * 1024 },
        }
    }
}

/// Most bytes of a compressed message that may inflate to `message_max_bytes`: what cannot be compressed is stored
/// in blocks with a header each.
pub fn compressed_max_bytes(message_max_bytes: usize) -> usize {
    message_max_bytes.saturating_add(message_max_bytes / 256).saturating_add(1024)
}

/// The codecs of one reactor, for links that do not keep their own.
#[derive(Default)]
pub struct Pool {
    inflaters: Vec<Inflate>,
    /// With the bits of their windows.
    deflaters: Vec<(u8, Deflate)>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool of {} inflaters and {} deflaters", self.inflaters.len(), self.deflaters.len())
    }
}

impl Pool {
    fn inflater(&mut self) -> Inflate {
        self.inflaters.pop().unwrap_or_else(|| Inflate::new(false, 15))
    }

    fn take_inflater(&mut self, mut inflater: Inflate) {
        if self.inflaters.len() < POOL_MAX {
            inflater.reset(false);
            self.inflaters.push(inflater);
        }
    }

    fn deflater(&mut self, bits: u8, level: u8) -> Deflate {
        match self.deflaters.iter().position(|(pooled, _)| *pooled == bits) {
            Some(at) => self.deflaters.swap_remove(at).1,
            None => deflater(bits, level),
        }
    }

    fn take_deflater(&mut self, bits: u8, mut deflater: Deflate) {
        if self.deflaters.len() < POOL_MAX {
            deflater.reset();
            self.deflaters.push((bits, deflater));
        }
    }
}

fn deflater(bits: u8, level: u8) -> Deflate {
    Deflate::new_with_config(zlib_rs::DeflateConfig {
        level: i32::from(level.clamp(1, 9)),
        method: Method::Deflated,
        window_bits: -i32::from(bits),
        // a small window needs no large table
        mem_level: i32::from(bits) - 7,
        strategy: zlib_rs::Strategy::Default,
    })
}

/// One link's side of the extension.
pub struct PerMessageDeflate {
    agreed: Agreed,
    level: u8,
    message_min_bytes: usize,
    ratio_max: usize,
    ratio_free_bytes: usize,
    /// Those that are kept between messages.
    inflater: Option<Inflate>,
    deflater: Option<Deflate>,
}

impl fmt::Debug for PerMessageDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.agreed.fmt(f)
    }
}

impl PerMessageDeflate {
    /// Both windows are empty.
    pub fn new(agreed: Agreed, config: &DeflateConfig) -> Self {
        let DeflateConfig { level, message_min_bytes, ratio_max, ratio_free_bytes, .. } = *config;
        Self { agreed, level, message_min_bytes, ratio_max, ratio_free_bytes, inflater: None, deflater: None }
    }

    /// Inflates a whole message into `out`, which is cleared first. After an error the link must end: where the
    /// context is taken over, it is lost.
    pub fn inflate(
        &mut self,
        pool: &mut Pool,
        message: &[u8],
        message_max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        out.clear();
        let mut inflater = self.inflater.take().unwrap_or_else(|| pool.inflater());
        let ratio_limit_bytes = message.len().saturating_mul(self.ratio_max).max(self.ratio_free_bytes);
        let inflation =
            Inflation { ratio_max: self.ratio_max, ratio_limit_bytes, message_max_bytes, final_blocks: 0, out };
        let result = inflation.run(&mut inflater, message);
        if self.agreed.client_no_context_takeover || result.is_err() {
            pool.take_inflater(inflater);
        } else {
            self.inflater = Some(inflater);
        }
        result
    }

    /// Compresses a message into `out`, which is cleared first. False: it is to be sent as it is.
    pub fn deflate(&mut self, pool: &mut Pool, message: &[u8], out: &mut Vec<u8>) -> bool {
        // nothing at all would not even be flushed twice in a row
        if message.is_empty() || message.len() < self.message_min_bytes {
            return false;
        }
        out.clear();
        // zlib makes no window of 8 bits, but with 9 it never reaches back more than 250 bytes
        let bits = self.agreed.server_window_bits.max(9);
        let mut deflater = self.deflater.take().unwrap_or_else(|| pool.deflater(bits, self.level));
        if deflate(&mut deflater, message, out).is_err() {
            debug_assert!(false, "the compressor is used as it wants to be");
            return false;
        }
        out.truncate(out.len() - TAIL.len());
        if self.agreed.server_no_context_takeover {
            pool.take_deflater(bits, deflater);
            return out.len() < message.len();
        }
        // it is in our window now, so it must get into the peer's
        self.deflater = Some(deflater);
        true
    }
}

/// One message on its way out of its compressed form.
struct Inflation<'a> {
    message_max_bytes: usize,
    ratio_max: usize,
    ratio_limit_bytes: usize,
    final_blocks: usize,
    out: &'a mut Vec<u8>,
}

impl Inflation<'_> {
    fn run(mut self, inflater: &mut Inflate, message: &[u8]) -> Result<(), FrameError> {
        let ended = self.feed(inflater, message)?;
        // a final block at the very end, without the byte that 7.2.3.4 puts behind it, needs no tail
        if !ended {
            self.feed(inflater, &TAIL)?;
        }
        Ok(())
    }

    /// True if the input's end was the end of a final block.
    fn feed(&mut self, inflater: &mut Inflate, mut input: &[u8]) -> Result<bool, FrameError> {
        loop {
            let at = self.out.len();
            // one byte more than allowed, so that too much shows
            let room = STEP_BYTES.min(self.message_max_bytes.saturating_add(1) - at);
            self.out.resize(at + room, 0);
            let (total_in, total_out) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, &mut self.out[at..], InflateFlush::NoFlush);
            let consumed = (inflater.total_in() - total_in) as usize;
            let made = (inflater.total_out() - total_out) as usize;
            self.out.truncate(at + made);
            input = &input[consumed..];
            self.check()?;

            match status.map_err(|_| FrameError::NotDeflate)? {
                Status::StreamEnd => {
                    self.begin_anew(inflater)?;
                    if input.is_empty() {
                        return Ok(true);
                    }
                }
                _ if made == room => {}
                _ if input.is_empty() => return Ok(false),
                _ if consumed == 0 && made == 0 => return Err(FrameError::NotDeflate),
                _ => {}
            }
        }
    }

    fn check(&self) -> Result<(), FrameError> {
        let made = self.out.len();
        if made > self.message_max_bytes {
            return Err(FrameError::MessageTooLong(self.message_max_bytes));
        }
        if made > self.ratio_limit_bytes {
            return Err(FrameError::InflatesTooMuch(self.ratio_max));
        }
        Ok(())
    }

    /// Behind a final block another stream begins, with the window that the first has left. What lies before this
    /// message is forgotten: nobody was seen who needs both.
    fn begin_anew(&mut self, inflater: &mut Inflate) -> Result<(), FrameError> {
        self.final_blocks += 1;
        if self.final_blocks > FINAL_BLOCKS_MAX {
            return Err(FrameError::NotDeflate);
        }
        inflater.reset(false);
        let window = &self.out[self.out.len().saturating_sub(WINDOW_MAX_BYTES)..];
        inflater.set_dictionary(window).map(|_| ()).map_err(|_| FrameError::NotDeflate)
    }
}

/// Everything, and a flush behind it.
fn deflate(deflater: &mut Deflate, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), zlib_rs::DeflateError> {
    loop {
        let at = out.len();
        let room = (input.len() / 2).clamp(256, STEP_BYTES);
        out.resize(at + room, 0);
        let (total_in, total_out) = (deflater.total_in(), deflater.total_out());
        let status = deflater.compress(input, &mut out[at..], DeflateFlush::SyncFlush);
        let made = (deflater.total_out() - total_out) as usize;
        out.truncate(at + made);
        input = &input[(deflater.total_in() - total_in) as usize..];
        status?;
        // a full step may hide that there is more to flush
        if input.is_empty() && made < room {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
