//! What is under way to one seat's client, and how much may be: a window that opens when the client says what it has
//! taken.
//!
//! ```text
//! frame leaves --> under way --(client: heard up to tick t)--> taken:  round trip = base + queue
//!                   |                                                         |
//!                   +-- too many bytes, or asked and not answered             +-- a queue of our making stands:
//!                       for too long: nothing more is composed                    rate := what is taken in a second
//! ```
//! A socket says no only when the kernels on both sides are full, and what lies there is old. So the client itself says
//! which frame is the newest that it has taken: inputs do by the way, and where none come, the room asks with a frame.
//! While a question is open and the window is used up, the client is skipped; its baseline ages, and the answer makes
//! room for one fresh delta. Nothing has to be tried in between: on TCP the question arrives, or the connection ends.
//!
//! A round trip that is longer than the shortest of late by more than 100 ms is a queue (LEDBAT, RFC 6817: base delay,
//! target). It stands if for a second no answer was quick (CoDel, RFC 8289: the least delay of an interval), and it is
//! ours if some bytes were under way all that time and clearly more was sent than taken: of another's queue as much is
//! taken as is sent, and so it is when either machine has no time and answers come late and together. To send less
//! would help neither. Ours does shrink: the rate at which bytes were taken (BBR, draft-ietf-ccwg-bbr: delivery rate)
//! limits what is composed, and what is under way: rate times shortest round trip and target. The limit grows while the
//! queue is short and shrinks while it is long (LEDBAT's linear controller) until it is no limit any more. Patience with
//! an answer is that of TCP's timer (RFC 6298), and where little is under way it has no end.
//!
//! A client that lies about frames hurts only itself: what it claims of frames that never left is ignored, and saying
//! that it has taken what it has not makes its own queue longer, up to what the socket takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickwire_shared::Tick;

/// Where nothing was heard for so long, a frame asks.
const ASK_AFTER: Duration = Duration::from_millis(100);
/// How long a queue may be (RFC 6817: at most 100 ms).
const QUEUE_TARGET_S: f64 = 0.1;
/// The shortest round trip is that of the last one or two of these (BBR: 10 s).
const BASE_AGE: Duration = Duration::from_secs(10);
/// An answer is late when it takes longer than usual by this, a packet that was lost and sent again, and by four times
/// the deviation, which counts for no more than that.
const HICCUP: Duration = Duration::from_millis(200);
/// How long to wait for the first answer (RFC 6298), and for any.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Frames that are remembered: a second at 128 Hz.
const FRAMES_MAX: usize = 128;
/// A queue stands when no answer of so long a time, and of at least so many, was quick.
const STANDS: Duration = Duration::from_secs(1);
const ANSWERS_MIN: u32 = 4;
/// A queue that is longer is ours, whatever is taken.
const TOO_LONG_S: f64 = 1.0;
/// So many bytes under way are too few to be a queue.
const FEW: u64 = 2 * 1024;
/// A limited rate changes by at most this share in a second, and by twice as much downwards.
const GAIN_PER_S: f64 = 0.5;
/// No client is limited to less, nor to less than this part of what its way took when that was first known: what makes
/// its round trips longer then is somebody else.
const RATE_MIN: f64 = 1024.0;
const RATE_KEPT: f64 = 0.25;

/// A frame that the client has not taken, for all we know.
#[derive(Clone, Copy, Debug)]
struct Sent {
    tick: Tick,
    at: Instant,
    /// Bytes that had been sent after it, of all frames.
    through: u64,
}

/// The shortest round trip of late.
#[derive(Clone, Copy, Debug)]
struct Base {
    since: Instant,
    now_s: f64,
    before_s: f64,
}

/// Round trips: how long they usually take (RFC 6298), and at least.
#[derive(Clone, Copy, Debug)]
struct RoundTrip {
    mean_s: f64,
    deviation_s: f64,
    base: Base,
}

