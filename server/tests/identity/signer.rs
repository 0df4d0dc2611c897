//! Signs passes, as a game's sign-in does.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tickwire_server::config::IdentityConfig;
use tickwire_server::identity::Passes;

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// One key of a signer, with its name in a set.
pub struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    id: Option<String>,
}

impl Signer {
    pub fn hs256(secret: &str) -> Self {
        Self { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret.as_bytes()), id: None }
    }

    pub fn rs256() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("keys/for-tests-only-rsa.pem")).expect("a sound key");
        Self { algorithm: Algorithm::RS256, key, id: None }
    }

    pub fn es256() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("keys/for-tests-only-p256.pem")).expect("a sound key");
        Self { algorithm: Algorithm::ES256, key, id: None }
    }

    pub fn eddsa() -> Self {
        let key = EncodingKey::from_ed_pem(include_bytes!("keys/for-tests-only-ed25519.pem")).expect("a sound key");
        Self { algorithm: Algorithm::EdDSA, key, id: None }
    }

    /// A new key of Ed25519, and the public half of it for a set.
    pub fn new_eddsa(id: &str) -> (Self, Value) {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("random numbers");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("the key was just made");
        let public = URL_SAFE_NO_PAD.encode(pair.public_key());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": public });
        let key = EncodingKey::from_ed_der(document.as_ref());
        (Self { algorithm: Algorithm::EdDSA, key, id: Some(id.to_owned()) }, jwk)
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: self.id.clone(), ..Header::new(self.algorithm) };
        self.sign_with(&header, claims)
    }

    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        // the server's cryptography is installed with its keys; signing uses it too
        let _ = Passes::new(IdentityConfig::default()).expect("nothing is configured");
        encode(header, claims, &self.key).expect("the key fits")
    }

    /// A good pass of this account.
    pub fn pass(&self, account: &str) -> String {
        self.sign(&claims(account))
    }
}

pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}

/// What a good pass says.
pub fn claims(account: &str) -> Value {
    json!({ "sub": account, "exp": now_s() + 3600 })
}

/// The same, with other claims over it.
pub fn claims_with(account: &str, more: Value) -> Value {
    let mut claims = claims(account);
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    claims
}

pub fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity/keys").join(name)
}

/// A folder that goes with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tickwire-identity-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self(folder)
    }

    pub fn write(&self, name: &str, contents: &str) -> PathBuf {
        let file = self.path(name);
        std::fs::write(&file, contents).expect("the folder is ours");
        file
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
