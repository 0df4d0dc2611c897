//! What a newcomer says of itself, and which room it wants.

use std::fmt;

use super::limits::{PASS_MAX_BYTES, WISH_MAX_BYTES};
use crate::cold::form;
use crate::game::Profile;

/// Asks for a seat. A name or a [`Profile`] alone is one, too: for a seat in any room. Of a profile only the name
/// travels; who the player is, the pass shows.
///
/// ```
/// use tickwire_shared::{JoinRequest, Profile};
///
/// let anywhere = JoinRequest::from(Profile::named("ann"));
/// assert_eq!(anywhere, JoinRequest::new("ann"));
/// let own_room = JoinRequest::new("ann").wishing(r#"{"create": {"private": true}}"#);
/// let friend = JoinRequest::new("bob").wishing(r#"{"code": "K7QX4MTW"}"#).with_pass("what the server gave for login");
/// assert!(own_room.is_sound() && friend.is_sound());
/// assert!(!JoinRequest::new("eve").wishing(" ".repeat(1025)).is_sound());
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct JoinRequest {
    /// The name that others shall see; the server makes it fit, as [`Profile::named`] does, and takes one of the pass
    /// where it is told to.
    pub name: String,
    /// Who the player is: a signed token, a ticket from the server's HTTP API, or a ticket, a blank and a token; empty
    /// for nobody in particular. At most
    /// [`PASS_MAX_BYTES`].
    pub pass: String,
    /// Which room, as JSON: empty for any. At most [`WISH_MAX_BYTES`]; the server knows what it may say.
    pub wish: String,
}

form!(struct JoinRequest { name, pass, wish });

impl JoinRequest {
    /// For any room, under this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same, with this pass.
    #[must_use]
    pub fn with_pass(self, pass: impl Into<String>) -> Self {
        Self { pass: pass.into(), ..self }
    }

    /// The same, for the room that this JSON tells; the server answers one that it does not understand with why.
    #[must_use]
    pub fn wishing(self, wish: impl Into<String>) -> Self {
        Self { wish: wish.into(), ..self }
    }

    /// Whether pass and wish are no longer than they may be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.pass.len() <= PASS_MAX_BYTES && self.wish.len() <= WISH_MAX_BYTES
    }
}

impl From<&str> for JoinRequest {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<Profile> for JoinRequest {
    fn from(profile: Profile) -> Self {
        Self::new(profile.name)
    }
}

/// Whoever has the pass is that player: it is not shown.
impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pass = if self.pass.is_empty() { "none" } else { "(..)" };
        f.debug_struct("JoinRequest").field("name", &self.name).field("pass", &pass).field("wish", &self.wish).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientMessage, limits::CLIENT_MESSAGE_MAX_BYTES};
    use super::*;

    #[test]
    fn a_pass_is_not_shown() {
        let join = ClientMessage::Join(JoinRequest::new("ann").with_pass("s3cret"));
        assert!(!format!("{join:?}").contains("s3cret"));
    }

    #[test]
    fn the_longest_request_is_taken() {
        let request = JoinRequest::new("a".repeat(24)).with_pass("p".repeat(PASS_MAX_BYTES));
        let join = ClientMessage::Join(request.wishing("w".repeat(WISH_MAX_BYTES)));
        assert!(join.encode().len() <= CLIENT_MESSAGE_MAX_BYTES);
        assert_eq!(ClientMessage::decode(&join.encode()), Ok(join));
    }
}
