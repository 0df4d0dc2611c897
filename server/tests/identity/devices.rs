//! One account on two devices.

use tickwire_server::config::SecondDevice;
use tickwire_server::{Config, Running};
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::http;
use crate::roster::{Player, metric, run, start};
use crate::signer::{SECRET, Scratch, Signer};

fn with_devices(scratch: &Scratch, second_device: SecondDevice) -> (Running, std::net::SocketAddr) {
    let file = scratch.write("secret", SECRET);
    start(|config: &mut Config| {
        config.identity.secret_file = Some(file);
        config.identity.second_device = second_device;
    })
}

fn device(name: &str, account: &str) -> JoinRequest {
    JoinRequest::new(name).with_pass(Signer::hs256(SECRET).pass(account))
}

#[test]
fn the_second_device_gets_the_seat_and_the_first_is_told() {
    let scratch = Scratch::new("takes-over");
    let (server, admin) = with_devices(&scratch, SecondDevice::TakesOver);
    run(async {
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        let mut other = Player::join(&server, device("other", "ben")).await;
        let seat = phone.0.client.seat();
        let mut desk = Player::join(&server, device("desk", "ann")).await;
        assert_eq!(desk.0.client.seat(), seat, "the same seat");
        let (code, text) = phone.closed().await;
        assert_eq!(code, CloseReason::TakenOver.code());
        assert!(text.contains("another connection of yours"), "{text}");
        // the game has heard of nothing
        assert_eq!(desk.counted(), Some((2, 0)));
        assert_eq!(desk.who().await, "phone|ann|");
        other.plays().await;
        assert_eq!(other.counted(), Some((2, 0)));
        assert_eq!(metric(admin, "tickwire_seats_taken_over_total"), 1.0);
        // and a third, while the second's connection is broken
        desk.0.cut();
        drop(desk);
        let mut laptop = Player::join(&server, device("laptop", "ann")).await;
        assert_eq!(laptop.0.client.seat(), seat);
        assert_eq!(laptop.counted(), Some((2, 0)));
        laptop.plays().await;
    });
    server.stop();
}

#[test]
fn what_the_first_device_had_leads_nowhere_any_more() {
    let scratch = Scratch::new("void");
    let (server, _) = with_devices(&scratch, SecondDevice::TakesOver);
    run(async {
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        let token = phone.0.client.token().expect("a token came with the seat");
        let mut desk = Player::join(&server, device("desk", "ann")).await;
        phone.closed().await;
        let (code, text) = Player::back(&server, token).await.closed().await;
        assert_eq!(code, CloseReason::SeatGone.code());
        assert!(text.contains("join anew"), "{text}");
        desk.plays().await;
        // its own leads back
        let token = desk.0.client.token().expect("a token came with the seat");
        desk.0.cut();
        drop(desk);
        let mut back = Player::back(&server, token).await;
        back.plays().await;
        assert_eq!(back.who().await, "phone|ann|");
    });
    server.stop();
}

#[test]
fn another_seat_or_none_where_that_is_configured() {
    let scratch = Scratch::new("another");
    let (server, _) = with_devices(&scratch, SecondDevice::AnotherSeat);
    run(async {
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        let desk = Player::join(&server, device("desk", "ann")).await;
        assert_ne!(desk.0.client.seat(), phone.0.client.seat());
        phone.plays().await;
    });
    server.stop();
    let (server, admin) = with_devices(&scratch, SecondDevice::Refused);
    run(async {
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        let mut desk = Player::ask(&server, device("desk", "ann")).await;
        let (code, text) = desk.closed().await;
        assert_eq!(code, CloseReason::Refused.code());
        assert!(text.contains("another device"), "{text}");
        assert_eq!(metric(admin, "tickwire_joins_refused_total{reason=\"second_device\"}"), 1.0);
        phone.plays().await;
    });
    server.stop();
}

#[test]
fn anonymous_players_never_take_anything_over() {
    let (server, _) = start(|_| {});
    run(async {
        let mut one = Player::join(&server, JoinRequest::new("ann")).await;
        let two = Player::join(&server, JoinRequest::new("ann")).await;
        assert_ne!(two.0.client.seat(), one.0.client.seat());
        one.plays().await;
    });
    server.stop();
}

