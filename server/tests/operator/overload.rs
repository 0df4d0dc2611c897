//! The ladder of overload: where there is too much to do, nobody joins, and is told so.

use tickwire_shared::protocol::close::CloseReason;

use crate::{scrape, start, swirl, until};

#[test]
fn who_comes_to_a_busy_server_is_told_to_come_later() {
    let (server, admin) = start(|config| (config.load.rooms_max_percent, config.load.joins_max_percent) = (1, 1));
    swirl::run(async {
        // nothing is to be done yet
        let mut first = swirl::connect(&server, "first").await;
        swirl::receive_until(&mut first, "a frame", |c| c.client.tick().is_some()).await;
        let busy = || scrape(admin).value("tickwire_tick_thread_load_ratio{thread=\"0\"}") >= 0.01;
        until("800 motes 60 times a second are one percent of a core", || busy().then_some(()));
        let mut second = swirl::connect(&server, "second").await;
        assert_eq!(swirl::close_code(&mut second).await, CloseReason::TryLater.code());
        let Some(text) = second.client.state().ended() else { panic!("{:?}", second.client.state()) };
        assert!(text.contains("more work than time"), "{text}");
        let told = scrape(admin);
        assert_eq!(told.value("tickwire_joins_refused_total{reason=\"overloaded\"}"), 1.0);
        assert_eq!(told.value("tickwire_rooms{game=\"swirl\",class=\"60hz\"}"), 1.0);
    });
    server.stop();
}
