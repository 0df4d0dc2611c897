//! Who players are: what they show, what is believed of it, how often an account may be here, and who is banned.
//!
//! ```text
//! Join.pass -> Passes::read (keys, exp, nbf, iss, aud) -> Shown { account, name, claims }
//!   -> Bans, People (seats of the account, second device) -> lobby -> room: Profile
//! ```
//! Owned by the control thread. A pass is never logged, and no answer tells more than its bearer can know.

pub mod bans;
mod keys;
mod pass;
mod people;
pub mod reception;
mod signatures;
mod tries;

pub use keys::KeyError;
pub use pass::{PassError, Passes, Shown};
pub use people::Sitting;
use people::{People, Person};
pub use reception::Reception;
pub use tries::Tries;
