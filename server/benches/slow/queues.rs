//! What the kernel holds for connections on this machine, as `/proc/net/tcp` tells it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How often it is asked: it locks its table for that, bit by bit.
const ASK: Duration = Duration::from_millis(500);

/// By the client's port: bytes in the server's send queue that the other end's kernel has not confirmed (`SIOCOUTQ`),
/// and in the client's receive queue that it has not read (`FIONREAD`).
pub type Waiting = HashMap<u16, (usize, usize)>;

/// Asks again and again, in a thread of its own, so that no player waits for it; until the receiver is dropped.
pub fn watch(server_port: u16) -> Receiver<Waiting> {
    let (told, receiver) = channel();
    thread::spawn(move || {
        while told.send(waiting(server_port)).is_ok() {
            thread::sleep(ASK);
        }
    });
    receiver
}

fn waiting(server_port: u16) -> Waiting {
    let mut waiting = Waiting::new();
    // line by line: it names every connection that was closed within a minute, and one who asks may measure memory
    let Ok(table) = File::open("/proc/net/tcp") else { return waiting };
    for line in BufReader::new(table).lines().skip(1).map_while(Result::ok) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (Some(local), Some(remote)) = (port(&words, 1), port(&words, 2)) else { continue };
        let Some((sending, receiving)) = words.get(4).and_then(|queues| queues.split_once(':')) else { continue };
        let bytes = |hex| usize::from_str_radix(hex, 16).unwrap_or(0);
        if local == server_port && remote != 0 {
            waiting.entry(remote).or_default().0 = bytes(sending);
        } else if remote == server_port {
            waiting.entry(local).or_default().1 = bytes(receiving);
        }
    }
    waiting
}

fn port(words: &[&str], at: usize) -> Option<u16> {
    u16::from_str_radix(words.get(at)?.split_once(':')?.1, 16).ok()
}
