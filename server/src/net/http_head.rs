//! The HTTP request in front of a WebSocket: read once, judged strictly, handed over if it wants no upgrade.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::HttpRefusal;
use super::proxy;
use super::ws::handshake;

/// No limit of header fields may be higher: they are parsed on the stack.
pub const HEADERS_CEILING: usize = 256;

/// What bounds a request's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadLimits {
    /// Most bytes.
    pub head_max_bytes: usize,
    /// Most header fields, at most [`HEADERS_CEILING`].
    pub headers_max: usize,
    /// Most bytes of the target.
    pub target_max_bytes: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_max_bytes: 8 * 1024, headers_max: 64, target_max_bytes: 2 * 1024 }
    }
}

/// Room in the request line for the method and the version.
const METHOD_AND_VERSION_BYTES: usize = 64;

/// Longer lengths of a body do not fit into every parser's integer.
const LENGTH_MAX_DIGITS: usize = 18;

/// A request's head, as lent to [`super::Handler::upgrade`].
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a [httparse::Header<'a>],
    peer: SocketAddr,
}

impl<'a> RequestHead<'a> {
    /// `GET`, for every upgrade.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The path without the query, as it was sent: percent signs are not decoded.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What stood behind the first question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The first field of this name (in any case) whose value is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The subprotocols that the client offers, in its order of preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> {
        self.tokens("Sec-WebSocket-Protocol")
    }

    /// The lines of `Sec-WebSocket-Extensions` that are text.
    pub(super) fn extensions(&self) -> impl Iterator<Item = &'a str> {
        self.values("Sec-WebSocket-Extensions").filter_map(|line| std::str::from_utf8(line).ok())
    }

    /// Whose request it is: whom a proxy names, where a proxy is trusted.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = peer;
    }

    pub(super) fn values(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The elements of a field that is a list, over all lines (RFC 9110 5.6.1; empty elements are ignored).
    fn tokens(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.values(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(|token| token.trim_matches([' ', '\t']))
            .filter(|token| !token.is_empty())
    }

    fn lists(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|listed| listed.eq_ignore_ascii_case(token))
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// A WebSocket, by the rules; the key to answer with.
    Upgrade(RequestHead<'a>, &'a [u8]),
    /// Anything else in HTTP.
    Plain(RequestHead<'a>),
}

impl<'a> Request<'a> {
    pub(super) fn head(&self) -> &RequestHead<'a> {
        let (Self::Upgrade(head, _) | Self::Plain(head)) = self;
        head
    }
}

/// Why a request is refused before anybody above saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs)] // each variant's message is its documentation, and the answer's body
pub enum HeadError {
    #[error("The request head is longer than {0} bytes.")]
    TooLong(usize),
    #[error("The request has more than {0} header fields.")]
    TooManyHeaders(usize),
    #[error("The request target is longer than {0} bytes.")]
    TargetTooLong(usize),
    #[error("The request is not well-formed HTTP/1.1.")]
    Malformed,
    #[error("The request must have exactly one Host, a name or an address with or without a port.")]
    Host,
    #[error("The length of the request's body is ambiguous.")]
    AmbiguousBody,
    #[error("A request for an upgrade must not have a body.")]
    UpgradeWithBody,
    #[error("A WebSocket is asked for with HTTP/1.1.")]
    UpgradeVersion,
    #[error("A WebSocket is asked for with GET.")]
    UpgradeMethod,
    #[error("A WebSocket is asked for with 'Connection: Upgrade' and 'Upgrade: websocket'.")]
    UpgradeHeaders,
    #[error("Only version 13 of the WebSocket protocol is spoken here.")]
    WebSocketVersion,
    #[error("Sec-WebSocket-Key must be there once, 16 bytes in base64.")]
    WebSocketKey,
    #[error("The request did not arrive in time.")]
    Timeout,
    #[error("A PROXY header is not expected from this address.")]
    ProxyHeader,
    #[error("Only TLS is spoken on this port: use https:// or wss://.")]
    NotTls,
    #[error("Pages from this origin may not connect.")]
    Origin,
    #[error("There are too many connections from your address.")]
    AddressFull,
    #[error("Too many connections came from your address just now.")]
    AddressRate,
    #[error("The server is full.")]
    Full,
    #[error("The server is shutting down.")]
    ShuttingDown,
}

impl HeadError {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed
            | Self::Host
            | Self::AmbiguousBody
            | Self::UpgradeWithBody
            | Self::UpgradeVersion
            | Self::UpgradeHeaders
            | Self::WebSocketKey
            | Self::ProxyHeader
            | Self::NotTls => 400,
            Self::Origin => 403,
            Self::UpgradeMethod => 405,
            Self::Timeout => 408,
            Self::TargetTooLong(_) => 414,
            Self::WebSocketVersion => 426,
            Self::AddressFull | Self::AddressRate => 429,
            Self::TooLong(_) | Self::TooManyHeaders(_) => 431,
            Self::Full | Self::ShuttingDown => 503,
        }
    }
}

