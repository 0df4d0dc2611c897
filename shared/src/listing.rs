//! What the lobby knows of a room: properties by which people find it, and whether they may find and join it.
//!
//! ```
//! use tickwire_shared::{Listing, Setup};
//!
//! // in Game::new: what the lobby says of the room, beside what its creator wished for
//! let mut setup = Setup::new(7);
//! setup.listing.set("map", "ice")?;
//! setup.listing.hide(true); // nobody comes by chance: only who names the room
//! assert_eq!(setup.listing.properties().len(), 1);
//! # Ok::<(), tickwire_shared::listing::ListingError>(())
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most properties of a room.
///
/// ```
/// use tickwire_shared::listing::{ListingError, PROPERTIES_MAX};
///
/// let mut listing = tickwire_shared::Listing::default();
/// let set = (0..=PROPERTIES_MAX).try_for_each(|i| listing.set(&format!("p{i}"), true));
/// assert_eq!(set, Err(ListingError::TooMany));
/// ```
pub const PROPERTIES_MAX: usize = 16;
/// Longest name of a property in bytes.
///
/// ```
/// use tickwire_shared::{Listing, listing::*};
///
/// let long = "a".repeat(PROPERTY_NAME_MAX_BYTES + 1);
/// assert_eq!(Listing::default().set(&long, true), Err(ListingError::Name(33)));
/// ```
pub const PROPERTY_NAME_MAX_BYTES: usize = 32;
/// Longest text of a property in bytes.
///
/// ```
/// use tickwire_shared::{Listing, listing::*};
///
/// let long = "a".repeat(PROPERTY_TEXT_MAX_BYTES + 1);
/// assert_eq!(Listing::default().set("map", long), Err(ListingError::Text("map".into())));
/// ```
pub const PROPERTY_TEXT_MAX_BYTES: usize = 64;

/// A value of a room's property.
///
/// ```
/// use tickwire_shared::Property;
///
/// let (map, skill, ranked) = (Property::from("ice"), Property::from(950), Property::from(true));
/// assert_eq!((map, skill, ranked), (Property::Text("ice".into()), Property::Number(950.0), Property::Bool(true)));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Property {
    /// Yes or no.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A short text.
    Text(String),
}

impl From<bool> for Property {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Property {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<i32> for Property {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Property {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Property {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Property {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// Why a property cannot be set.
///
/// ```
/// use tickwire_shared::Listing;
///
/// let error = Listing::default().set("skill", f64::NAN).unwrap_err();
/// assert_eq!(error.to_string(), "the property \"skill\" is a number that is not finite");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ListingError {
    /// The name is empty or too long; its bytes.
    #[error("a property's name has 1 to {PROPERTY_NAME_MAX_BYTES} bytes, not {0}")]
    Name(usize),
    /// The text of the property of this name is too long.
    #[error("the text of the property {0:?} is longer than {PROPERTY_TEXT_MAX_BYTES} bytes")]
    Text(String),
    /// The number of the property of this name is infinite or none.
    #[error("the property {0:?} is a number that is not finite")]
    Number(String),
    /// There are [`PROPERTIES_MAX`] already.
    #[error("a room has at most {PROPERTIES_MAX} properties")]
    TooMany,
}

/// What the lobby shows of a room, set by whoever creates it, then by the game: in [`Game::new`](crate::Game::new)
/// through [`Setup::listing`](crate::Setup::listing), in play through [`Step::listing`](crate::Step::listing).
///
/// ```
/// use tickwire_shared::{Listing, Property};
///
/// let mut listing = Listing::default();
/// listing.set("map", "ice")?;
/// listing.set("skill", 950)?;
/// assert_eq!(listing.get("map"), Some(&Property::from("ice")));
/// assert!(listing.set("map", "x".repeat(65)).is_err());
/// listing.lock(true); // a match has begun: nobody joins any more
/// assert!(listing.is_locked() && !listing.is_hidden());
/// # Ok::<(), tickwire_shared::listing::ListingError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Listing {
    properties: BTreeMap<String, Property>,
    locked: bool,
    hidden: bool,
    /// How often it changed; wraps.
    #[serde(skip)]
    changes: u32,
}

impl Listing {
    /// Sets a property: a new one, or another value.
    ///
    /// # Errors
    /// Name, text or number cannot be, or it is one too many ([`ListingError`]); all stays as it was.
    pub fn set(&mut self, name: &str, value: impl Into<Property>) -> Result<(), ListingError> {
        let value = value.into();
        if name.is_empty() || name.len() > PROPERTY_NAME_MAX_BYTES {
            return Err(ListingError::Name(name.len()));
        }
        match &value {
            Property::Text(text) if text.len() > PROPERTY_TEXT_MAX_BYTES => {
                return Err(ListingError::Text(name.to_owned()));
            }
            Property::Number(number) if !number.is_finite() => return Err(ListingError::Number(name.to_owned())),
            _ => {}
        }
        let is_full = self.properties.len() >= PROPERTIES_MAX;
        match self.properties.get_mut(name) {
            Some(before) if *before == value => return Ok(()),
            Some(before) => *before = value,
            None if is_full => return Err(ListingError::TooMany),
            None => {
                self.properties.insert(name.to_owned(), value);
            }
        }
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    /// Removes a property; one that is not there is no error.
    pub fn clear(&mut self, name: &str) {
        if self.properties.remove(name).is_some() {
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// Says whether nobody may join any more. Who is there stays, and may come back.
    pub fn lock(&mut self, locked: bool) {
        if std::mem::replace(&mut self.locked, locked) != locked {
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// Says whether only those find it who name it: it is in no list, and nobody else is sent there.
    pub fn hide(&mut self, hidden: bool) {
        if std::mem::replace(&mut self.hidden, hidden) != hidden {
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// The value of a property; none where it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    /// All properties, by name.
    #[must_use]
    pub fn properties(&self) -> &BTreeMap<String, Property> {
        &self.properties
    }

    /// Whether nobody may join any more.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Whether it is in no list.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// For hosts: another number after each change, and the same while nothing changes.
    ///
    /// ```
    /// let mut listing = tickwire_shared::Listing::default();
    /// let before = listing.changes();
    /// listing.set("map", "ice")?;
    /// listing.clear("map");
    /// listing.clear("map"); // as it was
    /// assert_eq!(listing.changes(), before + 2);
    /// # Ok::<(), tickwire_shared::listing::ListingError>(())
    /// ```
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_and_only_changes_count() {
        let mut listing = Listing::default();
        for i in 0..PROPERTIES_MAX {
            listing.set(&format!("p{i}"), i as f64).expect("there is room");
        }
        let before = listing.changes();
        assert_eq!(listing.set("more", true), Err(ListingError::TooMany));
        assert_eq!(listing.set("p0", f64::NAN), Err(ListingError::Number("p0".into())));
        assert_eq!(listing.set("", 1), Err(ListingError::Name(0)));
        listing.set("p0", 0).expect("as it was");
        listing.lock(false);
        listing.clear("none");
        assert_eq!(listing.changes(), before);
        listing.set("p0", "text now").expect("it may be of another kind");
        listing.hide(true);
        assert_eq!(listing.changes(), before + 2);
    }
}
