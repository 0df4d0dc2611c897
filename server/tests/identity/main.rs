//! Who players are, from outside: passes, accounts, second devices, bans, and what operators say to players.

mod passes;
mod signer;
