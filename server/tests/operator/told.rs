//! Metrics tell what really happened.

use tickwire_shared::protocol::close::CloseReason;

use crate::{scrape, start, swirl, until};

const ROOM: &str = "{game=\"swirl\",class=\"60hz\"}";

#[test]
fn metrics_tell_what_happened() {
    let (server, admin) = start(|_| {});
    let before = scrape(admin);
    assert_eq!(before.value("tickwire_connections_open"), 0.0, "the admin listener's are not counted");
    swirl::run(async {
        let mut players = Vec::new();
        for name in ["ann", "ben", "cid"] {
            let mut player = swirl::connect(&server, name).await;
            swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
            players.push(player);
        }
        let mut unwanted = swirl::connect(&server, "unwanted").await;
        assert_eq!(swirl::close_code(&mut unwanted).await, CloseReason::Refused.code());
        players.pop().expect("cid").leave().await.expect("the server closes in order");
        let ticked = || server.metrics().ticks.value() as f64;
        let (before, told) = until("two are left", || {
            let (before, told) = (ticked(), scrape(admin));
            (told.value(&format!("tickwire_clients{ROOM}")) == 2.0).then_some((before, told))
        });
        assert_eq!(told.value(&format!("tickwire_joins_total{ROOM}")), 3.0);
        assert_eq!(told.value(&format!("tickwire_rooms{ROOM}")), 1.0);
        assert_eq!(told.value(&format!("tickwire_rooms_opened_total{ROOM}")), 1.0);
        assert_eq!(told.value("tickwire_joins_refused_total{reason=\"game\"}"), 1.0);
        assert_eq!(told.sum("tickwire_joins_refused_total", ""), 1.0);
        assert_eq!(told.value("tickwire_sessions_refused_total{reason=\"refused\"}"), 1.0);
        assert_eq!(told.sum("tickwire_sessions_refused_total", ""), 1.0);
        assert_eq!(told.value("tickwire_connections_accepted_total"), 4.0);
        // each counter is between what it was a moment before and what it is now
        let bytes_in = told.value("tickwire_network_bytes_total{direction=\"in\"}");
        assert!(bytes_in > 0.0 && bytes_in <= server.metrics().bytes_in.value() as f64);
        let ticks = told.value(&format!("tickwire_tick_seconds_count{ROOM}"));
        let then = before - 1.0..=ticked() + 1.0;
        assert!(ticks > 0.0 && then.contains(&ticks), "{ticks}, {then:?}");
        for histogram in ["tick_lateness", "compose"] {
            let count = told.value(&format!("tickwire_{histogram}_seconds_count{ROOM}"));
            assert!(then.contains(&count), "{histogram}: {count}, {then:?}");
        }
        assert!(told.value(&format!("tickwire_write_seconds_count{ROOM}")) > 0.0);
        let sum = |histogram: &str| told.value(&format!("tickwire_{histogram}_seconds_sum{ROOM}"));
        assert!(sum("compose") > 0.0 && sum("compose") <= sum("tick"), "composing is a part of a tick");
        let busy = told.value("tickwire_tick_thread_busy_seconds_total{thread=\"0\"}");
        // it is told after the tick, so a long one may be in the one and not in the other yet
        assert!(busy >= sum("tick") * 0.5, "{busy} s were worked, {} s of them in ticks", sum("tick"));
        // everything moves: fields are what most bytes are for
        let [fields, all] = ["part=\"field\"", ""].map(|part| told.sum("tickwire_frame_bytes_total", part));
        assert!(
            told.value("tickwire_frame_bytes_total{game=\"swirl\",part=\"field\",kind=\"Mote\",field=\"x\"}") > 0.0
        );
        assert!(fields > all / 2.0, "{fields} of {all}");
        drop(players);
    });
    until("the room ends", || (scrape(admin).value(&format!("tickwire_rooms{ROOM}")) == 0.0).then_some(()));
    let after = scrape(admin);
    assert_eq!(after.value(&format!("tickwire_clients{ROOM}")), 0.0);
    for (series, value) in before.series().filter(|(series, _)| series.contains("_total")) {
        assert!(after.value(series) >= value, "{series} went back");
    }
    server.stop();
}

/// Also where nobody listens to the log.
#[test]
fn what_a_game_does_wrong_is_counted() {
    let (server, admin) = start(|_| {});
    let faults = |fault: &str| scrape(admin).value(&format!("tickwire_game_faults_total{{fault=\"{fault}\"}}"));
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        assert_eq!((faults("id_twice"), faults("event_too_long"), faults("frame_too_long")), (0.0, 0.0, 0.0));
        for command in ["use an id twice", "say 20000"] {
            player.client.command(&command.to_owned());
        }
        player.flush().await.expect("the server reads");
        until("both are counted", || (faults("id_twice") > 3.0 && faults("event_too_long") == 1.0).then_some(()));
    });
    server.stop();
}

#[test]
fn a_room_that_panics_is_counted_and_its_players_too() {
    let (server, admin) = start(|_| {});
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        player.client.command(&"panic".to_owned());
        player.flush().await.expect("the server reads");
        assert_eq!(swirl::close_code(&mut player).await, CloseReason::RoomFailed.code());
    });
    let told = scrape(admin);
    assert_eq!(told.value(&format!("tickwire_rooms_failed_total{ROOM}")), 1.0);
    assert_eq!(told.value(&format!("tickwire_rooms{ROOM}")), 0.0);
    assert_eq!(told.value(&format!("tickwire_clients{ROOM}")), 0.0);
    server.stop();
}
