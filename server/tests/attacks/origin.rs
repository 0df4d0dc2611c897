//! Pages that may not connect: refused before the 101.

use crate::Attack;
use crate::heads::expect_refusal;
use crate::peer::{Peer, upgrade, with_line};
use crate::server::Server;
use crate::trial::{self, Row};

pub const ATTACKS: &[Attack] =
    &[Attack("origin: not of this host", same_host), Attack("origin: not in the list", listed)];

fn same_host(name: &str) -> Row {
    trial::run(
        name,
        3,
        || Server::tickwire(&[]),
        |server| {
            let host = server.addr;
            let foreign = [
                "null".to_owned(),
                String::new(),
                "http://".to_owned(),
                "https://evil.example".to_owned(),
                format!("http://{host}.evil.example"),
                format!("http://evil{host}"),
                format!("http://evil.example/{host}"),
                format!("http://evil.example@{host}"),
                format!("http://{host}@evil.example"),
                format!("http://{}", host.ip()),
                format!("http://{}:{}", host.ip(), host.port() ^ 1),
                format!("http://{host}/"),
                format!("ftp://{host}"),
                format!("file://{host}"),
                format!("{host}"),
                format!("http://{host}, http://{host}"),
                format!("http://{host}\r\nOrigin: http://evil.example"),
            ];
            expect_403(server, &foreign);
            expect_101(server, &[format!("http://{host}"), format!("https://{host}")]);
            format!("{} origins: 403", foreign.len())
        },
    )
}

fn listed(name: &str) -> Row {
    let variables = [("NET_ORIGINS", "https://game.example,https://play.example:8443")];
    trial::run(
        name,
        3,
        || Server::tickwire(&variables),
        |server| {
            let foreign = [
                "null",
                "http://game.example",
                "wss://game.example",
                "https://game.example.evil",
                "https://game.exampleevil",
                "https://evilgame.example",
                "https://evil.game.example",
                "https://game.example:443",
                "https://game.example:8443",
                "https://play.example",
                "https://play.example:84430",
                "https://game.example,https://play.example:8443",
                "https://game.example%00",
                "https://game.example https://evil.example",
                &format!("http://{}", server.addr),
            ];
            expect_403(server, &foreign);
            expect_101(server, &["https://game.example", "https://play.example:8443"]);
            format!("{} origins: 403", foreign.len())
        },
    )
}

fn expect_403(server: &Server, origins: &[impl AsRef<str>]) {
    for origin in origins.iter().map(AsRef::as_ref) {
        let mut peer = Peer::connect(server);
        peer.send(with_line(&upgrade(server), &format!("Origin: {origin}")));
        expect_refusal(&mut peer, 403, origin);
    }
}

fn expect_101(server: &Server, origins: &[impl AsRef<str>]) {
    for origin in origins.iter().map(AsRef::as_ref) {
        let mut peer = Peer::connect(server);
        peer.send(with_line(&upgrade(server), &format!("Origin: {origin}")));
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{origin}: {head}");
    }
}
