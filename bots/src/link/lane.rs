//! One direction of a link, with the bytes that are under way on it.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Conditions, PACKET_MAX_BYTES, Schedule};

/// A slow line has a queue of so long in front of it; then the sender must wait.
const QUEUE: Duration = Duration::from_millis(200);
/// Room for what a burst of frames needs, however slow the line.
const ROOM_MIN_BYTES: usize = 16 * 1024;
/// All that may be under way: with 200 ms of round trip that is 20 Mbit/s.
const ROOM_MAX_BYTES: usize = 256 * 1024;

/// How a direction ends, after all that was sent before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The sender has no more to say; it may still listen.
    Finished,
    /// The connection broke.
    Reset,
}

/// The bytes of one direction between two ends. Bounded: push at most [`Lane::room`], and read nothing from the sender
/// while that is 0, so that a slow receiver slows the sender.
#[derive(Clone, Debug)]
pub struct Lane {
    schedule: Schedule,
    room_max: usize,
    /// What is under way; the first `arrived` bytes may be taken.
    bytes: Vec<u8>,
    taken: usize,
    arrived: usize,
    /// Of the packets that have not arrived: when each does, and its size.
    packets: VecDeque<(Duration, usize)>,
    end: Option<(Duration, End)>,
}

impl Lane {
    /// A lane with these conditions; the same `seed` gives the same schedule.
    #[must_use]
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        let room_max = conditions.rate_bits_per_s.map_or(ROOM_MAX_BYTES, |rate| {
            let held = conditions.latency + QUEUE;
            ((rate as f64 / 8.0 * held.as_secs_f64()) as usize).clamp(ROOM_MIN_BYTES, ROOM_MAX_BYTES)
        });
        Self {
            schedule: Schedule::new(conditions, seed),
            room_max,
            bytes: Vec::new(),
            taken: 0,
            arrived: 0,
            packets: VecDeque::new(),
            end: None,
        }
    }

    /// How many bytes may be pushed now; none after the end.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.end.is_some() { 0 } else { self.room_max - self.under_way().min(self.room_max) }
    }

    /// These were sent. What is beyond [`Lane::room`] is taken all the same: the bound is the caller's to keep.
    pub fn push(&mut self, now: Duration, bytes: &[u8]) {
        for packet in bytes.chunks(PACKET_MAX_BYTES) {
            self.packets.push_back((self.schedule.arrival(now, packet.len()), packet.len()));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The sender ends; who has finished may still break. A reset overtakes nothing here, though on a real path it may.
    pub fn end(&mut self, now: Duration, end: End) {
        let was = self.end.map(|(_, end)| end);
        if was.is_none() || was == Some(End::Finished) && end == End::Reset {
            self.end = Some((self.schedule.arrival(now, 0), end));
        }
    }

    /// What has arrived by now, and waits to be taken.
    pub fn ready(&mut self, now: Duration) -> &[u8] {
        while let Some((_, size)) = self.packets.pop_front_if(|(due, _)| *due <= now) {
            self.arrived += size;
        }
        &self.bytes[self.taken..self.arrived]
    }

    /// The receiver took so many of the bytes that were ready.
    pub fn taken(&mut self, count: usize) {
        self.taken += count.min(self.arrived - self.taken);
        // what is gone is moved out when it is the larger part: each byte is moved once at most
        if self.taken * 2 >= self.bytes.len() {
            self.bytes.drain(..self.taken);
            self.arrived -= self.taken;
            self.taken = 0;
        }
    }

    /// The end, when it and all bytes before it have arrived and are taken.
    #[must_use]
    pub fn ended(&self, now: Duration) -> Option<End> {
        self.end.filter(|(due, _)| *due <= now && self.under_way() == 0).map(|(_, end)| end)
    }

    /// When to look again, if nothing is pushed or taken: the next packet or the end arrives. What has arrived already
    /// waits for its receiver, not for the time.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let end = || self.end.map(|(due, _)| due).filter(|_| self.under_way() == 0);
        self.packets.front().map(|(due, _)| *due).or_else(end)
    }

    /// Bytes that were pushed and not taken.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.bytes.len() - self.taken
    }
}
