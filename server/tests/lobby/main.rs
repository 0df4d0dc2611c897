//! Rooms that people find, make and share, from outside: several games in one server, wishes, codes, spectators,
//! refusals, and a race for seats.

mod court;
mod race;
mod wishes;
