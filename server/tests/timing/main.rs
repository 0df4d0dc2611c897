//! The client's timing against a real room and session on a virtual network: what is drawn is there and moves
//! forward, inputs come a little early and one a tick, and neither is lost for long after a pause at either end.

mod manners;
mod net;

use net::{Conditions, Second, noise, play};

/// Nothing vanishes and nothing moves back; the first second, in which the client gets its first frames, aside.
fn assert_drawn(told: &[Second], what: &str) {
    print(told, what);
    for (at, second) in told.iter().enumerate().skip(1) {
        assert_eq!(second.invisible, 0, "{what}: the entity vanished in second {at}");
        assert_eq!(second.backward, 0, "{what}: the entity moved back in second {at}");
    }
}

/// One message a tick, each of use, with a margin between nothing and about a tick.
fn assert_inputs(second: &Second, tick_ms: f64, what: &str) {
    let (least, most) = second.margins();
    assert!(least > -1.0 && most < 15.0 + tick_ms, "{what}: margins from {least} to {most} ms");
    assert!(second.messages.abs_diff(second.ticks) <= 2, "{what}: {second:?}");
    assert!(second.unused <= 1, "{what}: {} inputs were of no use", second.unused);
}

fn print(told: &[Second], what: &str) {
    println!("{what}");
    for (at, second) in told.iter().enumerate() {
        let (least, most) = second.margins();
        println!(
            "  second {at:2}: {:3} ticks, drawn {:3}, invisible {:3}, backward {:2}, still {:3}, behind {:5.1}; \
             {:3} messages, {:3} unused, {:3} acked, margin {least:6.1} to {most:6.1} ms; jitter {:5.1} ms",
            second.ticks,
            second.drawn,
            second.invisible,
            second.backward,
            second.still,
            second.behind_ticks,
            second.messages,
            second.unused,
            second.acked,
            second.jitter_ms,
        );
    }
}

#[test]
fn inputs_come_one_a_tick_and_a_little_early_at_any_distance() {
    for rate_hz in [30, 60, 128] {
        for rtt_ms in [0.0, 60.0, 120.0, 200.0, 250.0, 300.0, 400.0] {
            let what = format!("{rate_hz} Hz, {rtt_ms} ms");
            let told = play(&Conditions::fair(rate_hz, rtt_ms / 2.0), 8);
            assert_drawn(&told, &what);
            for second in &told[2..] {
                assert_inputs(second, 1000.0 / f64::from(rate_hz), &what);
            }
        }
    }
}

#[test]
fn a_client_that_draws_slowly_sends_an_input_a_draw() {
    let conditions = Conditions { fps: 20.0, ..Conditions::fair(60, 30.0) };
    let told = play(&conditions, 6);
    assert_drawn(&told, "60 Hz, 20 draws a second");
    for second in &told[2..] {
        assert!((19..=21).contains(&second.messages), "{second:?}");
    }
}

#[test]
fn jitter_is_bridged() {
    for (rate_hz, jitter_ms) in [(30, 100.0), (60, 100.0), (60, 200.0), (128, 60.0), (128, 120.0)] {
        let what = format!("{rate_hz} Hz, 0 to {jitter_ms} ms of jitter");
        let down_ms = Box::new(move |ms| 20.0 + jitter_ms * noise(ms));
        let told = play(&Conditions { down_ms, ..Conditions::fair(rate_hz, 20.0) }, 8);
        assert_drawn(&told, &what);
        for second in &told[3..] {
            assert!(second.still < second.drawn / 20, "{what}: {} of {} draws stood still", second.still, second.drawn);
        }
    }
}

#[test]
fn jitter_on_the_way_up_makes_inputs_leave_earlier() {
    let up_ms = Box::new(|ms| 20.0 + 60.0 * noise(ms * 7.0));
    let told = play(&Conditions { up_ms, ..Conditions::fair(30, 20.0) }, 10);
    assert_drawn(&told, "0 to 60 ms of jitter on the way up");
    for second in &told[4..] {
        let late = second.margins_ms.iter().filter(|margin| **margin < 0.0).count();
        assert!(late <= 3, "{late} of {} inputs were late", second.margins_ms.len());
    }
}

