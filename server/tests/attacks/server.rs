//! A server as a process: how it is started, and what the system tells of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::certificate::Certificate;
use crate::echo;

/// Of what a server logs, so much is kept to be looked at.
const LOG_MAX_BYTES: usize = 64 * 1024;

/// `/proc/PID/stat` counts in these on every Linux (`USER_HZ`).
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// What it serves, which decides what a bystander says to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The network layer with a handler that echoes, see [`echo`].
    Echo,
    /// `tickwire` with Arena.
    Game,
}

/// A process that ends with this value.
pub struct Server {
    pub kind: Kind,
    pub addr: SocketAddr,
    /// It speaks TLS with this one.
    pub certificate: Option<Certificate>,
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// The network layer alone with its default limits, and `options` as [`echo`] takes them.
    pub fn echo(options: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg(echo::ARGUMENT).args(options);
        Self::start(Kind::Echo, command)
    }

    /// The real server with its default limits; `variables` without `TICKWIRE_`.
    pub fn tickwire(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        command.args(["--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().map(|(name, value)| (format!("TICKWIRE_{name}"), value)));
        Self::start(Kind::Game, command)
    }

    /// The real server, which may open so many descriptors.
    pub fn tickwire_with_descriptors(max: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {max}; exec \"$0\" --listen 127.0.0.1:0");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tickwire")]);
        Self::start(Kind::Game, command)
    }

    /// Like [`Server::echo`], over TLS.
    pub fn echo_over_tls() -> Self {
        let certificate = Certificate::new();
        let options = [("certificate", certificate.file()), ("key", certificate.key_file())];
        let options = options.map(|(name, file)| format!("{name}={}", file.display()));
        let mut server = Self::echo(&options.each_ref().map(String::as_str));
        server.certificate = Some(certificate);
        server
    }

    /// Like [`Server::tickwire`], over TLS.
    pub fn tickwire_over_tls() -> Self {
        let certificate = Certificate::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        command.args(["--listen", "127.0.0.1:0"]);
        command.env("TICKWIRE_TLS_CERT", certificate.file()).env("TICKWIRE_TLS_KEY", certificate.key_file());
        let mut server = Self::start(Kind::Game, command);
        server.certificate = Some(certificate);
        server
    }

    fn start(kind: Kind, mut command: Command) -> Self {
        // else glibc keeps most of what is freed, and nobody could tell it from what is held
        command.envs([("MALLOC_MMAP_THRESHOLD_", "16384"), ("MALLOC_TRIM_THRESHOLD_", "16384")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server tells its address");
        let addr = line.split_once("://").and_then(|(_, rest)| rest.trim_end().trim_end_matches('/').parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("no address in {line:?}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (mut stderr, kept) = (child.stderr.take().expect("it is piped"), Arc::clone(&log));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut piece) {
                let mut kept = kept.lock().expect("nobody panics with it");
                let room = LOG_MAX_BYTES.saturating_sub(kept.len());
                kept.extend_from_slice(&piece[..count.min(room)]);
            }
        });
        Self { kind, addr, certificate: None, child, log }
    }

    /// It runs, and nothing in it panicked.
    pub fn expect_alive(&mut self) {
        let ended = self.child.try_wait().expect("it is our child");
        let log = String::from_utf8_lossy(&self.log.lock().expect("nobody panics with it")).into_owned();
        assert!(ended.is_none(), "the server ended with {ended:?}: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }

    /// Resident memory now.
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most that it ever was.
    pub fn resident_most_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("the server runs").count()
    }

    /// Time on a processor, of all threads, so far: in the program and in the kernel.
    pub fn processor_times(&self) -> (Duration, Duration) {
        let stat = fs::read_to_string(self.proc("stat")).expect("the server runs");
        // proc(5): user and system time are the fields 14 and 15; the name, which is the second, may have spaces
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let mut times = behind_name.split_whitespace().skip(11).filter_map(|field| field.parse().ok());
        let mut time = || CLOCK_TICK * times.next().expect("they are numbers");
        (time(), time())
    }

    /// Both together.
    pub fn processor_time(&self) -> Duration {
        let (program, kernel) = self.processor_times();
        program + kernel
    }

    /// How long its threads have worked, and how long they were ready to and had no processor. Nothing where the system
    /// does not tell.
    pub fn worked_and_waited(&self) -> (Duration, Duration) {
        let (mut worked, mut waited) = (Duration::ZERO, Duration::ZERO);
        for thread in fs::read_dir(self.proc("task")).into_iter().flatten().flatten() {
            let times = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let mut times = times.split_whitespace().filter_map(|ns| ns.parse().ok()).map(Duration::from_nanos);
            worked += times.next().unwrap_or_default();
            waited += times.next().unwrap_or_default();
        }
        (worked, waited)
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("the server runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("Linux tells it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nothing to do for one that has ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until `is_so`, but no longer than `patience`. Says whether it came.
pub fn wait_for(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + patience;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// An echo of bytes in this process: how long the machine itself takes for a round trip.
pub fn plain_echo() -> SocketAddr {
    use std::io::Write as _;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0; 64];
        loop {
            match stream.read(&mut bytes)? {
                0 => return Ok::<_, std::io::Error>(()),
                count => stream.write_all(&bytes[..count])?,
            }
        }
    });
    addr
}
