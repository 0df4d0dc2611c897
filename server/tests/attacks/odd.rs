//! What is legal and seldom seen must be served.

use crate::Attack;
use crate::peer::{BINARY, CLOSE, PING, PONG, Peer, TEXT, frame, part, upgrade, with_line};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] =
    &[Attack("odd but legal: heads", heads), Attack("odd but legal: segments and frames", segments)];

fn heads(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&["deflate=1"]),
        |server| {
            let good = upgrade(server);
            let absolute = format!("GET http://{}/?a=b?c HTTP", server.addr);
            let many = vec!["X: y"; 58].join("\r\n");
            let cases = [
                good.replace("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
                good.replace("Connection: Upgrade", "Connection: keep-alive\r\nConnection: ,upgrade ,"),
                good.replace("Upgrade: websocket", "Upgrade: WebSocket"),
                good.replace("Upgrade: websocket", "Upgrade: h2c, websocket"),
                good.replace("Sec-WebSocket-", "sec-websocket-"),
                good.replace("Sec-WebSocket-", "SEC-WEBSOCKET-").replace("Host", "hOST"),
                good.replace("GET / HTTP", &absolute),
                with_line(&good, "Sec-WebSocket-Extensions: x-unknown; a=1, foo, permessage-bzip2"),
                with_line(&good, "Sec-WebSocket-Protocol: a, b, c"),
                with_line(&good, "Content-Length: 0"),
                with_line(&good, "X: \t spaced \t "),
                with_line(&good, "X:"),
                with_line(&good, "X: \u{e4}\u{f6}"),
                with_line(&good, &many),
                format!("\r\n\r\n{good}"),
            ];
            for request in &cases {
                let mut peer = Peer::connect(server);
                peer.send(request);
                let head = peer.read_head();
                assert!(head.starts_with("HTTP/1.1 101 "), "{request}: {head}");
                assert!(
                    !head.contains("Sec-WebSocket-Extensions") && !head.contains("Sec-WebSocket-Protocol"),
                    "{head}"
                );
                peer.send(frame(TEXT, b"hello"));
                assert_eq!(peer.read_frame().expect("an echo"), (0x80 | TEXT, b"hello".to_vec()), "{request}");
                peer.send(frame(CLOSE, &1000_u16.to_be_bytes()));
                assert_eq!(peer.read_close(), 1000);
            }
            format!("{} requests: 101 and served", cases.len())
        },
    )
}

fn segments(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::echo(&[]),
        |server| {
            let mask_of_zero = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
            let cut =
                [part(TEXT, false, b"\xc3"), part(0, false, b""), frame(PING, b""), part(0, true, b"\xa4")].concat();
            let largest = frame(BINARY, &[7; 16 * 1024]);
            let request = upgrade(server);
            let (early, unasked) = (frame(TEXT, b"early"), frame(PONG, b"unasked"));
            let whole = [request.as_bytes(), &early, &mask_of_zero, &cut, &unasked, &largest].concat();
            // in one segment, as far as there is such a thing, and byte by byte
            for piece in [whole.len(), 1] {
                let mut peer = Peer::connect(server);
                let mut writer = Peer { stream: peer.stream.try_clone().expect("a descriptor") };
                let bytes = whole.clone();
                let writer = std::thread::spawn(move || bytes.chunks(piece).for_each(|piece| writer.send(piece)));
                assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
                for (opcode, payload) in [
                    (TEXT, &b"early"[..]),
                    (TEXT, b"hi"),
                    (PONG, b""),
                    (TEXT, "ä".as_bytes()),
                    (BINARY, &[7; 16 * 1024]),
                ] {
                    assert_eq!(peer.read_frame().expect("an echo"), (0x80 | opcode, payload.to_vec()));
                }
                writer.join().expect("the server reads");
            }
            "101 and served".to_owned()
        },
    )
}
