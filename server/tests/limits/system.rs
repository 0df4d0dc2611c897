//! What the program takes from the system, and what it says when that gives too little.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program under these limits of descriptors, with these variables.
fn tickwire(soft: u32, hard: u32, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_tickwire");
    command.args(["-c", &format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec {program} --listen 127.0.0.1:0")]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKWIRE_")) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ended when the test is over.
struct Program(Child, SocketAddr);

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").and_then(|(_, rest)| rest.trim_end().strip_suffix('/')?.parse().ok());
        let address = address.unwrap_or_else(|| {
            let mut said = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
            panic!("no address in {line:?}: {said}")
        });
        Self(child, address)
    }

    fn ask(&mut self) -> TcpStream {
        let mut socket = TcpStream::connect(self.1).unwrap_or_else(|error| self.refused(&error));
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.write_all(b"GET /ws HTTP/1.1\r\n").unwrap();
        socket
    }

    /// A connection after all, if the program lives; else its last words.
    fn refused(&mut self, error: &std::io::Error) -> TcpStream {
        std::thread::sleep(Duration::from_secs(1));
        if let Some(status) = self.0.try_wait().unwrap() {
            let mut said = String::new();
            self.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
            panic!("{error}: the program ended with {status}: {said}");
        }
        TcpStream::connect(self.1).unwrap()
    }

    /// What it has said until its end, which comes now.
    fn end(mut self) -> String {
        self.0.kill().unwrap();
        let mut said = String::new();
        self.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Finishes the request: the status, unless the connection is dropped.
fn finish(mut socket: TcpStream) -> Option<String> {
    socket.write_all(b"Host: a\r\n\r\n").ok()?;
    let mut status = [0; 12];
    socket.read_exact(&mut status).ok()?;
    Some(String::from_utf8_lossy(&status[9..]).into_owned())
}

fn statuses(answers: impl Iterator<Item = TcpStream>) -> Vec<String> {
    answers
        .map(|mut socket| {
            let mut status = [0; 12];
            socket.read_exact(&mut status).unwrap();
            String::from_utf8_lossy(&status[9..]).into_owned()
        })
        .collect()
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_and_256_are_left() {
    // 300 - 256 is less than half of it, which it takes then: 150
    let mut program = Program::start(tickwire(40, 300, &[("TICKWIRE_NET_HANDSHAKE_TIMEOUT_MS", "60000")]));
    let held: Vec<TcpStream> = (0..150).map(|_| program.ask()).collect();
    let late = program.ask();
    assert_eq!(statuses([late].into_iter()), ["503"], "all places are taken");
    // each of those who hold one gets an answer: they were accepted
    let finished = held.into_iter().map(|mut socket| {
        socket.write_all(b"Host: a\r\n\r\n").unwrap();
        socket
    });
    let answered = statuses(finished);
    assert_eq!(answered.iter().filter(|status| *status == "426").count(), 150, "{answered:?}");
}

#[test]
fn when_descriptors_run_out_one_in_a_tenth_of_a_second_is_turned_away() {
    let variables = [("TICKWIRE_NET_HANDSHAKE_TIMEOUT_MS", "60000"), ("TICKWIRE_NET_CLOSE_TIMEOUT_MS", "60000")];
    let mut program = Program::start(tickwire(64, 64, &variables));
    // half of the descriptors are for connections, the others for those who hear 503 and stay, until there are none
    let mut guests: Vec<TcpStream> = (0..32).map(|_| program.ask()).collect();
    let mut told = 0;
    let told_or_dropped = |mut socket: TcpStream| {
        let mut head = [0; 12];
        let heard = socket.read_exact(&mut head).is_ok();
        assert!(!heard || head.ends_with(b"503"), "{}", String::from_utf8_lossy(&head));
        heard.then_some(socket)
    };
    // the first is dropped in a pause or before one: from the next on there is one between each two. The program opens
    // files for moments too: while it does one is dropped, and then there is room again
    let (mut staying, mut dropped, mut began) = (Vec::new(), 0, Instant::now());
    while dropped < 6 {
        if let Some(socket) = told_or_dropped(program.ask()) {
            staying.push(socket);
            (told, dropped) = (told + 1, 0);
            assert!(told < 32, "there were only 64 descriptors");
        } else {
            dropped += 1;
            if dropped == 1 {
                began = Instant::now();
            }
        }
    }
    assert!(told > 4, "{told} heard that all places are taken");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(400), "five are turned away after {waited:?}");
    // who leaves makes room
    drop(staying);
    guests.truncate(1);
    let until = Instant::now() + Duration::from_secs(20);
    while finish(program.ask()).as_deref() != Some("426") {
        assert!(Instant::now() < until, "nobody is let in");
    }
    let said = program.end();
    assert_eq!(said.matches("cannot accept connections, pausing").count(), 1, "once in a while: {said}");
}

#[test]
fn more_connections_than_descriptors_are_refused_at_the_start() {
    for (connections, starts) in [("743", true), ("744", true), ("745", false)] {
        let mut command = tickwire(1000, 1000, &[("TICKWIRE_NET_CONNECTIONS_MAX", connections)]);
        if starts {
            drop(Program::start(command));
            continue;
        }
        let Output { status, stderr, .. } = command.output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains("net.connections_max = 745 needs 1001 descriptors"), "{said}");
        assert!(said.contains("may have 1000; "), "{said}");
    }
}

#[test]
fn a_backlog_that_the_kernel_cuts_off_is_remarked() {
    let somaxconn = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let kernel: u32 = somaxconn.trim().parse().unwrap();
    for backlog in [kernel - 1, kernel, kernel + 1].into_iter().filter(|backlog| (1..=65_535).contains(backlog)) {
        let program = Program::start(tickwire(300, 300, &[("TICKWIRE_NET_BACKLOG", &backlog.to_string())]));
        let said = program.end();
        assert_eq!(said.contains("net.core.somaxconn"), backlog > kernel, "{backlog}: {said}");
    }
}

#[test]
fn a_proxy_protocol_without_proxies_is_remarked() {
    let variables = [("TICKWIRE_NET_PROXY_PROTOCOL", "true"), ("TICKWIRE_NET_PROXIES", "")];
    let said = Program::start(tickwire(300, 300, &variables)).end();
    assert!(said.contains("net.proxies"), "{said}");
    let variables = [("TICKWIRE_NET_PROXY_PROTOCOL", "true"), ("TICKWIRE_NET_PROXIES", "10.0.0.0/8")];
    let said = Program::start(tickwire(300, 300, &variables)).end();
    assert!(!said.contains("net.proxies"), "{said}");
}
