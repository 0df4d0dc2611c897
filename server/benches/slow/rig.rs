//! The server, its players in one thread, and the phases of the measurement.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{ClockId, clock_gettime};
use tickwire_server::{Config, Running, Server, Site};

use super::peer::{Peer, Reads};
use super::queues::{self, Waiting};
use super::scene::{Circles, age};

/// How often slow players are looked after, and one that reads again is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// One in so many players is a whole client, and so is the one that stands still; the others read heads of frames.
const WHOLE: usize = 50;
/// After a change of phase so much is not counted.
const SETTLE: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);
/// What the stalled one has shown by then after it reads again is looked at.
const WATCH: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub players: usize,
    pub slow: usize,
    pub bytes_per_s: f64,
    /// How long all read, and how long the slow ones read slowly and one stands still.
    pub fair: Duration,
    pub stall: Duration,
    pub rounds: usize,
    pub unacked_max_bytes: Option<usize>,
}

/// What was seen in the phases of one kind.
#[derive(Default, Debug)]
pub struct Seen {
    /// Times from frame to frame of all those who always read, in ms, by the second in which they ended.
    pub intervals_ms: Vec<Vec<f32>>,
    second: Option<Instant>,
    /// CPU time of this process, and the time in which it was used.
    pub cpu: Duration,
    pub time: Duration,
}

impl Seen {
    fn note(&mut self, now: Instant, interval: Duration) {
        if self.second.is_none_or(|began| now >= began + SECOND) {
            self.second = Some(now);
            self.intervals_ms.push(Vec::new());
        }
        self.intervals_ms.last_mut().expect("there is one since").push(ms(interval) as f32);
    }
}

/// What was seen of those who are slow.
#[derive(Default, Debug)]
pub struct Slow {
    /// The most bytes of one connection in the kernel, of the slow ones and of the stalled one: of both ends together.
    pub most_bytes: usize,
    pub stalled_most_bytes: usize,
    /// Ages of the newest state that slow players held, every 50 ms, in ms.
    pub ages_ms: Vec<f32>,
    pub frames: u64,
    pub seconds: f64,
    /// Each time the stalled one reads again.
    pub returns: Vec<Return>,
    /// Frames that a socket did not take whole while some were slow.
    pub left: u64,
    pub withheld: u64,
}

/// The stalled one reads again.
#[derive(Clone, Copy, Default, Debug)]
pub struct Return {
    /// Frames that had waited for it, and their bytes.
    pub old_frames: u32,
    pub old_bytes: usize,
    /// How long it took until the first fresh frame came, and how old that was; ms.
    pub fresh_after_ms: f64,
    pub fresh_age_ms: f64,
    /// How old the first moment was that it showed after it had stood still, and how old the newest state that it had
    /// then; ms.
    pub shown_age_ms: f64,
    pub held_age_ms: f64,
    pub rtt_ms: f64,
}

pub struct Rig {
    server: Running,
    peers: Vec<Peer>,
    last_frame: Vec<Option<Instant>>,
    epoll: std::os::fd::OwnedFd,
    scratch: Vec<u8>,
    plan: Plan,
    pub fair: Seen,
    pub hard: Seen,
    pub slow: Slow,
    /// What the kernel holds, every now and then.
    waiting: Receiver<Waiting>,
}

