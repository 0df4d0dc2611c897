//! What the log says, at its default level, of refusals that a setting would change.

use super::*;

const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xCB\0\x71\x07\x0A\0\0\x01\x9C\x41\0\x50";

fn upgrade(more: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: game.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: tickwire.1\r\nCookie: sesame\r\n{more}\r\n"
    )
}

/// The first bytes of the answer; none when the connection ends without one.
fn ask(server: &Running, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes.as_ref()).unwrap();
    let mut status = Vec::new();
    // it may end with a reset
    let _ = stream.take(12).read_to_end(&mut status);
    text(&status)
}

fn with(settings: &str) -> (Scratch, Running) {
    let scratch = Scratch::new(&format!("complaints-{:?}", thread::current().id()));
    let file = scratch.file("tickwire.toml", settings);
    let server = Running::start(&["--config", &file]);
    (scratch, server)
}

/// One warning with all of `words`, however often its cause was met, and nothing of what a client keeps to itself.
fn expect_one_warning(server: Running, words: &[&str]) {
    let line = server.expect_said(words[0]);
    assert!(words.iter().all(|word| line.contains(word)), "{words:?} are not in {line}");
    server.signal("TERM");
    let (_, stderr) = server.end();
    let warnings = stderr.lines().filter(|line| line.contains("WARN") && line.contains(words[0])).count();
    assert_eq!(warnings, 1, "{stderr}");
    assert!(!stderr.contains("sesame") && !stderr.contains("dGhlIHNhb"), "{stderr}");
}

#[test]
fn a_page_of_another_host_is_named_with_the_setting() {
    let (_scratch, server) = with("");
    for _ in 0..5 {
        assert_eq!(ask(&server, upgrade("Origin: https://a.example\x1b[2J\r\n")), "HTTP/1.1 400", "no field value");
        assert_eq!(ask(&server, upgrade("Origin: https://a.example\r\n")), "HTTP/1.1 403");
    }
    expect_one_warning(
        server,
        &["net.origins", "origin=\"https://a.example\"", "host=\"game.example\"", "127.0.0.1", "403"],
    );
}

#[test]
fn a_page_that_is_not_listed_is_named_with_the_setting() {
    let (_scratch, server) = with("net.origins = \"https://game.example\"");
    assert_eq!(ask(&server, upgrade("Origin: https://game.example\r\n")), "HTTP/1.1 101");
    for _ in 0..5 {
        assert_eq!(ask(&server, upgrade(&format!("Origin: https://{}\r\n", "b".repeat(500)))), "HTTP/1.1 403");
    }
    expect_one_warning(server, &["net.origins does not name", "https://bbb"]);
}

#[test]
fn a_header_of_a_proxy_that_nobody_named_is_told() {
    let (_scratch, server) = with("");
    for _ in 0..5 {
        assert_eq!(ask(&server, upgrade("X-Forwarded-For: 203.0.113.7\r\n")), "HTTP/1.1 101");
    }
    expect_one_warning(server, &["X-Forwarded-For", "net.proxies", "127.0.0.1"]);
}

#[test]
fn a_header_in_front_that_nobody_asked_for_is_told() {
    let v1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 40001 80\r\n";
    for (settings, header) in [("", PROXY_V2), ("", &v1[..]), ("net.proxies = \"127.0.0.1\"", PROXY_V2)] {
        let (_scratch, server) = with(settings);
        for _ in 0..5 {
            assert_eq!(ask(&server, [header, upgrade("").as_bytes()].concat()), "HTTP/1.1 400");
        }
        expect_one_warning(server, &["net.proxy_protocol", "net.proxies", "send-proxy-v2", "127.0.0.1"]);
    }
}

#[test]
fn a_header_in_front_of_tls_that_nobody_asked_for_is_told() {
    let certificate = certificate::Certificate::new();
    let [file, key] = [certificate.file(), certificate.key_file()].map(|path| path.to_str().unwrap().to_owned());
    for header in [PROXY_V2, b"PROXY TCP4 203.0.113.7 10.0.0.1 40001 443\r\n"] {
        let server = Running::start(&["--tls-cert", &file, "--tls-key", &key]);
        assert_eq!(ask(&server, [header, &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]].concat()), "HTTP/1.1 400");
        let line = server.expect_said("net.proxy_protocol");
        assert!(line.contains("WARN") && line.contains("127.0.0.1"), "{line}");
    }
    let server = Running::start(&["--tls-cert", &file, "--tls-key", &key]);
    // a method of HTTP that begins alike
    assert_eq!(ask(&server, "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400");
    server.signal("TERM");
    assert!(!server.end().1.contains("net.proxy_protocol"), "that is no proxy");
}

#[test]
fn a_proxy_that_is_everybody_is_told_at_the_start() {
    for (proxies, is_told) in
        [("[\"0.0.0.0/0\"]", true), ("\"10.0.0.0/8,::/0\"", true), ("[\"10.0.0.0/8\", \"::1\"]", false)]
    {
        let (_scratch, server) = with(&format!("net.proxies = {proxies}"));
        server.expect_said("serving");
        server.signal("TERM");
        let (_, stderr) = server.end();
        let line = stderr.lines().find(|line| line.contains("net.proxies"));
        assert_eq!(line.is_some_and(|line| line.contains("WARN") && line.contains("/0")), is_told, "{stderr}");
    }
}

#[test]
fn a_proxy_without_its_header_is_told() {
    let (_scratch, server) = with("[net]\nproxies = \"127.0.0.1\"\nproxy_protocol = true");
    for _ in 0..5 {
        assert_eq!(ask(&server, upgrade("")), "");
    }
    expect_one_warning(server, &["net.proxy_protocol", "net.proxies", "127.0.0.1", "send-proxy-v2"]);
}
