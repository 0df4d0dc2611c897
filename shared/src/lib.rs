//! What a Tickwire server and its clients agree on, and the client core: link it into a game to play it, to test it, to
//! host it. No sockets, threads or clocks in it, but for the feature `native`.
//!
//! This page goes from connecting to prediction. All of its examples are compiled and run, most against a room in memory.
//!
//! * [A game in a page](#a-game-in-a-page) · [Connect](#connect) · [Draw](#draw) · [Inputs and acks](#inputs-and-acks) ·
//!   [Events](#events) · [When the connection breaks](#when-the-connection-breaks)
//! * [Prediction](#prediction) · [Interpolation](#interpolation) · [Statistics](#statistics) ·
//!   [Any game, at run time](#any-game-at-run-time) · [Hosting](#hosting) · [What travels](#what-travels)
//!
//! # A game in a page
//!
//! A game is a pure state machine behind the trait [`Game`]. It names its entities ([`World`](derive@World)), what a
//! player wants ([`Replicate`](derive@Replicate)), what it tells now and then ([`Game::Event`]); it moves on in
//! [`Game::tick`] by the inputs in [`Step`], and says what there is in [`Game::publish`]: all of it, each time. Who
//! receives what follows from that. Both ends compile this; all examples below play it.
//!
//! ```
#![doc = include_str!("../doc/coins.rs")]
//! ```
//!
//! # Connect
//!
//! **With tokio** (feature `native`): [`native::Connection`] is a [`Client`] on a WebSocket. It connects, sends, receives,
//! and connects again when it must.
//!
//! ```no_run
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! # #[cfg(feature = "native")]
//! # async fn play() -> Result<(), Box<dyn std::error::Error>> {
//! use tickwire_shared::native::Connection;
//!
//! let mut player = Connection::<Coins>::connect("ws://127.0.0.1:7777/ws", Profile::named("ann")).await?;
//! loop {
//!     player.receive().await?; // a message, usually a tick's frame; or the connection broke, or is back
//!     let now = player.now();
//!     player.client.input(now, &Keys { go: [1, 0] });
//!     player.flush().await?; // sends what the client wants sent
//! #   break;
//! }
//! player.leave().await?; // gives the seat back; without it the seat is held for a while
//! # Ok(())
//! # }
//! ```
//!
//! **In a loop of your own**, without async: [`native::Blocking`] returns within the time that you give it.
//!
//! ```no_run
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! # fn draw(_: EntityId, _: Kinds) {}
//! # #[cfg(feature = "native")]
//! # fn play() -> Result<(), Box<dyn std::error::Error>> {
//! use tickwire_shared::native::Blocking;
//!
//! let mut player = Blocking::<Coins>::connect("ws://127.0.0.1:7777/ws", Profile::named("ann"))?;
//! loop {
//!     player.receive_for(Duration::from_millis(5))?;
//!     let now = player.now();
//!     player.client().input(now, &Keys { go: [1, 0] });
//!     player.client().sample(now).for_each(|(id, thing)| draw(id, thing));
//!     player.flush()?;
//! }
//! # }
//! ```
//!
//! **On any other transport**, [`Client`] is a state machine: it takes messages and the time, and gives messages and
//! events. Whoever owns a socket, a browser's or a test's, drives it. Here the other end is a room in memory:
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! let mut room = Room::<Coins>::new(());
//! let mut client = Client::<Coins>::new(Profile::named("ann"))?;
//! let mut now = Duration::ZERO; // since whenever you like; it never goes back
//! while client.tick().is_none_or(|tick| Tick(9).is_after(tick)) {
//!     client.input(now, &Keys { go: [1, 0] });
//!     while let Some(message) = client.poll_transmit() {
//!         if let Some(answer) = room.answer(&message) {
//!             client.handle_message(now, &answer)?;
//!         }
//!     }
//!     client.handle_message(now, &room.tick())?; // else close, with the code of ClientError::close_reason
//!     now += client.tick_interval();
//! }
//! assert_eq!(client.seat(), Some(SeatId(0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Draw
//!
//! [`Client::sample`] is what to draw: everything a little in the past, where it moves smoothly between two states, and
//! with [prediction](#prediction) the player's own entities in their own present. [`Client::newest`] is what the server
//! last told: for rules, scores and bots. Neither changes anything; call them as often as you draw.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! let (client, _, now) = playing();
//! for (id, Kinds::Thing(thing)) in client.sample(now) {
//!     println!("draw {id:?} at {:?}", thing.at);
//! }
//! let own = client.owned().next().expect("the seat has a runner"); // what the game put with put_owned
//! let Some(Kinds::Thing(me)) = client.newest(own) else { unreachable!() };
//! assert_eq!(me.coins, 0);
//! let (tick, part) = client.drawn(now); // the moment that sample draws
//! assert!(tick.since(client.tick().unwrap()) <= 0 && (0.0..1.0).contains(&part));
//! ```
//!
//! # Inputs and acks
//!
//! Tell [`Client::input`] what the player wants, each picture or each tick: at most one input leaves for each tick, stamped
//! so that it arrives just before the tick that uses it. The newest message repeats the ones before, so one that is late
//! costs nothing. [`client::Event::Acked`] tells which input the room has used and how long that took.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::Event;
//!
//! let (mut client, mut room, now) = playing();
//! let left = client.input(now, &Keys { go: [0, 1] }); // false: this tick's input has left already, or nobody plays
//! while let Some(message) = client.poll_transmit() {
//!     room.answer(&message);
//! }
//! client.handle_message(now, &room.tick())?;
//! let acked = std::iter::from_fn(|| client.poll_event()).filter(|event| matches!(event, Event::Acked { .. }));
//! assert!(left && acked.count() > 0);
//! # Ok::<(), client::ClientError>(())
//! ```
//!
//! A rare wish that must not be lost or repeated (buy, chat) is a [`Game::Command`]: [`Client::command`].
//!
//! # Events
//!
//! [`Client::poll_event`] gives what happened, in order: a seat, entities that come and go, the game's own events, and
//! trouble. [`Client::poll_event_at`] holds back what belongs to a tick until [`Client::sample`] draws that tick, so that
//! the bang is heard when the ship is seen to burst. Use the one or the other.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::Event;
//!
//! let (mut client, ..) = playing();
//! let now = Duration::from_secs(1);
//! while let Some(event) = client.poll_event_at(now) {
//!     match event {
//!         Event::Joined { room, seat } => println!("in room {room}, on {seat:?}"),
//!         Event::Spawned(id) => println!("here is {:?}", client.newest(id)),
//!         Event::Despawned(id) => println!("{id:?} is gone, or out of sight"),
//!         Event::Game(text) => println!("the game says {text}"),
//!         Event::Refused { reason } => println!("no seat: {reason}"),
//!         Event::Disconnected { .. } | Event::Resumed { .. } => println!("{:?}", client.state()),
//!         Event::Acked { .. } | Event::Desync { .. } => {} // a wrong state heals by itself
//!     }
//! }
//! ```
//!
//! # When the connection breaks
//!
//! The server holds the seat ([`Setup::grace`]); the client has a token that leads back to it. [`native::Connection`] comes
//! back by itself. On another transport, make the client [`Client::returning`] and ask [`Client::poll_connect`] when to
//! dial. All that was seen stays; what goes on is told as nothing, what went or came meanwhile once. Show
//! [`client::State`] to the player.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::{Meanwhile, Returning, State};
//! use tickwire_shared::protocol::close::CloseReason;
//!
//! let returning = Returning { meanwhile: Meanwhile::Keep, ..Returning::new(7) }; // commands wait; another seed for each
//! let (mut client, mut room, mut now) = play(Client::new(Profile::default())?.returning(returning));
//! assert!(CloseReason::may_retry(1006) && !CloseReason::may_retry(CloseReason::TakenOver.code()));
//! let returns = client.handle_disconnected(now, 1006, "connection lost");
//! assert!(returns && matches!(client.state(), State::Resuming { attempt: 1, .. }));
//!
//! while !client.poll_connect(now) {
//!     now += Duration::from_millis(10);
//! }
//! // here the transport dials; if it fails: handle_disconnected again
//! client.handle_connected();
//! while let Some(message) = client.poll_transmit() {
//!     if let Some(answer) = room.answer(&message) {
//!         client.handle_message(now, &answer)?;
//!     }
//! }
//! assert!(matches!(client.state(), State::Playing { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A page that is loaded again, or another device: keep [`Client::token`], and begin with [`Client::back_to`]. A player who
//! leaves for good says so with [`Client::leave`].
//!
//! # Prediction
//!
//! What the player steers should move now, not a round trip later. Give the client the step that the server's tick takes
//! ([`Predict`]), and own entities are drawn where they will be when the inputs that leave now have arrived. When the
//! server says otherwise the difference fades within [`client::CORRECTION_FADE`]. What a game must do for it stands in
//! [`client::prediction`]: one step function, and quantized states on both ends.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::Around;
//!
//! impl Predict for Coins {
//!     const FIELDS: &'static [&'static str] = &["at"];
//!
//!     fn step(own: &mut Kinds, keys: &Keys, around: &Around<'_, Kinds>) {
//!         let Kinds::Thing(runner) = own;
//!         runner.run(keys, around.dt());
//!     }
//! }
//!
//! let (mut client, _, now) = play(Client::<Coins>::new(Profile::default())?.predict()?);
//! client.input(now, &Keys { go: [1, 0] }); // for each picture
//! let own = client.owned().next().unwrap();
//! let (_, Kinds::Thing(drawn)) = client.sample(now).find(|(id, _)| *id == own).unwrap();
//! let Some(Kinds::Thing(told)) = client.newest(own) else { unreachable!() };
//! assert!(drawn.at[0] > told.at[0], "{drawn:?} is ahead of {told:?}");
//! assert_eq!(client.stats().corrections, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Interpolation
//!
//! Between two states things move in straight lines; below 20 or 30 Hz curves look better
//! ([`client::Interpolation::Hermite`]). How far behind things are drawn is worked out from the jitter that is measured.
//! When a state is missing, things go on as they went for [`client::EXTRAPOLATION_MAX`], then they stand.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::Interpolation;
//!
//! let client = Client::<Coins>::new(Profile::default())?.interpolation(Interpolation::Hermite);
//! let (client, _, now) = play(client);
//! assert_eq!(client.sample(now).count(), client.newest_all().count());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Statistics
//!
//! [`Client::stats`] has what a player's screen or a bug report should show. The ones to look at:
//!
//! | | good | when not |
//! | --- | --- | --- |
//! | [`rtt`](client::Stats::rtt), [`jitter`](client::Stats::jitter) | steady | the network; the client adapts |
//! | [`margin_ms`](client::Stats::margin_ms) | near [`margin_wanted_ms`](client::Stats::margin_wanted_ms) | negative: inputs come too late, the clock still settles |
//! | [`underruns`](client::Stats::underruns) | seldom | the network stalls; things were extrapolated |
//! | [`corrections`](client::Stats::corrections) | none without contention | one each tick: the two ends do not step the same numbers |
//! | [`desyncs`](client::Stats::desyncs) | 0, always | a bug: of us, or of a hand-written [`Replicate`] |
//! | [`events_dropped`](client::Stats::events_dropped) | 0 | events are not polled |
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! let (client, ..) = playing();
//! let stats = client.stats();
//! println!("{:?} rtt, {} B/s in", stats.rtt, stats.bytes_in * 2);
//! assert_eq!((stats.desyncs, stats.events_dropped, stats.frames), (0, 0, 10));
//! ```
//!
//! # Any game, at run time
//!
//! [`client::UntypedClient`] knows no more than a game's name: the server sends the [`Schema`]. Entities are rows of
//! integers, which [`schema::Quantizer`] reads as [`schema::Value`]s. The browser SDK is made of it; so are engines' plugins
//! and tools.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::client::{UntypedClient, Wish};
//!
//! let mut room = Room::<Coins>::new(());
//! let mut client = UntypedClient::of_game("coins", Profile::default());
//! let now = Duration::ZERO;
//! while let Some(message) = client.poll_transmit() {
//!     if let Some(answer) = room.answer(&message) {
//!         client.handle_message(now, &answer)?;
//!     }
//! }
//! client.handle_message(now, &room.tick())?;
//!
//! let schema = client.schema().expect("it came with the welcome").clone();
//! for (id, kind, row) in client.newest_all() {
//!     let kind = &schema.kinds[usize::from(kind)];
//!     let mut first = 0;
//!     for field in &kind.fields {
//!         let value = field.quantizer.value(&row[first..]); // of an array the first element
//!         println!("{} {id:?}: {} is {value:?}", kind.name, field.name);
//!         first += field.quantizer.lanes() * usize::from(field.count);
//!     }
//! }
//! // an input is a row, too: by number of the field and of its element
//! let mut keys = Wish::new(&schema.input);
//! keys.put(0, 0, -1.0)?;
//! assert_eq!(keys.lanes(), [0, 1], "-1 is the smallest: lane 0; and 0 is the next");
//! client.input(now, keys.lanes())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Hosting
//!
//! The server is one host of a game; tests, replays and single-player modes are others. A host makes a [`Setup`], lets the
//! game fill it in, and then for each tick lends it a [`Step`] (inputs by seat, commands, a generator) and a
//! [`Publisher`]. The same seed and the same inputs give the same game on every machine.
//!
//! ```
//! # mod room { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/room.rs")); }
//! # use room::{coins::*, *};
//! # use std::time::Duration;
//! # use tickwire_shared::*;
//! use tickwire_shared::publish::Published;
//!
//! let mut setup = Setup::new(7); // the seed
//! let mut game = Coins::new((), &mut setup)?;
//! assert!(setup.seats == 8 && setup.rate == TickRate::hz(20));
//! game.join(SeatId(2), &Profile::named("ann"))?;
//!
//! let (mut commands, mut events, mut published) = (Vec::new(), Vec::new(), Published::default());
//! let inputs = [None, None, Some(Keys { go: [1, 0] })]; // by seat
//! for tick in 1..=50 {
//!     let (tick, rate, rng) = (Tick(tick), setup.rate, &mut setup.rng);
//!     game.tick(&mut Step::new(tick, rate, &inputs, &mut commands, &mut events, rng));
//!     published.clear();
//!     game.publish(&mut Publisher::new(&mut published));
//! }
//! assert_eq!(published.entities.len(), 2);
//! assert_eq!(events.first(), Some(&(To::Seat(SeatId(2)), "clink".to_owned())), "it ran over the coin");
//! # Ok::<(), Refusal>(())
//! ```
//!
//! A host that keeps what it sent can let a game look back ([`Step::rewind`], [`rewind`]). Which entities reach which seat
//! is the game's to say, by [`Interest`], [`Layer`] and [`Game::sees`]: [`interest`].
//!
//! # What travels
//!
//! All that leaves a server is an integer in a declared range: [`schema`] says how, [`Replicate`](derive@Replicate) has the
//! table of attributes. A row is [`delta`]-coded from what the client holds, a tick's deltas make a
//! [`frame`](protocol::frame), and [`replica`] applies it; [`protocol`] has every message. None of that is needed to write a
//! game.
#![cfg_attr(not(feature = "native"), doc = "\n[`native::Connection`]: #connect\n[`native::Blocking`]: #connect")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bits;
pub mod client;
mod cold;
pub mod delta;
pub mod game;
pub mod interest;
pub mod listing;
#[cfg(feature = "native")]
pub mod native;
pub mod protocol;
pub mod publish;
mod range;
pub mod replica;
pub mod rewind;
mod rice;
pub mod rng;
pub mod schema;
pub mod tick;

pub use client::{Client, Predict};
pub use game::{EntityId, Game, Interest, Leave, Profile, Refusal, SeatId, Setup, Step, To};
pub use interest::{Area, Layer, Sight, Teams};
pub use listing::{Listing, Property};
pub use protocol::JoinRequest;
pub use publish::{Place, Publisher};
pub use rewind::Rewound;
pub use rng::Rng;
pub use schema::{Replicate, Schema, World};
pub use tick::{Tick, TickRate};
pub use tickwire_derive::{Replicate, World};
