//! What a server shows of itself: a certificate and its key, from two files that may change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, InconsistentKeys, ServerConfig};

use super::Tls;
use super::leaf::Leaf;
use super::pem::{PemError, PemFile};

/// Why a server has no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the certificates cannot be read, or has none.
    #[error("cannot read certificates from {}: {source}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: PemError,
    },
    /// The file with the key cannot be read, or has none.
    #[error("cannot read a private key from {}: {source}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: PemError,
    },
    /// Each file holds what the other should.
    #[error(
        "{} holds a private key, and {} certificates: change tls_cert and tls_key over",
        certificate.display(), key.display()
    )]
    Swapped {
        /// What was named as the file with the certificates.
        certificate: PathBuf,
        /// What was named as the file with the key.
        key: PathBuf,
    },
    /// The two do not belong together.
    #[error(
        "the private key in {} is not that of the first certificate in {}; take the key that the certificate was \
         asked for with",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The file with the certificates.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// One of the two is of a kind that is not supported, or broken inside.
    #[error("cannot use {} with {}: {source}", certificate.display(), key.display())]
    Pair {
        /// The file with the certificates.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What is wrong.
        source: Error,
    },
}

/// A server's certificate and key. Shared by its reactors; what was begun with one certificate goes on with it
/// when another is loaded.
#[derive(Debug)]
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    loaded: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    leaf: Option<Leaf>,
    /// Of the two files, from before they were read: what changes meanwhile is noticed afterwards.
    stamps: [Option<Stamp>; 2],
}

/// What changes when a file is written, or another takes its place.
#[derive(PartialEq, Debug)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Identity {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let loaded = RwLock::new(read_files(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), loaded })
    }

    /// Reads both files again, for connections that come from now on. After an error the old ones stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let loaded = read_files(&self.certificate, &self.key)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// Whether a file is not what it was when both were last read for good; it need not be usable.
    pub fn is_stale(&self) -> bool {
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).stamps != stamps
    }

    /// What the server's own certificate says; none if that cannot be read (which does not keep it from being shown).
    pub fn leaf(&self) -> Option<Leaf> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).leaf.clone()
    }

    /// Logs which certificate is shown from now on, and a warning if clients will not take it for long.
    pub fn tell(&self, event: &'static str) {
        let certificate = self.certificate.display();
        let Some(leaf) = self.leaf() else {
            tracing::info!(%certificate, "{event}");
            return;
        };
        tracing::info!(%certificate, names = leaf.names(), expires = leaf.expires(), "{event}");
        if let Some(trouble) = leaf.trouble(SystemTime::now()) {
            tracing::warn!(%certificate, names = leaf.names(), expires = leaf.expires(), "the certificate {trouble}");
        }
    }

    /// A connection that has just come.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin(&self) -> Result<Tls, Error> {
        Tls::begin(Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).config))
    }
}

fn read_files(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let stamps = [stamp(certificate), stamp(key)];
    let (chain, private) = read_pair(certificate, key)?;
    let leaf = chain.first().and_then(Leaf::of);
    let pair = |source| {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        match source {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch { certificate, key },
            source => TlsError::Pair { certificate, key, source },
        }
    };
    Ok(Loaded { config: server_config(chain, private).map_err(pair)?, leaf, stamps })
}

/// Of what a link leads to; none if that is not there.
pub(crate) fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some(Stamp { modified: found.modified().ok(), bytes: found.len(), inode: found.ino() })
}

fn read_pair(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let in_certificate = |source| TlsError::Certificate { file: certificate.to_owned(), source };
    let in_key = |source| TlsError::Key { file: key.to_owned(), source };
    let certificates = PemFile::read(certificate).map_err(in_certificate)?;
    let keys = PemFile::read(key).map_err(in_key)?;
    if certificates.is_only_a_key() && keys.is_only_certificates() {
        return Err(TlsError::Swapped { certificate: certificate.to_owned(), key: key.to_owned() });
    }
    Ok((certificates.chain().map_err(in_certificate)?, keys.private_key().map_err(in_key)?))
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = versions.with_no_client_auth().with_single_cert(chain, private)?;
    // no HTTP/2 on this port: its cheap requests with expensive answers are not ours to fend off
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
