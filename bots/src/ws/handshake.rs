//! The opening handshake, as a client: what is asked, and what the answer means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 1.3: what a server appends to the key, so that only a WebSocket server can answer.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest head of an answer, and most of a refusal's body.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Of what a server says when it refuses, so much is shown.
const REASON_MAX_CHARS: usize = 200;

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Not all of it is there.
    Unfinished,
    /// The WebSocket is open; frames begin at this byte.
    Open(usize),
    /// No: the status with its phrase, and the first line of the body, which may be empty.
    Refused {
        /// Such as 503.
        code: u16,
        /// The number and its phrase.
        status: String,
        /// Of the body, for a person.
        reason: String,
    },
    /// Not what a WebSocket server says.
    Strange(&'static str),
}

/// Asks for a WebSocket; `key` is 16 random bytes in base64.
#[must_use]
pub fn request(host: &str, path: &str, key: &str, subprotocol: Option<&str>) -> Vec<u8> {
    let subprotocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{subprotocol}\r\n"
    )
    .into_bytes()
}

/// A key of 16 bytes.
#[must_use]
pub fn key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// Reads what arrived so far. `is_all` says that nothing more comes.
#[must_use]
pub fn answer(bytes: &[u8], key: &str, subprotocol: Option<&str>, is_all: bool) -> Answer {
    // an alert of TLS, whose version begins with 3 (RFC 8446 5.1)
    if bytes.starts_with(&[0x15, 3]) {
        return Answer::Strange("it speaks TLS: use wss://");
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let size = match head.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if is_all && bytes.is_empty() => {
            return Answer::Strange("it closes the connection without an answer");
        }
        Ok(httparse::Status::Partial) if is_all || bytes.len() > ANSWER_MAX_BYTES => {
            return Answer::Strange("its answer is no whole HTTP head");
        }
        Ok(httparse::Status::Partial) => return Answer::Unfinished,
        Err(_) => return Answer::Strange("its answer is not HTTP"),
    };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    if head.code != Some(101) {
        let body = &bytes[size..];
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(usize::MAX);
        if body.len() < length.min(ANSWER_MAX_BYTES) && !is_all {
            return Answer::Unfinished;
        }
        let code = head.code.unwrap_or_default();
        let status = format!("{code} {}", head.reason.unwrap_or_default()).trim_end().to_owned();
        return Answer::Refused { code, status: plain(&status), reason: first_line(body) };
    }
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    if header("sec-websocket-accept") != Some(accept) {
        return Answer::Strange("it did not answer the WebSocket key");
    }
    if header("sec-websocket-protocol").as_deref() != subprotocol {
        return Answer::Strange("it speaks another subprotocol");
    }
    Answer::Open(size)
}

/// Short, and without what would move a terminal; none of a page.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if line.starts_with('<') { String::new() } else { plain(line) }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(REASON_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const OPEN: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_rfcs_example_opens() {
        let bytes = format!("{OPEN}frames");
        assert_eq!(answer(bytes.as_bytes(), KEY, None, false), Answer::Open(OPEN.len()));
        assert_eq!(answer(&OPEN.as_bytes()[..40], KEY, None, false), Answer::Unfinished);
        assert!(matches!(answer(OPEN.as_bytes(), "other", None, false), Answer::Strange(_)));
        let alert = [0x15, 3, 3, 0, 2, 2, 10];
        assert_eq!(answer(&alert, KEY, None, false), Answer::Strange("it speaks TLS: use wss://"));
        assert!(matches!(answer(OPEN.as_bytes(), KEY, Some("tickwire.1"), false), Answer::Strange(_)));
    }

    #[test]
    fn a_refusal_waits_for_its_reason() {
        let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(answer(format!("{head}fu").as_bytes(), KEY, None, false), Answer::Unfinished);
        let wanted = Answer::Refused { code: 503, status: "503 Service Unavailable".into(), reason: "full.".into() };
        assert_eq!(answer(format!("{head}full.").as_bytes(), KEY, None, false), wanted);
    }
}
