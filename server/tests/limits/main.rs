//! Each limit of the network layer and of sessions just below it, at it and just above it, from a real socket; and
//! whom the limits are for when proxies stand in between.

#[path = "../net/ends.rs"]
#[allow(dead_code, reason = "the tests of the layer use more of it")]
mod ends;
#[path = "../sockets/swirl.rs"]
#[allow(dead_code, reason = "the other socket tests use more of it")]
mod swirl;
#[path = "../sockets/wire.rs"]
#[allow(dead_code, reason = "the other socket tests use more of it")]
mod wire;

mod connections;
mod encrypted;
mod endings;
mod heads;
mod messages;
mod proxies;
mod sessions;
mod system;
