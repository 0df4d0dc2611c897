//! Bad input is answered with words: what is wrong, and what to do. The conversation goes on.

use futures_util::SinkExt;
use tickwire_arena::Arena;
use tickwire_server::{Config, Server, Site};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::Peer;
use crate::waves::Waves;
use crate::{run, start};

#[test]
fn what_is_wrong_is_said_and_the_conversation_goes_on() {
    let server = start::<Arena>(|_| {});
    run(async {
        let mut ann = Peer::connect(&server).await;
        let before_joining = [
            ("hello", "not a message: expected value at line 1 column 1; a message is an object with one of join"),
            (r#"{"jion":{}}"#, "unknown field `jion`, expected one of `join`, `input`, `command`, `ping`, `leave`"),
            (
                r#"{"join":{"nmae":"ann"}}"#,
                "join: unknown field `nmae`, expected one of `game`, `name`, `pass`, `wish`",
            ),
            (r#"{"join":{"name":7}}"#, "join: invalid type: integer `7`, expected a string"),
            ("{}", "a message says one thing, this one 0"),
            (r#"{"ping":1,"leave":true}"#, "a message says one thing, this one 2"),
            (r#"{"ping":"x"}"#, "ping takes a number"),
            (r#"{"leave":false}"#, "leave takes true"),
            (r#"{"input":{"thrust":true}}"#, "there is no seat yet: join first"),
            (r#"{"command":null}"#, "there is no seat yet: join first"),
        ];
        for (said, told) in before_joining {
            ann.say(said).await;
            let error = ann.hear("error").await;
            assert!(error.as_str().is_some_and(|error| error.contains(told)), "{said} was answered with {error}");
        }
        ann.say(r#"{"ping":1763750000000.5}"#).await;
        assert_eq!(ann.hear("pong").await, 1_763_750_000_000.5);
        ann.say(r#"{"join":{"game":"arena","name":"ann"}}"#).await;
        let joined = ann.hear("joined").await;
        assert_eq!((&joined["rate_hz"], &joined["seat"]), (&30.into(), &0.into()), "{joined}");
        let behind = [
            (r#"{"join":{}}"#, "you have joined already"),
            (
                r#"{"input":{"trust":1}}"#,
                "the input of arena has no field \"trust\"; it has thrust, fire, turn, aiming, aim",
            ),
            (r#"{"input":{"turn":2}}"#, "input: turn takes a number from -1 to 1, not 2"),
            (r#"{"input":{"turn":0.5}}"#, "input: turn takes a whole number"),
            (r#"{"input":{"turn":"left"}}"#, "input: turn takes a whole number"),
            (r#"{"input":{"fire":"yes"}}"#, "input: fire takes true or false, not \"yes\""),
            (r#"{"input":[1]}"#, "input: invalid type: sequence, expected a map"),
            (r#"{"command":{"say":"hi"}}"#, "command: this game has none"),
        ];
        for (said, told) in behind {
            ann.say(said).await;
            let error = ann.hear("error").await;
            assert!(error.as_str().is_some_and(|error| error.contains(told)), "{said} was answered with {error}");
        }
        assert_eq!(server.metrics().json_errors.value(), 18);
        ann.say(r#"{"ping":7}"#).await;
        assert_eq!(ann.hear("pong").await, 7);
    });
    server.stop();
}

#[test]
fn refusals_come_as_words_and_as_a_close_code() {
    let server = start::<Arena>(|_| {});
    run(async {
        let mut ann = Peer::connect(&server).await;
        ann.say(r#"{"join":{"game":"chess"}}"#).await;
        let refused = ann.hear("refused").await;
        assert!(refused.as_str().is_some_and(|text| text.contains("this server hosts \"arena\"")), "{refused}");
        assert_eq!(ann.closed().await.0, 4002);

        let long = format!(r#"{{"code":"{}"}}"#, "a".repeat(2_000));
        for (wish, told) in [(r#"{"room":"x"}"#, "wish"), (&long, "a wish 1024")] {
            let mut cid = Peer::connect(&server).await;
            cid.say(&format!(r#"{{"join":{{"wish":{wish}}}}}"#)).await;
            let (code, reason) = cid.closed().await;
            assert!(code == 1007 && reason.contains(told), "{code} {reason}");
        }

        let mut bob = Peer::joined(&server, "bob").await;
        bob.socket.send(Message::binary(vec![5])).await.expect("the server reads");
        let refused = bob.hear("refused").await;
        assert!(refused.as_str().is_some_and(|text| text.contains("send text")), "{refused}");
        assert_eq!(bob.closed().await.0, 1002);
    });
    server.stop();
}

#[test]
fn of_several_games_one_must_be_named() {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let hosting = Server::bind(config).expect("a free port").host::<Arena>(Default::default()).host::<Waves>(());
    let server = hosting.start(Site::default()).expect("both start");
    run(async {
        let mut ann = Peer::connect(&server).await;
        ann.say(r#"{"join":{"name":"ann"}}"#).await;
        let error = ann.hear("error").await;
        assert_eq!(error, r#"this server hosts arena, waves: say which one, such as {"join":{"game":"arena"}}"#);
        ann.say(r#"{"join":{"game":"waves","name":"ann"}}"#).await;
        assert_eq!(ann.hear("joined").await["rate_hz"], 60);
        while ann.entities.is_empty() {
            ann.next().await.expect("it goes on");
        }
        assert!(ann.entities.values().all(|entity| entity["kind"] == "Wave"));
        ann.say(r#"{"input":{"thrust":true}}"#).await;
        assert_eq!(ann.hear("error").await, "the input of waves has no field \"thrust\"; it has wind");
    });
    server.stop();
}
