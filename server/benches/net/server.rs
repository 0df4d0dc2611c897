//! A server's process: on its own core, and what it has used so far.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::peer::{HZ, Job, Peer};

/// Ends with its value.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
}

/// CPU time of a process since it began.
#[derive(Clone, Copy)]
pub struct Cpu {
    /// User and system, exact.
    pub ns: u64,
    /// The share of it that was in user mode, as the system's clock ticks saw it.
    user_ticks: u64,
    system_ticks: u64,
}

/// What was used between two readings.
#[derive(Clone, Copy)]
pub struct Used {
    pub ns: f64,
    pub user_ns: f64,
}

impl Cpu {
    pub fn since(self, earlier: Self) -> Used {
        let ns = (self.ns - earlier.ns) as f64;
        let user = (self.user_ticks - earlier.user_ticks) as f64;
        let system = (self.system_ticks - earlier.system_ticks) as f64;
        Used { ns, user_ns: if user + system > 0.0 { ns * user / (user + system) } else { 0.0 } }
    }
}

impl Server {
    /// Starts a server on the server's core, and goes to the load's.
    pub fn start(peer: Peer, job: Job) -> io::Result<Self> {
        let (server_core, load_core) = cores();
        pin(server_core)?;
        let child = command(peer, job)?.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        pin(load_core)?;
        let mut child = child?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let addr = line.trim().trim_start_matches("ws://").trim_end_matches('/').parse();
        let addr = addr.map_err(|_| io::Error::other(format!("said {line:?} instead of its address")));
        let mut server = Self { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.addr = addr?;
        Ok(server)
    }

    /// What it has used until now, all threads.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let mut ns = 0;
        for thread in fs::read_dir(process.join("task"))? {
            // a thread that has just ended takes its time with it; servers here start theirs once
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            ns += first_number(&text).ok_or_else(|| io::Error::other("schedstat without a number"))?;
        }
        let stat = fs::read_to_string(process.join("stat"))?;
        // behind the name, which may hold anything
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        let mut next = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
        Ok(Cpu { ns, user_ticks: next(), system_ticks: next() })
    }

    /// Resident bytes that are not a file's.
    pub fn anonymous_bytes(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        let kib = line.and_then(first_number).ok_or_else(|| io::Error::other("smaps_rollup without Anonymous"))?;
        Ok(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(peer: Peer, job: Job) -> io::Result<Command> {
    let this = std::env::current_exe()?;
    if peer != Peer::Tickwire {
        let mut command = Command::new(this);
        let name = clap::ValueEnum::to_possible_value(&peer).map(|value| value.get_name().to_owned());
        command.args(["--serve", &name.unwrap_or_default(), &job.to_string()]);
        return Ok(command);
    }
    let examples = this.parent().and_then(|deps| deps.parent()).map(|profile| profile.join("examples"));
    let examples = examples.ok_or_else(|| io::Error::other("a benchmark outside of a target folder"))?;
    let mut command = Command::new(examples.join(if job == Job::Echo { "ws_echo" } else { "ws_tick" }));
    if let Job::Tick { bytes } = job {
        command.args(["--hz", &HZ.to_string(), "--bytes", &bytes.to_string()]);
    }
    Ok(command)
}

/// The server's core and the load's; the same if there is only one.
pub fn cores() -> (usize, usize) {
    let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    // remembered, since `start` narrows what is allowed
    static CORES: std::sync::OnceLock<(usize, usize)> = std::sync::OnceLock::new();
    *CORES.get_or_init(|| {
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let first = cores.next().unwrap_or(0);
        // the first core has most of a machine's interrupts
        (cores.next().unwrap_or(first), first)
    })
}

fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
