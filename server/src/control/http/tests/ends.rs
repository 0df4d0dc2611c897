//! How connections end: at the peer's wish, in a crowd, for want of a place, with the server.

use super::*;

/// More than the kernel's buffers take, so that its answer is on its way for as long as the client wants.
static LARGE: [u8; 16 << 20] = [b'x'; 16 << 20];

fn plain_with_a_large_page() -> Arc<Plain> {
    static FILES: [DirEntry<'_>; 1] = [DirEntry::File(File::new("index.html", &LARGE))];
    static ROOT: Dir<'static> = Dir::new("", &FILES);
    Arc::new(Plain::new(Site::embedded(&ROOT)))
}

/// As `printf ... | nc -N` does, and HTTP/1.0 clients that mark the request's end so.
#[test]
fn who_closes_the_sending_half_still_gets_the_answer() {
    for request in [
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        for cut in [0, request.len() / 2, request.len()] {
            let (mut client, stream) = pair();
            let (read, rest) = request.as_bytes().split_at(cut);
            client.write_all(rest).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // the end of the request is there before anybody looks
            runtime().block_on(serve(FOREVER, stream.into(), read.into(), plain()));
            let answer = the_rest(&mut client);
            assert!(answer.contains(" 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{request}: {answer}");
        }
    }
    let mut client = connect(&plain_with_a_large_page(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.shutdown(Shutdown::Write).unwrap();
    assert!(the_rest(&mut client).len() > LARGE.len(), "a long answer arrives whole too");
}

/// A reset would come back, and on many systems take the answer with it.
#[test]
fn who_goes_on_talking_behind_the_answer_is_not_reset() {
    let mut client = connect(&plain(), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
    assert!(the_rest(&mut client).starts_with("HTTP/1.1 405 "));
    for _ in 0..3 {
        client.write_all(&[b'x'; 20_000]).expect("somebody listens");
        thread::sleep(Duration::from_millis(50));
    }
    let mut client = connect(&plain(), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    assert!(the_rest(&mut client).starts_with("HTTP/1.1 405 "));
    let endless = std::iter::repeat_with(|| client.write_all(&[b'x'; 20_000]));
    assert!(endless.take(1_000).any(|written| written.is_err()), "not for ever");
}

#[test]
fn in_a_crowd_a_connection_is_for_one_answer() {
    let plain = plain();
    let others: Vec<Permit> =
        (0..admission::ALL_MAX / 2).map(|_| plain.admit(Ipv4Addr::LOCALHOST.into()).unwrap()).collect();
    let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    // the client does not ask for the end
    let answer = exchange(&plain, request.as_bytes(), b"");
    assert_eq!(field(&answer, "connection"), Some("close"), "{answer}");
    drop(others);
    let answer = exchange(&plain, request.as_bytes(), format!("GET / HTTP/1.1\r\n{LAST}").as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
    assert_eq!(field(&answer, "connection"), None, "{answer}");
}

#[test]
fn who_finds_no_place_is_told_to_come_again() {
    let request = format!("GET / HTTP/1.1\r\n{LAST}");
    for (read, rest) in [(request.as_str(), ""), (&request, "more that nobody reads"), ("", "")] {
        let (mut client, stream) = pair();
        client.write_all(rest.as_bytes()).unwrap();
        let read = read.as_bytes().to_vec();
        let told = thread::spawn(move || runtime().block_on(shed(stream.into(), read, plain())));
        let answer = the_rest(&mut client);
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert_eq!(field(&answer, "Retry-After"), Some("1"));
        assert_eq!(field(&answer, "Connection"), Some("close"));
        assert_eq!(field(&answer, "Content-Length"), Some(body(&answer).len().to_string().as_str()));
        assert_eq!(body(&answer).lines().count(), 1);
        drop(client);
        told.join().unwrap();
    }
    let (mut client, stream) = pair();
    client.shutdown(Shutdown::Write).unwrap();
    runtime().block_on(shed(stream.into(), b"HEAD / HTTP/1.1\r\n\r\n".to_vec(), plain()));
    assert_eq!(body(&the_rest(&mut client)), "", "HEAD has no body");
}

#[test]
fn those_who_are_told_are_few_and_soon_gone() {
    let plain = plain();
    let (mut stays, stream) = pair();
    // it returns although the peer stays: that is the test
    runtime().block_on(shed(stream.into(), Vec::new(), Arc::clone(&plain)));
    assert!(the_rest(&mut stays).starts_with("HTTP/1.1 503 "));
    let busy = plain.shedding.try_acquire_many(shed::SHEDDING_MAX as u32).unwrap();
    let (mut beyond, stream) = pair();
    runtime().block_on(shed(stream.into(), Vec::new(), Arc::clone(&plain)));
    assert_eq!(the_rest(&mut beyond), "");
    drop(busy);
}

#[test]
fn a_server_that_stops_is_not_healthy() {
    let plain = plain();
    plain.stop();
    // read whole, or with a half still to come; the client does not ask for the end
    let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for cut in [request.len(), 20] {
        let (read, rest) = request.split_at(cut);
        let answer = exchange(&plain, read, rest);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(field(&answer, "connection"), Some("close"));
        assert_eq!(body(&answer), "stopping\n");
    }
}

#[test]
fn a_stop_ends_idle_connections() {
    let plain = plain();
    let mut client = connect(&plain, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(!runtime().block_on(plain.drained(Duration::from_millis(1))), "it is kept");
    plain.stop();
    assert_eq!(the_rest(&mut client), "");
    assert!(runtime().block_on(plain.drained(FOREVER)));
}

#[test]
fn a_stop_lets_an_answer_arrive_whole() {
    let plain = plain_with_a_large_page();
    let mut client = connect(&plain, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_exact(&mut [0; 1]).unwrap();
    plain.stop();
    assert!(!runtime().block_on(plain.drained(Duration::from_millis(1))), "an answer is on its way");
    let answer = the_rest(&mut client);
    assert_eq!(body(&answer).len(), LARGE.len());
    assert!(runtime().block_on(plain.drained(FOREVER)));
}

#[test]
fn a_peer_that_leaves_early_ends_the_service() {
    let (client, stream) = pair();
    client.shutdown(Shutdown::Both).unwrap();
    let plain = plain();
    let permit = plain.admit(Ipv4Addr::LOCALHOST.into()).unwrap();
    runtime().block_on(serve_plain(
        stream.into(),
        b"GET / HT".to_vec(),
        (Arc::clone(&plain), Ipv4Addr::LOCALHOST.into()),
        permit,
    ));
    assert!(runtime().block_on(plain.drained(FOREVER)), "its place is free");
}

#[test]
fn silence_ends_the_connection() {
    for read in ["", "GET / HTTP/1.1\r\nHost: a\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let (_silent, stream) = pair();
        // it returns although the peer stays: that is the test
        runtime().block_on(serve(Duration::from_millis(20), stream.into(), read.into(), plain()));
    }
}