#[test]
fn after_a_pause_of_the_server_inputs_go_on_within_half_a_second() {
    for pause_ms in [400.0, 1000.0, 4000.0] {
        let server_runs = Box::new(move |ms| !(5000.0..5000.0 + pause_ms).contains(&ms));
        let what = format!("the server pauses for {pause_ms} ms");
        let told = play(&Conditions { server_runs, ..Conditions::fair(30, 20.0) }, 14);
        assert_drawn(&told, &what);
        let paused: u32 = told[6..]
            .iter()
            .take((pause_ms / 1000.0) as usize - usize::from(pause_ms > 999.0))
            .map(|s| s.messages)
            .sum();
        assert_eq!(paused, 0, "{what}: inputs leave though nothing comes");
        let back = 6 + (pause_ms / 1000.0) as usize;
        assert!(told[back - 1..back + 1].iter().map(|second| second.acked).sum::<u32>() > 15, "{what}");
        for second in &told[back + 1..] {
            assert_inputs(second, 1000.0 / 30.0, &what);
        }
    }
}

#[test]
fn a_network_that_holds_frames_back_for_a_while_leaves_no_trace() {
    for (rate_hz, hold_ms) in [(30, 400.0), (60, 250.0), (60, 1500.0)] {
        let held = move |ms: f64| if ms < 5000.0 { 0.0 } else { (5000.0 + hold_ms - ms).max(0.0) };
        let down_ms = Box::new(move |ms| 20.0 + held(ms));
        let what = format!("{rate_hz} Hz, frames held for {hold_ms} ms");
        let told = play(&Conditions { down_ms, ..Conditions::fair(rate_hz, 20.0) }, 12);
        assert_drawn(&told, &what);
        for second in &told[8..] {
            assert_inputs(second, 1000.0 / f64::from(rate_hz), &what);
            assert!(second.behind_ticks < told[4].behind_ticks + 0.7, "{what}: {} behind", second.behind_ticks);
            assert!(second.jitter_ms < 3.0, "{what}: jitter {} ms", second.jitter_ms);
        }
    }
}

#[test]
fn a_client_that_slept_is_there_again_at_once() {
    let client_runs = Box::new(|ms| !(5000.0..8000.0).contains(&ms));
    let told = play(&Conditions { client_runs, ..Conditions::fair(30, 20.0) }, 13);
    assert_drawn(&told, "the client sleeps for 3 s");
    assert!(told[9].behind_ticks < told[4].behind_ticks + 1.0, "{} behind", told[9].behind_ticks);
    let stale: u32 = told[1..].iter().map(|second| second.stale).sum();
    assert_eq!(stale, 0, "what lay in its buffer was shown");
    for second in &told[9..] {
        assert_inputs(second, 1000.0 / 30.0, "the client slept");
    }
}

#[test]
fn a_hidden_tab_comes_back_with_its_old_lead() {
    for (from_ms, one_way_ms) in [(5000.0, 40.0), (300.0, 80.0)] {
        let client_draws = Box::new(move |ms| !(from_ms..20_000.0).contains(&ms));
        let what = format!("the tab is hidden from {from_ms} ms");
        let told = play(&Conditions { client_draws, ..Conditions::fair(30, one_way_ms) }, 25);
        assert_drawn(&told, &what);
        assert_eq!(told[7..20].iter().map(|second| second.acked).sum::<u32>(), 0, "{what}: an ack came twice");
        for second in &told[21..] {
            assert_inputs(second, 1000.0 / 30.0, &what);
        }
    }
}

#[test]
fn a_room_slower_than_its_rate_is_drawn_steadily() {
    for (rate_hz, slowness) in [(30, 1.1), (30, 1.2), (30, 1.5), (30, 2.0), (10, 2.0), (60, 2.0)] {
        let what = format!("{rate_hz} Hz, ticks {slowness} times as long");
        let told = play(&Conditions { slowness, ..Conditions::fair(rate_hz, 20.0) }, 14);
        assert_drawn(&told, &what);
        // a room that was slow from its first tick is known for what it is after some ten seconds
        for second in &told[11..] {
            assert!(second.behind_ticks < 4.0, "{what}: {} ticks behind", second.behind_ticks);
            assert!(
                second.jitter_ms < slowness * 500.0 / f64::from(rate_hz),
                "{what}: {} ms is no jitter, it is drift",
                second.jitter_ms
            );
            assert!(second.messages.abs_diff(second.ticks) <= 2, "{what}: {second:?}");
        }
    }
}
