//! Rooms that people find, make and share, from outside: several games in one server, wishes, codes, spectators,
//! refusals, a race for seats, and the HTTP API.

mod api;
mod court;
#[path = "../operator/http.rs"]
mod http;
mod limits;
mod promises;
mod queue;
mod race;
mod refusals;
mod wishes;
