//! Hosts authoritative multiplayer game rooms over WebSocket.
//!
//! A game implements [`tickwire_shared::Game`]; five lines host it:
//!
//! ```no_run
//! # fn host<MyGame: tickwire_shared::Game>() -> Result<(), Box<dyn std::error::Error>>
//! # where MyGame::Options: Default {
//! use tickwire_server::{Config, Server, Site};
//!
//! let server = Server::bind(Config::default())?.start::<MyGame>(MyGame::Options::default(), Site::default())?;
//! server.stop_on_signal(|addr| println!("players connect to ws://{addr}/ws"))?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Server::host`] hosts several games. Which room a player gets is said by its wish ([`lobby::wish`]), over WebSocket or
//! over the HTTP API ([`control::api`]).
//!
//! The floors, from the top; an import may only go down (`tests/floors.rs` guards that):
//!
//! ```text
//! serve                               spawns threads, wires, stops in order
//! control  |  gateway  |  tick        tokio: lobby, plain HTTP | reactor side | tick side
//! room     |  session  |  lobby       one running game | one client's conversation | who may sit where
//! identity                            who players are, beside these three
//! handover |  config                  what crosses threads | what a person sets
//! sync     |  net      |  json        bytes of state | bytes of sockets | a session as text
//! metrics                             counters
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod config;
pub mod control;
pub mod gateway;
pub mod handover;
pub mod identity;
pub mod json;
pub mod lobby;
pub mod metrics;
pub mod net;
pub mod room;
mod serve;
pub mod session;
pub mod sync;
pub mod tick;

pub use config::Config;
pub use control::site::Site;
pub use serve::{Hosting, RunError, Running, Server, StartError};
