//! The `tickwire` binary from outside: what it says, where, and with which exit code.
#![cfg(unix)]

#[path = "net/certificate.rs"]
mod certificate;
#[path = "command_line/certificates.rs"]
mod certificates;
#[path = "command_line/complaints.rs"]
mod complaints;
#[path = "command_line/ending.rs"]
mod ending;
#[path = "command_line/settings.rs"]
mod settings;
#[path = "command_line/tls.rs"]
mod tls;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Only so that a fault fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Without the settings of whoever runs the tests.
fn tickwire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TICKWIRE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs to the end and must not start: exit code 2, nothing on stdout, one sentence on stderr, which is returned.
fn refusal(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = text(&stderr);
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert_eq!(text(&stdout), "");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.strip_prefix("tickwire: ").unwrap_or_else(|| panic!("{stderr}")).trim_end().to_owned()
}

/// A server that is up, ended when the test is over.
struct Running {
    child: Child,
    first_line: String,
    address: SocketAddr,
    /// What it has said on stderr, collected by `reader`.
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = tickwire(arguments).args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        let address = first_line.split_once("://").and_then(|(_, rest)| rest.trim_end().strip_suffix('/'));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {first_line:?}"));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (said, mut lines) = (Arc::clone(&stderr), BufReader::new(child.stderr.take().unwrap()));
        let reader = thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                *said.lock().unwrap() += &line;
                line.clear();
            }
        });
        Self { child, first_line, address, stderr, reader: Some(reader) }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // only so that a fault fails instead of hanging
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until `words` are in a line of stderr, and returns that.
    fn expect_said(&self, words: &str) -> String {
        let given_up = Instant::now() + PATIENCE;
        loop {
            let said = self.stderr.lock().unwrap().clone();
            if let Some(line) = said.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains(words)) {
                return line.to_owned();
            }
            assert!(Instant::now() < given_up, "{words:?} is not in {said}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The exit code and all of stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let given_up = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                // dropping self then kills the server
                None => assert!(Instant::now() < given_up, "the server should end after a signal"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        self.reader.take().unwrap().join().unwrap();
        let stderr = self.stderr.lock().unwrap().clone();
        (status.code(), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nothing to do for one that has ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file or folder that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, contents: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_first_line_is_the_address_to_open() {
    let server = Running::start(&[]);
    assert!(server.first_line.starts_with("Tickwire hosts Arena: open http://127.0.0.1:"), "{}", server.first_line);
    assert!(server.get("/healthz").ends_with("\r\n\r\nok\n"));
    let page = server.get("/");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<!doctype html>"), "{page}");
    assert!(server.get("/../Cargo.toml").starts_with("HTTP/1.1 404 "));
    assert!(server.get("/ws").starts_with("HTTP/1.1 426 "));
}

#[test]
fn a_request_whose_sender_closes_its_half_is_answered() {
    let server = Running::start(&[]);
    for version in ["1.0", "1.1"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET /healthz HTTP/{version}\r\nHost: a\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "HTTP/{version}: {answer:?}");
    }
}

/// There are 256 places, and a connection is kept for seconds after its answer.
#[test]
fn idle_connections_do_not_take_the_page_away() {
    let server = Running::start(&[]);
    let mut idle = Vec::new();
    for index in 0..300 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(text(&status), "HTTP/1.1 200", "connection {index}");
        idle.push(stream);
    }
    assert!(server.get("/").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn signals_end_it_well() {
    for signal in ["TERM", "INT"] {
        let server = Running::start(&[]);
        server.signal(signal);
        let (code, stderr) = server.end();
        assert_eq!(code, Some(0), "{signal}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_hangup_is_only_for_certificates() {
    let server = Running::start(&[]);
    server.signal("HUP");
    server.expect_said("there is no certificate to read anew");
    assert!(server.get("/healthz").ends_with("\r\n\r\nok\n"));
}

#[test]
fn sigusr1_logs_where_the_bytes_went() {
    let server = Running::start(&[]);
    server.signal("USR1");
    server.expect_said("where the bytes went");
    server.expect_said("0 frames of 0.0 bytes");
    server.expect_said("who is there, who changed");
    assert!(server.get("/healthz").ends_with("\r\n\r\nok\n"));
}

#[test]
fn it_ends_well_while_somebody_holds_a_connection() {
    let server = Running::start(&[]);
    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.write_all(b"GET / HT").unwrap();
    server.signal("TERM");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let other_program = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other_program.local_addr().unwrap().to_string();
    let sentence = refusal(tickwire(&["--listen", &address]));
    let expected = format!("cannot listen on {address}: the port is in use; ");
    assert!(sentence.starts_with(&expected) && sentence.contains("--listen"), "{sentence}");
}

/// Reactors share their port, but two servers must not: half of the players would land in the other.
#[test]
fn a_second_server_on_the_same_port_is_refused() {
    for reactors in ["1", "3"] {
        let first = Running::start(&["--reactors", reactors]);
        let address = first.address.to_string();
        for other in ["1", "3"] {
            let sentence = refusal(tickwire(&["--listen", &address, "--reactors", other]));
            assert!(sentence.starts_with(&format!("cannot listen on {address}: the port is in use; ")), "{sentence}");
        }
    }
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it
    let sentence = refusal(tickwire(&["--listen", "192.0.2.1:7777"]));
    assert!(sentence.starts_with("cannot listen on 192.0.2.1:7777: "), "{sentence}");
    assert!(!sentence.contains("in use"), "{sentence}");
}

#[test]
fn wrong_arguments_are_one_sentence_that_says_what_to_do() {
    for (arguments, expected) in [
        (&["--lissten", "127.0.0.1:0"][..], "there is no --lissten; did you mean --listen?"),
        (&["--bogus"], "there is no --bogus; tickwire --help lists the flags"),
        (&["-p", "80"], "there is no -p; tickwire --help lists the flags"),
        (&["serve"], "\"serve\" stands alone, and only flags are taken; tickwire --help lists them"),
        (
            &["--log", "info", "a\nb\u{1b}"],
            "\"a\\nb\\u{1b}\" stands alone, and only flags are taken; tickwire --help lists them",
        ),
        (&["--listen"], "--listen needs a value; tickwire --help shows which"),
        (&["--log", "--listen", "127.0.0.1:0"], "--log needs a value; tickwire --help shows which"),
        (&["--log", "info", "--log", "warn"], "--log is given twice; keep one"),
        (&["--help=all"], "--help takes no value; give it alone"),
    ] {
        assert_eq!(refusal(tickwire(arguments)), expected, "{arguments:?}");
    }
    let mut no_text = tickwire(&["--listen"]);
    no_text.arg(std::os::unix::ffi::OsStrExt::from_bytes(b"\xff") as &std::ffi::OsStr);
    assert!(refusal(no_text).contains("UTF-8"));
}

#[test]
fn wrong_values_of_flags_exit_with_two() {
    let sentence = refusal(tickwire(&["--listen", "7777"]));
    assert!(
        sentence.starts_with("--listen 7777 is not allowed; ") && sentence.contains("127.0.0.1:7777"),
        "{sentence}"
    );
    let sentence = refusal(tickwire(&["--tick-threads", "0"]));
    assert!(sentence.starts_with("--tick-threads 0 is not allowed; "), "{sentence}");
    let sentence = refusal(tickwire(&["--log", "loud=very"]));
    assert!(sentence.starts_with("--log loud=very is not allowed; "), "{sentence}");
    let sentence = refusal(tickwire(&["--log", "inof"]));
    assert!(sentence.starts_with("--log inof is not allowed; ") && sentence.ends_with("info?"), "{sentence}");
}

#[test]
fn an_unknown_key_names_file_line_and_key() {
    let scratch = Scratch::new("unknown-key");
    let file = scratch.file("tickwire.toml", "rooms_max = 5\n\n[net]\nping_interval = 5\n");
    assert_eq!(
        refusal(tickwire(&["--config", &file])),
        format!("{file}, line 4: there is no key net.ping_interval; did you mean net.ping_interval_ms?")
    );
    let mut by_variable = tickwire(&[]);
    by_variable.env("TICKWIRE_CONFIG", &file);
    assert!(refusal(by_variable).contains("line 4"));
    // an empty variable is none, and the next fault is told
    let mut by_nothing = tickwire(&["--listen", "7777"]);
    by_nothing.env("TICKWIRE_CONFIG", "");
    assert!(refusal(by_nothing).starts_with("--listen 7777 "));
    assert!(refusal(tickwire(&["--config", "/no/such.toml"])).contains("/no/such.toml"));
}

#[test]
fn a_wrong_variable_is_named() {
    let mut command = tickwire(&[]);
    command.env("TICKWIRE_ROOMS_MAX", "many");
    let sentence = refusal(command);
    assert!(sentence.starts_with("TICKWIRE_ROOMS_MAX=many is not allowed; "), "{sentence}");
}

#[test]
fn a_missing_page_is_named() {
    let sentence = refusal(tickwire(&["--assets", "/no/such/folder"]));
    assert!(sentence.starts_with("there is no folder /no/such/folder"), "{sentence}");
    let scratch = Scratch::new("no-index");
    let sentence = refusal(tickwire(&["--assets", scratch.0.to_str().unwrap()]));
    assert!(sentence.contains("has no index.html"), "{sentence}");
}

#[test]
fn half_a_certificate_and_a_missing_one_are_named() {
    let sentence = refusal(tickwire(&["--tls-cert", "cert.pem"]));
    assert!(sentence.starts_with("tls_cert needs tls_key beside it"), "{sentence}");
    let sentence = refusal(tickwire(&["--tls-cert", "/no/such/cert.pem", "--tls-key", "/no/such/key.pem"]));
    assert!(sentence.starts_with("cannot read certificates from /no/such/cert.pem"), "{sentence}");
}

#[test]
fn ones_own_page_is_served() {
    let scratch = Scratch::new("own-page");
    scratch.file("index.html", "my game");
    let server = Running::start(&["--assets", scratch.0.to_str().unwrap()]);
    assert!(server.get("/").ends_with("\r\n\r\nmy game"));
}

#[test]
fn help_teaches_and_version_tells() {
    let Output { status, stdout, stderr } = tickwire(&["--help"]).output().unwrap();
    assert!(status.success() && stderr.is_empty());
    let help = text(&stdout);
    for taught in [
        "Examples:",
        "tickwire --listen 0.0.0.0:7777",
        "TICKWIRE_NET_PING_INTERVAL_MS",
        "net.message_max_bytes",
        "longest message of a client (1024 to 1048576)",
        "(1048576 to 1099511627776)",
        "--tick-threads <N>",
        "--tls-cert cert.pem --tls-key key.pem",
        "SIGHUP",
        "SIGUSR1",
    ] {
        assert!(help.contains(taught), "{taught} is not in {help}");
    }
    assert!(text(&tickwire(&["-h"]).output().unwrap().stdout).contains("Examples:"));
    let version = tickwire(&["--version"]).output().unwrap();
    assert_eq!(text(&version.stdout), format!("tickwire {}\n", env!("CARGO_PKG_VERSION")));
}
