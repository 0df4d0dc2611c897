//! A ban, as it is asked for, kept and told.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::net::proxy::Network;

/// Longest reason of a ban: it must fit into a close frame with the date.
pub const REASON_MAX_BYTES: usize = 72;

/// Who is meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    /// The `sub` of a pass.
    Account(String),
    /// One address, or a network.
    Address(#[serde(with = "as_text")] Network),
}

/// One ban.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ban {
    /// Its number: it is lifted by that.
    pub ban: u64,
    /// Who.
    #[serde(flatten)]
    pub whom: Whom,
    /// What the player is told; may be empty.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since_unix_s: u64,
    /// Until when; none: for good.
    pub until_unix_s: Option<u64>,
}

impl Ban {
    /// What the player is told, in a close frame.
    #[must_use]
    pub fn words(&self) -> String {
        let until = self.until_unix_s.and_then(|until| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(until)));
        // a date that nobody lives to see has no name
        let until = until.filter(|until| *until < SystemTime::now() + Duration::from_secs(100 * 365 * 24 * 3600));
        let until = until.map(|until| format!(" until {}", httpdate::fmt_http_date(until))).unwrap_or_default();
        let reason = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("banned{until}{reason}")
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Network;

    pub(super) fn serialize<S: Serializer>(network: &Network, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(network)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Network, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
