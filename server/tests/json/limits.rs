//! What a JSON client may not, and what it costs others at most.

use std::time::Duration;

use tickwire_arena::Arena;
use tickwire_shared::Profile;
use tickwire_shared::native::Connection;

use crate::peer::Peer;
use crate::{run, start};

#[test]
fn no_more_speak_json_than_may() {
    let server = start::<Arena>(|config| config.session.json_links_max = 2);
    let url = format!("ws://{}/ws", server.addr());
    run(async {
        let ann = Peer::joined(&server, "ann").await;
        let _bob = Peer::joined(&server, "bob").await;
        let mut cid = Peer::connect(&server).await;
        let refused = cid.hear("refused").await;
        assert!(refused.as_str().is_some_and(|text| text.contains("session.json_links_max")), "{refused}");
        assert_eq!(cid.closed().await.0, 1013);
        // who was refused and reads nothing keeps nobody out
        let _eve = Peer::connect(&server).await;
        assert_eq!(server.metrics().json_links_open.value(), 2);
        assert_eq!(server.metrics().json_links_refused.value(), 2);
        let mut binary = Connection::<Arena>::connect(&url, Profile::default()).await.expect("it listens");
        while binary.client.tick().is_none() {
            binary.receive().await.expect("binary clients are none of them");
        }
        drop(ann);
        let freed = async {
            while server.metrics().json_links_open.value() > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), freed).await.expect("her place is free");
        Peer::joined(&server, "dan").await;
    });
    server.stop();
}

#[test]
fn who_is_too_fast_is_told_once_and_then_closed() {
    let server = start::<Arena>(|config| config.session.too_fast_timeout_ms = 500);
    run(async {
        let mut ann = Peer::connect(&server).await;
        let flood = async {
            loop {
                ann.say(r#"{"ping":1}"#).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
                if server.metrics().sessions_too_fast.value() > 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), flood).await.expect("it is too much");
        let (mut errors, mut refused) = (0, 0);
        while let Some(message) = ann.next().await {
            errors += usize::from(message["error"].as_str().is_some_and(|text| text.starts_with("too fast")));
            refused +=
                usize::from(message["refused"].as_str().is_some_and(|text| text.starts_with("too many messages")));
        }
        assert!((1..=20).contains(&errors), "{errors} times");
        assert_eq!(refused, 1);
    });
    server.stop();
}
