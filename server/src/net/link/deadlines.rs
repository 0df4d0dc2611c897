//! When a link is overdue, and for what.

use super::{Link, State};
use crate::net::NetConfig;
use crate::net::ws::frame::Opcode;

/// What a link's clocks ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::net) enum Overdue {
    /// The request head did not come in time.
    Handshake,
    /// A message was begun and not finished in time.
    UnfinishedMessage,
    /// The peer was silent: ping it.
    Ping,
    /// It did not answer two pings.
    Dead,
    /// The socket took nothing while bytes waited.
    Stalled,
    /// The end of the connection was waited for long enough.
    Close,
}

impl Link {
    /// When to look at the clocks at the latest.
    pub(in crate::net) fn deadline_ms(&self, config: &NetConfig) -> u64 {
        match self.state {
            State::Handshaking(_) => self.heard_ms.saturating_add(config.handshake_timeout_ms),
            State::Open => {
                self.ping_due_ms(config).min(self.unfinished_due_ms(config)).min(self.stalled_due_ms(config))
            }
            State::Closing | State::Draining => self.close_by_ms,
            State::Gone => u64::MAX,
        }
    }

    /// The most urgent of what is due.
    pub(in crate::net) fn overdue(&self, now_ms: u64, config: &NetConfig) -> Option<Overdue> {
        if now_ms < self.deadline_ms(config) {
            return None;
        }
        match self.state {
            State::Handshaking(_) => Some(Overdue::Handshake),
            State::Closing | State::Draining => Some(Overdue::Close),
            State::Gone => None,
            State::Open if now_ms >= self.stalled_due_ms(config) => Some(Overdue::Stalled),
            State::Open if now_ms >= self.unfinished_due_ms(config) => Some(Overdue::UnfinishedMessage),
            State::Open if self.unanswered_pings >= 2 => Some(Overdue::Dead),
            State::Open => Some(Overdue::Ping),
        }
    }

    /// Queues a ping and counts it as unanswered.
    pub(in crate::net) fn ping(&mut self) {
        self.unanswered_pings += 1;
        self.wait_with_frame(Opcode::Ping, b"");
    }

    fn ping_due_ms(&self, config: &NetConfig) -> u64 {
        let intervals = u64::from(self.unanswered_pings) + 1;
        self.heard_ms.saturating_add(config.ping_interval_ms.saturating_mul(intervals))
    }

    fn unfinished_due_ms(&self, config: &NetConfig) -> u64 {
        let since_ms = self.unfinished_since_ms.unwrap_or(u64::MAX);
        since_ms.saturating_add(config.unfinished_message_timeout_ms)
    }

    fn stalled_due_ms(&self, config: &NetConfig) -> u64 {
        let since_ms = if self.blocked { self.stalled_since_ms } else { u64::MAX };
        since_ms.saturating_add(config.write_stall_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::sync::Arc;

    use mio::net::TcpStream;

    use super::*;
    use crate::net::LinkId;
    use crate::net::addresses::{AddressLimits, Addresses};
    use crate::net::link::Read;
    use crate::net::ws::{Frames, MessageLimits};

    fn config() -> NetConfig {
        NetConfig {
            handshake_timeout_ms: 100,
            unfinished_message_timeout_ms: 300,
            ping_interval_ms: 1_000,
            write_stall_timeout_ms: 2_500,
            ..NetConfig::default()
        }
    }

    /// A link at time 0 and the other end of its socket.
    fn link() -> (Link, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let place = Arc::new(Addresses::new(AddressLimits::default(), 1)).enter().unwrap();
        (Link::new(LinkId(0), TcpStream::from_std(stream), peer, place, 0), client)
    }

    #[test]
    fn silence_is_pinged_twice_and_then_it_is_death() {
        let (mut link, _client) = link();
        link.become_open(0);
        assert_eq!(link.overdue(999, &config()), None);
        assert_eq!(link.overdue(1_000, &config()), Some(Overdue::Ping));
        link.ping();
        assert_eq!(link.overdue(1_999, &config()), None);
        assert_eq!(link.overdue(2_000, &config()), Some(Overdue::Ping));
        link.ping();
        assert_eq!(link.overdue(2_999, &config()), None);
        assert_eq!(link.overdue(3_000, &config()), Some(Overdue::Dead));
    }

    #[test]
    fn anything_heard_is_life() {
        let (mut link, mut client) = link();
        link.become_open(0);
        link.ping();
        link.ping();
        client.write_all(b"x").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut scratch = [0; 8];
        while link.read(&mut scratch, 2_900) == Read::Nothing {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(3_899, &config()), None);
        assert_eq!(link.overdue(3_900, &config()), Some(Overdue::Ping));
    }

    #[test]
    fn bytes_do_not_prolong_the_handshake() {
        let (mut link, mut client) = link();
        client.write_all(b"x").unwrap();
        let mut scratch = [0; 8];
        while link.read(&mut scratch, 90) == Read::Nothing {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(99, &config()), None);
        assert_eq!(link.overdue(100, &config()), Some(Overdue::Handshake));
    }

    #[test]
    fn an_unfinished_message_has_its_time_from_its_own_beginning() {
        let (mut link, _client) = link();
        link.become_open(0);
        let unfinished = || {
            let mut frames = Frames::default();
            let limits = MessageLimits { message_max_bytes: 9, fragments_max: 9, deflate: false };
            assert_eq!(frames.next(&mut &mut [0x82_u8][..], limits), Ok(None));
            frames
        };
        link.put_frames_back(unfinished(), false, 100);
        link.put_frames_back(unfinished(), false, 200);
        assert_eq!(link.overdue(399, &config()), None);
        assert_eq!(link.overdue(400, &config()), Some(Overdue::UnfinishedMessage), "the same message");
        link.put_frames_back(unfinished(), true, 300);
        assert_eq!(link.overdue(599, &config()), None, "one ended, another began");
        link.put_frames_back(Frames::default(), false, 500);
        assert_eq!(link.overdue(999, &config()), None);
    }

    #[test]
    fn a_reader_that_stalls_is_noticed_and_progress_forgives() {
        let (mut link, mut client) = link();
        link.become_open(0);
        let flood = vec![7; 16 * 1024 * 1024];
        let taken = link.write(&flood, 10).unwrap();
        assert!(taken < flood.len() && link.blocked);
        assert_eq!(link.deadline_ms(&config()), 1_000);
        link.ping();
        link.ping();
        assert_eq!(link.overdue(2_509, &config()), None);
        assert_eq!(link.overdue(2_510, &config()), Some(Overdue::Stalled));

        let mut sink = vec![0; 1024 * 1024];
        client.read_exact(&mut sink).unwrap();
        while link.write_pending(2_000).unwrap() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(link.overdue(2_510, &config()), None);
    }
}
