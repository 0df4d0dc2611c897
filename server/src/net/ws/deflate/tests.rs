use proptest::prelude::*;

use super::offer::agree;
use super::*;

const MESSAGE_MAX_BYTES: usize = 300_000;

fn taking_over() -> DeflateConfig {
    DeflateConfig {
        server_context_takeover: true,
        client_context_takeover: true,
        message_min_bytes: 1,
        ..DeflateConfig::default()
    }
}

fn with(offer: &str, config: &DeflateConfig) -> PerMessageDeflate {
    PerMessageDeflate::new(agree([offer].into_iter(), config).expect("a good offer"), config)
}

/// Inflates, and is itself again: `message` is what a peer sent.
fn inflate(extension: &mut PerMessageDeflate, message: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::new();
    extension.inflate(&mut Pool::default(), message, MESSAGE_MAX_BYTES, &mut out).map(|()| out)
}

fn compress(extension: &mut PerMessageDeflate, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(extension.deflate(&mut Pool::default(), message, &mut out));
    out
}

/// What a peer sends that ends each message with a flush.
fn peer_says(message: &[u8], bits: u8) -> Vec<u8> {
    let mut out = Vec::new();
    deflate(&mut deflater(bits, 9), message, &mut out).unwrap();
    assert!(out.ends_with(&TAIL));
    out.truncate(out.len() - TAIL.len());
    out
}

#[test]
fn the_rfcs_examples_inflate() {
    // RFC 7692 7.2.3
    let fixed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    let mut link = with("permessage-deflate", &taking_over());
    for message in [&fixed[..], &again, &stored, &last, &two, &last[..7]] {
        assert_eq!(inflate(&mut link, message).as_deref(), Ok(&b"Hello"[..]), "{message:x?}");
    }
    assert_eq!(inflate(&mut link, &[0x00]).as_deref(), Ok(&b""[..]), "7.2.3.6: an empty message");
    assert_eq!(inflate(&mut link, &[]).as_deref(), Ok(&b""[..]), "an empty block too few hurts nobody");
}

#[test]
fn without_takeover_nothing_is_remembered_and_nothing_kept() {
    let config = DeflateConfig { message_min_bytes: 1, ..DeflateConfig::default() };
    let mut link = with("permessage-deflate", &config);
    let text = b"the same words again and again, the same words again and again".repeat(10);
    let first = compress(&mut link, &text);
    assert_eq!(compress(&mut link, &text), first);
    assert_eq!(inflate(&mut link, &first).unwrap(), text);
    assert!(link.inflater.is_none() && link.deflater.is_none());

    let mut keeps = with("permessage-deflate", &taking_over());
    assert_eq!(compress(&mut keeps, &text).len(), first.len());
    assert!(compress(&mut keeps, &text).len() < first.len() / 2, "the second reaches back into the first");
}

#[test]
fn what_is_short_empty_or_grows_leaves_as_it_is() {
    let mut link = with("permessage-deflate", &DeflateConfig::default());
    let mut pool = Pool::default();
    for message in [&b""[..], &[7; 255], &(0..=255).collect::<Vec<u8>>()] {
        assert!(!link.deflate(&mut pool, message, &mut Vec::new()), "{} bytes", message.len());
    }
    assert!(link.deflate(&mut pool, &[7; 256], &mut Vec::new()));
}

#[test]
fn garbage_and_a_broken_stream_are_refused() {
    let mut link = with("permessage-deflate", &taking_over());
    for garbage in [&[0xFF_u8, 0xFF][..], &[0x06], &[0x00, 1, 2, 3, 4, 5], &[0xf2, 0x00, 0x11, 0x00]] {
        assert_eq!(inflate(&mut link, garbage), Err(FrameError::NotDeflate), "{garbage:x?}");
    }
}

#[test]
fn the_limit_is_on_what_comes_out() {
    let noise: Vec<u8> =
        (0..MESSAGE_MAX_BYTES as u32 + 1).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut link = with("permessage-deflate", &DeflateConfig::default());
    for (len, fits) in [(MESSAGE_MAX_BYTES - 1, true), (MESSAGE_MAX_BYTES, true), (MESSAGE_MAX_BYTES + 1, false)] {
        let message = peer_says(&noise[..len], 15);
        assert!(message.len() <= compressed_max_bytes(len), "{} for {len}", message.len());
        match inflate(&mut link, &message) {
            Ok(inflated) => assert!(fits && inflated == noise[..len]),
            Err(error) => assert!(!fits && error == FrameError::MessageTooLong(MESSAGE_MAX_BYTES), "{len}: {error}"),
        }
    }
}

