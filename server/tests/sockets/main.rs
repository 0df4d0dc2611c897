//! The whole server through real sockets on loopback, one file for each behaviour.

mod capsules;
mod refusals;
mod relay;
mod return_home;
mod roaming;
mod small_game;
mod stalled;
mod stop;
mod swirl;
mod tokens;
mod wire;
