//! The examples from outside: how they stop, and what they say when they cannot run. `cargo test` builds them.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_tickwire")).with_file_name("examples").join(name);
    assert!(beside.exists(), "{} is not there: run cargo build -p tickwire-server --examples", beside.display());
    beside
}

/// As a shell starts it with `&` in a script: deaf to Ctrl-C.
fn in_background(name: &str, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("trap '' INT; exec \"$0\" {arguments}")).arg(program(name));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ended when the test is over.
struct Running(Child, SocketAddr);

impl Running {
    fn start(name: &str, arguments: &str) -> Self {
        let mut child = in_background(name, arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("://").and_then(|(_, rest)| rest.trim_end().trim_end_matches('/').parse().ok());
        Self(child, address.unwrap_or_else(|| panic!("no address in {line:?}")))
    }

    /// The exit code after this signal.
    fn end_with(self, signal: &str) -> Option<i32> {
        let status = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.end()
    }

    fn end(mut self) -> Option<i32> {
        let given_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < given_up, "it should end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nothing to do for one that has ended
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Exit code 2 and one sentence, which is returned.
fn refusal(name: &str, arguments: &str) -> String {
    let Output { status, stderr, .. } = in_background(name, arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn what_a_player_feels_reaches_its_goals() {
    let output = Command::new(program("lab")).arg("30").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("corrections") && !said.contains("MISS"), "{said}");
    let output = Command::new(program("lab")).arg("an hour").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MINUTES"));
}

#[test]
fn both_signals_stop_a_server_in_the_background() {
    for name in ["ws_echo", "ws_tick"] {
        for signal in ["INT", "TERM"] {
            let server = Running::start(name, "");
            let mut client = TcpStream::connect(server.1).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                           Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            client.write_all(upgrade.as_bytes()).unwrap();
            client.read_exact(&mut [0; 12]).unwrap();
            assert_eq!(server.end_with(signal), Some(0), "{name} {signal}");
            let mut said = Vec::new();
            // it may end with a reset
            let _ = client.read_to_end(&mut said);
            assert!(said.windows(4).any(|bytes| bytes == [0x88, 18, 0x03, 0xE9]), "{name}: no close with 1001");
        }
    }
}

#[test]
fn a_port_in_use_is_told_with_the_way_out() {
    for name in ["ws_echo", "ws_tick"] {
        let first = Running::start(name, "");
        let said = refusal(name, &format!("--port {}", first.1.port()));
        assert!(said.starts_with(&format!("{name}: cannot listen on {}: the port is in use; ", first.1)), "{said}");
    }
}

/// What Rust prints of it: the word, and the error as it is for debugging.
#[test]
fn a_main_that_returns_its_error_tells_it_in_words() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let main = || -> Result<(), Box<dyn std::error::Error>> {
        tickwire_server::Server::bind(tickwire_server::Config { listen, ..Default::default() })?;
        Ok(())
    };
    let said = format!("Error: {:?}", main().unwrap_err());
    assert!(said.starts_with(&format!("Error: cannot listen on {listen}: the port is in use; ")), "{said}");
}

#[test]
fn a_measurement_that_cannot_be_made_says_why() {
    let own = std::process::id();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let says = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let said = refusal("ws_idle", &format!("--address {address} --pid {own}"));
    assert!(said.contains(&format!("connection 1 to {address}: ")) && said.contains("403 Forbidden"), "{said}");
    says.join().unwrap();
    // nobody listens any more
    let said = refusal("ws_idle", &format!("--address {address} --pid {own}"));
    assert!(said.contains(&format!("connection 1 to {address}: connecting: ")), "{said}");
    let said = refusal("ws_idle", &format!("--address {address} --pid 4294967295"));
    assert!(said.contains("--pid 4294967295"), "{said}");
}
