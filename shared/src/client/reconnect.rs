//! When to connect again after a connection broke, sans IO.
//!
//! ```text
//! connected --- broke ---> waits --- its time has come: dial ---> dialing --- connected, seated ---> connected
//!     |                      ^                                      |
//!     |                      +----------- failed, or broke ---------+
//!     +--- closed for good ---> over <--- nobody answered for too long
//! ```
//! The waits grow and are drawn at random between nothing and the whole ("full jitter"), so that the clients of a
//! server that comes back do not all come at once.

use std::time::Duration;

use crate::protocol::close::CloseReason;
use crate::rng::Rng;

/// How to come back.
///
/// ```
/// use std::time::Duration;
/// use tickwire_shared::client::{Meanwhile, Returning};
///
/// let my_seed = 0x5eed; // another one for each client
/// let (give_up_after, meanwhile) = (Duration::from_secs(300), Meanwhile::Keep);
/// let patient = Returning { give_up_after, meanwhile, ..Returning::new(my_seed) };
/// assert_eq!(patient.within_max, Duration::from_secs(8));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returning {
    /// The first try comes within this time; each next one within twice the time of the one before. Default 250 ms.
    pub first_within: Duration,
    /// And at most within this one; default 8 s.
    pub within_max: Duration,
    /// After so long without a seat no more is tried; default 60 s.
    pub give_up_after: Duration,
    /// For the waits. Give each client another one, or they all come back at the same moment.
    pub seed: u64,
    /// What [`Client::command`](super::Client::command) does while there is no connection.
    pub meanwhile: Meanwhile,
}

impl Returning {
    /// The defaults, with waits drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            first_within: Duration::from_millis(250),
            within_max: Duration::from_secs(8),
            give_up_after: Duration::from_secs(60),
            seed,
            meanwhile: Meanwhile::default(),
        }
    }
}

/// What becomes of what the player wants while there is no connection.
///
/// That is for commands. An input is for one tick, and the ticks that pass meanwhile are over when the client is back:
/// inputs are dropped, and the first one after the return counts at once.
///
/// ```
/// # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
/// # use room::{coins::*, *};
/// # use std::time::Duration;
/// # use tickwire_shared::*;
/// use tickwire_shared::client::{Meanwhile, Returning};
///
/// let returning = Returning { meanwhile: Meanwhile::Keep, ..Returning::new(7) };
/// let (mut client, _, now) = play(Client::new(Profile::default())?.returning(returning));
/// client.handle_disconnected(now, 1006, "connection lost");
/// client.command(&()); // leaves once the seat is there again
/// assert_eq!(Meanwhile::default(), Meanwhile::Drop);
/// # Ok::<(), delta::LayoutError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Meanwhile {
    /// It is dropped: what somebody wanted a second ago may not be what they want now.
    #[default]
    Drop,
    /// It is sent after the return, in order; the last 64.
    Keep,
}

/// How many waits a busy server is asked less often.
const BUSY_STEPS: u32 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Connected,
    Waits(Duration),
    Dialing,
    Over,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Reconnect {
    returning: Returning,
    rng: Rng,
    way: Way,
    /// Tries since there was a seat.
    attempt: u32,
    /// Connections that stood, ever.
    connections: u32,
    /// Since when there is no seat.
    since: Option<Duration>,
}

impl Reconnect {
    /// Of a connection that stands.
    pub(crate) fn new(returning: Returning) -> Self {
        let rng = Rng::new(returning.seed);
        Self { returning, rng, way: Way::Connected, attempt: 0, connections: 0, since: None }
    }

    pub(crate) fn returning(&self) -> &Returning {
        &self.returning
    }

    /// The connection broke, or could not be made; tells whether it is tried again.
    pub(crate) fn broke(&mut self, now: Duration, code: u16) -> bool {
        if self.way == Way::Over {
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since) >= self.returning.give_up_after || !CloseReason::may_retry(code) {
            self.way = Way::Over;
            return false;
        }
        let steps = self.attempt + if CloseReason::is_busy(code) { BUSY_STEPS } else { 0 };
        let within = self.returning.first_within.saturating_mul(1 << steps.min(16)).min(self.returning.within_max);
        self.attempt += 1;
        self.way = Way::Waits(now + within.mul_f32(self.rng.unit()));
        true
    }

