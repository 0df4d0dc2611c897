//! Who players are, from outside: passes, accounts, second devices, bans, and what operators say to players.

mod bans;
mod devices;
#[path = "../operator/http.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod http;
mod joining;
mod notices;
mod passes;
mod roster;
mod signer;
mod tickets;