impl From<HeadError> for HttpRefusal {
    fn from(error: HeadError) -> Self {
        Self { status: error.status(), reason: error.to_string() }
    }
}

/// Collects a head that comes in pieces. Each byte is looked at once; the head is parsed once, when it is whole.
#[derive(Default, Debug)]
pub struct HeadReader {
    bytes: Vec<u8>,
    line_start: usize,
    /// A line that is not empty was seen (RFC 9112 2.2: empty lines before it are skipped).
    begun: bool,
}

impl HeadReader {
    /// Takes what was read. `Some`: the head is whole and ends there; what is behind it belongs to the frames.
    pub fn push(&mut self, read: &[u8], limits: HeadLimits) -> Result<Option<usize>, HeadError> {
        let mut at = self.bytes.len();
        self.bytes.extend_from_slice(read);
        while let Some(found) = self.bytes[at..].iter().position(|&byte| byte == b'\n') {
            let end = at + found;
            self.check_length(end, limits)?;
            // A bare LF may end a line (RFC 9112 2.2 "MAY"), but proxies disagree about it: refused.
            if end == self.line_start || self.bytes[end - 1] != b'\r' {
                // the signature of version 2 ends with one
                return Err(malformed(&self.bytes[..=end]));
            }
            let is_empty = end - 1 == self.line_start;
            if is_empty && self.begun {
                return Ok(Some(end + 1));
            }
            self.begun |= !is_empty;
            at = end + 1;
            self.line_start = at;
        }
        self.check_length(self.bytes.len(), limits)?;
        Ok(None)
    }

    /// Looks at a line that goes on until `end`, or further. Of two limits the one counts that its bytes meet first,
    /// however many of them come in a read.
    fn check_length(&self, end: usize, limits: HeadLimits) -> Result<(), HeadError> {
        let HeadLimits { head_max_bytes, target_max_bytes, .. } = limits;
        let line_bytes = end.min(head_max_bytes).saturating_sub(self.line_start);
        if !self.begun && line_bytes > target_max_bytes + METHOD_AND_VERSION_BYTES {
            return Err(HeadError::TargetTooLong(target_max_bytes));
        }
        if end >= head_max_bytes { Err(HeadError::TooLong(head_max_bytes)) } else { Ok(()) }
    }

    /// Nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All bytes that were pushed.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Parses a whole head (as [`HeadReader`] found it) and tells `then` what it asks for.
pub fn parse<T>(
    head: &[u8],
    limits: HeadLimits,
    peer: SocketAddr,
    then: impl FnOnce(Request<'_>) -> T,
) -> Result<T, HeadError> {
    let HeadLimits { headers_max, target_max_bytes, .. } = limits;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_CEILING];
    let mut request = httparse::Request::new(&mut headers[..headers_max.min(HEADERS_CEILING)]);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders(headers_max)),
        Err(_) => return Err(malformed(head)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(HeadError::Malformed);
    };
    if target.len() > target_max_bytes {
        return Err(HeadError::TargetTooLong(target_max_bytes));
    }
    let (path, query) = split_target(target);
    let head = RequestHead { method, path, query, headers: request.headers, peer };
    judge(head, minor).map(then)
}

/// What is no HTTP, and whether it is a proxy's header, of version 2 or 1.
fn malformed(head: &[u8]) -> HeadError {
    let is_of_proxy = head.starts_with(&proxy::SIGNATURE) || head.starts_with(b"PROXY ");
    if is_of_proxy { HeadError::ProxyHeader } else { HeadError::Malformed }
}