/// Answers of some time: what none of them fell below.
#[derive(Clone, Copy, Debug)]
struct Answers {
    since: Instant,
    count: u32,
    least_queue_s: f64,
    least_bytes: u64,
    /// Bytes that had been sent and taken before.
    sent: u64,
    taken: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Flight {
    under_way: VecDeque<Sent>,
    /// Bytes of all frames.
    sent: u64,
    taken: u64,
    /// The length of the last frame.
    last_bytes: u64,
    /// A frame that asks, until it is answered, and when one last did.
    asked: Option<(Tick, Instant)>,
    asked_at: Option<Instant>,
    heard_at: Option<Instant>,
    round_trip: Option<RoundTrip>,
    answers: Option<Answers>,
    limit: Option<Limit>,
}

/// Bytes a second that the client's way takes, where that is less than it could be sent.
#[derive(Clone, Copy, Debug)]
struct Limit {
    rate: f64,
    least: f64,
    /// Since when it is so many.
    since: Instant,
}

impl Flight {
    /// Whether a frame may leave. `most` is the configured number of bytes that may be under way; 0 is no limit.
    pub(super) fn is_open(&self, most: usize, now: Instant) -> bool {
        let Some((_, asked_at)) = self.asked.filter(|_| most > 0) else { return true };
        // two big frames are no queue yet, but where the way is slow one is
        let frames_min = if self.limit.is_some() { 1 } else { 2 };
        let is_full = self.bytes() + self.last_bytes > self.window(most) && self.under_way.len() >= frames_min;
        // a machine without time is late too, and that is no reason to send it less
        let is_late = self.bytes() >= FEW && now.saturating_duration_since(asked_at) > self.patience();
        !(is_full || is_late || self.under_way.len() >= FRAMES_MAX)
    }

    /// Whether the next frame is to ask.
    pub(super) fn is_to_ask(&self, most: usize, now: Instant) -> bool {
        let is_long_ago = |at: Option<Instant>| at.is_none_or(|at| now.saturating_duration_since(at) >= ASK_AFTER);
        if most == 0 || self.asked.is_some() && !is_long_ago(self.asked_at) {
            return false;
        }
        let is_quiet = is_long_ago(self.heard_at);
        // it will be about as long as the last one
        let bytes = self.bytes() + self.last_bytes;
        let half_full = 2 * bytes >= self.window(most) || 2 * (self.under_way.len() + 1) >= FRAMES_MAX;
        is_quiet || self.asked.is_none() && (half_full || self.limit.is_some())
    }

    /// A frame leaves, which may be one that asks.
    pub(super) fn leave(&mut self, most: usize, (tick, asks): (Tick, bool), bytes: usize, now: Instant) {
        if most == 0 {
            return;
        }
        self.last_bytes = bytes as u64;
        self.sent += self.last_bytes;
        self.under_way.push_back(Sent { tick, at: now, through: self.sent });
        if asks {
            self.asked.get_or_insert((tick, now));
            self.asked_at = Some(now);
        }
    }

    /// The frame that left last did not.
    pub(super) fn retract(&mut self) {
        // where the client claims to have it, let it be so
        let Some(newest) = self.under_way.pop_back() else { return };
        self.sent = self.under_way.back().map_or(self.taken, |before| before.through);
        self.asked = self.asked.filter(|(tick, _)| *tick != newest.tick);
    }

    /// The client says that it has taken the frame of this tick, and all before it. `interval` is from tick to tick.
    pub(super) fn hear(&mut self, frame: Tick, arrived: Instant, interval: Duration) {
        if self.under_way.back().is_none_or(|newest| frame.is_after(newest.tick)) {
            return;
        }
        let mut newest = None;
        while let Some(sent) = self.under_way.pop_front_if(|sent| !sent.tick.is_after(frame)) {
            newest = Some(sent);
        }
        let Some(newest) = newest else { return };
        self.taken = newest.through;
        self.heard_at = Some(arrived);
        self.asked = self.asked.filter(|(tick, _)| tick.is_after(frame));
        self.learn(&newest, arrived, interval.as_secs_f64());
    }

    /// Bytes a second that the client can be sent, where its way takes less than that.
    pub(super) fn limit_bytes_per_s(&self) -> Option<u32> {
        self.limit.map(|limit| limit.rate as u32)
    }

