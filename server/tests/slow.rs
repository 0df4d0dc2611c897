//! Slow readers among others, in small: what `cargo bench -p tickwire-server --bench slow` measures, with bounds that
//! also a busy machine keeps.

#[path = "../benches/slow/heads.rs"]
mod heads;
#[path = "../benches/slow/peer.rs"]
mod peer;
#[path = "../benches/slow/queues.rs"]
mod queues;
#[path = "../benches/slow/rig.rs"]
mod rig;
#[path = "../benches/slow/scene.rs"]
mod scene;

use std::time::Duration;

use rig::{Plan, Rig, percentile};

#[test]
fn who_reads_slowly_or_not_at_all_holds_little_and_is_shown_what_is_new() {
    let plan = Plan {
        players: 30,
        slow: 4,
        bytes_per_s: 2000.0,
        fair: Duration::from_secs(1),
        stall: Duration::from_secs(7),
        rounds: 1,
        unacked_max_bytes: None,
    };
    let mut rig = Rig::start(plan).expect("a free port");
    rig.run(|_| {}).expect("everybody is served");
    let back = rig.slow.returns[0];
    assert_eq!(rig.wrong(), 0, "wrong states");
    let slow = &mut rig.slow;
    println!("{back:?}, {} and {} bytes", slow.most_bytes, slow.stalled_most_bytes);
    assert!(slow.most_bytes <= 64 * 1024, "{} bytes were under way to a slow one", slow.most_bytes);
    assert!(slow.stalled_most_bytes <= 64 * 1024, "{} bytes waited for one who stood still", slow.stalled_most_bytes);
    assert!(slow.stalled_most_bytes > 0 && slow.withheld > 0, "it did stand still");
    // half a second of frames before it is noticed, and a busy machine's time
    assert!(back.old_frames <= 40, "{} old frames waited for it", back.old_frames);
    assert!(back.fresh_age_ms < 1000.0 && back.fresh_after_ms < 1500.0, "{back:?}");
    assert!(back.shown_age_ms < 1000.0, "it showed what was {} ms old", back.shown_age_ms);
    let age_ms = percentile(&mut slow.ages_ms, 50.0);
    assert!(age_ms < 3000.0, "slow ones hold what is {age_ms} ms old");
    rig.stop();
}
