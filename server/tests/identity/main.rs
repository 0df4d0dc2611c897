//! Who players are, from outside: passes, accounts, second devices, bans, and what operators say to players.

mod bans;
mod devices;
#[path = "../operator/http.rs"]
mod http;
mod joining;
mod notices;
mod passes;
mod roster;
mod signer;
