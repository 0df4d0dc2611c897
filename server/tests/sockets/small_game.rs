//! The README's small game is hosted like any other: the engine knows nothing of the demo.

#[path = "../../examples/coins.rs"]
#[allow(dead_code, missing_docs, reason = "its main is not called here")]
mod coins;

use tickwire_server::{Config, Server, Site};
use tickwire_shared::native::Connection;
use tickwire_shared::{EntityId, Profile};

use crate::swirl;
use coins::{Coins, Keys, Kinds, Thing};

const COIN: EntityId = EntityId(u32::MAX);

fn thing(player: &Connection<Coins>, id: EntityId) -> Option<Thing> {
    player.client.newest(id).map(|Kinds::Thing(thing)| thing)
}

/// Receives one message, then runs towards the coin, or stands.
async fn step(player: &mut Connection<Coins>, run: bool) {
    player.receive().await.expect("the server serves");
    let own = player.client.owned().next().and_then(|id| thing(player, id));
    let keys = match (own, thing(player, COIN)) {
        (Some(own), Some(coin)) if run => {
            let way = |from: f32, to: f32| if (to - from).abs() < 0.7 { 0 } else { (to - from).signum() as i8 };
            Keys { go: [way(own.at[0], coin.at[0]), way(own.at[1], coin.at[1])] }
        }
        _ => Keys::default(),
    };
    let now = player.now();
    player.client.input(now, &keys);
    player.flush().await.expect("the server reads");
}

#[test]
fn a_player_takes_the_coin_and_another_sees_it() {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = Server::bind(config).expect("a free port").start::<Coins>((), Site::default()).expect("it starts");
    let url = format!("ws://{}/ws", server.addr());
    swirl::run(async {
        let mut runner = Connection::<Coins>::connect(&url, Profile::default()).await.expect("it listens");
        while runner.client.tick().is_none() {
            step(&mut runner, false).await;
        }
        let mut watcher = Connection::<Coins>::connect(&url, Profile::default()).await.expect("it listens");
        while thing(&watcher, EntityId(0)).is_none_or(|runner| runner.coins == 0) {
            step(&mut runner, true).await;
            step(&mut watcher, false).await;
            let ticks = watcher.client.tick().map_or(0, |tick| tick.0);
            assert!(ticks < 600, "in 20 s of running the coin was not taken");
        }
        assert_eq!(watcher.client.owned().collect::<Vec<_>>(), [EntityId(1)]);
        let (seen, moved) = (thing(&watcher, EntityId(0)), thing(&watcher, COIN));
        assert_eq!(seen.map(|runner| runner.coins), Some(1));
        assert!(moved.is_some_and(|coin| coin.at != [50.0; 2]), "the coin is elsewhere now");
    });
    server.stop();
}
