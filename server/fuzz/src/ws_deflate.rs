//! What we compress, a client inflates to the same, within the window that was agreed on; and so do we.
//! True: something was compressed.
//!
//! ```text
//! input   flags and level · bits of the window · times that a message repeats itself · { length · message }
//! ```

use tickwire_server::net::ws::deflate::{Pool, compressed_max_bytes, offer};
use tickwire_server::net::ws::{DeflateConfig, PerMessageDeflate};
use zlib_rs::{Inflate, InflateFlush};

use super::slices;

/// Our window reaches back into earlier messages.
const TAKEOVER: u8 = 0x80;
/// Messages are not this long here.
const MESSAGE_MAX_BYTES: usize = 4000;
const MESSAGES_MAX: usize = 4;
/// RFC 7692 7.2.1.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

pub fn hold(input: &[u8]) -> bool {
    let Some((&[flags, bits, repeats], mut rest)) = input.split_first_chunk::<3>() else { return false };
    let takeover = flags & TAKEOVER != 0;
    // a large window is only slower: nothing here is as long
    let bits = 8 + bits % 4;
    let config = DeflateConfig {
        server_context_takeover: takeover,
        client_context_takeover: takeover,
        level: flags & 0x0F,
        message_min_bytes: 4,
        ratio_max: usize::MAX,
        ..DeflateConfig::default()
    };
    let offer = format!("permessage-deflate; server_max_window_bits={bits}");
    let agreed = offer::agree([&offer[..]].into_iter(), &config).expect("a good offer");
    let mut link = PerMessageDeflate::new(agreed, &config);
    let mut mirror = PerMessageDeflate::new(agreed, &config);
    let mut client = Inflate::new(false, bits);
    let (mut pool, mut out, mut back) = (Pool::default(), Vec::new(), Vec::new());

    let mut compressed = false;
    for _ in 0..MESSAGES_MAX {
        let Some(part) = slices::take(&mut rest) else { break };
        let mut message = part.repeat(1 + usize::from(repeats));
        message.truncate(MESSAGE_MAX_BYTES);
        if !link.deflate(&mut pool, &message, &mut out) {
            assert!(message.len() < config.message_min_bytes || !takeover, "with takeover each one is compressed");
            continue;
        }
        compressed = true;
        assert!(message.len() >= config.message_min_bytes);
        assert!(takeover || out.len() < message.len(), "what grows leaves as it is");
        assert!(out.len() <= compressed_max_bytes(message.len()));
        if !takeover {
            client.reset(false);
        }
        assert_eq!(inflate(&mut client, &out), message, "a client's inflater");
        mirror.inflate(&mut pool, &out, message.len(), &mut back).expect("it is as long as it was");
        assert_eq!(back, message, "our own inflater");
    }
    compressed
}

/// In small steps, so that what lies before comes out of the window and not out of the output.
fn inflate(client: &mut Inflate, message: &[u8]) -> Vec<u8> {
    let mut inflated = Vec::new();
    for mut input in [message, &TAIL] {
        loop {
            let mut step = [0; 256];
            let (total_in, total_out) = (client.total_in(), client.total_out());
            client.decompress(input, &mut step, InflateFlush::NoFlush).expect("it is DEFLATE");
            let made = (client.total_out() - total_out) as usize;
            inflated.extend_from_slice(&step[..made]);
            input = &input[(client.total_in() - total_in) as usize..];
            if input.is_empty() && made < step.len() {
                break;
            }
        }
    }
    inflated
}
