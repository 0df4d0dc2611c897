//! Who is behind a proxy: PROXY protocol v2 in front of a connection, `X-Forwarded-For` in a request's head.
//!
//! ```text
//! 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | 2 | 1 = PROXY | family, protocol | length | addresses, then TLVs |
//!              signature              |   | 0 = LOCAL |                  | u16 BE |  `length` bytes       |
//! ```
//! Both are believed from configured addresses only: anybody can write them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const FIXED_BYTES: usize = SIGNATURE.len() + 4;
/// Longest header that is taken, TLVs and all: what is sure to fit into one segment, as the specification has it.
pub const HEADER_MAX_BYTES: usize = 536;

/// Which addresses are proxies, and how they say whose connection it is.
#[derive(Clone, Default, Debug)]
pub struct Proxies {
    /// Their addresses; nobody by default.
    pub networks: Vec<Network>,
    /// Each connection of theirs begins with a PROXY v2 header, before TLS and HTTP.
    pub protocol: bool,
}

impl Proxies {
    /// Is it one of them?
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(ip))
    }

    /// Whose request it is that came from `peer`: who is named by a proxy is believed, from the nearest to the
    /// furthest, and the first that is no proxy is meant. `forwarded` are the lines of X-Forwarded-For.
    ///
    /// Where a proxy names nobody, or nobody with an address, it stays that proxy.
    pub fn client_of<'a>(&self, peer: SocketAddr, forwarded: impl DoubleEndedIterator<Item = &'a [u8]>) -> SocketAddr {
        let mut client = peer;
        let mut named = forwarded.rev().flat_map(|line| line.rsplit(|&byte| byte == b','));
        while self.trusts(client.ip()) {
            let Some(next) = named.next().and_then(forwarded_address) else { break };
            client = next;
        }
        client
    }
}

/// Some proxies put a port behind the address; 0 stands for none.
fn forwarded_address(named: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(named).ok()?.trim_matches([' ', '\t']);
    let unbracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(unbracketed.parse().ok()?, 0)));
    address.map(canonical)
}

/// An IPv4 address that is written for IPv6 is itself.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// An address, or all that share their first bits with it: `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    ip: IpAddr,
    prefix: u8,
}

impl Network {
    /// All addresses of its family.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// Whom an address stands for: itself, and of IPv6 the /64 that one subscriber gets.
    #[must_use]
    pub fn of_subscriber(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self { ip: Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(), prefix: 64 },
            ip => ip.into(),
        }
    }

    /// Of the same family and in the network; an IPv4 address written for IPv6 is an IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let differing = own.to_bits() ^ ip.to_bits();
                differing.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let differing = own.to_bits() ^ ip.to_bits();
                differing.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { ip, prefix: bits(ip) }
    }
}

/// It is neither an address nor an address with the number of its leading bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an address such as 10.0.0.1, nor a network such as 10.0.0.0/8")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((ip, prefix)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| NotANetwork);
        };
        let ip: IpAddr = ip.parse().map_err(|_| NotANetwork)?;
        match prefix.parse() {
            Ok(prefix) if prefix <= bits(ip) && ip == ip.to_canonical() => Ok(Self { ip, prefix }),
            _ => Err(NotANetwork),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == bits(self.ip) {
            true => self.ip.fmt(f),
            false => write!(f, "{}/{}", self.ip, self.prefix),
        }
    }
}

/// Whom a header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The proxy speaks for itself (LOCAL, a health check), or for somebody without an Internet address.
    Proxy,
    /// The proxy's own peer.
    Client(SocketAddr),
}

/// Why a header is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs)] // each variant's message is its documentation
pub enum HeaderError {
    #[error("the connection does not begin with PROXY v2")]
    Signature,
    #[error("version or command {0:#04x} is not defined")]
    VersionOrCommand(u8),
    #[error("family and protocol {0:#04x} are not those of a connection")]
    Family(u8),
    #[error("{0} bytes are too few for the addresses of this family")]
    TooShort(usize),
    #[error("a header of more than {HEADER_MAX_BYTES} bytes")]
    TooLong,
}

/// Collects a header that comes in pieces.
///
/// Ask [`HeaderReader::missing_bytes`], read at most so many and [`HeaderReader::push`] them, until the answer comes:
/// so what is behind the header stays in the socket, for TLS or HTTP.
#[derive(Default, Debug)]
pub struct HeaderReader {
    bytes: Vec<u8>,
}

impl HeaderReader {
    /// How many bytes to read next, at most.
    pub fn missing_bytes(&self) -> usize {
        let whole = match self.bytes.get(FIXED_BYTES - 2..FIXED_BYTES) {
            Some(&[high, low]) => FIXED_BYTES + usize::from(u16::from_be_bytes([high, low])),
            _ => FIXED_BYTES,
        };
        whole.saturating_sub(self.bytes.len())
    }

    /// Takes what was read. `Some`: the header is whole. What cannot become a header is refused at its first wrong
    /// byte.
    pub fn push(&mut self, read: &[u8]) -> Result<Option<Source>, HeaderError> {
        debug_assert!(read.len() <= self.missing_bytes());
        self.bytes.extend_from_slice(read);
        let begun = self.bytes.len().min(SIGNATURE.len());
        if self.bytes[..begun] != SIGNATURE[..begun] {
            return Err(HeaderError::Signature);
        }
        let is_local = match self.bytes.get(12) {
            None | Some(0x21) => false,
            Some(0x20) => true,
            Some(&other) => return Err(HeaderError::VersionOrCommand(other)),
        };
        if self.bytes.len() < FIXED_BYTES {
            return Ok(None);
        }
        if FIXED_BYTES + self.missing_bytes() > HEADER_MAX_BYTES {
            return Err(HeaderError::TooLong);
        }
        if self.missing_bytes() > 0 {
            return Ok(None);
        }
        // of LOCAL the rest is to be ignored, whatever it is
        if is_local { Ok(Some(Source::Proxy)) } else { source(self.bytes[13], &self.bytes[FIXED_BYTES..]).map(Some) }
    }
}

/// Addresses stand in front, source before destination; TLVs behind them are nothing to us.
fn source(family: u8, body: &[u8]) -> Result<Source, HeaderError> {
    let too_short = HeaderError::TooShort(body.len());
    let (ip, port): (IpAddr, _) = match family {
        // over TCP in IPv4: 4 + 4 bytes of addresses, 2 + 2 of ports
        0x11 => {
            let addresses = body.first_chunk::<12>().ok_or(too_short)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses;
            ([a, b, c, d].into(), [high, low])
        }
        // over TCP in IPv6: 16 + 16, 2 + 2
        0x21 => {
            let addresses = body.first_chunk::<36>().ok_or(too_short)?;
            let ip: [u8; 16] = std::array::from_fn(|at| addresses[at]);
            (ip.into(), [addresses[32], addresses[33]])
        }
        // unspecified, or a Unix socket: the receiver may go by the connection's own addresses
        0x00 | 0x31 => return Ok(Source::Proxy),
        other => return Err(HeaderError::Family(other)),
    };
    Ok(Source::Client(canonical(SocketAddr::new(ip, u16::from_be_bytes(port)))))
}

#[cfg(test)]
mod tests;
