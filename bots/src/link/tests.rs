use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn delays_ms(conditions: Conditions, seed: u64, packets: u64) -> Vec<f64> {
    let mut schedule = Schedule::new(conditions, seed);
    // far apart, so that none waits for the one ahead of it
    let each = (0..packets).map(|i| ms(i * 10_000));
    each.map(|now| (schedule.arrival(now, 100) - now).as_secs_f64() * 1000.0).collect()
}

#[test]
fn latency_is_of_the_round_trip_and_half_of_it_of_a_direction() {
    assert_eq!(delays_ms(Conditions { latency: ms(80), ..Conditions::default() }, 1, 3), [40.0; 3]);
}

#[test]
fn jitter_is_normal_about_the_latency() {
    let delays = delays_ms(Conditions { latency: ms(200), jitter: ms(10), ..Conditions::default() }, 7, 20_000);
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    let deviation = (delays.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / delays.len() as f64).sqrt();
    let beyond_two = delays.iter().filter(|delay| (*delay - 100.0).abs() > 20.0).count() as f64 / delays.len() as f64;
    assert!((mean - 100.0).abs() < 0.5, "mean {mean}");
    assert!((deviation - 10.0).abs() < 0.3, "deviation {deviation}");
    assert!((beyond_two - 0.0455).abs() < 0.006, "beyond two deviations {beyond_two}");
}

#[test]
fn stalls_come_as_often_as_said_and_do_not_move_with_the_jitter() {
    let conditions = Conditions { stall: "1%:200ms".parse().expect("a stall"), ..Conditions::default() };
    let stalled = |conditions| -> Vec<usize> {
        let delays = delays_ms(conditions, 3, 20_000);
        delays.iter().enumerate().filter(|(_, delay)| **delay >= 200.0).map(|(i, _)| i).collect()
    };
    let plain = stalled(conditions);
    assert!((150..=250).contains(&plain.len()), "{} of 20,000", plain.len());
    assert_eq!(plain, stalled(Conditions { jitter: ms(5), ..conditions }));
}

#[test]
fn a_rate_spreads_packets_over_time() {
    let conditions = Conditions { rate_bits_per_s: Some(1_000_000), ..Conditions::default() };
    let mut lane = Lane::new(conditions, 1);
    // 12,500 bytes are a tenth of a second at 1 Mbit/s
    lane.push(Duration::ZERO, &[0; 12_500]);
    assert_eq!(lane.ready(ms(99)).len() / PACKET_MAX_BYTES, 8);
    assert_eq!(lane.ready(ms(100)).len(), 12_500);
}

#[test]
fn a_seed_is_a_schedule() {
    let conditions = Conditions { latency: ms(80), jitter: ms(10), ..Conditions::default() };
    assert_eq!(delays_ms(conditions, 5, 100), delays_ms(conditions, 5, 100));
    assert_ne!(delays_ms(conditions, 5, 100), delays_ms(conditions, 6, 100));
}

#[test]
fn the_end_comes_after_all_that_was_sent() {
    let mut lane = Lane::new(Conditions { latency: ms(20), jitter: ms(3), ..Conditions::default() }, 9);
    lane.push(ms(0), b"last words");
    lane.end(ms(0), End::Finished);
    assert_eq!((lane.room(), lane.ended(ms(1000))), (0, None), "the words were not taken");
    let words = lane.ready(ms(1000)).len();
    lane.taken(words);
    assert_eq!(lane.ended(ms(1000)), Some(End::Finished));
}

#[test]
fn stalls_are_read_and_refused() {
    assert_eq!("1%:200ms".parse(), Ok(Stall { chance: 0.01, length: ms(200) }));
    for text in ["", "1%", "200ms", "1:200ms", "1%:200", "200ms:1%"] {
        assert_eq!(text.parse::<Stall>(), Err(UnitError::Stall), "{text}");
    }
}

fn any_conditions() -> impl Strategy<Value = Conditions> {
    let rate = prop::option::of(8_000u64..10_000_000);
    (0u64..300, 0u64..50, 0.0..0.5, 0u64..300, rate).prop_map(|(latency, jitter, chance, stall, rate_bits_per_s)| {
        let stall = Stall { chance, length: ms(stall) };
        Conditions { latency: ms(latency), jitter: ms(jitter), stall, rate_bits_per_s }
    })
}

proptest! {
    /// Whatever is pushed when, and taken when: every byte arrives once, in order, not before it was sent, and what the
    /// lane holds stays within its room.
    #[test]
    fn bytes_arrive_once_and_in_order(
        conditions in any_conditions(),
        seed: u64,
        steps in prop::collection::vec((0u64..100, 0usize..5_000, 0usize..6_000), 1..60),
    ) {
        let mut lane = Lane::new(conditions, seed);
        let (mut now, mut sent, mut received) = (Duration::ZERO, 0usize, 0usize);
        for (wait, push, take) in steps {
            now += ms(wait);
            let push = push.min(lane.room());
            let bytes: Vec<u8> = (sent..sent + push).map(|i| (i % 251) as u8).collect();
            lane.push(now, &bytes);
            sent += push;
            let ready = lane.ready(now);
            let take = take.min(ready.len());
            prop_assert!(ready[..take].iter().enumerate().all(|(i, byte)| *byte == ((received + i) % 251) as u8));
            lane.taken(take);
            received += take;
            prop_assert!(received <= sent);
            prop_assert_eq!(lane.under_way(), sent - received);
            prop_assert!(lane.under_way() <= ROOM_MAX);
        }
        let mut looks = 0;
        while let Some(due) = lane.next_due() {
            now = now.max(due);
            let ready = lane.ready(now).len();
            lane.taken(ready);
            received += ready;
            looks += 1;
            prop_assert!(looks < 10_000);
        }
        let rest = lane.ready(now).len();
        prop_assert_eq!(received + rest, sent);
    }

    #[test]
    fn arrivals_never_go_back(conditions in any_conditions(), seed: u64, gaps in prop::collection::vec(0u64..30, 1..200)) {
        let mut schedule = Schedule::new(conditions, seed);
        let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
        for gap in gaps {
            now += ms(gap);
            let arrival = schedule.arrival(now, 500);
            prop_assert!(arrival >= last && arrival >= now);
            last = arrival;
        }
    }
}

const ROOM_MAX: usize = 256 * 1024;
