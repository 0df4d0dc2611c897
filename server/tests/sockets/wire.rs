//! A client by hand, for what a decent client would never do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tickwire_server::Running;
use tickwire_shared::protocol::{ClientMessage, SUBPROTOCOL};
use tickwire_shared::schema::Schema;

use crate::swirl::Swirl;

/// A masked binary frame; the mask is zero, which is legal.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "short frames only");
    let mut bytes = vec![0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

/// A connection past the 101.
pub fn upgraded(server: &Running) -> TcpStream {
    upgrade(server, TcpStream::connect(server.addr()).expect("the server listens"))
}

/// The same for a socket that is connected.
pub fn upgrade(server: &Running, mut socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n",
        server.addr()
    );
    socket.write_all(request.as_bytes()).expect("the server reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    socket
}

pub fn hello(protocol: u16) -> Vec<u8> {
    let fingerprint = Schema::of::<Swirl>().fingerprint();
    ClientMessage::Hello { protocol, game: "swirl".into(), fingerprint }.encode()
}

/// Reads on until the server's close frame: its code and reason.
pub fn read_close(socket: &mut TcpStream) -> (u16, String) {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).expect("a frame or a close frame");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                socket.read_exact(&mut length).expect("a length");
                u16::from_be_bytes(length).into()
            }
            127 => panic!("a frame of 64 KiB and more"),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload).expect("a payload");
        if head[0] == 0x88 {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            return (code, String::from_utf8_lossy(&payload[2..]).into_owned());
        }
    }
}
