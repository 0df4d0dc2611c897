//! A connection on its way out of the reactor: plain HTTP is for the layer above.

use std::net::TcpStream;

use super::addresses::Place;
use super::tls::Tls;

/// A connection whose request was no upgrade.
#[derive(Debug)]
pub struct PlainStream {
    /// In no poll any more.
    pub socket: TcpStream,
    /// If it is there, everything goes through it, and it may hold bytes that the socket does not have any more.
    pub tls: Option<Tls>,
    /// To be written before anything else, as it is: the end of the TLS handshake.
    pub unsent: Vec<u8>,
    /// Among all connections and those of its address; to be kept as long as the socket.
    pub place: Option<Place>,
}

impl From<TcpStream> for PlainStream {
    /// Without TLS, and not counted.
    fn from(socket: TcpStream) -> Self {
        Self { socket, tls: None, unsent: Vec::new(), place: None }
    }
}
