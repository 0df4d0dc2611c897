//! Which room somebody wants: one shape of JSON, over WebSocket and over HTTP.
//!
//! ```text
//! {}                                              any: the fullest with space, else a new one
//! {"where": {"map": "ice", "skill": {"min": 900, "max": 1100}, "mode": {"in": ["ffa", "duel"]}}, "sort": ["-players"]}
//! {"room": 17}    {"code": "K7QX4MTW"}    {"create": {"private": true, "properties": {…}, "options": {…}}}
//! … and "spectate": true with any of them
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tickwire_shared::listing::ListingError;
use tickwire_shared::{Listing, Property};

use crate::handover::RoomId;

/// Most conditions, and most values of one.
const CONDITIONS_MAX: usize = 16;
/// What rooms can be sorted by and is no property of theirs.
const COUNTED: [&str; 3] = ["players", "free", "age"];
/// Most things to sort by.
const SORTS_MAX: usize = 4;

/// Why a wish cannot be understood. Displays as a sentence for whoever wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum WishError {
    /// No such JSON.
    #[error("the wish is not understood: {0}")]
    Json(String),
    /// A condition is none.
    #[error(
        "the wish is not understood: where.{0} takes a value, {{\"in\": [values]}}, or {{\"min\": number, \"max\": number}}"
    )]
    Condition(String),
    /// Too much of something.
    #[error("the wish has too many {0}: at most {1}")]
    TooMany(&'static str, usize),
    /// Something that the lobby counts is taken for a property.
    #[error(
        "the wish is not understood: {0}.{1} is counted by the lobby and no property: sort by it, or take another name"
    )]
    Counted(&'static str, String),
    /// No property could be so.
    #[error("no room can be so: where.{0} allows nothing (min above max, or no value in the list)")]
    Never(String),
    /// A condition is about what cannot be a property.
    #[error("no room can be so: where: {0}")]
    Where(ListingError),
    /// Two ways at once.
    #[error("the wish says more than one of room, code and create, or says where beside one of them: choose")]
    TwoWays,
    /// A property is none.
    #[error("the wish is not understood: create.properties: {0}")]
    Property(#[from] ListingError),
}

/// What a property must be.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// This.
    Is(Property),
    /// One of these.
    In(Vec<Property>),
    /// A number from one to another, ends included.
    Range(f64, f64),
}

/// By what rooms that fit are sorted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortBy {
    /// A property, or `players`, `free`, `age`.
    pub name: String,
    /// From the largest down.
    pub falling: bool,
}

/// A room of one's own.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Creation {
    /// Only who knows its code gets in.
    pub private: bool,
    /// What the lobby shows of it.
    pub listing: Listing,
    /// The game's options, if any are given.
    pub options: Option<Value>,
}

/// Which room.
#[derive(Clone, PartialEq, Debug)]
pub enum Which {
    /// One that fits, else a new one.
    Fitting {
        /// Its properties.
        conditions: BTreeMap<String, Condition>,
        /// The best by these; without any the fullest.
        sort: Vec<SortBy>,
        /// What a new room shows that fits.
        listing: Listing,
    },
    /// This one.
    Room(RoomId),
    /// The one of this code.
    Code(String),
    /// A new one.
    New(Box<Creation>),
}

/// See the module.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// Which room.
    pub which: Which,
    /// Only to look on.
    pub spectate: bool,
}

