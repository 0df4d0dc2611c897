use std::collections::VecDeque;

use proptest::prelude::*;

use tickwire_shared::Rng;

use super::*;

const MOST: usize = 48 * 1024;
const TICK_MS: u64 = 50;
const INTERVAL: Duration = Duration::from_millis(TICK_MS);

/// A way of so many bytes a second with a queue at its slow end, and a client behind it that may stand still.
struct Way {
    bytes_per_s: f64,
    one_way_ms: f64,
    /// Somebody else's queue in it.
    foreign_ms: f64,
    reads: bool,
    /// It sends an input at each tick.
    plays: bool,
    /// The machines have no time: neither end looks at its socket more often than after up to so many ms.
    naps_ms: [u64; 2],
}

const FAIR: Way =
    Way { bytes_per_s: 1e6, one_way_ms: 20.0, foreign_ms: 0.0, reads: true, plays: true, naps_ms: [0; 2] };

/// A seat, its way, and a clock that only the test moves.
struct Rig {
    flight: Flight,
    way: Way,
    start: Instant,
    now_ms: u64,
    tick: Tick,
    frame_bytes: usize,
    free_ms: f64,
    /// Tick, whether it asks, and when it is there.
    down: VecDeque<(Tick, bool, f64)>,
    up: VecDeque<(Tick, f64)>,
    newest: Option<Tick>,
    /// When the server and the client look next, and what luck that is.
    awake_ms: [u64; 2],
    luck: Rng,
    told: Seen,
}

/// What was seen since it was last taken.
#[derive(Default, Debug)]
struct Seen {
    ticks: u32,
    left: u32,
    asked: u32,
    most_bytes: u64,
    /// How old the client's newest state was, at each millisecond.
    ages_ms: Vec<u64>,
}

impl Seen {
    /// The age that so many percent did not exceed.
    fn age_ms(&mut self, percent: usize) -> u64 {
        self.ages_ms.sort_unstable();
        self.ages_ms[(self.ages_ms.len() - 1) * percent / 100]
    }
}

impl Rig {
    fn new(way: Way, first: Tick) -> Self {
        Self {
            flight: Flight::default(),
            way,
            start: Instant::now(),
            now_ms: 0,
            tick: first,
            frame_bytes: 400,
            free_ms: 0.0,
            down: VecDeque::new(),
            up: VecDeque::new(),
            newest: None,
            awake_ms: [0; 2],
            luck: Rng::new(u64::from(first.0)),
            told: Seen::default(),
        }
    }

    /// Whether the server's end (0) or the client's (1) has the time to look.
    fn is_awake(&mut self, end: usize) -> bool {
        let is_awake = self.awake_ms[end] <= self.now_ms;
        if is_awake && self.way.naps_ms[end] > 0 {
            self.awake_ms[end] = self.now_ms + u64::from(self.luck.below(self.way.naps_ms[end] as u32));
        }
        is_awake
    }

    fn run(&mut self, seconds: u64) -> Seen {
        for _ in 0..seconds * 1000 {
            self.now_ms += 1;
            self.step();
        }
        std::mem::take(&mut self.told)
    }

    fn step(&mut self) {
        let (now_ms, now) = (self.now_ms as f64, self.start + Duration::from_millis(self.now_ms));
        let awake = [self.is_awake(0), self.is_awake(1)];
        while awake[0]
            && let Some((frame, _)) = self.up.pop_front_if(|(_, at)| *at <= now_ms)
        {
            self.flight.hear(frame, now, INTERVAL);
        }
        if self.now_ms.is_multiple_of(TICK_MS) {
            self.tick = self.tick.next();
            self.told.ticks += 1;
            if self.flight.is_open(MOST, now) {
                self.send(now_ms, now);
            }
        }
        let mut had = false;
        while self.way.reads
            && awake[1]
            && let Some((tick, asks, _)) = self.down.pop_front_if(|(_, _, at)| *at <= now_ms)
        {
            self.newest = Some(tick);
            had = true;
            if asks {
                self.up.push_back((tick, now_ms + self.way.one_way_ms));
            }
        }
        let is_its_moment = if self.way.naps_ms[1] > 0 { had } else { self.now_ms % TICK_MS == 7 };
        if self.way.reads && self.way.plays && is_its_moment {
            self.up.extend(self.newest.map(|tick| (tick, now_ms + self.way.one_way_ms)));
        }
        if let Some(newest) = self.newest {
            let ticks = u64::from(self.tick.since(newest).cast_unsigned());
            self.told.ages_ms.push(ticks * TICK_MS + self.now_ms % TICK_MS);
        }
    }

