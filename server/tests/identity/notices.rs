//! What operators say to players, and what a drain does.

use std::time::Duration;

use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::http::{get, steer};
use crate::roster::{Player, run, start, until};

#[test]
fn an_operator_speaks_to_one_to_a_room_and_to_all() {
    let (server, admin) = start(|config| config.rooms_max = 2);
    run(async {
        let mut first = Vec::new();
        for at in 0..crate::roster::SEATS {
            first.push(Player::join(&server, JoinRequest::new(format!("p{at}"))).await);
        }
        let mut apart = Player::join(&server, "apart").await;
        let seat = first[1].0.client.seat().expect("it plays").0;
        let one = steer(admin, "POST", &format!("/admin/rooms/1/seats/{seat}/message"), "{\"text\": \"to you\"}");
        assert_eq!((one.status, &one.json()["players"]), (200, &1.into()), "{}", one.body);
        let room = steer(admin, "POST", "/admin/rooms/1/message", "{\"text\": \"to the room\"}");
        assert_eq!(room.json()["players"], first.len(), "{}", room.body);
        let all = steer(admin, "POST", "/admin/message", "{\"text\": \"to all\"}");
        assert_eq!(all.json()["players"], first.len() + 1, "{}", all.body);
        for (at, player) in first.iter_mut().enumerate() {
            let mut heard = Vec::new();
            while heard.last().is_none_or(|last| last != "to all") {
                let notice = player.notice().await;
                assert_eq!(notice.ends_in, None);
                heard.push(notice.text);
            }
            let expected: &[&str] =
                if at == 1 { &["to you", "to the room", "to all"] } else { &["to the room", "to all"] };
            assert_eq!(heard, expected);
        }
        assert_eq!(apart.notice().await.text, "to all");
        for (path, body, status) in [
            ("/admin/rooms/1/message", "", 400),
            ("/admin/rooms/1/message", "{\"text\": \"  \"}", 400),
            ("/admin/message", "{\"txt\": \"hello\"}", 400),
            ("/admin/rooms/9/message", "{\"text\": \"hello\"}", 404),
            ("/admin/rooms/2/seats/7/message", "{\"text\": \"hello\"}", 404),
        ] {
            assert_eq!(steer(admin, "POST", path, body).status, status, "{path} {body}");
        }
        let long = format!("{{\"text\": \"{}\"}}", "a".repeat(1001));
        assert_eq!(steer(admin, "POST", "/admin/message", &long).status, 400);
    });
    server.stop();
}

#[test]
fn a_drain_is_told_at_its_begin_with_when_and_where_to_return() {
    let (server, admin) = start(|config| {
        config.return_to = Some("https://eu2.game.example".into());
        config.stop_text = "new version;".into();
    });
    run(async {
        let mut ann = Player::join(&server, "ann").await;
        let token = ann.0.client.token().expect("a token came with the seat");
        assert_eq!(steer(admin, "POST", "/admin/drain", "{\"within_s\": 600}").status, 202);
        let notice = ann.notice().await;
        assert_eq!(notice.text, "new version; https://eu2.game.example");
        let ends_in = notice.ends_in.expect("it ends");
        assert!(ends_in <= Duration::from_secs(600) && ends_in > Duration::from_secs(500), "{ends_in:?}");
        until("it is not ready", || (get(admin, "/readyz").status == 503).then_some(()));
        // who comes back hears of it too
        ann.plays().await;
        ann.0.cut();
        drop(ann);
        let mut ann = Player::back(&server, token).await;
        assert_eq!(ann.notice().await.text, "new version; https://eu2.game.example");
        ann.plays().await;
        // other words and another time are told anew
        let order = format!("{{\"within_s\": 300, \"text\": \"{}\"}}", "w".repeat(200));
        assert_eq!(steer(admin, "POST", "/admin/drain", &order).status, 202);
        let notice = ann.notice().await;
        assert!(notice.text.starts_with("www") && notice.text.ends_with(" https://eu2.game.example"), "{notice:?}");
        let stopping = std::thread::spawn(move || server.stop());
        let (code, text) = ann.closed().await;
        assert_eq!((code, text), (CloseReason::GoingAway.code(), notice.text), "the address is whole");
        drop(ann);
        stopping.join().expect("the server stopped");
    });
}
