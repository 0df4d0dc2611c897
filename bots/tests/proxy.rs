//! The proxy between real sockets, as a program and as a part of the library.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tickwire_bots::link::Conditions;
use tickwire_bots::proxy::{Carried, Proxy};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A proxy in front of what listens here, on a thread that lives as long as the test.
fn proxy(to: SocketAddr, conditions: Conditions) -> SocketAddr {
    counting_proxy(to, conditions).0
}

fn counting_proxy(to: SocketAddr, conditions: Conditions) -> (SocketAddr, Arc<Carried>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let proxy = {
        let _inside = runtime.enter();
        Proxy::bind("127.0.0.1:0".parse().expect("an address"), &to.to_string(), conditions, 1).expect("a free port")
    };
    let (addr, carried) = (proxy.addr(), proxy.carried());
    thread::spawn(move || runtime.block_on(proxy.run()));
    (addr, carried)
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let addr = listener.local_addr().expect("it is bound");
    (listener, addr)
}

/// Both ends of one connection through a proxy.
fn pair(conditions: Conditions) -> (TcpStream, TcpStream) {
    let (listener, to) = listener();
    let near = TcpStream::connect(proxy(to, conditions)).expect("the proxy listens");
    let (far, _) = listener.accept().expect("the proxy connects");
    for stream in [&near, &far] {
        stream.set_read_timeout(Some(PATIENCE)).expect("more than zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("more than zero");
    }
    (near, far)
}

fn conditions(latency: u64) -> Conditions {
    Conditions { latency: ms(latency), ..Conditions::default() }
}

#[test]
fn a_round_trip_takes_the_latency_longer() {
    let (mut near, mut far) = pair(conditions(300));
    let start = Instant::now();
    near.write_all(b"ping").expect("it is taken");
    let mut word = [0; 4];
    far.read_exact(&mut word).expect("it arrives");
    let there = start.elapsed();
    far.write_all(b"pong").expect("it is taken");
    near.read_exact(&mut word).expect("it arrives");
    assert_eq!(&word, b"pong");
    assert!(there >= ms(150) && start.elapsed() >= ms(300), "{there:?} there, {:?} both ways", start.elapsed());
}

#[test]
fn all_bytes_arrive_in_order_whatever_the_link() {
    let bad = Conditions { jitter: ms(5), stall: "5%:20ms".parse().expect("a stall"), ..conditions(10) };
    let (mut near, mut far) = pair(bad);
    let sent: Vec<u8> = (0..400_000_u32).map(|i| (i % 253) as u8).collect();
    let copy = sent.clone();
    let writer = thread::spawn(move || {
        near.write_all(&copy).expect("it is taken");
        near.shutdown(Shutdown::Write).expect("it is open");
        near
    });
    let mut received = Vec::new();
    far.read_to_end(&mut received).expect("it ends");
    assert!(received == sent, "{} bytes arrived of {}", received.len(), sent.len());
    drop(writer.join());
}

#[test]
fn who_has_finished_still_hears_the_answer() {
    let (mut near, mut far) = pair(conditions(20));
    near.write_all(b"question").expect("it is taken");
    near.shutdown(Shutdown::Write).expect("it is open");
    let mut question = String::new();
    far.read_to_string(&mut question).expect("it ends");
    far.write_all(b"answer").expect("the other direction is open");
    drop(far);
    let mut answer = String::new();
    near.read_to_string(&mut answer).expect("it ends");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
}

#[test]
fn a_connection_that_has_ended_at_both_ends_is_over_and_counted() {
    for latency in [0, 20] {
        let (listener, to) = listener();
        let (addr, carried) = counting_proxy(to, conditions(latency));
        let mut near = TcpStream::connect(addr).expect("the proxy listens");
        let (mut far, _) = listener.accept().expect("the proxy connects");
        near.write_all(b"ping").expect("it is taken");
        near.shutdown(Shutdown::Write).expect("it is open");
        far.read_to_end(&mut Vec::new()).expect("it ends");
        far.write_all(b"pongs").expect("it is taken");
        drop(far);
        near.read_to_end(&mut Vec::new()).expect("it ends");
        let (start, count) = (Instant::now(), |bytes: &AtomicU64| bytes.load(Ordering::Relaxed));
        while (count(&carried.up_bytes), count(&carried.down_bytes)) != (4, 5) {
            assert!(start.elapsed() < PATIENCE, "{carried:?}");
            thread::sleep(ms(5));
        }
    }
}

#[test]
fn a_reset_is_carried_over_in_both_directions() {
    for near_breaks in [true, false] {
        let (near, far) = pair(conditions(20));
        let (breaking, mut other) = if near_breaks { (near, far) } else { (far, near) };
        SockRef::from(&breaking).set_linger(Some(Duration::ZERO)).expect("the system can");
        drop(breaking);
        let error = other.read(&mut [0; 16]).expect_err("the connection broke");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "near breaks: {near_breaks}");
    }
}

