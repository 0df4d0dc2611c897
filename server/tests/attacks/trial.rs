//! One attack on one server, and what is measured around it.

use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::nice;

use crate::server::{Server, wait_for};
use crate::witness::{Witness, p99};

/// What an attack may do to others at most.
const GROWTH_MAX_KIB: u64 = 64 * 1024;
const PINGS_P99_MAX: Duration = Duration::from_millis(20);
const RETURN_MAX: Duration = Duration::from_secs(3);

/// What may be kept of the growth, and after the last round more than after the first.
const KEPT_MAX_KIB: u64 = 8 * 1024;
const KEPT_MORE_MAX_KIB: u64 = 2 * 1024;

/// One bad measurement on a shared machine may be its fault nevertheless; so many, with rests between them, are not.
const ATTEMPTS: u32 = 4;
const REST: Duration = Duration::from_secs(2);

/// A server that had less of the processor than a fourth of what it wanted is judged as if it had had that.
const STRETCH_MAX: f64 = 4.0;

/// A round goes on for so long, so that there are pings in it.
const ROUND_MIN: Duration = Duration::from_millis(200);

/// For so long it is watched whether the server rests.
const IDLE: Duration = Duration::from_millis(300);

/// One line of the table.
pub struct Row {
    name: String,
    answer: String,
    pings_p99: Duration,
    allowed: Duration,
    growth_kib: u64,
    kept_kib: i64,
    descriptors: (usize, usize),
    seconds: f64,
}

/// Runs an attack in rounds against a server from `start` and asserts that it harms nobody else.
///
/// `attack` asserts the answers and puts them into words. When it returns, its connections must be closed.
pub fn run(
    name: &str,
    rounds: u32,
    start: impl Fn() -> Server,
    mut attack: impl FnMut(&Server) -> String + Send,
) -> Row {
    // an unoptimised server is slow: there it is the answers that count
    let rounds = if cfg!(debug_assertions) { rounds.min(2) } else { rounds };
    for attempt in 1.. {
        let row = measure(name, rounds, start(), &mut attack);
        if row.pings_p99 <= row.allowed || cfg!(debug_assertions) {
            return row;
        }
        println!("{name}: pings of {:?} where {:?} are allowed, {attempt} of {ATTEMPTS}", row.pings_p99, row.allowed);
        assert!(attempt < ATTEMPTS, "{name}: it takes a bystander's pings too long");
        thread::sleep(REST);
    }
    unreachable!("attempts end")
}

fn measure(name: &str, rounds: u32, mut server: Server, attack: &mut (impl FnMut(&Server) -> String + Send)) -> Row {
    let began = Instant::now();
    let pings = Witness::of(&server).begin(server.kind);
    let machine = Witness::of_the_machine().begin(server.kind);
    // the game's page and its first frames have been made
    thread::sleep(Duration::from_millis(100));
    let (resident_kib, descriptors) = (server.resident_kib(), server.descriptors());

    let (mut answer, mut kept_kib) = (String::new(), Vec::new());
    let (mut worked, mut waited) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=rounds {
        let until = Instant::now() + ROUND_MIN;
        let (worked_before, waited_before) = server.worked_and_waited();
        pings.note(true);
        machine.note(true);
        while answer.is_empty() || Instant::now() < until {
            answer = from_far_away(|| attack(&server));
        }
        pings.note(false);
        machine.note(false);
        let (worked_now, waited_now) = server.worked_and_waited();
        worked += worked_now.saturating_sub(worked_before);
        waited += waited_now.saturating_sub(waited_before);
        server.expect_alive();
        let back = wait_for(RETURN_MAX, || server.descriptors() <= descriptors);
        assert!(back, "{name}: {descriptors} descriptors before, {} after round {round}", server.descriptors());
        let is_kept_small = wait_for(RETURN_MAX, || server.resident_kib() <= resident_kib + KEPT_MAX_KIB);
        let resident_now_kib = server.resident_kib();
        assert!(is_kept_small, "{name}: {resident_kib} KiB before, {resident_now_kib} after round {round}");
        kept_kib.push(resident_now_kib);
        if round < rounds {
            answer.clear();
        }
    }
    let growth_kib = server.resident_most_kib().saturating_sub(resident_kib);
    assert!(growth_kib <= GROWTH_MAX_KIB, "{name}: memory grew by {growth_kib} KiB");
    let (first, last) = (kept_kib[0], kept_kib[kept_kib.len() - 1]);
    assert!(last <= first + KEPT_MORE_MAX_KIB, "{name}: memory grows with each round: {kept_kib:?} KiB");
    let descriptors = (descriptors, server.descriptors());

    let (pings, machine) = (pings.end(), machine.end());
    expect_rest(name, &server);
    server.expect_alive();
    Row {
        name: name.to_owned(),
        answer,
        pings_p99: p99(&pings),
        allowed: allowed(p99(&machine), worked, waited),
        growth_kib,
        kept_kib: last as i64 - resident_kib as i64,
        descriptors,
        seconds: began.elapsed().as_secs_f64(),
    }
}

/// 20 ms on a machine that has time. What a round trip without the server takes longer comes on top, and a server that
/// waited for the processor as long as it worked could be no faster than half as fast.
fn allowed(machine_p99: Duration, worked: Duration, waited: Duration) -> Duration {
    let stretched = if worked.is_zero() { 1.0 } else { 1.0 + waited.as_secs_f64() / worked.as_secs_f64() };
    PINGS_P99_MAX.mul_f64(stretched.min(STRETCH_MAX)) + machine_p99
}

/// Attackers have machines of their own. Here they and the threads that they start stand behind the server and the
/// bystanders when the processor is short.
fn from_far_away(attack: impl FnOnce() -> String + Send) -> String {
    let attack = || {
        // without it the attack is only harder
        let _ = nice(10);
        attack()
    };
    let done = thread::scope(|scope| scope.spawn(attack).join());
    // its words are on stderr already
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Nobody is there: a loop that found nothing to do would take all of this time.
fn expect_rest(name: &str, server: &Server) {
    let rests = wait_for(RETURN_MAX, || {
        let before = server.processor_time();
        thread::sleep(IDLE);
        server.processor_time() - before < IDLE / 4
    });
    assert!(rests, "{name}: the server works although nobody is there");
}

/// The table of all that was measured.
pub fn print(rows: &[Row]) {
    println!("\nattack                                   pings  allowed    grew   kept  descriptors   time  answer");
    println!("                                         p99 ms       ms     MiB    MiB before after      s");
    for Row { name, answer, pings_p99, allowed, growth_kib, kept_kib, descriptors, seconds } in rows {
        let (pings_ms, allowed_ms) = (pings_p99.as_secs_f64() * 1e3, allowed.as_secs_f64() * 1e3);
        let (growth, kept) = (*growth_kib as f64 / 1024.0, *kept_kib as f64 / 1024.0);
        let (before, after) = descriptors;
        println!(
            "{name:40} {pings_ms:6.1} {allowed_ms:8.1} {growth:7.1} {kept:6.1} {before:6} {after:5} {seconds:6.1}  {answer}"
        );
    }
}
