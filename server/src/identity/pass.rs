//! What a player shows to be known: a signed token (JWT, RFC 7519), judged by the server's keys.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};
use thiserror::Error;
use tickwire_shared::Profile;
use tickwire_shared::protocol::limits::{ACCOUNT_MAX_BYTES, CLAIM_MAX_BYTES};
use tracing::{info, warn};

use super::keys::{Candidates, KeyError, Keys, PassKey};
use super::signatures;
use crate::config::IdentityConfig;

/// What is known of a player.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Whose pass it is (`sub`); none for one who is anonymous.
    pub account: Option<String>,
    /// The name that the pass says, if it does and that is wanted.
    pub name: Option<String>,
    /// The claims that the game is to see, by name: a text as it is, all else as JSON.
    pub claims: Vec<(String, String)>,
}

impl Shown {
    /// As a ticket carries it; none for one who is anonymous.
    #[must_use]
    pub fn holder(self) -> Option<Profile> {
        let Self { account, name, claims } = self;
        account.map(|account| Profile { account: Some(account), name: name.unwrap_or_default(), claims })
    }
}

/// Back from a ticket.
impl From<Profile> for Shown {
    fn from(holder: Profile) -> Self {
        let Profile { name, account, claims } = holder;
        Self { account, name: Some(name).filter(|name| !name.is_empty()), claims }
    }
}

/// Why a pass is not taken, in words for the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PassError {
    /// There is none.
    #[error("this server takes players who are signed in: join with a pass, the token of the game's sign-in")]
    Missing,
    /// It is something else.
    #[error("the pass is not a signed token (JWT): take the one that the game's sign-in gives")]
    Malformed,
    /// Nobody whom the server trusts has signed it, or it was changed afterwards.
    #[error("the signature of the pass is not right: sign in anew")]
    Signature,
    /// It is signed by another method than its key is for.
    #[error("the pass is signed by another method than its key is for: sign in anew")]
    Algorithm,
    /// It names a key that the server does not have.
    #[error("the pass is signed with a key that this server does not know: sign in anew, or try again in a minute")]
    UnknownKey,
    /// Its time is over.
    #[error("the pass has run out: sign in anew")]
    Expired,
    /// Its time has not begun.
    #[error("the pass is not valid yet; if that stays so, the clock of the sign-in or of the server is wrong")]
    Early,
    /// It is from somebody else.
    #[error("the pass is not from the sign-in that this server trusts (iss)")]
    Issuer,
    /// It is for somebody else.
    #[error("the pass is not for this server (aud)")]
    Audience,
    /// What it must say it does not.
    #[error("the pass does not say what it must: {0}")]
    Lacks(&'static str),
    /// What it says is more than is taken.
    #[error("the pass says more than is taken: {0} is too long")]
    TooLong(&'static str),
    /// Too many were wrong.
    #[error("too many wrong passes from your address: wait a minute")]
    TooMany,
}

/// Judges passes by the keys of the configuration, and reads those anew when they change.
pub struct Passes {
    config: IdentityConfig,
    keys: Keys,
    validation: Validation,
    /// Why the files that are there now cannot be used: told once.
    complaint: Option<String>,
}

/// Without the keys.
impl std::fmt::Debug for Passes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passes").field("keys", &self.keys.summary()).finish_non_exhaustive()
    }
}

impl Passes {
    /// With the keys that the configuration names.
    ///
    /// # Errors
    /// A file cannot be used, or passes are required and there is no key.
    pub fn new(config: IdentityConfig) -> Result<Self, KeyError> {
        signatures::install();
        let keys = Keys::read(&config)?;
        let validation = validation(&config);
        Ok(Self { config, keys, validation, complaint: None })
    }