    fn send(&mut self, now_ms: f64, now: Instant) {
        let limited = self.flight.limit_bytes_per_s().map_or(usize::MAX, |rate| rate as usize / 10);
        let bytes = self.frame_bytes.min(limited);
        let asks = self.flight.is_to_ask(MOST, now);
        self.flight.leave(MOST, (self.tick, asks), bytes, now);
        self.free_ms = self.free_ms.max(now_ms) + bytes as f64 / self.way.bytes_per_s * 1e3;
        self.down.push_back((self.tick, asks, self.free_ms + self.way.one_way_ms + self.way.foreign_ms));
        self.told.left += 1;
        self.told.asked += u32::from(asks);
        self.told.most_bytes = self.told.most_bytes.max(self.flight.bytes());
    }
}

#[test]
fn on_a_fair_way_nobody_waits_and_who_plays_is_hardly_asked() {
    for one_way_ms in [0.1, 20.0, 150.0, 400.0] {
        let mut rig = Rig::new(Way { one_way_ms, ..FAIR }, Tick(u32::MAX - 50));
        let seen = rig.run(10);
        assert_eq!(seen.left, seen.ticks, "over {one_way_ms} ms");
        let round_trips = 1 + (2.0 * one_way_ms / TICK_MS as f64) as u32;
        assert!(seen.asked <= round_trips, "{} were asked over {one_way_ms} ms", seen.asked);
        let mut rig = Rig::new(Way { one_way_ms, plays: false, ..FAIR }, Tick(7));
        let seen = rig.run(10);
        assert_eq!(seen.left, seen.ticks, "of one who only looks, over {one_way_ms} ms");
        assert!((10..=100).contains(&seen.asked), "{} were asked over {one_way_ms} ms", seen.asked);
    }
}

#[test]
fn one_who_stands_still_is_sent_little_and_then_the_newest_at_once() {
    for plays in [true, false] {
        let mut rig = Rig::new(Way { plays, ..FAIR }, Tick(u32::MAX - 300));
        rig.run(5);
        rig.way.reads = false;
        let seen = rig.run(30);
        assert!(seen.left <= 12, "{} frames left while nobody read", seen.left);
        assert!(seen.most_bytes <= 5_000, "{} bytes", seen.most_bytes);
        rig.way.reads = true;
        // a way up, at most a tick, a way down
        for _ in 0..20 + TICK_MS + 20 + 2 {
            rig.now_ms += 1;
            rig.step();
        }
        let age_ms = rig.told.ages_ms.last().copied().expect("it has a state");
        assert!(age_ms <= 20 + TICK_MS, "the newest was {age_ms} ms old");
        assert_eq!(rig.flight.limit_bytes_per_s(), None, "its way is as good as it was");
        rig.run(1);
        let seen = rig.run(5);
        assert_eq!((seen.left, rig.flight.limit_bytes_per_s()), (seen.ticks, None));
    }
}

#[test]
fn who_reads_16_kbit_a_second_is_shown_what_is_recent() {
    for (plays, one_way_ms) in [(true, 5.0), (false, 5.0), (true, 60.0), (false, 60.0)] {
        let mut rig = Rig::new(Way { bytes_per_s: 2000.0, one_way_ms, plays, ..FAIR }, Tick(7));
        let begin = rig.run(10);
        assert!(begin.most_bytes <= 20_000, "{} bytes before that was known", begin.most_bytes);
        // what waited goes first
        rig.run(5);
        let mut seen = rig.run(30);
        let age_ms = seen.age_ms(95);
        assert!(age_ms <= 700, "95 % of the time what is shown is up to {age_ms} ms old: {:?}", rig.flight);
        assert!(seen.most_bytes <= 1_500, "{} bytes", seen.most_bytes);
        assert!(seen.left >= 60, "{} frames in 30 s", seen.left);
        rig.way.bytes_per_s = 1e6;
        rig.run(20);
        let seen = rig.run(5);
        assert_eq!((seen.left, rig.flight.limit_bytes_per_s()), (seen.ticks, None), "the way is good again");
    }
}

#[test]
fn a_way_that_is_a_little_too_slow_is_found_too() {
    let mut rig = Rig::new(Way { bytes_per_s: 7200.0, ..FAIR }, Tick(7));
    rig.run(60);
    let mut seen = rig.run(30);
    let age_ms = seen.age_ms(95);
    assert!(age_ms <= 1_000, "what is shown is {age_ms} ms old");
}

