//! The cryptography of passes: `jsonwebtoken` reads and judges them, ring, which is here for TLS anyway, computes.
//!
//! It takes one such provider for a whole process. This one does all algorithms that the crate knows, signing too, so
//! a program that hosts a game and signs passes itself misses nothing.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use ring::{digest, hmac};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Signing { algorithm: *algorithm, key: of_family(key, *algorithm)? })),
    verifier_factory: |algorithm, key| {
        let key = Some(key).filter(|key| key.family() == algorithm.family()).ok_or(ErrorKind::InvalidKeyFormat)?;
        Ok(Box::new(Verifying { algorithm: *algorithm, key: key.clone() }))
    },
    // for those who make sets of keys; here they are only read
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |bytes, _| Ok(digest::digest(&digest::SHA256, bytes).as_ref().to_vec()),
    },
};

/// To be called before anything of `jsonwebtoken` is; again does nothing.
pub(super) fn install() {
    // whoever has installed another one has the same algorithms
    let _ = PROVIDER.install_default();
}

fn of_family(key: &EncodingKey, algorithm: Algorithm) -> Result<EncodingKey> {
    let fits = key.family() == algorithm.family();
    if fits { Ok(key.clone()) } else { Err(ErrorKind::InvalidKeyFormat.into()) }
}

struct Verifying {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Verifying {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Verifying {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let is_signed = match (self.key.kind(), self.algorithm.family()) {
            (DecodingKeyKind::SecretOrDer(secret), AlgorithmFamily::Hmac) => {
                hmac::verify(&hmac::Key::new(hmac_of(self.algorithm)?, secret), message, signature)
            }
            (DecodingKeyKind::SecretOrDer(der), AlgorithmFamily::Rsa) => {
                UnparsedPublicKey::new(rsa_of(self.algorithm)?.0, der).verify(message, signature)
            }
            (DecodingKeyKind::RsaModulusExponent { n, e }, AlgorithmFamily::Rsa) => {
                // ring takes no zeros in front, as some sets have them
                let n = &n[n.iter().take_while(|byte| **byte == 0).count()..];
                RsaPublicKeyComponents { n, e: &e[..] }.verify(rsa_of(self.algorithm)?.0, message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ec) => {
                UnparsedPublicKey::new(ec_of(self.algorithm)?.0, point).verify(message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ed) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature)
            }
            (DecodingKeyKind::RsaModulusExponent { .. }, _) => return Err(Error::new()),
        };
        is_signed.map_err(|_| Error::new())
    }
}

struct Signing {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl JwtSigner for Signing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signer<Vec<u8>> for Signing {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        let (key, random) = (self.key.as_bytes(), SystemRandom::new());
        match self.algorithm.family() {
            AlgorithmFamily::Hmac => {
                Ok(hmac::sign(&hmac::Key::new(hmac_of(self.algorithm)?, key), message).as_ref().to_vec())
            }
            AlgorithmFamily::Rsa => {
                let pair = RsaKeyPair::from_der(key).map_err(refused)?;
                let mut signed = vec![0; pair.public().modulus_len()];
                let encoding = rsa_of(self.algorithm)?.1;
                pair.sign(encoding, &random, message, &mut signed).map_err(refused)?;
                Ok(signed)
            }
            AlgorithmFamily::Ec => {
                let pair = EcdsaKeyPair::from_pkcs8(ec_of(self.algorithm)?.1, key, &random);
                let signed = pair.map_err(refused)?.sign(&random, message).map_err(refused)?;
                Ok(signed.as_ref().to_vec())
            }
            AlgorithmFamily::Ed => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map_err(refused)?;
                Ok(pair.sign(message).as_ref().to_vec())
            }
        }
    }
}

/// ring's errors are none of the standard library's without its feature `std`.
fn refused(error: impl std::fmt::Display) -> Error {
    Error::from_source(error.to_string())
}

fn hmac_of(algorithm: Algorithm) -> std::result::Result<hmac::Algorithm, Error> {
    match algorithm {
        Algorithm::HS256 => Ok(hmac::HMAC_SHA256),
        Algorithm::HS384 => Ok(hmac::HMAC_SHA384),
        Algorithm::HS512 => Ok(hmac::HMAC_SHA512),
        _ => Err(Error::new()),
    }
}

fn rsa_of(algorithm: Algorithm) -> std::result::Result<(&'static RsaParameters, &'static dyn RsaEncoding), Error> {
    match algorithm {
        Algorithm::RS256 => Ok((&signature::RSA_PKCS1_2048_8192_SHA256, &signature::RSA_PKCS1_SHA256)),
        Algorithm::RS384 => Ok((&signature::RSA_PKCS1_2048_8192_SHA384, &signature::RSA_PKCS1_SHA384)),
        Algorithm::RS512 => Ok((&signature::RSA_PKCS1_2048_8192_SHA512, &signature::RSA_PKCS1_SHA512)),
        Algorithm::PS256 => Ok((&signature::RSA_PSS_2048_8192_SHA256, &signature::RSA_PSS_SHA256)),
        Algorithm::PS384 => Ok((&signature::RSA_PSS_2048_8192_SHA384, &signature::RSA_PSS_SHA384)),
        Algorithm::PS512 => Ok((&signature::RSA_PSS_2048_8192_SHA512, &signature::RSA_PSS_SHA512)),
        _ => Err(Error::new()),
    }
}

type Ecdsa = (&'static dyn VerificationAlgorithm, &'static EcdsaSigningAlgorithm);

fn ec_of(algorithm: Algorithm) -> std::result::Result<Ecdsa, Error> {
    match algorithm {
        Algorithm::ES256 => Ok((&signature::ECDSA_P256_SHA256_FIXED, &signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
        Algorithm::ES384 => Ok((&signature::ECDSA_P384_SHA384_FIXED, &signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
        _ => Err(Error::new()),
    }
}