/// The rules, in the order in which a person would want to hear of them.
fn judge(head: RequestHead<'_>, minor: u8) -> Result<Request<'_>, HeadError> {
    // RFC 9112 3.2: 400 for an HTTP/1.1 request without Host, with more than one, or with one that is none.
    if head.values("Host").count() != 1 && (minor == 1 || head.values("Host").count() > 1) {
        return Err(HeadError::Host);
    }
    if !head.values("Host").all(is_host) {
        return Err(HeadError::Host);
    }
    let has_body = check_body(&head)?;

    let asks_for_websocket = head.lists("Upgrade", "websocket")
        || head.values("Sec-WebSocket-Key").next().is_some()
        || head.values("Sec-WebSocket-Version").next().is_some();
    if !asks_for_websocket {
        return Ok(Request::Plain(head));
    }
    // RFC 6455 4.2.1, one rule after the other.
    if has_body {
        return Err(HeadError::UpgradeWithBody);
    }
    if head.method != "GET" {
        return Err(HeadError::UpgradeMethod);
    }
    if minor != 1 {
        return Err(HeadError::UpgradeVersion);
    }
    if !head.lists("Upgrade", "websocket") || !head.lists("Connection", "upgrade") {
        return Err(HeadError::UpgradeHeaders);
    }
    let Some(b"13") = only(head.values("Sec-WebSocket-Version")) else {
        return Err(HeadError::WebSocketVersion);
    };
    match only(head.values("Sec-WebSocket-Key")) {
        Some(key) if handshake::is_key(key) => Ok(Request::Upgrade(head, key)),
        _ => Err(HeadError::WebSocketKey),
    }
}

/// RFC 9110 7.2: `uri-host [ ":" port ]`, by the characters that may be in it (RFC 3986 3.2.2); empty where a target has
/// no authority.
fn is_host(value: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte);
    let port = match value.iter().rposition(|byte| b":]".contains(byte)) {
        Some(at) if value[at] == b':' => &value[at + 1..],
        _ => &[],
    };
    value.iter().all(is_allowed) && port.iter().all(u8::is_ascii_digit)
}

/// Is there a body? RFC 9112 6.1 and 6.3: two framings, or two lengths, are an attack or a broken client.
fn check_body(head: &RequestHead<'_>) -> Result<bool, HeadError> {
    let has_encoding = head.values("Transfer-Encoding").next().is_some();
    let mut lengths = head.values("Content-Length");
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(has_encoding),
        (Some(length), None) if !has_encoding => {
            let is_length = !length.is_empty() && length.len() <= LENGTH_MAX_DIGITS;
            if !is_length || !length.iter().all(u8::is_ascii_digit) {
                return Err(HeadError::AmbiguousBody);
            }
            Ok(length.iter().any(|&digit| digit != b'0'))
        }
        _ => Err(HeadError::AmbiguousBody),
    }
}

fn only<T>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

/// Path and query; of an absolute target (RFC 9112 3.2.2: servers must take it) only what is behind the host.
fn split_target(target: &str) -> (&str, Option<&str>) {
    let origin = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !scheme.contains(['/', '?']) => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    match origin.split_once('?') {
        Some(("", query)) => ("/", Some(query)),
        Some((path, query)) => (path, Some(query)),
        None => (origin, None),
    }
}

/// Appends a whole HTTP answer that refuses a request; the connection ends with it.
pub fn write_refusal(out: &mut Vec<u8>, refusal: &HttpRefusal) {
    let HttpRefusal { status, reason } = refusal;
    let fields = match status {
        405 => "Connection: close\r\nAllow: GET\r\n",
        // RFC 6455 4.4: the versions that are spoken; RFC 9110 15.5.22: 426 needs Upgrade, which needs Connection.
        426 => "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        429 | 503 => "Connection: close\r\nRetry-After: 5\r\n",
        _ => "Connection: close\r\n",
    };
    let mut answer = String::new();
    // writing to a String cannot fail
    let _ = write!(
        answer,
        "HTTP/1.1 {status} {phrase}\r\n{fields}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{reason}\n",
        phrase = phrase(*status),
        length = reason.len() + 1,
    );
    out.extend_from_slice(answer.as_bytes());
}

fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        414 => "URI Too Long",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        // RFC 9112 4: the phrase may be empty, a client goes by the number
        _ => "",
    }
}

#[cfg(test)]
mod tests;