    /// Whether nobody is known: there are no keys.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.keys.is_empty()
    }

    /// Who plays here, in a sentence for the operator.
    #[must_use]
    pub fn summary(&self) -> String {
        if self.is_anonymous() {
            return "players are anonymous: anybody may play under any name; for more than development set \
                    identity.key_files, identity.secret_file or identity.jwks_file"
                .to_owned();
        }
        let others = if self.needs_pass() { "whoever has none is refused" } else { "others are anonymous" };
        format!("players are known by signed passes ({}); {others}", self.keys.summary())
    }

    /// Reads the keys anew if their files have changed, or could not be used the last time.
    pub fn look(&mut self) {
        if self.keys.is_stale(&self.config) {
            self.read_keys();
        }
    }

    /// Reads the keys anew.
    pub fn reload(&mut self) {
        self.complaint = None;
        if !self.is_anonymous() {
            self.read_keys();
        }
    }

    fn read_keys(&mut self) {
        match Keys::read(&self.config) {
            Ok(keys) => {
                self.keys = keys;
                self.complaint = None;
                info!("{}; passes from now on are judged by that", self.summary());
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    warn!("the old keys stay: {complaint}; it is tried again every few seconds");
                    self.complaint = Some(complaint);
                }
            }
        }
    }

    /// Whether players without a pass are refused.
    fn needs_pass(&self) -> bool {
        self.config.required.unwrap_or(!self.is_anonymous())
    }

    /// Who shows this. An empty pass is none. Without any key a pass says nothing: its bearer is anonymous too.
    ///
    /// # Errors
    /// The player is not to play, for what is wrong with the pass.
    pub fn read(&self, pass: &str) -> Result<Shown, PassError> {
        if pass.is_empty() || self.is_anonymous() {
            return if self.needs_pass() { Err(PassError::Missing) } else { Ok(Shown::default()) };
        }
        let header = decode_header(pass).map_err(|error| refusal(error.kind()))?;
        // what we must understand and do not, we must refuse (RFC 7515 4.1.11)
        if header.crit.is_some() {
            return Err(PassError::Malformed);
        }
        let claims = self.believed(pass, &header)?;
        self.shown(&claims)
    }

    /// The claims of a pass that one of the keys has signed.
    fn believed(&self, pass: &str, header: &Header) -> Result<Map<String, Value>, PassError> {
        let candidates = match self.keys.candidates(header.kid.as_deref(), header.alg) {
            Candidates::Some(candidates) => candidates,
            Candidates::OtherAlgorithm => return Err(PassError::Algorithm),
            Candidates::None => return Err(PassError::UnknownKey),
        };
        let mut wrong = PassError::Signature;
        for PassKey { algorithm, decoding, .. } in candidates {
            let validation = Validation { algorithms: vec![*algorithm], ..self.validation.clone() };
            match decode(pass, decoding, &validation).map_err(|error| refusal(error.kind())) {
                Ok(token) => return Ok(token.claims),
                Err(PassError::Signature) => {}
                Err(other) => wrong = other,
            }
        }
        Err(wrong)
    }

    fn shown(&self, claims: &Map<String, Value>) -> Result<Shown, PassError> {
        let account = match claims.get("sub") {
            Some(Value::String(account)) if !account.is_empty() && !account.chars().any(char::is_control) => account,
            _ => return Err(PassError::Lacks("whose it is (sub)")),
        };
        if account.len() > ACCOUNT_MAX_BYTES {
            return Err(PassError::TooLong("whose it is (sub)"));
        }
        let name = self.config.name_claim.as_ref().and_then(|claim| claims.get(claim)?.as_str());
        let mut seen = Vec::new();
        for claim in &self.config.claims {
            let text = match claims.get(claim) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            if text.len() > CLAIM_MAX_BYTES {
                return Err(PassError::TooLong("a claim for the game"));
            }
            seen.push((claim.clone(), text));
        }
        Ok(Shown { account: Some(account.clone()), name: name.map(str::to_owned), claims: seen })
    }
}

/// All but the algorithm, which is each key's.
fn validation(config: &IdentityConfig) -> Validation {
    let mut validation = Validation::default();
    let mut required = vec!["exp"];
    validation.leeway = config.leeway_s;
    validation.validate_nbf = true;
    if let Some(issuer) = &config.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &config.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn refusal(kind: &ErrorKind) -> PassError {
    match kind {
        ErrorKind::ExpiredSignature => PassError::Expired,
        ErrorKind::ImmatureSignature => PassError::Early,
        ErrorKind::InvalidIssuer => PassError::Issuer,
        ErrorKind::InvalidAudience => PassError::Audience,
        ErrorKind::InvalidSignature => PassError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            PassError::Algorithm
        }
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => match claim.as_str() {
            "exp" => PassError::Lacks("until when it is valid (exp)"),
            "nbf" => PassError::Lacks("since when it is valid (nbf)"),
            "iss" => PassError::Lacks("who has signed it (iss)"),
            "aud" => PassError::Lacks("for whom it is (aud)"),
            _ => PassError::Malformed,
        },
        _ => PassError::Malformed,
    }
}
