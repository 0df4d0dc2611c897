//! The keys that passes are signed with: from PEM files, a file with a secret, and a JSON Web Key Set (RFC 7517). The
//! algorithm belongs to the key; what a pass says of its algorithm only may agree.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tracing::warn;

use crate::config::IdentityConfig;
use crate::net::tls::{Stamp, stamp};

/// Keys and sets of keys are short.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Of a pass that names no key, all are tried.
const KEYS_MAX: usize = 64;
/// HS256 takes a secret as long as its hash (RFC 7518 3.2).
const SECRET_MIN_BYTES: usize = 32;
const SECRET_MAX_BYTES: usize = 4096;
/// 2048 bits: shorter ones are not taken.
const RSA_MIN_BYTES: usize = 256;

/// Why there are no keys: which file, what is wrong with it, what to do.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The system does not let us read it, or it is too long.
    #[error("cannot read {key} {}: {source}", file.display())]
    Unreadable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error("{key} {}: {trouble}", file.display())]
    Unusable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        trouble: String,
    },
    /// There is none, though players must have a pass.
    #[error(
        "identity.required = true, and there is no key to tell a good pass from a bad one: set identity.key_files, \
         identity.secret_file or identity.jwks_file"
    )]
    None,
    /// More than anybody needs.
    #[error("there are {0} keys for passes, and at most {KEYS_MAX} are taken: leave out those that are no longer used")]
    TooMany(usize),
}

impl KeyError {
    /// The key of the configuration that it is about.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. } | Self::Unusable { key, .. } => key,
            Self::None => "identity.required",
            Self::TooMany(_) => "identity.key_files",
        }
    }
}

/// One key, and the only algorithm that it is for.
pub(super) struct PassKey {
    /// Its name in a set.
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// All keys of a server.
#[derive(Default)]
pub(super) struct Keys {
    keys: Vec<PassKey>,
    /// Of all files, from before they were read: what changes meanwhile is noticed afterwards.
    stamps: Vec<Option<Stamp>>,
}

/// Which keys a pass may be signed with.
pub(super) enum Candidates<'a> {
    /// One of these.
    Some(Vec<&'a PassKey>),
    /// The key that it names is for another algorithm; or it names none, and none is for its algorithm.
    OtherAlgorithm,
    /// Nobody knows the key that it names.
    None,
}

impl Keys {
    /// Reads all files.
    pub(super) fn read(config: &IdentityConfig) -> Result<Self, KeyError> {
        let stamps = files(config).map(stamp).collect();
        let mut keys = Vec::new();
        for file in &config.key_files {
            keys.push(read("identity.key_files", file, |bytes| of_pem(&bytes))?);
        }
        if let Some(file) = &config.secret_file {
            keys.push(read("identity.secret_file", file, |bytes| of_secret(&bytes))?);
        }
        if let Some(file) = &config.jwks_file {
            keys.extend(read("identity.jwks_file", file, |bytes| of_set(&bytes, file))?);
        }
        match (keys.is_empty(), config.required) {
            (true, Some(true)) => Err(KeyError::None),
            _ if keys.len() > KEYS_MAX => Err(KeyError::TooMany(keys.len())),
            _ => Ok(Self { keys, stamps }),
        }
    }

    /// Whether a file is not what it was when all were read.
    pub(super) fn is_stale(&self, config: &IdentityConfig) -> bool {
        files(config).map(stamp).collect::<Vec<_>>() != self.stamps
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// In words, such as `2 x RS256, 1 x EdDSA`.
    pub(super) fn summary(&self) -> String {
        let mut counts: Vec<(Algorithm, usize)> = Vec::new();
        for key in &self.keys {
            match counts.iter_mut().find(|(algorithm, _)| *algorithm == key.algorithm) {
                Some((_, count)) => *count += 1,
                None => counts.push((key.algorithm, 1)),
            }
        }
        counts.iter().map(|(algorithm, count)| format!("{count} x {algorithm:?}")).collect::<Vec<_>>().join(", ")
    }

    /// Those that fit what a pass says. A key that has no name fits every name.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Candidates<'_> {
        let is_meant = |key: &&PassKey| id.is_none() || key.id.is_none() || key.id.as_deref() == id;
        let fitting: Vec<&PassKey> =
            self.keys.iter().filter(is_meant).filter(|key| key.algorithm == algorithm).collect();
        let is_known = id.is_none_or(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)));
        match (fitting.is_empty(), is_known) {
            (false, _) => Candidates::Some(fitting),
            (true, true) => Candidates::OtherAlgorithm,
            (true, false) => Candidates::None,
        }
    }
}

