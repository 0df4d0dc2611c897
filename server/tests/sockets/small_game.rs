//! The README's small game is hosted like any other: the engine knows nothing of the demo.

#[path = "../../examples/tag.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod tag;

use tickwire_server::{Config, Server, Site};
use tickwire_shared::native::Connection;
use tickwire_shared::{EntityId, Profile};

use crate::swirl;
use tag::{Keys, Runner, Tag, Thing};

async fn step(player: &mut Connection<Tag>, keys: Keys) {
    player.receive().await.expect("the server serves");
    let now = player.now();
    player.client.input(now, &keys);
    player.flush().await.expect("the server reads");
}

fn runner(player: &Connection<Tag>, seat: u32) -> Option<Runner> {
    player.client.newest(EntityId(seat)).map(|Thing::Runner(runner)| runner)
}

#[test]
fn the_first_player_catches_the_second() {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = Server::bind(config).expect("a free port").start::<Tag>((), Site::default()).expect("it starts");
    let url = format!("ws://{}/ws", server.addr());
    swirl::run(async {
        let mut first = Connection::<Tag>::connect(&url, Profile::default()).await.expect("it listens");
        while first.client.tick().is_none() {
            step(&mut first, Keys::default()).await;
        }
        let mut second = Connection::<Tag>::connect(&url, Profile::default()).await.expect("it listens");
        while runner(&second, 0).is_none() || runner(&second, 1).is_none() {
            step(&mut second, Keys::default()).await;
        }
        assert_eq!(runner(&second, 0).map(|runner| runner.it), Some(true));
        assert_eq!(second.client.owned().collect::<Vec<_>>(), [EntityId(1)]);
        let mut steps = 0;
        while runner(&second, 1).is_none_or(|runner| !runner.it) {
            step(&mut first, Keys { right: 1, down: 0 }).await;
            step(&mut second, Keys::default()).await;
            steps += 1;
            assert!(steps < 600, "the first runs towards the second and does not catch it");
        }
    });
    server.stop();
}
