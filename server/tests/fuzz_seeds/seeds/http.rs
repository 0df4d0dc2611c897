//! Request heads, and offers of extensions.

use super::Seed;

const UPGRADE: &str = "GET /ws?room=7 HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub fn seeds() -> Vec<Seed> {
    let heads = heads().into_iter().map(|(name, request)| {
        // the sizes of reads
        ("http_head", name, [&[3, 1, 40, 7], request.as_bytes()].concat())
    });
    let offers = offers().into_iter().map(|(name, takeovers, bits, lines)| {
        let input = [&[takeovers, bits], lines.as_bytes()].concat();
        ("ws_offer", name, input)
    });
    heads.chain(offers).collect()
}

fn heads() -> Vec<(&'static str, String)> {
    let changed = |from: &str, to: &str| UPGRADE.replacen(from, to, 1);
    let with = |field: &str| changed("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
    vec![
        ("ok-upgrade", UPGRADE.into()),
        ("ok-page", "GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("ok-http-1.0-without-host", "GET / HTTP/1.0\r\n\r\n".into()),
        ("ok-post", "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".into()),
        ("ok-names-in-any-case-and-lists", changed("Connection: Upgrade", "cONNECTION:keep-alive ,  UPGRADE")),
        ("ok-two-lines-of-a-list", changed("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade")),
        ("ok-empty-line-in-front", format!("\r\n{UPGRADE}")),
        ("ok-absolute-target", changed("/ws", "http://a.example/ws")),
        ("ok-absolute-target-without-path", changed("/ws?room=7", "http://a.example?x")),
        ("ok-unknown-extension", with("Sec-WebSocket-Extensions: x-unknown; a=\"1\"")),
        ("ok-subprotocols", with("Sec-WebSocket-Protocol: tickwire.1 ,b, ,")),
        ("ok-body-of-no-bytes", with("Content-Length: 0")),
        ("ok-frame-behind-the-head", format!("{UPGRADE}\u{1}\u{2}\u{3}")),
        ("ok-second-upgrade-behind-the-first", format!("{UPGRADE}{UPGRADE}")),
        ("bad-method", changed("GET", "POST")),
        ("bad-http-1.0", changed("HTTP/1.1", "HTTP/1.0")),
        ("bad-http-2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("bad-no-host", changed("Host: a.example\r\n", "")),
        ("bad-two-hosts", changed("Host: a.example\r\n", "Host: a\r\nHost: a\r\n")),
        ("bad-no-upgrade", changed("Upgrade: websocket\r\n", "")),
        ("bad-no-connection", changed("Connection: Upgrade\r\n", "")),
        ("bad-no-key", changed(KEY, "")),
        ("bad-two-keys", changed(KEY, &KEY.repeat(2))),
        ("bad-short-key", changed("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")),
        ("bad-key-of-another-alphabet", changed("bXB", "b-_")),
        ("bad-version-12", changed("13", "12")),
        ("bad-no-version", changed("Sec-WebSocket-Version: 13\r\n", "")),
        ("bad-two-versions", changed("13\r\n", "13\r\nSec-WebSocket-Version: 13\r\n")),
        ("bad-long-target", changed("/ws", &format!("/{}", "a".repeat(2048)))),
        ("bad-long-method", format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(2200))),
        ("bad-long-field", with(&format!("a: {}", "b".repeat(8192)))),
        ("bad-many-fields", with("a: b\r\n".repeat(65).trim_end())),
        // found by fuzzing: in one read it was only malformed
        ("bad-long-line-with-a-bare-lf", format!("{}\n", "a".repeat(3000))),
        ("bad-endless-line", "a".repeat(3000)),
        ("bad-endless-head", format!("GET / HTTP/1.1\r\n{}", "name: value\r\n".repeat(700))),
        ("bad-endless-empty-lines", "\r\n".repeat(4200)),
        ("bad-nul", changed("a.example", "a\0example")),
        ("bad-bare-cr", changed("a.example", "a\rexample")),
        ("bad-bare-lf", changed("a.example\r\n", "a.example\n")),
        ("bad-space-before-colon", changed("Host:", "Host :")),
        ("bad-no-colon", changed("Host:", "Host")),
        ("bad-folded-field", changed("Upgrade\r\n", "Upgrade,\r\n close\r\n")),
        ("bad-body-behind-upgrade", with("Content-Length: 5")),
        ("bad-chunked-body-behind-upgrade", with("Transfer-Encoding: chunked")),
        (
            "bad-smuggled-by-two-framings",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
        ),
        (
            "bad-smuggled-by-two-lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n".into(),
        ),
        ("bad-hidden-encoding", with("Transfer-Encoding: xchunked")),
        ("bad-signed-length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n".into()),
        ("bad-listed-length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n".into()),
        ("unfinished-head", UPGRADE[..UPGRADE.len() - 3].into()),
    ]
}

/// Which side may take its context over, bits of the windows less eight, lines.
fn offers() -> Vec<(&'static str, u8, u8, &'static str)> {
    const ALL: u8 = 0o77;
    vec![
        ("ok-plain", 3, ALL, "permessage-deflate"),
        ("ok-chromium", 0, ALL, "permessage-deflate; client_max_window_bits"),
        (
            "ok-all-parameters",
            3,
            ALL,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11",
        ),
        ("ok-quoted-value", 3, ALL, "permessage-deflate; server_max_window_bits=\"8\""),
        ("ok-blanks-and-case", 3, ALL, " Permessage-Deflate\t;client_max_window_bits = 9 , x"),
        ("ok-second-offer", 3, ALL, "permessage-deflate; unknown, permessage-deflate"),
        ("ok-second-line", 3, ALL, "x-first; a=\"b,c;d\"\npermessage-deflate; server_max_window_bits=11"),
        ("ok-small-server", 0, 0o12, "permessage-deflate; client_max_window_bits"),
        ("bad-small-server-and-a-client-that-cannot", 0, 0o12, "permessage-deflate"),
        ("bad-none", 3, ALL, ""),
        ("bad-other-extension", 3, ALL, "x-webkit-deflate-frame, permessage-deflate-2"),
        ("bad-parameter-twice", 3, ALL, "permessage-deflate; client_max_window_bits; client_max_window_bits=9"),
        ("bad-too-few-bits", 3, ALL, "permessage-deflate; server_max_window_bits=7"),
        ("bad-too-many-bits", 3, ALL, "permessage-deflate; client_max_window_bits=16"),
        ("bad-leading-zero", 3, ALL, "permessage-deflate; server_max_window_bits=08"),
        ("bad-sign", 3, ALL, "permessage-deflate; server_max_window_bits=+9"),
        ("bad-value-that-must-be", 3, ALL, "permessage-deflate; server_max_window_bits"),
        ("bad-value-that-must-not-be", 3, ALL, "permessage-deflate; server_no_context_takeover=1"),
        ("bad-open-quote", 3, ALL, "permessage-deflate; server_max_window_bits=\"9"),
        ("bad-escaped-value", 3, ALL, "permessage-deflate; server_max_window_bits=\"1\\0\""),
    ]
}