impl Rig {
    pub fn start(plan: Plan) -> io::Result<Self> {
        let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        config.net.addresses.exempt = vec!["127.0.0.0/8".parse().map_err(io::Error::other)?];
        config.net.unacked_max_bytes = plan.unacked_max_bytes.unwrap_or(config.net.unacked_max_bytes);
        let seats = u16::try_from(plan.players).map_err(io::Error::other)?;
        let server = Server::bind(config).map_err(io::Error::other)?;
        let server = server.start::<Circles>(seats, Site::default()).map_err(io::Error::other)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut peers = Vec::with_capacity(plan.players);
        for at in 0..plan.players {
            let peer = Peer::connect(server.addr(), at, at.is_multiple_of(WHOLE))?;
            epoll::add(&epoll, &peer.socket, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
            peers.push(peer);
        }
        let last_frame = vec![None; plan.players];
        let (fair, hard, slow) = Default::default();
        let (waiting, scratch) = (queues::watch(server.addr().port()), vec![0; 64 * 1024]);
        Ok(Self { server, peers, last_frame, epoll, scratch, plan, fair, hard, slow, waiting })
    }

    /// All phases. `say` is told what goes on.
    pub fn run(&mut self, mut say: impl FnMut(String)) -> io::Result<()> {
        self.phase(SETTLE + Duration::from_secs(1), None)?;
        for round in 1..=self.plan.rounds {
            say(format!("round {round} of {}: everybody reads", self.plan.rounds));
            let mut seen = std::mem::take(&mut self.fair);
            self.phase(self.plan.fair, Some(&mut seen))?;
            self.fair = seen;
            say(format!("round {round} of {}: some read slowly, one does not", self.plan.rounds));
            self.be_slow()?;
        }
        Ok(())
    }

    /// States of whole clients that were wrong, of all players.
    pub fn wrong(&self) -> u64 {
        self.peers.iter().map(Peer::wrong).sum()
    }

    pub fn stop(self) {
        self.server.stop();
    }

    /// The stalled one is the first, then come the slow ones.
    fn be_slow(&mut self) -> io::Result<()> {
        let slow = Reads::Slowly(self.plan.bytes_per_s);
        self.set_reads(Reads::Not, slow)?;
        let (left, withheld) = (self.left(), self.withheld());
        let mut seen = std::mem::take(&mut self.hard);
        self.phase(self.plan.stall, Some(&mut seen))?;
        // it alone, and not when events come
        self.peers[0].reads = Reads::AtOnce;
        let came_back = self.come_back(&mut seen)?;
        self.peers[0].reads = Reads::Not;
        self.slow.returns.push(came_back);
        self.hard = seen;
        self.slow.left += self.left() - left;
        self.slow.withheld += self.withheld() - withheld;
        self.set_reads(Reads::AtOnce, Reads::AtOnce)?;
        self.phase(SETTLE, None)
    }

    fn left(&self) -> u64 {
        self.server.metrics().frames_left.value()
    }

    fn withheld(&self) -> u64 {
        self.server.metrics().frames_withheld.value()
    }

    fn set_reads(&mut self, first: Reads, others: Reads) -> io::Result<()> {
        for at in 0..=self.plan.slow {
            let reads = if at == 0 { first } else { others };
            let peer = &mut self.peers[at];
            let had_events = peer.reads == Reads::AtOnce;
            let data = epoll::EventData::new_u64(at as u64);
            match (had_events, reads == Reads::AtOnce) {
                (true, false) => epoll::delete(&self.epoll, &peer.socket)?,
                (false, true) => epoll::add(&self.epoll, &peer.socket, data, epoll::EventFlags::IN)?,
                _ => {}
            }
            peer.reads = reads;
        }
        Ok(())
    }

    /// Plays for so long. `seen` gets what those saw who always read.
    fn phase(&mut self, time: Duration, mut seen: Option<&mut Seen>) -> io::Result<()> {
        let (begin, cpu) = (Instant::now(), cpu());
        let (mut looked, mut aged) = (begin, begin);
        loop {
            let now = Instant::now();
            if now >= begin + time {
                if let Some(seen) = seen {
                    seen.cpu += self::cpu() - cpu;
                    seen.time += now - begin;
                }
                return Ok(());
            }
            let counts = now >= begin + SETTLE.min(time / 2);
            self.play(LOOK, seen.as_deref_mut().filter(|_| counts))?;
            if now >= looked + LOOK {
                looked = now;
                self.read_slowly(now, counts)?;
            }
            if let Some(waiting) = self.waiting.try_iter().last() {
                self.look_at_queues(&waiting);
            }
            if counts && now >= aged + 10 * LOOK {
                aged = now;
                self.look_at_ages(now);
            }
        }
    }

    /// One wait for those who read at once.
    fn play(&mut self, timeout: Duration, mut seen: Option<&mut Seen>) -> io::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))?;
        for event in events {
            let at = event.data.u64() as usize;
            let now = Instant::now();
            let got = self.peers[at].turn(now, &mut self.scratch)?;
            if got.frames == 0 {
                continue;
            }
            let before = self.last_frame[at].replace(now);
            if let (Some(seen), Some(before)) = (seen.as_deref_mut(), before)
                && at > self.plan.slow
            {
                seen.note(now, now - before);
            }
        }
        Ok(())
    }

    fn read_slowly(&mut self, now: Instant, counts: bool) -> io::Result<()> {
        for peer in &mut self.peers[..=self.plan.slow] {
            if matches!(peer.reads, Reads::Slowly(_)) {
                let got = peer.turn(now, &mut self.scratch)?;
                self.slow.frames += u64::from(got.frames) * u64::from(counts);
            }
        }
        Ok(())
    }

    fn look_at_ages(&mut self, now: Instant) {
        for peer in &self.peers[1..=self.plan.slow] {
            if matches!(peer.reads, Reads::Slowly(_))
                && let Some(age) = peer.tick().and_then(|tick| age(tick, now))
            {
                self.slow.ages_ms.push(ms(age) as f32);
            }
        }
        if self.peers[1].reads != Reads::AtOnce {
            self.slow.seconds += 10.0 * LOOK.as_secs_f64();
        }
    }

    fn look_at_queues(&mut self, waiting: &Waiting) {
        for (at, peer) in self.peers[..=self.plan.slow].iter().enumerate() {
            let port = peer.socket.local_addr().map_or(0, |addr| addr.port());
            let (sending, receiving) = waiting.get(&port).copied().unwrap_or_default();
            let most = if at == 0 { &mut self.slow.stalled_most_bytes } else { &mut self.slow.most_bytes };
            if peer.reads != Reads::AtOnce {
                *most = (*most).max(sending + receiving);
            }
        }
    }

    /// The first one reads again: looks at it closely.
    fn come_back(&mut self, seen: &mut Seen) -> io::Result<Return> {
        let begin = Instant::now();
        let mut came_back = Return::default();
        let rtt = self.peers[0].rtt().unwrap_or_default();
        came_back.rtt_ms = ms(rtt);
        let shown_before = self.peers[0].shown();
        let (mut fresh, mut shown) = (false, false);
        while begin.elapsed() < WATCH {
            // first of all, so that nobody else delays what it does
            let now = Instant::now();
            let got = self.peers[0].turn(now, &mut self.scratch)?;
            let now = Instant::now();
            let held_age = got.tick.and_then(|tick| age(tick, now));
            if let Some(held_age) = held_age.filter(|_| !fresh) {
                if held_age < now - begin + Duration::from_millis(60) {
                    fresh = true;
                    (came_back.fresh_after_ms, came_back.fresh_age_ms) = (ms(now - begin), ms(held_age));
                } else {
                    came_back.old_frames += got.frames;
                    came_back.old_bytes += got.bytes;
                }
            }
            let drawn = self.peers[0].shown();
            if !shown
                && drawn != shown_before
                && let Some(drawn) = drawn
            {
                shown = true;
                let tick = tickwire_shared::Tick(drawn.floor() as u32);
                came_back.shown_age_ms = age(tick, now).map_or(f64::INFINITY, ms);
                let newest = self.peers[0].tick();
                came_back.held_age_ms = newest.and_then(|tick| age(tick, now)).map_or(f64::INFINITY, ms);
            }
            self.play(Duration::from_millis(1), Some(seen))?;
            self.read_slowly(now, true)?;
        }
        if !(fresh && shown) {
            return Err(io::Error::other("the stalled one was sent nothing new"));
        }
        Ok(came_back)
    }
}

/// What this process has used.
fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that so many percent do not exceed.
pub fn percentile(values: &mut [f32], percent: f64) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let at = (values.len().saturating_sub(1)) as f64 * percent / 100.0;
    values.get(at as usize).copied().unwrap_or(f32::NAN)
}