impl Default for Wish {
    fn default() -> Self {
        let which = Which::Fitting { conditions: BTreeMap::new(), sort: Vec::new(), listing: Listing::default() };
        Self { which, spectate: false }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    r#where: BTreeMap<String, Value>,
    sort: Vec<String>,
    room: Option<u64>,
    code: Option<String>,
    create: Option<WrittenCreation>,
    spectate: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenCreation {
    private: bool,
    hidden: bool,
    locked: bool,
    properties: BTreeMap<String, Property>,
    options: Option<Value>,
}

impl Wish {
    /// Reads a wish; no text at all is any room.
    ///
    /// # Errors
    /// It is none, with what is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, WishError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        Self::written(serde_json::from_str(text).map_err(|error| WishError::Json(error.to_string()))?)
    }

    /// The same of JSON that is read already.
    ///
    /// # Errors
    /// As [`Wish::parse`].
    pub fn of_json(value: Value) -> Result<Self, WishError> {
        Self::written(serde_json::from_value(value).map_err(|error| WishError::Json(error.to_string()))?)
    }

    fn written(written: Written) -> Result<Self, WishError> {
        let Written { r#where, sort, room, code, create, spectate } = written;
        let is_fitting = !r#where.is_empty() || !sort.is_empty();
        let ways = [is_fitting, room.is_some(), code.is_some(), create.is_some()];
        if ways.iter().filter(|said| **said).count() > 1 {
            return Err(WishError::TwoWays);
        }
        let which = if let Some(room) = room {
            Which::Room(RoomId(room))
        } else if let Some(code) = code {
            Which::Code(code.trim().to_ascii_uppercase())
        } else if let Some(create) = create {
            Which::New(Box::new(creation(create)?))
        } else {
            let conditions = conditions(r#where)?;
            Which::Fitting { listing: fitting_listing(&conditions)?, conditions, sort: sorts(sort)? }
        };
        Ok(Self { which, spectate })
    }
}

fn creation(written: WrittenCreation) -> Result<Creation, WishError> {
    let WrittenCreation { private, hidden, locked, properties, options } = written;
    let mut listing = Listing::default();
    for (name, value) in properties {
        if COUNTED.contains(&name.as_str()) {
            return Err(WishError::Counted("create.properties", name));
        }
        listing.set(&name, value)?;
    }
    listing.lock(locked);
    listing.hide(hidden);
    Ok(Creation { private, listing, options })
}

fn conditions(written: BTreeMap<String, Value>) -> Result<BTreeMap<String, Condition>, WishError> {
    if written.len() > CONDITIONS_MAX {
        return Err(WishError::TooMany("conditions", CONDITIONS_MAX));
    }
    let condition = |(name, value): (String, Value)| {
        if COUNTED.contains(&name.as_str()) {
            return Err(WishError::Counted("where", name));
        }
        Ok((name.clone(), Condition::of_json(&name, value)?))
    };
    written.into_iter().map(condition).collect()
}

fn sorts(written: Vec<String>) -> Result<Vec<SortBy>, WishError> {
    if written.len() > SORTS_MAX {
        return Err(WishError::TooMany("things to sort by", SORTS_MAX));
    }
    let by = |text: String| match text.strip_prefix('-') {
        Some(name) => SortBy { name: name.to_owned(), falling: true },
        None => SortBy { name: text, falling: false },
    };
    Ok(written.into_iter().map(by).collect())
}

impl Condition {
    fn of_json(name: &str, value: Value) -> Result<Self, WishError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Bounds {
            #[serde(default, rename = "in")]
            one_of: Option<Vec<Property>>,
            #[serde(default)]
            min: Option<f64>,
            #[serde(default)]
            max: Option<f64>,
        }
        let unclear = || WishError::Condition(name.to_owned());
        if !value.is_object() {
            return serde_json::from_value(value).map(Self::Is).map_err(|_| unclear());
        }
        match serde_json::from_value(value).map_err(|_| unclear())? {
            Bounds { one_of: Some(values), min: None, max: None } if values.len() <= CONDITIONS_MAX => {
                Ok(Self::In(values))
            }
            Bounds { one_of: None, min, max } if min.is_some() || max.is_some() => {
                Ok(Self::Range(min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY)))
            }
            _ => Err(unclear()),
        }
    }

    /// Whether a room with this property fits; one without it never does.
    #[must_use]
    pub fn fits(&self, property: Option<&Property>) -> bool {
        match (self, property) {
            (Self::Is(value), Some(property)) => value == property,
            (Self::In(values), Some(property)) => values.contains(property),
            (Self::Range(min, max), Some(Property::Number(number))) => (min..=max).contains(&number),
            _ => false,
        }
    }

    /// A value that fits, for a new room; none where nothing does.
    fn example(&self) -> Option<Property> {
        match self {
            Self::Is(value) => Some(value.clone()),
            Self::In(values) => values.first().cloned(),
            Self::Range(min, max) if min > max => None,
            Self::Range(min, max) => Some(Property::Number(match (min.is_finite(), max.is_finite()) {
                (true, true) => f64::midpoint(*min, *max),
                (true, false) => *min,
                _ => *max,
            })),
        }
    }
}

/// What a new room shows that fits these conditions.
///
/// # Errors
/// No room could, or what is asked for is no property.
fn fitting_listing(conditions: &BTreeMap<String, Condition>) -> Result<Listing, WishError> {
    let mut listing = Listing::default();
    for (name, condition) in conditions {
        let example = condition.example().ok_or_else(|| WishError::Never(name.clone()))?;
        listing.set(name, example).map_err(WishError::Where)?;
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Wish::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn all_ways_are_understood() {
        assert_eq!(Wish::parse(""), Ok(Wish::default()));
        assert_eq!(Wish::parse("{}"), Ok(Wish::default()));
        let room = |text: &str| Wish::parse(text).expect(text).which;
        assert_eq!(room(r#"{"room": 17}"#), Which::Room(RoomId(17)));
        assert_eq!(room(r#"{"code": " k7qx4mtw "}"#), Which::Code("K7QX4MTW".into()));
        let Which::New(new) =
            room(r#"{"create": {"private": true, "hidden": true, "properties": {"map": "ice"}, "options": {"n": 3}}}"#)
        else {
            panic!("it creates")
        };
        assert!(new.private && new.listing.is_hidden() && !new.listing.is_locked());
        assert_eq!((new.listing.get("map"), &new.options.expect("there are")["n"]), (Some(&"ice".into()), &3.into()));
        assert!(Wish::parse(r#"{"room": 17, "spectate": true}"#).expect("it looks on").spectate);
    }

    #[test]
    fn conditions_fit_what_they_say_and_a_new_room_fits_them() {
        let text = r#"{"where": {"map": "ice", "skill": {"min": 900, "max": 1100}, "mode": {"in": ["ffa", 2]},
                                 "hard": true, "low": {"max": 5}}, "sort": ["-players", "skill"]}"#;
        let Which::Fitting { conditions, sort, listing } = Wish::parse(text).expect("a wish").which else {
            panic!("it seeks")
        };
        assert_eq!(sort[0], SortBy { name: "players".into(), falling: true });
        let fits = |name: &str, property: Property| conditions[name].fits(Some(&property));
        assert!(fits("map", "ice".into()) && !fits("map", "lava".into()) && !fits("map", 1.into()));
        assert!(fits("skill", 900.into()) && fits("skill", 1100.into()) && !fits("skill", 1100.5.into()));
        assert!(!fits("skill", "1000".into()) && !conditions["skill"].fits(None));
        assert!(fits("mode", 2.into()) && fits("mode", "ffa".into()) && !fits("mode", "duel".into()));
        assert!(conditions.iter().all(|(name, condition)| condition.fits(listing.get(name))), "{listing:?}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_a_wish_or_told(text in r#"[{}\[\]":,a-z0-9.\-]{0,200}"#, key in "(where|sort|room|code|create|spectate)") {
            for text in [text.clone(), format!(r#"{{"{key}": {text}}}"#), format!(r#"{{"where": {{"a": {text}}}}}"#)] {
                if let Err(error) = Wish::parse(&text) {
                    assert!(!error.to_string().is_empty() && error.to_string().len() < 1000, "{error}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_wish_is_told() {
        assert!(told("{").contains("EOF"), "{}", told("{"));
        assert!(told(r#"{"rom": 3}"#).contains("rom"));
        assert!(told(r#"{"room": 3, "code": "A"}"#).contains("choose"));
        assert!(told(r#"{"where": {"skill": {"from": 3}}}"#).contains("where.skill"));
        assert!(told(r#"{"where": {"skill": [1, 2]}}"#).contains("where.skill"));
        assert!(told(r#"{"sort": ["a", "b", "c", "d", "e"]}"#).contains("at most 4"));
        let long = format!(r#"{{"create": {{"properties": {{"map": "{}"}}}}}}"#, "x".repeat(65));
        assert!(told(&long).contains("64 bytes"));
        assert!(told(r#"{"create": {"privat": true}}"#).contains("privat"));
        for never in [r#"{"where": {"a": {"min": 5, "max": 4}}}"#, r#"{"where": {"a": {"in": []}}}"#] {
            assert!(told(never).contains("where.a allows nothing"), "{}", told(never));
        }
        assert!(told(&format!(r#"{{"where": {{"{}": 1}}}}"#, "a".repeat(33))).contains("1 to 32 bytes"));
        assert!(told(r#"{"where": {"players": 3}}"#).contains("where.players"));
    }
}
