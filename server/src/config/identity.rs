//! Who players are: whose passes are believed, what of them a game sees, and how often one may be here.

use std::path::PathBuf;

use super::keys::Slot::{Count, File, Files, MaybeSwitch, MaybeText, Millis, OneOf, Times, Words};
use super::keys::{Key, key};

/// What makes a pass good, and what whoever has one may. Without any key everybody is anonymous.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityConfig {
    /// PEM files of public keys: RSA for RS256, Ed25519 for EdDSA, P-256 for ES256. In a file they are relative to that
    /// file, as are the other two; all are read anew when they change.
    pub key_files: Vec<PathBuf>,
    /// A file with a secret of at least 32 bytes that is shared with whoever signs (HS256). A line break at its end
    /// does not belong to it.
    pub secret_file: Option<PathBuf>,
    /// A JSON Web Key Set (RFC 7517).
    pub jwks_file: Option<PathBuf>,
    /// The `iss` that a pass must have.
    pub issuer: Option<String>,
    /// The `aud` that a pass must have.
    pub audience: Option<String>,
    /// How far the clocks of server and signer may differ.
    pub leeway_s: u64,
    /// Whether players without a pass are refused; when it is not set, they are as soon as there is a key.
    pub required: Option<bool>,
    /// The claim that is the player's name, whatever the client says, where a pass has it.
    pub name_claim: Option<String>,
    /// Claims that the game sees.
    pub claims: Vec<String>,
    /// Seats that one account may have at a time; 0: any number.
    pub account_seats_max: usize,
    /// Passes of one address that may be wrong, in a minute.
    pub failed_per_minute: u32,
    /// What becomes of an account that joins a game in which it sits already.
    pub second_device: SecondDevice,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            key_files: Vec::new(),
            secret_file: None,
            jwks_file: None,
            issuer: None,
            audience: None,
            leeway_s: 10,
            required: None,
            name_claim: None,
            claims: Vec::new(),
            account_seats_max: 4,
            failed_per_minute: 30,
            second_device: SecondDevice::default(),
        }
    }
}

/// What becomes of an account that joins a game in which it sits already, without naming another room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecondDevice {
    /// It gets its seat, and the connection that had it is closed with 4010.
    #[default]
    TakesOver,
    /// It gets another one.
    AnotherSeat,
    /// It is refused.
    Refused,
}

impl SecondDevice {
    pub(super) const NAMES: [&'static str; 3] = ["takes over", "another seat", "refused"];
    const ALL: [Self; 3] = [Self::TakesOver, Self::AnotherSeat, Self::Refused];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        let at = Self::ALL.iter().position(|known| *known == self);
        Self::NAMES[at.unwrap_or_default()]
    }

    fn set(&mut self, name: &str) -> bool {
        let found = Self::NAMES.iter().position(|known| *known == name).map(|at| Self::ALL[at]);
        found.map(|found| *self = found).is_some()
    }
}

pub(super) static KEYS: [Key; 12] = [
    key("identity.key_files", "PEM files of public keys", Files(|c| &mut c.identity.key_files)),
    key("identity.secret_file", "a file with a shared secret (HS256)", File(|c| &mut c.identity.secret_file)),
    key("identity.jwks_file", "a file with a set of keys (JWKS)", File(|c| &mut c.identity.jwks_file)),
    key("identity.issuer", "who must have signed a pass (iss)", MaybeText(|c| &mut c.identity.issuer)),
    key("identity.audience", "for whom it must be (aud)", MaybeText(|c| &mut c.identity.audience)),
    key("identity.leeway_s", "how far clocks may differ", Millis(0..=300, |c| &mut c.identity.leeway_s)),
    key("identity.required", "none without a pass; default: where keys are", MaybeSwitch(|c| &mut c.identity.required)),
    key("identity.name_claim", "the claim that is the player's name", MaybeText(|c| &mut c.identity.name_claim)),
    key("identity.claims", "claims that the game sees", Words(|c| &mut c.identity.claims)),
    key(
        "identity.account_seats_max",
        "seats of one account; 0: no limit",
        Count(0..=1_000_000, |c| &mut c.identity.account_seats_max),
    ),
    key(
        "identity.failed_per_minute",
        "wrong passes of one address, and wrong codes",
        Times(1..=1_000_000, |c| &mut c.identity.failed_per_minute),
    ),
    key(
        "identity.second_device",
        "takes over, another seat, refused",
        OneOf(&SecondDevice::NAMES, |c| c.identity.second_device.name(), |c, name| c.identity.second_device.set(name)),
    ),
];