#[test]
fn one_account_plays_once_whatever_it_wishes_for() {
    let scratch = Scratch::new("once");
    let (server, admin) = with_devices(&scratch, SecondDevice::TakesOver);
    let wishing = |name: &str, wish: &str| device(name, "ann").wishing(wish);
    run(async {
        let mut ben = Player::join(&server, device("ben", "ben")).await;
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        // her own room is as these wish for
        for wish in [r#"{"sort": ["-players"]}"#, r#"{"room": 1}"#] {
            let desk = Player::join(&server, wishing("desk", wish)).await;
            assert_eq!(desk.0.client.seat(), phone.0.client.seat(), "{wish}");
            assert_eq!(phone.closed().await.0, CloseReason::TakenOver.code());
            phone = desk;
        }
        // another room: she is in that, and no longer in the first
        let mut away = Player::join(&server, wishing("away", r#"{"create": {"private": true}}"#)).await;
        assert!(away.0.client.code().is_some());
        let (code, text) = phone.closed().await;
        assert_eq!(code, CloseReason::TakenOver.code());
        assert!(text.contains("another room"), "{text}");
        ben.sees_a_leave().await;
        // who finds no place keeps the seat that it has
        let mut lost = Player::ask(&server, wishing("lost", r#"{"room": 99}"#)).await;
        assert!(lost.closed().await.1.contains("no such room"));
        away.plays().await;
        let mut unwanted = Player::ask(&server, wishing("unwanted", r#"{"room": 1}"#)).await;
        assert_eq!(unwanted.closed().await, (CloseReason::Refused.code(), "nobody wants you".to_owned()));
        away.plays().await;
        // a ticket leads elsewhere, too
        let seats = |told: &str| http::get(admin, "/metrics").body.contains(told);
        let addr = server.addr();
        let shown = format!("Host: {addr}\r\nAuthorization: Bearer {}\r\n", Signer::hs256(SECRET).pass("ann"));
        let kept = http::ask(addr, "POST", "/api/v1/match", &shown, r#"{"wish": {"room": 1}}"#);
        let ticket = kept.json()["tickets"][0].as_str().expect("a ticket").to_owned();
        let mut back = Player::join(&server, JoinRequest::new("back").with_pass(ticket)).await;
        assert_eq!(away.closed().await.0, CloseReason::TakenOver.code());
        back.plays().await;
        crate::roster::until("the private room ends", || {
            seats("tickwire_rooms{game=\"roster\",class=\"60hz\"} 1\n").then_some(())
        });
    });
    server.stop();
    let (server, _) = with_devices(&scratch, SecondDevice::Refused);
    run(async {
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        for wish in [r#"{"sort": ["age"]}"#, r#"{"create": {}}"#, r#"{"room": 1}"#, r#"{"where": {"map": "ice"}}"#] {
            let (code, text) = Player::ask(&server, wishing("desk", wish)).await.closed().await;
            assert_eq!(code, CloseReason::Refused.code(), "{wish}");
            assert!(text.contains("another device"), "{wish}: {text}");
        }
        phone.plays().await;
    });
    server.stop();
}

#[test]
fn an_account_keeps_no_seat_behind_a_room_that_refused_it() {
    let scratch = Scratch::new("behind");
    let (server, _) = with_devices(&scratch, SecondDevice::TakesOver);
    let private = |name: &str| device(name, "ann").wishing(r#"{"create": {"private": true}}"#);
    run(async {
        let mut ben = Player::join(&server, device("ben", "ben")).await;
        let mut phone = Player::join(&server, device("phone", "ann")).await;
        // its room takes its time to refuse this one; meanwhile the account goes elsewhere again
        let mut unwanted = Player::ask(&server, private("unwanted late")).await;
        let mut away = Player::join(&server, private("away")).await;
        assert_eq!(unwanted.closed().await, (CloseReason::Refused.code(), "nobody wants you".to_owned()));
        assert_eq!(phone.closed().await.0, CloseReason::TakenOver.code());
        ben.sees_a_leave().await;
        away.plays().await;
    });
    server.stop();
}