fn files(config: &IdentityConfig) -> impl Iterator<Item = &Path> {
    config.key_files.iter().chain(&config.secret_file).chain(&config.jwks_file).map(PathBuf::as_path)
}

fn read<T>(key: &'static str, file: &Path, made: impl FnOnce(Vec<u8>) -> Result<T, String>) -> Result<T, KeyError> {
    let unreadable = |source| KeyError::Unreadable { key, file: file.to_owned(), source };
    // a pipe or a device would have to be waited for, perhaps for ever
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(unreadable(io::Error::other("it has more than 1 MiB")));
    }
    made(bytes).map_err(|trouble| KeyError::Unusable { key, file: file.to_owned(), trouble })
}

/// A public key.
fn of_pem(bytes: &[u8]) -> Result<PassKey, String> {
    let text = String::from_utf8_lossy(bytes);
    let labels: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")).collect();
    let label = labels.first().copied().unwrap_or_default().trim_end_matches('-');
    match (labels.len(), label) {
        (0, _) => {
            return Err("there is no PEM in it: a public key begins with -----BEGIN PUBLIC KEY-----; a shared secret \
                        belongs into identity.secret_file, a set of keys into identity.jwks_file"
                .to_owned());
        }
        (2.., _) => return Err("there is more than one key in it: name a file for each".to_owned()),
        (_, label) if label.contains("PRIVATE KEY") => {
            return Err(
                "this is the private key, which only whoever signs should have: give the server the public one \
                        (openssl pkey -in private.pem -pubout -out public.pem)"
                    .to_owned(),
            );
        }
        (_, label) if label.contains("CERTIFICATE") => {
            return Err("this is a certificate: take the key out of it (openssl x509 -in certificate.pem -pubkey \
                        -noout -out public.pem)"
                .to_owned());
        }
        _ => {}
    }
    let known = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem as fn(&[u8]) -> _),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem),
        (Algorithm::ES256, DecodingKey::from_ec_pem),
    ];
    let found = known.into_iter().find_map(|(algorithm, read)| Some((algorithm, read(bytes).ok()?)));
    let (algorithm, decoding) = found.ok_or(
        "this public key is damaged, or of a kind that is not taken: RSA (RS256), Ed25519 (EdDSA) and P-256 (ES256) are",
    )?;
    check(PassKey { id: None, algorithm, decoding })
}

/// What can be told of a key before anything is signed with it.
fn check(key: PassKey) -> Result<PassKey, String> {
    let fits = match (key.algorithm, key.decoding.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
            n.iter().skip_while(|byte| **byte == 0).count() >= RSA_MIN_BYTES
        }
        (Algorithm::RS256, DecodingKeyKind::SecretOrDer(der)) => der.len() > RSA_MIN_BYTES,
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => point.len() == 32,
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => point.len() == 65,
        (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => secret.len() >= SECRET_MIN_BYTES,
        _ => false,
    };
    let (algorithm, why) = (key.algorithm, "RSA takes 2048 bits and more, EdDSA is Ed25519, ES256 takes P-256");
    fits.then_some(key).ok_or_else(|| match algorithm {
        Algorithm::HS256 => format!("the secret is shorter than {SECRET_MIN_BYTES} bytes, which can be guessed"),
        _ => format!("the key is too short, or of another curve: {why}"),
    })
}

