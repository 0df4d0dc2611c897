//! One account on two devices.

use tickwire_server::config::SecondDevice;
use tickwire_server::{Config, Running};
use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

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
