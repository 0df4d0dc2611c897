//! A request's head is judged alike however it is cut, and what is let through has all that the RFCs ask for.
//! True: it is a request.
//!
//! ```text
//! input   four sizes of reads · what the connection carries
//! ```

use tickwire_server::net::HttpRefusal;
use tickwire_server::net::http_head::{HeadError, HeadLimits, HeadReader, Request, RequestHead, parse, write_refusal};
use tickwire_server::net::ws::handshake::{accept_key, write_accepted};

use super::reads;

/// A fuzzer's inputs are short: with tiny limits they reach all of them.
fn limits() -> HeadLimits {
    match cfg!(fuzzing) {
        true => HeadLimits { head_max_bytes: 512, headers_max: 12, target_max_bytes: 48 },
        false => HeadLimits::default(),
    }
}

pub fn hold(input: &[u8]) -> bool {
    let Some((sizes, bytes)) = input.split_first_chunk::<4>() else { return false };
    let at_once = read(reads::cut(bytes, &[0]));
    assert_eq!(read(reads::cut(bytes, sizes)), at_once, "reads of {sizes:?}");
    assert_eq!(read(reads::cut(bytes, &[1])), at_once, "one byte at a time");

    // whatever was not framed
    let _ = parse(bytes, limits(), ([127, 0, 0, 1], 9).into(), |_| ());
    match at_once {
        Ok(None) => {
            assert!(bytes.len() < limits().head_max_bytes);
            false
        }
        Ok(Some(end)) => {
            assert!(end <= limits().head_max_bytes && bytes[..end].ends_with(b"\r\n\r\n"));
            is_request(&bytes[..end])
        }
        Err(error) => {
            check_refusal(error);
            false
        }
    }
}

/// Where the head ends, if it does.
fn read<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Result<Option<usize>, HeadError> {
    let mut reader = HeadReader::default();
    let (mut pushed, mut longest, mut found) = (0, 0, Ok(None));
    for read in reads {
        found = reader.push(read, limits());
        pushed += read.len();
        longest = longest.max(read.len());
        if found != Ok(None) {
            break;
        }
    }
    let held = reader.into_bytes();
    assert_eq!(held.len(), pushed);
    assert!(held.capacity() <= 2 * (limits().head_max_bytes + longest), "{} bytes are held", held.capacity());
    found
}

fn is_request(head: &[u8]) -> bool {
    let verdict = parse(head, limits(), ([127, 0, 0, 1], 9).into(), |request| match request {
        Request::Plain(_) => check_plain(&Head::of(head)),
        Request::Upgrade(request, key) => {
            let head = Head::of(head);
            check_plain(&head);
            check_upgrade(&head, &request, key);
        }
    });
    verdict.inspect_err(|error| check_refusal(*error)).is_ok()
}

/// A head as the RFCs draw it, taken apart by hand.
struct Head<'a> {
    request_line: &'a [u8],
    fields: Vec<(String, &'a [u8])>,
}

impl<'a> Head<'a> {
    fn of(head: &'a [u8]) -> Self {
        let mut lines = head
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .skip_while(|line| line.is_empty());
        let request_line = lines.next().expect("something was parsed");
        let fields: Vec<_> = lines.take_while(|line| !line.is_empty()).map(Self::field).collect();
        assert!(fields.len() <= limits().headers_max);
        Self { request_line, fields }
    }

    /// RFC 9112 5: `field-name ":" OWS field-value OWS`.
    fn field(line: &'a [u8]) -> (String, &'a [u8]) {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        assert!(!name.is_empty() && name.iter().all(is_token), "the name is a token");
        let is_value = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7F);
        assert!(value.iter().all(is_value), "no control character is in a value");
        let is_blank = |byte: &u8| b" \t".contains(byte);
        let from = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
        let to = value.iter().rposition(|byte| !is_blank(byte)).map_or(from, |last| last + 1);
        (String::from_utf8_lossy(name).to_ascii_lowercase(), &value[from..to])
    }

    fn all(&self, name: &str) -> Vec<&'a [u8]> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| *value).collect()
    }

    fn lists(&self, name: &str, token: &str) -> bool {
        let values = self.all(name).join(&b","[..]);
        values.split(|byte| *byte == b',').any(|listed| listed.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// What holds for every request, RFC 9112 3.2 and 6.
fn check_plain(head: &Head<'_>) {
    let hosts = head.all("host").len();
    assert!(hosts == 1 || (hosts == 0 && head.request_line.ends_with(b"HTTP/1.0")), "{hosts} Host");
    let lengths = head.all("content-length");
    assert!(lengths.len() + head.all("transfer-encoding").len().min(1) <= 1, "the body has one framing");
    assert!(lengths.iter().all(|length| !length.is_empty() && length.iter().all(u8::is_ascii_digit)));
}

/// RFC 6455 4.2.1.
fn check_upgrade(head: &Head<'_>, request: &RequestHead<'_>, key: &[u8]) {
    let line: Vec<&[u8]> = head.request_line.split(|byte| *byte == b' ').collect();
    let [b"GET", target, b"HTTP/1.1"] = line[..] else { panic!("{:?}", head.request_line) };
    assert!(target.len() <= limits().target_max_bytes);
    let behind = request.query().map_or(String::new(), |query| format!("?{query}"));
    let shown = format!("{}{behind}", request.path());
    assert!(target.ends_with(shown.as_bytes()) || target.ends_with(behind.as_bytes()) && request.path() == "/");
    assert_eq!(request.method(), "GET");

    assert_eq!(head.all("host").len(), 1);
    assert!(head.lists("upgrade", "websocket") && head.lists("connection", "upgrade"));
    assert_eq!(head.all("sec-websocket-version"), [b"13"]);
    assert_eq!(head.all("sec-websocket-key"), [key]);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    assert!(key.len() == 24 && key[..22].iter().all(is_base64) && &key[22..] == b"==", "16 bytes in base64");
    assert!(head.all("transfer-encoding").is_empty(), "no body");
    assert!(head.all("content-length").iter().all(|length| length.iter().all(|digit| *digit == b'0')), "no body");

    let offered = head.all("sec-websocket-protocol").join(&b","[..]);
    for name in request.subprotocols() {
        assert!(!name.is_empty() && offered.windows(name.len()).any(|part| part == name.as_bytes()));
    }
    let mut answer = Vec::new();
    write_accepted(&mut answer, key, None, None);
    assert_eq!(accept_key(key).len(), 28);
    assert_eq!(answer.windows(4).position(|end| end == b"\r\n\r\n"), Some(answer.len() - 4), "one head");
}

/// The answer to what is refused is HTTP and as long as it says.
fn check_refusal(error: HeadError) {
    assert!((400..600).contains(&error.status()));
    let mut answer = Vec::new();
    write_refusal(&mut answer, &HttpRefusal::from(error));
    let answer = String::from_utf8(answer).expect("it is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", error.status())));
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())));
}
