//! The opening handshake's arithmetic: is this a key, what is its answer, what does the 101 look like.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

use super::deflate::offer::Agreed;

/// RFC 6455 1.3: what the server appends to the key, so that only a WebSocket server can answer.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The RFC's own example of a key (4.1) has bits set behind the sixteenth byte, so they are no fault.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// RFC 6455 4.2.1 (5): the key is 16 bytes in base64.
pub fn is_key(key: &[u8]) -> bool {
    let mut nonce = [0; 18];
    key.len() == 24 && KEY_BASE64.decode_slice(key, &mut nonce) == Ok(16)
}

/// RFC 6455 4.2.2 (5.4): the value of `Sec-WebSocket-Accept` for a key.
pub fn accept_key(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// Appends the 101 answer (RFC 6455 4.2.2).
pub fn write_accepted(out: &mut Vec<u8>, key: &[u8], subprotocol: Option<&str>, deflate: Option<&Agreed>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(accept_key(key).as_bytes());
    if let Some(name) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(name.as_bytes());
    }
    if let Some(agreed) = deflate {
        out.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
        agreed.write(out);
    }
    out.extend_from_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_example_has_the_rfcs_answer() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_key(b"AQIDBAUGBwgJCgsMDQ4PEC=="), "RFC 6455 4.1 shows this one");
        for wrong in [
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZQ",       // no padding
            "dGhlIHNhbXBsZSBub25jZQ=",      // half of it
            "dGhlIHNhbXBsZSBub25jZWU=",     // 17 bytes
            "dGhlIHNhbXBsZSBub25jZWVl",     // 18 bytes
            "dGhlIHNhbXBsZSBub25j!Q==",     // another alphabet
            "dGhlIHNhbXBsZSBub25jZQ==dGhl", // two
        ] {
            assert!(!is_key(wrong.as_bytes()), "{wrong:?} is no key");
        }
    }

    #[test]
    fn the_subprotocol_is_named_only_if_there_is_one() {
        let mut plain = Vec::new();
        write_accepted(&mut plain, b"dGhlIHNhbXBsZSBub25jZQ==", None, None);
        assert!(!String::from_utf8(plain).unwrap().contains("Protocol:"));

        let mut named = Vec::new();
        write_accepted(&mut named, b"dGhlIHNhbXBsZSBub25jZQ==", Some("tickwire.1"), None);
        assert!(String::from_utf8(named).unwrap().ends_with("\r\nSec-WebSocket-Protocol: tickwire.1\r\n\r\n"));
    }
}
