//! Whose certificates a native client takes over `wss://`.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use thiserror::Error as ThisError;

/// Whose certificates are taken; by default of the public authorities that Mozilla trusts.
///
/// ```
/// use tickwire_shared::native::{Trust, TrustError};
///
/// let public = Trust::default();
/// let whoever = Trust::anybody(); // for tests
/// let for_a_client_of_your_own = whoever.client_config(); // rustls
/// let refused = Trust::in_pem(b"no certificate"); // else: those of the file, as of a server that signed its own
/// assert!(matches!(refused, Err(TrustError::NoCertificate)));
/// # let _ = (public, for_a_client_of_your_own);
/// ```
#[derive(Clone, Default, Debug)]
pub struct Trust(pub(super) Option<Arc<ClientConfig>>);

/// Why nobody can be trusted so.
///
/// ```
/// use tickwire_shared::native::Trust;
///
/// let error = Trust::in_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap_err();
/// assert!(error.to_string().starts_with("a certificate in it cannot be used"));
/// ```
#[derive(Debug, ThisError)]
pub enum TrustError {
    /// There is no certificate in it.
    #[error("there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate is broken.
    #[error("a certificate in it cannot be used: {0}")]
    Broken(String),
}

impl Trust {
    /// The same for a client of one's own.
    #[must_use]
    pub fn client_config(&self) -> Arc<ClientConfig> {
        self.0.clone().unwrap_or_else(|| {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            Arc::new(builder().with_root_certificates(roots).with_no_client_auth())
        })
    }

    /// The authorities in this PEM and no others; and those certificates themselves, whatever name and time they bear,
    /// because a server that signed its own is often named so.
    ///
    /// # Errors
    /// There is no usable certificate in it.
    pub fn in_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let broken = |error: &dyn std::fmt::Display| TrustError::Broken(error.to_string());
        let named: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let named = named.map_err(|error| broken(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in &named {
            roots.add(certificate.clone()).map_err(|error| broken(&error))?;
        }
        if named.is_empty() {
            return Err(TrustError::NoCertificate);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let authorities = verifier.build().map_err(|error| broken(&error))?;
        Ok(Self::with(Verifier { named, authorities: Some(authorities) }))
    }

    /// Anybody: what is said can then be read and changed by whoever is in between.
    #[must_use]
    pub fn anybody() -> Self {
        Self::with(Verifier { named: Vec::new(), authorities: None })
    }

    fn with(verifier: Verifier) -> Self {
        let builder = builder().dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Self(Some(Arc::new(builder.with_no_client_auth())))
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    // ring's provider has suites for both versions
    builder.expect("the default versions fit the default provider")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[derive(Debug)]
struct Verifier {
    /// Taken as they are.
    named: Vec<CertificateDer<'static>>,
    /// None: everybody is taken.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.authorities {
            Some(authorities) if !self.named.contains(certificate) => {
                authorities.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
