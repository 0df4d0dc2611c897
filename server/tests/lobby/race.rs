//! Capacity is exact, whoever races for it and however they ask.

use std::sync::Arc;

use serde_json::{Value, json};
use tickwire_server::Running;
use tickwire_shared::protocol::close::CloseReason;

use crate::api::{call, tickets, with};
use crate::court::{Court, Rules, Seated, ask, join, run};

const RACERS: usize = 2_000;
const SEATS: usize = 100;
/// Requests at once: beyond that the server sheds them unread.
const REQUESTS: usize = 100;

/// A server with one room of a hundred seats.
fn arena() -> Arc<Running> {
    let config = tickwire_server::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        rooms_max: 1,
        session: tickwire_server::config::SessionLimits { hello_timeout_ms: 100_000, ..Default::default() },
        lobby: tickwire_server::config::LobbyConfig { reservation_s: 600, ..Default::default() },
        ..Default::default()
    };
    let server = tickwire_server::Server::bind(config).expect("a free port");
    let rules = Rules { seats: SEATS as u16, ..Rules::default() };
    Arc::new(server.start::<Court>(rules, Default::default()).expect("it starts"))
}

/// What one racer comes to: seats, and words where it got none.
type Raced = (Vec<Seated<Court>>, Vec<String>);

async fn by_wish(server: &Running, wish: &str) -> Raced {
    match join::<Court>(server, ask(wish)).await {
        Ok(seat) => (vec![seat], Vec::new()),
        Err((_, text)) => (Vec::new(), vec![text]),
    }
}

/// Asks over HTTP, and takes each of the seats with its ticket.
async fn by_ticket(
    server: &Arc<Running>,
    places: &tokio::sync::Semaphore,
    (target, body): (&'static str, Value),
) -> Raced {
    let asked = {
        let _place = places.acquire().await.expect("it stays open");
        let server = Arc::clone(server);
        tokio::task::spawn_blocking(move || call(&server, "POST", target, &body)).await.expect("nobody panics")
    };
    if asked.status != 200 {
        return (Vec::new(), vec![asked.error()]);
    }
    let mut seated = Vec::new();
    for ticket in tickets(&asked.json()) {
        seated.push(join::<Court>(server, with(&ticket)).await.expect("the seat that was promised"));
    }
    (seated, Vec::new())
}

#[test]
fn of_those_who_race_by_wish_number_ticket_and_in_groups_exactly_a_hundred_sit() {
    let (server, places) = (arena(), Arc::new(tokio::sync::Semaphore::new(REQUESTS)));
    run(async {
        let mut seated = vec![join::<Court>(&server, ask("")).await.expect("the first seat")];
        let mut racers = tokio::task::JoinSet::new();
        for racer in 1..RACERS {
            let (server, places) = (Arc::clone(&server), Arc::clone(&places));
            racers.spawn(async move {
                match racer % 6 {
                    0 => by_wish(&server, "").await,
                    1 => by_wish(&server, r#"{"where": {"map": "grass"}}"#).await,
                    2 => by_wish(&server, r#"{"room": 1}"#).await,
                    3 => by_ticket(&server, &places, ("match", json!({ "game": "court" }))).await,
                    4 => by_ticket(&server, &places, ("match", json!({ "wish": { "room": 1 } }))).await,
                    _ => by_ticket(&server, &places, ("reserve", json!({ "seats": 3 }))).await,
                }
            });
        }
        while let Some(raced) = racers.join_next().await {
            let (seats, refused) = raced.expect("nobody panics");
            seated.extend(seats);
            for text in refused {
                assert!(text.contains("all rooms are full") || text.contains("that room is full"), "{text}");
            }
        }
        assert!(seated.len() <= SEATS, "{} sit on {SEATS} seats", seated.len());
        // a group of three may have left one or two free
        assert!(seated.len() > SEATS - 3, "{} sit", seated.len());
        while let Ok(seat) = join::<Court>(&server, ask("")).await {
            seated.push(seat);
        }
        assert_eq!(seated.len(), SEATS);
        seated[0].sees(SEATS as u16, 0).await;
    });
}

#[test]
fn two_thousand_who_race_for_a_hundred_seats_get_exactly_a_hundred() {
    let server = arena();
    run(async {
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..RACERS {
            let server = Arc::clone(&server);
            // most by any room, some by the fullest, some with conditions that the only one fits
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
