//! A player of the small game: runs to the coin and prints what it has. Start the example `coins` first.

#[path = "coins.rs"]
#[allow(dead_code, reason = "only the kinds and the game's name are needed here")]
mod coins;

use coins::{Coins, Keys, Kinds};
use tickwire_shared::client::Event;
use tickwire_shared::native::Connection;
use tickwire_shared::{EntityId, Profile};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = Profile::named("runner");
    let mut player = Connection::<Coins>::connect("ws://127.0.0.1:7777/ws", profile).await?;
    loop {
        player.receive().await?; // a message, usually a tick's frame; or the connection broke, or is back
        while let Some(event) = player.client.poll_event() {
            match event {
                Event::Spawned(id) => println!("{id:?} is here: {:?}", player.client.newest(id)),
                // it comes back by itself
                Event::Disconnected { .. } => println!("the connection broke: {:?}", player.client.state()),
                Event::Resumed { .. } => println!("back in the same seat"),
                _ => {}
            }
        }
        let thing = |id| player.client.newest(id).map(|Kinds::Thing(thing)| thing);
        let own = player.client.owned().next().and_then(thing);
        if let (Some(own), Some(coin)) = (own, thing(EntityId(u32::MAX))) {
            let way = |axis: usize| (coin.at[axis] - own.at[axis]).clamp(-1.0, 1.0).round() as i8;
            let now = player.now();
            player.client.input(now, &Keys { go: [way(0), way(1)] });
        }
        player.flush().await?; // sends what the client wants sent
    }
}