    fn learn(&mut self, sent: &Sent, arrived: Instant, interval_s: f64) {
        let taken_s = arrived.saturating_duration_since(sent.at).as_secs_f64();
        // a client that stood still for a while tells little about its way
        let usual_s = taken_s.min(2.0 * self.patience().as_secs_f64());
        let round_trip = match &mut self.round_trip {
            Some(round_trip) => {
                round_trip.hear(usual_s, arrived);
                round_trip
            }
            none => none.insert(RoundTrip::new(usual_s, arrived)),
        };
        let queue_s = taken_s - round_trip.base.shortest_s();
        // an input leaves up to a tick after the frame that it tells of
        let is_queue = queue_s > QUEUE_TARGET_S + interval_s;
        let standing = self.standing(queue_s, arrived);
        let last_bytes = self.last_bytes as f64;
        if let Some(limit) = &mut self.limit {
            limit.adapt(queue_s, arrived);
            if !is_queue && limit.rate * interval_s > 2.0 * last_bytes {
                self.limit = None;
            }
        } else if let Some((_, rate)) = standing.filter(|(least_s, _)| *least_s > QUEUE_TARGET_S + interval_s) {
            self.limit = Some(Limit::new(rate, arrived));
        }
    }

    /// Where it is known anew and more was sent than taken, some bytes of it being under way all the time: how long the
    /// queue was at least, and how many bytes a second were taken.
    fn standing(&mut self, queue_s: f64, now: Instant) -> Option<(f64, f64)> {
        let (sent, taken, bytes) = (self.sent, self.taken, self.bytes());
        let none = Answers { since: now, count: 0, least_queue_s: f64::MAX, least_bytes: u64::MAX, sent, taken };
        let answers = self.answers.get_or_insert(none);
        answers.count += 1;
        answers.least_queue_s = answers.least_queue_s.min(queue_s);
        answers.least_bytes = answers.least_bytes.min(bytes);
        let time = now.saturating_duration_since(answers.since);
        if answers.count < ANSWERS_MIN || time < STANDS {
            return None;
        }
        let over = std::mem::replace(answers, none);
        // what was retracted is not sent
        let (sent, taken) = (sent.saturating_sub(over.sent), taken - over.taken);
        let is_ours = 4 * sent > 5 * taken || over.least_queue_s > TOO_LONG_S;
        (is_ours && over.least_bytes >= FEW).then(|| (over.least_queue_s, taken as f64 / time.as_secs_f64()))
    }

    /// Bytes that the client has not taken, for all we know.
    pub(super) fn bytes(&self) -> u64 {
        self.sent - self.taken
    }

    fn window(&self, most: usize) -> u64 {
        let most = most as u64;
        match (self.limit, &self.round_trip) {
            (Some(limit), Some(round_trip)) => {
                most.min((limit.rate * (round_trip.base.shortest_s() + QUEUE_TARGET_S)) as u64)
            }
            _ => most,
        }
    }

    /// How long an answer may take.
    fn patience(&self) -> Duration {
        self.round_trip.map_or(FIRST_WAIT, |RoundTrip { mean_s, deviation_s, .. }| {
            let unsteady = Duration::from_secs_f64(4.0 * deviation_s).min(HICCUP);
            (Duration::from_secs_f64(mean_s) + unsteady + HICCUP).min(WAIT_MAX)
        })
    }
}

impl RoundTrip {
    fn new(taken_s: f64, now: Instant) -> Self {
        let base = Base { since: now, now_s: taken_s, before_s: taken_s };
        Self { mean_s: taken_s, deviation_s: taken_s / 2.0, base }
    }

    fn hear(&mut self, taken_s: f64, now: Instant) {
        self.deviation_s += ((taken_s - self.mean_s).abs() - self.deviation_s) / 4.0;
        self.mean_s += (taken_s - self.mean_s) / 8.0;
        let Base { since, now_s, before_s } = &mut self.base;
        if now.saturating_duration_since(*since) >= BASE_AGE {
            (*since, *before_s, *now_s) = (now, *now_s, taken_s);
        }
        *now_s = now_s.min(taken_s);
    }
}

impl Limit {
    fn new(rate: f64, now: Instant) -> Self {
        Self { rate: rate.max(RATE_MIN), least: (RATE_KEPT * rate).max(RATE_MIN), since: now }
    }

    fn adapt(&mut self, queue_s: f64, now: Instant) {
        let off_target = ((QUEUE_TARGET_S - queue_s) / QUEUE_TARGET_S).clamp(-2.0, 1.0);
        let time_s = now.saturating_duration_since(self.since).as_secs_f64().min(1.0);
        self.rate = (self.rate * (1.0 + GAIN_PER_S * off_target * time_s)).max(self.least);
        self.since = now;
    }
}

impl Base {
    fn shortest_s(&self) -> f64 {
        self.now_s.min(self.before_s)
    }
}

#[cfg(test)]
mod tests;