#[test]
fn the_queue_of_others_limits_nobody() {
    let mut rig = Rig::new(FAIR, Tick(7));
    rig.run(5);
    rig.way.foreign_ms = 300.0;
    rig.run(2);
    let seen = rig.run(20);
    assert_eq!((seen.left, rig.flight.limit_bytes_per_s()), (seen.ticks, None));
}

#[test]
fn a_machine_without_time_costs_no_frames() {
    for plays in [true, false] {
        for naps_ms in [[20, 100], [100, 20], [20, 400], [200, 400], [400, 400], [100, 800]] {
            let (mut left, mut ticks) = (0, 0);
            for seat in 0..20 {
                let mut rig = Rig::new(Way { one_way_ms: 0.1, plays, naps_ms, ..FAIR }, Tick(seat));
                let seen = rig.run(30);
                (left, ticks) = (left + seen.left, ticks + seen.ticks);
            }
            assert!(left * 100 >= ticks * 98, "{left} of {ticks} frames left with naps of {naps_ms:?} ms");
        }
    }
}

#[test]
fn big_frames_fill_the_window_and_no_more() {
    let mut rig = Rig::new(Way { one_way_ms: 100.0, plays: false, ..FAIR }, Tick(7));
    rig.frame_bytes = 20_000;
    let seen = rig.run(10);
    assert!(seen.most_bytes <= MOST as u64, "{} bytes", seen.most_bytes);
    assert!(seen.left >= seen.ticks / 3, "{} of {}", seen.left, seen.ticks);
}

#[test]
fn what_a_client_says_of_frames_that_never_left_is_ignored() {
    let (mut flight, now) = (Flight::default(), Instant::now());
    assert!(flight.is_to_ask(MOST, now), "the first one asks");
    flight.leave(MOST, (Tick(5), true), 100, now);
    flight.hear(Tick(6), now, INTERVAL);
    flight.hear(Tick(4), now, INTERVAL);
    assert!(flight.asked.is_some() && flight.bytes() == 100);
    flight.retract();
    assert!(flight.asked.is_none() && flight.bytes() == 0);
    flight.hear(Tick(5), now, INTERVAL);
    assert_eq!((flight.bytes(), flight.round_trip.is_none()), (0, true));
}

#[derive(Clone, Debug)]
enum Move {
    Tick(usize),
    Retract,
    Hear(i32),
    Pass(u16),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0usize..30_000).prop_map(Move::Tick),
        1 => Just(Move::Retract),
        3 => (-40i32..5).prop_map(Move::Hear),
        1 => any::<u16>().prop_map(Move::Pass),
    ];
    proptest::collection::vec(one, 0..400)
}

proptest! {
    /// Whatever a client says, and whatever is lost on the way through the server.
    #[test]
    fn memory_and_bytes_stay_bounded_and_a_question_is_always_open_when_it_is_shut(
        moves in moves(), first in any::<u32>(), most in 1usize..100_000,
    ) {
        let (mut flight, mut now, mut tick) = (Flight::default(), Instant::now(), Tick(first));
        let mut retractable = false;
        for what in moves {
            match what {
                Move::Tick(bytes) => {
                    tick = tick.next();
                    now += INTERVAL;
                    if flight.is_open(most, now) {
                        let asks = flight.is_to_ask(most, now);
                        flight.leave(most, (tick, asks), bytes, now);
                        retractable = true;
                    }
                }
                Move::Retract => {
                    if std::mem::take(&mut retractable) {
                        flight.retract();
                    }
                }
                Move::Hear(ticks) => flight.hear(tick.offset(ticks), now, INTERVAL),
                Move::Pass(ms) => now += Duration::from_millis(ms.into()),
            }
            prop_assert!(flight.under_way.len() <= FRAMES_MAX + 1);
            prop_assert!(flight.bytes() <= most.max(60_000) as u64 + 30_000);
            prop_assert!(flight.is_open(most, now) || flight.asked.is_some(), "shut, and nothing will open it");
            let known = flight.asked.is_none_or(|(asked, _)| flight.under_way.iter().any(|sent| sent.tick == asked));
            prop_assert!(known, "an answer to what is asked would be ignored");
            prop_assert!(flight.limit_bytes_per_s().is_none_or(|rate| rate >= RATE_MIN as u32));
        }
    }
}
