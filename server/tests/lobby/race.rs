//! Capacity is exact, whoever races for it and however they ask.

use tickwire_shared::protocol::close::CloseReason;

use crate::court::{Court, Rules, ask, join, run};

#[test]
fn two_thousand_who_race_for_a_hundred_seats_get_exactly_a_hundred() {
    const RACERS: usize = 2_000;
    const SEATS: usize = 100;
    let config = tickwire_server::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        rooms_max: 1,
        session: tickwire_server::config::SessionLimits { hello_timeout_ms: 100_000, ..Default::default() },
        ..Default::default()
    };
    let server = tickwire_server::Server::bind(config).expect("a free port");
    let server = server
        .start::<Court>(Rules { seats: SEATS as u16, ..Rules::default() }, Default::default())
        .expect("it starts");
    let server = std::sync::Arc::new(server);
    run(async {
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..RACERS {
            let server = std::sync::Arc::clone(&server);
            // most by any room, some by the only one's number, some with conditions that it fits
            let wish = match racer % 4 {
                0 if racer > 0 => r#"{"where": {"map": "grass"}}"#,
                1 => r#"{"sort": ["-players"]}"#,
                _ => "",
            };
            racers.spawn(async move { join::<Court>(&server, ask(wish)).await });
        }
        let (mut seated, mut refused) = (Vec::new(), Vec::new());
        while let Some(raced) = racers.join_next().await {
            match raced.expect("nobody panics") {
                Ok(seat) => seated.push(seat),
                Err(refusal) => refused.push(refusal),
            }
        }
        assert_eq!((seated.len(), refused.len()), (SEATS, RACERS - SEATS));
        for (code, text) in refused {
            assert_eq!(
                (code, text.as_str()),
                (CloseReason::TryLater.code(), "all rooms are full; try again in a moment")
            );
        }
        seated[0].sees(SEATS as u16, 0).await;
        let metrics = server.metrics();
        assert_eq!(metrics.joins_without_room.value(), (RACERS - SEATS) as u64);

        // one leaves, one gets its seat
        let leaver = seated.pop().expect("a hundred are there");
        leaver.line.leave().await.expect("the server says goodbye");
        seated[0].sees(SEATS as u16 - 1, 0).await;
        let by_number = join::<Court>(&server, ask(r#"{"room": 1}"#)).await.expect("the seat that is free");
        assert_eq!(by_number.room, 1);
        let (code, text) = join::<Court>(&server, ask(r#"{"room": 1}"#)).await.expect_err("it is full");
        assert!(code == CloseReason::Refused.code() && text.contains("full"), "{code} {text}");
    });
}
