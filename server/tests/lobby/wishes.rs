//! Which room somebody gets, by what they wish for.

use tickwire_shared::JoinRequest;
use tickwire_shared::protocol::close::CloseReason;

use crate::court::{Court, Yard, ask, join, run, start, until};

#[test]
fn two_games_in_one_server_are_played_side_by_side() {
    let server = start(|_| {});
    run(async {
        let mut court = join::<Court>(&server, ask("")).await.expect("a court");
        let mut yard = join::<Yard>(&server, ask("")).await.expect("a yard");
        assert_ne!(court.room, yard.room);
        let mut second = join::<Court>(&server, ask("{}")).await.expect("a court");
        assert_eq!(second.room, court.room, "people meet");
        court.sees(2, 0).await;
        second.sees(2, 0).await;
        yard.sees(1, 0).await;
        let wish = format!(r#"{{"room": {}}}"#, yard.room);
        let (code, text) = join::<Court>(&server, ask(&wish)).await.expect_err("it is a yard");
        assert!(code == CloseReason::Refused.code() && text.contains("another game"), "{code} {text}");
        let metrics = server.metrics().exposition();
        for game in ["court", "yard"] {
            let line = format!("tickwire_rooms{{game=\"{game}\",class=\"30hz\"}} 1");
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
        assert!(metrics.contains("tickwire_frame_bytes_total{game=\"yard\""), "{metrics}");
    });
    server.stop();
}

#[test]
fn an_unknown_game_is_told_which_there_are() {
    use tickwire_shared::client::UntypedClient;
    use tickwire_shared::protocol::{ClientMessage, ServerMessage};

    let mut client = UntypedClient::of_game("chess", JoinRequest::new("ann"));
    let hello = client.poll_transmit().expect("a hello");
    assert!(matches!(ClientMessage::decode(&hello), Ok(ClientMessage::Hello { .. })));
    let server = start(|_| {});
    run(async {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
        let mut request = format!("ws://{}/ws", server.addr()).into_client_request().expect("an address");
        request.headers_mut().insert("Sec-WebSocket-Protocol", "tickwire.1".parse().expect("a header"));
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("the server listens");
        socket.send(Message::Binary(hello.into())).await.expect("the server reads");
        let Some(Ok(Message::Binary(said))) = socket.next().await else { panic!("no refusal") };
        let Ok(ServerMessage::Refused { reason }) = ServerMessage::decode(&said) else { panic!("no refusal") };
        assert!(reason.contains(r#"hosts "court", "yard""#), "{reason}");
    });
    server.stop();
}

#[test]
fn a_private_room_opens_by_its_code_alone() {
    let server = start(|_| {});
    run(async {
        let mine = r#"{"create": {"private": true, "properties": {"map": "ice"}}}"#;
        let mut ann = join::<Court>(&server, ask(mine)).await.expect("a room of her own");
        assert_eq!(ann.code().len(), 8);
        let stranger = join::<Court>(&server, ask("")).await.expect("another room");
        assert_ne!(stranger.room, ann.room);
        let looking = join::<Court>(&server, ask(r#"{"where": {"map": "ice"}}"#)).await.expect("another room");
        assert_ne!(looking.room, ann.room);
        let number = format!(r#"{{"room": {}}}"#, ann.room);
        let (code, text) = join::<Court>(&server, ask(&number)).await.expect_err("it is private");
        assert!(code == CloseReason::Refused.code() && text.contains("no such room"), "{code} {text}");
        let by_code = format!(r#"{{"code": "{}"}}"#, ann.code().to_lowercase());
        let friend = join::<Court>(&server, ask(&by_code)).await.expect("the code opens it");
        assert_eq!((friend.room, friend.code()), (ann.room, ann.code()));
        ann.sees(2, 0).await;
        let (_, text) = join::<Yard>(&server, ask(&by_code)).await.expect_err("of another game");
        assert!(text.contains("another game"), "{text}");
        friend.line.leave().await.expect("goodbye");
        ann.line.leave().await.expect("goodbye");
        until("the code ends with the room", async || {
            join::<Court>(&server, ask(&by_code)).await.err().filter(|(_, text)| text.contains("no room has this code"))
        })
        .await;
    });
    server.stop();
}

#[test]
fn rooms_are_found_by_what_their_creators_and_games_show() {
    let server = start(|_| {});
    run(async {
        let mut ice = join::<Court>(&server, ask(r#"{"create": {"properties": {"map": "ice", "skill": 950}}}"#))
            .await
            .expect("a new room");
        let near = r#"{"where": {"map": {"in": ["ice", "snow"]}, "skill": {"min": 900, "max": 1000}}}"#;
        let found = join::<Court>(&server, ask(near)).await.expect("it fits");
        assert_eq!(found.room, ice.room);
        // what the game itself shows
        let grass = join::<Court>(&server, ask(r#"{"create": {}}"#)).await.expect("a new room");
        let by_default = async || join::<Court>(&server, ask(r#"{"where": {"map": "grass"}}"#)).await.ok();
        let found = until("the game's own property is known", async || {
            by_default().await.filter(|found| found.room == grass.room)
        })
        .await;
        drop(found);
        // and shows anew in play
        ice.say("map snow").await;
        until("the new map is known", async || {
            let found = join::<Court>(&server, ask(r#"{"where": {"map": "snow"}}"#)).await.ok()?;
            (found.room == ice.room).then_some(())
        })
        .await;
        ice.say("lock").await;
        let number = format!(r#"{{"room": {}}}"#, ice.room);
        until("it is locked", async || {
            let (code, text) = join::<Court>(&server, ask(&number)).await.err()?;
            (code == CloseReason::Refused.code() && text.contains("locked")).then_some(())
        })
        .await;
        ice.say("unlock").await;
        until("it is open again", async || join::<Court>(&server, ask(&number)).await.ok()).await;
    });
    server.stop();
}

#[test]
fn who_looks_on_does_not_play() {
    let server = start(|_| {});
    run(async {
        let mut ann = join::<Court>(&server, ask("")).await.expect("a seat");
        let mut watcher = join::<Court>(&server, ask(r#"{"spectate": true}"#)).await.expect("a place to look on");
        assert_eq!(watcher.room, ann.room);
        ann.sees(1, 1).await;
        watcher.sees(1, 1).await;
        let (code, text) = join::<Yard>(&server, ask(r#"{"spectate": true}"#)).await.expect_err("the game has none");
        assert_eq!((code, text.as_str()), (CloseReason::Refused.code(), "the yard has a wall"));
    });
    server.stop();
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let server = start(|config| {
        config.lobby.client_options = true;
        config.net.addresses.exempt.clear();
        config.lobby.creations_per_minute = 4;
    });
    run(async {
        let told = async |wish: &str| join::<Court>(&server, ask(wish)).await.expect_err(wish);
        let (invalid, refused) = (CloseReason::InvalidData.code(), CloseReason::Refused.code());
        for (wish, code, words) in [
            ("{", invalid, "the wish is not understood: EOF"),
            (r#"{"rom": 3}"#, invalid, "unknown field `rom`"),
            (r#"{"room": 3, "code": "AAAAAA"}"#, invalid, "choose"),
            (r#"{"where": {"skill": {"over": 3}}}"#, invalid, "where.skill takes"),
            (r#"{"where": {"skill": {"min": 5, "max": 3}}}"#, invalid, "where.skill allows nothing"),
            (r#"{"room": 99}"#, refused, "there is no such room"),
            (r#"{"code": "AAAAAA"}"#, refused, "no room has this code"),
            (r#"{"create": {"options": {"seets": 3}}}"#, refused, "create.options: unknown field `seets`"),
            // the game's own word
            (r#"{"create": {"options": {"seats": 0}}}"#, refused, "a court has 1 to 200 seats"),
        ] {
            let (got, text) = told(wish).await;
            assert!(got == code && text.contains(words), "{wish}: {got} {text}");
        }
        // by options a room has other seats than others, from its first moment
        let two = join::<Court>(&server, ask(r#"{"create": {"options": {"seats": 2}}}"#)).await.expect("a small room");
        let number = format!(r#"{{"room": {}}}"#, two.room);
        let second = until("its seats are known", async || join::<Court>(&server, ask(&number)).await.ok()).await;
        assert_eq!(second.room, two.room);
        assert!(told(&number).await.1.contains("full"));

        let mut created = Vec::new();
        let (code, text) = loop {
            match join::<Court>(&server, ask(r#"{"create": {}}"#)).await {
                Ok(room) => created.push(room),
                Err(refusal) => break refusal,
            }
        };
        assert!(code == CloseReason::TryLater.code() && text.contains("at most 4 rooms a minute"), "{code} {text}");
        let metrics = server.metrics();
        assert_eq!((metrics.joins_nowhere.value(), metrics.joins_creating.value()), (2, 1));
    });
    server.stop();
    let server = start(|config| config.lobby.create = false);
    run(async {
        let (code, text) = join::<Court>(&server, ask(r#"{"create": {}}"#)).await.expect_err("nobody may");
        assert!(code == CloseReason::Refused.code() && text.contains("cannot create rooms"), "{code} {text}");
        join::<Court>(&server, ask("")).await.expect("rooms come by themselves all the same");
    });
    server.stop();
    let server = start(|_| {});
    run(async {
        let wish = r#"{"create": {"options": {"seats": 2}}}"#;
        let (_, text) = join::<Court>(&server, ask(wish)).await.expect_err("not by default");
        assert!(text.contains("lobby.client_options"), "{text}");
    });
    server.stop();
}