#[test]
fn a_slow_reader_slows_the_sender() {
    let (mut near, far) = pair(conditions(0));
    near.set_nonblocking(true).expect("the system can");
    let (chunk, mut sent, mut full_since) = (vec![7; 64 * 1024], 0_usize, None::<Instant>);
    let deadline = Instant::now() + PATIENCE;
    // nobody reads: in the end nothing more is taken for a good while
    while full_since.is_none_or(|since| since.elapsed() < ms(500)) {
        match near.write(&chunk) {
            Ok(count) => {
                sent += count;
                full_since = None;
            }
            Err(_) => {
                full_since = full_since.or(Some(Instant::now()));
                thread::sleep(ms(10));
            }
        }
        assert!(sent < 16 * 1024 * 1024, "16 MiB were taken without a reader");
        assert!(Instant::now() < deadline, "it is still being taken after {PATIENCE:?}");
    }
    near.shutdown(Shutdown::Write).expect("it is open");
    let mut far = far;
    let received = std::io::copy(&mut far, &mut std::io::sink()).expect("all that was taken arrives");
    assert_eq!(received as usize, sent);
}

#[test]
fn a_rate_holds_back_what_is_beyond_it() {
    // 100 kB are 0.8 s at 1 Mbit/s
    let (mut near, mut far) = pair(Conditions { rate_bits_per_s: Some(1_000_000), ..Conditions::default() });
    let start = Instant::now();
    let writer = thread::spawn(move || near.write_all(&[1; 100_000]).map(|()| near));
    far.read_exact(&mut vec![0; 100_000]).expect("it arrives");
    assert!(start.elapsed() >= ms(780), "{:?}", start.elapsed());
    drop(writer.join());
}

#[test]
fn without_a_server_the_client_sees_a_reset() {
    let (listener, to) = listener();
    drop(listener);
    let mut near = TcpStream::connect(proxy(to, conditions(0))).expect("the proxy listens");
    near.set_read_timeout(Some(PATIENCE)).expect("more than zero");
    assert_eq!(near.read(&mut [0; 16]).expect_err("nobody is there").kind(), ErrorKind::ConnectionReset);
}

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_tells_its_address_and_carries() {
    let (listener, to) = listener();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"));
    program.args(["proxy", "--listen", "127.0.0.1:0", "--to", &to.to_string(), "--latency", "40ms", "--jitter", "5ms"]);
    program.args(["--stall", "1%:200ms", "--rate", "1mbit", "--seed", "7"]);
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut program = Program(program);
    let mut addr = String::new();
    BufReader::new(program.0.stdout.take().expect("it is piped")).read_line(&mut addr).expect("it is text");
    let mut near = TcpStream::connect(addr.trim()).expect("it listens there");
    near.write_all(b"hi").expect("it is taken");
    let (mut far, _) = listener.accept().expect("the proxy connects");
    far.set_read_timeout(Some(PATIENCE)).expect("more than zero");
    let mut word = [0; 2];
    far.read_exact(&mut word).expect("it arrives");
    assert_eq!(&word, b"hi");
    let mut told = String::new();
    BufReader::new(program.0.stderr.take().expect("it is piped")).read_line(&mut told).expect("it is text");
    assert!(told.contains("40 ms round trip, 5 ms jitter, 1 % of packets stalled by 200 ms, 1 Mbit/s"), "{told}");
}

#[test]
fn wrong_flags_are_one_sentence() {
    for (flags, wanted) in [
        (["--latency", "80"], "--latency 80 is not allowed; it is no duration"),
        (["--rate", "fast"], "--rate fast is not allowed; it is no rate"),
        (["--stall", "200ms"], "--stall 200ms is not allowed; it is no stall"),
        (["--to", "ws://here/ws"], "--to ws://here/ws is not allowed; give a host and a port"),
        (["--listen", "7778"], "--listen 7778 is not allowed; give an address and a port"),
        (["--laten", "80ms"], "there is no --laten; did you mean --latency?"),
        (["--xyzzy", "1"], "there is no --xyzzy; tickwire-bots proxy --help lists the flags"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tickwire-bots")).arg("proxy").args(flags).output();
        let output = output.expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(wanted) && stderr.trim_end().lines().count() == 1, "{wanted:?} is not in: {stderr}");
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let (_listener, taken) = listener();
    let output = Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(["proxy", "--listen", &taken.to_string()])
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(&format!("cannot listen on {taken}")) && stderr.contains("--listen"), "{stderr}");
}