fn of_secret(bytes: &[u8]) -> Result<PassKey, String> {
    let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(
            "this is PEM, and no secret: a public key as the secret would let everybody sign; it belongs into \
                    identity.key_files"
                .to_owned(),
        );
    }
    if !(SECRET_MIN_BYTES..=SECRET_MAX_BYTES).contains(&secret.len()) {
        return Err(format!(
            "a secret has {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes, this one {}; make one with openssl rand -hex 32",
            secret.len()
        ));
    }
    Ok(PassKey { id: None, algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(secret) })
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that are of use; others may be in it (RFC 7517 5).
fn of_set(bytes: &[u8], file: &Path) -> Result<Vec<PassKey>, String> {
    let set: Set = serde_json::from_slice(bytes)
        .map_err(|error| format!("this is no JSON Web Key Set ({{\"keys\": [...]}}): {error}"))?;
    let (mut keys, mut skipped) = (Vec::new(), Vec::new());
    for (at, value) in set.keys.iter().enumerate() {
        let name = value["kid"].as_str().map_or_else(|| format!("number {}", at + 1), |id| format!("{id:?}"));
        if value.get("d").is_some() {
            return Err(format!("the key {name} has its private part (\"d\"), which only whoever signs should have"));
        }
        match of_jwk(value) {
            Ok(key) => keys.push(key),
            Err(why) => skipped.push(format!("{name}: {why}")),
        }
    }
    match (keys.is_empty(), skipped.is_empty()) {
        (true, true) => Err("there is no key in it".to_owned()),
        (true, false) => Err(format!("none of its keys can be used: {}", skipped.join("; "))),
        (false, true) => Ok(keys),
        (false, false) => {
            warn!(file = %file.display(), "keys of the set that are not used: {}", skipped.join("; "));
            Ok(keys)
        }
    }
}

fn of_jwk(value: &Value) -> Result<PassKey, String> {
    let jwk = Jwk::deserialize(value).map_err(|error| format!("it cannot be read: {error}"))?;
    if jwk.common.public_key_use.as_ref().is_some_and(|wanted| *wanted != PublicKeyUse::Signature) {
        return Err("it is not for signatures".to_owned());
    }
    let kind = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some((Algorithm::RS256, KeyAlgorithm::RS256)),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some((Algorithm::EdDSA, KeyAlgorithm::EdDSA))
        }
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Some((Algorithm::ES256, KeyAlgorithm::ES256))
        }
        AlgorithmParameters::OctetKey(_) => Some((Algorithm::HS256, KeyAlgorithm::HS256)),
        _ => None,
    };
    let (algorithm, named) = kind.ok_or("of its kind none is taken")?;
    if jwk.common.key_algorithm.is_some_and(|own| own != named) {
        return Err(format!("its algorithm (alg) is not taken; of its kind {named} is"));
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| format!("it is damaged: {error}"))?;
    check(PassKey { id: jwk.common.key_id, algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_something_else_are_named_for_what_they_are() {
        for (bytes, words) in [
            (&b"secret"[..], "there is no PEM"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged"),
        ] {
            let trouble = of_pem(bytes).err().expect("no public key");
            assert!(trouble.contains(words), "{words} is not in {trouble}");
        }
        assert!(of_secret(b"short\n").err().is_some_and(|trouble| trouble.contains("this one 5")));
        assert!(of_secret(b"-----BEGIN PUBLIC KEY-----\nAAAA\n").err().is_some_and(|t| t.contains("everybody sign")));
        assert!(of_secret(&[7; 32]).is_ok());
    }

    #[test]
    fn a_set_is_used_as_far_as_it_can_be() {
        let set = |text: &str| of_set(text.as_bytes(), Path::new("set.json"));
        let usable = r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let other = r#"{"kty":"EC","crv":"P-521","kid":"b","x":"AA","y":"AA"}"#;
        let keys = set(&format!(r#"{{"keys":[{other},{usable}]}}"#)).unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!((keys.len(), keys[0].id.as_deref(), keys[0].algorithm), (1, Some("a"), Algorithm::EdDSA));
        for (text, words) in [
            ("{}".to_owned(), "JSON Web Key Set"),
            (r#"{"keys":[]}"#.to_owned(), "no key in it"),
            (format!(r#"{{"keys":[{other}]}}"#), "\"b\""),
            (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_owned(), "shorter than 32"),
            (r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}"#.to_owned(), "private part"),
            (usable.replace("\"kid\"", "\"use\":\"enc\",\"kid\"").replace('{', r#"{"keys":[{"#) + "]}", "signatures"),
        ] {
            let trouble = set(&text).err().unwrap_or_else(|| panic!("{text} was taken"));
            assert!(trouble.contains(words), "{words} is not in {trouble}");
        }
    }
}