#[test]
fn the_ratio_counts_from_64_kib_on() {
    let mut link = with("permessage-deflate", &DeflateConfig::default());
    let free_bytes = DeflateConfig::default().ratio_free_bytes;
    assert_eq!(free_bytes, 64 * 1024);
    for (len, fits) in [(free_bytes - 1, true), (free_bytes, true), (free_bytes + 1, false)] {
        let bomb = peer_says(&vec![0; len], 15);
        assert!(len > 100 * bomb.len());
        let expected = if fits { Ok(vec![0; len]) } else { Err(FrameError::InflatesTooMuch(100)) };
        assert_eq!(inflate(&mut link, &bomb), expected, "{len}");
    }
    // one byte over the ratio, and as much as it allows
    let message = peer_says(&[&vec![0; 100_000][..], b"end"].concat(), 15);
    let ratio = 100_003_usize.div_ceil(message.len());
    for (ratio_max, fits) in [(ratio - 1, false), (ratio, true), (ratio + 1, true)] {
        let mut link = with("permessage-deflate", &DeflateConfig { ratio_max, ..DeflateConfig::default() });
        assert_eq!(inflate(&mut link, &message).is_ok(), fits, "{ratio_max}");
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_one_step_over_the_limit() {
    let mut link = with("permessage-deflate", &DeflateConfig { ratio_max: usize::MAX, ..DeflateConfig::default() });
    let bomb = peer_says(&vec![0; 64 * 1024 * 1024], 15);
    let mut out = Vec::new();
    let refused = link.inflate(&mut Pool::default(), &bomb, MESSAGE_MAX_BYTES, &mut out);
    assert_eq!(refused, Err(FrameError::MessageTooLong(MESSAGE_MAX_BYTES)));
    assert!(out.capacity() <= 2 * (MESSAGE_MAX_BYTES + STEP_BYTES), "{}", out.capacity());
}

#[test]
fn final_blocks_are_counted() {
    let mut link = with("permessage-deflate", &taking_over());
    for (count, fits) in [(7, true), (8, true), (9, false)] {
        let message = [0x03, 0x00].repeat(count);
        assert_eq!(inflate(&mut link, &message).is_ok(), fits, "{count}");
    }
}

#[test]
fn an_error_leaves_no_trace_in_the_pool() {
    let config = DeflateConfig::default();
    let mut pool = Pool::default();
    let mut out = Vec::new();
    let mut link = with("permessage-deflate", &config);
    assert!(link.inflate(&mut pool, &[0xFF; 40], 1000, &mut out).is_err());
    link.inflate(&mut pool, &peer_says(b"good again", 15), 1000, &mut out).unwrap();
    assert_eq!(out, b"good again");
    assert_eq!(pool.inflaters.len(), 1);
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let words = proptest::collection::vec(prop_oneof!["[a-e]{1,8}", "\\PC{0,20}"], 1..200)
        .prop_map(|words| words.concat().into_bytes());
    let noise = proptest::collection::vec(any::<u8>(), 1..3000);
    let far = (1_usize..60_000).prop_map(|len| [vec![b'x'; len], b"needle".to_vec(), vec![b'y'; len]].concat());
    proptest::collection::vec(prop_oneof![words, noise, far], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_we_send_a_client_inflates_within_the_window_agreed_on(texts in texts(), bits in 8_u8..=15, level in 1_u8..=9, takeover: bool) {
        let config = DeflateConfig { level, server_context_takeover: takeover, ..taking_over() };
        let mut link = with(&format!("permessage-deflate; server_max_window_bits={bits}"), &config);
        let mut client = Inflate::new(false, bits);
        let mut pool = Pool::default();
        for text in texts {
            let mut out = Vec::new();
            if !link.deflate(&mut pool, &text, &mut out) {
                prop_assert!(!takeover || text.is_empty());
                continue;
            }
            if !takeover {
                client = Inflate::new(false, bits);
            }
            // in small steps, so that what lies before comes out of the window and not out of the output
            let mut inflated = Vec::new();
            for mut input in [&out[..], &TAIL] {
                loop {
                    let mut step = [0; 64];
                    let (total_in, total_out) = (client.total_in(), client.total_out());
                    client.decompress(input, &mut step, InflateFlush::NoFlush).unwrap();
                    let made = (client.total_out() - total_out) as usize;
                    inflated.extend_from_slice(&step[..made]);
                    input = &input[(client.total_in() - total_in) as usize..];
                    if input.is_empty() && made < step.len() {
                        break;
                    }
                }
            }
            prop_assert_eq!(inflated, text);
        }
    }

    #[test]
    fn what_a_client_sends_is_understood(texts in texts(), bits in 9_u8..=15, takeover: bool) {
        let config = DeflateConfig { client_context_takeover: takeover, ratio_max: 2000, ..taking_over() };
        let mut link = with(&format!("permessage-deflate; client_max_window_bits={bits}"), &config);
        let mut client = deflater(bits, 6);
        for text in texts {
            let mut out = Vec::new();
            deflate(&mut client, &text, &mut out).unwrap();
            if !takeover {
                client.reset();
            }
            // a flush of nothing more says nothing; an empty message is an empty block (RFC 7692 7.2.3.6)
            let message = out.strip_suffix(&TAIL).filter(|message| !message.is_empty()).unwrap_or(&[0x00]);
            prop_assert_eq!(inflate(&mut link, message), Ok(text));
        }
    }

    #[test]
    fn garbage_never_panics_nor_takes_memory(messages: Vec<Vec<u8>>) {
        let mut link = with("permessage-deflate", &taking_over());
        for message in &messages {
            let mut out = Vec::new();
            if link.inflate(&mut Pool::default(), message, 10_000, &mut out).is_err() {
                break;
            }
            prop_assert!(out.len() <= 10_000);
        }
    }
}
