//! What hostile compressed messages inflate to is what the inflater makes of them in one go, and never more than the
//! limits allow. True: all were taken.
//!
//! ```text
//! input   flags · most bytes of a message u16 LE · most times its size · { length · compressed message }
//! ```

use tickwire_server::net::ws::deflate::{Pool, offer};
use tickwire_server::net::ws::{DeflateConfig, FrameError, PerMessageDeflate};
use zlib_rs::{Inflate, InflateFlush, Status};

use super::slices;

/// The client's window reaches back into earlier messages.
const TAKEOVER: u8 = 1;
/// Messages are not this long here.
const MESSAGE_MAX_BYTES: usize = 4000;
const MESSAGES_MAX: usize = 12;
/// RFC 7692 7.2.1.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// Final blocks in one message, as `ws::deflate` counts them.
const FINAL_BLOCKS_MAX: usize = 8;

pub fn hold(input: &[u8]) -> bool {
    let Some((&[flags, low, high, ratio_max], mut rest)) = input.split_first_chunk::<4>() else { return false };
    let takeover = flags & TAKEOVER != 0;
    let message_max_bytes = usize::from(u16::from_le_bytes([low, high])) % MESSAGE_MAX_BYTES;
    let config = DeflateConfig {
        client_context_takeover: takeover,
        ratio_max: usize::from(ratio_max) + 1,
        ..DeflateConfig::default()
    };
    let agreed = offer::agree(["permessage-deflate"].into_iter(), &config).expect("a good offer");
    let mut link = PerMessageDeflate::new(agreed, &config);
    // of another client, with whom the codecs are shared
    let mut other = PerMessageDeflate::new(agreed, &config);
    let mut reference = Reference { inflater: Inflate::new(false, 15), takeover };
    let (mut pool, mut out) = (Pool::default(), Vec::new());

    for _ in 0..MESSAGES_MAX {
        let Some(message) = slices::take(&mut rest) else { break };
        let result = link.inflate(&mut pool, message, message_max_bytes, &mut out);
        assert!(out.capacity() <= 3 * MESSAGE_MAX_BYTES, "{} bytes are held", out.capacity());
        let (expected, verdict) = reference.inflate(message);
        let ratio_limit_bytes = (message.len() * config.ratio_max).max(config.ratio_free_bytes);
        match result {
            Ok(()) => {
                assert_eq!((&out, verdict), (&expected, Ok(())));
                assert!(out.len() <= message_max_bytes.min(ratio_limit_bytes));
            }
            Err(FrameError::MessageTooLong(limit)) => {
                assert_eq!(limit, message_max_bytes);
                assert!(expected.len() > limit, "{} are not too long for {limit}", expected.len());
            }
            Err(FrameError::InflatesTooMuch(_)) => assert!(expected.len() > ratio_limit_bytes),
            Err(error) => {
                assert_eq!(error, FrameError::NotDeflate);
                assert_eq!(verdict, Err(()));
            }
        }
        if result.is_err() {
            return false;
        }
        let _ = other.inflate(&mut pool, message.split_at(message.len() / 2).0, 100, &mut out);
    }
    true
}

/// The same inflater, asked once for each message and without steps.
struct Reference {
    inflater: Inflate,
    takeover: bool,
}

impl Reference {
    /// What was made before the end, which is an error if the stream is broken; at most some bytes more than any
    /// message may have.
    fn inflate(&mut self, message: &[u8]) -> (Vec<u8>, Result<(), ()>) {
        let stream = [message, &TAIL].concat();
        let (mut input, mut out) = (&stream[..], vec![0; MESSAGE_MAX_BYTES + 1]);
        let (mut made, mut final_blocks) = (0, 0);
        let verdict = loop {
            let (total_in, total_out) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(input, &mut out[made..], InflateFlush::NoFlush);
            input = &input[(self.inflater.total_in() - total_in) as usize..];
            made += (self.inflater.total_out() - total_out) as usize;
            match status {
                Err(_) => break Err(()),
                Ok(Status::StreamEnd) => {
                    final_blocks += 1;
                    if final_blocks > FINAL_BLOCKS_MAX {
                        break Err(());
                    }
                    self.inflater.reset(false);
                    self.inflater.set_dictionary(&out[..made]).expect("the output is a window");
                    // RFC 7692 7.2.3.4: with a final block at the very end the tail may be missing
                    if input.is_empty() || input == TAIL {
                        break Ok(());
                    }
                }
                Ok(_) => break Ok(()),
            }
        };
        if !self.takeover {
            self.inflater.reset(false);
        }
        out.truncate(made);
        (out, verdict)
    }
}