    /// Whether to dial now; said once for each try.
    pub(crate) fn poll(&mut self, now: Duration) -> bool {
        let due = matches!(self.way, Way::Waits(until) if until <= now);
        if due {
            self.way = Way::Dialing;
        }
        due
    }

    /// What it waits for is due at once.
    pub(crate) fn hurry(&mut self) {
        if let Way::Waits(until) = &mut self.way {
            *until = Duration::ZERO;
        }
    }

    /// The connection stands; whether there will be a seat nobody knows yet.
    pub(crate) fn connected(&mut self) {
        if self.way != Way::Over {
            self.way = Way::Connected;
            self.connections = self.connections.saturating_add(1);
        }
    }

    /// There is a seat.
    pub(crate) fn seated(&mut self) {
        (self.attempt, self.since) = (0, None);
    }

    /// Nothing more is tried.
    pub(crate) fn end(&mut self) {
        self.way = Way::Over;
    }

    /// Which try this is, from 1, since there was a seat.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Counts all that stood: for [`ResumeClaim::attempt`](crate::protocol::ResumeClaim::attempt).
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// When the next try is due; none while one is under way.
    pub(crate) fn next_try(&self) -> Option<Duration> {
        if let Way::Waits(until) = self.way { Some(until) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_their_bound_and_are_spread() {
        let mut longest = [Duration::ZERO; 8];
        let mut shortest = [Duration::MAX; 8];
        for seed in 0..200 {
            let mut reconnect = Reconnect::new(Returning::new(seed));
            for attempt in 0..8 {
                let now = S * attempt;
                assert!(reconnect.broke(now, 1006));
                let wait = reconnect.next_try().expect("it waits") - now;
                let at = attempt as usize;
                (longest[at], shortest[at]) = (longest[at].max(wait), shortest[at].min(wait));
                assert!(!reconnect.poll(now + wait - Duration::from_nanos(1)) || wait.is_zero());
                assert!(reconnect.poll(now + wait), "its time has come");
                assert!(!reconnect.poll(now + wait), "said once");
            }
        }
        for (at, (longest, shortest)) in longest.into_iter().zip(shortest).enumerate() {
            let bound = Duration::from_millis(250 << at).min(8 * S);
            assert!(longest <= bound && longest > bound.mul_f32(0.9), "try {at}: {longest:?} of {bound:?}");
            assert!(shortest < bound.mul_f32(0.1), "try {at}: {shortest:?} of {bound:?}");
        }
    }

    #[test]
    fn who_hurries_dials_at_once_and_only_if_waiting() {
        let mut reconnect = Reconnect::new(Returning::new(1));
        reconnect.hurry();
        assert!(!reconnect.poll(S), "it is connected");
        assert!(reconnect.broke(S, 1006));
        reconnect.hurry();
        assert!(reconnect.poll(S));
        reconnect.hurry();
        assert!(!reconnect.poll(S), "it dials already");
    }

    #[test]
    fn some_ends_are_final() {
        for (code, again) in [
            (CloseReason::Done, false),
            (CloseReason::GoingAway, true),
            (CloseReason::ProtocolError, false),
            (CloseReason::InvalidData, false),
            (CloseReason::Policy, false),
            (CloseReason::RoomFailed, false),
            (CloseReason::TryLater, true),
            (CloseReason::Version, false),
            (CloseReason::Game, false),
            (CloseReason::Refused, false),
            (CloseReason::TakenOver, false),
            (CloseReason::SeatGone, false),
        ] {
            let mut reconnect = Reconnect::new(Returning::new(1));
            assert_eq!(reconnect.broke(S, code.code()), again, "{code:?}");
            assert_eq!(reconnect.next_try().is_some(), again, "{code:?}");
        }
    }

    #[test]
    fn who_gets_no_seat_gives_up_and_who_gets_one_begins_anew() {
        let mut reconnect = Reconnect::new(Returning::new(1));
        assert!(reconnect.broke(S, 1006));
        assert!(reconnect.poll(10 * S));
        reconnect.connected();
        assert!(reconnect.broke(60 * S, 1006), "connected, but not seated");
        assert_eq!(reconnect.attempt(), 2);
        assert!(reconnect.poll(70 * S));
        reconnect.connected();
        reconnect.seated();
        assert!(reconnect.broke(100 * S, 1006));
        assert_eq!(reconnect.attempt(), 1);
        assert!(!reconnect.broke(160 * S, 1006), "a minute is over");
        assert!(!reconnect.poll(1000 * S));
    }
}
